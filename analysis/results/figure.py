"""Figures one wants to share: legible without colour and on a phone, and described in words."""

from __future__ import annotations

import base64
import io
import textwrap
from dataclasses import dataclass
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

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

STYLE = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "score-audit",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
}


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
        return self._drawn("svg", {"Date": None, "Creator": None, "Title": self.alt})

    def _drawn(self, kind: str, metadata: dict[str, str | None]) -> bytes:
        buffer = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            self.figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
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
        svg = self.svg
        (folder / f"{name}.png").write_bytes(self.png)
        (folder / f"{name}.svg").write_bytes(svg)
        return Image(base64.b64encode(svg).decode("ascii"), self.alt, self.caption)


def rendered(canvas: Canvas, alt: str, caption: str, dataset: Dataset) -> Figure:
    """Return a matplotlib figure with its description; that of simulated data says so in itself."""
    if dataset.simulated:
        canvas.text(
            0.5,
            0.5,
            "simulated data",
            ha="center",
            va="center",
            rotation=25,
            fontsize=34,
            color="#7a2e00",
            alpha=0.11,
            fontweight="bold",
            zorder=1000,
        )
    alt = printable(" ".join(captioned(dataset, alt).split()), limit=5000)
    return Figure(canvas, alt, captioned(dataset, caption))


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


def plain_label(text: str) -> str:
    """Return lines that fit, in which no dollar sign starts mathematics and no character lacks a
    shape.
    """
    lines = (printable(line, limit=LONGEST) for line in text.split("\n"))
    return "\n".join(lines).replace("$", r"\$")
