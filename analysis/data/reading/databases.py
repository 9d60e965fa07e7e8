"""Tables of databases, read and never written: files of SQLite or DuckDB, and SQLAlchemy's URLs."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.data.reading.cells import RawTable, TableError, from_records
from analysis.errors import SECRETS, DataError, Fault, did_you_mean, listing, printable, quoted
from analysis.plan.codebook import ReadingSection

MOST_WEIGHT, OF_ROW, OF_CELL = 2 * 10**9, 64, 40
"""Bytes of memory that a result may take: those of a row, of each cell in it, and of its letters.
"""

FIRST_ROWS, MOST_ROWS, PORTION = 20, 50_000, 10**7
"""Rows that are fetched first and at most in one go, and the bytes of such a portion."""

LONGEST_CELL = 10**6
"""Bytes of one cell of an SQLite file."""

DUCKDB = {"enable_external_access": "false", "memory_limit": "2GB", "temp_directory": ""}
"""What a DuckDB file is opened with: nothing outside it is read, and nothing written beside it."""

PATIENCE = 120.0
"""Seconds that a query of an SQLite file may take."""

PASSWORD = "SCORE_AUDIT_DATABASE_PASSWORD"
"""The environment variable that holds a database's password: a plan is made to be published."""

URL = re.compile(r"[a-z][a-z0-9+_]*://", re.IGNORECASE)

READS = re.compile(r"\s*(?:select|with|values)\b", re.IGNORECASE)
"""How a query starts that only reads."""

ALLOWED = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
)
"""What a query of SQLite needs to read, and no function that leaves the database."""

SQLITE_BESIDE = ("-wal", "-journal")
"""Endings of the files in which SQLite keeps changes that are not in the database yet."""

SQLITE_TABLES = """
    select name from sqlite_master
    where type in ('table', 'view') and name not like 'sqlite_%' order by 1
"""
DUCKDB_TABLES = "select table_name from information_schema.tables order by 1"


def is_url(address: str) -> bool:
    """Return whether an address is a database's, such as ``postgresql://host/name``."""
    of_files = ("http", "ftp", "file", "s3", "gs")
    return bool(URL.match(address)) and not address.lower().startswith(of_files)


def read_sqlite(path: Path, reading: ReadingSection) -> RawTable:
    """Read one table of an SQLite file, or the rows of a query that may do nothing but read.

    Nothing is written beside the file. Where another program has left a journal or log with it,
    both are read from a copy: what is in there belongs to the table.
    """
    with tempfile.TemporaryDirectory(prefix="score-audit-") as folder:
        waiting = [end for end in SQLITE_BESIDE if _holds(path, end)]
        if not waiting:
            return _from_sqlite(f"{path.resolve().as_uri()}?mode=ro&immutable=1", reading)
        copy = Path(folder) / path.name
        for end in ("", *waiting):
            shutil.copyfile(f"{path}{end}", f"{copy}{end}")
        return _from_sqlite(f"{copy.resolve().as_uri()}?mode=rw", reading)


def _holds(path: Path, end: str) -> bool:
    """Return whether a file beside another holds anything."""
    try:
        return os.stat(f"{path}{end}").st_size > 0
    except OSError:
        return False


def _from_sqlite(address: str, reading: ReadingSection) -> RawTable:
    connection = sqlite3.connect(address, uri=True, timeout=10)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        query, note = _question(reading, connection.execute(SQLITE_TABLES))
        end = time.monotonic() + PATIENCE
        connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        connection.set_authorizer(_only_reading)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)
        cursor = connection.execute(query, reading.parameters)
        return _answer([column[0] for column in cursor.description], cursor.fetchmany, note)
    except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
        raise _refusal(error) from None
    finally:
        connection.close()


def _only_reading(action: int, name: str | None, other: str | None, *place: Any) -> int:
    outside = ("load_extension", "readfile", "writefile")
    leaves = action == sqlite3.SQLITE_FUNCTION and str(other).lower() in outside
    return sqlite3.SQLITE_OK if action in ALLOWED and not leaves else sqlite3.SQLITE_DENY


def read_duckdb(path: Path, reading: ReadingSection) -> RawTable:
    """Read one table of a DuckDB file, or the rows of a query that reaches nothing outside it."""
    try:
        import duckdb
    except ImportError:
        raise TableError(lacks('the package "duckdb" is not installed', "engine")) from None
    connection = alarm = None
    try:
        connection = duckdb.connect(str(path), read_only=True, config=DUCKDB)
        alarm = threading.Timer(PATIENCE, connection.interrupt)
        alarm.start()
        query, note = _question(reading, connection.execute(DUCKDB_TABLES).fetchall())
        if reading.parameters:
            query = re.sub(r"(?<![:\w]):(\w+)", r"$\1", query)
        first = connection.execute(f"from ({query}) limit {FIRST_ROWS}", reading.parameters or None)
        _check_first(first.fetchall())
        connection.execute(query, reading.parameters or None)
        header = [column[0] for column in connection.description]
        return _answer(header, connection.fetchmany, note)
    except duckdb.Error as error:
        raise _refusal(error) from None
    finally:
        if alarm is not None:
            alarm.cancel()
        if connection is not None:
            connection.close()


