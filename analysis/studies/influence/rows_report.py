"""Where the rows went: how many came in, what was left out and why, how many are analysed."""

from __future__ import annotations

import matplotlib
from matplotlib.figure import Figure as Canvas

from analysis.results.figure import ACCENT, GREY, STYLE, WIDTH, Figure, rendered
from analysis.results.findings import Findings
from analysis.results.passage import Passage
from analysis.results.sentence import listed

LONGEST, MOST = 44, 12


def rows_passage(findings: Findings) -> Passage | None:
    """Return the flow of rows as a passage; None where every row is analysed, and there is nothing
    to show.
    """
    if not sum(findings.sample.exclusions.values()):
        return None
    total, used = findings.dataset.rows, findings.sample.rows
    text = (
        f"Of {total:,} rows, {used:,} are analysed ({100 * used / total:.1f} %). Left out, in this"
        " order: "
    )
    reasons = [
        f"{reason} ({count:,})" for reason, count in findings.sample.exclusions.items() if count
    ]
    return Passage("Where the rows went", (text + listed(reasons) + ".",), (rows_figure(findings),))


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
            said = f"{left:,}" if not lost else f"{left:,} (\N{MINUS SIGN}{lost:,})"
            axes.text(
                0, at - 0.36, f"{_short(label)}: {said}", fontsize=9, va="bottom", parse_math=False
            )
        axes.set_ylim(len(steps) - 0.5, -0.75)
        axes.set_xlim(0, findings.dataset.rows)
        axes.set_yticks([])
        axes.set_xlabel("rows", fontsize=9)
        axes.tick_params(labelsize=9)
        axes.spines["left"].set_visible(False)
        caption = "Filled: rows that are left. Hatched: rows left out for the reason above the bar."
        return rendered(canvas, _described(findings, steps), caption, findings.dataset)


def flow(findings: Findings) -> list[tuple[str, int, int]]:
    """Return (step, rows left, rows lost in it), the first step all rows; the smallest of many
    reasons in one.
    """
    reasons = [(reason, count) for reason, count in findings.sample.exclusions.items() if count]
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
    told = [f"{lost:,} left out, {label}" for label, _, lost in steps[1:]]
    return (
        f"Bars of rows: {steps[0][1]:,} in the dataset; {'; '.join(told)}; {findings.sample.rows:,}"
        " analysed."
    )


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"
