"""How one equation is fitted: least squares, pseudo-maximum likelihood, logit."""

from __future__ import annotations

from analysis.design import Design
from analysis.fit import Fit
from analysis.models.binary import fit_logit
from analysis.models.linear import fit_ols
from analysis.models.pml import fit_pml


def fit_model(design: Design, model: str, covariance: str) -> Fit:
    """Fit `design` by the model of this name."""
    if model == "ols":
        return fit_ols(design, covariance=covariance)
    if model == "logit":
        return fit_logit(design, covariance=covariance)
    return fit_pml(design, family=model, covariance=covariance)


__all__ = ["fit_logit", "fit_model", "fit_ols", "fit_pml"]
