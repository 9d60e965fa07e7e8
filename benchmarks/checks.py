"""How often checks raise false alarms: whole studies in which nothing is wrong.

``python benchmarks/checks.py [DRAWS]`` prints a line a kind of outcome: the share of studies with
twenty unused columns in which one of them is named as a cluster. Then, a line a column, how often a
quantity that score and outcome both follow is named, and how often numbers of things are, which
keep rows together.
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


def quantities(rng: np.random.Generator, n: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return how active rows are, and whole numbers that measure it."""
    active = rng.normal(size=n)
    amount = np.floor(np.exp(7 + 1.5 * active + 0.3 * rng.normal(size=n)))
    fees = np.where(rng.random(n) < 0.15, rng.choice([390, 780, 150, 2000], n), amount)
    return active, {
        "amounts, 31 % zeros": np.where(active < -0.5, 0, amount),
        "amounts and fees": np.where(active < -0.5, 0, fees),
        "round amounts": np.where(active < -0.5, 0, np.round(np.exp(7 + active), -2)),
        "balances": np.where(np.abs(active) < 0.3, 0, np.round(active * 3000, -1)),
        "posts, zeros": np.where(active < -0.5, 0, rng.poisson(np.exp(2 + active))),
        "posts": rng.poisson(np.exp(2 + active)),
        "limits": np.clip(np.round(np.exp(12 + active), -4), 10_000, 1e6),
        "ages": np.clip(np.round(40 + 12 * active), 18, 90),
        "days": np.clip(np.round(100 - 60 * active), 0, 180),
    }


ACTS = {
    "line": lambda active: active,
    "step": lambda active: 1.5 * (active < -0.5),
    "bend": lambda active: np.abs(active) - 0.8,
    "both": lambda active: np.where(active < -0.5, 1.0, 0.5 * active),
}
"""How what was measured acts on score and outcome."""


def things(rng: np.random.Generator, n: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return (things that rows belong to, their numbers), of forty things."""
    many = 40
    weights = 1 / np.arange(1, many + 1) ** 0.7
    often, even = rng.choice(many, n, p=weights / weights.sum()), rng.integers(0, many, n)
    far = np.sort(rng.integers(1, 5000, many))[even]
    return {
        "1 to 40, uneven": (often, often + 1),
        "by frequency from 0": (often, often),
        "codes of three digits": (even, rng.choice(np.arange(100, 999), many, False)[even]),
        "large numbers": (even, rng.integers(10**7, 10**9, many)[even]),
        "0 where unknown": (even, np.where(rng.random(n) < 0.2, 0, far)),
        "growing": (even, np.floor(np.exp(np.linspace(3, 13, many)))[even]),
    }


def shared(rng: np.random.Generator, kind: str, score: np.ndarray, outcome: np.ndarray) -> dict:
    """Return a study of which score and outcome have a part each."""
    likes = rng.normal(size=len(score))
    own = {"likes": np.exp(likes), "score": likes + score + rng.normal(size=len(score))}
    return own | {"sales": KINDS[kind](rng, 0.5 * likes + outcome)}


def told_apart(draws: int, n: int) -> None:
    """Print how often quantities and numbers of things are named."""
    alarms: dict[str, list[bool]] = {}
    for draw in range(draws):
        for kind in KINDS:
            for how, act in ACTS.items():
                rng = np.random.default_rng([draw, list(KINDS).index(kind), list(ACTS).index(how)])
                active, columns = quantities(rng, n)
                base = pd.DataFrame(shared(rng, kind, 0.7 * act(active), 0.6 * act(active)))
                for name, values in columns.items():
                    alarms.setdefault(name, []).append(named(base.assign(other=values), kind))
            rng = np.random.default_rng([draw, list(KINDS).index(kind)])
            for name, (at, numbers) in things(rng, n).items():
                parts = rng.normal(size=(2, 40))[:, at] * [[1.0], [0.5]]
                base = pd.DataFrame(shared(rng, kind, *parts))
                alarms.setdefault(name, []).append(named(base.assign(other=numbers), kind))
    for name, ends in alarms.items():
        print(f"{name} n={n}: named in {sum(ends)} of {len(ends)}", flush=True)


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
    for n in (1000, 10_000):
        told_apart(max(draws // 100, 1), n)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
