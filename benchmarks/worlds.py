"""The worlds of the calibration: samples in which a score is worthless, or adds a known effect,
drawn many at a time.

True engagement E is of unit variance and recorded in two parallel halves; the score is .7 (E +
sharing x error of the record) plus noise of variance .51, so that its correlation with E is .7
where it shares no error; the outcome depends on E, with correlation .5 for least squares, and on
the score not at all, or by `EFFECT`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

SEED = 20121105
MODELS = ("ols", "poisson", "gamma", "logit", "nb2", "nb2-ml")
EFFECT = {"ols": 0.15, "poisson": 0.15, "gamma": 0.15, "nb2": 0.15, "nb2-ml": 0.15, "logit": 0.35}
SCORE_TRUTH, TRUTH_OUTCOME = 0.7, 0.5


@dataclass(frozen=True)
class Cell:
    """One world, and how many samples of it are drawn without and with an effect.

    Attributes
    ----------
    model : {"ols", "poisson", "gamma", "logit", "nb2", "nb2-ml"}
        What is drawn, and fitted; counts of "nb2" are fitted as the package decides on counts
        unless the plan says otherwise, by Poisson QMLE, those of "nb2-ml" by NB2 maximum
        likelihood.
    n : int
    reliability : float
        Of recorded engagement, the mean of its halves.
    sharing : float
        Share of the record's error that the score sees: 0 (other records), .5, 1 (computed from the
        record).
    draws : int
    tails : {"light", "heavy"}
    """

    model: str
    n: int
    reliability: float
    sharing: float
    draws: int
    tails: str = "light"

    @property
    def fitted(self) -> str:
        """The package's name of the model that is fitted."""
        return {"nb2": "poisson", "nb2-ml": "nb2"}.get(self.model, self.model)

    def key(self) -> tuple[str, int, float, float, str]:
        """Return what identifies the world, whatever the number of draws."""
        return self.model, self.n, self.reliability, self.sharing, self.tails

    def rng(self, real: bool) -> np.random.Generator:
        """Return the generator of the samples without (or with) an effect."""
        numbers = [
            MODELS.index(self.model),
            self.n,
            round(100 * self.reliability),
            round(100 * self.sharing),
        ]
        return np.random.default_rng([SEED, *numbers, int(self.tails == "heavy"), int(real)])


@dataclass(frozen=True, eq=False)
class Draws:
    """Samples of one world; every array has shape (samples, n).

    Attributes
    ----------
    response, truth : ndarray
    likes, klout : ndarray
        Recorded engagement and the score: means of their halves.
    likes_spread, klout_spread : ndarray
        Half the difference of their halves.
    """

    response: np.ndarray
    truth: np.ndarray
    likes: np.ndarray
    likes_spread: np.ndarray
    klout: np.ndarray
    klout_spread: np.ndarray

    def halves(self, at: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the halves of engagement and of the score in one sample."""
        return {
            "likes": (
                self.likes[at] + self.likes_spread[at],
                self.likes[at] - self.likes_spread[at],
            ),
            "klout": (
                self.klout[at] + self.klout_spread[at],
                self.klout[at] - self.klout_spread[at],
            ),
        }


def draw(rng: np.random.Generator, cell: Cell, effect: float, count: int) -> Draws:
    """Draw `count` samples.

    The error of the mean of two halves and half their difference are independent and equally large,
    so that they are drawn as such.
    """
    shape = (count, cell.n)
    truth = (
        rng.standard_normal(shape)
        if cell.tails == "light"
        else rng.standard_t(6, size=shape) / np.sqrt(1.5)
    )
    size = np.sqrt((1 - cell.reliability) / cell.reliability)
    error, spread = rng.standard_normal(shape) * size, rng.standard_normal(shape) * size
    klout = SCORE_TRUTH * (truth + cell.sharing * error) + rng.standard_normal(shape) * np.sqrt(
        1 - SCORE_TRUTH**2
    )
    response = outcome(rng, cell, truth, effect * klout)
    return Draws(response, truth, truth + error, spread, klout, SCORE_TRUTH * cell.sharing * spread)


def outcome(
    rng: np.random.Generator, cell: Cell, truth: np.ndarray, added: np.ndarray
) -> np.ndarray:
    """Draw the outcome given true engagement and what the score adds to the linear predictor."""
    heavy, shape = cell.tails == "heavy", truth.shape
    if cell.model == "ols":
        noise = rng.standard_t(4, size=shape) / np.sqrt(2) if heavy else rng.standard_normal(shape)
        return TRUTH_OUTCOME * truth + added + np.sqrt(1 - TRUTH_OUTCOME**2) * noise
    if cell.model == "logit":
        return (rng.random(shape) < chance(truth, added)).astype(float)
    mean = np.exp(0.5 + 0.5 * truth + added)
    if cell.model == "poisson":
        return rng.poisson(mean).astype(float)
    if cell.model in ("nb2", "nb2-ml"):
        return rng.poisson(mean * rng.gamma(2.0, 0.5, size=shape)).astype(float)
    return mean * (
        np.exp(rng.normal(-0.5, 1, size=shape)) if heavy else rng.gamma(1.5, 1 / 1.5, size=shape)
    )


def chance(truth: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Return the probability of a binary outcome."""
    return 1 / (1 + np.exp(-(truth + added)))


@cache
def target(cell: Cell) -> float:
    """Return what the interval is to cover: the effect, or for a logit its margin over a million
    true rows.
    """
    effect = EFFECT[cell.model]
    if cell.model != "logit":
        return effect
    large = draw(np.random.default_rng(SEED), replace(cell, n=1_000_000), effect, 1)
    p = chance(large.truth, effect * large.klout)
    return float(effect * (p * (1 - p)).mean())
