"""Rows that belong together though the plan does not say so, found by the values of a column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.data.selection.columns import columns_of
from analysis.errors import DesignError, listing, printable
from analysis.models import fit_by_default
from analysis.models.columns import mean_ranks
from analysis.models.design import independent_columns
from analysis.models.distributions import gamma_sf, normal_isf, normal_sf
from analysis.models.fit import Fit
from analysis.models.glm import effect_of
from analysis.results.estimates import Check, span_text
from analysis.results.question import Question
from analysis.results.rule import Word

FEWEST_LEVELS = 20
"""Fewer groups than these carry no interval to speak of."""

LARGER = 1.25
"""A clustered error this many times the plan's is worth a word."""

NAMED = ("row", "panel unit")
"""Roles of columns that name what a row is about, and keep no rows together by themselves."""

FALSE_ALARMS = 0.02
"""Chance of naming a column of a study in which no rows belong together, whatever the number of its
columns, outcomes and scores."""

SINGLE = 0.9
"""A column with more levels than this share of the rows hardly keeps any together."""

NEGATIVE, LOW = 5, 0.25
"""Whole numbers measure where so many different ones lie below zero, or where zero is the most
frequent one and half of the others lie below this share of the largest."""

SPIKE, WINDOW, FLIPS = 0.05, 6, 200
"""A level of a number with more than this share of the rows (and twice an average level's) is no
evidence; others are compared with the course of so many levels beside one another, and chance with
so many random signs."""

BENDS = (0.05, 0.275, 0.5, 0.725)
"""Where a whole number's course is let bend: what goes with its size is a column left out, and not
rows that belong together."""


def check_unseen_clusters(question: Question, word: Word) -> Check:
    """Return the check that no column of the file keeps rows together that the plan counts apart.

    Parameters
    ----------
    question : Question
    word : str
        Of the plain fit.

    Notes
    -----
    A column is named where the rows of its levels push the score's coefficient the same way beyond
    chance, all columns, outcomes and scores taken together, and the error that `[cluster]` would
    give is larger than the plan's by a quarter or more. Whole numbers are looked at beside the
    course that score and outcome take with their size: what a number measures acts by its size, and
    numbers of things are unlike those beside them.
    """
    name, fit = "unseen_clusters", question.fit
    if question.sample.dataset.frame.empty:
        return question.check(name, None, "Other columns are not at hand.", assessed=False)
    known = "unseen clusters", question.outcome.column, question.score, fit.model, fit.covariance
    if known not in question.sample.kept:
        kept = question.sample.kept
        if "cluster candidates" not in kept:
            kept["cluster candidates"] = dict(_candidates(question))
        columns = kept["cluster candidates"]
        question.sample.kept[known] = len(columns), *_keeping(question, columns)
    looked, largest, found = question.sample.kept[known]
    if not looked:
        others = _others(question)
        reason = (
            f"Not looked at: no other column of the file has {FEWEST_LEVELS} levels or more that"
            " several rows share, and fewer tell nothing."
            if others
            else "The file has no other column."
        )
        return question.check(name, None, reason, assessed=not others)
    if not found:
        reason = (
            f"Of {looked:,} other columns with {FEWEST_LEVELS} levels or more, none keeps"
            " rows together that push the score's effect the same way."
        )
        return question.check(name, True, reason, float(largest))
    ratio, column, kept = found[0]
    other = question.word_of_fit(kept)
    more = [f'"{printable(name)}" ({larger:.2f} times the error)' for larger, name, _ in found[1:]]
    also = f" Rows with the same {listing(more)} are alike, too." if more else ""
    told = f"says {other}, in place of {word}" if other != word else f"says {word} either way"
    said = _said(question, column, kept, ratio)
    reason = f"{said} With them kept together the plain fit {told}.{also}"
    check = question.check(name, False, reason, float(ratio))
    return replace(check, undecides=other != word)


