"""Errors in recorded columns: what halves and declared reliabilities say about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from analysis.errors import DesignError, Fault, printable
from analysis.models.covariance import cluster_sums
from analysis.models.design import Design

SMALLEST_TRUE_SHARE = 0.05
"""Least share of truth in the worst direction of the recorded columns, given the others."""

WEAKEST_IDENTIFICATION = 4.0
"""And below this square of (share / its standard error). A higher bar selects samples in which the
error variance came out small: with 10, the size among the samples that pass is .09 to .12 where the
share is known badly (simulated: n = 300, true share .2); with 4 it is .06 to .075, and no sample
that is refused counts as `adds`."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """What is known about the errors in some columns of a design, row by row.

    Attributes
    ----------
    terms : tuple of str, length m
        The columns with errors.
    differences : ndarray, shape (n, m)
        Half of (first half - second half), centred; zero for a column without halves.
    declared : ndarray, shape (n, m)
        sqrt(1 - r) (column - mean); zero for a column without a declared reliability.
    replaced : ndarray of bool, shape (m,)
        Columns for which the truth is put in the place of the record. The score is not, unless it
        is disattenuated: the question is what the score *as published* adds.
    correlation : float
        Of the errors of any two columns with a declared reliability.

    Notes
    -----
    The model is ``E[y | truth, score, record] = E[y | truth, score]``: once true engagement and the
    published score are known, the error of the record says nothing more about the outcome.
    """

    terms: tuple[str, ...]
    differences: np.ndarray
    declared: np.ndarray
    replaced: np.ndarray
    correlation: float = 0.0

    @cached_property
    def covariance(self) -> np.ndarray:
        """Error covariance matrix of the columns, shape (m, m).

        Sums are divided by n, as those of the recorded moments are: the divisor cancels in every
        coefficient.
        """
        between = self.differences.T @ self.differences / len(self.differences)
        sizes = np.sqrt(self._declared_squares.mean(axis=0))
        alike = self.correlation + (1 - self.correlation) * np.eye(len(sizes))
        return between + alike * np.outer(sizes, sizes)

    @cached_property
    def subtracted(self) -> np.ndarray:
        """Moments of the record with its error, to be subtracted; zero for what is not replaced."""
        return self.covariance * self.replaced

    @property
    def one_sided(self) -> bool:
        """True when a replaced column shares its error with one that is not."""
        return not self.replaced.all()

    def times(self, slopes: np.ndarray) -> np.ndarray:
        """Return each row's contribution to ``subtracted @ slopes``, shape (n, m)."""
        slopes = slopes * self.replaced
        known = self._declared_squares * slopes
        if self.correlation:
            known = known + self._of_pairs(slopes)
        if not self._of_halves:
            return known
        return known + self.differences * (self.differences @ slopes)[:, None]

    def _of_pairs(self, slopes: np.ndarray) -> np.ndarray:
        """Return each row's part of the covariances of two declared errors, times slopes.

        The square root of a product moves by half of what either factor moves, relative to it.
        """
        squares = self._declared_squares
        sizes = np.sqrt(squares.mean(axis=0))
        relative = np.divide(squares, sizes, out=np.zeros_like(squares), where=sizes > 0)
        pairs = self.correlation / 2 * (1 - np.eye(len(sizes)))
        return relative * (pairs @ (sizes * slopes)) + (relative * slopes) @ pairs * sizes

    @cached_property
    def _of_halves(self) -> bool:
        return bool(self.differences.any())

    @cached_property
    def _declared_squares(self) -> np.ndarray:
        return self.declared**2


def measure(
    design: Design,
    *,
    halves: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    declared: Mapping[str, float] | None = None,
    correlation: float = 0.0,
    disattenuate_score: bool = False,
) -> Measurement:
    """Return what halves and declared reliabilities say about the errors in a design's columns.

    Parameters
    ----------
    design : Design
    halves : mapping of term to two arrays of shape (n,)
        Parallel halves after the column's transform; the engagement column itself must be their
        mean. Halves of a score serve to estimate the error that it shares with engagement.
    declared : mapping of term to float
        Reliability in (0, 1]: the error variance is ``(1 - r) var(column)``.
    correlation : float
        Of the errors of any two declared columns; those of a column with halves are independent of
        them.
    disattenuate_score : bool
        Also subtract the score's own error variance: what the score would add if it had no noise of
        its own.

    Raises
    ------
    DesignError
        When a term is not in the design or named twice, or a column is not the mean of its halves.

    Notes
    -----
    With ``h_j = E + u_j`` and independent errors of any variances, the error of the mean of two
    halves has variance ``var(h_1 - h_2) / 4``, and two columns' errors the covariance of their
    half-differences.
    """
    halves, declared = dict(halves or {}), dict(declared or {})
    _validate(design, halves, declared)
    terms = tuple(term for term in design.terms if term in halves or term in declared)
    differences, spread = np.zeros((2, design.n, len(terms)))
    for at, term in enumerate(terms):
        if term in halves:
            first, second = map(np.asarray, halves[term])
            differences[:, at] = _centred((first - second) / 2)
        else:
            column = design.recorded[:, design.terms.index(term)]
            spread[:, at] = np.sqrt(1 - declared[term]) * _centred(column)
    blocks = [design.blocks[design.terms.index(term)] for term in terms]
    replaced = np.array([disattenuate_score or block != "score" for block in blocks], dtype=bool)
    return Measurement(terms, differences, spread, replaced, correlation)


