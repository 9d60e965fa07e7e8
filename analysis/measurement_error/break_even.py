"""Break-even reliability: how well engagement must be measured for the score's effect to
survive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from scipy.linalg import eig

from analysis.measurement_error.measurement import Measurement
from analysis.models.fit import Fit

REAL = 1e-7
"""A root whose imaginary part is below this share of its size counts as real."""


@dataclass(frozen=True)
class BreakEven:
    """The reliability below which the score's effect is gone.

    Attributes
    ----------
    reliability : float or None
        None when there is none.
    reason : str
        Why there is none; empty otherwise.
    formal : float or None
        The solution of the equations whether or not such a reliability can exist: below zero, say,
        or so low that true engagement would vary less than the score implies.
    """

    reliability: float | None
    reason: str = ""
    formal: float | None = None


def break_even(
    fit: Fit,
    term: str,
    noisy: tuple[str, ...],
    *,
    others: Measurement | None = None,
    target: float = 0.0,
) -> BreakEven:
    """Return the reliability of recorded engagement at which the corrected effect equals `target`,
    in closed form.

    Parameters
    ----------
    fit : Fit
        The plain fit.
    term : str
        The score.
    noisy : tuple of str
        Columns that share the reliability sought: all engagement columns for one common r, or one
        of them.
    others : Measurement, optional
        Errors of columns that are not in `noisy`, subtracted throughout.
    target : float
        Zero, or the edge of the band of the smallest effect of interest, per unit of the column.

    Notes
    -----
    With the controls partialled out, one noisy column E, score S, ``m = M b_plain`` (for least
    squares the covariances with the outcome): error variance ``s = v_E - c_SE m_E / m_S`` makes the
    effect zero, and ``r = 1 - s / var(E)``. It is admissible while ``0 <= s < v_E`` given the
    score. With several columns s is a generalised eigenvalue. The same for all models, since all
    are corrected by ``(M - C)^-1 M``.
    """
    moment, plain, scale = _standardised(fit, others)
    at = fit.position(term)
    rest = [i for i in range(fit.design.k) if i != at]
    share = np.diag([float(fit.design.terms[i] in noisy) for i in rest])
    aim = target * scale[at]
    left = np.block(
        [
            [moment[np.ix_(rest, rest)], (plain - moment[:, at] * aim)[rest][:, None]],
            [moment[at, rest], plain[at] - moment[at, at] * aim],
        ]
    )
    right = np.zeros_like(left)
    right[:-1, :-1] = share
    roots = _real_roots(left, right)
    full = np.diag([float(name in noisy) for name in fit.design.terms])
    if not len(roots):
        return BreakEven(None, _why_not(moment, plain, full, at, aim))
    admissible = [s for s in roots if 0 <= s < 1 and np.linalg.eigvalsh(moment - s * full)[0] > 0]
    if admissible:
        return BreakEven(float(1 - min(admissible)), "", float(1 - min(admissible)))
    nearest = float(roots[np.abs(roots).argmin()])
    return BreakEven(None, _why_not(moment, plain, full, at, aim), 1 - nearest)


def _why_not(moment: np.ndarray, plain: np.ndarray, full: np.ndarray, at: int, aim: float) -> str:
    """Return whether taking noise away moves the effect towards the target, or from it."""
    slopes = np.linalg.solve(moment, plain)
    away = np.linalg.solve(moment, full @ slopes)[at] * (slopes[at] - aim) >= 0
    why = (
        "noise in engagement hides it, rather than makes it"
        if away
        else "before it does, engagement would vary less than the score says it does"
    )
    return f"No reliability makes the effect vanish: {why}."


def sesoi_break_even(
    interval_at: Callable[[float], tuple[float, float]],
    band: tuple[float, float],
    *,
    low: float = 0.3,
) -> BreakEven:
    """Return the highest reliability at which the interval lies inside the band of the smallest
    effect of interest.

    Parameters
    ----------
    interval_at : callable
        The corrected interval of the equivalence test (level 2 level - 1) at a reliability; NaN
        where refused.
    band : (float, float)
    low : float
        Lowest reliability to look at.
    """

    def room(reliability: float) -> float:
        bottom, top = interval_at(reliability)
        return min(bottom - band[0], band[1] - top)

    if room(1.0) > 0:
        return BreakEven(None, "The effect lies inside the band without any correction.")
    above = 1.0
    for below in np.linspace(1.0, low, 36)[1:]:
        space = room(float(below))
        if not np.isfinite(space):
            break
        if space > 0:
            found = float(scipy.optimize.brentq(room, below, above, xtol=1e-6))
            return BreakEven(found, "", found)
        above = float(below)
    return BreakEven(
        None,
        "At no reliability does its interval lie inside the band of the smallest effect of"
        " interest.",
    )


def _standardised(
    fit: Fit, others: Measurement | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (M - C of the other columns, M b_plain, scale) for columns centred and in units of
    their sd.
    """
    matrix = fit.design.matrix.copy()
    start = 1 if fit.design.blocks[0] == "intercept" else 0
    centre = matrix[:, start:].mean(axis=0) if start else 0.0
    matrix[:, start:] -= centre
    scale = np.ones(fit.design.k)
    scale[start:] = matrix[:, start:].std(axis=0)
    matrix /= scale
    params = fit.params * scale
    if start:
        params[0] = fit.params[0] + fit.params[1:] @ centre
    moment = matrix.T @ matrix / fit.design.n
    plain = moment @ params
    if others is not None:
        at = [fit.position(name) for name in others.terms]
        moment[np.ix_(at, at)] -= others.subtracted / np.outer(scale[at], scale[at])
    return moment, plain, scale


def _real_roots(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the finite real generalised eigenvalues s of ``left x = s right x``."""
    top, bottom = eig(left, right, right=False, homogeneous_eigvals=True)
    finite = np.abs(bottom) > 1e-10 * np.abs(top)
    values = top[finite] / bottom[finite]
    return np.sort(values[np.abs(values.imag) <= REAL * np.maximum(np.abs(values), 1)].real)
