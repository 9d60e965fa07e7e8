"""Romano-Wolf p-values by pyfixest, from cases/creators.csv: romano_wolf_values.json.

Usage, from this folder, with pyfixest and wildboottest installed: python make_romano_wolf_values.py

Two things are stored. The step-down alone, on statistics and resampled statistics drawn here, for
which two programs have to agree to the last digit (ties included). And the whole procedure on four
regressions of the same rows, by pyfixest's wild cluster bootstrap, with which another bootstrap
agrees within what bootstraps differ by.
"""

import json
from importlib.metadata import version

import numpy as np
import pandas as pd
import pyfixest as pf
from pyfixest.estimation.post_estimation.multcomp import _get_rwolf_pval

rng = np.random.default_rng(20121105)
steps = []
for tests, draws in ((1, 20), (3, 99), (6, 199)):
    common = rng.normal(size=(draws, 1))
    resampled = np.round(0.7 * common + rng.normal(size=(draws, tests)), 2)
    statistics = np.round(rng.normal(size=tests) + np.linspace(0, 2, tests), 2)
    steps.append(
        {
            "statistics": statistics.tolist(),
            "resampled": resampled.tolist(),
            "p": _get_rwolf_pval(statistics, resampled).tolist(),
        }
    )

data = pd.read_csv("cases/creators.csv")
data["log_rev"] = np.log1p(data["y_rev"])
outcomes = ["y_cont", "log_rev", "y_count", "y_bin"]
fits = [pf.feols(f"{y} ~ score + e1 + e2 + x1", data, vcov={"CRV1": "cluster"}) for y in outcomes]
found = pf.rwolf(fits, "score", reps=9999, seed=1)
values = {
    "about": f"pyfixest {version('pyfixest')}, numpy {version('numpy')}",
    "steps": steps,
    "outcomes": outcomes,
    "t": found.loc["t value"].tolist(),
    "p": found.loc["RW Pr(>|t|)"].tolist(),
}
with open("romano_wolf_values.json", "w", encoding="utf-8") as file:
    json.dump(values, file)
    file.write("\n")
print(found.T[["t value", "Pr(>|t|)", "RW Pr(>|t|)"]])
