"""How one equation is fitted: least squares, pseudo-maximum likelihood, logit, counts, hurdles."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from analysis.models.counts import fit_nb2
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.glm import fit_logit, fit_ols, fit_pml
from analysis.models.hurdle import fit_hurdle


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
    module, name = family.fitted_by.split(".")
    fit_family = getattr(import_module(f"{__name__}.{module}"), name)
    options: dict[str, object] = {"family": model} if family.glm and not family.linear else {}
    if family.two_parts:
        options = {"counts": counts}
    fit = fit_family(design, covariance=covariance, **options)
    return fit if fit.model == model else replace(fit, model=model)


__all__ = ["fit_hurdle", "fit_logit", "fit_model", "fit_nb2", "fit_ols", "fit_pml"]
