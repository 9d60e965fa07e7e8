"""How well engagement was recorded: as said in options, as asked on a terminal, as drafted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import click

from analysis.errors import Fault, PlanError, listing, printable, quoted, unknown
from analysis.plan.files import key, number, text, texts

Pair = tuple[str, str]

EXACT, HALVES, LONG, LATER = "exact", "halves", "long", "later"
"""The answers in words; a number is a known share."""

ANSWERS = {
    EXACT: "an exact count over the outcome's window; it is held constant as it stands.",
    HALVES: "two recordings of the same; its noise is estimated from them and corrected.",
    LONG: "a file with a row per week or post; halves are built from it, and used as such.",
    "0.8": "or another known share of truth in it; corrected at it, and .10 to either side.",
    LATER: "not known; a verdict must hold at every reliability from 0.8 to 1, and says so.",
}
"""What is asked of each engagement column, and what each answer does."""


@dataclass(frozen=True)
class Recording:
    """What is said of how well engagement columns were recorded.

    Attributes
    ----------
    exact : tuple of str
    reliability : dict of str to float
        Share of truth, above 0 and up to 1.
    halves : dict of str to (str, str)
        Two columns with recordings of the same.
    long : tuple of str
        Columns whose halves come from a file with a row per week or post.
    file, account, order : str
        That file, its column that names the account, and its column of time.
    """

    exact: tuple[str, ...] = ()
    reliability: dict[str, float] = field(default_factory=dict)
    halves: dict[str, Pair] = field(default_factory=dict)
    long: tuple[str, ...] = ()
    file: str = ""
    account: str = ""
    order: str = ""

    @property
    def columns(self) -> list[str]:
        """Every column of which something is said, as often as it is."""
        return [*self.exact, *self.reliability, *self.halves, *self.long]

    @property
    def recordings(self) -> set[str]:
        """The columns that are halves of others."""
        return {half for pair in self.halves.values() for half in pair}

    def faults(self, engagement: Iterable[str], names: Iterable[str]) -> list[Fault]:
        """Return what is wrong with it, for these engagement columns and columns of the data."""
        engagement, names, said = list(engagement), list(names), self.columns
        flags = {"--exact": self.exact, "--reliability": self.reliability, "--halves": self.halves}
        found = [
            Fault(f"{flag} {printable(column)}", "no engagement column", listing(engagement))
            for flag, columns in flags.items()
            for column in columns
            if column not in engagement
        ]
        found += [
            Fault(printable(column), "more than one of these", "--exact, --reliability or --halves")
            for column in dict.fromkeys(said)
            if said.count(column) > 1
        ]
        return found + [
            unknown(f"--halves {printable(half)}", "no such column", half, names, limit=30)
            for half in sorted(self.recordings - {*names})
        ]


def read_recording(
    exact: str | Iterable[str],
    reliability: Mapping[str, float] | str | Iterable[str],
    halves: Mapping[str, Iterable[str]] | str | Iterable[str],
) -> Recording:
    """Return what options say: columns, ``likes=0.8`` or a mapping, ``likes=odd,even`` or a
    mapping.

    Raises
    ------
    PlanError
        Where an option says something else.

    Examples
    --------
    >>> read_recording("visits", ["likes=0.8"], {"posts": ["odd", "even"]}).reliability
    {'likes': 0.8}
    """
    shares = {c: _share_of(v) for c, v in _pairs("--reliability", "likes=0.8", reliability)}
    pairs = {c: _halves_of(v) for c, v in _pairs("--halves", "likes=odd,even", halves)}
    return Recording((exact,) if isinstance(exact, str) else tuple(exact), shares, pairs)


def _pairs(flag: str, example: str, given: object) -> Iterator[tuple[str, object]]:
    if isinstance(given, Mapping):
        yield from given.items()
        return
    for one in [given] if isinstance(given, str) else given:
        column, sign, value = one.rpartition("=")
        if not (sign and column and value):
            raise PlanError("init", flag, printable(one), f"COLUMN=..., such as {example}")
        yield column, value


def _share_of(given: object) -> float:
    try:
        share = float(str(given).strip().replace(",", "."))
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        allowed = "a share of truth above 0 and up to 1: likes=0.8"
        raise PlanError("init", "--reliability", printable(given), allowed)
    return share


def _halves_of(given: object) -> Pair:
    names = given.split(",") if isinstance(given, str) else list(given)
    names = [name.strip() for name in names]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        allowed = "two columns, separated by a comma: likes=odd,even"
        raise PlanError("init", "--halves", printable(given), allowed)
    return names[0], names[1]


# --- asked on a terminal --------------------------------------------------------------------------


def ask_recording(
    known: Recording,
    engagement: Iterable[str],
    two: Callable[[str], Pair],
    likely: Callable[[str], list[str]],
) -> Recording:
    """Ask how well each engagement column is recorded of which nothing is said.

    Parameters
    ----------
    known : Recording
    engagement : iterable of str
    two : callable
        Reads an answer with two columns of the data.
    likely : callable
        Returns the two columns that look like the halves of one, or none.
    """
    left = [column for column in engagement if column not in known.columns]
    if left:
        click.echo("How well is each engagement column recorded? A verdict can be no better.")
        for answer, words in ANSWERS.items():
            click.echo(f"  {answer:<7} {words}")
    for column in left:
        pair = likely(column)
        default = HALVES if pair else LATER
        what = f"How well recorded is {printable(column, limit=60)}"
        answer = click.prompt(what, default=default, value_proc=_answer)
        if answer == EXACT:
            known = replace(known, exact=(*known.exact, column))
        elif answer == HALVES:
            which = {"default": ", ".join(pair)} if pair else {}
            both = click.prompt("Its two columns", value_proc=two, **which)
            known = replace(known, halves={**known.halves, column: both})
        elif answer == LONG:
            known = replace(_long_file(known), long=(*known.long, column))
        elif answer != LATER:
            known = replace(known, reliability={**known.reliability, column: float(answer)})
    return known


def _answer(given: str) -> str:
    word = given.strip().casefold()
    if word in (EXACT, HALVES, LONG, LATER):
        return word
    try:
        return str(_share_of(word))
    except PlanError:
        words = f"{EXACT}, {HALVES}, {LONG}, a share such as 0.8, or {LATER}"
        raise click.BadParameter(f"{words}, not {quoted(given)}") from None


def _long_file(known: Recording) -> Recording:
    """Return the recording with the file that has a row per week or post; asked once."""
    if known.file:
        return known
    file = click.prompt("The file, as seen from the plan's folder")
    account = click.prompt("Its column that names the account")
    return replace(known, file=file, account=account, order=click.prompt("Its column of time"))


# --- drafted --------------------------------------------------------------------------------------


def recording_lines(
    recording: Recording, engagement: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield (key, value, remark) of what a plan says of its engagement; no key for a comment."""
    if recording.exact:
        yield "exact", texts(recording.exact), "recorded without noise: a statement, printed"
    if recording.reliability:
        shares = ", ".join(f"{key(c)} = {number(r)}" for c, r in recording.reliability.items())
        yield "reliability", f"{{{shares}}}", "share of truth; a bare number means 0.1 either way"
    if recording.halves:
        pairs = ", ".join(f"{key(c)} = {texts(pair)}" for c, pair in recording.halves.items())
        yield "halves", f"{{{pairs}}}", "two recordings of the same tell how noisy it is"
    if recording.long:
        of = {"dataset": recording.file, "row": recording.account, "order": recording.order}
        parts = [f"{name} = {text(value)}" for name, value in of.items()]
        content = ", ".join([*parts, f"columns = {texts(recording.long)}"])
        yield "long", f"{{{content}}}", "halves are built from its rows"
    silent = [column for column in engagement if column not in recording.columns]
    if silent:
        yield "", f"# Of {listing(silent)} nothing is said: a verdict must hold", ""
        yield (
            "",
            "# at every reliability from 0.8 to 1. Known better? exact (an exact count over",
            "",
        )
        yield (
            "",
            "# the outcome's window), halves (two recordings), long (a row per week or post),",
            "",
        )
        yield (
            "",
            f"# or reliability = {{{key(silent[0])} = 0.8}}; otherwise leave the next line.",
            "",
        )
        yield "", "# assumed = 0.8  # the least that is thought possible; 1 takes them as exact", ""
