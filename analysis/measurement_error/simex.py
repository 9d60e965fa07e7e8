"""Simulation extrapolation (SIMEX): a picture of what noise does to an effect, never a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.measurement_error.measurement import Measurement, Refusal
from analysis.models import fit_model
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.results.estimates import Estimate, display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from analysis.results.figure import Figure
    from analysis.results.findings import Findings
    from analysis.results.section import ReportSection
    from analysis.results.table import Table
    from analysis.results.verdict import Verdict

DOUBLINGS = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Error variance added, in units of the estimated one."""

TERM, BACK = "simex", "extrapolated"

MOST_ROWS = 20_000
"""Rows up to which the picture is made: it refits the model some eighty times."""

REPLICATES, FEWER = 20, 5
"""Samples with added noise a point; of a likelihood of more than the mean, fewer."""


@dataclass(frozen=True, eq=False)
class Simex:
    """Points for a figure; the extrapolation leaves a third of the bias and decides nothing.

    Attributes
    ----------
    added : ndarray, shape (p,)
        Error variance added, in units of the estimated one; -1 would be none left.
    estimates : ndarray, shape (p,)
        Mean of the score's coefficient over the simulated samples.
    extrapolated : float
        Of a quadratic, at -1.
    """

    added: np.ndarray
    estimates: np.ndarray
    extrapolated: float


