"""Episodes inferred from jumps of a score that its ordinary changes, and those of engagement, do not explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.errors import DesignError, Fault

APART = 4.0
"""An episode begins with a jump of so many standard deviations of the score's ordinary changes."""
SEPARATE = 5.0
"""The median of these jumps has so many. Where it has less, gaming moves the score by little more than chance does,
and those that are found are those that chance, or engagement that nobody recorded, lifted as well."""
STAYS = 0.5
"""An episode lasts while more than this share of its jump is left."""


@dataclass(frozen=True, eq=False)
class Jumps:
    """What stands apart.

    Attributes
    ----------
    states : ndarray, shape (units, periods)
        1 in an episode, 0 outside; NaN where nothing was seen.
    heights : ndarray
        The jumps with which episodes begin (or, falling, end), in standard deviations of ordinary changes.
    spread : float
        That standard deviation, from the median of absolute changes beyond what engagement explains.
    """

    states: np.ndarray
    heights: np.ndarray
    spread: float


def find_jumps(score: np.ndarray, engagement: np.ndarray) -> Jumps:
    """Find episodes: the score jumps without engagement, stays up, and falls again.

    Changes are taken less their period's median. What of a change of the score engagement explains is a straight line
    fitted with Huber's weights. An episode begins where both the change and what is left of it are `APART` standard
    deviations or more, and lifts the score above the unit's median; it lasts while more than half of the jump is left.
    One that was under way when the unit was first seen is known by its end: time is read backwards as well.

    Parameters
    ----------
    score, engagement : ndarray, shape (units, periods)
        More is better; NaN where nothing was seen.

    Raises
    ------
    DesignError
        When the score, or its change beyond that of engagement, is the same in most periods, when no jump stands apart,
        or when those that do are not `SEPARATE` from ordinary changes.

    Notes
    -----
    Simulated creators whose gaming lifts the score by as much as it moves by itself (a standard deviation) were found
    no better than by chance by a rule that took the largest twentieth of changes, and those it took had more true
    engagement than was recorded: the outcome rose with them though gaming did nothing.
    """
    steady, moves = _steady(score)
    _, efforts = _steady(engagement)
    left, spread = _unexplained(moves, efforts)
    unusual = steady - np.nanmedian(steady, axis=1, keepdims=True)
    begins, ends = (np.minimum(sign * moves, sign * left) / spread for sign in (1, -1))
    forwards, risen = _entered(unusual, begins)
    backwards, fallen = _entered(unusual[:, ::-1], ends[:, ::-1])
    heights = np.concatenate([risen, fallen])
    if not len(heights):
        highest = np.nanmax(np.concatenate([begins.ravel(), ends.ravel()]))
        raise _refusal(f"no jump of the score without engagement that stands apart: the largest is {highest:.1f} "
                       f"times the standard deviation of its ordinary changes, {spread:.3g}")  # fmt: skip
    if np.median(heights) < SEPARATE:
        raise _refusal(f"jumps of the score without engagement that are hard to tell from chance: of {len(heights):,} "
                       f"half are below {np.median(heights):.1f} times the standard deviation of its ordinary changes, "
                       f"{spread:.3g}")  # fmt: skip
    states = (forwards | backwards[:, ::-1]).astype(float)
    return Jumps(np.where(np.isfinite(score), states, np.nan), heights, spread)


def _steady(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values without the median change of each period, and their changes, shape (units, periods - 1)."""
    moves = np.diff(values, axis=1)
    common = np.zeros(moves.shape[1])
    seen = np.isfinite(moves).any(axis=0)
    common[seen] = np.nanmedian(moves[:, seen], axis=0)
    return values - np.concatenate([[0.0], np.cumsum(common)]), moves - common


def _unexplained(moves: np.ndarray, efforts: np.ndarray) -> tuple[np.ndarray, float]:
    """Return changes of the score beyond what those of engagement explain, and their spread."""
    from statsmodels.robust.robust_linear_model import RLM
    from statsmodels.robust.scale import mad

    seen = np.isfinite(moves) & np.isfinite(efforts)
    if np.median(np.abs(moves[seen])) > 0:
        slope = RLM(moves[seen], efforts[seen][:, None]).fit().params[0] if np.ptp(efforts[seen]) > 0 else 0.0
        left = moves - slope * efforts
        spread = float(mad(left[seen], center=0))
        if spread > 1e-9 * np.abs(moves[seen]).max():
            return left, spread
    raise _refusal("a score that in most periods is what it was, or what engagement says: what stands apart cannot be "
                   "told")  # fmt: skip


def _entered(unusual: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where an episode goes on, reading from left to right, and the heights with which each begins."""
    states = np.zeros(unusual.shape, bool)
    level, jump, found = np.zeros(len(unusual)), np.full(len(unusual), np.inf), []
    for t in range(1, unusual.shape[1]):
        rise = unusual[:, t] - unusual[:, t - 1]
        goes_on = states[:, t - 1] & (unusual[:, t] - level > STAYS * jump)
        starts = ~goes_on & (heights[:, t - 1] >= APART) & (unusual[:, t] > STAYS * rise)
        level, jump = np.where(starts, unusual[:, t - 1], level), np.where(starts, rise, jump)
        states[:, t] = goes_on | starts
        found.append(heights[starts, t - 1])
    return states, np.concatenate(found) if found else np.zeros(0)


def _refusal(found: str) -> DesignError:
    allowed = (f"jumps of {APART:g} standard deviations or more, half of them {SEPARATE:g} or more; or, with episode = "
               "..., a column that flags the gamed rows")  # fmt: skip
    return DesignError("the episodes", [Fault("[gaming] infer", found, allowed)])
