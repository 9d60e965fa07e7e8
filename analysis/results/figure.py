"""Figures one wants to share: legible without colour and on a phone, and described in words."""

from __future__ import annotations

import base64
import io
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase as Backend
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle
from PIL import Image as Pixels

from analysis.data.dataset import Dataset
from analysis.data.disclosure import said_count
from analysis.errors import printable
from analysis.results.findings import Findings, captioned
from analysis.results.table import Table

INK, ACCENT, BAND, GREY = "#222222", "#005a8f", "#ece6d6", "#6b6b6b"
BAND_EDGE, FAINT = "#867a5c", "#8a8a8a"
"""The line about a band, and what is drawn many times: each has a contrast of 3 : 1 to the page."""

LONGEST = 70
"""Characters of a line in a figure; names of columns can be longer than any figure is wide."""
WIDTH = 5.0
"""Inches. At this width 11-point letters are as large as body text on a phone, and not too large on
a screen.
"""

DPI, COLOURS = 400, 64
"""A figure is 2,000 pixels wide, for a screen of twice the density and for print; its PNG has so
many colours at most, shades of its letters' edges among them."""

FONT = "Audit Sans"
"""Letters of Inter (SIL Open Font License), carried with the package: a figure looks the same
everywhere. What it lacks is drawn in matplotlib's own font."""

for _letters in sorted((Path(__file__).parent / "fonts").glob("*.otf")):
    font_manager.fontManager.addfont(_letters)

