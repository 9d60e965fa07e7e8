"""Seconds over rows and over specifications: linear in rows; in specifications, one small
factorisation each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bench_curve import array_curve, curve_data
from harness import Bench, load, threads, timed

from analysis.models.sufficient_statistics.fits import fit_subsets
from analysis.models.sufficient_statistics.measure import sufficient_statistics

BLUE, ORANGE, GREY = (
    "#0072B2",
    "#D55E00",
    "#767676",
)  # Okabe & Ito: told apart with any colour vision
LOOP = 8
"""Specifications that the peer's loop fits; the rest is extrapolated."""


def run(bench: Bench) -> None:
    rows = (500, 2_000) if bench.quick else (2_000, 20_000, 200_000, 1_000_000)
    many = (64, 128) if bench.quick else (256, 512, 1024, 2048, 4096, 8192, 16_384)
    repeats = 2 if bench.quick else 9
    for n in rows:
        bench.growth.append({"over": "rows", **point(n, 10, 1024, repeats, loop=True)})
    for count in many:
        bench.growth.append(
            {
                "over": "specifications",
                **point(rows[0] if bench.quick else 20_000, 14, count, repeats),
            }
        )


def point(n: int, controls: int, count: int, repeats: int, *, loop: bool = False) -> dict[str, Any]:
    """Time ``count`` different subsets of the controls, HC1 and CRV1 errors both; and the peer's
    loop, HC1 only.
    """
    table, names, codes = curve_data(n, min(200, n // 10), controls)
    mask = np.zeros((count, len(names)), dtype=bool)
    drawn = np.random.default_rng(4).permutation(2**controls)[:count]
    mask[:, :controls] = (drawn[:, None] >> np.arange(controls)) & 1 == 1

    def ours():
        moments = sufficient_statistics(table, names, groups={"cluster": codes})
        return fit_subsets(
            moments, mask, outcome="y", term="s", covariance=["HC1", "CRV1"], cluster="cluster"
        )

    found: dict[str, Any] = {"rows": n, "specifications": count, "controls": controls}
    with threads(1):
        fits = ours()
        found["ours_s"] = float(np.median([timed(ours) for _ in range(repeats)]))
        if loop:
            part = mask[:LOOP, :controls]
            peer = array_curve(table, codes, "HC1", part)
            if not np.allclose(fits.std_error["HC1"][:LOOP], peer[:, 1], rtol=1e-8):
                raise SystemExit(f"growth, {n} rows: the results differ")
            seconds = np.median(
                [timed(lambda: array_curve(table, codes, "HC1", part)) for _ in range(3)]
            )
            found |= {"peer_s": float(seconds) * count / LOOP, "peer_extrapolated": count / LOOP}
    found["load"] = load()
    print(f"growth: {n:9,d} rows, {count:6,d} specifications: {found['ours_s']:.4f} s", flush=True)
    return found


def draw(growth: list[dict[str, Any]], folder: Path) -> None:
    """Write growth.svg and growth.png."""
    import matplotlib
    from matplotlib.figure import Figure

    by = {
        over: [one for one in growth if one["over"] == over] for over in ("rows", "specifications")
    }
    said = {
        "font.size": 9,
        "svg.hashsalt": "score-audit",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.rc_context(said):
        figure = Figure(figsize=(7.4, 3.1), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, over in ((left, "rows"), (right, "specifications")):
            series(
                axes, by[over], over, "ours_s", BLUE, "o-", "score-audit, HC1 and cluster errors"
            )
            proportional(axes, by[over], over)
            axes.set(xscale="log", yscale="log", xlabel=over, ylabel="seconds")
        series(
            left,
            by["rows"],
            "rows",
            "peer_s",
            ORANGE,
            "s--",
            "statsmodels arrays, HC1\n(extrapolated from 8 fits)",
        )
        left.set_title(
            f"{by['rows'][0]['specifications']:,} specifications", loc="left", fontsize=9
        )
        right.set_title(
            f"{by['specifications'][0]['rows']:,} rows, 14 controls", loc="left", fontsize=9
        )
        for axes in (left, right):
            axes.legend(frameon=False, fontsize=7, loc="upper left")
            axes.set_ylim(top=axes.get_ylim()[1] * 30)
        for name, more in (
            ("growth.svg", {"metadata": {"Date": None}}),
            ("growth.png", {"dpi": 160}),
        ):
            figure.savefig(folder / name, **more)


def series(axes, points, over, key, colour, style, label) -> None:
    x, y = ([one[name] for one in points] for name in (over, key))
    axes.plot(x, y, style, color=colour, label=label, markersize=4)


def proportional(axes, points, over) -> None:
    """Draw what exact proportionality would be, from the last point down."""
    x = np.array([one[over] for one in points], float)
    axes.plot(
        x,
        x / x[-1] * points[-1]["ours_s"],
        ":",
        color=GREY,
        linewidth=1,
        label=f"proportional to {over}",
    )
