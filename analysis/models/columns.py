"""From a sample to a design: the columns of a plan under their transforms."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.data.disclosure import NOT_NAMED, few
from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault, listing, printable
from analysis.models.absorbing import MOST_COLUMNS, absorbed
from analysis.models.design import Design, check_estimable
from analysis.models.family import FAMILIES

MOST_LEVELS, FEW_LEVELS = 1 / 3, 10
"""Levels of a text as a control: at most this share of the rows; and so many are never too many."""

SPLINE_QUANTILES = (0.05, 0.35, 0.65, 0.95)
"""Knots of the restricted cubic spline with four knots (Harrell, Regression Modeling Strategies,
2nd ed., 2.4.6).
"""


def score_scale(sample: Sample, column: str) -> float:
    """Return the standard deviation (ddof = 1) of a transformed score in the main sample."""
    if sample.of is not None:
        return score_scale(sample.of, column)
    known = sample.table.spread(column)
    if known is not None:
        return known
    key = ("scale", column)
    if key not in sample.kept:
        sample.kept[key] = float(np.std(transformed_score(sample, column), ddof=1))
    return sample.kept[key]


def build_design(sample: Sample, outcome: str, scores: tuple[str, ...]) -> Design:
    """Return the full design: intercept, controls, engagement as the plan transforms it, scores.

    It is built once, and kept with the sample while an audit runs.

    Raises
    ------
    DesignError
        When there are fewer than k + 10 rows, or a column is a linear combination of the others.
    """
    key = ("design", outcome, scores)
    if key not in sample.kept:
        sample.kept[key] = _built(sample, outcome, scores).keeping()
    return sample.kept[key]


def _built(sample: Sample, outcome: str, scores: tuple[str, ...]) -> Design:
    plan = sample.plan
    where = str(sample.dataset.path or sample.dataset.address)
    pieces = [("intercept", "intercept", np.ones(sample.rows))]
    many = _absorbed(sample, outcome)
    pieces += [
        ("control", *piece)
        for column in plan.controls.columns
        if column not in many
        for piece in _control(sample, column)
    ]
    pieces += [
        ("engagement", *piece)
        for column in plan.engagement.columns
        for piece in _engagement(sample, column)
    ]
    pieces += [("score", column, transformed_score(sample, column)) for column in scores]
    matrix = np.column_stack([values for _, _, values in pieces])
    terms = tuple(term for _, term, _ in pieces)
    exposure = sample.exposure(plan.outcomes[outcome])
    clusters = pd.factorize(sample.frame[plan.cluster.column])[0] if plan.cluster else None
    design = Design(
        response=sample.numbers(outcome),
        matrix=matrix,
        terms=terms,
        blocks=tuple(block for block, _, _ in pieces),
        clusters=clusters,
        offset=None if exposure is None else np.log(exposure),
        rows=sample.frame.index.to_numpy(),
    )
    if many:
        design = absorbed(design, tuple(many.values()), tuple(many), None)
    check_estimable(design, where)
    return design


def _absorbed(sample: Sample, outcome: str) -> dict[str, np.ndarray]:
    """Return the codes of controls of so many levels that they are absorbed.

    Not for a model of more than one mean, nor for a logit, which with effects of few rows each is
    wrong; nor for an outcome that is read in two ways.
    """
    declared = sample.plan.outcomes[outcome]
    family = FAMILIES[declared.deciding_model]
    if not family.glm or family.link == "logit" or declared.kind == "roi":
        return {}
    found = {}
    for column in sample.plan.controls.columns:
        values = sample.frame[column]
        if pd.api.types.is_float_dtype(values):
            continue
        codes, levels = pd.factorize(values, sort=True)
        if MOST_COLUMNS < len(levels) <= MOST_LEVELS * sample.rows:
            found[column] = codes
    return found


def transformed_score(sample: Sample, column: str) -> np.ndarray:
    return transform(sample.numbers(column), sample.plan.score.transform_of(column))


def recorded(sample: Sample, column: str, how: str) -> np.ndarray:
    """Return an engagement column under a transform; of halves the mean of the transformed."""
    halves = sample.plan.engagement.halves.get(column)
    if halves is None:
        return transform(sample.numbers(column), how)
    return np.mean([transform(sample.numbers(half), how) for half in halves], axis=0)


def transform(values: np.ndarray, how: str) -> np.ndarray:
    """Return values under a transform of the plan (not the spline, which makes several columns).

    `rank` is the mean rank divided by n, between 0 and 1.
    """
    if how == "rank":
        return mean_ranks(values) / len(values)
    return {"identity": np.asarray, "log1p": np.log1p, "sqrt": np.sqrt}[how](values)


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks of values from 1 on, shape (n,), equal ones with the mean of theirs.

    Examples
    --------
    >>> mean_ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, at, many = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(many) - (many - 1) / 2)[at.ravel()]


def _engagement(sample: Sample, column: str) -> list[tuple[str, np.ndarray]]:
    how = sample.plan.engagement.transform_of(column)
    if how != "spline":
        return [(column, recorded(sample, column, how))]
    spline = restricted_cubic_spline(sample.numbers(column), column)
    return [(f"{column}[{i + 1}]", spline[:, i]) for i in range(spline.shape[1])]


def restricted_cubic_spline(
    values: np.ndarray, name: str = "x", *, knots_of: np.ndarray | None = None
) -> np.ndarray:
    """Return the columns of a natural cubic spline with four knots, linear beyond the outer ones.

    Parameters
    ----------
    values : ndarray, shape (n,)
    name : str
        What they are called where they have too few different quantiles.
    knots_of : ndarray, optional
        Other values, whose quantiles are the knots.

    Returns
    -------
    ndarray, shape (n, 3)
        Together with an intercept they span Harrell's restricted cubic spline.
    """
    knots = np.quantile(values if knots_of is None else knots_of, SPLINE_QUANTILES)
    if len(np.unique(knots)) < len(knots):
        found = f"knots at {listing([f'{knot:g}' for knot in knots])}"
        allowed = (
            'four different quantiles (.05, .35, .65, .95); too many equal values: use "log1p",'
            ' "sqrt" or "rank"'
        )
        raise DesignError(
            "the plan", [Fault(f'[engagement] transform of "{printable(name)}"', found, allowed)]
        )
    scaled, (a, b, c, d) = (
        (values - knots[0]) / (knots[3] - knots[0]),
        (knots - knots[0]) / (knots[3] - knots[0]),
    )

    def cubic(knot: float) -> np.ndarray:
        return np.maximum(scaled - knot, 0.0) ** 3

    bent = [cubic(t) - cubic(c) * (d - t) / (d - c) + cubic(d) * (c - t) / (d - c) for t in (a, b)]
    return np.column_stack([scaled, *bent])


def _control(sample: Sample, column: str) -> list[tuple[str, np.ndarray]]:
    """A numeric control as it is; text as one indicator per level but the first in sorted order.

    Raises
    ------
    DesignError
        For text with so many levels that most have a row or two: an identifier, a date, a free
        text.
    """
    values = sample.frame[column]
    if pd.api.types.is_float_dtype(values):
        return [(column, values.to_numpy(dtype=float))]
    levels = sorted(set(values))
    if len(levels) > max(MOST_LEVELS * sample.rows, FEW_LEVELS):
        found = (
            f"{len(levels):,} different texts in {sample.rows:,} rows, each of which would be a"
            " column"
        )
        allowed = (
            f"at most one for {1 / MOST_LEVELS:.0f} rows: groups of them, or a number (of a date,"
            " the year)"
        )
        where = str(sample.dataset.path or sample.dataset.address)
        raise DesignError(where, [Fault(f'column "{printable(column)}" (control)', found, allowed)])
    return [(f"{column}[{level}]", (values == level).to_numpy(dtype=float)) for level in levels[1:]]


def shown_terms(design: Design, controls: Iterable[str]) -> tuple[str, ...]:
    """Return the terms as they may be printed, without names of levels that few rows have."""
    shown = []
    for at, (term, block) in enumerate(zip(design.terms, design.blocks, strict=True)):
        column = next((name for name in controls if term.startswith(f"{name}[")), None)
        if block == "control" and column is not None and few(int(design.matrix[:, at].sum())):
            term = f"{column}[{NOT_NAMED}]"
        shown.append(term)
    if design.levels is not None:
        pairs = zip(design.levels.names, design.levels.codes, strict=True)
        shown[1:1] = [f"{name} ({int(codes.max()) + 1:,} levels)" for name, codes in pairs]
    return tuple(shown)
