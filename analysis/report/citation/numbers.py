"""Every number of a ledger by its id, for texts that are typeset, and which of them changed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.errors import printable
from analysis.report.fields import deciding_row, field_text
from analysis.results.ids import FIELDS
from analysis.results.table import latex_escape

Ledger = Mapping[str, Any]
NEGATIVE = re.compile(r"^-(?=[.0-9])")
"""The sign of a negative number; a lone hyphen stands for none."""


def macro_name(result: str) -> str:
    """Return the LaTeX macro that earlier versions gave a result: ``sa`` and the first eight hex
    digits of its SHA-256 as letters a-p.
    """
    digits = hashlib.sha256(result.encode("utf-8")).hexdigest()[:8]
    return "sa" + "".join("abcdefghijklmnop"[int(digit, 16)] for digit in digits)


def numbers_of(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Yield every id of a ledger, and every field of it, with what a reader sees.

    A verdict's id gives its word, its fields those of the estimate that it rests on.
    """
    for row in [*ledger["verdicts"], *ledger["estimates"]]:
        name = row["id"]
        estimate = deciding_row(ledger, row) if "verdict" in row else row
        yield name, row["verdict"] if "verdict" in row else row["displayed"]
        for field in FIELDS if estimate else ():
            if text := field_text(ledger, estimate, field):
                yield f"{name}#{field}", text


@dataclass(frozen=True)
class Change:
    """A number that is printed otherwise than before.

    Attributes
    ----------
    name : str
        A result id, or a field of it.
    then, now : str or None
        As a reader sees it; None where it was not there, or is there no more.
    """

    name: str
    then: str | None
    now: str | None

    def __str__(self) -> str:
        then, now = (_told(text) for text in (self.then, self.now))
        if self.then is None or self.now is None:
            return f"{'new' if self.then is None else 'gone':14} {self.name}: {now or then}"
        return f"{'changed':14} {self.name}: {then or 'nothing'} then, {now or 'nothing'} now"


def _told(text: str | None) -> str:
    return printable((text or "").replace("\N{NO-BREAK SPACE}", " "))


def changed_numbers(before: Ledger, after: Ledger) -> list[Change]:
    """Return the numbers that two ledgers print differently, by their ids.

    Parameters
    ----------
    before, after : mapping
        Ledgers of one study.

    Returns
    -------
    list of Change
        In the order of `after`, then those that are gone. ``ID`` stands for ``ID#value``, too,
        where both are the same. These are the lines that differ in every file with the study's
        numbers (`numbers.tex`, `_variables.yml`, ...).
    """
    then, now = dict(numbers_of(before)), dict(numbers_of(after))
    changes = [
        Change(name, then.get(name), now.get(name))
        for name in dict.fromkeys([*now, *then])
        if then.get(name) != now.get(name)
    ]
    told = {change.name: change for change in changes}

    def is_told(change: Change) -> bool:
        name, _, field = change.name.rpartition("#")
        same = told.get(name)
        return (
            field == "value" and bool(same) and (same.then, same.now) == (change.then, change.now)
        )

    return [change for change in changes if not is_told(change)]


def _simulated(ledger: Ledger, comment: str) -> list[str]:
    simulated = ledger.get("dataset", {}).get("simulated")
    return [f"{comment} Simulated data: say so where you print these."] if simulated else []


LATEX = r"""% Every number of score-audit by its id.
% Read it once in the preamble, then write \saval{ID} or \saval{ID#low}.
\makeatletter
\providecommand{\saval}[1]{%
  \@ifundefined{sa@\detokenize{#1}}%
    {\GenericError{}{score-audit has no result \detokenize{#1}}{}{}\textbf{??}}%
    {\@nameuse{sa@\detokenize{#1}}}}
\def\sa@set#1#2{\expandafter\gdef\csname sa@\detokenize{#1}\endcsname{#2}}
"""


def latex_number(text: str) -> str:
    r"""Return a number as LaTeX prints it, with a true minus.

    >>> print(latex_number("-5.9 %"))
    \ensuremath{-}5.9\,\%
    """
    size = NEGATIVE.sub("", text)
    minus = "" if size == text else r"\ensuremath{-}"
    return minus + latex_escape(size).replace(r" \%", r"\,\%")


def latex(ledger: Ledger) -> str:
    r"""Return a LaTeX file that defines ``\saval{ID}`` and ``\saval{ID#field}``."""
    lines = [LATEX.rstrip(), *_simulated(ledger, "%")]
    lines += [rf"\sa@set{{{name}}}{{{latex_number(text)}}}" for name, text in numbers_of(ledger)]
    return "\n".join([*lines, r"\makeatother"]) + "\n"


def typeset_number(text: str) -> str:
    """Return a number with a true minus and no line break before its percent sign.

    >>> ascii(typeset_number("-5.9 %"))
    "'\\\\u22125.9\\\\xa0%'"
    """
    return NEGATIVE.sub("\N{MINUS SIGN}", text).replace(" %", "\N{NO-BREAK SPACE}%")


def quarto(ledger: Ledger) -> str:
    """Return ``_variables.yml``: ``{{< var ID >}}`` and ``{{< var ID#low >}}`` in Quarto.

    A dot in an id leads one level down, as Quarto reads it. An id that another one goes on from
    with a dot cannot have a number there: it is left out, and a comment says so.
    """
    numbers = dict(numbers_of(ledger))
    tree: dict[str, Any] = {}
    above = {name[: dot.start()] for name in numbers for dot in re.finditer("[.]", name)}
    for name, text in numbers.items():
        *path, last = name.split(".")
        if name not in above:
            place = tree
            for part in path:
                place = place.setdefault(part, {})
            place[last] = typeset_number(text)
    told = "# Left out, since other ids go on from it with a dot:"
    left_out = [f"{told} {name}" for name in numbers if name in above]
    return "\n".join([*_simulated(ledger, "#"), *left_out, *_yaml(tree)]) + "\n"


def _yaml(tree: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield YAML whose keys and texts are JSON strings, which YAML reads."""
    for key, value in tree.items():
        shown = _quoted(key)
        if isinstance(value, dict):
            yield f"{indent}{shown}:"
            yield from _yaml(value, indent + "  ")
        else:
            yield f"{indent}{shown}: {_quoted(value)}"


def _quoted(text: str) -> str:
    """Return a text in quotes, as JSON, YAML and Typst read it."""
    return json.dumps(text, ensure_ascii=False)


def myst(ledger: Ledger) -> str:
    """Return substitutions for MyST in Sphinx: ``{{ sa["ID"] }}``."""
    numbers = {name: typeset_number(text) for name, text in numbers_of(ledger)}
    lines = [*_simulated(ledger, "#"), *_yaml({"substitutions": {"sa": numbers}})]
    return "\n".join(lines) + "\n"


def typst(ledger: Ledger) -> str:
    """Return a Typst file with the dictionary ``sa``: ``#sa.at("ID")``."""
    pairs = ((name, typeset_number(text)) for name, text in numbers_of(ledger))
    entries = (f"  {_quoted(name)}: {_quoted(text)}," for name, text in pairs)
    return "\n".join([*_simulated(ledger, "//"), "#let sa = (", *entries, ")"]) + "\n"