def error_in_basis(design: Design, measurement: Measurement) -> tuple[np.ndarray, np.ndarray]:
    """Return (P, C): the noisy columns' rows of the inverse triangle, and what is subtracted.

    Slopes of the noisy columns are ``P b`` for coefficients b on the orthonormal basis, and C is in
    that basis.
    """
    at = [design.terms.index(term) for term in measurement.terms]
    rows = np.linalg.inv(design.basis[1])[at]
    return rows, rows.T @ measurement.subtracted @ rows


@dataclass(frozen=True, eq=False)
class Identification:
    """How far the corrected moment matrix is from singular.

    Attributes
    ----------
    true_share : float
        Smallest eigenvalue (real part) of the corrected moment matrix relative to the recorded one:
        the share of truth in the worst direction of the recorded columns once all others are held
        constant.
    std_error : float
        Of that share, with estimated error variances.
    column : str
        The column that has most of the worst direction, in standard deviations of what is left of
        each.
    """

    true_share: float
    std_error: float
    column: str = ""

    @property
    def strength(self) -> float:
        """Square of share / standard error; it plays the part of a first-stage F."""
        return (max(self.true_share, 0.0) / self.std_error) ** 2 if self.std_error > 0 else np.inf

    @property
    def usable(self) -> bool:
        return self.true_share >= SMALLEST_TRUE_SHARE and self.strength >= WEAKEST_IDENTIFICATION


@dataclass(frozen=True)
class Refusal:
    """A correction that cannot be made. It is never replaced by the plain fit.

    Attributes
    ----------
    model : str
        Which correction.
    reason : str
        A sentence.
    statistic : float or None
        What the reason rests on.
    """

    model: str
    reason: str
    statistic: float | None = None


def identification(design: Design, measurement: Measurement) -> Identification:
    """Return the smallest relative eigenvalue of the corrected moments, with its standard error.

    Notes
    -----
    The eigenvalues of ``I - T^-T C T^-1`` with ``T'T`` the recorded moments and C what is
    subtracted; with one noisy column and no shared error the smallest is ``1 - s / var(E* | all
    other columns)``. Its square over its variance plays the part of a first-stage F.
    """
    rows, inside = error_in_basis(design, measurement)
    values, vectors = np.linalg.eig(np.eye(design.k) - inside)
    worst = int(values.real.argmin())
    share, right, left = values[worst], vectors[:, worst], np.linalg.inv(vectors)[worst]
    parts = (design.basis[0] @ left) * (design.basis[0] @ right) * (1 - share)
    parts = (parts - measurement.times(rows @ right) @ (rows @ left)).real[:, None]
    sums = parts if design.clusters is None else cluster_sums(parts, design.clusters)
    direction = np.linalg.solve(design.basis[1], right).real
    weight = np.abs(direction) * design.matrix.std(axis=0)
    columns = [
        term for term, known in zip(measurement.terms, measurement.replaced, strict=True) if known
    ]
    worst = max(columns, key=lambda term: weight[design.terms.index(term)], default="")
    error = float(np.sqrt((sums**2).sum()) / design.n)
    return Identification(float(share.real), error, worst)


def refuse_weak(model: str, identified: Identification) -> Refusal | None:
    """Return the refusal of a correction that would divide by (almost) nothing, or None."""
    if identified.usable:
        return None
    reason = (
        "The correction is refused: once the other columns are held constant,"
        f" {100 * identified.true_share:.0f} % (standard error {100 * identified.std_error:.0f})"
        " of the variance of recorded engagement is truth; at least"
        f" {100 * SMALLEST_TRUE_SHARE:.0f} %, and twice its standard error, is needed. That is"
        f" {identified.column} above all: record it more reliably, or hold fewer columns that say"
        " nearly the same."
    )
    return Refusal(model, reason, identified.true_share)


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean()


def _validate(design: Design, halves: Mapping, declared: Mapping) -> None:
    faults = []
    for term in dict.fromkeys([*halves, *declared]):
        fault = _fault(design, term, halves.get(term), declared.get(term))
        if fault:
            faults.append(Fault(f'column "{printable(term)}"', *fault))
    if faults:
        raise DesignError("the correction for noise in engagement", faults)


def _fault(design: Design, term: str, halves: Any, declared: float | None) -> tuple | None:
    """Return what is wrong with one column, and what is allowed."""
    if term not in design.terms:
        return "no such column in the design", "one of: " + ", ".join(design.terms)
    if declared is not None:
        if halves is not None:
            return "halves and a declared reliability", "one of the two"
        wrong = not 0 < declared <= 1
        return (f"reliability {declared:g}", "above 0 and at most 1") if wrong else None
    at, mean = design.terms.index(term), np.mean(halves, axis=0)
    room = 1e-8 * np.ptp(mean)
    if design.blocks[at] != "engagement":
        return None
    if np.allclose(mean, design.recorded[:, at], rtol=1e-8, atol=room):
        return None
    return "a column that is not the mean of its halves", "the mean of the halves"
