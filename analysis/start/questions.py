"""What `init` asks on a terminal: which column is what. Enter takes a proposal, or leaves a line
for later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import click

from analysis.errors import printable
from analysis.start.draft import KINDS, SESOI
from analysis.start.profile import Profile
from analysis.start.roles import Roles, propose

LATER, NONE = "later", "none"
"""The answers that leave a line of the plan for later, or out."""


def ask(seen: dict[str, Profile], given: Roles) -> Roles:
    """Show the columns, and ask for each role that was not given; what was confirmed is no proposal
    any more.
    """
    click.echo("The columns:")
    for number, (name, column) in enumerate(seen.items(), 1):
        click.echo(
            f"  {number:>3}  {printable(name, limit=60)}: {printable(column.evidence(), limit=200)}"
        )
    click.echo("Answer with numbers or names, separated by commas.")
    roles = given
    if not roles.score:
        proposed = propose(seen, roles).score
        roles = replace(roles, score=_columns("Score, what is audited", seen, roles, proposed))
    if not roles.engagement:
        proposed = propose(seen, roles).engagement
        what = "Engagement, what anyone can see people do"
        roles = replace(roles, engagement=_columns(what, seen, roles, proposed))
    roles = (
        roles
        if roles.outcome
        else replace(roles, outcome=_column("Outcome, what pays", seen, roles, LATER))
    )
    if roles.outcome and not roles.kind:
        roles = replace(roles, kind=_kind(seen[roles.outcome]))
    if roles.kind and roles.sesoi is None:
        roles = replace(roles, sesoi=_sesoi(roles.kind))
    if not roles.controls:
        what = "Controls, known before the outcome and held constant"
        roles = replace(roles, controls=_columns(what, seen, roles, (), NONE))
    if not roles.row:
        roles = replace(
            roles,
            row=_column("Row, what identifies one", seen, roles, NONE, propose(seen, roles).row),
        )
    if not roles.cluster:
        roles = replace(
            roles, cluster=_column("Cluster, what rows belong to together", seen, roles, NONE)
        )
    return replace(roles, possible=propose(seen, roles).possible)


def _columns(
    what: str, seen: dict[str, Profile], roles: Roles, proposed: tuple[str, ...], none: str = LATER
) -> tuple[str, ...]:
    names = list(seen)
    default = ", ".join(str(names.index(name) + 1) for name in proposed) or none
    return click.prompt(what, default=default, value_proc=_picker(names, roles, none))


def _column(
    what: str, seen: dict[str, Profile], roles: Roles, none: str, proposed: str = ""
) -> str:
    def one(answer: str) -> str:
        picked = _picker(list(seen), roles, none)(answer)
        if len(picked) > 1:
            raise click.BadParameter("one column")
        return picked[0] if picked else ""

    default = str(list(seen).index(proposed) + 1) if proposed else none
    return click.prompt(what, default=default, value_proc=one)


def _picker(names: list[str], roles: Roles, none: str) -> Callable[[str], tuple[str, ...]]:
    """Return a reader of answers: a name, numbers or names separated by commas, or the word for
    none.
    """

    def pick(answer: str) -> tuple[str, ...]:
        whole = answer.strip()
        if whole not in names and whole.casefold() == none:
            return ()
        words = (
            [whole]
            if whole in names
            else [word.strip() for word in whole.split(",") if word.strip()]
        )
        picked = tuple(dict.fromkeys(_one(word, names) for word in words))
        for name in picked:
            if name in roles.taken:
                raise click.BadParameter(
                    f'"{printable(name)}" has a role already, and a column has one'
                )
        return picked

    return pick


def _one(word: str, names: list[str]) -> str:
    if word in names:
        return word
    if word.isdecimal() and 0 < int(word) <= len(names):
        return names[int(word) - 1]
    raise click.BadParameter(
        f'there is no column "{printable(word)}"; the numbers go from 1 to {len(names)}'
    )


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
            taught = "" if kind == "continuous" else ": 5 % is written 0.05"
            raise click.BadParameter(f"a number, or {LATER}{taught}") from None
        if not 0 < value < (float("inf") if kind == "continuous" else 1):
            raise click.BadParameter(
                "above 0" if kind == "continuous" else "above 0 and below 1: 5 % is written 0.05"
            )
        return value

    click.echo(
        "The smallest effect of one standard deviation of the score that would matter to you:"
        f" {SESOI[kind]}."
    )
    return click.prompt("SESOI", default=LATER, value_proc=read)
