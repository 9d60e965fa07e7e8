"""What the outcome says about its model: shape of the mean, growth of the variance, zeros."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analysis.data.disclosure import shown_count
from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.family import FAMILIES
from analysis.models.fit import CountFit, Fit, critical_value
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.estimates import Estimate, StudyResult, display, p_text
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.studies.diagnostics.diagnostics import (
    Calibration,
    Rootogram,
    added_columns_test,
    calibration,
    dispersion,
    groups_of,
    park,
    rootogram,
    squared_predictor,
    zeros,
)

if TYPE_CHECKING:
    from analysis.results.figure import Figure
    from analysis.results.section import Part, ReportSection
    from analysis.results.table import Table

NEAR = 0.5
"""So far may the power of the variance lie from that of the deciding model."""
OFF, OFF_BY = 1.1, 0.05
"""What matters: observed over predicted means of a tenth that differ from one by this factor,
either way; and from each other by so many standard deviations, where there is no ratio."""

EVENTS = 10.0
"""Events, and rows without, that a group of a binary outcome must expect to be tested."""


def study_diagnostics(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return checks of the deciding model: RESET, calibration, growth of the variance, dispersion
    and zeros.
    """
    fits, checks = Diagnosis(question), []
    for name, ask in DIAGNOSTICS.items():
        try:
            answer = ask(fits)
        except DesignError as error:
            reason = f"It could not be looked at: {error.found}."
            checks.append(question.check(name, None, reason, assessed=False))
            continue
        if answer is not None:
            checks.append(question.check(name, *answer, assessed=answer[0] is not None))
    return StudyResult(checks=tuple(checks))


