"""Is the word beyond memory the word in memory? Simulated tables, audited both ways.

    python benchmarks/beyond_memory.py                 50 tables through DuckDB
    python benchmarks/beyond_memory.py --spark         through Spark
    python benchmarks/beyond_memory.py --drawn 1500    with a sample that is smaller than the table

Each table has a kind of outcome, a form, a noise in the record and an effect of its own. Printed are
the tables whose words differ, and how far the end of the interval that decides lies from the limit,
in its standard errors.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd

from analysis.audit import analyse

ROWS = 3_000
KINDS = ("continuous", "count", "revenue")


def table(seed: int) -> tuple[pd.DataFrame, dict]:
    """Return rows, and the plan without its dataset."""
    rng = np.random.default_rng([7, seed])
    kind, columns = KINDS[seed % 3], ["likes", "views"][: 1 + seed % 2]
    truth = rng.normal(size=(2, ROWS))
    noise = rng.choice([0.0, 0.2, 0.5])
    effect = rng.choice([0.0, 0.03, 0.06, 0.1, 0.2])
    score = 0.5 * truth[0] + 0.2 * truth[1] + rng.normal(size=ROWS)
    bend = 0.2 * truth[0] ** 2 if seed % 5 == 0 else 0.0
    mean = 0.3 * truth[0] + bend + effect * score
    if kind == "continuous":
        outcome = mean + rng.normal(size=ROWS)
    elif kind == "count":
        outcome = rng.poisson(np.exp(0.5 + mean)).astype(float)
    else:
        outcome = np.exp(3 + mean) * rng.gamma(2, 0.5, ROWS) * (rng.random(ROWS) < 0.8)
    recorded = truth + noise * rng.normal(size=(2, ROWS))
    frame = pd.DataFrame({"likes": recorded[0], "views": recorded[1], "score": score, "y": outcome})
    frame["team"] = rng.integers(0, 80, ROWS).astype(str)
    plan = {
        "name": f"table-{seed}",
        "question": "Is it the same word?",
        "score": {"columns": ["score"]},
        "engagement": {"columns": columns},
        "outcome": [{"column": "y", "kind": kind, "sesoi": 0.05}],
        "quick": True,
    }
    if seed % 4 == 0:
        plan["cluster"] = {"column": "team"}
    return frame, plan


def words(seed: int, spark: bool) -> tuple[str, str, float]:
    """Return both words with their directions, and how near the nearest end is to its limit."""
    frame, plan = table(seed)
    with tempfile.TemporaryDirectory() as place:
        for part, rows in enumerate((frame.iloc[: ROWS // 3], frame.iloc[ROWS // 3 :])):
            rows.to_parquet(Path(place) / f"part{part}.parquet")
        address = f"{'spark:' if spark else ''}{place}/*.parquet"
        beyond = analyse(plan | {"dataset": address}).verdict_on()
    inside = analyse(plan | {"dataset": "rows.csv"}, frame).verdict_on()
    rows = [member.row for member in inside.deciding_set if member.row is not None]
    limits = (0.0, *inside.band)
    near = min(
        abs(end - limit) / row.std_error
        for row in rows
        for end in row.interval(0.95)
        for limit in limits
    )
    return said(beyond), said(inside), near


def said(verdict) -> str:
    return " ".join(filter(None, [verdict.verdict, verdict.direction]))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=50)
    parser.add_argument("--spark", action="store_true")
    parser.add_argument("--drawn", type=int, default=200_000, help="rows of the sample")
    args = parser.parse_args()
    same, found = 0, []
    with patch("analysis.out_of_core.rows.SAMPLE_ROWS", args.drawn):
        for seed in range(args.tables):
            beyond, inside, near = words(seed, args.spark)
            same += beyond == inside
            found.append(inside)
            if beyond != inside:
                print(f"table {seed}: {beyond}, in memory {inside}; nearest end {near:.2f} errors")
    print(
        f"{same} of {args.tables} words are the same; in memory: {pd.Series(found).value_counts().to_dict()}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
