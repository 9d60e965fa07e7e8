"""Values that stand apart from all others of their column: codes for missing ones, errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST_ROWS, FEWEST_VALUES = 20, 3
"""Where there are fewer rows or different values, nothing can stand apart."""

GAP = 0.25
"""A code stands apart where the gap to the others is this share of their middle 98 %."""

FAR = 1.2
"""Other values stand apart where the gap is so many times the middle 98 % divided by the rows
beyond it, also on a scale (asinh) on which a heavy tail is none."""

MOST_WEIGHT = 8
"""More rows than this make no smaller gap suspicious."""

MOST_FAR = 0.02
"""A larger share of the rows is a group of its own."""

BOUNDED, SCALE, FEWEST_AT_END = 0.3, 15, 5
"""A scale of few values ends, and does not fade out, where its last one has so many rows, and this
share of the rows of the most frequent one."""

WIDE, LONE = 20.0, 5
"""Whole numbers that go so far do not end at -1 with so many rows there."""

LARGE_DIGIT = 7
"""The only negative number of whole ones, so far from zero and in several rows, is no value of its
own where it is alone there or in more rows than its neighbours."""

BEYOND = 2.5
"""Nines in two rows and more are a code where they are so many times the next value."""

MOST_CODES = 8
"""So many different codes are looked for at one end, such as -1 to -8."""

SPIKE = 3
"""A code is shared by so many rows and more, unless it stands far apart."""


@dataclass(frozen=True, eq=False)
class Apart:
    """Rows of a column whose values stand apart from the others.

    Attributes
    ----------
    rows : ndarray of int
        Their positions.
    values : tuple of float
        The codes; empty where the values are none.
    side : {"below", "above"}
    edge, next : float
        The nearest of these values, and the nearest of the others.
    """

    rows: np.ndarray
    values: tuple[float, ...]
    side: str
    edge: float
    next: float


def is_code(value: float) -> bool:
    """Return whether a number is one that commonly stands for a missing value.

    >>> [is_code(v) for v in (9999.0, -99.0, -1.0, 99.9, 998.0, 77.0, 42.0, 990.0)]
    [True, True, True, True, True, True, False, False]
    """
    size = abs(float(value))
    digits = f"{size:.10g}".replace(".", "")
    if "e" in digits or size == 0:
        return False
    if value < 0 and size <= 9 and size.is_integer():
        return True
    ends = {"7", "8", "9"} if size.is_integer() else {"9"}
    if len(digits) == 1:
        return digits in ends
    alike = len(set(digits)) == 1 and digits[0] in ends
    return alike or (size.is_integer() and set(digits[:-1]) == {"9"} and digits[-1] in "6789")


def standing_apart(values: np.ndarray, *, zero_counts: bool = True) -> list[Apart] | None:
    """Return the values that stand apart from all others; None where nobody could tell.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Finite numbers.
    zero_counts : bool
        Whether zero is a value like any other, as it is of counts and of money.

    Notes
    -----
    A number that is commonly used as a code needs a smaller gap than any other, and on the side of
    the negative numbers next to none where all others are zero or more.

    Examples
    --------
    >>> ages = np.append(np.arange(18.0, 68.0), [999.0, 999.0])
    >>> [(one.values, one.side) for one in standing_apart(ages)]
    [((999.0,), 'above')]
    """
    levels, counts = np.unique(values, return_counts=True)
    if len(values) < FEWEST_ROWS or len(levels) < FEWEST_VALUES:
        return None
    found = []
    for side, sign in (("below", -1.0), ("above", 1.0)):
        inside, times = (levels, counts) if sign > 0 else (-levels[::-1], counts[::-1])
        end = _codes_at_end(inside, times, sign, zero_counts=zero_counts) or _far(
            inside, times, sign, zero_counts=zero_counts
        )
        if end:
            named, edge, next_one = sign * inside[-end:], inside[-end], inside[-end - 1]
            rows = np.flatnonzero(sign * values >= edge)
            coded = [v for v in named if is_code(v) or (v == 0 and not zero_counts)]
            repeated = len(named) == 1 and len(rows) >= SPIKE
            codes = tuple(sorted(map(float, named))) if len(coded) == len(named) or repeated else ()
            found.append(Apart(rows, codes, side, float(sign * edge), float(sign * next_one)))
    return found


def _spread(inside: np.ndarray, times: np.ndarray) -> tuple[float, float, float]:
    """Return the middle 98 % of the values as they are and on the scale of asinh, and its unit."""
    shares = np.cumsum(times) / times.sum()
    low, middle, high = inside[np.searchsorted(shares, (0.01, 0.5, 0.99)).clip(max=len(shares) - 1)]
    away = np.abs(inside - middle)
    order = np.argsort(away)
    half = np.cumsum(times[order]) >= times.sum() / 2
    unit = float(away[order][half.argmax()]) or float(high - low) / 6 or 1.0
    plain = float(high - low) or unit
    bent = np.arcsinh((high - middle) / unit) - np.arcsinh((low - middle) / unit)
    return plain, float(bent) or 1.0, unit


def _gaps(inside: np.ndarray, times: np.ndarray, end: int) -> tuple[float, float]:
    """Return the gap below the last `end` values as a share of the spread, on both scales.

    A step as wide as those between the values next to it is none.
    """
    rest, counts = inside[:-end], times[:-end]
    plain, bent, unit = _spread(rest, counts)
    middle = rest[np.searchsorted(np.cumsum(counts), counts.sum() / 2)]
    edge, next_one = inside[-end], rest[-1] + np.diff(rest[-6:]).max()
    if edge <= next_one:
        return 0.0, 0.0
    scaled = np.arcsinh((edge - middle) / unit) - np.arcsinh((next_one - middle) / unit)
    return float((edge - next_one) / plain), float(scaled / bent)


def _codes_at_end(inside: np.ndarray, times: np.ndarray, sign: float, *, zero_counts: bool) -> int:
    """Return how many of the last values are codes that stand apart from the others."""
    most = min(MOST_CODES, len(inside) - 2)
    outer = sign * inside[-most:][::-1] if most > 0 else []
    codes = 0
    for value in outer:
        if not is_code(value):
            break
        codes += 1
    for end in range(codes, 0, -1):
        if _coded(inside, times, end, sign):
            return end
    if not zero_counts and sign < 0 and inside[-1] == 0 and len(inside) > FEWEST_VALUES:
        plain, _ = _gaps(inside, times, 1)
        return int(plain > GAP and times[-1] < times.sum() / 2)
    return 0


def _coded(inside: np.ndarray, times: np.ndarray, end: int, sign: float) -> bool:
    """Return whether the last values, which are codes, stand apart."""
    rest, counts = inside[:-end], times[:-end]
    rows, edge, many = int(times[-end:].sum()), float(inside[-end]), int(times[-end:].max())
    if 2 * rows > times.sum():
        return False
    plain, bent = _gaps(inside, times, end)
    spiked = rows >= SPIKE and many > counts[-1]
    short, apart = edge < 10, plain > GAP
    nines = set(f"{inside[-1]:.10g}".replace(".", "")) == {"9"}
    if sign < 0 and edge > 0 and rest[-1] <= 0:  # the only negative numbers of the column
        if not short or (rows > 1 and bool((rest % 1 != 0).any())):
            return True
        alone = edge - rest[-1] > 2 * np.diff(rest[-6:]).max(initial=0.0)
        if end == 1 and rows > 1 and edge >= LARGE_DIGIT and (alone or many > counts[-3:].max()):
            return True
        wide = len(inside) - len(rest) == 1 and many >= LONE and rest[-1] - rest[0] >= WIDE
        return (
            wide
            or (spiked and many > 2 * counts[-3:].max())
            or (apart and (rows >= SPIKE or bent > GAP))
        )
    ends = counts[-1] >= max(FEWEST_AT_END, BOUNDED * counts.max())
    bounded = sign > 0 and rows >= SPIKE and ends and len(rest) <= SCALE
    if bounded and edge - rest[-1] > np.diff(rest[-6:]).max():
        return True  # a scale that ends before the code
    if not apart or (rows < 2 and not nines):
        return False
    if nines and rows > 1 and edge >= 99 and edge > BEYOND * abs(rest[-1]):
        return True
    if edge < 100:
        return (spiked and rows > (SPIKE if short else 1)) or (not short and bent > 2 * GAP)
    return spiked or bent > GAP


def _far(inside: np.ndarray, times: np.ndarray, sign: float, *, zero_counts: bool) -> int:
    """Return how many of the last values stand far from the others, whatever they are."""
    rows, total = 0, int(times.sum())
    for end in range(1, min(len(inside) - FEWEST_VALUES, 50)):
        rows += int(times[-end])
        if rows > max(1, MOST_FAR * total):
            break
        if sign < 0 and zero_counts and inside[-end] == 0:
            break
        gap = inside[-end] - inside[-end - 1]
        if gap <= 0.1 * (inside[-end - 1] - inside[0]) and end > 1:
            continue
        if min(rows, MOST_WEIGHT) * min(_gaps(inside, times, end)) >= FAR:
            return end
    return 0
