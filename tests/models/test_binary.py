"""Logit: R's numbers, a root finder, the average marginal effect by another route, a known truth,
and its size.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy.special import expit

from analysis.errors import DesignError
from analysis.models.design import Design
from analysis.models.fit import p_value, score_test
from analysis.models.glm import average_marginal_effect, fit_logit

KINDS = ("HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3")


# --- reference values -----------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["full", "reduced"])
def test_coefficients_and_deviances_against_r(case, which, tolerance):
    record, design = case("logit", which)
    fit = fit_logit(design)
    np.testing.assert_allclose(fit.params, record["coef"], rtol=tolerance.reference)
    assert fit.deviance == pytest.approx(record["deviance"], rel=tolerance.reference)
    assert fit.null_deviance == pytest.approx(record["null_deviance"], rel=tolerance.reference)
    assert fit.deviance == pytest.approx(-2 * record["loglik"], rel=tolerance.reference)


@pytest.mark.parametrize("which", ["full", "reduced"])
@pytest.mark.parametrize("kind", KINDS)
def test_covariances_against_r(case, which, kind, tolerance):
    record, design = case("logit", which)
    fit = fit_logit(design, covariance=kind)
    assert fit.df == (27 if kind.startswith("CRV") else None)
    np.testing.assert_allclose(fit.cov, record["vcov"][kind], rtol=tolerance.reference)


@pytest.mark.parametrize("kind", ["HC1", "HC3", "CRV1"])
def test_average_marginal_effect_against_r(case, r_values, kind, tolerance):
    _, design = case("logit", "full")
    effect, error = average_marginal_effect(fit_logit(design, covariance=kind), "score")
    reference = r_values["logit"]["ame_score"]
    assert effect == pytest.approx(reference["ame"], rel=tolerance.reference)
    assert error == pytest.approx(reference["se"][kind], rel=tolerance.reference)


def test_average_marginal_effect_against_statsmodels(case, statsmodels_values, tolerance):
    _, design = case("logit", "full")
    effect, error = average_marginal_effect(fit_logit(design, covariance="HC0"), "score")
    reference = statsmodels_values["logit_ame_score"]["HC0"]
    assert effect == pytest.approx(reference["ame"], rel=tolerance.reference)
    assert error == pytest.approx(reference["se"], rel=tolerance.reference)


# --- a second route -------------------------------------------------------------------------------


def test_a_root_finder_on_the_estimating_equations(case, tolerance):
    _, design = case("logit", "full")
    x, y = design.matrix, design.response
    spread = np.abs(x).max(axis=0)
    root = optimize.root(
        lambda b: (x / spread).T @ (y - expit(x / spread @ b)) / design.n, np.zeros(5), tol=1e-12
    )
    np.testing.assert_allclose(fit_logit(design).params, root.x / spread, rtol=tolerance.root)


@pytest.mark.parametrize("term", ["score", "e1", "x1"])
def test_the_marginal_effect_is_what_a_small_step_does(case, term, tolerance):
    """Move every row by a small step and look; the standard error from numerical derivatives of
    that.
    """
    _, design = case("logit", "full")
    fit, at = fit_logit(design, covariance="HC3"), design.terms.index(term)

    def effect(params, step=1e-4):
        up, down = design.matrix.copy(), design.matrix.copy()
        up[:, at] += step
        down[:, at] -= step
        return (expit(up @ params) - expit(down @ params)).mean() / (2 * step)

    gradient = optimize.approx_fprime(fit.params, effect, 1e-5)
    found, error = average_marginal_effect(fit, term)
    assert found == pytest.approx(effect(fit.params), rel=tolerance.root)
    assert error == pytest.approx(
        np.sqrt(gradient @ fit.cov @ gradient), rel=1e-3
    )  # a forward difference: few digits


# --- invariances ----------------------------------------------------------------------------------


@settings(max_examples=20)
@given(
    kind=st.sampled_from(KINDS),
    unit=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
    seed=st.integers(0, 1000),
)
def test_units_order_and_the_other_outcome(case, kind, unit, shift, seed, tolerance):
    """The other outcome turns the signs; units of the score and the order of rows change nothing
    else.
    """
    _, design = case("logit", "full")
    fit = fit_logit(design, covariance=kind)
    matrix = design.matrix.copy()
    matrix[:, 1] = (matrix[:, 1] + shift) * unit
    moved = Design(1 - design.response, matrix, design.terms, design.blocks, design.clusters)
    moved = moved.take(np.random.default_rng(seed).permutation(design.n))
    other = fit_logit(moved, covariance=kind)
    slopes = np.array([unit, 1, 1, 1])
    np.testing.assert_allclose(-other.params[1:] * slopes, fit.params[1:], rtol=tolerance.reference)
    np.testing.assert_allclose(
        other.std_errors()[1:] * slopes, fit.std_errors()[1:], rtol=tolerance.reference
    )
    effect, error = average_marginal_effect(fit, "score")
    turned, turned_error = average_marginal_effect(other, "score")
    assert (-turned * unit, turned_error * unit) == pytest.approx(
        (effect, error), rel=tolerance.reference
    )


# --- truth and size -------------------------------------------------------------------------------


def draw(rng, n, slope):
    e = rng.normal(size=n)
    s = 0.6 * e + rng.normal(size=n)
    y = (rng.random(n) < expit(-0.5 + 0.5 * e + slope * s)).astype(float)
    matrix = np.column_stack([np.ones(n), e, s])
    return Design(y, matrix, ("(Intercept)", "e", "s"), ("intercept", "engagement", "score"))


def test_known_truth(tolerance):
    fit = fit_logit(draw(np.random.default_rng(13), 50_000, 0.2))
    gap = np.abs(fit.params - [-0.5, 0.5, 0.2]) / fit.std_errors()
    assert gap.max() < tolerance.standard_errors
    assert fit.std_errors().max() < 0.02


def test_size_of_the_score_test_and_of_the_margin(is_nominal):
    """2,000 samples of 300 rows under no effect: the score test and the interval of the marginal
    effect.
    """
    rng = np.random.default_rng(14)
    by_score, by_margin = [], []
    for _ in range(2000):
        design = draw(rng, 300, 0.0)
        full = fit_logit(design, covariance="HC1")
        effect, error = average_marginal_effect(full, "s")
        by_score.append(score_test(fit_logit(design.without("score")), design, clustered=False)[1])
        by_margin.append(p_value(effect / error, full.df))
    assert is_nominal(by_score)
    assert is_nominal(by_margin)


def test_without_engagement_the_size_is_lost(rejection_interval):
    """The same draws, engagement left out: the score stands in for it. So the size test above can
    fail.
    """
    rng = np.random.default_rng(14)
    p_values = []
    for _ in range(300):
        fit = fit_logit(draw(rng, 300, 0.0).without("engagement"))
        p_values.append(p_value(fit.params[1] / fit.std_errors()[1], fit.df))
    assert rejection_interval(p_values)[0] > 0.10


# --- a long tail ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_long_tail_is_not_taken_for_separation(seed, tolerance):
    """Untransformed likes, log-normal: the largest account has a log odds of a hundred, and the
    estimate exists.
    """
    rng = np.random.default_rng(seed)
    likes = np.exp(rng.normal(4, 2, size=3000))
    s = 0.3 * np.log(likes) + rng.normal(size=3000)
    y = (rng.random(3000) < expit(-1 + 0.003 * likes)).astype(float)
    matrix = np.column_stack([np.ones(3000), likes, s])
    design = Design(y, matrix, ("(Intercept)", "likes", "s"), ("intercept", "engagement", "score"))
    fit = fit_logit(design)
    assert np.abs(matrix @ fit.params).max() > 30
    assert abs(fit.params[1] - 0.003) < tolerance.standard_errors * fit.std_errors()[1]
    basis = design.basis[0]
    assert np.abs(basis.T @ fit.residuals).max() < tolerance.reference * np.abs(fit.residuals).sum()


# --- what cannot be estimated ---------------------------------------------------------------------


@pytest.mark.parametrize("flipped", [False, True])
def test_perfect_separation_is_refused(creators, design_of, flipped):
    frame = creators.assign(y_bin=((creators.score > 50) ^ flipped).astype(float))
    with pytest.raises(DesignError, match="separates"):
        fit_logit(design_of(frame, "y_bin"))


def test_a_level_with_one_outcome_only_is_refused(creators, design_of):
    frame = creators.assign(y_bin=np.where(creators.x1 == 1, 1.0, creators.y_bin))
    with pytest.raises(DesignError, match="separates"):
        fit_logit(design_of(frame, "y_bin"))
