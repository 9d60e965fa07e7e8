"""What the score is computed from: engagement that rebuilds it, and columns it is the sum of."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from analysis.errors import listing, printable
from analysis.models.columns import transformed_score
from analysis.results.estimates import Check
from analysis.results.question import Question
from analysis.studies.composition.shares import (
    HIDDEN,
    forms,
    r_squared,
    shares_by_others,
    trimmed_share,
)

Learner = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From columns and target of some rows, and the columns of others, to predictions of the latter."""

FOLDS = 5
LEAST_ROWS, MOST_ROWS = 50, 10_000
"""Rows for which rebuilding is tried; of larger samples a seeded draw."""

EXACT = 1 - 1e-9
"""Above this share of its variance a column follows from others but for rounding."""

MOST_COLUMNS = 40
"""Columns of the file that are looked at for parts of the score."""


def check_source(question: Question, held: float) -> list[Check]:
    """Return the checks of what the score re-expresses, and of columns that contain others.

    Parameters
    ----------
    question : Question
    held : float
        The share of the score that engagement and controls explain.
    """
    checks = (_re_expression(question, held), _part_whole(question), _derived(question))
    return [replace(check, outcome="") for check in checks]


# --- rebuilding on rows that were left out --------------------------------------------------------


def _re_expression(question: Question, held: float) -> Check:
    """How well the score of a row is rebuilt from its engagement by what other rows teach."""
    plan, target = question.plan, transformed_score(question.sample, question.score)
    rows, limits = len(target), plan.overlap
    if rows < LEAST_ROWS:
        reason = (
            f"With {rows:,} rows, rebuilding the score from engagement on rows left out says"
            " nothing."
        )
        return question.check("re_expression", None, reason, assessed=False)
    shares, used = _rebuilt(question, target)
    how, best = max(shares.items(), key=lambda item: item[1])
    best = max(best, 0.0)
    left = rows * (1 - best)
    told = [(f"{100 * max(share, 0.0):.1f} %", name) for name, share in shares.items()]
    tried = f"{told[0][0]} of {question.score} {told[0][1]}"
    tried += "".join(f", and {share} {name}" for share, name in told[1:])
    drawn = "" if used == rows else f" (in a seeded draw of {used:,} rows)"
    rest = float(target.std(ddof=1)) * np.sqrt(1 - best)
    reason = (
        f"On rows left out, engagement alone rebuilds {tried}{drawn}; what is"
        f" left has a standard deviation of {rest:.3g} and is worth {left:,.0f} of {rows:,} rows."
    )
    same = best > limits.score_explained or left < limits.rows_left
    if same:
        reason += (
            f" The score is all but a re-expression of engagement ({how}), so the two cannot be"
            " told apart."
        )
    elif best >= limits.re_expression:
        reason += (
            " The score is largely a re-expression of engagement: the question is what the small"
            " rest is worth."
        )
    elif plan.quick:
        reason += (
            " Boosted trees are left out with quick = true: they may rebuild more of it, and"
            " refuse."
        )
    refused = held > limits.score_explained or rows * (1 - held) < limits.rows_left
    passed = best < limits.re_expression and not same
    check = question.check("re_expression", passed, reason, best)
    return replace(check, refuses=same and not refused)


def _rebuilt(question: Question, target: np.ndarray) -> tuple[dict[str, float], int]:
    """Return the R2 of the score on rows left out by each learner, and how many rows were used."""
    engagement = [question.sample.numbers(column) for column in question.plan.engagement.columns]
    rng = np.random.default_rng(question.plan.inference.seed)
    rows = np.sort(rng.choice(len(target), min(len(target), MOST_ROWS), replace=False))
    codes = np.unique(question.design.units[rows], return_inverse=True)[1]
    groups = int(codes.max()) + 1
    folds = (rng.permutation(groups) % min(FOLDS, groups))[codes]
    linear = np.column_stack([form for values in engagement for _, form in forms(values)])

    def share(learn: Learner, columns: np.ndarray) -> float:
        return _predicted_share(learn, columns[rows], target[rows], folds)

    shares = {"by straight lines and logarithms": share(_straight, linear)}
    if not question.plan.quick:
        shares["by boosted trees"] = share(_boosted, np.column_stack(engagement))
    return shares, len(rows)


