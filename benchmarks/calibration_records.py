"""What calibration.jsonl holds: its cells, their rates, and whether they pass the gate."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from scipy import stats
from worlds import MODELS, Cell

RESULTS = Path(__file__).with_name("calibration.jsonl")
SIZES = (1000, 5000, 300)
RELIABILITIES = (0.6, 0.7, 0.8, 0.9)
SHARINGS = (0.0, 0.5, 1.0)
GATE = (0.035, 0.065)
COVERAGE = 0.93


@dataclass(frozen=True)
class Rates:
    """Shares of samples in which an interval excludes zero, and of those that cover the effect.

    `known` uses the structure of the errors as it is: halves of engagement where the score shares
    none, halves of both where it does. `unshared` takes errors as unshared whatever they are;
    `rule` asks plain and unshared for the same side; for a logit these are margins. `second` is the
    corrected (Poisson) or conditional (logit) score. A refused correction passes nothing, and is
    left out of the coverage.
    """

    plain: float
    unshared: float
    known: float
    declared: float
    second: float
    rule: float
    refused: float
    power_plain: float
    power_known: float
    power_rule: float
    coverage: float
    coverage_declared: float
    coverage_second: float


def rates(record: dict[str, Any]) -> Rates:
    """Return the rates of a record; NaN for what was not tried."""
    counts, draws = record["counts"], record["draws"]

    def share(name: str, what: str) -> float:
        return counts[name][what] / counts[name]["samples"] if name in counts else float("nan")

    def coverage(name: str) -> float:
        answered = counts[name]["samples"] - counts[name]["unanswered"] if name in counts else 0
        return counts[name]["covered"] / answered if answered else float("nan")

    return Rates(
        *(share(name, "passed") for name in ("plain", "unshared", "known", "declared", "second")),
        rule=record["rule"][0] / draws,
        refused=share("known", "refused"),
        power_plain=share("plain", "found"),
        power_known=share("known", "found"),
        power_rule=record["rule"][1] / draws,
        coverage=coverage("known"),
        coverage_declared=coverage("declared"),
        coverage_second=coverage("second"),
    )


def faults(record: dict[str, Any]) -> list[str] | None:
    """Return what a gated cell gets wrong; None where the cell is printed and not gated.

    A size passes when its exact 99 % binomial interval meets [.04, .06] (the rule's: [0, .06]) and,
    from 2,000 samples, its point lies in [.035, .065] (at most .065). Declared errors are right,
    and gated, where none are shared. The coverage of an interval that decides is at least .93.
    Where a correction is refused in some samples, those that are answered pass less often than the
    level, and only too many passes are a fault.
    """
    if record["n"] < 1000 or record["tails"] != "light":
        return None
    found, wrong = rates(record), []
    coverages = {"known": found.coverage}
    sizes = {"known": found.known, "rule": found.rule}
    if not record["sharing"]:
        sizes["declared"], coverages["declared"] = found.declared, found.coverage_declared
    for name, size in sizes.items():
        one_sided = name == "rule" or record["counts"][name]["refused"] > 0
        low, least = (0.0, 0.0) if one_sided else (0.04, GATE[0])
        if not meets(size, record["draws"], low, 0.06):
            wrong.append(
                f"size of {name} {size:.3f}: its 99 % interval does not meet [{low:g}, .06]"
            )
        elif record["draws"] >= 2000 and not least <= size <= GATE[1]:
            wrong.append(f"size of {name} {size:.3f} outside [{least:g}, {GATE[1]:g}]")
    for name, share in coverages.items():
        answered = record["counts"][name]["samples"] - record["counts"][name]["unanswered"]
        short = (
            share < COVERAGE
            if record["draws"] >= 2000
            else answered and not meets(share, answered, COVERAGE, 1.0)
        )
        if short:
            wrong.append(f"coverage of {name} {share:.3f} below {COVERAGE:g}")
    return wrong


def gate(record: dict[str, Any]) -> str:
    """Return whether a cell is gated, and passes."""
    wrong = faults(record)
    return "printed" if wrong is None else "FAILED" if wrong else "passed"


def meets(rate: float, draws: int, low: float, high: float) -> bool:
    """Return whether the exact 99 % binomial interval of a rate meets [low, high]."""
    interval = stats.binomtest(round(rate * draws), draws).proportion_ci(0.99)
    return interval.low <= high and interval.high >= low


def cells(
    models: Iterable[str] = MODELS,
    sizes: Iterable[int] = SIZES,
    draws: int | None = None,
    tails: str = "light",
) -> list[Cell]:
    """Return the worlds, in the order in which they are run: those that are gated first."""
    grid = product(sizes, models, RELIABILITIES, SHARINGS)
    full = {"ols": 5000, "poisson": 5000} if tails == "light" else dict.fromkeys(MODELS, 1000)
    return [Cell(m, n, r, s, draws or full.get(m, 2000), tails) for n, m, r, s in grid]


def read(path: Path = RESULTS) -> dict[tuple, dict[str, Any]]:
    """Return the records of a file by their world: the one with most samples where there are
    several.
    """
    found: dict[tuple, dict[str, Any]] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        record = json.loads(line)
        key = tuple(record[name] for name in ("model", "n", "reliability", "sharing", "tails"))
        if key not in found or record["draws"] > found[key]["draws"]:
            found[key] = record
    return found
