"""The analysis plan: a TOML file saying everything that is decided before the data are seen."""

from __future__ import annotations

import datetime
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from analysis.errors import Fault, PlanError, did_you_mean, listing, printable
from analysis.project import find_project, shipped_studies

Transform = Literal["identity", "log1p", "sqrt", "rank", "spline"]
ScoreTransform = Literal["identity", "log1p", "rank"]
Kind = Literal["revenue", "count", "binary", "continuous"]
Model = Literal["poisson", "gamma", "tweedie", "logit", "ols"]
Covariance = Literal["HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"]
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]

MODELS: dict[str, tuple[str, ...]] = {
    "revenue": ("poisson", "gamma", "tweedie", "ols"),
    "count": ("poisson", "ols"),
    "binary": ("logit", "ols"),
    "continuous": ("ols",),
}
"""The models an outcome of each kind can have; the first one decides unless the plan says otherwise."""

LATER = {
    "reliability": "the correction for noisy engagement",
    "halves": "the correction for noisy engagement",
    "indicators": "the correction for noisy engagement",
    "panel": "fixed effects",
    "segment": "the comparison of segments",
    "timing": "the check of time order",
}
"""Keys of the plan contract that this version does not analyse: refused, never ignored."""


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
    sesoi: Annotated[float, Field(gt=0, allow_inf_nan=False)]
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

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    column: Name
    equals: str | float | bool | None = Field(default=None, alias="is")
    among: tuple[str | float | bool, ...] | None = Field(default=None, alias="in")
    min: float | None = None
    max: float | None = None
    start: datetime.date | str | None = Field(default=None, alias="from")
    end: datetime.date | str | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _says_something(self) -> KeepSection:
        if not self.model_fields_set - {"column"}:
            raise ValueError("a filter needs at least one of: is, in, min, max, from, to")
        return self


class InferenceSection(Section):
    """`[inference]`: intervals and how uncertainty is measured."""

    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    covariance: Covariance | None = None
    bootstrap: Annotated[int, Field(ge=99)] = 1999
    seed: Annotated[int, Field(ge=0)] = 20121105


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
    quick: bool = False
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

    def flat(self) -> dict[str, Any]:
        """Return what the plan says as one level of dotted keys, for comparing two plans."""
        return dict(_flatten(self.model_dump(mode="json", by_alias=True, exclude_unset=True)))


def _transform_of(transform: str | dict[str, str], column: str) -> str:
    return transform if isinstance(transform, str) else transform.get(column, "identity")


def _flatten(value: Any, prefix: str = ""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
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
        canonical = json.dumps(source, sort_keys=True, default=str, ensure_ascii=False).encode()
        return _validated(source, "the plan given as a dict", None, hashlib.sha256(canonical).hexdigest())
    path = _locate(str(source))
    content = _bytes_of(path)
    try:
        data = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        fault = Fault("the whole file", printable(error), "a TOML file in UTF-8")
        raise PlanError(str(path), [fault]) from None
    return _validated(data, str(path), path.resolve(), hashlib.sha256(content).hexdigest())


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        fault = Fault("the whole file", printable(error.strerror), "a TOML file that can be read")
        raise PlanError(str(path), [fault]) from None


def _locate(source: str) -> Path:
    """Return the plan's path; a word without a slash or a suffix is a name in a `plans/` folder."""
    if source.endswith(".toml") or "/" in source or "\\" in source:
        path = Path(source)
        if path.is_file():
            return path
        near = [str(p) for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        fault = Fault("PLAN", "no such file", "the path of a TOML file", did_you_mean(source, near))
        raise PlanError(source, [fault])
    folders = [root / "plans" for root in (find_project(), shipped_studies()) if root is not None]
    for folder in folders:
        if (folder / f"{source}.toml").is_file():
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
        faults += [f for f in (_fault(problem, data) for problem in error.errors()) if f.place not in known]
        raise PlanError(where, faults) from None
    faults += _role_faults(plan)
    if faults:
        raise PlanError(where, faults)
    plan._sha256, plan._path = sha256, path
    return plan


def _not_yet(data: dict[str, Any]) -> list[Fault]:
    """Return a fault for each key of the contract whose analysis this version does not have."""
    faults = []
    for key, what in LATER.items():
        for section in ("score", "engagement", None):
            table = data if section is None else data.get(section)
            if isinstance(table, dict) and key in table:
                place = f"[{section}] {key}" if section else key
                allowed = "leave it out: this version does not have " + what
                faults.append(Fault(place, printable(json.dumps(table[key], default=str)), allowed))
    return faults


def _fault(problem: dict[str, Any], data: dict[str, Any]) -> Fault:
    """Turn one of pydantic's errors into a Fault in the words of the TOML file."""
    location = [part for part in problem["loc"] if not str(part).startswith(("function-", "constrained", "dict["))]
    place, section = _place(location, data)
    found = "nothing" if problem["type"] == "missing" else printable(json.dumps(problem["input"], default=str))
    message = problem["msg"].removeprefix("Value error, ")
    message = message.removeprefix("Input should be ").replace("Field required", "a value: this key is required")
    hint = ""
    if problem["type"] == "extra_forbidden":
        message = "one of: " + listing(section, limit=20)
        hint = did_you_mean(str(location[-1]), section)
        found = f'unknown key "{printable(location[-1])}"'
    return Fault(place, found, message, hint)


def _place(location: list[Any], data: dict[str, Any]) -> tuple[str, list[str]]:
    """Return how the TOML file calls a location, and the keys its table may have."""
    model: Any = Plan
    if not location:
        return "the whole file", []
    if location[0] not in ("score", "engagement", "controls", "outcome", "keep", "inference", "cluster", "registered"):
        return str(location[0]), _keys(Plan)
    model = {
        "score": ScoreSection, "engagement": EngagementSection, "controls": ControlsSection,
        "outcome": OutcomeSection, "keep": KeepSection, "inference": InferenceSection,
        "cluster": ClusterSection, "registered": RegisteredSection,
    }[location[0]]  # fmt: skip
    if location[0] in ("outcome", "keep"):
        number = f" {location[1] + 1}" if len(location) > 1 and isinstance(location[1], int) else ""
        rest = [str(part) for part in location[2:]]
        return " ".join([f"[[{location[0]}]]{number}", ".".join(rest)]).strip(), _keys(model)
    rest = [f"item {part + 1}" if isinstance(part, int) else str(part) for part in location[1:]]
    rest = [part for part in rest if part not in ("str", "nullable") and not part.startswith("literal[")]
    return " ".join([f"[{location[0]}]", " ".join(rest)]).strip(), _keys(model)


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
