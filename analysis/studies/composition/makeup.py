"""How far the score can be rebuilt from engagement on rows that were left out, and what is a part
of what.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.data.sample import Sample
from analysis.errors import listing, printable
from analysis.models.design import Design, transformed_score
from analysis.results.estimates import Check
from analysis.studies.composition.relation import forms, squared_correlation

FOLDS = 5
LEAST_ROWS, MOST_ROWS = 50, 10_000
"""Rows for which rebuilding is tried; of larger samples a seeded draw."""

EXACT = 1 - 1e-9
"""Above this share of its variance a column follows from others but for rounding."""

MOST_COLUMNS = 40
"""Columns of the file that are looked at for parts of the score."""


def check_makeup(sample: Sample, design: Design, score: str) -> list[Check]:
    """Return the checks of what the score is a re-expression of, and of columns that contain one
    another.
    """
    return [
        _re_expression(sample, design, score),
        _part_whole(sample, score),
        _derived(sample, score),
    ]


# --- rebuilding on rows that were left out --------------------------------------------------------


def _re_expression(sample: Sample, design: Design, score: str) -> Check:
    """How well the score of a row is rebuilt from its engagement by what other rows teach."""
    plan, target = sample.plan, transformed_score(sample, score)
    if len(target) < LEAST_ROWS:
        reason = (
            f"With {len(target):,} rows, rebuilding the score from engagement on rows left out says"
            " nothing."
        )
        return Check(plan.name, "re_expression", None, reason, None, "", score)
    engagement = [sample.numbers(column) for column in plan.engagement.columns]
    rng = np.random.default_rng(plan.inference.seed)
    rows = np.sort(rng.choice(len(target), min(len(target), MOST_ROWS), replace=False))
    folds = _folds(None if design.clusters is None else design.clusters[rows], len(rows), rng)
    linear = np.column_stack([form for values in engagement for _, form in forms(values)])[rows]
    shares = {"linearly, logs included,": _cross_validated(_linear, linear, target[rows], folds)}
    if not plan.quick:
        shares["by boosted trees"] = _cross_validated(
            _boosted, np.column_stack(engagement)[rows], target[rows], folds
        )
    held = squared_correlation(design.block("score")[:, 0], design.block("engagement", "control"))
    refused = held > plan.overlap.score_explained or design.n * (1 - held) < plan.overlap.rows_left
    return _judged(
        sample, score, shares, float(target.std(ddof=1)), len(rows), refused_already=refused
    )


def _judged(
    sample: Sample,
    score: str,
    shares: dict[str, float],
    spread: float,
    looked_at: int,
    *,
    refused_already: bool,
) -> Check:
    plan, rows = sample.plan, sample.rows
    how, best = max(shares.items(), key=lambda item: item[1])
    best = max(best, 0.0)
    left = rows * (1 - best)
    floor = best > plan.overlap.score_explained or left < plan.overlap.rows_left
    refuses = floor and not refused_already
    tried = " and ".join(f"{100 * max(share, 0.0):.1f} % {name}" for name, share in shares.items())
    drawn = "" if looked_at == rows else f" (in a seeded draw of {looked_at:,} rows)"
    reason = (
        f"On rows left out, engagement alone rebuilds {tried} of {score}{drawn}; what is left has a"
        f" standard deviation of {spread * np.sqrt(1 - best):.3g} and is worth {left:,.0f} of"
        f" {rows:,} rows."
    )
    if floor:
        reason += (
            f" The score is all but a re-expression of engagement ({how}), so the two cannot be"
            " told apart."
        )
    elif best >= plan.overlap.re_expression:
        reason += (
            " The score is largely a re-expression of engagement: the question is what the small"
            " rest is worth."
        )
    elif plan.quick:
        reason += (
            " Boosted trees are left out with quick = true: they may rebuild more of it, and"
            " refuse."
        )
    passed = best < plan.overlap.re_expression and not floor
    return Check(plan.name, "re_expression", passed, reason, best, "", score, refuses=refuses)


def _folds(clusters: np.ndarray | None, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a fold for each row; clusters stay whole."""
    codes = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    groups = int(codes.max()) + 1
    return (rng.permutation(groups) % min(FOLDS, groups))[codes]


def _cross_validated(predict, columns: np.ndarray, target: np.ndarray, folds: np.ndarray) -> float:
    """Return the share of the variance of `target` that is predicted on rows left out."""
    error = 0.0
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        error += float(
            ((target[out] - predict(columns[~out], target[~out], columns[out])) ** 2).sum()
        )
    return 1 - error / float(((target - target.mean()) ** 2).sum())


def _linear(columns: np.ndarray, target: np.ndarray, new: np.ndarray) -> np.ndarray:
    centre, scale = columns.mean(axis=0), columns.std(axis=0)
    scale[scale == 0] = 1.0
    x, fresh = ((values - centre) / scale for values in (columns, new))
    return target.mean() + fresh @ np.linalg.lstsq(x, target - target.mean(), rcond=None)[0]


