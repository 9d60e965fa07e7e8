"""Which columns a plan uses, in which role, and which of them a row must have."""

from __future__ import annotations

from analysis.data.dataset import Dataset
from analysis.errors import DataError, Fault, did_you_mean, listing, printable
from analysis.plan import Plan

BESIDE = ("segment", "algorithm", "panel unit", "panel time", "gaming", "part")
"""Roles of columns that the verdict does without: a row that lacks one is left out of what needs
it, and only there.
"""


NAMES = ("cluster", "segment", "panel unit", "panel time")
"""Roles of columns whose cells are names, whatever they look like."""


def columns_of(plan: Plan) -> dict[str, str]:
    """Return {column: role} in the order in which missing values are counted."""
    roles = {column: role for column, role in reversed(plan.roles())}
    order = (
        "outcome",
        "score",
        "score half",
        "engagement",
        "engagement half",
        "control",
        "exposure",
        "input",
    )
    columns = dict(sorted(roles.items(), key=lambda item: order.index(item[1])))
    if plan.cluster:
        columns.setdefault(plan.cluster.column, "cluster")
    if plan.segment:
        columns.setdefault(plan.segment.column, "segment")
    for column in plan.algorithm.columns if plan.algorithm else ():
        columns.setdefault(column, "algorithm")
    if plan.panel:
        columns.setdefault(plan.panel.unit, "panel unit")
        if plan.panel.time is not None:
            columns.setdefault(plan.panel.time, "panel time")
    if plan.gaming:
        said = {
            plan.gaming.episode: "gaming",
            plan.gaming.unit: "panel unit",
            plan.gaming.time: "panel time",
        }
        for column, role in said.items():
            if column is not None:
                columns.setdefault(column, role)
    for column in plan.parts.columns if plan.parts else ():
        if column not in plan.engagement.halves:
            columns.setdefault(column, "part")
    return columns


def needed_columns(plan: Plan) -> list[str]:
    """Return the columns that a row must have to enter the analysis set, in the order in which gaps
    are counted.
    """
    return [column for column, role in columns_of(plan).items() if role not in BESIDE]


def tables_beside(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return {table of the plan: its columns that the verdict does without}, of tables that name
    such columns.
    """
    roles = columns_of(plan)
    tables = {
        "segment": (plan.segment.column,) if plan.segment else (),
        "algorithm": plan.algorithm.columns if plan.algorithm else (),
        "panel": (plan.panel.unit, plan.panel.time) if plan.panel else (),
        "gaming": gaming_columns(plan),
        "parts": plan.parts.columns if plan.parts else (),
    }
    named = {
        table: tuple(name for name in names if roles.get(name) in BESIDE)
        for table, names in tables.items()
    }
    return {table: names for table, names in named.items() if names}


def gaming_columns(plan: Plan) -> tuple[str, ...]:
    """Return the columns of episodes, of who is seen and of when, those of [panel] where [gaming]
    says none.
    """
    if plan.gaming is None:
        return ()
    unit, time = (
        getattr(plan.gaming, key) or getattr(plan.panel, key, None) for key in ("unit", "time")
    )
    return tuple(name for name in (plan.gaming.episode, unit, time) if name is not None)


def require_columns(plan: Plan, dataset: Dataset, where: str) -> None:
    wanted = {**columns_of(plan), **{keep.column: "filter" for keep in plan.keep}}
    for column in plan.columns:
        wanted.setdefault(column, "[columns]")
    if plan.row:
        wanted.setdefault(plan.row, "row")
    names = [str(name) for name in dataset.frame.columns]
    most = len(names) if dataset.simulated else 30  # of a simulated world one has seen no file
    faults = [
        Fault(
            f'column "{printable(column)}" ({role})',
            "no such column",
            "one of: " + listing(names, limit=most),
            did_you_mean(column, names),
        )
        for column, role in wanted.items()
        if column not in names
    ]
    if faults:
        raise DataError(where, faults)