def simex(
    fit: Fit,
    measurement: Measurement,
    term: str,
    *,
    replicates: int = 50,
    rng: np.random.Generator | None = None,
) -> Simex | Refusal:
    """Return a coefficient with more and more error added to engagement, and its extrapolation.

    Parameters
    ----------
    fit : Fit
        Of any model.
    measurement : Measurement
    term : str
    replicates : int
        Simulated samples a point.

    Notes
    -----
    Cook & Stefanski (1994), doi:10.1080/01621459.1994.10476871, with independent normal errors.
    """
    if measurement.one_sided:
        return Refusal("simex", "Errors that the score shares cannot be added to engagement alone.")
    rng = np.random.default_rng(20121105) if rng is None else rng
    values, vectors = np.linalg.eigh(measurement.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    at = [fit.position(name) for name in measurement.terms]
    estimates = []
    for amount, child in zip(DOUBLINGS, rng.spawn(len(DOUBLINGS)), strict=True):
        repeats = replicates if amount else 1
        slopes = [_refit(fit, at, np.sqrt(amount) * root, term, child) for _ in range(repeats)]
        estimates.append(float(np.mean(slopes)))
    curve = np.polynomial.Polynomial.fit(DOUBLINGS, estimates, 2)
    return Simex(np.array(DOUBLINGS), np.array(estimates), float(curve(-1.0)))


def _refit(fit: Fit, at: list[int], root: np.ndarray, term: str, rng: np.random.Generator) -> float:
    matrix = fit.design.matrix.copy()
    matrix[:, at] += rng.normal(size=(fit.design.n, len(at))) @ root.T
    noisy = fit_model(replace(fit.design, matrix=matrix), fit.model, "HC0")
    return float(noisy.params[noisy.position(term)])


def simex_rows(
    blank: Estimate, fit: Fit, measurement: Measurement, by: float, seed: int
) -> list[Estimate]:
    """Return SIMEX as rows of the ledger, none with an interval.

    Parameters
    ----------
    blank : Estimate
        Carries names, unit, scale and rows; its score is the term.
    fit : Fit
        The plain fit.
    measurement : Measurement
    by : float
        Size of one step of the score in its own unit.
    seed : int

    Returns
    -------
    list of Estimate
        One row per amount of noise, in units of the estimated error variance (`@0.0` is the record
        as it is), and `@extrapolated`. Empty where there are more than `MOST_ROWS` rows, or the
        score shares the noise.
    """
    if fit.design.n > MOST_ROWS:
        return []
    replicates = REPLICATES if FAMILIES[fit.model].glm else FEWER
    points = simex(
        fit, measurement, blank.score, replicates=replicates, rng=np.random.default_rng(seed)
    )
    if isinstance(points, Refusal):
        return []
    rows = [
        replace(
            blank,
            variant=f"{amount:.1f}",
            estimate=by * float(estimate),
            note=f"with {amount:g} times the error variance added to engagement; a picture",
        )
        for amount, estimate in zip(points.added, points.estimates, strict=True)
    ]
    note = "of a parabola, where no error would be left; a picture that keeps a part of the bias"
    return [*rows, replace(blank, variant=BACK, estimate=by * points.extrapolated, note=note)]


# --- the report's section -------------------------------------------------------------------------

CAPTION = (
    "Filled points: the score's effect after noise was added to recorded engagement, by its error"
    " variance in units of the estimated one; at 0 engagement is as recorded. The dashed parabola"
    " follows them back to -1, where no noise would be left (open circle). The diamond is the"
    " corrected estimate. A picture: the parabola keeps a part of the bias, and nothing here"
    " decides."
)


def simex_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where no noise was added."""
    from analysis.results.section import ReportSection

    drawn = [verdict for verdict in findings.decided if _points(findings, verdict)]
    if not drawn:
        return None
    label = findings.dataset.label
    paragraphs = []
    for verdict in drawn:
        about = f"{label(verdict.score)} and {label(verdict.outcome)}: " if len(drawn) > 1 else ""
        text = about + _sentence(findings, verdict)
        paragraphs.append(text if about else text[:1].upper() + text[1:])
    outcomes = dict.fromkeys(verdict.outcome for verdict in drawn)
    figures = tuple(simex_figure(findings, outcome) for outcome in outcomes)
    return ReportSection("More noise on purpose", tuple(paragraphs), figures)


def simex_figure(findings: Findings, outcome: str) -> Figure:
    """Draw the effect over the noise that was added to engagement, one panel a score.

    Raises
    ------
    LookupError
        Where no noise was added.
    """
    from analysis.measurement_error.report import panels_figure

    verdicts = [v for v in findings.decided if v.outcome == outcome and _points(findings, v)]
    if not verdicts:
        raise LookupError(f"no noise was added for {outcome}")
    label = findings.dataset.label
    alt = " ".join(
        f"Points of the effect of {label(verdict.score)} on {label(outcome)} as noise is added to"
        f" engagement, with a parabola back to none: {_sentence(findings, verdict)}"
        for verdict in verdicts
    )
    axis = "error variance added to engagement"
    return panels_figure(
        findings,
        verdicts,
        _draw,
        axis=axis,
        height=2.4,
        title=_title(findings, verdicts),
        alt=alt,
        caption=CAPTION,
        values=_values(findings, verdicts),
    )


def _title(findings: Findings, verdicts: list[Verdict]) -> str:
    """Return how the effect moves as noise is added."""
    told = []
    for verdict in verdicts:
        points = _points(findings, verdict)
        first, most = points["0.0"], points[f"{DOUBLINGS[-1]:.1f}"]
        name = f"{findings.label(verdict.score)}: " if len(verdicts) > 1 else ""
        told.append(f"{name}from {first.displayed} to {most.displayed}")
    return f"More noise in engagement takes the effect {'; '.join(told)}"


def _values(findings: Findings, verdicts: list[Verdict]) -> Table:
    """Return the effect by the error variance that was added."""
    from analysis.results.table import Table

    rows = []
    for verdict in verdicts:
        name = f"{findings.label(verdict.score)}, " if len(verdicts) > 1 else ""
        for added, row in _points(findings, verdict).items():
            at = "no noise left, by the parabola" if added == BACK else f"{added} times added"
            rows.append((f"{name}{at}", row.displayed))
    return Table(
        "The effect by noise added to engagement", ("Error variance", "Effect"), tuple(rows)
    )


def _points(findings: Findings, verdict: Verdict) -> dict[str, Estimate]:
    rows = findings.estimates.select(
        method="reliability", term=TERM, outcome=verdict.outcome, score=verdict.score
    )
    return {row.variant: row for row in rows}


def _sentence(findings: Findings, verdict: Verdict) -> str:
    from analysis.measurement_error.report import corrected_row

    points, corrected = _points(findings, verdict), corrected_row(findings, verdict, "")
    first, most, back = points["0.0"], points[f"{DOUBLINGS[-1]:.1f}"], points[BACK]
    exact = (
        "" if corrected is None else f", the correction {display(corrected.estimate, back.unit)}"
    )
    return (
        f"the effect{' in log odds' * (back.unit == 'log odds')} is {first.displayed} with"
        f" engagement as recorded and {most.displayed} with {DOUBLINGS[-1]:g} times the error"
        " variance of engagement added to it. Followed back to no noise, a parabola gives"
        f" {back.displayed}{exact}. The parabola keeps a part of the bias; it decides nothing."
    )


def _draw(axes: Axes, findings: Findings, verdict: Verdict) -> str:
    from analysis.measurement_error.report import corrected_row
    from analysis.results.figure import ACCENT, INK, on_axis

    points, corrected = _points(findings, verdict), corrected_row(findings, verdict, "")
    back = points.pop(BACK)
    heights = [row.estimate for row in points.values()]
    curve, across = np.polynomial.Polynomial.fit(DOUBLINGS, heights, 2), np.linspace(-1, 2, 61)
    line = {"color": ACCENT, "linestyle": (0, (4, 3)), "linewidth": 1.5}
    axes.plot(across, [on_axis(value, back.unit) for value in curve(across)], **line)
    axes.plot(DOUBLINGS, [on_axis(value, back.unit) for value in heights], "o", color=INK)
    end = on_axis(back.estimate, back.unit)
    axes.plot(-1, end, "o", ms=8, color="white", mec=INK, mew=1.4, zorder=3)
    if corrected is not None:
        height = on_axis(corrected.estimate, back.unit)
        axes.plot(-1, height, "D", ms=7, color=INK, zorder=2)
        for text, at, other in (("parabola", end, height), ("corrected", height, end)):
            up = at > other or (at == other and text == "corrected")
            where = {"xytext": (8, 3 if up else -3), "va": "bottom" if up else "top"}
            axes.annotate(
                text, (-1, at), textcoords="offset points", fontsize=8, color=INK, **where
            )
    axes.axhline(0, color=INK, linewidth=0.9)
    axes.set_xlim(-1.2, 2.15)
    axes.set_xticks([-1, 0, 1, 2], ["-1\n(none left)", "0\n(as recorded)", "1", "2"])
    return back.unit
