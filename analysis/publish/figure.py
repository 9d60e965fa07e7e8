"""Figures one wants to share: legible without colour, and described in words."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.design import transform
from analysis.estimates import Estimate, display
from analysis.findings import Findings
from analysis.verdict import Verdict

INK, ACCENT, BAND = "#222222", "#0072b2", "#e9e4d4"
STYLE = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "score-audit",
         "svg.fonttype": "path", "axes.titlelocation": "left", "axes.titlesize": 11}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawn figure with its description; shows itself in a notebook with the description as alt text.

    Attributes
    ----------
    png, svg : bytes
    alt : str
        What a reader who cannot see it is told.
    """

    png: bytes
    svg: bytes
    alt: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        # JupyterLab and nbconvert drop alt texts given as metadata; an <img> of our own keeps them.
        data = base64.b64encode(self.png).decode("ascii")
        markup = f'<figure><img alt="{escape(self.alt)}" src="data:image/png;base64,{data}"></figure>'
        return {"text/html": markup, "image/png": data, "text/plain": self.alt}

    def save(self, folder: Path, name: str) -> None:
        """Write `name`.png and `name`.svg."""
        (folder / f"{name}.png").write_bytes(self.png)
        (folder / f"{name}.svg").write_bytes(self.svg)


def _rendered(canvas: Canvas, alt: str) -> Figure:
    images = {}
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None, "Title": alt})):
        buffer = io.BytesIO()
        canvas.savefig(buffer, format=kind, dpi=144, metadata=metadata, bbox_inches="tight")
        images[kind] = buffer.getvalue()
    return Figure(images["png"], images["svg"], alt)


# --- the effect ------------------------------------------------------------------------------------------


def effect_figure(findings: Findings, outcome: str) -> Figure:
    """Draw a score's effect with and without engagement, beside the SESOI band and the companion models."""
    rulings = [ruling for ruling in findings.rulings if ruling.outcome == outcome]
    lines = [line for ruling in rulings for line in _lines(findings, ruling)]
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(7.2, 1.6 + 0.42 * len(lines)), layout="constrained")
        axes = canvas.add_subplot()
        _draw_band(axes, findings, rulings[0])
        for at, (_, row, factor, marker, strong) in enumerate(lines):
            _draw_line(axes, at, row, factor, marker, strong, findings.plan.inference.level)
        axes.set_yticks(range(len(lines)), [label for label, *_ in lines])
        axes.set_ylim(len(lines) - 0.4, -0.9)
        axes.set_xlabel(_axis_label(findings, rulings[0]))
        axes.set_title(f"What the score says about {_plain(outcome)}")
        return _rendered(canvas, _effect_alt(findings, rulings))


def _lines(findings: Findings, ruling: Verdict) -> list[tuple[str, Estimate, float, str, bool]]:
    """Return (label, estimate, factor into the deciding unit, marker, deciding) from top to bottom."""
    plan, several = findings.plan, len(findings.plan.score.columns) > 1
    outcome = plan.outcomes[ruling.outcome]
    name = f"{ruling.score}: " if several else ""
    parts = {"outcome": ruling.outcome, "score": ruling.score, "term": ruling.score, "scale": plan.score.scale}
    own = {**parts, "model": ruling.deciding.model, "variant": ruling.deciding.variant}
    lines = [(f"{name}engagement ignored", findings.estimates.one(method="raw", **own), 1.0, "o", False),
             (f"{name}engagement held constant", ruling.deciding, 1.0, "D", True)]  # fmt: skip
    for model in outcome.companion_models:
        variant = "margin" if model == "logit" else ""
        rows = findings.estimates.select(method="increment", **parts, model=model, variant=variant).rows
        factor = 1.0
        if rows and rows[0].unit == "outcome" and ruling.deciding.unit == "percent":
            factor = 1 / abs(findings.mean(ruling.outcome))
        lines += [(f"{name}the same by {model}", row, factor, "s", False) for row in rows]
    return [(_plain(label), *rest) for label, *rest in lines]


def _shown(value: float, row: Estimate, factor: float) -> float:
    """Return a value in the unit of the axis: percent, percentage points, or outcome units."""
    if row.unit == "percent":
        return 100 * np.expm1(value)
    return value * factor * (100 if row.unit == "points" or factor != 1.0 else 1)


