"""Workbooks: the sheet with the table, and what its reader leaves out: errors, bare formulas."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from analysis.data.reading.cells import NEVER, RawTable, TableError, from_records
from analysis.data.reading.headers import find_header
from analysis.data.reading.limits import WHOLE, check_size
from analysis.errors import Fault, printable, quoted, unknown
from analysis.plan.codebook import ReadingSection

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

MOST_CELLS, FEW_CELLS, SPARSE = 5 * 10**7, 10**6, 50
"""Cells between the first and the last of a sheet that are read; above the second, at most so many
times as there are cells with something in them."""

CELL = re.compile(
    rb'<(?:\w+:)?c(?=[\s>])(?:[^>]*?\br="([A-Za-z]{1,3})(\d{1,7})")?[^>]*(?<!/)>',
)
"""A cell that holds something, with its column and row where it says them."""

ROW = re.compile(rb'[^>]*?\br="(\d{1,7})"')
"""The number of a row, behind the beginning of its mark."""

BARE = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^>]*)?/>)(?!\s*<(?:\w+:)?v(?:\s[^>]*)?>\s*[^<\s])"
)
"""A formula without a stored value behind it."""

YOUNG = re.compile(
    rb't=["\']e["\'][^>]*>(?:<(?:\w+:)?f.*?(?:/>|</(?:\w+:)?f>))?<(?:\w+:)?v>'
    rb"(?!#(?:DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!)<)([^<]*)<"
)
"""An error such as #SPILL!, younger than the reader of workbooks."""

PORTION, LONGEST_CELL = 2**23, 2**9
"""Bytes of a sheet that are looked at in one go, and those of the longest mark of a cell."""

HEAD = 2**12
"""Bytes of a part of a workbook in which it would define entities: they stand first."""

Records = list[list[Any]]


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook: its name, whether it is shown, and its part of the archive."""

    name: str
    visible: bool
    xml: bytes


def read_workbook(content: bytes, reading: ReadingSection) -> RawTable:
    """Read one sheet; not by way of pandas, which reads the text "007" as the number 7.

    Raises
    ------
    TableError
        Where the sheet is not there, is too large, or has no table.
    """
    from python_calamine import CalamineWorkbook

    _check_workbook(content)
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    records, note = _chosen(book, content, reading.sheet)
    at = find_header(records) if reading.header is None else reading.header - 1
    if at and at >= len(records):
        found = f"row {at + 1} of a sheet with {len(records):,} rows"
        raise TableError("[reading] header", found, "the row with the names of the columns")
    table = from_records(records, at=at)
    notes = (note, *table.notes) if note else table.notes
    return replace(table, notes=notes, decimal=reading.decimal or ".")


def _check_workbook(content: bytes) -> None:
    """Refuse a workbook (a zip archive) whose directory announces more than the limits allow, and
    one that defines entities: their cells would be read as empty.
    """
    defining = ""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            check_size(sum(info.file_size for info in parts), len(content))
            for info in parts:
                with archive.open(info) as part:
                    if b"<!doctype" in part.read(HEAD).replace(b"\0", b"").lower():
                        defining = info.filename
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error):
        return  # its reader says what is wrong with it
    if defining:
        found = f"{quoted(defining)} in it, which defines words of its own (<!DOCTYPE)"
        allowed = "a workbook as a spreadsheet program writes it: open it there and save it again"
        raise TableError("the file", found, allowed)


# --- which sheet ----------------------------------------------------------------------------------


def _chosen(book: CalamineWorkbook, content: bytes, stated: str | None) -> tuple[Records, str]:
    """Return the rows of the sheet that is meant, and what to report of the choice."""
    names = book.sheet_names
    if stated is not None and stated not in names:
        fault = unknown("[reading] sheet", f"no sheet {quoted(stated)}", stated, names, limit=20)
        raise TableError(fault)
    if stated is not None:
        chosen = _records(book, content, stated)
        return chosen, f"sheet {printable(stated)}, as stated" if len(names) > 1 else ""
    shown = {meta.name: str(meta.visible).endswith("Visible") for meta in book.sheets_metadata}
    first = _records(book, content, names[0])
    if len(names) == 1:
        return first, ""
    if shown[names[0]] and _is_table(first):
        return first, f"sheet {printable(names[0])}, the first of {len(names)}"
    rest = {name: _records(book, content, name) for name in names[1:]}
    tables = {name: rows for name, rows in {names[0]: first, **rest}.items() if _is_table(rows)}
    visible = {name: rows for name, rows in tables.items() if shown[name]}
    if len(visible or tables) == 1:
        [(name, rows)] = (visible or tables).items()
        why = f"the only one with a table{'' if shown[name] else ', though hidden'}"
        if visible and len(tables) > 1:
            why = "the only one with a table that is not hidden"
        return rows, f"sheet {printable(name)}, {why} of {len(names)}"
    if not tables:
        return first, ""
    kinds = ((n, "hidden" if not shown[n] else "" if n in tables else "empty") for n in names)
    said = [f"{quoted(name, limit=60)}{f' ({kind})' if kind else ''}" for name, kind in kinds]
    more = f" and {len(said) - 20} more" if len(said) > 20 else ""
    allowed = "the sheet with the data: [reading] sheet in the plan, or --sheet of init"
    found = f"{len(tables)} sheets with a table: {', '.join(said[:20])}{more}"
    raise TableError("[reading] sheet", found, allowed)


def _is_table(records: Records) -> bool:
    """Return whether a sheet has names and at least one row under them."""
    filled = (row for row in records if any(cell not in ("", None) for cell in row))
    return next(filled, None) is not None and next(filled, None) is not None


def _records(book: CalamineWorkbook, content: bytes, name: str) -> Records:
    """Return the rows of a sheet, with errors and bare formulas in the place of gaps."""
    part, xml = _part(content, name)
    _check_area(xml, name)
    if young := {*YOUNG.findall(xml)}:
        book = _with_known_errors(content, part, xml, young)
    records = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    if b't="e"' in xml or b"t='e'" in xml or BARE.search(xml):
        for row, column, text in _left_out(xml):
            records += [[] for _ in range(row + 1 - len(records))]
            records[row] += [""] * (column + 1 - len(records[row]))
            records[row][column] = text
        width = max(map(len, records), default=0)
        records = [row + [""] * (width - len(row)) for row in records]
    return records


# --- what is in the archive -----------------------------------------------------------------------


def _with_known_errors(
    content: bytes, part: str, xml: bytes, young: set[bytes]
) -> CalamineWorkbook:
    """Return the workbook with errors in the place of those that its reader does not know."""
    from python_calamine import CalamineWorkbook

    for error in young:
        xml = xml.replace(b">" + error + b"<", b">#N/A<")
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(name, xml if name == part else old.read(name))
    return CalamineWorkbook.from_filelike(io.BytesIO(made.getvalue()))


def _part(content: bytes, name: str) -> tuple[str, bytes]:
    """Return where the XML of a sheet is in the archive, and the XML.

    Raises
    ------
    TableError
        Where the archive does not have it where the workbook says.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {part.casefold(): part for part in archive.namelist()}

        def read(path: str) -> bytes:
            return archive.read(parts[path.lstrip("/").casefold()])

        try:
            [main] = [path for kind, path in _related(read, "") if kind == "officeDocument"][:1]
            targets = dict(_related(read, main, by="Id"))
            sheets = ElementTree.fromstring(read(main)).iter()
            keys = [
                next(value for key, value in sheet.attrib.items() if key.endswith("}id"))
                for sheet in sheets
                if sheet.tag.endswith("}sheet") and sheet.get("name") == name
            ]
            path = targets[keys[0]]
            return parts[path.lstrip("/").casefold()], read(path)
        except (KeyError, IndexError, ValueError, StopIteration, ElementTree.ParseError):
            found = f"a sheet {quoted(name)} that is not where the workbook says"
            raise TableError(WHOLE, found, "a sound .xlsx file") from None


