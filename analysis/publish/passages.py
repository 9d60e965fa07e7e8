"""The passages of the report between the verdicts and the data, in their order."""

from __future__ import annotations

from collections.abc import Callable

from analysis.findings import Findings
from analysis.publish.multiverse import multiverse_passage
from analysis.publish.passage import Passage
from analysis.publish.ranking import ranking_passage
from analysis.publish.segments import segments_passage

PASSAGES: dict[str, Callable[[Findings], Passage | None]] = {
    "multiverse": multiverse_passage,
    "segments": segments_passage,
    "ranking": ranking_passage,
}
"""By key; a new topic of the report is one module with such a function, and one line here."""


def passages_of(findings: Findings) -> dict[str, Passage]:
    """Return the passages that these findings have something to say in."""
    written = {key: write(findings) for key, write in PASSAGES.items()}
    return {key: passage for key, passage in written.items() if passage is not None}