STYLE = {
    "font.family": [FONT, "DejaVu Sans"],
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "score-audit",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

HEADING, LINE, CREDIT = 12.5, 0.235, 0.16
"""Points of a title, and the inches that a line of it or of the credit takes."""

FENCE, WORTH_IT = 3.0, 1.5
"""Ends of intervals farther from the middle half of them than so many times its width do not
stretch an axis, where it would be so many times as long with them."""

LONG_PATH, LONG_NUMBER = re.compile(rb' d="[^"]*"'), re.compile(rb"(\.\d\d)\d+")
"""Paths of an SVG; of their numbers two decimals are kept, a hundredth of a point."""

SAID = "simulated data: no row was observed"
PACKED = 3
"""How hard a PNG is packed, of 9: harder takes twice the time for files of the same size."""

MADE_UP = "#8f3a00"
STRIP = 0.24
"""Colour and height, in inches, of the strip that says that data are simulated."""


@dataclass(frozen=True)
class Image:
    """A drawn figure as a page holds it: SVG in base 64, alt text, caption, and what it draws."""

    data: str
    alt: str
    caption: str
    values: Table | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Figure:
    """A matplotlib figure with its description, which a notebook shows as alt text and caption.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Can be changed and saved as any other; what is shown is what it then is.
    alt : str
        What a reader who cannot see it is told.
    caption : str
        How to read it.
    title : str
        What it shows, in a sentence.
    values : Table or None
        The numbers that it draws, for those who cannot see it.

    Examples
    --------
    >>> shown = Figure(Canvas(), "an empty page")
    >>> shown.figure.subplots().set_title("Nothing yet")
    Text(0.5, 1.0, 'Nothing yet')
    >>> shown
    <Figure: an empty page>
    """

    figure: Canvas
    alt: str
    caption: str = ""
    title: str = ""
    values: Table | None = None

    @property
    def axes(self) -> list[Axes]:
        """The figure's matplotlib axes, to go on with."""
        return self.figure.axes

    @property
    def png(self) -> bytes:
        return self._drawn("png", {"Software": None})

    @property
    def svg(self) -> bytes:
        return self._drawn("svg", {"Date": None, "Creator": None, "Title": self.alt})

    def _drawn(self, kind: str, metadata: dict[str, str | None], dpi: int = DPI) -> bytes:
        buffer = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            self.figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
        drawn = buffer.getvalue()
        if kind == "svg":
            return _lean(drawn)
        with Pixels.open(io.BytesIO(drawn)) as image:
            return _packed(image, dpi)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        data = base64.b64encode(self.png).decode("ascii")
        return {"text/html": self._html(data), "image/png": data, "text/plain": self.alt}

    def _repr_html_(self) -> str:
        return self._html(base64.b64encode(self.png).decode("ascii"))

    def _html(self, data: str) -> str:
        # JupyterLab and nbconvert drop alt texts given as metadata; an <img> of our own keeps them.
        image = f'<img alt="{escape(self.alt)}" width="640" src="data:image/png;base64,{data}">'
        return f"<figure>{image}<figcaption>{escape(self.caption)}</figcaption></figure>"

    def __repr__(self) -> str:
        return f"<Figure: {self.alt if len(self.alt) <= 100 else self.alt[:99] + '…'}>"

    def save(self, folder: Path, name: str) -> Image:
        """Write `name`.png and `name`.svg; return the latter as a page holds it."""
        svg, engine = self.svg, self.figure.get_layout_engine()
        self.figure.set_layout_engine("none")  # everything has found its place
        png = pixels_of(self.figure, DPI)
        self.figure.set_layout_engine(engine)
        (folder / f"{name}.png").write_bytes(png)
        (folder / f"{name}.svg").write_bytes(svg)
        return Image(base64.b64encode(svg).decode("ascii"), self.alt, self.caption, self.values)


def _packed(image: Pixels.Image, dpi: int) -> bytes:
    """Return a PNG of few colours: a third of the bytes, and a figure has no more."""
    buffer = io.BytesIO()
    few = image.convert("RGB").quantize(COLOURS, Pixels.Quantize.FASTOCTREE, dither=0)
    few.save(buffer, "png", compress_level=PACKED, dpi=(dpi, dpi))
    return buffer.getvalue()


def _lean(svg: bytes) -> bytes:
    """Return an SVG without digits that nobody sees, long names of letters, and indents."""
    svg = LONG_PATH.sub(lambda path: LONG_NUMBER.sub(rb"\1", path[0]), svg)
    svg = re.sub(rb'(id="|#)AuditSans-([A-Z])[A-Za-z]*-', rb"\1\2", svg)
    return re.sub(rb"\n +<", b"\n<", svg)


def pixels_of(figure: Canvas, dpi: int) -> bytes:
    """Return a figure as PNG, drawn once with everything where it is."""
    with _printed_on(figure, FigureCanvasAgg, dpi) as canvas:
        canvas.draw()
        image = Pixels.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
        return _packed(image, dpi)


@contextmanager
def _printed_on(figure: Canvas, kind: type[Backend], dpi: int) -> Iterator[Backend]:
    """Put a figure on a canvas of a kind; drawn there itself, and not by `savefig`, it is drawn
    once and not twice.
    """
    before, at = figure.canvas, figure.dpi
    canvas = kind(figure)
    try:
        figure.dpi = dpi
        with matplotlib.rc_context(STYLE):
            yield canvas
    finally:
        figure.set_canvas(before)
        figure.dpi = at


def rendered(
    canvas: Canvas,
    alt: str,
    caption: str,
    dataset: Dataset,
    *,
    title: str,
    credit: str = "",
    values: Table | None = None,
    own: bool = True,
) -> Figure:
    """Return a matplotlib figure with title, credit and description.

    Parameters
    ----------
    canvas : matplotlib.figure.Figure
        It grows by what title, credit and, of simulated data, the strip that says so need.
    alt, caption : str
    dataset : Dataset
    title : str
        What the figure shows, in a sentence.
    credit : str
        What it is made from (`credit_of`).
    values : Table, optional
        The numbers that it draws.
    own : bool
        If false it is somebody else's figure, which keeps its size and its titles.
    """
    title = " ".join(title.split())
    if own:
        _frame(canvas, title, credit, simulated=dataset.simulated)
    elif dataset.simulated:
        canvas.text(0.5, 0.005, SAID, ha="center", color=MADE_UP)
    alt = printable(" ".join(captioned(dataset, alt).split()), limit=5000)
    if values is not None:
        values = replace(values, caption=captioned(dataset, values.caption))
    return Figure(canvas, alt, captioned(dataset, caption), title, values)


def credit_of(dataset: Dataset, rows: int | None = None, plan: str = "") -> str:
    """Return what a figure is made from: the data by their codebook's title, rows, the study."""
    book = dataset.codebook
    data = f"{book.title}; " if book and book.title else ""
    counted = "" if rows is None else f"{said_count(rows)} rows. "
    return f"{data}{counted}score-audit{f', plan {plan}' if plan else ''}"


def credit(findings: Findings) -> str:
    """Return what a figure of these findings is made from."""
    return credit_of(findings.dataset, findings.sample.rows, findings.plan.name)


def _frame(canvas: Canvas, title: str, credit: str, *, simulated: bool) -> None:
    """Set the title above the figure, the credit below it, and a strip that crosses nothing."""
    width = canvas.get_size_inches()[0]
    heading = wrapped(title, round(10.2 * width), 240)
    source = plain_label("\n".join(textwrap.wrap(credit, round(17 * width))[:2]), 120)
    strip = STRIP if simulated else 0.0
    above = LINE * (heading.count("\n") + 1) + 0.14 if title else 0.0
    below = strip + (CREDIT * (source.count("\n") + 1) + 0.09 if credit else 0.0)
    height = _make_room(canvas, above, below)
    look = {"ha": "left", "va": "top", "fontsize": HEADING, "fontweight": "bold", "color": INK}
    canvas.text(0.03, 1 - 0.1 / height, heading, **look)
    canvas.text(0.03, (strip + 0.06) / height, source, va="bottom", fontsize=8, color="#555555")
    if not simulated:
        return
    share = strip / height
    bar = Rectangle((0, 0), 1, share, transform=canvas.transFigure, color=MADE_UP, linewidth=0)
    canvas.add_artist(bar)
    look = {"ha": "center", "va": "center", "fontsize": 9, "fontweight": "bold", "color": "white"}
    canvas.text(0.5, share / 2, SAID, zorder=1000, **look)


def _make_room(canvas: Canvas, above: float, below: float) -> float:
    """Let a figure grow by so many inches at the top and the bottom; return its height."""
    width, height = canvas.get_size_inches()
    taller = height + above + below
    canvas.set_size_inches(width, taller)
    low, high = below / taller, 1 - above / taller
    engine = canvas.get_layout_engine()
    if engine is not None:
        taken = 0.0
        for legend in canvas.legends:  # matplotlib leaves room for one only at the very top
            legend.set_bbox_to_anchor((0, low, 1, high - low), canvas.transFigure)
            taken = (legend.get_window_extent().height / canvas.dpi + 0.14) / taller
        engine.set(rect=(0, low, 1, high - low - taken))
        return taller
    for axes in canvas.axes:
        left, bottom, wide, tall = axes.get_position(original=True).bounds
        axes.set_position((left, low + bottom * (high - low), wide, tall * (high - low)))
    return taller


def draw_band(axes: Axes, low: float, high: float, *, along: str = "x") -> None:
    """Shade what is too small to matter: light inside, with an edge that can be seen.

    Parameters
    ----------
    axes : Axes
    low, high : float
    along : {"x", "y"}
        The axis that the values are on.
    """
    span = axes.axvspan if along == "x" else axes.axhspan
    span(low, high, facecolor=BAND, edgecolor=BAND_EDGE, zorder=0, linewidth=1.0)


def draw_spread(axes: Axes, at: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> None:
    """Shade the intervals of a curve, with edges that can be seen."""
    axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
    for edge in (low, high):
        axes.plot(at, edge, color=colour, linewidth=0.8)


def interval_figure(
    names: Mapping[float, str],
    marks: Iterable[tuple[Sequence[float], Sequence[Sequence[float]], dict[str, object]]],
    label: str,
    *,
    height: float,
    title: str,
    alt: str,
    caption: str,
    findings: Findings,
    lines: Mapping[float, str],
    band: Sequence[float] | None = None,
    values: Table | None = None,
) -> Figure:
    """Draw estimates with their intervals, one under the other.

    An interval that would squeeze all others ends in an arrow, with its numbers above it.

    Parameters
    ----------
    names : dict of float to str
        What stands at the left, by its place counted from the top.
    marks : iterable of (places, intervals, style)
        Intervals are (estimate, low, high); the style is that of `Axes.errorbar`.
    label : str
        Of the axis.
    height : float
        Inches.
    title : str
        What is shown, in a sentence.
    alt, caption : str
    findings : Findings
    lines : dict of float to str
        Styles of vertical lines, by their value.
    band : (float, float), optional
        What is shaded.
    values : Table, optional
        What is drawn; made from the marks unless given.
    """
    marks = [
        (np.asarray(places), np.asarray(of, dtype=float), style) for places, of, style in marks
    ]
    ends = np.concatenate([of.ravel() for _, of, _ in marks])
    left, right = reach(ends, [*lines, *(band if band is not None else ())])
    if not (ends[np.isfinite(ends)] >= left).all() or not (ends <= right).all():
        caption += f" {ARROW}"
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
        axes = canvas.subplots()
        if band is not None:
            draw_band(axes, *band)
        for value, style in lines.items():
            axes.axvline(value, color=INK, linewidth=0.9, linestyle=style, zorder=0.5)
        for places, intervals, style in marks:
            _draw_intervals(axes, places, intervals, style, (left, right))
        room = 0.04 * (right - left)
        axes.set_xlim(left - room, right + room)
        axes.set_yticks(list(names), [plain_label(name) for name in names.values()])
        axes.set_ylim(max(names) + 0.6, -0.6)
        axes.tick_params(axis="y", left=False)
        axes.set_xlabel(label, fontsize=10)
        if axes.get_legend_handles_labels()[1]:
            canvas.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=10)
        values = values or intervals_table(names, marks, label)
        more = {"title": title, "credit": credit(findings), "values": values}
        return rendered(canvas, alt, caption, findings.dataset, **more)


ARROW = "An arrow marks what goes on beyond the axis; its numbers stand beside it."


def reach(ends: Iterable[float], always: Iterable[float] = ()) -> tuple[float, float]:
    """Return how far an axis goes, which a few intervals far from all others do not stretch.

    Parameters
    ----------
    ends : iterable of float
        Estimates and ends of intervals, in the unit of the axis.
    always : iterable of float
        What is seen in any case: zero, a band.

    Returns
    -------
    low, high : float
        All of it; or where `FENCE` leaves something out and the axis would be `WORTH_IT` times as
        long with it, what is left.

    Examples
    --------
    >>> reach([-3, -1, 2, 1, 2, 4, 0, 3, 5], [0]), reach([-3, -1, 2, 1, 2, 4, 0, 3, 900], [0])
    ((-3.0, 5.0), (-3.0, 4.0))
    """
    ends = np.asarray([end for end in ends if np.isfinite(end)], dtype=float)
    fixed = np.asarray([*always], dtype=float)
    whole = np.concatenate([ends, fixed])
    first, third = np.quantile(ends, (0.25, 0.75)) if len(ends) else (0.0, 0.0)
    room = FENCE * (third - first)
    near = np.concatenate([ends[(first - room <= ends) & (ends <= third + room)], fixed])
    short = room > 0 and np.ptp(whole) > WORTH_IT * np.ptp(near)
    kept = near if short else whole
    low, high = float(kept.min()), float(kept.max())
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _draw_intervals(
    axes: Axes,
    places: np.ndarray,
    intervals: np.ndarray,
    style: dict[str, object],
    limits: tuple[float, float],
) -> None:
    """Draw intervals within the limits; one that goes on ends in an arrow under its numbers."""
    middle, low, high = intervals.T
    first, last = np.clip(low, *limits), np.clip(high, *limits)
    held = (limits[0] <= middle) & (middle <= limits[1])
    spread = np.maximum((middle - first, last - middle), 0)[:, held]
    if held.any():
        axes.errorbar(middle[held], places[held], xerr=spread, **style)
    colour = str(style.get("ecolor", style.get("color", INK)))
    axes.hlines(places[~held], first[~held], last[~held], color=colour, linewidth=1.5)
    for at, numbers, ends in zip(places, intervals, zip(first, last, strict=True), strict=True):
        for end, edge, arrow in zip(ends, numbers[1:], "<>", strict=True):
            gone = edge < end if arrow == "<" else edge > end
            if gone or (end == edge and not limits[0] <= numbers[0] <= limits[1]):
                draw_arrow(axes, end, at, arrow, colour)
                _write_beside(axes, limits, at, numbers, arrow)


def draw_arrow(axes: Axes, end: float, at: float, arrow: str, colour: str) -> None:
    """Mark that an interval goes on beyond the axis."""
    axes.plot([end], [at], marker=arrow, color=colour, markersize=8, clip_on=False)


def _write_beside(
    axes: Axes, limits: tuple[float, float], at: float, numbers: np.ndarray, arrow: str
) -> None:
    middle, low, high = map(_written, numbers)
    x, side = (limits[0], "left") if arrow == "<" else (limits[1], "right")
    text = f"{middle} ({low} to {high})"
    axes.text(x, at - 0.16, text, ha=side, va="bottom", fontsize=8, color=INK)


def _written(value: float) -> str:
    if not np.isfinite(value):
        return "beyond any number"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def intervals_table(
    names: Mapping[float, str],
    marks: Iterable[tuple[np.ndarray, np.ndarray, dict[str, object]]],
    label: str,
) -> Table:
    """Return what `interval_figure` draws: a row an interval, in the unit of its axis."""
    rows, keys = [], np.array([*names], dtype=float)
    for places, intervals, style in marks:
        for at, numbers in zip(places, intervals, strict=True):
            name = names[[*names][int(np.abs(keys - at).argmin())]]
            rows.append((name, str(style.get("label", "")), *map(_written, numbers)))
    head = ("What", "Which", "Estimate", "Low", "High")
    if not any(row[1] for row in rows):
        head, rows = (head[0], *head[2:]), [(row[0], *row[2:]) for row in rows]
    kept = tuple(range(len(head) - 3, len(head)))
    return Table(label[:1].upper() + label[1:], head, tuple(rows), kept)


def shortened(text: str, longest: int) -> str:
    """Return a text, or its beginning with an ellipsis where it is longer than that."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def on_axis(value: float, unit: str) -> float:
    """Return a value in the unit of the axis: percent, percentage points, or outcome units."""
    if unit == "percent":
        return 100 * float(np.expm1(min(value, 20.0)))  # beyond it no axis has room
    return 100 * value if unit == "points" else value


def wrapped(text: str, width: int, longest: int = 120) -> str:
    """Return text in lines of at most `width` letters and of about the same length."""
    text = printable(" ".join(text.split()), limit=longest)
    text = re.sub(r"(?<=\d) (?=%|per cent)", "\N{NO-BREAK SPACE}", text)
    lines = max(1, -(-len(text) // width))
    parts = textwrap.wrap(text, min(width, len(text) // lines + 6))
    return plain_label("\n".join(parts).replace("\N{NO-BREAK SPACE}", " "))


def plain_label(text: str, longest: int = LONGEST) -> str:
    """Return lines that fit, in which no dollar sign starts mathematics and no character lacks a
    shape.
    """
    lines = (printable(line, limit=longest) for line in text.split("\n"))
    return "\n".join(lines).replace("$", r"\$")
