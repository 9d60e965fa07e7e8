"""Figures of the data themselves: how columns are distributed, and how they go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from analysis.data.disclosure import FEWEST, few, joined_cells
from analysis.errors import AnalysisError, Fault
from analysis.models.columns import transform
from analysis.results.estimates import display
from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, Figure, rendered, wrapped
from analysis.results.findings import Findings

SHOWN = 2
"""Outcomes, scores and engagement columns that are drawn, of each."""

BARS, FEW_LEVELS = 30, 12
"""Bars of a histogram, about; and so many different values have a bar each."""


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

    @property
    def drawn(self) -> np.ndarray:
        """The values on the axis, shape (rows,)."""
        return self.on_axis(self.values)

    def on_axis(self, values: np.ndarray) -> np.ndarray:
        """Return values of the column as they lie on the axis."""
        return np.log1p(values) if self.logged else values

    @cached_property
    def shown(self) -> np.ndarray:
        """The values as a histogram may show them: what a few rows have counts with the nearest.

        Of many different values the few at each end; of few values every one that few rows have.
        """
        levels, counts = np.unique(self.values, return_counts=True)
        if len(levels) > FEW_LEVELS:
            ordered, end = np.sort(self.values), min(FEWEST, len(self.values)) - 1
            return np.clip(self.values, ordered[end], ordered[-1 - end])
        places = joined_cells(counts)
        common = [levels[part][counts[part].argmax()] for part in places]
        sizes = [part.stop - part.start for part in places]
        return np.repeat(common, sizes)[np.searchsorted(levels, self.values)]

    @property
    def axis_label(self) -> str:
        return wrapped(self.label, 28) + ("\n(log axis)" if self.logged else "")

    def describe(self) -> str:
        """Return the median and the middle half, or the share of ones."""
        if len(np.unique(self.values)) == 2:
            ones = int((self.values == self.values.max()).sum())
            if few(ones) or few(len(self.values) - ones):
                rare = 1 if few(ones) else 0
                return f"{self.label}: fewer than {FEWEST} are {rare}"
            share = 100 * ones / len(self.values)
            return f"{self.label}: {display(share, 'number')} % are 1"
        low, middle, high = (
            display(float(edge), "number") for edge in np.quantile(self.values, (0.25, 0.5, 0.75))
        )
        return f"{self.label}: median {middle}, middle half {low} to {high}"

    def mark(self, axes: Axes) -> None:
        """Mark the axis in the column's own unit: powers of ten on a log axis, each value where
        there are few.
        """
        low, high = float(self.shown.min()), float(self.shown.max())
        if self.logged:
            ticks = _log_ticks(low, high)
            axes.set_xticks(np.log1p(ticks), [short_number(value) for value in ticks])
        elif len(np.unique(self.shown)) <= 3:
            axes.set_xticks(np.unique(self.shown))
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel(self.axis_label, fontsize=9)
        axes.tick_params(labelsize=9)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return a few round numbers between two values: powers of ten, or steps between them.

    >>> _log_ticks(3, 20_000), _log_ticks(12, 31)
    ([10.0, 100.0, 1000.0, 10000.0], [15.0, 20.0, 25.0, 30.0])
    """
    for steps in ((1,), (1, 2, 5)):
        ticks = [step * 10.0**k for k in range(13) for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) > 1:
            return ticks[:: -(-len(ticks) // 4)]
    return [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]


def panel_of(findings: Findings, column: str, how: str) -> Panel:
    """Return a column of the sample as it is drawn under a transform of the plan."""
    values, label = findings.sample.numbers(column), findings.label(column)
    if how not in ("identity", "spline", "log1p"):
        return Panel(f"{how} of {label}", transform(values, how))
    entry = findings.dataset.column(column)
    unit = entry.unit if entry else ""
    named = f"{label}, {unit}" if unit and unit not in label else label
    return Panel(named, values, how == "log1p")


def outcome_panel(findings: Findings, column: str) -> Panel:
    """Return an outcome as it is drawn: on a log axis where money or counts are very skewed."""
    values = findings.sample.numbers(column)
    counted = findings.plan.outcomes[column].kind in ("revenue", "count")
    skewed = counted and values.min() >= 0 and values.max() > 20 * np.median(values)
    return panel_of(findings, column, "log1p" if skewed else "identity")


def data_panels(findings: Findings) -> list[Panel]:
    """Return the first outcomes, scores and engagement columns as they are drawn."""
    plan = findings.plan
    return [
        *(outcome_panel(findings, outcome.column) for outcome in plan.outcome[:SHOWN]),
        *(
            panel_of(findings, column, section.transform_of(column))
            for section in (plan.score, plan.engagement)
            for column in section.columns[:SHOWN]
        ),
    ]


def data_figure(findings: Findings) -> Figure:
    """Return histograms of each outcome, score and engagement column in the analysis set."""
    panels = data_panels(findings)
    described = "; ".join(panel.describe() for panel in panels)
    drawn, rows = len(findings.sample.frame), f"{findings.sample.rows:,} rows"
    shown = rows if drawn == findings.sample.rows else f"a seeded sample of {drawn:,} of the {rows}"
    alt = f"Histograms of {shown}. {described}."
    caption = (
        f"How the columns are distributed in {'the ' if shown is rows else ''}{shown} analysed."
        f" A bar of fewer than {FEWEST} rows is one with its neighbour, and the bars at the ends"
        " hold all that lies beyond."
    )
    with matplotlib.rc_context(STYLE):
        canvas, grid = _grid(len(panels))
        for axes, panel in zip(grid, panels, strict=True):
            draw_histogram(axes, panel)
        return rendered(canvas, alt, caption, findings.dataset)


def _grid(panels: int) -> tuple[Canvas, Sequence[Axes]]:
    """Return a page with axes two beside each other."""
    rows = -(-panels // 2)
    canvas = Canvas(figsize=(WIDTH, 1.75 * rows), layout="constrained")
    grid = canvas.subplots(rows, 2, squeeze=False).ravel()
    for axes in grid[panels:]:
        axes.remove()
    return canvas, grid[:panels]


def draw_histogram(axes: Axes, panel: Panel) -> None:
    """Draw how a column is distributed; no bar is of fewer rows than may be shown."""
    values, height, shrink = panel.on_axis(panel.shown), None, 1.0
    if len(np.unique(panel.values)) <= FEW_LEVELS and not panel.logged:
        edges, shrink = np.arange(values.min() - 0.5, values.max() + 1.5), 0.8
    else:
        edges, height = _bars(values)
    counts, wide = np.histogram(values, edges, weights=height)[0], np.diff(edges)
    bars = axes.bar(
        edges[:-1] + (1 - shrink) / 2 * wide,
        counts,
        shrink * wide,
        align="edge",
        facecolor=to_rgba(ACCENT, 0.75),
        edgecolor="white",
        linewidth=0.3,
    )
    for bar in bars:  # no margin below
        bar.sticky_edges.y[:] = (0, np.inf)
    panel.mark(axes)
    axes.set_ylabel("rows", fontsize=9)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _bars(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of bars of five rows or more at round numbers, and each row's height.

    A bar over several steps is as high as it would be on average over them.
    """
    edges = MaxNLocator(BARS, steps=[1, 2, 2.5, 5, 10]).tick_values(values.min(), values.max())
    counts, edges = np.histogram(values, edges)
    parts = joined_cells(counts)
    wide = np.array([part.stop - part.start for part in parts], dtype=float)
    joined = np.append(edges[[part.start for part in parts]], edges[-1])
    place = np.clip(np.searchsorted(joined, values, side="right") - 1, 0, len(parts) - 1)
    return joined, 1 / wide[place]


# --- how columns go together ----------------------------------------------------------------------

BINS, FEWEST_IN_BIN = 10, 10
"""Groups of equal size, and the rows that each has: a mean of fewer could be a person's."""


def relation_figure(findings: Findings, outcome: str, score: str, ax: Axes | None = None) -> Figure:
    """Return how score, engagement and outcome go together, nothing held constant.

    Means of the outcome in groups of equal size by the score and by engagement, and of the score by
    engagement, with intervals and a smooth line (lowess; Cleveland 1979). With `ax`, the outcome by
    the score alone.

    Raises
    ------
    AnalysisError
        When there are too few rows for groups in which nobody is recognised.
    """
    plan = findings.plan
    if findings.sample.rows < 2 * FEWEST_IN_BIN:
        found = f"{findings.sample.rows} rows"
        raise AnalysisError("plot", [Fault("kind", found, f"at least {2 * FEWEST_IN_BIN} rows")])
    by_score = panel_of(findings, score, plan.score.transform_of(score))
    pays, rated = (panel_of(findings, column, "identity") for column in (outcome, score))
    first = plan.engagement.columns[0]
    engaged = panel_of(findings, first, plan.engagement.transform_of(first))
    pairs = [(by_score, pays), (engaged, pays), (engaged, rated)]
    level = plan.inference.level
    with matplotlib.rc_context(STYLE):
        if ax is None:
            canvas = Canvas(figsize=(WIDTH, 6.6), layout="constrained")
            grid = canvas.subplots(3, 1)
        else:
            canvas, grid, pairs = ax.get_figure(), [ax], pairs[:1]
        told = [_draw_relation(axes, *pair, level) for axes, pair in zip(grid, pairs, strict=True)]
        caption = (
            f"Points are means of groups of equal size with {100 * level:g} % intervals; the line"
            " is a smooth one through all rows (lowess). Nothing is held constant."
        )
        return rendered(canvas, " ".join(told), caption, findings.dataset, own=ax is None)


def _draw_relation(axes: Axes, across: Panel, up: Panel, level: float) -> str:
    """Draw binned means with intervals and a smooth line; return what they show, in words."""
    import pandas as pd
    import seaborn as sns
    from statsmodels.nonparametric.smoothers_lowess import lowess

    x, y = across.drawn, up.values
    groups = max(2, min(BINS, len(x) // FEWEST_IN_BIN))
    place = pd.qcut(x, groups, duplicates="drop", labels=False)
    parts = joined_cells(np.bincount(place), FEWEST_IN_BIN)
    place = np.repeat(np.arange(len(parts)), [part.stop - part.start for part in parts])[place]
    means = pd.DataFrame({"x": x, "y": y}).groupby(place).mean()
    sns.pointplot(
        x=means["x"].to_numpy()[place],
        y=y,
        errorbar=("ci", 100 * level),
        seed=0,
        n_boot=500,
        native_scale=True,
        linestyle="none",
        markersize=5,
        color=ACCENT,
        err_kws={"linewidth": 1.4},
        ax=axes,
    )
    smooth = lowess(y, x, frac=0.5, it=0, delta=0.01 * np.ptp(x))
    along = np.linspace(means["x"].min(), means["x"].max(), 100)  # no row's own place
    axes.plot(along, np.interp(along, *smooth.T), color=INK, linewidth=1.2)
    across.mark(axes)
    axes.set_ylabel(wrapped(up.label, 28), fontsize=9)
    axes.yaxis.set_major_formatter(lambda value, _: short_number(value))
    low, high = (display(float(edge), "number") for edge in means["y"].iloc[[0, -1]])
    return (
        f"Means of {up.label} by {across.label}: {low} in the lowest group, {high} in the highest."
    )


def short_number(value: float) -> str:
    """Return a round number as one reads it.

    >>> short_number(10), short_number(1_000_000), short_number(2.5e10)
    ('10', '1 m', '25 bn')
    """
    for size, name in ((1e12, " tn"), (1e9, " bn"), (1e6, " m"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"
