"""How often checks raise false alarms: whole studies in which nothing is wrong.

``python benchmarks/checks.py [DRAWS]`` prints a line a kind of outcome: the share of studies with
twenty unused columns in which one of them is named as a cluster.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.plan import read_plan
from analysis.results.question import Question
from analysis.studies.influence.unseen_clusters import check_unseen_clusters

COLUMNS = 20

KINDS = {
    "continuous": lambda rng, at: 2 * at + rng.normal(size=len(at)),
    "revenue": lambda rng, at: rng.gamma(2, np.exp(3 + at) / 2),
    "count": lambda rng, at: rng.poisson(np.exp(1 + at)),
    "binary": lambda rng, at: (rng.random(len(at)) < 1 / (1 + np.exp(-2 * at))).astype(int),
}


def study(rng: np.random.Generator, kind: str, n: int) -> pd.DataFrame:
    """Return a study whose rows are independent, with unused columns of 20 to n/2 levels."""
    likes = rng.normal(size=n)
    data = pd.DataFrame({"likes": np.exp(likes), "score": likes + rng.normal(size=n)})
    data["sales"] = KINDS[kind](rng, 0.5 * likes)
    for at in range(COLUMNS):
        data[f"c{at}"] = rng.integers(0, int(rng.integers(20, n // 2)), n)
    return data


def named(data: pd.DataFrame, kind: str) -> bool:
    """Return whether a column is named as a cluster."""
    plan = read_plan(
        {
            "name": "apart",
            "question": "Does each row speak for itself?",
            "dataset": "frame.csv",
            "score": {"columns": ["score"]},
            "engagement": {"columns": ["likes"], "transform": "log1p"},
            "outcome": [{"column": "sales", "kind": kind, "sesoi": 0.05}],
        }
    )
    question = Question(select_sample(plan, from_frame(data)), plan.outcome[0], "score")
    check = check_unseen_clusters(question, question.word_of_fit(question.fit))
    return check.passed is False


def main(draws: int) -> None:
    for kind in KINDS:
        for n in (300, 1000):
            rng = np.random.default_rng(1)
            alarms = sum(named(study(rng, kind, n), kind) for _ in range(draws))
            print(f"{kind} n={n}: {alarms} of {draws} studies", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
