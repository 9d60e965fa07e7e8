"""The small-sample reference: its formula, where it is asked, and how often it errs."""

import numpy as np
import pytest

from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.few_rows import SKEWNESS, equal_rows, few_rows_df
from analysis.models.fit import p_value, wald

BLOCKS = ("intercept", "engagement", "score")


def design_of(score, outcome, likes):
    matrix = np.column_stack([np.ones(len(likes)), likes, score])
    return Design(outcome, matrix, ("const", "likes", "klout"), BLOCKS)


def flag(n, ones):
    return (np.arange(n) < ones).astype(float)


def test_rows_of_equal_weight():
    assert equal_rows(np.ones(40)) == pytest.approx(40)
    assert equal_rows(np.append(np.ones(5), np.zeros(95))) == pytest.approx(5)
    assert equal_rows(np.array([1.0, 1e-9])) == pytest.approx(1)


def test_the_degrees_of_freedom_are_those_of_satterthwaite():
    """The double sum over the rows, written out, with residuals that have no skew."""
    rng = np.random.default_rng(3)
    n = 60
    basis = np.linalg.qr(np.column_stack([np.ones(n), rng.normal(size=n), flag(n, 4)]))[0]
    weights, leverage = basis[:, 2], (basis**2).sum(axis=1)
    rest = np.eye(n) - basis @ basis.T
    by = weights / (1 - leverage)
    spread = rest * by[:, None]
    values = np.linalg.eigvalsh(spread.T @ spread)
    expected = values.sum() ** 2 / (values**2).sum()
    even = np.tile([1.0, -1.0], n // 2)
    parts = weights * even / (1 - leverage)
    own = SKEWNESS * ((parts**3).sum() / (parts @ parts) ** 1.5) ** 2
    found = few_rows_df(weights, even, basis, leverage)
    assert 1 / found - own == pytest.approx(1 / expected, rel=1e-9)


@pytest.mark.parametrize("model", ["ols", "poisson", "gamma", "nb2", "logit"])
def test_a_flag_of_few_rows_has_about_as_many_degrees_less_one(model):
    rng = np.random.default_rng(5)
    likes, n = rng.normal(size=2000), 2000
    mean = np.exp(1 + 0.1 * likes)
    outcome = {
        "ols": mean + rng.normal(size=n),
        "logit": (rng.random(n) < 0.5).astype(float),
        "nb2": rng.poisson(mean * 4 * rng.gamma(5, 1 / 5, size=n)).astype(float),
    }.get(model, rng.poisson(mean * 10).astype(float) + 1)
    fit = fit_model(design_of(flag(n, 12), outcome, likes), model, "HC3")
    assert 2 < fit.df_of("klout") <= 11.5
    assert fit.df_of("likes") == fit.df
    statistic = np.divide(*fit.coefficient("klout"))
    assert wald(fit, ("klout",))[1] == pytest.approx(p_value(statistic, fit.df_of("klout")))


@pytest.mark.parametrize("model", ["ols", "poisson", "logit"])
@pytest.mark.parametrize("n", [100, 300, 3000])
def test_a_normal_score_keeps_the_reference_of_the_model(model, n):
    rng = np.random.default_rng(n)
    likes, score = rng.normal(size=(2, n))
    outcome = {"logit": (rng.random(n) < 0.4).astype(float)}.get(model, rng.poisson(5, n) + 0.0)
    fit = fit_model(design_of(score, outcome, likes), model, "HC3")
    assert fit.df_of("klout") == fit.df == (n - 3 if model == "ols" else None)


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2"])
def test_another_covariance_that_a_plan_names_keeps_its_reference(kind):
    likes, outcome = np.random.default_rng(1).normal(size=(2, 200))
    fit = fit_model(design_of(flag(200, 4), outcome, likes), "ols", kind)
    assert fit.df_of("klout") == 197


def test_a_model_of_two_parts_has_the_fewer():
    rng = np.random.default_rng(2)
    likes = rng.normal(size=600)
    sales = rng.gamma(2.0, np.exp(0.2 * likes)) * (rng.random(600) < 0.6)
    fit = fit_model(design_of(flag(600, 15), sales, likes), "hurdle", "HC3")
    both = [part.df_of("klout") for part in fit.parts]
    assert fit.df_of("klout") == min(both) < 15


def test_the_row_of_the_ledger_has_them(plan_of, sample_of, make_frame):
    from analysis.results.question import Question

    frame = make_frame()
    frame["klout"] = flag(len(frame), 9)[np.random.default_rng(0).permutation(len(frame))]
    plan = plan_of("continuous")
    question = Question(sample_of(plan, frame), plan.outcome[0], "klout")
    row = question.coefficients("increment", question.fit)[0]
    assert (row.covariance, row.df) == ("HC3", question.fit.df_of("klout"))
    assert row.df < 9
    assert row.p_value == pytest.approx(p_value(row.statistic, row.df))
    low, high = row.interval(0.95)
    assert (high - low) / 2 / row.std_error > 2.3


WORLDS = {
    "least squares": ("ols", lambda rng, mean: np.log(mean) + rng.exponential(size=len(mean))),
    "revenue": ("poisson", lambda rng, mean: mean * rng.lognormal(size=len(mean))),
    "counts": (
        "poisson",
        lambda rng, mean: rng.poisson(5 * mean * rng.exponential(size=len(mean))),
    ),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("kind", "n"), [("flag", 300), ("flag", 1000), ("lognormal", 300)])
def test_a_worthless_score_that_few_rows_carry_is_found_in_no_more_than_its_share(
    world, kind, n, rejection_interval
):
    """600 draws; benchmarks/small_samples.py has many more, and other worlds."""
    model, outcome = WORLDS[world]
    ordinary, own = [], []
    for seed in range(600):
        rng = np.random.default_rng([n, seed])
        likes = rng.normal(size=n)
        score = flag(n, n // 50) if kind == "flag" else rng.lognormal(0.5 * likes, 0.87)
        drawn = outcome(rng, np.exp(0.3 * likes)).astype(float)
        fit = fit_model(design_of(score, drawn, likes), model, "HC3")
        statistic = np.divide(*fit.coefficient("klout"))
        ordinary.append(p_value(statistic, fit.df))
        own.append(p_value(statistic, fit.df_of("klout")))
    assert rejection_interval(own)[0] <= 0.065
    assert np.mean(np.array(own) < 0.05) <= 0.075
    if kind == "flag":
        assert rejection_interval(ordinary)[1] > 0.065
        assert np.mean(np.array(ordinary) < 0.05) > np.mean(np.array(own) < 0.05) + 0.02
