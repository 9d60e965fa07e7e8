"""Interrupted series: known truth, a second route, size under autocorrelation, placebo dates."""

import numpy as np
import pytest
import statsmodels.api as sm

from analysis.studies.algorithm.before_after import _jumps, interruption


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
