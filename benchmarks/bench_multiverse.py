"""A plan with a `[multiverse]` of 1,024 specifications, joint tests included, beside a loop that
only fits.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pandas as pd
import statsmodels.api as sm
from bench_curve import curve_data, options
from harness import Bench, limits, relative

import analysis as sa
from analysis.audit import analyse
from analysis.multiverse.run import run_multiverse

HELD = [f"e{i}" for i in range(1, 11)]
SUBSETS = list(chain.from_iterable(combinations(HELD, size) for size in range(len(HELD) + 1)))


def plan_of(kind: str) -> dict:
    """The plan: one column of engagement always held, ten controls in every combination."""
    plan = {
        "name": "bench",
        "question": "Does the choice of controls matter?",
        "dataset": "frame.csv",
        "score": {"columns": ["s"], "transform": "identity"},
        "engagement": {"columns": ["e0"], "transform": "identity"},
        "outcome": [{"column": "y", "kind": "revenue", "sesoi": 0.05, "model": "ols"}],
        "inference": {"seed": 5, **({"covariance": "HC1"} if kind == "HC1" else {})},
        "multiverse": {
            "decision": [{"name": "held", "subsets": HELD, "reason": "any may confound"}]
        },
    }
    return plan | ({"cluster": {"column": "owner"}} if kind == "CRV1" else {})


def sample_of(plan: dict, frame: pd.DataFrame):
    """The analysis sample of the plan: reading and checking rows is not timed."""
    audit = analyse({key: value for key, value in plan.items() if key != "multiverse"}, frame)
    return replace(audit.sample, plan=sa.read_plan(plan))


def run(bench: Bench) -> None:
    table, names, codes = curve_data(*((1_000, 60) if bench.quick else ()), controls=11)
    table[:, -2] += 20  # money is not negative
    frame = pd.DataFrame(table, columns=names).assign(owner=[f"owner {code:03d}" for code in codes])
    scale = (
        table[:, -3].std(ddof=1) / table[:, -2].mean()
    )  # the table is per SD of the score, a share of the mean
    for kind, goal in (("HC1", 80), ("CRV1", 150)):
        sample = sample_of(plan_of(kind), frame)

        def theirs(kind=kind):
            out = np.empty((len(SUBSETS), 2))
            for i, held in enumerate(SUBSETS):
                columns = [0, *(int(name[1:]) for name in held), 11]
                fit = sm.OLS(
                    table[:, -2], np.column_stack([np.ones(len(table)), table[:, columns]])
                ).fit(**options(kind, codes))
                out[i] = fit.params[-1], fit.bse[-1]
            return out * scale

        def agree(a, b, kind=kind):
            if set(a.table["covariance"]) != {kind}:
                return np.inf
            return max(
                relative(a.table["estimate"], b[:, 0]), relative(a.table["std_error"], b[:, 1])
            )

        bench.compare(
            f"run_multiverse, 1,024 specifications, {kind}",
            "statsmodels arrays, fits only",
            lambda sample=sample: run_multiverse(sample),
            theirs,
            agree,
            n=len(table),
            goal=goal,
            limit=limits(table),
            note=(
                "ours also runs the joint test (500 resamples), 4,999 sign flips with step-down p,"
                " and the decision table; the goal is that of the fits alone"
            ),
        )
