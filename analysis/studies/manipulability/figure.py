"""What each way of gaming gains per 100 dollars, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results.figure import Figure
    from analysis.results.table import Table
    from analysis.studies.manipulability.study import Manipulability

CAPTION = (
    "Share of the score's range that each action gains per 100 dollars, an hour of work counting as"
    " {price:g} dollars. Hatched bars lose points; actions that leave a score where it was are not"
    " drawn. Beside a bar: what the action as a whole does to referrals. Prices and yields are"
    " assumptions, stated with each action in the table."
)


def manipulability_figure(result: Manipulability) -> Figure:
    """Draw what each action gains per 100 dollars, a panel a score, the cheapest on top."""
    import matplotlib

    from analysis.results.figure import ACCENT, INK, STYLE, WIDTH, credit_of, rendered

    moved = result.table[result.table["range_per_100"] != 0]
    panels, told = list(moved.groupby("score")), []
    heights = [0.9 + 0.26 * len(rows) for _, rows in panels]
    with matplotlib.rc_context(STYLE):
        canvas = matplotlib.figure.Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
        grid = canvas.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (name, rows) in zip(grid, panels, strict=True):
            shares = 100 * rows["range_per_100"]
            bars = axes.barh(range(len(rows)), shares, color=ACCENT, edgecolor=INK, linewidth=0.6)
            for at, (bar, share, more) in enumerate(
                zip(bars, shares, rows["referrals"], strict=True)
            ):
                if share < 0:
                    bar.set(facecolor="white", hatch="///")
                label = "" if np.isnan(more) else f"; referrals {100 * more:+.1f} %"
                label = f" {share:.3g} %{label}"
                axes.annotate(label, (max(share, 0), at), va="center", fontsize=8)
            axes.set_yticks(range(len(rows)), rows["action"], fontsize=9)
            axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(None, 1.9 * max(shares.max(), 1e-6)))
            axes.set_title(name, loc="left", fontsize=11)
            axes.axvline(0, color=INK, linewidth=0.8)
            first, last, actions = shares.iloc[0], shares.iloc[-1], rows["action"].tolist()
            told.append(
                f"{name}: most by {actions[0]} ({first:.3g} % of its range per 100 dollars), least"
                f" by {actions[-1]} ({last:.3g} %)"
            )
        grid[-1].set_xlabel("range of the score gained per 100 dollars, %")
        alt = f"Bars of what each way of gaming gains. {'; '.join(told)}."
        caption = CAPTION.format(price=result.hour_price)
        best = moved.loc[moved["range_per_100"].idxmax()]
        title = (
            f"100 dollars of {best['action']} gain {100 * best['range_per_100']:.3g} % of the range"
            f" of {best['score']}, and nothing gains more"
        )
        source = credit_of(result.dataset, result.dataset.rows)
        more = {"title": title, "credit": source, "values": _values(moved)}
        return rendered(canvas, alt, caption, result.dataset, **more)


def _values(moved: pd.DataFrame) -> Table:
    from analysis.results.table import Table

    rows = tuple(
        (
            f"{row['score']}: {row['action']}",
            f"{100 * row['range_per_100']:.3g} %",
            "-" if np.isnan(row["referrals"]) else f"{100 * row['referrals']:+.1f} %",
        )
        for row in moved.to_dict("records")
    )
    caption = "Share of the score's range gained per 100 dollars"
    return Table(caption, ("Score and action", "Range gained", "Referrals"), rows, (1, 2))
