"""How one equation is fitted: least squares, pseudo-maximum likelihood, logit, counts, hurdles."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib import import_module

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.models.counts import fit_nb2
from analysis.models.covariance import MOST_REFITS, ROBUST, few_clusters
from analysis.models.design import Design
from analysis.models.family import FAMILIES, Family
from analysis.models.fit import Fit
from analysis.models.glm import fit_logit, fit_ols, fit_pml
from analysis.models.hurdle import fit_hurdle
from analysis.plan import Plan

FEWEST_CLUSTERS = 6
"""Fewer clusters than these carry no interval, and the verdict is refused."""


def fit_model(design: Design, model: str, covariance: str, *, counts: bool = False) -> Fit:
    """Fit `design` by the model of this name.

    Parameters
    ----------
    design : Design
    model : str
        A name in `FAMILIES`.
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
    family = FAMILIES[model]
    if design.levels is not None:
        return _absorbing(design, family, covariance)
    module, name = family.fitted_by.split(".")
    fit_family = getattr(import_module(f"{__name__}.{module}"), name)
    options: dict[str, object] = {"family": model} if family.glm and not family.linear else {}
    if family.two_parts:
        options = {"counts": counts}
    fit = fit_family(design, covariance=covariance, **options)
    return fit if fit.model == model else replace(fit, model=model)


def _absorbing(design: Design, family: Family, covariance: str) -> Fit:
    """Return the fit of a design whose controls of many levels are absorbed.

    Raises
    ------
    DesignError
        Of a model that is none of one mean, or a logit, where effects of few rows each mislead.
    """
    if not family.glm or family.link == "logit":
        found = f"{family.name}, and a control of many levels, absorbed as fixed effects"
        allowed = "least squares or an exponential mean"
        raise DesignError("the model", [Fault("the model", found, allowed)])
    plain = fit_ols if family.linear else partial(fit_pml, family=family.name)
    if covariance != "CRV3":
        return plain(design, covariance=covariance)
    fit = plain(design, covariance="CRV1")
    cov = fit.design.levels.jackknife(
        fit.design, fit.params, lambda rest: plain(rest, covariance="HC0").params
    )
    return replace(fit, cov=cov, covariance="CRV3")


def covariance_of(plan: Plan, model: str, design: Design) -> str:
    """Return the plan's covariance, or the default for this model, these rows and clusters.

    The wild bootstrap has no covariance: what takes its place elsewhere is the default with
    clusters.
    """
    if plan.inference.covariance and plan.inference.covariance != "wild":
        return plan.inference.covariance
    return default_covariance(model, design)


def default_covariance(model: str, design: Design) -> str:
    """Return the covariance that every model has where the plan names none.

    HC3; with clusters CRV1, and CRV3 where they are few, so unequal that they count for few, or
    where few of them carry a score. A model of more than one equation, which is fitted again
    without each of many clusters, keeps CRV1 there.
    """
    if design.clusters is None:
        return ROBUST
    sizes = np.bincount(design.clusters)
    if len(sizes) > MOST_REFITS and not FAMILIES[model].glm:
        return "CRV1"
    return "CRV3" if few_clusters(sizes) or design.few_clusters_carry_a_score else "CRV1"


def fit_as_planned(plan: Plan, model: str, design: Design, *, counts: bool = False) -> Fit:
    """Fit with the plan's covariance or the default one, else with HC1 (with clusters CRV1).

    For what is said beside the deciding row, which alone is bound to a covariance that the plan
    names.

    Raises
    ------
    DesignError
        When the model has no estimate.
    """
    return fit_or_plain(design, model, covariance_of(plan, model, design), counts=counts)


def fit_by_default(model: str, design: Design, *, counts: bool = False) -> Fit:
    """Fit with the default covariance, whatever the plan names, else with HC1 (or CRV1).

    Raises
    ------
    DesignError
        When the model has no estimate.
    """
    return fit_or_plain(design, model, default_covariance(model, design), counts=counts)


def fit_or_plain(design: Design, model: str, covariance: str, *, counts: bool = False) -> Fit:
    """Fit with a covariance, or with the plain one (HC1, CRV1) where that does not exist."""
    try:
        return fit_model(design, model, covariance, counts=counts)
    except DesignError:
        return fit_model(design, model, design.plain_covariance, counts=counts)


__all__ = [
    "FEWEST_CLUSTERS",
    "covariance_of",
    "default_covariance",
    "fit_as_planned",
    "fit_by_default",
    "fit_hurdle",
    "fit_logit",
    "fit_model",
    "fit_nb2",
    "fit_ols",
    "fit_or_plain",
    "fit_pml",
]
