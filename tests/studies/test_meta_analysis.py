"""Pooling effects of segments: known truth, statsmodels as the second route, coverage."""

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from analysis.studies.segments.meta_analysis import Pool, pool

# Thirteen effects of very different precision.
EFFECTS = np.array(
    [
        -0.8893,
        -1.5854,
        -1.3481,
        -1.4416,
        -0.2175,
        -0.7861,
        -1.6209,
        0.0120,
        -0.4694,
        -1.3713,
        -0.3394,
        0.4459,
        -0.0173,
    ]
)
VARIANCES = np.array(
    [
        0.3256,
        0.1946,
        0.4154,
        0.0200,
        0.0512,
        0.0069,
        0.2230,
        0.0040,
        0.0564,
        0.0730,
        0.0124,
        0.5325,
        0.0714,
    ]
)


def test_it_agrees_with_statsmodels():
    ours = pool(EFFECTS, np.sqrt(VARIANCES))
    theirs = combine_effects(EFFECTS, VARIANCES, method_re="iterated")
    assert ours.tau2 == pytest.approx(theirs.tau2, rel=1e-6)
    assert ours.estimate == pytest.approx(theirs.mean_effect_re, rel=1e-6)
    assert ours.std_error == pytest.approx(np.sqrt(theirs.var_hksj_re), rel=1e-6)
    assert ours.i2 == pytest.approx(max(0, theirs.i2), rel=1e-6)


def test_equal_effects_have_no_variance_between_them():
    found = pool(np.full(6, 0.2), np.full(6, 0.1))
    assert found.tau2 == 0
    assert found.estimate == pytest.approx(0.2)
    assert found.std_error == pytest.approx(0.1 / np.sqrt(6)), (
        "not smaller than that of one common effect"
    )


def test_huge_spread_is_all_between():
    effects = np.array([-5.0, 0.0, 5.0, 10.0])
    found = pool(effects, np.full(4, 1e-4))
    assert found.tau2 == pytest.approx(np.var(effects, ddof=1), rel=1e-6)
    assert found.estimate == pytest.approx(effects.mean(), rel=1e-6)
    assert found.i2 == pytest.approx(1, abs=1e-6)


def test_the_interval_of_tau2_is_where_q_has_its_quantiles():
    from scipy import stats

    found = pool(EFFECTS, np.sqrt(VARIANCES))
    for bound, tail in zip(found.tau2_bounds, (0.025, 0.975), strict=True):
        weights = 1 / (VARIANCES + bound)
        q = weights @ (EFFECTS - weights @ EFFECTS / weights.sum()) ** 2
        assert q == pytest.approx(stats.chi2.isf(tail, 12), rel=1e-6)
    assert found.tau2_bounds[0] < found.tau2 < found.tau2_bounds[1]


def test_order_and_unit_do_not_matter():
    one = pool(EFFECTS, np.sqrt(VARIANCES))
    other = pool(EFFECTS[::-1] * 100, np.sqrt(VARIANCES[::-1]) * 100)
    assert other.estimate == pytest.approx(100 * one.estimate)
    assert other.std_error == pytest.approx(100 * one.std_error)


def test_two_segments_have_no_prediction_interval():
    assert pool(np.array([0.1, 0.2]), np.array([0.1, 0.1])).prediction_interval() is None
    with pytest.raises(ValueError, match="two segments"):
        pool(np.array([0.1]), np.array([0.1]))
    with pytest.raises(ValueError, match="above zero"):
        pool(np.array([0.1, 0.2]), np.array([0.1, 0.0]))


def test_a_new_segment_is_expected_by_t_with_two_degrees_of_freedom_less():
    """Higgins, Thompson & Spiegelhalter (2009): t(k - 2). Quantiles are those of printed tables:
    2.201 for 11, 2.776 for 4 degrees of freedom; with one more they would be 2.179 and 2.571.
    """
    theirs = combine_effects(EFFECTS, VARIANCES, method_re="iterated")
    half = 2.201 * np.sqrt(theirs.tau2 + theirs.var_hksj_re)
    wanted = (theirs.mean_effect_re - half, theirs.mean_effect_re + half)
    assert pool(EFFECTS, np.sqrt(VARIANCES)).prediction_interval() == pytest.approx(
        wanted, abs=1e-4
    )
    six = Pool(np.zeros(6), np.ones(6), 0.0373, (0.0, 1.0), 0.5, 0.3582, np.sqrt(0.0111), 5.0)
    assert six.prediction_interval() == pytest.approx((-0.2525, 0.9690), abs=5e-4)


