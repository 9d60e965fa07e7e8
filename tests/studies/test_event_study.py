"""Switchers against stayers: the two-by-two case, a second route, a known truth, size and power."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from analysis.errors import DesignError
from analysis.studies.gaming.episodes import fieller
from analysis.studies.gaming.event_study import (
    Change,
    Panel,
    change,
    covariance_of_changes,
    mean_effect,
    pre_trend,
)


def drawn(rng, units=120, periods=10, effect=0.0, drift=0.0):
    """Draw units with their own levels, common periods, and a state that goes on and off."""
    states = np.zeros((units, periods))
    for t in range(1, periods):
        states[:, t] = rng.random(units) < np.where(states[:, t - 1] == 1, 0.5, 0.12)
    values = (
        rng.normal(size=(units, 1)) + rng.normal(size=periods) + rng.normal(size=(units, periods))
    )
    ever = states.any(axis=1, keepdims=True)
    return Panel(values + effect * states + drift * ever * np.arange(periods), states)


def test_two_by_two_is_the_difference_of_differences():
    rng = np.random.default_rng(1)
    states = np.column_stack([np.zeros(40), np.arange(40) < 15]).astype(float)
    panel = Panel(rng.normal(size=(40, 2)) + 2 * states, states)
    found = change(panel, 0)
    reference = sm.OLS(np.diff(panel.values)[:, 0], sm.add_constant(states[:, 1])).fit(
        cov_type="HC0"
    )
    assert found.estimate == pytest.approx(reference.params[1])
    assert found.std_error == pytest.approx(reference.bse[1] * np.sqrt(40 / 39))
    assert (found.switchers, found.stayers) == (15, 25)


def test_the_published_formula_cell_by_cell():
    panel = drawn(np.random.default_rng(2), effect=1.0)
    y, d = panel.values, panel.states
    total = switches = 0.0
    for t in range(1, y.shape[1]):
        moved = y[:, t] - y[:, t - 1]
        for sign, before in ((1, 0), (-1, 1)):
            switch, stay = (
                (d[:, t - 1] == before) & (d[:, t] != before),
                (d[:, t - 1] == before) & (d[:, t] == before),
            )
            if switch.any() and stay.any():
                total += sign * switch.sum() * (moved[switch].mean() - moved[stay].mean())
                switches += switch.sum()
    found = mean_effect(change(panel, 0), change(panel, 1))
    assert found.estimate == pytest.approx(total / switches)
    assert found.switchers == switches
    assert abs(found.influence.sum()) < 1e-12


def test_effects_that_differ_do_not_mislead():
    """Units whose effect grows with the calendar: two-way effects compare treated with treated,
    switchers do not.
    """
    rng = np.random.default_rng(3)
    panel = drawn(rng, units=4000, periods=8)
    panel = Panel(panel.values + panel.states * np.arange(8), panel.states)
    found = change(panel, 0)
    begins = (panel.states[:, 1:] == 1) & (panel.states[:, :-1] == 0)
    truth = (begins * np.arange(1, 8)).sum() / begins.sum()
    assert abs(found.estimate - truth) < 4 * found.std_error


def test_anticipation_is_left_out():
    rng = np.random.default_rng(4)
    panel = drawn(rng, units=4000, periods=8, effect=1.0)
    coming = np.zeros_like(panel.states)
    coming[:, :-1] = (panel.states[:, 1:] == 1) & (panel.states[:, :-1] == 0)
    panel = replace(panel, values=panel.values + 0.8 * coming)
    naive, careful = change(panel, 0), change(panel, 0, base=2, history=2, free=1)
    assert naive.estimate == pytest.approx(0.2, abs=0.15)
    assert abs(careful.estimate - 1.0) < 4 * careful.std_error
    before = change(panel, 0, -1, base=2, history=2, free=1)
    assert before.estimate > 4 * before.std_error


def test_a_gap_is_no_change():
    panel = drawn(np.random.default_rng(5), effect=1.0)
    values = panel.values.copy()
    values[::7, 3] = np.nan
    states = np.where(np.isnan(values), np.nan, panel.states)
    found = change(Panel(values, states), 0)
    assert np.isfinite(found.estimate)
    assert found.switchers < change(panel, 0).switchers


def test_too_few_is_none():
    panel = drawn(np.random.default_rng(6), units=6, periods=3)
    assert change(panel, 1) is None
    assert mean_effect(None, None) is None
    assert pre_trend({}, 1) is None
    one = Change(0.0, np.array([1.0, -1.0, 0.0]), 1, 1, 0.0)
    assert pre_trend({-2: one, -3: one}, 1) is None


def test_size_and_the_power_of_the_pre_trend():
    rng, t, flat, drifting = np.random.default_rng(7), [], [], []
    for _ in range(120):
        found = mean_effect(change(panel := drawn(rng), 0), change(panel, 1))
        t.append(found.estimate / found.std_error)
        leads = {at: change(panel, 0, at, base=1, history=3) for at in (-3, -2)}
        flat.append(trend := pre_trend(leads, 1))
        sloped = panel.values + trend.detectable * _before(panel.states)
        moved = {
            at: change(replace(panel, values=sloped), 0, at, base=1, history=3) for at in (-3, -2)
        }
        drifting.append(pre_trend(moved, 1).p_value)
    assert np.mean(np.abs(t) > 1.96) <= 0.12
    assert np.mean([trend.p_value < 0.05 for trend in flat]) <= 0.15
    assert 0.6 <= np.mean(np.array(drifting) < 0.05) <= 0.95


def _before(states):
    """Return a path that rises by one a period up to the next onset after three quiet periods."""
    path = np.zeros_like(states)
    for unit, row in enumerate(states):
        for t in range(3, len(row)):
            if row[t] == 1 and not row[t - 3 : t].any():
                path[unit, t - 3 : t] = np.arange(-2, 1)
    return path


def test_rows_of_one_unit_and_period_are_refused():
    with pytest.raises(DesignError, match="one unit and period"):
        Panel.of(np.zeros(2), np.zeros(2), np.array([0, 0]), np.array([1, 1]))


def test_covariance_of_one_is_its_variance():
    found = Change(0.0, np.array([1.0, -1.0, 0.0]), 1, 1, 0.0)
    assert covariance_of_changes((found,))[0, 0] == pytest.approx(2 * 2 / 1)


@pytest.mark.parametrize(
    ("over", "under"), [(1.0, 2.0), (0.1, 2.0), (1.0, 0.1), (0.01, 0.01), (-1.0, 0.05)]
)
def test_fiellers_set_is_what_the_test_does_not_reject(over, under):
    variances, covariance, z = (0.01, 0.02), 0.005, 1.96
    found = fieller(over, under, variances, covariance, z)
    grid = np.linspace(-60, 60, 4001)
    spread = np.sqrt(variances[0] - 2 * grid * covariance + grid**2 * variances[1])
    kept = np.abs(over - grid * under) <= z * spread
    assert [found.holds(value) for value in grid] == kept.tolist()
    assert found.describe()
