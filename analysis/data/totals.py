"""Rows that are no observation but a sum or a mean of the others."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

TOTAL = re.compile(
    r"\W*((grand|sub|over)?[ -]?totals?|all|overall|everything|(gesamt|zwischen|end)?summen?|gesamt"
    r"|insgesamt|alle|somme|ensemble|tous|totaal|totale|somma|suma|sum|tutti|todos"
    r"|total g[eé]n[eé]ral|(grand )?total|average|averages|mean|avg|mittelwert|durchschnitt"
    r"|moyenne|promedio|gemiddelde)\W*",
    re.IGNORECASE,
)
"""Cells that say alone that a row is a total or a mean."""

PART_OF = re.compile(
    r"\W*(sub|grand )?totals?\b.*|.*\b(sub)?totals?\W*|.*\b(gesamt|zwischensumme|summe)\W*"
    r"|(summe|gesamt|zwischensumme|totale?|somme|suma|subtotal)\b.*",
    re.IGNORECASE,
)
"""Cells that say so in more words, such as "Total north"."""

HINTS = (
    "total|summ|gesamt|somm|ensemble|tous|totaal|suma|tutti|todos|^.?all|overall|everything|sum"
    "|average|mean|avg|mittelwert|durchschnitt|moyenne|promedio|gemiddelde|mitte"
)
"""What such a cell has in it: looked for first, since a column can have a million cells."""

SURE = 1e-4
"""Chance that a row is the sum or mean of others by accident, below which it is none."""

LONGEST_BLOCK, MOST_SUMS = 60, 100_000_000
"""Rows above or below a row that is named as a subtotal, where all would be too many sums."""

FEWEST_TRIES = 10
"""A row is the sum of so many blocks by chance as can be, and no fewer than this."""

STARTS, ANCHORS, MOST_LOOKUPS = 3, 12, 4_000_000
"""A block is looked for by so many places where it may begin, in each of so many columns with the
finest digits (fewer where rows are many); half of all columns have to agree."""

MOST_NAMED, MOST_LOOKED_AT = 0.2, 5_000
"""A larger share of the rows is no total of the others, whatever it is called; nor are so many."""

FEWEST = 5
"""Fewer rows are not looked at."""


@dataclass(frozen=True, eq=False)
class Totals:
    """Rows that are a sum or mean of others.

    Attributes
    ----------
    rows : ndarray of int
        Their positions.
    what : str
        What they hold, for a sentence.
    named : str
        The column that says so; empty where the numbers alone do.
    """

    rows: np.ndarray
    what: str
    named: str = ""


def find_totals(numbers: pd.DataFrame, texts: pd.DataFrame) -> list[Totals]:
    """Return rows that hold the sum or the mean of others, or say so.

    Parameters
    ----------
    numbers : DataFrame of float, shape (rows, columns)
        In the order of the file; gaps are NaN.
    texts : DataFrame, shape (rows, other columns)
        The cells of columns of text.

    Notes
    -----
    A name alone is enough where the other cells of its column are names of their own and its
    numbers are larger than most; otherwise the numbers have to be the sum, or the mean, of all
    other rows or of a block above or below. Numbers alone count where two columns agree to their
    last digit and chance is out of the question.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [1.5, 2.5, 4.0, 7.5, 3.0, 18.5], "y": [3.0, 1, 4, 1, 5, 14]})
    >>> shops = pd.DataFrame({"shop": ["a", "b", "c", "d", "e", "Total"]})
    >>> [(one.rows.tolist(), one.named) for one in find_totals(table, shops)]
    [([5], 'shop')]
    """
    columns = {name: numbers[name].to_numpy(dtype=float) for name in numbers}
    varied = {n: v for n, v in columns.items() if len(np.unique(v[np.isfinite(v)])) > 2}
    if len(numbers) < FEWEST or not varied:
        return []
    named = _named(texts)
    found, gone = [], np.zeros(len(numbers), dtype=bool)
    for name, mask in named.items():
        rows = _confirmed(varied, mask, alone=_names_rows(texts[name], mask))
        if rows.any():
            found.append(Totals(np.flatnonzero(rows), "a sum or mean of others", name))
            gone |= rows
    for what, look in (
        ("the sum of the rows beside", _blocks),
        ("the sum or mean of all others", _whole),
    ):
        rows = look(varied, gone) & ~gone
        if rows.any():
            found.append(Totals(np.flatnonzero(rows), what))
            gone |= rows
    return found


# --- by name --------------------------------------------------------------------------------------


def _named(texts: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return {column: rows that are named as totals}, of columns in which few rows are."""
    found = {}
    for name in texts:
        cells = texts[name]
        unique = pd.Series(cells.dropna().unique()).astype("str")
        likely = unique[unique.str.contains(HINTS, case=False, regex=True)]
        says = {c for c in likely if TOTAL.fullmatch(c.strip()) or PART_OF.fullmatch(c.strip())}
        if says and len(says) < len(unique):
            found[str(name)] = cells.isin(says).to_numpy(dtype=bool)
    return found


