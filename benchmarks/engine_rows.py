"""Rows from the engine's own benchmark, `bench_engine.py`, where it is there: whole processes, file to answer."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from harness import Bench, kernel, relative

WORK = "nested test, CRV1, from Parquet"
PEER = "pandas + statsmodels"
GOALS = {"goal": 6, "goal_memory": 1 / 7, "goal_scan": 8}
LARGE_MIB = 1.2 * 1024


def run(bench: Bench) -> None:
    if find_spec("bench_engine") is None:
        bench.skip(WORK, PEER, "benchmarks/bench_engine.py is not there")
        return
    if find_spec("duckdb") is None or find_spec("ibis") is None:
        bench.skip(WORK, PEER, "duckdb and ibis are not installed (extra `engine`)")
        return
    engine = importlib.import_module("bench_engine")
    said = {"threads": "2 (both)", "note": "whole processes with two threads, imports included"}
    rows, runs = (20_000, 2) if bench.quick else (10_000_000, bench.pairs)
    found = measure(engine, rows, ("decode", "ours", "peer"), runs)
    difference = relative(found["ours"][0]["answer"], found["peer"][0]["answer"])
    if not difference < 1e-9:
        raise SystemExit(f"{WORK}: the results differ by {difference:g}")
    bench.add(WORK, PEER, wall(found["ours"]), wall(found["peer"]), n=rows, max_rel_diff=difference, runs=runs,
              kernel=kernel(), extrapolated=None, peer_mib=peak(found["peer"]),
              **scan(found), **GOALS, **said)  # fmt: skip
    if not bench.quick:
        rows, runs = 50_000_000, 3
        found = measure(engine, rows, ("decode", "ours"), runs)
        bench.add(WORK, PEER + ", not run", wall(found["ours"]), None, n=rows, max_rel_diff=None, runs=runs,
                  kernel=kernel(), extrapolated=None, **scan(found), goal=None, goal_mib=LARGE_MIB, **said)  # fmt: skip


def measure(engine, rows: int, routes: tuple[str, ...], runs: int) -> dict[str, list[dict[str, Any]]]:
    """Draw the rows once, then run the routes in turn."""
    found: dict[str, list[dict[str, Any]]] = {route: [] for route in routes}
    with TemporaryDirectory(prefix="score-audit-") as folder:
        path = Path(folder) / "rows.parquet"
        engine.draw(rows, path)
        for _ in range(runs):
            for route in routes:
                found[route].append(engine.apart(route, path))
    return found


def wall(results: list[dict[str, Any]]) -> float:
    return median(one["wall"] for one in results)


def peak(results: list[dict[str, Any]]) -> float:
    return median(one["peak_mib"] for one in results)


def scan(found: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """The decoding scan without the start of its process, and our peak."""
    return {"scan_s": median(one["answer"][0] for one in found["decode"]), "ours_mib": peak(found["ours"])}