def _draw_line(axes: Axes, at: int, row: Estimate, factor: float, marker: str, strong: bool, level: float) -> None:
    low, high = (_shown(edge, row, factor) for edge in row.interval(level))
    middle = _shown(row.estimate, row, factor)
    colour = ACCENT if strong else INK
    axes.plot([low, high], [at, at], color=colour, linewidth=2.4 if strong else 1.2, solid_capstyle="butt")
    axes.plot([middle], [at], marker=marker, color=colour, markersize=8 if strong else 6,
              markerfacecolor=colour if strong else "white")  # fmt: skip
    text = row.displayed if factor == 1.0 else f"{middle:+.1f} %"
    axes.annotate(text, (middle, at), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=9, color=colour)


def _draw_band(axes: Axes, findings: Findings, ruling: Verdict) -> None:
    low, high = (_shown(edge, ruling.deciding, 1.0) for edge in ruling.band)
    axes.axvspan(low, high, color=BAND, zorder=0, linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.8)
    for edge in (low, high):
        axes.axvline(edge, color=INK, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.text(0.0, 1.0, "too small to matter", transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=8,
              color=INK)  # fmt: skip


def _axis_label(findings: Findings, ruling: Verdict) -> str:
    step = "standard deviation" if findings.plan.score.scale == "sd" else "unit"
    entry = findings.dataset.column(ruling.outcome)
    plain = f"change in {ruling.outcome}" + (f", {entry.unit}" if entry and entry.unit else "")
    named = {
        "percent": f"change in mean {ruling.outcome}, %",
        "points": f"change in P({ruling.outcome}), percentage points",
    }
    what = named.get(ruling.deciding.unit, plain)
    return _plain(f"{what} per {step} of the score")


def _effect_alt(findings: Findings, rulings: list[Verdict]) -> str:
    level = findings.plan.inference.level
    pieces = []
    for ruling in rulings:
        for label, row, *_ in _lines(findings, ruling)[:2]:
            low, high = (display(edge, row.unit) for edge in row.interval(level))
            pieces.append(f"{ruling.score}, {label.split(': ')[-1]}: {row.displayed}, interval {low} to {high}")
    low, high = (display(edge, rulings[0].deciding.unit) for edge in rulings[0].band)
    return f"Dot plot of the effect on {rulings[0].outcome}. {'; '.join(pieces)}. Too small to matter: {low} to {high}."


def _plain(text: str) -> str:
    """Return text in which a dollar sign does not start matplotlib's mathematics."""
    return text.replace("$", r"\$")


# --- the data --------------------------------------------------------------------------------------------


def data_figure(findings: Findings) -> Figure:
    """Draw the distribution of each outcome, score and engagement column in the analysis set."""
    import seaborn as sns

    panels = _panels(findings)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(3.1 * len(panels), 2.6), layout="constrained")
        for axes, (label, values) in zip(canvas.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            sns.histplot(x=values, bins=40, ax=axes, color=ACCENT, edgecolor="white", linewidth=0.3)
            axes.set_xlabel(_plain(label))
            axes.set_ylabel("rows")
        described = "; ".join(
            f"{label}: median {display(float(np.median(values)), 'number')}, "
            f"middle half {display(float(np.quantile(values, 0.25)), 'number')} to "
            f"{display(float(np.quantile(values, 0.75)), 'number')}"
            for label, values in panels
        )
        return _rendered(canvas, f"Histograms of {findings.sample.rows:,} rows. {described}.")


def _panels(findings: Findings) -> list[tuple[str, np.ndarray]]:
    """Return (label, values): outcomes of money and counts on the log scale, the rest as the plan uses it."""
    plan, panels = findings.plan, []
    for outcome in plan.outcome[:2]:
        values = findings.sample.numbers(outcome.column)
        logged = outcome.kind in ("revenue", "count") and values.min() >= 0
        panels.append((f"log1p({outcome.column})", np.log1p(values)) if logged else (outcome.column, values))
    for section in (plan.score, plan.engagement):
        for column in section.columns[:2]:
            how = section.transform_of(column)
            how = "identity" if how == "spline" else how
            label = column if how == "identity" else f"{how}({column})"
            panels.append((label, transform(findings.sample.numbers(column), how)))
    return panels
