"""Episodes of gaming: which rows lie in one, which just before one, and how they are inferred
without a flag.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault, printable
from analysis.models.design import recorded, transformed_score
from analysis.models.fit import critical_value
from analysis.studies.base import codes_of, periods_of
from analysis.studies.gaming.event_study import Panel, change, together
from analysis.studies.gaming.jump_detection import find_jumps, refusal

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

    @property
    def onsets(self) -> int:
        states = self.score.states
        return int(((states[:, :-1] == 0) & (states[:, 1:] == 1)).sum())


def episodes_of(sample: Sample, outcome: str, score: str) -> Episodes:
    """Return the episodes that the plan flags, or those inferred from the score.

    Raises
    ------
    DesignError
        When a flag is neither 0 nor 1, a unit has two rows of one period, there is no episode, or
        none that can be inferred (`find_jumps`).
    """
    said, panel = sample.plan.gaming, sample.plan.panel
    unit = codes_of(sample, said.unit or panel.unit)
    time = periods_of(sample, said.time or panel.time)
    shown = sample.plan.score.sign_of(score) * transformed_score(sample, score)
    flags = np.zeros(sample.rows) if said.infer else sample.numbers(said.episode)
    if not np.isin(flags, (0, 1)).all():
        raise _refusal(f'"{printable(said.episode)}" with values other than 0 and 1', "0 and 1")
    scores = Panel.of(shown, flags, unit, time)
    if not np.isfinite(np.diff(scores.values, axis=1)).any():
        raise _refusal("no unit that is seen in two periods running", "units seen period by period")
    if said.infer:
        engagement = np.stack(
            [Panel.of(column, flags, unit, time).values for column in _engagement(sample)]
        )
        scores = Panel(scores.values, inferred_states(scores.values, engagement))
        flags = scores.states[unit, time]
    if not 0 < flags.sum() < len(flags):
        raise _refusal("no row in an episode, or every row", "rows in episodes and rows outside")
    values = np.full(scores.values.shape, np.nan)
    values[unit, time] = sample.numbers(outcome)
    near = (flags == 0) & _ahead(scores.states, said.anticipation)[unit, time]
    return Episodes(
        unit,
        time,
        _clusters(sample, unit),
        flags > 0,
        near,
        scores,
        scores.with_values(values),
        said.infer,
    )


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
        seen = together(change(panel, 0), change(panel, 1))
        if seen is not None and abs(seen.estimate) > critical * seen.std_error:
            how = "rises" if seen.estimate > 0 else "falls"
            raise refusal(f"jumps of the score with which recorded engagement {how}")
    return states


def _engagement(sample: Sample) -> Iterator[np.ndarray]:
    """Yield the engagement columns as the plan has them, by rank where it has a spline."""
    for column in sample.plan.engagement.columns:
        how = sample.plan.engagement.transform_of(column)
        yield recorded(sample, column, "rank" if how == "spline" else how)


def _ahead(states: np.ndarray, periods: int) -> np.ndarray:
    """Return where a state of 1 follows within some periods."""
    found = np.zeros(states.shape, bool)
    for step in range(1, periods + 1):
        found[:, :-step] |= states[:, step:] == 1
    return found


def _clusters(sample: Sample, unit: np.ndarray) -> np.ndarray:
    units = int(unit.max()) + 1
    if sample.plan.cluster is None:
        return np.arange(units)
    codes = np.unique(sample.frame[sample.plan.cluster.column].astype(str), return_inverse=True)[1]
    pairs = np.unique(np.column_stack([unit, codes]), axis=0)
    return pairs[:, 1] if len(pairs) == units else np.arange(units)


def _refusal(found: str, allowed: str) -> DesignError:
    return DesignError("the episodes", [Fault("[gaming]", found, allowed)])
