"""How often printed intervals hold what they are about: simulated coverage of everything that
carries an interval.

    python benchmarks/interval_coverage.py                   the draws that coverage.jsonl does not
    have yet python benchmarks/interval_coverage.py --worlds money    one world python
    benchmarks/interval_coverage.py --table           only write docs/coverage.md again

The worlds stand in coverage_worlds.py. The package's own functions are asked, sample by sample;
each draw's seed comes from its world and its number, so that a later run adds to what is there.
Records are appended in blocks.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from coverage_table import render
from coverage_worlds import BY_NAME, WORLDS, Direct, World

RESULTS = Path(__file__).with_name("coverage.jsonl")
TABLE = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"
SEED, BLOCK = 20121105, 50


def simulate(
    world: World | Direct, first: int, draws: int, truths: dict[str, float]
) -> dict[str, Any]:
    """Return the record of some draws of a world.

    Parameters
    ----------
    world : World or Direct
    first : int
        Number of the first draw.
    draws : int
    truths : dict
        By row.

    Returns
    -------
    dict
        By row: intervals that hold the truth, lie below it, lie above it; and samples without one.
    """
    started, plan = time.process_time(), world.plan_of_draws()
    counts: dict[str, Counter] = {key: Counter() for key in truths}
    for at in range(first, first + draws):
        rng = np.random.default_rng([SEED, zlib.crc32(world.name.encode()), at])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held = world.draw(rng, plan, truths)
        for key, (interval, truth) in held.items():
            counts[key][_place(interval, truth)] += 1
    known = {key: value for key, value in truths.items() if value == value}
    return {
        "world": world.name,
        "first": first,
        "draws": draws,
        "seconds": round(time.process_time() - started, 1),
        "truths": known,
        "counts": {key: dict(found) for key, found in counts.items()},
    }


def _place(interval: tuple[float, float] | None, truth: float) -> str:
    """Return whether an interval holds the truth, lies below or above it, or is none."""
    if interval is None or not np.isfinite(interval[1]):
        return "none"
    return "below" if interval[1] < truth else "above" if interval[0] > truth else "held"


def truths_of(world: World | Direct) -> dict[str, float]:
    """Return the truths of a world, those of large samples from a seed of their own."""
    return world.truths(np.random.default_rng([SEED, zlib.crc32(world.name.encode()), 2**31]))


def read(path: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Return by world: draws, truths and the counts of all its blocks added up."""
    found: dict[str, dict[str, Any]] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        record = json.loads(line)
        whole = found.setdefault(
            record["world"], {"draws": 0, "seconds": 0.0, "truths": record["truths"], "counts": {}}
        )
        if record["first"] != whole["draws"]:
            raise ValueError(f"{path.name}: a block of {record['world']} is missing or there twice")
        whole["draws"] += record["draws"]
        whole["seconds"] += record["seconds"]
        for key, counts in record["counts"].items():
            own = whole["counts"].setdefault(
                key, dict.fromkeys(("held", "below", "above", "none"), 0)
            )
            for place, count in counts.items():
                own[place] += count
    return found


def run(worlds: list[World | Direct], path: Path, most: int | None = None) -> None:
    """Simulate what is missing and append each block as soon as it is there."""
    there = read(path)
    for world in worlds:
        seen, wanted = there.get(world.name, {"draws": 0}), min(world.draws, most or world.draws)
        if seen["draws"] >= wanted:
            continue
        truths = (
            seen["truths"] if seen["draws"] and not isinstance(world, Direct) else truths_of(world)
        )
        for first in range(seen["draws"], wanted, BLOCK):
            record = simulate(world, first, min(BLOCK, wanted - first), truths)
            with path.open("a", encoding="utf-8") as sink:
                sink.write(json.dumps(record) + "\n")
            print(world.name, first + record["draws"], f"{record['seconds']} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", default=",".join(BY_NAME))
    parser.add_argument(
        "--draws", type=int, help="at most so many draws of a world, instead of the full number"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS,
        help="where records are added; draws it has are skipped",
    )
    parser.add_argument("--table", action="store_true", help="run nothing, write docs/coverage.md")
    args = parser.parse_args()
    names = args.worlds.split(",")
    if not args.table:
        run([world for world in WORLDS if world.name in names], args.out, args.draws)
    if args.out == RESULTS:
        TABLE.write_text(render(read()), encoding="utf-8")


if __name__ == "__main__":
    main()
