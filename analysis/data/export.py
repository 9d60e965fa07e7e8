"""What is written beside the data: their Table Schema, and a score computed from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.data.dataset import Dataset, read_dataset
from analysis.data.disclosure import inert, inert_table
from analysis.data.reading.cells import MISSING
from analysis.data.reading.conversion import written
from analysis.data.selection.columns import columns_of
from analysis.errors import OutputError, quoted
from analysis.plan import Plan
from analysis.plan.files import document, write_together
from analysis.scores import card
from analysis.scores import score as computed

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
    """Return a dataset's Table Schema: types, ranges and levels by codebook, and a plan's demands.

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
        "missingValues": sorted({*MISSING, *_stated_missing(dataset)}),
    }
    if plan is not None and plan.row is not None and plan.duplicates == "refuse":
        schema["primaryKey"] = [plan.row]
    return schema


def _stated_missing(dataset: Dataset) -> set[str]:
    """Return what was declared to stand for a missing value, as the cells of a csv have it."""
    codes = {code for column in dataset.codes.values() for code in column}
    return {code if isinstance(code, str) else f"{code:.15g}" for code in codes}


def _field(name: str, dataset: Dataset, plan: Plan | None) -> dict[str, Any]:
    entry = dataset.column(name)
    field: dict[str, Any] = {"name": name, "type": "string"}
    rules: dict[str, Any] = {}
    if entry is not None:
        field["type"] = "string" if entry.levels else TYPES[entry.type]
        field["title"], field["description"] = entry.label, entry.meaning
        rules = {"minimum": entry.min, "maximum": entry.max, "enum": list(entry.levels)}
    if plan is not None and not rules.get("enum"):
        kind, demanded = _demanded(name, dataset, plan)
        field["type"] = kind or field["type"]
        rules |= demanded
    if field["type"] in ("string", "date"):
        rules = {"enum": rules.get("enum")}
    elif plan is not None and field["type"] in ("number", "integer"):
        field |= _marks(name, dataset, plan)
    field["constraints"] = {key: rule for key, rule in rules.items() if rule not in (None, [])}
    return {key: value for key, value in field.items() if value not in ("", {})}


def _demanded(name: str, dataset: Dataset, plan: Plan) -> tuple[str, dict[str, Any]]:
    """Return the type and limits that a plan's use of a column demands; an empty type for none."""
    role, outcome = columns_of(plan).get(name), plan.outcomes.get(name)
    if role is None or role in ("cluster", "segment", "control", "panel unit", "panel time"):
        return "", {}
    kind = outcome.kind if outcome is not None else ""
    if kind == "binary":
        return ("boolean", {}) if dataset.column(name) is None else ("", {})
    positive = kind in ("revenue", "count") and outcome.negative == "refuse"
    logged = any(
        name in section.columns and section.transform_of(name) in ("log1p", "sqrt")
        for section in (plan.score, plan.engagement)
    )
    rules = {"minimum": 0} if positive or logged else {}
    return "integer" if kind == "count" else "number", rules


def _marks(name: str, dataset: Dataset, plan: Plan) -> dict[str, Any]:
    """Return how the numbers of a column are written, where not with a point alone."""
    form = written(plan.columns[name], dataset.decimal) if name in plan.columns else None
    decimal = form.decimal if form else dataset.decimal
    marks: dict[str, Any] = {"decimalChar": decimal} if decimal != "." else {}
    if form and form.thousands:
        marks["groupChar"] = form.thousands
    return marks | ({"bareNumber": False} if form and form.kind != "plain" else {})


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
            "--schema",
            "data that are no file",
            "a plan whose data are a file",
        )
    path = dataset.path.with_suffix(".schema.json")
    text = json.dumps(table_schema(dataset, plan), indent=2, ensure_ascii=False) + "\n"
    if path.is_file() and '"fields"' not in path.read_text("utf-8", "replace"):
        raise OutputError(path, "--schema", "a file that is no Table Schema", "a name that is free")
    write_together({path: text}, replace=[path], folders=False)
    return path


# --- scores ---------------------------------------------------------------------------------------

IDENTIFIERS = ("creator", "month")


def score(name: str, data: pd.DataFrame | str) -> pd.Series:
    """Return a score in a vendor's style for each row; credit points for half of the accounts.

    Parameters
    ----------
    name : str
        One of `analysis.scores.SCORES`.
    data : DataFrame or str
        An activity table, or the address of one. `analysis.scores.card(name)` says which columns it
        needs.

    Raises
    ------
    DataError
        When there is no such score or dataset, or a column is missing or not what it should be.

    Examples
    --------
    >>> import analysis as sa
    >>> sa.score("klout", "simulated:creators?n=50").between(10, 100).all()
    np.True_
    """
    return computed(name, read_dataset(data).frame if isinstance(data, str) else data)


def with_score(name: str, dataset: Dataset) -> pd.DataFrame:
    """Return the dataset's table with the score as its last column."""
    value = computed(name, dataset.frame)
    return dataset.frame.assign(**{str(value.name): value})


def score_only(frame: pd.DataFrame) -> pd.DataFrame:
    """Return who and when (by spreadsheet row where neither is known), and the last column."""
    named = [name for name in IDENTIFIERS if name in frame]
    shown = frame[[*named, frame.columns[-1]]]
    return shown if named else shown.rename_axis("row").reset_index()


def write_scored(name: str, dataset: Dataset, path: Path) -> Path:
    """Write the table with the score as CSV, and a codebook that says how it was computed.

    Names and texts that a spreadsheet would run as a formula have an apostrophe before them;
    numbers stay numbers.

    Raises
    ------
    OutputError
        When the path does not end in .csv, is the data's own, or cannot be written.
    """
    same = dataset.path is not None and path.exists() and path.samefile(dataset.path)
    if path.suffix.lower() != ".csv" or same:
        found = "the file of the data" if same else f"a name ending in {quoted(path.suffix)}"
        raise OutputError(path, "--out", found, "another file, ending in .csv")
    frame = with_score(name, dataset)
    texts = {
        path: inert_table(frame).to_csv(index=False, lineterminator="\n"),
        path.with_suffix(".toml"): _codebook(name, dataset, str(frame.columns[-1])),
    }
    write_together(texts, replace=texts, folders=False)
    return path


def _codebook(name: str, dataset: Dataset, column: str) -> str:
    """Return the codebook of the written table: the data's own, and an entry for the score."""
    known, described = dataset.codebook, card(name)
    title, source = (known.title, known.source) if known else (dataset.address, dataset.address)
    content: dict[str, Any] = {
        "title": f"{title}, with the {described.name} score",
        "source": f"{source}; the score was computed by score-audit",
        "licence": (known and known.licence) or "that of the data",
    }
    if dataset.simulated:
        content |= {"simulated": True, "caution": known.caution}
    entries = {
        str(inert(name)): entry.model_dump(exclude_defaults=True)
        for name, entry in (known.columns if known else {}).items()
    }
    label = f"the {described.name} score"
    entries[column] = {"meaning": described.says, "type": "number", "label": label}
    return document(content | {"columns": entries})
