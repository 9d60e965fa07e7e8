"""The section on several scores and many claims: side by side, and p-values that allow for it."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.results.estimates import Estimate, display
from analysis.results.figure import (
    ACCENT,
    FAINT,
    INK,
    Figure,
    interval_figure,
    on_axis,
    shortened,
)
from analysis.results.findings import Findings
from analysis.results.headline import several_scores
from analysis.results.section import Part, ReportSection, about, section_of
from analysis.results.sentence import interval_text, listed
from analysis.results.table import Table
from analysis.results.verdict import Verdict
from analysis.studies.scores.family import HOCHBERG, HOLM, ROMANO_WOLF
from analysis.studies.scores.study import BEYOND, COMMON, FAIR, GIVEN

STEPS = {
    "raw": "engagement ignored",
    "increment": "engagement held",
    GIVEN: "the other scores held, too",
    BEYOND: "beyond what they share",
}
"""What is held constant, by what stands for it here."""

STYLES = {
    "raw": {"fmt": "o", "color": FAINT},
    "increment": {"fmt": "D", "color": ACCENT},
    GIVEN: {"fmt": "s", "color": INK},
    BEYOND: {"fmt": "^", "color": INK, "markerfacecolor": "white"},
}

EXPLAINED = (
    "The words of the verdicts are about one claim each, whatever else was looked at. An adjusted"
    " p-value allows for all of its set: Holm's for what was to be confirmed (any false claim among"
    " them is as rare as one alone would be), Benjamini's and Hochberg's for what was explored (of"
    " the claims found, the share of false ones), Romano's and Wolf's for all together, which knows"
    " how much the claims resemble each other."
)


def scores_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where the plan has one claim and the score no halves."""
    parts = [_outcome(findings, outcome) for outcome in findings.plan.outcomes]
    parts += [_fair(findings, verdict) for verdict in findings.decided]
    parts.append(_family(findings))
    last = (EXPLAINED,) if parts[-1][0] else ()
    return section_of("Several scores, many outcomes", parts, last=last)


# --- scores beside each other ---------------------------------------------------------------------


def _rows(findings: Findings, verdict: Verdict) -> dict[str, Estimate]:
    """Return a score's effects by what is held constant."""
    plain = {"outcome": verdict.outcome, "score": verdict.score, "term": verdict.score}
    found = {}
    for row in findings.estimates.select(**plain, model=verdict_model(findings, verdict)):
        if row.method in ("raw", "increment") and row.scale == findings.plan.score.scale:
            if row.variant == ("margin" if row.unit == "points" else ""):
                found[row.method] = row
        elif row.method == "scores":
            found[row.variant] = row
    return found


def verdict_model(findings: Findings, verdict: Verdict) -> str:
    """Return the deciding model of a verdict's outcome."""
    return findings.plan.outcomes[verdict.outcome].deciding_model


def _outcome(findings: Findings, outcome: str) -> Part:
    """Return what is said, drawn and listed of all scores on one outcome."""
    verdicts = findings.verdicts_on(outcome)
    rows = {one.score: _rows(findings, one) for one in verdicts}
    if len(verdicts) < 2 or not all(GIVEN in of for of in rows.values()):
        return "", None, None
    text = " ".join(_sentences(findings, outcome, rows))
    table = _table(findings, outcome, rows)
    return text, _figure(findings, verdicts[0], rows, text), table


def _sentences(
    findings: Findings, outcome: str, rows: dict[str, dict[str, Estimate]]
) -> Iterator[str]:
    label, level = findings.label, findings.level
    for score, of in rows.items():
        low, high = of[GIVEN].interval(level)
        others = listed([label(name) for name in rows if name != score])
        number = f"{of[GIVEN].displayed} ({interval_text(of[GIVEN], level)})"
        if low > 0 or high < 0:
            yield (
                f"{label(score)[:1].upper()}{label(score)[1:]} tells something of {label(outcome)}"
                f" that engagement and {others} do not: {number}."
            )
        else:
            yield (
                f"With {others} held constant, too, these rows do not show that {label(score)} adds"
                f" to them on {label(outcome)}: {number}."
            )
    common = findings.estimates.select(outcome=outcome, score="", method="scores", term=COMMON)
    share = next(row for row in common if row.model == "pca")
    effect = next(row for row in common if row.model != "pca")
    yield (
        f"What the scores have in common, {share.displayed.removeprefix('+')} of their variance,"
        f" goes with {effect.displayed} ({interval_text(effect, level)}) for each standard"
        " deviation of it, engagement held constant."
    )


