"""Delimited text: its encoding, the mark between cells and the decimal mark, stated or detected -
and then reported.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from itertools import islice
from typing import TYPE_CHECKING

from analysis.data.reading.archives import check_lines
from analysis.data.reading.raw_table import RawTable, from_records
from analysis.errors import DataError, Fault, printable
from analysis.plan.codebook import ReadingSection

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

WESTERN = re.compile(r"[\x00-\x7fÀ-ÖØ-öø-ÿŒœŠšŽžŸ€£¥¢§©®°ª º«»¡¿´·–—‘’‚“”„…•™²³½¼¾ß]*")
"""What a text in a Western European language is made of."""

FOREIGN = re.compile(rb"[\x80-\xff]{3,}")
"""Three accented letters in a row: no Western text has many of them, other alphabets are made of
them.
"""

UTF8_PAIR = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


def read_delimited(content: bytes, where: str, usual: str, reading: ReadingSection) -> RawTable:
    """Read delimited text: every cell as text, rows with too few or too many cells refused.

    Parameters
    ----------
    content : bytes
    where : str
        What the file is called in an error.
    usual : str
        The mark between cells that the file's suffix promises.
    reading : ReadingSection
        What plan and codebook state; the rest is detected.

    Raises
    ------
    DataError
        Where the bytes are no such text, or could be read in more than one way.
    """
    check_lines(content, where)
    text, encoding = _decoded(content, where, reading)
    separator, between = _separator(text, where, usual, reading)
    frame = from_records(_records(text, where, separator), where, separator)
    decimal, for_decimals = _decimal(frame, where, separator, reading)
    return RawTable(frame, tuple(filter(None, (encoding, between, for_decimals))), decimal)


def _decoded(content: bytes, where: str, reading: ReadingSection) -> tuple[str, str]:
    """Return the text, and how it was decoded where that is not plain UTF-8."""
    marked = (
        "utf-16"
        if content.startswith(UTF16)
        else "utf-8-sig"
        if content.startswith(codecs.BOM_UTF8)
        else ""
    )
    stated = reading.encoding
    if stated:
        family = stated.removesuffix("-le").removesuffix("-be")
        if marked and family not in (marked, marked.removesuffix("-sig")):
            found = f"the mark of {marked.removesuffix('-sig').upper()} at its start"
            fault = Fault(
                "[reading] encoding", found, f'a file in "{stated}", as the plan or codebook says'
            )
            raise DataError(where, [fault])
        note = f"text in {stated}, as stated" if stated not in ("utf-8", "ascii") else ""
        return (
            _decode(content, "utf-8-sig" if stated == "utf-8" else stated, where).removeprefix(
                "\ufeff"
            ),
            note,
        )
    if marked == "utf-16":
        return _decode(content, "utf-16", where), "text in UTF-16, by the mark at its start"
    try:
        return content.decode("utf-8-sig"), ""
    except UnicodeDecodeError as error:
        western = _western(content)
        if western is None:
            raise DataError(where, [_undecodable(content, error)]) from None
        return western, "text in Windows-1252 (Western European), detected: it is not UTF-8"


def _decode(content: bytes, encoding: str, where: str) -> str:
    try:
        return content.decode(encoding)
    except (UnicodeError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise DataError(where, [_undecodable(content, error)]) from None
        raise DataError(
            where, [Fault("the whole file", printable(error), f"text in {encoding}")]
        ) from None


def _western(content: bytes) -> str | None:
    """Return the text in Windows-1252 where every sign of it is one that Western European texts
    have.
    """
    if UTF8_PAIR.search(content) or FOREIGN.search(content):
        return None  # UTF-8 with a damaged place, or another alphabet
    try:
        text = content.decode("windows-1252")
    except UnicodeDecodeError:
        return None
    return text if WESTERN.fullmatch(text) else None


def _undecodable(content: bytes, error: UnicodeDecodeError) -> Fault:
    line = content[: error.start].count(b"\n") + 1
    name = "UTF-8" if error.encoding in ("utf-8", "utf-8-sig") else error.encoding
    found = f"byte {content[error.start]:#04x}, which is not {name}"
    return Fault(
        f"line {line}",
        found,
        'text saved as UTF-8; or its encoding in the plan: [reading] encoding = "..."',
    )


# --- between cells --------------------------------------------------------------------------------


def _separator(text: str, where: str, usual: str, reading: ReadingSection) -> tuple[str, str]:
    """Return the mark between cells, and what to report of it."""
    if reading.separator is not None:
        said = reading.separator
        return said, "" if said == usual else f"{SEPARATORS[said]} between cells, as stated"
    widths = {mark: _width(text, mark) for mark in SEPARATORS}
    fitting = [mark for mark in SEPARATORS if widths[mark] > 1]
    rivals = [mark for mark in fitting if mark != usual and widths[mark] >= widths[usual]]
    if usual in fitting and rivals:
        found = f"{SEPARATORS[usual]} and {SEPARATORS[rivals[0]]} that would both make a table"
        allowed = (
            f'which of them stands between cells: [reading] separator = "{printable(usual)}" in the'
            " plan"
        )
        raise DataError(where, [Fault("the whole file", found, allowed)])
    if usual not in fitting and len(fitting) == 1:
        return fitting[0], f"{SEPARATORS[fitting[0]]} between cells, detected"
    return usual, ""


def _width(text: str, mark: str) -> int:
    """Return how many cells each of the first records has with this mark between them; 0 where they
    differ.
    """
    start = text[: 2**16]
    reader = csv.reader(io.StringIO(start, newline=""), delimiter=mark, strict=True)
    records = []
    with contextlib.suppress(csv.Error):
        records.extend(record for record in islice(reader, 200) if record)
    whole = records[:-1] if len(start) < len(text) and len(records) > 1 else records
    widths = {len(record) for record in whole}
    return widths.pop() if len(widths) == 1 else 0


def _records(text: str, where: str, separator: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        found = str(error).replace(
            "unexpected end of data", "a quotation mark that is never closed"
        )
        fault = Fault(
            f"up to line {reader.line_num}", printable(found), "well-formed delimited text"
        )
        raise DataError(where, [fault]) from None


# --- inside numbers -------------------------------------------------------------------------------

WITH_COMMA = r"[+-]?(?:\d+|\d{1,3}(?:[. ']\d{3})+),\d+"
"""A number with a comma for decimals, or one with a comma between thousands."""

SURE_COMMA = r"[+-]?(?:0|\d{4,}|\d{1,3}(?:[. ']\d{3})+),\d+|[+-]?\d+,(?:\d{1,2}|\d{4,})"
"""A number whose comma cannot stand between thousands."""

SURE_POINT = r"[+-]?(?:0?|\d{4,}|\d{1,3}(?:,\d{3})+)\.\d+|[+-]?\d+\.(?:\d{1,2}|\d{4,})"


def _decimal(
    frame: pd.DataFrame, where: str, separator: str, reading: ReadingSection
) -> tuple[str, str]:
    """Return the decimal mark, and what to report of it. Between commas, a decimal comma has to be
    stated.
    """
    if reading.decimal is not None:
        return reading.decimal, "commas for decimals, as stated" if reading.decimal == "," else ""
    if separator == ",":
        return ".", ""
    commas, points = [], []
    for at, name in enumerate(
        frame
    ):  # by position: names that stand twice are refused later, with their own message
        cells = frame.iloc[:, at].str.strip()
        cells = cells[cells != ""]
        if not len(cells):
            continue
        if cells.str.contains(",", regex=False).any():
            of_commas = cells.str.fullmatch(WITH_COMMA)
            if (
                of_commas.any()
                and cells.str.fullmatch(SURE_COMMA).any()
                and _mostly_numbers(cells, of_commas)
            ):
                commas.append(name)
        if cells.str.contains(".", regex=False).any():
            of_points = cells.str.fullmatch(SURE_POINT)
            if of_points.any() and _mostly_numbers(cells, of_points):
                points.append(name)
    if commas and points:
        found = (
            f'decimal commas in "{printable(commas[0])}", decimal points in'
            f' "{printable(points[0])}"'
        )
        allowed = (
            'one mark: [reading] decimal = "," in the plan; of a column that differs, decimal under'
            " [columns]"
        )
        raise DataError(where, [Fault("the whole file", found, allowed)])
    return (",", "commas for decimals, detected") if commas else (".", "")


def _mostly_numbers(cells: pd.Series, marked: pd.Series) -> bool:
    """Return whether most cells are numbers, with a mark or whole."""
    return bool((marked | cells.str.fullmatch(r"[+-]?\d+")).mean() > 0.5)
