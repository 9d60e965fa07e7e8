"""How well the deciding model describes the outcome, with a hanging rootogram for counts."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas

from analysis.data.dataset import Dataset
from analysis.errors import DesignError
from analysis.models.family import FAMILIES
from analysis.results.estimates import display
from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, Figure, plain_label, rendered
from analysis.results.findings import Findings
from analysis.results.question import Question
from analysis.results.section import ReportSection, Table, reasons_on
from analysis.studies.diagnostics.diagnostics import Calibration, Rootogram
from analysis.studies.diagnostics.study import DIAGNOSTICS, Diagnosis


def diagnostics_section(findings: Findings) -> ReportSection | None:
    """Return the diagnostics of each outcome with the plan's first score, or None."""
    score = findings.plan.score.columns[0]
    paragraphs, figures, tables = [], [], []
    for outcome in findings.plan.outcome:
        verdict = findings.verdict_on(outcome.column, score)
        reasons = reasons_on(findings, verdict, *DIAGNOSTICS)
        if not reasons:
            continue
        label = findings.dataset.label(outcome.column)
        paragraphs.append(f"{label[:1].upper()}{label[1:]}: {' '.join(reasons)}")
        fits = Diagnosis(Question(findings.sample, outcome, score))
        if not fits.has_ratios:
            continue
        try:
            tables.append(_table(label, fits.deciles))
            if outcome.kind == "count":
                name = FAMILIES[fits.count_fit.model].short
                figures.append(rootogram_figure(fits.rootogram, label, name, findings.dataset))
        except DesignError:
            continue
    if not paragraphs:
        return None
    return ReportSection(
        "Does the model describe the outcome", tuple(paragraphs), tuple(figures), tuple(tables)
    )


def _table(label: str, deciles: Calibration) -> Table:
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


def rootogram_figure(rootogram: Rootogram, label: str, name: str, dataset: Dataset) -> Figure:
    """Draw roots of observed counts, hung from the roots of the expected ones."""
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 3.2), layout="constrained")
        axes = canvas.add_subplot()
        top = np.sqrt(rootogram.expected)
        axes.bar(
            rootogram.counts,
            np.sqrt(rootogram.observed),
            bottom=rootogram.hanging,
            width=0.8,
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
            f"Hanging rootogram of {label} against a {name} model, counts 0 to"
            f" {rootogram.counts[-1]}. Zeros: {rootogram.observed[0]:.0f} seen,"
            f" {rootogram.expected[0]:.0f} expected. Farthest from the line at"
            f" {rootogram.counts[worst]}: {gap[worst]:+.0f} rows."
        )
        caption = (
            f"Bars hang from the {name} model's expectation (line). A bar that ends above zero"
            " stands for fewer rows than expected, one that reaches below zero for more."
        )
        return rendered(canvas, alt, caption, dataset)
