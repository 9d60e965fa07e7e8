"""What simulated creators earn and pay back: the mean is exactly what the parameters say, whatever
the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.special import expit

from analysis.simulate.activity import INDUSTRIES, SOCIAL_MEDIA, Activity
from analysis.simulate.parameters import Parameters

MONTHLY_REVENUE, MONTHLY_REFERRALS = 500.0, 4.0
LOYALTY = 0.3
"""Standard deviation of what stays with a creator in every outcome, on the log scale."""
HISTORY = 12
"""Payments that came due before."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Outcomes of the period after each score; `slopes` is the score's effect by industry, per
    standard deviation.
    """

    revenue: np.ndarray
    referrals: np.ndarray
    late_payments: np.ndarray
    default: np.ndarray
    discipline: np.ndarray
    slopes: np.ndarray


def draw_outcomes(
    parameters: Parameters,
    activity: Activity,
    klout: np.ndarray,
    kept: slice,
    length: float,
    rng: Generator,
) -> Outcomes:
    """Draw the outcomes of every period; the score is standardised over the kept ones."""
    shape, among = klout.shape, klout[:, kept]
    score = (klout - among.mean()) / max(among.std(ddof=1), 1e-9)
    slopes = _slopes(parameters, rng)
    loyal = LOYALTY * rng.normal(size=(shape[0], 1)) - LOYALTY**2 / 2
    index = (
        _index(parameters, activity, klout, score, slopes, kept)
        + loyal
        + 0.05 * rng.normal(size=shape[1])
    )
    mean = np.exp(index)
    revenue = (
        mean
        * MONTHLY_REVENUE
        * length
        * _zeros(parameters, index, rng)
        * _heavy(parameters.tail, shape, rng)
    )
    referrals = rng.poisson(mean * MONTHLY_REFERRALS * length * rng.gamma(2, 0.5, size=shape))
    discipline = rng.normal(size=(shape[0], 1))
    late = rng.binomial(HISTORY, expit(-2.5 - np.broadcast_to(discipline, shape)))
    owed = -2.2 - parameters.payment * discipline + parameters.default_effect * score
    return Outcomes(
        np.round(revenue, 2),
        referrals.astype(float),
        late.astype(float),
        (rng.random(shape) < expit(owed)).astype(float),
        discipline,
        slopes,
    )


def _slopes(parameters: Parameters, rng: Generator) -> np.ndarray:
    """Return the score's effect in each industry; those drawn about the mean have exactly mean
    0.
    """
    drawn = rng.normal(size=len(INDUSTRIES))
    slopes = parameters.effect + parameters.tau * (drawn - drawn.mean()) / drawn.std(ddof=1)
    slopes[SOCIAL_MEDIA] += parameters.social_media
    return slopes


def _index(
    parameters: Parameters,
    activity: Activity,
    klout: np.ndarray,
    score: np.ndarray,
    slopes: np.ndarray,
    kept: slice,
) -> np.ndarray:
    """Return the log of the mean outcome, relative to the average creator's."""
    gaming = activity.gaming
    onset = np.zeros_like(gaming)
    onset[:, :-1] = (gaming[:, 1:] > 0) & (gaming[:, :-1] == 0)
    return (
        slopes[activity.industry] * score * np.where(gaming > 0, parameters.decoupling, 1.0)
        + parameters.validity * activity.authority
        + parameters.perk_effect * (klout >= parameters.threshold)
        + parameters.engagement * _centred(np.log(np.maximum(activity.paying, 1e-6)), kept)
        + parameters.relationships * _centred(np.log1p(activity.replies_down), kept)
        + parameters.posting * _centred(np.log1p(activity.posts), kept)
        + parameters.gaming_effect * gaming
        + parameters.anticipation * onset
    )


def _centred(values: np.ndarray, kept: slice) -> np.ndarray:
    return values - values[:, kept].mean()


def _zeros(parameters: Parameters, index: np.ndarray, rng: Generator) -> np.ndarray:
    """Draw 0 or the inverse of the chance of a sale, which is higher where the mean is: its own
    mean is 1.
    """
    if parameters.zeros == 0:
        return np.ones(index.shape)
    chance = expit(np.log(1 / parameters.zeros - 1) + 0.5 * np.clip(index, -4, 4))
    return (rng.random(index.shape) < chance) / chance


def _heavy(tail: float, shape: tuple[int, int], rng: Generator) -> np.ndarray:
    """Draw from a Lomax distribution with this tail index and mean 1."""
    return (tail - 1) * rng.pareto(tail, size=shape)
