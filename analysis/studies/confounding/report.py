"""The section on hidden confounders: the effect left by each strength, as contours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, Unit, display
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.results.section import Part, ReportSection, about, rows_on, section_of
from analysis.results.table import Table
from analysis.results.verdict import Verdict
from analysis.studies.confounding.sensitivity import Confounder, WorkingRegression
from analysis.studies.confounding.study import has_working_regression, positions_of

if TYPE_CHECKING:
    from analysis.results.figure import Figure

TITLE = "Something left out of the plan"

HOW = (
    "Read it so: a confounder that would explain the share on the lower axis of what is left of the"
    " score, and the share on the other axis of what is left of the outcome, could bring the effect"
    " to the number on its line."
)

FINE = 60
"""Points along an axis."""

LEAST, ROOM = 0.05, 1.35
"""The shortest axis, and how far beyond the strongest mark it goes."""

APART = 0.15
"""A multiple is named where it lies so far from the column itself, as a share of the axis."""

WORDS = 0.4
"""The length of a name, as a share of the axis: of names that would meet, the first stands."""

TIMES = (1.0, 2.0, 3.0)
"""Multiples of an engagement column that are marked."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The effect under a confounder of each strength.

    Attributes
    ----------
    effect, std_error : float
        As the verdict has it, and its classical error on the same scale.
    df : float
    unit : str
    marks : dict of (str, float) to Confounder
        Those as strong as an engagement column, or so many times.
    """

    effect: float
    std_error: float
    df: float
    unit: Unit
    marks: dict[tuple[str, float], Confounder]

    def left(self, with_score: np.ndarray, with_outcome: np.ndarray) -> np.ndarray:
        """Return the effect less the bias of these partial R2, on the scale of the verdict."""
        bias = np.sqrt(self.df * with_outcome * with_score / (1 - with_score)) * self.std_error
        return self.effect - math.copysign(1.0, self.effect) * bias


def surface_of(findings: Findings, verdict: Verdict) -> Surface | None:
    """Return the surface of a verdict's plain effect; None where its model has none."""
    sample, row = findings.sample, _plain(findings, verdict)
    family = FAMILIES[row.model] if row is not None else None
    if family is None or sample.raw is None or verdict.refused:
        return None
    if not (family.linear or has_working_regression(row.model)):
        return None
    question = Question(sample, findings.plan.outcomes[verdict.outcome], verdict.score)
    working = WorkingRegression.of(question.fit, verdict.score)
    marks = {}
    for column in findings.plan.engagement.columns:
        explained = working.explained(positions_of(question.fit, verdict.score, column))
        for times in TIMES:
            found = explained.times(times)
            if found is not None:
                marks[column, times] = found
    error = working.std_error / abs(working.slope) * abs(row.estimate)
    return Surface(row.estimate, error, working.df, row.unit, marks)


def _plain(findings: Findings, verdict: Verdict) -> Estimate | None:
    """Return the plain effect of the deciding model, on the plan's scale."""
    model = findings.plan.outcomes[verdict.outcome].deciding_model
    wanted = verdict.score, FAMILIES[model].margin, findings.plan.score.scale, model
    rows = rows_on(findings, verdict, "increment")
    return next(
        (row for row in rows if (row.term, row.variant, row.scale, row.model) == wanted), None
    )


