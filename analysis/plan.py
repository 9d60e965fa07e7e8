"""The analysis plan: a TOML file saying everything that is decided before the data are seen."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from analysis.errors import Fault, PlanError, did_you_mean, listing, printable
from analysis.project import find_project, is_file, neighbours, shipped_studies

Transform = Literal["identity", "log1p", "sqrt", "rank", "spline"]
ScoreTransform = Literal["identity", "log1p", "rank"]
Kind = Literal["revenue", "count", "binary", "continuous"]
Model = Literal["poisson", "gamma", "tweedie", "logit", "ols"]
Covariance = Literal["HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"]
Name = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True, le=2**63 - 1)]
YesNo = Annotated[bool, Field(strict=True)]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]

MODELS: dict[str, tuple[str, ...]] = {
    "revenue": ("poisson", "gamma", "tweedie", "ols"),
    "count": ("poisson", "ols"),
    "binary": ("logit", "ols"),
    "continuous": ("ols",),
}
"""The models an outcome of each kind can have; the first one decides unless the plan says otherwise."""

LATER = {
    ("engagement", "reliability"): "the correction for noisy engagement",
    ("engagement", "halves"): "the correction for noisy engagement",
    ("engagement", "indicators"): "the correction for noisy engagement",
    ("score", "halves"): "the correction for noisy engagement",
    ("", "panel"): "fixed effects",
    ("", "segment"): "the comparison of segments",
    ("", "timing"): "the check of time order",
}
"""Keys of the plan contract (table, key) that this version does not analyse: refused, never ignored."""


def _calendar_date(value: Any) -> Any:
    """Return a date for a TOML date or a text such as "2014-06-30"."""
    if isinstance(value, str):
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            pass
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise ValueError("a date such as 2014-06-30")
    return value


Date = Annotated[datetime.date, BeforeValidator(_calendar_date)]


class Section(BaseModel):
    """A table of the plan: frozen, and without keys of its own invention."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScoreSection(Section):
    """`[score]`: what is audited."""

    columns: Names
    transform: ScoreTransform | dict[str, ScoreTransform] = "identity"
    scale: Literal["sd", "raw"] = "sd"
    shares_error: Literal["none", "full", "unknown"] = "unknown"

    def transform_of(self, column: str) -> str:
        return _transform_of(self.transform, column)


class EngagementSection(Section):
    """`[engagement]`: what is held constant because anyone can see it."""

    columns: Names
    transform: Transform | dict[str, Transform] = "identity"

    def transform_of(self, column: str) -> str:
        return _transform_of(self.transform, column)


class ControlsSection(Section):
    """`[controls]`: what else is held constant."""

    columns: tuple[Name, ...] = ()


class OutcomeSection(Section):
    """`[[outcome]]`: what pays, and how much of it would matter."""

    column: Name
    kind: Kind
    sesoi: Annotated[Number, Field(gt=0)]
    model: Model | None = None
    exposure: Name | None = None
    negative: Literal["refuse", "exclude", "net"] = "refuse"
    variants: tuple[Literal["log1p", "asinh"], ...] = ()

    @model_validator(mode="after")
    def _fits_its_kind(self) -> OutcomeSection:
        if self.model is not None and self.model not in MODELS[self.kind]:
            allowed = listing(MODELS[self.kind])
            raise ValueError(f'model "{self.model}" cannot have a {self.kind} outcome; allowed: {allowed}')
        if self.kind in ("revenue", "count") and self.sesoi >= 1:
            raise ValueError("sesoi is a fraction of the mean here and must be below 1")
        if self.kind == "binary" and self.sesoi >= 1:
            raise ValueError("sesoi is a difference in probability here and must be below 1")
        if self.kind != "revenue" and (self.negative != "refuse" or self.variants):
            raise ValueError('negative and variants belong to kind = "revenue"')
        if self.negative == "net" and (self.model not in (None, "ols") or self.variants or self.exposure):
            raise ValueError('negative = "net" is analysed by OLS in money, without exposure or variants')
        if self.exposure is not None and self.kind not in ("revenue", "count"):
            raise ValueError("exposure is an offset on the log scale: only for revenue and count outcomes")
        return self

    @property
    def deciding_model(self) -> str:
        """The model whose interval the verdict is about."""
        return self.model or ("ols" if self.negative == "net" else MODELS[self.kind][0])

    @property
    def companion_models(self) -> tuple[str, ...]:
        """The models printed beside the deciding one."""
        if self.negative == "net":
            return ()
        possible = [m for m in MODELS[self.kind] if not (m == "ols" and self.exposure)]
        return tuple(model for model in possible if model != self.deciding_model)


