"""The section on the value of a decision: what choosing by the score gains, in money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analysis.data.disclosure import said_count
from analysis.plan.sections.decision import place_text
from analysis.results.decision import AT_SESOI, TOGETHER, WORTH
from analysis.results.findings import Findings
from analysis.results.section import ReportSection, about, reasons_on, section_of
from analysis.results.sentence import listed
from analysis.results.verdict import Verdict
from analysis.studies.decision.figures import curve_figure, decision_figure, decision_table
from analysis.studies.decision.price import sesoi_text
from analysis.studies.decision.shown import (
    Shown,
    interval_of,
    options_of,
    shown_points,
    signed,
    size,
    unit_of,
)

TITLE = "Does choosing by the score pay?"

HOW = (
    "Each row is predicted by a model that was fitted to other rows; those with the best"
    " predictions are chosen, once with the score among what predicts and once without. The"
    " interval is about new rows like these, chosen by the same two rules."
)


def decision_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where no choice was tried."""
    parts = []
    for verdict in findings.decided:
        points = [] if verdict.refused else shown_points(findings, verdict)
        if points:
            told = _told(findings, verdict, points)
            figure = decision_figure(findings, verdict, points)
            parts.append((told, figure, decision_table(findings, verdict, points)))
            if points[0].binary:
                parts.append(("", curve_figure(findings, verdict, points), None))
        elif (said := " ".join(reasons_on(findings, verdict, "decision"))) and _asked(findings):
            parts.append((about(findings, verdict.outcome, verdict.score) + said, None, None))
    known = any(figure is not None for _, figure, _ in parts)
    last = (HOW, *_noise(findings)) if known else ()
    return section_of(TITLE, parts, last=last)


def _asked(findings: Findings) -> bool:
    return findings.plan.decision is not None


# --- sentences ------------------------------------------------------------------------------------


def _told(findings: Findings, verdict: Verdict, points: list[Shown]) -> str:
    """Return the finding at the point that says most, what follows from it, and the word."""
    best = _best(findings, verdict, points)
    found = (_binary_finding if best.binary else _finding)(findings, verdict, best)
    return about(findings, verdict.outcome, verdict.score) + " ".join(
        filter(
            None,
            (
                found,
                _worth(findings, verdict, best),
                _word(findings, verdict, points),
                _of_the_sesoi(findings, verdict, points),
                *reasons_on(findings, verdict, "decision"),
            ),
        )
    )


def _best(findings: Findings, verdict: Verdict, points: list[Shown]) -> Shown:
    """Return the point at which it pays, else the one whose worth is clearest above zero."""
    for one in points:
        if one.rows[WORTH].variant == verdict.acting.at:
            return one
    return max(points, key=lambda one: one.rows[WORTH].estimate / one.rows[WORTH].std_error)


def _finding(findings: Findings, verdict: Verdict, best: Shown) -> str:
    """Return what choosing the best share by engagement and score brings over engagement alone."""
    rows, outcome, score = best.rows, findings.label(verdict.outcome), findings.label(verdict.score)
    places = best.point * rows["gain"].n
    changed = rows["picks_changed"].estimate * places
    end = "lowest" if options_of(findings).lower_is_better else "top"
    gain, unit = rows["gain"], unit_of(findings, verdict)
    verb = "more" if gain.estimate >= 0 else "less"
    if options_of(findings).lower_is_better:
        verb = "less" if gain.estimate >= 0 else "more"
    alone = rows["gain_over_score_alone"]
    moved = f"{said_count(round(changed))} of {places:,.0f} picks"
    brought = f"{size(gain.estimate)}{unit} {verb} of {outcome} per pick"
    return (
        f"Choosing the {end} {100 * best.point:g} % by engagement and {score}, and not by"
        f" engagement alone, changes {moved} and brings {brought} ({interval_of(findings, gain)})."
        f" Per row scored that is {signed(rows['gain_per_account'].estimate)}{unit}. Over choosing"
        f" by the score alone it brings {signed(alone.estimate)} per pick"
        f" ({interval_of(findings, alone)}), and over choosing at random"
        f" {signed(rows['gain_over_random'].estimate)}."
    )


