"""Figures one wants to share: legible without colour and on a phone, and described in words."""

from __future__ import annotations

import base64
import io
import textwrap
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from analysis.data.dataset import Dataset
from analysis.errors import printable
from analysis.models.design import transform
from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, display
from analysis.results.findings import Findings
from analysis.results.sentence import listed, span_text
from analysis.results.simulated import captioned, mark
from analysis.results.verdict import Verdict

INK, ACCENT, BAND, GREY = "#222222", "#005a8f", "#ece6d6", "#6b6b6b"
FARTHEST = {"percent": 1000.0, "points": 200.0}
"""How far an axis goes, by its unit; an interval that goes beyond ends in an arrow."""
REFUSED = "Estimates are shown for completeness; the verdict is refused."
LONGEST = 70
"""Characters of a line in a figure; names of columns can be longer than any figure is wide."""
WIDTH = 5.0
"""Inches. At this width 11-point letters are as large as body text on a phone, and not too large on
a screen.
"""

STYLE = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "score-audit",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
}


@dataclass(frozen=True, eq=False, repr=False)
class Figure:
    """A drawn figure with its description; shows itself in a notebook with the description as alt
    text.

    Attributes
    ----------
    png, svg : bytes
    alt : str
        What a reader who cannot see it is told.
    caption : str
        How to read it.
    """

    png: bytes
    svg: bytes
    alt: str
    caption: str = ""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        # JupyterLab and nbconvert drop alt texts given as metadata; an <img> of our own keeps them.
        data = base64.b64encode(self.png).decode("ascii")
        image = f'<img alt="{escape(self.alt)}" width="640" src="data:image/png;base64,{data}">'
        markup = f"<figure>{image}<figcaption>{escape(self.caption)}</figcaption></figure>"
        return {"text/html": markup, "image/png": data, "text/plain": self.alt}

    def __repr__(self) -> str:
        return f"<Figure: {self.alt if len(self.alt) <= 100 else self.alt[:99] + '…'}>"

    def save(self, folder: Path, name: str) -> None:
        """Write `name`.png and `name`.svg."""
        (folder / f"{name}.png").write_bytes(self.png)
        (folder / f"{name}.svg").write_bytes(self.svg)


def rendered(canvas: Canvas, alt: str, caption: str, dataset: Dataset) -> Figure:
    """Return the figure of a canvas; `dataset` is what it is of: simulated data say so in the
    picture.
    """
    alt, caption = (captioned(dataset, text) for text in (alt, caption))
    mark(canvas, dataset)
    images, alt = {}, printable(" ".join(alt.split()), limit=5000)
    for kind, metadata in (
        ("png", {"Software": None}),
        ("svg", {"Date": None, "Creator": None, "Title": alt}),
    ):
        buffer = io.BytesIO()
        canvas.savefig(buffer, format=kind, dpi=200, metadata=metadata)
        images[kind] = buffer.getvalue()
    return Figure(images["png"], images["svg"], alt, caption)


