"""Poisson pseudo maximum likelihood of a million rows with robust errors."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from harness import Bench, limits, relative

from analysis.models.fast_poisson import fit_poisson

MEMORY = """
import sys
import numpy as np
from analysis.models.fast_poisson import fit_poisson
rng = np.random.default_rng(0)
n = int(sys.argv[1])
x = rng.normal(size=(n, 11))
y = rng.poisson(np.exp(0.5 + x[:, 0] * 0.1)).astype(float)
names = [f"x{i}" for i in range(11)]
fit_poisson(x[:2000], y[:2000], names)
kib = lambda key: int(open("/proc/self/status").read().split(key + ":")[1].split()[0])
open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
base = kib("VmRSS")
fit_poisson(x, y, names)
print((kib("VmHWM") - base) / 1024)
"""


def extra_memory(n: int) -> float | None:
    """Growth of the peak resident set in MiB, in a process of its own that holds only the data;
    Linux only.
    """
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, str(n)], capture_output=True, text=True, check=False
    )
    return float(run.stdout) if run.returncode == 0 else None


def glum_fit(x, y):
    import glum

    model = glum.GeneralizedLinearRegressor(
        family="poisson", alpha=0, gradient_tol=1e-9, fit_intercept=True
    ).fit(x, y)
    table = model.covariance_matrix(x, y, robust=True, clusters=None)
    return np.concatenate([[model.intercept_], model.coef_]), np.sqrt(np.diag(table))


def pyfixest_fit(frame, names):
    import pyfixest

    fit = pyfixest.fepois("y ~ " + " + ".join(names), frame, vcov="HC1")
    return fit.coef().to_numpy(), fit.se().to_numpy()


def run(bench: Bench) -> None:
    warnings.filterwarnings("ignore")
    n = 20_000 if bench.quick else 1_000_000
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 11))
    y = rng.poisson(np.exp(0.5 + x @ rng.uniform(-0.15, 0.15, 11))).astype(float)
    names = [f"x{i}" for i in range(11)]
    with_constant, frame = (
        np.column_stack([np.ones(n), x]),
        pd.DataFrame(x, columns=names).assign(y=y),
    )
    factor = np.sqrt(n / (n - 12))  # statsmodels' HC1 of a GLM is its HC0

    def glm():
        fit = sm.GLM(y, with_constant, family=sm.families.Poisson()).fit(cov_type="HC1", tol=1e-12)
        return fit.params, fit.bse * factor

    def newton():
        fit = sm.Poisson(y, with_constant).fit(disp=0, method="newton", cov_type="HC0")
        return fit.params, fit.bse * factor

    def agree(a, b):
        return max(relative(a.coefficient, b[0]), relative(a.std_error, b[1]))

    work = "Poisson PML, 12 coefficients, HC1"
    said = {"n": n, "limit": limits(with_constant), "extra_mib": extra_memory(n), "goal_mib": 50}
    peers = [
        ("statsmodels GLM", "statsmodels", glm, 12, {}),
        ("statsmodels Poisson", "statsmodels", newton, None, {}),
        ("glum, robust", "glum", lambda: glum_fit(x, y), 2, {}),
        (
            "pyfixest",
            "pyfixest",
            lambda: pyfixest_fit(frame, names),
            4,
            {
                "same": 1e-5,
                "note": "the peer stops at its default tolerance: faster, and not as close",
            },
        ),
    ]
    for peer, module, theirs, goal, more in peers:
        if bench.has(work, peer, module, in_quick=module == "statsmodels"):
            bench.compare(
                work,
                peer,
                lambda: fit_poisson(x, y, names),
                theirs,
                agree,
                goal=goal,
                **said,
                **more,
            )
