"""A plan said in keywords, or one that is changed by them: no file is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.plan.plan import Plan, read_plan

Changes = Mapping[tuple[str, str], Any]
"""What is said by (table, key) of the plan; None says nothing."""

MANY = ("score", "engagement", "controls")
"""Tables whose `columns` are a list: one column may be given as such."""


def plan_of_keywords(changes: Changes) -> Plan:
    """Return the plan of a data frame, which is all that the keywords say.

    Raises
    ------
    PlanError
        Naming what is missing or wrong in the words of a plan file.

    Examples
    --------
    >>> plan = plan_of_keywords({
    ...     ("score", "columns"): "klout",
    ...     ("engagement", "columns"): ["likes", "replies"],
    ...     ("outcome", "column"): "sales",
    ...     ("outcome", "kind"): "revenue",
    ...     ("outcome", "sesoi"): 0.05,
    ... })
    >>> plan.question
    'Does klout say anything about sales that likes, replies do not?'
    """
    score, engagement = (
        ", ".join(map(str, _several(changes.get((table, "columns")) or table)))
        for table in ("score", "engagement")
    )
    outcome = changes.get(("outcome", "column")) or "the outcome"
    base = {
        "name": "study",
        "question": f"Does {score} say anything about {outcome} that {engagement} do not?",
        "dataset": "DataFrame",
    }
    return read_plan(_changed(base, changes))


def changed_plan(plan: Plan | str | Path | dict[str, Any], changes: Changes) -> Plan:
    """Return a plan in which the keywords replace what it says; relative paths stay what they were.

    Raises
    ------
    PlanError
        When the plan cannot be read, or is none after the change.
    """
    read = plan if isinstance(plan, Plan) else read_plan(plan)
    if all(value is None for value in changes.values()):
        return read
    return read_plan(_changed(read.content(), changes), folder=read.folder)


def _changed(content: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """Return a plan's content with the changes in it; of several outcomes the named one stays."""
    said = {place: value for place, value in changes.items() if value is not None}
    outcomes = content.get("outcome") or [{}]
    column = said.get(("outcome", "column"))
    if column is not None:
        outcomes = [o for o in outcomes if o.get("column") == column] or outcomes[:1]
    content = {**content, "outcome": [dict(o) for o in outcomes]}
    for (table, key), value in said.items():
        if table == "":
            content[key] = value
        elif table == "outcome":
            content["outcome"] = [{**o, key: value} for o in content["outcome"]]
        else:
            several = key in ("exact", "categories") or (key == "columns" and table in MANY)
            content[table] = {**content.get(table, {}), key: _several(value) if several else value}
    engagement = content.get("engagement", {})
    if isinstance(
        engagement.get("reliability"), float | int
    ):  # one number is meant for each column
        stated = dict.fromkeys(engagement.get("columns", ()), engagement["reliability"])
        content["engagement"] = {**engagement, "reliability": stated}
    return content


def _several(columns: Any) -> list[Any]:
    return [columns] if isinstance(columns, str) else list(columns)
