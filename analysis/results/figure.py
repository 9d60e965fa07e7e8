"""Figures one wants to share: legible without colour and on a phone, and described in words."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase as Backend
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle
from PIL import Image as Pixels

from analysis.data.dataset import Dataset
from analysis.errors import printable
from analysis.results.findings import captioned

INK, ACCENT, BAND, GREY = "#222222", "#005a8f", "#ece6d6", "#6b6b6b"
LONGEST = 70
"""Characters of a line in a figure; names of columns can be longer than any figure is wide."""
WIDTH = 5.0
"""Inches. At this width 11-point letters are as large as body text on a phone, and not too large on
a screen.
"""

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

SAID = "simulated data: no row was observed"
PACKED = 3
"""How hard a PNG is packed, of 9."""

MADE_UP = "#8f3a00"
STRIP = 0.24
"""Colour and height, in inches, of the strip that says that data are simulated."""


@dataclass(frozen=True)
class Image:
    """A drawn figure as a page holds it: SVG in base 64, alt text and caption."""

    data: str
    alt: str
    caption: str


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

    @property
    def axes(self) -> list[Axes]:
        """The figure's matplotlib axes, to go on with."""
        return self.figure.axes

    @property
    def png(self) -> bytes:
        return self._drawn("png", {"Software": None})

    @property
    def svg(self) -> bytes:
        metadata = {"Date": None, "Creator": None, "Title": self.alt}
        if self.figure.get_layout_engine() is None:
            return self._drawn("svg", metadata)
        with _printed_on(self.figure, FigureCanvasSVG, 200) as canvas:  # finds places, too
            buffer = io.BytesIO()
            canvas.print_svg(buffer, metadata=metadata)
        return buffer.getvalue()

    def _drawn(self, kind: str, metadata: dict[str, str | None], dpi: int = 200) -> bytes:
        buffer = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            self.figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
        return buffer.getvalue()

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
        png = pixels_of(self.figure, 400)  # 2,000 pixels wide
        self.figure.set_layout_engine(engine)
        (folder / f"{name}.png").write_bytes(png)
        (folder / f"{name}.svg").write_bytes(svg)
        return Image(base64.b64encode(svg).decode("ascii"), self.alt, self.caption)


def pixels_of(figure: Canvas, dpi: int) -> bytes:
    """Return a figure as PNG, drawn once with everything where it is.

    Without a layer for what shines through, of which there is nothing, and packed less hard: a
    file of the same size in half of the time.
    """
    with _printed_on(figure, FigureCanvasAgg, dpi) as canvas:
        canvas.draw()
        image = Pixels.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    if figure.get_facecolor()[3] == 1:
        image = image.convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=PACKED, dpi=(dpi, dpi))
    return buffer.getvalue()


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
    canvas: Canvas, alt: str, caption: str, dataset: Dataset, *, own: bool = True
) -> Figure:
    """Return a matplotlib figure with its description; that of simulated data says so in itself.

    With `own` false it is somebody else's figure, which keeps its size.
    """
    if dataset.simulated:
        _strip(canvas) if own else canvas.text(0.5, 0.005, SAID, ha="center", color=MADE_UP)
    alt = printable(" ".join(captioned(dataset, alt).split()), limit=5000)
    return Figure(canvas, alt, captioned(dataset, caption))


def _strip(canvas: Canvas) -> None:
    """Say in a strip under the figure, which crosses nothing, that its data are simulated."""
    width, height = canvas.get_size_inches()
    taller = height + STRIP
    canvas.set_size_inches(width, taller)
    share = STRIP / taller
    engine = canvas.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, share, 1, 1 - share))
    else:
        for axes in canvas.axes:
            left, low, wide, high = axes.get_position(original=True).bounds
            axes.set_position((left, share + low * (1 - share), wide, high * (1 - share)))
        for text in canvas.texts:
            x, y = text.get_position()
            text.set_position((x, share + y * (1 - share)))
    bar = Rectangle((0, 0), 1, share, transform=canvas.transFigure, color=MADE_UP, linewidth=0)
    canvas.add_artist(bar)
    look = {"ha": "center", "va": "center", "fontsize": 9, "fontweight": "bold", "color": "white"}
    canvas.text(0.5, share / 2, SAID, zorder=1000, **look)


def interval_figure(
    names: Mapping[float, str],
    marks: Iterable[tuple[Sequence[float], Sequence[Sequence[float]], dict[str, object]]],
    label: str,
    *,
    height: float,
    alt: str,
    caption: str,
    dataset: Dataset,
    lines: Mapping[float, str],
    band: Sequence[float] | None = None,
) -> Figure:
    """Draw estimates with their intervals, one under the other.

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
    alt, caption : str
    dataset : Dataset
    lines : dict of float to str
        Styles of vertical lines, by their value.
    band : (float, float), optional
        What is shaded.
    """
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
        axes = canvas.subplots()
        if band is not None:
            axes.axvspan(*band, color=BAND, zorder=0, linewidth=0)
        for value, style in lines.items():
            axes.axvline(value, color=INK, linewidth=0.9, linestyle=style, zorder=0.5)
        for places, intervals, style in marks:
            middle, low, high = np.transpose(intervals)
            axes.errorbar(
                middle, places, xerr=np.maximum((middle - low, high - middle), 0), **style
            )
        axes.set_yticks(list(names), [plain_label(name) for name in names.values()])
        axes.set_ylim(max(names) + 0.6, -0.6)
        axes.tick_params(axis="y", left=False)
        axes.set_xlabel(label, fontsize=10)
        if axes.get_legend_handles_labels()[1]:
            canvas.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=10)
        return rendered(canvas, alt, caption, dataset)


def shortened(text: str, longest: int) -> str:
    """Return a text, or its beginning with an ellipsis where it is longer than that."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def on_axis(value: float, unit: str) -> float:
    """Return a value in the unit of the axis: percent, percentage points, or outcome units."""
    if unit == "percent":
        return 100 * float(np.expm1(min(value, 20.0)))  # beyond it no axis has room
    return 100 * value if unit == "points" else value


def wrapped(text: str, width: int) -> str:
    """Return text in lines of at most `width` letters and of about the same length."""
    text = printable(" ".join(text.split()), limit=120)
    lines = max(1, -(-len(text) // width))
    return plain_label("\n".join(textwrap.wrap(text, min(width, len(text) // lines + 6))))


def plain_label(text: str, longest: int = LONGEST) -> str:
    """Return lines that fit, in which no dollar sign starts mathematics and no character lacks a
    shape.
    """
    lines = (printable(line, limit=longest) for line in text.split("\n"))
    return "\n".join(lines).replace("$", r"\$")
