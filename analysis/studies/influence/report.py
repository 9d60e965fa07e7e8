"""What is known beside the verdict: predictions, form, confounders, power, and where rows went."""

from __future__ import annotations

import matplotlib
from matplotlib.figure import Figure as Canvas

from analysis.data.disclosure import FEWEST, few, said_count, shown_count
from analysis.models.family import FAMILIES
from analysis.results.estimates import Estimate, display
from analysis.results.figure import (
    ACCENT,
    GREY,
    STYLE,
    WIDTH,
    Figure,
    credit,
    rendered,
    shortened,
)
from analysis.results.findings import Findings
from analysis.results.section import ReportSection, about, rows_on
from analysis.results.sentence import interval_text, listed, unsigned
from analysis.results.table import Table
from analysis.results.verdict import BOUND, Verdict

LONGEST, MOST = 44, 12
"""Characters of a reason, and steps, that fit into the figure of rows."""


def robustness_section(findings: Findings) -> ReportSection | None:
    """Return a paragraph each on predictions, form, confounders and power, or None."""
    sentences = (gain_sentence, flexible_sentence, confounder_sentence, power_sentence)
    paragraphs = [
        about(findings, verdict.outcome, verdict.score) + text
        for verdict in findings.decided
        if verdict.verdict != "refused"
        for text in (sentence(findings, verdict) for sentence in sentences)
        if text
    ]
    if not paragraphs:
        return None
    return ReportSection("Out of sample, left out, and out of reach", tuple(paragraphs))


def _row(
    findings: Findings, verdict: Verdict, method: str, term: str, *, model: str = "", at: str = ""
) -> Estimate | None:
    """Return the estimate with a term and variant, of any model or of one; None without it."""
    rows = rows_on(findings, verdict, method)
    here = (row for row in rows if (row.term, row.variant) == (term, at))
    return next((row for row in here if model in ("", row.model)), None)


def gain_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return how much better rows that were left out are predicted with the score."""
    row = _row(findings, verdict, "prediction", "gain")
    if row is None or row.unit != "share":
        return ""
    level = findings.plan.inference.level
    better = "worse" if row.estimate < 0 else "better"
    says = "so a gain was seen" if row.interval(level)[0] > 0 else "so no gain was seen"
    return (
        f"Rows that were left out of the fit are predicted {_share(row.estimate)} {better} with the"
        f" score than without it ({interval_text(row, level)} of the outcome's deviance), {says};"
        " an interval for predictions misses most small effects, and decides nothing."
    )


def _share(value: float) -> str:
    return display(value, "share").lstrip("+-")


def flexible_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return the effect with what is held constant in any form, where it was asked for."""
    rows = rows_on(findings, verdict, "flexible")
    if not rows:
        return ""
    level = findings.plan.inference.level
    names = {"dml-linear": "by a straight line", "dml-boosting": "by gradient boosting"}
    effects = [
        f"{row.displayed} learned {names[row.model]} ({interval_text(row, level)})" for row in rows
    ]
    return (
        "With what is held constant left free to act as the data say, the effect is"
        f" {listed(effects)}. This guards against a wrong form, and not at all against noise in"
        " engagement."
    )


