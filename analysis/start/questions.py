"""What `init` asks on a terminal: which column is what. Enter takes a proposal, or puts it off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import click

from analysis.errors import printable, quoted
from analysis.start.draft import KINDS, SESOI
from analysis.start.profile import Profile, Profiles
from analysis.start.roles import Roles, propose

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
        if role == "outcome" and roles.outcome and not roles.kind:
            roles = replace(roles, kind=_kind(profiles[roles.outcome]))
        if role == "outcome" and roles.kind and roles.sesoi is None:
            roles = replace(roles, sesoi=_sesoi(roles.kind))
    return replace(roles, possible=propose(profiles, roles).possible)


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
