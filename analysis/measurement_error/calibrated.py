"""Fits beside a function of true engagement, averaged over what the truth may have been."""

from __future__ import annotations

import numpy as np

from analysis.errors import DesignError
from analysis.measurement_error.correction import Effect
from analysis.measurement_error.posterior import SMOOTH, Posterior
from analysis.models import fit_model
from analysis.models.covariance import sandwich
from analysis.models.design import Design, independent_columns
from analysis.models.family import FAMILIES, Family
from analysis.models.fit import Fit
from analysis.models.glm import effect_of

RIDGE = 0.1
"""Penalty of a soft step, in units of the information of one row of mean one. With ten times as
much the error of a count's effect is a tenth too small where engagement takes a step."""

STEPS, SMALL = 400, 1e-6
"""Most Gauss-Newton steps, and the last one's size."""


def calibrated_effect(
    fit: Fit, score: str, known: np.ndarray, truth: Posterior, *, cubic: bool
) -> Effect | None:
    """Return the score's effect beside a function of true engagement; None without an estimate.

    Parameters
    ----------
    fit : Fit
        The plain one: its model, response, offset and clusters.
    score : str
        Its term.
    known : ndarray, shape (n, q)
        Columns without noise, the intercept first.
    truth : Posterior
    cubic : bool
        Whether the function is a cubic of each column, or its value, square and soft steps.

    Returns
    -------
    Effect or None
        On the scale of the verdict, per unit of the score; HC3 or CRV1, with the weights of the
        truth taken as known.

    Notes
    -----
    Least squares and the logit have the expected functions as columns. The mean of a model with an
    exponential mean is averaged itself,

        E[y | record, score] = exp(b score + known d) prod_j sum_k W_jk exp(B_jk g_j),

    since with a strong effect of engagement the mean of the exponential is not the exponential of
    the mean. Several columns are averaged as if independent given their records: of normal columns
    what that leaves out is a constant.
    """
    family = FAMILIES[FAMILIES[fit.model].reduced]
    if family.link == "log":
        return _averaged_mean(fit, family, score, known, truth, cubic)
    functions = [column.weights @ column.basis(cubic) for column in truth.columns]
    matrix = np.column_stack([known, *functions, truth.products])
    return plain_effect(fit, score, matrix)


def plain_effect(fit: Fit, score: str, held: np.ndarray, covariance: str = "") -> Effect | None:
    """Return the score's effect with other columns held constant than in a fit; None without one.

    Parameters
    ----------
    held : ndarray, shape (n, m)
        The intercept first. Columns that depend on earlier ones are left out; more than half as
        many as rows have no estimate.
    """
    design = fit.design
    if held.shape[1] > design.n // 2:
        return None
    column = design.matrix[:, fit.position(score)]
    matrix = independent_columns(np.column_stack([held[:, :1], column, held[:, 1:]]))
    names = ("const", score, *(f"held {at}" for at in range(2, matrix.shape[1])))
    blocks = ("intercept", "score", *["control"] * (matrix.shape[1] - 2))
    other = Design(design.response, matrix, names, blocks, design.clusters, design.offset)
    if other.n < other.k + 10:
        return None
    counts = bool((design.response == np.floor(design.response)).all())
    try:
        with np.errstate(all="ignore"):
            refit = fit_model(other, fit.model, covariance or other_covariance(fit), counts=counts)
        estimate, error = effect_of(refit, score)
    except (DesignError, np.linalg.LinAlgError):
        return None
    if not (np.isfinite(estimate) and np.isfinite(error) and error > 0):
        return None
    return Effect(estimate, error, refit.df_of(score))


def other_covariance(fit: Fit) -> str:
    """Return the covariance of an equation beside a fit: HC3, or with clusters CRV1."""
    return "HC3" if fit.design.clusters is None else "CRV1"


def _averaged_mean(
    fit: Fit, family: Family, score: str, known: np.ndarray, truth: Posterior, cubic: bool
) -> Effect | None:
    design = fit.design
    column = design.matrix[:, fit.position(score)]
    lines = independent_columns(np.column_stack([known[:, :1], column, known[:, 1:]]))
    lines = np.column_stack([lines, truth.products])
    bases = [one.basis(cubic) for one in truth.columns]
    unit = float(design.response.mean())
    response, offset = design.response / unit, 0.0 if design.offset is None else design.offset
    widths = [lines.shape[1], *(basis.shape[1] for basis in bases)]
    penalty = np.zeros(sum(widths))
    penalty[: widths[0]] = 1e-9
    if not cubic:
        at = widths[0]
        for width in widths[1:]:
            penalty[at + SMOOTH : at + width] = RIDGE
            at += width
    params = np.zeros(len(penalty))
    params[0] = -np.log(np.exp(offset).mean())
    mean_at = _AveragedMean(lines, truth, bases, offset)
    for _ in range(STEPS):
        mean, slopes = mean_at(params)
        by = 1.0 if family.power == 1 else mean ** (1 - family.power)
        residuals, weights = (response - mean) * by, mean * by
        information = (slopes * weights) @ slopes.T + np.diag(penalty)
        try:
            step = np.linalg.solve(information, slopes @ residuals - penalty * params)
        except np.linalg.LinAlgError:
            return None
        size = np.abs(step).max()
        if not np.isfinite(size):
            return None
        params = params + step * min(1.0, 2 / max(size, 1e-12))
        if size < SMALL:
            break
    else:
        return None
    matrix, bread = slopes.T, np.linalg.inv(information)
    leverage = np.minimum(weights * np.einsum("ij,jk,ik->i", matrix, bread, matrix), 1 - 1e-6)
    cov = sandwich(
        bread,
        matrix * residuals[:, None],
        other_covariance(fit),
        leverage=leverage,
        clusters=design.clusters,
    )
    error = float(np.sqrt(cov[1, 1]))
    return Effect(float(params[1]), error) if np.isfinite(error) and error > 0 else None


class _AveragedMean:
    """The averaged mean of each row and the gradient of its logarithm, at any coefficients.

    Parameters
    ----------
    lines : ndarray, shape (n, q)
        Columns whose coefficients come first.
    truth : Posterior
    bases : list of ndarray, shape (K, m)
        Functions of the values that each true column may have.
    offset : ndarray, shape (n,), or float
    """

    def __init__(
        self,
        lines: np.ndarray,
        truth: Posterior,
        bases: list[np.ndarray],
        offset: np.ndarray | float,
    ) -> None:
        sizes = [lines.shape[1], *(basis.shape[1] for basis in bases)]
        self.ends = np.cumsum(sizes)
        self.offset, self.bases = offset, [np.ascontiguousarray(basis.T) for basis in bases]
        self.weights = [column.weights.T for column in truth.columns]
        self.gradient = np.empty((self.ends[-1], len(lines)))  # used again at each step
        self.gradient[: sizes[0]] = lines.T

    def __call__(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean, shape (n,), and the gradient, shape (k, n), which the next call takes
        away.
        """
        first = self.ends[0]
        logs = params[:first] @ self.gradient[:first] + self.offset
        for at, (basis, weights) in enumerate(zip(self.bases, self.weights, strict=True)):
            own = slice(self.ends[at], self.ends[at + 1])
            means = np.exp(np.clip(params[own] @ basis, -20, 20))
            total = np.maximum(means @ weights, 1e-300)
            logs += np.log(total)
            np.divide((means * basis) @ weights, total, out=self.gradient[own])
        return np.exp(np.clip(logs, -30, 30)), self.gradient
