"""What a change of the algorithm shows: the score moves while behaviour stays, and what the
displayed number does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from analysis.data.sample import Sample
from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.covariance import CLUSTERED, cluster_sums
from analysis.models.design import (
    Design,
    build_design,
    restricted_cubic_spline,
    score_scale,
    transform,
)
from analysis.models.fit import Fit, p_value, wald
from analysis.models.planned import fit_as_planned
from analysis.plan.sections.outcome import OutcomeSection
from analysis.plan.sections.studies import AlgorithmSection
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.question import Question
from analysis.studies.algorithm.interrupted_time_series import FEWEST_A_SIDE, interruption
from analysis.studies.algorithm.population_stability import paired_stability, stability
from analysis.studies.algorithm.regression_discontinuity import density_jump, jump_at
from analysis.studies.base import where_known

SAME = 1e-6
"""Largest share of the displayed score's variance that old, new and the date may leave unexplained.
"""


def study_algorithm(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the jumps, the versions' validity, the effect of the displayed number, and checks.

    Predictive validity (what each version says about the outcome) and the effect of the displayed
    number (what showing another number to the same people does) are different questions and have
    rows of their own.
    """
    sample, outcome, score = question.sample, question.outcome, question.score
    plan = sample.plan
    if plan.algorithm is None:
        return StudyResult()
    said = plan.algorithm
    both, date = (said.old, said.new), (said.changed,)
    asked = [("score_shift", _Study.shift, date if said.old is None else both)]
    if said.old is not None:
        asked += [
            ("versions", _Study.versions, both),
            ("instrument", _Study.instrument, (*both, *date)),
        ]
    if said.changed is not None:
        asked += [
            ("invariance", _Study.invariance, date),
            ("interruption", _Study.series, (*date, said.time)),
        ]
    if said.perk is not None:
        asked.append(("threshold", _Study.threshold, ()))
    parts = [
        where_known(
            question,
            columns,
            name,
            lambda some, ask=ask: ask(_Study(some.sample, outcome, score, said)),
        )
        for name, ask, columns in asked
    ]
    return StudyResult(
        tuple(row for part in parts for row in part.rows),
        tuple(c for part in parts for c in part.checks),
    )


