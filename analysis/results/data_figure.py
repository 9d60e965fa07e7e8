"""Figures of the data themselves: how columns are distributed, and how they go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from analysis.data.disclosure import FEWEST, few, joined_cells
from analysis.models.columns import transform
from analysis.results.estimates import display
from analysis.results.figure import ACCENT, STYLE, WIDTH, Figure, credit, rendered, wrapped
from analysis.results.findings import Findings
from analysis.results.headline import mean_of, said_mean
from analysis.results.table import Table

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
        more = {"title": _title(findings), "credit": credit(findings)}
        values = histogram_table(panels)
        return rendered(canvas, alt, caption, findings.dataset, values=values, **more)


def _title(findings: Findings) -> str:
    """Return what the first outcome is like: its middle half, or the share of ones."""
    outcome = findings.plan.outcome[0]
    values = findings.sample.numbers(outcome.column)
    name = mean_of(findings, outcome.column).removeprefix("average ")
    said = partial(said_mean, findings, outcome.column)
    if outcome.kind == "binary":
        ones = int((values == 1).sum())
        if few(ones) or few(len(values) - ones):
            return f"{name[:1].upper()}{name[1:]}: fewer than {FEWEST} rows are on one side"
        return f"{name[:1].upper()}{name[1:]} is {said(values.mean())}"
    ends = map(said, np.quantile(values, (0.25, 0.75)))
    return f"Half of the rows have {name} from {' to '.join(ends)}"


def histogram_table(panels: Sequence[Panel]) -> Table:
    """Return the bars of histograms: what each holds, and its rows; none of a few."""
    cells = []
    for panel in panels:
        shown = panel.on_axis(panel.shown)
        if _has_bar_each(panel):
            levels, counts = np.unique(panel.shown, return_counts=True)
            named = [display(float(level), "number") for level in levels]
        else:
            edges, _ = _bars(shown)
            counts, _ = np.histogram(shown, edges)
            edges = np.expm1(edges) if panel.logged else edges
            named = [
                f"{display(float(low), 'number')} to {display(float(high), 'number')}"
                for low, high in pairwise(edges)
            ]
        cells += [
            (panel.label, name, f"{count:,}")
            for name, count in zip(named, counts, strict=True)
            if count
        ]
    head = ("Column", "Values", "Rows")
    return Table("Rows in each bar", head, tuple(cells), (2,))


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
    import seaborn as sns

    style = {"ax": axes, "color": ACCENT, "edgecolor": "white", "linewidth": 0.3}
    values = panel.on_axis(panel.shown)
    if _has_bar_each(panel):
        sns.histplot(x=values, discrete=True, shrink=0.8, **style)
    else:
        edges, height = _bars(values)
        sns.histplot(x=values, weights=height, bins=edges.tolist(), **style)
    panel.mark(axes)
    axes.set_ylabel("rows", fontsize=9)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _has_bar_each(panel: Panel) -> bool:
    """Return whether there are so few values that each has a bar."""
    return len(np.unique(panel.values)) <= FEW_LEVELS and not panel.logged


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


def short_number(value: float) -> str:
    """Return a round number as one reads it.

    >>> short_number(10), short_number(1_000_000), short_number(2.5e10)
    ('10', '1 m', '25 bn')
    """
    for size, name in ((1e12, " tn"), (1e9, " bn"), (1e6, " m"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"
