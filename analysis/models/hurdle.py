"""The hurdle model: two equations, and what they say together about the overall mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit

from analysis.errors import DesignError, Fault
from analysis.models.counts import fit_nb2
from analysis.models.covariance import (
    CLUSTERED,
    LEVERED,
    cluster_sums,
    hat_diagonal,
    jackknife,
    levered,
    refuse_full_leverage,
    small_sample,
)
from analysis.models.design import Design
from analysis.models.fit import CountFit, Fit
from analysis.models.glm import fit_logit, fit_pml, params_without

FEWEST = 10
"""So many rows more than columns have to lie on the positive side, and one on the other."""


def fit_hurdle(design: Design, *, counts: bool = False, covariance: str = "HC1") -> Fit:
    """Fit whether the outcome is positive and how large it is then, and recombine both.

    Parameters
    ----------
    design : Design
        The response is zero or more, and zero somewhere.
    counts : bool
        Positive outcomes have a truncated negative binomial distribution; otherwise a Gamma
        pseudo-likelihood.
    covariance : {"HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"}
        Of each part, with its own rows, columns and leverages.

    Returns
    -------
    Fit
        ``params`` are, per unit of each column, the derivatives of the log of the overall mean
        ``sum_i P(y_i > 0) E[y_i | y_i > 0]`` when the column rises by the same amount in every row:
        for an exponential mean they are its coefficients. Their covariance is by the delta method
        from the stacked sandwich of both parts, the rows taken as they are. `parts` are the two
        fits, `stacked` their joint covariance.

    Raises
    ------
    DesignError
        When there is no zero, too few positive outcomes, or a part cannot be fitted.

    Notes
    -----
    Mullahy (1986), doi:10.1016/0304-4076(86)90002-3. The positive part alone compares rows that
    were selected by what the score may have changed; it is never reported without the other.
    """
    jackknifed, k = covariance == "CRV3", design.k
    # of the parts, until their joint covariance is known
    zero, positive = _fit_parts(design, "CRV1" if jackknifed else covariance, counts)
    if jackknifed:
        stacked = _jackknifed(design, counts, zero, positive)
    else:
        stacked = _sandwiched(design, zero, positive, covariance)
    value, gradient = overall_effects(design.matrix, design.offset, zero, positive)
    parts = tuple(
        replace(part, cov=stacked[at : at + k, at : at + k], covariance=covariance)
        for at, part in ((0, zero), (k, positive))
    )
    return Fit(
        design=design,
        model="hurdle",
        params=value,
        cov=gradient @ stacked @ gradient.T,
        covariance=covariance,
        fitted=_mean(design.matrix, design.offset, zero, positive)[0],
        residuals=np.full(design.n, np.nan),
        weights=np.full(design.n, np.nan),
        deviance=float("nan"),
        null_deviance=float("nan"),
        parts=parts,
        stacked=stacked[: 2 * k, : 2 * k],
        note=positive.note,
        influence=_joint_influence(design, zero, positive) @ gradient.T,
    )


def _fit_parts(design: Design, covariance: str, counts: bool) -> tuple[Fit, Fit]:
    """Return the logit of ``y > 0`` on all rows, and the fit of the positive rows."""
    whether, positive = split(design)
    zero = fit_logit(whether, covariance=covariance)
    if counts:
        return zero, fit_nb2(positive, covariance=covariance, truncated=True)
    return zero, fit_pml(positive, family="gamma", covariance=covariance)


def split(design: Design) -> tuple[Design, Design]:
    """Return the designs of whether the outcome is positive, and of the positive rows.

    Raises
    ------
    DesignError
        When there is an offset, no zero, or too few positive outcomes.
    """
    at = design.response > 0
    fault = None
    if design.offset is not None:
        allowed = "no exposure: it does not say what it does to the chance of any"
        fault = Fault("hurdle", "an exposure", allowed)
    elif at.all():
        fault = Fault("hurdle", "no outcome of zero", "outcomes of zero and positive ones")
    elif at.sum() < design.k + FEWEST:
        found = f"{int(at.sum())} positive outcomes for {design.k} coefficients"
        fault = Fault("hurdle", found, "at least ten more than coefficients")
    if fault:
        raise DesignError("the model", [fault])
    return design.with_response(at.astype(float)), design.take(at).renumbered()


def overall_effects(
    matrix: np.ndarray, offset: np.ndarray | None, zero: Fit, positive: Fit
) -> tuple[np.ndarray, np.ndarray]:
    """Return every column's effect on the log of the overall mean, and its gradient by parameters.

    Parameters
    ----------
    matrix : ndarray, shape (n, k)
    offset : ndarray, shape (n,), or None
    zero, positive : Fit

    Returns
    -------
    effects : ndarray, shape (k,)
    gradient : ndarray, shape (k, K)
        By central differences; K counts the parameters of both parts.
    """
    params = np.concatenate([zero.params, _every(positive)])

    def effects(at: np.ndarray) -> np.ndarray:
        changed = _with(zero, positive, at)
        mean, by_zero, by_positive = _mean(matrix, offset, *changed)
        slopes = by_zero.sum() * changed[0].params + by_positive.sum() * changed[1].params
        return slopes / mean.sum()

    scale = np.concatenate([_spread(zero), _spread(positive)])
    steps = 1e-4 * scale
    columns = [
        (effects(params + step) - effects(params - step)) / (2 * size)
        for step, size in zip(np.diag(steps), steps, strict=True)
    ]
    return effects(params), np.column_stack(columns)


def _mean(
    matrix: np.ndarray, offset: np.ndarray | None, zero: Fit, positive: Fit
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's overall mean, and its derivatives by both linear predictors, (n,) each."""
    chance = expit(matrix @ zero.params)
    base = np.exp(matrix @ positive.params + (0.0 if offset is None else offset))
    if isinstance(positive, CountFit):
        alpha = positive.dispersion
        any_ = 1 - positive.chance_of_none(base)
        mean = base / any_
        slope = mean * (1 - mean * (1 - any_) / (1 + alpha * base))
    else:
        mean = slope = base
    return chance * mean, chance * (1 - chance) * mean, chance * slope


