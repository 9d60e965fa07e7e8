"""Files as tables: one reader a format, and a refusal for what is not what its suffix says."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import DataError, Fault, listing, printable

if TYPE_CHECKING:
    import pandas as pd

FIRST_ROW = 2
"""The spreadsheet number of the first row of data: the header is row 1."""

SIGNATURES: dict[str, tuple[bytes, ...]] = {
    ".xlsx": (b"PK\x03\x04",), ".parquet": (b"PAR1",), ".sav": (b"$FL2", b"$FL3"),
    ".dta": (b"<stata_dta>", *(bytes([version, order]) for version in range(102, 116) for order in (1, 2))),
}  # fmt: skip
DESCRIPTIONS = {
    b"PK\x03\x04": "a zip archive or an Excel file", b"PAR1": "a Parquet file", b"$FL": "an SPSS file",
    b"<stata_dta>": "a Stata file", b"\x1f\x8b": "a gzip archive", b"SQLite": "an SQLite file", b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)", b"\xff\xfe": "text in UTF-16", b"\xfe\xff": "text in UTF-16",
    b"<!doctype": "a web page", b"<html": "a web page", b"{": "JSON", b"[": "JSON",
}  # fmt: skip


def check_signature(path: Path, content: bytes, suffix: str) -> None:
    """Refuse a file that is not what its suffix says, by its first bytes."""
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    looks = next((text for mark, text in DESCRIPTIONS.items() if start.startswith(mark.lower())), None)
    wanted = SIGNATURES.get(suffix, ())
    if wanted and not content.startswith(wanted):
        first = content[:30].decode("utf-8", "replace")
        found = looks or f'a file that starts with "{printable(first)}"'
    elif not wanted and looks is not None:
        found = looks
    elif not wanted and b"\x00" in content:
        found = "bytes that no text file has (NUL)"
    else:
        return
    raise DataError(str(path), [Fault("the whole file", found, f"the format that {suffix} promises")])


def _read_text(content: bytes, where: str, separator: str) -> pd.DataFrame:
    """Read delimited text: every cell as text, rows with too few or too many cells refused."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        fault = Fault(f"line {row}", f"byte {content[error.start]:#04x}, which is not UTF-8", "text saved as UTF-8")
        raise DataError(where, [fault]) from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        records = list(reader)
    except csv.Error as error:
        found = str(error).replace("unexpected end of data", "a quotation mark that is never closed")
        fault = Fault(f"up to line {reader.line_num}", printable(found), "well-formed delimited text")
        raise DataError(where, [fault]) from None
    return _table(records, where, separator)


def _table(records: list[list[Any]], where: str, separator: str = "") -> pd.DataFrame:
    """Return the table whose first record is the header; text stays text, other cells stay what they are."""
    import pandas as pd

    header, rows = [str(name) for name in records[0]] if records else [], records[1:]
    while rows and not any(str(cell).strip() for cell in rows[-1]):
        rows.pop()
    _check_shape(header, rows, where, separator)
    return pd.DataFrame(rows, columns=header, dtype=str if separator else object)


def _check_shape(header: list[str], rows: list[list[Any]], where: str, separator: str) -> None:
    """Refuse unnamed columns and rows whose number of cells differs from the header's."""
    others = [mark for mark in (";", "\t", ",", "|") if mark != separator and header and mark in header[0]]
    if separator and len(header) == 1 and others:
        found = f"one column named {printable(header[0])}"
        allowed = f'cells separated by "{printable(separator)}" (here they seem to be by "{printable(others[0])}")'
        raise DataError(where, [Fault("row 1 (header)", found, allowed)])
    faults = []
    unnamed = [str(place) for place, name in enumerate(header, 1) if not name.strip()]
    if unnamed or not header:
        found = f"no name in column {listing(unnamed)}" if header else "no column names"
        faults.append(Fault("row 1 (header)", found, "a name for every column"))
    wrong = [number for number, row in enumerate(rows, FIRST_ROW) if len(row) != len(header)]
    if wrong and header:
        lengths = sorted({len(rows[number - FIRST_ROW]) for number in wrong})
        found = f"{listing(lengths)} cells in {len(wrong)} row{'s' if len(wrong) > 1 else ''}: {listing(wrong)}"
        faults.append(Fault("rows", found, f"{len(header)} cells, as in the header"))
    if faults:
        raise DataError(where, faults)


def _with_extra(read: Callable[[io.BytesIO, str], pd.DataFrame], extra: str) -> Callable[[bytes, str], pd.DataFrame]:
    """Wrap a reader: a missing package or a broken file becomes a DataError."""

    def reader(content: bytes, where: str) -> pd.DataFrame:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what matters about a broken file is in the exception
                return read(io.BytesIO(content), where).rename(columns=str)
        except DataError:
            raise
        except ImportError:
            allowed = f"the extra: pip install 'score-audit[{extra}]'"
            raise DataError(where, [Fault("dataset", "a format whose reader is not installed", allowed)]) from None
        except Exception as error:  # the readers' own errors have no common ancestor
            fault = Fault("the whole file", f"{type(error).__name__}: {printable(error)}", "a well-formed file")
            raise DataError(where, [fault]) from None

    return reader


def _excel(buffer: io.BytesIO, where: str) -> pd.DataFrame:
    """Read the first sheet; not by way of pandas, which reads the text "007" as the number 7."""
    from python_calamine import CalamineWorkbook

    records = CalamineWorkbook.from_filelike(buffer).get_sheet_by_index(0).to_python(skip_empty_area=False)
    return _table(records, where)


def _parquet(buffer: io.BytesIO, where: str) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_parquet(buffer)
    return frame if frame.index.names == [None] else frame.reset_index()


def _stata(buffer: io.BytesIO, where: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_stata(buffer, convert_categoricals=False)


def _spss(buffer: io.BytesIO, where: str) -> pd.DataFrame:
    import tempfile

    import pyreadstat

    with tempfile.NamedTemporaryFile(suffix=".sav") as file:
        file.write(buffer.getvalue())
        file.flush()
        return pyreadstat.read_sav(file.name)[0]


READERS: dict[str, Callable[[bytes, str], pd.DataFrame]] = {
    ".csv": lambda content, where: _read_text(content, where, ","),
    ".tsv": lambda content, where: _read_text(content, where, "\t"),
    ".xlsx": _with_extra(_excel, "excel"),
    ".parquet": _with_extra(_parquet, "parquet"),
    ".dta": _with_extra(_stata, "datasets"),
    ".sav": _with_extra(_spss, "spss"),
}
