"""Would this audit, on these rows, pass a worthless score, and see a real effect?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv

from analysis.errors import DesignError
from analysis.results.estimates import Check, Estimate, StudyResult
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.studies.placebo.simulation import PILOTS, Draw, Simulation

if TYPE_CHECKING:
    from analysis.results.figure import Figure
    from analysis.results.section import ReportSection

NAMES = {"placebo_adds": "worthless scores (placebos)", "planted_adds": "planted effects"}

MOST_DRAWN = 16
"""Rows that fit into the figure; the table has all."""


@dataclass(frozen=True)
class Share:
    """A share of draws with its exact binomial interval."""

    called: int
    draws: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.called / self.draws


def share_of(called: np.ndarray, level: float) -> Share:
    """Return the share of draws with the Clopper-Pearson interval of this level.

    Examples
    --------
    >>> found = share_of(np.arange(200) < 10, 0.95)
    >>> round(found.low, 3), found.value, round(found.high, 3)
    (0.024, 0.05, 0.09)
    """
    count, draws = int(np.sum(called)), len(called)
    tail = (1 - level) / 2
    low, high = 0.0, 1.0
    if count:
        low = float(betaincinv(count, draws - count + 1, tail))
    if count < draws:
        high = float(betaincinv(count + 1, draws - count, 1 - tail))
    return Share(count, draws, low, high)


def study_placebo(question: Question, estimates: Iterable[Estimate] = ()) -> StudyResult:
    """Return the shares of placebos and of planted effects that the plan's own rule calls `adds`.

    Notes
    -----
    A placebo is what engagement says of the score plus the score's own remainder with random signs
    (by cluster). With halves it is made of one half and audited with the other as control; which is
    which is drawn for every row (or cluster). With a declared reliability the truth behind the
    record is drawn, and the outcome moved as the fitted null says. Made of recorded engagement it
    would pass any audit, so without either no placebo is drawn. An effect is planted on the
    remainder, of max(2 SESOI, the effect seen with a power of .95).
    """
    reason = _not_run(question)
    if reason:
        return question.only("assay", None, reason)
    many = question.plan.overlap.draws
    try:
        simulation = Simulation.of(question)
        why_not = _no_placebo(simulation)
        nothing = [simulation.draw(0.0) for _ in range(PILOTS if why_not else many)]
        effect = simulation.effect_to_plant(nothing)
        planted = _adds(question, [simulation.draw(effect) for _ in range(many)])
    except DesignError as error:
        reason = f"No draw could be audited: {error.found}."
        return question.only("assay", None, reason)
    amount = f"{effect:,.0f}" if effect >= 1000 else f"{effect:.3g}"
    rows = [_row(simulation, "planted_adds", planted, f"effect of {amount} planted")]
    checks = [_planted_check(simulation, planted)]
    if why_not:
        checks.insert(0, question.check("placebos", None, why_not, assessed=False))
    else:
        false = _adds(question, nothing)
        made_of = (
            "one half of engagement, the other half held"
            if simulation.halves
            else "truth drawn from the declared reliability"
        )
        rows.insert(0, _row(simulation, "placebo_adds", false, f"placebos of {made_of}"))
        checks.insert(0, _placebo_check(simulation, false))
    return StudyResult(tuple(rows), tuple(checks))


def _not_run(question: Question) -> str:
    """Return why there is no simulation, or nothing."""
    if question.plan.quick:
        return "The plan says quick = true, so no placebos were drawn and no effects planted."
    if question.sample.note:
        return "Beyond memory no placebos were drawn and no effects planted."
    if not question.family.glm:
        return (
            f"No placebos were drawn and no effects planted: the model {question.model} is too slow"
            " for it."
        )
    return ""


def _no_placebo(simulation: Simulation) -> str:
    """Return why a placebo would prove nothing here, or nothing."""
    if simulation.question.plan.score.shares_error == "full":
        return (
            "The plan says that the score is computed from the engagement columns, noise included."
            " A placebo made in this way passes any audit and proves nothing, so none was drawn."
        )
    if not simulation.halves and not simulation.declared:
        return (
            "Nothing is known of the noise in engagement. A placebo made of recorded engagement"
            " passes any audit and proves nothing, so none was drawn; halves or a declared"
            " reliability would make one possible."
        )
    return ""


def _adds(question: Question, draws: list[Draw]) -> Share:
    return share_of(np.array([one.adds for one in draws]), question.level)


def _how(simulation: Simulation) -> str:
    """Return what a reader has to know of how the draws were judged."""
    question, design = simulation.question, simulation.design
    total = question.design.n
    drawn = "" if design.n == total else f"; in a seeded draw of {design.n:,} of {total:,} rows"
    if question.plan.inference.covariance == "wild":
        drawn += f"; by {simulation.covariance}, not by the wild bootstrap, which decides"
    return drawn


def _row(simulation: Simulation, term: str, share: Share, note: str) -> Estimate:
    return simulation.question.row(
        "placebo",
        simulation.null.model,
        term,
        n=simulation.design.n,
        estimate=share.value,
        bounds=(share.low, share.high),
        clusters=simulation.design.n_clusters,
        covariance=simulation.covariance,
        note=f"{share.draws:,} draws; {note}{_how(simulation)}",
    )


def _check(
    simulation: Simulation, name: str, share: Share, what: str, limit: str, passed: bool, flaw: str
) -> Check:
    """Return the check of how many draws were called `adds`; `flaw` is what too few or many say."""
    edges = f"{100 * share.low:.1f} % to {100 * share.high:.1f} %"
    reason = (
        f"Of {share.draws:,} {what} {100 * share.value:.1f} % were called adds"
        f" ({100 * simulation.question.level:g} % CI {edges}; {limit} should be)"
        f"{'' if passed else f': this audit {flaw} on these rows'}{_how(simulation)}."
    )
    return simulation.question.check(name, passed, reason, share.value)


def _placebo_check(simulation: Simulation, share: Share) -> Check:
    most = simulation.question.plan.overlap.placebo
    what = "placebos, which say nothing that engagement does not,"
    limit, flaw = f"at most {100 * most:g} %", "passes worthless scores"
    return _check(simulation, "placebos", share, what, limit, share.low <= most, flaw)


def _planted_check(simulation: Simulation, share: Share) -> Check:
    least = simulation.question.plan.overlap.planted
    limit, flaw, passed = f"at least {100 * least:g} %", "misses real effects", share.value >= least
    return _check(simulation, "planted", share, "planted effects", limit, passed, flaw)


# --- the section of the report -------------------------------------------------------------------


def placebo_section(findings: Findings) -> ReportSection | None:
    """Return the shares called adds, with what is wrong with them; None where nothing was drawn."""
    from analysis.results.section import ReportSection, about
    from analysis.results.table import Table

    rows = findings.estimates.select(method="placebo").rows
    if not rows:
        return None
    overlap = findings.plan.overlap
    paragraphs = [
        (
            "The same audit was run on scores of which the answer is known, drawn on these very"
            " rows: on effects that were planted into the outcome, which it should call adds, and,"
            " where the noise in engagement is known, on placebos that say nothing engagement does"
            " not, which it should not."
        ),
    ]
    paragraphs += dict.fromkeys(
        about(findings, check.outcome, check.score) + check.reason
        for check in findings.checks
        if check.check in ("placebos", "planted") and check.passed is not True
    )
    caption = (
        f"Called adds: of the placebos at most {100 * overlap.placebo:g} %, of the planted effects"
        f" at least {100 * overlap.planted:g} % should be"
    )
    head = ("Drawn", "Outcome", "Score", "Called adds", "Interval", "Draws")
    cells = tuple(_cells(findings, row) for row in rows)
    return ReportSection(
        "What the audit does with known answers",
        tuple(paragraphs),
        (_figure(findings, rows),),
        (Table(caption, head, cells, numbers=(3, 4, 5)),),
    )


def _cells(findings: Findings, row: Estimate) -> tuple[str, ...]:
    low, high = row.bounds
    label = findings.dataset.label
    return (
        NAMES[row.term],
        label(row.outcome),
        label(row.score),
        f"{100 * row.estimate:.1f} %",
        f"{100 * low:.1f} to {100 * high:.1f} %",
        f"{findings.plan.overlap.draws:,}",
    )


def _finding(rows: tuple[Estimate, ...]) -> str:
    """Return how often the audit is right where the answer is known, at worst."""
    shares = {
        term: [100 * row.estimate for row in rows if row.term == term]
        for term in ("planted_adds", "placebo_adds")
    }
    told = []
    if shares["planted_adds"]:
        told.append(f"sees {min(shares['planted_adds']):.0f} % of planted effects")
    if shares["placebo_adds"]:
        told.append(f"calls {max(shares['placebo_adds']):.0f} % of worthless scores adds")
    least = " at worst" if any(len(of) > 1 for of in shares.values()) else ""
    return f"On these rows, this audit {' and '.join(told)}{least}"


def _figure(findings: Findings, rows: tuple[Estimate, ...]) -> Figure:
    """Draw the shares called adds with their intervals and limits, placebos as circles."""
    from analysis.results.figure import ACCENT, INK, interval_figure, shortened

    overlap, label, drawn = findings.plan.overlap, findings.dataset.label, rows[:MOST_DRAWN]
    pairs = [
        ", ".join(shortened(label(name), 20) for name in (row.score, row.outcome)) for row in drawn
    ]
    names, marks, told = {}, [], []
    for at, (row, pair) in enumerate(zip(drawn, pairs, strict=True)):
        kind, shape, face = {
            "planted_adds": ("planted", "s", ACCENT),
            "placebo_adds": ("worthless", "o", "white"),
        }[row.term]
        names[at] = f"{kind}: {pair}" if len(set(pairs)) > 1 else kind
        style = {"fmt": shape, "color": INK, "markerfacecolor": face, "markersize": 8}
        middle, low, high = (100 * edge for edge in (row.estimate, *row.bounds))
        marks.append(([at], [(middle, low, high)], style))
        told.append(f"{names[at]} {middle:.1f} % ({low:.1f} to {high:.1f} %)")
    placebo, planted = (100 * limit for limit in (overlap.placebo, overlap.planted))
    caption = (
        "Share of draws that the audit calls adds, with exact intervals. Circles (worthless"
        f" scores) belong left of the dotted line at {placebo:g} %, squares (planted effects) right"
        f" of the dashed one at {planted:g} %."
    )
    figure = interval_figure(
        names,
        marks,
        "% of draws called adds",
        height=1.1 + 0.36 * len(drawn),
        title=_finding(rows),
        alt=f"Shares of draws called adds: {'; '.join(told)}. {caption}",
        caption=caption,
        findings=findings,
        lines={placebo: ":", planted: "--"},
    )
    figure.axes[0].set_xlim(-2, 102)
    return figure
