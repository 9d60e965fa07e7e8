"""The section on the value of a decision: what choosing by the score gains, in money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from analysis.data.disclosure import said_count
from analysis.plan.sections.decision import ActionSection
from analysis.results.decision import AT_SESOI, TOGETHER, WORTH
from analysis.results.estimates import Estimate, display
from analysis.results.figure import ACCENT, INK, Figure, interval_figure
from analysis.results.findings import Findings
from analysis.results.section import ReportSection, about, reasons_on, rows_on, section_of
from analysis.results.sentence import listed
from analysis.results.table import Table
from analysis.results.verdict import Verdict
from analysis.studies.decision.price import place_text, sesoi_text

TITLE = "Does choosing by the score pay?"

HOW = (
    "Each row is predicted by a model that was fitted to other rows; those with the best"
    " predictions are chosen, once with the score among what predicts and once without. The"
    " interval is about new rows like these, chosen by the same two rules."
)

WAYS = {
    "with_score": "engagement and score",
    "without_score": "engagement alone",
    "score_alone": "the score alone",
    "random": "at random",
    "all": "all",
}


@dataclass(frozen=True, eq=False)
class Shown:
    """The rows at one capacity or threshold, and how sentences name it.

    Attributes
    ----------
    rows : dict of str to Estimate
        By term.
    binary : bool
    point : float
    """

    rows: dict[str, Estimate]
    binary: bool
    point: float

    @property
    def name(self) -> str:
        """Such as "the top 10 %" or "beyond 5 %"."""
        share = f"{100 * self.point:g} %"
        return f"beyond {share}" if self.binary else f"the top {share}"


def decision_section(findings: Findings) -> ReportSection | None:
    """Return the section, or None where no choice was tried."""
    parts = []
    for verdict in findings.decided:
        points = shown_points(findings, verdict)
        if points:
            told = _told(findings, verdict, points)
            figure = decision_figure(findings, verdict, points)
            parts.append((told, figure, _table(findings, verdict, points)))
        elif (said := " ".join(reasons_on(findings, verdict, "decision"))) and _asked(findings):
            parts.append((about(findings, verdict.outcome, verdict.score) + said, None, None))
    known = any(figure is not None for _, figure, _ in parts)
    last = (HOW, *_noise(findings)) if known else ()
    return section_of(TITLE, parts, last=last)


def _asked(findings: Findings) -> bool:
    return findings.plan.decision is not None


def shown_points(findings: Findings, verdict: Verdict) -> list[Shown]:
    """Return what was found at each capacity or threshold, in the plan's order."""
    found: dict[str, dict[str, Estimate]] = {}
    for row in rows_on(findings, verdict, "decision"):
        found.setdefault(row.variant, {})[row.term] = row
    binary = findings.plan.outcomes[verdict.outcome].kind == "binary"
    return [
        Shown(rows, binary, float(variant.partition("-")[2])) for variant, rows in found.items()
    ]


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


def _options(findings: Findings) -> ActionSection:
    return findings.plan.decision or ActionSection()


def _finding(findings: Findings, verdict: Verdict, best: Shown) -> str:
    """Return what choosing the best share by engagement and score brings over engagement alone."""
    rows, outcome, score = best.rows, findings.label(verdict.outcome), findings.label(verdict.score)
    places = best.point * rows["gain"].n
    changed = rows["picks_changed"].estimate * places
    end = "lowest" if _options(findings).lower_is_better else "top"
    gain, unit = rows["gain"], _unit(findings, verdict)
    verb = "more" if gain.estimate >= 0 else "less"
    if _options(findings).lower_is_better:
        verb = "less" if gain.estimate >= 0 else "more"
    alone = rows["gain_over_score_alone"]
    moved = f"{said_count(round(changed))} of {places:,.0f} picks"
    brought = f"{_size(gain.estimate)}{unit} {verb} of {outcome} per pick"
    return (
        f"Choosing the {end} {100 * best.point:g} % by engagement and {score}, and not by"
        f" engagement alone, changes {moved} and brings {brought} ({_interval(findings, gain)}),"
        f" {_signed(rows['gain_per_account'].estimate)}{unit} per row scored. Over choosing by the"
        f" score alone it brings {_signed(alone.estimate)} per pick ({_interval(findings, alone)}),"
        f" over choosing at random {_signed(rows['gain_over_random'].estimate)}."
    )


