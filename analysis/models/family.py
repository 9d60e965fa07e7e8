"""One record for each model: what the package has to know of it, from the link to the printed name.

A new model is one record here (`power` alone makes a generalised linear model with a log link), one
in `plan.sections.outcome.MODELS`, and where it has a likelihood of its own, a fitting function.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, Protocol

import numpy as np
from scipy.special import expit, logit, xlogy

from analysis.plan.sections.outcome import MODELS, DeclaredModel

Interval = tuple[float, float]


class Sized(Protocol):
    """An outcome of the plan: its smallest effect size of interest, and whether it is a share."""

    sesoi: float
    is_relative: bool


@dataclass(frozen=True)
class Family(DeclaredModel):
    """A model: its link, variance and loss, and which methods exist for it.

    Attributes
    ----------
    short : str
        Its name in a figure or a table.
    power : float or None
        Working variance mean ** power of a pseudo-likelihood with an exponential mean; None where
        there is none. The coefficients are the same in the population; the rows' weights differ.
    fitted_by : str
        ``module.function`` of this room that fits a design.
    reduces_to : str
        The model that takes its place where only models of one equation without a dispersion can be
        fitted: prediction, segments, panels, simulation, parts of engagement, power.
    resampled_as : str
        The model that takes its place where rows or clusters are left out.
    sums : {"", "ols", "poisson"}
        By which sums over blocks of rows it is fitted: beyond memory and in the multiverse.
    correction : {"eiv", "calibration"}
        Its first correction for noise in engagement.
    other_correction : {"", "corrected-score", "conditional-score"}
        A correction that needs no normal truth.
    infinite_at_zero : bool
        Whether an outcome of zero has an infinite deviance.
    """

    short: str = ""
    power: float | None = None
    fitted_by: str = "glm.fit_pml"
    reduces_to: str = ""
    resampled_as: str = ""
    sums: Literal["", "ols", "poisson"] = ""
    correction: Literal["eiv", "calibration"] = "calibration"
    other_correction: Literal["", "corrected-score", "conditional-score"] = ""
    infinite_at_zero: bool = False

    # --- which methods exist ---

    @property
    def reduced(self) -> str:
        """The model itself, or the one that it reduces to."""
        return self.reduces_to or self.name

    @property
    def resampled(self) -> str:
        """The model itself, or the one that takes its place where clusters are left out."""
        return self.resampled_as or self.name

    @property
    def linear(self) -> bool:
        """Least squares: it alone has Gelbach's decomposition, BIC, benchmarks, wild tests."""
        return self.link == "identity"

    @property
    def ratio(self) -> bool:
        """A pseudo-likelihood whose coefficient is the log of a ratio of means: E-values, tails."""
        return self.power is not None

    @property
    def glm(self) -> bool:
        """Whether `score`, `weights` and `loss` of a linear predictor are all there is to it."""
        return self.link != "log" or self.power is not None

    @property
    def margin(self) -> str:
        """The variant of its deciding row: "margin" where a difference in probability decides."""
        return "margin" if self.link == "logit" else ""

    # --- scales ---

    def unit(self, kind: str) -> Literal["points", "outcome", "log odds", "percent"]:
        """Return how its coefficient is shown, for an outcome of a kind."""
        if self.link == "identity":
            return "points" if kind == "binary" else "outcome"
        return "log odds" if self.link == "logit" else "percent"

    def effect_unit(self, kind: str) -> Literal["points", "outcome", "log odds", "percent"]:
        """Return how the effect that decides is shown: of a logit a difference in probability."""
        return "points" if self.margin else self.unit(kind)

    def band(self, outcome: Sized, mean: float) -> Interval:
        """Return the smallest effect size of interest as an interval on the scale of the estimate.

        Parameters
        ----------
        outcome : Sized
        mean : float
            Of the outcome: least squares measures a share of it in the outcome's unit.
        """
        size = outcome.sesoi
        if outcome.is_relative and not self.linear:
            return float(np.log1p(-size)), float(np.log1p(size))
        if outcome.is_relative:
            size *= abs(mean)
        return -size, size

    def scale(self, response: np.ndarray) -> float:
        """Return the unit in which an outcome is fitted: its mean where the link is a log."""
        return float(response.mean()) if self.link == "log" else 1.0

    def deviance_scale(self, unit: float) -> float:
        """Return what a deviance in an outcome's own unit is of that in another unit."""
        return 1.0 if self.power is None else unit ** (2 - self.power)

    # --- functions of the linear predictor ---

    def mean(self, at: np.ndarray) -> np.ndarray:
        """Return the mean at a linear predictor."""
        if self.link == "identity":
            return at
        return expit(at) if self.link == "logit" else np.exp(at)

    def predictor(self, mean: np.ndarray) -> np.ndarray:
        """Return the linear predictor of a mean."""
        if self.link == "identity":
            return mean
        return logit(np.clip(mean, 1e-12, 1 - 1e-12)) if self.link == "logit" else np.log(mean)

    def score(self, y: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the rows' parts of the score: at the estimate it is orthogonal to the columns."""
        mean = self.mean(at)
        return y - mean if self.power in (None, 1) else (y - mean) * self._relative(mean)

    def weights(self, at: np.ndarray) -> np.ndarray:
        """Return the rows' weights in the expected information."""
        if self.linear:
            return np.ones_like(at)
        mean = self.mean(at)
        if self.link == "logit":
            return mean * (1 - mean)
        return mean if self.power == 1 else mean * self._relative(mean)

    def derivatives(
        self, y: np.ndarray, at: np.ndarray, *, observed: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return `score` and `weights`; with `observed` those of the observed information."""
        mean, power = self.mean(at), self.power
        if power is None:
            return y - mean, np.ones_like(at) if self.linear else mean * (1 - mean)
        if power == 1:
            return y - mean, mean
        by = self._relative(mean)
        weights = mean * by
        if observed:
            weights = (2 - power) * weights + (power - 1) * y * by
        return (y - mean) * by, weights

    def _relative(self, mean: np.ndarray) -> np.ndarray:
        """Return ``mean ** (1 - power)``, without the slow general power where there is another."""
        if self.power == 2:
            return 1 / mean
        return 1 / np.sqrt(mean) if self.power == 1.5 else mean ** (1 - self.power)

    def loss(self, y: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the unit deviances, less what depends on y alone."""
        if self.link == "identity":
            return (y - at) ** 2
        if self.link == "logit":
            return 2 * np.logaddexp(0.0, np.where(y > 0.5, -at, at))
        power = self.power
        up = at if power == 2 else np.exp((2 - power) * at) / (2 - power)
        down = at if power == 1 else np.exp((1 - power) * at) / (1 - power)
        return 2 * (up - y * down)

    def deviance(self, y: np.ndarray, at: np.ndarray) -> float:
        """Return the deviance of a linear predictor; NaN where a zero makes it infinite."""
        power, mean = self.power, self.mean(at)
        if self.infinite_at_zero and not (y > 0).all():
            return float("nan")
        if power is None:
            parts = self.loss(y, at)
        elif power == 1 and (mean > 0).all():
            parts = 2 * (xlogy(y, y / mean) - (y - mean))
        elif power == 1:  # so small a mean has no quotient
            parts = 2 * (xlogy(y, y) - y * at - (y - mean))
        elif power == 2:
            parts = 2 * ((y - mean) / mean - np.log(y / mean))
        else:
            known = y ** (2 - power) / ((1 - power) * (2 - power))
            parts = 2 * known + self.loss(y, at)
        return float(parts.sum())


def _family(name: str, short: str, **facts: object) -> Family:
    """Return the record of a model that `plan.sections.outcome.MODELS` declares."""
    declared = {field.name: getattr(MODELS[name], field.name) for field in fields(DeclaredModel)}
    return Family(**declared, short=short, **facts)


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        _family(
            "poisson", "Poisson", power=1.0, sums="poisson", other_correction="corrected-score"
        ),
        _family("gamma", "Gamma", power=2.0, infinite_at_zero=True),
        _family("tweedie", "Tweedie", power=1.5),
        _family(
            "nb2",
            "negative binomial",
            fitted_by="counts.fit_nb2",
            reduces_to="poisson",
        ),
        _family(
            "hurdle",
            "two parts",
            fitted_by="hurdle.fit_hurdle",
            reduces_to="poisson",
            resampled_as="ols",
        ),
        _family("logit", "logit", other_correction="conditional-score"),
        _family(
            "ols",
            "least squares",
            fitted_by="glm.fit_ols",
            sums="ols",
            correction="eiv",
        ),
    )
}
"""The models by name, as a plan writes them."""


def register(family: Family) -> None:
    """Add a model: plans may name it from now on, and every study knows it.

    Examples
    --------
    >>> from dataclasses import replace
    >>> copy = replace(FAMILIES["gamma"], name="gamma-copy", printed="a copy of the Gamma")
    >>> register(copy)
    >>> MODELS["gamma-copy"] is FAMILIES.pop("gamma-copy") is MODELS.pop("gamma-copy")
    True
    """
    FAMILIES[family.name] = MODELS[family.name] = family
