"""The statsmodels results of each model carry this package's estimate, covariance and reference."""

import numpy as np
import pytest
from scipy import stats

from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.family import FAMILIES
from analysis.models.statsmodels_results import WILD, HurdleResults, statsmodels_results

N = 400


def design(model, *, clusters=True, offset=False):
    """Return 400 rows of a world in which each model can be fitted."""
    rng = np.random.default_rng(5)
    likes, score = rng.normal(size=(2, N))
    groups = np.arange(N) // 5
    eta = 0.5 + 0.4 * likes + 0.2 * score + rng.normal(0, 0.3, 80)[groups]
    link = FAMILIES[model].link
    y = {
        "identity": eta + rng.normal(size=N),
        "logit": (eta + rng.logistic(size=N) > 0).astype(float),
        "log": rng.negative_binomial(1.5, 1.5 / (1.5 + np.exp(eta))).astype(float),
    }[link]
    return Design(
        response=y,
        matrix=np.column_stack([np.ones(N), likes, score]),
        terms=("intercept", "likes", "klout"),
        blocks=("intercept", "engagement", "score"),
        clusters=groups if clusters else None,
        offset=rng.normal(0, 0.2, N) if offset else None,
    )


def check(results, fit):
    k = fit.design.k
    assert np.asarray(results.params)[:k] == pytest.approx(fit.params, rel=1e-10)
    assert np.asarray(results.cov_params())[:k, :k] == pytest.approx(fit.cov, rel=1e-10, abs=1e-14)
    assert np.asarray(results.bse)[:k] == pytest.approx(fit.std_errors(), rel=1e-8)
    t = fit.params / fit.std_errors()
    reference = stats.norm if fit.df is None else stats.t(fit.df)
    assert np.asarray(results.pvalues)[:k] == pytest.approx(2 * reference.sf(abs(t)), rel=1e-8)
    width = np.asarray(results.conf_int())[:k] @ [-0.5, 0.5]
    assert width == pytest.approx(reference.isf(0.025) * fit.std_errors(), rel=1e-8)
    assert "klout" in results.summary().as_text()
    if not getattr(fit, "truncated", False):
        assert np.asarray(results.predict()) == pytest.approx(fit.fitted, rel=1e-8)


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3"])
@pytest.mark.parametrize("model", [name for name in FAMILIES if name != "hurdle"])
def test_the_results_are_those_of_the_fit(model, kind):
    fit = fit_model(design(model, clusters=kind.startswith("CRV")), model, kind)
    check(statsmodels_results(fit), fit)


@pytest.mark.parametrize("model", ["poisson", "tweedie", "nb2"])
def test_an_exposure_is_kept(model):
    fit = fit_model(design(model, offset=True, clusters=False), model, "HC1")
    check(statsmodels_results(fit), fit)


@pytest.mark.parametrize("counts", [True, False])
def test_a_hurdle_has_two_results(counts):
    fit = fit_model(design("hurdle"), "hurdle", "CRV1", counts=counts)
    results = statsmodels_results(fit)
    assert isinstance(results, HurdleResults)
    check(results.zero, fit.parts[0])
    check(results.positive, fit.parts[1])


def test_counts_without_more_variance_than_poisson_are_a_poisson_glm():
    rng = np.random.default_rng(3)
    d = design("nb2", clusters=False).with_response(rng.binomial(3, 0.5, N).astype(float))
    fit = fit_model(d, "nb2", "HC1")
    assert fit.dispersion == 0
    results = statsmodels_results(fit)
    check(results, fit)
    assert "alpha = 0" in results.note


def test_other_packages_go_on_with_them():
    fit = fit_model(design("poisson"), "poisson", "CRV1")
    results = statsmodels_results(fit, note=WILD)
    assert results.note == WILD
    assert list(results.params.index) == ["intercept", "likes", "klout"]
    assert np.asarray(results.resid_response) == pytest.approx(
        fit.design.response - fit.fitted, rel=1e-8
    )
    test = results.wald_test("klout = 0", scalar=True)
    assert test.statistic == pytest.approx((fit.params[-1] / fit.std_errors()[-1]) ** 2, rel=1e-8)
    new = results.predict(results.model.data.orig_exog.iloc[:3])
    assert new.to_numpy() == pytest.approx(fit.fitted[:3], rel=1e-8)
    se = results.get_prediction(results.model.data.orig_exog.iloc[:3], which="linear").se
    x = fit.design.matrix[:3]
    assert se == pytest.approx(np.sqrt(np.einsum("ij,jk,ik->i", x, fit.cov, x)), rel=1e-8)


def test_two_columns_of_one_name_are_told_apart():
    d = design("ols")
    twice = Design(d.response, d.matrix, ("intercept", "klout", "klout"), d.blocks)
    results = statsmodels_results(fit_model(twice, "ols", "HC3"))
    assert list(results.params.index) == ["intercept", "klout", "klout (2)"]
