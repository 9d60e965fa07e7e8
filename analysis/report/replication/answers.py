"""What an answer to an item of the checklist is made of: points, each with its evidence or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from analysis.results.findings import Findings
from analysis.results.sentence import listed

State = Literal["reported", "reported in part", "not reported", "not applicable"]
STATES: tuple[State, ...] = ("reported", "reported in part", "not reported", "not applicable")

MOST_IDS = 6
"""Ids that a line of the checklist names; the others are counted."""


BESIDE = "see the results beside"
"""Said of a point that results alone show."""


@dataclass(frozen=True)
class Point:
    """One thing that an item asks for.

    Attributes
    ----------
    asks : str
        What it is, in a few words.
    said : str
        What plan, codebook or ledger say of it; empty where they say nothing.
    ids : tuple of str
        Results of the ledger that show it.
    """

    asks: str
    said: str = ""
    ids: tuple[str, ...] = ()

    @property
    def reported(self) -> bool:
        return bool(self.said or self.ids)


@dataclass(frozen=True)
class Answer:
    """What the audit has on one item: its points, or why the item does not apply."""

    points: tuple[Point, ...] = ()
    because: str = ""

    @property
    def state(self) -> State:
        """How much of the item is reported: read off the points, never declared."""
        if self.because:
            return "not applicable"
        reported = [point.reported for point in self.points]
        if reported and all(reported):
            return "reported"
        return "reported in part" if any(reported) else "not reported"

    @property
    def said(self) -> str:
        """The answer in words, the state first."""
        if self.because:
            return f"{self.state}, because {self.because}."
        known = [f"{p.asks}: {p.said.rstrip('.') or BESIDE}" for p in self.points if p.reported]
        lacks = listed([p.asks for p in self.points if not p.reported] or [""])
        if not known:
            return f"{self.state}: {lacks}."
        told = f"{self.state}. {_capital('; '.join(known))}."
        return f"{told} Not reported: {lacks}." if lacks else told

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for point in self.points for name in point.ids))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def reported(*points: Point) -> Answer:
    """Return an answer of these points."""
    return Answer(points)


def not_applicable(because: str) -> Answer:
    """Return that an item does not apply, and why."""
    return Answer(because=because)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the answers are read off: the findings, and the ledger that is published of them."""

    findings: Findings
    record: dict[str, Any]

    @property
    def plan(self) -> Any:
        return self.findings.plan

    @property
    def codebook(self) -> Any:
        return self.findings.dataset.codebook

    def stated(self, key: str) -> str:
        """Return what the codebook says under a key, of a long text its first sentences; "" where
        it says nothing.
        """
        text = " ".join(str(getattr(self.codebook, key, "") or "").split())
        if len(text) <= SHORT:
            return text
        first, whole, _ = text[:SHORT].rpartition(". ")
        return f"{first if whole else text[:SHORT].rpartition(' ')[0]} (whole in README.md)"

    def rows(self, *methods: str, terms: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the ids of the estimates of some methods; of some terms, where these are named."""
        wanted = {*terms}
        return tuple(
            row["id"]
            for row in self.record["estimates"]
            if row["method"] in methods and (not wanted or row["term"] in wanted)
        )

    def checks(self, *names: str) -> tuple[str, ...]:
        """Return the ids of the checks of these names that were made."""
        return tuple(
            check["id"]
            for check in self.record["checks"]
            if check["check"] in names and check["status"] in ("passed", "failed")
        )

    def verdicts(self) -> tuple[str, ...]:
        return tuple(verdict["id"] for verdict in self.record["verdicts"])

    def deciding(self, field: str = "") -> tuple[str, ...]:
        """Return the ids of the estimates that verdicts rest on, or of a field of theirs."""
        found = (verdict["deciding"] for verdict in self.record["verdicts"])
        return tuple(f"{name}{field}" for name in dict.fromkeys(found) if name)

    def columns(self, names: Iterable[str]) -> tuple[str, list[str]]:
        """Return what the codebook says that columns mean, and those of which it says nothing."""
        named = [*dict.fromkeys(names)]
        entries = {name: self.findings.dataset.column(name) for name in named}
        known = {name: entry for name, entry in entries.items() if entry and entry.meaning}
        told = [
            f"{name}: {entry.meaning.rstrip('.')}" + (f" ({entry.unit})" if entry.unit else "")
            for name, entry in known.items()
        ]
        return "; ".join(told), [name for name in named if name not in known]


SHORT = 240
"""Characters of a text of the codebook that a line of the checklist repeats; README.md has it
whole.
"""
