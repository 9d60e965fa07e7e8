"""Files as tables: one reader a format, and a refusal for what is not what its suffix says."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

from analysis.data.reading.archives import LARGEST, check_workbook
from analysis.data.reading.delimited import UTF16, read_delimited
from analysis.data.reading.raw_table import RawTable, from_records
from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.plan.codebook import ReadingSection

Reader = Callable[[bytes, str, ReadingSection], RawTable]

SIGNATURES: dict[str, tuple[bytes, ...]] = {
    ".xlsx": (b"PK\x03\x04",),
    ".parquet": (b"PAR1",),
    ".sav": (b"$FL2", b"$FL3"),
    ".dta": (
        b"<stata_dta>",
        *(bytes([version, order]) for version in range(102, 116) for order in (1, 2)),
    ),
}
DESCRIPTIONS = {
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"PAR1": "a Parquet file",
    b"$FL": "an SPSS file",
    b"<stata_dta>": "a Stata file",
    b"\x1f\x8b": "a gzip archive",
    b"SQLite": "an SQLite file",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"{": "JSON",
    b"[": "JSON",
}


def check_signature(
    path: Path, content: bytes, suffix: str, *, encoding: str | None = None
) -> None:
    """Refuse a file that is not what its suffix says, by its first bytes."""
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    looks = next(
        (text for mark, text in DESCRIPTIONS.items() if start.startswith(mark.lower())), None
    )
    wanted = SIGNATURES.get(suffix, ())
    if wanted and not content.startswith(wanted):
        first = content[:30].decode("utf-8", "replace")
        found = looks or f'a file that starts with "{printable(first)}"'
    elif not wanted and looks is not None:
        found = looks
    elif (
        not wanted and b"\x00" in content and not content.startswith(UTF16) and not _wide(encoding)
    ):
        found = "bytes that no text file has (NUL)"
    else:
        return
    raise DataError(
        str(path), [Fault("the whole file", found, f"the format that {suffix} promises")]
    )


def _wide(encoding: str | None) -> bool:
    """Return whether a text in this encoding has bytes of zero."""
    return encoding is not None and encoding.startswith(("utf-16", "utf-32"))


def _with_extra(read: Callable[[io.BytesIO, str, ReadingSection], RawTable], extra: str) -> Reader:
    """Wrap a reader: a missing package or a broken file becomes a DataError."""

    def reader(content: bytes, where: str, reading: ReadingSection) -> RawTable:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # what matters about a broken file is in the exception
                return read(io.BytesIO(content), where, reading)
        except DataError:
            raise
        except ImportError:
            allowed = f"the extra: pip install 'score-audit[{extra}]'"
            raise DataError(
                where, [Fault("dataset", "a format whose reader is not installed", allowed)]
            ) from None
        except Exception as error:  # the readers' own errors have no common ancestor
            fault = Fault(
                "the whole file",
                f"{type(error).__name__}: {printable(error)}",
                "a well-formed file",
            )
            raise DataError(where, [fault]) from None

    return reader


def _excel(buffer: io.BytesIO, where: str, reading: ReadingSection) -> RawTable:
    """Read one sheet; not by way of pandas, which reads the text "007" as the number 7."""
    from python_calamine import CalamineWorkbook

    check_workbook(buffer.getvalue(), where)
    book = CalamineWorkbook.from_filelike(buffer)
    names = book.sheet_names
    if reading.sheet is not None and reading.sheet not in names:
        found, allowed = (
            f'no sheet "{printable(reading.sheet)}"',
            "one of: " + listing(names, limit=20),
        )
        raise DataError(
            where, [Fault("[reading] sheet", found, allowed, did_you_mean(reading.sheet, names))]
        )
    sheet = names[0] if reading.sheet is None else reading.sheet
    records = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    choice = "as stated" if reading.sheet is not None else f"the first of {len(names)}"
    notes = (f"sheet {printable(sheet)}, {choice}",) if len(names) > 1 else ()
    return RawTable(from_records(records, where), notes, reading.decimal or ".")


def _parquet(buffer: io.BytesIO, where: str, reading: ReadingSection) -> RawTable:
    import pandas as pd
    from pyarrow import parquet

    described = parquet.ParquetFile(buffer).metadata
    if 8 * described.num_rows * described.num_columns > 4 * LARGEST:
        found = f"{described.num_rows:,} rows of {described.num_columns:,} columns"
        raise DataError(
            where,
            [
                Fault(
                    "the whole file",
                    found,
                    'a pattern: dataset = "folder/*.parquet" is only summed',
                )
            ],
        )
    buffer.seek(0)
    frame = pd.read_parquet(buffer)
    frame = frame if frame.index.names == [None] else frame.reset_index()
    return RawTable(frame.rename(columns=str), decimal=reading.decimal or ".")


def _stata(buffer: io.BytesIO, where: str, reading: ReadingSection) -> RawTable:
    import pandas as pd

    return RawTable(pd.read_stata(buffer, convert_categoricals=False).rename(columns=str))


def _spss(buffer: io.BytesIO, where: str, reading: ReadingSection) -> RawTable:
    import tempfile

    import pyreadstat

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.sav"
        path.write_bytes(buffer.getvalue())
        return RawTable(pyreadstat.read_sav(str(path))[0].rename(columns=str))


READERS: dict[str, Reader] = {
    ".csv": lambda content, where, reading: read_delimited(content, where, ",", reading),
    ".tsv": lambda content, where, reading: read_delimited(content, where, "\t", reading),
    ".xlsx": _with_extra(_excel, "excel"),
    ".parquet": _with_extra(_parquet, "parquet"),
    ".dta": _with_extra(_stata, "datasets"),
    ".sav": _with_extra(_spss, "spss"),
}

TEXT, SHEETS = (".csv", ".tsv"), (".xlsx",)
DATABASES = (".sqlite", ".sqlite3", ".db", ".duckdb")
ARCHIVES = (".gz", ".zip")
SUFFIXES = (*READERS, *ARCHIVES, *DATABASES)
"""How a file of data may end."""

SAID_OF: dict[str, tuple[str, ...]] = {
    "encoding": TEXT,
    "separator": TEXT,
    "decimal": (*TEXT, *SHEETS, ".parquet"),
    "sheet": SHEETS,
    "table": DATABASES,
    "query": DATABASES,
    "parameters": DATABASES,
}
"""Which kinds of file each key of `[reading]` is about."""


def check_reading(reading: ReadingSection, suffix: str, where: str) -> None:
    """Refuse a key that says nothing about this kind of file: it would be ignored."""
    faults = [
        Fault(
            f"[reading] {key}",
            f'a file ending in "{printable(suffix)}"',
            "leave it out; it is about " + listing(SAID_OF[key]),
        )
        for key in sorted(reading.model_fields_set)
        if getattr(reading, key) and suffix not in SAID_OF[key]
    ]
    if faults:
        raise DataError(where, faults)
