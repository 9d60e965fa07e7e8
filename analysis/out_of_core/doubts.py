"""What the columns of a table beyond memory hold, and which values their roles in the plan do not
allow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.out_of_core.cells import Field, odd
from analysis.out_of_core.sums import aggregate, count_of
from analysis.plan import Plan
from analysis.plan.sections.outcome import OutcomeSection

if TYPE_CHECKING:
    import ibis.expr.types as ir

Doubt = tuple[Field, str, Any, str, str]
"""A column, its role, the condition that a value must not satisfy, what that is called, and what is
allowed.
"""


def probe(table: ir.Table, fields: list[Field]) -> dict[str, Any]:
    """Return the number of rows and of each column's values, its extremes, and what its kind does
    not allow.
    """
    sums = {"rows": table.count()}
    for field in fields:
        cells = table[field.key]
        sums[f"n_{field.key}"] = cells.count()
        if field.is_text:
            continue
        sums |= {f"low_{field.key}": cells.min(), f"high_{field.key}": cells.max()}
        if field.kind in ("count", "binary"):
            sums[f"odd_{field.key}"] = odd(field.kind, cells).sum()
    found = aggregate(table, sums)
    return {
        name: count_of(value) if name == "rows" or name.startswith(("n_", "odd_")) else value
        for name, value in found.items()
    }


def value_doubts(plan: Plan, fields: list[Field], known: Mapping[str, Any]) -> list[Doubt]:
    """Return what the extremes say that outcomes' kinds, transforms or the codebook do not
    allow.
    """
    by_column = {field.column: field for field in fields}
    doubts = [
        doubt for outcome in plan.outcome for doubt in _outcome_doubts(outcome, by_column, known)
    ]
    return doubts + _transform_doubts(plan, by_column, known) + _range_doubts(fields, known)


def _outcome_doubts(
    outcome: OutcomeSection, fields: dict[str, Field], known: Mapping[str, Any]
) -> list[Doubt]:
    field = fields[outcome.column]
    low, strange = known[f"low_{field.key}"], known.get(f"odd_{field.key}", 0)
    doubts: list[Doubt] = []
    if outcome.exposure is not None and known[f"low_{fields[outcome.exposure].key}"] <= 0:
        doubts.append(
            (
                fields[outcome.exposure],
                "exposure",
                lambda c: c <= 0,
                "zero or negative",
                "positive numbers",
            )
        )
    if outcome.kind == "revenue" and outcome.negative != "net" and low < 0:
        allowed = 'zero or more; or negative = "exclude" or "net" in the plan'
        doubts.append((field, "outcome", lambda c: c < 0, "negative", allowed))
    if outcome.kind in ("count", "binary") and strange:
        what, allowed = {
            "count": ("negative or fractional", "counts: whole numbers from 0"),
            "binary": ("other", "0 and 1 only"),
        }[outcome.kind]
        doubts.append((field, "outcome", lambda c: odd(outcome.kind, c), what, allowed))
    return doubts


def _transform_doubts(
    plan: Plan, fields: dict[str, Field], known: Mapping[str, Any]
) -> list[Doubt]:
    doubts: list[Doubt] = []
    for section, role in ((plan.score, "score"), (plan.engagement, "engagement")):
        for column in section.columns:
            how = section.transform_of(column)
            if how in ("log1p", "sqrt") and known[f"low_{fields[column].key}"] < 0:
                allowed = f'zero or more, since transform = "{how}"'
                doubts.append((fields[column], role, lambda c: c < 0, "negative", allowed))
    return doubts


def _range_doubts(fields: list[Field], known: Mapping[str, Any]) -> list[Doubt]:
    doubts: list[Doubt] = []
    for field in fields:
        entry = field.entry
        if (
            entry is None
            or entry.levels
            or field.is_text
            or (entry.min is None and entry.max is None)
        ):
            continue
        if (
            known[f"low_{field.key}"] is None
        ):  # no value at all, which only a column beside the equation may have
            continue
        low = -math.inf if entry.min is None else entry.min
        high = math.inf if entry.max is None else entry.max
        if known[f"low_{field.key}"] < low or known[f"high_{field.key}"] > high:
            allowed = f"{low:g} to {high:g}, as the codebook says"
            doubts.append(
                (field, "codebook", lambda c, a=low, b=high: ~c.between(a, b), "outside", allowed)
            )
    return doubts
