"""Boosted trees beside scikit-learn's, whose digits they have."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from analysis.models.boosted_trees import boosted

KINDS = {
    "few values": lambda rng, n: rng.poisson(2, n).astype(float),
    "many values": lambda rng, n: rng.lognormal(size=n),
    "two values": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "one value": lambda rng, n: np.full(n, 3.0),
}


def theirs(columns, target, others):
    trees = HistGradientBoostingRegressor(
        max_iter=30,
        learning_rate=0.25,
        max_leaf_nodes=8,
        max_bins=64,
        early_stopping=False,
        random_state=0,
    )
    return trees.fit(columns, target).predict(others)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n", [39, 50, 700, 3000])
@pytest.mark.parametrize("kinds", [["many values"], ["few values", "many values"], list(KINDS)])
def test_the_digits_are_those_of_scikit_learn(n, kinds):
    rng = np.random.default_rng(n)
    columns = np.column_stack([KINDS[kind](rng, n) for kind in kinds])
    target = np.log1p(columns).sum(axis=1) + rng.normal(size=n)
    others = columns[rng.integers(0, n, 60)] + rng.normal(size=(60, len(kinds)))
    found = boosted(columns, target, others)
    np.testing.assert_allclose(found, theirs(columns, target, others), rtol=1e-12)
    assert n < 40 or np.ptp(found) > 0


@pytest.mark.filterwarnings("ignore")
def test_rounded_targets_with_ties_and_a_constant_one():
    rng = np.random.default_rng(1)
    columns = rng.integers(0, 5, (400, 2)).astype(float)
    for target in ((columns[:, 0] > 2).astype(float), np.full(400, 2.5)):
        found = boosted(columns, target, columns)
        np.testing.assert_allclose(found, theirs(columns, target, columns), rtol=1e-12)
