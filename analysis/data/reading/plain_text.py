"""Delimited text without quotation marks: read by columns, which is quick for a large file."""

from __future__ import annotations

import io
from csv import field_size_limit
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LARGE = 2**22
"""Letters from which on it is worth while to look for another way."""


def plain_table(text: str, separator: str) -> pd.DataFrame | None:
    """Return a large table whose every cell is text; None where the usual way has to read it.

    Parameters
    ----------
    text : str
    separator : str

    Notes
    -----
    Only where no cell can be quoted and all lines hold as many marks, so that there is one way to
    read it; and where pyarrow is installed.
    """
    if len(text) < LARGE or '"' in text or "\0" in text or find_spec("pyarrow") is None:
        return None
    header, _, rest = text.partition("\n")
    names = header.removesuffix("\r").split(separator)
    rest = rest.rstrip("\r\n")
    named = len(set(names)) == len(names) > 1 and all(map(str.strip, names))
    whole_ends = rest.count("\r") == rest.count("\r\n") and "\r" not in header[:-1]
    if not named or not whole_ends or not _even(rest, separator, len(names)):
        return None
    return _by_columns(rest, separator, names)


def _even(text: str, separator: str, width: int) -> bool:
    """Return whether each line has this many cells, none too long, and the last one holds any."""
    widths, longest, line = set(), 0, ""
    for line in io.StringIO(text):
        widths.add(line.count(separator))
        longest = max(longest, len(line))
    filled = bool(line.replace(separator, "").strip())
    return widths == {width - 1} and longest < field_size_limit() and filled


def _by_columns(text: str, separator: str, names: list[str]) -> pd.DataFrame | None:
    import pandas as pd
    import pyarrow as pa
    from pyarrow import csv

    places = [str(place) for place in range(len(names))]
    try:
        table = csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=csv.ReadOptions(column_names=places, use_threads=False),
            parse_options=csv.ParseOptions(
                delimiter=separator, quote_char=False, ignore_empty_lines=False
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.large_string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, UnicodeError):
        return None
    columns = [pd.Series(table[place], dtype="str") for place in places]
    frame = pd.concat(columns, axis=1)
    return frame.set_axis(names, axis=1)
