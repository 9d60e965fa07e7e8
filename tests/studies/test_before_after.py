"""Before and after a date: the stability index and interrupted series, by definition and size."""

import numpy as np
import pytest
import statsmodels.api as sm

from analysis.studies.algorithm.before_after import (
    _jumps,
    interruption,
    paired_stability,
    stability,
)


def test_the_stability_index_by_its_definition():
    before, after = np.repeat([0.0, 1.0], [80, 20]), np.repeat([0.0, 1.0], [50, 50])
    by_hand = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert stability(before, after, bins=2).value == pytest.approx(by_hand)
    assert paired_stability(before, after, np.random.default_rng(0), bins=2).value == pytest.approx(
        by_hand
    )


def test_size_of_the_stability_index():
    rng = np.random.default_rng(1)
    apart = [
        stability(rng.normal(size=300), rng.normal(size=500)).p_value < 0.05 for _ in range(600)
    ]
    assert 0.025 <= np.mean(apart) <= 0.08
    paired = []
    for _ in range(200):
        truth = rng.normal(size=150)
        versions = truth + 0.3 * rng.normal(size=(2, 150))
        paired.append(paired_stability(*versions, rng).p_value < 0.05)
    assert np.mean(paired) <= 0.10


def test_clusters_move_together():
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(40), 25)
    both = rng.normal(size=40)[clusters] + 0.1 * rng.normal(size=1000)
    other = both + 0.6 * rng.normal(size=40)[clusters]
    alone, together = (
        paired_stability(both, other, rng, clusters=code) for code in (None, clusters)
    )
    assert together.null > 3 * alone.null


def test_a_constant_has_not_moved():
    assert stability(np.ones(5), np.ones(7)).value == 0


def series(rng, periods=24, rho=0.4, jump=0.0):
    noise = rng.normal(size=periods)
    noise[0] /= np.sqrt(1 - rho**2)
    for at in range(1, periods):
        noise[at] += rho * noise[at - 1]
    return 10 + 0.1 * np.arange(periods) + jump * (np.arange(periods) >= periods // 2) + noise


def test_at_its_own_autocorrelation_it_is_generalised_least_squares():
    y = series(np.random.default_rng(1))
    jump, error, rho = (value[0] for value in _jumps(y[:, None], 12))
    time = np.arange(24) - 12
    design = np.column_stack([np.ones(24), time, time >= 0, time * (time >= 0)]).astype(float)
    lags = np.abs(np.arange(24)[:, None] - np.arange(24))
    theirs = sm.GLS(y, design, sigma=rho**lags / (1 - rho**2)).fit()
    assert jump == pytest.approx(theirs.params[2], rel=1e-8)
    assert error == pytest.approx(theirs.bse[2], rel=1e-8)


def test_a_jump_is_found_and_stands_out_among_placebos():
    found = interruption(series(np.random.default_rng(2), jump=8.0), 12, np.random.default_rng(0))
    assert abs(found.estimate - 8) < 4 * found.std_error
    assert found.p_value < 0.01
    assert found.placebo_share == 0
    assert found.interval[0] < found.estimate < found.interval[1]


def test_a_short_series_has_no_jump():
    assert interruption(np.arange(15.0), 7, np.random.default_rng(0)) is None


@pytest.mark.slow
def test_size_under_autocorrelation():
    rng = np.random.default_rng(3)
    rejected = [interruption(series(rng), 12, rng).p_value <= 0.05 for _ in range(150)]
    assert np.mean(rejected) <= 0.11
