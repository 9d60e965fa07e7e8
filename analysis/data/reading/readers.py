"""Files as tables: one record a format, archives unpacked within limits, refusals for the rest."""

from __future__ import annotations

import gzip
import hashlib
import io
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from analysis.data.reading import headers
from analysis.data.reading.cells import RawTable, TableError, located
from analysis.data.reading.databases import lacks, read_duckdb, read_sqlite
from analysis.data.reading.delimited import read_delimited
from analysis.data.reading.encodings import UTF16
from analysis.data.reading.labels import (
    as_categories,
    category_levels,
    labelled,
    parquet_categories,
    stata_labels,
)
from analysis.data.reading.limits import MOST_BYTES, WHOLE, within_limits
from analysis.data.reading.workbooks import read_workbook
from analysis.errors import Fault, listing, printable, quoted
from analysis.plan.codebook import ReadingSection


def _parquet(content: bytes, reading: ReadingSection) -> RawTable:
    import pandas as pd
    from pyarrow import parquet

    described = parquet.ParquetFile(io.BytesIO(content)).metadata
    if described.num_columns > headers.MOST_COLUMNS:
        raise TableError(headers.too_wide(described.num_columns))
    if 8 * described.num_rows * described.num_columns > 4 * MOST_BYTES:
        raise TableError(
            WHOLE,
            f"{described.num_rows:,} rows of {described.num_columns:,} columns",
            'a pattern: dataset = "folder/*.parquet" is only summed',
        )
    _check_letters(parquet.ParquetFile(io.BytesIO(content)), described.num_rows)
    categories = parquet_categories(described.metadata)
    frame = pd.read_parquet(io.BytesIO(content))
    frame = frame if frame.index.names == [None] else frame.reset_index()
    frame = frame.rename(columns=str)
    levels = category_levels(frame) | as_categories(frame, categories)
    return RawTable(frame, decimal=reading.decimal or ".", levels=levels)


LOOKED_AT = 16
"""Rows that tell how long the texts of a Parquet file are."""


def _check_letters(file: Any, rows: int) -> None:
    """Refuse texts so long that together they would fill the memory."""
    portion = next(file.iter_batches(batch_size=LOOKED_AT), None)
    if portion is not None and portion.num_rows:
        each = portion.nbytes / portion.num_rows
        if each * rows > 4 * MOST_BYTES:
            found = f"{rows:,} rows of about {each:,.0f} bytes"
            allowed = f"at most {4 * MOST_BYTES / 1e9:g} GB: a file with the columns of the plan"
            raise TableError(WHOLE, found, allowed)


def _stata(content: bytes, reading: ReadingSection) -> RawTable:
    import pandas as pd

    with pd.read_stata(io.BytesIO(content), convert_categoricals=False, iterator=True) as reader:
        frame = reader.read().rename(columns=str)
        levels, single = labelled(frame, stata_labels(reader))
        meanings = {name: text for name, text in reader.variable_labels().items() if text}
    return RawTable(frame, levels=levels, single=single, meanings=meanings)


def _spss(content: bytes, reading: ReadingSection) -> RawTable:
    import tempfile

    import pyreadstat

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.sav"
        path.write_bytes(content)
        frame, described = pyreadstat.read_sav(str(path))
    frame = frame.rename(columns=str)
    levels, single = labelled(frame, described.variable_value_labels)
    meanings = {n: text for n, text in described.column_names_to_labels.items() if text}
    return RawTable(frame, levels=levels, single=single, meanings=meanings)


@dataclass(frozen=True)
class Format:
    """A kind of file that holds a table; a new one is one more record in `FORMATS`.

    Attributes
    ----------
    suffixes : tuple of str
    read : callable
        From the file's bytes (or its path, where `by_path`), and what is stated of it, to a
        `RawTable`.
    keys : tuple of str
        The keys of `[reading]` that say something about such a file.
    starts : tuple of bytes
        How its bytes begin; empty for text, which begins in any way.
    name : str
        What a message calls a file that begins so.
    extra : str
        Of score-audit, with the package that reads it; empty where none is needed.
    by_path : bool
        A database, opened where it is.
    """

    suffixes: tuple[str, ...]
    read: Callable[..., RawTable]
    keys: tuple[str, ...] = ()
    starts: tuple[bytes, ...] = ()
    name: str = ""
    extra: str = ""
    by_path: bool = False


