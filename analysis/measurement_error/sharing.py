"""Whose noise a score may share, and at which corners of what is not known a corrected word has to
hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from analysis.plan import Plan
from analysis.results.answer import MOST, open_columns


def mixed_corners(declared: Sequence[str]) -> list[str]:
    """Return the corners of several declared ranges at which some are low and others high.

    Notes
    -----
    The numerator of a corrected coefficient, and the determinant below it, are linear in each error
    variance while the others stand still. So where the coefficient lies on one side of a bound at
    every corner, it does inside.

    Examples
    --------
    >>> mixed_corners(["likes", "views"])
    ['low-high', 'high-low']
    >>> mixed_corners(["likes"])
    []
    """
    ends = product(("low", "high"), repeat=len(declared))
    return ["-".join(one) for one in ends if len(set(one)) > 1] if len(declared) <= MOST else []


def points_of(declared: Sequence[str]) -> tuple[str, ...]:
    """Return the points of the declared ranges at which a word has to hold; "value" alone where
    none is declared.

    Examples
    --------
    >>> points_of(["likes"])
    ('value', 'low', 'high')
    """
    return ("value", "low", "high", *mixed_corners(declared)) if declared else ("value",)


def values_at(at: str, declared: Mapping[str, tuple[float, float, float]]) -> dict[str, float]:
    """Return each column's reliability at a point of the ranges, which are (low, value, high).

    Examples
    --------
    >>> values_at("low-high", {"likes": (0.7, 0.8, 0.9), "views": (0.5, 0.6, 0.7)})
    {'likes': 0.7, 'views': 0.7}
    """
    ends = at.split("-") if "-" in at else [at] * len(declared)
    place = {"low": 0, "value": 1, "high": 2}
    return {
        column: bounds[place[end]]
        for (column, bounds), end in zip(declared.items(), ends, strict=True)
    }


def partly_shared(columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Return the sets of columns, neither none nor all, of which a score may share the noise; none
    with over `MOST`.

    Notes
    -----
    Let the score be ``c'(E + a u) + v``, with errors u, a share in [0, 1] of each, and an outcome
    that has nothing of the score given E. With error variances s, least squares that subtracts ``(1
    - a) s`` gives the score zero, and the numerator of its coefficient is linear in each column's
    subtracted part. So zero lies between the coefficients of the corners, where each part is 0
    (shared, uncorrected) or s, whatever the shares: a word that all of them give is none of the
    noise. A share outside of [0, 1] is not covered.

    Examples
    --------
    >>> list(partly_shared(["likes", "views"]))
    [('likes',), ('views',)]
    """
    if len(columns) <= MOST:
        for size in range(1, len(columns)):
            yield from combinations(columns, size)


def to_suppose(unknown: Sequence[str], noisy: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of columns whose noise the score may share, and that leave another column to
    be corrected.

    Parameters
    ----------
    unknown : sequence of str
        Columns of which it is not known, from `open_columns`.
    noisy : sequence of str
        All columns that can be corrected.

    Examples
    --------
    >>> to_suppose(["likes", "views"], ["likes", "views"])
    [('likes',), ('views',)]
    >>> to_suppose(["likes"], ["likes", "views"])
    [('likes',)]
    """
    return [
        *partly_shared(unknown),
        *([tuple(unknown)] if unknown and set(unknown) < set(noisy) else []),
    ]


def too_many(plan: Plan, score: str, declared: Sequence[str]) -> str | None:
    """Return why no correction decides where there are too many combinations to try."""
    counts = {
        "columns with a declared reliability": len(declared),
        "noisy columns of which it is not known whether the score shares their noise": len(
            open_columns(plan, score)
        ),
    }
    over = [f"{count} {what}" for what, count in counts.items() if count > MOST]
    if not over:
        return None
    return (
        f"There are {' and '.join(over)}: a corrected word has to hold in every combination, and"
        f" with more than {MOST} they are not tried, so the correction decides nothing."
    )
