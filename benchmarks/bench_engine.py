"""The nested test with CRV1 from Parquet rows beyond memory, and the whole audit, against pandas
and statsmodels.

Each route runs in a process of its own, file to answer, imports included; wall time and peak memory
are the process's. `nested` does what the peer does: the full and the reduced equation, the
coefficient with its CRV1 error, and what R2 gains. `audit` also looks for faults and exclusions,
draws and checks a sample, fits the companions and decides. The decoding scan (DuckDB sums every
column) is the physical limit beside it.

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
SAME = 1e-9
CONTROLS = ("c1", "c2", "c3", "c4")
ENGAGEMENT = ("e1", "e2")


def draw(rows: int, path: Path) -> None:
    """Write rows of eight numeric columns and a cluster, with a known small effect of the score."""
    import duckdb

    normal = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
    others = ", ".join(f"{normal} as {name}" for name in ("e2", *CONTROLS, "noise"))
    with duckdb.connect() as engine:
        engine.execute(
            "set enable_progress_bar = false; set threads = 2; set memory_limit = '2GB'; select"
            " setseed(0.42)"
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
        "name": "bench",
        "question": "Does the score tell more?",
        "dataset": str(path.parent / "*.parquet"),
        "score": {"columns": ["score"]},
        "engagement": {"columns": list(ENGAGEMENT)},
        "controls": {"columns": list(CONTROLS)},
        "cluster": {"column": "g"},
        "inference": {"covariance": "CRV1"},
        "outcome": [{"column": "y", "kind": "continuous", "sesoi": 0.05}],
    }


def nested(path: Path) -> list[float]:
    """Take the moments of the table in one scan, and the sums by cluster in another."""
    from analysis.out_of_core.scan import fit_table, measure_table

    held = [*CONTROLS, *ENGAGEMENT]
    scan = measure_table(str(path), ["score", *held, "y"])
    fits = fit_table(scan, [held], outcome="y", term="score", covariance=["CRV1"], cluster="g")
    return [float(fits.estimate[0]), float(fits.std_error["CRV1"][0]), float(fits.delta_r2[0])]


def audit(path: Path) -> list[float]:
    from analysis.audit import analyse

    found = analyse(plan(path)).estimates
    row = found.one(method="increment", term="score", scale="raw")
    return [row.estimate, row.std_error, found.one(method="increment", term="delta_r2").estimate]


def peer(path: Path) -> list[float]:
    """Do the same test's full and reduced equations in pandas and statsmodels."""
    import pandas as pd
    import statsmodels.api as sm

    held = [*CONTROLS, *ENGAGEMENT]
    frame = pd.read_parquet(path, columns=["y", "score", *held, "g"])
    reduced = sm.OLS(frame["y"], sm.add_constant(frame[held])).fit().rsquared
    full = sm.OLS(frame["y"], sm.add_constant(frame[[*held, "score"]]))
    fit = full.fit(cov_type="cluster", cov_kwds={"groups": frame["g"]})
    return [float(fit.params["score"]), float(fit.bse["score"]), float(fit.rsquared - reduced)]


def decode(path: Path) -> list[float]:
    import duckdb

    columns = ("y", "score", *ENGAGEMENT, *CONTROLS, "g")
    with duckdb.connect() as engine:
        engine.execute("set threads = 2")
        sums = ", ".join(f"sum({name})" for name in columns)
        start = time.perf_counter()
        engine.execute(f"select {sums} from '{path}'").fetchall()
        return [time.perf_counter() - start]


ROUTES = {"nested": nested, "audit": audit, "peer": peer, "decode": decode}


def apart(route: str, path: Path) -> dict:
    """Run one route in a process of its own."""
    limits = {
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "2"),
        "SCORE_AUDIT_THREADS": "2",
    }
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--route", route, str(path)],
        capture_output=True,
        text=True,
        env=os.environ | limits,
    )
    wall = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{route}: {done.stderr[-2000:]}")
    return {"wall": wall, **json.loads(done.stdout.strip().splitlines()[-1])}


def measure(path: Path, routes: tuple[str, ...], runs: int) -> dict[str, list[dict]]:
    """Run the routes in turn; refuse to tell a time where their answers differ."""
    found: dict[str, list[dict]] = {route: [] for route in routes}
    for _ in range(runs):
        for route in routes:
            found[route].append(apart(route, path))
    for route in set(routes) - {"decode"}:
        if (distance := difference(found, route)) > SAME:
            raise SystemExit(f"{route} and the others disagree: {distance:.1e}")
    return found


def difference(found: dict[str, list[dict]], route: str) -> float:
    """Largest relative difference (coefficient, CRV1 error, gain in R2) from the peer, or where it
    was not run from the first route."""
    other = "peer" if "peer" in found else next(name for name in found if name != "decode")
    pairs = zip(found[route][0]["answer"], found[other][0]["answer"], strict=True)
    return max(abs(a / b - 1) for a, b in pairs)


def report(rows: int, path: Path, found: dict[str, list[dict]]) -> None:
    line = {"rows": rows, "bytes": path.stat().st_size, "runs": len(found["decode"])}
    for route, results in found.items():
        seconds = [r["answer"][0] if route == "decode" else r["wall"] for r in results]
        line[route] = {
            "seconds": statistics.median(seconds),
            "all": seconds,
            "cpu": statistics.median(r["cpu"] for r in results),
            "peak_mib": statistics.median(r["peak_mib"] for r in results),
        }
        if route != "decode":
            line[route]["difference"] = difference(found, route)
    print(json.dumps(line, indent=1))


def main() -> None:
    if "--route" in sys.argv:
        route, path = sys.argv[-2:]
        start = time.perf_counter()
        answer = ROUTES[route](Path(path))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(
            json.dumps(
                {
                    "answer": answer,
                    "seconds": time.perf_counter() - start,
                    "cpu": used.ru_utime + used.ru_stime,
                    "peak_mib": used.ru_maxrss / 1024,
                }
            )
        )
        return
    rows, more, runs = (
        int(value) for value in (*sys.argv[1:], *("10000000", "50000000", "3")[len(sys.argv) - 1 :])
    )
    for number, routes in (
        (rows, ("decode", "nested", "audit", "peer")),
        (more, ("decode", "nested", "audit")),
    ):
        if number:
            with tempfile.TemporaryDirectory(prefix="score-audit-") as folder:
                path = Path(folder) / "rows.parquet"
                draw(number, path)
                report(number, path, measure(path, routes, runs))


if __name__ == "__main__":
    main()
