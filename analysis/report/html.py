"""The report: one self-contained HTML file, without a network, readable on a phone and aloud."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import __version__
from analysis.data.dataset import Dataset
from analysis.measurement_error.report import deciding_section, reliability_section
from analysis.measurement_error.simex import simex_section
from analysis.multiverse.report import multiverse_section
from analysis.report.citation.references import bibtex
from analysis.results.figure import Image
from analysis.results.findings import SIMULATED, Findings, captioned, check_question, told
from analysis.results.headline import headline, short_sentence
from analysis.results.section import ReportSection
from analysis.results.sentence import listed, verdict_sentence
from analysis.results.table import contrast_table, exclusions_table
from analysis.results.verdict import Verdict
from analysis.results.weights import weighed
from analysis.studies.influence.report import rows_section
from analysis.studies.registry import STUDIES
from analysis.tipping.report import nearest_changes, tipping_section
from analysis.tipping.sliders import of_verdict, sliders, what_if_section

if TYPE_CHECKING:
    from jinja2 import Template

FIRST = "tipping"
"""The section that stands above all others, after the headline."""

SECTIONS: dict[str, Callable[[Findings], ReportSection | None]] = {
    FIRST: tipping_section,
    "what-if": what_if_section,
    "deciding": deciding_section,
    "reliability": reliability_section,
    "simex": simex_section,
    "multiverse": multiverse_section,
    **{study.name: study.section for study in STUDIES if study.report},
    "rows": rows_section,
}
"""By the name of what they report; those of studies come from their registry."""


def sections_of(findings: Findings) -> dict[str, ReportSection]:
    """Return the sections that these findings have something to say in."""
    written = {key: write(findings) for key, write in SECTIONS.items()}
    return {
        key: section_told(findings.dataset, section)
        for key, section in written.items()
        if section is not None
    }


def section_told(dataset: Dataset, section: ReportSection) -> ReportSection:
    """Return a section whose paragraphs and tables say that the data are simulated, where they
    are.
    """
    if not dataset.simulated:
        return section
    tables = tuple(
        replace(table, caption=captioned(dataset, table.caption)) for table in section.tables
    )
    return replace(
        section, paragraphs=tuple(told(dataset, text) for text in section.paragraphs), tables=tables
    )


LEAVES = {
    "refuses": "No answer",
    "undecides": "Leaves the word undecided",
    "cautions": "Caution",
}
"""What a failed check does, as the box of what failed calls it."""


def report_html(
    findings: Findings,
    record: dict[str, Any],
    images: dict[str, Image],
    topics: dict[str, ReportSection],
    history: list[dict[str, Any]],
) -> str:
    """Return the report.

    Parameters
    ----------
    findings : Findings
    record : dict
        The ledger.
    images : dict of str to Image
        "data" and "effect-1", "effect-2", ... in the order of the plan's outcomes, and those of the
        topics.
    topics : dict of str to ReportSection
        What `sections_of` returns.
    history : list of dict
        This folder's runs, the present one last.
    """
    template = _template("report.html.j2")
    label = findings.label
    sections = [
        {
            "outcome": label(outcome.column),
            "verdicts": findings.verdicts_on(outcome.column),
            "answers": [_answer(findings, v) for v in findings.verdicts_on(outcome.column)],
            "figure": images[f"effect-{number}"],
            "reasons": _reasons(findings, outcome.column),
            "table": contrast_table(findings, outcome.column),
            "refused": all(v.refused for v in findings.verdicts_on(outcome.column)),
        }
        for number, outcome in enumerate(findings.plan.outcome, 1)
    ]
    page = template.render(
        plan=findings.plan,
        sliders=sliders(findings),
        simulated=findings.dataset.simulated,
        codebook=findings.dataset.codebook,
        dataset=record["dataset"],
        record=record,
        sections=sections,
        data=images["data"],
        rows=exclusions_table(findings).to_numpy().tolist(),
        failed=what_failed(findings),
        checks=_checks(findings),
        changes=changed_keys(history),
        runs=len(history),
        bibtex=bibtex(record),
        topics=topics,
        images=images,
        held=listed([label(column) for column in findings.plan.engagement.columns]),
        version=__version__,
        label=label,
        opening=opening,
        after_opening=after_opening,
        sentence=partial(verdict_sentence, findings),
    )
    return visible(unbroken(page))


def what_if_page(findings: Findings, verdict: Verdict) -> str:
    """Return the sliders of one verdict as a page of its own, without a network."""
    part = _template("what_if.html.j2").render(sliders=[of_verdict(findings, verdict)])
    drawn = f"<p>{SIMULATED}</p>" if findings.dataset.simulated else ""
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>What if?</title>'
        "<style>body { margin: .5rem; background: #fff; color: #1f1f1f; } h3 { margin: 0; }</style>"
        f"</head><body><main>{drawn}{part}</main></body></html>"
    )
    return visible(unbroken(page))


def _template(name: str) -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)


UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
"""Control characters and marks of direction: they make a reader see something else than what is
there.
"""


def unbroken(page: str) -> str:
    """Return a page on which no line ends between a number and its percent sign."""
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", page)


def visible(text: str) -> str:
    """Return text with what cannot be seen written out.

    >>> visible("sal\\u202ees")
    'sal\\\\u202ees'
    """
    return UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def changed_keys(history: list[dict[str, Any]]) -> list[tuple[str, Any, Any]]:
    """Return (key, then, now) for what the plan says differently from the first run on the same
    data.
    """
    latest = history[-1]
    first = next(entry for entry in history if entry["data_sha256"] == latest["data_sha256"])
    keys = sorted({*first["plan"], *latest["plan"]})
    return [
        (key, first["plan"].get(key), latest["plan"].get(key))
        for key in keys
        if first["plan"].get(key) != latest["plan"].get(key)
    ]


def opening(text: str) -> str:
    """Return the first sentence of a paragraph.

    >>> opening("It rose by 3.5 % in 2012. Then it fell.")
    'It rose by 3.5 % in 2012.'
    """
    return re.split(r"(?<=[.!?]) (?=[A-Z])", text, maxsplit=1)[0]


def after_opening(text: str) -> str:
    """Return a paragraph without its first sentence, which stands above it.

    >>> after_opening("It rose by 3.5 % in 2012. Then it fell.")
    'Then it fell.'
    """
    return text[len(opening(text)) :].strip()


def _answer(findings: Findings, verdict: Verdict) -> dict[str, Any]:
    """Return what the first screen says of a verdict."""
    return {
        "id": verdict.id,
        "score": findings.label(verdict.score),
        "outcome": findings.label(verdict.outcome),
        "word": verdict.verdict,
        "direction": verdict.direction,
        "headline": headline(findings, verdict),
        "short": short_sentence(findings, verdict),
        "changes": nearest_changes(findings, verdict),
    }


def what_failed(findings: Findings) -> list[tuple[str, str]]:
    """Return (what it does, what is wrong) of each kind of failed check, the gravest first."""
    failed = [c for v in findings.decided for c in findings.failed_on(v.outcome, v.score)]
    return list(
        dict.fromkeys(
            (does, weighed(check.check).sentence)
            for weight, does in LEAVES.items()
            for check in failed
            if check.weight == weight
        )
    )


def _reasons(findings: Findings, outcome: str) -> list[tuple[str, str]]:
    """Return (score, reason) of an outcome's verdicts; a reason that all scores share is told once,
    without a score.
    """
    verdicts = findings.verdicts_on(outcome)
    told: dict[str, list[str]] = {}
    for verdict in verdicts:
        for reason in verdict.reasons[verdict.refused :]:  # the first is in the sentence above
            told.setdefault(reason, []).append(findings.label(verdict.score))
    return [
        ("" if len(scores) == len(verdicts) else listed(scores), reason)
        for reason, scores in told.items()
    ]


def _checks(findings: Findings) -> dict[str, list[tuple[str, str]]]:
    """Return (question, reason) of the checks by how they ended; what they are about is named where
    there are several.
    """
    label, plan = findings.label, findings.plan
    told = {verdict.reasons[0] for verdict in findings.decided if verdict.refused}
    shown: dict[str, list[tuple[str, str]]] = {
        status: [] for status in ("failed", "not assessed", "not applicable", "passed")
    }
    for check in findings.checks:
        about = [label(check.score)] if check.score and len(plan.score.columns) > 1 else []
        about += [label(check.outcome)] if check.outcome and len(plan.outcome) > 1 else []
        asked = check_question(check) + (f" ({', '.join(about)})" if about else "")
        above = "This is why the verdict is refused; see above."
        reason = above if check.reason in told else check.reason
        shown[check.status].append((asked, reason))
    return shown
