"""Delimited text: its encoding, separator and decimal mark, stated or detected and reported."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pandas as pd

from analysis.data.reading.cells import RawTable, TableError, from_records
from analysis.data.reading.encodings import decoded
from analysis.data.reading.headers import LOOKED_AT, MOST_ABOVE, find_header, units_row
from analysis.data.reading.plain_text import plain_table
from analysis.errors import printable, quoted
from analysis.plan.codebook import ReadingSection

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""Marks that are detected. Blanks, one or more of them, have to be stated."""

QUOTED_OR_BLANK = re.compile(r'("(?:[^"]|"")*")|[ \t]+')

LONGEST_LINE = 10**7
"""Bytes of one line of text."""


def read_delimited(content: bytes, reading: ReadingSection, usual: str) -> RawTable:
    """Read delimited text: every cell as text, rows with too few or too many cells refused.

    Parameters
    ----------
    content : bytes
    reading : ReadingSection
        What plan and codebook state; the rest is detected.
    usual : str
        The mark between cells that the file's suffix promises.

    Raises
    ------
    TableError
        Where the bytes are no such text, or could be read in more than one way.
    """
    _check_lines(content)
    text, encoding = decoded(content, reading.encoding or "")
    blanks = reading.separator == " "
    if blanks:
        text, reading = _without_blanks(text), reading.model_copy(update={"separator": "\t"})
    unnamed = reading.header == 0
    if unnamed:
        mark, _ = _separator(text, usual, reading, dict.fromkeys(SEPARATORS, 1))
        width = max((len(row) for row in islice(_reader(text, mark), LOOKED_AT)), default=1)
        names = mark.join(f"column_{at}" for at in range(1, width + 1))
        text, reading = f"{names}\n{text}", reading.model_copy(update={"header": 1})
    start = _start(text, usual, reading)
    between = _between(start, usual, reading)
    table = _table(_below(text, start.line), start)
    decimal, for_decimals = _decimal(table.frame, start.mark, reading)
    if unnamed:
        table = replace(table, frame=table.frame.set_axis(table.frame.index - 1, axis=0))
        start = replace(
            start, note="no names, as stated: columns are called column_1, column_2 ..."
        )
    between = "blanks between cells, as stated" if blanks else between
    notes = (encoding, start.note, between, *table.notes, for_decimals)
    return replace(table, notes=tuple(filter(None, notes)), decimal=decimal)


def _without_blanks(text: str) -> str:
    """Return a text with a tab in place of blanks, but for those between quotation marks."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(QUOTED_OR_BLANK.sub(lambda at: at[1] or "\t", line) for line in lines) + "\n"


def _table(text: str, start: Start) -> RawTable:
    """Return the table that begins with the first line of a text."""
    frame = plain_table(text, start.mark)
    if frame is None:
        return from_records(_records(text, start.mark, start.line), start.mark, line=start.line)
    first = start.line + 1
    frame.index = pd.RangeIndex(first, first + len(frame))
    head = frame.iloc[: LOOKED_AT + 1].to_numpy().tolist()
    units = units_row(list(frame), head, first)
    return RawTable(frame.iloc[1:] if units else frame, tuple(filter(None, [units])), numbered=True)


def _check_lines(content: bytes) -> None:
    """Refuse a line that is longer than any table's."""
    start, end = 0, len(content)
    while end - start > LONGEST_LINE:
        stop = max(content.rfind(mark, start, start + LONGEST_LINE) for mark in (b"\n", b"\r"))
        if stop < 0:
            line = content.count(b"\n", 0, start) + 1
            found = f"more than {LONGEST_LINE:,} bytes in one line"
            raise TableError(f"line {line}", found, "rows separated by newlines")
        start = stop + 1


# --- between cells, and above the names -----------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """Where a table begins in a text: the line with the names, counted from 1, and the mark."""

    line: int
    mark: str
    note: str = ""
    said: bool = False


