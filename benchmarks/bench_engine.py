"""The nested test with CRV1 from Parquet rows beyond memory: `audit` against pandas and statsmodels.

Each route runs in a process of its own, file to answer, imports included; wall time and peak memory are the
process's. The decoding scan (DuckDB sums every column) is the physical limit beside it.

    python benchmarks/bench_engine.py [rows] [rows of the second, ours only] [runs]
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GROUPS = 20_000
CONTROLS = ("c1", "c2", "c3", "c4")
ENGAGEMENT = ("e1", "e2")


def draw(rows: int, path: Path) -> None:
    """Write rows of eight numeric columns and a cluster, with a known small effect of the score."""
    import duckdb

    normal = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
    others = ", ".join(f"{normal} as {name}" for name in ("e2", *CONTROLS, "noise"))
    with duckdb.connect() as engine:
        engine.execute(
            "set enable_progress_bar = false; set threads = 2; set memory_limit = '2GB'; select setseed(0.42)"
        )
        engine.execute(f"""
            copy (select score, e1, e2, c1, c2, c3, c4, g,
                         0.02 * score + 0.3 * e1 - 0.2 * e2 + 0.1 * c1 + 0.3 * sin(g) + noise * (1 + abs(e1)) as y
                  from (select cause + {normal} as score, cause + 0.5 * {normal} as e1, {others},
                               cast(floor(random() * {GROUPS}) as bigint) as g
                        from (select {normal} as cause from range({rows}))))
            to '{path}' (format parquet, row_group_size 200000)""")


def plan(path: Path) -> dict:
    return {
        "name": "bench", "question": "Does the score tell more?", "dataset": str(path.parent / "*.parquet"),
        "score": {"columns": ["score"]}, "engagement": {"columns": list(ENGAGEMENT)},
        "controls": {"columns": list(CONTROLS)}, "cluster": {"column": "g"}, "inference": {"covariance": "CRV1"},
        "outcome": [{"column": "y", "kind": "continuous", "sesoi": 0.05}],
    }  # fmt: skip


def ours(path: Path) -> list[float]:
    from analysis.audit import audit

    row = audit(plan(path)).estimates.one(method="increment", term="score", scale="raw")
    return [row.estimate, row.std_error]


def peer(path: Path) -> list[float]:
    """Do the same test's full and reduced equations in pandas and statsmodels."""
    import pandas as pd
    import statsmodels.api as sm

    held = [*CONTROLS, *ENGAGEMENT]
    frame = pd.read_parquet(path, columns=["y", "score", *held, "g"])
    sm.OLS(frame["y"], sm.add_constant(frame[held])).fit()
    full = sm.OLS(frame["y"], sm.add_constant(frame[[*held, "score"]]))
    fit = full.fit(cov_type="cluster", cov_kwds={"groups": frame["g"]})
    return [float(fit.params["score"]), float(fit.bse["score"])]


def decode(path: Path) -> list[float]:
    import duckdb

    columns = ("y", "score", *ENGAGEMENT, *CONTROLS, "g")
    with duckdb.connect() as engine:
        engine.execute("set threads = 2")
        sums = ", ".join(f"sum({name})" for name in columns)
        start = time.perf_counter()
        engine.execute(f"select {sums} from '{path}'").fetchall()
        return [time.perf_counter() - start]


ROUTES = {"ours": ours, "peer": peer, "decode": decode}


def apart(route: str, path: Path) -> dict:
    """Run one route in a process of its own."""
    limits = {"OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "2"), "SCORE_AUDIT_THREADS": "2"}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--route", route, str(path)], capture_output=True, text=True,
        env=os.environ | limits,
    )  # fmt: skip
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{route}: {done.stderr[-2000:]}")
    return {"wall": wall, **json.loads(done.stdout.strip().splitlines()[-1])}


def report(rows: int, path: Path, routes: tuple[str, ...], runs: int) -> dict:
    """Run the routes in turn; print medians, after checking that they agree."""
    found = {route: [] for route in routes}
    for _ in range(runs):
        for route in routes:
            found[route].append(apart(route, path))
    if "peer" in found:
        a, b = found["ours"][0]["answer"], found["peer"][0]["answer"]
        distance = max(abs(x / y - 1) for x, y in zip(a, b, strict=True))
        if distance > 1e-9:
            raise SystemExit(f"the routes disagree: {distance:.1e}")
        print(f"agreement (coefficient, CRV1 error): {distance:.1e}")
    line = {"rows": rows, "bytes": path.stat().st_size, "runs": runs}
    for route, results in found.items():
        seconds = [r["answer"][0] if route == "decode" else r["wall"] for r in results]
        line[route] = {"seconds": statistics.median(seconds), "all": seconds,
                       "cpu": statistics.median(r["cpu"] for r in results),
                       "peak_mib": statistics.median(r["peak_mib"] for r in results)}  # fmt: skip
        if route == "ours":
            line[route]["in_audit_seconds"] = statistics.median(r["seconds"] for r in results)
    print(json.dumps(line, indent=1))
    return line


def main() -> None:
    if "--route" in sys.argv:
        route, path = sys.argv[-2:]
        start = time.perf_counter()
        answer = ROUTES[route](Path(path))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"answer": answer, "seconds": time.perf_counter() - start,
                          "cpu": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}))  # fmt: skip
        return
    rows, more, runs = (int(value) for value in (*sys.argv[1:], *("10000000", "50000000", "3")[len(sys.argv) - 1 :]))
    for number, routes in ((rows, ("decode", "ours", "peer")), (more, ("decode", "ours"))):
        if number:
            with tempfile.TemporaryDirectory(prefix="score-audit-") as folder:
                path = Path(folder) / "rows.parquet"
                draw(number, path)
                report(number, path, routes, runs)


if __name__ == "__main__":
    main()
