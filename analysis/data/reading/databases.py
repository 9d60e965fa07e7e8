"""Tables of databases, read and never written: a file of SQLite or DuckDB, or whatever SQLAlchemy
has a driver for.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analysis.data.reading.raw_table import RawTable, from_records
from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.plan.codebook import ReadingSection

MOST_CELLS = 2 * 10**8
"""Cells of a result that are read into memory."""

PATIENCE = 120.0
"""Seconds that a query of an SQLite file may take."""

PASSWORD = "SCORE_AUDIT_DATABASE_PASSWORD"
"""The environment variable that holds a database's password: a plan is made to be published."""

URL = re.compile(r"[a-z][a-z0-9+_]*://", re.IGNORECASE)

READS = re.compile(r"\s*(?:select|with|values)\b", re.IGNORECASE)
"""How a query starts that only reads."""


def is_url(address: str) -> bool:
    """Return whether an address is a database's URL, such as ``postgresql://host/name``; the web is
    none.
    """
    return bool(URL.match(address)) and not address.lower().startswith(
        ("http", "ftp", "file", "s3", "gs")
    )


def read_sqlite(path: Path, where: str, reading: ReadingSection) -> RawTable:
    """Read one table of an SQLite file, or the rows of a query; nothing but reading is allowed in
    it.
    """
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        names = (
            "select name from sqlite_master where type in ('table', 'view') and name not like"
            " 'sqlite_%' order by 1"
        )
        query, note = _question(reading, [str(row[0]) for row in connection.execute(names)], where)
        end = time.monotonic() + PATIENCE
        connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        connection.set_authorizer(_only_reading)
        cursor = connection.execute(query, reading.parameters)
        header = [column[0] for column in cursor.description]
        return RawTable(
            from_records([header, *_rows(cursor.fetchmany, len(header), where)], where), (note,)
        )
    except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
        raise _refusal(where, error) from None
    finally:
        connection.close()


def _only_reading(action: int, name: str | None, other: str | None, *place: Any) -> int:
    """Allow what a query needs to read, and no function that leaves the database."""
    allowed = (
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    )
    outside = action == sqlite3.SQLITE_FUNCTION and str(other).lower() in (
        "load_extension",
        "readfile",
        "writefile",
    )
    return sqlite3.SQLITE_OK if action in allowed and not outside else sqlite3.SQLITE_DENY


def read_duckdb(path: Path, where: str, reading: ReadingSection) -> RawTable:
    """Read one table of a DuckDB file, or the rows of a query, without access to anything outside
    the file.
    """
    try:
        import duckdb
    except ImportError:
        fault = Fault(
            "dataset",
            'the package "duckdb" is not installed',
            "the extra: pip install 'score-audit[engine]'",
        )
        raise DataError(where, [fault]) from None
    connection = None
    try:
        connection = duckdb.connect(
            str(path), read_only=True, config={"enable_external_access": "false"}
        )
        names = connection.execute(
            "select table_name from information_schema.tables order by 1"
        ).fetchall()
        query, note = _question(reading, [str(row[0]) for row in names], where)
        connection.execute(
            re.sub(r"(?<![:\w]):(\w+)", r"$\1", query) if reading.parameters else query,
            reading.parameters or None,
        )
        header = [column[0] for column in connection.description]
        return RawTable(
            from_records([header, *_rows(connection.fetchmany, len(header), where)], where), (note,)
        )
    except duckdb.Error as error:
        raise _refusal(where, error) from None
    finally:
        if connection is not None:
            connection.close()


def read_url(address: str, reading: ReadingSection) -> RawTable:
    """Read a table or the rows of a query by way of SQLAlchemy, in a transaction that is never
    committed.
    """
    try:
        import sqlalchemy
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        fault = Fault(
            "dataset", "the address of a database", "the extra: pip install 'score-audit[sql]'"
        )
        raise DataError(URL.match(address)[0], [fault]) from None
    try:
        url = sqlalchemy.make_url(address)
        where = url.render_as_string(hide_password=True)
        if url.password:
            allowed = (
                f"a user at most: plans are published. The password is taken from {PASSWORD} or the"
                " driver's file"
            )
            raise DataError(where, [Fault("dataset", "a password in the plan", allowed)])
        url = url.set(password=os.environ.get(PASSWORD))
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection = connection.execution_options(postgresql_readonly=True)
            elif engine.dialect.name in ("mysql", "mariadb"):
                connection.execute(sqlalchemy.text("SET TRANSACTION READ ONLY"))
            names = (
                sqlalchemy.inspect(connection).get_table_names() if reading.query is None else []
            )
            query, note = _question(reading, names, where)
            result = connection.execute(sqlalchemy.text(query), reading.parameters)
            header = list(result.keys())
            return RawTable(
                from_records([header, *_rows(result.fetchmany, len(header), where)], where), (note,)
            )
    except DataError:
        raise
    except (SQLAlchemyError, ImportError, OSError, ValueError) as error:
        found = printable(
            str(error).splitlines()[0] if str(error) else type(error).__name__, limit=200
        )
        where = URL.match(address)[0] + "..."
        raise DataError(
            where, [Fault("dataset", found, "a database that can be reached and read")]
        ) from None


def _question(reading: ReadingSection, names: Sequence[str], where: str) -> tuple[str, str]:
    """Return the query that is asked and what to report of it: the plan's own, or all of one
    table.
    """
    if reading.query is not None:
        body = reading.query.strip().removesuffix(";")
        if not READS.match(body) or ";" in body:
            found = printable(reading.query)
            raise DataError(
                where,
                [
                    Fault(
                        "[reading] query", found, "one select that only reads, without a semicolon"
                    )
                ],
            )
        return body, "rows of the query in the plan"
    table = reading.table or (names[0] if len(names) == 1 else None)
    if table is None or table not in names:
        found = (
            f'no table "{printable(reading.table)}"' if reading.table else f"{len(names)} tables"
        )
        hint = did_you_mean(reading.table, names) if reading.table else ""
        allowed = f"[reading] table in the plan, one of: {listing(names, limit=20)}; or query"
        raise DataError(where, [Fault("[reading] table", found, allowed, hint)])
    return f'select * from "{table.replace(chr(34), 2 * chr(34))}"', f"table {printable(table)}"


def _rows(
    fetch: Callable[[int], Sequence[Sequence[Any]]], width: int, where: str
) -> list[list[Any]]:
    """Return all rows, in portions, refusing more than memory is meant for."""
    rows: list[list[Any]] = []
    while portion := fetch(50_000):
        rows += map(list, portion)
        if len(rows) * width > MOST_CELLS:
            allowed = "at most that: add a limit to the query, or give duckdb:FILE/TABLE"
            raise DataError(where, [Fault("the rows", f"more than {MOST_CELLS:,} cells", allowed)])
    return rows


def _refusal(where: str, error: Exception) -> DataError:
    text = str(error).split("\n")[0]
    found = f"a query of more than {PATIENCE:g} seconds" if text == "interrupted" else text
    return DataError(
        where,
        [Fault("dataset", printable(found, limit=200), "a table or a query that can be read")],
    )
