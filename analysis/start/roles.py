"""Which column is what: proposed with evidence, or asked. What pays is never proposed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product

import click

from analysis.data.names import (
    COUNTS,
    ENGAGEMENT,
    GROUP,
    IDENTIFIER,
    MEASURE,
    OUTCOME,
    SCORE,
    match,
)
from analysis.errors import printable, quoted
from analysis.start.profile import Profile, Profiles
from analysis.start.recording import Recording, ask_recording

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

HALVES = (("odd", "even"), ("first", "second"), ("a", "b"), ("1", "2"))
"""How two recordings of one column are often named: the column's name, a mark between, and one of
these.
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
    recorded : Recording
        How well engagement was, where that is said.
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
    recorded: Recording = field(default_factory=Recording)
    proposed: dict[str, str] = field(default_factory=dict)
    possible: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def taken(self) -> set[str]:
        """Every column that has a role."""
        single = {self.row, self.cluster, self.outcome} - {""}
        several = (self.score, self.engagement, self.controls, self.recorded.recordings)
        return {column for columns in several for column in columns} | single


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
        if not column.unique
        and column.distinct >= FEWEST_GROUPS
        and (
            column.code or (column.type in ("category", "text") and match(name, GROUP | IDENTIFIER))
        )
    ]
    # what names things first; a size or an age last
    groups.sort(key=lambda n: (bool(match(n, MEASURE)), not match(n, GROUP | IDENTIFIER)))
    held = [
        name
        for name, column in left.items()
        if (column.numeric or (column.type == "category" and not column.personal))
        and not match(name, OUTCOME | IDENTIFIER)
        and (name not in groups or column.code)
    ]
    pays = [
        name
        for name, column in left.items()
        if column.type in ("integer", "number", "binary") or column.words
    ]
    return {"outcome": tuple(pays), "cluster": tuple(groups), "control": tuple(held)}


def is_skewed(column: Profile) -> bool:
    """Return whether numbers from 0 have some that lie far above the others."""
    if column.low is None or column.high is None or column.low < 0:
        return False
    return column.high > SKEWED * max(column.median or 0.0, 1.0)


# --- asked on a terminal: enter takes a proposal, or puts it off ----------------------------------

KINDS = '"revenue" (money, from 0), "count" (0, 1, 2 ...), "binary" (0 or 1) or "continuous"'
SESOI = {
    "revenue": "a fraction of the mean, such as 0.05 for 5 % of it",
    "count": "a fraction of the mean, such as 0.05 for 5 % of it",
    "binary": "a difference in probability, such as 0.02 for 2 percentage points",
    "continuous": "in units of the outcome",
    "": (
        "revenue and count: a fraction of the mean, 0.05 is 5 %; binary: a difference in"
        " probability; else units"
    ),
}
"""What `sesoi` is counted in, by kind."""

LATER, NONE = "later", "none"
"""The answers that leave a line of the plan for later, or out."""

Picker = Callable[[str], tuple[str, ...]]

QUESTIONS = (
    ("score", "Score, what is audited", LATER),
    ("engagement", "Engagement, what anyone can see people do", LATER),
    ("outcome", "Outcome, what pays", LATER),
    ("controls", "Controls, known before the outcome and held constant", NONE),
    ("row", "Row, what identifies one", NONE),
    ("cluster", "Cluster, what rows belong to together", NONE),
)
"""What is asked of a role, in this order, and the answer that leaves it open."""


