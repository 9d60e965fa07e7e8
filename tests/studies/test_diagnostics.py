"""Checks of the deciding model: each against a second route, and each sees what it was made for."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.audit import analyse
from analysis.models import fit_logit, fit_ols, fit_pml
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.fit import score_test
from analysis.plan import read_plan
from analysis.plan.sections.outcome import MODELS
from analysis.results.question import Question
from analysis.studies.diagnostics.diagnostics import (
    added_columns_test,
    calibration,
    dispersion,
    groups_of,
    park,
    rootogram,
    squared_predictor,
    zeros,
)
from analysis.studies.diagnostics.study import Diagnosis, diagnostics_section
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
        return added_columns_test(fit, squared_predictor(fit))[1]

    assert is_nominal([p(seed) for seed in range(200)])
    assert np.mean([p(seed, bend=0.5) < 0.05 for seed in range(20)]) > 0.7


# --- tests that know sampling error ---------------------------------------------------------------

TRUE = {
    "continuous": lambda rng, at: 1 + 2 * at + np.exp(0.5 * at) * rng.normal(size=len(at)),
    "revenue": lambda rng, at: rng.gamma(0.7, np.exp(3 + 0.6 * at) / 0.7),
    "count": lambda rng, at: rng.poisson(np.exp(1 + 0.6 * at) * rng.gamma(2, 0.5, len(at))),
    "binary": lambda rng, at: (rng.random(len(at)) < 1 / (1 + np.exp(1 - at))).astype(int),
}
BENT = {
    "continuous": lambda rng, at: np.exp(1.2 * at) + 0.3 * rng.normal(size=len(at)),
    "revenue": lambda rng, at: rng.gamma(4, (1 + np.maximum(at + 1, 0) ** 2) / 4),
    "count": lambda rng, at: rng.poisson(3 + 3 * np.maximum(at + 2, 0)),
    "binary": lambda rng, at: (rng.random(len(at)) < 0.05 + 0.5 * (at > 0)).astype(int),
}


def answers(sample_of, kind, n, seed, shapes=TRUE):
    """Whether calibration and RESET pass, of data whose mean has one of these shapes."""
    rng = np.random.default_rng(seed)
    likes, score = rng.normal(size=(2, n))
    data = pd.DataFrame({"likes": likes, "score": score})
    data["sales"] = shapes[kind](rng, 0.9 * likes + 0.3 * score)
    own = read_plan(
        {
            "name": "shape",
            "question": "Is the mean of this shape?",
            "dataset": "frame.csv",
            "score": {"columns": ["score"]},
            "engagement": {"columns": ["likes"]},
            "outcome": [{"column": "sales", "kind": kind, "sesoi": 0.05}],
        }
    )
    fits = Diagnosis(Question(sample_of(own, data), own.outcome[0], "score"))
    return [ask()[0] is not False for ask in (fits.calibrated, fits.reset)]


@pytest.mark.parametrize("kind", TRUE)
@pytest.mark.parametrize(("n", "draws"), [(100, 150), (300, 150), (3000, 80)])
def test_the_true_model_passes(sample_of, kind, n, draws):
    """At most .07 of samples; the 99 % interval of what was seen has to begin below that."""
    passed = np.array([answers(sample_of, kind, n, seed) for seed in range(draws)])
    for failures in (~passed).sum(axis=0):
        assert stats.binomtest(int(failures), draws).proportion_ci(0.99).low <= 0.07


@pytest.mark.parametrize("kind", BENT)
def test_a_mean_of_another_shape_is_seen(sample_of, kind):
    passed = np.array([answers(sample_of, kind, 1000, seed, BENT) for seed in range(10)])
    assert (~passed[:, 0]).sum() >= 8


def test_calibration_says_how_likely_the_distance_is(make_frame, plan_of):
    check = checks_of(analyse(plan_of("count", quick=True), make_frame()))["calibration"]
    assert "by tenth of the prediction" in check.reason
    assert "(chi-square(9) = " in check.reason


def test_added_columns_are_tested_as_in_the_plain_score_test(tolerance):
    """But for leverage, of which 20,000 rows have next to none."""
    fit = fit_pml(drawn(20_000, 6), covariance="HC1")
    design, columns = fit.design, groups_of(fit)
    full = design.with_columns("score", {f"g{at}": one for at, one in enumerate(columns.T)})
    blocks = ("intercept", "engagement", "control", *["score"] * columns.shape[1])
    wanted = score_test(fit, replace(full, blocks=blocks), clustered=False)
    assert added_columns_test(fit, columns)[0] == pytest.approx(wanted[0], rel=5e-3)


def test_groups_hold_enough_events():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2000, 2))
    chance = 1 / (1 + np.exp(4 - 1.5 * x[:, 0]))
    design = drawn(2000, 1).with_response((rng.random(2000) < chance).astype(float))
    design = replace(design, matrix=np.column_stack([np.ones(2000), x]))
    fit = fit_logit(design, covariance="HC1")
    columns = groups_of(fit, least=10.0)
    groups = np.column_stack([1 - columns.sum(axis=1), columns])
    assert (groups.T @ fit.fitted >= 10).all()
    assert 2 <= groups.shape[1] < 10


def test_the_variance_calls_a_model_by_its_short_name(monkeypatch, plan_of, sample_of, make_frame):
    family = replace(FAMILIES["gamma"], name="gamma-copy", printed="a copy", short="second Gamma")
    for table in (FAMILIES, MODELS):
        monkeypatch.setitem(table, family.name, family)
    frame = make_frame()
    frame["sales"] = np.random.default_rng(1).poisson(np.exp(3 + 0.5 * np.log1p(frame["likes"])))
    plan = plan_of(outcome={"model": family.name})
    question = Question(sample_of(plan, frame[frame["sales"] > 0]), plan.outcome[0], "klout")
    near, reason, _ = Diagnosis(question).variance()
    assert not near
    assert "Second Gamma stays right about the mean" in reason


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
    bars = [
        range(int(c - (w - 1) / 2), int(c + (w + 1) / 2))
        for c, w in zip(found.counts, found.wide, strict=True)
    ]
    expected = [sum(law.pmf(k).sum() for k in bar) for bar in bars]
    np.testing.assert_allclose(found.expected, expected)
    np.testing.assert_array_equal(found.observed, [np.isin(counts, bar).sum() for bar in bars])
    assert not ((found.observed > 0) & (found.observed < 5)).any()
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
        ("continuous", {"reset", "calibration"}),
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
