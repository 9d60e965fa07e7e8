"""Where the time of a run goes: ``python benchmarks/profiles.py [--runs 3] [--rows 200000]``.

Each audit is run as a process of its own with --profile, the studies in turn, beside a yardstick: a
process that fits a statsmodels GLM Poisson of 3,000 rows and four columns 200 times. Medians go to
benchmarks/results.json, and from there into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
COMMAND = "from analysis.cli import main; main()"
LINE = re.compile(r"^ *(\d+\.\d\d) s  (.+)$")
TOTAL, YARDSTICK = "processor time", "yardstick"
YARD = """
import time
import numpy as np, statsmodels.api as sm
rng = np.random.default_rng(0)
x = sm.add_constant(rng.normal(size=(3000, 3)))
y = rng.poisson(np.exp(0.1 + 0.2 * x[:, 1]))
for _ in range(200):
    sm.GLM(y, x, family=sm.families.Poisson()).fit(cov_type="HC1")
print(f"{time.process_time():9.2f} s  yardstick")
"""


def told(arguments: list[str], folder: Path) -> dict[str, float]:
    """Return the seconds that a process prints, by what they went to."""
    env = os.environ | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA")}
    run = subprocess.run(
        [sys.executable, "-c", *arguments],
        check=True,
        env=env | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    lines = map(LINE.match, (run.stdout + "\n" + run.stderr).splitlines())
    return {line[2]: float(line[1]) for line in lines if line}


def profile(plan: str, folder: Path) -> dict[str, float]:
    """Return where the processor time of a run goes, in a folder with earlier results."""
    return told([COMMAND, "run", plan, "--profile", "--out", str(folder / Path(plan).stem)], folder)


def medians(seen: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each line, 0 where it is not told, the largest first."""
    names = dict.fromkeys(name for one in seen for name in one)
    middle = {name: median(one.get(name, 0.0) for one in seen) for name in names}
    return dict(sorted(middle.items(), key=lambda item: -item[1]))


def measured(runs: int, rows: int) -> list[dict[str, Any]]:
    """Return the medians of every study, with those of the yardstick that was run in turn."""
    sys.path[:0] = [str(HERE), str(ROOT)]
    from bench_audit import write_study

    with TemporaryDirectory() as name:
        folder = Path(name)
        creators = write_study(folder, rows)
        plans = {plan: str(ROOT / "plans" / f"{plan}.toml") for plan in ("movies", "lending")}
        plans[f"creators, {rows:,} rows"] = str(creators)
        seen: dict[str, list[dict[str, float]]] = {study: [] for study in plans}
        for plan in plans.values():  # what a first run alone has to do
            profile(plan, folder)
        for _ in range(runs):
            for study, plan in plans.items():
                seen[study].append(profile(plan, folder) | told([YARD], folder))
    day = date.today().isoformat()
    return [
        {"study": study, "runs": runs, "day": day, "seconds": medians(found)}
        for study, found in seen.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=200_000)
    asked = parser.parse_args()
    found = measured(asked.runs, asked.rows)
    from report import write_docs

    path = HERE / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) | {"profiles": found}
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_docs(results, ROOT / "docs")


if __name__ == "__main__":
    main()
