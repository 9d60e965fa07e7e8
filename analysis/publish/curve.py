"""The specification curve: every analysis in order of its effect, and below it the decisions that made it."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from analysis.estimates import display
from analysis.findings import Findings
from analysis.methods.multiverse import Multiverse
from analysis.publish.figure import ACCENT, INK, STYLE, Figure, rendered

CAPTION = (
    "Every point is one analysis, every line its interval; filled points are those whose interval excludes zero. "
    "The ticks below say which option of each decision an analysis took."
)
MOST_ROWS = 40
"""Options beyond this number are not drawn below the curve (the table has them all)."""


def curve_figure(findings: Findings) -> Figure:
    """Draw the curve of the estimand with most specifications; the others are in the table.

    Filled points are specifications whose interval excludes zero. A tick below a point says which option of each
    decision it took.
    """
    multiverse = findings.multiverse
    own = multiverse.table.dropna(subset=["estimate"])
    estimand = own.groupby(["equation", "estimand"]).size().idxmax()
    curve = own[(own["equation"] == estimand[0]) & (own["estimand"] == estimand[1])]
    curve = curve.sort_values("estimate", kind="stable", ignore_index=True)
    rows = _option_rows(multiverse, curve)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(7.6, 2.6 + 0.17 * len(rows)), layout="constrained")
        top, bottom = canvas.subplots(2, 1, sharex=True, height_ratios=[2.4, 0.17 * len(rows) + 0.2])
        _draw_effects(top, curve)
        _draw_options(bottom, curve, rows)
        top.set_ylabel("effect per SD of score")
        top.set_title(f"{len(curve):,} analyses: {estimand[1]} by {estimand[0]}".replace("$", r"\$"))
        bottom.set_xlabel("analyses, in order of their effect")
        return rendered(canvas, _alt(curve, estimand), CAPTION)


def _option_rows(multiverse: Multiverse, curve: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (decision, option) for each option that the curve's specifications take."""
    rows = [(name, option) for name in multiverse.decisions["decision"] for option in curve[name].unique()]
    return rows[:MOST_ROWS]


def _draw_effects(axes: matplotlib.axes.Axes, curve: pd.DataFrame) -> None:
    at = np.arange(len(curve))
    sure = ((curve["conf_low"] > 0) | (curve["conf_high"] < 0)).to_numpy()
    axes.vlines(at, curve["conf_low"], curve["conf_high"], color="#b8b8b8", linewidth=0.5, rasterized=True)
    axes.plot(at[sure], curve["estimate"][sure], ".", color=ACCENT, markersize=3, rasterized=True)
    axes.plot(at[~sure], curve["estimate"][~sure], "o", color=INK, markersize=3, markerfacecolor="white",
              markeredgewidth=0.6, rasterized=True)  # fmt: skip
    axes.axhline(0, color=INK, linewidth=0.8)


def _draw_options(axes: matplotlib.axes.Axes, curve: pd.DataFrame, rows: list[tuple[str, str]]) -> None:
    for height, (decision, option) in enumerate(rows):
        at = np.flatnonzero((curve[decision] == option).to_numpy())
        axes.plot(at, np.full(len(at), height), "|", color=INK, markersize=5, markeredgewidth=0.5, rasterized=True)
    axes.set_yticks(range(len(rows)), [f"{d}: {o}".replace("$", r"\$")[:60] for d, o in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _alt(curve: pd.DataFrame, estimand: tuple[str, str]) -> str:
    median, low, high = (float(curve["estimate"].quantile(q)) for q in (0.5, 0.0, 1.0))
    sure = float(((curve["conf_low"] > 0) | (curve["conf_high"] < 0)).mean())
    return (
        f"Specification curve of {len(curve):,} analyses of {estimand[1]} by {estimand[0]}: median effect "
        f"{display(median, 'number')} per standard deviation of the score, from {display(low, 'number')} to "
        f"{display(high, 'number')}; {100 * sure:.0f} % of the intervals exclude zero."
    )
