"""What `init` asks on a terminal: which column is what. Enter takes a proposal, or leaves a line for later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import click

from analysis.errors import printable
from analysis.start.draft import KINDS, SESOI
from analysis.start.profile import Profile
from analysis.start.roles import Roles, propose

LATER = "later"
"""The answer that leaves a line of the plan for later."""


def ask(seen: dict[str, Profile], given: Roles) -> Roles:
    """Show the columns, and ask for each role that was not given; what was confirmed is no proposal any more."""
    click.echo("The columns:")
    for number, (name, column) in enumerate(seen.items(), 1):
        click.echo(f"  {number:>3}  {printable(name, limit=60)}: {printable(column.evidence(), limit=200)}")
    click.echo("Answer with numbers or names, separated by commas.")
    found = propose(seen, given)
    score = given.score or _columns("Score, what is audited", seen, found.score)
    found = propose(seen, replace(given, score=score))
    engagement = given.engagement or _columns("Engagement, what anyone can see people do", seen, found.engagement)
    outcome = given.outcome or _column("Outcome, what pays", seen, LATER)
    kind = given.kind or (_kind(seen[outcome]) if outcome else "")
    sesoi = given.sesoi if given.sesoi is not None or not kind else _sesoi(kind)
    controls = given.controls or _columns("Controls, known before the outcome and held constant", seen, (), "none")
    row = given.row or _column("Row, what identifies one", seen, "none", found.row)
    cluster = given.cluster or _column("Cluster, what rows belong to together", seen, "none")
    return propose_the_rest(seen, Roles(score, engagement, controls, row, cluster, outcome, kind, sesoi))


def propose_the_rest(seen: dict[str, Profile], answered: Roles) -> Roles:
    """Return the roles as answered, with the columns that are left as possible ones; nothing is proposed."""
    return replace(answered, possible=propose(seen, answered).possible)


def _columns(what: str, seen: dict[str, Profile], proposed: tuple[str, ...], none: str = LATER) -> tuple[str, ...]:
    names = list(seen)
    default = ", ".join(str(names.index(name) + 1) for name in proposed) or none
    return click.prompt(what, default=default, value_proc=_picker(names, none))


def _column(what: str, seen: dict[str, Profile], none: str, proposed: str = "") -> str:
    def one(answer: str) -> str:
        picked = _picker(list(seen), none)(answer)
        if len(picked) > 1:
            raise click.BadParameter("one column")
        return picked[0] if picked else ""

    default = str(list(seen).index(proposed) + 1) if proposed else none
    return click.prompt(what, default=default, value_proc=one)


def _picker(names: list[str], none: str) -> Callable[[str], tuple[str, ...]]:
    """Return a reader of answers: a name, numbers or names separated by commas, or the word for none."""

    def pick(answer: str) -> tuple[str, ...]:
        if answer.strip() in names:
            return (answer.strip(),)
        if answer.strip().casefold() == none:
            return ()
        return tuple(dict.fromkeys(_one(word.strip(), names) for word in answer.split(",") if word.strip()))

    return pick


def _one(word: str, names: list[str]) -> str:
    if word in names:
        return word
    if word.isdecimal() and 0 < int(word) <= len(names):
        return names[int(word) - 1]
    raise click.BadParameter(f'there is no column "{printable(word)}"; the numbers go from 1 to {len(names)}')


def _kind(column: Profile) -> str:
    click.echo(f"{printable(column.name)} has {column.evidence()}. Its kind is {KINDS}.")
    kinds = [kind for kind in SESOI if kind]
    answer = click.prompt("Kind", type=click.Choice([*kinds, LATER]), default=LATER)
    return "" if answer == LATER else answer


def _sesoi(kind: str) -> float | None:
    def read(answer: str) -> float | None:
        if answer.strip().casefold() == LATER:
            return None
        try:
            value = float(answer.strip().replace(",", "."))
        except ValueError:
            raise click.BadParameter(f"a number, or {LATER}") from None
        if not 0 < value < (float("inf") if kind == "continuous" else 1):
            raise click.BadParameter("above 0" if kind == "continuous" else "above 0 and below 1")
        return value

    click.echo(f"The smallest effect of one standard deviation of the score that would matter to you: {SESOI[kind]}.")
    return click.prompt("SESOI", default=LATER, value_proc=read)