class KeepSection(Section):
    """`[[keep]]`: rows that stay; the others are counted as exclusions."""

    column: Name
    equals: YesNo | Number | str | None = Field(default=None, alias="is")
    among: Annotated[tuple[YesNo | Number | str, ...], Field(min_length=1)] | None = Field(default=None, alias="in")
    min: Number | None = None
    max: Number | None = None
    start: Date | None = Field(default=None, alias="from")
    end: Date | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _says_something(self) -> KeepSection:
        if all(said is None for said in (self.equals, self.among, self.min, self.max, self.start, self.end)):
            raise ValueError("a filter needs at least one of: is, in, min, max, from, to")
        if self.equals is not None and self.among is not None:
            raise ValueError("is and in exclude each other")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not be above max")
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError("from must not be after to")
        return self


class InferenceSection(Section):
    """`[inference]`: intervals and how uncertainty is measured."""

    level: Annotated[Number, Field(gt=0.5, lt=1)] = 0.95
    covariance: Covariance | None = None
    bootstrap: Annotated[Whole, Field(ge=99)] = 1999
    seed: Annotated[Whole, Field(ge=0)] = 20121105


class ClusterSection(Section):
    """`[cluster]`: rows that belong together."""

    column: Name


class RegisteredSection(Section):
    """`[registered]`: where and when the plan was deposited; printed, since a hash alone proves no date."""

    where: Name
    when: datetime.date | str


class Plan(Section):
    """The analysis plan, whole and frozen. Made by `read_plan`.

    Attributes follow the TOML keys. `sha256` is the hash of the file's bytes (of the canonical JSON
    when the plan was given as a dict); `path` is the file, if there is one.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)]
    question: Name
    dataset: Name
    row: Name | None = None
    duplicates: Literal["refuse", "first", "keep"] = "refuse"
    missing: Literal["exclude", "zero"] = "exclude"
    quick: YesNo = False
    score: ScoreSection
    engagement: EngagementSection
    controls: ControlsSection = ControlsSection()
    outcome: Annotated[tuple[OutcomeSection, ...], Field(min_length=1)]
    keep: tuple[KeepSection, ...] = ()
    inference: InferenceSection = InferenceSection()
    cluster: ClusterSection | None = None
    registered: RegisteredSection | None = None

    _sha256: str = PrivateAttr(default="")
    _path: Path | None = PrivateAttr(default=None)

    @property
    def sha256(self) -> str:
        return self._sha256

    @property
    def path(self) -> Path | None:
        return self._path

    @property
    def folder(self) -> Path:
        """Where relative paths of the plan start: the file's folder, or the current one."""
        return self._path.parent if self._path else Path.cwd()

    @property
    def outcomes(self) -> dict[str, OutcomeSection]:
        return {outcome.column: outcome for outcome in self.outcome}

    def roles(self) -> list[tuple[str, str]]:
        """Return (column, role) for every column that enters the model or names a row or cluster."""
        pairs = [(column, "score") for column in self.score.columns]
        pairs += [(column, "engagement") for column in self.engagement.columns]
        pairs += [(column, "control") for column in self.controls.columns]
        pairs += [(outcome.column, "outcome") for outcome in self.outcome]
        return pairs + [(o.exposure, "exposure") for o in self.outcome if o.exposure]

    def content(self) -> dict[str, Any]:
        """Return what the plan says as a dict that `read_plan` takes: change a copy to get a variant of the plan."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def flat(self) -> dict[str, Any]:
        """Return what the plan says as one level of dotted keys, for comparing two plans."""
        return dict(_flatten(self.content()))


def _transform_of(transform: str | dict[str, str], column: str) -> str:
    return transform if isinstance(transform, str) else transform.get(column, "identity")


def _flatten(value: Any, prefix: str = ""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        for number, inner in enumerate(value, 1):
            yield from _flatten(inner, f"{prefix} {number}")
    else:
        yield prefix, value


def read_plan(source: str | Path | dict[str, Any]) -> Plan:
    """Read and validate a plan.

    Parameters
    ----------
    source : str, Path or dict
        A name in the project's `plans/` folder (or among the plans shipped with the package), the path of
        a TOML file, or the plan's content as a dict.

    Raises
    ------
    PlanError
        Naming the file, every faulty key, what was found and what is allowed.
    """
    if isinstance(source, dict):
        return _validated(source, "the plan given as a dict", None, _hash_of(source))
    if not isinstance(source, (str, Path)):
        found = f"{printable(repr(source), limit=60)} of type {type(source).__name__}"
        raise PlanError("the plan", [Fault("PLAN", found, "a plan's name, the path of a TOML file, or a dict")])
    path = _locate(str(source))
    content = _bytes_of(path)
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # also an integer of more than 4,300 digits
        fault = Fault("the whole file", printable(error), "a TOML file in UTF-8")
        raise PlanError(str(path), [fault]) from None
    return _validated(data, str(path), path.resolve(), hashlib.sha256(content).hexdigest())


def _hash_of(data: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of a plan that is not a file."""
    try:
        canonical = json.dumps(data, sort_keys=True, default=str, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError) as error:
        fault = Fault("the whole plan", printable(error), "keys and values as a TOML file has them")
        raise PlanError("the plan given as a dict", [fault]) from None
    return hashlib.sha256(canonical).hexdigest()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        fault = Fault("the whole file", printable(error.strerror or error), "a TOML file that can be read")
        raise PlanError(str(path), [fault]) from None


