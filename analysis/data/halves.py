"""Halves of engagement from a long file: an account's weeks or posts are counted off into two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset, read_dataset
from analysis.data.reading.cells import not_numbers, numbers_of, texts_of
from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.plan import Plan
from analysis.plan.sections.columns import LongSection, half_names


def with_halves(plan: Plan, dataset: Dataset) -> Dataset:
    """Return the dataset with two columns for each column that the plan builds from a long file.

    An account with fewer than two rows has no halves: it is left out as any row with a missing
    value is.

    Raises
    ------
    DataError
        When the long file lacks a column, has cells that are no numbers, names an account and a
        time twice, or holds none of the accounts.
    """
    long = plan.engagement.long
    if long is None:
        return dataset
    rows = read_dataset(long.dataset, folder=plan.folder)
    where = str(rows.path or rows.address)
    _require(long, rows, where)
    faults: list[Fault] = []
    counted = _counted(long, rows, faults)
    _taken(long, dataset, faults)
    ids = (
        texts_of(dataset.frame[plan.row]) if plan.row in dataset.frame else pd.Series(dtype=object)
    )
    if plan.row in dataset.frame and not faults and not ids.isin(counted["account"]).any():
        found = f"none of the {ids.nunique():,} values of {printable(plan.row)}"
        faults.append(
            Fault(
                f'column "{printable(long.row)}"',
                found,
                "the accounts under the names the plan's data use",
            )
        )
    if faults:
        raise DataError(where, faults)
    halves = half_columns(counted, long)
    frame = dataset.frame.copy()
    for name in halves:
        frame[name] = ids.map(halves[name]).to_numpy(dtype=float) if len(ids) else np.nan
    return replace(dataset, frame=frame)


def counts_behind(plan: Plan, accounts: pd.Series) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return what the means of the halves were made of: by column, the sums of the same rows, for
    each account.

    Parameters
    ----------
    plan : Plan
    accounts : Series
        The plan's `row` of the rows analysed.

    Returns
    -------
    dict of (ndarray, ndarray), shape (rows,) each
        Nothing where the plan has no long file, or takes sums of it: those are counts themselves.
    """
    long = plan.engagement.long
    if long is None or long.how != "mean":
        return {}
    sums = half_columns(
        _counted(long, read_dataset(long.dataset, folder=plan.folder), []), long, of="sum"
    )
    ids = texts_of(accounts)
    return {
        column: tuple(
            ids.map(sums[name]).to_numpy(dtype=float) for name in half_names(column, long.split)
        )
        for column in long.columns
    }


def source_of(plan: Plan) -> str:
    """Return where the halves come from, and which bytes were read: "likes from weeks.csv, 5,200
    rows, SHA-256 ...".
    """
    long = plan.engagement.long
    rows = read_dataset(long.dataset, folder=plan.folder)
    return (
        f"{listing(long.columns)} from {printable(long.dataset)}, {rows.rows:,} rows, SHA-256"
        f" {rows.sha256}"
    )


def half_columns(counted: pd.DataFrame, long: LongSection, *, of: str = "") -> pd.DataFrame:
    """Return the halves of each column, indexed by account.

    Parameters
    ----------
    counted : DataFrame
        Columns "account", "order" and those of `long`.
    long : LongSection
    of : {"", "sum", "mean"}
        What is taken of the rows of a half; the rows are those of the plan's own `how`.
    """
    rows = counted.sort_values(["account", "order"], kind="stable")
    place = rows.groupby("account").cumcount().to_numpy()
    size = rows.groupby("account")["order"].transform("size").to_numpy()
    second = place % 2 == 1 if long.split == "odd-even" else place >= size // 2
    used = size >= 2
    if long.how == "sum":
        used &= place < size - size % 2
    if long.split == "windows" and long.how == "mean":
        second = place >= (size + 1) // 2
    halves = {}
    for column in long.columns:
        for name, part in zip(half_names(column, long.split), (~second, second), strict=True):
            halves[name] = rows.loc[used & part].groupby("account")[column].agg(of or long.how)
    return pd.DataFrame(halves)


def _require(long: LongSection, rows: Dataset, where: str) -> None:
    names = [str(name) for name in rows.frame.columns]
    wanted = {long.row: "row", long.order: "order", **dict.fromkeys(long.columns, "columns")}
    faults = [
        Fault(
            f'column "{printable(name)}" ([engagement] long, {role})',
            "no such column",
            "one of: " + listing(names, limit=30),
            did_you_mean(name, names),
        )
        for name, role in wanted.items()
        if name not in names
    ]
    if faults:
        raise DataError(where, faults)


def _counted(long: LongSection, rows: Dataset, faults: list[Fault]) -> pd.DataFrame:
    """Return the accounts, the order and the numbers; collect cells that are none, and times named
    twice.
    """
    account = texts_of(rows.frame[long.row])
    columns = {"account": account, "order": _order(rows.frame[long.order], long.order, faults)}
    for column in long.columns:
        columns[column] = numbers_of(rows.frame[column])
        bad = columns[column].isna() | ~np.isfinite(columns[column])
        not_numbers(
            rows.frame[column], bad & account.notna(), f'column "{printable(column)}"', faults
        )
    counted = pd.DataFrame(columns)[account.notna().to_numpy()]
    twice = counted.duplicated(["account", "order"])
    if twice.any():
        first = counted[twice].iloc[0]
        found = (
            f"{int(twice.sum()):,} rows with an account and a time named before:"
            f" {printable(first['account'])}, "
        )
        found += f"row {counted.index[twice][0]}"
        faults.append(
            Fault(f'column "{printable(long.order)}"', found, "each time once for each account")
        )
    return counted


def _order(raw: pd.Series, name: str, faults: list[Fault]) -> pd.Series:
    """Return numbers that sort as the column's numbers or dates do."""
    numbers = numbers_of(raw)
    if numbers.notna().sum() < 0.5 * len(numbers):
        days = pd.to_datetime(texts_of(raw), format="ISO8601", errors="coerce")
        numbers = pd.Series(np.where(days.isna(), np.nan, days.astype("int64")), index=raw.index)
    not_numbers(
        raw,
        numbers.isna(),
        f'column "{printable(name)}"',
        faults,
        what="no number and no date",
        allowed="numbers, or dates as YYYY-MM-DD with or without a time",
    )
    return numbers


def _taken(long: LongSection, dataset: Dataset, faults: list[Fault]) -> None:
    names = [
        name
        for column in long.columns
        for name in half_names(column, long.split)
        if name in dataset.frame
    ]
    faults += [
        Fault(f'column "{printable(name)}"', "there already", "data without a column of this name")
        for name in names
    ]
