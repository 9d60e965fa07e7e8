"""The analysis plan: a TOML file saying everything that is decided before the data are seen."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError

from analysis.errors import Fault, PlanError, did_you_mean, listing, printable
from analysis.plan.faults import EXPLAINED, plan_faults, quoted, syntax_fault
from analysis.plan.project import find_project, is_file, neighbours, shipped_studies
from analysis.plan.sections.algorithm import AlgorithmSection
from analysis.plan.sections.base import LATER, Name, Section, YesNo
from analysis.plan.sections.columns import (
    ControlsSection,
    EngagementSection,
    KeepSection,
    ScoreSection,
)
from analysis.plan.sections.flexible import FlexibleSection
from analysis.plan.sections.gaming import GamingSection, PartsSection
from analysis.plan.sections.inference import ClusterSection, InferenceSection, RegisteredSection
from analysis.plan.sections.multiverse import MultiverseSection
from analysis.plan.sections.outcome import OutcomeSection
from analysis.plan.sections.overlap import OverlapSection
from analysis.plan.sections.panel import PanelSection
from analysis.plan.sections.reading import ConversionSection, ReadingSection
from analysis.plan.sections.segment import SegmentSection
from analysis.plan.sections.timing import TimingSection

DATA_SUFFIXES = (
    ".csv",
    ".tsv",
    ".xlsx",
    ".parquet",
    ".dta",
    ".sav",
    ".gz",
    ".zip",
    ".sqlite",
    ".db",
    ".duckdb",
)
"""What a file of data is called; a plan is not."""

UNEDITED = "EDIT THIS"
"""What `init` writes where only the user knows what belongs there."""

TEST_NAMES = frozenset({"wald", "score-test", "delta_r2", "delta_d2", "partial_r2"})
"""Terms of the ledger beside the score's own name."""


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
    timing: TimingSection | None = None
    overlap: OverlapSection = OverlapSection()

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
        """Return (column, role) for every column that enters the model or names a row or
        cluster.
        """
        pairs = [(column, "score") for column in self.score.columns]
        for column in self.engagement.columns:
            halves = self.engagement.halves.get(column)
            pairs += (
                [(half, "engagement half") for half in halves]
                if halves
                else [(column, "engagement")]
            )
        pairs += [(half, "score half") for halves in self.score.halves.values() for half in halves]
        pairs += [(column, "control") for column in self.controls.columns]
        pairs += [(outcome.column, "outcome") for outcome in self.outcome]
        pairs += [(o.exposure, "exposure") for o in self.outcome if o.exposure]
        return pairs + [
            (column, "input") for o in self.outcome for column in (o.cost, o.hours) if column
        ]

    def content(self) -> dict[str, Any]:
        """Return what the plan says as a dict that `read_plan` takes: change a copy to get a
        variant of the plan.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

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


def read_plan(source: str | Path | dict[str, Any]) -> Plan:
    """Read and validate a plan.

    Parameters
    ----------
    source : str, Path or dict
        A name in the project's `plans/` folder (or among the plans shipped with the package), the
        path of a TOML file, or the plan's content as a dict.

    Raises
    ------
    PlanError
        Naming the file, every faulty key, what was found and what is allowed.
    """
    if isinstance(source, dict):
        return _validated(source, "the plan given as a dict", None, _hash_of(source))
    if not isinstance(source, (str, Path)):
        found = f"{printable(repr(source), limit=60)} of type {type(source).__name__}"
        raise PlanError(
            "the plan", [Fault("PLAN", found, "a plan's name, the path of a TOML file, or a dict")]
        )
    path = _locate(str(source))
    content = _bytes_of(path)
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # also an integer of more than 4,300 digits
        raise PlanError(str(path), [syntax_fault(error, content)]) from None
    return _validated(data, str(path), path.resolve(), hashlib.sha256(content).hexdigest())


def _hash_of(data: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of a plan that is not a file."""
    try:
        canonical = json.dumps(data, sort_keys=True, default=str, ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )
    except (TypeError, ValueError, RecursionError) as error:
        fault = Fault("the whole plan", printable(error), "keys and values as a TOML file has them")
        raise PlanError("the plan given as a dict", [fault]) from None
    return hashlib.sha256(canonical).hexdigest()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        fault = Fault(
            "the whole file", printable(error.strerror or error), "a TOML file that can be read"
        )
        raise PlanError(str(path), [fault]) from None


