"""The rows of the engine's own benchmark, `bench_engine.py`: whole processes, file to answer."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import bench_engine
from harness import Bench, kernel

NESTED, AUDIT = "nested test, CRV1, from Parquet", "audit of a plan, from Parquet"
PEER = "pandas + statsmodels"
GOALS = {"goal": 6, "goal_memory": 1 / 7, "goal_scan": 8}
LARGE_MIB = 1.2 * 1024
THREADS = "2 (both)"
NOTES = {
    "nested": "whole processes with two threads, imports included",
    "audit": (
        "whole processes with two threads, imports included; ours also validates and counts"
        " exclusions, draws a sample, runs the checks, fits without engagement too, and decides, so"
        " that no goal of the nested test is its own"
    ),
}


def run(bench: Bench) -> None:
    if find_spec("duckdb") is None or find_spec("ibis") is None:
        bench.skip(NESTED, PEER, "duckdb and ibis are not installed (extra `engine`)")
        return
    rows, runs = (20_000, 2) if bench.quick else (10_000_000, bench.pairs)
    found = measure(rows, ("decode", "nested", "audit", "peer"), runs)
    said = {"n": rows, "runs": runs, "kernel": kernel(), "extrapolated": None, "threads": THREADS}
    for route, work, goals in (("nested", NESTED, GOALS), ("audit", AUDIT, {"goal": None})):
        bench.add(
            work,
            PEER,
            wall(found[route]),
            wall(found["peer"]),
            **scan(found, route),
            **goals,
            **said,
            max_rel_diff=bench_engine.difference(found, route),
            peer_mib=peak(found["peer"]),
            note=NOTES[route],
        )
    if not bench.quick:
        rows, runs = 50_000_000, 3
        found = measure(rows, ("decode", "nested", "audit"), runs)
        said |= {"n": rows, "runs": runs, "goal": None, "max_rel_diff": None}
        for route, work in (("nested", NESTED), ("audit", AUDIT)):
            bench.add(
                work,
                PEER + ", not run",
                wall(found[route]),
                None,
                **scan(found, route),
                goal_mib=LARGE_MIB,
                **said,
                note=NOTES[route],
            )


def measure(rows: int, routes: tuple[str, ...], runs: int) -> dict[str, list[dict[str, Any]]]:
    """Draw the rows once, then run the routes in turn."""
    with TemporaryDirectory(prefix="score-audit-") as folder:
        path = Path(folder) / "rows.parquet"
        bench_engine.draw(rows, path)
        return bench_engine.measure(path, routes, runs)


def wall(results: list[dict[str, Any]]) -> float:
    return median(one["wall"] for one in results)


def peak(results: list[dict[str, Any]]) -> float:
    return median(one["peak_mib"] for one in results)


def scan(found: dict[str, list[dict[str, Any]]], route: str) -> dict[str, float]:
    """The decoding scan without the start of its process, and our peak."""
    return {
        "scan_s": median(one["answer"][0] for one in found["decode"]),
        "ours_mib": peak(found[route]),
    }
