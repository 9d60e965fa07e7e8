"""Draw the input data of the reference values, once: cases/creators.csv.

The committed file is the reference; this script says where it came from.
Usage, from this folder: python make_cases.py
"""

import csv
from pathlib import Path

import numpy as np

SEED = 20121105
SIZES = [
    1,
    2,
    3,
    3,
    4,
    4,
    5,
    5,
    6,
    7,
    7,
    8,
    8,
    9,
    10,
    10,
    11,
    11,
    12,
    12,
    13,
    14,
    15,
    16,
    18,
    20,
    22,
    44,
]  # 28 clusters, one singleton
COLUMNS = ["cluster", "y_cont", "y_rev", "y_count", "y_bin", "score", "e1", "e2", "x1"]


def draw(rng):
    cluster = np.repeat(np.arange(1, len(SIZES) + 1), SIZES)
    n = len(cluster)
    shift = rng.normal(0, 0.4, len(SIZES))[cluster - 1]
    common = rng.normal(0, 1, n)
    e1 = np.round(
        np.exp(0.6 * common + 0.5 * rng.normal(0, 1, n)), 4
    )  # skewed: a few rows of high leverage
    e2 = np.round(0.5 * common + rng.normal(0, 1, n) + 0.3 * shift, 4)
    x1 = (rng.random(n) < 0.4).astype(int)
    score = np.round(50 + 8 * (0.6 * common + 0.3 * e2 + rng.normal(0, 0.9, n) + 0.2 * shift), 2)
    z = (score - 50) / 10
    y_cont = np.round(
        2
        + 0.4 * z
        + 0.5 * np.log(e1)
        + 0.3 * e2
        - 0.2 * x1
        + shift
        + (0.5 + 0.3 * e1) * rng.normal(0, 1, n),
        4,
    )
    mean = np.exp(3 + 0.25 * z + 0.4 * np.log(e1) + 0.2 * e2 + 0.1 * x1 + shift)
    y_rev = np.round(
        mean * rng.gamma(0.8, 1 / 0.8, n) * (rng.random(n) < 0.85), 2
    )  # about 15 % zeros, long right tail
    y_count = rng.negative_binomial(1.5, 1.5 / (1.5 + mean / 4))
    y_bin = (
        rng.random(n) < 1 / (1 + np.exp(-(-0.3 + 0.5 * z + 0.4 * np.log(e1) + 0.2 * e2 + shift)))
    ).astype(int)
    order = rng.permutation(n)  # clusters are not contiguous
    table = dict(
        cluster=cluster,
        y_cont=y_cont,
        y_rev=y_rev,
        y_count=y_count,
        y_bin=y_bin,
        score=score,
        e1=e1,
        e2=e2,
        x1=x1,
    )
    return {name: table[name][order] for name in COLUMNS}


if __name__ == "__main__":
    table = draw(np.random.default_rng(SEED))
    path = Path(__file__).parent / "cases" / "creators.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        out.writerows(zip(*(table[name].tolist() for name in COLUMNS), strict=False))
