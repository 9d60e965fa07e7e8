"""What is printed of simulated data says so: in a sentence, a caption and the picture itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.data.dataset import Dataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

SENTENCE, CAPTION = "In simulated data", "Simulated data."


def told(dataset: Dataset, sentence: str) -> str:
    """Return a sentence that begins with "In simulated data" where the data are; of others as it
    stands.

    A first word that is capital only because it came first loses it: "With likes held ..." and
    "These data ...".
    """
    if not dataset.simulated or sentence.startswith(SENTENCE):
        return sentence
    first = sentence.partition(" ")[0]
    if first in ("With", "These", "Of", "The"):
        return f"{SENTENCE}, {first.lower()}{sentence[len(first) :]}"
    return f"{SENTENCE}: {sentence}"


def captioned(dataset: Dataset, caption: str) -> str:
    """Return a caption or alt text that begins with "Simulated data." where the data are."""
    if not dataset.simulated or caption.startswith(CAPTION):
        return caption
    return f"{CAPTION} {caption}"


def mark(canvas: Canvas, dataset: Dataset) -> None:
    """Write "simulated data" across a canvas, pale enough to read what is below, where the data
    are.
    """
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
