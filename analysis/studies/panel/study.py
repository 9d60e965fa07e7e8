"""The score within a unit: fixed effects, what they rest on, and the noise that they magnify."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import DesignError
from analysis.measurement_error.correction import correct_fit
from analysis.measurement_error.measurement import Refusal, measure
from analysis.measurement_error.reliability import within_person
from analysis.models.columns import recorded
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.models.fixed_effects import WithinFit, autocorrelation, fit_within
from analysis.results.estimates import Check, Estimate, StudyResult, joined
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.results.verdict import Verdict
from analysis.studies.base import codes_of, where_known
from analysis.studies.panel.lead_lag import lead_lag

if TYPE_CHECKING:
    from analysis.results.section import ReportSection

RELIABLE = 0.70
"""Below this the noise of engagement is a large part of what changes within a unit."""

RELIABILITY = "reliability:"
"""Before the name of a column: the term of its reliability."""


def study_panel(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the effect with unit (and period) fixed effects, and the lead-lag test.

    Reliabilities of engagement from halves are looked up in the estimates.
    """
    panel = question.plan.panel
    if panel is None:
        return StudyResult()
    here = (question.outcome.column, question.score, "reliability")
    reliable = {
        row.term.removeprefix(RELIABILITY): row.estimate
        for row in estimates
        if (row.outcome, row.score, row.method) == here and row.term.startswith(RELIABILITY)
    }
    columns = (panel.unit, panel.time)
    return joined(
        [
            where_known(
                question, columns, "panel", lambda some: _Panel(some, reliable).fixed_effects()
            ),
            lead_lag(question),
        ]
    )


