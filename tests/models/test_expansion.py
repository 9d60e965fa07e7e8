"""Draws of clusters solved from sums over them: derivatives, agreement with the rows, and where it
is not used.
"""

from __future__ import annotations

import numpy as np
import pytest

from analysis.models import fit_pml
from analysis.models.design import Design
from analysis.models.sufficient_statistics.expansion import Expansion, worth_expanding
from analysis.studies.heavy_tails import tail
from analysis.studies.heavy_tails.tail import bootstrap_t

POWER = {"poisson": 1.0, "tweedie": 1.5, "gamma": 2.0}


def rows(seed=1, n=600, groups=20):
    rng = np.random.default_rng(seed)
    basis = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    clusters = np.concatenate([np.arange(groups), rng.integers(groups, size=n - groups)])
    predictor = basis @ [0.2, 0.1, -0.2, 0.1]
    return rng.gamma(1.0, np.exp(predictor)) * rng.integers(0, 2, n), basis, predictor, clusters


@pytest.mark.parametrize("family", POWER)
def test_the_sums_are_the_derivatives_of_each_cluster(family):
    """The second route: differences of the estimating equations, cluster by cluster."""
    response, basis, predictor, clusters = rows()
    power = POWER[family]
    sums = Expansion.of(response, basis, predictor, power, clusters)
    way = np.array([1e-4, -2e-4, 1e-4, 3e-4])

    def score(by):
        mean = np.exp(predictor + by * (basis @ way))
        parts = basis * ((response - mean) * mean ** (1 - power))[:, None]
        return np.array([parts[clusters == group].sum(axis=0) for group in range(20)])

    np.testing.assert_allclose(sums.score, score(0), rtol=1e-10, atol=1e-10)
    k = basis.shape[1]
    first, second = np.triu_indices(k)
    slope = np.zeros((20, k, k))
    slope[:, first, second] = slope[:, second, first] = sums.slope
    np.testing.assert_allclose(slope @ way, (score(-1) - score(1)) / 2, rtol=1e-4, atol=1e-9)
    bent = (score(1) - 2 * score(0) + score(-1)) / 2
    near = sums.score - slope @ way
    np.testing.assert_allclose(score(1) - near, bent, atol=1e-3 * np.abs(bent).max())


@pytest.mark.parametrize("family", POWER)
def test_draws_of_clusters_are_those_of_their_rows(family, monkeypatch):
    rng = np.random.default_rng(3)
    n, groups = 21_000, 300
    clusters = np.concatenate([np.arange(groups), rng.integers(groups, size=n - groups)])
    likes, score = rng.normal(size=(2, n))
    sales = (
        rng.pareto(1.8, n)
        * np.exp(1 + 0.3 * likes + rng.normal(0, 0.3, groups)[clusters])
        * (rng.random(n) < 0.5)
    )
    matrix = np.column_stack([np.ones(n), likes, score])
    design = Design(
        sales,
        matrix,
        ("intercept", "likes", "score"),
        ("intercept", "engagement", "score"),
        clusters,
    )
    fit = fit_pml(design, family=family, covariance="CRV1")
    found = bootstrap_t(fit, "score", replicates=60, seed=2)
    monkeypatch.setattr(tail, "worth_expanding", lambda *_: False)
    exact = bootstrap_t(fit, "score", replicates=60, seed=2, by_rows=40)
    assert (found.drawn, exact.drawn) == (60, 40)
    assert found.std_error == exact.std_error
    assert np.abs(found.values[:40] - exact.values).max() < tail.CLOSE
    assert np.median(np.abs(found.values[:40] - exact.values)) < 0.01
    whole = bootstrap_t(fit, "score", replicates=60, seed=2)
    refitted = np.isclose(found.values, whole.values, rtol=1e-8, atol=0)
    assert refitted.sum() == 16, "those that went farthest are fitted to the rows"


def test_where_the_sums_do_not_give_the_draws_all_are_fitted_to_the_rows(monkeypatch):
    rng = np.random.default_rng(5)
    n, groups = 20_400, 12
    clusters = np.arange(n) % groups
    score = rng.normal(size=n) + 2.0 * (clusters == 0)
    sales = np.exp(rng.normal(size=n) + 0.2 * score + 3.0 * (clusters == 0))
    matrix = np.column_stack([np.ones(n), score])
    design = Design(sales, matrix, ("intercept", "score"), ("intercept", "score"), clusters)
    fit = fit_pml(design, covariance="CRV1")
    found = bootstrap_t(fit, "score", replicates=40, seed=1, by_rows=30)
    monkeypatch.setattr(tail, "worth_expanding", lambda *_: False)
    exact = bootstrap_t(fit, "score", replicates=40, seed=1, by_rows=30)
    assert found.drawn == 30
    np.testing.assert_array_equal(found.values, exact.values)


def test_what_is_worth_expanding():
    assert worth_expanding(2_000, 200_000, 10)
    assert not worth_expanding(200_000, 200_000, 10)
    assert not worth_expanding(10_000, 1_000_000, 40)
