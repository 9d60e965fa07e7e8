"""Which column may be what: proposals with their evidence. What pays is never proposed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from analysis.start.profile import (
    COUNTS,
    ENGAGEMENT,
    GROUP,
    IDENTIFIER,
    OUTCOME,
    SCORE,
    Profile,
    Profiles,
    match,
)

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
        single = {self.row, self.cluster, self.outcome} - {""}
        return {*self.score, *self.engagement, *self.controls, *single}


def propose(profiles: Profiles, given: Roles) -> Roles:
    """Return the roles given, with a proposal for those left open.

    A score or engagement is proposed by its name, and only where a model can take the column as it
    stands; a row's identifier by its name where hardly two rows share it. Controls and clusters are
    listed as possible, not proposed: what to hold constant is a judgement. The outcome and the
    smallest effect of interest are left to the user.
    """
    free = {n: c for n, c in profiles.items() if n not in given.taken and not match(n, OUTCOME)}
    usable = {n: c for n, c in free.items() if c.numeric and not c.constant}
    scores = {} if given.score else _named(usable, SCORE)
    scores = {} if len(scores) > MOST_SCORES else scores
    rest = {n: c for n, c in usable.items() if n not in scores}
    engagement = {} if given.engagement else _named(rest, ENGAGEMENT)
    others = {n: c for n, c in free.items() if n not in scores and n not in engagement}
    rows = {} if given.row else dict(list(_identifiers(others).items())[:1])
    roles = replace(
        given,
        score=given.score or tuple(scores),
        engagement=given.engagement or tuple(engagement),
        row=given.row or "".join(rows),
        proposed={**scores, **engagement, **rows},
    )
    return replace(roles, possible=_possible(profiles, roles))


def _named(columns: Profiles, words: frozenset[str]) -> dict[str, str]:
    """Return {column: evidence} of the names with one of the words; a count of scores is none."""
    named = {}
    for name, column in columns.items():
        word = match(name, words)
        if word and not (words is SCORE and match(name, COUNTS)):
            named[name] = f'the name has "{word}"; {column.evidence(examples=False)}'
    return named


def _identifiers(columns: Profiles) -> dict[str, str]:
    """Return {column: evidence} of identifiers that no two rows share, or very few."""
    named = {}
    for name, column in columns.items():
        word, repeats = match(name, IDENTIFIER), column.known - column.distinct
        many = column.distinct >= NEARLY_ALL * column.known
        if word and many and not column.missing and column.type != "date":
            again = f"{repeats:,} of its values come again"
            named[name] = (
                f'the name has "{word}"; {again if repeats else "no two rows share a value"}'
            )
    return named


def _possible(profiles: Profiles, roles: Roles) -> dict[str, tuple[str, ...]]:
    """Return, by role, the columns for which it is open."""
    taken = roles.taken
    left = {name: column for name, column in profiles.items() if name not in taken}
    left = {name: column for name, column in left.items() if not column.constant}
    groups = [
        name
        for name, column in left.items()
        if column.type in ("category", "text")
        and not column.unique
        and column.distinct >= FEWEST_GROUPS
        and match(name, GROUP | IDENTIFIER)
    ]
    held = [
        name
        for name, column in left.items()
        if (column.numeric or (column.type == "category" and not column.personal))
        and not match(name, OUTCOME | IDENTIFIER)
        and name not in groups
    ]
    pays = [n for n, column in left.items() if column.type in ("integer", "number", "binary")]
    return {"outcome": tuple(pays), "cluster": tuple(groups), "control": tuple(held)}


def is_skewed(column: Profile) -> bool:
    """Return whether numbers from 0 have some that lie far above the others."""
    if column.low is None or column.high is None or column.low < 0:
        return False
    return column.high > SKEWED * max(column.median or 0.0, 1.0)