def test_intervals_cover():
    """Eight segments whose true effects spread three times as much as the standard errors; 2,000
    draws.
    """
    rng = np.random.default_rng(20121105)
    covered = predicted = 0
    for _ in range(2000):
        errors = rng.uniform(0.05, 0.15, 8)
        effects = 0.2 + 0.3 * rng.normal(size=8) + errors * rng.normal(size=8)
        found = pool(effects, errors)
        low, high = found.interval()
        covered += low <= 0.2 <= high
        low, high = found.prediction_interval()
        predicted += low <= 0.2 + 0.3 * rng.normal() <= high
    assert 0.93 <= covered / 2000 <= 0.97
    assert 0.92 <= predicted / 2000 <= 0.97


def test_equal_correlations_leave_the_middle_and_widen_the_interval():
    """With equal errors and a correlation of .5 the variance of a mean of five is .04 (1 + 4 x .5),
    known exactly.
    """
    effects, errors, alike = (
        np.array([0.1, 0.15, 0.2, 0.25, 0.3]),
        np.full(5, 0.2),
        np.full((5, 5), 0.5),
    )
    np.fill_diagonal(alike, 1.0)
    found, apart = pool(effects, errors, alike, clusters=40), pool(effects, errors)
    assert found.tau2 == apart.tau2 == 0
    assert found.estimate == pytest.approx(apart.estimate)
    assert found.std_error == pytest.approx(np.sqrt(0.04 * (1 + 4 * 0.5) / 5))
    assert apart.std_error == pytest.approx(np.sqrt(0.04 / 5))
    assert (found.df, pool(effects, errors, alike, clusters=4).df) == (4, 3)


def test_a_unit_matrix_changes_nothing():
    one, other = (
        pool(EFFECTS, np.sqrt(VARIANCES)),
        pool(EFFECTS, np.sqrt(VARIANCES), np.eye(13), clusters=50),
    )
    assert other.std_error == pytest.approx(one.std_error)
    assert other.tau2_bounds == pytest.approx(one.tau2_bounds)


def _drawn(rng, clusters, segments, rows):
    """Return effects of `segments`, their errors and correlation, where each cluster has rows in
    all of them.
    """
    cluster = np.repeat(np.arange(clusters), rows)
    segment = np.tile(np.arange(rows) % segments, clusters)
    x = 0.7 * (rng.normal(size=clusters)[cluster] + rng.normal(size=len(cluster)))
    y = 0.7 * (rng.normal(size=clusters)[cluster] + rng.normal(size=len(cluster)))
    effects, errors, sums = np.empty(segments), np.empty(segments), np.empty((clusters, segments))
    for at in range(segments):
        here = segment == at
        own = x[here] - x[here].mean()
        effects[at] = own @ y[here] / (own @ own)
        left = (y[here] - y[here].mean() - effects[at] * own) * own / (own @ own)
        sums[:, at] = np.bincount(cluster[here], left, clusters)
        errors[at] = np.sqrt((sums[:, at] ** 2).sum() * clusters / (clusters - 1))
    size = np.sqrt((sums**2).sum(axis=0))
    return effects, errors, sums.T @ sums / np.outer(size, size)


def test_the_interval_holds_its_level_where_clusters_span_segments():
    """40 clusters over 12 segments, no effect: as if independent it covers far less."""
    rng, covered = np.random.default_rng(3), np.zeros(2)
    for _ in range(400):
        effects, errors, alike = _drawn(rng, 40, 12, 24)
        for at, found in enumerate(
            (pool(effects, errors), pool(effects, errors, alike, clusters=40))
        ):
            low, high = found.interval(0.95)
            covered[at] += low < 0 < high
    apart, together = covered / 400
    assert apart < 0.8
    assert 0.92 <= together <= 0.985
