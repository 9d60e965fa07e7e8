"""The passage with SIMEX as a picture: what more noise in engagement does to the effect, followed
back to none.
"""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.measurement_error.study_extrapolation import BACK, TERM
from analysis.results.estimates import Estimate, display
from analysis.results.figure import ACCENT, INK, STYLE, Figure, on_axis, plain_label, rendered
from analysis.results.findings import Findings
from analysis.results.passage import Passage
from analysis.results.sentence import listed
from analysis.results.verdict import Verdict

TITLE = "More noise on purpose"
CAPTION = (
    "Filled points: the score's effect after noise was added to recorded engagement, by its error"
    " variance in units of the estimated one; at 0 engagement is as recorded. The dashed parabola"
    " follows them back to -1, where no noise would be left (open circle). The diamond is the"
    " corrected estimate. A picture: the parabola keeps a part of the bias, and nothing here"
    " decides."
)
NAMES = {"log odds": "log odds"}


def extrapolation_passage(findings: Findings) -> Passage | None:
    """Return the passage, or None where no noise was added: no halves or reliability, many rows,
    `quick = true`.
    """
    drawn = [verdict for verdict in findings.decided if _rows(findings, verdict)]
    if not drawn:
        return None
    said = tuple(_sentence(findings, verdict, several=len(drawn) > 1) for verdict in drawn)
    outcomes = dict.fromkeys(verdict.outcome for verdict in drawn)
    figures = tuple(extrapolation_figure(findings, outcome) for outcome in outcomes)
    return Passage(TITLE, said, figures)


def extrapolation_figure(findings: Findings, outcome: str) -> Figure:
    """Draw the effect over the noise that was added to engagement, one panel a score.

    Raises
    ------
    LookupError
        Where no noise was added.
    """
    verdicts = [
        verdict
        for verdict in findings.decided
        if verdict.outcome == outcome and _rows(findings, verdict)
    ]
    if not verdicts:
        raise LookupError(f"no noise was added for {outcome}")
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(5.0, 0.5 + 2.4 * len(verdicts)), layout="constrained")
        grid = canvas.subplots(len(verdicts), 1, sharex=True, squeeze=False)[:, 0]
        for axes, verdict in zip(grid, verdicts, strict=True):
            _draw(axes, findings, verdict)
        grid[-1].set_xlabel("error variance added to engagement", fontsize=10)
        alt = " ".join(_alt(findings, verdict) for verdict in verdicts)
        return rendered(canvas, alt, CAPTION, findings.dataset)


def _rows(findings: Findings, verdict: Verdict) -> dict[str, Estimate]:
    found = findings.estimates.select(
        method="reliability", term=TERM, outcome=verdict.outcome, score=verdict.score
    )
    return {row.variant: row for row in found}


def _corrected(findings: Findings, verdict: Verdict) -> Estimate | None:
    """Return the corrected coefficient: for a logit in log odds, as the points are."""
    rows = findings.estimates.select(
        method="corrected", outcome=verdict.outcome, score=verdict.score, variant=""
    )
    return next((row for row in rows if row.model in ("eiv", "calibration")), None)


def _draw(axes: Axes, findings: Findings, verdict: Verdict) -> None:
    rows, corrected = _rows(findings, verdict), _corrected(findings, verdict)
    unit = rows[BACK].unit
    at, heights = _points(rows)
    curve = np.polynomial.Polynomial.fit(at, heights, 2)
    across = np.linspace(-1, at[-1], 61)
    axes.plot(
        across,
        [on_axis(value, unit) for value in curve(across)],
        color=ACCENT,
        linestyle=(0, (4, 3)),
        linewidth=1.5,
    )
    axes.plot(
        at,
        [on_axis(value, unit) for value in heights],
        color=INK,
        linestyle="none",
        marker="o",
        markersize=6,
    )
    axes.plot(
        [-1],
        [on_axis(rows[BACK].estimate, unit)],
        marker="o",
        markersize=8,
        color="white",
        markeredgecolor=INK,
        markeredgewidth=1.4,
        zorder=3,
    )
    if corrected is not None:
        axes.plot(
            [-1], [on_axis(corrected.estimate, unit)], marker="D", markersize=7, color=INK, zorder=2
        )
        above = rows[BACK].estimate > corrected.estimate
        for text, row, up in (("parabola", rows[BACK], above), ("corrected", corrected, not above)):
            axes.annotate(
                text,
                (-1, on_axis(row.estimate, unit)),
                xytext=(8, 3 if up else -3),
                fontsize=8,
                color=INK,
                textcoords="offset points",
                va="bottom" if up else "top",
            )
    axes.axhline(0, color=INK, linewidth=0.9)
    axes.set_xlim(-1.2, at[-1] + 0.15)
    axes.set_xticks([-1, 0, 1, 2], ["-1\n(none left)", "0\n(as recorded)", "1", "2"])
    label = findings.dataset.label
    title = plain_label(f"{label(verdict.score)}, {label(verdict.outcome)}")
    axes.set_title(title[:1].upper() + title[1:], loc="left", fontsize=11, fontweight="bold")
    axes.set_ylabel(
        {"percent": "effect, %", "points": "effect, points"}.get(unit, NAMES.get(unit, "effect")),
        fontsize=10,
    )


def _points(rows: dict[str, Estimate]) -> tuple[np.ndarray, np.ndarray]:
    """Return the noise added and the effects on the model's own scale."""
    found = sorted(
        (float(variant), row.estimate) for variant, row in rows.items() if variant != BACK
    )
    at, heights = np.array(found).T
    return at, heights


def _sentence(findings: Findings, verdict: Verdict, *, several: bool = False) -> str:
    rows, corrected = _rows(findings, verdict), _corrected(findings, verdict)
    at, heights = _points(rows)
    unit, label = rows[BACK].unit, findings.dataset.label
    about = f"{label(verdict.score)} and {label(verdict.outcome)}: " if several else ""
    with_most = (
        f"{display(heights[-1], unit)} with {at[-1]:g} times the error variance of engagement added"
        " to it"
    )
    ends = [f"{display(heights[0], unit)} with engagement as recorded", with_most]
    back = f"Followed back to no noise, a parabola gives {rows[BACK].displayed}"
    exact = f", the correction {display(corrected.estimate, unit)}" if corrected is not None else ""
    scale = " in log odds" if unit == "log odds" else ""
    said = f"the effect{scale} is {listed(ends)}. {back}{exact}. "
    said += "The parabola keeps a part of the bias; it decides nothing."
    return f"{about}{said}" if about else said[:1].upper() + said[1:]


def _alt(findings: Findings, verdict: Verdict) -> str:
    label = findings.dataset.label
    return (
        f"Points of the effect of {label(verdict.score)} on {label(verdict.outcome)} as noise is"
        f" added to engagement, with a parabola back to none: {_sentence(findings, verdict)}"
    )
