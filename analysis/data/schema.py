"""The table that a plan needs, as a Frictionless Table Schema: others can check a file without this
package.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from analysis.data.dataset import MISSING, Dataset
from analysis.data.reading.conversion import written
from analysis.data.selection.columns import columns_of
from analysis.errors import Fault, OutputError, printable
from analysis.plan import Plan

STANDARD = "https://datapackage.org/profiles/2.0/tableschema.json"

TYPES = {
    "text": "string",
    "category": "string",
    "ordinal": "string",
    "date": "date",
    "integer": "integer",
    "number": "number",
    "binary": "integer",
}
"""A codebook's types in the words of the standard; columns with levels are text there."""


def table_schema(dataset: Dataset, plan: Plan | None = None) -> dict[str, Any]:
    """Return the Table Schema of a dataset: names, types, ranges and levels of its codebook, and
    what a plan demands.

    Parameters
    ----------
    dataset : Dataset
        Its columns, in their order; a codebook gives types, ranges, levels and descriptions.
    plan : Plan, optional
        Adds that its columns are numbers, that revenue and counts are not negative, that ids are
        unique.

    Notes
    -----
    https://datapackage.org/standard/table-schema/. Rows that `[[keep]]` leaves out are judged, too:
    the standard has no filters.
    """
    names = [str(name) for name in dataset.frame.columns]
    wanted = [] if plan is None else [name for name in columns_of(plan) if name not in names]
    schema: dict[str, Any] = {
        "$schema": STANDARD,
        "fields": [_field(name, dataset, plan) for name in (*names, *wanted)],
        "missingValues": sorted(MISSING),
    }
    if plan is not None and plan.row is not None and plan.duplicates == "refuse":
        schema["primaryKey"] = [plan.row]
    return schema


def _field(name: str, dataset: Dataset, plan: Plan | None) -> dict[str, Any]:
    entry = dataset.column(name)
    field: dict[str, Any] = {"name": name, "type": "string"}
    rules: dict[str, Any] = {}
    if entry is not None:
        field["type"] = "string" if entry.levels else TYPES[entry.type]
        field["title"], field["description"] = entry.label, entry.meaning
        rules = {"minimum": entry.min, "maximum": entry.max, "enum": list(entry.levels)}
    if plan is not None:
        kind, more = _demanded(name, dataset, plan)
        field["type"] = kind if kind and not rules.get("enum") else field["type"]
        rules |= {key: value for key, value in more.items() if not rules.get("enum")}
        field |= _marks(name, dataset, plan) if field["type"] in ("number", "integer") else {}
    constraints = {key: value for key, value in rules.items() if value not in (None, [])}
    if field["type"] in ("string", "date"):
        constraints = {key: value for key, value in constraints.items() if key == "enum"}
    said = {key: value for key, value in field.items() if value != ""}
    return {**said, "constraints": constraints} if constraints else said


def _demanded(name: str, dataset: Dataset, plan: Plan) -> tuple[str, dict[str, Any]]:
    """Return the type and the limits that a plan's use of a column demands; an empty type where it
    demands none.
    """
    role = columns_of(plan).get(name)
    if role is None or role in ("cluster", "segment", "control", "panel unit", "panel time"):
        return "", {}
    rules: dict[str, Any] = {}
    outcome = plan.outcomes.get(name)
    if (
        outcome is not None
        and outcome.kind in ("revenue", "count")
        and outcome.negative == "refuse"
    ):
        rules = {"minimum": 0}
    logged = any(
        name in section.columns and section.transform_of(name) in ("log1p", "sqrt")
        for section in (plan.score, plan.engagement)
    )
    if logged:
        rules = {"minimum": 0}
    if outcome is not None and outcome.kind == "count":
        return "integer", rules
    if outcome is not None and outcome.kind == "binary":
        return ("boolean", {}) if dataset.column(name) is None else ("", {})
    return "number", rules


def _marks(name: str, dataset: Dataset, plan: Plan) -> dict[str, Any]:
    """Return how the numbers of a column are written, where not with a point alone."""
    form = written(plan.columns[name], dataset.decimal) if name in plan.columns else None
    decimal = form.decimal if form else dataset.decimal
    marks = {
        "decimalChar": "" if decimal == "." else decimal,
        "groupChar": form.thousands if form else "",
    }
    bare = {"bareNumber": False} if form is not None and form.kind != "plain" else {}
    return {key: value for key, value in marks.items() if value} | bare


def write_schema(dataset: Dataset, plan: Plan | None = None) -> Path:
    """Write the Table Schema beside the data as NAME.schema.json, replacing an earlier one at once.

    Raises
    ------
    OutputError
        Where the data are no file, something else has that name, or the folder cannot be written.
    """
    if dataset.path is None:
        raise OutputError(
            dataset.address,
            [Fault("--schema", "data that are no file", "a plan whose data are a file")],
        )
    path = dataset.path.with_suffix(".schema.json")
    text = json.dumps(table_schema(dataset, plan), indent=2, ensure_ascii=False) + "\n"
    try:
        if path.exists() and '"fields"' not in path.read_text("utf-8", "replace"):
            raise OutputError(
                str(path),
                [Fault("--schema", "a file that is no Table Schema", "a name that is free")],
            )
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        os.replace(name, path)
    except OSError as error:
        found = printable(error.strerror or error)
        raise OutputError(
            str(path), [Fault("--schema", found, "a folder that can be written")]
        ) from None
    return path
