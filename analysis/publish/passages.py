"""The passages of the report between the verdicts and the data, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from analysis.dataset import Dataset
from analysis.findings import Findings
from analysis.publish.algorithm import algorithm_passage
from analysis.publish.assay import assay_passage
from analysis.publish.diagnosis import diagnosis_passage
from analysis.publish.doubts import doubts_passage
from analysis.publish.extrapolation import extrapolation_passage
from analysis.publish.gaming import gaming_passage
from analysis.publish.multiverse import multiverse_passage
from analysis.publish.parts import parts_passage
from analysis.publish.passage import Passage
from analysis.publish.ranking import ranking_passage
from analysis.publish.reliability import reliability_passage
from analysis.publish.rows import rows_passage
from analysis.publish.segments import segments_passage
from analysis.publish.simulated import captioned, told
from analysis.publish.within import panel_passage

PASSAGES: dict[str, Callable[[Findings], Passage | None]] = {
    "reliability": reliability_passage,
    "simex": extrapolation_passage,
    "multiverse": multiverse_passage,
    "parts": parts_passage,
    "gaming": gaming_passage,
    "algorithm": algorithm_passage,
    "doubts": doubts_passage,
    "segments": segments_passage,
    "ranking": ranking_passage,
    "panel": panel_passage,
    "diagnosis": diagnosis_passage,
    "rows": rows_passage,
    "assay": assay_passage,
}
"""By key; a new topic of the report is one module with such a function, and one line here."""


def passages_of(findings: Findings) -> dict[str, Passage]:
    """Return the passages that these findings have something to say in."""
    written = {key: write(findings) for key, write in PASSAGES.items()}
    return {key: passage_told(findings.dataset, passage) for key, passage in written.items() if passage is not None}


def passage_told(dataset: Dataset, passage: Passage) -> Passage:
    """Return a passage whose paragraphs and tables say that the data are simulated, where they are."""
    if not dataset.simulated:
        return passage
    tables = tuple(replace(table, caption=captioned(dataset, table.caption)) for table in passage.tables)
    return replace(passage, paragraphs=tuple(told(dataset, text) for text in passage.paragraphs), tables=tables)
