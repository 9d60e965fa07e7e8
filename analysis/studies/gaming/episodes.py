"""Episodes of gaming, flagged or inferred: which rows lie in one, and what is lost in them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.errors import DesignError, Fault, printable
from analysis.models.columns import recorded, transformed_score
from analysis.models.fit import critical_value
from analysis.results.question import Question
from analysis.results.rule import Interval
from analysis.studies.base import codes_of, periods_of
from analysis.studies.gaming.event_study import Panel, change, mean_effect
from analysis.studies.gaming.jump_detection import find_jumps, refusal

REPLICATES = 999
MOVED = 0.01
"""Size of the test that recorded engagement does not move with inferred episodes."""


@dataclass(frozen=True, eq=False)
class Episodes:
    """The rows of a sample by unit, period and state.

    Attributes
    ----------
    unit, time : ndarray of int, shape (n,)
        Codes; those of time in its order.
    clusters : ndarray of int, shape (units,)
        The cluster of each unit: itself, unless the plan's clusters hold whole units.
    gamed : ndarray of bool, shape (n,)
    near : ndarray of bool, shape (n,)
        Rows outside episodes with an onset within the periods of anticipation.
    score, outcome : Panel
        The score so that more is better: with its sign turned where the plan says that less is.
    inferred : bool
    """

    unit: np.ndarray
    time: np.ndarray
    clusters: np.ndarray
    gamed: np.ndarray
    near: np.ndarray
    score: Panel
    outcome: Panel
    inferred: bool

    def describe(self, question: Question) -> str:
        """Return how many rows and units were gamed, and how that is known."""
        states, units = self.score.states, len(np.unique(self.unit[self.gamed]))
        onsets = int(((states[:, :-1] == 0) & (states[:, 1:] == 1)).sum())
        how = (
            "inferred from jumps of the score without engagement"
            if self.inferred
            else f"flagged by {question.plan.gaming.episode}"
        )
        sentence = (
            f"{int(self.gamed.sum()):,} of {len(self.gamed):,} rows lie in episodes of gaming"
            f" ({how}), of {units:,} of {len(self.clusters):,} units, with {onsets:,} onsets."
        )
        if self.inferred:
            sentence += (
                " A jump of the score is what they were chosen by, so that jump is no finding."
                " Weaker gaming is missed, and a burst of engagement that nobody recorded looks the"
                " same."
            )
        return sentence


def episodes_of(question: Question) -> Episodes:
    """Return the episodes that the plan flags, or those inferred from the score.

    Raises
    ------
    DesignError
        When a flag is neither 0 nor 1, a unit has two rows of one period, there is no episode, or
        none that can be inferred (`find_jumps`).
    """
    sample, plan = question.sample, question.plan
    gaming, panel = plan.gaming, plan.panel
    unit = codes_of(sample, gaming.unit or panel.unit)
    time = periods_of(sample, gaming.time or panel.time)
    shown = plan.score.sign_of(question.score) * transformed_score(sample, question.score)
    flags = np.zeros(sample.rows) if gaming.infer else sample.numbers(gaming.episode)
    if not np.isin(flags, (0, 1)).all():
        raise _refusal(f'"{printable(gaming.episode)}" with values other than 0 and 1', "0 and 1")

    def laid_out(values: np.ndarray) -> np.ndarray:
        return Panel.of(values, flags, unit, time).values

    score = Panel.of(shown, flags, unit, time)
    if not np.isfinite(np.diff(score.values, axis=1)).any():
        raise _refusal("no unit that is seen in two periods running", "units seen period by period")
    if gaming.infer:
        engagement = np.stack([laid_out(column) for column in _engagement(question)])
        score = Panel(score.values, inferred_states(score.values, engagement))
        flags = score.states[unit, time]
    if not 0 < flags.sum() < len(flags):
        raise _refusal("no row in an episode, or every row", "rows in episodes and rows outside")
    outcome = Panel(laid_out(sample.numbers(question.outcome.column)), score.states)
    near = (flags == 0) & _ahead(score.states, gaming.anticipation)[unit, time]
    clusters = _clusters(question, unit)
    return Episodes(unit, time, clusters, flags > 0, near, score, outcome, gaming.infer)


def inferred_states(score: np.ndarray, engagement: np.ndarray) -> np.ndarray:
    """Return 1 in episodes that a jump of the score shows, 0 outside, NaN where nothing was seen.

    Parameters
    ----------
    score : ndarray, shape (units, periods)
        More is better.
    engagement : ndarray, shape (columns, units, periods)

    Raises
    ------
    DesignError
        When none can be inferred (`find_jumps`), or recorded engagement moves with them: then it
        was earned, or its record fell short.
    """
    states = find_jumps(score, engagement).states
    critical = critical_value(1 - MOVED / len(engagement), None)
    for column in engagement:
        panel = Panel(column, states)
        moved = mean_effect(change(panel, 0), change(panel, 1))
        if moved is not None and abs(moved.estimate) > critical * moved.std_error:
            how = "rises" if moved.estimate > 0 else "falls"
            raise refusal(f"jumps of the score with which recorded engagement {how}")
    return states


def _engagement(question: Question) -> Iterator[np.ndarray]:
    """Yield the engagement columns as the plan has them, by rank where it has a spline."""
    engagement = question.plan.engagement
    for column in engagement.columns:
        how = engagement.transform_of(column)
        yield recorded(question.sample, column, "rank" if how == "spline" else how)


def _ahead(states: np.ndarray, periods: int) -> np.ndarray:
    """Return where a state of 1 follows within some periods."""
    ahead = np.zeros(states.shape, bool)
    for step in range(1, periods + 1):
        ahead[:, :-step] |= states[:, step:] == 1
    return ahead


def _clusters(question: Question, unit: np.ndarray) -> np.ndarray:
    """Return the cluster of each unit: itself where the plan has none that hold whole units."""
    units = np.arange(int(unit.max()) + 1)
    if question.plan.cluster is None:
        return units
    labels = question.sample.frame[question.plan.cluster.column].astype(str)
    codes = np.unique(labels, return_inverse=True)[1]
    pairs = np.unique(np.column_stack([unit, codes]), axis=0)
    return pairs[:, 1] if len(pairs) == len(units) else units


def _refusal(found: str, allowed: str) -> DesignError:
    return DesignError("the episodes", Fault("[gaming]", found, allowed))


# --- what is lost in them, and how two slopes compare ---------------------------------------------


def information(
    score: np.ndarray,
    outcome: np.ndarray,
    gamed: np.ndarray,
    clusters: np.ndarray,
    rng: np.random.Generator,
    level: float = 0.95,
) -> list[tuple[float, Interval]]:
    """Return (R2, bootstrap interval) of outcome on score in organic, in gamed rows, and the loss.

    Parameters
    ----------
    score, outcome : ndarray, shape (n,)
    gamed : ndarray of bool, shape (n,)
    clusters : ndarray of int, shape (n,)
    """
    x, y = (values - values.mean() for values in (score, outcome))
    columns = np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y])
    groups = int(clusters.max()) + 1
    sums = [
        np.column_stack([np.bincount(clusters[rows], column[rows], groups) for column in columns.T])
        for rows in (~gamed, gamed)
    ]
    draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=REPLICATES).astype(float)
    draws = np.vstack([np.ones(groups), draws])  # all clusters once, then the draws
    organic, cheated = (_squared_correlations(draws @ part) for part in sums)
    ends = (0.5 - level / 2, 0.5 + level / 2)
    return [
        (float(values[0]), tuple(np.nanquantile(values[1:], ends).tolist()))
        for values in (organic, cheated, organic - cheated)
    ]


def _squared_correlations(sums: np.ndarray) -> np.ndarray:
    """Return squared correlations from (n, x, y, xx, yy, xy) on the last axis."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (n * xy - x * y) ** 2 / ((n * xx - x * x) * (n * yy - y * y))