def _locate(source: str) -> Path:
    """Return the plan's path; a word without a slash or a suffix is a name in a `plans/` folder."""
    if source.casefold().endswith(".toml") or "/" in source or "\\" in source:
        path = Path(source).expanduser() if source.startswith("~/") else Path(source)
        if is_file(path):
            return path
        near = {str(p): str(p) for p in neighbours(path, "*.toml")}
        fault = Fault("PLAN", "no such file", "the path of a TOML file", did_you_mean(source, near))
        raise PlanError(source, [fault])
    folders = [root / "plans" for root in (find_project(), shipped_studies()) if root is not None]
    for folder in folders:
        if is_file(folder / f"{source}.toml"):
            return folder / f"{source}.toml"
    names = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
    fault = Fault("PLAN", "no plan of this name", f"one of: {listing(names, limit=20)}", did_you_mean(source, names))
    raise PlanError(source, [fault])


def _validated(data: dict[str, Any], where: str, path: Path | None, sha256: str) -> Plan:
    """Return the Plan, or raise a PlanError with all faults at once."""
    faults = _not_yet(data)
    try:
        plan = Plan.model_validate(data)
    except ValidationError as error:
        known = {fault.place for fault in faults}
        faults += [fault for fault in _faults(error) if fault.place not in known]
        raise PlanError(where, faults) from None
    faults += _role_faults(plan)
    if faults:
        raise PlanError(where, faults)
    plan._sha256, plan._path = sha256, path
    return plan


def _not_yet(data: dict[str, Any]) -> list[Fault]:
    """Return a fault for each key of the contract whose analysis this version does not have."""
    faults = []
    for (section, key), what in LATER.items():
        table = data.get(section) if section else data
        if isinstance(table, dict) and key in table:
            place = f"[{section}] {key}" if section else key
            faults.append(Fault(place, _quoted(table[key]), "leave it out: this version does not have " + what))
    return faults


MESSAGES = {
    "missing": "a value: this key is required",
    "string_type": "a text in quotes",
    "string_too_short": "a text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": 'letters, digits, ".", "_" and "-", the first a letter or digit',
    "float_type": "a number", "int_type": "a whole number", "bool_type": "true or false",
    "finite_number": "a finite number", "greater_than": "more than {gt:g}", "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt:g}", "less_than_equal": "{le} or less",
    "tuple_type": 'a list such as ["a", "b"]', "too_short": "at least one", "model_type": "a table of keys and values",
    "dict_type": 'a table such as {{column = "..."}}',
}  # fmt: skip
"""What is allowed, by pydantic's name for an error."""

SECTIONS: dict[str, type[Section]] = {
    "score": ScoreSection, "engagement": EngagementSection, "controls": ControlsSection, "outcome": OutcomeSection,
    "keep": KeepSection, "inference": InferenceSection, "cluster": ClusterSection, "registered": RegisteredSection,
}  # fmt: skip
TABLES = ("outcome", "keep")
"""The sections that can be there several times, each headed ``[[name]]``."""

BRANCH = re.compile(r"str|float|int|bool|date|nullable|(literal|dict|tuple|function|constrained|lax)\b.*")
"""How pydantic marks the branches of a union inside a location."""


