"""The corrected effect at each reliability of engagement, and the break-even reliability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.measurement_error.asked import GRID as POINTS
from analysis.measurement_error.correction import Effect, correct_term
from analysis.measurement_error.measurement import (
    SMALLEST_TRUE_SHARE,
    Refusal,
    error_in_basis,
    measure,
)
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.results.estimates import Unit
from analysis.results.rule import Interval, Phrase, Word
from analysis.results.sentence import listed

if TYPE_CHECKING:
    import pandas as pd

GRID = np.array(POINTS)
"""Reliabilities of the curve."""

SUPPOSED = 0.8
"""Reliability for which the rate of a worthless score is printed when the plan states none."""

LOWEST = 0.3
"""Reliability down to which the band of the smallest effect of interest is looked for."""

REAL = 1e-7
"""A root whose imaginary part is below this share of its size counts as real."""


def effect_at(fit: Fit, term: str, noisy: tuple[str, ...], reliability: float) -> Effect | None:
    """Return the corrected effect if all noisy columns had this reliability; None where refused.

    For a logit it is the change in probability. The errors are independent of all other columns.
    """
    errors = measure(fit.design, declared=dict.fromkeys(noisy, float(reliability)))
    effect = correct_term(fit, errors, term, margin=bool(FAMILIES[fit.model].margin))
    return None if isinstance(effect, Refusal) else effect


@dataclass(frozen=True)
class Stretch:
    """Neighbouring reliabilities at which the rule gives one word and direction.

    Attributes
    ----------
    word : {"adds", "trivial", "nothing", "inconclusive", "refused"}
    positive : bool or None
        None unless the word has a direction.
    low, high : float
        The first and the last reliability with this word.
    """

    word: Word
    positive: bool | None
    low: float
    high: float

    @property
    def span(self) -> str:
        """Its reliabilities in words."""
        if self.low == self.high:
            return f"at {self.low:g}"
        return f"from {self.low:g} to {self.high:g}"

    def __str__(self) -> str:
        if self.positive is None:
            return self.word
        return f"{self.word} ({'positive' if self.positive else 'negative'})"


@dataclass(frozen=True)
class BreakEven:
    """The reliability below which the score's effect is gone.

    Attributes
    ----------
    reliability : float or None
        None when there is none.
    reason : str
        Why there is none, as a sentence without its full stop; empty otherwise.
    """

    reliability: float | None
    reason: str = ""

    @property
    def sentence(self) -> str:
        return f"{self.reason}." if self.reason else ""


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """The score's corrected effect at each reliability of recorded engagement.

    Attributes
    ----------
    reliability : ndarray, shape (r,)
        Increasing.
    effects : tuple of Effect or None, length r
        On the scale of the verdict; None where the correction is refused.
    unit : str
        How an effect is displayed.
    band : (float, float)
        The smallest effect of interest, on the same scale.
    level : float
        Of the intervals.
    vanishing, negligible : BreakEven
        Where the effect is zero, and where it lies inside the band.
    words : tuple of (word, bool or None), length r
        What the plan's rule says if the noisy columns have this reliability, and whether the effect
        is positive (None without a direction).
    """

    reliability: np.ndarray
    effects: tuple[Effect | None, ...]
    unit: Unit
    band: Interval
    level: float
    vanishing: BreakEven
    negligible: BreakEven
    words: tuple[Phrase, ...] = ()

    @property
    def known(self) -> list[tuple[float, Effect]]:
        """The reliabilities at which there is a corrected effect, and the effect."""
        pairs = zip(self.reliability.tolist(), self.effects, strict=True)
        return [(at, effect) for at, effect in pairs if effect is not None]

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The words from the lowest reliability to the highest, equal neighbours as one."""
        joined: list[Stretch] = []
        for at, (word, positive) in zip(self.reliability.tolist(), self.words, strict=True):
            if joined and (joined[-1].word, joined[-1].positive) == (word, positive):
                joined[-1] = replace(joined[-1], high=at)
            else:
                joined.append(Stretch(word, positive, at, at))
        return tuple(joined)

    @property
    def sentence(self) -> str:
        """What the rule says along the curve."""
        parts = self.stretches
        ends = f"from {parts[0].low:g} to {parts[-1].high:g}"
        words = [f"{part} {part.span}" for part in parts]
        verdict = f"{parts[0]} throughout" if len(parts) == 1 else listed(words)
        return f"Swept over reliabilities {ends}, the rule says {verdict}."

    def table(self) -> pd.DataFrame:
        """Return a row a reliability: the effect, its interval and the rule's word."""
        import pandas as pd

        columns = ["reliability", "estimate", "std_error", "conf_low", "conf_high", "word"]
        rows = [
            (at, one.estimate, one.std_error, *one.interval(self.level), word)
            if one
            else (at, None, None, None, None, word)
            for at, one, (word, _) in zip(self.reliability, self.effects, self.words, strict=True)
        ]
        return pd.DataFrame(rows, columns=columns)


