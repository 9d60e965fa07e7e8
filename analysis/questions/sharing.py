"""Whose noise a score may share, and at which corners of what is not known a corrected word has to hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from analysis.estimates import Estimate
from analysis.plan import Plan

MOST = 6
"""Columns whose ranges, or whose sharing, are tried in every combination: 64 corrections. With more none decides."""


@dataclass(frozen=True, eq=False)
class Supposed:
    """The effect if the score shares all noise of some columns and none of the others, which alone are corrected.

    Attributes
    ----------
    shared : tuple of str
    effect : Estimate
    """

    shared: tuple[str, ...]
    effect: Estimate


def mixed_corners(declared: Sequence[str]) -> list[str]:
    """Return the corners of several declared ranges at which some are low and others high.

    Notes
    -----
    The numerator of a corrected coefficient, and the determinant below it, are linear in each error variance while
    the others stand still. So where the coefficient lies on one side of a bound at every corner, it does inside.

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
    """Return the points of the declared ranges at which a word has to hold; "value" alone where none is declared.

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
    return {column: bounds[place[end]] for (column, bounds), end in zip(declared.items(), ends, strict=True)}


def partly_shared(columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Return the sets of columns, neither none nor all, of which a score may share the noise; none with over `MOST`.

    Notes
    -----
    Let the score be ``c'(E + a u) + v``, with errors u, a share in [0, 1] of each, and an outcome that has nothing of
    the score given E. With error variances s, least squares that subtracts ``(1 - a) s`` gives the score zero, and the
    numerator of its coefficient is linear in each column's subtracted part. So zero lies between the coefficients of
    the corners, where each part is 0 (shared, uncorrected) or s, whatever the shares: a word that all of them give is
    none of the noise. A share outside of [0, 1] is not covered.

    Examples
    --------
    >>> list(partly_shared(["likes", "views"]))
    [('likes',), ('views',)]
    """
    if len(columns) <= MOST:
        for size in range(1, len(columns)):
            yield from combinations(columns, size)


def to_suppose(unknown: Sequence[str], noisy: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of columns whose noise the score may share, and that leave another column to be corrected.

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
    return [*partly_shared(unknown), *([tuple(unknown)] if unknown and set(unknown) < set(noisy) else [])]


def too_many(plan: Plan, score: str, declared: Sequence[str]) -> str | None:
    """Return why no correction decides where there are too many combinations to try."""
    counts = {
        "columns with a declared reliability": len(declared),
        "noisy columns of which it is not known whether the score shares their noise": len(open_columns(plan, score)),
    }
    over = [f"{count} {what}" for what, count in counts.items() if count > MOST]
    if not over:
        return None
    return (
        f"There are {' and '.join(over)}: a corrected word has to hold in every combination, and with more than {MOST} "
        "they are not tried, so the correction decides nothing."
    )


def sharing_reason(score_has_halves: bool, said: dict[tuple[str, ...], str], columns: Sequence[str]) -> str:
    """Return the reason why it is not decided whose noise the score shares.

    Parameters
    ----------
    score_has_halves : bool
    said : dict
        The answer in words, by the columns whose noise the score is supposed to share.
    columns : sequence of str
        All of them.
    """
    asked = "the halves of engagement, too" if score_has_halves else "the score's halves"
    ordinary = "the fit that leaves their noise in" if score_has_halves else "the ordinary fit"
    none, every = said[()], said[tuple(columns)]
    if none != every:
        return (
            "It is not known whether the score shares the noise of recorded engagement. If it was computed from these "
            f"very records, {ordinary} is right and says {every}; if it saw other records, the corrected one is "
            f"right and says {none}. Say which in the plan (shares_error), or give {asked}."
        )
    odd = next(shared for shared, word in said.items() if word != none)
    matter = [c for c in columns if any(said[_turned(shared, c, columns)] != word for shared, word in said.items())]
    own, apart = ", ".join(odd), ", ".join(column for column in columns if column not in odd)
    return (
        f"It is not known whose noise the score shares, and for {', '.join(matter)} it decides: if it was computed "
        f"from the very records of {own} and saw other records of {apart}, the fit that corrects {apart} alone is "
        f"right and says {said[odd]}; if it shares the noise of all or of none, the answer is {none}. Say which in the "
        f"plan (shares_error), or give {asked}."
    )


def _turned(shared: tuple[str, ...], column: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the same set with one column more, or without it."""
    turned = {*shared} ^ {column}
    return tuple(one for one in columns if one in turned)


def open_columns(plan: Plan, score: str) -> tuple[str, ...]:
    """Return the corrected engagement columns of which nobody knows whether the score shares their noise.

    None where the plan says that it shares all noise or none. Halves of the score show what it shares with a column
    that has halves, too; a declared reliability says how large the noise of its column is, and not whose it is.
    """
    if plan.score.shares_error != "unknown":
        return ()
    known = plan.engagement.halves if score in plan.score.halves else ()
    noisy = {*plan.engagement.halves, *plan.engagement.reliability}
    return tuple(column for column in plan.engagement.columns if column in noisy and column not in known)
