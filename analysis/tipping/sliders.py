"""The section of the what-if: the words of its grid, as tables and for the page's sliders."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from analysis.results.estimates import display, span_text
from analysis.results.findings import Findings
from analysis.results.rule import Interval, Phrase
from analysis.results.section import ReportSection, about
from analysis.results.sentence import listed
from analysis.results.table import Table
from analysis.results.tipping_point import said
from analysis.results.verdict import Verdict
from analysis.tipping.criteria import percent, unit_of_sesoi
from analysis.tipping.what_if import Point, WhatIf

TITLE = "What if another effect mattered, another level were asked for, or engagement were noisier?"
HOW = (
    "The whole rule was asked again at every point: every fit that decides, and every check that"
    " can leave a word undecided. A reliability is taken for all engagement that is not said to be"
    " exact; form and rows stay as they are."
)
COLUMNS = (
    "outcome",
    "score",
    "sesoi",
    "level",
    "reliability",
    "verdict",
    "direction",
    "low",
    "high",
    "printed",
    "corrected_low",
    "corrected_high",
    "corrected_printed",
)
PLANNED = "as the plan says"


def what_if_section(findings: Findings) -> ReportSection | None:
    """Return the grid as a section, with the main points as tables; None where nobody asked."""
    if findings.plan.quick:
        return None
    asked = [verdict for verdict in findings.decided if not verdict.refused]
    known = findings.what_if
    grids = [(one, known[key]) for one in asked if (key := _key(one)) in known]
    if not grids:
        return None
    told = tuple(_told(findings, verdict, grid) for verdict, grid in grids)
    tables = tuple(
        table
        for verdict, grid in grids
        if grid.moves
        for table in _tables(findings, verdict, grid)
        if table.rows
    )
    rows = grid_frame(findings, asked)
    how = (HOW,) if len(rows) else ()
    return ReportSection(TITLE, (*told, *how), tables=tables, data=rows if len(rows) else None)


def grid_frame(findings: Findings, verdicts: list[Verdict]) -> pd.DataFrame:
    """Return the grids of some verdicts, a row a point; without a reliability where noise is as the
    plan says.
    """
    rows = [row for verdict in verdicts for row in _rows(findings, verdict)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _key(verdict: Verdict) -> tuple[str, str]:
    return verdict.outcome, verdict.score


def _rows(findings: Findings, verdict: Verdict) -> list[tuple[Any, ...]]:
    grid, rows = findings.what_if.get(_key(verdict), WhatIf()), []
    for one in grid.points:
        word, positive = one.phrase or ("not assessed", None)
        way = "" if positive is None else "positive" if positive else "negative"
        plain, beside = _span(verdict, one.interval), _span(verdict, one.corrected)
        corrected = one.corrected or (None, None)
        criteria = one.sesoi, one.level, one.reliability
        ends = *one.interval, plain, *corrected, beside
        rows.append((*_key(verdict), *criteria, word, way, *ends))
    return rows


def _span(verdict: Verdict, interval: Interval | None) -> str:
    """Return an interval as a fresh run prints it."""
    if interval is None:
        return ""
    if verdict.deciding.carried_by_one:
        return "none: a row or two carry it"
    return span_text(*interval, verdict.deciding.unit)


# --- in words -------------------------------------------------------------------------------------


def _told(findings: Findings, verdict: Verdict, grid: WhatIf) -> str:
    """Return the sentence of one verdict: how often each word is said, or why none can change."""
    lead = about(findings, *_key(verdict))
    return f"{lead}{summary(grid)}"


def summary(grid: WhatIf) -> str:
    """Return how often each word is said over a grid, or why no slider moves it."""
    if not grid.points:
        return f"No slider moves this verdict: {grid.why or 'the rule was not asked again'}."
    words = Counter(_word(one.phrase) for one in grid.points).most_common()
    total = len(grid.points)
    if not grid.moves:
        why = f": {grid.why}" if grid.why else ""
        return f"No slider moves the word, which is {words[0][0]} at all {total} points{why}."
    first, *others = words
    rest = listed([f"{word} at {count}" for word, count in others])
    return f"The word is {first[0]} at {first[1]} of {total} points, {rest}."


def _word(phrase: Phrase | None) -> str:
    return "not assessed" if phrase is None else said(phrase)


def _shown(findings: Findings, outcome: str, sesoi: float) -> str:
    return display(sesoi, unit_of_sesoi(findings.plan.outcomes[outcome])).lstrip("+")


# --- reliabilities --------------------------------------------------------------------------------


def _stops(findings: Findings, verdict: Verdict, grid: WhatIf) -> dict[float | None, str]:
    """Return the reliabilities in rising order, and how each is called; the plan's own stands where
    its least one does.
    """
    own = _planned(findings, verdict)
    known = dict.fromkeys(one.reliability for one in grid.points)
    order = sorted(known, key=lambda at: min(own.values(), default=1.0) if at is None else at)
    silent = grid.own is not None
    return {at: _called(at, own, silent=silent) for at in order}


def _called(at: float | None, own: dict[str, float], *, silent: bool) -> str:
    if at is None:
        return " ".join([PLANNED, *(list(own)[:1] if len(own) == 1 else [])])
    if at == 1:
        return "1 (no noise)"
    return f"{at:g} or more" if silent else f"{at:g}"


def _planned(findings: Findings, verdict: Verdict) -> dict[str, float]:
    """Return what the plan says of each column that is not exact, in words, with its low end."""
    engagement = findings.plan.engagement
    rows = findings.estimates.select(
        outcome=verdict.outcome, score=verdict.score, method="reliability"
    ).rows
    by_halves = {row.term.partition(":")[2]: row.estimate for row in rows if ":" in row.term}
    own: dict[str, float] = {}
    for column in engagement.stated_columns:
        if column in engagement.reliability:
            low, _, high = engagement.range_of(column)
            own[f"({low:g} to {high:g})" if low < high else f"({low:g})"] = low
        elif by_halves.get(column) is not None:
            own[f"({by_halves[column]:.2f}, from halves)"] = by_halves[column]
    if engagement.assumed_columns and verdict.assumed_from is not None:
        own[f"({verdict.assumed_from:g} or more)"] = verdict.assumed_from
    return own


# --- tables ---------------------------------------------------------------------------------------


def _tables(findings: Findings, verdict: Verdict, grid: WhatIf) -> tuple[Table, Table]:
    """Return the word by smallest effect and level as the plan has the noise, and by reliability
    and level as it has the smallest effect; the second without rows where none changes a word.
    """
    outcome, stops = verdict.outcome, _stops(findings, verdict, grid)
    levels = list(dict.fromkeys(one.level for one in grid.points))
    words = {(one.reliability, one.level, one.sesoi): _word(one.phrase) for one in grid.points}
    sizes = list(dict.fromkeys(one.sesoi for one in grid.points))
    mine = findings.plan.outcomes[outcome].sesoi
    by_size = tuple(
        (_shown(findings, outcome, size), *(words[grid.own, level, size] for level in levels))
        for size in sizes
    )
    by_noise = tuple(
        (called, *(words[at, level, mine] for level in levels)) for at, called in stops.items()
    )
    names = f"{findings.label(verdict.score)} and {findings.label(outcome)}"
    head = tuple(percent(level) for level in levels)
    size = "Smallest effect that matters"
    return (
        Table(f"The word by the {_lower(size)} and the level: {names}", (size, *head), by_size),
        Table(
            f"The word by the reliability of engagement and the level: {names}",
            ("Reliability", *head),
            by_noise if len({row[1:] for row in by_noise}) > 1 else (),
        ),
    )


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


# --- for the page ---------------------------------------------------------------------------------


def sliders(findings: Findings) -> list[dict[str, Any]]:
    """Return what the page's script needs of each verdict that a slider moves."""
    return [
        of_verdict(findings, verdict)
        for verdict in findings.decided
        if findings.what_if.get(_key(verdict), WhatIf()).moves
    ]