def _boosted(columns: np.ndarray, target: np.ndarray, new: np.ndarray) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingRegressor

    learner = HistGradientBoostingRegressor(
        max_iter=30,
        learning_rate=0.25,
        max_leaf_nodes=8,
        max_bins=64,
        early_stopping=False,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's about binning few rows
        return learner.fit(columns, target).predict(new)


# --- parts and wholes -----------------------------------------------------------------------------


def _part_whole(sample: Sample, score: str) -> Check:
    """Whether the score is a sum or a product of columns of the file, engagement among them."""
    plan, target = sample.plan, sample.numbers(score)
    pool = _columns(sample, score)
    found = next(_makers(target, pool, plan.engagement.columns), None)
    total = next(
        (column for column in plan.engagement.columns if _contains(target, pool[column])), None
    )
    if plan.score.shares_error == "full":
        reason = (
            f"The plan says that {score} is computed from the engagement columns (shares_error)."
        )
        return Check(plan.name, "part_whole", None, reason, None, "", score)
    if found is not None:
        how, makers = found
        reason = f"{score} is exactly {how} {_named(makers)}: a part of it is held constant."
        reason += ' Say so in the plan: shares_error = "full".'
    elif total is not None:
        reason = (
            f"{score} is never below {total} and often equals it: {total} may be a part of it. If"
            ' so, the plan should say shares_error = "full".'
        )
    else:
        reason = f"{score} is no sum or product of the columns of this file."
    return Check(plan.name, "part_whole", found is None and total is None, reason, None, "", score)


def _makers(
    target: np.ndarray, pool: dict[str, np.ndarray], engagement: tuple[str, ...]
) -> Iterator[tuple[str, list[str]]]:
    """Yield how the score follows exactly from columns with engagement among them, and which."""
    positive = {name: values for name, values in pool.items() if values.min() > 0}
    trials = [("a weighted sum of", target, pool)]
    if target.min() > 0:
        trials.append(
            ("a product of powers of", np.log(target), {n: np.log(v) for n, v in positive.items()})
        )
    for how, values, columns in trials:
        if (
            not columns
            or squared_correlation(values, np.column_stack(list(columns.values()))) <= EXACT
        ):
            continue
        for name in list(columns):  # leave out what is not needed
            rest = {other: column for other, column in columns.items() if other != name}
            if rest and squared_correlation(values, np.column_stack(list(rest.values()))) > EXACT:
                columns = rest
        if set(columns) & set(engagement):
            yield how, list(columns)


def _contains(whole: np.ndarray, part: np.ndarray) -> bool:
    """Return whether one column is never below another, equals it in some rows, and goes with
    it.
    """
    return bool(
        (whole >= part).all()
        and (whole == part).mean() >= 0.01
        and (whole > part).any()
        and np.ptp(part) > 0
        and np.corrcoef(whole, part)[0, 1] ** 2 > 0.25
        and len(np.unique(part)) > 10
    )


def _columns(sample: Sample, score: str) -> dict[str, np.ndarray]:
    """Return engagement and the other complete numeric columns of the file that vary, at most
    `MOST_COLUMNS`.
    """
    plan = sample.plan
    pool = {column: sample.numbers(column) for column in plan.engagement.columns}
    taken = {score, *plan.outcomes, *plan.score.halves.get(score, ()), *plan.engagement.columns}
    raw = sample.raw
    if raw is not None:
        for name in raw.columns:
            values = raw[name]
            if (
                str(name) in taken
                or len(pool) >= MOST_COLUMNS
                or not pd.api.types.is_numeric_dtype(values)
            ):
                continue
            numbers = values.to_numpy(dtype=float, na_value=np.nan)
            if np.isfinite(numbers).all() and 0 < np.ptp(numbers) < 1e100:
                pool[str(name)] = numbers
    most = max(1, sample.rows // 10)
    return dict(list(pool.items())[: max(most, len(plan.engagement.columns))])


def _derived(sample: Sample, score: str) -> Check:
    """Whether one engagement column follows (almost) from the others."""
    plan = sample.plan
    columns = plan.engagement.columns
    if len(columns) < 2:
        reason = "There is one engagement column: it is derived from no other."
        return Check(plan.name, "derived", None, reason, None, "", score)
    values = {column: sample.numbers(column) for column in columns}
    shares = {
        column: squared_correlation(
            values[column], np.column_stack([values[c] for c in columns if c != column])
        )
        for column in columns
    }
    worst = max(shares, key=lambda column: shares[column])
    passed = shares[worst] <= plan.overlap.score_explained
    reason = (
        f"The other engagement columns explain {100 * shares[worst]:.1f} % of {worst}, the most of"
        " any."
    )
    if not passed:
        reason += " It is derived from them, or they from it; one of them would do."
    return Check(plan.name, "derived", passed, reason, shares[worst], "", score)


def _named(columns: list[str]) -> str:
    return listing([printable(column) for column in columns], limit=6)
