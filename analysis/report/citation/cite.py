"""How a result is cited: in a sentence, a footnote, a card, a bibliography."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

from analysis import __version__
from analysis.errors import Fault, OutputError, did_you_mean, listing, printable
from analysis.report.citation.references import PARTS, Part, bibtex, csl, ris, unstated
from analysis.report.fields import deciding_row, field_name, field_text, unit_of
from analysis.report.ledger import ledgers, read_ledger
from analysis.results.estimates import LEAST_DF, span_text
from analysis.results.ids import FIELDS, Known, loose
from analysis.results.table import latex_escape

FORMATS = ("sentence", "apa", "footnote", "markdown", "html", "latex", "bibtex", "csl", "ris")
"""What a citation can be printed as."""


@dataclass(frozen=True)
class Citation:
    """What one needs to cite one result.

    Attributes
    ----------
    id : str
        The result's permanent id, with the field asked for.
    statement : str
        The short sentence: what was found.
    sentence : str
        The full sentence with statistics and source.
    source : str
        Software, id, and the first digits of the hashes of plan and ledger.
    cell : str
        The number or the word alone.
    ledger : mapping
    caution : str
        Why this is not the number that the verdict rests on, where it is not.
    """

    id: str
    statement: str
    sentence: str
    source: str
    cell: str
    ledger: Mapping[str, Any] = field(repr=False)
    caution: str = ""

    @property
    def macro(self) -> str:
        """How LaTeX prints the number, with `numbers.tex`."""
        return rf"\saval{{{self.id}}}"

    @property
    def bibtex(self) -> str:
        """The analysis, the data and the software as BibTeX."""
        return bibtex(self.ledger)

    def __str__(self) -> str:
        lines = [self.sentence, *([self.caution] if self.caution else []), ""]
        lines += [f"Table cell:  {self.cell}", f"LaTeX:       {self.macro}"]
        lines += [f"Result id:   {self.id}"]
        if digest := self.ledger.get("digest"):
            lines.append(f"Ledger:      {digest[:12]}")
        left_out = unstated(self.ledger)
        return "\n".join([*lines, "", *([left_out, ""] if left_out else []), self.bibtex])

    def printed(self, kind: str, parts: Sequence[Part] = PARTS) -> str:
        """Return the citation in one of `FORMATS`.

        Parameters
        ----------
        kind : str
        parts : sequence of {"analysis", "data", "software"}
            Of a bibliography: what is listed.

        Raises
        ------
        OutputError
            Where there is no such format.
        """
        made = {
            "sentence": lambda: self.statement,
            "apa": lambda: self.sentence,
            "footnote": lambda: f"{self.source[0].upper()}{self.source[1:]}.",
            "markdown": self._markdown,
            "html": self._html,
            "latex": lambda: f"{latex_escape(self.statement)} ({self.macro})",
            "bibtex": lambda: bibtex(self.ledger, parts),
            "csl": lambda: csl(self.ledger, parts),
            "ris": lambda: ris(self.ledger, parts),
        }
        if kind not in made:
            raise OutputError("cite", "--format", printable(kind), listing(list(FORMATS), limit=20))
        return made[kind]().rstrip("\n")

    def _markdown(self) -> str:
        url = self.ledger["plan"].get("url")
        shown = f"[`{self.id}`]({url})" if url else f"`{self.id}`"
        return f"> {self.statement}\n>\n> Source: score-audit, {shown}"

    def _html(self) -> str:
        """Return a card that can be put into a page: sentence, picture, id, link."""
        plan, words = self.ledger["plan"], escape(self.statement)
        shown = f"<code>{escape(self.id)}</code>"
        if plan.get("url"):
            shown = f'<a href="{escape(plan["url"])}">{shown}</a>'
        cite = f' cite="{escape(plan["url"])}"' if plan.get("url") else ""
        picture = f"{plan['name']}/figures/effect-{self._outcome_number()}.png"
        return (
            f'<figure class="score-audit">\n<blockquote{cite}><p>{words}</p></blockquote>\n'
            f'<img src="{escape(picture)}" alt="{words}" width="600">\n'
            f"<figcaption>Source: score-audit, {shown}</figcaption>\n</figure>"
        )

    def _outcome_number(self) -> int:
        """Return which of the plan's outcomes the result is about, as figures are numbered."""
        outcomes = list(dict.fromkeys(row["outcome"] for row in self.ledger["verdicts"]))
        known = {row["id"]: row["outcome"] for row in self.ledger["verdicts"]}
        known |= {row["id"]: row["outcome"] for row in self.ledger["estimates"]}
        about = known.get(self.id.partition("#")[0])
        return outcomes.index(about) + 1 if about in outcomes else 1


def cite(result_id: str, *, results: str | Path = "results") -> Citation:
    """Return the citation of a result that a run has written.

    Parameters
    ----------
    result_id : str
        Of an estimate or a verdict, as in the ledger, with plain names, or as an earlier version
        wrote it; and one of its fields, as in ``ID#low``.
    results : path
        A result folder, or the folder that holds them.

    Raises
    ------
    OutputError
        When no ledger under `results` has this id.
    """
    read: list[dict[str, Any]] = []
    damaged: list[Fault] = []
    for path in ledgers(Path(results)):
        try:
            read.append(read_ledger(path, whole=True))
        except OutputError as error:  # another ledger does not stand in the way of this one's
            damaged += [replace(fault, place=str(path)) for fault in error.faults]
    under = f"under {printable(os.path.abspath(results), limit=300)} (--results names another)"
    try:
        return _cited(read, result_id, under)
    except OutputError as error:
        raise OutputError(error.where, [*error.faults, *damaged]) from None


