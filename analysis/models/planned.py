"""The covariance that a plan asks for, and the fit of one equation with it."""

from __future__ import annotations

import numpy as np

from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.covariance import few_clusters
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.plan import Plan

FEWEST_CLUSTERS = 6
"""Fewer clusters than these carry no interval, and the verdict is refused."""


def covariance_of(plan: Plan, model: str, design: Design) -> str:
    """Return the plan's covariance, or the default for this model and number of clusters.

    The wild bootstrap has no covariance: what takes its place elsewhere is the default with
    clusters.
    """
    if plan.inference.covariance and plan.inference.covariance != "wild":
        return plan.inference.covariance
    if design.clusters is not None:
        return "CRV3" if few_clusters(np.bincount(design.clusters)) else "CRV1"
    return FAMILIES[model].default_covariance


def fit_as_planned(plan: Plan, model: str, design: Design, *, counts: bool = False) -> Fit:
    """Fit with the plan's covariance or the default one, or where that does not exist with HC1
    (CRV1 with clusters).

    For what is said beside the deciding row, which alone is bound to a covariance that the plan
    names.

    Raises
    ------
    DesignError
        When the model has no estimate.
    """
    try:
        return fit_model(design, model, covariance_of(plan, model, design), counts=counts)
    except DesignError:
        return fit_model(design, model, design.plain_covariance, counts=counts)
