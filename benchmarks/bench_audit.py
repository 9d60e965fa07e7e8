"""The whole audit from the command line, a file to the verdict and the report: the first run, and
one more.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from harness import Bench, kernel

ROOT = Path(__file__).resolve().parents[1]
ROWS, PAIRS = 200_000, 1
COMMAND = "from analysis.cli import main; main()"
NOTE = (
    "a process of its own from the command line to the written report, nothing switched off. First:"
    " an empty folder for the results, and no fonts known to matplotlib. Again: the same once more,"
    " and the goal is for this one. The limit is processor time, user and system: on a busy machine"
    " the clock says more"
)
PLAN = """
name = "creators"
question = "Does the score tell anything about revenue that engagement does not?"
dataset = "creators.csv"
row = "id"
[score]
columns = ["klout"]
[engagement]
columns = ["likes", "replies", "reviews"]
transform = "log1p"
[engagement.reliability]
likes = {value = 0.9, low = 0.85, high = 0.95}
replies = {value = 0.85, low = 0.8, high = 0.9}
reviews = {value = 0.8, low = 0.7, high = 0.9}
[controls]
columns = ["tenure", "country"]
[[outcome]]
column = "revenue"
kind = "revenue"
sesoi = 0.02
[cluster]
column = "shop"
"""


def write_study(folder: Path, rows: int) -> Path:
    """Write a plan and its creators, a hundred to a shop: skewed counts, money with zeros and a
    heavy tail.
    """
    rng = np.random.default_rng(rows)
    shops, activity = max(rows // 100, 20), rng.normal(size=rows)
    shop = rng.integers(shops, size=rows)
    likes, replies, reviews = (
        rng.negative_binomial(size, size / (size + mean * np.exp(slope * activity)))
        for size, mean, slope in ((1.2, 30, 0.8), (1.0, 8, 0.6), (4.0, 3, 0.4))
    )
    tenure = rng.gamma(3, 10, rows).round(1)
    klout = np.clip(
        40 + 5 * np.log1p(likes) + 3 * np.log1p(replies) + rng.normal(0, 8, rows), 1, 100
    ).round(1)
    level = 2 + 0.25 * np.log1p(likes) + 0.2 * np.log1p(replies) + 0.006 * klout + 0.005 * tenure
    money = np.exp(level + rng.normal(0, 0.3, shops)[shop]) * 1.5 * rng.pareto(1.7, rows)
    revenue = np.where(rng.random(rows) < 0.45, money, 0).round(2)
    pd.DataFrame(
        {
            "id": [f"c{number:06d}" for number in range(rows)],
            "klout": klout,
            "likes": likes,
            "replies": replies,
            "reviews": reviews,
            "tenure": tenure,
            "country": rng.choice(["BE", "DE", "FR", "LU", "NL"], rows),
            "shop": [f"s{number:04d}" for number in shop],
            "revenue": revenue,
        }
    ).to_csv(folder / "creators.csv", index=False)
    path = folder / "creators.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def audited(plan: Path, out: Path, fonts: Path) -> tuple[float, float]:
    """Run the audit in a process of its own; seconds by the clock, and of the processor."""
    env = os.environ | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA")}
    env |= {"MPLCONFIGDIR": str(fonts), "PYTHONPATH": str(ROOT)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", COMMAND, "run", str(plan), "--out", str(out)],
        check=True,
        env=env,
        cwd=plan.parent,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, used


def numbers(out: Path) -> tuple[int, dict[str, float]]:
    """Return the rows used, and every estimate of a ledger."""
    found = json.loads((out / "ledger.json").read_text(encoding="utf-8"))
    return found["dataset"]["rows_used"], {
        row["id"]: row["estimate"] for row in found["estimates"] if row["estimate"] is not None
    }


def run(bench: Bench) -> None:
    pairs = 1 if bench.quick else PAIRS
    with TemporaryDirectory() as name:
        folder = Path(name)
        studies = [("movies", ROOT / "plans" / "movies.toml", 10.0)]
        studies.append(("creators", write_study(folder, 2_000 if bench.quick else ROWS), 20.0))
        for study, plan, goal in studies:
            seen = []
            for number in range(pairs):
                out, fonts = folder / f"{study}-{number}", folder / f"fonts-{study}-{number}"
                first, told = audited(plan, out, fonts), numbers(out)
                again, same = audited(plan, out, fonts), numbers(out)
                if told != same:
                    raise SystemExit(f"{study}: two runs differ, so no time is told")
                seen.append((first, again))
            for at, work in enumerate(("first", "again")):
                clock, used = (median(pair[at][which] for pair in seen) for which in (0, 1))
                bench.add(
                    f"score-audit run, {work}",
                    f"no peer: {study}",
                    clock,
                    None,
                    n=told[0],
                    goal=None,
                    goal_s=goal if at else None,
                    max_rel_diff=0.0,
                    runs=pairs,
                    kernel=kernel(),
                    threads="1",
                    extrapolated=None,
                    cpu_s=used,
                    note=NOTE,
                )
