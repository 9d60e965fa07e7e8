"""Coverage of the share that is new, and how often a family of worthless scores holds a claim.

    python benchmarks/new_information.py --draws 200   until each cell has so many draws
    python benchmarks/new_information.py --write       docs/new_information.md from what is there

Every run adds to new_information.jsonl, a line a block of draws, and may be stopped at any time.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.errors import DesignError
from analysis.models import default_covariance, fit_model
from analysis.models.adequacy import adequacy
from analysis.models.design import Design
from analysis.models.multiple_testing import holm, resampled_statistics, romano_wolf

FOUND = Path(__file__).with_suffix(".jsonl")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "new_information.md"
BLOCK, LARGE, LEVEL = 50, 400_000, 0.95
REPLICATES, OF_FAMILIES = 499, 199

Outcome = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def money(rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    """Return lognormal revenue, a fifth of it zero."""
    paid = rng.random(len(at)) < 0.8
    return np.exp(at + rng.normal(size=len(at)) - 0.5) * paid


OUTCOMES: dict[str, Outcome] = {
    "normal": lambda rng, at: at + rng.normal(size=len(at)),
    "binary": lambda rng, at: (rng.random(len(at)) < 1 / (1 + np.exp(1 - at))).astype(float),
    "counts": lambda rng, at: rng.poisson(np.exp(at) * rng.gamma(2, 0.5, len(at))).astype(float),
    "money": money,
}


@dataclass(frozen=True)
class World:
    """One cell: the outcome and its model, the rows, what the score is worth, and clusters.

    Attributes
    ----------
    clusters : int
        0 for none; else score and outcome have shocks that they share.
    scores : int
        0 where the share of one score is asked; else so many worthless scores on two outcomes.
    """

    outcome: str
    model: str
    n: int
    effect: float
    clusters: int = 0
    scores: int = 0

    @property
    def name(self) -> str:
        worth = f"{self.scores} scores" if self.scores else f"effect {self.effect:g}"
        groups = f", {self.clusters} clusters" if self.clusters else ""
        return f"{self.outcome}, {self.model}, n {self.n:,}{groups}, {worth}"

    def designs(self, rng: np.random.Generator, n: int = 0) -> Iterator[Design]:
        """Yield the equation of each claim, all of the same rows."""
        n = n or self.n
        common, likes = rng.normal(size=(2, n))
        codes, shocks = None, np.zeros(n)
        if self.clusters:
            codes = np.arange(n) % (self.clusters * n // self.n)
            shocks = rng.normal(size=codes.max() + 1)[codes]
        scores = []
        for _ in range(self.scores or 1):
            score = 0.5 * likes + 0.7 * common + 0.5 * rng.normal(size=n)
            scores.append(score + (rng.normal(size=n)[codes] if self.clusters else 0.0))
        for _ in range(2 if self.scores else 1):
            at = 0.4 * likes + self.effect * scores[0] + 0.7 * shocks
            y = OUTCOMES[self.outcome](rng, at)
            for score in scores:
                yield Design(
                    y,
                    np.column_stack([np.ones(n), likes, score]),
                    ("intercept", "likes", "score"),
                    ("intercept", "engagement", "score"),
                    codes,
                )


SHARES = [
    World("normal", "ols", 300, 0.0),
    World("normal", "ols", 300, 0.1),
    World("normal", "ols", 300, 0.4),
    World("normal", "ols", 2000, 0.05),
    World("binary", "logit", 500, 0.0),
    World("binary", "logit", 500, 0.4),
    World("binary", "logit", 2000, 0.2),
    World("counts", "poisson", 500, 0.0),
    World("counts", "poisson", 500, 0.2),
    World("counts", "nb2", 500, 0.2),
    World("money", "poisson", 1000, 0.0),
    World("money", "poisson", 1000, 0.3),
    World("money", "poisson", 5000, 0.3),
    World("money", "gamma", 1000, 0.3),
    World("money", "hurdle", 1000, 0.3),
    World("normal", "ols", 600, 0.0, clusters=30),
    World("normal", "ols", 600, 0.3, clusters=30),
    World("binary", "logit", 1200, 0.4, clusters=60),
]
FAMILIES = [
    World("normal", "ols", 100, 0.0, scores=3),
    World("normal", "ols", 500, 0.0, scores=3),
    World("binary", "logit", 500, 0.0, scores=3),
    World("counts", "poisson", 500, 0.0, scores=3),
    World("money", "poisson", 1000, 0.0, scores=3),
    World("money", "poisson", 3000, 0.0, scores=3),
    World("normal", "ols", 600, 0.0, clusters=30, scores=3),
    World("normal", "ols", 1200, 0.0, clusters=60, scores=3),
]


def fitted(design: Design, model: str):
    """Return a fit with the covariance that an audit would choose."""
    return fit_model(design, model, default_covariance(model, design))


def truth(world: World) -> float:
    """Return the share in many rows; of a score that is worth nothing it is zero."""
    if world.effect == 0:
        return 0.0
    design = next(world.designs(np.random.default_rng(20121105), LARGE))
    alone = Design(design.response, design.matrix, design.terms, design.blocks)
    return adequacy(fit_model(alone, world.model, "HC0"), replicates=1).new


def share_draw(world: World, rng: np.random.Generator, true: float) -> dict[str, float]:
    found = adequacy(
        fit_model(design := next(world.designs(rng)), world.model, design.plain_covariance),
        replicates=REPLICATES,
        seed=int(rng.integers(1 << 30)),
    )
    low, high = found.interval(LEVEL)
    return {
        "held": low <= true <= high,
        "above": high < true,
        "new": found.new,
        "chance": found.by_chance,
        "width": high - low,
    }


def family_draw(world: World, rng: np.random.Generator) -> dict[str, float]:
    fits = [fitted(design, world.model) for design in world.designs(rng)]
    pairs = np.array([fit.coefficient("score") for fit in fits])
    influence = np.column_stack([fit.row_influence("score") for fit in fits])
    drawn = resampled_statistics(
        influence, fits[0].design.units, replicates=OF_FAMILIES, seed=int(rng.integers(1 << 30))
    )
    statistics = pairs[:, 0] / pairs[:, 1]
    from analysis.models.fit import p_value

    alone = [p_value(t, fit.df_of("score")) for t, fit in zip(statistics, fits, strict=True)]
    return {
        "romano_wolf": bool(romano_wolf(statistics, drawn).min() < 1 - LEVEL),
        "holm": bool(holm(alone).min() < 1 - LEVEL),
        "alone": bool(min(alone) < 1 - LEVEL),
    }


def block(world: World, number: int, true: float) -> dict[str, object]:
    """Return the sums of one block of draws."""
    rng = np.random.default_rng([number, *world.name.encode()])
    sums, done = defaultdict(float), 0
    for _ in range(BLOCK):
        try:
            one = family_draw(world, rng) if world.scores else share_draw(world, rng, true)
        except DesignError:
            continue
        done += 1
        for key, value in one.items():
            sums[key] += float(value)
    return {"cell": world.name, "block": number, "draws": done, "truth": true, **sums}


def lines() -> list[dict]:
    if not FOUND.exists():
        return []
    return [json.loads(line) for line in FOUND.read_text("utf-8").splitlines()]


def run(draws: int) -> None:
    """Add blocks until every cell has so many draws, a block of each cell in turn."""
    known = defaultdict(list)
    for line in lines():
        known[line["cell"]].append(line)
    truths = {name: of[0]["truth"] for name, of in known.items()}
    with FOUND.open("a", encoding="utf-8") as file:
        for number in range(-(-draws // BLOCK)):
            for world in (*SHARES, *FAMILIES):
                if any(line["block"] == number for line in known[world.name]):
                    continue
                if world.name not in truths:
                    truths[world.name] = None if world.scores else truth(world)
                file.write(json.dumps(block(world, number, truths[world.name])) + "\n")
                file.flush()


# --- the page -------------------------------------------------------------------------------------

PAGE_HEAD = """# Shares that are new, and families of claims

