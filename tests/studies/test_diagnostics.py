"""Checks of the deciding model: each against a second route, and each sees what it was made for."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.audit import analyse
from analysis.models import fit_ols, fit_pml
from analysis.models.design import Design
from analysis.models.fit import score_test
from analysis.studies.diagnostics.diagnostics import (
    calibration,
    dispersion,
    park,
    rootogram,
    squared_predictor,
    zeros,
)
from analysis.studies.diagnostics.study import diagnostics_section
from analysis.studies.panel.study import panel_section


def drawn(n, seed, *, power=1.0, bend=0.0, alpha=0.0):
    """Return a design with an exponential mean; the variance of amounts grows as mean**power,
    counts have alpha.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    mean = np.exp(1 + 0.6 * x[:, 0] + bend * x[:, 0] ** 2)
    if alpha is None:
        shape = mean ** (2 - power)
        y = rng.gamma(shape, mean / shape)
    else:
        y = rng.poisson(mean * (rng.gamma(1 / alpha, alpha, size=n) if alpha else 1.0)).astype(
            float
        )
    return Design(
        response=y,
        matrix=np.column_stack([np.ones(n), x]),
        terms=("(Intercept)", "e", "s"),
        blocks=("intercept", "engagement", "score"),
    )


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_park_recovers_the_power_of_the_variance(power):
    found = park(fit_pml(drawn(20_000, 1, power=power, alpha=None)))
    assert found.estimate == pytest.approx(power, abs=0.15)


def test_park_is_a_gamma_regression_of_squares():
    fit = fit_pml(drawn(500, 2, alpha=0.5))
    squares, logs = (fit.design.response - fit.fitted) ** 2, sm.add_constant(np.log(fit.fitted))
    other = sm.GLM(squares, logs, family=sm.families.Gamma(link=sm.families.links.Log())).fit()
    assert park(fit).estimate == pytest.approx(other.params[1], rel=1e-6)


def test_dispersion_is_the_auxiliary_regression_of_cameron_and_trivedi():
    fit = fit_pml(drawn(2000, 3, alpha=0.7))
    found = dispersion(fit)
    mean, y = fit.fitted, fit.design.response
    other = sm.OLS(((y - mean) ** 2 - y) / mean, mean).fit(cov_type="HC0")
    assert found.estimate == pytest.approx(other.params[0])
    assert found.std_error == pytest.approx(other.bse[0])
    assert found.estimate == pytest.approx(0.7, abs=4.5 * found.std_error)


@pytest.mark.parametrize("fit_of", [fit_ols, fit_pml])
def test_reset_has_its_size_and_sees_a_bend(fit_of, is_nominal):
    def p(seed, bend=0.0):
        design = drawn(300, seed, bend=bend)
        if fit_of is fit_ols:
            likes, noise = design.matrix[:, 1], np.random.default_rng(seed).normal(size=300)
            design = design.with_response(0.5 * likes + bend * likes**2 + noise)
        fit = fit_of(design, covariance="HC1")
        return score_test(fit, squared_predictor(fit), clustered=False)[1]

    assert is_nominal([p(seed) for seed in range(200)])
    assert np.mean([p(seed, bend=0.5) < 0.05 for seed in range(20)]) > 0.7


def test_tenths_keep_all_rows_and_the_mean():
    rng = np.random.default_rng(4)
    observed, predicted = rng.random(1003), rng.random(1003)
    found = calibration(observed, predicted)
    assert found.rows.sum() == 1003
    assert (found.rows @ found.observed) / 1003 == pytest.approx(observed.mean())
    assert (np.diff(found.predicted) > 0).all()


@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_the_rootogram_sums_probabilities(alpha):
    rng = np.random.default_rng(5)
    mean = np.exp(rng.normal(size=200))
    counts = rng.poisson(mean).astype(float)
    law = stats.nbinom(1 / alpha, 1 / (1 + alpha * mean)) if alpha else stats.poisson(mean)
    found = rootogram(counts, mean, alpha)
    np.testing.assert_allclose(found.expected, [law.pmf(k).sum() for k in found.counts])
    np.testing.assert_array_equal(found.observed, [(counts == k).sum() for k in found.counts])
    np.testing.assert_allclose(found.hanging + np.sqrt(found.observed), np.sqrt(found.expected))
    assert zeros(counts, mean, alpha)[:2] == (
        int((counts == 0).sum()),
        pytest.approx(law.pmf(0).sum()),
    )


# --- in an audit ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted(make_frame, plan_of):
    return analyse(plan_of("count", quick=True), make_frame())


def checks_of(found):
    return {check.check: check for check in found.checks}


def test_counts_have_all_five(counted):
    found = checks_of(counted)
    assert {"reset", "calibration", "variance", "dispersion", "zeros"} <= set(found)
    assert not any(
        found[name].refuses for name in ("reset", "calibration", "variance", "dispersion", "zeros")
    )
    assert found["dispersion"].passed is True  # referrals are Poisson in this world


def test_a_decision_to_buy_nothing_shows_in_the_zeros(make_frame, plan_of):
    frame = make_frame()
    none = np.random.default_rng(1).random(len(frame)) < 0.3
    found = checks_of(
        analyse(plan_of("count", quick=True), frame.assign(referrals=frame.referrals * ~none))
    )
    assert found["zeros"].passed is False
    assert found["dispersion"].passed is False
    assert "two parts" in found["zeros"].reason


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("revenue", {"reset", "calibration", "variance"}),
        ("binary", {"reset", "calibration"}),
        ("continuous", {"reset"}),
    ],
)
def test_other_kinds_have_what_applies(make_frame, plan_of, kind, names):
    found = set(checks_of(analyse(plan_of(kind, quick=True), make_frame())))
    assert found & {"reset", "calibration", "variance", "dispersion", "zeros"} == names


def test_the_section_has_sentences_a_table_and_the_rootogram(counted):
    section = diagnostics_section(counted)
    assert "RESET" in section.paragraphs[0]
    (table,) = section.tables
    assert len(table.rows) == 10
    (figure,) = section.figures
    assert "Hanging rootogram" in figure.alt
    assert "expected" in figure.alt
    assert figure.svg.startswith(b"<?xml")
    assert panel_section(counted) is None


def test_units_of_a_panel_have_a_section(make_frame, plan_of):
    found = analyse(plan_of("count", quick=True, panel={"unit": "agency"}), make_frame())
    section = panel_section(found)
    assert "by Poisson" in section.paragraphs[0]
    assert "60 units" in section.paragraphs[0]
