"""Reliability: known truth, closed forms, and coverage of the bootstrap."""

import numpy as np
import pytest

from analysis.measurement_error.reliability import (
    estimate_reliability,
    small_counts,
    uneven_noise,
    within_person,
)


def split_half(first, second, **options):
    return estimate_reliability(np.column_stack([first, second]), **options)


def halves(rng, n, reliability):
    truth = rng.normal(size=n)
    return truth + rng.normal(size=(2, n)) * np.sqrt(2 * (1 - reliability) / reliability)


def test_spearman_brown_recovers_the_truth_and_equals_its_formula():
    first, second = halves(np.random.default_rng(1), 20_000, 0.8)
    found = split_half(first, second, replicates=200)
    r = np.corrcoef(first, second)[0, 1]
    assert found.value == pytest.approx(2 * r / (1 + r), rel=1e-12)
    assert found.value == pytest.approx(0.8, abs=0.01)
    assert found.low < found.value < found.high


def test_the_interval_covers_and_knows_about_clusters():
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(150):
        first, second = halves(rng, 200, 0.7)
        found = split_half(first, second, replicates=299, rng=rng)
        covered.append(found.low <= 0.7 <= found.high)
    assert 0.88 <= np.mean(covered) <= 0.99  # 99 % binomial interval of .95 with 150 draws
    team = np.repeat(np.arange(30), 40)
    effects = rng.normal(size=(2, 30))[:, team] * 1.5
    first, second = halves(rng, 1200, 0.7) + effects
    plain = split_half(first, second, replicates=500)
    clustered = split_half(first, second, clusters=team, replicates=500)
    assert clustered.value == pytest.approx(plain.value, rel=1e-12)
    assert clustered.high - clustered.low > 2 * (plain.high - plain.low)


def test_the_same_seed_gives_the_same_interval():
    first, second = halves(np.random.default_rng(3), 100, 0.8)
    one, two = (split_half(first, second, rng=np.random.default_rng(9)) for _ in range(2))
    assert (one.low, one.high) == (two.low, two.high)


def test_icc_is_the_analysis_of_variance():
    rng = np.random.default_rng(4)
    windows = rng.normal(size=(300, 1)) + rng.normal(size=(300, 3)) + np.array([0.0, 5.0, -2.0])
    people = windows.mean(axis=1, keepdims=True)
    between = 3 * people.var(ddof=1)
    left = windows - people - windows.mean(axis=0) + windows.mean()
    within = (left**2).sum() / (299 * 2)
    found = estimate_reliability(windows, "test-retest", replicates=99)
    assert found.value == pytest.approx(1 - within / between, rel=1e-10)


def test_fixed_effects_keep_the_noise():
    assert within_person(0.8, 0.6) == pytest.approx(0.5)


def test_small_counts_are_found():
    rng = np.random.default_rng(6)
    large, small = rng.poisson(60, size=(2, 500)), rng.poisson(4, size=(2, 500))
    assert small_counts(*large).passed
    found = small_counts(large[0], small[0])
    assert not found.passed
    assert found.largest == found.second > 0.3


def test_halves_show_that_their_noise_is_skewed():
    rng = np.random.default_rng(3)
    found = {"skewed": 0, "normal": 0}
    for _ in range(50):
        truth = rng.normal(size=1000)
        for shape, noise in {
            "skewed": rng.exponential(size=(2, 1000)),
            "normal": rng.normal(size=(2, 1000)),
        }.items():
            found[shape] += not uneven_noise(*(truth + 0.7 * noise)).passed
    assert found["skewed"] == 50
    assert found["normal"] <= 4  # of 50 at one in a hundred
