"""Jump detection: episodes in which a score jumps more than its changes and engagement explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.errors import DesignError, Fault
from analysis.models.distributions import normal_isf

APART = 4.0
"""An episode begins with a jump of so many standard deviations of ordinary changes."""
SEPARATE = 6.0
"""The median of these jumps has so many. Where it has less, gaming moves the score by little more
than chance does, and those that are found are those that chance, or engagement that nobody
recorded, lifted as well."""
LARGER = 1.5
"""A unit's own spread counts where it is so many times the common one: less may be chance in a few
periods.
"""
UNEXPLAINED = 0.7
"""Share of a jump that engagement leaves unexplained."""
STAYS = 0.5
"""An episode lasts while more than this share of its jump is left."""
USUAL = 0.25
"""Quantile of a unit's own periods that an episode lies above; a dip lies below it."""
DIPS = 0.15
"""Most dips for one episode: where a score falls and comes back as often, its jumps are its manner,
not gaming.
"""
KNOTS = (0.25, 0.5, 0.75, 0.95)
"""Quantiles of an engagement column at which the curve that explains the score may bend."""
NORMAL = float(normal_isf(0.25))
"""Half of normal changes are smaller than so many standard deviations."""
ROUNDS, OUTLYING = 4, 3.0
"""Least squares again without the changes that lie so many spreads off."""


@dataclass(frozen=True, eq=False)
class Jumps:
    """What stands apart.

    Attributes
    ----------
    states : ndarray, shape (units, periods)
        1 in an episode, 0 outside; NaN where nothing was seen.
    heights : ndarray
        The jumps with which episodes begin (or, falling, end), in standard deviations of ordinary
        changes.
    spread : float
        That standard deviation over all units, from the median of absolute changes that engagement
        does not explain.
    """

    states: np.ndarray
    heights: np.ndarray
    spread: float


def find_jumps(score: np.ndarray, engagement: np.ndarray) -> Jumps:
    """Find episodes: the score jumps without engagement, stays up, and falls again.

    Changes are taken less their period's median. What engagement explains of a change of the score
    is the change of a curve of each of its columns. An episode begins where a change is `APART`
    standard deviations or more (of all units, or the unit's own where it is far larger), engagement
    leaves most of it unexplained, and it lifts the score above the lower quarter of the unit's
    periods; it lasts while more than half of the jump is left. One that was under way when the unit
    was first seen is known by its end: time is read backwards as well. A missing period is bridged.

    Parameters
    ----------
    score : ndarray, shape (units, periods)
        More is better; NaN where nothing was seen.
    engagement : ndarray, shape (columns, units, periods)

    Raises
    ------
    DesignError
        When the score is in most periods what it was, or what engagement says; when no jump stands
        apart, or those that do are not `SEPARATE` from ordinary changes; when dips are not rarer
        than episodes.

    Notes
    -----
    A burst of engagement that nobody recorded looks like gaming, and no rule tells the two apart:
    that an outcome rises in inferred episodes says nothing, that it stays where it was does.

    Each refusal stands for a kind of simulated panel in which a worthless score's jumps were taken
    for gaming and the outcome was found to rise with them in up to all of the samples: gaming that
    lifts the score by as much as it moves by itself; a score that is updated now and then, or adds
    up; a curve of engagement; some accounts far more active than others.
    """
    steady, moves = _steady(score)
    curves = [_steady(column) for part in engagement for column in _curve(part)]
    slopes, spread = _explained(moves, np.stack([change for _, change in curves]))
    left = moves - sum(slope * change for slope, (_, change) in zip(slopes, curves, strict=True))
    level = steady - sum(slope * curve for slope, (curve, _) in zip(slopes, curves, strict=True))
    spreads = _spreads(left, spread)
    rises, falls = (_heights(sign * moves, sign * left, spreads) for sign in (1, -1))
    states, heights = _episodes(level - _quantile(level, USUAL), rises, falls)
    _, dips = _episodes(_quantile(level, USUAL) - level, falls, rises)
    _check_heights(heights, dips, max(rises.max(), falls.max()), f"{spread:.3g} or the unit's own")
    return Jumps(np.where(np.isfinite(score), states.astype(float), np.nan), heights, spread)