# --- the effect -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One interval as it is drawn, in the unit of the axis.

    Attributes
    ----------
    label : str
    middle, low, high : float
        Percent, percentage points or outcome units.
    text : str
        The numbers printed beside it.
    marker : str
    decides : bool
    colour : str
    """

    label: str
    middle: float
    low: float
    high: float
    text: str
    marker: str
    decides: bool
    colour: str = INK


def effect_figure(findings: Findings, outcome: str) -> Figure:
    """Draw a score's effect with and without engagement, beside the SESOI band and the companion
    models.
    """
    level = f"{100 * findings.plan.inference.level:g} %"
    held = listed([findings.dataset.label(column) for column in findings.plan.engagement.columns])
    verdicts = [verdict for verdict in findings.decided if verdict.outcome == outcome]
    refused = [verdict.verdict == "refused" for verdict in verdicts]
    caption = " ".join(
        filter(
            None,
            [
                REFUSED if all(refused) else "",
                f"Points are estimates, lines {level} intervals.",
                (
                    ""
                    if all(refused)
                    else (
                        "The filled diamond"
                        f" decides{'; grey where the verdict is refused' * any(refused)}."
                    )
                ),
                (
                    f"Engagement is {held}. Within the shaded band an effect is too small to matter"
                    " by the plan's own measure."
                ),
                (
                    "An arrow marks what goes on beyond the axis."
                    if _beyond_axis(findings, verdicts)
                    else ""
                ),
            ],
        )
    )
    with matplotlib.rc_context(STYLE):
        return rendered(
            effect_canvas(findings, outcome),
            _effect_alt(findings, outcome),
            caption,
            findings.dataset,
        )


def _beyond_axis(findings: Findings, verdicts: list[Verdict]) -> bool:
    return any(
        max(abs(line.low), abs(line.high)) > farthest(verdict)
        for verdict in verdicts
        for line in effect_lines(findings, verdict)
    )


def farthest(verdict: Verdict) -> float:
    """Return how far from zero the axis may go."""
    return FARTHEST.get(verdict.deciding.unit, np.inf)


def effect_lines(findings: Findings, verdict: Verdict) -> list[Line]:
    """Return what is drawn for one score, from top to bottom: raw, deciding, companions."""
    outcome = findings.plan.outcomes[verdict.outcome]
    parts = {
        "outcome": verdict.outcome,
        "score": verdict.score,
        "term": verdict.score,
        "scale": findings.plan.score.scale,
    }
    own = {
        **parts,
        "model": outcome.deciding_model,
        "variant": FAMILIES[outcome.deciding_model].margin,
    }
    mean = abs(findings.mean(verdict.outcome))
    level = findings.plan.inference.level
    plain = findings.estimates.one(method="increment", **own)
    corrected = verdict.deciding.method == "corrected"
    lines = [
        _line("engagement ignored", findings.estimates.one(method="raw", **own), "o", level),
        _line("engagement held constant", plain, "D", level, decides=not corrected),
    ]
    if corrected:
        lines.append(
            _line("the same, corrected for noise", verdict.deciding, "D", level, decides=True)
        )
    for model in outcome.companion_models:
        for row in findings.estimates.select(
            method="increment", **parts, model=model, variant=FAMILIES[model].margin
        ):
            of_mean = mean if row.unit == "outcome" and verdict.deciding.unit == "percent" else None
            lines.append(
                _line(f"the same by {FAMILIES[model].short}", row, "s", level, of_mean=of_mean)
            )
    if verdict.verdict == "refused":
        return [replace(line, decides=False, marker="s", colour=GREY) for line in lines]
    return [replace(line, colour=ACCENT) if line.decides else line for line in lines]


def _line(
    label: str,
    row: Estimate,
    marker: str,
    level: float,
    *,
    of_mean: float | None = None,
    decides: bool = False,
) -> Line:
    """Return an estimate in the unit of the axis; `of_mean` turns outcome units into percent of the
    mean.
    """
    low, high = row.interval(level)
    if of_mean:
        middle, low, high = (100 * value / of_mean for value in (row.estimate, low, high))
        numbers = [_short(value, "percent", f"{value:+.1f}") for value in (middle, low, high)]
        text = f"{numbers[0]} % ({numbers[1]} to {numbers[2]})"
    else:
        numbers = [
            _short(on_axis(value, row.unit), row.unit, _bare(value, row.unit))
            for value in (row.estimate, low, high)
        ]
        text = f"{numbers[0]}{UNITS.get(row.unit, '')} ({numbers[1]} to {numbers[2]})"
        middle, low, high = (on_axis(value, row.unit) for value in (row.estimate, low, high))
    return Line(label, middle, low, high, text.replace("-", "\N{MINUS SIGN}"), marker, decides)


def on_axis(value: float, unit: str) -> float:
    """Return a value in the unit of the axis: percent, percentage points, or outcome units."""
    if unit == "percent":
        return 100 * float(np.expm1(min(value, 20.0)))  # beyond it no axis has room
    return 100 * value if unit == "points" else value


UNITS = {"percent": " %", "points": " points"}


def _short(value: float, unit: str, text: str) -> str:
    """Return a number beyond the axis as ">+1,000": nobody reads ten digits of a percentage."""
    limit = FARTHEST.get(unit, np.inf)
    return (
        text
        if abs(value) <= limit
        else f"{'>' if value > 0 else '<'}{np.sign(value) * limit:+,.0f}"
    )


def _bare(value: float, unit: str) -> str:
    return display(value, unit).removesuffix(" %").removesuffix(" points")


def effect_canvas(findings: Findings, outcome: str) -> Canvas:
    """Return the drawn canvas of `effect_figure`: labels and numbers stand above each line, so that
    none collide.
    """
    verdicts = [verdict for verdict in findings.decided if verdict.outcome == outcome]
    label = findings.dataset.label
    entries: list[Line | str] = []
    for verdict in verdicts:
        entries += [_capital(label(verdict.score))] if len(verdicts) > 1 else []
        entries += effect_lines(findings, verdict)
    score = label(verdicts[0].score) if len(verdicts) == 1 else "each score"
    title = _wrapped(f"What {score} says about {label(outcome)}", 44)
    axis = _wrapped(_axis_label(findings, verdicts[0]), 60)
    heights = {"top": 0.62 + 0.22 * title.count("\n"), "bottom": 0.78 + 0.17 * axis.count("\n")}
    height = heights["top"] + heights["bottom"] + 0.5 * len(entries)
    canvas = Canvas(figsize=(WIDTH, height))
    axes = canvas.add_axes((0.04, heights["bottom"] / height, 0.92, 0.5 * len(entries) / height))
    for at, entry in enumerate(entries):
        _draw_entry(axes, at, entry, farthest(verdicts[0]))
    _draw_band(axes, verdicts[0])
    axes.set_ylim(len(entries) - 0.3, -0.7)
    axes.margins(x=0.04)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", left=False, labelleft=False)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.set_xlabel(axis, fontsize=10)
    canvas.text(
        0.04,
        1 - 0.1 / height,
        title,
        ha="left",
        va="top",
        fontsize=12.5,
        fontweight="bold",
        color=INK,
    )
    canvas.text(
        0.04,
        0.07 / height,
        _footnote(verdicts),
        ha="left",
        va="bottom",
        fontsize=8,
        color="#555555",
    )
    return canvas


def _draw_entry(axes: Axes, at: int, entry: Line | str, limit: float) -> None:
    """Draw one interval with its label and its numbers above it, or the name of a score."""
    across = axes.get_yaxis_transform()
    axes.axhspan(
        at - 0.7, at - 0.2, color="white", zorder=0.7, linewidth=0
    )  # no line or shade runs through the words
    if isinstance(entry, str):
        axes.axhspan(at - 0.7, at + 0.5, color="white", zorder=0.7, linewidth=0)
        name = plain_label(textwrap.shorten(entry, 48, placeholder=" ..."))
        axes.text(0, at + 0.12, name, transform=across, va="center", fontweight="bold")
        return
    colour, weight = entry.colour, "bold" if entry.decides else "normal"
    low, high = (min(max(edge, -limit), limit) for edge in (entry.low, entry.high))
    axes.plot(
        [low, high],
        [at, at],
        color=colour,
        linewidth=3 if entry.decides else 1.4,
        solid_capstyle="butt",
    )
    for edge, end, arrow in ((entry.low, low, "<"), (entry.high, high, ">")):
        if edge != end:
            axes.plot([end], [at], marker=arrow, color=colour, markersize=8, clip_on=False)
    if abs(entry.middle) <= limit:
        axes.plot(
            [entry.middle],
            [at],
            marker=entry.marker,
            color=colour,
            markersize=9 if entry.decides else 6.5,
            markerfacecolor=colour if entry.decides else "white",
            markeredgewidth=1.4,
        )
    for x, side, text in ((0, "left", entry.label), (1, "right", entry.text)):
        axes.text(
            x,
            at - 0.25,
            plain_label(text),
            transform=across,
            ha=side,
            va="bottom",
            fontsize=10,
            color=colour,
            fontweight=weight,
        )


def _draw_band(axes: Axes, verdict: Verdict) -> None:
    """Shade what is too small to matter; its name stands above the plot."""
    low, high = (on_axis(edge, verdict.deciding.unit) for edge in verdict.band)
    axes.axvspan(low, high, color=BAND, zorder=0, linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.9, zorder=0.5)
    for edge in (low, high):
        axes.axvline(edge, color=INK, linewidth=0.8, linestyle=(0, (2, 3)), zorder=0.5)
    axes.autoscale_view()
    left, right = axes.get_xlim()
    at = (0 - left) / (right - left)
    side = "left" if at < 0.2 else "right" if at > 0.8 else "center"
    at = {"left": 0.0, "right": 1.0}.get(side, at)
    axes.text(
        at,
        1.015,
        "too small to matter",
        transform=axes.transAxes,
        ha=side,
        va="bottom",
        fontsize=9,
        style="italic",
        color=INK,
    )


def _axis_label(findings: Findings, verdict: Verdict) -> str:
    step = "standard deviation" if findings.plan.score.scale == "sd" else "unit"
    label, unit = findings.dataset.label(verdict.outcome), findings.dataset.unit(verdict.outcome)
    what = {
        "percent": f"change in mean {label.removeprefix('the ')}, percent,",
        "points": f"change in the probability of {label}, percentage points,",
    }.get(verdict.deciding.unit, f"change in {label}{', ' + unit + ',' if unit else ''}")
    return f"{what} per {step} of the score"


def _footnote(verdicts: list[Verdict]) -> str:
    plan, rows = verdicts[0].plan, verdicts[0].deciding.n
    return plain_label(
        textwrap.shorten(f"score-audit, plan {plan}, {rows:,} rows", 80, placeholder=" ...")
    )


def _effect_alt(findings: Findings, outcome: str) -> str:
    verdicts = [verdict for verdict in findings.decided if verdict.outcome == outcome]
    label = findings.dataset.label
    pieces = []
    for verdict in verdicts:
        for line in effect_lines(findings, verdict):
            numbers = line.text.replace("\N{MINUS SIGN}", "-")
            pieces.append(f"{label(verdict.score)}, {line.label}: {numbers}")
    band = span_text(*verdicts[0].band, verdicts[0].deciding.unit)
    level = f"{100 * findings.plan.inference.level:g} % intervals"
    refused = f"{REFUSED} " if all(verdict.verdict == "refused" for verdict in verdicts) else ""
    return (
        f"{refused}Dot plot of effects on {label(outcome)}, with {level} in brackets."
        f" {'; '.join(pieces)}. Too small to matter: {band}."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _wrapped(text: str, width: int) -> str:
    """Return text in lines of at most `width` letters and of about the same length."""
    text = printable(" ".join(text.split()), limit=120)
    lines = max(1, -(-len(text) // width))
    return plain_label("\n".join(textwrap.wrap(text, min(width, len(text) // lines + 6))))


def plain_label(text: str) -> str:
    """Return lines that fit, in which no dollar sign starts mathematics and no character lacks a
    shape.
    """
    return "\n".join(printable(line, limit=LONGEST) for line in text.split("\n")).replace(
        "$", r"\$"
    )


# --- the data -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Panel:
    """The values of one column as they are drawn.

    Attributes
    ----------
    label : str
    values : ndarray, shape (rows,)
        In the column's own unit.
    logged : bool
        Whether the axis is that of ``log(1 + x)``.
    """

    label: str
    values: np.ndarray
    logged: bool = False

    def describe(self) -> str:
        """Return the median and the middle half, or the share of ones."""
        if len(np.unique(self.values)) == 2:
            return (
                f"{self.label}:"
                f" {display(100 * float(np.mean(self.values == self.values.max())), 'number')} %"
                " are 1"
            )
        middle, low, high = (
            display(float(np.quantile(self.values, q)), "number") for q in (0.5, 0.25, 0.75)
        )
        return f"{self.label}: median {middle}, middle half {low} to {high}"


def data_figure(findings: Findings) -> Figure:
    """Draw the distribution of each outcome, score and engagement column in the analysis set."""
    panels = data_panels(findings)
    described = "; ".join(panel.describe() for panel in panels)
    drawn, rows = len(findings.sample.frame), f"{findings.sample.rows:,} rows"
    shown = rows if drawn == findings.sample.rows else f"a seeded sample of {drawn:,} of the {rows}"
    alt = f"Histograms of {shown}. {described}."
    caption = (
        f"How the columns are distributed in {'the ' if shown is rows else ''}{shown} analysed."
    )
    with matplotlib.rc_context(STYLE):
        return rendered(_data_canvas(panels), alt, caption, findings.dataset)


def data_panels(findings: Findings) -> list[Panel]:
    """Return the columns to draw; outcomes of money and counts, and what the plan logs, on a log
    axis.
    """
    plan, sample = findings.plan, findings.sample
    panels = []
    for outcome in plan.outcome[:2]:
        values = sample.numbers(outcome.column)
        skewed = (
            outcome.kind in ("revenue", "count")
            and values.min() >= 0
            and values.max() > 20 * np.median(values)
        )
        panels.append(Panel(_described(findings, outcome.column), values, skewed))
    for section in (plan.score, plan.engagement):
        for column in section.columns[:2]:
            how = section.transform_of(column)
            values = sample.numbers(column)
            if how in ("identity", "spline", "log1p"):
                panels.append(Panel(_described(findings, column), values, how == "log1p"))
            else:
                panels.append(
                    Panel(f"{how} of {findings.dataset.label(column)}", transform(values, how))
                )
    return panels


def _described(findings: Findings, column: str) -> str:
    entry, label = findings.dataset.column(column), findings.dataset.label(column)
    unit = entry.unit if entry else ""
    return f"{label}, {unit}" if unit and unit not in label else label


def _data_canvas(panels: list[Panel]) -> Canvas:
    import seaborn as sns

    rows = -(-len(panels) // 2)
    canvas = Canvas(figsize=(WIDTH, 1.75 * rows), layout="constrained")
    grid = canvas.subplots(rows, 2, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        drawn = np.log1p(panel.values) if panel.logged else panel.values
        few = len(np.unique(panel.values)) <= 12
        sns.histplot(
            x=drawn,
            ax=axes,
            color=ACCENT,
            edgecolor="white",
            linewidth=0.3,
            bins="auto" if few else 30,
            discrete=few and not panel.logged,
            shrink=0.8 if few else 1,
        )
        _ticks(axes, panel, few)
        label = _wrapped(panel.label, 28) + ("\n(log axis)" if panel.logged else "")
        axes.set_xlabel(label, fontsize=9)
        axes.set_ylabel("rows", fontsize=9)
        axes.tick_params(labelsize=9)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in grid[len(panels) :]:
        axes.remove()
    return canvas


def _ticks(axes: Axes, panel: Panel, few: bool) -> None:
    """Mark the axis in the column's own unit: powers of ten on a log axis, each value where there
    are few.
    """
    if panel.logged:
        powers = [10.0**k for k in range(13) if panel.values.min() <= 10.0**k <= panel.values.max()]
        powers = powers[:: max(1, -(-len(powers) // 4))]
        if len(powers) < 2:
            powers = [float(panel.values.min()), float(panel.values.max())]
        axes.set_xticks(np.log1p(powers), [short_number(value) for value in powers])
    elif few and len(np.unique(panel.values)) <= 3:
        axes.set_xticks(np.unique(panel.values))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))


def short_number(value: float) -> str:
    """Return a round number as one reads it.

    >>> short_number(10), short_number(1_000_000), short_number(2.5e10)
    ('10', '1 m', '25 bn')
    """
    for size, name in ((1e12, " tn"), (1e9, " bn"), (1e6, " m"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"
