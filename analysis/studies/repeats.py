"""Rows that repeat an earlier one in everything but an id, and the word without them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.data.sample import Sample
from analysis.plan import Plan

SHUFFLES = 5
BEYOND = 3.0
"""Rows repeat, and do not only look alike, where this many times as many do as by chance, and as
many more."""

MOST_ALIKE = 0.2
"""Share of all pairs of rows that agree in a column, from which on its shuffle tells too little."""


def repeated_rows(sample: Sample) -> np.ndarray:
    """Return the mask of rows that repeat an earlier one, shape (rows,); none where rows of this
    kind may look alike by chance.

    Columns that are different in every row and play no part in the plan, as an id is, are passed
    over. Chance is what is left of the repeats when a column of the plan is shuffled: small whole
    numbers repeat all the same. It is the first outcome or, where that has so few values that any
    two rows may well agree, the first score or engagement column that has not.
    """
    if "repeated" not in sample.kept:
        sample.kept["repeated"] = _repeated_rows(sample)
    return sample.kept["repeated"]


def _repeated_rows(sample: Sample) -> np.ndarray:
    plan, raw = sample.plan, sample.raw
    none = np.zeros(sample.rows, dtype=bool)
    if raw is None:
        return none
    taken = {column for column, _ in plan.roles()}
    ids = [
        name
        for name in raw.columns
        if str(name) not in taken and (str(name) == plan.row or _identifies(raw[name]))
    ]
    table = raw.drop(columns=ids)
    codes = np.column_stack(
        [pd.factorize(table[name].astype(object), use_na_sentinel=False)[0] for name in table]
    )
    repeated = _duplicated(codes)
    count = int(repeated.sum())
    if not count:
        return none
    at = _telling(plan, [str(name) for name in table], codes)
    if at is None:
        return none
    rng = np.random.default_rng(plan.inference.seed)
    chance = 0.0
    for _ in range(SHUFFLES):
        codes[:, at] = rng.permutation(codes[:, at])
        chance += float(_duplicated(codes).sum()) / SHUFFLES
    return repeated if count > BEYOND * (chance + 1) else none


def _telling(plan: Plan, names: list[str], codes: np.ndarray) -> int | None:
    """Return the place of a column in which rows seldom agree by chance; None without one."""
    columns = (plan.outcome[0].column, *plan.score.columns, *plan.engagement.columns)
    for at in (names.index(column) for column in columns if column in names):
        shares = np.bincount(codes[:, at]) / len(codes)
        if shares @ shares < MOST_ALIKE:
            return at
    return None


def _identifies(values: pd.Series) -> bool:
    """Return whether a column is different in every row, and no measurement."""
    return not pd.api.types.is_float_dtype(values) and bool(values.is_unique)


def _duplicated(codes: np.ndarray) -> np.ndarray:
    return pd.DataFrame(codes).duplicated().to_numpy()
