"""`checklist.md` and `checklist.html`: the items of TRIPOD+AI, answered from what the audit has."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any

from analysis.errors import printable
from analysis.report.replication import after_the_data, before_the_data
from analysis.report.replication.answers import MOST_IDS, STATES, Answer, Evidence
from analysis.report.replication.items import ITEMS, STATEMENT, Item
from analysis.results.findings import Findings, captioned
from analysis.results.table import markdown_cell

HEAD = ("item", "what it asks for", "answer", "result ids")
ABOUT = (
    "TRIPOD+AI asks what a study of a prediction model has to report. Its items stand here by their"
    " numbers, in words of our own. Each is answered from the plan, the codebook and the ledger of"
    " this folder, and from nothing else. What is not reported here has to stand in the article."
    " The statement was written for clinical models: a participant is a row of the data here."
)

Line = tuple[Item, Answer]


def answered(findings: Findings, record: dict[str, Any]) -> list[Line]:
    """Return every item of TRIPOD+AI with its answer.

    Parameters
    ----------
    findings : Findings
    record : dict
        The ledger.
    """
    known = Evidence(findings, record)
    answers = {**before_the_data.ANSWERS, **after_the_data.ANSWERS}
    return [(item, answers[item.number](known)) for item in ITEMS]


def checklist_md(findings: Findings, lines: list[Line]) -> str:
    """Return the checklist as Markdown."""
    rows = [
        f"| {item.number} | {item.topic}: {item.asks} |"
        f" {markdown_cell(answer.said, limit=LONGEST)} | {_ids(answer, '`')} |"
        for item, answer in lines
    ]
    head = [f"| {' | '.join(HEAD)} |", f"|{'|'.join([':--'] * len(HEAD))}|"]
    title = f"# Reporting checklist: {findings.plan.name}"
    text = [title, captioned(findings.dataset, ABOUT), _summary(lines), "\n".join([*head, *rows])]
    return "\n\n".join([*text, STATEMENT]) + "\n"


def checklist_html(findings: Findings, lines: list[Line]) -> str:
    """Return the checklist as a page of its own, without a network."""
    title = f"Reporting checklist: {escape(findings.plan.name)}"
    head = "".join(f'<th scope="col">{name}</th>' for name in HEAD)
    rows = "\n".join(
        f'<tr><th scope="row">{item.number}</th><td>{item.topic}: {item.asks}</td>'
        f"<td>{escape(printable(answer.said, limit=LONGEST))}</td>"
        f"<td>{_ids(answer, '')}</td></tr>"
        for item, answer in lines
    )
    about = escape(captioned(findings.dataset, ABOUT))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        f"<p>{about}</p>\n<p>{_summary(lines)}</p>\n"
        f'<div class="wide" role="region" aria-label="Items" tabindex="0">\n'
        f"<table>\n<caption>The 27 items of TRIPOD+AI</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</div>\n<p>{escape(STATEMENT)}</p>\n</main>\n</body>\n</html>\n"
    )


LONGEST = 2000
"""Characters of an answer."""

STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;margin:0 auto;"
    "max-width:70rem;padding:1rem}.wide{overflow-x:auto}table{border-collapse:collapse}"
    "caption{text-align:left}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;"
    "border-top:1px solid #767676;min-width:9rem}th:first-child{min-width:0;white-space:nowrap}"
    "td:last-child{overflow-wrap:anywhere}"
)


def _ids(answer: Answer, mark: str) -> str:
    """Return the ids of an answer, the first of them by name."""
    ids = answer.ids
    shown = ", ".join(f"{mark}{escape(name)}{mark}" for name in ids[:MOST_IDS])
    more = len(ids) - MOST_IDS
    return f"{shown} and {more} more in ledger.json" if more > 0 else shown


def _summary(lines: list[Line]) -> str:
    counts = Counter(answer.state for _, answer in lines)
    told = ", ".join(f"{counts[state]} {state}" for state in STATES)
    return f"Of {len(lines)} parts of the items: {told}."