TEXT, QUERY = (
    ("encoding", "separator", "decimal", "header", "repeated_names"),
    ("table", "query", "parameters"),
)
OLD_STATA = tuple(bytes([version, order]) for version in range(102, 116) for order in (1, 2))
ZIP = (b"PK\x03\x04",)

FORMATS = (
    Format((".csv", ".data"), partial(read_delimited, usual=","), TEXT),
    Format((".tsv",), partial(read_delimited, usual="\t"), TEXT),
    Format(
        (".xlsx",),
        read_workbook,
        ("decimal", "sheet", "header", "repeated_names"),
        ZIP,
        "a zip archive or an Excel file",
        "excel",
    ),
    Format((".parquet",), _parquet, ("decimal",), (b"PAR1",), "a Parquet file", "parquet"),
    Format((".dta",), _stata, (), (b"<stata_dta>", *OLD_STATA), "a Stata file", "datasets"),
    Format((".sav",), _spss, (), (b"$FL2", b"$FL3"), "an SPSS file", "spss"),
    Format(
        (".sqlite", ".sqlite3", ".db"),
        read_sqlite,
        QUERY,
        (b"SQLite",),
        "an SQLite file",
        by_path=True,
    ),
    Format((".duckdb",), read_duckdb, QUERY, by_path=True),
)
ARCHIVES = (".gz", ".zip")
BY_SUFFIX = {suffix: kind for kind in FORMATS for suffix in kind.suffixes}
SUFFIXES = (*BY_SUFFIX, *ARCHIVES)
"""How a file of data may end."""

OTHERS = {
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"{": "JSON",
    b"[": "JSON",
}
"""Files that hold no table, by how they begin."""


def read_file(path: Path, reading: ReadingSection) -> RawTable:
    """Return the table in a file, with the SHA-256 of its bytes; a database's answer has none.

    Raises
    ------
    DataError
        Where the file cannot be read, or is not what its suffix says.
    """
    with located(path):
        return _table(path, reading)


def _table(path: Path, reading: ReadingSection) -> RawTable:
    suffix = path.suffix.lower()
    kind = BY_SUFFIX.get(suffix)
    if kind is None and suffix not in ARCHIVES:
        raise TableError(_no_format(f"a file ending in {quoted(suffix)}", SUFFIXES))
    if kind is not None and kind.by_path:
        check_reading(reading, suffix)
        return kind.read(path, reading)
    packed = _read_bytes(path)
    content, name = _unpacked(packed, path)
    suffix = Path(name).suffix.lower()
    kind = BY_SUFFIX.get(suffix)
    if kind is None or kind.by_path:
        of_bytes = [ending for ending, known in BY_SUFFIX.items() if not known.by_path]
        raise TableError(_no_format(f"a file ending in {quoted(suffix)} inside", of_bytes))
    check_reading(reading, suffix)
    if not content.strip():
        raise TableError(WHOLE, "an empty file", "a header and at least one row")
    _check_start(content, suffix, str(reading.encoding or ""))
    raw = _read(kind, content, reading)
    inside = () if packed is content else (f"{printable(name)} inside an archive",)
    sha256 = hashlib.sha256(packed).hexdigest()
    return replace(raw, notes=(*inside, *raw.notes), sha256=sha256)


def _no_format(found: str, suffixes: object) -> Fault:
    return Fault("dataset", found, "one of: " + listing(sorted(suffixes), limit=20))


