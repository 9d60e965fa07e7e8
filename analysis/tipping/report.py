"""The report's first section: what would change each verdict."""

from __future__ import annotations

from analysis.results.findings import Findings
from analysis.results.section import Part, ReportSection, about, section_of
from analysis.results.sentence import detectable, listed, noise_sentence
from analysis.results.table import Table
from analysis.results.tipping_point import TippingPoint, said
from analysis.results.verdict import Verdict

TITLE = "What would change the verdict"

HOW = (
    "Each line is the smallest change of one kind, all else as it is, after which the same rule"
    " gives another word: every fit that decides and every check that can leave a word undecided"
    " were asked again."
)

CHOICES = ("form", "model", "covariance", "decision")
"""Changes of one choice for another, which have no size."""

FRAGILE = {
    True: "The verdict is fragile by this: {conditions}.",
    False: "The verdict is not fragile by any of its three conditions.",
    None: "Whether the verdict is fragile was not assessed in full.",
}


def tipping_section(findings: Findings) -> ReportSection | None:
    """Return the section on what would change each verdict, or None where all are refused or the
    rows are beyond memory.
    """
    parts = [_part(findings, verdict) for verdict in findings.decided]
    return section_of(TITLE, parts, last=(HOW,))


def _part(findings: Findings, verdict: Verdict) -> Part:
    points = findings.tipping.get((verdict.outcome, verdict.score), ())
    if not points:
        return "", None, None
    return _sentence(findings, verdict, points), None, tipping_table(findings, verdict)


def _sentence(findings: Findings, verdict: Verdict, points: tuple[TippingPoint, ...]) -> str:
    """Return how near the nearest changes are, and whether the verdict is fragile."""
    turning = [point for point in points if point.status == "turns"]
    looked = [point for point in points if point.status != "not assessed"]
    verb = "turns" if len(turning) == 1 else "turn"
    counted = f"{len(turning)} of {len(looked)} changes that were looked at {verb} the word."
    left = len(points) - len(looked)
    also = f" {left} {'was' if left == 1 else 'were'} not assessed." if left else ""
    met = [point.what[0].lower() + point.what[1:] for point in points if point.fragile]
    fragile = FRAGILE[verdict.fragile].format(conditions=", ".join(met))
    lead = about(findings, verdict.outcome, verdict.score)
    return f"{lead}{counted}{also} {fragile}"


MOST_TOLD = 3
"""So many changes stand on the first screen."""


def nearest_changes(findings: Findings, verdict: Verdict) -> tuple[str, ...]:
    """Return in a few sentences what would change a verdict, or why that is not known."""
    if verdict.refused:
        return ("Other data: these have no answer to the question.",)
    failed = [c for c in findings.failed_on(verdict.outcome, verdict.score) if c.undecided]
    if failed and verdict.verdict == "inconclusive":
        return tuple(f"To be settled first: {check.reason}" for check in failed[:MOST_TOLD])
    told = []
    if verdict.verdict == "inconclusive" and verdict.holds_from is not None:
        told.append(noise_sentence(findings, verdict))
    points = findings.tipping.get((verdict.outcome, verdict.score), ())
    told += [point.sentence for point in points if point.status == "turns"]
    if told:
        return tuple(told[:MOST_TOLD])
    looked = [point for point in points if point.status != "not assessed"]
    if looked:
        told.append(f"None of the {len(looked)} changes that were put to the rule turns the word.")
    if verdict.verdict == "inconclusive" and not verdict.deciding.carried_by_one:
        size = detectable(findings, verdict)
        told.append(f"More rows may: these would show an effect of {size} with a power of .80.")
    return tuple(told) or ("Not assessed.",)


def _size(point: TippingPoint) -> str:
    """Return how large a change is, as the table shows it."""
    if point.size is None:
        return "-"
    return "one choice" if point.change in CHOICES else point.row.displayed


def _together(kinds: list[str]) -> str:
    """Return several kinds of change as one list."""
    first, *others = kinds
    return listed([first, *(kind[0].lower() + kind[1:] for kind in others)])


def tipping_table(findings: Findings, verdict: Verdict) -> Table:
    """Return the table of one verdict: a row per change, and one for all that were not assessed for
    the same reason.
    """
    points = findings.tipping.get((verdict.outcome, verdict.score), ())
    label = findings.label
    looked = [point for point in points if point.status != "not assessed"]
    reasons: dict[str, list[str]] = {}
    for point in points:
        if point.status == "not assessed":
            reasons.setdefault(point.sentence, []).append(point.what)
    rows = (
        *((point.what, _size(point), point.sentence) for point in looked),
        *((_together(kinds), "-", sentence) for sentence, kinds in reasons.items()),
    )
    caption = (
        f"What would change the verdict on {label(verdict.score)} and {label(verdict.outcome)}:"
        f" {said(verdict.phrase)} as it stands"
    )
    return Table(caption, ("Change", "Size", "In a sentence"), rows)