def confounding_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where no confounder was benchmarked."""
    parts = [_part(findings, verdict) for verdict in findings.decided]
    return section_of(TITLE, parts, last=(HOW,) if any(figure for _, figure, _ in parts) else ())


def _part(findings: Findings, verdict: Verdict) -> Part:
    surface = surface_of(findings, verdict)
    if surface is None:
        return "", None, None
    model = findings.plan.outcomes[verdict.outcome].deciding_model
    value = next(
        (
            row.estimate
            for row in rows_on(findings, verdict, "sensitivity")
            if (row.term, row.variant, row.model) == ("rv", "", model)
        ),
        None,
    )
    lead = about(findings, verdict.outcome, verdict.score)
    told = (
        f"{lead}to explain the effect away, a confounder would have to explain"
        f" {100 * value:.2g} % of what is left of the score and of the outcome alike."
        if value is not None
        else ""
    )
    if told:
        told = told[0].upper() + told[1:]
    if not FAMILIES[model].linear:
        told += (
            " The shares are those of the weighted least squares that the model ends in, an"
            " approximation."
        )
    return told, contour_figure(findings, verdict, surface, value), None


def contour_figure(
    findings: Findings, verdict: Verdict, surface: Surface, value: float | None
) -> Figure:
    """Draw the effect that is left under a confounder of each strength, engagement marked.

    Parameters
    ----------
    findings : Findings
    verdict : Verdict
    surface : Surface
    value : float or None
        The share of both that explains the effect away.
    """
    import matplotlib

    from analysis.results.figure import (
        ACCENT,
        INK,
        STYLE,
        WIDTH,
        Canvas,
        credit,
        plain_label,
        rendered,
        shortened,
    )

    label = findings.label
    drawn = {key: one for key, one in surface.marks.items() if key[1] == 1.0 or _near(one)}
    far = [LEAST / ROOM, *(max(one.with_score, one.with_outcome) for one in drawn.values())]
    most = min(0.95, ROOM * max(far))
    axis = np.linspace(0, most, FINE)
    left = surface.left(*np.meshgrid(axis, axis))
    shown = np.vectorize(lambda value: display(value, surface.unit))
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 4.2), layout="constrained")
        axes = canvas.subplots()
        levels = np.unique(np.round(np.linspace(left.min(), left.max(), 7), 10))
        lines = axes.contour(axis, axis, left, levels=levels[1:-1], colors=INK, linewidths=0.7)
        names = {level: str(shown(level)) for level in lines.levels}
        axes.clabel(lines, fmt={level: plain_label(name) for level, name in names.items()})
        if left.min() < 0 < left.max():
            axes.contour(axis, axis, left, levels=[0.0], colors=ACCENT, linewidths=2)
        written: list[tuple[float, float]] = []
        for (column, times), one in drawn.items():
            axes.plot(one.with_score, one.with_outcome, "o", color=INK, markersize=4)
            more = "" if times == 1 else f" x {times:g}"
            base = surface.marks[column, 1.0] if times > 1 else None
            here = one.with_score, one.with_outcome
            apart = base is None or one.with_score - base.with_score > APART * most
            if not apart or not _is_free(here, written, most):
                continue
            written.append(here)
            text = plain_label(shortened(label(column), 28) + more)
            axes.annotate(
                text,
                here,
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=9,
            )
        axes.set_xlim(0, most)
        axes.set_ylim(0, most)
        axes.set_xlabel("Partial R2 of the confounder with the score", fontsize=10)
        axes.set_ylabel("Partial R2 with the outcome", fontsize=10)
        alt = _alt(findings, verdict, surface)
        caption = (
            "The effect that a confounder of each strength could leave; the heavy line is no effect"
            " at all. Dots are confounders as strong as an engagement column, or so many times."
        )
        title = _title(surface, value)
        more = {"title": title, "credit": credit(findings), "values": _values(findings, surface)}
        return rendered(canvas, alt, caption, findings.dataset, **more)


def _title(surface: Surface, value: float | None) -> str:
    """Return how strong a confounder has to be, or what the strongest mark leaves."""
    if value is not None:
        return (
            f"A confounder that explains {100 * value:.2g} % of what is left of score and outcome"
            " could account for the whole effect"
        )
    return f"Of {display(surface.effect, surface.unit)}, what a confounder of each strength leaves"


def _values(findings: Findings, surface: Surface) -> Table:
    """Return the strength of each mark, and the effect that is left under it."""
    rows = []
    for (column, times), one in surface.marks.items():
        left = surface.left(np.array(one.with_score), np.array(one.with_outcome))
        shares = (f"{share:.3f}" for share in (one.with_score, one.with_outcome))
        name = findings.label(column) + ("" if times == 1 else f", {times:g} times")
        rows.append((name, *shares, display(float(left), surface.unit)))
    head = ("As strong as", "R2 with the score", "R2 with the outcome", "Effect left")
    return Table("What a confounder would leave", head, tuple(rows), (1, 2, 3))


def _is_free(here: tuple[float, float], written: list[tuple[float, float]], most: float) -> bool:
    """Return whether a name at a mark would meet none that is written already."""
    return all(
        abs(here[0] - x) > WORDS * most or abs(here[1] - y) > 0.05 * most for x, y in written
    )


def _near(confounder: Confounder) -> bool:
    """Return whether a mark does not stretch the axes until nothing else can be seen."""
    return max(confounder.with_score, confounder.with_outcome) < 0.5


def _alt(findings: Findings, verdict: Verdict, surface: Surface) -> str:
    """Return what each mark leaves of the effect, in words."""
    one = [
        f"as strong as {findings.label(column)}: {display(float(left), surface.unit)}"
        for (column, times), mark in surface.marks.items()
        if times == 1
        for left in [surface.left(np.array(mark.with_score), np.array(mark.with_outcome))]
    ]
    told = "; ".join(one) or "none can be as strong as an engagement column"
    return (
        f"Contours of the effect of {findings.label(verdict.score)} on"
        f" {findings.label(verdict.outcome)}, {display(surface.effect, surface.unit)} as it stands,"
        f" by the strength of a confounder: {told}."
    )
