"""The figure of what moves a score: points that each action gains per hundred dollars of time and
money.
"""

from __future__ import annotations

import matplotlib
from matplotlib.figure import Figure as Canvas

from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, Figure, rendered
from analysis.studies.manipulability.study import Manipulability

CAPTION = (
    "Share of the score's range that each action gains per 100 dollars, an hour of work counting as"
    " {price:g} dollars. Hatched bars lose points. Beside a bar: what the action as a whole does to"
    " referrals. Prices and yields are assumptions, stated with each action in the table."
)


def manipulability_figure(found: Manipulability) -> Figure:
    """Draw one panel a score, the cheapest way to move it on top, with what the same spend does to
    referrals.
    """
    names = list(dict.fromkeys(found.table["score"]))
    most = max(len(rows) for _, rows in found.table.groupby("score"))
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, (0.9 + 0.26 * most) * len(names)), layout="constrained")
        grid = canvas.subplots(len(names), 1, squeeze=False)[:, 0]
        for axes, name in zip(grid, names, strict=True):
            rows = found.table[found.table["score"] == name]
            shares = 100 * rows["range_per_100"]
            bars = axes.barh(range(len(rows)), shares, color=ACCENT, edgecolor=INK, linewidth=0.6)
            for bar, share, referrals in zip(bars, shares, rows["referrals"], strict=True):
                if share < 0:
                    bar.set(facecolor="white", hatch="///")
                change = "" if referrals != referrals else f"; referrals {100 * referrals:+.1f} %"
                axes.annotate(
                    f" {share:.3g} %{change}",
                    (max(share, 0), bar.get_y() + bar.get_height() / 2),
                    va="center",
                    fontsize=8,
                )
            axes.set_yticks(range(len(rows)), rows["action"], fontsize=9)
            axes.set_ylim(len(rows) - 0.4, -0.6)
            axes.set_xlim(right=1.9 * max(float(shares.max()), 1e-6))
            axes.set_title(name, loc="left", fontsize=11)
            axes.axvline(0, color=INK, linewidth=0.8)
        grid[-1].set_xlabel("range of the score gained per 100 dollars, %")
        return rendered(
            canvas, _alt(found, names), CAPTION.format(price=found.hour_price), found.dataset
        )


def _alt(found: Manipulability, names: list[str]) -> str:
    """Return what the figure shows, in words: the cheapest and the most useless way for each
    score.
    """
    said = []
    for name in names:
        rows = found.table[found.table["score"] == name]
        first, last = rows.iloc[0], rows.iloc[-1]
        said.append(
            f"{name}: most by {first['action']} ({100 * first['range_per_100']:.3g} % of its range"
            f" per 100 dollars), least by {last['action']} ({100 * last['range_per_100']:.3g} %)"
        )
    return f"Bars of what each way of gaming gains. {'; '.join(said)}."