def read_url(address: str, reading: ReadingSection) -> RawTable:
    """Read a table or a query's rows with SQLAlchemy, in a transaction that is never committed."""
    scheme = URL.match(address)[0]
    try:
        import sqlalchemy
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        raise DataError(scheme, lacks("the address of a database", "sql")) from None
    try:
        url = sqlalchemy.make_url(address)
        where = url.render_as_string(hide_password=True)
        secret = [key for key in url.query if SECRETS.match(f"{key}=x")]
        if secret or ":" in (url.username or ""):
            where = scheme + "..."
        if url.password or secret or where.endswith("..."):
            taken = f"The password is taken from {PASSWORD} or the driver's file"
            allowed = f"a user at most: plans are published. {taken}"
            raise TableError("dataset", "a password in the plan", allowed)
        engine = sqlalchemy.create_engine(url.set(password=os.environ.get(PASSWORD)))
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection = connection.execution_options(
                    postgresql_readonly=True, stream_results=True
                )
            elif engine.dialect.name in ("mysql", "mariadb"):
                connection.execute(sqlalchemy.text("SET TRANSACTION READ ONLY"))
            asked = reading.query is not None
            names = [] if asked else sqlalchemy.inspect(connection).get_table_names()
            query, note = _question(reading, [(name,) for name in names])
            result = connection.execute(sqlalchemy.text(query), reading.parameters)
            return _answer(list(result.keys()), result.fetchmany, note)
    except TableError as error:
        raise DataError(where, error.faults) from None
    except (SQLAlchemyError, ImportError, OSError, ValueError) as error:
        raise DataError(
            f"{scheme}...",
            "dataset",
            printable(next(iter(str(error).splitlines()), type(error).__name__), limit=200),
            "a database that can be reached and read",
        ) from None


def lacks(found: str, extra: str) -> Fault:
    """Return the fault of a package that is not installed: the extra that has it."""
    return Fault("dataset", found, f"the extra: pip install 'score-audit[{extra}]'")


def _question(reading: ReadingSection, tables: Iterable[Any]) -> tuple[str, str]:
    """Return the query that is asked (the plan's own, or all of one table), and its description."""
    if reading.query is not None:
        body = reading.query.strip().removesuffix(";")
        if not READS.match(body) or ";" in body:
            allowed = "one select that only reads, without a semicolon"
            raise TableError("[reading] query", printable(reading.query), allowed)
        return body, "rows of the query in the plan"
    names = [str(row[0]) for row in tables]
    table = reading.table or (names[0] if len(names) == 1 else "")
    if table not in names:
        found = f"no table {quoted(table)}" if table else f"{len(names)} tables"
        allowed = f"[reading] table in the plan, one of: {listing(names, limit=20)}; or query"
        raise TableError(
            "[reading] table",
            found,
            allowed,
            did_you_mean(table, names) if table else "",
        )
    return f'select * from "{table.replace(chr(34), 2 * chr(34))}"', f"table {printable(table)}"


def _answer(
    header: list[str], fetch: Callable[[int], Sequence[Sequence[Any]]], note: str
) -> RawTable:
    """Return all rows, fetched in portions; more than memory is meant for are refused."""
    rows: list[Sequence[Any]] = [header]
    weight, size = 0, FIRST_ROWS
    while portion := fetch(size):
        rows += portion
        new = len(portion) * (OF_ROW + OF_CELL * len(header)) + _letters(portion)
        weight += new
        if weight > MOST_WEIGHT:
            found = f"more than {len(rows) - 1:,} rows, which take {weight / 1e9:.1f} GB of memory"
            allowed = f"at most {MOST_WEIGHT / 1e9:g} GB: {FEWER}, or give duckdb:FILE/TABLE"
            raise TableError("the rows", found, allowed)
        size = max(1, min(MOST_ROWS, 2 * size, int(PORTION * len(portion) / new)))
    table = from_records(rows)
    return replace(table, notes=(note, *table.notes), numbered=False)


def _check_first(rows: Sequence[Sequence[Any]]) -> None:
    """Refuse rows so long that the database cannot hold one portion of them."""
    if _letters(rows) > PORTION * max(len(rows), 1):
        found = f"rows of {_letters(rows) // len(rows):,} bytes"
        raise TableError("the rows", found, f"at most {PORTION:,} bytes each: {FEWER}")


def _letters(rows: Sequence[Sequence[Any]]) -> int:
    return sum(len(cell) for row in rows for cell in row if isinstance(cell, (str, bytes)))


FEWER = "state a query in [reading] that selects the columns of the plan, or fewer rows"


def _refusal(error: Exception) -> TableError:
    text, allowed = str(error).split("\n")[0], "a table or a query that can be read"
    if text.casefold().startswith("interrupt"):
        found, allowed = f"a query of more than {PATIENCE:g} seconds", FEWER
    elif text == "string or blob too big":
        found, allowed = f"a cell of more than {LONGEST_CELL:,} bytes", FEWER
    elif text.startswith("Out of Memory"):
        found, allowed = f"a query that takes more than {DUCKDB['memory_limit']} of memory", FEWER
    else:
        found = text
    return TableError("dataset", printable(found, limit=200), allowed)
