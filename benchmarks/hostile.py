"""A hostile statistician's worlds: whole audits of worthless scores, made to break the rule.

    python benchmarks/hostile.py                      draw all worlds, add to hostile.jsonl
    python benchmarks/hostile.py --worlds "few" --draws 20
    python benchmarks/calibration.py --table          write docs/calibration.md with them

In each world the score has no effect on the outcome once true engagement is held, the plan is
silent (or says so little) and goes through `sa.audit`. Worlds that the rule cannot cover say why.
"""

from __future__ import annotations

import argparse
import json
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator

import analysis as sa

RESULTS = Path(__file__).with_name("hostile.jsonl")
PASSES = ("adds", "trivial")
ROWS = 1000
Drawn = dict[str, np.ndarray]


@dataclass(frozen=True)
class World:
    """One world: how it is drawn, what the plan says, and why the rule cannot cover it, if so."""

    name: str
    draw: Callable[[Generator, int], Drawn]
    roles: tuple[tuple[str, object], ...] = ()
    outside: str = ""


def recorded(truth: np.ndarray, reliability: float, rng: Generator) -> np.ndarray:
    """Return a record with normal noise of one size."""
    spread = np.sqrt(truth.var() * (1 / reliability - 1))
    return truth + spread * rng.normal(size=len(truth))


def alike(form: Callable[[np.ndarray], np.ndarray], reliability: float = 0.85, spread: float = 0.7):
    """Return a world in which score and outcome have the same form in normal engagement."""

    def draw(rng: Generator, n: int) -> Drawn:
        truth = rng.normal(size=n)
        made = form(truth)
        return {
            "s": made + spread * rng.normal(size=n),
            "e": recorded(truth, reliability, rng),
            "y": made + 0.7 * rng.normal(size=n),
        }

    return draw