SAID = re.compile(r'"?sep=(.)"?[;,]*', re.IGNORECASE)
"""The first line by which Excel is told the mark between cells."""

PEEK = 2**18
"""Characters of a text in which its names are looked for."""


def _start(text: str, usual: str, reading: ReadingSection) -> Start:
    """Return where the names stand and which mark is between cells: as stated, said or detected."""
    says = SAID.fullmatch(text[:20].splitlines()[0].strip("\ufeff ")) if text.strip() else None
    if says and (reading.header or 2) > 1:
        mark = reading.separator or says[1]
        if mark not in SEPARATORS:
            found, marks = f"sep={says[1]}", " ".join(map(quoted, SEPARATORS))
            raise TableError("line 1", found, f"one of {marks}; or separator in [reading]")
        line = reading.header or _lines_above(_below(text, 2), mark) + 2
        note = f"line 1 says {printable(says[0])}: {SEPARATORS[mark]} between cells"
        return Start(line, mark, f"{note}{_names_in(line, 2)}", said=True)
    lines = {mark: reading.header or _lines_above(text, mark) + 1 for mark in SEPARATORS}
    mark, lines = _separator(text, usual, reading, lines)
    stated = reading.header is not None and reading.header > 1
    note = f"names in line {lines[mark]}, as stated" if stated else _names_in(lines[mark], 1)
    return Start(lines[mark], mark, note.removeprefix("; "))


def _names_in(line: int, usual: int) -> str:
    return f"; names in line {line}, what stands above is left out" if line > usual else ""


def _lines_above(text: str, mark: str) -> int:
    """Return how many lines stand above the one with the names, where this is between cells."""
    reader = csv.reader(io.StringIO(text[:PEEK], newline=""), delimiter=mark)
    records, starts = [], []
    with contextlib.suppress(csv.Error):
        for _ in range(MOST_ABOVE + LOOKED_AT):
            starts.append(reader.line_num)
            records.append(next(reader, None))
            if records[-1] is None:
                break
    whole = list(filter(lambda record: record is not None, records))
    cut = whole[:-1] if len(text) > PEEK and len(whole) > 1 else whole
    return starts[find_header(cut)] if cut else 0


def _below(text: str, line: int) -> str:
    """Return the text from a line on.

    Raises
    ------
    TableError
        Where it has fewer lines.
    """
    file = io.StringIO(text, newline="")
    if line > 1 and sum(1 for _ in islice(file, line - 1)) < line - 1:
        found = f"line {line} of a file with fewer lines"
        raise TableError("[reading] header", found, "the line with the names of the columns")
    return file.read() if line > 1 else text


def _separator(
    text: str, usual: str, reading: ReadingSection, lines: dict[str, int]
) -> tuple[str, dict[str, int]]:
    """Return the mark between cells, and for each mark the line where its table would begin."""
    if reading.separator is not None:
        return reading.separator, lines
    widths = {mark: _width(_below(text, lines[mark]), mark) for mark in SEPARATORS}
    if max(widths.values()) < 2:
        widths = {mark: _width(_below(text, lines[mark]), mark, uneven=1) for mark in SEPARATORS}
    fitting = [mark for mark in SEPARATORS if widths[mark] > 1]
    first = min((lines[mark] for mark in fitting), default=1)
    fitting = [mark for mark in fitting if lines[mark] == first]
    rivals = [mark for mark in fitting if mark != usual and widths[mark] >= widths[usual]]
    if usual in fitting and rivals:
        both = f"{SEPARATORS[usual]} and {SEPARATORS[rivals[0]]}"
        key = f"[reading] separator = {quoted(usual)} in the plan, or --separator of init"
        raise TableError(
            "the whole file",
            f"{both} that would both make a table",
            f"which of them stands between cells: {key}",
        )
    if usual not in fitting and len(fitting) == 1:
        return fitting[0], lines
    return usual, lines


