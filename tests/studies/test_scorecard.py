"""How well a score ranks: scikit-learn and scipy as second routes, known truths, coverage."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from analysis.models.covariance import standard_error
from analysis.studies.ranking.scorecard import (
    Ranking,
    auc,
    calibration,
    concentration,
    lift,
    relative,
    resampled_weights,
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    score = np.round(rng.normal(size=400), 1)  # with ties
    return score, rng.random(400) < 1 / (1 + np.exp(-score))


ONCE = np.ones((1, 400))


def test_auc_is_that_of_scikit_learn(data):
    assert auc(*data).value == pytest.approx(roc_auc_score(data[1], data[0]), abs=1e-12)


def test_the_standard_error_is_delongs_by_brute_force(data):
    score, happened = data
    with_, without = score[happened], score[~happened]
    wins = (with_[:, None] > without) + 0.5 * (with_[:, None] == without)
    variance = wins.mean(1).var(ddof=1) / len(with_) + wins.mean(0).var(ddof=1) / len(without)
    assert auc(*data).std_error == pytest.approx(np.sqrt(variance), rel=1e-10)


def test_a_cluster_of_copies_counts_once(data):
    score, happened = (np.repeat(column, 4) for column in data)
    copies = auc(score, happened, np.repeat(np.arange(400), 4))
    assert copies.value == pytest.approx(auc(*data).value)
    assert copies.std_error == pytest.approx(auc(*data).std_error, rel=0.01)
    assert auc(score, happened).std_error < 0.6 * copies.std_error


def test_paired_difference_of_a_score_with_itself_is_zero(data):
    found = auc(*data)
    same = auc(2 * data[0] + 1, data[1])
    assert standard_error(found.influence - same.influence, None) == pytest.approx(0, abs=1e-12)


def test_gini_of_a_binary_outcome_is_twice_auc_less_one(data):
    score, happened = data
    y = happened.astype(float)
    ours, perfect = (concentration(*Ranking.of(x, y).curves(ONCE)) for x in (score, y))
    assert relative(ours, perfect)[0] == pytest.approx(2 * auc(*data).value - 1, abs=1e-12)


def test_concentration_of_income_is_the_gini_by_its_definition():
    y = np.random.default_rng(1).lognormal(size=300)
    ours = concentration(*Ranking.of(y, y).curves(np.ones((1, 300))))[0]
    assert ours == pytest.approx(np.abs(y[:, None] - y).mean() / (2 * y.mean()), rel=1e-12)


def test_lift_of_a_perfect_and_of_no_ranking():
    y = np.r_[np.zeros(900), np.ones(100)]
    assert lift(*Ranking.of(y, y).curves(np.ones((1, 1000))))[0] == pytest.approx(10)
    assert lift(*Ranking.of(np.zeros(1000), y).curves(np.ones((1, 1000))))[0] == pytest.approx(1), (
        "all tied: no better than all"
    )


def test_weights_stand_for_repeated_rows(data):
    score, happened = data
    y = happened.astype(float)
    counts = np.random.default_rng(2).integers(0, 3, 400)
    again = np.repeat(np.arange(400), counts)
    for measure in (concentration, lift):
        one = measure(*Ranking.of(score, y).curves(counts[None].astype(float)))[0]
        other = measure(*Ranking.of(score[again], y[again]).curves(np.ones((1, len(again)))))[0]
        assert one == pytest.approx(other, rel=1e-12)


def test_a_cluster_is_drawn_as_one():
    clusters = np.repeat(np.arange(20), 5)
    weights = np.concatenate(list(resampled_weights(100, 50, np.random.default_rng(0), clusters)))
    assert (weights.reshape(50, 20, 5) == weights.reshape(50, 20, 5)[:, :, :1]).all()
    assert (weights.sum(axis=1) == 100).all()


def test_calibration_agrees_with_statsmodels_and_finds_a_true_logit():
    from statsmodels.discrete.discrete_model import Logit

    rng = np.random.default_rng(3)
    score = rng.normal(size=4000)
    happened = rng.random(4000) < 1 / (1 + np.exp(-(score - 1)))
    found = calibration(score, happened, np.arange(4000) % 5)
    assert abs(found.slope - 1) < 3 * found.std_errors[1]
    assert abs(found.intercept) < 3 * found.std_errors[0]
    from analysis.studies.ranking.scorecard import _logit

    ours = _logit(score, happened)
    theirs = Logit(happened.astype(float), np.column_stack([np.ones(4000), score])).fit(
        disp=False, cov_type="HC0"
    )
    assert ours.params == pytest.approx(theirs.params, rel=1e-8)
    assert ours.std_errors() == pytest.approx(theirs.bse, rel=1e-6)


def test_intervals_cover():
    """AUC of two normals one standard deviation apart, 1,500 draws of 200 rows."""
    rng = np.random.default_rng(20121105)
    truth, covered = stats.norm.sf(-1 / np.sqrt(2)), 0
    for _ in range(1500):
        happened = rng.random(200) < 0.4
        found = auc(rng.normal(size=200) + happened, happened)
        covered += abs(found.value - truth) <= stats.norm.isf(0.025) * found.std_error
    assert 0.93 <= covered / 1500 <= 0.965
