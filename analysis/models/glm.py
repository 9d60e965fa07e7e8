"""Fits of one equation: least squares, exponential means, the logit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.covariance import (
    equation_covariance,
    jackknife,
    levered,
    one_step_jackknife,
    refuse_full_leverage,
    small_sample,
)
from analysis.models.design import Design
from analysis.models.family import FAMILIES, Family
from analysis.models.fit import Fit
from analysis.models.left_out import left_out
from analysis.models.solver import SINGULAR, Rows, condition_of, newton

WIDEST = 30.0
"""Range of a linear predictor, in logs, beyond which full scoring steps are not trusted."""

REFIT_STEPS = 25
"""Steps of a fit that starts close to its estimate."""

WITHOUT_ROWS = ("HC0", "HC1", "HC3", "CRV1")
"""The covariances of `coefficient_without`: those that need no other fit."""


def fit_pml(design: Design, *, family: str = "poisson", covariance: str = "HC1") -> Fit:
    """Fit a generalised linear model by (pseudo-)maximum likelihood.

    Parameters
    ----------
    design : Design
        Of an exponential mean the response is zero or more (zeros are ordinary for all powers); of
        a logit 0 or 1.
    family : str
        "poisson", "gamma", "tweedie", "logit", or another model with working weights.
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}

    Returns
    -------
    Fit
        Coefficients are log ratios of the mean per unit of the column, whatever the unit of the
        response; of a logit log odds ratios.

    Raises
    ------
    DesignError
        When the estimate does not exist (separation) or the iterations do not converge.

    Notes
    -----
    Only the mean has to be right: Gourieroux, Monfort & Trognon (1984), doi:10.2307/1913471; Santos
    Silva & Tenreyro (2006), doi:10.1162/rest.88.4.641. The bread is the expected information ``X'
    diag(mu ** (2 - power)) X``.
    """
    if design.levels is not None:
        design = design.levels.under(design, FAMILIES[family])
    rows, unit = _rows(design, FAMILIES[family])
    estimate = _estimate(rows)

    def refit(stay: np.ndarray) -> np.ndarray:
        offset = None if rows.offset is None else rows.offset[stay]
        rest = Rows(rows.response[stay], rows.columns[stay], rows.family, offset)
        return _estimate(rest, estimate)

    def leave_out(clusters: np.ndarray) -> np.ndarray:
        return jackknife(refit, estimate, clusters, lambda: left_out(rows, estimate, clusters))

    return _fit_at(design, rows, estimate, unit, covariance, leave_out)


def fit_logit(design: Design, *, covariance: str = "HC1") -> Fit:
    """Fit ``P(y = 1 | X) = 1 / (1 + exp(-X b))`` by maximum likelihood, as `fit_pml` does."""
    return fit_pml(design, family="logit", covariance=covariance)


def fit_ols(design: Design, *, covariance: str = "HC3") -> Fit:
    """Fit ``y = X b`` by least squares.

    Parameters
    ----------
    design : Design
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}

    Returns
    -------
    Fit
        Coefficients in units of the outcome per unit of the column.

    Notes
    -----
    On an orthonormal basis of the columns the coefficients are projections (twice, since what is
    left of the first one is rounding), and they are carried back through the triangle of the
    factorisation: digits are lost in proportion to the condition number, not to its square.
    """
    if design.levels is not None:
        design = design.levels.under(design, FAMILIES["ols"])
    rows, unit = _rows(design, FAMILIES["ols"])
    projections = rows.columns.T @ design.response / design.n
    projections += rows.columns.T @ (design.response - rows.predictor(projections)) / design.n
    return _fit_at(design, rows, projections, unit, covariance, None)


def refit(design: Design, model: str, covariance: str, predictor: np.ndarray) -> Fit:
    """Fit a model by scoring steps from a predictor close to its own: for hundreds of draws.

    Parameters
    ----------
    design : Design
    model : str
        Least squares, or a model of `fit_pml`.
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}
        CRV3 without refits: each cluster is left out by one step, which for least squares is exact.
    predictor : ndarray, shape (n,)
        On the model's own scale, offset included.

    Raises
    ------
    DesignError
        When the steps do not converge, or a covariance does not exist.

    Notes
    -----
    The one-step jackknife for nonlinear models is that of MacKinnon, Nielsen & Webb,
    arXiv:2406.00650.
    """
    rows, unit = _rows(design, FAMILIES[model])
    own = predictor - np.log(unit) - (0.0 if rows.offset is None else rows.offset)
    start = rows.columns.T @ own / design.n
    found = newton(rows.sums, start, steps=REFIT_STEPS, small=1e-9)
    if not found.moved <= 1e-9:
        text = "no convergence", "a draw with a finite estimate"
        raise DesignError("the model", [Fault(f"{model} regression", *text)])
    return _fit_at(design, rows, found.params, unit, covariance, None)


def params_without(fit: Fit) -> np.ndarray:
    """Return the coefficients of a fit without each of its clusters, shape (G, k).

    NaN where a refit has to find them.

    Parameters
    ----------
    fit : Fit
        By `fit_pml` or `fit_logit`.

    Raises
    ------
    numpy.linalg.LinAlgError
        Where one cluster alone carries a coefficient.
    """
    rows, unit = _rows(fit.design, FAMILIES[fit.model])
    triangle, shift = fit.design.basis[1], np.zeros(fit.design.k)
    shift[0] = np.log(unit)
    others = left_out(rows, triangle @ (fit.params - shift), fit.design.clusters)
    return np.linalg.solve(triangle, others.T).T + shift


def _rows(design: Design, family: Family) -> tuple[Rows, float]:
    """Return the rows with the response in the unit in which it is fitted, and that unit."""
    unit, offset = family.scale(design.response), design.offset if family.link == "log" else None
    return Rows(design.response / unit, design.basis[0], family, offset), unit


def _estimate(rows: Rows, close: np.ndarray | None = None) -> np.ndarray:
    """Return the coefficients on the basis, from a close estimate where there is one."""
    if close is not None:
        found = newton(rows.sums, close, steps=REFIT_STEPS, small=1e-12, condition=1e10)
        if found.moved <= 1e-12:
            return found.params
    start = np.zeros(rows.columns.shape[1])
    if rows.family.link == "log":
        start[0] = _null_intercept(rows) * np.sign(rows.columns[0, 0])
    found = newton(rows.sums, start, steps=100, small=1e-12, condition=1e10)
    logit = rows.family.link == "logit"
    if found.moved <= 1e-12 and (logit or np.ptp(rows.predictor(found.params)) < WIDEST):
        return found.params
    # The criterion is convex in the coefficients, so steps that are halved until they help converge
    # from anywhere; rows far out send full steps into a cycle or an overflow.
    found = newton(
        partial(rows.sums, criterion=True),
        start,
        steps=500,
        small=1e-9,
        slack=1e-12 * len(rows.response),
        condition=SINGULAR,
    )
    if not found.moved <= 1e-9 or (logit and not _determined(rows, found.params)):
        raise _no_estimate(rows.family)
    return found.params


def _determined(rows: Rows, params: np.ndarray) -> bool:
    """Whether the information at an estimate has an inverse.

    A large predictor alone is no separation: one account with a huge count has one, and the others
    still inform.
    """
    return condition_of(rows.sums(params)[2]) <= SINGULAR


def _no_estimate(family: Family) -> DesignError:
    if family.link == "logit":
        place = family.name
        text = (
            "a combination of columns that separates the two outcomes (almost) perfectly: no finite"
            " estimate"
        )
        allowed = "columns with both outcomes among their values"
    else:
        place = f"{family.name} regression"
        text = (
            "no finite estimate: some columns predict an outcome of zero perfectly, or the rows do"
            " not determine them"
        )
        allowed = "columns (or levels of a text control) with positive outcomes on both sides"
    return DesignError("the model", [Fault(place, text, allowed)])


def _null_intercept(rows: Rows) -> float:
    """Return the intercept of the model without columns, which has a closed form."""
    if rows.offset is None:
        return float(rows.family.predictor(rows.response.mean()))
    weights = np.exp(rows.offset * (1 - rows.family.power))
    base = (np.exp(rows.offset) * weights).sum()
    return float(np.log((rows.response * weights).sum() / base))


def _fit_at(
    design: Design,
    rows: Rows,
    estimate: np.ndarray,
    unit: float,
    covariance: str,
    leave_out: Callable[[np.ndarray], np.ndarray] | None,
) -> Fit:
    """Return the fit of an estimate on the basis; CRV3 by refits, or by one step without them."""
    family, basis, triangle = rows.family, *design.basis
    at = rows.predictor(estimate)
    residuals, weights = family.derivatives(rows.response, at)
    if covariance != "CRV3":
        shared = design.clusters, design.levels
        cov = equation_covariance(basis, residuals, weights, covariance, *shared)
    elif leave_out is None:
        limit = 1e12 if family.linear else None
        cov = one_step_jackknife(basis, residuals, weights, design.clusters, condition=limit)
    else:
        cov = leave_out(design.clusters)
    params, back = np.linalg.solve(triangle, estimate), np.linalg.inv(triangle)
    params[0] += np.log(unit)
    scale = family.deviance_scale(unit)
    swept = design.levels is not None and family.linear
    outcome, bare = rows.response, rows
    if design.levels is not None:  # the null model has no levels either
        outcome = design.outcome / unit
        bare = replace(rows, response=outcome, offset=design.levels.before.offset)
    null = np.zeros(design.n) if bare.offset is None else bare.offset
    if design.blocks[0] == "intercept":
        null = null + _null_intercept(bare)
    return Fit(
        design=design,
        model=family.name,
        params=params,
        cov=back @ cov @ back.T,
        covariance=covariance,
        fitted=(design.outcome - residuals) if swept else family.mean(at) * unit,
        residuals=residuals * scale,
        weights=weights * scale,
        deviance=scale * family.deviance(rows.response, at),
        null_deviance=scale * family.deviance(outcome, null),
    )


@dataclass(frozen=True)
class Coefficient:
    """An estimate with its robust error and the degrees of freedom of its reference."""

    estimate: float
    std_error: float
    df: float | None


def coefficient_without(fit: Fit, term: str, keep: np.ndarray, covariance: str) -> Coefficient:
    """Return one coefficient of an exponential mean without some of many rows.

    Parameters
    ----------
    fit : Fit
        Of all rows, by Poisson, Gamma or Tweedie pseudo-maximum likelihood.
    term : str
    keep : ndarray of bool, shape (n,)
    covariance : {"HC0", "HC1", "HC3", "CRV1"}
        With HC3 the degrees of freedom are those with all rows: of many rows a few are left out.

    Raises
    ------
    DesignError
        When steps from the fit do not converge, or the rows that stay hardly determine a column:
        nothing is known then, and a fit from afar may still find an estimate.
    """
    design, at = fit.design, fit.position(term)
    (basis, triangle), clusters = design.basis, design.clusters
    rows, unit = _rows(design, FAMILIES[fit.model])
    start = triangle @ fit.params - np.log(unit) * basis.mean(axis=0)
    weights = keep.astype(float)
    rest = Rows(rows.response, basis, rows.family, rows.offset, weights)
    found = newton(rest.sums, start, steps=REFIT_STEPS, small=1e-8, condition=1e10)
    if not found.moved <= 1e-8:
        fault = Fault("without some rows", "no convergence", "rows with a finite estimate")
        raise DesignError("the model", [fault])
    own = np.linalg.solve(
        triangle.T, np.eye(design.k)[at]
    )  # the coefficient, as a sum on the basis
    parts = weights * rest.influence(found.params, np.linalg.solve(found.information, own))
    groups = df = None
    if covariance == "HC3":
        leverage = rest.leverages(found.params, found.information)
        refuse_full_leverage(leverage, covariance)
        parts, df = parts / levered(leverage, covariance), fit.df_of(term)
    if covariance == "CRV1":
        groups = int((np.bincount(clusters, weights=weights) > 0).sum())
        parts, df = np.bincount(clusters, weights=parts), groups - 1.0
    factor = small_sample(covariance, float(weights.sum()), design.k, groups)
    error = float(np.sqrt(factor * (parts @ parts)))
    return Coefficient(float(own @ found.params), error, df)


def effect_of(fit: Fit, term: str) -> tuple[float, float]:
    """Return the effect of a term on the scale of the verdict, a margin or its coefficient, and the
    standard error.
    """
    margin = FAMILIES[fit.model].margin
    return average_marginal_effect(fit, term) if margin else fit.coefficient(term)


def average_marginal_effect(fit: Fit, term: str) -> tuple[float, float]:
    """Return the mean change in probability per unit of a logit's column, and its standard error.

    Notes
    -----
    The effect is ``mean(b p (1 - p))`` over the rows; the rows are taken as they are. Log odds
    change with what is controlled even where nothing is confounded, average marginal effects hardly
    do: Mood (2010), doi:10.1093/esr/jcp006.
    """
    gradient = marginal_gradient(fit, term)
    effect = fit.params[fit.position(term)] * fit.weights.mean()
    return float(effect), float(np.sqrt(gradient @ fit.cov @ gradient))


def marginal_gradient(fit: Fit, term: str) -> np.ndarray:
    """Return the gradient of a logit's mean change in probability, shape (k,)."""
    at, density = fit.position(term), fit.weights
    slope = (density * (1 - 2 * fit.fitted)) @ fit.design.matrix / fit.design.n
    gradient = fit.params[at] * slope
    gradient[at] += density.mean()
    return gradient
