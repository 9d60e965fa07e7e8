"""Which column may be what: proposals with their evidence. What pays is never proposed."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis.start.profile import Profile
from analysis.start.words import ENGAGEMENT, GROUP, IDENTIFIER, OUTCOME, SCORE, match

FEWEST_GROUPS = 10
"""A column with fewer groups is not listed as a cluster: so few say little about how groups differ.
"""

SKEWED = 5.0
"""Where the largest value lies more than so many times above the typical one, each doubling is
treated alike.
"""

NEARLY_ALL = 0.98
"""Share of different values from which a column with the name of an identifier is one, its repeats
being errors.
"""

MOST_SCORES = 4
"""More columns than this with the name of a score are no proposal, but a choice."""


@dataclass(frozen=True)
class Roles:
    """A role for some of the columns, as given or as proposed.

    Attributes
    ----------
    score, engagement, controls : tuple of str
    row, cluster : str
        Empty where there is none.
    outcome, kind : str
        As given; empty where nobody said.
    sesoi : float or None
    proposed : dict of str to str
        The evidence for each column whose role nobody gave.
    possible : dict of str to tuple of str
        By role (``control``, ``cluster``, ``outcome``): columns for which the role is open.
    """

    score: tuple[str, ...] = ()
    engagement: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    row: str = ""
    cluster: str = ""
    outcome: str = ""
    kind: str = ""
    sesoi: float | None = None
    proposed: dict[str, str] = field(default_factory=dict)
    possible: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def taken(self) -> set[str]:
        """Every column that has a role."""
        return {
            *self.score,
            *self.engagement,
            *self.controls,
            self.row,
            self.cluster,
            self.outcome,
        } - {""}


def propose(seen: dict[str, Profile], given: Roles) -> Roles:
    """Return the roles given, with a proposal for those left open.

    A score or engagement is proposed by its name, and only where a model can take the column as it
    stands; a row's identifier by its name where hardly two rows share it. Controls and clusters are
    listed as possible, not proposed: what to hold constant is a judgement. The outcome and the
    smallest effect of interest are left to the user.
    """
    free = {
        name: column
        for name, column in seen.items()
        if name not in given.taken and not match(name, OUTCOME)
    }
    usable = {
        name: column for name, column in free.items() if column.numeric and not column.constant
    }
    scores = _named(usable, SCORE) if not given.score else {}
    scores = {} if len(scores) > MOST_SCORES else scores
    rest = {name: column for name, column in usable.items() if name not in scores}
    engagement = _named(rest, ENGAGEMENT) if not given.engagement else {}
    rows = (
        {}
        if given.row
        else _rows({n: c for n, c in free.items() if n not in (*scores, *engagement)})
    )
    found = Roles(
        given.score or tuple(scores),
        given.engagement or tuple(engagement),
        given.controls,
        given.row or next(iter(rows), ""),
        given.cluster,
        given.outcome,
        given.kind,
        given.sesoi,
        {**scores, **engagement, **dict(list(rows.items())[:1])},
    )
    return Roles(**{**vars(found), "possible": _possible(seen, found)})


def _named(columns: dict[str, Profile], words: frozenset[str]) -> dict[str, str]:
    """Return {column: evidence} for the columns whose name has one of the words; a count of scores
    is no score.
    """
    found = {}
    for name, column in columns.items():
        word = match(name, words)
        if word and not (words is SCORE and _counts(name)):
            found[name] = f'the name has "{word}"; {column.evidence(examples=False)}'
    return found


def _counts(name: str) -> bool:
    """Return whether a name says that it counts something, such as "number of ratings"."""
    return bool(
        match(
            name, frozenset({"count", "counts", "number", "anzahl", "nombre", "aantal", "num", "n"})
        )
    )


def _rows(columns: dict[str, Profile]) -> dict[str, str]:
    """Return {column: evidence} for identifiers that no two rows share, or very few: repeats are
    for the user.
    """
    found = {}
    for name, column in columns.items():
        word = match(name, IDENTIFIER)
        if (
            word
            and not column.missing
            and column.distinct >= NEARLY_ALL * column.known
            and column.type != "date"
        ):
            repeats = column.known - column.distinct
            said = (
                f"{repeats:,} of its values come again" if repeats else "no two rows share a value"
            )
            found[name] = f'the name has "{word}"; {said}'
    return found


def _possible(seen: dict[str, Profile], roles: Roles) -> dict[str, tuple[str, ...]]:
    open_ = {
        name: column
        for name, column in seen.items()
        if name not in roles.taken and not column.constant
    }
    pays = [
        name for name, column in open_.items() if column.type in ("integer", "number", "binary")
    ]
    groups = [
        name
        for name, column in open_.items()
        if column.type in ("category", "text")
        and not column.unique
        and column.distinct >= FEWEST_GROUPS
        and match(name, GROUP | IDENTIFIER)
    ]
    held = [
        name
        for name, column in open_.items()
        if (column.numeric or (column.type == "category" and not column.personal))
        and not match(name, OUTCOME)
        and not match(name, IDENTIFIER)
        and name not in groups
    ]
    return {"outcome": tuple(pays), "cluster": tuple(groups), "control": tuple(held)}


def is_skewed(column: Profile) -> bool:
    """Return whether numbers from 0 have some that lie far above the others."""
    if column.low is None or column.high is None or column.low < 0:
        return False
    return column.high > SKEWED * max(column.median or 0.0, 1.0)
