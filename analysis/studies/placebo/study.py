"""The assay strip: would this audit, on these rows, pass a worthless score and see a real
effect?
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import expit

from analysis.data.sample import Sample
from analysis.errors import DesignError, Fault
from analysis.measurement_error.corrected import Refusal
from analysis.measurement_error.correction import correct_fit, correct_term
from analysis.measurement_error.curvature import curvature
from analysis.measurement_error.measurement import Measurement, measure
from analysis.measurement_error.sharing import points_of, to_suppose, too_many, values_at
from analysis.models import fit_model
from analysis.models.covariance import CLUSTERED
from analysis.models.design import Design, build_design, transform
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit, critical_value
from analysis.models.glm import average_marginal_effect, refit
from analysis.models.planned import covariance_of
from analysis.models.power import detectable_effect
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.answer import FEW_CORRECTED, open_columns
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question
from analysis.results.rule import sesoi_band, word_of
from analysis.studies.placebo.assay import (
    LOG_LINK,
    Share,
    Truth,
    plant,
    rescaled,
    share_of,
    signs,
    truth_behind,
)

MOST_ROWS = 10_000
"""Rows of which draws are audited; of larger samples a seeded draw, and the row says so."""

PILOTS = 20
"""Draws from which the standard error of the audit is known before an effect is planted."""

POWER = 0.95
"""Chance with which the planted effect, if it is larger than twice the SESOI, is to be seen."""


def study_assay(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Audit placebos and planted effects by the plan's own rule, and count how many are called
    `adds`.

    Notes
    -----
    A placebo is what engagement says of the score plus the score's own remainder with random signs
    (by cluster). With halves it is made of one half and audited with the other as control; which is
    which is drawn for every row (or cluster). With a declared reliability the truth behind the
    record is drawn, and the outcome moved as the fitted null says. Made of recorded engagement it
    would pass any audit, so without either no placebo is drawn. An effect is planted on the
    remainder, of max(2 SESOI, the effect seen with a power of .95).
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    plan = sample.plan
    why = _not_run(sample, outcome)
    if why:
        return StudyResult((), (Check(plan.name, "assay", None, why, None, outcome.column, score),))
    try:
        bench = _Bench.of(sample, outcome, score)
        known, reason = bench.placebo_possible()
        nothing = [bench.draw(0.0) for _ in range(plan.overlap.draws if known else PILOTS)]
        effect = bench.effect_to_plant(nothing)
        planted = [bench.draw(effect) for _ in range(plan.overlap.draws)]
    except DesignError as error:
        reason = f"No draw could be audited: {error.faults[0].found}."
        return StudyResult(
            (), (Check(plan.name, "assay", None, reason, None, outcome.column, score),)
        )
    level = plan.inference.level
    seen = share_of(np.array([one.adds for one in planted]), level)
    amount = f"{effect:,.0f}" if effect >= 1000 else f"{effect:.3g}"
    rows, checks = (
        [bench.row("planted_adds", seen, f"effect of {amount} planted")],
        [bench.planted_check(seen)],
    )
    if known:
        false = share_of(np.array([one.adds for one in nothing]), level)
        rows.insert(0, bench.row("placebo_adds", false, bench.made_of))
        checks.insert(0, bench.placebo_check(false))
    else:
        checks.insert(0, Check(plan.name, "placebos", None, reason, None, outcome.column, score))
    return StudyResult(tuple(rows), tuple(checks))


def _not_run(sample: Sample, outcome: OutcomeSection) -> str:
    if sample.plan.quick:
        return "The plan says quick = true, so no placebos were drawn and no effects planted."
    if sample.note:
        return "Beyond memory no placebos were drawn and no effects planted."
    if not FAMILIES[outcome.deciding_model].glm:
        return (
            f"No placebos were drawn and no effects planted: the model {outcome.deciding_model} is"
            " too slow for it."
        )
    return ""


@dataclass(frozen=True)
class _Call:
    """What the audit said of one draw."""

    adds: bool
    std_error: float


@dataclass(frozen=True, eq=False)
class _Bench:
    """One outcome and score, with what stays the same over draws.

    Attributes
    ----------
    design : Design
        Of the deciding model, the score last.
    null : Fit
        Without the score.
    halves : dict of str to (mean, half difference)
        Of the engagement columns with halves, transformed.
    declared : dict of str to (low, value, high)
    truth : Truth or None
        Behind the columns with a declared reliability.
    slopes : ndarray
        Of the outcome on that truth, under the null.
    remainder : ndarray, shape (n,)
        What engagement and controls leave of the score.
    weights : ndarray, shape (k - 1,)
        Of the score on the other columns.
    """

    sample: Sample
    outcome: OutcomeSection
    score: str
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
    total: int

    @classmethod
    def of(cls, sample: Sample, outcome: OutcomeSection, score: str) -> _Bench:
        plan, model = sample.plan, outcome.deciding_model
        rng = np.random.default_rng(plan.inference.seed)
        whole = build_design(sample, outcome.column, (score,))
        rows = _some_rows(whole, rng)
        design = whole.take(rows)
        if design.clusters is not None:
            design = replace(design, clusters=np.unique(design.clusters, return_inverse=True)[1])
        how = plan.engagement.transform_of
        halves = {}
        for column, pair in plan.engagement.halves.items():
            if how(column) != "spline":
                first, second = (
                    transform(sample.numbers(half), how(column))[rows] for half in pair
                )
                halves[column] = ((first + second) / 2, (first - second) / 2)
        noisy = (*plan.engagement.halves, *plan.engagement.reliability)
        corrects = bool(noisy) and not any(how(column) in ("rank", "spline") for column in noisy)
        declared = (
            {c: plan.engagement.range_of(c) for c in plan.engagement.reliability}
            if corrects
            else {}
        )
        null = fit_model(design.without("score"), model, "HC1")
        truth, slopes = _truth_under_the_null(null, declared)
        others, own = design.matrix[:, :-1], design.matrix[:, -1]
        weights = np.linalg.solve(null.design.basis[1], null.design.basis[0].T @ own / design.n)
        return cls(
            sample,
            outcome,
            score,
            design,
            null,
            _kind(plan, model, design),
            halves,
            declared,
            corrects,
            truth,
            slopes,
            own - others @ weights,
            weights,
            rng,
            whole.n,
        )

    # --- what can be asked ---

    def placebo_possible(self) -> tuple[bool, str]:
        """Return whether a placebo proves anything here, and why not."""
        plan = self.sample.plan
        if plan.score.shares_error == "full":
            return (
                False,
                (
                    "The plan says that the score is computed from the engagement columns, noise"
                    " included. A placebo made in this way passes any audit and proves nothing, so"
                    " none was drawn."
                ),
            )
        if not self.halves and not self.declared:
            return (
                False,
                (
                    "Nothing is known of the noise in engagement. A placebo made of recorded"
                    " engagement passes any audit and proves nothing, so none was drawn; halves or"
                    " a declared reliability would make one possible."
                ),
            )
        return True, ""

    @property
    def made_of(self) -> str:
        made = (
            "one half of engagement, the other half held"
            if self.halves
            else "truth drawn from the declared reliability"
        )
        return f"placebos of {made}"

    def _drawn(self) -> str:
        drawn = (
            ""
            if self.design.n == self.total
            else f"; in a seeded draw of {self.design.n:,} of {self.total:,} rows"
        )
        wild = self.sample.plan.inference.covariance == "wild"
        return drawn + (
            f"; by {self.covariance}, not by the wild bootstrap, which decides" if wild else ""
        )

    # --- one draw ---

    def draw(self, effect: float) -> _Call:
        """Draw a score and what goes with it, plant an effect per unit of the plan's scale, and
        audit it.
        """
        design, rng = self.design, self.rng
        groups = np.arange(design.n) if design.clusters is None else design.clusters
        held, source, shift = (
            design.matrix[:, :-1].copy(),
            design.matrix[:, :-1].copy(),
            np.zeros(design.n),
        )
        swap = signs(groups, rng)
        for column, (mean, half) in self.halves.items():
            at = design.terms.index(column)
            held[:, at], source[:, at] = mean - swap * half, mean + swap * half
        if self.truth is not None:
            drawn = self.truth.draw(rng)
            source[:, [design.terms.index(column) for column in self.declared]] = drawn
            shift = (drawn - self.truth.middle) @ self.slopes
        rest = signs(groups, rng) * self.remainder
        spread = float(np.sqrt(max(design.matrix[:, -1].var() - self.remainder.var(), 0.0)))
        told, factor = rescaled(source @ self.weights, spread)
        made = told + rest
        if effect:
            by = float(made.std(ddof=1)) if self.sample.plan.score.scale == "sd" else 1.0
            told_by = rest / self._kept(factor)
            shift = shift + self._on_the_model_scale(effect / by, shift, told_by) * told_by
        response = (
            plant(design.response, shift, self.null.model, self.null.fitted, rng)
            if shift.any()
            else design.response
        )
        if not self.halves:  # the columns that are held are the same in every draw
            return self.audit(design.with_last(made, response))
        return self.audit(replace(design, matrix=np.column_stack([held, made]), response=response))

    def _kept(self, factor: float) -> float:
        """Return the share of the placebo's own variance, given true engagement, that the remainder
        is.
        """
        if not self.halves:
            return 1.0
        errors = np.column_stack([half * np.sqrt(2) for _, half in self.halves.values()])
        slopes = factor * self.weights[[self.design.terms.index(column) for column in self.halves]]
        noise = float(((errors - errors.mean(axis=0)) @ slopes).var())
        return (
            float(self.remainder.var() / (self.remainder.var() + noise)) if self.corrects else 1.0
        )

    def _on_the_model_scale(self, effect: float, shift: np.ndarray, column: np.ndarray) -> float:
        """Return the slope on the predictor that makes an effect of the verdict's scale: for a
        logit, log odds.

        A difference in probability is the slope times the mean of p (1 - p), which falls as the
        effect grows.
        """
        if self.null.model != "logit":
            return effect
        slope = effect / float(self.null.weights.mean())
        most = 4 * slope  # beyond it no slope moves the probability as far
        for _ in range(8):
            p = expit(self._predictor + shift + slope * column)
            slope = min(effect / float((p * (1 - p)).mean()), most)
        return slope

    # --- the plan's rule ---

    def audit(self, design: Design) -> _Call:
        """Return the word of the plan's rule for a design with a drawn score."""
        try:
            fit = refit(design, self.null.model, self.covariance, self._predictor)
        except (
            DesignError,
            np.linalg.LinAlgError,
        ):  # a draw without an estimate is not called anything
            return _Call(False, np.nan)
        plain = self._word(fit, *self._effect(fit), fit.df)
        if not self.corrects or self.sample.plan.score.shares_error == "full":
            return _Call(plain[0] == "adds", plain[2])
        found = []
        for measurement in self.measurements:
            effect = correct_term(fit, measurement, self.score, margin=fit.model == "logit")
            if isinstance(effect, Refusal):
                return _Call(False, plain[2])
            found.append(self._word(fit, effect.estimate, effect.std_error, effect.df))
        if set(self._noisy) == set(
            open_columns(self.sample.plan, self.score)
        ):  # it may share all noise
            found.append(plain)
        answers, error = (
            {(word, sign) for word, sign, _ in found},
            max(error for _, _, error in found),
        )
        crude = self.covariance == "CRV1" and self.design.n_clusters < FEW_CORRECTED
        tried = (
            too_many(self.sample.plan, self.score, tuple(self.declared)) is None
            and not crude
            and not self._bent
        )
        return _Call(tried and len(answers) == 1 and found[0][0] == "adds", error)

    @cached_property
    def _predictor(self) -> np.ndarray:
        fitted = self.null.fitted
        if self.null.model == "logit":
            clipped = np.clip(fitted, 1e-12, 1 - 1e-12)
            return np.log(clipped / (1 - clipped))
        return np.log(fitted) if self.null.model in LOG_LINK else fitted

    @cached_property
    def _bent(self) -> bool:
        """Whether engagement is a curve of the score, and no correction of this model allows for
        it.
        """
        straight = self.null.model in ("ols", "poisson")
        return not straight and any(
            curvature(self.design, column, self._noisy).curved for column in self._noisy
        )

    @property
    def _noisy(self) -> tuple[str, ...]:
        return tuple(
            term for term in self.design.terms if term in self.halves or term in self.declared
        )

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """The errors of the control as the plan states them: at the value, at the ends of its range
        and the corners of several, then without the columns whose noise the score may share."""
        unknown = open_columns(self.sample.plan, self.score)
        return (
            *(self._errors(at) for at in points_of(tuple(self.declared))),
            *(self._errors("low", without=shared) for shared in to_suppose(unknown, self._noisy)),
        )

    def _errors(self, at: str, without: tuple[str, ...] = ()) -> Measurement:
        terms = self._noisy
        differences, spread = np.zeros((2, self.design.n, len(terms)))
        for column, (_, half) in self.halves.items():
            if column not in without:
                error = half * np.sqrt(2)  # of one half, not of the mean of two
                differences[:, terms.index(column)] = error - error.mean()
        stated = values_at(at, self.declared)
        declared = measure(
            self.design, declared={c: value for c, value in stated.items() if c not in without}
        )
        for place, term in enumerate(declared.terms):
            spread[:, terms.index(term)] = declared.declared[:, place]
        return Measurement(terms, differences, spread, np.ones(len(terms), dtype=bool))

    def _effect(self, fit: Fit) -> tuple[float, float]:
        if fit.model == "logit":
            return average_marginal_effect(fit, self.score)
        at = fit.position(self.score)
        return float(fit.params[at]), float(np.sqrt(fit.cov[at, at]))

    def _word(
        self, fit: Fit, estimate: float, error: float, df: float | None
    ) -> tuple[str, bool, float]:
        plan = self.sample.plan
        by = float(fit.design.matrix[:, -1].std(ddof=1)) if plan.score.scale == "sd" else 1.0
        level = plan.inference.level
        wide, narrow = (_critical(part, df) * error * by for part in (level, 1 - 2 * (1 - level)))
        middle = estimate * by
        word = word_of(
            (middle - wide, middle + wide), (middle - narrow, middle + narrow), self._band()
        )
        return word, middle > 0, error * by

    def _band(self) -> tuple[float, float]:
        return sesoi_band(self.outcome, self.null.model, float(self.design.response.mean()))

    def effect_to_plant(self, nothing: list[_Call]) -> float:
        """Return max(2 SESOI, the effect that is seen with a power of .95).

        Errors grow with the effect where the variance goes with the mean, so the power is that of
        errors under it.
        """
        error = _typical(nothing)
        effect = self._seen_with(error)
        for _ in range(2):
            error = max(error, _typical([self.draw(effect) for _ in range(PILOTS)]))
            effect = self._seen_with(error)
        return effect

    def _seen_with(self, error: float) -> float:
        level = self.sample.plan.inference.level
        return max(
            2 * self._band()[1], detectable_effect(error, level=level, power=POWER, df=self._df)
        )

    @cached_property
    def _df(self) -> float | None:
        """Degrees of freedom of the plain interval; a corrected one has the normal reference, which
        is narrower.
        """
        if self.covariance in CLUSTERED:
            return float(self.design.n_clusters - 1)
        return float(self.design.n - self.design.k) if self.null.model == "ols" else None

    # --- what is said ---

    def row(self, term: str, share: Share, note: str) -> Estimate:
        return Estimate(
            self.sample.plan.name,
            self.outcome.column,
            self.score,
            "assay",
            self.null.model,
            term,
            n=self.design.n,
            estimate=share.value,
            bounds=(share.low, share.high),
            clusters=self.design.n_clusters,
            covariance=self.covariance,
            note=f"{share.draws:,} draws; {note}{self._drawn()}",
        )

    def _check(self, name: str, passed: bool, share: Share, said: str) -> Check:
        return Check(
            self.sample.plan.name,
            name,
            passed,
            said + f"{self._drawn()}.",
            share.value,
            self.outcome.column,
            self.score,
        )

    def placebo_check(self, share: Share) -> Check:
        most = self.sample.plan.overlap.placebo
        passed = share.low <= most
        said = (
            f"Of {share.draws:,} placebos, which say nothing that engagement does not,"
            f" {100 * share.value:.1f} % were called adds"
            f" ({_interval(share, self.sample.plan.inference.level)}; at most {100 * most:g} %"
            " should be)"
        )
        if not passed:
            said += ": this audit passes worthless scores on these rows"
        return self._check("placebos", passed, share, said)

    def planted_check(self, share: Share) -> Check:
        least = self.sample.plan.overlap.planted
        passed = share.value >= least
        said = (
            f"Of {share.draws:,} planted effects {100 * share.value:.1f} % were called adds"
            f" ({_interval(share, self.sample.plan.inference.level)}; at least {100 * least:g} %"
            " should be)"
        )
        if not passed:
            said += ": this audit misses real effects on these rows"
        return self._check("planted", passed, share, said)