def _between(start: Start, usual: str, reading: ReadingSection) -> str:
    """Return what to report of the mark between cells."""
    if start.mark == usual or start.said:
        return ""
    how = "as stated" if reading.separator is not None else "detected"
    return f"{SEPARATORS[start.mark]} between cells, {how}"


def _reader(text: str, mark: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)


def _width(text: str, mark: str, *, uneven: int = 0) -> int:
    """Return how many cells each of the first records has between these marks; 0 if they differ.

    The names may be so many more or fewer.
    """
    start = text[: 2**16]
    records = []
    with contextlib.suppress(csv.Error):
        records.extend(filter(None, islice(_reader(start, mark), 200)))
    cut_off = len(start) < len(text) and len(records) > 1
    widths = [len(record) for record in records[: -1 if cut_off else None]]
    names, cells = (widths or [0])[0], set(widths[1:] or widths)
    width = cells.pop() if len(cells) == 1 else 0
    return width if width and abs(names - width) <= uneven * (names > 1) else 0


def _records(text: str, separator: str, line: int) -> list[list[str]]:
    reader = _reader(text, separator)
    try:
        return list(reader)
    except csv.Error as error:
        never = "a quotation mark that is never closed"
        raise TableError(
            f"up to line {reader.line_num + line - 1}",
            printable(str(error).replace("unexpected end of data", never)),
            "well-formed delimited text",
        ) from None


# --- inside numbers -------------------------------------------------------------------------------

BETWEEN = r"['\u00a0\u202f\u2009\u2019 "
"""Marks that stand between thousands in every language, and the beginning of a set of them."""

MARKED = {
    ",": (
        rf"[+-]?(?:\d+|\d{{1,3}}(?:{BETWEEN}.]\d{{3}})+),\d+",
        rf"[+-]?(?:0|\d{{4,}}|\d{{1,3}}(?:{BETWEEN}.]\d{{3}})+),\d+|[+-]?\d+,(?:\d{{1,2}}|\d{{4,}})",
    ),
    ".": (
        rf"[+-]?(?:0?|\d{{4,}}|\d{{1,3}}(?:{BETWEEN},]\d{{3}})+)\.\d+|[+-]?\d+\.(?:\d{{1,2}}|\d{{4,}})",
        r".*",
    ),
}
"""By decimal mark: a number with it, and one in which it cannot stand between thousands."""


def _decimal(frame: pd.DataFrame, separator: str, reading: ReadingSection) -> tuple[str, str]:
    """Return the decimal mark, and what to report of it; between commas, a comma must be stated."""
    if reading.decimal is not None:
        return reading.decimal, "commas for decimals, as stated" if reading.decimal == "," else ""
    if separator == ",":
        return ".", ""
    using = {mark: _columns_with(frame, mark) for mark in MARKED}
    if using[","] and using["."]:
        commas, points = (quoted(names[0]) for names in using.values())
        found = f"decimal commas in {commas}, decimal points in {points}"
        key = '[reading] decimal = "," in the plan'
        allowed = f"one mark: {key}; of a column that differs, decimal under [columns]"
        raise TableError("the whole file", found, allowed)
    return (",", "commas for decimals, detected") if using[","] else (".", "")


def _columns_with(frame: pd.DataFrame, mark: str) -> list[str]:
    """Return the columns most of whose cells are numbers, some with this decimal mark for sure."""
    marked, sure = MARKED[mark]
    names = []
    for at, name in enumerate(frame):  # by position: names that stand twice are refused later
        cells = frame.iloc[:, at].str.strip()
        cells = cells[cells != ""]
        if not cells.str.contains(mark, regex=False).any():
            continue
        numbers = cells.str.fullmatch(marked)
        mostly = (numbers | cells.str.fullmatch(r"[+-]?\d+")).mean() > 0.5
        if mostly and numbers.any() and cells.str.fullmatch(sure).any():
            names.append(name)
    return names
