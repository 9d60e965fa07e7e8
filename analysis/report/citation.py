"""How a result is cited: sentence, table cell, BibTeX, CSL-JSON and LaTeX macros."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis import __version__
from analysis.data.disclosure import plain_text
from analysis.errors import Fault, OutputError, did_you_mean, listing, printable
from analysis.report.fields import deciding_row, field_name, field_text, unit_of
from analysis.report.ledger import ledgers, read_ledger
from analysis.results.estimates import LEAST_DF, span_text
from analysis.results.ids import FIELDS, Known, loose
from analysis.results.table import latex_escape

TITLE = "score-audit: does a score tell anything about money that engagement does not?"


def macro_name(result: str) -> str:
    """Return the LaTeX macro of a result: ``sa`` and the first eight hex digits of its SHA-256 as
    letters a-p.
    """
    digits = hashlib.sha256(result.encode("utf-8")).hexdigest()[:8]
    return "sa" + "".join("abcdefghijklmnop"[int(digit, 16)] for digit in digits)


def _macro(result: str, cell: str) -> str:
    return f"\\newcommand{{\\{macro_name(result)}}}{{{latex_escape(cell)}}}"


def macros(ledger: dict[str, Any]) -> str:
    r"""Return ``\newcommand`` lines, one per result, each after a comment with its id."""
    lines = ["% One macro per result of score-audit; the comment above each names it."]
    if ledger.get("dataset", {}).get("simulated"):
        lines.append("% Simulated data: say so where you print these.")
    for row in [*ledger["estimates"], *ledger["verdicts"]]:
        lines += [f"% {row['id']}", _macro(row["id"], row.get("displayed") or row["verdict"])]
    return "\n".join(lines) + "\n"


def bibtex(ledger: dict[str, Any], *, source: str = "") -> str:
    """Return BibTeX of the software and of the run; the dataset's own source is named, no DOI is
    invented.
    """
    plan, data = ledger["plan"], ledger["dataset"]
    year = ledger["environment"]["created"][:4]
    drawn = "simulated data; " if data.get("simulated") else ""
    note = (
        f"{drawn}plan {plan['sha256'][:12]}, data {data['sha256'][:12]}, {data['rows_used']} rows"
        " used"
    )
    about = f"score-audit of {plan['name']}: {plan['question']}"
    author = "{The score-audit developers}"
    software = {"title": TITLE, "author": author, "year": year, "version": __version__}
    entries = {
        "score-audit": {**software, "note": "computer software"},
        f"score-audit-{plan['name']}": {
            "title": about,
            "year": year,
            "author": author,
            "note": note,
        },
    }
    if source:
        entries[f"{plan['name']}-data"] = {"title": source, "note": f"address {data['address']}"}
    return "\n".join(_entry(key, fields) for key, fields in entries.items())


def _entry(key: str, fields: dict[str, str]) -> str:
    body = ",\n".join(
        f"  {name} = {{{_bib_escape(name, value)}}}" for name, value in fields.items()
    )
    return f"@misc{{{key},\n{body}\n}}\n"


def _bib_escape(name: str, value: str) -> str:
    """Return one line of LaTeX; an institution as author keeps the braces that make it one name."""
    plain = printable(" ".join(value.split()), limit=2000)
    return value if name == "author" else latex_escape(plain)


def csl(ledger: dict[str, Any]) -> str:
    """Return CSL-JSON of the software and of the run."""
    created = ledger["environment"]["created"]
    issued = {"date-parts": [[int(number) for number in created[:10].split("-")]]}
    author = [{"literal": "The score-audit developers"}]
    plan, drawn = ledger["plan"], "simulated data; " if ledger["dataset"].get("simulated") else ""
    items = [
        {
            "id": "score-audit",
            "type": "software",
            "title": TITLE,
            "author": author,
            "version": __version__,
            "issued": issued,
        },
        {
            "id": f"score-audit-{plan['name']}",
            "type": "dataset",
            "title": plan["question"],
            "author": author,
            "issued": issued,
            "note": f"{drawn}plan {plan['sha256']}; data {ledger['dataset']['sha256']}",
        },
    ]
    return plain_text(json.dumps(items, indent=1, ensure_ascii=False)) + "\n"


# --- cite -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Citation:
    """What one needs to cite one result."""

    id: str
    sentence: str
    cell: str
    macro: str
    bibtex: str
    caution: str = ""

    def __str__(self) -> str:
        return "\n".join(
            [
                self.sentence,
                *([self.caution] if self.caution else []),
                "",
                f"Table cell:  {self.cell}",
                f"LaTeX:       {self.macro}",
                f"Result id:   {self.id}",
                "",
                self.bibtex,
            ]
        )


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
    name, field = known.asked(result_id)
    if name:
        return _citation(known, name, field)
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
    cell = cell or row["verdict"]
    source = f" (score-audit {__version__}, result {name}, plan {ledger['plan']['sha256'][:12]})"
    macro, caution = _macro(name, cell), _caution(row, ledger)
    return Citation(name, sentence + source, cell, macro, bibtex(ledger), caution)


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