def _typical(calls: list[_Call]) -> float:
    """Return the median standard error of some draws."""
    errors = np.array([one.std_error for one in calls])
    if np.isnan(errors).all():
        raise DesignError(
            "the assay", [Fault("the draws", "no draw could be fitted", "draws that can")]
        )
    return float(np.nanmedian(errors))


@lru_cache(maxsize=64)
def _critical(level: float, df: float | None) -> float:
    return critical_value(level, df)


def _interval(share: Share, level: float) -> str:
    return f"{100 * level:g} % CI {100 * share.low:.1f} % to {100 * share.high:.1f} %"


def _kind(plan, model: str, design: Design) -> str:
    """Return the covariance of the deciding fit."""
    kind = covariance_of(plan, model, design)
    try:
        fit_model(design, model, kind if kind != "CRV3" else "CRV1")
    except DesignError:
        return design.plain_covariance
    return kind


def _some_rows(design: Design, rng: np.random.Generator) -> np.ndarray:
    """Return positions of all rows, or of a draw of whole clusters with about `MOST_ROWS` rows."""
    if design.n <= MOST_ROWS:
        return np.arange(design.n)
    groups = np.arange(design.n) if design.clusters is None else design.clusters
    order = rng.permutation(int(groups.max()) + 1)
    sizes = np.bincount(groups)[order]
    taken = np.zeros(len(order), dtype=bool)
    taken[order[: max(1, int(np.searchsorted(np.cumsum(sizes), MOST_ROWS, side="right")))]] = True
    return np.flatnonzero(taken[groups])


def _truth_under_the_null(
    null: Fit, declared: dict[str, tuple[float, float, float]]
) -> tuple[Truth | None, np.ndarray]:
    """Return what the record says about true engagement, and the corrected slopes of the outcome on
    it.
    """
    if not declared:
        return None, np.zeros(0)
    measurement = measure(
        null.design, declared={column: bounds[1] for column, bounds in declared.items()}
    )
    found = correct_fit(null, measurement)
    if isinstance(found, Refusal):
        raise DesignError(
            "the assay",
            [Fault("the fitted null", found.reason.rstrip("."), "a higher reliability")],
        )
    at = [null.design.terms.index(column) for column in declared]
    order = [measurement.terms.index(column) for column in declared]
    error = measurement.covariance[np.ix_(order, order)]
    return truth_behind(null.design.matrix, at, error), found.params[at]
