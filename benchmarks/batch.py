"""The package's estimators on many samples at once: intercept, one noisy column, the score.

Nothing here is trusted: before a size is recorded, `calibration.py` compares it with the package's
own `fit_model`, `correct_fit`, `corrected_margin`, `corrected_score` and `conditional_score` on
samples of the same cell.

Columns are centred within a sample, so that with an intercept the corrected moment matrix of a
sample is 2 x 2. Arrays of rows have shape (samples, n), everything else has the samples first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import polygamma
from worlds import Draws

from analysis.measurement_error.measurement import SMALLEST_TRUE_SHARE, WEAKEST_IDENTIFICATION

STEPS, CLOSE = 40, 1e-11

Pair = tuple[np.ndarray, np.ndarray]
"""Estimates and standard errors of the score's effect, shape (samples,); NaN where a correction is
refused.
"""


@dataclass(frozen=True, eq=False)
class Sums:
    """Columns centred within each sample, and their moments: variances and covariance, divided by
    n.
    """

    likes: np.ndarray
    klout: np.ndarray
    products: np.ndarray
    moment: np.ndarray

    @classmethod
    def of(cls, draws: Draws) -> Sums:
        likes, klout = (
            column - column.mean(axis=1, keepdims=True) for column in (draws.likes, draws.klout)
        )
        ones = np.ones_like(likes)
        products = np.stack(
            [ones, likes, klout, likes * likes, likes * klout, klout * klout], axis=1
        )
        means = products[:, 3:].mean(axis=2)
        moment = np.stack([means[:, [0, 1]], means[:, [1, 2]]], axis=1)
        return cls(likes, klout, products, moment)

    @property
    def n(self) -> int:
        return self.likes.shape[1]

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Return X' diag(weights) X / n, shape (samples, 3, 3)."""
        s = (self.products @ weights[:, :, None])[:, :, 0] / self.n
        return s[:, [[0, 1, 2], [1, 3, 4], [2, 4, 5]]]

    def score(self, residuals: np.ndarray) -> np.ndarray:
        """Return X' residuals / n, shape (samples, 3)."""
        return (self.products[:, :3] @ residuals[:, :, None])[:, :, 0] / self.n

    def form(self, weights: np.ndarray) -> np.ndarray:
        """Return X w for weights of shape (samples, 3), or (samples, 2) without the intercept."""
        likes, klout = weights[:, -2, None] * self.likes, weights[:, -1, None] * self.klout
        return likes + klout if weights.shape[1] == 2 else likes + klout + weights[:, :1]


@dataclass(frozen=True, eq=False)
class Plain:
    """The plain fits: coefficients (samples, 3), estimating residuals and weights (samples, n), and
    what decides.
    """

    params: np.ndarray
    residuals: np.ndarray
    weights: np.ndarray
    fitted: np.ndarray
    information: np.ndarray
    decides: Pair


def solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.linalg.solve(matrix, right[:, :, None])[:, :, 0]


def square_sum(parts: np.ndarray) -> np.ndarray:
    return np.einsum("sn,sn->s", parts, parts)


def fit(draws: Draws, sums: Sums, model: str) -> Plain:
    """Fit the plain model, with HC3 for least squares and HC1 otherwise."""
    y = draws.response
    if model == "nb2":
        return _negative_binomial(y, sums)
    params = _coefficients(y, sums, model)
    predictor = sums.form(params)
    if model == "ols":
        fitted, weights, residuals = predictor, np.ones_like(y), y - predictor
    elif model == "logit":
        fitted = 1 / (1 + np.exp(-predictor))
        weights, residuals = fitted * (1 - fitted), y - fitted
    elif model == "poisson":
        fitted = np.exp(predictor)
        weights, residuals = fitted, y - fitted
    else:
        fitted = np.exp(predictor)
        weights, residuals = np.ones_like(y), y / fitted - 1
    information = sums.weighted(weights)
    plain = Plain(params, residuals, weights, fitted, information, (params[:, 2], params[:, 2]))
    decides = (
        _margin(sums, plain) if model == "logit" else (params[:, 2], _std_error(sums, plain, model))
    )
    return Plain(params, residuals, weights, fitted, information, decides)