def _steady(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values less each period's median change, and their changes; single gaps filled."""
    values = pd.DataFrame(values).ffill(axis=1, limit=1).to_numpy()
    moves = np.diff(values, axis=1)
    common = pd.DataFrame(moves).median().fillna(0.0).to_numpy()
    return values - np.concatenate([[0.0], np.cumsum(common)]), moves - common


def _curve(column: np.ndarray) -> list[np.ndarray]:
    """Return a column and what of it lies beyond each knot: a basis of broken lines."""
    edges = np.unique(np.nanquantile(column, KNOTS))
    return [column, *(np.maximum(column - edge, 0.0) for edge in edges)]


def _explained(moves: np.ndarray, curves: np.ndarray) -> tuple[np.ndarray, float]:
    """Return slopes of the score's changes on engagement's, and the spread of the residuals."""
    seen = np.isfinite(moves) & np.isfinite(curves).all(axis=0)
    y, x = moves[seen], curves[:, seen].T
    kept = np.ones(len(y), bool)
    for _ in range(ROUNDS):
        slopes = np.linalg.lstsq(x[kept], y[kept], rcond=None)[0]
        left = np.abs(y - x @ slopes)
        spread = float(np.median(left) / NORMAL) if len(y) and np.median(np.abs(y)) > 0 else 0.0
        if spread <= 1e-9 * np.abs(y).max(initial=0.0):
            raise refusal(
                "a score that in most periods is what it was, or what engagement says: what stands"
                " apart cannot be told"
            )
        kept = left <= OUTLYING * spread
    return slopes, spread


def _spreads(left: np.ndarray, common: float) -> np.ndarray:
    """Return each unit's spread, shape (units, 1): the common one, or its own if far larger."""
    spreads = _quantile(np.abs(left), 0.5) / NORMAL
    return np.where(spreads > LARGER * common, spreads, common)


def _heights(moves: np.ndarray, left: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return jumps in spreads, 0 where engagement explains the change or nothing was seen."""
    return np.nan_to_num(
        np.where(left >= UNEXPLAINED * moves, np.minimum(moves, left) / spread, 0.0)
    )


def _quantile(level: np.ndarray, share: float) -> np.ndarray:
    """Return a quantile of each unit's own periods, shape (units, 1); 0 where nothing was seen."""
    return pd.DataFrame(level).quantile(share, axis=1).fillna(0.0).to_numpy()[:, None]


def _episodes(
    unusual: np.ndarray, rises: np.ndarray, falls: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where an episode goes on, read in both directions, and the heights of its ends."""
    forwards, risen = _entered(unusual, rises)
    backwards, fallen = _entered(unusual[:, ::-1], falls[:, ::-1])
    return forwards | backwards[:, ::-1], np.concatenate([risen, fallen])


def _entered(unusual: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where an episode goes on, read from left to right, and the heights of its start."""
    states = np.zeros(unusual.shape, bool)
    level, jump, begun = np.zeros(len(unusual)), np.full(len(unusual), np.inf), [np.zeros(0)]
    for t in range(1, unusual.shape[1]):
        rise = unusual[:, t] - unusual[:, t - 1]
        goes_on = states[:, t - 1] & (unusual[:, t] - level > STAYS * jump)
        starts = ~goes_on & (heights[:, t - 1] >= APART) & (unusual[:, t] > STAYS * rise)
        level, jump = np.where(starts, unusual[:, t - 1], level), np.where(starts, rise, jump)
        states[:, t] = goes_on | starts
        begun.append(heights[starts, t - 1])
    return states, np.concatenate(begun)


def _check_heights(heights: np.ndarray, dips: np.ndarray, highest: float, spread: str) -> None:
    """Refuse jumps that do not stand apart, or that are the manner of the score."""
    ordinary = f"times the standard deviation of ordinary changes, {spread}"
    if not len(heights):
        raise refusal(
            "no jump of the score without engagement that stands apart and lifts it above the"
            f" usual; the largest is {highest:.1f} {ordinary}"
        )
    if np.median(heights) < SEPARATE:
        raise refusal(
            "jumps of the score without engagement that are hard to tell from chance: of "
            f"{len(heights):,} half are below {np.median(heights):.1f} {ordinary}"
        )
    if len(dips) > DIPS * len(heights):
        raise refusal(
            f"{len(heights):,} jumps of the score up and back, and {len(dips):,} down and back:"
            " such jumps are the manner of this score"
        )


def refusal(found: str) -> DesignError:
    """Return why no episode is inferred."""
    allowed = (
        f"jumps without engagement of {APART:g} standard deviations or more, half of them"
        f" {SEPARATE:g} or more; or, with episode = ..., a column that flags the gamed rows"
    )
    return DesignError("the episodes", Fault("[gaming] infer", found, allowed))
