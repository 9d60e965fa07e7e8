"""How often a worthless score is found where few rows carry it: HC3 alone, and with few-rows df.

Writes small_samples.csv beside this file: for each model, score and number of rows the share of
samples in which a test at 5 % rejects a true null with HC1 and with HC3 on the ordinary reference
and with HC3 on the package's, the median of its degrees of freedom where they are few, and power at
an effect of about three standard errors.

    python benchmarks/small_samples.py [draws]
"""

from __future__ import annotations

import csv
import sys
import warnings
from itertools import product
from pathlib import Path

import numpy as np

from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.fit import p_value

MODELS = {
    "least squares, normal": "ols",
    "least squares, exponential": "ols",
    "least squares, lognormal": "ols",
    "Poisson, mean 1": "poisson",
    "Poisson, mean 10": "poisson",
    "Poisson, overdispersed": "poisson",
    "Poisson, revenue": "poisson",
    "Gamma, revenue": "gamma",
    "negative binomial": "nb2",
    "logit, share .1": "logit",
    "logit, share .3": "logit",
}
"""Worlds, and the model that is fitted in each."""

SCORES = ("normal", "1 % ones", "2 % ones", "5 % ones", "lognormal")
ROWS = (100, 300, 1000, 3000)
COLUMNS = ("world", "score", "n", "draws", "estimable", "hc1", "hc3", "few_rows", "df", "power_hc3")


def outcome(world: str, rng: np.random.Generator, e: np.ndarray, effect: np.ndarray) -> np.ndarray:
    """Return an outcome of a world in which engagement matters and the score does by `effect`."""
    n, mean = len(e), np.exp(0.3 * e - 0.045 + effect)
    linear = 0.5 * e + effect
    makers = {
        "least squares, normal": lambda: linear + rng.normal(size=n),
        "least squares, exponential": lambda: linear + rng.exponential(size=n),
        "least squares, lognormal": lambda: linear + rng.lognormal(size=n) / 2.16,
        "Poisson, mean 1": lambda: rng.poisson(mean).astype(float),
        "Poisson, mean 10": lambda: rng.poisson(10 * mean).astype(float),
        "Poisson, overdispersed": lambda: rng.poisson(5 * mean * rng.exponential(size=n)) * 1.0,
        "Poisson, revenue": lambda: mean * rng.lognormal(size=n),
        "Gamma, revenue": lambda: mean * rng.lognormal(size=n),
        "negative binomial": lambda: rng.poisson(5 * mean * rng.exponential(size=n)) * 1.0,
        "logit, share .1": lambda: chance(-2.2),
        "logit, share .3": lambda: chance(-0.85),
    }

    def chance(level: float) -> np.ndarray:
        return (rng.random(n) < 1 / (1 + np.exp(-(level + linear)))).astype(float)

    return makers[world]()


def score(kind: str, rng: np.random.Generator, e: np.ndarray) -> np.ndarray:
    """Return a score that goes with engagement; of a flag at least two ones."""
    n = len(e)
    if kind.endswith("ones"):
        weights, ones = np.exp(0.5 * e), np.zeros(n)
        count = max(2, round(n * float(kind.split()[0]) / 100))
        ones[rng.choice(n, count, replace=False, p=weights / weights.sum())] = 1.0
        return ones
    latent = 0.5 * e + np.sqrt(0.75) * rng.normal(size=n)
    return latent if kind == "normal" else np.exp(latent)


def draw(world: str, kind: str, n: int, seed: int, size: float = 0.0) -> tuple[float, ...] | None:
    """Return p-values by HC1, HC3 and few rows, the df, and the error; None without an estimate."""
    rng = np.random.default_rng([n, seed])
    e = rng.normal(size=n)
    s = score(kind, rng, e)
    y = outcome(world, rng, e, np.clip(size * (s - s.mean()), -4, 4))
    blocks = ("intercept", "engagement", "score")
    design = Design(y, np.column_stack([np.ones(n), e, s]), ("const", "likes", "klout"), blocks)
    try:
        plain, fit = (fit_model(design, MODELS[world], kind) for kind in ("HC1", "HC3"))
    except (DesignError, np.linalg.LinAlgError):
        return None
    values = []
    for one, df in ((plain, plain.df), (fit, fit.df), (fit, fit.df_of("klout"))):
        estimate, error = one.coefficient("klout")
        values.append(p_value(estimate / error, df))
    if not np.isfinite(values).all():  # a flag without any event, which NB2 does not refuse
        return None
    df = fit.df_of("klout")
    return (*values, np.nan if df is None or df == fit.df else df, error)


def cell(world: str, kind: str, n: int, draws: int) -> dict[str, object]:
    """Return one line of the table; a draw without an estimate rejects nothing."""
    found = [one for seed in range(draws) if (one := draw(world, kind, n, seed)) is not None]
    values = np.array(found).reshape(-1, 5)
    few = values[:, 3][np.isfinite(values[:, 3])]
    line = {"world": world, "score": kind, "n": n, "draws": draws, "estimable": len(found) / draws}
    for name, column in zip(("hc1", "hc3", "few_rows"), values.T, strict=False):
        line[name] = (column < 0.05).sum() / draws
    line["df"] = round(float(np.median(few)), 1) if len(few) > len(found) / 2 else ""
    power: list[object] = ["", ""]
    if len(found) > draws / 2:
        size, some = 3 * float(np.median(values[:, 4])), draws // 4
        again = [one for seed in range(some) if (one := draw(world, kind, n, seed, size))]
        power = [round(float(np.mean([one[at] < 0.05 for one in again])), 3) for at in (1, 2)]
    line["power_hc3"], line["power_few_rows"] = power
    return line


def main(draws: int) -> None:
    """Write the table, a line as soon as it is known; lines that are there are not made again."""
    warnings.simplefilter("ignore")
    path = Path(__file__).with_suffix(".csv")
    done = set()
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            done = {(row["world"], row["score"], row["n"]) for row in csv.DictReader(file)}
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*COLUMNS, "power_few_rows"], lineterminator="\n")
        if not done:
            writer.writeheader()
        for world, kind, n in product(MODELS, SCORES, ROWS):
            if (world, kind, str(n)) not in done:
                writer.writerow(cell(world, kind, n, draws))
                file.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