def _keeping(
    question: Question, columns: dict[str, tuple[np.ndarray, np.ndarray | None]]
) -> tuple[float, list[tuple[float, str, Fit]]]:
    """Return by how much the most clustered error is the larger, and (ratio, column, fit) of the
    columns that keep rows together, the largest ratio first.
    """
    plan, fit, units = question.plan, question.fit, _kept_together(question)
    looks = len(columns) * len(plan.outcome) * len(plan.score.columns)
    found, largest = [], 1.0
    for column, (groups, number) in columns.items():
        beyond = chance(fit, question.score, groups, units) < FALSE_ALARMS / looks
        if beyond and number is not None:
            course = _beside_its_course(question, number)
            beyond = chance(course, question.score, groups, units, number) < FALSE_ALARMS / looks
        if beyond and (kept := _clustered(question, groups)) is not None:
            ratio = effect_of(kept, question.score)[1] / effect_of(fit, question.score)[1]
            largest = max(largest, ratio)
            found += [(ratio, column, kept)] if ratio >= LARGER else []
    return largest, sorted(found, key=lambda one: -one[0])


def _said(question: Question, column: str, kept: Fit, ratio: float) -> str:
    """Return which column it is, both intervals, and what to write into the plan."""
    spans = [span_of(question, fit) for fit in (question.fit, kept)]
    name = printable(column)
    return (
        f'Rows with the same "{name}" are alike in the score and in the outcome, beyond what is'
        f" held constant: kept together ({kept.design.n_clusters:,} clusters), the error of the"
        f" score is {ratio:.2f} times the plan's, and the {100 * question.level:g} % interval"
        f" {spans[1]} in"
        f' place of {spans[0]}. If "{name}" names what rows belong to, the plan needs'
        f' [cluster] column = "{name}".'
    )


def span_of(question: Question, fit: Fit) -> str:
    """Return the interval of a fit's effect as a reader sees it."""
    margin, scale = question.family.margin, question.plan.score.scale
    rows = question.coefficients("increment", fit)
    row = next(row for row in rows if row.variant == margin and row.scale == scale)
    return span_text(*row.interval(question.level), row.unit)


def _clustered(question: Question, groups: np.ndarray) -> Fit | None:
    """Return the deciding model with the errors of a plan that names these clusters."""
    design = replace(question.fit.design, clusters=groups)
    try:
        return fit_by_default(question.model, design, counts=question.counts)
    except DesignError:
        return None


def _candidates(question: Question) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray | None]]]:
    """Yield (column, (codes of its levels, its values where they are numbers)) of every column that
    may name what rows belong to. Rows without a value are a level each.
    """
    sample = question.sample
    for name in _others(question):
        values, number = sample.raw[name], sample.measured(name)
        if pd.api.types.is_bool_dtype(values):
            continue
        if number is not None and (not _whole(number) or is_quantity(number)):
            continue
        codes, levels = pd.factorize(values.astype(object))
        absent = codes < 0
        known = len(values) - int(absent.sum())
        if not FEWEST_LEVELS <= len(levels) <= SINGLE * known:
            continue
        codes[absent] = len(levels) + np.arange(absent.sum())
        yield name, (codes, number)


def _others(question: Question) -> list[str]:
    """Return the columns of the file that may name what rows belong to, controls among them."""
    roles = columns_of(question.plan)
    cluster = question.plan.cluster and question.plan.cluster.column
    return [
        name
        for name in map(str, question.sample.raw.columns)
        if name != cluster and roles.get(name, "control") in (*NAMED, "control")
    ]


def _whole(numbers: np.ndarray) -> bool:
    """Return whether numbers are whole ones, as those that name things are."""
    known = numbers[~np.isnan(numbers)]
    return bool(len(known) and np.isfinite(known).all() and (known == np.floor(known)).all())