def check_reading(reading: ReadingSection, suffix: str) -> None:
    """Refuse a key that says nothing about this kind of file: it would be ignored."""
    kind = BY_SUFFIX.get(suffix)
    faults = []
    for key in sorted(reading.model_fields_set):
        if key == "missing_values":  # said of cells, whatever held them
            continue
        if getattr(reading, key) and not (kind and key in kind.keys):
            about = [ending for ending, known in BY_SUFFIX.items() if key in known.keys]
            allowed = f"leave it out; it is about {listing(about)}"
            faults.append(Fault(f"[reading] {key}", f"a file ending in {quoted(suffix)}", allowed))
    if reading.header == 0 and suffix in BY_SUFFIX and "separator" not in BY_SUFFIX[suffix].keys:
        found = f"0 of a file ending in {quoted(suffix)}"
        faults.append(Fault("[reading] header", found, "the row with the names"))
    if faults:
        raise TableError(faults)


def _check_start(content: bytes, suffix: str, encoding: str) -> None:
    """Refuse a file that is not what its suffix says, by its first bytes."""
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    marks = OTHERS | {mark: kind.name for kind in FORMATS for mark in kind.starts}
    looks = next((name for mark, name in marks.items() if start.startswith(mark.lower())), "")
    wanted = BY_SUFFIX[suffix].starts
    if wanted:
        begin = quoted(content[:30].decode("utf-8", "replace"))
        looks = "" if content.startswith(wanted) else looks or f"a file that starts with {begin}"
    elif not looks and b"\x00" in content and not content.startswith(UTF16):
        wide = encoding.startswith(("utf-16", "utf-32"))  # a text with bytes of zero
        looks = "" if wide else "bytes that no text file has (NUL)"
    if looks:
        raise TableError(WHOLE, looks, f"the format that {suffix} promises")


def _read(kind: Format, content: bytes, reading: ReadingSection) -> RawTable:
    """Return what a reader makes of a file; a missing package or broken file is a TableError."""
    try:
        with warnings.catch_warnings():  # what matters about a broken file is in the exception
            warnings.simplefilter("ignore")
            return kind.read(content, reading=reading)
    except TableError:
        raise
    except ImportError:
        fault = lacks("a format whose reader is not installed", kind.extra)
    except Exception as error:  # the readers' own errors have no common ancestor
        fault = Fault(WHOLE, f"{type(error).__name__}: {printable(error)}", "a well-formed file")
    raise TableError(fault)


def _read_bytes(path: Path) -> bytes:
    """Return a file's bytes, read once: its hash is that of what was analysed.

    Raises
    ------
    TableError
        When it cannot be read, is too large for memory, or changed while it was being read.
    """
    try:
        before = path.stat()
        if before.st_size > MOST_BYTES:
            found = f"a file of {before.st_size / 1e9:,.1f} GB"
            most = f"at most {MOST_BYTES / 1e9:g} GB"
            allowed = f"{most}; beyond that a .csv or .parquet, or duckdb:FILE/TABLE"
            raise TableError(WHOLE, found, allowed)
        content = path.read_bytes()
        after = path.stat()
    except OSError as error:
        raise TableError(
            "dataset", printable(error.strerror or error), "a file that can be read"
        ) from None
    size, time = after.st_size, after.st_mtime_ns
    if (before.st_size, before.st_mtime_ns, len(content)) != (size, time, size):
        allowed = "a file that nothing else is writing"
        raise TableError(WHOLE, "it changed while it was being read", allowed)
    return content


def _unpacked(content: bytes, path: Path) -> tuple[bytes, str]:
    """Return the bytes and the name of the one file in a .gz or .zip; of any other file, itself."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".gz":
            with gzip.open(io.BytesIO(content)) as file:
                return within_limits(file, len(content)), path.stem
        if suffix == ".zip":
            return _unzip(content)
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        raise TableError(WHOLE, printable(error), f"a sound {suffix} file") from None
    return content, path.name


def _unzip(content: bytes) -> tuple[bytes, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        listed = [info for info in archive.infolist() if not info.is_dir()]
        held = [info for info in listed if not info.filename.startswith("__MACOSX/")]
        if len(held) != 1:
            raise TableError(WHOLE, f"{len(held)} files in one archive", "exactly one")
        with archive.open(held[0]) as file:
            name = Path(held[0].filename.replace("\\", "/")).name
            return within_limits(file, len(content)), name