def reliability_curve(
    fit: Fit,
    term: str,
    noisy: tuple[str, ...],
    *,
    band: Interval,
    level: float = 0.95,
    by: float = 1.0,
    unit: Unit = "number",
    grid: np.ndarray = GRID,
) -> ReliabilityCurve:
    """Return the corrected effect of a score at each reliability of the noisy columns.

    Parameters
    ----------
    fit : Fit
        The plain fit.
    term : str
        The score.
    noisy : tuple of str
        Columns that all have the reliability; the others count as free of error.
    band : (float, float)
        The smallest effect of interest.
    level : float
    by : float
        Size of one step of the score in its own unit.
    unit : str
    grid : ndarray, shape (r,)
        Reliabilities in (0, 1].
    """

    def effect(reliability: float) -> Effect | None:
        at = effect_at(fit, term, noisy, reliability)
        return None if at is None else at.times(by)

    def inner(reliability: float) -> Interval:
        at = effect(reliability)
        return (np.nan, np.nan) if at is None else at.interval(1 - 2 * (1 - level))

    return ReliabilityCurve(
        np.asarray(grid, dtype=float),
        tuple(effect(value) for value in grid),
        unit,
        band,
        level,
        break_even(fit, term, noisy),
        sesoi_break_even(inner, band),
    )


def break_even(fit: Fit, term: str, noisy: tuple[str, ...]) -> BreakEven:
    """Return the common reliability of noisy columns at which the corrected effect is zero.

    Parameters
    ----------
    fit : Fit
        The plain fit.
    term : str
        The score.
    noisy : tuple of str

    Notes
    -----
    In closed form: all models are corrected by ``(M - s C)^-1 M b_plain``, with C the error of
    records without any truth and s = 1 - r. The score's coefficient is zero where the matrix
    bordered by ``M b_plain`` and the score's row is singular: s is a generalised eigenvalue,
    admissible in [0, 1) while ``M - s C`` keeps a true share of .05. For one noisy column E and
    score S, the controls partialled out, ``s var(E) = v_E - c_SE m_E / m_S``, ``m = M b_plain``.
    """
    design = fit.design.opened
    (_, triangle), k = design.basis, design.k
    half = measure(design, declared=dict.fromkeys(noisy, 0.5))
    error = 2 * error_in_basis(design, half)[1]  # that of records without any truth
    plain, score = triangle @ fit.params, np.linalg.solve(triangle.T, np.eye(k)[fit.position(term)])
    left, right = np.block([[np.eye(k), plain[:, None]], [score, 0.0]]), np.zeros((k + 1, k + 1))
    right[:k, :k] = error
    largest = float(np.linalg.eigvalsh(error)[-1])
    most = min(1.0, (1 - SMALLEST_TRUE_SHARE) / largest) if largest > 0 else 1.0
    roots = [s for s in _real_roots(left, right) if 0 <= s < 1]
    for s in roots:
        if s <= most:
            return BreakEven(float(1 - s))
    if roots and most < 1:  # only where the corrected matrix turns singular
        return BreakEven(
            None,
            f"The effect does not vanish down to a reliability of {1 - most:.2f}, and below it"
            " these columns would hold too little truth for a correction",
        )
    why = (
        "it would be larger with less noise in engagement"
        if (score @ error @ plain) * (score @ plain) >= 0
        else "before it does, engagement would vary less than the score says it does"
    )
    return BreakEven(None, f"No reliability makes the effect vanish, since {why}")


def sesoi_break_even(interval_at: Callable[[float], Interval], band: Interval) -> BreakEven:
    """Return the highest reliability at which an interval lies inside the SESOI band.

    Parameters
    ----------
    interval_at : callable
        The corrected interval of the equivalence test (level 2 level - 1) at a reliability; NaN
        where refused.
    band : (float, float)
    """

    def room(reliability: float) -> float:
        bottom, top = interval_at(reliability)
        return min(bottom - band[0], band[1] - top)

    if room(1.0) > 0:
        return BreakEven(None, "The effect lies inside the band without any correction")
    above = 1.0
    for below in np.linspace(1.0, LOWEST, 36)[1:]:
        space = room(float(below))
        if not np.isfinite(space):
            break
        if space > 0:
            from scipy.optimize import brentq

            return BreakEven(float(brentq(room, float(below), above, xtol=1e-6)))
        above = float(below)
    reason = (
        "At no reliability does its interval lie inside the band of the smallest effect of interest"
    )
    return BreakEven(None, reason)


def _real_roots(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the finite real generalised eigenvalues s of ``left x = s right x``, sorted."""
    from scipy.linalg import eig

    top, bottom = eig(left, right, right=False, homogeneous_eigvals=True)
    finite = np.abs(bottom) > 1e-10 * np.abs(top)
    values = top[finite] / bottom[finite]
    return np.sort(values[np.abs(values.imag) <= REAL * np.maximum(np.abs(values), 1)].real)