def is_quantity(numbers: np.ndarray) -> bool:
    """Return whether whole numbers lie as amounts do, many of them small or some below zero.

    Parameters
    ----------
    numbers : ndarray, shape (n,)
        NaN where there is none.

    Examples
    --------
    >>> is_quantity(np.array([0, 0, 0, 390, 1000, 52000.0])), is_quantity(np.arange(20.0))
    (True, False)
    """
    levels, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    if (levels < 0).sum() >= NEGATIVE:
        return True
    if len(levels) < 2:
        return False
    return bool(levels[counts.argmax()] == 0 and np.median(levels[1:]) < LOW * levels[-1])


def _kept_together(question: Question) -> np.ndarray:
    """Return codes of rows that are one already: a cluster's, or copies of one another."""
    if question.design.clusters is not None:
        return question.design.clusters
    plan, frame = question.plan, question.sample.frame
    columns = [column for column, _ in plan.roles() if column in frame]
    return frame.groupby(columns, sort=False, dropna=False).ngroup().to_numpy()


def _beside_its_course(question: Question, number: np.ndarray) -> Fit:
    """Return the deciding model beside the course that the outcome takes with a number's size."""
    ranks = pd.Series(number).rank(pct=True).fillna(0.5).to_numpy()
    bends = [np.maximum(ranks - bend, 0.0) for bend in BENDS]
    matrix = question.fit.design.matrix
    more = independent_columns(np.column_stack([matrix, ranks, *bends]))[:, matrix.shape[1] :]
    columns = {f"course {at}": column for at, column in enumerate(more.T)}
    try:
        design = question.fit.design.with_columns("control", columns)
        return fit_by_default(question.model, design, counts=question.counts)
    except DesignError:
        return question.fit


# --- rows that push the same way ------------------------------------------------------------------


def chance(
    fit: Fit,
    score: str,
    groups: np.ndarray,
    units: np.ndarray,
    number: np.ndarray | None = None,
) -> float:
    """Return the p-value that rows of a group push a coefficient the same way by chance.

    By each row's influence on it, and by the product of normal scores of the score's residual and
    the outcome's, which sees what a few large rows hide; the smaller one, doubled. With the values
    of a number beyond what numbers beside it do.
    """
    design, at = fit.design, fit.position(score)
    others = np.delete(design.basis[0], at, axis=1)
    outcome = fit.residuals / np.sqrt(np.maximum(fit.weights, np.finfo(float).tiny))
    apart = [normal_scores(_left(design.matrix[:, at], others)), normal_scores(outcome)]
    push = _left(apart[0], others) * _left(apart[1], design.basis[0])
    pushes = (fit.row_influence(score), push)
    if number is None:
        values = (alike_within(one, groups, units) for one in pushes)
    else:
        values = (alike_beyond_course(one, groups, units, number) for one in pushes)
    return min(1.0, 2 * min(values))


