"""The analysis plan: a TOML file saying everything that is decided before the data are seen."""

from __future__ import annotations

import datetime
import hashlib
import json
import tomllib
from html import escape
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, ValidationError

from analysis.errors import (
    OutputError,
    PlanError,
    did_you_mean,
    listing,
    printable,
    quoted,
    shown_address,
)
from analysis.plan.codebook import ConversionSection, ReadingSection
from analysis.plan.faults import UNEDITED, plan_conflicts, plan_faults, syntax_fault, unedited
from analysis.plan.files import (
    document,
    find_project,
    is_file,
    neighbours,
    shipped_studies,
    write_together,
    wrong_name,
)
from analysis.plan.sections.columns import (
    ControlsSection,
    EngagementSection,
    KeepSection,
    Name,
    ScoreSection,
    Section,
    YesNo,
)
from analysis.plan.sections.decision import ActionSection
from analysis.plan.sections.outcome import OutcomeSection
from analysis.plan.sections.studies import (
    AlgorithmSection,
    AskedSection,
    ClusterSection,
    FamilySection,
    FlexibleSection,
    GamingSection,
    InferenceSection,
    MultiverseSection,
    OverlapSection,
    PanelSection,
    PartsSection,
    RegisteredSection,
    SegmentSection,
    TimingSection,
)


def _file_name(name: str) -> str:
    """Return the name of a study, which is a folder's, too."""
    if wrong_name(name):
        raise ValueError("a name that a folder can have on every system: no dot at its end, no CON")
    return name


def _several(value: object) -> object:
    """Return a name alone as a list of one."""
    return (value,) if isinstance(value, str) else value


Authors = Annotated[tuple[Name, ...], BeforeValidator(_several)]
"""Of the study: a name, or a list of names."""


