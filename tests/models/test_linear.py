"""Least squares: R's numbers, a second route, invariances, a known truth, and the coverage of its
intervals.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import DesignError
from analysis.models.design import Design
from analysis.models.fit import critical_value, p_value, wald
from analysis.models.glm import fit_ols

KINDS = ("HC0", "HC1", "HC2", "HC3", "CRV1", "CRV3")


# --- reference values -----------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["full", "reduced"])
def test_coefficients_and_fit_against_r(case, which, tolerance):
    record, design = case("ols", which)
    fit = fit_ols(design)
    np.testing.assert_allclose(fit.params, record["coef"], rtol=tolerance.reference)
    assert fit.deviance == pytest.approx(record["rss"], rel=tolerance.reference)
    assert fit.r_squared == pytest.approx(record["r2"], rel=tolerance.reference)
    assert fit.df == design.n - design.k == record["n"] - record["k"]


@pytest.mark.parametrize("which", ["full", "reduced"])
@pytest.mark.parametrize("kind", KINDS)
def test_covariances_against_r(case, which, kind, tolerance):
    record, design = case("ols", which)
    fit = fit_ols(design, covariance=kind)
    assert fit.covariance == kind
    assert fit.df == (27 if kind.startswith("CRV") else 300 - design.k)
    np.testing.assert_allclose(fit.cov, record["vcov"][kind], rtol=tolerance.reference)


def test_the_kinds_are_six_different_numbers(case):
    """A covariance that quietly fell back to another one would be seen above only if R's kinds
    differ.
    """
    record, _ = case("ols", "full")
    assert len({round(record["vcov"][kind][1][1], 9) for kind in KINDS}) == 6


@pytest.mark.parametrize(
    ("kind", "name"), [("HC3", "HC3_t_n_k"), ("CRV1", "CRV1_t_G_1"), ("CRV3", "CRV3_t_G_1")]
)
def test_intervals_against_r(case, kind, name, tolerance):
    record, design = case("ols", "full")
    fit = fit_ols(design, covariance=kind)
    half = critical_value(0.95, fit.df) * fit.std_errors()
    found = np.column_stack([fit.params - half, fit.params + half])
    np.testing.assert_allclose(found, record["ci95"][name], rtol=tolerance.reference)


def test_wald_against_lmtest(case, r_values, tolerance):
    _, design = case("ols", "full")
    statistic, p = wald(fit_ols(design, covariance="HC3"), ("score",))
    assert statistic == pytest.approx(r_values["ols"]["waldtest_HC3"]["F"], rel=tolerance.reference)
    assert p == pytest.approx(r_values["ols"]["waldtest_HC3"]["p_value"], rel=tolerance.reference)


def test_joint_wald_is_a_mean_of_squares_where_coefficients_are_independent(tolerance):
    """Two orthogonal columns and their own rows: the joint F is the mean of two squared t
    statistics.
    """
    rng = np.random.default_rng(5)
    a, b = np.kron([[1.0, 0], [0, 1.0]], np.tile([1.0, -1.0], 25))
    design = Design(rng.normal(size=100), np.column_stack([a, b]), ("a", "b"), ("score", "score"))
    fit = fit_ols(design, covariance="HC0")
    joint, _ = wald(fit, ("a", "b"))
    alone = [(fit.params[i] / fit.std_errors()[i]) ** 2 for i in (0, 1)]
    assert joint == pytest.approx(np.mean(alone), rel=tolerance.route)
    assert wald(fit, ("a",))[0] == pytest.approx(alone[0], rel=tolerance.route)


# --- a second route -------------------------------------------------------------------------------


def test_normal_equations(case, tolerance):
    _, design = case("ols", "full")
    fit, x, y = fit_ols(design), design.matrix, design.response
    np.testing.assert_allclose(fit.params, np.linalg.solve(x.T @ x, x.T @ y), rtol=tolerance.route)
    np.testing.assert_allclose(fit.fitted, x @ fit.params, rtol=tolerance.route)
    np.testing.assert_allclose(fit.residuals, y - x @ fit.params, atol=tolerance.route)


def test_crv3_refits_without_each_cluster(case, tolerance):
    _, design = case("ols", "full")
    x, y = design.matrix, design.response
    full = np.linalg.lstsq(x, y, rcond=None)[0]
    gone = [
        np.linalg.lstsq(x[design.clusters != g], y[design.clusters != g], rcond=None)[0]
        for g in range(28)
    ]
    expected = (np.array(gone) - full).T @ (np.array(gone) - full) * 27 / 28
    np.testing.assert_allclose(
        fit_ols(design, covariance="CRV3").cov, expected, rtol=tolerance.route
    )


def test_a_score_that_shares_the_intercepts_name_keeps_its_own_coefficient(creators, design_of):
    """The score stands last in a design, so the last of two equal terms is meant."""
    design = design_of(creators, "y_cont", ("(Intercept)", "e1", "score"))
    twin = Design(design.response, design.matrix, ("intercept", "e1", "intercept"), design.blocks)
    assert fit_ols(twin).position("intercept") == 2


# --- invariances ----------------------------------------------------------------------------------


@given(seed=st.integers(0, 1000), kind=st.sampled_from(KINDS))
def test_the_order_of_rows_does_not_matter(case, seed, kind, tolerance):
    _, design = case("ols", "full")
    fit = fit_ols(design, covariance=kind)
    mixed = fit_ols(design.take(np.random.default_rng(seed).permutation(design.n)), covariance=kind)
    np.testing.assert_allclose(mixed.params, fit.params, rtol=tolerance.route)
    np.testing.assert_allclose(mixed.cov, fit.cov, rtol=tolerance.route)


@given(names=st.permutations(range(28)), kind=st.sampled_from(["CRV1", "CRV3"]))
def test_the_names_of_clusters_do_not_matter(case, names, kind, tolerance):
    _, d = case("ols", "full")
    renamed = Design(d.response, d.matrix, d.terms, d.blocks, clusters=np.array(names)[d.clusters])
    np.testing.assert_allclose(
        fit_ols(renamed, covariance=kind).cov, fit_ols(d, covariance=kind).cov, rtol=tolerance.route
    )


@given(
    factor=st.floats(1e-6, 1e9),
    constant=st.floats(-1e3, 1e3),
    kind=st.sampled_from(KINDS),
    unit=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
)
def test_change_of_units(case, factor, constant, kind, unit, shift, tolerance):
    """The outcome in cents plus a constant, the score in another unit from another zero: slopes
    follow the units.
    """
    _, design = case("ols", "full")
    fit = fit_ols(design, covariance=kind)
    matrix = design.matrix.copy()
    matrix[:, 1] = (matrix[:, 1] + shift) * unit
    moved = Design(
        (design.response + constant) * factor, matrix, design.terms, design.blocks, design.clusters
    )
    other = fit_ols(moved, covariance=kind)
    slopes = np.array([unit, 1, 1, 1]) / factor
    np.testing.assert_allclose(other.params[1:] * slopes, fit.params[1:], rtol=tolerance.reference)
    np.testing.assert_allclose(
        other.std_errors()[1:] * slopes, fit.std_errors()[1:], rtol=tolerance.reference
    )
    assert other.r_squared == pytest.approx(fit.r_squared, rel=tolerance.reference)


# --- truth and coverage ---------------------------------------------------------------------------


def draw(rng, n, *, clusters=None, slope=0.3):
    """The score and engagement share a cause, and the spread of the outcome grows with both."""
    e = rng.normal(size=n)
    s = 0.6 * e + rng.normal(size=n)
    y = 1 + slope * s + 0.5 * e + rng.normal(size=n) * np.exp(0.3 * s)
    matrix = np.column_stack([np.ones(n), e, s])
    return Design(
        y, matrix, ("(Intercept)", "e", "s"), ("intercept", "engagement", "score"), clusters
    )


def test_known_truth(tolerance):
    fit = fit_ols(draw(np.random.default_rng(6), 50_000), covariance="HC3")
    gap = np.abs(fit.params - [1, 0.5, 0.3]) / fit.std_errors()
    assert gap.max() < tolerance.standard_errors
    assert fit.std_errors().max() < 0.02


def test_coverage_of_the_interval(is_nominal):
    """2,000 samples of 300 rows with unequal variances: the 95 % interval misses the truth in 5 %
    of them.
    """
    rng = np.random.default_rng(7)
    fits = [fit_ols(draw(rng, 300), covariance="HC3") for _ in range(2000)]
    misses = [p_value((fit.params[2] - 0.3) / fit.std_errors()[2], fit.df) for fit in fits]
    assert is_nominal(misses)


def test_clustered_rows_need_a_clustered_covariance(is_nominal, rejection_interval):
    """Score and outcome vary mostly between 40 clusters: CRV3 keeps its size, HC1 on the same fits
    does not.
    """
    rng = np.random.default_rng(8)
    clusters = np.repeat(np.arange(40), 8)
    p_values = {"HC1": [], "CRV3": []}
    for _ in range(1000):
        group = rng.normal(size=(2, 40))[:, clusters]
        s, y = group + rng.normal(size=(2, 320))
        matrix = np.column_stack([np.ones(320), s])
        design = Design(y, matrix, ("(Intercept)", "s"), ("intercept", "score"), clusters)
        for kind, values in p_values.items():
            fit = fit_ols(design, covariance=kind)
            values.append(p_value(fit.params[1] / fit.std_errors()[1], fit.df))
    assert is_nominal(p_values["CRV3"])
    assert not is_nominal(p_values["HC1"])
    assert rejection_interval(p_values["HC1"])[0] > 0.10


# --- refusals -------------------------------------------------------------------------------------


def test_crv3_refuses_a_column_that_lives_in_one_cluster(creators, design_of):
    frame = creators.assign(e2=np.where(creators.cluster == 23, creators.e2, 0.0))
    design = design_of(frame, "y_cont", cluster="cluster")
    with pytest.raises(DesignError, match="CRV3"):
        fit_ols(design, covariance="CRV3")
    assert np.isfinite(fit_ols(design, covariance="CRV1").cov).all()


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_a_level_with_one_row_is_refused_by_hc2_and_hc3(creators, design_of, kind):
    frame = creators.assign(x1=(np.arange(300) == 17).astype(float))
    with pytest.raises(DesignError, match="leverage 1"):
        fit_ols(design_of(frame, "y_cont"), covariance=kind)