Answer = tuple[bool | None, str, float | None] | None
"""Whether a diagnostic passed, why, and its statistic; None where it does not apply."""


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The fits of one outcome that its diagnostics look at, with an ordinary robust covariance."""

    question: Question

    def fit(self, model: str) -> Fit:
        design = self.question.design
        return fit_model(design, model, design.plain_covariance, counts=self.question.counts)

    @cached_property
    def deciding(self) -> Fit:
        return self.fit(self.question.model)

    @cached_property
    def count_fit(self) -> Fit:
        """The negative binomial fit where there is one, else the Poisson fit."""
        try:
            return self.fit("nb2")
        except DesignError:
            return self.fit("poisson")

    @property
    def alpha(self) -> float:
        """The dispersion of the count fit; 0 for Poisson."""
        return self.count_fit.dispersion if isinstance(self.count_fit, CountFit) else 0.0

    @property
    def binary(self) -> bool:
        return self.question.outcome.kind == "binary"

    @property
    def has_ratios(self) -> bool:
        """Whether the outcome's means are positive, so that observed over predicted is a ratio."""
        outcome = self.question.outcome
        return outcome.kind != "continuous" and outcome.negative != "net"

    @cached_property
    def deciles(self) -> Calibration:
        """Observed and predicted means by tenth of the deciding model's prediction."""
        return calibration(self.deciding.design.outcome, self.deciding.fitted)

    @property
    def rootogram(self) -> Rootogram:
        """The rootogram of a count outcome against the count fit."""
        return rootogram(self.count_fit.design.outcome, self.count_fit.fitted, self.alpha)

    # --- checks ---

    def reset(self) -> Answer:
        """Whether the square of the linear predictor would say something more."""
        fit = self.deciding
        if fit.parts:
            return None, f"RESET was not made: {fit.model} is a model of two equations.", None
        statistic, p = added_columns_test(fit, squared_predictor(fit))
        reason = f"RESET of the {fit.model} model: chi-square(1) = {statistic:.2f}, {p_text(p)}."
        if p < self.question.size:
            reason += (
                " The mean bends where the model is straight: try other transforms of engagement or"
                " the score."
            )
        return p >= self.question.size, reason, statistic

    def calibrated(self) -> Answer:
        """Whether observed means follow the predicted ones from the lowest to the highest tenth,
        but for chance.
        """
        column, deciles = self.question.outcome.column, self.deciles
        if self.has_ratios and (deciles.predicted <= 0).any():
            reason = f"The model predicts {column} below zero in a tenth of the rows."
            return False, reason, float(deciles.predicted.min())
        if self.has_ratios:
            off, near = deciles.ratios, OFF
            far = np.abs(np.log(np.maximum(off, 1e-12)))
            what = "Observed over predicted means by tenth of the prediction lie"
        else:
            spread = float(self.deciding.design.outcome.std())
            off, near = (deciles.observed - deciles.predicted) / spread, np.exp(OFF_BY)
            far = np.abs(off)
            what = f"Observed less predicted means, in standard deviations of {column}, lie"
        worst = int(np.argmax(far))
        reason = (
            f"{what} between {off.min():.2f} and {off.max():.2f}; the farthest is the"
            f" {_ordinal(worst + 1)} of {len(off)}"
        )
        if self.deciding.parts:
            return None, f"{reason}; whether that is chance was not tested.", float(off[worst])
        columns = groups_of(self.deciding, least=EVENTS if self.binary else 0.0)
        if not columns.shape[1]:
            return None, f"{reason}; there are too few events to test that.", float(off[worst])
        statistic, p = added_columns_test(self.deciding, columns)
        reason += f" (chi-square({columns.shape[1]}) = {statistic:.1f}, {p_text(p)})."
        passed = p >= self.question.size or bool(far.max() < np.log(near))
        if not passed:
            reason += " That is more than chance: the mean has another shape than the model's."
        return passed, reason, float(off[worst])

    def variance(self) -> Answer:
        """With which power of the mean the variance grows, on the model without the score."""
        if self.question.outcome.kind not in ("revenue", "count") or not self.has_ratios:
            return None
        deciding = FAMILIES[self.question.model]
        family = deciding if deciding.ratio else FAMILIES["poisson"]
        slope = park(fit_model(self.question.design.without("score"), family.name, "HC1"))
        half = critical_value(self.question.level, None) * slope.std_error
        reason = (
            "Without the score, squared residuals grow with the mean to the power of"
            f" {slope.estimate:.2f} ({100 * self.question.level:g} % CI"
            f" {slope.estimate - half:.2f} to {slope.estimate + half:.2f}); 1 suits Poisson, 1.5"
            " Tweedie, 2 Gamma."
        )
        near = abs(slope.estimate - family.power) <= NEAR
        if not near:
            name = family.short[:1].upper() + family.short[1:]
            reason += f" {name} stays right about the mean, and wastes some of what the rows say."
        return near, reason, slope.estimate

    def dispersed(self) -> Answer:
        """Whether counts vary more than Poisson ones."""
        if not self.question.counts:
            return None
        slope = dispersion(self.fit("poisson"))
        even = slope.p_value >= self.question.size
        reason = (
            f"The variance is the mean and {slope.estimate:.3g} of its square;"
            f" {p_text(slope.p_value)} of no such part."
        )
        if not even:
            reason += " Robust errors allow for it; the negative binomial model stands beside."
        return even, reason, slope.estimate

    def zeros(self) -> Answer:
        """Whether there are as many zeros as the count model expects."""
        if not self.question.counts:
            return None
        fit = self.count_fit
        observed, expected, spread = zeros(fit.design.outcome, fit.fitted, self.alpha)
        z = (observed - expected) / spread if spread > 0 else 0.0
        name = FAMILIES[fit.model].short
        reason = (
            f"{shown_count(observed)} of {fit.design.n:,} counts are zero; the {name} model"
            f" expects {expected:,.0f} (z = {z:.1f})."
        )
        few = abs(z) < critical_value(self.question.level, None)
        if not few:
            reason += " Where zero is a decision of its own, read the model of two parts."
        return few, reason, z


DIAGNOSTICS: dict[str, Callable[[Diagnosis], Answer]] = {
    "reset": Diagnosis.reset,
    "calibration": Diagnosis.calibrated,
    "variance": Diagnosis.variance,
    "dispersion": Diagnosis.dispersed,
    "zeros": Diagnosis.zeros,
}
"""By the name of the check."""


def _ordinal(number: int) -> str:
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"


# --- the section of the report -------------------------------------------------------------------


def diagnostics_section(findings: Findings) -> ReportSection | None:
    """Return the diagnostics of each outcome with the plan's first score, or None."""
    from analysis.results.section import section_of

    parts = (_part(findings, outcome) for outcome in findings.plan.outcome)
    return section_of("Does the model describe the outcome", parts)