def _names_rows(cells: pd.Series, mask: np.ndarray) -> bool:
    """Return whether the other cells of a column are names of rows, and the row is named alone."""
    others = cells[~mask].dropna()
    alone = all(TOTAL.fullmatch(str(cell).strip()) for cell in cells[mask])
    return alone and len(others) > 0 and others.nunique() > 0.9 * len(others)


def _confirmed(columns: dict[str, np.ndarray], mask: np.ndarray, *, alone: bool) -> np.ndarray:
    """Return which of the rows that are named as totals are so by their numbers."""
    confirmed = np.zeros(len(mask), dtype=bool)
    if mask.sum() > min(MOST_NAMED * len(mask), MOST_LOOKED_AT):
        return confirmed
    others = {n: v[~mask & np.isfinite(v)] for n, v in columns.items()}
    few = int(mask.sum()) * len(mask) * len(columns) <= MOST_SUMS
    longest = len(mask) if few else LONGEST_BLOCK
    known = [_Others(columns[n], v, longest) for n, v in others.items() if len(v) > 1]
    for at in np.flatnonzero(mask):
        there = [one for one in known if np.isfinite(one.values[at])]
        sums = sum(one.is_sum(at) for one in there)
        larger = sum(bool(one.values[at] > one.highest) for one in there)
        means = sum(one.is_mean(at) for one in there)
        added = 2 * sums >= len(there) and (sums > 1 or len(there) == 1)
        likely = larger == len(there) or (alone and 2 * larger >= len(there))
        mean = len(there) > 1 and means == len(there)
        confirmed[at] = bool(there) and (added or likely or mean)
    return confirmed


class _Others:
    """The values of a column, and what those of the rows that are no total come to."""

    def __init__(self, values: np.ndarray, others: np.ndarray, longest: int):
        self.values, self.highest, self.longest = values, others.max(), longest
        self.total, self.mean, self.spread = others.sum(), others.mean(), others.std()
        self.slack = 1e-3 * max(float(np.abs(others).sum()), 1e-12)

    def is_sum(self, at: int) -> bool:
        """Return whether a value is the sum of all other rows, or of those just beside it."""
        whole = abs(self.values[at] - self.total) <= self.slack
        return bool(whole) or _is_block(self.values, at, self.longest)

    def is_mean(self, at: int) -> bool:
        return bool(abs(self.values[at] - self.mean) <= 0.05 * self.spread)


def _is_block(values: np.ndarray, at: int, longest: int) -> bool:
    """Return whether a value is the sum of the rows just above or below it."""
    above = values[max(at - longest, 0) : at][::-1]
    for block in (above, values[at + 1 : at + 1 + longest]):
        inside = np.cumsum(np.nan_to_num(block))[1:]
        if values[at] != 0 and len(inside) and np.isclose(inside, values[at], rtol=1e-6).any():
            return True
    return False


# --- by their numbers -----------------------------------------------------------------------------


def _digit(values: np.ndarray) -> float:
    """Return the unit of the last digit that a column's numbers have."""
    known = values[np.isfinite(values)]
    for places in range(7):
        if np.allclose(known, known.round(places), rtol=0, atol=1e-9 * max(1, abs(known).max())):
            return 10.0**-places
    return 10.0**-7


def _whole(columns: dict[str, np.ndarray], gone: np.ndarray) -> np.ndarray:
    """Return the rows that hold the sum of all others, or their mean, in two columns or more."""
    chance, agree = np.ones(len(gone)), np.zeros(len(gone), dtype=int)
    means, agree_means = np.ones(len(gone)), np.zeros(len(gone), dtype=int)
    for values in columns.values():
        kept = ~gone & np.isfinite(values)
        count, total = int(kept.sum()), float(values[kept].sum())
        spread, unit, one = float(values[kept].std()) or 1.0, _digit(values), _chance(values)
        slack = max(unit, 1e-9 * abs(total))
        off = np.abs(2 * values - total)
        is_sum = kept & (off <= slack * max(1.0, np.sqrt(count) / 3)) & (values != 0)
        chance[is_sum] *= np.maximum(one, min(1.0, 2 * slack / spread))[is_sum]
        agree += is_sum
        mean = (total - np.where(kept, values, 0)) / max(count - 1, 1)
        off = np.abs(values - mean)
        near = kept & (off <= max(0.51 * unit, 1e-6 * spread))
        means[near] *= np.maximum(one, np.minimum(1.0, (2 * off + unit) / spread))[near]
        agree_means += near
    tries = len(gone)
    sums = (agree > 1) & (tries * chance < SURE)
    return sums | ((agree_means == len(columns)) & (agree_means > 1) & (tries * means < SURE))