def _related(read: Any, part: str, *, by: str = "Type") -> Iterator[tuple[str, str]]:
    """Yield (kind or id, path) of the parts that a part of the archive refers to."""
    folder, file = posixpath.split(part)
    for relation in ElementTree.fromstring(read(f"{folder}/_rels/{file}.rels")):
        target = relation.get("Target", "")
        path = target if target.startswith("/") else posixpath.join(folder, target)
        yield relation.get(by, "").rpartition("/")[2], posixpath.normpath(path)


def _check_area(xml: bytes, name: str) -> None:
    """Refuse a sheet whose cells lie so far apart that the space between would fill the memory."""
    columns: set[bytes] = set()
    rows: set[bytes] = set()
    count = 0
    for start in range(0, len(xml), PORTION):
        found = CELL.findall(xml, start, start + PORTION + LONGEST_CELL)
        columns |= {column for column, _ in found}
        rows |= {row for _, row in found}
        count += len(found)
    width, height = max(map(_column, columns), default=0), max(map(int, rows - {b""}), default=0)
    if b"" in columns:  # cells that do not say where they are follow each other
        number = 0
        for row in xml.split(b"<row")[1:]:
            said, cells = ROW.match(row), len(CELL.findall(row))
            number = int(said[1]) if said else number + 1
            height, width = max(height, number * (cells > 0)), max(width, cells)
    area = width * height
    if area > MOST_CELLS or (area > FEW_CELLS and area > SPARSE * count):
        found = f"{count:,} cells with something in them, spread over {height:,} rows and {width:,}"
        allowed = (
            f"at most {MOST_CELLS:,} cells from the first to the last, not far apart: delete what"
            " stands far from the table, or save the sheet as .csv"
        )
        raise TableError(Fault(f"sheet {quoted(name)}", f"{found} columns", allowed))


def _column(letters: bytes) -> int:
    """Return the number of a column from its letters: A is 1.

    >>> _column(b"A"), _column(b"XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - 64
    return number


def _left_out(xml: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield (row, column, text), counted from 0, of errors and of formulas without a value."""
    row = column = -1
    for event, element in ElementTree.iterparse(io.BytesIO(xml), ("start", "end")):
        tag = element.tag.rpartition("}")[2]
        if event == "start" and tag == "row":
            row, column = int(element.get("r", row + 2)) - 1, -1
        elif event == "start" and tag == "c":
            place = re.fullmatch(r"([A-Za-z]+)(\d+)", element.get("r", ""))
            column = _column(place[1].encode()) - 1 if place else column + 1
            row = int(place[2]) - 1 if place else row
        elif event == "end" and tag == "c":
            parts = {part.tag.rpartition("}")[2]: part.text or "" for part in element}
            if element.get("t") == "e":
                yield row, column, parts.get("v") or "#N/A"
            elif "f" in parts and element.get("t") != "str" and not parts.get("v", "").strip():
                yield row, column, f"={parts['f']}{NEVER}"
        elif event == "end" and tag == "row":
            element.clear()