def _faults(error: ValidationError) -> list[Fault]:
    """Return pydantic's errors in the words of the TOML file; one fault a place, the innermost place."""
    problems = [(_location(problem["loc"]), problem) for problem in error.errors(include_url=False)]
    by_place: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for location, problem in problems:
        by_place.setdefault(location, []).append(problem)
    inner = [place for place in by_place
             if not any(len(other) > len(place) and other[: len(place)] == place for other in by_place)]  # fmt: skip
    return [_fault(location, by_place[location]) for location in inner]


def _location(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a location without the marks of union branches, which stand behind the key."""
    key = 2 if parts and parts[0] in TABLES else 1
    rest = [part for part in parts[key + 1 :] if isinstance(part, int) or not BRANCH.fullmatch(part)]
    return (*parts[: key + 1], *rest)


def _fault(location: tuple[Any, ...], problems: list[dict[str, Any]]) -> Fault:
    problem = problems[0]
    keys = _keys(SECTIONS[location[0]] if len(location) > 1 and location[0] in SECTIONS else Plan)
    place = _place(location)
    if problem["type"] == "extra_forbidden":
        name = str(location[-1])
        allowed = "one of: " + listing(keys, limit=20)
        return Fault(place, f'unknown key "{printable(name)}"', allowed, did_you_mean(name, keys))
    found = "nothing" if problem["type"] == "missing" else _quoted(problem["input"])
    allowed = " or ".join(dict.fromkeys(_allowed(location, problem) for problem in problems))
    hint = ""
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        hint = did_you_mean(problem["input"], _choices(problem))
    return Fault(place, found, allowed, hint)


def _allowed(location: tuple[Any, ...], problem: dict[str, Any]) -> str:
    if len(location) == 1 and location[0] in TABLES:
        return f"one table or more, each headed [[{location[0]}]]"
    if problem["type"] == "literal_error":
        return "one of: " + ", ".join(f'"{choice}"' for choice in _choices(problem))
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return MESSAGES.get(problem["type"], message.replace("{", "{{").replace("}", "}}")).format(**problem.get("ctx", {}))


def _choices(problem: dict[str, Any]) -> list[str]:
    return re.findall(r"'([^']*)'", problem["ctx"]["expected"])


def _quoted(value: Any) -> str:
    """Return a value as it would stand in the file, cut short."""
    try:
        return printable(json.dumps(value, default=str, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        return f"something of type {type(value).__name__}"


def _place(location: tuple[Any, ...]) -> str:
    """Return how the TOML file calls a location: key, [section] key or [[table]] 1 key."""
    words = [f"item {part + 1}" if isinstance(part, int) else printable(part) for part in location]
    if not location or location[0] not in SECTIONS:
        return " ".join(words) or "the whole file"
    if location[0] in TABLES:
        number = [str(location[1] + 1)] if len(location) > 1 and isinstance(location[1], int) else []
        return " ".join([f"[[{location[0]}]]", *number, *words[2:]])
    return " ".join([f"[{location[0]}]", *words[1:]])


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _role_faults(plan: Plan) -> list[Fault]:
    """A column has one role: it is not both the score and engagement, nor both control and outcome."""
    faults = []
    seen: dict[str, str] = {}
    structural = [(plan.row, "row")] if plan.row else []
    if plan.cluster and plan.cluster.column != plan.row:
        structural.append((plan.cluster.column, "cluster"))
    for column, role in [*plan.roles(), *structural]:
        if role == "exposure" and seen.get(column) == "exposure":
            continue
        if column in seen:
            roles = f"{seen[column]} and {role}" if seen[column] != role else f"{role}, twice"
            faults.append(Fault(f'column "{printable(column)}"', roles, "one role for one column"))
        seen.setdefault(column, role)
    for section, table in (("score", plan.score), ("engagement", plan.engagement)):
        for column in table.transform if isinstance(table.transform, dict) else ():
            if column not in table.columns:
                allowed = "one of its columns: " + listing(table.columns)
                hint = did_you_mean(column, table.columns)
                faults.append(Fault(f"[{section}] transform", f'column "{printable(column)}"', allowed, hint))
    if plan.inference.covariance in ("CRV1", "CRV3") and plan.cluster is None:
        allowed = "HC0, HC1, HC2 or HC3; CRV1 and CRV3 need [cluster]"
        faults.append(Fault("[inference] covariance", str(plan.inference.covariance), allowed))
    return faults