def _blocks(columns: dict[str, np.ndarray], gone: np.ndarray) -> np.ndarray:
    """Return the rows that hold the sum of a block of rows above or below in two columns or more.

    Sums of two rows at least, in each of which two have a value, of any number of rows.
    """
    rows = np.zeros(len(gone), dtype=bool)
    if len(columns) < 2:
        return rows
    known = [
        (np.where(gone | ~np.isfinite(values), 0.0, values), _digit(values), _chance(values))
        for values in columns.values()
    ]
    for way in (slice(None), slice(None, None, -1)):
        summed = [_Summed(kept[way], digit, chance[way]) for kept, digit, chance in known]
        rows |= _above(summed)[way]
    return rows


def _chance(values: np.ndarray) -> np.ndarray:
    """Return the chance that a number of a column is each of its values, shape (rows,): by its last
    digit, and by how often the value comes again.
    """
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    spread = float(np.nanstd(values)) or 1.0
    again = (counts[at] - 1) / len(values)
    return np.minimum(1.0, np.maximum(2 * _digit(values) / spread, again))


class _Summed:
    """A column, what the rows before each of its places come to, and over how many rows a sum may
    reach to be a value of the column.
    """

    def __init__(self, values: np.ndarray, digit: float, chances: np.ndarray):
        self.values, self.chances = values, chances
        self.sums = np.concatenate([[0.0], np.cumsum(values)])
        self.filled = np.concatenate([[0], np.cumsum(values != 0)])
        middle = abs(float(values.mean()))
        self.reach = float(np.ptp(values)) / middle if middle > 0 else np.inf
        self.slack = max(0.51 * digit, 1e-12 * float(np.abs(self.sums).max()))

    def begins(self) -> np.ndarray:
        """Return ``row (n + 1) + start`` where a row holds the sum of those from a start on."""
        n, order = len(self.values), np.argsort(self.sums, kind="stable")
        asked = np.flatnonzero(self.values)
        wanted, in_order = self.sums[asked] - self.values[asked], self.sums[order]
        low = np.searchsorted(in_order, wanted - self.slack, side="left")
        high = np.searchsorted(in_order, wanted + self.slack, side="right")
        found = []
        for step in range(STARTS):
            there = low + step < high
            start = order[np.minimum(low + step, n)]
            right = there & (start <= asked - 2)
            found.append((asked * (n + 1) + start)[right])
        return np.concatenate(found)

    def agrees(self, row: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return whether rows hold the sum of those from a start on, where two have a value."""
        off = np.abs(self.sums[row] - self.sums[start] - self.values[row])
        some = self.filled[row] - self.filled[start] > 1
        return some & (self.values[row] != 0) & (off <= self.slack)


def _above(columns: list[_Summed]) -> np.ndarray:
    """Return the rows that hold the sum of a block right above, the same block in half of the
    columns, two or more.

    Notes
    -----
    The sum of rows s to r - 1 is the difference of what the rows before r and before s come to, so
    places s are looked up, and not tried one by one.
    """
    n = len(columns[0].values)
    rows = np.zeros(n, dtype=bool)
    finest = sorted(columns, key=lambda one: float(one.chances.mean()))
    pairs = [one.begins() for one in finest[: max(2, min(ANCHORS, MOST_LOOKUPS // n))]]
    row, start = np.divmod(np.unique(np.concatenate(pairs)), n + 1)
    tries = n * min(n / 2, max(FEWEST_TRIES, min(one.reach for one in columns)))
    chance, agree = np.full(len(row), float(tries)), np.zeros(len(row), dtype=int)
    for one in columns:
        same = one.agrees(row, start)
        chance[same] *= one.chances[row[same]]
        agree += same
    rows[row[(agree > 1) & (2 * agree >= len(columns)) & (chance < SURE)]] = True
    return rows
