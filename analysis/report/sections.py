"""The passages of the report between the verdicts and the data, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from analysis.data.dataset import Dataset
from analysis.measurement_error.report import reliability_passage
from analysis.measurement_error.simex import simex_passage
from analysis.multiverse.report import multiverse_passage
from analysis.results.findings import Findings, captioned, told
from analysis.results.passage import Passage
from analysis.studies.influence.report import rows_section
from analysis.studies.registry import STUDIES

PASSAGES: dict[str, Callable[[Findings], Passage | None]] = {
    "reliability": reliability_passage,
    "simex": simex_passage,
    "multiverse": multiverse_passage,
    **{study.name: study.section for study in STUDIES if study.report},
    "rows": rows_section,
}
"""By the name of what they report; those of studies come from their registry."""


def passages_of(findings: Findings) -> dict[str, Passage]:
    """Return the passages that these findings have something to say in."""
    written = {key: write(findings) for key, write in PASSAGES.items()}
    return {
        key: passage_told(findings.dataset, passage)
        for key, passage in written.items()
        if passage is not None
    }


def passage_told(dataset: Dataset, passage: Passage) -> Passage:
    """Return a passage whose paragraphs and tables say that the data are simulated, where they
    are.
    """
    if not dataset.simulated:
        return passage
    tables = tuple(
        replace(table, caption=captioned(dataset, table.caption)) for table in passage.tables
    )
    return replace(
        passage, paragraphs=tuple(told(dataset, text) for text in passage.paragraphs), tables=tables
    )
