"""How often a worthless score passes: the plain test, the corrections, and the verdict's rule, by simulation.

    python benchmarks/calibration.py                                 500 draws a cell, all models
    python benchmarks/calibration.py --full                          5,000 draws (OLS, Poisson), 2,000 (others)
    python benchmarks/calibration.py --models ols --n 1000 --out table.csv

The world: true engagement E is standard normal and recorded in two parallel halves; the score is .7 (E + sharing x
error of the record) plus noise of variance .51, so that its correlation with E is .7 where it shares no error; the
outcome depends on E, with correlation .5 for least squares, and on the score not at all ("size") or by `EFFECT`
("power" and "coverage"). `adds` means that an interval of 95 % excludes zero: no band of smallest effects of interest
stands in the way, which makes the sizes the largest possible.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from analysis.corrected import Correction
from analysis.design import Design
from analysis.fit import Fit
from analysis.measurement import Measurement, measure
from analysis.methods.corrected_score import conditional_score, corrected_score
from analysis.methods.correction import correct_fit, corrected_margin
from analysis.models import fit_model
from analysis.models.binary import average_marginal_effect

SEED = 20121105
MODELS = ("ols", "poisson", "gamma", "logit", "nb2")
SIZES = (300, 1000, 5000)
RELIABILITIES = (0.6, 0.7, 0.8, 0.9)
SHARINGS = (0.0, 0.5, 1.0)
EFFECT = {"ols": 0.15, "poisson": 0.15, "gamma": 0.15, "nb2": 0.15, "logit": 0.35}
SCORE_TRUTH, TRUTH_OUTCOME = 0.7, 0.5
GATE = (0.035, 0.065)
TERMS, BLOCKS = ("const", "likes", "klout"), ("intercept", "engagement", "score")


@dataclass(frozen=True)
class Cell:
    """One world."""

    model: str
    n: int
    reliability: float
    sharing: float
    draws: int
    tails: str = "light"


@dataclass(frozen=True)
class Rates:
    """Shares of samples in which the interval excludes zero, and of those that cover the effect.

    `known` uses the structure of the errors as it is: halves of engagement where the score shares none, halves of
    both where it does. `unshared` takes errors as unshared whatever they are; `rule` asks plain and unshared for the
    same side; for a logit these are margins. `second` is the corrected (Poisson) or conditional (logit) score.
    """

    plain: float
    unshared: float
    known: float
    declared: float
    second: float
    rule: float
    refused: float
    power_plain: float
    power_known: float
    power_rule: float
    coverage: float


def world(rng: np.random.Generator, cell: Cell, effect: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (outcome, halves of engagement, halves of the score), shapes (n,), (2, n), (2, n)."""
    truth = true_engagement(rng, cell)
    error = rng.normal(size=(2, cell.n)) * np.sqrt(2 * (1 - cell.reliability) / cell.reliability)
    noise = rng.normal(size=cell.n) * np.sqrt(1 - SCORE_TRUTH**2)
    halves, scores = truth + error, SCORE_TRUTH * (truth + cell.sharing * error) + noise
    return outcome(rng, cell, truth, effect * scores.mean(axis=0)), halves, scores


def true_engagement(rng: np.random.Generator, cell: Cell) -> np.ndarray:
    """Draw true engagement, of unit variance; a world's first draw."""
    return rng.normal(size=cell.n) if cell.tails == "light" else rng.standard_t(6, size=cell.n) / np.sqrt(1.5)


