"""The sections of the report between the verdicts and the data, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from analysis.data.dataset import Dataset
from analysis.measurement_error.report import reliability_section
from analysis.measurement_error.simex import simex_section
from analysis.multiverse.report import multiverse_section
from analysis.results.findings import Findings, captioned, told
from analysis.results.section import ReportSection
from analysis.studies.influence.report import rows_section
from analysis.studies.registry import STUDIES

SECTIONS: dict[str, Callable[[Findings], ReportSection | None]] = {
    "reliability": reliability_section,
    "simex": simex_section,
    "multiverse": multiverse_section,
    **{study.name: study.section for study in STUDIES if study.report},
    "rows": rows_section,
}
"""By the name of what they report; those of studies come from their registry."""


def sections_of(findings: Findings) -> dict[str, ReportSection]:
    """Return the sections that these findings have something to say in."""
    written = {key: write(findings) for key, write in SECTIONS.items()}
    return {
        key: section_told(findings.dataset, section)
        for key, section in written.items()
        if section is not None
    }


def section_told(dataset: Dataset, section: ReportSection) -> ReportSection:
    """Return a section whose paragraphs and tables say that the data are simulated, where they
    are.
    """
    if not dataset.simulated:
        return section
    tables = tuple(
        replace(table, caption=captioned(dataset, table.caption)) for table in section.tables
    )
    return replace(
        section, paragraphs=tuple(told(dataset, text) for text in section.paragraphs), tables=tables
    )
