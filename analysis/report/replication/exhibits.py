"""Every table, figure and number of a result folder: where it stands, and the ids it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from analysis.report.fields import deciding_row, field_text
from analysis.results.findings import Findings
from analysis.results.section import ReportSection
from analysis.results.table import COLUMN_NAMES, Table

ABOUT = {
    "report.html": "the report: headline, verdicts, reasons, every section",
    "ledger.json": "every number, check and verdict, the SHA-256 of every other file, and the seal",
    "verdicts.csv": "the verdicts",
    "estimates.csv": "every estimate",
    "checks.csv": "every check",
    "specifications.csv": "every analysis of the multiverse",
    "decisions.csv": "what each decision of the multiverse matters",
    "checklist.md": "the items of TRIPOD+AI, answered",
    "checklist.html": "the same as a page",
    "README.md": "data, software and commands, and what each file shows",
    "numbers.tex": "every number by its id, for LaTeX",
    "numbers.typ": "every number by its id, for Typst",
    "numbers.docx": "every number by its id, as a field of Word",
    "numbers.myst.yml": "every number by its id, for MyST",
    "_variables.yml": "every number by its id, for Quarto",
    "citation.bib": "analysis, data and software as BibTeX",
    "citation.json": "the same as CSL-JSON",
    "citation.ris": "the same as RIS",
    "history.jsonl": "the runs into this folder",
    "ro-crate-metadata.json": "the folder described as an RO-Crate",
}
"""What the files are that are no table and no figure."""

Kind = Literal["table", "figure", "file"]


@dataclass(frozen=True)
class Exhibit:
    """A table, a figure or another file.

    Attributes
    ----------
    kind : {"table", "figure", "file"}
    files : tuple of str
        In all its formats, by their path in the folder.
    shows : str
    ids : tuple of str
        Of the ledger's results that it shows.
    """

    kind: Kind
    files: tuple[str, ...]
    shows: str
    ids: tuple[str, ...] = ()


def ids_of_sections(findings: Findings, record: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the ids of the numbers that each section of the report tells of, by its name.

    A section has the name of its study; what the verdict rests on, reliability, and what is seen
    on rows left out are told by sections of their own.
    """
    rows, sections = record["estimates"], {}
    for name, result in findings.studies.items():
        sections[name] = tuple(row.id for row in result.rows)
    members = (one["id"] for verdict in record["verdicts"] for one in verdict["deciding_set"])
    return sections | {
        "deciding": tuple(dict.fromkeys(name for name in members if name)),
        "reliability": tuple(row["id"] for row in rows if row["method"] == "reliability"),
        "influence": tuple(row["id"] for row in rows if row["method"] in LEFT_OUT),
    }


LEFT_OUT = ("prediction", "flexible")
"""Methods whose numbers the section on rows left out tells."""


def exhibits_of(
    findings: Findings,
    record: Mapping[str, Any],
    topics: Mapping[str, ReportSection],
    files: tuple[str, ...],
) -> list[Exhibit]:
    """Return every table and figure, then every other file: each file of the folder stands once.

    Parameters
    ----------
    findings : Findings
    record : mapping
        The ledger.
    topics : mapping of str to ReportSection
        Whose tables stand in the report alone.
    files : tuple of str
    """
    sections = ids_of_sections(findings, record)
    tables, figures, others = [], [], []
    for stem, names in _by_stem(files).items():
        room, _, name = stem.rpartition("/")
        ids = _ids(name, record, findings.plan.score.scale, sections)
        if room == "tables":
            tables.append(Exhibit("table", names, _table_shows(name, record), ids))
        elif room == "figures":
            figures.append(Exhibit("figure", names, _figure_shows(name, record, topics), ids))
        else:
            others += [Exhibit("file", (one,), ABOUT.get(one, "")) for one in names]
    in_report = [
        Exhibit("table", ("report.html",), _said_of(section, table), sections.get(key, ()))
        for key, section in topics.items()
        for table in section.tables
    ]
    return [*tables, *in_report, *figures, *others]