def _binary_finding(findings: Findings, verdict: Verdict, best: Shown) -> str:
    """Return what acting beyond a threshold gains, in events per 1,000 rows."""
    gain, threshold = best.rows["gain"], f"{100 * best.point:g} %"
    outcome, score = findings.label(verdict.outcome), findings.label(verdict.score)
    per = replace(gain, estimate=1000 * gain.estimate, std_error=1000 * gain.std_error)
    act = "turns away" if _options(findings).lower_is_better else "acts on"
    odds = best.point / (1 - best.point)
    return (
        f"Whoever {act} the rows whose chance of {outcome} is {threshold} or more gains"
        f" {_signed(per.estimate)} per 1,000 rows ({_interval(findings, per)}) by {score} beside"
        f" engagement, and not engagement alone: rows rightly picked, less {odds:.2g} for each row"
        f" wrongly picked, as a threshold of {threshold} weighs them. The score changes"
        f" {100 * best.rows['picks_changed'].estimate:.0f} % of the picks."
    )


def _worth(findings: Findings, verdict: Verdict, best: Shown) -> str:
    """Return the break-even price with its interval."""
    row = best.rows[WORTH]
    low, high = (max(edge, 0.0) for edge in row.interval(findings.level))
    span = f"{100 * findings.level:g} % CI {_size(low)} to {_size(high)}"
    where = "at this threshold" if best.binary else "at this capacity"
    unit = _unit(findings, verdict) if not best.binary else ""
    if findings.plan.decision and findings.plan.decision.value:
        unit = ""
    elif best.binary:
        unit = f" of a {findings.label(verdict.outcome)}"
    if row.estimate > 0:
        return (
            f"So the score is worth at most {_size(row.estimate)}{unit} per row {where} ({span})."
        )
    if high > 0:
        return f"By this estimate the score is worth nothing {where} ({span}{unit} per row)."
    return f"The score is worth nothing {where}: the whole interval lies below zero."


def _word(findings: Findings, verdict: Verdict, points: list[Shown]) -> str:
    """Return whether it pays at the plan's price, and what makes the word."""
    options, acting = _options(findings), verdict.acting
    if options.price is None:
        return ""
    price, level = _size(options.price), f"{100 * findings.level:g} %"
    kind = "thresholds" if points[0].binary else "capacities"
    several = f"for all {len(points)} {kind} together" if len(points) > 1 else "here"
    if acting.word == "pays":
        one = next(point for point in points if point.rows[WORTH].variant == acting.at)
        low = one.rows[TOGETHER].interval(findings.level)[0]
        return (
            f"It pays at a price of {price}: the lower end of the {level} interval that holds"
            f" {several} is {_size(low)} per row."
        )
    if acting.word == "does not pay":
        high = max(point.rows[WORTH].interval(findings.level)[1] for point in points)
        return (
            f"It does not pay at a price of {price}: at none of the {kind} does the {level}"
            f" interval reach it (its highest end is {_signed(high)})."
        )
    if acting.reason:
        return f"Whether it pays at a price of {price} is not decided: {acting.reason}."
    if acting.word is None:
        return ""
    return f"These data do not decide whether it pays at a price of {price}."


def _of_the_sesoi(findings: Findings, verdict: Verdict, points: list[Shown]) -> str:
    """Return whether a score of exactly the smallest effect of interest would pay."""
    price = _options(findings).price
    rows = [point.rows[AT_SESOI] for point in points if AT_SESOI in point.rows]
    if not price or not rows:
        return ""
    best = max(rows, key=lambda row: row.estimate)
    outcome = findings.plan.outcomes[verdict.outcome]
    size = sesoi_text(outcome, findings.plan.score.scale)
    brings = f"would bring {_signed(best.estimate)} per row at {place_text(best.variant)}"
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


