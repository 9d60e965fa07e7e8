"""The section of the what-if: the words of its grid, as tables and for the page's sliders."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.results.estimates import display, span_text
from analysis.results.findings import Findings
from analysis.results.rule import Phrase
from analysis.results.section import ReportSection
from analysis.results.table import Table
from analysis.results.tipping_point import said
from analysis.tipping.criteria import percent, unit_of_sesoi
from analysis.tipping.what_if import Point

TITLE = "What if another effect mattered, or another level were asked for?"
HOW = (
    "The whole rule was asked again at every point: every fit that decides, and every check that"
    " can leave a word undecided. Noise, form and rows stay as they are."
)
COLUMNS = ("outcome", "score", "sesoi", "level", "verdict", "direction", "low", "high", "printed")


def what_if_section(findings: Findings) -> ReportSection | None:
    """Return the grid as a section, with the main points as tables; None where there is none."""
    rows = [row for key, points in findings.what_if.items() for row in _rows(findings, key, points)]
    if not rows:
        return None
    tables = tuple(_table(findings, key, p) for key, p in findings.what_if.items() if p)
    return ReportSection(TITLE, (HOW,), tables=tables, data=pd.DataFrame(rows, columns=COLUMNS))


def _rows(
    findings: Findings, key: tuple[str, str], points: tuple[Point, ...]
) -> list[tuple[Any, ...]]:
    unit = findings.verdict_on(*key).deciding.unit
    rows = []
    for one in points:
        word, positive = one.phrase or ("not assessed", None)
        way = "" if positive is None else "positive" if positive else "negative"
        span = span_text(*one.interval, unit)
        rows.append((*key, one.sesoi, one.level, word, way, *one.interval, span))
    return rows


def _shown(findings: Findings, outcome: str, sesoi: float) -> str:
    return display(sesoi, unit_of_sesoi(findings.plan.outcomes[outcome])).lstrip("+")


def _word(phrase: Phrase | None) -> str:
    return "not assessed" if phrase is None else said(phrase)


def _table(findings: Findings, key: tuple[str, str], points: tuple[Point, ...]) -> Table:
    levels = list(dict.fromkeys(one.level for one in points))
    words = {(one.sesoi, one.level): _word(one.phrase) for one in points}
    rows = tuple(
        (_shown(findings, key[0], size), *(words[size, level] for level in levels))
        for size in dict.fromkeys(one.sesoi for one in points)
    )
    about = f"{findings.label(key[1])} and {findings.label(key[0])}"
    caption = f"The word by the smallest effect that matters and the level: {about}"
    head = ("Smallest effect that matters", *(percent(level) for level in levels))
    return Table(caption, head, rows)


def sliders(findings: Findings) -> list[dict[str, Any]]:
    """Return what the page's script needs of each verdict: sizes, levels, words and intervals."""
    found = []
    for key, points in findings.what_if.items():
        if not points:
            continue
        unit, level = findings.verdict_on(*key).deciding.unit, findings.level
        levels = {one.level: one for one in points}
        sizes = {one.sesoi: one for one in points}
        words = list(dict.fromkeys(_word(one.phrase) for one in points))
        found.append(
            {
                "about": f"{findings.label(key[1])} and {findings.label(key[0])}",
                "sizes": [_shown(findings, key[0], size) for size in sizes],
                "levels": [percent(one) for one in levels],
                "start": [
                    list(sizes).index(findings.plan.outcomes[key[0]].sesoi),
                    list(levels).index(level),
                ],
                "words": words,
                "grid": [words.index(_word(one.phrase)) for one in points],
                "spans": [span_text(*one.interval, unit) for one in levels.values()],
                "intervals": [one.interval for one in levels.values()],
                "bands": [one.band for one in sizes.values()],
            }
        )
    return found
