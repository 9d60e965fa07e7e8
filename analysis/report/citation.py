"""How a result is cited: sentence, table cell, BibTeX, CSL-JSON and LaTeX macros."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis import __version__
from analysis.errors import Fault, OutputError, did_you_mean, listing, printable
from analysis.plan.project import find_project, is_file, shipped_studies
from analysis.results.estimates import display, found_id, plain_id
from analysis.results.table import latex_escape

TITLE = "score-audit: does a score tell anything about money that engagement does not?"


def macro_name(result: str) -> str:
    """Return the LaTeX macro of a result: ``sa`` and the first eight hex digits of its SHA-256 as
    letters a-p.
    """
    digits = hashlib.sha256(result.encode("utf-8")).hexdigest()[:8]
    return "sa" + "".join("abcdefghijklmnop"[int(digit, 16)] for digit in digits)


def macros(ledger: dict[str, Any]) -> str:
    r"""Return ``\newcommand`` lines, one per result, each after a comment with its id."""
    lines = ["% One macro per result of score-audit; the comment above each names it."]
    if ledger.get("dataset", {}).get("simulated"):
        lines.append("% Simulated data: say so where you print these.")
    for row in ledger["estimates"]:
        lines += [
            f"% {row['id']}",
            f"\\newcommand{{\\{macro_name(row['id'])}}}{{{latex_escape(row['displayed'])}}}",
        ]
    for row in ledger["verdicts"]:
        lines += [
            f"% {row['id']}",
            f"\\newcommand{{\\{macro_name(row['id'])}}}{{{row['verdict']}}}",
        ]
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
    entries = [
        (
            "score-audit",
            {
                "title": TITLE,
                "author": "{The score-audit developers}",
                "year": year,
                "version": __version__,
                "note": "computer software",
            },
        ),
        (
            f"score-audit-{plan['name']}",
            {"title": about, "year": year, "author": "{The score-audit developers}", "note": note},
        ),
    ]
    if source:
        entries.append(
            (f"{plan['name']}-data", {"title": source, "note": f"address {data['address']}"})
        )
    return "\n".join(_entry(key, fields) for key, fields in entries)


def _entry(key: str, fields: dict[str, str]) -> str:
    body = ",\n".join(
        f"  {name} = {{{_bib_escape(name, value)}}}" for name, value in fields.items()
    )
    return f"@misc{{{key},\n{body}\n}}\n"


def _bib_escape(name: str, value: str) -> str:
    """Return one line of LaTeX; an institution as author keeps the braces that make it one name."""
    return (
        value if name == "author" else latex_escape(printable(" ".join(value.split()), limit=2000))
    )


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
    return json.dumps(items, indent=1, ensure_ascii=False) + "\n"


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
        Of an estimate or a verdict, as in the ledger, or with plain names where the ledger's are
        percent-encoded.
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
            read.append(read_ledger(path))
        except (
            OutputError
        ) as error:  # another folder's ledger does not stand in the way of this one's
            damaged += [replace(fault, place=str(path)) for fault in error.faults]
    try:
        return _cited(
            read,
            result_id,
            f"under {printable(os.path.abspath(results), limit=300)} (--results names another)",
        )
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
    rows = {
        row["id"]: (row, ledger)
        for ledger in reversed(read)
        for row in [*ledger["estimates"], *ledger["verdicts"]]
    }
    known = sorted(rows, key=lambda one: "verdict" not in rows[one][0])
    name = found_id(result_id, known)
    if name:
        return _citation(*rows[name])
    near = [
        one
        for one, folded in zip(known, map(str.casefold, known), strict=True)
        if folded.startswith(plain_id(result_id).casefold() + "/")
    ]
    near = near or difflib.get_close_matches(plain_id(result_id), known, n=4, cutoff=0.6)
    examples = f": {listing(near or known, limit=4)}" if known else ", once `run` has written one"
    allowed = f"an id of a ledger {where}{examples}"
    hint = did_you_mean(plain_id(result_id), known)
    raise OutputError("cite", [Fault("RESULT_ID", printable(result_id), allowed, hint)])


KEYS = {
    "schema": int,
    "plan": dict,
    "dataset": dict,
    "environment": dict,
    "estimates": list,
    "verdicts": list,
}
"""What a ledger has to hold, and of what type."""


def ledgers(results: Path) -> list[Path]:
    """Return the ledgers of a result folder, or of the folders in it."""
    ledger = results / "ledger.json"
    if ledger.is_file():
        return [ledger]
    if not os.path.isdir(
        results
    ):  # also for a name that no folder can have, on which glob fails from Python 3.13
        return []
    return sorted(
        path for path in results.glob("*/ledger.json") if not path.parent.name.startswith(".")
    )


def result_folder(folder: str | Path, *, results: str | Path = "results") -> Path:
    """Return the folder with the ledger of a run: itself, or the one in `results` that has this
    name.

    Raises
    ------
    OutputError
        When neither has a ledger.
    """
    given = Path(folder)
    named = [Path(results) / given.name] if given.name == str(folder) else []
    for path in (given, *named):
        if is_file(path / "ledger.json"):
            return path
    written = sorted(
        {str(path.parent) for root in (given, Path(results)) for path in ledgers(root)}
    )
    study = given.name if named and _is_plan(given.name) else "movies"
    first = f"run `score-audit run {study}` first"
    allowed = "a folder with the ledger.json of a run" + (
        f": {listing(written)}" if written else f"; {first}"
    )
    hint = first[0].upper() + first[1:] + "." if written and named and study == given.name else ""
    raise OutputError(
        "verify", [Fault("DIR", f"no ledger.json in {printable(given)}", allowed, hint)]
    )


def _is_plan(name: str) -> bool:
    roots = (find_project(), shipped_studies())
    return any(is_file(root / "plans" / f"{name}.toml") for root in roots if root is not None)


def read_ledger(path: Path) -> dict[str, Any]:
    """Return a ledger that was written before.

    Raises
    ------
    OutputError
        When the file is not a ledger.
    """
    try:
        ledger = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        fault = Fault(
            "the whole file",
            f"{type(error).__name__}: {printable(error)}",
            "a ledger.json that `run` wrote",
        )
        raise OutputError(str(path), [fault]) from None
    lacks = [
        key
        for key, kind in KEYS.items()
        if not isinstance(ledger, dict) or not isinstance(ledger.get(key), kind)
    ]
    rows = [] if lacks else [*ledger["estimates"], *ledger["verdicts"]]
    if (
        lacks
        or ledger["schema"] != 1
        or not all(isinstance(row, dict) and "id" in row for row in rows)
    ):
        found = f"no usable {listing(lacks)}" if lacks else "another schema"
        raise OutputError(
            str(path),
            [Fault("the whole file", found, "a ledger.json that `run` wrote, of schema 1")],
        )
    return ledger


def _citation(row: dict[str, Any], ledger: dict[str, Any]) -> Citation:
    if "sentence" in row:
        sentence, cell = row["sentence"], row["verdict"]
    else:
        interval = _interval(row)
        drawn = "In simulated data: " if ledger["dataset"].get("simulated") else ""
        shown = f"{row['displayed']}{interval}, n = {row['n']:,}."
        sentence = f"{drawn}{row['term']} ({row['method']}, {row['model']}): {shown}"
        cell = row["displayed"]
    source = (
        f" (score-audit {__version__}, result {row['id']}, plan {ledger['plan']['sha256'][:12]})"
    )
    name = macro_name(row["id"])
    macro = f"\\newcommand{{\\{name}}}{{{latex_escape(cell)}}}"
    return Citation(
        row["id"], sentence + source, cell, macro, bibtex(ledger), _caution(row, ledger)
    )


def _caution(row: dict[str, Any], ledger: dict[str, Any]) -> str:
    """Return why a number is not the one that its verdict rests on; nothing where it may be."""
    verdict = next(
        (
            v
            for v in ledger["verdicts"]
            if (v["outcome"], v["score"]) == (row["outcome"], row["score"])
        ),
        None,
    )
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
    if row["conf_low"] is None or row["conf_high"] is None:
        return ""
    unit = unit_of(row)
    low, high = (display(row[edge], unit) for edge in ("conf_low", "conf_high"))
    return f", {100 * row['level']:g} % CI {low.removesuffix(' points')} to {high}"


def unit_of(row: dict[str, Any]) -> str:
    """Return the unit in which an estimate of the ledger is displayed: the one that gives what it
    displays.
    """
    shown = [
        unit
        for unit in ("percent", "share", "points", "outcome", "number", "p")
        if display(row["estimate"], unit) == row["displayed"]
    ]
    if (
        "percent" in shown and "share" in shown
    ):  # near zero the two look the same: coefficients are logarithms
        return "percent" if row["scale"] else "share"
    return shown[0] if shown else "number"