def _every(positive: Fit) -> np.ndarray:
    return positive.every_param if isinstance(positive, CountFit) else positive.params


def _spread(part: Fit) -> np.ndarray:
    """Return the scale on which a part's parameters are moved: how much one standard error is."""
    if isinstance(part, CountFit):
        return np.sqrt(np.diag(part.bread))
    return part.std_errors()


def _with(zero: Fit, positive: Fit, params: np.ndarray) -> tuple[Fit, Fit]:
    k = len(zero.params)
    rest = params[k:]
    changed = replace(positive, params=rest[:k])
    if isinstance(positive, CountFit) and len(rest) > k:
        changed = replace(changed, dispersion=float(np.exp(rest[k])))
    return replace(zero, params=params[:k]), changed


def _sandwiched(design: Design, zero: Fit, positive: Fit, kind: str) -> np.ndarray:
    """Return the joint covariance, each part with the small-sample factor of a fit alone."""
    influence = _joint_influence(
        design, zero, positive, (_factor(zero, kind), _factor(positive, kind))
    )
    if kind in CLUSTERED:
        influence = cluster_sums(influence, design.clusters)
    return influence.T @ influence


def _joint_influence(
    design: Design, zero: Fit, positive: Fit, factors: tuple[float | np.ndarray, ...] = (1.0, 1.0)
) -> np.ndarray:
    """Return each row's influence on the parameters of both parts, times a factor of each part."""
    k, at = design.k, np.flatnonzero(design.response > 0)
    influence = np.zeros((design.n, k + len(_every(positive))))
    influence[:, :k] = _influence(zero) * factors[0]
    influence[at, k:] = _influence(positive) * factors[1]
    return influence


def _influence(part: Fit) -> np.ndarray:
    """Return each row's influence on the parameters of a part, shape (n, k)."""
    return part.scores @ part.bread if isinstance(part, CountFit) else part.row_influence()


def _factor(part: Fit, kind: str) -> float | np.ndarray:
    """Return what a part's scores are multiplied by, a number or an array of shape (n, 1)."""
    if kind in LEVERED:
        leverage = hat_diagonal(part.design.basis[0], part.weights)
        refuse_full_leverage(leverage, kind)
        return 1 / levered(leverage, kind)[:, None]
    groups = part.design.n_clusters if kind in CLUSTERED else None
    return float(np.sqrt(small_sample(kind, part.design.n, len(_every(part)), groups)))


def _jackknifed(design: Design, counts: bool, zero: Fit, positive: Fit) -> np.ndarray:
    full = np.concatenate([zero.params, _every(positive)])

    def refit(stay: np.ndarray) -> np.ndarray:
        one, other = _fit_parts(design.take(stay).renumbered(), "HC0", counts)
        params = np.concatenate([one.params, _every(other)])
        return np.append(params, full[-1])[: len(full)]  # with alpha where the full one has it

    def found() -> np.ndarray:
        others = np.tile(full, (design.n_clusters, 1))
        some = np.unique(design.clusters[design.response > 0])
        others[:, : design.k] = params_without(zero)
        others[some, design.k :] = params_without(positive)
        fewest = positive.design.n - np.bincount(positive.design.clusters)
        others[some[fewest < design.k + FEWEST]] = np.nan  # a refit says that there are too few
        return others

    return jackknife(refit, full, design.clusters, None if counts else found)
