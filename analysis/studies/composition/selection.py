"""Rows without an outcome or a score: whether they are others, and what that could do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy

from analysis.data.sample import Sample
from analysis.models.design import Design
from analysis.results.estimates import Check

GROUPS = 10
ROWS_A_GROUP = 30
SURE = 0.01
"""Level at which a gap between groups of engagement counts as more than chance."""


def check_selection(sample: Sample, design: Design, outcome: str, score: str) -> Check:
    """Return the check whether outcome and score are known as often for little engagement as for
    much.

    Notes
    -----
    Rows are grouped by tenths of each engagement column (fewer where rows are few) and the share
    with outcome and score known is compared; chance is judged by a chi-square test. The bounds put
    every unknown outcome at the smallest or the largest known one, whichever moves the
    least-squares slope further.
    """
    plan = sample.plan
    if plan.missing == "zero":
        reason = "The plan counts missing outcomes as zero, so no row is left out for lacking one."
        return Check(plan.name, "selection", None, reason, None, outcome, score)
    whole = sample.candidates
    if whole is None or len(whole) == 0:
        reason = "Rows that were left out are not at hand."
        return Check(plan.name, "selection", None, reason, None, outcome, score)
    known = whole[[outcome, score]].notna().all(axis=1).to_numpy()
    if known.all():
        reason = "Outcome and score are known for every row."
        return Check(plan.name, "selection", True, reason, 0.0, outcome, score)
    share = 100 * known.mean()
    said = f"Outcome and score are known for {share:.0f} % of {len(whole):,} rows"
    gaps = [
        gap for column in plan.engagement.columns if (gap := _gap(whole, column, known)) is not None
    ]
    if not gaps:
        reason = f"{said}; engagement is not known for enough of the others to compare them."
        return Check(plan.name, "selection", None, reason, None, outcome, score)
    worst = max(gaps, key=lambda gap: abs(gap[0]))
    size, column, low, high, chance = worst
    selected = abs(size) > plan.overlap.missing_gap and chance < SURE
    way = "rising" if size > 0 else "falling"
    reason = (
        f"{said}, {way} from {100 * low:.0f} % to {100 * high:.0f} % between the least and the most"
        f" {column}."
    )
    if selected:
        reason += " The rows analysed are not like the others, and the verdict is about them alone."
        reason += _reversal(known)
    reason += _bounds(sample, design, whole, known, outcome, score)
    return Check(plan.name, "selection", not selected, reason, size, outcome, score)


def _gap(
    whole: pd.DataFrame, column: str, known: np.ndarray
) -> tuple[float, str, float, float, float] | None:
    """Return (gap, column, share known in the lowest group, in the highest, p of a chi-square
    test).
    """
    if column not in whole:
        return None
    values = whole[column].to_numpy(dtype=float)
    there = np.isfinite(values)
    if there.sum() < 2 * ROWS_A_GROUP or known[there].all() or not known[there].any():
        return None
    groups = min(GROUPS, there.sum() // ROWS_A_GROUP)
    codes = pd.qcut(values[there], groups, labels=False, duplicates="drop")
    sizes = np.bincount(codes)
    counts = np.bincount(codes, known[there])
    if len(sizes) < 2 or (sizes == 0).any():
        return None
    table = np.column_stack([counts, sizes - counts])
    chance = float(scipy.stats.chi2_contingency(table, correction=False).pvalue)
    rates = counts / sizes
    return float(rates[-1] - rates[0]), column, float(rates[0]), float(rates[-1]), chance


def _reversal(known: np.ndarray) -> str:
    """Return which effect among the rows left out would undo the one found; said where these rows
    are others.
    """
    even = known.mean() / (1 - known.mean())
    return (
        f" If the score's effect among the rows left out were {even:.2g} times the one found, with"
        " the other sign, it would be gone among all rows."
    )


def _bounds(
    sample: Sample, design: Design, whole: pd.DataFrame, known: np.ndarray, outcome: str, score: str
) -> str:
    """Return what the missing outcomes could do: nothing is said where score or engagement are
    missing, too.
    """
    columns = [*sample.plan.engagement.columns, score]
    if any(column not in whole for column in columns):
        return ""
    rest = whole[columns].notna().all(axis=1).to_numpy() & (
        whole[outcome].isna().to_numpy() | known
    )
    if rest.sum() <= known.sum():
        return ""
    table = whole.loc[rest, columns].to_numpy(dtype=float)
    others = np.column_stack([np.ones(len(table)), table[:, :-1]])
    own = table[:, -1] - others @ np.linalg.lstsq(others, table[:, -1], rcond=None)[0]
    values = whole.loc[rest, outcome].to_numpy(dtype=float)
    seen = np.isfinite(values)
    low, high = values[seen].min(), values[seen].max()
    weight = own / (own @ own) * table[:, -1].std(ddof=1)
    fixed = float(weight[seen] @ values[seen])
    free = weight[~seen]
    ends = (
        fixed + float(np.minimum(free * low, free * high).sum()),
        fixed + float(np.maximum(free * low, free * high).sum()),
    )
    return (
        f" With the unknown outcomes anywhere between {_plain(low)} and {_plain(high)}, the"
        " least-squares slope per standard deviation of the score among all rows could be anything"
        f" from {_plain(ends[0])} to {_plain(ends[1])}."
    )


def _plain(value: float) -> str:
    """Write a number to four digits without an exponent: -1,057,000,000."""
    return f"{float(f'{value:.4g}'):,.15g}"
