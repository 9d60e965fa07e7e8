"""Figures of the data themselves: how columns are distributed, and how they go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from analysis.errors import AnalysisError, Fault
from analysis.models.columns import transform
from analysis.results.estimates import display
from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, Figure, rendered, wrapped
from analysis.results.findings import Findings

SHOWN = 2
"""Outcomes, scores and engagement columns that are drawn, of each."""


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
        return np.log1p(self.values) if self.logged else self.values

    @property
    def axis_label(self) -> str:
        return wrapped(self.label, 28) + ("\n(log axis)" if self.logged else "")

    def describe(self) -> str:
        """Return the median and the middle half, or the share of ones."""
        if len(np.unique(self.values)) == 2:
            share = 100 * float(np.mean(self.values == self.values.max()))
            return f"{self.label}: {display(share, 'number')} % are 1"
        low, middle, high = (
            display(float(edge), "number") for edge in np.quantile(self.values, (0.25, 0.5, 0.75))
        )
        return f"{self.label}: median {middle}, middle half {low} to {high}"

    def mark(self, axes: Axes) -> None:
        """Mark the axis in the column's own unit: powers of ten on a log axis, each value where
        there are few.
        """
        low, high = self.values.min(), self.values.max()
        if self.logged:
            powers = [10.0**k for k in range(13) if low <= 10.0**k <= high]
            powers = powers[:: max(1, -(-len(powers) // 4))]
            powers = powers if len(powers) > 1 else [float(low), float(high)]
            axes.set_xticks(np.log1p(powers), [short_number(value) for value in powers])
        elif len(np.unique(self.values)) <= 3:
            axes.set_xticks(np.unique(self.values))
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel(self.axis_label, fontsize=9)
        axes.tick_params(labelsize=9)


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
    )
    with matplotlib.rc_context(STYLE):
        canvas, grid = _grid(len(panels))
        for axes, panel in zip(grid, panels, strict=True):
            _draw_histogram(axes, panel)
        return rendered(canvas, alt, caption, findings.dataset)


def _grid(panels: int) -> tuple[Canvas, Sequence[Axes]]:
    """Return a page with axes two beside each other."""
    rows = -(-panels // 2)
    canvas = Canvas(figsize=(WIDTH, 1.75 * rows), layout="constrained")
    grid = canvas.subplots(rows, 2, squeeze=False).ravel()
    for axes in grid[panels:]:
        axes.remove()
    return canvas, grid[:panels]


def _draw_histogram(axes: Axes, panel: Panel) -> None:
    import seaborn as sns

    few = len(np.unique(panel.values)) <= 12
    sns.histplot(
        x=panel.drawn,
        ax=axes,
        color=ACCENT,
        edgecolor="white",
        linewidth=0.3,
        bins="auto" if few else 30,
        discrete=few and not panel.logged,
        shrink=0.8 if few else 1,
    )
    panel.mark(axes)
    axes.set_ylabel("rows", fontsize=9)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


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
        return rendered(canvas, " ".join(told), caption, findings.dataset)


def _draw_relation(axes: Axes, across: Panel, up: Panel, level: float) -> str:
    """Draw binned means with intervals and a smooth line; return what they show, in words."""
    import pandas as pd
    import seaborn as sns
    from statsmodels.nonparametric.smoothers_lowess import lowess

    x, y = across.drawn, up.values
    groups = max(2, min(BINS, len(x) // FEWEST_IN_BIN))
    place = pd.qcut(x, groups, duplicates="drop", labels=False)
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
    inside = (smooth[:, 0] >= means["x"].min()) & (smooth[:, 0] <= means["x"].max())
    axes.plot(*smooth[inside].T, color=INK, linewidth=1.2)
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
