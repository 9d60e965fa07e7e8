"""Whether counts are large enough for the error of their logarithm to be plain noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SMALL = 5
"""Counts below this are small: log(1 + count) of a Poisson count with such a mean has a bias as
large as its error.
"""

SMALL_SHARE = 0.05
"""And more than this share of small counts in either half forbids a correction that takes the error
as classical.
"""


@dataclass(frozen=True)
class SmallCounts:
    """Whether small counts make the error of log(1 + count) non-classical.

    Attributes
    ----------
    shares : (float, float)
        Of counts below `SMALL` in each half.
    passed : bool
    reason : str
    """

    shares: tuple[float, float]
    passed: bool
    reason: str


def check_small_counts(first: np.ndarray, second: np.ndarray) -> SmallCounts:
    """Return whether two halves, *before* their transform, are large enough for log1p error to
    count as classical.

    Notes
    -----
    With 16 % zeros the corrected test still rejects a worthless score in 23 % of samples at n =
    1,000, and in 77 % at n = 5,000: the error of the logarithm of a small count depends on what it
    measures.
    """
    shares = (float(np.mean(first < SMALL)), float(np.mean(second < SMALL)))
    passed = max(shares) <= SMALL_SHARE
    said = (
        f"{100 * shares[0]:.0f} % and {100 * shares[1]:.0f} % of the halves' counts are below"
        f" {SMALL}"
    )
    if passed:
        return SmallCounts(shares, True, f"{said}: at most {100 * SMALL_SHARE:.0f} % may be.")
    reason = (
        f"{said}: the logarithm's error then depends on the truth, and correcting it as plain noise"
        " misleads."
    )
    return SmallCounts(shares, False, reason)
