"""The figure of the data at a glance: the outcome by the score, at equal engagement and without."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from analysis.data.disclosure import joined_cells
from analysis.errors import AnalysisError, Fault
from analysis.models import fit_as_planned
from analysis.models.columns import build_design
from analysis.models.distributions import critical_value
from analysis.models.family import FAMILIES
from analysis.models.fit import Fit
from analysis.results.data_figure import Panel, panel_of, short_number
from analysis.results.estimates import display
from analysis.results.figure import (
    ACCENT,
    FAINT,
    INK,
    STYLE,
    WIDTH,
    Figure,
    credit,
    plain_label,
    reach,
    rendered,
    shortened,
    wrapped,
)
from analysis.results.findings import Findings
from analysis.results.headline import mean_of, said_mean
from analysis.results.sentence import listed
from analysis.results.table import Table

BINS, FEWEST_IN_BIN = 10, 10
"""Groups of equal size, and the rows that each has: a mean of fewer could be a person's."""

NAMED, KNOWN, APART = 5, 60, 0.17
"""Rows that are named at most, among so many of most engagement, this share of the axes apart."""

HOW = {
    "difference": "its distance to what engagement and controls alone predict, added to the mean",
    "ratio": "what it is of what engagement and controls alone predict, times the mean",
}
"""How an outcome is adjusted."""


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Score and outcome of each row at equal engagement and controls, shape (rows,).

    Attributes
    ----------
    score : ndarray
        Residuals of least squares on engagement and controls, plus the mean; transformed as the
        plan says.
    outcome : ndarray
        As it is.
    expected : ndarray
        What the deciding model predicts without the score.
    how : {"difference", "ratio"}
        How the outcome is compared with `expected`; the latter where the model's mean is a product.
    clusters : ndarray or None

    Notes
    -----
    Of least squares these are the residuals of the theorem of Frisch, Waugh and Lovell
    (doi:10.2307/1907330), whose slope is the coefficient of the full model.
    """

    score: np.ndarray
    outcome: np.ndarray
    expected: np.ndarray
    how: Literal["difference", "ratio"]
    clusters: np.ndarray | None = None

    @property
    def rows(self) -> np.ndarray:
        """The outcome of each row at equal engagement, in its unit."""
        mean = self.outcome.mean()
        if self.how == "ratio":
            return self.outcome / self.expected * mean
        return self.outcome - self.expected + mean

    def mean(self, rows: np.ndarray, level: float) -> tuple[float, float, float]:
        """Return the mean of some rows at equal engagement with its interval, in their unit.

        The interval is that of the mean of these rows, clustered as the plan says; what engagement
        alone predicts counts as known.
        """
        y, expected = self.outcome[rows], self.expected[rows]
        mean = float(self.outcome.mean())
        if self.how == "ratio":
            part = y.sum() / expected.sum()
            away = self._margin(y - part * expected, rows, level) / expected.sum()
            step = away / part if part > 0 else 0.0
            middle = part * mean
            return middle, middle * np.exp(-step), middle * np.exp(step)
        away = y - expected
        middle = float(away.mean()) + mean
        step = self._margin(away - away.mean(), rows, level) / len(away)
        return middle, middle - step, middle + step

    def _margin(self, residuals: np.ndarray, rows: np.ndarray, level: float) -> float:
        """Return half the interval of the sum of residuals of some rows."""
        if self.clusters is not None:
            codes = np.unique(self.clusters[rows], return_inverse=True)[1]
            residuals = np.bincount(codes, residuals)
        df = max(len(residuals) - 1, 1)
        error = float(np.sqrt((residuals**2).sum() * len(residuals) / df))
        return critical_value(level, float(df)) * error


def adjusted(findings: Findings, outcome: str, score: str) -> tuple[Adjusted, Fit]:
    """Return score and outcome at equal engagement, and the deciding model with the score.

    Raises
    ------
    DesignError
        When the model has no estimate.
    """
    sample, plan = findings.sample, findings.plan
    if sample.out_of_core is not None:  # of the rows at hand
        sample = replace(sample, out_of_core=None)
    section = plan.outcomes[outcome]
    family = FAMILIES[section.deciding_model]
    design = build_design(sample, outcome, (score,))
    counts = section.kind == "count"
    full, without = (
        fit_as_planned(plan, family.reduced, each, counts=counts)
        for each in (design, design.without("score"))
    )
    at = design.terms.index(score)
    left = _residuals(design.matrix[:, at], design.without("score").matrix)
    how = "ratio" if FAMILIES[family.reduced].link == "log" else "difference"
    middle = design.recorded[:, at].mean()
    one = Adjusted(left + middle, design.outcome, without.fitted, how, design.clusters)
    return one, full


def _residuals(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return what is left of values by least squares on columns."""
    return values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]


