"""Where a function of one number is zero, without waiting for scipy.optimize."""

from __future__ import annotations

import math
from collections.abc import Callable

from analysis.errors import DesignError, Fault

LEAST_RELATIVE = 4 * 2.0**-52
"""Of the distance to a root, in shares of it: what numbers can tell apart."""

STEPS = 100


def root_between(
    function: Callable[[float], float], low: float, high: float, *, xtol: float = 2e-12
) -> float:
    """Return where a function changes its sign, by Brent's method.

    Parameters
    ----------
    function : callable
        Continuous, of different signs at the two ends.
    low, high : float
    xtol : float
        Twice the largest distance to the root, beside what rounding leaves.

    Raises
    ------
    DesignError
        One sign at both ends, or no root after a hundred steps.

    Notes
    -----
    Brent (1973), Algorithms for minimization without derivatives, chapter 4; the steps are those of
    `scipy.optimize.brentq`.

    Examples
    --------
    >>> round(root_between(lambda x: x**2 - 2, 0.0, 2.0), 9)
    1.414213562
    """
    before, now, other = low, high, 0.0
    at_before, at_now, at_other = function(before), function(now), 0.0
    if at_before == 0 or at_now == 0:
        return before if at_before == 0 else now
    if not at_before * at_now < 0:
        raise _refusal(f"{at_before:g} at {low:g} and {at_now:g} at {high:g}", "different signs")
    last = step = 0.0
    for _ in range(STEPS):
        if (at_before < 0) != (at_now < 0):
            other, at_other = before, at_before
            last = step = now - before
        if abs(at_other) < abs(at_now):
            before, now, other = now, other, now
            at_before, at_now, at_other = at_now, at_other, at_now
        near, half = (xtol + LEAST_RELATIVE * abs(now)) / 2, (other - now) / 2
        if at_now == 0 or abs(half) < near:
            return now
        tried = math.inf
        if abs(last) > near and abs(at_now) < abs(at_before):
            tried = _step((before, now, other), (at_before, at_now, at_other))
        short = 2 * abs(tried) < min(abs(last), 3 * abs(half) - near)
        last, step = (step, tried) if short else (half, half)
        before, at_before = now, at_now
        now += step if abs(step) > near else math.copysign(near, half)
        at_now = function(now)
        if math.isnan(at_now):
            break
    raise _refusal(f"no root after {STEPS} steps", "a continuous function")


def _step(at: tuple[float, float, float], values: tuple[float, float, float]) -> float:
    """Return the step by a line through two points, or an inverse parabola through three."""
    (before, now, other), (at_before, at_now, at_other) = at, values
    if before == other:
        return -at_now * (now - before) / (at_now - at_before)
    first, second = (at_before - at_now) / (before - now), (at_other - at_now) / (other - now)
    bent = second * first * (at_other - at_before)
    return -at_now * (at_other * second - at_before * first) / bent if bent else math.inf


def _refusal(found: str, allowed: str) -> DesignError:
    return DesignError("root", [Fault("function", found, allowed)])