def _locate(source: str) -> Path:
    """Return the plan's path; a word without a slash or a suffix is a name in a `plans/` folder."""
    suffix = Path(source).suffix.casefold()
    if suffix in (".toml", *DATA_SUFFIXES) or "/" in source or "\\" in source:
        path = Path(source).expanduser() if source.startswith("~/") else Path(source)
        if is_file(path):
            if suffix in DATA_SUFFIXES:
                allowed = f'the TOML file that names it: dataset = "{printable(path.name)}"'
                raise PlanError(source, [Fault("PLAN", "this is data", allowed)])
            return path
        near = {str(p): str(p) for p in neighbours(path, "*.toml")}
        fault = Fault("PLAN", "no such file", "the path of a TOML file", did_you_mean(source, near))
        raise PlanError(source, [fault])
    folders = [root / "plans" for root in (find_project(), shipped_studies()) if root is not None]
    for folder in folders:
        if is_file(folder / f"{source}.toml"):
            return folder / f"{source}.toml"
    names = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
    here = Path(f"{source}.toml")
    hint = f'Did you mean "{printable(here)}"?' if is_file(here) else did_you_mean(source, names)
    allowed = f"one of: {listing(names, limit=20)}; or the path of a TOML file"
    fault = Fault("PLAN", "no plan of this name", allowed, hint)
    raise PlanError(source, [fault])


def _validated(data: dict[str, Any], where: str, path: Path | None, sha256: str) -> Plan:
    """Return the Plan, or raise a PlanError with all faults at once."""
    faults = _not_yet(data) + _unedited(data)
    try:
        plan = Plan.model_validate(data)
    except ValidationError as error:
        known = {fault.place for fault in faults}
        faults += [fault for fault in plan_faults(error, Plan) if fault.place not in known]
        raise PlanError(where, faults) from None
    faults += [fault for fault in _role_faults(plan) if UNEDITED not in fault.place]
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
            faults.append(
                Fault(place, quoted(table[key]), "leave it out: this version does not have " + what)
            )
    return faults


def _unedited(data: dict[str, Any]) -> list[Fault]:
    """Return a fault for each line of a drafted plan that still waits for its user."""
    tables = [("", data)]
    for name, value in data.items():
        if isinstance(value, dict):
            tables.append((f"[{name}] ", value))
        elif isinstance(value, list):
            tables += [
                (f"[[{name}]] no. {n}, ", table)
                for n, table in enumerate(value, 1)
                if isinstance(table, dict)
            ]
    return [
        Fault(
            printable(place + key),
            f'"{UNEDITED}", as init left it',
            EXPLAINED.get(key, "a value of your own"),
        )
        for place, table in tables
        for key, value in table.items()
        if value in (UNEDITED, [UNEDITED])
    ]