@dataclass(frozen=True, eq=False)
class _Panel:
    """One outcome and score in a panel, with the reliability of engagement where it is known."""

    question: Question
    reliable: dict[str, float]

    @cached_property
    def codes(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The unit and the period of each row."""
        panel, sample = self.question.plan.panel, self.question.sample
        return codes_of(sample, panel.unit), codes_of(sample, panel.time)

    def autocorrelation(self, column: str) -> float:
        """Return how an engagement column correlates with itself from row to row of a unit."""
        how = self.question.plan.engagement.transform_of(column)
        return autocorrelation(recorded(self.question.sample, column, how), *self.codes)

    @cached_property
    def within(self) -> dict[str, float]:
        """The reliability of changes of each column within a unit."""
        return {
            column: within_person(value, self.autocorrelation(column))
            for column, value in self.reliable.items()
        }

    def fixed_effects(self) -> StudyResult:
        """Return the effects by each model with fixed effects, and checks of what they rest on."""
        question, outcome = self.question, self.question.outcome
        rows: list[Estimate] = []
        checks: list[Check] = []
        exponential = outcome.kind in ("revenue", "count") and outcome.negative != "net"
        for model in (*(("poisson",) if exponential else ()), "ols"):
            if FAMILIES[model].linear and outcome.exposure:
                continue
            try:
                fit = fit_within(question.design, *self.codes, model=model, terms=(question.score,))
            except DesignError as error:
                reason = f"With fixed effects there is no estimate by {model}: {error.found}."
                checks.append(question.check(f"panel_{model}", None, reason, assessed=False))
                continue
            position, groups = fit.position(question.score), float(fit.design.n_clusters - 1)
            effect = float(fit.params[position]), fit.std_error(question.score)
            rows += self.rows(fit, model, effect, groups)
            if FAMILIES[model].linear:
                rows += self.corrected(fit)
            checks.append(question.check(f"panel_{model}", True, _counted(fit), float(fit.units)))
        return StudyResult(tuple(rows), (*checks, *self.reliabilities()))

    def rows(
        self,
        fit: WithinFit,
        model: str,
        effect: tuple[float, float],
        df: float | None,
        note: str = "",
    ) -> list[Estimate]:
        """Return an effect and its error on the plan's scale and on the other one."""
        what = "unit fixed effects" if fit.periods == 1 else "unit and period fixed effects"
        row = self.question.row(
            "panel",
            model,
            self.question.score,
            n=fit.design.n,
            clusters=fit.design.n_clusters,
            unit=self.question.unit(fit.model),
            estimate=effect[0],
            std_error=effect[1],
            df=df,
            covariance="CRV1",
            note=f"{what}, {fit.units:,} units",
        )
        return self.question.on_both_scales(row.noted(note))

    def corrected(self, fit: WithinFit) -> list[Estimate]:
        """Return the effect within units corrected for noise in changes of engagement."""
        terms, score = fit.design.terms, self.question.score
        known = {c: value for c, value in self.within.items() if c in terms and 0 < value < 1}
        if not known or self.question.plan.score.shares_error == "full":
            return []
        fitted = fit.design.matrix @ fit.params
        plain = Fit(
            design=fit.design.with_response(fit.residuals + fitted),
            model="ols",
            params=fit.params,
            cov=fit.cov,
            covariance="CRV1",
            fitted=fitted,
            residuals=fit.residuals,
            weights=fit.weights,
            deviance=float(fit.residuals @ fit.residuals),
            null_deviance=1.0,
        )
        correction = correct_fit(plain, measure(plain.design, declared=known))
        if isinstance(correction, Refusal):
            return []
        stated = ", ".join(f"{column} {value:.2f}" for column, value in known.items())
        effect = correction.estimate(score), correction.std_error(score)
        note = f"corrected for a within-unit reliability of {stated}"
        return self.rows(fit, "eiv", effect, None, note)

    def reliabilities(self) -> Iterable[Check]:
        """Yield the check of how reliable changes of engagement within a unit are."""
        engagement, sentences = self.question.plan.engagement, []
        columns = [c for c in engagement.columns if engagement.transform_of(c) != "spline"]
        known = [self.within[column] for column in columns if column in self.within]
        for column in columns:
            rho = self.autocorrelation(column)
            if column in self.within:
                text = (
                    f"{column} has a reliability of {self.reliable[column]:.2f} and a correlation"
                    f" of {rho:.2f} with itself from row to row, so its changes within a unit have"
                    f" one of {max(self.within[column], 0.0):.2f}"
                )
            else:
                text = (
                    f"{column} correlates {rho:.2f} with itself from row to row, and the plan"
                    " states no reliability: one of .80 would leave"
                    f" {max(within_person(0.8, rho), 0.0):.2f} within a unit"
                )
            sentences.append(text)
        if sentences:
            least = min(known) if known else None
            passed = None if least is None else least >= RELIABLE
            reason = f"{'; '.join(sentences)}. Fixed effects magnify noise in engagement."
            yield self.question.check("panel_reliability", passed, reason, least)


def _counted(fit: WithinFit) -> str:
    """Return a sentence on the rows, units and periods that a fit rests on."""
    text = f"{fit.design.n:,} rows of {fit.units:,} units"
    text += f" in {fit.periods:,} periods" if fit.periods > 1 else ""
    if fit.dropped:
        silent = "seen once, or without any positive outcome"
        why = "seen once" if FAMILIES[fit.model].linear else silent
        text += f"; {fit.dropped:,} rows of units {why} say nothing here"
    if fit.absorbed:
        columns = ", ".join(fit.absorbed)
        text += f"; {columns} do not change within units and are part of the fixed effects"
    return f"{text}."


EXPLAINED = (
    "Everything about a unit that does not change is held constant here, seen or not. The verdict"
    " is about the plan's own fit, which compares units as well."
)
CHECKS = ("panel_poisson", "panel_ols", "panel_reliability")


def panel_section(findings: Findings) -> ReportSection | None:
    """Return the section on effects with fixed effects, or None where the plan has no panel."""
    from analysis.results.section import ReportSection

    if findings.plan.panel is None:
        return None
    paragraphs = (_paragraph(findings, verdict) for verdict in findings.decided)
    return ReportSection("The score within a unit", (*paragraphs, EXPLAINED))


def _paragraph(findings: Findings, verdict: Verdict) -> str:
    from analysis.results.section import reasons_on, rows_on
    from analysis.results.sentence import interval_text, model_name

    plan, label = findings.plan, findings.dataset.label
    effects = "; ".join(
        f"{row.displayed} by {model_name(row.model, short=True)}"
        f" ({interval_text(row, plan.inference.level)})"
        for row in rows_on(findings, verdict, "panel")
        if row.scale == plan.score.scale
    )
    what = f"{label(verdict.score)} and {label(verdict.outcome)} within {label(plan.panel.unit)}"
    first = f"{what[:1].upper()}{what[1:]}: {effects or 'no estimate'}."
    return " ".join([first, *reasons_on(findings, verdict, *CHECKS)])