def _table(findings: Findings, outcome: str, rows: dict[str, dict[str, Estimate]]) -> Table:
    level, cells = findings.level, []
    for score, of in rows.items():
        shares = findings.estimates.select(
            outcome=outcome, score=score, method="information", variant=GIVEN
        )
        brought = "; ".join(
            f"{row.displayed} ({row.span(level)})".replace("+", "") for row in shares
        )
        shown = (
            f"{of[step].displayed} ({of[step].span(level)})" if step in of else "-"
            for step in STEPS
        )
        cells.append((findings.label(score), *shown, brought or "-"))
    head = ("Score", *(name[:1].upper() + name[1:] for name in STEPS.values()))
    caption = (
        f"Scores side by side on {findings.label(outcome)}: effects with {100 * level:g} %"
        " intervals, and the share of what is explained that a score alone brings"
    )
    return Table(caption, (*head, "Share it alone brings"), tuple(cells))


def _figure(
    findings: Findings, first: Verdict, rows: dict[str, dict[str, Estimate]], text: str
) -> Figure:
    """Draw the effects of each score under what is held constant."""
    level, names, marks = findings.level, {}, []
    unit = next(iter(rows.values()))[GIVEN].unit
    for step, style in STYLES.items():
        places, intervals = [], []
        for at, of in enumerate(rows.values()):
            if step in of:
                row = of[step]
                places.append(at + 0.2 * (list(STYLES).index(step) - 1.5))
                ends = (row.estimate, *row.interval(level))
                intervals.append([on_axis(value, unit) for value in ends])
        marks.append((places, intervals, {"markersize": 6, "label": STEPS[step], **style}))
    names = {float(at): shortened(findings.label(score), 24) for at, score in enumerate(rows)}
    measured = {"percent": " (%)", "points": " (percentage points)"}.get(unit, "")
    return interval_figure(
        names,
        marks,
        f"effect{measured}; shaded: too small to matter",
        height=1.6 + 0.8 * len(rows),
        title=several_scores(findings, findings.verdicts_on(first.outcome)),
        alt=f"Effects of each score on {findings.label(first.outcome)}. {text}",
        caption=(
            f"Each score's effect on {findings.label(first.outcome)} with its {100 * level:g} %"
            " interval, by what is held constant beside it."
        ),
        findings=findings,
        lines={0: "-"},
        band=[on_axis(edge, unit) for edge in first.band],
    )


def _fair(findings: Findings, verdict: Verdict) -> Part:
    """Return what a score without noise of its own would say."""
    label, level = findings.label, findings.level
    about_it = {"outcome": verdict.outcome, "score": verdict.score, "method": "scores"}
    known = findings.estimates.select(**about_it, term="reliability").rows
    fair = findings.estimates.select(**about_it, variant=FAIR).rows
    if not (known and fair):
        return "", None, None
    plain = _rows(findings, verdict)["increment"]
    said = (
        f"Two halves of {label(verdict.score)} give it a reliability of"
        f" {display(known[0].estimate, 'number')} of its own. In fairness to its vendor: without"
        f" that noise one standard deviation of it would go with {fair[0].displayed}"
        f" ({interval_text(fair[0], level)}) in place of {plain.displayed}, engagement as recorded."
    )
    return about(findings, verdict.outcome, verdict.score) + said, None, None


# --- many claims ----------------------------------------------------------------------------------


def _family(findings: Findings) -> Part:
    """Return what is left of the claims once all of them are counted."""
    label, size = findings.label, 1 - findings.level
    rows = []
    for verdict in findings.decided:
        of = {
            row.term: row
            for row in findings.estimates.select(
                outcome=verdict.outcome, score=verdict.score, method="family"
            )
        }
        if not of:
            return "", None, None
        rows.append((verdict, of))
    found = [(verdict, of) for verdict, of in rows if (verdict.deciding.p_value or 1) < size]
    kept = [of for _, of in found if (of.get(HOLM) or of[HOCHBERG]).p_value < size]
    explored = sum(HOLM not in of for _, of in rows)
    how = f"{explored} of them exploratory" if explored else "all of them confirmatory"
    told = "" if findings.plan.family else " (the plan declares no [family])"
    alone = f"{len(found)} {'has' if len(found) == 1 else 'have'}" if found else "None has"
    text = (
        f"{len(rows)} claims were looked at, {how}{told}. {alone} a p-value below {size:.2g} by"
        " itself"
    )
    text += f", and {len(kept)} still once the others of its set are allowed for." if found else "."
    cells = tuple(
        (
            f"{label(verdict.outcome)}, {label(verdict.score)}",
            "confirmatory" if HOLM in of else "exploratory",
            _p(verdict.deciding),
            _p(of.get(HOLM) or of[HOCHBERG]),
            _p(of.get(ROMANO_WOLF)),
        )
        for verdict, of in rows
    )
    head = ("Claim", "Set", "p alone", "p in its set", "p among all (Romano-Wolf)")
    return text, None, Table("P-values of all claims", head, cells, (2, 3, 4))


def _p(row: Estimate | None) -> str:
    return "-" if row is None or row.p_value is None else display(row.p_value, "p")
