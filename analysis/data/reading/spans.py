"""Cells that stand for a number without being one: durations, ranges and open amounts."""

from __future__ import annotations

import re
from collections.abc import Callable

CLOCK = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+)\s*d(?:ays?)?,?\s*)?(?P<one>\d+):(?P<two>[0-5]\d)"
    r"(?::(?P<three>[0-5]\d(?:[.,]\d+)?))?",
    re.ASCII,
)
"""A duration as a clock shows it: 0:11:31, 1 day, 2:03:04."""

WORDS = re.compile(
    r"(?:(?P<d>\d+)\s*d(?:ays?)?)?\s*(?:(?P<h>\d+)\s*h(?:(?:ou)?rs?)?)?\s*"
    r"(?:(?P<m>\d+)\s*m(?:in(?:ute)?s?)?)?\s*(?:(?P<s>\d+(?:[.,]\d+)?)\s*s(?:ec(?:ond)?s?)?)?",
    re.ASCII | re.IGNORECASE,
)
"""A duration in words: 1h 11m 31s."""

ISO = re.compile(
    r"P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:[.,]\d+)?)S)?)?", re.ASCII
)
"""A duration as ISO 8601 has it: PT11M31S."""

RANGE = re.compile(
    r"(?P<low>.*?\d.*?)\s*(?:\.\.\.?|…|[-–—‒−]|\bto\b|\bbis\b|\bà\b)\s*(?P<high>\S*\d.*)"
)
MORE = re.compile(
    r"(?P<plus>.*\d.*?)\s*(?:\+|(?:and|or|und|oder)\s+(?:more|over|above|up|mehr))"
    r"|(?:>=?|≥|over|more than|at least|above|from|ab|über|mehr als)\s*(?P<over>.*\d.*)",
    re.IGNORECASE,
)
LESS = re.compile(
    r"(?P<less>.*\d.*?)\s*(?:(?:and|or|und|oder)\s+(?:less|fewer|below|under|weniger))"
    r"|(?:<=?|≤|under|less than|fewer than|at most|below|up to|unter|weniger als|bis)\s*"
    r"(?P<under>.*\d.*)",
    re.IGNORECASE,
)

SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}

Number = Callable[[str], float | None]
"""What a cell holds that is a plain number or an amount."""


def duration(text: str, two: str = "") -> float | None:
    """Return the seconds of a duration; of two parts where `two` says which: "mm:ss" or "hh:mm".

    >>> duration("0:11:31"), duration("PT11M31S"), duration("11m 31s"), duration("11:31", "mm:ss")
    (691.0, 691.0, 691.0, 691.0)
    """
    if clock := CLOCK.fullmatch(text):
        return _of_clock(clock, two)
    match = ISO.fullmatch(text) or WORDS.fullmatch(text)
    if not match or not any(match.groupdict().values()):
        return None
    parts = {unit: part.replace(",", ".") for unit, part in match.groupdict().items() if part}
    return sum(SECONDS[unit] * float(part) for unit, part in parts.items())


def _of_clock(clock: re.Match[str], two: str) -> float | None:
    days, three = float(clock["days"] or 0), clock["three"]
    if three is None and two not in ("mm:ss", "hh:mm"):
        return None
    first, second = float(clock["one"]), float(clock["two"])
    if three is None and two == "mm:ss":
        seconds = 60 * first + second
    else:
        seconds = 3600 * first + 60 * second + float((three or "0").replace(",", "."))
    seconds += 86_400 * days
    return -seconds if clock["sign"] else seconds


def open_amount(text: str, number: Number) -> float | None:
    """Return the bound of an amount that is open on one side; of a plain number, itself.

    >>> number = {"500": 500.0, "5": 5.0}.get
    >>> open_amount("500+", number), open_amount("under 5", number), open_amount("5", number)
    (500.0, 5.0, 5.0)
    """
    match = MORE.fullmatch(text) or LESS.fullmatch(text)
    return number(next(filter(None, match.groups())).strip() if match else text)


def middle(text: str, number: Number) -> float | None:
    """Return the middle of a range; of an open amount its bound, of a plain number itself.

    >>> number = {"10": 10.0, "20": 20.0}.get
    >>> middle("10 .. 20", number), middle("10-20", number), middle("20-10", number)
    (15.0, 15.0, None)
    """
    match = RANGE.fullmatch(text)
    if match is None or number(text) is not None:
        return open_amount(text, number)
    low, high = number(match["low"].strip()), number(match["high"].strip())
    return None if low is None or high is None or low > high else (low + high) / 2
