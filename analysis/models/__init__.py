"""How one equation is fitted: least squares, pseudo-maximum likelihood, logit, counts, hurdles."""

from __future__ import annotations

from analysis.models.binary import fit_logit
from analysis.models.counts import fit_nb2
from analysis.models.design import Design
from analysis.models.fit import Fit
from analysis.models.hurdle import fit_hurdle, split
from analysis.models.linear import fit_ols
from analysis.models.pml import fit_pml


def fit_model(design: Design, model: str, covariance: str, *, counts: bool = False) -> Fit:
    """Fit `design` by the model of this name.

    Parameters
    ----------
    design : Design
    model : str
        "ols", "poisson", "gamma", "tweedie", "logit", "nb2" or "hurdle".
    covariance : str
    counts : bool
        Beyond a hurdle counts have a truncated negative binomial distribution; anything else a
        Gamma pseudo-likelihood.
    """
    key = (model, covariance, counts)
    if design.kept is None:
        return _fitted(design, *key)
    if key not in design.kept:
        design.kept[key] = _fitted(design, *key)
    return design.kept[key]


def _fitted(design: Design, model: str, covariance: str, counts: bool) -> Fit:
    if model == "ols":
        return fit_ols(design, covariance=covariance)
    if model == "logit":
        return fit_logit(design, covariance=covariance)
    if model == "nb2":
        return fit_nb2(design, covariance=covariance)
    if model == "hurdle":
        return fit_hurdle(design, _count_parts if counts else _money_parts, covariance=covariance)
    return fit_pml(design, family=model, covariance=covariance)


def _count_parts(design: Design, covariance: str) -> tuple[Fit, Fit]:
    whether, positive = split(design)
    return fit_logit(whether, covariance=covariance), fit_nb2(
        positive, covariance=covariance, truncated=True
    )


def _money_parts(design: Design, covariance: str) -> tuple[Fit, Fit]:
    whether, positive = split(design)
    return fit_logit(whether, covariance=covariance), fit_pml(
        positive, family="gamma", covariance=covariance
    )


__all__ = ["fit_hurdle", "fit_logit", "fit_model", "fit_nb2", "fit_ols", "fit_pml"]