def outcome(rng: np.random.Generator, cell: Cell, truth: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Draw the outcome given true engagement and what the score adds to the linear predictor."""
    if cell.model == "ols":
        noise = rng.normal(size=cell.n) if cell.tails == "light" else rng.standard_t(4, size=cell.n) / np.sqrt(2)
        return TRUTH_OUTCOME * truth + added + np.sqrt(1 - TRUTH_OUTCOME**2) * noise
    if cell.model == "logit":
        return (rng.random(cell.n) < 1 / (1 + np.exp(-(truth + added)))).astype(float)
    mean = np.exp(0.5 + 0.5 * truth + added)
    if cell.model == "poisson":
        return rng.poisson(mean).astype(float)
    if cell.model == "nb2":
        return rng.poisson(mean * rng.gamma(2.0, 0.5, size=cell.n)).astype(float)
    spread = rng.gamma(1.5, 1 / 1.5, size=cell.n) if cell.tails == "light" else np.exp(rng.normal(-0.5, 1, cell.n))
    return mean * spread


def one_draw(rng: np.random.Generator, cell: Cell, effect: float) -> dict[str, tuple[float, float]]:
    """Return {estimator: (estimate, standard error)}; NaN where a correction is refused."""
    response, halves, scores = world(rng, cell, effect)
    matrix = np.column_stack([np.ones(cell.n), halves.mean(axis=0), scores.mean(axis=0)])
    design = Design(response, matrix, TERMS, BLOCKS)
    fit = fit_model(design, "poisson" if cell.model == "nb2" else cell.model, "HC3" if cell.model == "ols" else "HC1")
    engagement = {"likes": (halves[0], halves[1])}
    both = {**engagement, "klout": (scores[0], scores[1])}
    unshared = measure(design, halves=engagement)
    plain = (float(fit.params[2]), float(fit.std_errors()[2]))
    found = {"plain": average_marginal_effect(fit, "klout") if cell.model == "logit" else plain}
    found["unshared"] = _corrected(fit, unshared)
    found["known"] = _corrected(fit, measure(design, halves=both)) if cell.sharing else found["unshared"]
    found["declared"] = _corrected(fit, measure(design, declared={"likes": cell.reliability}))
    second = {"poisson": corrected_score, "nb2": corrected_score, "logit": conditional_score}.get(cell.model)
    found["second"] = _pair(second(fit, unshared)) if second else (np.nan, np.nan)
    return found


def _corrected(fit: Fit, errors: Measurement) -> tuple[float, float]:
    """Return what decides: the coefficient, or for a logit the margin."""
    result = correct_fit(fit, errors)
    if fit.model != "logit" or not isinstance(result, Correction):
        return _pair(result)
    margin = corrected_margin(fit, result, "klout")
    return margin.estimate, margin.std_error


def target(cell: Cell) -> float:
    """Return what the interval is to cover: the effect, or for a logit its mean over a million true rows."""
    effect = EFFECT[cell.model]
    if cell.model != "logit":
        return effect
    large = replace(cell, n=1_000_000)
    _, _, scores = world(np.random.default_rng(SEED), large, effect)
    truth = true_engagement(np.random.default_rng(SEED), large)
    chance = 1 / (1 + np.exp(-(truth + effect * scores.mean(axis=0))))
    return float(effect * (chance * (1 - chance)).mean())


def _pair(result: object) -> tuple[float, float]:
    if not isinstance(result, Correction):
        return np.nan, np.nan
    return result.estimate("klout"), result.std_error("klout")


def simulate(cell: Cell) -> Rates:
    """Return the rates of one cell."""
    key = [SEED, MODELS.index(cell.model), cell.n, round(100 * cell.reliability), round(100 * cell.sharing)]
    null, real = (np.random.default_rng([*key, i]) for i in (0, 1))
    effect = EFFECT[cell.model]
    sizes = _passes([one_draw(null, cell, 0.0) for _ in range(cell.draws)])
    draws = [one_draw(real, cell, effect) for _ in range(cell.draws)]
    power = _passes(draws)
    known = np.array([draw["known"] for draw in draws])
    known = known[np.isfinite(known[:, 0])]
    covers = np.abs(known[:, 0] - target(cell)) <= stats.norm.isf(0.025) * known[:, 1]
    share = {name: float(values.mean()) for name, values in sizes.items()}
    return Rates(
        **{name: share[name] for name in ("plain", "unshared", "known", "declared", "rule", "refused")},
        second=share["second"] if cell.model in ("poisson", "nb2", "logit") else np.nan,
        power_plain=float(power["plain"].mean()), power_known=float(power["known"].mean()),
        power_rule=float(power["rule"].mean()), coverage=float(covers.mean()) if len(covers) else np.nan,
    )  # fmt: skip


def _passes(draws: list[dict[str, tuple[float, float]]]) -> dict[str, np.ndarray]:
    """Return, for each estimator, in which draws its interval excludes zero; a refused correction passes nothing."""
    critical = stats.norm.isf(0.025)
    found = {}
    sides: dict[str, np.ndarray] = {}
    for name in draws[0]:
        estimate, error = np.array([draw[name] for draw in draws]).T
        with np.errstate(invalid="ignore"):
            sides[name] = np.where(np.abs(estimate) > critical * error, np.sign(estimate), 0.0)
        found[name] = sides[name] != 0
    found["rule"] = (sides["plain"] != 0) & (sides["plain"] == sides["unshared"])
    found["refused"] = np.isnan([draw["unshared"][0] for draw in draws])
    return found


def gate(cell: Cell, rates: Rates) -> str:
    """Return whether a cell is gated, and passes: the point and its 99 % binomial interval."""
    if cell.n < 1000 or cell.tails != "light":
        return "printed"
    tests = [meets(rates.known, cell.draws, 0.04, 0.06), meets(rates.rule, cell.draws, 0.0, 0.06)]
    if cell.draws >= 2000:  # with fewer, the point is as uncertain as the gate is wide
        tests += [GATE[0] <= rates.known <= GATE[1], rates.rule <= GATE[1]]
    return "passed" if all(tests) else "FAILED"


def meets(rate: float, draws: int, low: float, high: float) -> bool:
    """Return whether the exact 99 % binomial interval of a rate meets [low, high]."""
    interval = stats.binomtest(round(rate * draws), draws).proportion_ci(0.99)
    return interval.low <= high and interval.high >= low


def cells(models: tuple[str, ...], sizes: tuple[int, ...], draws: int | None, tails: str) -> list[Cell]:
    """Return the worlds, in the order in which they are printed."""
    count = {model: draws or (5000 if model in ("ols", "poisson") else 2000) for model in models}
    grid = product(models, sizes, RELIABILITIES, SHARINGS)
    return [Cell(model, n, r, sharing, count[model], tails) for model, n, r, sharing in grid]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--n", default=",".join(map(str, SIZES)))
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--full", action="store_true", help="5,000 draws a cell (OLS, Poisson), 2,000 elsewhere")
    parser.add_argument("--tails", choices=("light", "heavy"), default="light")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a .csv file; the table is printed in any case")
    args = parser.parse_args()
    todo = cells(tuple(args.models.split(",")), tuple(map(int, args.n.split(","))),
                 None if args.full else args.draws, args.tails)  # fmt: skip
    print(" ".join(["model", "n", "reliability", "sharing", "draws", *(f.name for f in fields(Rates)), "gate"]))
    rows, started = [], time.perf_counter()
    with ProcessPoolExecutor(args.jobs) as pool:
        for cell, rates in zip(todo, pool.map(simulate, todo), strict=True):
            rows.append({**asdict(cell), **asdict(rates), "gate": gate(cell, rates)})
            values = " ".join(f"{value:5.3f}" for value in asdict(rates).values())
            print(
                f"{cell.model:8} {cell.n:5} {cell.reliability} {cell.sharing} {cell.draws} {values} {rows[-1]['gate']}",
                flush=True,
            )
    if args.out:
        pd.DataFrame(rows).to_csv(args.out, index=False)
    failed = sum(row["gate"] == "FAILED" for row in rows)
    print(f"{len(rows)} cells, {failed} failed, {time.perf_counter() - started:.0f} s")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
