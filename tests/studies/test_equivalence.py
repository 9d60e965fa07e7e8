"""Equivalence, Bayes factors, decomposition and power: published figures, second routes, simulated
size.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.audit import analyse
from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.distributions import (
    detectable_effect,
    power_nothing,
    power_to_detect,
    rows_needed,
    score_error,
)
from analysis.models.fit import critical_value
from analysis.results.question import Question
from analysis.studies.equivalence.equivalence import (
    bic_factor,
    delta_r2,
    delta_r2_bound,
    delta_r2_p_value,
    jzs_factor,
    log_factor,
    tost,
)
from analysis.studies.equivalence.study import decompose, study_size
from analysis.studies.increment.study import study_increment

REFERENCE = Path(__file__).resolve().parents[1] / "reference"


def world(seed, n, *, effect=0.0, clusters=None):
    rng = np.random.default_rng(seed)
    age, likes = rng.normal(size=(2, n))
    shares = 0.4 * likes + rng.normal(size=n)
    klout = 0.6 * likes + 0.3 * shares + 0.2 * age + rng.normal(size=n)
    sales = (
        1
        + 0.5 * likes
        + 0.3 * shares
        + 0.2 * age
        + effect * klout
        + rng.normal(size=n) * np.exp(0.2 * likes)
    )
    matrix = np.column_stack([np.ones(n), age, likes, shares, klout])
    return Design(
        sales,
        matrix,
        ("const", "age", "likes", "shares", "klout"),
        ("intercept", "control", "engagement", "engagement", "score"),
        clusters=clusters,
    )


# --- equivalence ----------------------------------------------------------------------------------


@pytest.mark.parametrize("df", [None, 25.0])
def test_tost_is_the_inclusion_of_the_narrower_interval(df):
    band = (-0.05, 0.08)
    for estimate in np.linspace(-0.06, 0.09, 40):
        half = critical_value(0.9, df) * 0.02
        inside = band[0] < estimate - half and estimate + half < band[1]
        assert (tost(estimate, 0.02, band, df).p_value < 0.05) == inside


def test_tost_by_the_formula():
    found = tost(0.01, 0.02, (-0.05, 0.05), 40)
    assert found.p_low == pytest.approx(1 - stats.t.cdf(0.06 / 0.02, 40), rel=1e-9)
    assert found.p_value == pytest.approx(1 - stats.t.cdf(0.04 / 0.02, 40), rel=1e-9)


def test_the_test_on_delta_r2_has_its_size_at_the_bound():
    rng = np.random.default_rng(1)
    rejected = []
    for _ in range(2000):
        x = rng.normal(size=(200, 2))
        y = x[:, 0] + 0.25 * x[:, 1] + rng.normal(size=200)
        full = np.column_stack([np.ones(200), x])
        sse = [
            ((y - f @ np.linalg.lstsq(f, y, rcond=None)[0]) ** 2).sum() for f in (full[:, :2], full)
        ]
        total = ((y - y.mean()) ** 2).sum()
        bound = 0.25**2 / (1 + 0.25**2 + 1)
        rejected.append(
            delta_r2_p_value(200, 2, 1 - sse[1] / total, (sse[0] - sse[1]) / total, bound) < 0.05
        )
    assert 0.03 <= np.mean(rejected) <= 0.07


def test_delta_r2_p_value_is_a_noncentral_f():
    n, k, r2, gain, bound = 250, 4, 0.3, 0.002, 0.02
    statistic = gain / (1 - r2) * (n - k - 1)
    expected = 1 - stats.ncf.sf(statistic, 1, n - k - 1, n * bound / (1 - r2))
    assert delta_r2_p_value(n, k, r2, gain, bound) == pytest.approx(expected, rel=1e-9)


def test_the_bound_covers_and_knows_about_clusters():
    design = world(2, 400, effect=0.1)
    full, gain = delta_r2(design)
    fits = [fit_model(d, "ols", "HC1") for d in (design, design.without("score"))]
    assert full == pytest.approx(fits[0].r_squared, rel=1e-9)
    assert gain == pytest.approx(fits[0].r_squared - fits[1].r_squared, rel=1e-7)
    assert delta_r2_bound(design, replicates=300) > gain
    population = delta_r2(world(3, 400_000, effect=0.1))[1]
    above = [
        delta_r2_bound(world(100 + i, 200, effect=0.1), replicates=199) >= population
        for i in range(150)
    ]
    assert np.mean(above) >= 0.88


# --- Bayes factors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "gain", "bic", "jzs"),
    [(300, 0.01, 0.50, 0.80), (1000, 0.005, 1.1, 1.9), (1000, 0.01, 42, 67)],
)
def test_the_figures_of_the_memo(n, gain, bic, jzs):
    assert bic_factor(n, 0.30, 0.30 + gain) == pytest.approx(bic, rel=0.04)
    assert jzs_factor(n, 1, 0.30, 0.30 + gain) == pytest.approx(jzs, rel=0.02)


def test_jzs_equals_bayesfactor():
    for case in json.loads((REFERENCE / "correction_values.json").read_text())["jzs"]:
        assert np.exp(log_factor(case["n"], case["p"], case["r2"])) == pytest.approx(
            case["factor"], rel=1e-6
        )


def test_a_model_that_fits_exactly_is_beyond_numbers():
    """A score that is the outcome: neither a domain error nor what quadrature makes of an integral
    without an end.
    """
    for factor in (partial(bic_factor, 300), partial(jzs_factor, 300, 1)):
        with pytest.raises(OverflowError, match="exactly"):
            factor(0.3, 1.0)
    assert [delta_r2_p_value(300, 2, 1.0, gain, 0.1) for gain in (0.2, 0.05)] == [1.0, 0.0]
    assert delta_r2_p_value(300, 2, 1 - 1e-6, 0.2, 0.1) > 0.999  # the same is seen on the way there
    assert delta_r2_p_value(300, 2, 1 - 1e-6, 0.05, 0.1) < 0.001


def test_jzs_does_not_overflow():
    assert np.isfinite(log_factor(1_000_000, 3, 0.9))
    assert jzs_factor(5000, 1, 0.3, 0.3) < 0.1
    assert log_factor(100, 0, 0.0) == 0.0


# --- decomposition --------------------------------------------------------------------------------


def test_the_shares_add_up():
    found = decompose(world(4, 500), "klout")
    assert found.shares.sum() == pytest.approx(found.raw - found.full, rel=1e-10)


@pytest.mark.filterwarnings("ignore")
def test_decomposition_equals_pyfixest():
    pyfixest = pytest.importorskip("pyfixest")
    design = world(5, 600)
    frame = pd.DataFrame(design.matrix[:, 1:], columns=design.terms[1:]).assign(
        sales=design.response
    )
    columns = {"likes": ["likes"], "shares": ["shares"]}
    fit = pyfixest.feols("sales ~ klout + age + likes + shares", frame, vcov="hetero")
    theirs = fit.decompose(
        decomp_var="klout", x1_vars=["age"], combine_covariates=columns, only_coef=True
    ).tidy()
    theirs = theirs[theirs.panels == "Levels (units)"].coefficients
    found = decompose(design, "klout")
    assert found.shares == pytest.approx(theirs[["likes", "shares"]].to_numpy(float), rel=1e-8)
    assert found.raw == pytest.approx(theirs["direct_effect"], rel=1e-8)


@pytest.mark.parametrize("clustered", [False, True])
def test_the_errors_of_the_shares_agree_with_the_bootstrap(clustered):
    rng = np.random.default_rng(6)
    team = np.repeat(np.arange(100), 8)
    design = world(7, 800, clusters=team if clustered else None)
    found = decompose(design, "klout")
    drawn = []
    for _ in range(300):
        rows = rng.integers(800, size=800)
        if clustered:
            rows = (rng.integers(100, size=100)[:, None] * 8 + np.arange(8)).ravel()
        drawn.append(decompose(design.take(rows), "klout").shares)
    assert np.std(drawn, axis=0) == pytest.approx(found.std_errors(), rel=0.15)


# --- power ----------------------------------------------------------------------------------------


def test_the_smallest_detectable_effect():
    assert detectable_effect(0.1) == pytest.approx(0.28, abs=0.0005)
    for df in (None, 20.0):
        assert power_to_detect(detectable_effect(0.1, df=df), 0.1, df=df) == pytest.approx(
            0.8, abs=1e-9
        )
    assert power_to_detect(0.0, 0.1) == pytest.approx(0.05)


def test_the_power_to_conclude_nothing():
    rng = np.random.default_rng(8)
    estimates = rng.normal(0.005, 0.02, size=20_000)
    simulated = np.mean([tost(e, 0.02, (-0.05, 0.06)).p_value < 0.05 for e in estimates])
    assert power_nothing(0.02, (-0.05, 0.06), effect=0.005) == pytest.approx(simulated, abs=0.01)
    assert power_nothing(0.05, (-0.05, 0.05)) == 0.0


@pytest.mark.parametrize(
    ("r2", "gain", "detect", "equivalence"),
    [
        (0.2, 0.002, 3145, 3426),
        (0.2, 0.005, 1260, 1371),
        (0.2, 0.01, 630, 686),
        (0.2, 0.02, 316, 343),
        (0.5, 0.002, 1965, 2141),
        (0.5, 0.005, 790, 857),
        (0.5, 0.01, 395, 429),
        (0.5, 0.02, 199, 215),
    ],
)
def test_the_rows_of_the_memo(r2, gain, detect, equivalence):
    found = rows_needed(gain, r2)
    assert found.detect == pytest.approx(detect, abs=3)
    assert found.equivalence == equivalence


def test_collinearity_is_paid_for():
    ratio = score_error(500, r2_full=0.3, r2_score=0.94) / score_error(
        500, r2_full=0.3, r2_score=0.0
    )
    assert ratio == pytest.approx(4.1, abs=0.02)
    design = world(10, 100_000)
    fit = fit_model(design, "ols", "HC1")
    others = np.delete(design.matrix, 4, axis=1)
    left = (
        design.matrix[:, 4] - others @ np.linalg.lstsq(others, design.matrix[:, 4], rcond=None)[0]
    )
    planned = score_error(
        100_000,
        r2_full=fit.r_squared,
        r2_score=1 - left.var() / design.matrix[:, 4].var(),
        sd_outcome=design.response.std(),
    )
    assert fit.std_errors()[4] * design.matrix[:, 4].std() == pytest.approx(planned, rel=0.02)


@pytest.fixture
def rows_of(plan_of, sample_of):
    """Return the rows of the study by model and term."""

    def rows(frame, *args, **changes):
        plan = plan_of(*args, **changes)
        question = Question(sample_of(plan, frame), plan.outcome[0], "klout")
        found = study_size(question, study_increment(question).rows)
        return {(row.model, row.term): row for row in found.rows}

    return rows


@pytest.mark.parametrize("kind", ["revenue", "continuous"])
def test_the_ledger_has_the_bound_on_the_gain(kind, make_frame, plan_of, rows_of):
    audit = analyse(plan_of(kind), make_frame())
    row = audit.estimates.one(method="equivalence", term="delta_r2_bound")
    gain = audit.estimates.one(method="increment", model="ols", term="delta_r2")
    assert row.estimate > gain.estimate
    assert 0 <= row.p_value <= 1
    again = rows_of(make_frame(), kind)["ols", "delta_r2_bound"]
    assert again.estimate == row.estimate


def test_the_test_of_the_gain_agrees_with_that_of_the_slope(make_frame, rows_of):
    """A gain of the SESOI's size and the slope's own test ask the same: both pass, or both fail,
    far from the edge.
    """
    for sesoi, small in ((3.0, True), (0.01, False)):
        rows = rows_of(make_frame(), "continuous", outcome={"sesoi": sesoi})
        bound = rows["ols", "delta_r2_bound"]
        assert (rows["ols", "tost"].p_value < 0.05) is small
        if bound.p_value is not None:
            assert (bound.p_value < 0.05) is small


def test_the_bound_resamples_clusters(make_frame, rows_of):
    frame = make_frame(600, agencies=20)
    frame["klout"] = frame.agency.astype("category").cat.codes * 3.0 + frame.klout * 0.05
    clusters = {"column": "agency"}
    plain, whole = (
        rows_of(frame, "continuous", cluster=cluster)["ols", "delta_r2_bound"]
        for cluster in (None, clusters)
    )
    assert whole.estimate != plain.estimate
    assert whole.clusters == 20


def test_a_draw_of_equal_outcomes_adds_nothing():
    """One row of eighteen has another outcome: a third of the bootstrap samples do not hold it."""
    rng = np.random.default_rng(1)
    matrix = np.column_stack([np.ones(18), rng.normal(size=(18, 2))])
    blocks = ("intercept", "engagement", "score")
    design = Design(np.eye(18)[3], matrix, ("const", "likes", "klout"), blocks)
    assert 0 <= delta_r2_bound(design, replicates=199) < 1
