"""What recovery.jsonl holds: the draws of each claim, and whether they pass the gate."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from claims import CLAIMS
from scipy import stats

RESULTS = Path(__file__).with_name("recovery.jsonl")
DRAWS = 1000
SIZE = 0.06
COVERAGE = 0.93
BY_NAME = {claim.name: claim for claim in CLAIMS}
MANY = 200_000
"""Creators in the fit that sees true engagement, where the true effect is no parameter."""


def read(path: Path = RESULTS) -> dict[tuple[str, bool], dict[str, Any]]:
    """Return one record per cell: the sums of its blocks, each counted once."""
    found: dict[tuple[str, bool], dict[str, Any]] = {}
    seen = set()
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        block = json.loads(line)
        key = block["claim"], block["real"]
        if (*key, block["first"]) in seen:
            continue
        seen.add((*key, block["first"]))
        found[key] = _sum(found[key], block) if key in found else block
    return found


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = one | {
        "truth": (one["truth"] * one["draws"] + other["truth"] * other["draws"])
        / (one["draws"] + other["draws"])
    }
    both |= {
        name: one[name] + other[name] for name in ("draws", "found", "right", "answered", "covered")
    }
    words = Counter(one["words"]) + Counter(other["words"])
    worst = max((r["compared"] for r in (one, other) if r["compared"] is not None), default=None)
    weights = [(r["middle"], r["answered"]) for r in (one, other) if r["answered"]]
    middle = sum(m * k for m, k in weights) / sum(k for _, k in weights) if weights else None
    return both | {
        "words": dict(sorted(words.items())),
        "compared": worst,
        "middle": middle,
        "seconds": round(one["seconds"] + other["seconds"], 2),
    }


def exact_interval(count: int, draws: int) -> tuple[float, float]:
    """Return the exact (Clopper-Pearson) binomial interval of 99 %."""
    found = stats.binomtest(count, draws).proportion_ci(0.99)
    return float(found.low), float(found.high)


def faults(record: dict[str, Any]) -> list[str]:
    """Return what a cell gets wrong.

    The 99 % interval of the size (a claim that is false is found) meets [0, .06]; that of the
    coverage of the intervals that decide meets [.93, 1].
    """
    wrong = []
    if not record["real"]:
        low, _ = exact_interval(record["found"], record["draws"])
        if low > SIZE:
            wrong.append(
                f"found in {record['found'] / record['draws']:.3f} of the draws though it is false"
            )
    if record["answered"]:
        _, high = exact_interval(record["covered"], record["answered"])
        if high < COVERAGE:
            wrong.append(
                f"coverage {record['covered'] / record['answered']:.3f} below {COVERAGE:g}"
            )
    return wrong


def gate(record: dict[str, Any]) -> str:
    """Return whether a cell is gated, and passes."""
    if not BY_NAME[record["claim"]].gated:
        return "printed"
    return "FAILED" if faults(record) else "passed"