@dataclass(frozen=True, eq=False)
class _Study:
    """One outcome and displayed score, and what the plan says of the change."""

    sample: Sample
    outcome: OutcomeSection
    score: str
    said: AlgorithmSection

    @property
    def model(self) -> str:
        """The deciding model; the Poisson mean where a likelihood of more than the mean decides."""
        return (
            "poisson"
            if self.outcome.deciding_model in ("nb2", "hurdle")
            else self.outcome.deciding_model
        )

    @property
    def size(self) -> float:
        """The size of the plan's tests."""
        return 1 - self.sample.plan.inference.level

    @property
    def after(self) -> np.ndarray:
        return self.sample.numbers(self.said.changed) > 0

    def blank(self, model: str, term: str, method: str = "algorithm") -> Estimate:
        return Estimate(
            self.sample.plan.name,
            self.outcome.column,
            self.score,
            method,
            model,
            term,
            n=self.sample.rows,
        )

    def check(
        self, name: str, passed: bool | None, reason: str, statistic: float | None = None
    ) -> Check:
        return Check(
            self.sample.plan.name, name, passed, reason, statistic, self.outcome.column, self.score
        )

    def design(self) -> Design:
        return build_design(self.sample, self.outcome.column, (self.score,))

    # --- the score itself ---

    def shift(self) -> StudyResult:
        """Return how far the score moved: both versions of the same rows, or the rows before and
        after.
        """
        said, rng = self.said, np.random.default_rng(self.sample.plan.inference.seed)
        if said.old is not None:
            old, new = self.sample.numbers(said.old), self.sample.numbers(said.new)
            difference, clusters = new - old, self.design().clusters
            found = paired_stability(old, new, rng, clusters=clusters, level=1 - self.size)
            how = "two versions of the same rows, exchanged at random"
            error = _mean_error(difference, clusters)
            jump = replace(
                self.blank("two-versions", "score_jump"),
                estimate=float(difference.mean()),
                std_error=error,
                unit="number",
                note="new less old, same inputs",
            )
            rows = [
                replace(
                    jump,
                    statistic=jump.estimate / error,
                    p_value=p_value(jump.estimate / error, None),
                )
            ]
        elif said.changed is not None and 0 < self.after.sum() < self.sample.rows:
            values = self.sample.numbers(self.score)
            found = stability(values[~self.after], values[self.after], level=1 - self.size)
            how = "rows before and after the change"
            rows = [self._held_jump()]
        else:
            return StudyResult()
        if said.old is None and self.design().clusters is not None:
            note = f"{how}; rows of a cluster are alike, so chance is not judged"
            psi = replace(self.blank("", "psi", "scorecard"), estimate=found.value, note=note)
            reason = (
                "Between rows before and after the change the score has a stability index of"
                f" {found.value:.3f}; rows of a cluster are alike, so it is not known how large"
                " chance alone would make it."
            )
            return StudyResult(
                (*rows, psi), (self.check("score_shift", None, reason, found.value),)
            )
        note = (
            f"{how}; {found.null:.4f} would be exceeded in {100 * self.size:.3g} % of samples if"
            " nothing had moved"
        )
        psi = replace(
            self.blank("", "psi", "scorecard"),
            estimate=found.value,
            p_value=found.p_value,
            note=note,
        )
        moved = found.p_value < self.size
        reason = (
            "The distribution of the score"
            f" {'moved' if moved else 'did not move more than chance would have it'} (stability"
            f" index {found.value:.3f}; by chance up to {found.null:.3f})."
        )
        return StudyResult(
            (*rows, psi), (self.check("score_shift", not moved, reason, found.value),)
        )

    def _held_jump(self) -> Estimate:
        """Return the score's jump at the change with engagement and controls held."""
        design = self.design()
        columns = np.column_stack([design.without("score").matrix, self.after.astype(float)])
        held = replace(
            design.without("score"),
            matrix=columns,
            terms=(*design.without("score").terms, "changed"),
            blocks=(*design.without("score").blocks, "score"),
            response=design.block("score")[:, 0],
            offset=None,
        )
        fit = fit_model(held, "ols", held.plain_covariance)
        return _row(
            self.blank("held", "score_jump"),
            fit,
            "changed",
            note="engagement held; rows before and after",
        )

    # --- what each version says about the outcome ---

    def versions(self) -> StudyResult:
        """Return what each version adds, given engagement, and the test that both add the same per
        point.
        """
        rows, fits, how = [], {}, self.sample.plan.score.transform_of(self.score)
        for column in (self.said.old, self.said.new):
            values = transform(self.sample.numbers(column), how)
            fit = self._fit(_with_score(self.design(), values, column))
            fits[column] = fit
            by = float(np.std(values, ddof=1)) if self.sample.plan.score.scale == "sd" else 1.0
            rows.append(
                _scaled(
                    _row(self._effect_blank(column), fit, column, note="predictive validity"), by
                )
            )
        return StudyResult(tuple(rows))

    def invariance(self) -> StudyResult:
        """Return whether the displayed score says the same about the outcome before and after the
        change.
        """
        if not 0 < self.after.sum() < self.sample.rows:
            return StudyResult(
                (), (self.check("invariance", None, "All rows lie on one side of the change."),)
            )
        design, after = self.design(), self.after.astype(float)
        score = design.block("score")[:, 0]
        crossed = (score - score.mean()) * after
        wide = _with_columns(design.without("score"), {"changed": after}, "control")
        wide = _with_columns(wide, {"score": score, "score x changed": crossed}, "score")
        try:
            fit = self._fit(wide)
            statistic, p = wald(fit, ("score x changed",))
        except DesignError as error:
            return StudyResult(
                (), (self.check("invariance", None, f"Not tested: {error.faults[0].found}."),)
            )
        row = replace(
            _row(self._effect_blank("invariance"), fit, "score x changed"),
            statistic=statistic,
            p_value=p,
            note="slope of the score after the change less before, per score unit",
        )
        holds = p >= self.size
        reason = (
            "A point of the score goes with the same difference of the outcome before and after the"
            " change, as far as these rows can tell."
            if holds
            else (
                "A point of the score does not mean the same before and after the "
                "change: figures from before do not hold after it."
            )
        )
        return StudyResult((row,), (self.check("invariance", holds, reason, p),))

    # --- what the displayed number does ---

    def instrument(self) -> StudyResult:
        """Return the effect of the displayed number: the versions differ, the behaviour does not.

        Among rows with equal old scores, equal differences between the versions and equal
        engagement (held by splines), the displayed number differs by the date alone. Its effect is
        that of the number, not of what it measures. The first stage is exact, so the interval needs
        no strong instrument.
        """
        said = self.said
        if said.changed is None or not 0 < self.after.sum() < self.sample.rows:
            reason = (
                "Without rows on both sides of the change, nothing tells the displayed number from"
                " behaviour."
            )
            return StudyResult((), (self.check("instrument", None, reason),))
        how = self.sample.plan.score.transform_of(self.score)
        if how != "identity":
            return StudyResult(
                (), (self.check("instrument", None, "Only for a score without a transform."),)
            )
        old, new = self.sample.numbers(said.old), self.sample.numbers(said.new)
        after = self.after.astype(float)
        shown = self.sample.numbers(self.score)
        strange = np.var(shown - np.where(self.after, new, old)) / np.var(shown)
        if strange > SAME:
            reason = (
                "The displayed score is not the old version before and the new one after the"
                " change."
            )
            return StudyResult((), (self.check("instrument", None, reason, float(strange)),))
        design = self._flexible(self.design())
        wide = _with_columns(
            design, {"old": old, "difference": new - old, "changed": after}, "control"
        )
        try:
            fit = self._fit(_with_columns(wide, {self.score: shown}, "score"))
        except DesignError as error:
            return StudyResult(
                (), (self.check("instrument", None, f"Not estimated: {error.faults[0].found}."),)
            )
        by = score_scale(self.sample, self.score) if self.sample.plan.score.scale == "sd" else 1.0
        row = _row(
            self._effect_blank("instrument"),
            fit,
            self.score,
            note=(
                "effect of the displayed number, not predictive validity; Anderson-Rubin (the first"
                " stage is exact)"
            ),
        )
        return StudyResult((_scaled(row, by),))

    def _flexible(self, design: Design) -> Design:
        """Return the design without the score, engagement as splines where it varies enough."""
        held = design.without("score")
        for term, block in zip(design.terms, design.blocks, strict=True):
            if block == "engagement" and "[" not in term:
                values = design.matrix[:, design.terms.index(term)]
                try:
                    bent = restricted_cubic_spline(values, term)[:, 1:]
                except DesignError:
                    continue
                held = _with_columns(
                    held, {f"{term}[{at}]": bent[:, at] for at in range(bent.shape[1])}, "control"
                )
        return held

    def series(self) -> StudyResult:
        """Return the jump of the mean score and of the mean outcome at the change, with placebo
        dates.
        """
        if self.said.time is None:
            return StudyResult()
        names, periods = np.unique(self.sample.numbers(self.said.time), return_inverse=True)
        counts = np.bincount(periods)
        share = np.bincount(periods, weights=self.after) / counts
        first = int(np.argmax(share >= 0.5)) if (share >= 0.5).any() else len(names)
        if not np.array_equal(share >= 0.5, np.arange(len(names)) >= first):
            return StudyResult(
                (),
                (
                    self.check(
                        "interruption", None, "Rows before and after the change are mixed in time."
                    ),
                ),
            )
        rows, checks = [], []
        for term, column in (("score_jump", self.score), ("outcome_jump", self.outcome.column)):
            means = np.bincount(periods, weights=self.sample.numbers(column)) / counts
            rng = np.random.default_rng(self.sample.plan.inference.seed)
            found = interruption(means, first, rng, level=self.sample.plan.inference.level)
            if found is None:
                reason = (
                    f"{first} periods before and {len(names) - first} after the change;"
                    f" {FEWEST_A_SIDE} are needed."
                )
                return StudyResult((), (self.check("interruption", None, reason),))
            unit = "number" if term == "score_jump" else "outcome"
            rows.append(
                replace(
                    self.blank("its", term),
                    n=found.periods,
                    estimate=found.estimate,
                    std_error=found.std_error,
                    p_value=found.p_value,
                    bounds=found.interval,
                    unit=unit,
                    statistic=found.estimate / found.std_error,
                    note=f"mean per period, autocorrelation {found.autocorrelation:.2f}",
                )
            )
            if found.placebo_share is not None:
                said = (
                    f"{100 * found.placebo_share:.0f} % of {found.placebos} placebo dates jump as"
                    " much"
                )
                checks.append(
                    self.check(
                        f"placebo_{term}",
                        None,
                        f"{said} ({term.replace('_', ' ')}).",
                        found.placebo_share,
                    )
                )
        return StudyResult(tuple(rows), tuple(checks))

    def threshold(self) -> StudyResult:
        """Return the jump of the outcome at the perk's threshold, and whether people place
        themselves above it.
        """
        sign = self.sample.plan.score.sign_of(self.score)
        running, perk = sign * self.sample.numbers(self.score), sign * self.said.perk
        at, (beyond, short) = f"{self.said.perk:g}", ("above", "below")[::sign]
        clusters = self.design().clusters
        found = jump_at(running, self.sample.numbers(self.outcome.column), perk, clusters=clusters)
        if found is None:
            reason = f"Too few rows near the threshold of {at}."
            return StudyResult((), (self.check("threshold", None, reason),))
        note = (
            f"at {at}; local quadratic within {found.bandwidth:.3g}; the effect of a displayed"
            " number"
        )
        df = None if found.clusters is None else float(found.clusters - 1)
        row = replace(
            self.blank("rd", "perk"),
            n=found.below + found.above,
            estimate=found.estimate,
            df=df,
            std_error=found.std_error,
            statistic=found.estimate / found.std_error,
            unit="outcome",
            clusters=found.clusters,
            p_value=p_value(found.estimate / found.std_error, df),
            note=note,
        )
        density = density_jump(running, perk, clusters=clusters)
        if density is None:
            few = "" if clusters is None else " or clusters"
            reason = (
                f"Whether scores bunch just {beyond} {at} is not known: too few rows, steps{few}"
                " near it."
            )
            return StudyResult((row,), (self.check("bunching", None, reason),))
        bunched = density.p_value < self.size and density.estimate > 0
        reason = (
            f"More scores lie just {beyond} {at} than just {short}: people place themselves, which"
            " measures gaming and spoils the comparison."
            if bunched
            else f"Scores do not bunch just {beyond} {at}."
        )
        bunching = replace(
            self.blank("mccrary", "bunching"),
            estimate=density.estimate,
            std_error=density.std_error,
            statistic=density.estimate / density.std_error,
            p_value=density.p_value,
            df=density.df,
            clusters=density.clusters,
            note=f"log of the density just {beyond} less just {short}",
        )
        return StudyResult(
            (row, bunching), (self.check("bunching", not bunched, reason, density.p_value),)
        )

    # --- fits ---

    def _fit(self, design: Design) -> Fit:
        return fit_as_planned(self.sample.plan, self.model, design)

    def _effect_blank(self, term: str) -> Estimate:
        unit = {"ols": "outcome", "logit": "log odds"}.get(self.model, "percent")
        return replace(self.blank(self.model, term), unit=unit)