def _unit(findings: Findings, verdict: Verdict) -> str:
    """Return the outcome's unit with a space before it, where its name does not say it."""
    unit, label = findings.dataset.unit(verdict.outcome), findings.label(verdict.outcome)
    return f" {unit}" if unit and unit.casefold() not in label.casefold() else ""


def _interval(findings: Findings, row: Estimate) -> str:
    return f"{100 * findings.level:g} % CI {row.span(findings.level)}"


def _signed(value: float) -> str:
    return display(value, "outcome")


def _size(value: float) -> str:
    return display(abs(value), "outcome").lstrip("+")


# --- table and figure -----------------------------------------------------------------------------


def _table(findings: Findings, verdict: Verdict, points: list[Shown]) -> Table:
    """Return what is earned in each way, and the gain, at every capacity or threshold."""
    binary = points[0].binary
    ways = [way for way in WAYS if way in points[0].rows]
    head = ("Acting" if binary else "Choosing", *(WAYS[way].capitalize() for way in ways))
    head = (*head, "Picks changed", "Gain per 1,000 rows" if binary else "Gain per pick")
    rows = tuple(
        (
            one.name,
            *(_cell(one.rows[way], binary) for way in ways),
            f"{100 * one.rows['picks_changed'].estimate:.1f} %",
            f"{_cell(one.rows['gain'], binary)} ({_edges(findings, one.rows['gain'], binary)})",
        )
        for one in points
    )
    label = findings.label
    what = "Net benefit per 1,000 rows" if binary else f"Mean {label(verdict.outcome)} of the picks"
    caption = f"{what}, by what one chooses by, and what {label(verdict.score)} gains"
    return Table(caption, head, rows, tuple(range(1, len(head))))


def _cell(row: Estimate, binary: bool) -> str:
    shown = display(row.estimate * (1000 if binary else 1), "outcome")
    return shown if row.term == "gain" else shown.lstrip("+")


def _edges(findings: Findings, row: Estimate, binary: bool) -> str:
    by = 1000 if binary else 1
    low, high = (display(by * edge, "outcome") for edge in row.interval(findings.level))
    return f"{low} to {high}"


def decision_figure(findings: Findings, verdict: Verdict, points: list[Shown]) -> Figure:
    """Draw what the score is worth per row at each capacity or threshold, and its price."""
    level, price = findings.level, _options(findings).price
    by = 1000 if points[0].binary else 1
    worths = [point.rows[WORTH] for point in points]
    intervals = [[by * edge for edge in (row.estimate, *row.interval(level))] for row in worths]
    wide = [
        [by * edge for edge in (row.estimate, *point.rows[TOGETHER].interval(level))]
        for row, point in zip(worths, points, strict=True)
    ]
    thin = {"fmt": "none", "ecolor": INK, "elinewidth": 0.9}
    thick = {"fmt": "o", "markersize": 7, "color": ACCENT, "elinewidth": 3.0}
    lines = {0.0: "-"} if not price else {0.0: "-", by * price: "--"}
    told = "; ".join(
        f"{point.name} {_signed(middle)} ({_signed(low)} to {_signed(high)})"
        for point, (middle, low, high) in zip(points, intervals, strict=True)
    )
    per = "per 1,000 rows" if points[0].binary else "per row scored"
    about_price = f" The dashed line is the price, {_size(price)} a row." if price else ""
    return interval_figure(
        {at: point.name for at, point in enumerate(points)},
        [(range(len(points)), wide, thin), (range(len(points)), intervals, thick)],
        f"gain by the score, {per}",
        height=1.25 + 0.4 * (len(points) + 1),
        alt=(
            f"What choosing by {findings.label(verdict.score)} beside engagement gains in"
            f" {findings.label(verdict.outcome)}, {per}: {told}.{about_price}"
        ),
        caption=(
            "What choosing by the score beside engagement gains over engagement alone. Thick: the"
            " interval of each; thin: intervals that hold together."
            f"{about_price}"
        ),
        dataset=findings.dataset,
        lines=lines,
    )