def _coefficients(y: np.ndarray, sums: Sums, model: str) -> np.ndarray:
    """Return the root of X' residuals by Newton steps with the observed information."""
    params = np.zeros((len(y), 3))
    if model == "ols":
        return solve(sums.weighted(np.ones_like(y)), sums.score(y))
    share = y.mean(axis=1)
    params[:, 0] = np.log(share / (1 - share)) if model == "logit" else np.log(share)
    for _ in range(STEPS):
        predictor = sums.form(params)
        if model == "logit":
            p = 1 / (1 + np.exp(-predictor))
            residuals, curvature = y - p, p * (1 - p)
        elif model == "poisson":
            curvature = np.exp(predictor)
            residuals = y - curvature
        else:
            curvature = y * np.exp(-predictor)
            residuals = curvature - 1
        step = solve(sums.weighted(curvature), sums.score(residuals))
        length = np.abs(step).max(axis=1, keepdims=True)
        params += step / np.maximum(length, 1.0)
        if length.max() < CLOSE:
            return params
    raise RuntimeError(f"{model}: Newton's steps did not end")


def _negative_binomial(y: np.ndarray, sums: Sums) -> Plain:
    """Fit NB2 by Newton steps in the coefficients and the logarithm of the dispersion, from the
    Poisson estimates.
    """
    params = np.column_stack([_coefficients(y, sums, "poisson"), np.full(len(y), -0.7)])
    counts, largest = y.astype(int), int(y.max())
    for _ in range(STEPS):
        mean, size = np.exp(sums.form(params[:, :3])), np.exp(-params[:, 3])
        by_eta, curvature, by_theta, both, twice = _nb2_parts(y, counts, largest, mean, size)
        hessian = np.empty((len(y), 4, 4))
        hessian[:, :3, :3] = sums.weighted(curvature)
        hessian[:, 3, :3] = hessian[:, :3, 3] = -sums.score(both)
        hessian[:, 3, 3] = -twice.mean(axis=1)
        gradient = np.column_stack([sums.score(by_eta), by_theta.mean(axis=1)])
        step = solve(hessian, gradient)
        length = np.abs(step).max(axis=1, keepdims=True)
        if length.max() < CLOSE:
            break
        params += step / np.maximum(length, 1.0)
    else:
        raise RuntimeError("nb2: Newton's steps did not end")
    row = np.linalg.inv(hessian)[:, 2]
    parts = sums.form(row[:, :3]) * by_eta + row[:, 3:] * by_theta
    error = np.sqrt(square_sum(parts) / sums.n**2 * (sums.n / (sums.n - 4)))
    return Plain(params[:, :3], by_eta, curvature, mean, hessian[:, :3, :3], (params[:, 2], error))


def _nb2_parts(y: np.ndarray, counts: np.ndarray, largest: int, mean: np.ndarray, size: np.ndarray):
    """Return each row's derivatives by eta, (minus) eta twice, theta, both, and theta twice; theta
    = -log(size).
    """
    at = size[:, None] + np.arange(largest + 1)
    first, second = (polygamma(order, at) for order in (0, 1))
    size = size[:, None]
    total = size + mean
    by_eta = size * (y - mean) / total
    curvature = size * mean * (size + y) / total**2
    slope = (
        np.take_along_axis(first, counts, axis=1)
        - first[:, :1]
        + np.log(size / total)
        + (mean - y) / total
    )
    bend = np.take_along_axis(second, counts, axis=1) - second[:, :1]
    bend += 1 / size - 2 / total + (y + size) / total**2
    both = -size * (y - mean) * mean / total**2
    return by_eta, curvature, -size * slope, both, size**2 * bend + size * slope


def _std_error(sums: Sums, plain: Plain, model: str) -> np.ndarray:
    row = np.linalg.inv(plain.information)[:, 2]
    parts = sums.form(row) * plain.residuals
    if model != "ols":
        return np.sqrt(square_sum(parts) / sums.n**2 * (sums.n / (sums.n - 3)))
    inverse = np.linalg.inv(plain.information)[:, [0, 1, 1, 2], [0, 1, 2, 2]] * [1, 1, 2, 1]
    leverage = inverse[:, :1] + sum(
        w[:, None] * c
        for w, c in zip(
            inverse[:, 1:].T,
            (sums.products[:, 3], sums.products[:, 4], sums.products[:, 5]),
            strict=True,
        )
    )
    return np.sqrt(square_sum(parts / (1 - leverage / sums.n))) / sums.n


