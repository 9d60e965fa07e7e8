"""Jumps at a threshold: known truth, coverage, and people who place themselves."""

import numpy as np
import pytest

from analysis.studies.algorithm.regression_discontinuity import (
    density_jump,
    imbens_kalyanaraman,
    jump_at,
)


def draw(rng, n, jump=0.3):
    x = rng.normal(size=n)
    return x, np.sin(2 * x) + 0.5 * x**2 + jump * (x >= 0.3) + rng.normal(size=n)


def test_without_noise_the_jump_of_a_parabola_is_exact():
    x = np.linspace(-1, 1, 801)
    y = 1 + x - 2 * x**2 + 0.7 * (x >= 0)
    assert jump_at(x, y, 0.0, bandwidth=0.5).estimate == pytest.approx(0.7, abs=1e-10)


def test_it_is_two_weighted_least_squares_fits():
    import statsmodels.api as sm

    x, y = draw(np.random.default_rng(1), 2000)
    found = jump_at(x, y, 0.3, bandwidth=0.6)
    edges = []
    for side in (x < 0.3, x >= 0.3):
        near = side & (np.abs(x - 0.3) < 0.6)
        z = x[near] - 0.3
        design = np.column_stack([np.ones(near.sum()), z, z**2])
        edges.append(sm.WLS(y[near], design, weights=1 - np.abs(z) / 0.6).fit().params[0])
    assert found.estimate == pytest.approx(edges[1] - edges[0], rel=1e-9)


def test_intervals_cover():
    rng, covered = np.random.default_rng(2), 0
    for _ in range(300):
        x, y = draw(rng, 1500)
        found = jump_at(x, y, 0.3)
        covered += abs(found.estimate - 0.3) < 1.96 * found.std_error
    assert 0.92 <= covered / 300 <= 0.985


def test_clusters_of_copies_widen_it():
    x, y = draw(np.random.default_rng(3), 1000)
    many = [np.repeat(column, 3) for column in (x, y)]
    one = jump_at(x, y, 0.3, bandwidth=0.7)
    copies = jump_at(*many, 0.3, bandwidth=0.7, clusters=np.repeat(np.arange(1000), 3))
    assert copies.estimate == pytest.approx(one.estimate)
    assert copies.std_error == pytest.approx(one.std_error, rel=0.03)


def test_the_unit_does_not_matter():
    x, y = draw(np.random.default_rng(4), 1500)
    one, other = jump_at(x, y, 0.3), jump_at(100 * x, 1000 * y, 30.0)
    assert other.bandwidth == pytest.approx(100 * one.bandwidth, rel=1e-6)
    assert other.estimate == pytest.approx(1000 * one.estimate, rel=1e-6)


def test_too_few_rows_are_said():
    x, y = draw(np.random.default_rng(5), 40)
    assert jump_at(x, y, 0.3) is None
    assert imbens_kalyanaraman(x - 5, y) is None
    assert density_jump(x, 3.0) is None


def test_density_size_and_bunching():
    rng, rejected = np.random.default_rng(6), 0
    for _ in range(400):
        rejected += density_jump(rng.normal(size=1500), 0.3).p_value < 0.05
    assert rejected / 400 <= 0.075
    x = rng.normal(size=1500)
    x[(x > 0.2) & (x < 0.3) & (rng.random(1500) < 0.5)] += 0.1
    found = density_jump(x, 0.3)
    assert found.estimate > 0
    assert found.p_value < 0.05


def test_scores_in_whole_points_do_not_look_like_bunching():
    rng, rejected = np.random.default_rng(7), 0
    for _ in range(100):
        rejected += density_jump(np.round(rng.normal(50, 15, size=2000)), 50.0).p_value < 0.05
    assert rejected <= 12
    x = np.round(rng.normal(50, 15, size=4000))
    x[(x < 50) & (x >= 47) & (rng.random(4000) < 0.5)] = 50
    assert density_jump(x, 50.0).p_value < 1e-6
    assert density_jump(x, 49.5).estimate == pytest.approx(density_jump(x, 50.0).estimate), (
        "no score lies between"
    )


def test_few_steps_or_ties_without_a_step_say_nothing_about_bunching():
    rng = np.random.default_rng(8)
    assert density_jump(rng.integers(1, 6, size=2000).astype(float), 3.0) is None
    heaped = np.where(
        rng.random(2000) < 0.5, np.round(rng.normal(size=2000), 1), rng.normal(size=2000)
    )
    assert density_jump(heaped, 0.0) is None


def test_bunching_with_a_cluster_for_every_row_is_that_without_clusters():
    """The sum of squared weights is McCrary's formula, up to sampling."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        x = rng.normal(size=4000)
        alone, each = density_jump(x, 0.5), density_jump(x, 0.5, clusters=np.arange(4000))
        assert each.estimate == pytest.approx(alone.estimate)
        assert each.std_error == pytest.approx(alone.std_error, rel=0.1)


def test_bunching_of_clusters_is_not_taken_for_that_of_rows():
    """400 clusters of 5 rows that are alike: 150 draws without bunching."""
    rng, clusters = np.random.default_rng(6), np.repeat(np.arange(400), 5)
    rejected = np.zeros(2)
    for _ in range(150):
        x = rng.normal(size=400)[clusters] + 0.05 * rng.normal(size=2000)
        tests = [density_jump(x, 0.5), density_jump(x, 0.5, clusters=clusters)]
        rejected += [found.p_value < 0.05 for found in tests]
    assert rejected[0] / 150 > 0.10
    assert rejected[1] / 150 < 0.09


def test_few_clusters_say_nothing_of_bunching():
    x = np.random.default_rng(7).normal(size=900)
    assert density_jump(x, 0.5, clusters=np.arange(900) % 6) is None
