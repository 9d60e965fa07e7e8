"""Coverage of the interval of the out-of-sample gain, beside that of the interval of the fold
means.

    python benchmarks/bench_prediction.py [DRAWS]

Least squares, correlation of score and engagement .8, as many repeats of ten folds as an audit
makes. Prints the share of samples in which each interval holds the true gain in R2, and lies above
zero.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy import stats

from analysis.models.design import Design
from analysis.studies.prediction.prediction import cross_validated_gain

CELLS = ((300, 0.0), (300, 0.0205), (1000, 0.0), (1000, 0.0058), (1000, 0.0205))
"""Rows, true gain in R2."""


def draw(rng: np.random.Generator, n: int, gain: float) -> Design:
    """Return a sample in which the score adds this much to R2; the outcome's variance is 1."""
    engagement, own, left = rng.normal(size=(3, n))
    score = 0.8 * engagement + 0.6 * own
    slope = np.sqrt(gain) / 0.6
    spread = 0.25 + slope**2 + 2 * 0.5 * slope * 0.8
    outcome = 0.5 * engagement + slope * score + np.sqrt(1 - spread) * left
    matrix = np.column_stack([np.ones(n), engagement, score])
    return Design(
        outcome, matrix, ("one", "engagement", "score"), ("intercept", "engagement", "score")
    )


def coverage(n: int, gain: float, draws: int, seed: int = 20121105) -> dict[str, float]:
    """Return shares of samples: `covers` and `above` of Nadeau and Bengio's interval, and of the
    fold means'.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        seen = cross_validated_gain(draw(rng, n, gain), "ols", rng=rng)
        error = seen.means.std(ddof=1) / np.sqrt(len(seen.means))
        half = stats.t.isf(0.025, seen.df) * error
        low, high = seen.interval(0.95)
        middle = seen.estimate
        found.append((low <= gain <= high, low > 0, abs(middle - gain) <= half, middle - half > 0))
    return dict(
        zip(("covers", "above", "covers_folds", "above_folds"), np.mean(found, axis=0), strict=True)
    )


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(
        "| n | true gain in R2 | interval holds it | lies above 0 | fold means hold it | lie"
        " above 0 |"
    )
    print("|---|---|---|---|---|---|")
    for n, gain in CELLS:
        seen = coverage(n, gain, draws)
        shares = [
            f"{seen[name]:.2f}" for name in ("covers", "above", "covers_folds", "above_folds")
        ]
        print(f"| {n} | {gain:g} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
