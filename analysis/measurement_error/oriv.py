"""Noise in engagement, corrected by instruments: each half of a column stands in for the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.measurement_error.corrected import Correction, Refusal
from analysis.models.design import Design

WEAKEST_FIRST_STAGE = 10.0
"""Smallest first-stage F (the rule of thumb of Staiger & Stock 1997, doi:10.2307/2171753)."""


@dataclass(frozen=True, eq=False)
class InstrumentedCorrection(Correction):
    """A correction with the first stage's strength beside it.

    Attributes
    ----------
    first_stage : tuple of float
        F (robust, clustered by unit) of the instruments, for each column with halves.
    """

    first_stage: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Stack:
    """Every row twice: with the first halves instrumented by the second, and the other way
    round.
    """

    response: np.ndarray
    exogenous: np.ndarray
    endogenous: np.ndarray
    instruments: np.ndarray
    units: np.ndarray


def stack(design: Design, halves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Stack:
    """Return the stacked equations; each order of the halves has its own intercept, all other
    columns are common.
    """
    names = [term for term in design.terms if term in halves]
    first = np.column_stack([halves[term][0] for term in names])
    second = np.column_stack([halves[term][1] for term in names])
    clean = design.matrix[:, _clean(design, halves)]
    order = np.repeat(np.eye(2), design.n, axis=0)
    units = np.arange(design.n) if design.clusters is None else design.clusters
    return Stack(
        response=np.tile(design.response, 2),
        exogenous=np.column_stack([order, np.vstack([clean, clean])]),
        endogenous=np.vstack([first, second]),
        instruments=np.vstack([second, first]),
        units=np.tile(units, 2),
    )


def oriv(
    design: Design, halves: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> InstrumentedCorrection | Refusal:
    """Correct least squares for errors in columns with halves, by obviously related instrumental
    variables.

    Parameters
    ----------
    design : Design
    halves : mapping of term to two arrays of shape (n,)
        Columns without halves count as free of error. With halves of the score, the score too is
        corrected for its own noise, and errors that score and engagement share within a half do no
        harm.

    Returns
    -------
    InstrumentedCorrection or Refusal
        A `Refusal` when the first stage is weak.

    Notes
    -----
    Gillen, Snowberg & Yariv (2019), doi:10.1086/701681: two-stage least squares on the stacked
    rows, clustered by row (or by the plan's clusters), with the factor of HC1 (of CRV1).
    """
    from linearmodels.iv import IV2SLS

    data = stack(design, halves)
    fitted = IV2SLS(data.response, data.exogenous, data.endogenous, data.instruments).fit(
        cov_type="clustered", clusters=data.units, debiased=False
    )
    try:
        diagnostics = fitted.first_stage.diagnostics
    except ZeroDivisionError:  # of its R2 of what the outcome leaves
        return Refusal(
            "oriv",
            "The correction is refused: the outcome is fitted exactly, and no noise is left in it.",
        )
    strength = tuple(float(f) / data.instruments.shape[1] for f in diagnostics["f.stat"])
    if min(strength) < WEAKEST_FIRST_STAGE:
        reason = f"The correction is refused: the first-stage F is {min(strength):.1f}, below 10."
        return Refusal("oriv", reason, min(strength))
    params, cov = _in_design_order(
        design, halves, np.asarray(fitted.params), np.asarray(fitted.cov)
    )
    name, factor = _factor(design)
    return InstrumentedCorrection(
        model="oriv",
        terms=design.terms,
        params=params,
        cov=cov * factor,
        covariance=name,
        n=design.n,
        clusters=design.n_clusters,
        influence=np.empty((0, design.k)),
        first_stage=strength,
    )


def _in_design_order(
    design: Design, halves: Mapping, params: np.ndarray, cov: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients and covariance in the design's order; the intercept is the mean of the
    two.
    """
    clean = _clean(design, halves)
    noisy = [i for i, t in enumerate(design.terms) if t in halves]
    take = np.zeros((design.k, len(params)))
    take[[i for i, block in enumerate(design.blocks) if block == "intercept"], :2] = 0.5
    take[clean + noisy, np.arange(2, len(params))] = 1.0
    return take @ params, take @ cov @ take.T


def _clean(design: Design, halves: Mapping) -> list[int]:
    """Return the positions of the columns without halves, the intercept left out."""
    return [
        i
        for i, term in enumerate(design.terms)
        if term not in halves and design.blocks[i] != "intercept"
    ]


def _factor(design: Design) -> tuple[str, float]:
    n, k, groups = design.n, design.k, design.n_clusters
    if groups is None:
        return "HC1", n / (n - k)
    return "CRV1", groups / (groups - 1) * (n - 1) / (n - k)