def _part(findings: Findings, outcome: OutcomeSection) -> Part:
    """Return what the checks say of one outcome, its rootogram and its calibration."""
    from analysis.results.section import reasons_on

    score, label = findings.plan.score.columns[0], findings.dataset.label(outcome.column)
    reasons = reasons_on(findings, findings.verdict_on(outcome.column, score), *DIAGNOSTICS)
    if not reasons:
        return "", None, None
    text = f"{label[:1].upper()}{label[1:]}: {' '.join(reasons)}"
    fits, table, figure = Diagnosis(Question(findings.sample, outcome, score)), None, None
    if fits.has_ratios and not findings.sample.out_of_core:
        try:
            table = _table(label, fits.deciles)
            if outcome.kind == "count":
                name = FAMILIES[fits.count_fit.model].short
                figure = _rootogram_figure(fits.rootogram, label, name, findings)
        except DesignError:
            pass
    return text, figure, table


def _table(label: str, deciles: Calibration) -> Table:
    from analysis.results.table import Table

    rows = tuple(
        (
            f"tenth {at}",
            f"{count:,}",
            display(observed, "number"),
            display(predicted, "number"),
            f"{observed / predicted:.2f}" if predicted > 0 else "-",
        )
        for at, (count, observed, predicted) in enumerate(
            zip(deciles.rows, deciles.observed, deciles.predicted, strict=True), 1
        )
    )
    caption = (
        f"Mean of {label} by tenth of the deciding model's prediction, from the lowest to the"
        " highest"
    )
    return Table(
        caption, ("Tenth", "Rows", "Observed", "Predicted", "Ratio"), rows, numbers=(1, 2, 3, 4)
    )


def _rootogram_figure(rootogram: Rootogram, label: str, name: str, findings: Findings) -> Figure:
    """Draw roots of observed counts, hung from the roots of the expected ones."""
    import matplotlib

    from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, credit, plain_label, rendered
    from analysis.results.table import Table

    with matplotlib.rc_context(STYLE):
        canvas = matplotlib.figure.Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axes = canvas.add_subplot()
        top = np.sqrt(rootogram.expected)
        axes.bar(
            rootogram.counts,
            np.sqrt(rootogram.observed),
            bottom=rootogram.hanging,
            width=rootogram.wide - 0.2,
            color="#d9e6ee",
            edgecolor=ACCENT,
            linewidth=0.8,
        )
        axes.plot(rootogram.counts, top, color=INK, marker="o", markersize=3.5, linewidth=1.4)
        axes.axhline(0, color=INK, linewidth=0.9)
        axes.set_ylim(min(-0.4, 1.15 * float(rootogram.hanging.min())))
        axes.set_xlabel(plain_label(label), fontsize=10)
        axes.set_ylabel("root of the number of rows", fontsize=10)
        gap = rootogram.observed - rootogram.expected
        worst = int(np.argmax(np.abs(rootogram.hanging)))
        alt = (
            f"Hanging rootogram of {label} against a {name} model. Counts of"
            f" {rootogram.named(0)}: {rootogram.observed[0]:.0f} seen,"
            f" {rootogram.expected[0]:.0f} expected. Farthest from the line at"
            f" {rootogram.named(worst)}: {gap[worst]:+.0f} rows."
        )
        caption = (
            f"Bars hang from the {name} model's expectation (line). A bar that ends above zero"
            " stands for fewer rows than expected, one that reaches below zero for more; a wide"
            " one for several counts that few rows have."
        )
        title = (
            f"{label[:1].upper()}{label[1:]} of {rootogram.named(0)}: {rootogram.observed[0]:,.0f}"
            f" rows, where a {name} model expects {rootogram.expected[0]:,.0f}"
        )
        rows = tuple(
            (rootogram.named(at), f"{seen:,.0f}", f"{expected:,.1f}")
            for at, (seen, expected) in enumerate(
                zip(rootogram.observed, rootogram.expected, strict=True)
            )
        )
        values = Table(f"Rows by {label}", ("Count", "Seen", "Expected"), rows, (1, 2))
        more = {"title": title, "credit": credit(findings), "values": values}
        return rendered(canvas, alt, caption, findings.dataset, **more)