def confounder_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return how strong something left out of the plan would have to be."""
    model = verdict.deciding.model
    family = FAMILIES[findings.plan.outcomes[verdict.outcome].deciding_model]
    if family.linear:
        return _robustness(findings, verdict)
    row = _row(findings, verdict, "sensitivity", "e_value", model=model)
    if row is None or row.estimate is None or not family.ratio:
        return ""
    limit = _row(findings, verdict, "sensitivity", "e_value", model=model, at="limit")
    least = "" if limit is None or limit.estimate is None else _least(limit.estimate)
    return (
        "Something left out of the plan would have to go with both the score and the outcome by a"
        f" ratio of {row.estimate:.2f} each, beyond what is held constant, to explain the whole"
        f" effect away (its E-value){least}."
    )


def _least(limit: float) -> str:
    if limit == 1:
        return "; the interval holds zero as it is"
    return f", and by {limit:.2f} to bring the interval to zero"


def _robustness(findings: Findings, verdict: Verdict) -> str:
    value, least = (_row(findings, verdict, "sensitivity", term) for term in ("rv", "rv_alpha"))
    if value is None or least is None:
        return ""
    reach = f"{_share(least.estimate)} is enough to bring the interval to zero"
    if least.estimate == 0:
        reach = "the interval holds zero as it is"
    sentences = [
        f"Something left out of the plan would have to explain {_share(value.estimate)} of what is"
        f" left of both the score and the outcome to explain the whole effect away; {reach}."
    ]
    rows = rows_on(findings, verdict, "sensitivity")
    sentences += [_benchmark(findings, row) for row in rows if row.term.startswith(BOUND)]
    return " ".join([*sentences, "This speaks of confounders, not of noise in engagement."])


def _benchmark(findings: Findings, row: Estimate) -> str:
    column = findings.dataset.label(row.term.removeprefix(BOUND))
    if row.estimate is None:
        return (
            f"A confounder as strong as {column} cannot exist: {column} explains too much of the"
            " score."
        )
    interval = f" ({interval_text(row, findings.plan.inference.level)})" if row.std_error else ""
    return (
        f"A confounder as strong as {column} would leave an effect of {row.displayed}{interval}, at"
        " worst."
    )


def power_sentence(findings: Findings, verdict: Verdict) -> str:
    """Return what these rows could show, and how likely the word nothing was to begin with."""
    model = verdict.deciding.model
    mde = _row(findings, verdict, "power", "mde", model=model)
    chance = _row(findings, verdict, "power", "power_nothing", model=model)
    if mde is None or chance is None:
        return ""
    share = 100 * chance.estimate
    likely = "less than 1" if share < 1 else "more than 99" if share > 99 else f"{share:.0f}"
    return (
        f"With these rows an effect of {unsigned(findings, verdict, mde.estimate)} would be seen"
        " with a chance of 80 %; if there were no effect at all, the word nothing (or trivial)"
        f" would have a chance of {likely} %."
    )


# --- rows -----------------------------------------------------------------------------------------


def rows_section(findings: Findings) -> ReportSection | None:
    """Return the flow of rows; None where every row is analysed."""
    if not sum(findings.sample.exclusions.values()):
        return None
    total, used = findings.dataset.rows, findings.sample.rows
    text = (
        f"Of {total:,} rows, {used:,} are analysed ({100 * used / total:.1f} %). Left out, in this"
        " order: "
    )
    reasons = [
        f"{reason} ({said_count(count)})"
        for reason, count in findings.sample.exclusions.items()
        if count
    ]
    return ReportSection(
        "Where the rows went", (text + listed(reasons) + ".",), (rows_figure(findings),)
    )


def rows_figure(findings: Findings) -> Figure:
    """Draw one bar a step: what is left after each reason, and what the reason took."""
    steps = flow(findings)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, 0.8 + 0.55 * len(steps)), layout="constrained")
        axes = canvas.subplots()
        for at, (label, left, lost) in enumerate(steps):
            axes.barh(at, left, height=0.55, color=ACCENT)
            axes.barh(
                at,
                lost,
                left=left,
                height=0.55,
                color="white",
                edgecolor=GREY,
                hatch="////",
                linewidth=0.6,
            )
            less = "" if not lost else f" (\N{MINUS SIGN}{lost:,})"
            count = f"fewer than {FEWEST}" if few(lost) else f"{left:,}{less}"
            text = f"{shortened(label, LONGEST)}: {count}"
            axes.text(0, at - 0.36, text, fontsize=9, va="bottom", parse_math=False)
        axes.set(ylim=(len(steps) - 0.5, -0.75), xlim=(0, findings.dataset.rows), yticks=[])
        axes.set_xlabel("rows", fontsize=9)
        axes.tick_params(labelsize=9)
        axes.spines["left"].set_visible(False)
        caption = "Filled: rows that are left. Hatched: rows left out for the reason above the bar."
        if any(few(lost) for _, _, lost in steps):
            caption += f" Reasons of fewer than {FEWEST} rows have no bar of their own."
        total, used = findings.dataset.rows, findings.sample.rows
        rows = tuple(
            (label, "" if few(lost) else f"{left:,}", shown_count(lost) if lost else "")
            for label, left, lost in steps
        )
        return rendered(
            canvas,
            _described(findings, steps),
            caption,
            findings.dataset,
            title=f"{used:,} of {total:,} rows are analysed",
            credit=credit(findings),
            values=Table("Rows left after each step", ("Step", "Left", "Left out"), rows, (1, 2)),
        )


def flow(findings: Findings) -> list[tuple[str, int, int]]:
    """Return (step, rows left, rows lost in it), the last of many reasons in one.

    Reasons of a few rows are one step at the end: their bars would tell how many each took.
    """
    taken = [(reason, count) for reason, count in findings.sample.exclusions.items() if count]
    reasons = [step for step in taken if not few(step[1])]
    rare = [step for step in taken if few(step[1])]
    if rare:
        name = rare[0][0] if len(rare) == 1 else f"{len(rare)} reasons of fewer than {FEWEST} rows"
        reasons.append((name, sum(count for _, count in rare)))
    if len(reasons) > MOST:
        reasons = [
            *reasons[: MOST - 1],
            ("other reasons", sum(count for _, count in reasons[MOST - 1 :])),
        ]
    left = findings.dataset.rows
    steps = [("rows in the dataset", left, 0)]
    for reason, count in reasons:
        left -= count
        steps.append((reason, left, count))
    return steps


def _described(findings: Findings, steps: list[tuple[str, int, int]]) -> str:
    parts = [f"{said_count(lost)} left out, {label}" for label, _, lost in steps[1:]]
    return (
        f"Bars of rows: {steps[0][1]:,} in the dataset; {'; '.join(parts)};"
        f" {findings.sample.rows:,} analysed."
    )
