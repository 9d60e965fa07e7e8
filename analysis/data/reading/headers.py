"""Where the names of a table's columns stand, and what beside the observations is in its rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mode
from typing import Any

from analysis.data.reading.written import CODES
from analysis.errors import Fault, listing, quoted

MOST_ABOVE, LOOKED_AT = 100, 100
"""Rows that may stand above the names, and rows below a row that tell whether it has the names."""

MOST_COLUMNS = 10_000
"""Columns of a table that are read into memory."""

UNNAMED = "index"
"""What a first column without a name is called: pandas and R write the rows' names so."""

NUMBER = re.compile(r"[^\w]{0,3}\d[\d.,:%\s'’/-]*(?:[eE][+-]?\d+)?[^\w]{0,3}")
"""A cell that is a number, a date or an amount, and no name of a column."""

UNIT = re.compile(
    rf"""[\[(].*[\])] | [%‰$€£¥#] | (?:in\s)?(?:k|m|mn|thousand|million)?\s?(?:{"|".join(CODES)})
    | (?:per\s)?(?:cent|percent|prozent|pct|count|number|num|pieces|pcs|units?|stück|years?
    |months?|weeks?|days?|hours?|hrs?|h|minutes?|min|seconds?|sec|s|ms|kg|g|tons?|t|km²?|m²?|m2|cm
    |mm|sqm|miles?|points?|pts|ratio|index|score|0/1|yes/no|euros?|dollars?|pounds?|cents?
    |string|str|text|varchar|char|int|int64|integer|bigint|float|float64|double|real|decimal
    |numeric|bool|boolean|object|category|continuous|discrete|nominal|ordinal|scale)""",
    re.VERBOSE | re.IGNORECASE,
)
"""What stands in a row of units or types under the names."""

Record = Sequence[Any]


@dataclass(frozen=True, eq=False)
class Named:
    """The columns' names and the rows of a table.

    Attributes
    ----------
    names : list of str
    rows : list
        A record each, of as many cells as there are names.
    numbers : sequence of int
        The spreadsheet number of each of them.
    notes : tuple of str
    """

    names: list[str]
    rows: list[Record]
    numbers: Sequence[int]
    notes: tuple[str, ...] = ()


def find_header(records: Sequence[Record]) -> int:
    """Return at which of the first records the names stand: the first that can be meant.

    A row has the names if every column with cells below has one, save perhaps the first; below the
    top, also if what stands above are titles, remarks and blank rows, and if below it stand numbers
    where it has none.

    >>> find_header([["# Visits"], [], ["shop", "likes"], ["a", "3"], ["b", "4"]])
    2
    """
    looked = records[: MOST_ABOVE + LOOKED_AT]
    known = [[j for j, cell in enumerate(row) if _text(cell)] for row in looked]
    if not looked:
        return 0
    remark = _text(looked[0][0]).startswith("#") if looked[0] else False
    if not remark and known[0] and _names_all(0, known):
        return 0
    for at in range(1, min(len(looked) - 1, MOST_ABOVE)):
        if _is_header(at, looked, known):
            return at
    return 0


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _names_all(at: int, known: list[list[int]]) -> bool:
    """Return whether every column that has cells below a row has one in it, save the first."""
    below = {j for row in known[at + 1 : at + 1 + LOOKED_AT] for j in row}
    return below <= {0, *known[at]}


def _is_header(at: int, looked: Sequence[Record], known: list[list[int]]) -> bool:
    """Return whether names stand in a row with others above it."""
    names = [_text(looked[at][j]) for j in known[at]]
    above = [row for row, cells in zip(looked[:at], known, strict=False) if cells]
    if len(names) < 2 or len(set(names)) < len(names) or any(map(NUMBER.fullmatch, names)):
        return False
    few = all(
        _text(row[0]).startswith("#") or sum(map(bool, map(_text, row))) <= len(names) / 2
        for row in above
    )
    below = [row for row, cells in zip(looked[at + 1 :], known[at + 1 :], strict=True) if cells]
    if not few or not below or not _names_all(at, known):
        return False
    width = mode(len(row) for row in below)
    cells = [[_text(row[j]) for row in below if j < len(row)] for j in range(width)]
    numbers = [sum(map(bool, map(NUMBER.fullmatch, column))) for column in cells]
    return len(looked[at]) in (width, width - 1, width + 1) and 2 * max(numbers) > len(below)


def named(records: Sequence[Record], at: int, *, line: int = 1) -> tuple[Named | None, list[Fault]]:
    """Return names and rows of the table below a header, or what is wrong with it.

    Parameters
    ----------
    records : sequence of records
    at : int
        Where the names stand among them.
    line : int
        The spreadsheet number of the first record.
    """
    header = [_text(name) and str(name) for name in records[at]] if at < len(records) else []
    place, rows, first = f"row {line + at} (header)", list(records[at + 1 :]), line + at + 1
    while rows and not any(map(_text, rows[-1])):
        rows.pop()
    if not any(header):
        return None, [Fault(place, "no column names", "a name for every column")]
    if len(header) > MOST_COLUMNS:
        return None, [too_wide(len(header))]
    notes = [f"names in row {line + at}; what stands above is left out"] if at else []
    numbers: Sequence[int] = range(first, first + len(rows))
    blank = [number for number, row in zip(numbers, rows, strict=True) if not row]
    below = _footer(rows, len(header))
    if below:
        last = numbers[-1]
        notes.append(f"rows {last - below + 1} to {last} left out: they stand below the table")
        rows, numbers = rows[:-below], numbers[:-below]
        blank = [number for number in blank if number <= last - below]
    while rows and not any(map(_text, rows[-1])):
        rows, numbers = rows[:-1], numbers[:-1]
    blank = [number for number in blank if number in numbers]
    if blank and len(header) > 1:
        notes.append(f"blank line{'s' if len(blank) > 1 else ''} {listing(blank)} left out")
        numbers = [number for number, row in zip(numbers, rows, strict=True) if row]
        rows = list(filter(None, rows))
    header, rows = _of_one_width(header, rows)
    if faults := _widths(header, rows, numbers):
        return None, faults
    header, rows, said = _all_named(header, rows)
    notes += said
    if said := units_row(header, rows, numbers[0] if numbers else first):
        notes.append(said)
        rows, numbers = rows[1:], numbers[1:]
    return Named(header, rows, numbers, tuple(notes)), []


