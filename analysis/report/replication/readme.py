"""`README.md` of a result folder: what data editors ask of a replication package."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from analysis.report.citation.references import items_of, unstated
from analysis.report.replication.exhibits import Exhibit, exhibits_of, numbers_in_text
from analysis.results.findings import Findings, captioned
from analysis.results.section import ReportSection
from analysis.results.sentence import listed
from analysis.results.table import markdown_cell

TEMPLATE = (
    "The headings are those of: Vilhuber L, Connolly M, Koren M, Llull J, Morrow P. A template"
    " README for social science replication packages. https://doi.org/10.5281/zenodo.7293838"
)
LICENCE = "BSD-3-Clause"
"""Of score-audit."""

LONGEST = 4000
"""Characters of a text of plan or codebook."""


@dataclass(frozen=True, eq=False)
class Package:
    """What a README tells of: one run, and what it wrote.

    Attributes
    ----------
    findings : Findings
    record : mapping
        The ledger; of its `environment` the versions, and the plan's file for the command.
    topics : mapping of str to ReportSection
        The sections of the report.
    files : tuple of str
        Every file of the folder, by its path in it.
    """

    findings: Findings
    record: Mapping[str, Any]
    topics: Mapping[str, ReportSection]
    files: tuple[str, ...]

    @property
    def exhibits(self) -> list[Exhibit]:
        about = self.findings, self.record, self.topics, self.files
        return exhibits_of(*about)

    @property
    def command(self) -> str:
        """What makes the folder again."""
        return run_command(self.record)


def run_command(record: Mapping[str, Any]) -> str:
    """Return the command that makes a result folder again: of a plan in `plans/` by its name.

    >>> made = {"plan_file": "../plans/shops.toml"}
    >>> run_command({"plan": {"name": "shops"}, "environment": made})
    'score-audit run shops'
    """
    environment, name = record["environment"], record["plan"]["name"]
    path = PurePosixPath(str(environment.get("plan_file") or f"{name}.toml"))
    named = path.parent.name == "plans" and path.stem == name
    plan = name if named else shlex.quote(path.name)
    if not re.fullmatch(r"[^`|]*", plan) or not plan.isprintable():
        plan = "PLAN"
    return " ".join(
        ["score-audit run", plan, *(["--quick"] if environment.get("quick") else [])]
        + (["--crate"] if environment.get("crate") else [])
    )


def readme(package: Package) -> str:
    """Return the README as Markdown; the same run gives the same bytes."""
    parts = [
        f"# {package.record['plan']['name']}: replication package",
        *_overview(package),
        *_availability(package),
        *_requirements(package),
        *_instructions(package),
        *_exhibits(package),
        *_references(package),
    ]
    return "\n\n".join(parts) + "\n"


def _plain(text: object) -> str:
    return markdown_cell(text, limit=LONGEST)


def _overview(package: Package) -> list[str]:
    plan, dataset = package.record["plan"], package.findings.dataset
    exhibits = package.exhibits
    tables = sum(exhibit.kind == "table" for exhibit in exhibits)
    figures = sum(exhibit.kind == "figure" for exhibit in exhibits)
    answers = [
        f"- `{verdict['id']}` ({verdict['verdict']}): {_plain(verdict['headline'])}."
        for verdict in package.record["verdicts"]
    ]
    question = captioned(dataset, f"The question: {_plain(plan['question'])}")
    return [
        "## Overview",
        question,
        "What was found:",
        "\n".join(answers),
        f"One command, `{package.command}`, reads the data, fits every model and writes this"
        f" folder: {tables} tables, {figures} figures, and every number that the report prints,"
        " with a permanent id. `checklist.md` answers the items of TRIPOD+AI.",
    ]


# --- data -----------------------------------------------------------------------------------------


def _availability(package: Package) -> list[str]:
    dataset, codebook = package.findings.dataset, package.findings.dataset.codebook
    stated = {
        key: _plain(getattr(codebook, key, "") or "") or "not stated in a codebook"
        for key in ("source", "licence", "about", "not_", "caution")
    }
    drawn = ["The rows are simulated: no row was observed."] if dataset.simulated else []
    return [
        "## Data availability and provenance statements",
        *drawn,
        f"Source: {stated['source']}",
        f"About: {stated['about']}",
        f"What the data are not: {stated['not_']}",
        f"Caution: {stated['caution']}",
        "### Statement about rights",
        "Neither plan nor codebook states who may use or pass on the data, beyond the licence.",
        "### License for data",
        stated["licence"],
        "### Summary of availability",
        _where_data_are(package),
        "### Dataset list",
        _dataset_table(package),
    ]


def _where_data_are(package: Package) -> str:
    if package.findings.dataset.simulated:
        return "The data are not in this folder: every run draws them again, from their address."
    return (
        "The data are not in this folder. Whoever has them can tell by the SHA-256 below whether"
        " they are the same; `score-audit verify .` compares it."
    )


def _dataset_table(package: Package) -> str:
    data = package.record["dataset"]
    title = _plain(data.get("title") or "no title stated")
    row = f"| {_plain(data['address'])} | {title} | {data['rows']:,} | {data['rows_used']:,} |"
    return "\n".join(
        [
            "| data | title | rows | rows analysed | SHA-256 | provided |",
            "|:--|:--|--:|--:|:--|:--|",
            f"{row} `{data['sha256']}` | no |",
        ]
    )


# --- computing ------------------------------------------------------------------------------------


def _requirements(package: Package) -> list[str]:
    environment, inference = package.record["environment"], package.findings.plan.inference
    versions = [
        f"| {name} | {version or 'not installed'} |"
        for name, version in (environment.get("packages") or {}).items()
    ]
    return [
        "## Computational requirements",
        "### Software requirements",
        "The versions of this run. With others the digits that one reads are the same or"
        " `score-audit verify .` says where they are not.",
        "\n".join(["| software | version |", "|:--|:--|", f"| Python | {environment['python']} |"])
        + "".join(f"\n{line}" for line in versions),
        "### Controlled randomness",
        f"Every random step starts from the plan's seed, {inference.seed}; bootstraps have"
        f" {inference.bootstrap:,} replicates.",
        "### Memory, runtime and storage requirements",
        f"Run on {_plain(environment.get('platform') or 'a system that is not recorded')}."
        " How long it took is not recorded, since that differs between two runs:"
        f" `{package.command} --profile` prints the processor time of each study.",
        "## Description of programs/code",
        f"All programs are in the package score-audit ({LICENCE}); there is no other code. What is"
        f" analysed is said by the plan, `{package.record['plan']['name']}`, SHA-256"
        f" `{package.record['plan']['sha256']}`.",
    ]


def _instructions(package: Package) -> list[str]:
    saved = (
        []
        if package.record["environment"].get("plan_file")
        else ["The plan was given in Python: `audit.plan.save` writes the file that is run here."]
    )
    drawn = package.findings.dataset.simulated
    steps = [
        *([] if drawn else ["Put the data where the plan looks for them: the address above."]),
        f"`{package.command}` makes every file again.",
        "`score-audit verify .`, in this folder, computes and writes everything again elsewhere and"
        " compares every number and every file.",
        "`score-audit cite ID` prints one number with its interval and source.",
    ]
    return [
        "## Instructions to replicators",
        *saved,
        "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1)),
    ]


# --- tables, figures, numbers ---------------------------------------------------------------------


def _exhibits(package: Package) -> list[str]:
    exhibits = package.exhibits
    numbers = numbers_in_text(package.findings, package.record, package.topics)
    run = f"`{package.command}`"
    return [
        "## List of tables, figures, numbers and programs",
        "### Tables, figures and files",
        "\n".join(
            [
                "| what | file | shows | result ids | made by |",
                "|:--|:--|:--|:--|:--|",
                *(_exhibit_line(exhibit, run) for exhibit in exhibits),
            ]
        ),
        "### Numbers in the text",
        f"Each is computed by {run}; the command beside it prints it alone.",
        "\n".join(
            [
                "| where | number | result id | printed by |",
                "|:--|:--|:--|:--|",
                *(
                    f"| {_plain(where)} | {_plain(shown)} | `{name}` | `score-audit cite {name}` |"
                    for where, name, shown in numbers
                ),
            ]
        ),
    ]


def _exhibit_line(exhibit: Exhibit, command: str) -> str:
    files = ", ".join(f"`{name}`" for name in exhibit.files)
    ids = _some(exhibit.ids)
    cells = [exhibit.kind, files, _plain(exhibit.shows), ids, command]
    return f"| {' | '.join(cells)} |"


MOST_IDS = 3
"""Ids named beside a table or a figure; all of them stand in the list of numbers."""


def _some(ids: Iterable[str]) -> str:
    named = [f"`{name}`" for name in ids]
    more = len(named) - MOST_IDS
    shown = ", ".join(named[:MOST_IDS])
    return f"{shown} and {more} more below" if more > 0 else shown


def _references(package: Package) -> list[str]:
    entries = [f"- {_reference(item)}" for item in items_of(package.record).values()]
    left_out = unstated(package.record)
    notes = [_plain(left_out)] if left_out else []
    return ["## References", "\n".join(entries), *notes, TEMPLATE]


def _reference(item: Mapping[str, Any]) -> str:
    """Return who, what, when and where of one of what is cited."""
    names = [
        name.get("literal") or f"{name['family']}, {name['given']}"
        for name in item.get("author", ())
    ]
    day = item.get("issued", {}).get("date-parts")
    when = "-".join(f"{number:02d}" for number in day[0]) if day else ""
    doi = f"https://doi.org/{item['DOI']}" if item.get("DOI") else ""
    version = f"Version {item['version']}" if item.get("version") else ""
    parts = [listed(names) if names else "", item["title"], version, when, item.get("URL", ""), doi]
    told = [_plain(part) for part in [*parts, item.get("note", "")] if part]
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in told)
