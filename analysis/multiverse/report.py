"""The section on all the reasonable analyses: the curve of their effects, and each decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from analysis.models.family import FAMILIES
from analysis.multiverse.specifications import Specification, options_of
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection
from analysis.results.figure import (
    ACCENT,
    ARROW,
    FAINT,
    INK,
    STYLE,
    Figure,
    credit,
    plain_label,
    reach,
    rendered,
)
from analysis.results.findings import Findings
from analysis.results.section import ReportSection
from analysis.results.sentence import multiverse_sentence
from analysis.results.table import Table

CAPTION = (
    "Every point is one analysis, every line its interval; filled points are those whose interval"
    " excludes zero. The ticks below say which option of each decision an analysis took."
)
MOST_ROWS = 40
"""Options beyond this number are not drawn below the curve (the table has them all)."""


def multiverse_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where the plan has no multiverse."""
    if findings.multiverse is None:
        return None
    rows = tuple(
        (row["decision"], str(row["options"]), display_share(row["variance_share"]), row["words"])
        for row in findings.multiverse.decisions.to_dict("records")
    )
    caption = (
        "What each decision matters: its share of the variance of the effects, and the words one"
        " gets by changing it alone"
    )
    table = Table(caption, ("Decision", "Options", "Variance", "Words"), rows, numbers=(1, 2))
    sentence = multiverse_sentence(findings)
    return ReportSection(
        "All the reasonable analyses", (sentence,), (curve_figure(findings),), (table,)
    )


def display_share(share: float | None) -> str:
    """Return a share in percent, or a dash where there is none."""
    return "-" if share is None or share != share else f"{100 * share:.0f} %"


def curve_figure(findings: Findings) -> Figure:
    """Draw the curve of the specifications that estimate what the plan's own analysis estimates.

    Filled points are specifications whose interval excludes zero. A tick below a point says which
    option of each decision it took. The other estimands are in the table.
    """
    multiverse = findings.multiverse
    curve = multiverse.fellows().sort_values("estimate", kind="stable", ignore_index=True)
    outcome = findings.plan.outcomes.get(multiverse.own.outcome)
    rows = _option_rows(findings.plan, curve)
    shown = _axis(multiverse.own, outcome)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(5.6, 2.6 + 0.17 * len(rows)), layout="constrained")
        top, bottom = canvas.subplots(
            2, 1, sharex=True, height_ratios=[2.4, 0.17 * len(rows) + 0.2]
        )
        gone = _draw_effects(top, curve, shown)
        _draw_options(bottom, curve, rows)
        about = findings.dataset.label(multiverse.own.outcome)
        top.set_title(plain_label(f"{about}: {shown.label}"), loc="left", fontsize=10)
        bottom.set_xlabel("analyses, in order of their effect")
        more = {"title": _title(curve), "credit": credit(findings)}
        return rendered(
            canvas,
            _alt(curve, shown),
            f"{_which(findings, curve)} {CAPTION}" + (f" {ARROW}" if gone else ""),
            findings.dataset,
            values=_values(curve, rows, shown),
            **more,
        )


def _title(curve: pd.DataFrame) -> str:
    """Return in how many analyses the interval excludes zero, and on which side."""
    above, below = int((curve["conf_low"] > 0).sum()), int((curve["conf_high"] < 0).sum())
    (most, way), (rest, other) = sorted([(below, "below"), (above, "above")], reverse=True)
    more = f", in {rest:,} {other} it" if rest else ""
    return (
        f"In {most or 'none'} of {len(curve):,} reasonable analyses, the whole interval lies {way}"
        f" zero{more}"
    )


def _values(curve: pd.DataFrame, rows: list[tuple[str, str]], shown: _Axis) -> Table:
    """Return the middle effect and how many exclude zero, of all analyses and by option."""
    parts = [("all analyses", curve)]
    parts += [(f"{d}: {o}", curve[curve[d] == o]) for d, o in rows]
    cells = tuple(
        (
            name,
            f"{len(part):,}",
            *(f"{shown.of(part['estimate'].quantile(q)):+.3g}" for q in (0.0, 0.5, 1.0)),
            f"{100 * _sure(part).mean():.0f} %",
        )
        for name, part in parts
    )
    head = ("Analyses", "Number", "Lowest", "Middle", "Highest", "Exclude zero")
    return Table(f"Effects, {shown.label}", head, cells, (1, 2, 3, 4, 5))


