"""The passage on how well the deciding model describes the outcome, with a hanging rootogram for
counts.
"""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure as Canvas

from analysis.data.dataset import Dataset
from analysis.errors import DesignError
from analysis.results.estimates import display
from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, Figure, plain_label, rendered
from analysis.results.findings import Findings
from analysis.results.passage import Passage, PassageTable
from analysis.studies.diagnostics.diagnostics import Calibration, Rootogram
from analysis.studies.diagnostics.study import count_rootogram, deciles

NAMES = ("reset", "calibration", "variance", "dispersion", "zeros")


def diagnosis_passage(findings: Findings) -> Passage | None:
    """Return the passage, about each outcome with the plan's first score; None where nothing was
    looked at.
    """
    score = findings.plan.score.columns[0]
    paragraphs, figures, tables = [], [], []
    for outcome in findings.plan.outcome:
        own = [
            check
            for check in findings.checks
            if check.check in NAMES and (check.outcome, check.score) == (outcome.column, score)
        ]
        if not own:
            continue
        label = findings.dataset.label(outcome.column)
        paragraphs.append(
            f"{label[:1].upper()}{label[1:]}: {' '.join(check.reason for check in own)}"
        )
        if outcome.kind == "continuous" or outcome.negative == "net":
            continue
        try:
            tables.append(_table(label, deciles(findings.sample, outcome, score)))
            if outcome.kind == "count":
                found, model = count_rootogram(findings.sample, outcome, score)
                figures.append(rootogram_figure(found, label, model, findings.dataset))
        except DesignError:
            continue
    if not paragraphs:
        return None
    return Passage(
        "Does the model describe the outcome", tuple(paragraphs), tuple(figures), tuple(tables)
    )


def _table(label: str, found: Calibration) -> PassageTable:
    rows = tuple(
        (
            f"tenth {at}",
            f"{count:,}",
            display(observed, "number"),
            display(predicted, "number"),
            f"{observed / predicted:.2f}" if predicted > 0 else "-",
        )
        for at, (count, observed, predicted) in enumerate(
            zip(found.rows, found.observed, found.predicted, strict=True), 1
        )
    )
    caption = (
        f"Mean of {label} by tenth of the deciding model's prediction, from the lowest to the"
        " highest"
    )
    return PassageTable(
        caption, ("Tenth", "Rows", "Observed", "Predicted", "Ratio"), rows, numbers=(1, 2, 3, 4)
    )


def rootogram_figure(found: Rootogram, label: str, model: str, dataset: Dataset) -> Figure:
    """Draw bars as high as the root of what was seen, hung from the root of what the model
    expects.
    """
    name = "negative binomial" if model == "nb2" else "Poisson"
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 3.2), layout="constrained")
        axes = canvas.add_subplot()
        top = np.sqrt(found.expected)
        axes.bar(
            found.counts,
            np.sqrt(found.observed),
            bottom=found.hanging,
            width=0.8,
            color="#d9e6ee",
            edgecolor=ACCENT,
            linewidth=0.8,
        )
        axes.plot(found.counts, top, color=INK, marker="o", markersize=3.5, linewidth=1.4)
        axes.axhline(0, color=INK, linewidth=0.9)
        axes.set_ylim(min(-0.4, 1.15 * float(found.hanging.min())))
        axes.set_xlabel(plain_label(f"{label}"), fontsize=10)
        axes.set_ylabel("root of the number of rows", fontsize=10)
        gap = found.observed - found.expected
        worst = int(np.argmax(np.abs(found.hanging)))
        alt = (
            f"Hanging rootogram of {label} against a {name} model, counts 0 to {found.counts[-1]}."
            f" Zeros: {found.observed[0]:.0f} seen, {found.expected[0]:.0f} expected. Farthest from"
            f" the line at {found.counts[worst]}: {gap[worst]:+.0f} rows."
        )
        caption = (
            f"Bars hang from the {name} model's expectation (line). A bar that ends above zero"
            " stands for fewer rows than expected, one that reaches below zero for more."
        )
        return rendered(canvas, alt, caption, dataset)
