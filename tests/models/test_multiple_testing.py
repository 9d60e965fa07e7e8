"""P-values of many claims: against pyfixest, and what they are for."""

import json

import numpy as np
import pytest

from analysis.models import fit_model
from analysis.models.multiple_testing import (
    benjamini_hochberg,
    holm,
    resampled_statistics,
    romano_wolf,
)


@pytest.fixture(scope="module")
def pyfixest(root):
    return json.loads((root / "tests/reference/romano_wolf_values.json").read_text("utf-8"))


def test_the_steps_are_those_of_pyfixest(pyfixest, tolerance):
    for case in pyfixest["steps"]:
        found = romano_wolf(np.array(case["statistics"]), np.array(case["resampled"]))
        assert found == pytest.approx(case["p"], rel=tolerance.exact)


def test_the_whole_is_near_that_of_pyfixest(pyfixest, creators, design_of):
    """Its bootstrap is wild, ours draws whole clusters: 28 of them, and 9,999 draws in both."""
    frame = creators.assign(log_rev=np.log1p(creators.y_rev))
    fits = [
        fit_model(design_of(frame, y, cluster="cluster"), "ols", "CRV1")
        for y in pyfixest["outcomes"]
    ]
    pairs = np.array([fit.coefficient("score") for fit in fits])
    statistics = pairs[:, 0] / pairs[:, 1]
    assert statistics == pytest.approx(pyfixest["t"], rel=1e-6)
    influence = np.column_stack([fit.row_influence("score") for fit in fits])
    drawn = resampled_statistics(influence, fits[0].design.units, replicates=9999, seed=1)
    assert romano_wolf(statistics, drawn) == pytest.approx(pyfixest["p"], abs=0.03)


def test_one_claim_is_tested_as_it_is():
    drawn = np.random.default_rng(1).normal(size=(1999, 1))
    assert romano_wolf(np.array([1.96]), drawn)[0] == pytest.approx(0.05, abs=0.015)
    assert holm([0.03])[0] == benjamini_hochberg([0.03])[0] == 0.03


def test_claims_that_resemble_each_other_cost_less_than_by_holm():
    rng = np.random.default_rng(2)
    common = rng.normal(size=(4999, 1))
    alike = 0.95 * common + np.sqrt(1 - 0.95**2) * rng.normal(size=(4999, 5))
    apart = rng.normal(size=(4999, 5))
    statistics = np.full(5, 2.5)
    by_holm = holm([0.0124] * 5)[0]
    assert romano_wolf(statistics, alike).max() < 0.6 * by_holm
    assert romano_wolf(statistics, apart).max() == pytest.approx(by_holm, abs=0.01)


def test_resampled_statistics_are_those_of_the_drawn_units():
    rng = np.random.default_rng(3)
    influence, units = rng.normal(size=(300, 2)), np.arange(300) // 3
    drawn = resampled_statistics(influence, units, replicates=1999, seed=4)
    assert drawn.shape == (1999, 2)
    assert np.abs(drawn.mean(axis=0)).max() < 0.1
    assert np.std(drawn, axis=0) == pytest.approx([1, 1], abs=0.06)


def test_no_claim_is_true_and_one_in_twenty_families_says_so():
    """The docs have the figures of many more draws, in worlds that hurt."""
    rng, wrong = np.random.default_rng(5), 0
    for _ in range(400):
        common = rng.normal(size=(120, 1))
        influence = 0.7 * common + rng.normal(size=(120, 4))
        total = influence.sum(axis=0) / np.sqrt((influence**2).sum(axis=0))
        drawn = resampled_statistics(influence, np.arange(120), replicates=199, seed=rng)
        wrong += romano_wolf(total, drawn).min() < 0.05
    assert 0.02 < wrong / 400 < 0.085
