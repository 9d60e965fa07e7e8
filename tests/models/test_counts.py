"""Negative binomial counts: against R and statsmodels, a second route, known truth, and what has no
estimate.
"""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime, minimize

from analysis.errors import DesignError
from analysis.models import fit_nb2, fit_pml
from analysis.models.counts import log_likelihood
from analysis.models.design import Design

NAMES = ("(Intercept)", "score", "e1", "e2", "x1")


@pytest.fixture(scope="module")
def count_values(root):
    """What R 4.2.2 (MASS, pscl) says about the counts of `creators`."""
    return json.loads(
        (root / "tests" / "reference" / "count_values.json").read_text(encoding="utf-8")
    )


@pytest.fixture(scope="module")
def design(creators, design_of):
    return design_of(creators, "y_count", NAMES, cluster="cluster")


def drawn(n, seed, slopes=(0.4, 0.0), alpha=0.8, clusters=None):
    """Return a design whose counts are NB2 with an intercept of 0.3."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(n, 2))
    mean = np.exp(0.3 + columns @ slopes)
    counts = rng.poisson(mean * rng.gamma(1 / alpha, alpha, size=n)) if alpha else rng.poisson(mean)
    return Design(
        response=counts.astype(float),
        matrix=np.column_stack([np.ones(n), columns]),
        terms=("(Intercept)", "e", "s"),
        blocks=("intercept", "engagement", "score"),
        clusters=None if clusters is None else np.arange(n) % clusters,
    )


def test_the_whole_distribution_is_that_of_r_and_statsmodels(
    design, count_values, statsmodels_values, tolerance
):
    fit = fit_nb2(design, covariance="HC0")
    expected = count_values["nb2"]
    # glm.nb alternates between coefficients and theta, and stops where neither moves by 1e-6 any
    # more.
    np.testing.assert_allclose(fit.params, expected["params"], rtol=tolerance.root)
    assert fit.dispersion == pytest.approx(expected["alpha"][0], rel=tolerance.root)
    np.testing.assert_allclose(
        fit.std_errors(), expected["hc0"], rtol=1e-5
    )  # differences of R's dnbinom
    joint = np.array(statsmodels_values["nb2"]["full"]["vcov"]["HC0"])
    np.testing.assert_allclose(fit.cov, joint[:5, :5], rtol=tolerance.root)


def test_the_positive_counts_are_those_of_pscl(design, count_values, tolerance):
    positive = design.take(design.response > 0)
    fit = fit_nb2(positive, covariance="HC0", truncated=True)
    expected = count_values["hurdle"]
    np.testing.assert_allclose(
        fit.params, expected["positive"], rtol=1e-5
    )  # pscl stops BFGS at 1e-15 of the likelihood
    np.testing.assert_allclose(fit.std_errors(), expected["hc0_positive"], rtol=1e-4)
    information = np.sqrt(np.diag(fit.bread))[:5]
    np.testing.assert_allclose(
        information, expected["information_positive"], rtol=1e-3
    )  # optim differences the gradient


@pytest.mark.parametrize("truncated", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.8])
def test_probabilities_are_those_of_scipy_and_sum_to_one(alpha, truncated):
    counts, mean = np.arange(1.0 if truncated else 0.0, 400.0), 3.0
    law = stats.nbinom(1 / alpha, 1 / (1 + alpha * mean)) if alpha else stats.poisson(mean)
    expected = law.pmf(counts) / (1 - law.pmf(0) if truncated else 1)
    found = np.exp(log_likelihood(counts, np.full(len(counts), mean), alpha, truncated=truncated))
    np.testing.assert_allclose(found, expected, atol=1e-13)


@pytest.mark.parametrize("truncated", [False, True])
def test_a_general_optimiser_finds_the_same_maximum(truncated, tolerance):
    design = drawn(400, 5)
    design = design.take(design.response > 0) if truncated else design

    def loss(params):
        mean = np.exp(design.matrix @ params[:3])
        return -log_likelihood(design.response, mean, np.exp(params[3]), truncated=truncated).sum()

    fit = fit_nb2(design, covariance="HC0", truncated=truncated)
    other = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-4}).x
    np.testing.assert_allclose(fit.every_param, other, atol=2e-4)
    assert np.abs(approx_fprime(fit.every_param, loss)).max() < 1e-3


@pytest.mark.parametrize("truncated", [False, True])
def test_scores_sum_to_zero_and_the_bread_is_the_inverse_observed_information(truncated):
    design = drawn(300, 8)
    design = design.take(design.response > 0) if truncated else design
    fit = fit_nb2(design, covariance="HC0", truncated=truncated)
    np.testing.assert_allclose(fit.scores.sum(axis=0), 0, atol=1e-6)

    def gradient(params):
        def value(at):
            mean = np.exp(design.matrix @ at[:3])
            return log_likelihood(design.response, mean, np.exp(at[3]), truncated=truncated).sum()

        steps = 1e-4 * np.eye(4)
        return np.array([(value(params + h) - value(params - h)) / 2e-4 for h in steps])

    curvature = np.array(
        [
            (gradient(fit.every_param + h) - gradient(fit.every_param - h)) / 2e-3
            for h in 1e-3 * np.eye(4)
        ]
    )
    np.testing.assert_allclose(np.linalg.inv(-curvature), fit.bread, rtol=1e-3, atol=1e-6)


def test_recovers_the_truth(tolerance):
    fit = fit_nb2(drawn(20_000, 1, slopes=(0.4, -0.2)))
    assert (
        np.abs(fit.params - [0.3, 0.4, -0.2]) < tolerance.standard_errors * fit.std_errors()
    ).all()
    assert fit.dispersion == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize(("kind", "other"), [("HC1", "HC0"), ("CRV3", "CRV1")])
def test_covariances(kind, other):
    design = drawn(300, 3, clusters=20)
    first, second = fit_nb2(design, covariance=kind), fit_nb2(design, covariance=other)
    if kind == "HC1":
        np.testing.assert_allclose(first.cov, second.cov * 300 / (300 - 4))
    else:  # refits without a cluster are a little wider than one sandwich
        ratio = first.std_errors() / second.std_errors()
        assert ((ratio > 0.95) & (ratio < 1.3)).all()


def test_the_exposure_is_an_offset(tolerance):
    design = drawn(2000, 4)
    months = np.random.default_rng(4).integers(1, 30, size=2000).astype(float)
    mean = np.exp(0.3 + design.matrix[:, 1:] @ [0.4, 0.0]) * months
    counts = (
        np.random.default_rng(5)
        .poisson(mean * np.random.default_rng(6).gamma(2, 0.5, size=2000))
        .astype(float)
    )
    fit = fit_nb2(
        Design(
            response=counts,
            matrix=design.matrix,
            terms=design.terms,
            blocks=design.blocks,
            offset=np.log(months),
        )
    )
    assert (
        np.abs(fit.params - [0.3, 0.4, 0.0]) < tolerance.standard_errors * fit.std_errors()
    ).all()


def test_counts_with_no_more_variance_than_poisson_have_the_poisson_estimate(tolerance):
    design = drawn(500, 2, alpha=0)
    mean = np.exp(design.matrix @ [0.3, 0.4, 0.0])
    even = np.floor(mean + 0.5)  # hardly any variance at all
    design = design.with_response(even)
    fit, poisson = (
        fit_nb2(design, covariance="HC0"),
        fit_pml(design, family="poisson", covariance="HC0"),
    )
    assert fit.dispersion == 0
    assert "alpha = 0" in fit.note
    np.testing.assert_allclose(fit.params, poisson.params, rtol=tolerance.root)
    np.testing.assert_allclose(fit.cov, poisson.cov, rtol=1e-5)


def test_refuses_fractions():
    design = drawn(200, 6)
    with pytest.raises(DesignError, match="whole numbers"):
        fit_nb2(design.with_response(design.response + 0.5))


def test_leverages_widen_the_covariance():
    design = drawn(200, 3)
    errors = [fit_nb2(design, covariance=kind).std_errors() for kind in ("HC0", "HC2", "HC3")]
    assert (errors[0] < errors[1]).all()
    assert (errors[1] < errors[2]).all()


def test_size_of_the_wald_test(is_nominal):
    p = []
    for seed in range(200):
        fit = fit_nb2(drawn(300, 1000 + seed))
        p.append(2 * stats.norm.sf(abs(fit.params[2] / fit.std_errors()[2])))
    assert is_nominal(p)


def log_series(seed, n=200):
    """Return positive counts without a dispersion of their own: alpha grows without end."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return Design(
        response=rng.logseries(0.9, size=n).astype(float),
        matrix=np.column_stack([np.ones(n), x]),
        terms=("intercept", "klout"),
        blocks=("intercept", "score"),
    )


def test_a_dispersion_beyond_which_the_mean_says_nothing_is_refused():
    """The largest log(alpha) is 6: these samples have it just below and just above."""
    below = fit_nb2(log_series(425), truncated=True)
    assert 5.9 < np.log(below.dispersion) < 6.0
    with pytest.raises(DesignError, match="positive counts"):  # log(alpha) would be 6.07
        fit_nb2(log_series(194), truncated=True)
