"""Placebo and power simulation: a score is drawn, an effect planted, and the audit run on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from analysis.errors import DesignError, Fault
from analysis.measurement_error.correction import correct_term
from analysis.measurement_error.corrections import points_of, values_at
from analysis.measurement_error.deciding_set import shared_sets
from analysis.measurement_error.measurement import Measurement, Refusal, measure
from analysis.measurement_error.nonlinearity import nonlinearity
from analysis.models import covariance_of, fit_model
from analysis.models.columns import transform
from analysis.models.covariance import CLUSTERED
from analysis.models.design import Design
from analysis.models.distributions import detectable_effect
from analysis.models.family import FAMILIES, Family
from analysis.models.fit import Fit, critical_value
from analysis.models.glm import effect_of, refit
from analysis.results.answer import FEW_CORRECTED, open_columns
from analysis.results.question import Question
from analysis.results.rule import sesoi_band, word_of
from analysis.studies.placebo.draws import (
    Truth,
    plant,
    rescaled,
    signs,
    some_rows,
    truth_under_the_null,
)

MOST_ROWS = 10_000
"""Rows of which draws are audited; of larger samples a seeded draw, and the row says so."""

PILOTS = 20
"""Draws from which the standard error of the audit is known before an effect is planted."""

POWER = 0.95
"""Chance with which the planted effect, if it is larger than twice the SESOI, is to be seen."""


@dataclass(frozen=True)
class Draw:
    """Whether the audit called one drawn score `adds`, and the standard error of its effect."""

    adds: bool
    std_error: float


@dataclass(frozen=True, eq=False)
class Simulation:
    """One outcome and score, with what stays the same over draws.

    Attributes
    ----------
    question : Question
    design : Design
        Of the deciding model, the score last.
    null : Fit
        Without the score.
    halves : dict of str to (mean, half difference)
        Of the engagement columns with halves, transformed.
    declared : dict of str to (low, value, high)
    corrects : bool
        Whether the audit corrects for noise in engagement.
    truth : Truth or None
        Behind the columns with a declared reliability.
    slopes : ndarray
        Of the outcome on that truth, under the null.
    remainder : ndarray, shape (n,)
        What engagement and controls leave of the score.
    weights : ndarray, shape (k - 1,)
        Of the score on the other columns.
    """

    question: Question
    design: Design
    null: Fit
    covariance: str
    halves: dict[str, tuple[np.ndarray, np.ndarray]]
    declared: dict[str, tuple[float, float, float]]
    corrects: bool
    truth: Truth | None
    slopes: np.ndarray
    remainder: np.ndarray
    weights: np.ndarray
    rng: np.random.Generator

    @classmethod
    def of(cls, question: Question) -> Simulation:
        plan, rng = question.plan, question.generator()
        rows = some_rows(question.design, rng, MOST_ROWS)
        design = question.design.take(rows).renumbered()
        engagement, how = plan.engagement, plan.engagement.transform_of
        halves = {}
        for column, names in engagement.halves.items():
            if how(column) != "spline":
                numbers = (question.sample.numbers(name) for name in names)
                first, second = (transform(half, how(column))[rows] for half in numbers)
                halves[column] = ((first + second) / 2, (first - second) / 2)
        noisy = (*engagement.halves, *engagement.reliability)
        corrects = bool(noisy) and not any(how(column) in ("rank", "spline") for column in noisy)
        reliability = engagement.reliability if corrects else ()
        declared = {column: engagement.range_of(column) for column in reliability}
        null = fit_model(design.without("score"), question.model, "HC1")
        truth, slopes = truth_under_the_null(null, declared)
        others, score = design.matrix[:, :-1], design.matrix[:, -1]
        basis, triangle = null.design.basis
        weights = np.linalg.solve(triangle, basis.T @ score / design.n)
        return cls(
            question=question,
            design=design,
            null=null,
            covariance=_covariance(question, design),
            halves=halves,
            declared=declared,
            corrects=corrects,
            truth=truth,
            slopes=slopes,
            remainder=score - others @ weights,
            weights=weights,
            rng=rng,
        )

    @property
    def family(self) -> Family:
        return FAMILIES[self.null.model]

    @cached_property
    def predictor(self) -> np.ndarray:
        """The linear predictor under the null, shape (n,)."""
        return self.family.predictor(self.null.fitted)

    @property
    def noisy(self) -> tuple[str, ...]:
        """Engagement columns whose noise is known."""
        return tuple(
            term for term in self.design.terms if term in self.halves or term in self.declared
        )

    # --- one draw ---

    def draw(self, effect: float) -> Draw:
        """Return the audit of a drawn score with an effect planted, on the plan's scale."""
        design, rng = self.design, self.rng
        held, source = design.matrix[:, :-1].copy(), design.matrix[:, :-1].copy()
        shift = np.zeros(design.n)
        swap = signs(design.units, rng)
        for column, (mean, half) in self.halves.items():
            at = design.terms.index(column)
            held[:, at], source[:, at] = mean - swap * half, mean + swap * half
        if self.truth is not None:
            drawn = self.truth.draw(rng)
            source[:, [design.terms.index(column) for column in self.declared]] = drawn
            shift = (drawn - self.truth.middle) @ self.slopes
        rest = signs(design.units, rng) * self.remainder
        spread = float(np.sqrt(max(design.matrix[:, -1].var() - self.remainder.var(), 0.0)))
        engagement, factor = rescaled(source @ self.weights, spread)
        score = engagement + rest
        if effect:
            column = rest / self._share_kept(factor)
            shift = shift + self.slope_of(effect / self._by(score), shift, column) * column
        response = design.response
        if shift.any():
            response = plant(response, shift, self.null.model, self.null.fitted, rng)
        if not self.halves:  # the columns that are held are the same in every draw
            return self.audit(design.with_last(score, response))
        matrix = np.column_stack([held, score])
        return self.audit(replace(design, matrix=matrix, response=response))

    def _by(self, score: np.ndarray) -> float:
        """Return the factor of the plan's scale for a drawn score."""
        return float(score.std(ddof=1)) if self.question.plan.score.scale == "sd" else 1.0

    def _share_kept(self, factor: float) -> float:
        """Return the remainder's share of the placebo's variance given true engagement."""
        if not self.halves or not self.corrects:
            return 1.0
        errors = np.column_stack([half * np.sqrt(2) for _, half in self.halves.values()])
        slopes = factor * self.weights[[self.design.terms.index(column) for column in self.halves]]
        noise = float(((errors - errors.mean(axis=0)) @ slopes).var())
        return float(self.remainder.var() / (self.remainder.var() + noise))

    def slope_of(self, effect: float, shift: np.ndarray, column: np.ndarray) -> float:
        """Return the slope on the predictor that makes an effect of the verdict's scale.

        A difference in probability is the slope times the mean of p (1 - p), which falls as the
        effect grows.
        """
        if not self.family.margin:
            return effect
        slope = effect / float(self.null.weights.mean())
        most = 4 * slope  # beyond it no slope moves the probability as far
        for _ in range(8):
            weights = self.family.weights(self.predictor + shift + slope * column)
            slope = min(effect / float(weights.mean()), most)
        return slope

    # --- the plan's rule ---

    def audit(self, design: Design) -> Draw:
        """Return the word of the plan's rule for a design with a drawn score."""
        plan, score = self.question.plan, self.question.score
        try:
            fit = refit(design, self.null.model, self.covariance, self.predictor)
        except (DesignError, np.linalg.LinAlgError):  # a draw without an estimate is called nothing
            return Draw(False, np.nan)
        by, margin = self._by(design.matrix[:, -1]), bool(self.family.margin)
        effect, error = effect_of(fit, score)
        plain, error = self._answer(by * effect, by * error, fit.df_of(score)), by * error
        if not self.corrects or plan.score.shares_error == "full":
            return Draw(plain[0] == "adds", error)
        answers, errors = [], []
        for measurement in self.measurements:
            corrected = correct_term(fit, measurement, score, margin=margin)
            if isinstance(corrected, Refusal):
                return Draw(False, error)
            errors.append(by * corrected.std_error)
            answers.append(self._answer(by * corrected.estimate, errors[-1], corrected.df))
        if set(self.noisy) == set(open_columns(plan, score)):  # it may share all noise
            answers.append(plain)
            errors.append(error)
        same = len(set(answers)) == 1 and answers[0][0] == "adds"
        return Draw(same and self._decides, max(errors))

    def _answer(self, effect: float, error: float, df: float | None) -> tuple[str, bool]:
        """Return the word of an effect, and whether the effect is positive."""
        halves = (_critical(level, df) * error for level in self.question.levels)
        word = word_of(*((effect - half, effect + half) for half in halves), self.band)
        return word, effect > 0

    @cached_property
    def _decides(self) -> bool:
        """Whether the audit would let a correction of these columns decide."""
        crude = self.covariance == "CRV1" and self.design.n_clusters < FEW_CORRECTED
        takes_no_line = self.family.linear or self.family.other_correction == "corrected-score"
        curved = not takes_no_line and any(
            nonlinearity(self.design, column, self.noisy).matters for column in self.noisy
        )
        return not crude and not curved

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """The errors of the control: at each point of the declared ranges, and without columns.

        First the value, the ends of its range and the corners of several, then without the columns
        whose noise the score may share.
        """
        unknown = open_columns(self.question.plan, self.question.score)
        return (
            *(self.errors(at) for at in points_of(tuple(self.declared))),
            *(self.errors("low", without=shared) for shared in shared_sets(unknown, self.noisy)),
        )

    def errors(self, at: str, without: tuple[str, ...] = ()) -> Measurement:
        """Return the errors at one point of the declared ranges, but for some columns."""
        halves = {
            column: (mean + half * np.sqrt(2), mean - half * np.sqrt(2))  # the noise of one half
            for column, (mean, half) in self.halves.items()
            if column not in without
        }
        stated = values_at(at, self.declared).items()
        declared = {column: value for column, value in stated if column not in without}
        return measure(self.design, halves=halves, declared=declared)

    @cached_property
    def band(self) -> tuple[float, float]:
        """The smallest effect size of interest, by the mean of the rows that are drawn from."""
        mean = float(self.design.response.mean())
        return sesoi_band(self.question.outcome, self.null.model, mean)

    def effect_to_plant(self, nothing: list[Draw]) -> float:
        """Return max(2 SESOI, the effect that is seen with a power of .95).

        Errors grow with the effect where the variance goes with the mean, so the power is that of
        errors under it.
        """
        error = _typical(nothing)
        for _ in range(2):
            planted = self._seen_with(error)
            error = max(error, _typical([self.draw(planted) for _ in range(PILOTS)]))
        return self._seen_with(error)

    def _seen_with(self, error: float) -> float:
        """Return the effect to plant for an error, by the reference of the plain interval."""
        df = None
        if self.covariance in CLUSTERED:
            df = float(self.design.n_clusters - 1)
        elif self.family.linear:
            df = float(self.design.n - self.design.k)
        least = detectable_effect(error, level=self.question.level, power=POWER, df=df)
        return max(2 * self.band[1], least)


def _typical(draws: list[Draw]) -> float:
    """Return the median standard error of some draws."""
    errors = np.array([one.std_error for one in draws])
    if np.isnan(errors).all():
        raise DesignError(
            "the simulation", Fault("the draws", "no draw could be fitted", "draws that can")
        )
    return float(np.nanmedian(errors))


@lru_cache(maxsize=64)
def _critical(level: float, df: float | None) -> float:
    return critical_value(level, df)


def _covariance(question: Question, design: Design) -> str:
    """Return the covariance of the deciding fit."""
    kind = covariance_of(question.plan, question.model, design)
    try:
        fit_model(design, question.model, kind if kind != "CRV3" else "CRV1")
    except DesignError:
        return design.plain_covariance
    return kind