def _footer(rows: list[Record], width: int) -> int:
    """Return how many rows below a table are no part of it: remarks, or a table of its own.

    They have fewer or more cells than the names, and stand behind a blank line or have one cell.
    """
    start = len(rows)
    while start and len(rows[start - 1]) != width:
        start -= 1
    below = rows[start:]
    if not below or 2 * len(below) > len(rows) or width < 2:
        return 0
    apart = not below[0] or all(sum(map(bool, map(_text, row))) <= 1 for row in below)
    return len(below) if apart else 0


def too_wide(columns: int) -> Fault:
    """Return the fault of a table with more columns than are read."""
    most = f"at most {MOST_COLUMNS:,}: a table with the columns that the plan is about"
    return Fault("the whole file", f"{columns:,} columns", most)


def _of_one_width(header: list[str], rows: list[Record]) -> tuple[list[str], list[Record]]:
    """Return a table whose rows all have one cell more or less than the header, made even.

    R writes the rows' names without a name above; others end their rows, or the header, with a mark
    behind the last cell.
    """
    widths, width = {len(row) for row in rows}, len(header)
    if widths == {width - 1} and not header[-1]:
        return header[:-1], rows
    if widths != {width + 1}:
        return header, rows
    if not any(_text(row[-1]) for row in rows):
        return header, [row[:-1] for row in rows]
    distinct = len({_text(row[0]) for row in rows}) == len(rows)
    return (["", *header] if distinct else header), rows


def _widths(header: list[str], rows: list[Record], numbers: Sequence[int]) -> list[Fault]:
    found = {n: len(row) for n, row in zip(numbers, rows, strict=True) if len(row) != len(header)}
    wrong, widths = list(found), listing(sorted(set(found.values())))
    if not wrong:
        return []
    many = "s" if len(wrong) > 1 else ""
    found = f"{widths} cells in {len(wrong)} row{many}: {listing(wrong)}"
    hint = (
        "Do the names stand further down? Say in which line: [reading] header = 3 in the plan,"
        " or --header 3 of init"
    )
    allowed = f"{len(header)} cells, as in the header"
    return [Fault("rows", found, allowed, hint if 2 * len(wrong) > len(rows) else "")]


def _all_named(header: list[str], rows: list[Record]) -> tuple[list[str], list[Record], list[str]]:
    """Return the table with a name for every column, without columns that hold nothing at all."""
    unnamed = [j for j, name in enumerate(header) if not name]
    empty = {j for j in unnamed if not any(_text(row[j]) for row in rows)}
    notes, names = [], list(header)
    for j in unnamed:
        name = UNNAMED if j == 0 else f"column {j + 1}"
        while name in names:
            name += "_"
        names[j] = name
        which = "the first column" if j == 0 else f"column {j + 1}"
        if j not in empty:
            notes.append(f"{which}, which has no name, as {quoted(name)}")
    if empty:
        many, at = "s" if len(empty) > 1 else "", listing([j + 1 for j in sorted(empty)])
        notes.append(f"column{many} {at} left out: no name and no cell with a value")
        kept = [j for j in range(len(header)) if j not in empty]
        rows, names = [[row[j] for j in kept] for row in rows], [names[j] for j in kept]
    return names, rows, notes


def units_row(header: list[str], rows: Sequence[Record], number: int) -> str:
    """Return what to report of a first row that has the columns' units; empty where it has none."""
    if not _holds_units(header, rows):
        return ""
    words = list(dict.fromkeys(filter(None, map(_text, rows[0]))))
    return f"row {number} left out: it has units and no observation ({listing(words)})"


def _holds_units(header: list[str], rows: Sequence[Record]) -> bool:
    """Return whether the first row says in which units the columns of numbers below it are."""
    if len(rows) < 4:
        return False
    first = [_text(cell) for cell in rows[0]]
    words = [word for word in first if word]
    units = [word for word in words if UNIT.fullmatch(word)]
    if not units or any(NUMBER.fullmatch(word) for word in words if word not in units):
        return False
    below = rows[1 : 1 + LOOKED_AT]
    columns = [[text for row in below if (text := _text(row[j]))] for j in range(len(header))]
    numbers = [
        j
        for j, texts in enumerate(columns)
        if texts
        and first[j] not in texts
        and sum(map(bool, map(NUMBER.fullmatch, texts))) >= 0.9 * len(texts)
    ]
    said = [first[j] for j in numbers if first[j]]
    sure = sum(map(bool, map(UNIT.fullmatch, said)))
    return sure > 1 or (sure == 1 and len(said) >= 0.5 * len(numbers))
