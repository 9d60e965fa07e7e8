"""Tables that are larger than memory: opened by Ibis on DuckDB or Spark."""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.plan.files import find_project, inside, shipped_studies

if TYPE_CHECKING:
    import ibis.expr.types as ir

SIZE_BUDGET = 10**9
"""A .parquet or .csv file of more bytes than this is not read into memory (pandas needs 3 to 15
times as much).
"""

MEMORY = "640MB"
"""What DuckDB may hold; it spills to disk beyond that. The environment's SCORE_AUDIT_MEMORY
replaces it.
"""

DIRECT_BITS = 17
"""Clusters numbered within a range of 2 to this power are added up in a table without hashing, of a
few MB a thread.
"""

MOST_FILES = 100_000
MOST_NUMBERED = 1_000
"""Parquet files whose numbers of rows are looked up, to number the rows without a window."""

SUFFIXES = (".parquet", ".csv")
SCHEMES = ("duckdb", "spark")
PACKAGES = ("duckdb", "_duckdb", "ibis", "pyspark", "py4j")
"""Packages whose exceptions are about the table."""

ADDRESSES = "path/*.parquet, duckdb:FILE/TABLE or spark:PATH"


@dataclass(frozen=True, eq=False)
class Source:
    """A table that DuckDB or Spark holds.

    Attributes
    ----------
    table : ibis Table
        Of csv files every column is text.
    address : str
    database : {"duckdb", "spark"}
    files : tuple of Path
        What it is read from.
    """

    table: ir.Table
    address: str
    database: str
    files: tuple[Path, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 of the one file; of many, of the lines "sha256  name" in order."""
        sums = [_sha256(path) for path in self.files]
        if len(sums) == 1:
            return sums[0]
        names = (path.name for path in self.files)
        lines = "".join(f"{value}  {name}\n" for value, name in zip(sums, names, strict=True))
        return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def is_beyond_memory(address: str, folder: Path) -> bool:
    """Return whether a dataset is analysed out of core: a pattern, a database's address, or a file
    over budget.
    """
    if not address.isprintable():
        return False
    scheme, separator, _ = address.partition(":")
    if separator and scheme in SCHEMES:
        return True
    if Path(address).suffix.lower() not in SUFFIXES:
        return False
    if glob.has_magic(address):
        return not (folder / address).is_file()
    try:
        return (folder / address).stat().st_size > SIZE_BUDGET
    except OSError:
        return False


def open_table(
    address: str, folder: Path, *, memory: str | None = None, threads: int | None = None
) -> ir.Table:
    """Return the table behind an address as an Ibis table. Nothing is read yet."""
    return open_source(address, folder, memory=memory, threads=threads).table


def open_source(
    address: str, folder: Path, *, memory: str | None = None, threads: int | None = None
) -> Source:
    """Open a table by its address.

    Parameters
    ----------
    address : str
        A pattern of Parquet or csv files, one such file, ``duckdb:FILE/TABLE`` or ``spark:PATH``.
    folder : Path
        Where relative paths start.
    memory : str, optional
        DuckDB's limit, such as "2GB"; `MEMORY` by default.
    threads : int, optional
        All by default, or the environment's SCORE_AUDIT_THREADS.

    Raises
    ------
    DataError
        When the extra is not installed, nothing is there, or it cannot be read as a table.
    """
    scheme, separator, rest = address.partition(":")
    scheme, rest = (scheme, rest) if separator and scheme in SCHEMES else ("files", address)
    opened = {"files": _open_files, "duckdb": _open_database, "spark": _open_spark}[scheme]
    try:
        return opened(address, rest, folder, _settings(memory, threads))
    except DataError:
        raise
    except ImportError as error:
        extra = "the extra: pip install 'score-audit[engine]'"
        allowed = "pyspark and Java 17" if scheme == "spark" else extra
        found = f'the package "{error.name}" is not installed'
        raise DataError(address, Fault("dataset", found, allowed)) from None
    except Exception as error:  # DuckDB and Spark have errors of their own
        fault = Fault("dataset", _first_line(error), "a table that can be read")
        raise DataError(address, fault) from None


def _settings(memory: str | None, threads: int | None) -> dict[str, Any]:
    """Return a database's limits: the caller's, else the environment's, else the defaults."""
    spill = Path(tempfile.gettempdir()) / f"score-audit-{uuid.uuid4().hex}"  # not where one stands
    number = threads or int(os.environ.get("SCORE_AUDIT_THREADS", "0"))
    limits = {
        "memory_limit": memory or os.environ.get("SCORE_AUDIT_MEMORY", MEMORY),
        "temp_directory": str(spill),
    }
    return limits | ({"threads": number} if number else {})


@contextmanager
def plain_words(where: str) -> Iterator[None]:
    """Say what a database cannot do (a broken row of a csv file, too little memory) as a
    DataError.
    """
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in PACKAGES:
            raise
        allowed = "a table that can be read"
        if "memory" in str(error).lower():
            allowed = "more memory: the environment's SCORE_AUDIT_MEMORY, such as 2GB"
        raise DataError(where, Fault("dataset", _first_line(error), allowed)) from None


def with_row_numbers(source: Source, name: str, first: int) -> ir.Table:
    """Return DuckDB's table with its rows numbered in order, in a new column.

    Of Parquet files each row knows its place in its file; else the rows pass through a window one
    after the other.
    """
    import ibis

    table = source.table
    taken = {column.casefold() for column in table.columns} & {"file_index", "file_row_number"}
    if source.files[0].suffix.lower() != ".parquet" or len(source.files) > MOST_NUMBERED or taken:
        return table.mutate(**{name: ibis.row_number() + first})
    files = "[" + ", ".join(f"'{_quoted(path)}'" for path in source.files) + "]"
    database = table.get_backend()
    counts = database.con.execute(f"select num_rows from parquet_file_metadata({files})").fetchall()
    starts = list(itertools.accumulate((rows for (rows,) in counts), initial=first))[:-1]
    before = str(starts[0])
    if len(starts) > 1:
        before = f"({starts}::bigint[])[(file_index + 1)::bigint]"
    view = f"rows_{uuid.uuid4().hex}"
    number = f"""cast(file_row_number + {before} as bigint) as "{name}\""""
    database.con.execute(
        f"create temp view {view} as select *, {number} from read_parquet({files})"
    )
    return database.table(view)


def _quoted(path: Path) -> str:
    return glob.escape(str(path)).replace("'", "''")


def forget_extremes(table: ir.Table) -> None:
    """Make DuckDB look for NaN itself: a Parquet file's extremes leave them out, and it concludes
    there are none.
    """
    if table.get_backend().name == "duckdb":
        table.get_backend().con.execute("set disabled_optimizers = 'statistics_propagation'")


def _first_line(error: Exception) -> str:
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0], limit=200)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _matching(address: str, pattern: str, folder: Path) -> tuple[Path, ...]:
    """Return the files behind a pattern, a file or a folder, in order of their names."""
    path = Path(pattern)
    if not path.is_absolute():
        roots = filter(None, (find_project(folder), find_project(), shipped_studies()))
        path = inside(folder / pattern, [folder.resolve(), *roots], address)
    if path.is_dir():
        among = (one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
    else:
        among = [path] if path.is_file() else map(Path, glob.glob(str(path), recursive=True))
    files = tuple(sorted(one for one in among if one.is_file()))
    if not files or len(files) > MOST_FILES:
        allowed = f"1 to {MOST_FILES:,} files that exist ({ADDRESSES})"
        raise DataError(address, Fault("dataset", f"{len(files):,} such files", allowed))
    kinds = sorted({one.suffix.lower() for one in files})
    if len(kinds) > 1:
        found = f"files of two kinds: {listing(kinds)}"
        raise DataError(address, Fault("dataset", found, "one kind of file"))
    return files


def _duckdb(path: str, settings: dict[str, Any], **options: Any) -> Any:
    import ibis

    quiet = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    database = ibis.duckdb.connect(path, **options, **quiet, **settings)
    database.con.execute(
        f"set enable_progress_bar = false; set perfect_ht_threshold = {DIRECT_BITS}"
    )
    return database


def _open_files(address: str, pattern: str, folder: Path, settings: dict[str, Any]) -> Source:
    files = _matching(address, pattern, folder)
    database = _duckdb(":memory:", settings)
    names = [glob.escape(str(path)) for path in files]
    if files[0].suffix.lower() == ".parquet":
        return Source(database.read_parquet(names), address, "duckdb", files)
    table = database.read_csv(
        names, all_varchar=True, header=True, delim=",", quote='"', escape='"'
    )
    return Source(table, address, "duckdb", files)


def _open_database(address: str, rest: str, folder: Path, settings: dict[str, Any]) -> Source:
    file, separator, name = rest.rpartition("/")
    if not separator or not file or not name:
        raise DataError(address, Fault("dataset", f'"{printable(rest)}"', "duckdb:FILE/TABLE"))
    files = _matching(address, file, folder)
    # a view in somebody's file could read other files, or the network
    database = _duckdb(str(files[0]), settings, read_only=True, enable_external_access=False)
    asked = "select table_name from information_schema.tables order by 1"
    names = [str(row[0]) for row in database.con.execute(asked).fetchall()]
    if name not in names:
        allowed, hint = "one of: " + listing(names), did_you_mean(name, names)
        raise DataError(address, Fault("dataset", f'no table "{printable(name)}"', allowed, hint))
    return Source(database.table(name), address, "duckdb", files[:1])


def _open_spark(address: str, pattern: str, folder: Path, settings: dict[str, Any]) -> Source:
    import ibis
    from pyspark.sql import SparkSession

    files = _matching(address, pattern, folder)
    threads = settings.get("threads", "*")
    quiet = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.appName("score-audit")
    builder = builder.master(os.environ.get("SPARK_MASTER", f"local[{threads}]"))
    for key, value in quiet.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    names, view = [str(path) for path in files], f"score_audit_{uuid.uuid4().hex}"
    if files[0].suffix.lower() == ".parquet":
        rows = session.read.parquet(*names)
    else:
        rows = session.read.csv(names, header=True, inferSchema=False, multiLine=True, escape='"')
    rows.createOrReplaceTempView(view)
    return Source(ibis.pyspark.connect(session).table(view), address, "spark", files)
