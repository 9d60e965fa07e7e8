"""Whether what is predicted comes true: a smooth curve of the outcome over its prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.errors import DesignError
from analysis.models import fit_or_plain
from analysis.models.columns import restricted_cubic_spline
from analysis.models.cross_fitting import out_of_fold
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit, critical_value

POINTS = 41
"""Of a curve."""

EDGES = (0.01, 0.99)
"""Between these quantiles of the prediction it is drawn: beyond them few rows say where it goes."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The outcome's mean over what was predicted of rows that were left out.

    Attributes
    ----------
    predicted, observed, low, high : ndarray, shape (m,)
        In the outcome's unit, the prediction rising; a pointwise band.
    error : float
        Mean distance between prediction and curve, over all rows: the integrated calibration index.
    line : Fit
        The outcome on an intercept and the linear predictor, whose terms are "intercept" and
        "slope": 0 and 1 where the predictions are calibrated.
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: float
    line: Fit


def calibration_curves(
    design: Design, model: str, *, rng: np.random.Generator, level: float = 0.95
) -> tuple[Curve, Curve]:
    """Return the curves without the score and with it, of predictions of rows left out.

    Parameters
    ----------
    design : Design
        With the score.
    model : {"ols", "logit", "poisson", "gamma", "tweedie"}
    rng : Generator
        Both models leave out the same folds, of whole clusters.
    level : float
        Of the band.

    Raises
    ------
    DesignError
        When a model has no estimate without one of the folds, or the curve has none.

    Notes
    -----
    The curve is the model's own mean on a restricted cubic spline (four knots) of the linear
    predictor, and the band its robust one: flexible calibration, Van Calster et al. (2016),
    doi:10.1016/j.jclinepi.2015.12.005. The integrated calibration index is that of Austin &
    Steyerberg (2019), doi:10.1002/sim.8281.
    """
    designs = (design.without("score"), design)
    (predicted,) = out_of_fold(designs, model, rng=rng, repeats=1)
    without, with_score = (
        calibration_curve(design, model, at + _shift(model, predicted.unit), level=level)
        for at in predicted.predictors
    )
    return without, with_score


def _shift(model: str, unit: float) -> float:
    return float(np.log(unit)) if FAMILIES[model].link == "log" else 0.0


def calibration_curve(
    design: Design, model: str, predictor: np.ndarray, *, level: float = 0.95
) -> Curve:
    """Return the curve of a design's outcome over a linear predictor, shape (n,), offset included.

    Raises
    ------
    DesignError
        When the outcome has no estimate on the predictor.
    """
    family, offset = FAMILIES[model], design.offset
    own = predictor if offset is None else predictor - offset
    bent, line = _fitted(design, model, _bent(own)), _fitted(design, model, own[:, None])
    error = float(np.abs(bent.fitted - family.mean(predictor)).mean())
    low, high = np.quantile(own, EDGES)
    grid = np.linspace(low, high, POINTS)
    columns = np.column_stack([np.ones(POINTS), _bent(own, grid)])
    middle = columns @ bent.params
    spread = np.sqrt(np.einsum("ij,jk,ik->i", columns, bent.cov, columns))
    half = critical_value(level, bent.df) * spread
    ends = (family.mean(at) for at in (grid, middle, middle - half, middle + half))
    return Curve(*ends, error, line)


def _bent(values: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
    """Return a spline's columns of some values, or of other places with the knots of these."""
    every = values if at is None else np.concatenate([values, at])
    try:
        columns = restricted_cubic_spline(every, "the prediction", knots_of=values)
    except DesignError:  # too many equal predictions: a straight line
        columns = every[:, None]
    return columns if at is None else columns[len(values) :]


def _fitted(design: Design, model: str, columns: np.ndarray) -> Fit:
    names = ("slope",) if columns.shape[1] == 1 else ("slope", "bend 1", "bend 2")
    equation = Design(
        design.response,
        np.column_stack([np.ones(design.n), columns]),
        ("intercept", *names),
        ("intercept", *["score"] * len(names)),
        clusters=design.clusters,
        offset=design.offset,
    )
    return fit_or_plain(equation, model, equation.plain_covariance)
