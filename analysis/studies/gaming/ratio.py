"""Fieller's interval of a ratio of two estimates, which need not be bounded."""

from __future__ import annotations

import math
from dataclasses import dataclass

SET = "Fieller's set: "
"""What a note has before the set, which ends at a semicolon."""


@dataclass(frozen=True)
class Ratio:
    """A ratio with the set of values that its data do not rule out.

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
        if self.shape == "all":
            return True
        return (
            self.low <= value <= self.high
            if self.shape == "interval"
            else value <= self.low or value >= self.high
        )

    def describe(self) -> str:
        """Return the set in words."""
        if self.shape == "interval":
            return f"{self.low:.2f} to {self.high:.2f}"
        if self.shape == "all":
            return "any ratio at all: the denominator is not told from zero"
        return (
            f"below {self.low:.2f} or above {self.high:.2f}: the denominator is not told from zero"
        )


def set_in(note: str) -> str:
    """Return the set that a note names after `SET`."""
    return note.partition(SET)[2].partition(";")[0]


def fieller(
    over: float, under: float, variances: tuple[float, float], covariance: float, critical: float
) -> Ratio:
    """Return the ratio ``over / under`` and the values r for which ``over - r under`` is not told
    from zero.

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
    if a > 0:
        root = math.sqrt(max(inside, 0.0))
        return Ratio(estimate, (b - root) / a, (b + root) / a, "interval")
    if a == 0 or inside <= 0:
        return Ratio(estimate, -math.inf, math.inf, "all")
    root = math.sqrt(inside)
    ends = sorted(((b - root) / a, (b + root) / a))
    return Ratio(estimate, ends[0], ends[1], "outside")
