"""Heavy tails: the index, the bootstrap interval, and the rule for `adds`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.design import Design
from analysis.methods.tail import hill_index, percentile_t_interval, top_share
from analysis.models import fit_pml


@pytest.mark.parametrize("index", [1.2, 1.8, 3.0])
def test_hill_recovers_a_pareto(index):
    values = np.random.default_rng(1).pareto(index, 50_000) + 1
    assert hill_index(values) == pytest.approx(index, rel=0.1)


def test_hill_of_too_few_or_equal_values_is_none():
    assert hill_index(np.arange(5.0)) is None
    assert hill_index(np.ones(1000)) is None


def test_top_share_of_equal_values_is_the_share():
    assert top_share(np.ones(1000)) == pytest.approx(0.01)


def design_of(seed, n=250, clusters=None):
    rng = np.random.default_rng(seed)
    likes, score = rng.normal(size=(2, n))
    y = rng.gamma(1, np.exp(1 + 0.4 * likes))
    matrix = np.column_stack([np.ones(n), likes, score])
    return Design(y, matrix, ("intercept", "likes", "score"), ("intercept", "engagement", "score"), clusters=clusters)


def test_the_bootstrap_interval_is_close_to_the_sandwich_where_tails_are_light():
    fit = fit_pml(design_of(1, n=2000), covariance="HC1")
    ((low, high),) = percentile_t_interval(fit, "score", (0.95,), replicates=499, seed=1)
    half = 1.96 * fit.std_errors()[2]
    assert low == pytest.approx(fit.params[2] - half, abs=0.35 * half)
    assert high == pytest.approx(fit.params[2] + half, abs=0.35 * half)


def test_clusters_are_drawn_whole():
    clusters = np.repeat(np.arange(50), 5)
    fit = fit_pml(design_of(2, clusters=clusters), covariance="CRV1")
    ((low, high),) = percentile_t_interval(fit, "score", (0.95,), replicates=299, seed=1)
    assert low < fit.params[2] < high


def test_the_bootstrap_interval_covers():
    """60 draws of a true zero: fewer than 50 covered would have probability .0003 at coverage .95."""
    covered = 0
    for seed in range(60):
        fit = fit_pml(design_of(100 + seed), covariance="HC1")
        ((low, high),) = percentile_t_interval(fit, "score", (0.95,), replicates=199, seed=seed)
        covered += low <= 0 <= high
    assert covered >= 50


def audit(sales, score, likes, **changes):
    frame = pd.DataFrame({"sales": sales, "score": score, "likes": likes})
    plan = {"name": "tails", "question": "Whales?", "dataset": "f.csv", "score": {"columns": ["score"]},
            "engagement": {"columns": ["likes"]}, "inference": {"bootstrap": 199},
            "outcome": [{"column": "sales", "kind": "revenue", "sesoi": 0.05}]}  # fmt: skip
    return sa.audit(plan | changes, frame)


def world(effect, index, seed=4, n=600):
    rng = np.random.default_rng(seed)
    likes, score = rng.normal(size=(2, n))
    return np.exp(1 + 0.3 * likes + effect * score) * (rng.pareto(index, n) + 0.1), score, likes


def test_a_light_tail_changes_nothing():
    rng = np.random.default_rng(1)
    likes, score = rng.normal(size=(2, 600))
    found = audit(rng.gamma(5, np.exp(1 + 0.4 * score)), score, likes)
    (check,) = [check for check in found.checks if check.check == "tail"]
    assert check.passed is True
    assert found.ruling().verdict == "adds"


def test_under_a_heavy_tail_adds_needs_gamma_and_the_bootstrap():
    words = []
    for seed in range(12):
        found = audit(*world(0.0, 1.1, seed=seed))
        (check,) = [check for check in found.checks if check.check == "tail"]
        assert check.passed is False
        words.append(found.ruling().verdict)
    assert words.count("adds") <= 3
    strong = audit(*world(1.2, 1.5, n=2000)).ruling()
    said = " ".join(strong.reasons)
    assert ("Gamma-PML and a bootstrap interval say the same" in said) == (strong.verdict == "adds")


def test_the_rule_is_for_revenue_only():
    sales, score, likes = world(0.0, 1.1)
    found = audit(sales, score, likes, outcome=[{"column": "sales", "kind": "continuous", "sesoi": 1.0}])
    assert not [check for check in found.checks if check.check == "tail"]