def _binary_finding(findings: Findings, verdict: Verdict, best: Shown) -> str:
    """Return what acting beyond a threshold gains, in events per 1,000 rows."""
    gain, threshold = best.rows["gain"], f"{100 * best.point:g} %"
    outcome, score = findings.label(verdict.outcome), findings.label(verdict.score)
    per = replace(gain, estimate=1000 * gain.estimate, std_error=1000 * gain.std_error)
    away = options_of(findings).lower_is_better
    act, acted = ("Turning away", "turned away") if away else ("Acting on", "acted on")
    odds = best.point / (1 - best.point)
    return (
        f"{act} the rows whose chance of {outcome} is {threshold} or more, by engagement and"
        f" {score} and not by engagement alone, gains {signed(per.estimate)} per 1,000 rows"
        f" ({interval_of(findings, per)}): a row with {outcome} that is {acted} counts 1, and any"
        f" other row that is costs {odds:.2g}, the odds of {threshold}. The score changes"
        f" {100 * best.rows['picks_changed'].estimate:.0f} % of the picks."
    )


def _worth(findings: Findings, verdict: Verdict, best: Shown) -> str:
    """Return the break-even price with its interval."""
    row, unit = best.rows[WORTH], unit_of(findings, verdict)
    priced = bool(findings.plan.decision and findings.plan.decision.value)
    by = 1000 if best.binary and not priced else 1
    low, high = (by * max(edge, 0.0) for edge in row.interval(findings.level))
    span = f"{100 * findings.level:g} % CI {size(low)} to {size(high)}"
    where = "at this threshold" if best.binary else "at this capacity"
    if high <= 0:
        return f"The score is worth nothing {where}: the whole interval lies below zero."
    if row.estimate <= 0:
        per = "1,000 rows" if by > 1 else "row"
        return f"By this estimate the score is worth nothing {where} ({span} per {per})."
    worth = size(by * row.estimate)
    if by > 1:
        outcome = findings.label(verdict.outcome)
        return (
            f"So the score is worth at most what {worth} rows with {outcome} would cost, per 1,000"
            f" rows scored {where} ({span})."
        )
    worth = worth if priced else f"{worth}{unit}"
    return f"So the score is worth at most {worth} per row scored {where} ({span})."


def _word(findings: Findings, verdict: Verdict, points: list[Shown]) -> str:
    """Return whether it pays at the plan's price, and what makes the word."""
    options, acting = options_of(findings), verdict.acting
    if options.price is None:
        return ""
    price, level = size(options.price), f"{100 * findings.level:g} %"
    kind = "thresholds" if points[0].binary else "capacities"
    several = f"for all {len(points)} {kind} together" if len(points) > 1 else "here"
    if acting.word == "pays":
        one = next(point for point in points if point.rows[WORTH].variant == acting.at)
        low = one.rows[TOGETHER].interval(findings.level)[0]
        return (
            f"It pays at a price of {price}: the lower end of the {level} interval that holds"
            f" {several} is {size(low)} per row."
        )
    if acting.word == "does not pay":
        high = max(point.rows[WORTH].interval(findings.level)[1] for point in points)
        return (
            f"It does not pay at a price of {price}: at none of the {kind} does the {level}"
            f" interval reach it (its highest end is {signed(high)})."
        )
    if acting.reason:
        return f"Whether it pays at a price of {price} is not decided: {acting.reason}."
    if acting.word is None:
        return ""
    return f"These data do not decide whether it pays at a price of {price}."


def _of_the_sesoi(findings: Findings, verdict: Verdict, points: list[Shown]) -> str:
    """Return whether a score of exactly the smallest effect of interest would pay."""
    price = options_of(findings).price
    rows = [point.rows[AT_SESOI] for point in points if AT_SESOI in point.rows]
    if not price or not rows:
        return ""
    best = max(rows, key=lambda row: row.estimate)
    outcome = findings.plan.outcomes[verdict.outcome]
    size = sesoi_text(outcome, findings.plan.score.scale)
    brings = f"would bring {signed(best.estimate)} per row at {place_text(best.variant)}"
    would = "it would pay" if best.estimate > price else "it would not pay"
    return f"By the model, a score of exactly the SESOI ({size}) {brings}: {would}."


def _noise(findings: Findings) -> Iterable[str]:
    """Yield what is compared where engagement may be recorded with noise."""
    engagement = findings.plan.engagement
    noisy = [*engagement.assumed_columns, *engagement.stated_columns]
    if noisy and findings.plan.score.shares_error != "full":
        names = listed([findings.label(column) for column in noisy])
        yield (
            "Both choices use the columns as they are recorded. Where there is noise in"
            f" {names}, a score that only makes up for it gains here, too; the verdict asks"
            " another question."
        )
