"""A first result from a cold process: import, read a CSV, fit, print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from harness import Bench, kernel, relative

ROWS = 2_000
READ = "import sys, numpy as np; table = np.loadtxt(sys.argv[1], delimiter=',', skiprows=1); "
OURS = (
    READ
    + """
from analysis.audit import analyse
from analysis.models.sufficient_statistics.measure import sufficient_statistics
from analysis.models.sufficient_statistics.fits import fit_subsets
moments = sufficient_statistics(table, ["x1", "x2", "s", "y"])
fits = fit_subsets(moments, [["x1", "x2"]], outcome="y", term="s", covariance=["HC1"])
print([float(fits.estimate[0]), float(fits.std_error["HC1"][0])])
"""
)
AUDIT = """
import sys
import analysis as sa
plan = {"name": "cold", "question": "How long does a first verdict take?", "dataset": sys.argv[1],
        "score": {"columns": ["s"], "transform": "identity", "scale": "raw"},
        "engagement": {"columns": ["x1", "x2"], "transform": "identity"}, "inference": {"covariance": "HC1"},
        "outcome": [{"column": "y", "kind": "revenue", "sesoi": 0.05, "model": "ols"}]}
row = analyse(plan).estimates.one(method="increment", model="ols", term="s", scale="raw", variant="")
print([row.estimate, row.std_error])
"""
ARRAYS = (
    READ
    + """
import statsmodels.api as sm
fit = sm.OLS(table[:, 3], np.column_stack([np.ones(len(table)), table[:, :3]])).fit(cov_type="HC1")
print([float(fit.params[-1]), float(fit.bse[-1])])
"""
)
FORMULA = """
import sys
import pandas as pd, statsmodels.formula.api as smf
fit = smf.ols("y ~ x1 + x2 + s", pd.read_csv(sys.argv[1])).fit(cov_type="HC1")
print([float(fit.params["s"]), float(fit.bse["s"])])
"""
PYFIXEST = """
import sys
import pandas as pd, pyfixest
fit = pyfixest.feols("y ~ x1 + x2 + s", pd.read_csv(sys.argv[1]), vcov="HC1")
print([float(fit.coef()["s"]), float(fit.se()["s"])])
"""
NUMPY = READ + "print([0.0, 0.0])"


def process(code: str, csv: str, count: int = 1) -> tuple[float, list[float]]:
    """Run a whole process; seconds, and the two numbers it printed."""
    env = os.environ | {f"{name}_NUM_THREADS": str(count) for name in ("OMP", "OPENBLAS", "NUMBA")}
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", code, csv], capture_output=True, text=True, check=True, env=env
    )
    return time.perf_counter() - start, json.loads(run.stdout)


def write_rows(path: Path) -> str:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(ROWS, 2))
    s = x @ [0.4, 0.2] + rng.normal(size=ROWS)
    y = 20 + x @ [1.0, -0.5] + 0.3 * s + (1 + 0.3 * np.abs(s)) * rng.normal(size=ROWS)
    np.savetxt(path, np.column_stack([x, s, y]), delimiter=",", header="x1,x2,s,y", comments="")
    return str(path)


def run(bench: Bench) -> None:
    peers = [
        ("statsmodels arrays", "statsmodels", ARRAYS),
        ("statsmodels formulas", "statsmodels", FORMULA),
        ("pyfixest", "pyfixest", PYFIXEST),
    ]
    runs = 2 if bench.quick else 7
    with TemporaryDirectory() as folder:
        csv = write_rows(Path(folder) / "rows.csv")
        bare = float(np.median([process(NUMPY, csv)[0] for _ in range(runs)]))
        goals = {"goal": 2.5, "goal_s": 0.5}
        for work, ours, note in (
            ("cold process, OLS with HC1", OURS, "both print the estimate and its error"),
            (
                "cold process, sa.audit of a plan",
                AUDIT,
                "ours also checks the rows and decides a verdict",
            ),
        ):
            for peer, module, theirs in peers if ours == OURS else peers[1:2]:
                if find_spec(module) is None:
                    bench.skip(work, peer, f"{module} is not installed (extra `bench`)")
                    continue
                difference = relative(
                    process(ours, csv)[1], process(theirs, csv)[1]
                )  # also fills the disk cache
                if not difference < 1e-6:
                    raise SystemExit(f"{work} / {peer}: the results differ by {difference:g}")
                pairs = [(process(ours, csv)[0], process(theirs, csv)[0]) for _ in range(runs)]
                ours_s, one = (float(value) for value in np.median(pairs, axis=0))
                two = float(
                    np.median([process(theirs, csv, 2)[0] for _ in range(2 if bench.quick else 3)])
                )
                bench.add(
                    work,
                    peer,
                    ours_s,
                    min(one, two),
                    n=ROWS,
                    max_rel_diff=difference,
                    runs=runs,
                    kernel=kernel(),
                    threads="1" if one <= two else "1 (peer 2)",
                    extrapolated=None,
                    numpy_s=bare,
                    note=note,
                    **goals,
                )
