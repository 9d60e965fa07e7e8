"""Whether engagement is a curve of the score: what a linear calibration takes for granted that it is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.design import Design, transform
from analysis.distributions import f_sf, normal_isf

CURVED = 0.05
"""From this share of what a straight line in the score leaves of recorded engagement on, the curve matters. With .44
(Kred-style points) linear calibration gives a worthless score -.014 per standard deviation, at any number of rows, and
the test at 5 % rejects it in 7 % of samples of 1,000 and 9 % of 4,000 (simulated); below .02 nothing is seen."""

SURE = 0.01
"""And only where a straight line would show such a share with less than this probability."""


@dataclass(frozen=True)
class Curvature:
    """How much of recorded engagement a curve of the score explains beyond a straight line.

    Attributes
    ----------
    share : float
        Partial R2 of the score's normal scores in the recorded column, given the score and what is held constant.
    p_value : float
        Of the F test that it is zero.
    """

    share: float
    p_value: float

    @property
    def curved(self) -> bool:
        return self.share >= CURVED and self.p_value < SURE


def curvature(design: Design, column: str, noisy: tuple[str, ...]) -> Curvature:
    """Return how curved recorded engagement is in the score.

    Parameters
    ----------
    design : Design
    column : str
        An engagement column with noise.
    noisy : tuple of str
        All of them: none is held constant, the others of the design are.

    Notes
    -----
    Noise that is independent of the score moves neither the line nor the curve, so recorded engagement shows what true
    engagement would. Normal scores, ``z((rank - 1/2) / n)``, are the same for every growing transform of the score: a
    score that is a steep curve of something normal, as points by a power of the logarithm are, is straight in them. A
    test for curvature of this kind, with powers in their place, is RESET (Ramsey 1969,
    doi:10.1111/j.2517-6161.1969.tb00796.x).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> talent = rng.normal(size=500)
    >>> matrix = np.column_stack([np.ones(500), talent + rng.normal(size=500), np.exp(1.5 * talent)])
    >>> design = Design(rng.normal(size=500), matrix, ("const", "likes", "kred"), ("intercept", "engagement", "score"))
    >>> curvature(design, "likes", ("likes",)).curved
    True
    """
    held = [at for at, term in enumerate(design.terms) if term not in noisy]
    score = design.block("score")[:, 0]
    normal = normal_scores(score)
    basis = np.linalg.qr(design.matrix[:, held] / np.linalg.norm(design.matrix[:, held], axis=0))[0]
    recorded, bend = (x - basis @ (basis.T @ x) for x in (design.matrix[:, design.terms.index(column)], normal))
    if bend @ bend <= 1e-8 * (normal @ normal) or not recorded @ recorded > 0:
        return Curvature(0.0, 1.0)  # two values, or normal scores already
    share = float((bend @ recorded) ** 2 / ((bend @ bend) * (recorded @ recorded)))
    df = design.n - len(held) - 1
    return Curvature(share, float(f_sf(share / max(1 - share, 1e-12) * df, 1, df)))


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the normal quantiles of mean ranks, shape (n,)."""
    return -normal_isf(transform(values, "rank") - 0.5 / len(values))