def _left(column: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return what is left of a column given an intercept and others."""
    return column - others @ np.linalg.lstsq(others, column, rcond=None)[0]


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the normal quantiles of mean ranks, shape (n,)."""
    return -normal_isf(mean_ranks(values) / (len(values) + 1))


def alike_within(push: np.ndarray, groups: np.ndarray, units: np.ndarray) -> float:
    """Return the one-sided p-value that rows of a group push a coefficient the same way by chance.

    Parameters
    ----------
    push : ndarray, shape (n,)
        The product of the score's residual and the outcome's.
    groups : ndarray of int, shape (n,)
    units : ndarray of int, shape (n,)
        What is kept together already: rows of one unit are no evidence.

    Notes
    -----
    The statistic is the sum over groups of products of two different units, which is what clustered
    errors add to the others: it is zero on average where the score's residuals *or* the outcome's
    are independent, whatever their variances. Its distribution is that under random signs, whose
    first three moments are known: a shifted Gamma with these (Pearson's type III). After
    MacKinnon, Nielsen & Webb (2023), doi:10.1016/j.jeconom.2023.03.005.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> groups, rows = np.repeat(np.arange(50), 10), np.arange(500)
    >>> apart, shared = rng.normal(size=500), rng.normal(size=50)[groups]
    >>> alike_within(apart, groups, rows) > 0.05, alike_within(apart + shared, groups, rows) < 1e-6
    (True, True)
    """
    pairs = groups.astype(np.int64) * (int(units.max()) + 1) + units
    _, first, cells = np.unique(pairs, return_index=True, return_inverse=True)
    push, at = np.bincount(cells, push), groups[first]
    scale = np.sqrt(push @ push)
    if scale == 0:
        return 1.0
    push = push / scale
    one, two, three = (np.bincount(at, push ** (2 * power)) for power in (1, 2, 3))
    excess = float((np.bincount(at, push) ** 2 - one).sum())
    variance = 2 * float((one**2 - two).sum())
    third = 8 * float((one**3 - 3 * one * two + 2 * three).sum())
    if variance <= 1e-12:
        return 1.0
    z, skew = excess / np.sqrt(variance), third / variance**1.5
    if skew < 1e-6:
        return float(normal_sf(z))
    shape = 4 / skew**2
    return float(gamma_sf(shape + z * np.sqrt(shape), shape))


def alike_beyond_course(
    push: np.ndarray, groups: np.ndarray, units: np.ndarray, number: np.ndarray
) -> float:
    """Return the one-sided p-value that rows of one number push a coefficient the same way by
    chance, beyond the line that the numbers beside it lie on.

    Parameters
    ----------
    push : ndarray, shape (n,)
    groups, units : ndarray of int, shape (n,)
        As in `alike_within`.
    number : ndarray, shape (n,)
        The values that make the groups; NaN in rows that have none.

    Notes
    -----
    Levels in the order of their values are taken `WINDOW` at a time, and a line is taken out of
    each window. What is left is compared with what random signs of the units leave: the statistic
    of `alike_within`, its first three moments those of `FLIPS` draws.
    """
    share = np.bincount(groups)[groups] / len(groups)
    levels = max(len(np.unique(number[~np.isnan(number)])), 1)
    kept = ~np.isnan(number) & (share <= max(SPIKE, 2 / levels))
    if not kept.any():
        return 1.0
    at, place = np.unique(number[kept], return_inverse=True)
    pairs = place.astype(np.int64) * (int(units.max()) + 1) + units[kept]
    _, first, cells = np.unique(pairs, return_index=True, return_inverse=True)
    cell, level = np.bincount(cells, push[kept]), place[first]
    windows = np.minimum(np.arange(len(at)) // WINDOW, max(len(at) // WINDOW - 1, 0))

    def excess(values: np.ndarray) -> np.ndarray:
        left = values - _lines(values, level, windows)
        sums = np.bincount(level, left)
        return float(sums @ sums - left @ left)

    rng = np.random.default_rng(len(push))
    draws = [excess(cell * rng.choice((-1.0, 1.0), len(cell))) for _ in range(FLIPS)]
    spread = float(np.std(draws))
    if spread == 0:
        return 1.0
    z = (excess(cell) - float(np.mean(draws))) / spread
    skew = max(float(np.mean(((draws - np.mean(draws)) / spread) ** 3)), 1e-3)
    shape = 4 / skew**2
    return float(max(gamma_sf(shape + z * np.sqrt(shape), shape), normal_sf(z)))


def _lines(values: np.ndarray, level: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the least-squares line of each window's values in the order of its levels."""
    window = windows[level]
    counts = np.bincount(window)
    means = (np.bincount(window, one) / np.maximum(counts, 1) for one in (level, values))
    middle, height = (one[window] for one in means)
    away = level - middle
    spread = np.bincount(window, away**2)
    slope = np.bincount(window, away * values) / np.where(spread > 0, spread, 1.0)
    return height + slope[window] * away