def _which(findings: Findings, curve: pd.DataFrame) -> str:
    """Return which analyses are drawn: those that estimate what the plan's own does."""
    multiverse = findings.multiverse
    own, count = multiverse.own, len(multiverse.table)
    form = (
        ""
        if own.outcome_transform == "identity"
        else f" of the {own.outcome_transform} of the outcome"
    )
    name = FAMILIES[own.model].printed
    if len(curve) == count:
        return f"All {count:,} analyses, by {name}{form}."
    return f"{len(curve):,} of the {count:,} analyses: those by {name}{form}, as the plan's own."


@dataclass(frozen=True)
class _Axis:
    """How an estimate is shown: its name, and the function from the model's own scale."""

    label: str
    of: Callable[[np.ndarray], np.ndarray]


def _axis(own: Specification, outcome: OutcomeSection) -> _Axis:
    step = "per SD of score"
    if own.outcome_transform != "identity":
        return _Axis(f"{own.outcome_transform} of the outcome {step}", np.asarray)
    if FAMILIES[own.model].ratio:
        return _Axis(f"change in the mean, %, {step}", lambda v: 100 * np.expm1(v))
    if outcome.is_relative or outcome.kind == "binary":
        what = "probability, points" if outcome.kind == "binary" else "mean, %"
        return _Axis(f"change in {what}, {step}", lambda v: 100 * np.asarray(v))
    return _Axis(f"change {step}", np.asarray)


def _option_rows(plan: Plan, curve: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (decision, option) for each option that the curve's specifications take, in the plan's
    order.
    """
    rows = [
        (decision.name, option.name)
        for decision in plan.multiverse.decision
        for option in options_of(decision)
        if (curve[decision.name] == option.name).any()
    ]
    return rows[:MOST_ROWS]


def _draw_effects(axes: matplotlib.axes.Axes, curve: pd.DataFrame, shown: _Axis) -> bool:
    """Draw effects and intervals; return whether any goes on beyond the axis."""
    at, effect = np.arange(len(curve)), shown.of(curve["estimate"].to_numpy())
    sure = _sure(curve)
    low, high = (shown.of(curve[edge].to_numpy()) for edge in ("conf_low", "conf_high"))
    bottom, top = reach(np.concatenate([low, effect, high]), [0.0])
    axes.vlines(at, low, high, color=FAINT, linewidth=0.5, rasterized=True)
    axes.plot(at[sure], effect[sure], ".", color=ACCENT, markersize=4, rasterized=True)
    hollow = {"markersize": 3, "markerfacecolor": "white", "markeredgewidth": 0.6}
    axes.plot(at[~sure], effect[~sure], "o", color=INK, rasterized=True, **hollow)
    axes.axhline(0, color=INK, linewidth=0.8)
    room = 0.05 * (top - bottom)
    axes.set_ylim(bottom - room, top + room)
    beyond = {"v": (low < bottom, bottom, low.min()), "^": (high > top, top, high.max())}
    for arrow, (which, edge, far) in beyond.items():
        if which.any():
            axes.plot(at[which], np.full(which.sum(), edge), arrow, color=INK, ms=3, clip_on=False)
            number = f"to {far:,.3g}".replace("-", "\N{MINUS SIGN}")
            axes.annotate(number, (at[which][0], edge), fontsize=8, ha="right")
    return any(which.any() for which, _, _ in beyond.values())


def _sure(curve: pd.DataFrame) -> np.ndarray:
    """Return which intervals exclude zero."""
    return ((curve["conf_low"] > 0) | (curve["conf_high"] < 0)).to_numpy()


def _draw_options(
    axes: matplotlib.axes.Axes, curve: pd.DataFrame, rows: list[tuple[str, str]]
) -> None:
    for height, (decision, option) in enumerate(rows):
        at = np.flatnonzero((curve[decision] == option).to_numpy())
        tick = {"markersize": 5, "markeredgewidth": 0.5, "rasterized": True}
        axes.plot(at, np.full(len(at), height), "|", color=INK, **tick)
    axes.set_yticks(range(len(rows)), [plain_label(f"{d}: {o}"[:60]) for d, o in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _alt(curve: pd.DataFrame, shown: _Axis) -> str:
    low, middle, high = (shown.of(curve["estimate"].quantile(q)) for q in (0.0, 0.5, 1.0))
    return (
        f"Specification curve of {len(curve):,} analyses, {shown.label}: median {middle:+.3g}, from"
        f" {low:+.3g} to {high:+.3g}; {100 * _sure(curve).mean():.0f} % of the intervals exclude"
        " zero."
    )
