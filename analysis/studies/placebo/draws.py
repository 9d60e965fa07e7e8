"""Random parts of a placebo simulation: signs, planted effects, true engagement behind a record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from analysis.errors import DesignError, Fault
from analysis.measurement_error.correction import correct_fit
from analysis.measurement_error.measurement import Refusal, measure
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit

MOST = 30.0
"""No row's outcome is multiplied by more than the exponential of this, 1e13: what was found would
be rounding.
"""


def signs(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a sign for each row, shape (n,), the same within a group (codes 0 .. G-1)."""
    return (2.0 * rng.integers(0, 2, int(groups.max()) + 1) - 1.0)[groups]


def plant(
    response: np.ndarray,
    shift: np.ndarray,
    model: str,
    fitted: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the outcome as it would be with the model's predictor moved by `shift`.

    Parameters
    ----------
    response, shift, fitted : ndarray, shape (n,)
        `shift` on the model's own scale; `fitted` are the means without it.
    model : str
    rng : Generator
        Used for outcomes that happen or do not.

    Raises
    ------
    DesignError
        Where some outcome would be multiplied by more than exp(MOST).

    Notes
    -----
    Least squares adds. An exponential mean is multiplied row by row, so that zeros stay zeros and
    the noise keeps its relative size. Of outcomes 0 and 1, as many are flipped as bring the
    probability from p to that of the moved predictor: zeros with probability (p' - p) / (1 - p), or
    ones with (p - p') / p.
    """
    link = FAMILIES[model].link
    if link == "log":
        moved = shift - shift.mean()
        if not np.abs(moved).max() <= MOST:
            size = (
                "an effect large enough to be seen would multiply outcomes by up to"
                f" exp({np.abs(moved).max():.3g})"
            )
            raise DesignError(
                "the outcome", Fault("planted effect", size, f"at most exp({MOST:g})")
            )
        return response * np.exp(moved)
    if link == "identity":
        return response + shift
    before = np.clip(fitted, 1e-12, 1 - 1e-12)
    after = expit(logit(before) + shift)
    change = np.where(after > before, (after - before) / (1 - before), (before - after) / before)
    flips = (rng.random(len(response)) < change) & (response == np.where(after > before, 0.0, 1.0))
    return np.where(flips, 1.0 - response, response)


@dataclass(frozen=True, eq=False)
class Truth:
    """What recorded engagement says about the truth behind it, where a reliability is declared.

    Attributes
    ----------
    middle : ndarray, shape (n, m)
        Best linear prediction of the truth from all recorded columns.
    root : ndarray, shape (m, m)
        Cholesky root of the covariance of the truth about it.
    """

    middle: np.ndarray
    root: np.ndarray

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Return one draw of true engagement, shape (n, m), with the implied second moments."""
        return self.middle + rng.standard_normal(self.middle.shape) @ self.root.T


def truth_behind(recorded: np.ndarray, at: list[int], error: np.ndarray) -> Truth:
    """Return what recorded columns say about the truth behind some of them.

    Parameters
    ----------
    recorded : ndarray, shape (n, k)
        With the intercept.
    at : list of int, length m
        The columns with errors.
    error : ndarray, shape (m, m)
        Covariance of their errors, which are independent of everything else.

    Notes
    -----
    With M the moments of the record, the prediction is ``z_i - z M^-1 C`` and what is left has the
    covariance ``C - C M^-1 C`` on the columns with errors: the normal case of regression
    calibration.
    """
    moments = recorded.T @ recorded / len(recorded)
    inverse = np.linalg.inv(moments)
    middle = recorded[:, at] - recorded @ inverse[:, at] @ error
    left = error - error @ inverse[np.ix_(at, at)] @ error
    values, vectors = np.linalg.eigh(left)
    return Truth(middle, vectors * np.sqrt(np.clip(values, 0.0, None)))


def truth_under_the_null(
    null: Fit, declared: dict[str, tuple[float, float, float]]
) -> tuple[Truth | None, np.ndarray]:
    """Return true engagement given its record, and the slopes of the outcome on it."""
    if not declared:
        return None, np.zeros(0)
    values = {column: value for column, (_, value, _) in declared.items()}
    measurement = measure(null.design, declared=values)
    corrected = correct_fit(null, measurement)
    if isinstance(corrected, Refusal):
        fault = Fault("the fitted null", corrected.reason.rstrip("."), "a higher reliability")
        raise DesignError("the simulation", fault)
    at = [null.design.terms.index(column) for column in declared]
    order = [measurement.terms.index(column) for column in declared]
    error = measurement.covariance[np.ix_(order, order)]
    return truth_behind(null.design.matrix, at, error), corrected.params[at]


def rescaled(part: np.ndarray, spread: float) -> tuple[np.ndarray, float]:
    """Return a column brought to a standard deviation (ddof = 0), and the factor."""
    before = float(part.std())
    factor = spread / before if before > 1e-12 * max(spread, 1e-300) else 0.0
    return part * factor, factor


def some_rows(design: Design, rng: np.random.Generator, most: int) -> np.ndarray:
    """Return positions of all rows, or of a draw of whole clusters with about `most` rows."""
    if design.n <= most:
        return np.arange(design.n)
    order = rng.permutation(int(design.units.max()) + 1)
    total = np.cumsum(np.bincount(design.units)[order])
    many = max(1, int(np.searchsorted(total, most, side="right")))
    return np.flatnonzero(np.isin(design.units, order[:many]))
