"""How often the rule lets a worthless score pass, and how often it finds one that adds something.

    python benchmarks/calibration.py                     draw what calibration.jsonl does not have
    python benchmarks/calibration.py --minutes 30        for so long
    python benchmarks/calibration.py --draws 200         at most so many samples of a cell
    python benchmarks/calibration.py --cells threshold   cells with this in their names
    python benchmarks/calibration.py --table             only write docs/calibration.md again
    python benchmarks/calibration.py --audits 2          compare with whole audits, two of each cell
    python benchmarks/calibration.py --whole             audit 200 samples of eight worlds

The worlds stand in calibration_worlds.py, and which of them are drawn in calibration_grid.py. Each
piece of a hundred samples has its own seed, so that any can be drawn again alone and none depends on
another. A sample is asked member by member and given up at the first that disagrees. No band of
smallest effects stands in the way: `adds` means that every interval excludes zero on the same side,
which makes the sizes the largest possible.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
from calibration_audits import differences, whole_audits
from calibration_grid import grid
from calibration_records import DRAWS, MEMBERS, RESULTS, WITH_EFFECT, digest, read
from calibration_rule import UNDECIDED, Judged, judge
from calibration_table import render
from calibration_worlds import Cell, draw

from analysis.errors import DesignError

TABLE = Path(__file__).resolve().parents[1] / "docs" / "calibration.md"
PIECE = 100
ROUNDS = ((100, 0), (100, 100), (200, 100), (500, 200), (DRAWS, WITH_EFFECT))
"""So many of every cell before any has more: of the tables of power first."""

Job = tuple[Cell, float, int]


def simulate(cell: Cell, effect: float, piece: int, draws: int = PIECE) -> dict[str, Any]:
    """Return the record of one piece."""
    started, rng = time.process_time(), cell.rng(effect, piece)
    found = [_judged(cell, effect, rng) for _ in range(draws)]
    asked = {"recorded", *(member for one in found for member in one.phrases)}
    starts = [one.start for one in found if np.isfinite(one.start)]
    return {
        "cell": cell.name,
        "effect": effect,
        "piece": piece,
        "draws": draws,
        "passed": [_passed(found, member, asked) for member in MEMBERS],
        "nothing": sum(one.word[0] == "nothing" for one in found),
        "unanswered": dict(Counter(one.without for one in found if one.without)),
        "z": round(float(np.mean([one.z for one in found])), 3),
        "start": round(float(np.mean(starts)), 4) if starts else None,
        "members": digest(),
        "seconds": round(time.process_time() - started, 1),
    }


def _judged(cell: Cell, effect: float, rng: np.random.Generator) -> Judged:
    sample = draw(cell, effect, rng)
    try:
        return judge(cell, sample)
    except (DesignError, np.linalg.LinAlgError):
        return Judged({"recorded": UNDECIDED}, "recorded")


def _passed(found: list[Judged], member: str, asked: set[str]) -> list[int] | None:
    """Return how many samples pass this member and those before, above and below zero."""
    if member not in asked:
        return None
    words = [one.phrases.get(member, UNDECIDED) for one in found]
    if member == "recorded":
        words = [one.recorded for one in found]
    return [sum(positive is side for _, positive in words) for side in (True, False)]


def jobs(cells: list[Cell], there: list[dict[str, Any]], most: int) -> Iterator[Job]:
    """Yield what is to be drawn: a little of every cell first, then more."""
    done = {(piece["cell"], piece["effect"], piece["piece"]) for piece in there}
    for null, real in ROUNDS:
        for cell in sorted(cells, key=lambda cell: cell.reason != "power") if real else cells:
            for effect in (0.0, *cell.effects):
                wanted = min(real if effect else null, most)
                for piece in range(-(-wanted // PIECE)):
                    job = cell, effect, piece
                    if (cell.name, effect, piece) not in done:
                        done.add((cell.name, effect, piece))
                        yield job


def run(todo: Iterator[Job], path: Path, processes: int, minutes: float) -> None:
    """Draw pieces and append each one's record as soon as it is there."""
    until = time.monotonic() + 60 * minutes
    with ProcessPoolExecutor(processes) as pool:
        waiting = set()
        while True:
            while len(waiting) < processes and time.monotonic() < until:
                job = next(todo, None)
                if job is None:
                    break
                waiting.add(pool.submit(simulate, *job))
            if not waiting:
                return
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            with path.open("a", encoding="utf-8") as sink:
                for one in ready:
                    sink.write(json.dumps(one.result()) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no piece after so many")
    parser.add_argument("--draws", type=int, default=DRAWS, help="samples of a cell at most")
    parser.add_argument("--cells", default="", help="only those with this in their names")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where records are added")
    parser.add_argument("--table", action="store_true", help="only write docs/calibration.md")
    parser.add_argument("--audits", type=int, default=0, help="whole audits of each cell")
    parser.add_argument("--whole", action="store_true", help="200 whole audits of eight worlds")
    args = parser.parse_args()
    cells = [cell for cell in grid() if args.cells in cell.name]
    if args.audits:
        found = [line for cell in cells for line in differences(cell, args.audits)]
        print("\n".join(found) or f"{len(cells)} cells: batch and audits agree")
        return int(bool(found))
    if args.whole:
        whole_audits(cells)
    elif not args.table:
        run(jobs(cells, read(args.out), args.draws), args.out, args.processes, args.minutes)
    if args.out == RESULTS:
        TABLE.write_text(render(grid(), read()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