Simulated; written by `python benchmarks/new_information.py --write` from `benchmarks/new_information.jsonl`.

## The share that comes with a score alone

How often the 95 % interval of `new_information` holds the share in the population, its mean, and that of what a
score without worth has (`by chance`). The share of a worthless score is 0 in the population and cannot be estimated
below it, so its mean lies above: by what `by chance` says. The interval holds 0 as often as a test of the score does not
reject, since it is made for the signed square root of the score's part. Few draws: each coverage is known to a few points.

| world | share | draws | covered | truth above | mean estimate | by chance | mean width |
|---|---|---|---|---|---|---|---|
"""
FAMILY_HEAD = """
## How often a family of worthless scores has a claim

Three scores correlated .7 on two outcomes, six claims, none of them true: how often at least one has a p-value below
.05, each alone, by Holm's method, and by Romano's and Wolf's.

| world | draws | alone | Holm | Romano-Wolf |
|---|---|---|---|---|
"""


def totals() -> dict[str, dict[str, float]]:
    """Return the sums over all blocks of each cell."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for line in lines():
        for key, value in line.items():
            if key not in ("cell", "block", "truth"):
                sums[line["cell"]][key] += value
        sums[line["cell"]]["truth"] = line["truth"]
    return sums


def render(sums: dict[str, dict[str, float]]) -> str:
    """Return the page."""
    text = PAGE_HEAD
    for world in SHARES:
        if of := sums.get(world.name):
            mean = {
                key: of[key] / of["draws"] for key in ("held", "above", "new", "chance", "width")
            }
            text += (
                f"| {world.name} | {of['truth']:.4f} | {of['draws']:,.0f} | {mean['held']:.3f} |"
                f" {mean['above']:.3f} | {mean['new']:.4f} | {mean['chance']:.4f} |"
                f" {mean['width']:.3f} |\n"
            )
    text += FAMILY_HEAD
    for world in FAMILIES:
        if of := sums.get(world.name):
            rates = " | ".join(
                f"{of[key] / of['draws']:.3f}" for key in ("alone", "holm", "romano_wolf")
            )
            text += f"| {world.name} | {of['draws']:,.0f} | {rates} |\n"
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.draws:
        run(options.draws)
    if options.write:
        PAGE.write_text(render(totals()), encoding="utf-8")
