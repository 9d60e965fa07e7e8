"""Errors in recorded columns: what halves and declared reliabilities say about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.errors import DesignError, Fault, printable
from analysis.models.design import Design


@dataclass(frozen=True, eq=False)
class Measurement:
    """What is known about the errors in some columns of a design: row by row, so that it can be
    stacked.

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

    Notes
    -----
    The model is ``E[y | truth, score, record] = E[y | truth, score]``: once true engagement and the
    published score are known, the error of the record says nothing more about the outcome.
    """

    terms: tuple[str, ...]
    differences: np.ndarray
    declared: np.ndarray
    replaced: np.ndarray

    @cached_property
    def covariance(self) -> np.ndarray:
        """Error covariance matrix of the columns, shape (m, m).

        Sums are divided by n, as those of the recorded moments are: the divisor cancels in every
        coefficient.
        """
        between = self.differences.T @ self.differences / len(self.differences)
        return between + np.diag(self._declared_squares.mean(axis=0))

    @cached_property
    def subtracted(self) -> np.ndarray:
        """Moments of the record with its error, to be subtracted: zero in the column of what is not
        replaced.
        """
        return self.covariance * self.replaced

    @property
    def one_sided(self) -> bool:
        """True when a replaced column shares its error with one that is not."""
        return not self.replaced.all()

    def times(self, slopes: np.ndarray) -> np.ndarray:
        """Return each row's contribution to ``subtracted @ slopes``, shape (n, m)."""
        slopes = slopes * self.replaced
        known = self._declared_squares * slopes
        return (
            self.differences * (self.differences @ slopes)[:, None] + known
            if self._of_halves
            else known
        )

    @cached_property
    def _of_halves(self) -> bool:
        return bool(self.differences.any())

    @cached_property
    def _declared_squares(self) -> np.ndarray:
        return self.declared**2

    def take(self, keep: np.ndarray) -> Measurement:
        """Return the measurement of some rows, centred as for the whole sample."""
        return Measurement(self.terms, self.differences[keep], self.declared[keep], self.replaced)


def measure(
    design: Design,
    *,
    halves: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    declared: Mapping[str, float] | None = None,
    disattenuate_score: bool = False,
) -> Measurement:
    """Return what halves and declared reliabilities say about the errors in the columns of a
    design.

    Parameters
    ----------
    design : Design
    halves : mapping of term to two arrays of shape (n,)
        Parallel halves after the column's transform; the engagement column itself must be their
        mean. Halves of a score serve to estimate the error that it shares with engagement.
    declared : mapping of term to float
        Reliability in (0, 1]: the error variance is ``(1 - r) var(column)``, independent of every
        other error.
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
    differences, spread = np.zeros((design.n, len(terms))), np.zeros((design.n, len(terms)))
    for at, term in enumerate(terms):
        if term in halves:
            first, second = halves[term]
            differences[:, at] = _centred((np.asarray(first) - np.asarray(second)) / 2)
        else:
            column = design.matrix[:, design.terms.index(term)]
            spread[:, at] = np.sqrt(1 - declared[term]) * _centred(column)
    is_score = np.array(
        [design.blocks[design.terms.index(term)] == "score" for term in terms], dtype=bool
    )
    return Measurement(
        terms, differences, spread, np.ones_like(is_score) if disattenuate_score else ~is_score
    )


def error_in_basis(design: Design, measurement: Measurement) -> tuple[np.ndarray, np.ndarray]:
    """Return (P, C): the noisy columns' rows of the inverse triangle, and what is subtracted, in
    the basis.

    Slopes of the noisy columns are ``P b`` for coefficients b on the orthonormal basis.
    """
    at = [design.terms.index(term) for term in measurement.terms]
    rows = np.linalg.inv(design.basis[1])[at]
    return rows, rows.T @ measurement.subtracted @ rows


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean()


def _validate(design: Design, halves: Mapping, declared: Mapping) -> None:
    faults = []
    for term in dict.fromkeys([*halves, *declared]):
        place = f'column "{printable(term)}"'
        if term not in design.terms:
            faults.append(
                Fault(place, "no such column in the design", "one of: " + ", ".join(design.terms))
            )
        elif term in halves and term in declared:
            faults.append(Fault(place, "halves and a declared reliability", "one of the two"))
        elif term in declared and not 0 < declared[term] <= 1:
            faults.append(Fault(place, f"reliability {declared[term]:g}", "above 0 and at most 1"))
        elif term in halves and design.blocks[design.terms.index(term)] == "engagement":
            mean = (np.asarray(halves[term][0]) + np.asarray(halves[term][1])) / 2
            if not np.allclose(
                mean,
                design.matrix[:, design.terms.index(term)],
                rtol=1e-8,
                atol=1e-8 * np.ptp(mean),
            ):
                faults.append(
                    Fault(
                        place,
                        "a column that is not the mean of its halves",
                        "the mean of the halves",
                    )
                )
    if faults:
        raise DesignError("the correction for noise in engagement", faults)
