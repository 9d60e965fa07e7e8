"""The family of an outcome: its loss, score and weights as functions of the linear predictor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, xlogy

POWERS = {"poisson": 1.0, "tweedie": 1.5, "gamma": 2.0}


@dataclass(frozen=True)
class Family:
    """An outcome's family, as functions of the linear predictor.

    Attributes
    ----------
    score : callable
        (y, predictor) -> contributions whose cross product with the columns is zero at the
        estimate.
    weights : callable
        predictor -> weights of the information.
    loss : callable
        (y, predictor) -> unit deviances, less what depends on y alone.
    perfect : callable
        y -> the loss of a prediction that is y itself.
    bent : bool
        Whether more than one Newton step is needed.
    """

    score: Callable[[np.ndarray, np.ndarray], np.ndarray]
    weights: Callable[[np.ndarray], np.ndarray]
    loss: Callable[[np.ndarray, np.ndarray], np.ndarray]
    perfect: Callable[[np.ndarray], np.ndarray] = np.zeros_like
    bent: bool = True

    def deviance(self, y: np.ndarray, at: np.ndarray) -> float:
        """Return the deviance of a linear predictor: squared error, twice the log loss, or that of
        the power's mean.
        """
        return float((self.loss(y, at) - self.perfect(y)).sum())


def family_of(model: str) -> Family:
    """Return the family of a model's name: "ols", "logit", "poisson", "tweedie" or "gamma"."""
    if model == "ols":
        return Family(lambda y, at: y - at, np.ones_like, lambda y, at: (y - at) ** 2, bent=False)
    if model == "logit":
        return Family(
            lambda y, at: y - expit(at),
            lambda at: expit(at) * expit(-at),
            lambda y, at: 2 * np.logaddexp(0.0, np.where(y > 0.5, -at, at)),
        )
    power = POWERS[model]

    def loss(y: np.ndarray, at: np.ndarray) -> np.ndarray:
        up = at if power == 2 else np.exp((2 - power) * at) / (2 - power)
        down = at if power == 1 else np.exp((1 - power) * at) / (1 - power)
        return 2 * (up - y * down)

    def perfect(y: np.ndarray) -> np.ndarray:
        if power == 1:
            return 2 * (y - xlogy(y, y))
        return (
            2 * (np.log(y) + 1)
            if power == 2
            else 2 * y ** (2 - power) * (1 / (2 - power) + 1 / (power - 1))
        )

    return Family(
        lambda y, at: (y - np.exp(at)) * np.exp((1 - power) * at),
        lambda at: np.exp((2 - power) * at),
        loss,
        perfect,
    )