def heavy_score(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    score = truth + rng.standard_t(2.1, size=n)
    return {"s": score, "e": recorded(truth, 0.85, rng), "y": 0.7 * truth + rng.normal(size=n)}


def lognormal_score(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    score = np.exp(1.5 * truth + rng.normal(size=n))
    return {"s": score, "e": recorded(truth, 0.85, rng), "y": 0.7 * truth + rng.normal(size=n)}


def ratio(rng: Generator, n: int) -> Drawn:
    likes = 0.8 * rng.normal(size=n)
    posts = 0.5 * likes + 0.7 * rng.normal(size=n)
    truth = np.exp(likes - posts)
    noisy = {"e": recorded(likes, 0.85, rng), "e2": recorded(posts, 0.85, rng)}
    return {"s": truth, **noisy, "y": truth**0.7 + rng.normal(size=n)}


def largest(rng: Generator, n: int) -> Drawn:
    one = rng.normal(size=n)
    other = 0.4 * one + 0.9 * rng.normal(size=n)
    made = np.maximum(one, other)
    noisy = {"e": recorded(one, 0.85, rng), "e2": recorded(other, 0.85, rng)}
    return {"s": made + 0.6 * rng.normal(size=n), **noisy, "y": made + rng.normal(size=n)}


def few_values(levels: int, wrong: float):
    """Return a world whose engagement is one of few values, some of them recorded wrongly."""

    def draw(rng: Generator, n: int) -> Drawn:
        truth = rng.integers(0, levels, n)
        lost = rng.random(n) < wrong
        record = np.where(lost, rng.integers(0, levels, n), truth)
        noise = levels / 3 * rng.normal(size=(2, n))
        return {"s": truth + noise[0], "e": record, "y": truth + noise[1]}

    return draw


def thirds(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    return {
        "s": truth + 0.7 * rng.normal(size=n),
        "e": np.digitize(truth, [-0.612, 0.612]),
        "y": 0.7 * truth + 0.7 * rng.normal(size=n),
    }


def owners(rng: Generator, n: int) -> Drawn:
    owner = rng.integers(0, 30, n)
    of_score, of_outcome = rng.normal(size=(2, 30))
    truth = rng.normal(size=n)
    score = truth + of_score[owner] + 0.5 * rng.normal(size=n)
    outcome = 0.7 * truth + 0.6 * of_outcome[owner] + 0.7 * rng.normal(size=n)
    return {"s": score, "e": recorded(truth, 0.9, rng), "y": outcome, "owner": owner.astype(str)}


def owners_unnamed(rng: Generator, n: int) -> Drawn:
    drawn = owners(rng, n)
    del drawn["owner"]
    return drawn


def in_time(rng: Generator, n: int) -> Drawn:
    def slow() -> np.ndarray:
        steps = rng.normal(size=n)
        for at in range(1, n):
            steps[at] = 0.95 * steps[at - 1] + np.sqrt(1 - 0.95**2) * steps[at]
        return steps

    truth = rng.normal(size=n)
    return {"s": truth + slow(), "e": recorded(truth, 0.9, rng), "y": 0.7 * truth + slow()}


def against_the_noise(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    record = recorded(truth, 0.85, rng)
    score = truth - 0.7 * (record - truth) + 0.5 * rng.normal(size=n)
    return {"s": score, "e": record, "y": 0.7 * truth + 0.7 * rng.normal(size=n)}


def over_the_noise(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    record = recorded(truth, 0.85, rng)
    score = truth + 2 * (record - truth) + 0.5 * rng.normal(size=n)
    return {"s": score, "e": record, "y": 0.7 * truth + 0.7 * rng.normal(size=n)}


def close_columns(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    noisy = {f"e{at}": recorded(truth + 0.15 * rng.normal(size=n), 0.85, rng) for at in range(3)}
    return {
        "s": truth + 0.7 * rng.normal(size=n),
        **noisy,
        "y": 0.7 * truth + 0.7 * rng.normal(size=n),
    }


def by_category(rng: Generator, n: int) -> Drawn:
    group, truth = rng.integers(0, 2, n), rng.normal(size=n)
    made = np.where(group > 0, truth, -truth)
    return {
        "s": made + 0.6 * rng.normal(size=n),
        "e": recorded(truth, 0.9, rng),
        "y": made + 0.7 * rng.normal(size=n),
        "g": np.where(group > 0, "one", "other"),
    }


def bent_control(rng: Generator, n: int) -> Drawn:
    control = rng.normal(size=n)
    truth = 0.5 * control + 0.9 * rng.normal(size=n)
    made = control**2 + 0.5 * truth
    return {
        "s": made + rng.normal(size=n),
        "e": recorded(truth, 0.9, rng),
        "c": control,
        "y": made + rng.normal(size=n),
    }


def noisy_control(rng: Generator, n: int) -> Drawn:
    control = rng.normal(size=n)
    truth = 0.5 * control + 0.9 * rng.normal(size=n)
    made = control + 0.5 * truth
    return {
        "s": made + 0.5 * rng.normal(size=n),
        "e": recorded(truth, 0.9, rng),
        "c": recorded(control, 0.85, rng),
        "y": made + rng.normal(size=n),
    }


def uneven_rows(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    record = np.where(rng.random(n) < 0.5, truth, recorded(truth, 0.67, rng))
    score = truth + 0.7 * rng.normal(size=n)
    return {"s": score, "e": record, "y": 0.7 * truth + 0.7 * rng.normal(size=n)}


def missing(rng: Generator, n: int) -> Drawn:
    drawn = alike(lambda e: 0.7 * e)(rng, n)
    lost = rng.random(n) < 0.6 / (1 + np.exp(-2 * (drawn["y"] + drawn["s"])))
    return drawn | {"e": np.where(lost, np.nan, drawn["e"])}


def default_is_rare(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    chance = 1 / (1 + np.exp(3.2 - 1.2 * truth))
    return {
        "s": truth + 0.7 * rng.normal(size=n),
        "e": recorded(truth, 0.85, rng),
        "y": (rng.random(n) < chance).astype(int),
    }


def zeros(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    sold = rng.random(n) < 1 / (1 + np.exp(-1.5 * truth))
    return {
        "s": truth + 0.7 * rng.normal(size=n),
        "e": recorded(truth, 0.85, rng),
        "y": sold * np.exp(3 + 0.7 * truth) * rng.gamma(1, 1, n),
    }


def pareto_revenue(rng: Generator, n: int) -> Drawn:
    truth = rng.normal(size=n)
    return {
        "s": truth + 0.7 * rng.normal(size=n),
        "e": np.exp(2 + recorded(truth, 0.85, rng)),
        "y": np.exp(3 + 0.7 * truth) * rng.pareto(1.6, n),
    }


TWO = ("engagement", ["e", "e2"])
REVENUE, LOG = ("kind", "revenue"), ("transform", "log1p")
WORLDS = (
    World("linear", alike(lambda e: 0.7 * e, 0.8)),
    World("a threshold that few pass", alike(lambda e: 2.5 * (e > 1.6) + 0.3 * e, 0.9)),
    World("a wave", alike(lambda e: np.sin(3 * e), 0.9)),
    World("a plateau between two steps", alike(lambda e: 2 * (np.abs(e) < 0.5), 0.9)),
    World("a kink", alike(lambda e: 2 * np.maximum(e - 1, 0))),
    World("a score with tails of index 2.1", heavy_score),
    World("a lognormal score", lognormal_score),
    World("a score that is a ratio of two columns", ratio, (TWO,)),
    World("a score that is the larger of two columns", largest, (TWO,)),
    World("few values: yes or no, 4 % wrong", few_values(2, 0.08)),
    World("few values: 0, 1, 2, of which 5 % wrong", few_values(3, 0.08)),
    World("few values: normal engagement in thirds", thirds),
    World("few values: 0 to 4, of which 6 % wrong", few_values(5, 0.08)),
    World("engagement missing where score and outcome are high", missing),
    World("half of the rows recorded exactly, half at .67", uneven_rows),
    World("revenue with zeros", zeros, (REVENUE,)),
    World("revenue with tails of index 1.6", pareto_revenue, (REVENUE, LOG)),
    World("6 % defaults", default_is_rare, (("kind", "binary"),)),
    World("30 owners, in a column of the file", owners),
    World("a score that follows noise twice over", over_the_noise),
    World(
        "three columns, all but the same, reliability .85",
        close_columns,
        (("engagement", ["e0", "e1", "e2"]),),
    ),
    World(
        "engagement that turns round with a category",
        by_category,
        (("controls", ["g"]),),
    ),
    World(
        "a control that enters squared",
        bent_control,
        (("controls", ["c"]),),
        "controls are held as the plan declares them, only engagement in any form; `reset` fails",
    ),
    World(
        "a control recorded at .85",
        noisy_control,
        (("controls", ["c"]),),
        "noise in a control is not corrected: name it as engagement",
    ),
    World(
        "30 owners that no column names",
        owners_unnamed,
        (),
        "what no column shows cannot be seen: name the cluster",
    ),
    World(
        "rows in time, score and outcome drift",
        in_time,
        (),
        "rows are taken as independent: declare a panel, or a cluster",
    ),
    World(
        "a score that takes the record's noise away",
        against_the_noise,
        (),
        "the score may share all, part or none of the record's noise, but not work against it, as"
        " one does that leaves out bots which the record counts",
    ),
)


def hostile_records() -> list[dict[str, object]]:
    """Return what was drawn, a piece of audits a record."""
    lines = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
    return [json.loads(line) for line in lines]


def audited(world: World, draw: int, n: int) -> str:
    """Return the word of one whole audit."""
    rng = np.random.default_rng([draw, zlib.crc32(world.name.encode())])
    roles = {"score": "s", "engagement": ["e"], "outcome": "y", "kind": "continuous"}
    frame = pd.DataFrame(world.draw(rng, n))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        audit = sa.audit(frame, **roles | dict(world.roles), sesoi=0.01, quick=True)
    return audit.verdict_on().verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", default="", help="only those with this in their names")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first draw")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    for world in WORLDS:
        if args.worlds in world.name:
            draws = range(args.first, args.first + args.draws)
            words = [audited(world, draw, args.rows) for draw in draws]
            passed = sum(word in PASSES for word in words)
            record = {"world": world.name, "n": args.rows, "first": args.first}
            record |= {"draws": args.draws, "passed": passed}
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            print(f"{world.name}: {passed} of {args.draws}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
