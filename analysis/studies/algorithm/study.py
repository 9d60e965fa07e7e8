"""What a change of the algorithm shows: how the score moved, and what the displayed number does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from analysis.errors import DesignError
from analysis.models import fit_as_planned, fit_model
from analysis.models.columns import restricted_cubic_spline, transform
from analysis.models.covariance import standard_error
from analysis.models.design import Design
from analysis.models.fit import Fit, wald
from analysis.plan.sections.studies import AlgorithmSection
from analysis.results.estimates import Estimate, StudyResult, joined
from analysis.results.question import Question, tested
from analysis.studies.algorithm.before_after import (
    FEWEST_A_SIDE,
    interruption,
    paired_stability,
    stability,
)
from analysis.studies.algorithm.regression_discontinuity import study_threshold
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
    plan = question.plan.algorithm
    if plan is None:
        return StudyResult()
    both, date = (plan.old, plan.new), (plan.changed,)
    studies = {
        "score_shift": (AlgorithmChange.shift_at_date, date, plan.changed),
        "invariance": (AlgorithmChange.invariance, date, plan.changed),
        "interruption": (AlgorithmChange.series, (*date, plan.time), plan.changed),
        "threshold": (study_threshold, (), plan.perk),
    }
    if plan.old is not None:
        studies = {
            "score_shift": (AlgorithmChange.shift_of_versions, both, plan.old),
            "versions": (AlgorithmChange.versions, both, plan.old),
            "instrument": (AlgorithmChange.instrument, (*both, *date), plan.old),
        } | {name: study for name, study in studies.items() if name != "score_shift"}
    return joined(
        [
            where_known(
                question,
                columns,
                name,
                lambda some, study=study: study(
                    AlgorithmChange(some.sample, some.outcome, some.score)
                ),
            )
            for name, (study, columns, asked) in studies.items()
            if asked is not None
        ]
    )


class AlgorithmChange(Question):
    """One outcome and displayed score, and what the plan says of the change."""

    @property
    def section(self) -> AlgorithmSection:
        return self.plan.algorithm

    @property
    def after(self) -> np.ndarray:
        return self.sample.numbers(self.section.changed) > 0

    @property
    def on_both_sides(self) -> bool:
        """Whether there are rows before and after the change."""
        return self.section.changed is not None and 0 < self.after.sum() < self.sample.rows

    # --- the score itself ---

    def shift_of_versions(self) -> StudyResult:
        """Return how far the score moved between both versions of the same rows."""
        old, new = (self.sample.numbers(name) for name in (self.section.old, self.section.new))
        difference, clusters = new - old, self.design.clusters
        psi = paired_stability(old, new, self.generator(), clusters=clusters, level=self.level)
        n, mean = len(difference), float(difference.mean())
        error = (
            float(np.std(difference, ddof=1) / np.sqrt(n))
            if clusters is None
            else standard_error((difference - mean) / n, clusters)
        )
        jump = self.row(
            "algorithm",
            "two-versions",
            "score_jump",
            estimate=mean,
            std_error=error,
            note="new less old, same inputs",
        )
        how = "two versions of the same rows, exchanged at random"
        return self._shifted(tested(jump), psi.value, psi.null, psi.p_value, how)

    def shift_at_date(self) -> StudyResult:
        """Return how far the score moved between the rows before and those after the change."""
        if not self.on_both_sides:
            return StudyResult()
        design, values = self.design.without("score"), self.sample.numbers(self.score)
        changed = {"changed": self.after.astype(float)}
        held = replace(
            design.with_columns("score", changed),
            response=self.design.block("score")[:, 0],
            offset=None,
        )
        fit = fit_model(held, "ols", held.plain_covariance)
        note = "engagement held; rows before and after"
        jump = self._effect(fit, "changed", "score_jump", note=note)
        jump = replace(jump, model="held", unit="number")
        psi = stability(values[~self.after], values[self.after], level=self.level)
        how = "rows before and after the change"
        if design.clusters is None:
            return self._shifted(jump, psi.value, psi.null, psi.p_value, how)
        note = f"{how}; rows of a cluster are alike, so chance is not judged"
        row = self.row("scorecard", "", "psi", estimate=psi.value, note=note)
        reason = (
            "Between rows before and after the change the score has a stability index of"
            f" {psi.value:.3f}; rows of a cluster are alike, so it is not known how large"
            " chance alone would make it."
        )
        return StudyResult(
            (jump, row), (self.check("score_shift", None, reason, psi.value, assessed=False),)
        )

    def _shifted(
        self, jump: Estimate, value: float, null: float, p: float, how: str
    ) -> StudyResult:
        """Return the score's jump and its stability index, and the check that it did not move."""
        note = (
            f"{how}; {null:.4f} would be exceeded in {100 * self.size:.3g} % of samples if nothing"
            " had moved"
        )
        row = self.row("scorecard", "", "psi", estimate=value, p_value=p, note=note)
        moved = p < self.size
        reason = (
            "The distribution of the score"
            f" {'moved' if moved else 'did not move more than chance would have it'} (stability"
            f" index {value:.3f}; by chance up to {null:.3f})."
        )
        return StudyResult((jump, row), (self.check("score_shift", not moved, reason, value),))

    # --- what each version says about the outcome ---

    def versions(self) -> StudyResult:
        """Return what each version adds, given engagement."""
        rows, how = [], self.plan.score.transform_of(self.score)
        for column in (self.section.old, self.section.new):
            values = transform(self.sample.numbers(column), how)
            fit = self._fit(self.design.without("score").with_columns("score", {column: values}))
            by = float(np.std(values, ddof=1)) if self.plan.score.scale == "sd" else 1.0
            rows.append(self._effect(fit, column, column, by, "predictive validity"))
        return StudyResult(tuple(rows))

    def invariance(self) -> StudyResult:
        """Return the difference of the score's slope after the change less before, and its test."""
        if not self.on_both_sides:
            return self.only("invariance", None, "All rows lie on one side of the change.")
        after, score = self.after.astype(float), self.design.block("score")[:, 0]
        crossed = (score - score.mean()) * after
        held = self.design.without("score").with_columns("control", {"changed": after})
        try:
            fit = self._fit(
                held.with_columns("score", {"score": score, "score x changed": crossed})
            )
            statistic, p = wald(fit, ("score x changed",))
        except DesignError as error:
            return self.only("invariance", None, f"Not tested: {error.found}.")
        note = "slope of the score after the change less before, per score unit"
        row = self._effect(fit, "score x changed", "invariance", note=note)
        holds = p >= self.size
        reason = (
            "A point of the score goes with the same difference of the outcome before and after the"
            " change, as far as these rows can tell."
            if holds
            else "A point of the score does not mean the same before and after the change: figures"
            " from before do not hold after it."
        )
        check = self.check("invariance", holds, reason, p)
        return StudyResult((replace(row, statistic=statistic, p_value=p),), (check,))

    # --- what the displayed number does ---

    def instrument(self) -> StudyResult:
        """Return the effect of the displayed number: the versions differ, the behaviour does not.

        Among rows with equal old scores, equal differences between the versions and equal
        engagement (held by splines), the displayed number differs by the date alone. Its effect is
        that of the number, not of what it measures. The first stage is exact, so the interval needs
        no strong instrument.
        """
        if not self.on_both_sides:
            return self.only(
                "instrument",
                None,
                "Without rows on both sides of the change, nothing tells the displayed number from"
                " behaviour.",
            )
        if self.plan.score.transform_of(self.score) != "identity":
            return self.only("instrument", None, "Only for a score without a transform.")
        old, new, shown = (
            self.sample.numbers(name) for name in (self.section.old, self.section.new, self.score)
        )
        strange = float(np.var(shown - np.where(self.after, new, old)) / np.var(shown))
        if strange > SAME:
            reason = (
                "The displayed score is not the old version before and the new one after the"
                " change."
            )
            return self.only("instrument", None, reason, strange)
        columns = {"old": old, "difference": new - old, "changed": self.after.astype(float)}
        held = self._splined().with_columns("control", columns)
        try:
            fit = self._fit(held.with_columns("score", {self.score: shown}))
        except DesignError as error:
            return self.only("instrument", None, f"Not estimated: {error.found}.")
        note = (
            "effect of the displayed number, not predictive validity; Anderson-Rubin (the first"
            " stage is exact)"
        )
        return StudyResult((self._effect(fit, self.score, "instrument", self.by, note),))

    def _splined(self) -> Design:
        """Return the design without the score, engagement as splines where it varies enough."""
        held = self.design.without("score")
        for at, (term, block) in enumerate(zip(held.terms, held.blocks, strict=True)):
            if block == "engagement" and "[" not in term:
                try:
                    spline = restricted_cubic_spline(self.design.matrix[:, at], term)[:, 1:]
                except DesignError:
                    continue
                columns = {f"{term}[{number}]": column for number, column in enumerate(spline.T)}
                held = held.with_columns("control", columns)
        return held

    def series(self) -> StudyResult:
        """Return the jumps of mean score and mean outcome at the change, with placebo dates."""
        if self.section.time is None:
            return StudyResult()
        names, periods = np.unique(self.sample.numbers(self.section.time), return_inverse=True)
        counts = np.bincount(periods)
        changed = np.bincount(periods, weights=self.after) / counts >= 0.5
        first = int(np.argmax(changed)) if changed.any() else len(names)
        if not np.array_equal(changed, np.arange(len(names)) >= first):
            reason = "Rows before and after the change are mixed in time."
            return self.only("interruption", None, reason)
        rows, checks = [], []
        for term, column in (("score_jump", self.score), ("outcome_jump", self.outcome.column)):
            means = np.bincount(periods, weights=self.sample.numbers(column)) / counts
            jump = interruption(means, first, self.generator(), level=self.level)
            if jump is None:
                reason = (
                    f"{first} periods before and {len(names) - first} after the change;"
                    f" {FEWEST_A_SIDE} are needed."
                )
                return self.only("interruption", None, reason)
            row = self.row(
                "algorithm",
                "its",
                term,
                n=jump.periods,
                estimate=jump.estimate,
                std_error=jump.std_error,
                statistic=jump.estimate / jump.std_error,
                p_value=jump.p_value,
                bounds=jump.interval,
                unit="number" if column == self.score else "outcome",
                note=f"mean per period, autocorrelation {jump.autocorrelation:.2f}",
            )
            rows.append(row)
            if jump.placebo_share is not None:
                reason = (
                    f"{100 * jump.placebo_share:.0f} % of {jump.placebos} placebo dates jump as"
                    f" much ({term.replace('_', ' ')})."
                )
                checks.append(self.check(f"placebo_{term}", None, reason, jump.placebo_share))
        return StudyResult(tuple(rows), tuple(checks))

    # --- fits ---

    def _fit(self, design: Design) -> Fit:
        return fit_as_planned(self.plan, self.mean_model, design)

    def _effect(
        self, fit: Fit, column: str, term: str, by: float = 1.0, note: str = ""
    ) -> Estimate:
        """Return the coefficient of a column per `by` of its units: per SD where `by` is one."""
        row = self.coefficient("algorithm", fit, column, term=term, by=by, note=note)
        return replace(row, scale="raw" if by == 1.0 else "sd")