def _margin(sums: Sums, plain: Plain) -> Pair:
    """Return the average marginal effect of a logit with its delta-method error under HC1."""
    inverse = np.linalg.inv(plain.information)
    slope, density = plain.params[:, 2], plain.weights.mean(axis=1)
    gradient = slope[:, None] * sums.score(plain.weights * (1 - 2 * plain.fitted))
    gradient[:, 2] += density
    parts = sums.form(np.einsum("sij,sj->si", inverse, gradient)) * plain.residuals
    # the derivative is by coefficients on centred columns; the margin does not depend on where they
    # are centred
    return slope * density, np.sqrt(square_sum(parts) / sums.n**2 * (sums.n / (sums.n - 3)))


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of the record: half-differences, centred, or the variance (1 - r) times that of the
    column.

    Attributes
    ----------
    likes, klout : ndarray, shape (samples, n), or None
        Half-differences; `klout` None where errors count as unshared.
    declared : float or None
        1 - r.
    variance, shared : ndarray, shape (samples,)
    """

    likes: np.ndarray | None
    klout: np.ndarray | None
    declared: float | None
    variance: np.ndarray
    shared: np.ndarray

    @classmethod
    def of(
        cls, draws: Draws, sums: Sums, *, shared: bool = False, reliability: float | None = None
    ) -> Errors:
        none = np.zeros(len(sums.moment))
        if reliability is not None:
            return cls(None, None, 1 - reliability, (1 - reliability) * sums.moment[:, 0, 0], none)
        likes = draws.likes_spread - draws.likes_spread.mean(axis=1, keepdims=True)
        klout = (
            draws.klout_spread - draws.klout_spread.mean(axis=1, keepdims=True) if shared else None
        )
        covariance = np.einsum("sn,sn->s", likes, klout) / sums.n if shared else none
        return cls(likes, klout, None, square_sum(likes) / sums.n, covariance)

    def rows(self, sums: Sums, by_likes: np.ndarray, by_klout: np.ndarray) -> np.ndarray:
        """Return each row's part of (by_likes, by_klout)' C e_likes, with C what is subtracted."""
        if self.declared is not None:
            return (self.declared * by_likes)[:, None] * sums.products[:, 3]
        parts = by_likes[:, None] * self.likes
        if self.klout is not None:
            parts += by_klout[:, None] * self.klout
        return parts * self.likes


def correct(sums: Sums, plain: Plain, errors: Errors, model: str) -> Pair:
    """Return the corrected effect: the coefficient, or for a logit the margin."""
    usable = ~refused(sums, errors)
    truth = sums.moment.copy()
    truth[:, 0, 0] -= errors.variance
    truth[:, 1, 0] -= errors.shared
    truth[~usable] = np.eye(2)
    right = (sums.moment @ plain.params[:, 1:, None])[:, :, 0]
    slopes = solve(truth, right)
    row = np.linalg.inv(truth)[:, 1]
    through = np.zeros((len(row), 3))
    through[:, 1:] = np.einsum("si,sij->sj", row, sums.moment)
    parts = sums.form(solve(plain.information, through)) * plain.residuals
    parts += sums.form(row) * sums.form(plain.params[:, 1:] - slopes)
    parts += errors.rows(sums, row[:, 0] * slopes[:, 0], row[:, 1] * slopes[:, 0])
    estimate = slopes[:, 1]
    if model == "logit":
        density = plain.weights.mean(axis=1)
        change = sums.score(plain.weights * (1 - 2 * plain.fitted))
        own = sums.form(solve(plain.information, change)) * plain.residuals
        parts = density[:, None] * parts + estimate[:, None] * own
        estimate = estimate * density
    error = np.sqrt(square_sum(parts) / sums.n**2 * (sums.n / (sums.n - 3)))
    return np.where(usable, estimate, np.nan), np.where(usable, error, np.nan)


def refused(sums: Sums, errors: Errors) -> np.ndarray:
    """Return in which samples the corrected moment matrix is too near to singular."""
    left = np.linalg.inv(sums.moment)[:, 0]
    right = solve(sums.moment, np.column_stack([errors.variance, errors.shared]))
    share = 1 - right[:, 0]
    parts = sums.form(left) * sums.form(right) - errors.rows(sums, left[:, 0], left[:, 1])
    error = np.sqrt(square_sum(parts)) / sums.n
    strength = (np.maximum(share, 0) / error) ** 2
    return (share < SMALLEST_TRUE_SHARE) | (strength < WEAKEST_IDENTIFICATION)


# --- corrected and conditional score: printed beside, never deciding ------------------------------


def second(draws: Draws, sums: Sums, plain: Plain, errors: Errors, model: str) -> Pair:
    """Return the corrected score of an exponential mean, or the conditional score of a logit (the
    coefficient).
    """
    equations = _corrected_score if model == "poisson" else _conditional_score
    gone = refused(sums, errors)
    variance = np.where(gone, 0.0, errors.variance)
    params = plain.params.copy()
    truth = sums.moment.copy()
    truth[:, 0, 0] -= variance
    params[:, 1:] = solve(truth, (sums.moment @ params[:, 1:, None])[:, :, 0])
    failed = gone.copy()
    for _ in range(STEPS):
        rows, slope, _, _ = equations(draws.response, sums, params, variance)
        mean, spread = rows.mean(axis=2), rows.std(axis=(1, 2))
        failed |= ~np.isfinite(mean).all(axis=1) | ~np.isfinite(slope).all(axis=(1, 2))
        slope[failed] = -np.eye(3)
        step = -np.where(failed[:, None], 0.0, solve(slope, np.where(failed[:, None], 0.0, mean)))
        size = np.abs(mean).max(axis=1) / np.maximum(spread, 1e-300)
        if (failed | (size < CLOSE)).all():
            break
        params += step / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1.0)
    rows, slope, by_error, by_quadratic = equations(draws.response, sums, params, variance)
    slope[failed] = -np.eye(3)
    failed |= (size >= 1e-10) | (
        np.linalg.eigvalsh(-(slope + slope.transpose(0, 2, 1)) / 2)[:, 0] <= 0
    )
    change = (errors.likes**2 - variance[:, None]) * params[:, 1:2]
    psi = rows + np.einsum("sn,sk->skn", change * params[:, 1:2], by_quadratic)
    psi[:, 1] += by_error[:, None] * change
    row = np.linalg.inv(slope)[:, 2]
    parts = np.einsum("sk,skn->sn", row, psi)
    error = np.sqrt(square_sum(parts) / sums.n**2 * (sums.n / (sums.n - 3)))
    return np.where(failed, np.nan, params[:, 2]), np.where(failed, np.nan, error)


def _columns(sums: Sums, likes: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(likes), likes, sums.klout], axis=1)


def _cross(left: np.ndarray, weights: np.ndarray, right: np.ndarray) -> np.ndarray:
    return left @ (right * weights[:, None]).transpose(0, 2, 1) / left.shape[2]


def _corrected_score(y: np.ndarray, sums: Sums, params: np.ndarray, variance: np.ndarray):
    pull = variance * params[:, 1]
    with np.errstate(all="ignore"):
        mean = np.exp(sums.form(params) - (params[:, 1] * pull / 2)[:, None])
    moved = _columns(sums, sums.likes - pull[:, None])
    rows = y[:, None] * _columns(sums, sums.likes) - moved * mean[:, None]
    slope = -_cross(moved, mean, moved)
    slope[:, 1, 1] += variance * mean.mean(axis=1)
    return rows, slope, mean.mean(axis=1), (moved * mean[:, None]).mean(axis=2) / 2


def _conditional_score(y: np.ndarray, sums: Sums, params: np.ndarray, variance: np.ndarray):
    pull = variance * params[:, 1]
    square = (params[:, 1] * pull)[:, None]
    p = 1 / (1 + np.exp(-(sums.form(params) + (y - 0.5) * square)))
    rest, density = y - p, p * (1 - p)
    sufficient = _columns(sums, sums.likes + y * pull[:, None])
    gradient = _columns(sums, sums.likes + (2 * y - 1) * pull[:, None])
    slope = -_cross(sufficient, density, gradient)
    slope[:, 1, 1] += variance * (rest * y).mean(axis=1)
    quadratic = -(sufficient * (density * (y - 0.5))[:, None]).mean(axis=2)
    return sufficient * rest[:, None], slope, (rest * y).mean(axis=1), quadratic