def _straight(columns: np.ndarray, target: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return predictions of other rows by least squares on standardised columns."""
    centre, spread = columns.mean(axis=0), columns.std(axis=0)
    spread = np.where(spread > 10 * np.finfo(float).eps * np.abs(centre), spread, 1.0)
    by = np.linalg.lstsq((columns - centre) / spread, target - target.mean(), rcond=None)[0]
    return target.mean() + (others - centre) / spread @ by


def _boosted(columns: np.ndarray, target: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return predictions of other rows by boosted trees."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(
        max_iter=30,
        learning_rate=0.25,
        max_leaf_nodes=8,
        max_bins=64,
        early_stopping=False,
        random_state=0,
    )
    return trees.fit(columns, target).predict(others)


def _predicted_share(
    learn: Learner, columns: np.ndarray, target: np.ndarray, folds: np.ndarray
) -> float:
    """Return the R2 of predictions of `target` in each fold by what the others teach."""
    predicted = np.empty_like(target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's about binning few rows
        for fold in np.unique(folds):
            left = folds == fold
            predicted[left] = learn(columns[~left], target[~left], columns[left])
    left = ((target - predicted) ** 2).sum() / ((target - target.mean()) ** 2).sum()
    all_but_few = trimmed_share(target, predicted)
    return all_but_few if all_but_few > HIDDEN else float(1 - left)


# --- parts and wholes -----------------------------------------------------------------------------


def _part_whole(question: Question) -> Check:
    """Whether the score is a sum or a product of columns of the file, engagement among them."""
    plan, score, target = question.plan, question.score, question.sample.numbers(question.score)
    columns = _columns(question)
    made = next(_exact_sources(target, columns, plan.engagement.columns), None)
    part = next(
        (name for name in plan.engagement.columns if _contains(target, columns[name])), None
    )
    passed = made is None and part is None
    if plan.score.shares_error == "full":
        passed = None
        reason = (
            f"The plan says that {score} is computed from the engagement columns (shares_error)."
        )
    elif made is not None:
        how, sources = made
        named = listing([printable(name) for name in sources], limit=6)
        reason = (
            f"{score} is exactly {how} {named}: a part of it is held constant. Say so in the plan:"
            ' shares_error = "full".'
        )
    elif part is not None:
        reason = (
            f"{score} is never below {part} and often equals it: {part} may be a part of it. If"
            ' so, the plan should say shares_error = "full".'
        )
    else:
        whole = "the columns of this file" if question.sample.raw is not None else "engagement"
        reason = f"{score} is no sum or product of {whole}."
    return question.check("part_whole", passed, reason)


def _exact_sources(
    target: np.ndarray, pool: dict[str, np.ndarray], engagement: tuple[str, ...]
) -> Iterator[tuple[str, list[str]]]:
    """Yield how the score follows exactly from columns with engagement among them, and which."""

    some = slice(None, None, max(1, len(target) // MOST_ROWS))

    def exact(values: np.ndarray, columns: dict[str, np.ndarray]) -> bool:
        """Look at some of many rows first: what does not hold there does not hold in all."""
        return bool(columns) and all(
            r_squared(values[rows], np.column_stack([one[rows] for one in columns.values()]))
            > EXACT
            for rows in (some, slice(None))
        )

    trials = [("a weighted sum of", target, pool)]
    if target.min() > 0:
        logs = {name: np.log(values) for name, values in pool.items() if values.min() > 0}
        trials.append(("a product of powers of", np.log(target), logs))
    for how, values, columns in trials:
        if not exact(values, columns):
            continue
        for name in list(columns):  # leave out what is not needed
            rest = {other: column for other, column in columns.items() if other != name}
            if exact(values, rest):
                columns = rest
        if set(columns) & set(engagement):
            yield how, list(columns)


def _contains(whole: np.ndarray, part: np.ndarray) -> bool:
    """Return whether a column is never below another, equals it in places, and goes with it."""
    return bool(
        (whole >= part).all()
        and (whole == part).mean() >= 0.01
        and (whole > part).any()
        and np.ptp(part) > 0
        and np.corrcoef(whole, part)[0, 1] ** 2 > 0.25
        and len(np.unique(part)) > 10
    )


def _columns(question: Question) -> dict[str, np.ndarray]:
    """Return engagement and other complete numeric columns that vary, at most `MOST_COLUMNS`."""
    plan, raw = question.plan, question.sample.raw
    engagement = plan.engagement.columns
    pool = {column: question.sample.numbers(column) for column in engagement}
    taken = {
        question.score,
        *plan.outcomes,
        *plan.score.halves.get(question.score, ()),
        *engagement,
    }
    for name in () if raw is None else raw.columns:
        if str(name) in taken or len(pool) >= MOST_COLUMNS:
            continue
        numbers = question.sample.measured(name)
        if numbers is None:
            continue
        if np.isfinite(numbers).all() and 0 < np.ptp(numbers) < 1e100:
            pool[str(name)] = numbers
    most = max(1, question.sample.rows // 10, len(engagement))
    return dict(list(pool.items())[:most])


def _derived(question: Question) -> Check:
    """Whether one engagement column follows (almost) from the others."""
    columns = question.plan.engagement.columns
    if len(columns) < 2:
        reason = "There is one engagement column: it is derived from no other."
        return question.check("derived", None, reason)
    values = np.column_stack([question.sample.numbers(column) for column in columns])
    shares = shares_by_others(values)
    most = max(shares)
    passed = most <= question.plan.overlap.score_explained
    reason = (
        f"The other engagement columns explain {100 * most:.1f} % of"
        f" {columns[shares.index(most)]}, the most of any."
    )
    if not passed:
        reason += " It is derived from them, or they from it; one of them would do."
    return question.check("derived", passed, reason, most)