def _role_faults(plan: Plan) -> list[Fault]:
    """A column has one role: it is not both the score and engagement, nor both control and
    outcome.
    """
    faults = []
    seen: dict[str, str] = {}
    structural = [(plan.row, "row")] if plan.row else []
    if plan.cluster and plan.cluster.column != plan.row:
        structural.append((plan.cluster.column, "cluster"))
    if plan.segment and plan.segment.column not in (
        *plan.controls.columns,
        plan.cluster and plan.cluster.column,
    ):
        structural.append((plan.segment.column, "segment"))
    if plan.panel:
        taken = (
            *plan.controls.columns,
            plan.row,
            plan.cluster and plan.cluster.column,
            plan.segment and plan.segment.column,
        )
        named = [(plan.panel.unit, "panel unit"), (plan.panel.time, "panel time")]
        structural += [
            (column, role) for column, role in named if column is not None and column not in taken
        ]
    faults += _gaming_faults(plan)
    whole = [(column, "engagement") for column in plan.engagement.halves]
    for column, role in [*plan.roles(), *whole, *structural]:
        if role in ("exposure", "input") and seen.get(column) == role:
            continue
        if column in seen:
            roles = f"{seen[column]} and {role}" if seen[column] != role else f"{role}, twice"
            faults.append(Fault(f'column "{printable(column)}"', roles, "one role for one column"))
        seen.setdefault(column, role)
    for column in plan.score.columns:
        if column in TEST_NAMES:
            allowed = "another name for the column: the ledger uses this one for a test"
            faults.append(Fault("[score] columns", f'"{column}"', allowed))
    for column in plan.score.halves:
        if plan.score.transform_of(column) == "rank":
            found = f'"{printable(column)}", whose transform is "rank"'
            allowed = (
                'transform = "identity" or "log1p" for a score with halves: a rank is not the mean'
                " of two ranks"
            )
            faults.append(Fault("[score] halves", found, allowed, "or leave out its halves"))
    for section, table in (("score", plan.score), ("engagement", plan.engagement)):
        keys = {
            "transform": table.transform,
            "halves": table.halves,
            "reliability": getattr(table, "reliability", {}),
        }
        named = [
            (key, column)
            for key, value in keys.items()
            if isinstance(value, dict)
            for column in value
        ]
        for key, column in named:
            if column not in table.columns:
                allowed = "one of its columns: " + listing(table.columns)
                hint = did_you_mean(column, table.columns)
                faults.append(
                    Fault(f"[{section}] {key}", f'column "{printable(column)}"', allowed, hint)
                )
    if plan.engagement.long is not None and plan.row is None:
        faults.append(
            Fault(
                "[engagement] long", "a plan without row", "row, the column that names the accounts"
            )
        )
    if plan.inference.covariance in ("CRV1", "CRV3", "wild") and plan.cluster is None:
        allowed = "HC0, HC1, HC2 or HC3; CRV1, CRV3 and wild need [cluster]"
        faults.append(Fault("[inference] covariance", str(plan.inference.covariance), allowed))
    for outcome in plan.outcome:
        if plan.inference.covariance == "wild" and outcome.deciding_model != "ols":
            found = f'wild, and model "{outcome.deciding_model}" for "{printable(outcome.column)}"'
            allowed = (
                'a model decided by least squares (model = "ols"); CRV1 or CRV3 for every other'
            )
            faults.append(Fault("[inference] covariance", found, allowed))
    return faults


def _gaming_faults(plan: Plan) -> list[Fault]:
    """An episode is somebody's, in time; a flag is no measurement, and a part of engagement no
    score and no outcome.
    """
    faults, measured = [], [*plan.score.columns, *plan.outcomes]
    if plan.gaming is not None:
        for key in ("unit", "time"):
            if getattr(plan.gaming, key) is None and getattr(plan.panel, key, None) is None:
                allowed = "a column, here or in [panel]"
                faults.append(Fault(f"[gaming] {key}", "nothing", allowed))
        if plan.gaming.episode in (*measured, *plan.engagement.columns):
            found = f'"{printable(plan.gaming.episode)}", which is score, outcome or engagement'
            faults.append(
                Fault("[gaming] episode", found, "a column of 0 and 1 that flags gamed rows")
            )
    for column in plan.parts.columns if plan.parts else ():
        if column in measured:
            allowed = "columns that engagement is made of"
            faults.append(
                Fault("[parts] columns", f'"{printable(column)}", a score or an outcome', allowed)
            )
    return faults
