"""Whether engagement is a curve of the score: what a linear calibration takes for granted that it
is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.models.design import Design, transform
from analysis.models.distributions import f_sf, normal_isf

CURVED = 0.03
"""From this share of what a straight line in the score leaves of recorded engagement on, the curve
matters. With .20 (a normal score, engagement exponential in it) linear calibration rejects a
worthless score, at 5 %, in 34 % of samples of 1,000 and 84 % of 4,000, the corrected score in 6 %
of either; with .19 (engagement bounded) in 15 % and 5 % of 5,000 (300 samples each). Of 400
straight samples of 1,000 and of 4,000 none showed .015 with the certainty below."""

POWERS = 3

SAME = 1e-8
"""Below this share of its own squares a power adds nothing to what is held constant."""

SURE = 0.01
"""And only where a straight line would show such a share with less than this probability."""


@dataclass(frozen=True)
class Curvature:
    """How much of recorded engagement a curve of the score explains beyond a straight line.

    Attributes
    ----------
    share : float
        Partial R2 of powers of the score's normal scores in the recorded column, given the score
        and what is held constant.
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
    Noise that is independent of the score moves neither the line nor the curve, so recorded
    engagement shows what true engagement would. Normal scores, ``z((rank - 1/2) / n)``, are the
    same for every growing transform of the score: a score that is a steep curve of something
    normal, as points by a power of the logarithm are, is straight in them. A test for curvature of
    this kind, with powers in their place, is RESET (Ramsey 1969,
    doi:10.1111/j.2517-6161.1969.tb00796.x).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> talent = rng.normal(size=500)
    >>> likes, kred = talent + rng.normal(size=500), np.exp(1.5 * talent)
    >>> matrix = np.column_stack([np.ones(500), likes, kred])
    >>> terms, blocks = ("const", "likes", "kred"), ("intercept", "engagement", "score")
    >>> design = Design(rng.normal(size=500), matrix, terms, blocks)
    >>> curvature(design, "likes", ("likes",)).curved
    True
    """
    held = [at for at, term in enumerate(design.terms) if term not in noisy]
    basis = np.linalg.qr(design.matrix[:, held] / np.linalg.norm(design.matrix[:, held], axis=0))[0]
    recorded = design.matrix[:, design.terms.index(column)]
    recorded = recorded - basis @ (basis.T @ recorded)
    bends = _beyond(basis, normal_scores(design.block("score")[:, 0]))
    df = design.n - len(held) - bends.shape[1]
    if not bends.shape[1] or df <= 0 or not recorded @ recorded > 0:
        return Curvature(0.0, 1.0)  # a score of two values
    share = float(((bends.T @ recorded) ** 2).sum() / (recorded @ recorded))
    ratio = share / max(1 - share, 1e-12) * df / bends.shape[1]
    return Curvature(share, float(f_sf(ratio, bends.shape[1], df)))


def _beyond(basis: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return orthonormal columns for what powers of the normal scores add to an orthonormal
    basis.
    """
    found = basis
    for power in range(1, POWERS + 1):
        bend = normal**power
        size = bend @ bend
        for _ in range(2):  # once more, for digits
            bend = bend - found @ (found.T @ bend)
        if bend @ bend > SAME * size:
            found = np.column_stack([found, bend / np.linalg.norm(bend)])
    return found[:, basis.shape[1] :]


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the normal quantiles of mean ranks, shape (n,)."""
    return -normal_isf(transform(values, "rank") - 0.5 / len(values))