def of_verdict(findings: Findings, verdict: Verdict) -> dict[str, Any]:
    """Return sizes, levels and reliabilities, the words of their grid, and its intervals."""
    grid = findings.what_if[_key(verdict)]
    outcome, stops = verdict.outcome, _stops(findings, verdict, grid)
    places = {at: place for place, at in enumerate(stops)}
    points = sorted(grid.points, key=lambda one: places[one.reliability])  # stable
    levels = list(dict.fromkeys(one.level for one in points))
    sizes = {one.sesoi: one for one in points}
    words = list(dict.fromkeys(_word(one.phrase) for one in points))
    once = points[:: len(sizes)]  # an interval has no smallest effect
    return {
        "about": f"{findings.label(verdict.score)} and {findings.label(outcome)}",
        "sizes": [_shown(findings, outcome, size) for size in sizes],
        "levels": [percent(one) for one in levels],
        "noises": list(stops.values()) if len(stops) > 1 else [],
        "start": [
            list(sizes).index(findings.plan.outcomes[outcome].sesoi),
            levels.index(findings.level),
            places[grid.own],
        ],
        "words": words,
        "grid": [words.index(_word(one.phrase)) for one in points],
        "spans": [_spans(verdict, one) for one in once],
        "intervals": [one.interval for one in once],
        "corrected": [None if one.corrected == one.interval else one.corrected for one in once],
        "bands": [one.band for one in sizes.values()],
    }


def _spans(verdict: Verdict, point: Point) -> str:
    """Return the intervals of a point in a sentence."""
    plain, corrected = _span(verdict, point.interval), _span(verdict, point.corrected)
    if point.corrected == point.interval:
        return f"Corrected for noise in engagement, the effect: {corrected}."
    beside = f" Corrected for noise of this size: {corrected}." if corrected else ""
    return f"The effect that the verdict rests on: {plain}.{beside}"
