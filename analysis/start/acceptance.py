"""`check --accept-data`: a file that changed after its codebook was written is shown, and taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from analysis.data.dataset import Dataset, codebook_place, read_dataset
from analysis.errors import DataError, OutputError, listing, printable
from analysis.plan import Plan, read_plan
from analysis.plan.files import remark, write_together
from analysis.start.profile import profiles

HEADING = re.compile(r"\s*\[\s*columns\s*\.\s*(.+?)\s*\]\s*(#.*)?")
MEANING = re.compile(r'(meaning\s*=\s*"(?:[^"\\]|\\.)*"\s*)# (.*)')
"""A column's heading in a codebook, and its meaning with what `init` saw of its cells."""


@dataclass(frozen=True)
class Acceptance:
    """What changed in a file since its codebook was written.

    Attributes
    ----------
    codebook : Path
    changes : tuple of str
    text : str
        The codebook that describes the file as it is.
    """

    codebook: Path
    changes: tuple[str, ...]
    text: str

    def lines(self) -> list[str]:
        """Return what is told before the file is taken."""
        name = printable(self.codebook.name)
        told = self.changes or (f"nothing that {name} tells of: compare with a copy if you can",)
        return ["The data changed after their codebook was written:", *(f"  {t}" for t in told)]


def changed_data(plan: Plan | str | Path) -> Acceptance | None:
    """Return what changed in a plan's data since their codebook was written; None where nothing.

    Raises
    ------
    DataError
        When the data cannot be read, or no file keeps their hash.
    """
    plan = plan if isinstance(plan, Plan) else read_plan(plan)
    dataset = read_dataset(plan.dataset, folder=plan.folder, reading=plan.reading, changed=True)
    known = dataset.codebook
    if dataset.path is None or known is None or not known.sha256:
        allowed = "data beside a codebook with their sha256: these are read as they are"
        raise DataError(plan.dataset, "--accept-data", "data whose hash nobody keeps", allowed)
    if known.sha256 == dataset.sha256:
        return None
    book = codebook_place(dataset.path)
    try:
        lines = book.read_text("utf-8-sig").split("\n")
    except OSError as error:
        raise OutputError(book, "the codebook", str(error.strerror), "a file to read") from None
    changes = _of_shape(dataset)
    seen = {name: column.evidence() for name, column in profiles(dataset).items()}
    column = ""
    for at, line in enumerate(lines):
        heading, told = HEADING.fullmatch(line), MEANING.fullmatch(line)
        column = heading[1].strip("\"'") if heading else column
        if told and column in seen and remark(seen[column]) != told[2]:
            now = remark(seen[column])
            changes.append(f"{printable(column)}: {told[2]} then; {now} now")
            lines[at] = f"{told[1]}# {now}"
    return Acceptance(book, tuple(changes), _with_hash("\n".join(lines), dataset))


def _of_shape(dataset: Dataset) -> list[str]:
    """Return how many rows there are, and which columns came and went."""
    known, changes = dataset.codebook, []
    if known and known.rows is not None and known.rows != dataset.rows:
        changes.append(f"{known.rows:,} rows then, {dataset.rows:,} now")
    names = list(map(str, dataset.frame.columns))
    listed = list(known.columns) if known else []
    gone, new = [n for n in listed if n not in names], [n for n in names if n not in listed]
    changes += [f"columns that are gone: {listing(gone)}"] if gone else []
    changes += [f"columns that are new: {listing(new)}"] if new and listed else []
    return changes


def _with_hash(text: str, dataset: Dataset) -> str:
    """Return a codebook with the hash of the data as they are, and their rows."""
    text = re.sub(r'(?m)^(sha256\s*=\s*)"[^"]*"', rf'\g<1>"{dataset.sha256}"', text, count=1)
    return re.sub(r"(?m)^(rows\s*=\s*)\d[\d_]*", rf"\g<1>{dataset.rows}", text, count=1)


def accept(change: Acceptance) -> str:
    """Write the codebook that describes the data as they are; return what was done.

    Raises
    ------
    OutputError
        When the codebook cannot be written.
    """
    write_together({change.codebook: change.text}, replace=[change.codebook], folders=False)
    return f"Accepted: {printable(change.codebook.name)} has the hash and the rows of the data now"
