"""The report: one self-contained HTML file, without a network, readable on a phone and by a screen reader."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis import __version__
from analysis.findings import Findings
from analysis.publish.citation import bibtex
from analysis.publish.figure import Figure
from analysis.publish.sentence import listed, verdict_sentence
from analysis.publish.table import effects_table, exclusions_table

VERDICT_WORDS = {
    "adds": "It adds something",
    "trivial": "It adds too little to matter",
    "nothing": "It adds practically nothing",
    "inconclusive": "These data do not decide",
    "refused": "These data cannot answer",
}


def report_html(
    findings: Findings, record: dict[str, Any], figures: dict[str, Figure], history: list[dict[str, Any]]
) -> str:
    """Return the report.

    Parameters
    ----------
    findings : Findings
    record : dict
        The ledger.
    figures : dict of str to Figure
        "data" and "effect-1", "effect-2", ... in the order of the plan's outcomes.
    history : list of dict
        This folder's runs, the present one last.
    """
    from analysis.publish.folder import changed_keys

    loader = FileSystemLoader(Path(__file__).parent)
    template = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template("report.html.j2")
    sections = [
        {
            "outcome": outcome.column,
            "verdicts": [
                {"word": r.verdict, "headline": VERDICT_WORDS[r.verdict], "score": r.score, "id": r.id,
                 "direction": r.direction, "sentence": verdict_sentence(findings, r), "reasons": r.reasons}
                for r in findings.rulings if r.outcome == outcome.column
            ],
            "figure": _image(figures[f"effect-{number}"]),
            "table": _rows(effects_table(findings, outcome.column)),
        }
        for number, outcome in enumerate(findings.plan.outcome, 1)
    ]  # fmt: skip
    return template.render(
        plan=findings.plan, codebook=findings.dataset.codebook, dataset=record["dataset"], record=record,
        sections=sections, data=_image(figures["data"]), rows=_rows(exclusions_table(findings)),
        checks=record["checks"], changes=changed_keys(history), runs=len(history), bibtex=bibtex(record),
        held=listed(list(findings.plan.engagement.columns)), version=__version__,
    )  # fmt: skip


def _image(figure: Figure) -> dict[str, str]:
    return {"alt": figure.alt, "data": base64.b64encode(figure.svg).decode("ascii")}


def _rows(table: Any) -> dict[str, Any]:
    return {"head": list(table.columns), "body": table.astype(str).to_numpy().tolist()}
