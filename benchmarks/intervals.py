"""Which printed rows carry an interval: read off the audits of the shipped plans and of
interval_coverage.py's worlds.

    python benchmarks/intervals.py              write intervals.json again, all of it
    python benchmarks/intervals.py ebay money   some studies of it

A kind of row is (method, term), with the score's, an engagement column's or a segment's name
replaced by what it is.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from coverage_worlds import BY_NAME, WORLDS, World

from analysis.audit import analyse
from analysis.plan import Plan
from analysis.results.findings import Findings

LIST = Path(__file__).with_name("intervals.json")
SHIPPED = (
    "movies",
    "genres",
    "ebay",
    "mariokart",
    "professors",
    "lawschools",
    "tournament",
    "publications",
    "lending",
)


def audit_of(name: str) -> Findings:
    """Run a shipped plan, or a world's plan on one of its tables."""
    if name in SHIPPED:
        return analyse(name)
    world = BY_NAME[name]
    return analyse(world.read(), world.frame(np.random.default_rng(1), world.n))


def kinds(audit: Findings, *, interval: bool = True) -> set[tuple[str, str]]:
    """Return (method, kind of term) of the rows with an interval, or of the kinds of rows that
    never have one.
    """
    segment = audit.plan.segment
    names = set() if segment is None else set(map(str, audit.sample.frame[segment.column]))
    have, lack = set(), set()
    for row in audit.estimates:
        kind = (row.method, kind_of(audit.plan, row.term, names))
        (lack if row.interval(audit.plan.inference.level) is None else have).add(kind)
    return have if interval else lack - have


def kind_of(plan: Plan, term: str, segments: Iterable[str] = ()) -> str:
    """Return a term with the study's own names replaced by what they are.

    >>> plan = sa.read_plan("movies")
    >>> kind_of(plan, "tomatometer"), kind_of(plan, "bound:reviews"), kind_of(plan, "gini")
    ('SCORE', 'bound:ENGAGEMENT', 'gini')
    """
    head, colon, tail = term.rpartition(":")
    columns = {*plan.engagement.columns, *(plan.parts.columns if plan.parts else ())}
    versions = {plan.algorithm.old, plan.algorithm.new} if plan.algorithm else set()
    if tail in {*plan.score.columns, *versions}:
        return f"{head}{colon}SCORE"
    if tail in columns or (tail and set(tail.split("+")) <= columns):
        return f"{head}{colon}ENGAGEMENT"
    if head == "gain" and tail in segments:
        return "gain:SEGMENT"
    return "SEGMENT" if term in segments else term


def studies() -> Iterator[str]:
    yield from SHIPPED
    yield from (world.name for world in WORLDS if isinstance(world, World))


def read() -> dict[str, dict[str, list[list[str]]]]:
    """Return by study the kinds of rows with an interval ("interval"), and of those without
    ("none").
    """
    return json.loads(LIST.read_text("utf-8")) if LIST.exists() else {}


def main() -> None:
    found = read()
    for name in sys.argv[1:] or studies():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            audit = audit_of(name)
        found[name] = {
            "interval": sorted(map(list, kinds(audit))),
            "none": sorted(map(list, kinds(audit, interval=False))),
        }
        print(name, len(found[name]["interval"]), flush=True)
        lines = [f" {json.dumps(study)}: {json.dumps(kind)}" for study, kind in found.items()]
        LIST.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
