"""How a time is taken: agreement first, then pairs in turn with one BLAS thread; the peer's better
of one and two.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

SAME = 1e-6
"""Largest relative difference at which two results count as one; what was found is in the row."""
LONG = 3.0
"""Seconds beyond which a peer's run with two threads is not repeated."""


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Limit BLAS, OpenMP and (where it is loaded) numba."""
    numba = sys.modules.get("numba")
    before = numba.get_num_threads() if numba else 0
    with threadpool_limits(count):
        if numba:
            numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
        try:
            yield
        finally:
            if numba:
                numba.set_num_threads(before)


def timed(function: Callable[[], Any]) -> float:
    # some peers' results refer to themselves: a gigabyte each, which the next contender would pay
    # for
    gc.collect()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def load() -> float:
    return round(os.getloadavg()[0], 2)


def kernel() -> str:
    """Return the processor kernel that BLAS chose."""
    found = {
        info.get("architecture", "?") for info in threadpool_info() if info["user_api"] == "blas"
    }
    return ", ".join(sorted(found))


def relative(a, b) -> float:
    """Largest relative difference of two arrays."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return float(np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-300)))


def limits(table: np.ndarray) -> dict[str, float]:
    """Seconds for one read of a table, and for one product of it with itself: no method is faster
    than the first.
    """
    with threads(1):
        table.T @ table
        read = float(np.median([timed(table.sum) for _ in range(9)]))
        product = float(np.median([timed(lambda: table.T @ table) for _ in range(9)]))
    return {"read_s": read, "product_s": product}


class Bench:
    """The rows of one part of the benchmark."""

    def __init__(self, part: str, *, quick: bool, out: Path | None = None) -> None:
        self.part, self.quick, self.out = part, quick, out
        self.pairs = 2 if quick else 5
        self.rows: list[dict[str, Any]] = []
        self.skipped: list[dict[str, str]] = []
        self.growth: list[dict[str, Any]] = []

    def has(self, work: str, peer: str, module: str, *, in_quick: bool = False) -> bool:
        """Return whether a peer can be timed; note why not."""
        if find_spec(module) is None:
            return self.skip(work, peer, f"{module} is not installed (extra `bench`)")
        if self.quick and not in_quick:
            return self.skip(work, peer, "left out of --quick")
        return True

    def skip(self, work: str, peer: str, reason: str) -> bool:
        self.skipped.append({"part": self.part, "work": work, "peer": peer, "reason": reason})
        print(f"{work:44s} {peer:30s} not run: {reason}", flush=True)
        return False

    def compare(
        self,
        work: str,
        peer: str,
        ours: Callable,
        theirs: Callable,
        agree: Callable,
        *,
        n: int,
        goal: float | None,
        limit: dict[str, float] | None = None,
        times: float = 1,
        same: float = SAME,
        **said: Any,
    ) -> None:
        """Check agreement, time pairs, keep a row; ``times`` multiplies a peer that did a part of
        the work.
        """
        with threads(1):  # also warms imports, compiled code and caches
            difference = float(agree(ours(), theirs()))
        if not difference < same:
            raise SystemExit(
                f"{work} / {peer}: the results differ by {difference:g}, so no time is told"
            )
        with threads(1):
            pairs = [(timed(ours), timed(theirs)) for _ in range(self.pairs)]
        ours_s, one = (float(value) for value in np.median(pairs, axis=0))
        with threads(2):
            two = min(timed(theirs) for _ in range(1 if one > LONG or self.quick else 3))
        self.add(
            work,
            peer,
            ours_s,
            min(one, two) * times,
            n=n,
            goal=goal,
            max_rel_diff=difference,
            runs=self.pairs,
            kernel=kernel(),
            threads="1" if one <= two else "1 (peer 2)",
            extrapolated=times if times != 1 else None,
            **(limit or {}),
            **said,
        )

    def add(self, work: str, peer: str, ours_s: float, peer_s: float | None, **said: Any) -> None:
        """Keep a row; ``peer_s`` is None where the peer was not run."""
        row = {
            "part": self.part,
            "work": work,
            "peer": peer,
            "ours_s": ours_s,
            "peer_s": peer_s,
            "ratio": None if peer_s is None else peer_s / ours_s,
            "load": load(),
            **said,
        }
        self.rows.append(row)
        more = f" (extrapolated x{row['extrapolated']:g})" if row.get("extrapolated") else ""
        beside = (
            ""
            if peer_s is None
            else f"  peer {peer_s:9.3f}{more}  ratio {row['ratio']:8.1f}  goal {row['goal']}"
        )
        agreed = "" if row["max_rel_diff"] is None else f"  diff {row['max_rel_diff']:.1e}"
        print(
            f"{work:44s} {peer:30s} ours {ours_s:8.4f}{beside}{agreed}  load {row['load']}",
            flush=True,
        )
        self.save()

    def save(self) -> None:
        """Write what there is, after every row: a later one may take long, or too much memory."""
        if self.out:
            found = {"rows": self.rows, "skipped": self.skipped, "growth": self.growth}
            self.out.write_text(json.dumps(found), encoding="utf-8")
