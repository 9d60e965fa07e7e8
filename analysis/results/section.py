"""A section of the report: a heading, sentences, figures and tables on one topic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.results.estimates import Estimate, span_text
from analysis.results.findings import Findings
from analysis.results.table import Table
from analysis.results.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results.figure import Figure

__all__ = [
    "ReportSection",
    "Table",
    "about",
    "estimates_table",
    "reasons_on",
    "rows_on",
    "section_of",
]


@dataclass(frozen=True, eq=False)
class ReportSection:
    """What the report says on one topic.

    Attributes
    ----------
    title : str
    paragraphs : tuple of str
        Plain text; every number in it comes from the findings.
    figures : tuple of Figure
        Saved as `figures/KEY.svg` and `.png` (the second as `KEY-2`, and so on).
    tables : tuple of Table
    data : DataFrame or None
        What the figures draw, saved as `figures/KEY.csv`.
    """

    title: str
    paragraphs: tuple[str, ...]
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    data: pd.DataFrame | None = None

    def named_figures(self, key: str) -> dict[str, Figure]:
        """Return the figures by the name of their file."""
        return {
            key if at == 1 else f"{key}-{at}": figure for at, figure in enumerate(self.figures, 1)
        }


Part = tuple[str, "Figure | None", Table | None]
"""What a section says, draws and lists of one verdict; empty where there is nothing."""


def section_of(
    title: str, parts: Iterable[Part], *, first: tuple[str, ...] = (), last: tuple[str, ...] = ()
) -> ReportSection | None:
    """Return the section of what is said of each verdict, or None where nothing is.

    Parameters
    ----------
    title : str
    parts : iterable of (str, Figure or None, Table or None)
    first, last : tuple of str
        Paragraphs before and after.
    """
    parts = [part for part in parts if any(part)]
    if not parts:
        return None
    sentences, figures, tables = (
        tuple(filter(None, column)) for column in zip(*parts, strict=True)
    )
    return ReportSection(title, (*first, *sentences, *last), figures, tables)


def estimates_table(
    findings: Findings, caption: str, rows: Iterable[tuple[str, Estimate]]
) -> Table | None:
    """Return a table of named estimates with their intervals, or None without any."""
    cells = []
    for name, row in rows:
        bounds = row.interval(findings.plan.inference.level)
        cells.append((name, row.displayed, span_text(*bounds, row.unit) if bounds else row.region))
    cells = tuple((name, shown, span or "-") for name, shown, span in cells)
    return Table(caption, ("What", "Estimate", "Interval"), cells) if cells else None


def about(findings: Findings, outcome: str, score: str) -> str:
    """Return "Outcome and score: " before a paragraph on one verdict of several; nothing where
    there is one.
    """
    if len(findings.decided) < 2:
        return ""
    which = f"{findings.dataset.label(outcome)} and {findings.dataset.label(score)}: "
    return which[0].upper() + which[1:]


def rows_on(findings: Findings, verdict: Verdict, method: str) -> tuple[Estimate, ...]:
    """Return the estimates of one method on the outcome and the score of a verdict."""
    selected = findings.estimates.select(
        outcome=verdict.outcome, score=verdict.score, method=method
    )
    return selected.rows


def reasons_on(findings: Findings, verdict: Verdict, *names: str) -> list[str]:
    """Return what the checks of these names say about the outcome and the score of a verdict."""
    return [
        check.reason
        for check in findings.checks
        if check.check in names and (check.outcome, check.score) == (verdict.outcome, verdict.score)
    ]
