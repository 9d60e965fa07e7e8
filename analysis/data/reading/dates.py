"""Days as people write them: how the cells of a column are recognised, and how they are read."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pandas as pd

from analysis.plan.files import table, text, texts

FORMATS = (
    ("YYYY-MM-DD", r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d"),
    ("DD.MM.YYYY", r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    ("DD/MM/YYYY", r"\d{1,2}/\d{1,2}/\d{4}", "%d/%m/%Y"),
    ("MM/DD/YYYY", r"\d{1,2}/\d{1,2}/\d{4}", "%m/%d/%Y"),
    ("YYYY/MM/DD", r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    ("DD-MM-YYYY", r"\d{1,2}-\d{1,2}-\d{4}", "%d-%m-%Y"),
    ("MM-DD-YYYY", r"\d{1,2}-\d{1,2}-\d{4}", "%m-%d-%Y"),
    ("DD.MM.YY", r"\d{1,2}\.\d{1,2}\.\d{2}", "%d.%m.%y"),
    ("DD/MM/YY", r"\d{1,2}/\d{1,2}/\d{2}", "%d/%m/%y"),
    ("MM/DD/YY", r"\d{1,2}/\d{1,2}/\d{2}", "%m/%d/%y"),
    ("23 Nov 2014", r"\d{1,2} [A-Za-z]{3} \d{4}", "%d %b %Y"),
    ("23-Nov-2014", r"\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
    ("23 November 2014", r"\d{1,2} [A-Za-z]{3,9} \d{4}", "%d %B %Y"),
    ("Nov 23, 2014", r"[A-Za-z]{3} \d{1,2}, \d{4}", "%b %d, %Y"),
    ("November 23, 2014", r"[A-Za-z]{3,9} \d{1,2}, \d{4}", "%B %d, %Y"),
)
"""How days are written: the form, its pattern, and its strptime format."""

TIMES = (
    ("", "", ""),
    (" HH:MM", r" \d{1,2}:\d{2}", " %H:%M"),
    (" HH:MM:SS", r" \d{1,2}:\d{2}:\d{2}", " %H:%M:%S"),
)
"""What time of day may stand behind a day."""

STANDARD = r"\d{4}-\d{2}-\d{2}([T ].*)?"
"""A day that needs no conversion."""

EXCEL, UNIX = datetime.datetime(1899, 12, 30), datetime.datetime(1970, 1, 1)
MOST_DAYS, MOST_SECONDS = 2_958_465, 1e11
"""The last day that Excel has; more seconds since 1970 than this are milliseconds."""


def layouts_of(cells: Sequence[str]) -> list[tuple[str, str]]:
    """Return the (form, strptime format) that all cells have; several where they cannot tell.

    >>> layouts_of(["23.11.2014", "1.2.2014"])
    [('DD.MM.YYYY', '%d.%m.%Y')]
    """
    series = pd.Series(list(cells), dtype="str")
    fitting = []
    for words, pattern, layout in FORMATS:
        for time, clock, code in TIMES:
            if bool(series.str.fullmatch(pattern + clock).all()) and _all_days(
                series, layout + code
            ):
                fitting.append((words + time, layout + code))
    return fitting


def _all_days(cells: pd.Series, layout: str) -> bool:
    return bool(pd.to_datetime(cells, format=layout, errors="coerce").notna().all())


def conversion_of(cells: Sequence[str]) -> tuple[str, str]:
    """Return how cells are written as days, in words, and what `[columns]` says; "" for no days.

    The conversion is empty where the cells cannot tell: whether 1/2/2014 is in February.

    >>> conversion_of(["23.11.2014", "2014-11-24"])
    ('dates written YYYY-MM-DD and DD.MM.YYYY', '{date = ["%Y-%m-%d", "%d.%m.%Y"]}')
    """
    fitting = layouts_of(cells)
    if fitting:
        words = " or ".join(form for form, _ in fitting)
        stated = table({"date": fitting[0][1]}) if len(fitting) == 1 else ""
        return f"dates written {words}", stated
    return _mixed(list(cells))


COUNTS = (
    ((20_000, 80_000), "days counted as Excel does", "excel"),
    ((5e8, 4e9), "seconds counted from 1970", "unix"),
    ((5e11, 4e12), "milliseconds counted from 1970", "unix"),
    ((19_000_101, 21_001_231), "dates written YYYYMMDD", "%Y%m%d"),
)
"""Numbers that may be days: their range, in words, and what `[columns]` says."""


def counted(numbers: pd.Series) -> tuple[str, str]:
    """Return how numbers may be days, in words, and what `[columns]` says; "" for none.

    >>> counted(pd.Series([41640.0, 41641.0]))
    ('days counted as Excel does', '{date = "excel"}')
    """
    known = numbers.dropna()
    for (low, high), words, layout in COUNTS if len(known) else ():
        if known.between(low, high).all():
            whole = layout != "%Y%m%d" or _all_days(known.astype("int64").astype(str), layout)
            return (words, table({"date": layout})) if whole else ("", "")
    return "", ""


def _mixed(cells: list[str]) -> tuple[str, str]:
    """Return the same of cells written in two ways or three; those that cannot be told are none."""
    left, chosen = cells, []
    series = pd.Series(cells, dtype="str")
    ways = [
        (words + time, pattern + clock, layout + code)
        for words, pattern, layout in FORMATS
        for time, clock, code in TIMES
    ]
    for words, pattern, layout in ways:
        shaped = series[series.str.fullmatch(pattern).fillna(False)]
        if len(shaped) and _all_days(shaped, layout) and set(shaped) & set(left):
            rivals = [way for way in ways if way[1] == pattern and way[2] != layout]
            if any(_all_days(shaped, other) for *_, other in rivals):
                return "dates written in more than one way, which the cells cannot tell", ""
            chosen.append((words, layout))
            left = [cell for cell in left if cell not in set(shaped)]
    if left or not 1 < len(chosen) <= 3:
        return "", ""
    words = " and ".join(form for form, _ in chosen)
    return f"dates written {words}", f"{{date = {texts(layout for _, layout in chosen)}}}"


def parsed(cells: pd.Series, stated: str | tuple[str, ...]) -> tuple[pd.Series, pd.Series]:
    """Return the moments that texts stand for (NaT for none), and which could be two of them.

    Parameters
    ----------
    cells : Series of str or None
    stated : str or tuple of str
        One format or several, or how days are counted.
    """
    unique = pd.Series(cells.dropna().unique(), dtype=object)
    read = [_read(unique, layout) for layout in ((stated,) if isinstance(stated, str) else stated)]
    moments, twice = read[0], pd.Series(False, index=unique.index)
    for other in read[1:]:
        twice |= moments.notna() & other.notna() & (moments != other)
        moments = moments.fillna(other)
    by_text = dict(zip(unique, moments, strict=True))
    doubtful = set(unique[twice])
    return pd.to_datetime(cells.map(by_text)), cells.isin(doubtful)


def _read(cells: pd.Series, layout: str) -> pd.Series:
    """Return the moments that texts stand for in one format; local time where a zone is given."""
    if layout in ("excel", "unix"):
        numbers = pd.to_numeric(cells, errors="coerce").astype(float)
        if layout == "excel":
            return _counted(numbers.where(numbers.between(1, MOST_DAYS)), EXCEL, 86_400.0)
        return _counted(numbers.where(numbers.abs() < MOST_SECONDS, numbers / 1000), UNIX, 1.0)
    if "%z" in layout or "%Z" in layout:
        return pd.to_datetime(
            pd.Series([_local(cell, layout) for cell in cells], index=cells.index)
        )
    return pd.to_datetime(cells, format=layout, errors="coerce", exact=True)


def _counted(numbers: pd.Series, start: datetime.datetime, seconds: float) -> pd.Series:
    known = numbers.where(numbers.abs() < MOST_SECONDS)
    return pd.to_datetime(
        [
            None if value != value else start + datetime.timedelta(seconds=round(value * seconds))
            for value in known
        ]
    ).to_series(index=numbers.index)


def _local(cell: str, layout: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.strptime(cell, layout).replace(tzinfo=None)
    except ValueError:
        return None


def shown(stated: str | tuple[str, ...]) -> str:
    """Return how a message calls what a plan says of dates."""
    if isinstance(stated, str):
        counted = {"excel": "days counted as Excel does", "unix": "seconds counted from 1970"}
        return counted.get(stated, f"dates written {text(stated)}")
    return f"dates written {' or '.join(map(text, stated))}"


def with_time(stated: str | tuple[str, ...]) -> bool:
    """Return whether moments have a time of day."""
    codes = ("%H", "%I", "%S", "%T", "%X", "%c")
    layouts = (stated,) if isinstance(stated, str) else stated
    return any(code in layout for layout in layouts for code in codes)
