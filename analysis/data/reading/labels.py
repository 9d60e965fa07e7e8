"""What a file itself says of its columns: value labels, category types, what a column means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.data.reading.cells import texts_of

Levels = dict[str, dict[str, str]]
"""Of a column that is a category: each cell as a csv file would hold it, and its label."""

MOST_UNLABELLED = 0.5
"""With more of its different values unlabelled than this, a column holds numbers of which some have
a name (a scale whose ends are named, a code for a missing value).
"""


def category_levels(frame: pd.DataFrame) -> Levels:
    """Return the levels of the columns whose type is a category, in their order."""
    levels = {}
    for name, kind in zip(map(str, frame.columns), frame.dtypes, strict=True):
        if isinstance(kind, pd.CategoricalDtype):
            texts = texts_of(pd.Series(kind.categories)).dropna()
            levels[name] = dict(zip(texts, texts, strict=True))
    return levels


def labelled(frame: pd.DataFrame, labels: Mapping[str, Mapping[Any, str]]) -> tuple[Levels, Levels]:
    """Return the columns that value labels make categories, and the labels of single numbers.

    Parameters
    ----------
    frame : DataFrame
        The codes.
    labels : mapping
        Of a column to {code: label}.
    """
    levels, single = {}, {}
    for name, named in labels.items():
        if name not in frame or not named:
            continue
        codes = texts_of(pd.Series(list(named)))
        known = dict(zip(codes, (str(text).strip() for text in named.values()), strict=True))
        seen = texts_of(frame[name]).dropna().unique()
        without = [cell for cell in seen if cell not in known]
        says_nothing = all(code == text for code, text in known.items())
        if says_nothing:
            continue
        into = single if len(without) > MOST_UNLABELLED * len(seen) else levels
        into[str(name)] = known
    return levels, single


def stata_labels(reader: Any) -> dict[str, dict[Any, str]]:
    """Return {column: {code: label}} of a Stata file that pandas has opened."""
    sets = reader.value_labels()
    columns = list(reader.variable_labels())
    named = getattr(reader, "_lbllist", columns)
    return {name: sets[label] for name, label in zip(columns, named, strict=True) if label in sets}


def parquet_categories(metadata: Mapping[bytes, bytes] | None) -> list[str]:
    """Return the columns that pandas wrote as categories, whatever type the file stores."""
    described = json.loads((metadata or {}).get(b"pandas", b"{}"))
    return [
        str(column["name"])
        for column in described.get("columns", ())
        if column.get("pandas_type") == "categorical"
    ]


def as_categories(frame: pd.DataFrame, names: list[str]) -> Levels:
    """Return the levels of columns that a file calls categories, and stores as something else."""
    chosen = {name: frame[name].astype("category") for name in names if name in frame}
    return category_levels(pd.DataFrame(chosen))
