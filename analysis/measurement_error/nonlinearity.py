"""Nonlinearity of engagement in the score, which a linear regression calibration leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.measurement_error.correction import Correction, under_leverage
from analysis.measurement_error.measurement import Measurement, Refusal
from analysis.measurement_error.other_corrections import corrected_score
from analysis.models.columns import transform
from analysis.models.covariance import hat_diagonal
from analysis.models.design import Design
from analysis.models.distributions import f_sf, normal_isf
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit

LARGE_SHARE = 0.03
"""From this share of what a straight line in the score leaves of recorded engagement on, the curve
matters. With .20 (a normal score, engagement exponential in it) linear calibration rejects a
worthless score, at 5 %, in 34 % of samples of 1,000 and 84 % of 4,000, the corrected score in 6 %
of either; with .19 (engagement bounded) in 15 % and 5 % of 5,000 (300 samples each). Of 400
straight samples of 1,000 and of 4,000 none showed .015 with the certainty below."""

POWERS = 3

SAME = 1e-8
"""Below this share of its own squares a power adds nothing to what is held constant."""

LARGEST_P = 0.01
"""And only where a straight line would show such a share with less than this probability."""


@dataclass(frozen=True)
class Nonlinearity:
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
    def matters(self) -> bool:
        """Whether the curve is large enough, and sure enough, to bias a linear calibration."""
        return self.share >= LARGE_SHARE and self.p_value < LARGEST_P

    @property
    def sentence(self) -> str:
        """What a check of the linear calibration says."""
        return (
            f"A curve of the score explains {100 * self.share:.1f} % of what a straight line leaves"
            " of recorded engagement; calibration, which takes the line, allows for less than"
            f" {100 * LARGE_SHARE:.0f} %."
        )


def nonlinearity(design: Design, column: str, noisy: tuple[str, ...]) -> Nonlinearity:
    """Return how nonlinear recorded engagement is in the score.

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
    >>> nonlinearity(design, "likes", ("likes",)).matters
    True
    """
    held = [at for at, term in enumerate(design.terms) if term not in noisy]
    basis = np.linalg.qr(design.matrix[:, held] / np.linalg.norm(design.matrix[:, held], axis=0))[0]
    recorded = design.matrix[:, design.terms.index(column)]
    recorded = recorded - basis @ (basis.T @ recorded)
    curves = _beyond(basis, normal_scores(design.block("score")[:, 0]))
    df = design.n - len(held) - curves.shape[1]
    if not curves.shape[1] or df <= 0 or not recorded @ recorded > 0:
        return Nonlinearity(0.0, 1.0)  # a score of two values
    share = float(((curves.T @ recorded) ** 2).sum() / (recorded @ recorded))
    ratio = share / max(1 - share, 1e-12) * df / curves.shape[1]
    return Nonlinearity(share, float(f_sf(ratio, curves.shape[1], df)))


def _beyond(basis: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return orthonormal columns for what powers of the normal scores add to a basis."""
    columns = basis
    for power in range(1, POWERS + 1):
        added = normal**power
        size = added @ added
        for _ in range(2):  # once more, for digits
            added = added - columns @ (columns.T @ added)
        if added @ added > SAME * size:
            columns = np.column_stack([columns, added / np.linalg.norm(added)])
    return columns[:, basis.shape[1] :]


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the normal quantiles of mean ranks, shape (n,)."""
    return -normal_isf(transform(values, "rank") - 0.5 / len(values))


def largest_nonlinearity(fit: Fit, noisy: tuple[str, ...]) -> Nonlinearity:
    """Return the nonlinearity of the noisy column that has most of it.

    Zero for least squares: corrected by moments, it asks for no straight line.
    """
    if FAMILIES[fit.model].linear:
        return Nonlinearity(0.0, 1.0)
    return max(
        (nonlinearity(fit.design, column, noisy) for column in noisy),
        key=lambda one: (one.matters, one.share),
    )


def without_linearity(fit: Fit, errors: Mapping[str, Measurement]) -> dict[str, Correction] | None:
    """Return corrections that take no line for granted, by the same keys; None without any.

    The corrected score of an exponential mean asks for normal noise, and for nothing about
    engagement and score. Its errors allow for the few rows that hold most of a curved score's
    variance.
    """
    if FAMILIES[fit.model].other_correction != "corrected-score" or fit.design.levels is not None:
        return None
    corrections = {at: corrected_score(fit, measurement) for at, measurement in errors.items()}
    if any(isinstance(one, Refusal) for one in corrections.values()):
        return None
    leverage = hat_diagonal(fit.design.basis[0], fit.weights)
    return {at: under_leverage(one, leverage) for at, one in corrections.items()}


def nonlinearity_reason(label: str, curve: Nonlinearity) -> str:
    """Return the sentence that explains a verdict on a score in which engagement is nonlinear."""
    return (
        f"Recorded engagement is a curve of {label}: the curve explains {100 * curve.share:.0f} %"
        " of what a straight line leaves. Regression calibration takes it for straight; the"
        " corrected score, which does not, decides."
    )