# --- groups ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Groups:
    """Means of groups of equal size by the score: shape (groups,).

    Attributes
    ----------
    at : ndarray
        Mean score of each, as it lies on the axis.
    middle, low, high : ndarray
        Mean outcome and its interval, in its own unit.
    sizes : ndarray of int
        Rows.
    """

    at: np.ndarray
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    sizes: np.ndarray


def groups_of(one: Adjusted, level: float) -> Groups:
    """Return the means of groups of equal size by the score, of ten rows or more each."""
    import pandas as pd

    count = max(2, min(BINS, len(one.score) // FEWEST_IN_BIN))
    place = pd.qcut(one.score, count, duplicates="drop", labels=False)
    parts = joined_cells(np.bincount(place), FEWEST_IN_BIN)
    place = np.repeat(np.arange(len(parts)), [part.stop - part.start for part in parts])[place]
    members = [np.flatnonzero(place == group) for group in range(len(parts))]
    means = np.array([one.mean(rows, level) for rows in members])
    at = np.array([one.score[rows].mean() for rows in members])
    return Groups(at, *means.T, np.array([len(rows) for rows in members]))


def _without(one: Adjusted, values: np.ndarray) -> Adjusted:
    """Return the rows with nothing held constant."""
    flat = np.full_like(one.outcome, one.outcome.mean())
    return Adjusted(values, one.outcome, flat, "difference", one.clusters)


# --- the figure -----------------------------------------------------------------------------------


def relation_figure(findings: Findings, outcome: str, score: str, ax: Axes | None = None) -> Figure:
    """Return the outcome by the score: with nothing held constant, and at equal engagement.

    Means of groups of equal size with intervals. At equal engagement the score is what is left of
    it by least squares on engagement and controls, plus its mean; the outcome is compared with what
    the deciding model predicts without the score. The line is that model's effect.

    Parameters
    ----------
    findings : Findings
    outcome, score : str
    ax : matplotlib Axes, optional
        Where to draw; a figure of its own unless given.

    Raises
    ------
    AnalysisError
        When there are too few rows for groups in which nobody is recognised.
    """
    plan, level = findings.plan, findings.level
    if findings.sample.rows < 2 * FEWEST_IN_BIN:
        found = f"{findings.sample.rows} rows"
        raise AnalysisError("plot", [Fault("kind", found, f"at least {2 * FEWEST_IN_BIN} rows")])
    across = panel_of(findings, score, plan.score.transform_of(score))
    up = panel_of(findings, outcome, "identity")
    one, fit = adjusted(findings, outcome, score)
    plain = groups_of(_without(one, across.drawn), level)
    held = groups_of(one, level)
    title = _title(findings, outcome, score, held)
    with matplotlib.rc_context(STYLE):
        if ax is None:
            canvas = Canvas(figsize=(WIDTH, 3.9), layout="constrained")
            axes = canvas.subplots()
        else:
            canvas, axes = ax.get_figure(), ax
            ax.set_title(wrapped(title, 46, 240), fontsize=11)
        named = _draw(axes, findings, one, fit, (plain, held), (across, up))
        if ax is None:
            canvas.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=10)
        else:
            axes.legend(frameon=False, fontsize=9)
        caption = _caption(findings, one, fit, held, named)
        return rendered(
            canvas,
            f"{title}. {_described(up, across, plain)} {caption}",
            caption,
            findings.dataset,
            title=title,
            credit=credit(findings),
            values=_values(up, across, plain, held),
            own=ax is None,
        )


def _draw(
    axes: Axes,
    findings: Findings,
    one: Adjusted,
    fit: Fit,
    groups: tuple[Groups, Groups],
    panels: tuple[Panel, Panel],
) -> list[str]:
    """Draw both rows of means and the line; return the names of rows that are marked."""
    (plain, held), (across, up) = groups, panels
    looks = (
        (plain, "engagement ignored", {"fmt": "o", "color": FAINT, "markerfacecolor": "white"}),
        (held, "at equal engagement", {"fmt": "D", "color": ACCENT}),
    )
    for each, name, look in looks:
        spread = (each.middle - each.low, each.high - each.middle)
        axes.errorbar(each.at, each.middle, spread, label=name, markersize=6, **look)
    along = np.linspace(held.at.min(), held.at.max(), 100)
    axes.plot(along, _line(one, fit, along), color=ACCENT, linewidth=1.2)
    low, high = reach(np.concatenate([held.low, held.high, plain.low, plain.high]))
    room = 0.06 * (high - low)
    axes.set_ylim(low - room, high + room)
    drawn = Panel(across.label, _back(across, np.concatenate([plain.at, held.at])), across.logged)
    drawn.mark(axes)
    axes.set_ylabel(wrapped(up.label, 28), fontsize=9)
    axes.yaxis.set_major_formatter(lambda value, _: short_number(value))
    return _draw_names(axes, findings, one)


def _line(one: Adjusted, fit: Fit, at: np.ndarray) -> np.ndarray:
    """Return the model's mean along the score, all else equal, through the means of both."""
    slope = fit.params[fit.position(fit.design.terms[-1])]
    away, mean = at - one.score.mean(), one.outcome.mean()
    if one.how == "ratio":
        return mean * np.exp(slope * away)
    by_chance = FAMILIES[fit.model].link == "logit"
    return mean + slope * (fit.weights.mean() if by_chance else 1.0) * away


def _back(panel: Panel, on_axis: np.ndarray) -> np.ndarray:
    """Return values in the column's own unit from where they lie on the axis."""
    return np.expm1(on_axis) if panel.logged else on_axis


# --- rows that may be named -----------------------------------------------------------------------


def _draw_names(axes: Axes, findings: Findings, one: Adjusted) -> list[str]:
    """Mark a few rows of most engagement by name, where the codebook says that this is right."""
    names = _names(findings)
    if names is None or len(names) != len(one.score):
        return []
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    places = np.column_stack([(one.score - left) / (right - left), (one.rows - low) / (high - low)])
    marked: list[int] = []
    for at in _known(findings):
        x, y = places[at]
        inside = 0.03 < x < 0.97 and 0.05 < y < 0.93
        free = all(abs(y - places[o][1]) > 0.09 or abs(x - places[o][0]) > 0.5 for o in marked)
        apart = all(np.abs(places[at] - places[other]).max() > APART for other in marked)
        if inside and free and apart:
            marked.append(at)
            side = ("right", -5) if x > 0.5 else ("left", 5)
            axes.plot(one.score[at], one.rows[at], "o", color=INK, markersize=3.5, zorder=4)
            axes.annotate(
                plain_label(shortened(names[at], 26)),
                (one.score[at], one.rows[at]),
                xytext=(side[1], 0),
                textcoords="offset points",
                ha=side[0],
                va="center",
                fontsize=8,
                zorder=4,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
            )
        if len(marked) == NAMED:
            break
    return [names[at] for at in marked]


def _names(findings: Findings) -> list[str] | None:
    """Return each row's name; None where the codebook does not say that rows are named."""
    book, raw = findings.dataset.codebook, findings.sample.raw
    if book is None or not book.names_rows or raw is None or book.names_rows not in raw:
        return None
    return [str(name) for name in raw[book.names_rows]]


def _known(findings: Findings) -> list[int]:
    """Return the rows of most engagement, by the plan's first column of it, the first of them
    first.
    """
    engagement = findings.sample.numbers(findings.plan.engagement.columns[0])
    return np.argsort(-engagement, kind="stable")[:KNOWN].tolist()


# --- what is said of it ---------------------------------------------------------------------------


def _title(findings: Findings, outcome: str, score: str, held: Groups) -> str:
    """Return what the outer groups have at equal engagement."""
    first, last = (said_mean(findings, outcome, value) for value in held.middle[[0, -1]])
    group = "tenth" if len(held.at) == BINS else "group"
    return (
        f"At equal engagement, {mean_of(findings, outcome)} is {first} in the lowest {group} by"
        f" {findings.label(score)} and {last} in the highest"
    )


def _caption(findings: Findings, one: Adjusted, fit: Fit, held: Groups, named: list[str]) -> str:
    apart = held.high[0] < held.low[-1] or held.high[-1] < held.low[0]
    sentences = [
        f"Means of groups of equal size with {100 * findings.level:g} % intervals.",
        "Open circles: nothing is held constant. Diamonds: the score is what is left of it by least"
        f" squares on engagement and controls, plus its mean; the outcome is {HOW[one.how]}"
        f" (by {FAMILIES[fit.model].printed}, which counts as known).",
        "The line is the effect by that model with the score in it.",
        "" if apart else "The intervals of the lowest and the highest diamond overlap.",
        f"Dots are single rows at equal engagement: {listed(named)}." if named else "",
    ]
    return " ".join(filter(None, sentences))


def _values(up: Panel, across: Panel, plain: Groups, held: Groups) -> Table:
    """Return what is drawn, a row a group."""
    rows = []
    for each, name in ((plain, "engagement ignored"), (held, "at equal engagement")):
        columns = (_back(across, each.at), each.middle, each.low, each.high)
        for at, numbers in enumerate(zip(*columns, strict=True)):
            shown = (display(float(number), "number") for number in numbers)
            rows.append((f"group {at + 1}, {name}", *shown, f"{each.sizes[at]:,}"))
    head = ("Group", "Mean score", "Mean outcome", "Low", "High", "Rows")
    caption = f"Means of {up.label} by {across.label}"
    return Table(caption, head, tuple(rows), (1, 2, 3, 4, 5))


def _described(up: Panel, across: Panel, groups: Groups) -> str:
    low, high = (display(float(edge), "number") for edge in groups.middle[[0, -1]])
    return (
        f"Means of {up.label} by {across.label}, nothing held constant: {low} in the lowest group,"
        f" {high} in the highest."
    )