class Plan(Section):
    """The analysis plan, whole and frozen. Made by `read_plan`.

    Attributes follow the TOML keys. `sha256` is the hash of the file's bytes (of the canonical JSON
    when the plan was given as a dict); `path` is the file, if there is one.
    """

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80),
        AfterValidator(_file_name),
    ]
    question: Name
    dataset: Name
    row: Name | None = None
    duplicates: Literal["refuse", "first", "keep"] = "refuse"
    missing: Literal["exclude", "zero"] = "exclude"
    quick: YesNo = False
    title: Name | None = None
    author: Authors = ()
    date: datetime.date | None = None
    url: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    doi: Annotated[str, Field(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    score: ScoreSection
    engagement: EngagementSection
    controls: ControlsSection = ControlsSection()
    outcome: Annotated[tuple[OutcomeSection, ...], Field(min_length=1)]
    keep: tuple[KeepSection, ...] = ()
    reading: ReadingSection = ReadingSection()
    columns: dict[Name, ConversionSection] = Field(default_factory=dict)
    inference: InferenceSection = InferenceSection()
    cluster: ClusterSection | None = None
    segment: SegmentSection | None = None
    algorithm: AlgorithmSection | None = None
    panel: PanelSection | None = None
    gaming: GamingSection | None = None
    parts: PartsSection | None = None
    registered: RegisteredSection | None = None
    multiverse: MultiverseSection | None = None
    flexible: FlexibleSection | None = None
    family: FamilySection | None = None
    ranking: AskedSection | None = None
    timing: TimingSection | None = None
    decision: ActionSection | None = None
    overlap: OverlapSection = OverlapSection()

    _sha256: str = PrivateAttr(default="")
    _path: Path | None = PrivateAttr(default=None)
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def sha256(self) -> str:
        return self._sha256

    @property
    def path(self) -> Path | None:
        return self._path

    @property
    def folder(self) -> Path:
        """Where relative paths of the plan start: the file's folder, or the current one."""
        return self._path.parent if self._path else self._folder or Path.cwd()

    @property
    def outcomes(self) -> dict[str, OutcomeSection]:
        return {outcome.column: outcome for outcome in self.outcome}

    def as_quick(self) -> Plan:
        """Return the same plan, of the same file, with ``quick = true``."""
        return self if self.quick else self.model_copy(update={"quick": True})

    def roles(self) -> list[tuple[str, str]]:
        """Return (column, role) for every column that enters an equation."""
        halves = self.engagement.halves
        pairs = [(column, "score") for column in self.score.columns]
        for column in self.engagement.columns:
            pairs += [(half, "engagement half") for half in halves.get(column, ())] or [
                (column, "engagement")
            ]
        pairs += [(half, "score half") for pair in self.score.halves.values() for half in pair]
        pairs += [(column, "control") for column in self.controls.columns]
        of_outcomes = (("column", "outcome"), ("exposure", "exposure"))
        pairs += [(getattr(o, key), role) for key, role in of_outcomes for o in self.outcome]
        pairs += [(column, "input") for o in self.outcome for column in (o.cost, o.hours)]
        return [(column, role) for column, role in pairs if column]

    def content(self) -> dict[str, Any]:
        """Return what the plan says as a dict that `read_plan` takes; change it for a variant."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def save(self, path: str | Path) -> Path:
        """Write the plan as a TOML file, and return its path.

        What `score-audit run` makes of the file on the same data has the same numbers.

        Raises
        ------
        OutputError
            When the name does not end in .toml, or the file exists or cannot be written.
        """
        path = Path(path).expanduser()
        if path.suffix != ".toml" or path.exists():
            allowed = "a new file whose name ends in .toml"
            raise OutputError("save", "path", printable(path), allowed)
        write_together({path: document(self.content())})
        return path

    def _repr_html_(self) -> str:
        """Return the lines of the plan that matter most as a table, always the same bytes."""
        cells = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td>{escape(said)}</td></tr>'
            for name, said in self._lines().items()
        )
        return f"<table><caption>What the plan decides</caption><tbody>{cells}</tbody></table>"

    def _lines(self) -> dict[str, str]:
        """Return what the plan decides in six lines; `content` has all of it."""
        engagement, cluster = self.engagement, self.cluster
        known = {
            **dict.fromkeys(engagement.silent, "how well recorded is not said"),
            **dict.fromkeys(engagement.exact, "recorded exactly"),
            **dict.fromkeys(engagement.reliability, "with a stated reliability"),
            **dict.fromkeys(engagement.halves, "recorded twice"),
        }
        held = [
            f"{column} ({engagement.transform_of(column)}; {known[column]})"
            for column in engagement.columns
        ]
        outcomes = [
            f"{one.column} ({one.kind}, by {one.deciding_model}); the least effect that matters is"
            f" {one.sesoi:g}"
            for one in self.outcome
        ]
        step = "per standard deviation" if self.score.scale == "sd" else "per unit"
        together = f"those of one {cluster.column} together" if cluster else "each for itself"
        return {
            "score": f"{', '.join(self.score.columns)}, {step}",
            "engagement, held constant": "; ".join(held),
            "controls, held constant": ", ".join(self.controls.columns) or "none",
            "what pays": "; ".join(outcomes),
            "rows": together,
            "data": shown_address(self.dataset),
        }

    def flat(self) -> dict[str, Any]:
        """Return what the plan says as one level of dotted keys, for comparing two plans."""
        return dict(_flatten(self.content()))


def _flatten(value: Any, prefix: str = ""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        for number, inner in enumerate(value, 1):
            yield from _flatten(inner, f"{prefix} {number}")
    else:
        yield prefix, value


def read_plan(source: str | Path | dict[str, Any], *, folder: Path | None = None) -> Plan:
    """Read and validate a plan.

    Parameters
    ----------
    source : str, Path or dict
        A name in the project's `plans/` folder (or among the plans shipped with the package), the
        path of a TOML file, or the plan's content as a dict.
    folder : Path, optional
        Where relative paths start in a plan given as a dict; the current folder unless given.

    Raises
    ------
    PlanError
        Naming the file, every faulty key, what was found and what is allowed.
    """
    if isinstance(source, dict):
        plan = _validated(source, "the plan given as a dict", None, _hash_of(source))
        plan._folder = folder
        return plan
    if not isinstance(source, (str, Path)):
        found = f"{printable(repr(source), limit=60)} of type {type(source).__name__}"
        raise PlanError(
            "the plan", "PLAN", found, "a plan's name, the path of a TOML file, or a dict"
        )
    path = _locate(str(source))
    try:
        content = path.read_bytes()
    except OSError as error:
        found = printable(error.strerror or error)
        raise PlanError(path, "the whole file", found, "a TOML file that can be read") from None
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # also an integer of more than 4,300 digits
        raise PlanError(path, syntax_fault(error, content)) from None
    return _validated(data, str(path), path.resolve(), hashlib.sha256(content).hexdigest())


def _hash_of(data: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of a plan that is not a file."""
    try:
        canonical = json.dumps(data, sort_keys=True, default=str, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PlanError(
            "the plan given as a dict",
            "the whole plan",
            printable(error),
            "keys and values as a TOML file has them",
        ) from None
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _locate(source: str) -> Path:
    """Return the plan's path; a word without a slash and .toml is a name in a `plans/` folder."""
    path = Path(source).expanduser() if source.startswith("~/") else Path(source)
    folders = [root / "plans" for root in (find_project(), shipped_studies()) if root is not None]
    is_path = path.suffix.casefold() == ".toml" or "/" in source or "\\" in source
    for candidate in [path] if is_path else [folder / f"{source}.toml" for folder in folders]:
        if is_file(candidate) and candidate.suffix.casefold() == ".toml":
            return candidate
    if is_file(path):
        allowed = f'the TOML file that names it: dataset = "{printable(path.name)}"'
        raise PlanError(source, "PLAN", "this is data", allowed)
    if is_path:
        near = did_you_mean(source, map(str, neighbours(path, "*.toml")))
        raise PlanError(source, "PLAN", "no such file", "the path of a TOML file", near)
    names = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
    here = f"{source}.toml"
    hint = f"Did you mean {quoted(here)}?" if is_file(Path(here)) else did_you_mean(source, names)
    allowed = f"one of: {listing(names, limit=20)}; or the path of a TOML file"
    raise PlanError(source, "PLAN", "no plan of this name", allowed, hint)


def _validated(data: dict[str, Any], where: str, path: Path | None, sha256: str) -> Plan:
    """Return the Plan, or raise a PlanError with all faults at once."""
    faults = list(unedited(data))
    try:
        plan = Plan.model_validate(data)
    except ValidationError as error:
        known = {fault.place for fault in faults}
        faults += [fault for fault in plan_faults(error, Plan) if fault.place not in known]
        raise PlanError(where, faults) from None
    faults += [fault for fault in plan_conflicts(plan) if UNEDITED not in fault.place]
    if faults:
        raise PlanError(where, faults)
    plan._sha256, plan._path = sha256, path
    return plan