def ask(profiles: Profiles, given: Roles) -> Roles:
    """Show the columns, and ask for each role not given; what is confirmed is no proposal."""
    click.echo("The columns:")
    for number, (name, column) in enumerate(profiles.items(), 1):
        evidence = printable(column.evidence(), limit=200)
        click.echo(f"  {number:>3}  {printable(name, limit=60)}: {evidence}")
    click.echo("Answer with numbers or names, separated by commas.")
    roles, names = given, list(profiles)
    for role, what, none in QUESTIONS:
        if not getattr(roles, role):
            several = role in ("score", "engagement", "controls")
            proposed = getattr(propose(profiles, roles), role)
            proposed = proposed if several else (proposed,) if proposed else ()
            default = ", ".join(str(names.index(name) + 1) for name in proposed) or none
            pick = _picker(names, roles, none)
            pick = pick if several else _single(pick)
            roles = replace(roles, **{role: click.prompt(what, default=default, value_proc=pick)})
        if role == "engagement":
            recorded = _ask_recording(profiles, roles)
            roles = replace(roles, recorded=recorded)
        if role == "outcome" and roles.outcome and not roles.kind:
            roles = replace(roles, kind=_kind(profiles[roles.outcome]))
        if role == "outcome" and roles.kind and roles.sesoi is None:
            roles = replace(roles, sesoi=_sesoi(roles.kind))
    return replace(roles, possible=propose(profiles, roles).possible)


def _ask_recording(profiles: Profiles, roles: Roles) -> Recording:
    names = list(profiles)

    def two(answer: str) -> tuple[str, str]:
        picked = _picker(names, roles, "")(answer)
        if len(picked) != 2:
            raise click.BadParameter("two columns, separated by a comma")
        return picked[0], picked[1]

    def likely(column: str) -> list[str]:
        pair = halves_of(column, profiles)
        return [] if {*pair} & roles.taken else pair

    return ask_recording(roles.recorded, roles.engagement, two, likely)


def halves_of(name: str, profiles: Profiles) -> list[str]:
    """Return the two columns that are named as the halves of one; none where there are no such."""
    pairs = ([f"{name}{mark}{end}" for end in ends] for mark, ends in product("_- .", HALVES))
    return next((pair for pair in pairs if all(column in profiles for column in pair)), [])


def _picker(names: list[str], roles: Roles, none: str) -> Picker:
    """Return a reader of answers: names or numbers separated by commas, or the word for none."""

    def pick(answer: str) -> tuple[str, ...]:
        whole = answer.strip()
        if whole not in names and whole.casefold() == none:
            return ()
        words = [whole] if whole in names else filter(None, map(str.strip, whole.split(",")))
        picked = tuple(dict.fromkeys(_one(word, names) for word in words))
        for name in picked:
            if name in roles.taken:
                raise click.BadParameter(f"{quoted(name)} has a role already, and a column has one")
        return picked

    return pick


def _single(pick: Picker) -> Callable[[str], str]:
    def one(answer: str) -> str:
        picked = pick(answer)
        if len(picked) > 1:
            raise click.BadParameter("one column")
        return "".join(picked)

    return one


def _one(word: str, names: list[str]) -> str:
    if word in names:
        return word
    if word.isdecimal() and 0 < int(word) <= len(names):
        return names[int(word) - 1]
    raise click.BadParameter(
        f"there is no column {quoted(word)}; the numbers go from 1 to {len(names)}"
    )


def _kind(column: Profile) -> str:
    click.echo(f"{printable(column.name)} has {column.evidence()}. Its kind is {KINDS}.")
    kinds = click.Choice([*filter(None, SESOI), LATER])
    answer = click.prompt("Kind", type=kinds, default=LATER)
    return "" if answer == LATER else answer


def _sesoi(kind: str) -> float | None:
    free = kind == "continuous"
    taught = "5 % is written 0.05"

    def read(answer: str) -> float | None:
        if answer.strip().casefold() == LATER:
            return None
        try:
            value = float(answer.strip().replace(",", "."))
        except ValueError:
            words = f"a number, or {LATER}"
            raise click.BadParameter(words if free else f"{words}: {taught}") from None
        if not 0 < value < (float("inf") if free else 1):
            raise click.BadParameter("above 0" if free else f"above 0 and below 1: {taught}")
        return value

    effect = "The smallest effect of one standard deviation of the score that would matter to you"
    click.echo(f"{effect}: {SESOI[kind]}.")
    return click.prompt("SESOI", default=LATER, value_proc=read)
