"""The plain test of a worthless score by the noncentral t, a second route to the package's rates."""

from __future__ import annotations

import numpy as np
from scipy import stats

FAR = 4.0
"""Standard errors beyond the critical value where the normal replaces the noncentral t, which has
no digits there.
"""


def spurious_partial_r(score_truth: float, truth_outcome: float, reliability: float) -> float:
    """Return the partial correlation of a worthless score and the outcome, given noisy engagement.

    Parameters
    ----------
    score_truth : float
        Correlation of the score with true engagement.
    truth_outcome : float
        Correlation of true engagement with the outcome.
    reliability : float
        Of recorded engagement.

    Notes
    -----
    ``a b (1 - r) / sqrt((1 - r a^2) (1 - r b^2))``: Westfall & Yarkoni (2016),
    doi:10.1371/journal.pone.0152719, for a score whose own noise is not shared with engagement.

    Examples
    --------
    >>> round(spurious_partial_r(0.8, 0.5, 0.8), 3)
    0.128
    """
    a, b, r = score_truth, truth_outcome, reliability
    return float(a * b * (1 - r) / np.sqrt((1 - r * a**2) * (1 - r * b**2)))


def plain_rate(
    n: int,
    score_truth: float,
    truth_outcome: float,
    reliability: float,
    *,
    level: float = 0.95,
    controls: int = 0,
) -> float:
    """Return the share of samples in which the plain t-test passes a worthless score, by the
    noncentral t.

    Parameters
    ----------
    controls : int
        Columns beside the intercept, engagement and the score. Correlations are then partial ones.

    Examples
    --------
    >>> round(plain_rate(1000, 0.8, 0.5, 0.8), 2)
    0.98
    """
    df = n - 3 - controls
    partial = spurious_partial_r(score_truth, truth_outcome, reliability)
    shift = abs(partial) * np.sqrt(df) / np.sqrt(1 - partial**2)
    critical = stats.t.isf((1 - level) / 2, df)
    if shift > critical + FAR:
        return float(stats.norm.sf(critical - shift))
    return float(stats.nct.sf(critical, df, shift) + stats.nct.sf(critical, df, -shift))