def displaced(
    score: np.ndarray, states: np.ndarray, push: float, top: float = 0.1
) -> tuple[float, np.ndarray]:
    """Return the share of honest rows of a period's top tenth that gaming pushes out of it.

    Parameters
    ----------
    score, states : ndarray, shape (units, periods)
        NaN where nothing was seen; 1 where the score was gamed.
    push : float
        What gaming adds to a score.

    Returns
    -------
    share : float
        Of the honest rows that belong into the top tenth; NaN where there is none.
    influence : ndarray, shape (units,)
        Each unit's contribution to it, the edges of the top tenth as they are.
    """
    without = score - push * (states == 1)
    belongs, out = np.zeros((2, len(score)))
    for shown, clean, state in zip(score.T, without.T, states.T, strict=True):
        seen = np.isfinite(shown) & np.isfinite(state)
        if seen.sum() < 10:
            continue
        places = max(1, int(top * seen.sum()))
        edge, clean_edge = (np.sort(values[seen])[-places] for values in (shown, clean))
        honest = seen & (state == 0) & (clean >= clean_edge)
        belongs += honest
        out += honest & (shown < edge)
    if not belongs.any():
        return float("nan"), belongs
    share = float(out.sum() / belongs.sum())
    return share, (out - share * belongs) / belongs.sum()


@dataclass(frozen=True)
class Ratio:
    """A ratio with the set of values that its data do not rule out, which need not be bounded.

    Attributes
    ----------
    estimate : float
    low, high : float
        Ends of the set; for "outside" the set is what lies below `low` or above `high`.
    shape : {"interval", "outside", "all"}
    """

    estimate: float
    low: float
    high: float
    shape: str

    def holds(self, value: float) -> bool:
        inside = self.low <= value <= self.high
        return {"all": True, "interval": inside}.get(
            self.shape, value <= self.low or value >= self.high
        )

    def describe(self) -> str:
        """Return the set in words."""
        if self.shape == "interval":
            return f"{self.low:.2f} to {self.high:.2f}"
        values = (
            "any ratio at all"
            if self.shape == "all"
            else f"below {self.low:.2f} or above {self.high:.2f}"
        )
        return f"{values}: the denominator is not told from zero"


def fieller(
    over: float, under: float, variances: tuple[float, float], covariance: float, critical: float
) -> Ratio:
    """Return the ratio ``over / under`` of two estimates with Fieller's set.

    Parameters
    ----------
    over, under : float
    variances : (float, float)
    covariance : float
        Of the two estimates.
    critical : float
        The quantile that a standard error is multiplied by.

    Notes
    -----
    Fieller (1954, Journal of the Royal Statistical Society B 16:175-185). The set is bounded
    exactly where `under` is told from zero.

    Examples
    --------
    >>> fieller(1.0, 2.0, (0.01, 0.01), 0.0, 1.96).describe()
    '0.39 to 0.62'
    >>> fieller(1.0, 0.1, (0.01, 0.01), 0.0, 1.96).shape
    'outside'
    """
    square = critical**2
    a = under**2 - square * variances[1]
    b = over * under - square * covariance
    c = over**2 - square * variances[0]
    estimate = over / under if under else math.nan
    inside = b**2 - a * c
    if a <= 0 and (a == 0 or inside <= 0):
        return Ratio(estimate, -math.inf, math.inf, "all")
    root = math.sqrt(max(inside, 0.0))
    low, high = sorted(((b - root) / a, (b + root) / a))
    return Ratio(estimate, low, high, "interval" if a > 0 else "outside")