def cite_from(ledger: dict[str, Any], result_id: str) -> Citation:
    """Return the citation of a result in a ledger one has at hand.

    Raises
    ------
    OutputError
        When the ledger has no such id.
    """
    return _cited([ledger], result_id, "of this run")


def _cited(read: list[dict[str, Any]], result_id: str, where: str) -> Citation:
    known = Known(read)
    name, asked_field = known.asked(result_id)
    if name:
        return _citation(known, name, asked_field)
    wanted, _, asked = result_id.rpartition("#")
    if known.find(wanted):
        hint = did_you_mean(asked, FIELDS)
        raise OutputError("cite", "RESULT_ID", printable(result_id), _fields(wanted), hint)
    below = loose(result_id) + "-"
    near = [one for one in known.rows if loose(one).startswith(below)] or known.near(result_id)
    names = sorted(known.rows, key=lambda one: one.count("/"))
    examples = f": {listing(near or names, limit=4)}" if names else ", once `run` has written one"
    allowed = f"an id of a ledger {where}{examples}"
    hint = did_you_mean(near[0], near) if near and not loose(near[0]).startswith(below) else ""
    raise OutputError("cite", "RESULT_ID", printable(result_id), allowed, hint)


def _fields(name: str) -> str:
    return f"a field of {printable(name)}: " + ", ".join(f"#{field}" for field in FIELDS)


def _citation(known: Known, name: str, field: str) -> Citation:
    """Return the citation of a result, or of one field of it; that of a verdict is one of the
    estimate that decides.
    """
    row, ledger = known.rows[name], known.ledger_of[name]
    if not field or (field == "value" and "sentence" not in row):
        return _made(name, row, ledger, _sentence(row, ledger), row.get("displayed"))
    estimate = deciding_row(ledger, row) if "sentence" in row else row
    cell = field_text(ledger, estimate, field) if estimate else ""
    if not cell:
        raise OutputError("cite", "RESULT_ID", f"no {field} of {name}", _fields(name))
    about = f"{estimate['term']} ({estimate['method']}, {estimate['model']})"
    drawn = "In simulated data: " if ledger["dataset"].get("simulated") else ""
    sentence = f"{drawn}{about}, {field_name(estimate, field)}: {cell}."
    return _made(f"{name}#{field}", estimate, ledger, sentence, cell)


def _sentence(row: dict[str, Any], ledger: dict[str, Any]) -> str:
    if "sentence" in row:
        return row["sentence"]
    drawn = "In simulated data: " if ledger["dataset"].get("simulated") else ""
    shown = f"{row['displayed']}{_interval(row)}, n = {row['n']:,}."
    return f"{drawn}{row['term']} ({row['method']}, {row['model']}): {shown}"


def _made(
    name: str, row: dict[str, Any], ledger: dict[str, Any], sentence: str, cell: str | None
) -> Citation:
    digest = f", ledger {ledger['digest'][:12]}" if ledger.get("digest") else ""
    source = (
        f"score-audit {__version__}, result {name}, plan {ledger['plan']['sha256'][:12]}{digest}"
    )
    plain = printable(sentence, limit=20_000)
    return Citation(
        id=name,
        statement=printable(row["short"]) if _is_whole(row, sentence) else _statement(plain),
        sentence=f"{plain} ({source})",
        source=source,
        cell=printable(cell or row["verdict"]),
        ledger=ledger,
        caution=_caution(row, ledger),
    )


def _is_whole(row: dict[str, Any], sentence: str) -> bool:
    """Return whether a verdict is told, with a short sentence of its own, and not a field of it."""
    return bool(row.get("short")) and sentence == row.get("sentence")


def _statement(sentence: str) -> str:
    """Return the first sentence of several."""
    return re.split(r"(?<=[.!?]) (?=[A-Z])", sentence, maxsplit=1)[0]


def _caution(row: dict[str, Any], ledger: dict[str, Any]) -> str:
    """Return why a number is not the one that its verdict rests on; nothing where it may be."""
    about = row["outcome"], row["score"]
    verdict = next((v for v in ledger["verdicts"] if (v["outcome"], v["score"]) == about), None)
    if "sentence" in row or verdict is None or row["method"] not in ("raw", "increment"):
        return ""
    if row["method"] == "raw":
        return f"Caution: engagement is ignored in this number. The verdict is {verdict['id']}."
    if verdict["corrected"] in ("yes", "partial"):
        return (
            "Caution: noise in engagement is not corrected in this number, and is in the one that"
            f" the verdict {verdict['id']} rests on."
        )
    return ""


def _interval(row: dict[str, Any]) -> str:
    """Return ", 95 % CI -10.1 % to -1.6 %" in the unit that the ledger displays; nothing without an
    interval.
    """
    low, high = row["conf_low"], row["conf_high"]
    if low is None or high is None:
        return ""
    if row["df"] is not None and row["df"] < LEAST_DF:
        return ", no interval, since a row or two carry it"
    return f", {100 * row['level']:g} % CI {span_text(low, high, unit_of(row))}"