def _mean_error(values: np.ndarray, clusters: np.ndarray | None) -> float:
    centred = values - values.mean()
    if clusters is None:
        return float(np.std(values, ddof=1) / np.sqrt(len(values)))
    sums = cluster_sums(centred[:, None], clusters)[:, 0]
    return float(np.sqrt(sums @ sums * len(sums) / (len(sums) - 1)) / len(values))


def _with_columns(design: Design, columns: dict[str, np.ndarray], block: str) -> Design:
    """Return the design with more columns behind the others."""
    return replace(
        design,
        matrix=np.column_stack([design.matrix, *columns.values()]),
        terms=(*design.terms, *columns),
        blocks=(*design.blocks, *[block] * len(columns)),
    )


def _with_score(design: Design, values: np.ndarray, name: str) -> Design:
    return _with_columns(design.without("score"), {name: values}, "score")


def _row(blank: Estimate, fit: Fit, term: str, note: str = "") -> Estimate:
    at = fit.position(term)
    estimate, error = float(fit.params[at]), float(fit.std_errors()[at])
    return replace(
        blank,
        estimate=estimate,
        std_error=error,
        statistic=estimate / error,
        df=fit.df,
        scale="raw",
        p_value=p_value(estimate / error, fit.df),
        covariance=fit.covariance,
        note=note,
        clusters=fit.design.n_clusters if fit.covariance in CLUSTERED else None,
    )


def _scaled(row: Estimate, by: float) -> Estimate:
    """Return an effect per `by` units: per standard deviation where `by` is one."""
    scale = "raw" if by == 1.0 else "sd"
    return replace(row, estimate=row.estimate * by, std_error=row.std_error * by, scale=scale)
