"""Delimited text: its encoding, separator and decimal mark, stated or detected and reported."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from analysis.data.reading.cells import RawTable, TableError, from_records
from analysis.data.reading.plain_text import plain_table
from analysis.errors import Fault, printable, quoted
from analysis.plan.codebook import ReadingSection

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

LONGEST_LINE = 10**7
"""Bytes of one line of text."""

WESTERN = re.compile(r"[\x00-\x7fÀ-ÖØ-öø-ÿŒœŠšŽžŸ€£¥¢§©®°ª º«»¡¿´·–—‘’‚“”„…•™²³½¼¾ß]*")
"""What a text in a Western European language is made of."""

FOREIGN = re.compile(rb"[\x80-\xff]{3,}")
"""Three accented letters in a row: rare in Western texts; other alphabets consist of them."""

UTF8_PAIR = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


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
    text, encoding = _decoded(content, reading.encoding or "")
    separator, between = _separator(text, usual, reading)
    frame = plain_table(text, separator)
    if frame is None:
        frame = from_records(_records(text, separator), separator)
    decimal, for_decimals = _decimal(frame, separator, reading)
    return RawTable(frame, tuple(filter(None, (encoding, between, for_decimals))), decimal)


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


def _decoded(content: bytes, stated: str) -> tuple[str, str]:
    """Return the text, and how it was decoded where that is not plain UTF-8."""
    wide = content.startswith(UTF16)
    marked = "utf-16" if wide else "utf-8" if content.startswith(codecs.BOM_UTF8) else ""
    if stated and marked and re.sub("-(le|be|sig)$", "", stated) != marked:
        raise TableError(
            "[reading] encoding",
            f"the mark of {marked.upper()} at its start",
            f'a file in "{stated}", as the plan or codebook says',
        )
    note = ""
    if stated and stated not in ("utf-8", "ascii"):
        note = f"text in {stated}, as stated"
    elif marked == "utf-16":
        note = "text in UTF-16, by the mark at its start"
    try:
        text = content.decode(stated or marked or "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        text = "" if stated or wide else _western(content)
        if not text:
            raise TableError(_undecodable(content, error)) from None
        note = "text in Windows-1252 (Western European), detected: it is not UTF-8"
    except (UnicodeError, ValueError) as error:
        raise TableError(
            "the whole file", printable(error), f"text in {stated or marked}"
        ) from None
    return text, note


def _western(content: bytes) -> str:
    """Return the text in Windows-1252 if all its signs are Western European, else nothing."""
    if UTF8_PAIR.search(content) or FOREIGN.search(content):
        return ""  # UTF-8 with a damaged place, or another alphabet
    try:
        text = content.decode("windows-1252")
    except UnicodeDecodeError:
        return ""
    return text if WESTERN.fullmatch(text) else ""


def _undecodable(content: bytes, error: UnicodeDecodeError) -> Fault:
    line = content[: error.start].count(b"\n") + 1
    name = "UTF-8" if error.encoding == "utf-8" else error.encoding
    found = f"byte {content[error.start]:#04x}, which is not {name}"
    return Fault(
        f"line {line}",
        found,
        'text saved as UTF-8; or its encoding in the plan: [reading] encoding = "..."',
    )


# --- between cells --------------------------------------------------------------------------------


def _separator(text: str, usual: str, reading: ReadingSection) -> tuple[str, str]:
    """Return the mark between cells, and what to report of it."""
    stated = reading.separator
    if stated is not None:
        return stated, "" if stated == usual else f"{SEPARATORS[stated]} between cells, as stated"
    widths = {mark: _width(text, mark) for mark in SEPARATORS}
    fitting = [mark for mark in SEPARATORS if widths[mark] > 1]
    rivals = [mark for mark in fitting if mark != usual and widths[mark] >= widths[usual]]
    if usual in fitting and rivals:
        both = f"{SEPARATORS[usual]} and {SEPARATORS[rivals[0]]}"
        key = f"[reading] separator = {quoted(usual)} in the plan"
        raise TableError(
            "the whole file",
            f"{both} that would both make a table",
            f"which of them stands between cells: {key}",
        )
    if usual not in fitting and len(fitting) == 1:
        return fitting[0], f"{SEPARATORS[fitting[0]]} between cells, detected"
    return usual, ""


def _reader(text: str, mark: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)


def _width(text: str, mark: str) -> int:
    """Return how many cells each of the first records has between these marks; 0 if they differ."""
    start = text[: 2**16]
    records = []
    with contextlib.suppress(csv.Error):
        records.extend(filter(None, islice(_reader(start, mark), 200)))
    cut_off = len(start) < len(text) and len(records) > 1
    widths = {len(record) for record in records[: -1 if cut_off else None]}
    return widths.pop() if len(widths) == 1 else 0


def _records(text: str, separator: str) -> list[list[str]]:
    reader = _reader(text, separator)
    try:
        return list(reader)
    except csv.Error as error:
        never = "a quotation mark that is never closed"
        raise TableError(
            f"up to line {reader.line_num}",
            printable(str(error).replace("unexpected end of data", never)),
            "well-formed delimited text",
        ) from None


# --- inside numbers -------------------------------------------------------------------------------

MARKED = {
    ",": (
        r"[+-]?(?:\d+|\d{1,3}(?:[. ']\d{3})+),\d+",
        r"[+-]?(?:0|\d{4,}|\d{1,3}(?:[. ']\d{3})+),\d+|[+-]?\d+,(?:\d{1,2}|\d{4,})",
    ),
    ".": (
        r"[+-]?(?:0?|\d{4,}|\d{1,3}(?:,\d{3})+)\.\d+|[+-]?\d+\.(?:\d{1,2}|\d{4,})",
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