def _said_of(section: ReportSection, table: Table) -> str:
    """Return what a table of the report shows: its section, and what its caption begins with."""
    return f"{section.title}: {table.caption.partition(':')[0]}"


def _by_stem(files: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the files by their path without its ending."""
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(files):
        stem = name if "/" not in name else name.rpartition(".")[0]
        found[stem] = (*found.get(stem, ()), name)
    return found


def _table_shows(name: str, record: Mapping[str, Any]) -> str:
    if name == "rows":
        return "rows in the data, left out by reason, and analysed"
    return f"every model's effect on {_outcome(name, record)}, engagement ignored and held constant"


def _figure_shows(name: str, record: Mapping[str, Any], topics: Mapping[str, ReportSection]) -> str:
    if name.startswith("effect-"):
        return f"the effects on {_outcome(name, record)}, engagement ignored and held constant"
    section = re.sub(r"-\d+$", "", name)
    return FIGURES.get(name) or (topics[section].title if section in topics else "")


FIGURES = {
    "data": "how the columns are distributed",
    "share": "headline, effect and word, for those who share the report",
}
"""What the figures show that belong to no section."""


def _outcomes(record: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(verdict["outcome"] for verdict in record["verdicts"]))


def _outcome(name: str, record: Mapping[str, Any]) -> str:
    """Return the outcome of `effects-2` or `effect-2`: the second of the plan."""
    found = re.search(r"-(\d+)$", name)
    known, at = _outcomes(record), int(found[1]) - 1 if found else 0
    return known[at] if at < len(known) else ""


def _ids(
    name: str, record: Mapping[str, Any], scale: str, sections: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the ids that a table or a figure of this name shows."""
    if re.fullmatch(r"effects?-\d+", name):
        about = _outcome(name, record)
        return tuple(row["id"] for row in record["estimates"] if _in_table(row, about, scale))
    if name == "share":
        return tuple(verdict["id"] for verdict in record["verdicts"][:1])
    return sections.get(re.sub(r"-\d+$", "", name), ())


def _in_table(row: Mapping[str, Any], outcome: str, scale: str) -> bool:
    """Return whether the table of an outcome has an estimate: one on the plan's own scale."""
    is_effect = row["method"] in COLUMN_NAMES and row["scale"] == scale
    return is_effect and row["outcome"] == outcome


FIELDS = ("value", "low", "high", "p", "n", "sesoi")
"""What is printed of the estimate that a verdict rests on."""


def numbers_in_text(
    findings: Findings, record: Mapping[str, Any], topics: Mapping[str, ReportSection]
) -> Iterator[tuple[str, str, str]]:
    """Yield (where it stands, id, as it is printed) of every number: those of a verdict's sentence
    first, then by study; what has no number is left out.
    """
    for verdict in record["verdicts"]:
        where = "report.html, the verdict"
        yield where, verdict["id"], verdict["verdict"]
        if (row := deciding_row(record, verdict)) is not None:
            for field in FIELDS:
                if shown := field_text(record, row, field):
                    yield where, f"{verdict['id']}#{field}", shown
    told = {
        name: f"report.html, {topics[section].title}"
        for section, ids in ids_of_sections(findings, record).items()
        if section in topics
        for name in ids
    }
    for row in record["estimates"]:
        if row["displayed"] != "-":
            yield (
                told.get(row["id"]) or _table_of(row, record, findings.plan.score.scale),
                row["id"],
                row["displayed"],
            )


def _table_of(row: Mapping[str, Any], record: Mapping[str, Any], scale: str) -> str:
    """Return the table that has a number no section tells of: its outcome's, or that of all."""
    outcomes = _outcomes(record)
    of = [at for at, outcome in enumerate(outcomes, 1) if _in_table(row, outcome, scale)]
    return f"tables/effects-{of[0]}.md" if of else "estimates.csv"
