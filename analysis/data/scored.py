"""A score computed from a dataset: by its address, and written beside the data it was computed
from.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.data.dataset import Dataset, read_dataset
from analysis.data.spreadsheet import inert, inert_table
from analysis.errors import Fault, OutputError, printable
from analysis.scores import card
from analysis.scores import score as computed

if TYPE_CHECKING:
    import pandas as pd

IDENTIFIERS = ("creator", "month")


def score(name: str, data: pd.DataFrame | str) -> pd.Series:
    """Return a score in a vendor's style for each row; credit points for half of the accounts.

    Parameters
    ----------
    name : str
        klout, klout_old, kred, trustcloud, credit, history or placebo.
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
    found = frame[[*named, frame.columns[-1]]]
    return found if named else found.rename_axis("row").reset_index()


def write_scored(name: str, dataset: Dataset, path: Path) -> Path:
    """Write the table with the score as CSV, and a codebook beside it that says how it was
    computed.

    Names and texts that a spreadsheet would run as a formula have an apostrophe before them;
    numbers stay numbers.

    Raises
    ------
    OutputError
        When the path does not end in .csv, is the data's own, or cannot be written.
    """
    own = dataset.path is not None and path.exists() and path.samefile(dataset.path)
    if path.suffix.lower() != ".csv" or own:
        found = "the file of the data" if own else f'a name ending in "{printable(path.suffix)}"'
        raise OutputError(str(path), [Fault("--out", found, "another file, ending in .csv")])
    frame = with_score(name, dataset)
    texts = {
        path: inert_table(frame).to_csv(index=False, lineterminator="\n"),
        path.with_suffix(".toml"): _codebook(name, dataset, str(frame.columns[-1])),
    }
    try:
        for target, text in texts.items():
            staged = target.with_name(f".{target.name}.part")
            staged.write_text(text, "utf-8")
            os.replace(staged, target)
    except OSError as error:
        fault = Fault("--out", printable(error.strerror or error), "a file that can be written")
        raise OutputError(str(path), [fault]) from None
    return path


def _codebook(name: str, dataset: Dataset, column: str) -> str:
    """Return the codebook of the written table: the data's own, and an entry for the score."""
    known, said = dataset.codebook, card(name)
    lines = {
        "title": f"{known.title if known else dataset.address}, with the {said.name} score",
        "source": (
            f"{known.source if known else dataset.address}; the score was computed by score-audit"
        ),
        "licence": known.licence if known else "that of the data",
    }
    text = [f"{key} = {_toml(value)}" for key, value in lines.items()]
    if dataset.simulated:
        text += ["simulated = true", f"caution = {_toml(known.caution)}"]
    for column_name, entry in (known.columns if known else {}).items():
        fields = {
            key: value for key, value in entry.model_dump().items() if value not in (None, "", ())
        }
        text += ["", f"[columns.{_toml(inert(column_name))}]"]
        text += [f"{key} = {_toml(value)}" for key, value in fields.items()]
    text += [
        "",
        f"[columns.{_toml(column)}]",
        f"meaning = {_toml(said.says)}",
        'type = "number"',
        f"label = {_toml(f'the {said.name} score')}",
    ]
    return "\n".join(text) + "\n"


def _toml(value: object) -> str:
    """Return a value as TOML writes it; JSON's texts, numbers and lists are such."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=True)
