"""Halves of engagement from a long file: an account's weeks or posts are counted off into two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.data.dataset import Dataset, read_dataset
from analysis.data.reading.cells import numbers_of, odd_cells, texts_of
from analysis.errors import DataError, Fault, column_place, listing, printable, unknown
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
    long, frame = plan.engagement.long, dataset.frame
    if long is None:
        return dataset
    rows = read_dataset(long.dataset, folder=plan.folder)
    where = rows.path or rows.address
    names = [str(name) for name in rows.frame.columns]
    wanted = {long.row: "row", long.order: "order", **dict.fromkeys(long.columns, "columns")}
    faults = [
        unknown(
            column_place(name, f"[engagement] long, {role}"),
            "no such column",
            name,
            names,
            limit=30,
        )
        for name, role in wanted.items()
        if name not in names
    ]
    if faults:
        raise DataError(where, faults)
    counted = _counted(long, rows, faults)
    made = [name for column in long.columns for name in half_names(column, long.split)]
    allowed = "data without a column of this name"
    faults += [Fault(column_place(n), "there already", allowed) for n in made if n in frame]
    ids = texts_of(frame[plan.row]) if plan.row in frame else pd.Series(dtype=object)
    if plan.row in frame and not faults and not ids.isin(counted["account"]).any():
        found = f"none of the {ids.nunique():,} values of {printable(plan.row)}"
        allowed = "the accounts under the names the plan's data use"
        faults.append(Fault(column_place(long.row), found, allowed))
    if faults:
        raise DataError(where, faults)
    halves = half_columns(counted, long)
    columns = {
        name: ids.map(halves[name]).to_numpy(dtype=float) if len(ids) else np.nan for name in halves
    }
    return replace(dataset, frame=frame.assign(**columns))


def counts_behind(plan: Plan, accounts: pd.Series) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return, by column, the sums of the rows of which the two halves of an account are the means.

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
    return _halves_of(plan, long, accounts, of="sum")


def windows_beside(plan: Plan, accounts: pd.Series) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return, by column, the earlier and the later half of a long file that is split odd and even.

    Parameters
    ----------
    plan : Plan
    accounts : Series
        The plan's `row` of the rows analysed.

    Returns
    -------
    dict of (ndarray, ndarray), shape (rows,) each
        Nothing where the plan has no long file, or one that is split into windows already.
    """
    long = plan.engagement.long
    if long is None or long.split == "windows":
        return {}
    return _halves_of(plan, long.model_copy(update={"split": "windows"}), accounts)


def _halves_of(
    plan: Plan, long: LongSection, accounts: pd.Series, *, of: str = ""
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return both halves of each column for these accounts, by the split of `long`."""
    counted = _counted(long, read_dataset(long.dataset, folder=plan.folder), [])
    halves, ids = half_columns(counted, long, of=of), texts_of(accounts)
    return {
        column: tuple(
            ids.map(halves[name]).to_numpy(dtype=float) for name in half_names(column, long.split)
        )
        for column in long.columns
    }


def source_of(plan: Plan) -> str:
    """Return where halves come from: "likes from weeks.csv, 5,200 rows, SHA-256 ..."."""
    long = plan.engagement.long
    rows = read_dataset(long.dataset, folder=plan.folder)
    source = f"{listing(long.columns)} from {printable(long.dataset)}"
    return f"{source}, {rows.rows:,} rows, SHA-256 {rows.sha256}"


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


def _counted(long: LongSection, rows: Dataset, faults: list[Fault]) -> pd.DataFrame:
    """Return accounts, order and numbers; collect cells that are none, and times named twice."""
    frame = rows.frame
    account = texts_of(frame[long.row])
    columns = {"account": account, "order": _order(frame[long.order], long.order, faults)}
    for column in long.columns:
        columns[column] = numbers_of(frame[column])
        bad = ~np.isfinite(columns[column]) & account.notna()
        faults += odd_cells(frame[column], bad, column_place(column))
    counted = pd.DataFrame(columns)[account.notna().to_numpy()]
    twice = counted[counted.duplicated(["account", "order"])]
    if len(twice):
        first = f"{printable(twice['account'].iloc[0])}, row {twice.index[0]}"
        found = f"{len(twice):,} rows with an account and a time named before: {first}"
        faults.append(Fault(column_place(long.order), found, "each time once for each account"))
    return counted


def _order(raw: pd.Series, name: str, faults: list[Fault]) -> pd.Series:
    """Return numbers that sort as the column's numbers or dates do."""
    numbers = numbers_of(raw)
    if numbers.notna().sum() < 0.5 * len(numbers):
        days = pd.to_datetime(texts_of(raw), format="ISO8601", errors="coerce")
        numbers = pd.Series(np.where(days.isna(), np.nan, days.astype("int64")), index=raw.index)
    faults += odd_cells(
        raw,
        numbers.isna(),
        column_place(name),
        what="no number and no date",
        allowed="numbers, or dates as YYYY-MM-DD with or without a time",
    )
    return numbers
