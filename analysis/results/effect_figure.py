"""The figure of a verdict: a score's effect with and without engagement, beside the SESOI band."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from analysis.errors import printable
from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, display, span_text
from analysis.results.figure import (
    ACCENT,
    GREY,
    INK,
    STYLE,
    WIDTH,
    Figure,
    credit,
    draw_arrow,
    draw_band,
    on_axis,
    pixels_of,
    plain_label,
    reach,
    rendered,
    wrapped,
)
from analysis.results.findings import Findings
from analysis.results.headline import headline, several_scores, tally
from analysis.results.sentence import listed
from analysis.results.table import Table
from analysis.results.verdict import Verdict

FARTHEST = {"percent": 1000.0, "points": 200.0}
"""How far an axis goes, by its unit; an interval that goes beyond ends in an arrow."""
Interval = tuple[float, float]

REFUSED = "Estimates are shown for completeness; the verdict is refused."
UNITS = {"percent": " %", "points": " points"}


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


def effect_figure(
    findings: Findings, outcome: str, score: str | None = None, ax: Axes | None = None
) -> Figure:
    """Return the figure of a score's effect with and without engagement, and of companion models.

    Parameters
    ----------
    findings : Findings
    outcome : str
    score : str, optional
        One of several; all unless given.
    ax : matplotlib Axes, optional
        Where to draw; a figure of its own unless given.
    """
    verdicts = [v for v in findings.verdicts_on(outcome) if score in (None, v.score)]
    lines = {verdict.score: effect_lines(findings, verdict) for verdict in verdicts}
    with matplotlib.rc_context(STYLE):
        if ax is None:
            canvas = effect_canvas(findings, verdicts, lines)
        else:
            canvas = ax.get_figure()
            _draw(ax, findings, verdicts, lines)
            ax.set_title(_title(findings, verdicts), fontsize=11, pad=18)
        return rendered(
            canvas,
            _alt(findings, verdicts, lines),
            _caption(findings, verdicts, lines),
            findings.dataset,
            own=ax is None,
            title=_title(findings, verdicts),
            credit=credit(findings),
            values=_values(findings, verdicts, lines),
        )


Lines = dict[str, list[Line]]


def _caption(findings: Findings, verdicts: list[Verdict], lines: Lines) -> str:
    refused = [verdict.refused for verdict in verdicts]
    level = f"{100 * findings.level:g} %"
    held = listed([findings.label(column) for column in findings.plan.engagement.columns])
    grey = "; grey where the verdict is refused" if any(refused) else ""
    told = [line for of in lines.values() for line in of]
    low, high = _limits(told, farthest(verdicts[0]), _band(verdicts[0]))
    beyond = any(line.low < low or line.high > high for line in told)
    sentences = [
        REFUSED if all(refused) else "",
        f"Points are estimates, lines {level} intervals.",
        "" if all(refused) else f"The filled diamond decides{grey}.",
        f"Engagement is {held}. Within the shaded band an effect is too small to matter by the"
        " plan's own measure.",
        "An arrow marks what goes on beyond the axis." if beyond else "",
    ]
    return " ".join(filter(None, sentences))


def _alt(findings: Findings, verdicts: list[Verdict], lines: Lines) -> str:
    label = findings.label
    pieces = [
        f"{label(score)}, {line.label}: {line.text}".replace("\N{MINUS SIGN}", "-")
        for score, drawn in lines.items()
        for line in drawn
    ]
    band = span_text(*verdicts[0].band, verdicts[0].deciding.unit)
    level = f"{100 * findings.level:g} % intervals"
    refused = f"{REFUSED} " if all(verdict.refused for verdict in verdicts) else ""
    return (
        f"{refused}Dot plot of effects on {label(verdicts[0].outcome)}, with {level} in brackets."
        f" {'; '.join(pieces)}. Too small to matter: {band}."
    )


# --- what is drawn --------------------------------------------------------------------------------


def farthest(verdict: Verdict) -> float:
    """Return how far from zero the axis may go."""
    return FARTHEST.get(verdict.deciding.unit, np.inf)


def effect_lines(findings: Findings, verdict: Verdict) -> list[Line]:
    """Return what is drawn for one score, from top to bottom: raw, deciding, companions."""
    outcome, estimates = findings.plan.outcomes[verdict.outcome], findings.estimates
    level, deciding = findings.level, verdict.deciding
    parts = {
        "outcome": verdict.outcome,
        "score": verdict.score,
        "term": verdict.score,
        "scale": findings.plan.score.scale,
    }

    def of(method: str, model: str) -> list[Estimate]:
        variant = FAMILIES[model].margin
        return [*estimates.select(method=method, model=model, variant=variant, **parts)]

    (raw,), (plain,) = (of(method, outcome.deciding_model) for method in ("raw", "increment"))
    corrected = deciding.method == "corrected"
    lines = [
        _line("engagement ignored", raw, "o", level),
        _line("engagement held constant", plain, "D", level, decides=not corrected),
    ]
    if corrected:
        lines.append(_line("the same, corrected for noise", deciding, "D", level, decides=True))
    mean = abs(findings.mean(verdict.outcome))
    for model in outcome.companion_models:
        for row in of("increment", model):
            of_mean = mean if row.unit == "outcome" and deciding.unit == "percent" else None
            name = f"the same by {FAMILIES[model].short}"
            lines.append(_line(name, row, "s", level, of_mean=of_mean))
    if verdict.refused:
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
    values = (row.estimate, *row.interval(level))
    if of_mean:
        places, unit = [100 * value / of_mean for value in values], "percent"
        numbers = [f"{place:+.1f}" for place in places]
    else:
        places, unit = [on_axis(value, row.unit) for value in values], row.unit
        numbers = [display(value, unit).removesuffix(UNITS.get(unit, "")) for value in values]
    limit = FARTHEST.get(unit, np.inf)
    middle, low, high = (
        f"{'>' if place > 0 else '<'}{np.sign(place) * limit:+,.0f}"
        if abs(place) > limit  # nobody reads ten digits of a percentage
        else number
        for place, number in zip(places, numbers, strict=True)
    )
    text = f"{middle}{UNITS.get(unit, '')} ({low} to {high})".replace("-", "\N{MINUS SIGN}")
    return Line(label, *places, text, marker, decides)


def effect_canvas(findings: Findings, verdicts: list[Verdict], lines: Lines) -> Canvas:
    """Return a page of the height that the lines need, drawn."""
    axis = wrapped(_axis_label(findings, verdicts[0]), 60)
    above, below = 0.26, 0.56 + 0.17 * axis.count("\n")
    inside = 0.5 * (sum(map(len, lines.values())) + len(lines) * (len(lines) > 1))
    height = above + below + inside
    canvas = Canvas(figsize=(WIDTH, height))
    axes = canvas.add_axes((0.04, below / height, 0.92, inside / height))
    _draw(axes, findings, verdicts, lines)
    return canvas


def _title(findings: Findings, verdicts: list[Verdict]) -> str:
    """Return the finding; of several scores, how many say more than engagement does."""
    if len(verdicts) == 1:
        return headline(findings, verdicts[0])
    return several_scores(findings, verdicts)


def _values(findings: Findings, verdicts: list[Verdict], lines: Lines) -> Table:
    """Return what is drawn, a row a line."""
    rows = []
    for score, drawn in lines.items():
        name = f"{findings.label(score)}, " if len(lines) > 1 else ""
        for line in drawn:
            middle, _, span = line.text.partition(" (")
            decides = "yes" if line.decides else ""
            rows.append((f"{name}{line.label}", middle, span.rstrip(")"), decides))
    caption = _axis_label(findings, verdicts[0])
    head = ("Analysis", "Effect", "Interval", "Decides")
    return Table(caption[:1].upper() + caption[1:], head, tuple(rows))


def _axis_label(findings: Findings, verdict: Verdict) -> str:
    step = "standard deviation" if findings.plan.score.scale == "sd" else "unit"
    label, unit = findings.label(verdict.outcome), findings.dataset.unit(verdict.outcome)
    what = {
        "percent": f"change in mean {label.removeprefix('the ')}, percent,",
        "points": f"change in the probability of {label}, percentage points,",
    }.get(verdict.deciding.unit, f"change in {label}{', ' + unit + ',' if unit else ''}")
    return f"{what} per {step} of the score"


def _draw(axes: Axes, findings: Findings, verdicts: list[Verdict], lines: Lines) -> None:
    """Draw intervals, each below its label and numbers so that none collide, and the band."""
    entries: list[Line | str] = []
    for score, drawn in lines.items():
        name = findings.label(score)
        entries += [name[:1].upper() + name[1:], *drawn] if len(lines) > 1 else drawn
    _draw_entries(axes, entries, farthest(verdicts[0]), _band(verdicts[0]))
    _draw_band(axes, verdicts[0])
    axes.set_xlabel(wrapped(_axis_label(findings, verdicts[0]), 60), fontsize=10)


def _limits(lines: Iterable[Line], limit: float, always: Interval) -> Interval:
    """Return how far the axis goes: not beyond `limit`, nor where one line would squeeze others."""
    ends = [edge for line in lines for edge in (line.middle, line.low, line.high)]
    return reach(np.clip(ends, -limit, limit), (0.0, *always))


def _draw_entries(
    axes: Axes, entries: Sequence[Line | str], limit: float, band: Interval = (0.0, 0.0)
) -> None:
    lines = [entry for entry in entries if isinstance(entry, Line)]
    limits = _limits(lines, limit, band)
    for at, entry in enumerate(entries):
        _draw_entry(axes, at, entry, limits)
    axes.set_ylim(len(entries) - 0.3, -0.7)
    axes.margins(x=0.04)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", left=False, labelleft=False)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))


def _draw_entry(axes: Axes, at: int, entry: Line | str, limits: Interval) -> None:
    """Draw one interval with its label and its numbers above it, or the name of a score."""
    across = axes.get_yaxis_transform()
    heading = isinstance(entry, str)
    axes.axhspan(  # no line or shade runs through the words
        at - 0.7, at + 0.5 if heading else at - 0.2, color="white", zorder=0.7, linewidth=0
    )
    if heading:
        name = plain_label(textwrap.shorten(entry, 48, placeholder=" ..."))
        axes.text(0, at + 0.12, name, transform=across, va="center", fontweight="bold")
        return
    colour, decides = entry.colour, entry.decides
    low, high = np.clip((entry.low, entry.high), *limits)
    width = 3 if decides else 1.4
    axes.plot([low, high], [at, at], color=colour, linewidth=width, solid_capstyle="butt")
    for edge, end, arrow in ((entry.low, low, "<"), (entry.high, high, ">")):
        if edge != end:
            draw_arrow(axes, end, at, arrow, colour)
    if limits[0] <= entry.middle <= limits[1]:
        axes.plot(
            *([entry.middle], [at]),
            marker=entry.marker,
            color=colour,
            markersize=9 if decides else 6.5,
            markerfacecolor=colour if decides else "white",
            markeredgewidth=1.4,
        )
    label = textwrap.shorten(entry.label, 34, placeholder=" ...")
    for x, side, text in ((0, "left", label), (1, "right", entry.text)):
        axes.text(
            *(x, at - 0.25, plain_label(text)),
            transform=across,
            ha=side,
            va="bottom",
            fontsize=10,
            color=colour,
            fontweight="bold" if decides else "normal",
        )


def _band(verdict: Verdict) -> Interval:
    """Return what is too small to matter, in the unit of the axis."""
    low, high = (on_axis(edge, verdict.deciding.unit) for edge in verdict.band)
    return low, high


def _draw_band(axes: Axes, verdict: Verdict) -> None:
    """Shade what is too small to matter; its name stands above the plot."""
    draw_band(axes, *_band(verdict))
    axes.axvline(0, color=INK, linewidth=0.9, zorder=0.5)
    axes.autoscale_view()
    left, right = axes.get_xlim()
    at = (0 - left) / (right - left)
    side = "left" if at < 0.2 else "right" if at > 0.8 else "center"
    axes.text(
        *({"left": 0.0, "right": 1.0}.get(side, at), 1.015, "too small to matter"),
        transform=axes.transAxes,
        ha=side,
        va="bottom",
        fontsize=9,
        style="italic",
        color=INK,
    )


def share_picture(findings: Findings) -> bytes:
    """Return a PNG of 1200 x 675 pixels for those who share a report: headline, effect, credit."""
    verdict = findings.decided[0]
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(8, 4.5))
        title = plain_label(textwrap.fill(printable(headline(findings, verdict), limit=200), 44))
        canvas.text(0.05, 0.93, title, va="top", fontsize=21, fontweight="bold", linespacing=1.15)
        last = 3 if verdict.deciding.method == "corrected" else 2
        lines = effect_lines(findings, verdict)[:last]
        axes = canvas.add_axes((0.05, 0.21, 0.9, 0.30))
        _draw_entries(axes, lines, farthest(verdict), _band(verdict))
        _draw_band(axes, verdict)
        axes.tick_params(labelsize=9)
        axes.set_xlabel(wrapped(_axis_label(findings, verdict), 68, 240), fontsize=9)
        word = f"{verdict.verdict}, {verdict.direction}" if verdict.direction else verdict.verdict
        drawn = "SIMULATED DATA. " if findings.dataset.simulated else ""
        source = plain_label(drawn + credit(findings), 100)
        canvas.text(0.05, 0.035, source, fontsize=9, color=GREY)
        box = {"boxstyle": "round,pad=0.35", "facecolor": INK, "edgecolor": INK}
        canvas.text(0.95, 0.04, word, ha="right", fontsize=11, color="white", bbox=box)
        return pixels_of(canvas, 150)


def comparison_figure(findings: Mapping[str, Findings]) -> Figure:
    """Return the deciding effects of several audits, each in its unit, below each other.

    Parameters
    ----------
    findings : dict of str to Findings
        By the name that stands at each line.
    """
    by_unit: dict[str, list[Line]] = {}
    rows: list[tuple[str, ...]] = []
    for name, one in findings.items():
        for verdict in one.decided:
            row, several = verdict.deciding, len(one.decided) > 1
            label = f"{name}: {verdict.score}, {verdict.outcome}" if several else name
            line = _line(label, row, "D", one.plan.inference.level, decides=True)
            refused = verdict.refused
            line = replace(line, colour=GREY if refused else ACCENT, decides=not refused)
            by_unit.setdefault(row.unit, []).append(line)
            rows.append((label, verdict.verdict, line.text))
    sizes = [len(lines) for lines in by_unit.values()]
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 0.5 * sum(sizes) + 0.9 * len(sizes)), layout="constrained")
        grid = canvas.subplots(len(sizes), 1, squeeze=False, height_ratios=sizes)[:, 0]
        for axes, (unit, lines) in zip(grid, by_unit.items(), strict=True):
            _draw_entries(axes, lines, FARTHEST.get(unit, np.inf))
            axes.axvline(0, color=INK, linewidth=0.9, zorder=0.5)
            named = {"percent": "percent", "points": "percentage points"}.get(unit, "outcome units")
            axes.set_xlabel(f"effect of the score, {named}", fontsize=10)
        told = "; ".join(
            f"{line.label}: {line.text}" for lines in by_unit.values() for line in lines
        ).replace("\N{MINUS SIGN}", "-")
        some = next(iter(findings.values()))
        caption = "The effect on which each verdict rests, with its interval; grey where refused."
        words = [verdict.verdict for one in findings.values() for verdict in one.decided]
        plans = "plan " if len(findings) == 1 else "plans "
        return rendered(
            canvas,
            f"Dot plot of effects. {told}.",
            caption,
            some.dataset,
            title=f"Of {len(words)} verdicts, {tally(words)}",
            credit=f"score-audit, {plans}{listed([one.plan.name for one in findings.values()])}",
            values=Table(caption, ("Verdict", "Word", "Effect and interval"), tuple(rows)),
        )
