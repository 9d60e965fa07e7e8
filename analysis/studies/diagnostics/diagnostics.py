"""Does the fitted mean describe the outcome, and its variance the model: small tests on one fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.models.counts import log_likelihood
from analysis.models.design import Design
from analysis.models.fit import Fit, p_value
from analysis.models.glm import fit_pml

GROUPS = 10


@dataclass(frozen=True)
class Slope:
    """A number of an auxiliary regression, with its robust standard error."""

    estimate: float
    std_error: float

    @property
    def p_value(self) -> float:
        """Two-sided, of no slope at all."""
        return p_value(self.estimate / self.std_error, None)


def park(fit: Fit) -> Slope:
    """Return the power of the mean with which squared residuals grow; 1 is Poisson.

    Parameters
    ----------
    fit : Fit
        Of an exponential mean, without the score.

    Notes
    -----
    The modified Park test: a Gamma regression of ``(y - mu)**2`` on ``log(mu)``. Manning & Mullahy
    (2001), doi:10.1016/S0167-6296(01)00086-8.
    """
    squares = (fit.design.response - fit.fitted) ** 2
    logs = np.log(fit.fitted)
    design = Design(
        response=squares,
        matrix=np.column_stack([np.ones(len(logs)), logs]),
        terms=("(Intercept)", "log"),
        blocks=("intercept", "control"),
        clusters=fit.design.clusters,
    )
    fit = fit_pml(design, family="gamma", covariance=design.plain_covariance)
    return Slope(*fit.coefficient("log"))


def dispersion(fit: Fit) -> Slope:
    """Return alpha in ``variance = mean + alpha mean**2`` of a Poisson fit.

    Notes
    -----
    Least squares of ``((y - mu)**2 - y) / mu`` on ``mu`` without an intercept: Cameron & Trivedi
    (1990), doi:10.1016/0304-4076(90)90014-K.
    """
    mean, y = fit.fitted, fit.design.response
    excess = ((y - mean) ** 2 - y) / mean
    alpha = float(mean @ excess / (mean @ mean))
    scores = mean * (excess - alpha * mean)
    if fit.design.clusters is not None:
        scores = np.bincount(fit.design.clusters, scores)
    return Slope(alpha, float(np.sqrt(scores @ scores) / (mean @ mean)))


def squared_predictor(fit: Fit) -> Design:
    """Return the design with the squared linear predictor as its only "score".

    Notes
    -----
    For the RESET test: Ramsey (1969), doi:10.1111/j.2517-6161.1969.tb00796.x. The predictor is
    centred and scaled, which changes nothing about the test and keeps the digits.
    """
    design = fit.design
    predictor = design.matrix @ fit.params
    scaled = (predictor - predictor.mean()) / predictor.std()
    blocks = tuple("control" if block == "score" else block for block in design.blocks)
    return Design(
        response=design.response,
        matrix=np.column_stack([design.matrix, scaled**2]),
        terms=(*design.terms, "(predictor)**2"),
        blocks=(*blocks, "score"),
        clusters=design.clusters,
        offset=design.offset,
    )


@dataclass(frozen=True, eq=False)
class Calibration:
    """Observed and predicted means by group of the prediction, lowest first; shape (groups,)."""

    rows: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray

    @property
    def ratios(self) -> np.ndarray:
        return self.observed / self.predicted


def calibration(observed: np.ndarray, predicted: np.ndarray) -> Calibration:
    """Return observed and predicted means by tenth of the prediction.

    Examples
    --------
    >>> calibration(np.arange(1.0, 21.0), np.arange(1.0, 21.0)).ratios.tolist()[:2]
    [1.0, 1.0]
    """
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, GROUPS) if len(part)]
    return Calibration(
        np.array([len(part) for part in parts]),
        np.array([observed[part].mean() for part in parts]),
        np.array([predicted[part].mean() for part in parts]),
    )


@dataclass(frozen=True, eq=False)
class Rootogram:
    """How often each count was seen and expected, shape (counts,)."""

    counts: np.ndarray
    observed: np.ndarray
    expected: np.ndarray

    @property
    def hanging(self) -> np.ndarray:
        """The lower ends of bars that hang from the root of the expected frequency."""
        return np.sqrt(self.expected) - np.sqrt(self.observed)


def rootogram(counts: np.ndarray, mean: np.ndarray, alpha: float, *, most: int = 40) -> Rootogram:
    """Return observed and expected frequencies of each count up to its 99th percentile.

    Parameters
    ----------
    counts, mean : ndarray, shape (n,)
    alpha : float
        Of the negative binomial distribution; 0 for Poisson.
    most : int
        Counts shown at most.

    Notes
    -----
    Kleiber & Zeileis (2016), doi:10.1080/00031305.2016.1173590: ``expected_k = sum_i P(Y_i = k)``.
    """
    last = int(min(np.quantile(counts, 0.99), most - 1))
    values = np.arange(last + 1)
    expected = [
        np.exp(log_likelihood(np.full(len(mean), float(value)), mean, alpha)).sum()
        for value in values
    ]
    observed = np.bincount(counts.astype(int), minlength=last + 1)[: last + 1].astype(float)
    return Rootogram(values, observed, np.array(expected))


def zeros(counts: np.ndarray, mean: np.ndarray, alpha: float) -> tuple[int, float, float]:
    """Return (zeros observed, zeros expected, SD of their number) at known means."""
    chance = np.exp(log_likelihood(np.zeros(len(mean)), mean, alpha))
    return (
        int((counts == 0).sum()),
        float(chance.sum()),
        float(np.sqrt((chance * (1 - chance)).sum())),
    )
