"""Blocked Poisson pseudo maximum likelihood against statsmodels, refits and exact arithmetic."""

import tracemalloc

import mpmath
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import AnalysisError
from analysis.models.design import Design
from analysis.models.fast_poisson import fit_poisson
from analysis.models.glm import fit_pml

NAMES = ["a", "b", "c"]


def revenue(n=800, seed=0):
    """Skewed revenue with zeros: Poisson means times gamma noise, not whole numbers."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    codes = rng.integers(0, 30, n)
    mean = np.exp(1 + x @ [0.5, -0.3, 0.1] + 0.3 * rng.normal(size=30)[codes])
    return x, mean * rng.gamma(0.5, 2.0, n) * (rng.uniform(size=n) > 0.3), codes


def test_statsmodels_agrees():
    x, y, codes = revenue()
    model = sm.Poisson(y, sm.add_constant(x))
    n, k = len(y), 4
    fit = fit_poisson(x, y, NAMES)
    robust = model.fit(disp=0, method="newton", tol=1e-14, cov_type="HC0")
    np.testing.assert_allclose(fit.coefficient, robust.params, rtol=1e-9)
    np.testing.assert_allclose(fit.std_error, robust.bse * np.sqrt(n / (n - k)), rtol=1e-9)
    np.testing.assert_allclose(
        fit_poisson(x, y, NAMES, covariance="HC0").covariance, robust.cov_params(), rtol=1e-8
    )
    clustered = model.fit(
        disp=0, method="newton", tol=1e-14, cov_type="cluster", cov_kwds={"groups": codes}
    )
    by_cluster = fit_poisson(x, y, NAMES, covariance="CRV1", cluster=codes)
    np.testing.assert_allclose(by_cluster.std_error, clustered.bse, rtol=1e-9)
    assert by_cluster.clusters == 30
    glm = sm.GLM(y, sm.add_constant(x), family=sm.families.Poisson()).fit(tol=1e-14)
    assert fit.deviance == pytest.approx(glm.deviance, rel=1e-10)


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_leverages_are_those_of_the_fit_in_memory(kind):
    x, y, _ = revenue()
    x = np.exp(x)
    terms, blocks = ("const", *NAMES), ("intercept", "control", "engagement", "score")
    design = Design(y, np.column_stack([np.ones(len(y)), x]), terms, blocks)
    fit = fit_poisson(x, y, NAMES, covariance=kind, block_rows=100)
    np.testing.assert_allclose(fit.covariance, fit_pml(design, covariance=kind).cov, rtol=1e-7)
    assert fit.kind == kind


def test_a_row_of_leverage_one_has_no_hc3():
    x, y, _ = revenue()
    alone = np.column_stack([x, np.arange(len(y)) == np.argmax(y)])
    with pytest.raises(AnalysisError, match="leverage 1"):
        fit_poisson(alone, y, [*NAMES, "d"], covariance="HC3")
    assert fit_poisson(alone, y, [*NAMES, "d"]).std_error[0] > 0


def test_offset_is_an_exposure():
    x, y, _ = revenue()
    offset = np.random.default_rng(1).normal(size=len(y))
    fit = fit_poisson(x, y * np.exp(offset), NAMES, offset=offset)
    peer = sm.Poisson(y * np.exp(offset), sm.add_constant(x), offset=offset).fit(
        disp=0, method="newton", tol=1e-14, cov_type="HC0"
    )
    np.testing.assert_allclose(fit.coefficient, peer.params, rtol=1e-9)
    np.testing.assert_allclose(fit.std_error, peer.bse * np.sqrt(800 / 796), rtol=1e-9)


def test_known_means_come_back():
    x, _, _ = revenue()
    fit = fit_poisson(x, np.exp(2 + x @ [0.5, -1.0, 0.25]), NAMES)
    np.testing.assert_allclose(fit.coefficient, [2, 0.5, -1.0, 0.25], rtol=1e-12)
    assert abs(fit.deviance) < 1e-9


def test_sixty_digits_agree():
    x, y, _ = revenue(60, seed=4)
    x[:, 2] = x[:, 0] + 3e-3 * x[:, 2]  # condition number just below 1e3
    fit = fit_poisson(x, y, NAMES)
    mpmath.mp.dps = 50
    rows = mpmath.matrix([[1, *map(float, row)] for row in x])
    beta = mpmath.matrix([float(b) for b in fit.coefficient])
    for _ in range(6):
        mu = [mpmath.exp(v) for v in rows * beta]
        score = rows.T * mpmath.matrix([float(y[i]) - mu[i] for i in range(60)])
        information = rows.T * mpmath.matrix(
            [[mu[i] * rows[i, j] for j in range(4)] for i in range(60)]
        )
        beta += information**-1 * score
    np.testing.assert_allclose(fit.coefficient, [float(b) for b in beta], rtol=1e-11)
    scores = mpmath.matrix(
        [[(float(y[i]) - mu[i]) * rows[i, j] for j in range(4)] for i in range(60)]
    )
    bread = information**-1
    covariance = bread * (scores.T * scores) * bread * mpmath.mpf(60) / 56
    np.testing.assert_allclose(
        fit.std_error, [float(mpmath.sqrt(covariance[j, j])) for j in range(4)], rtol=1e-9
    )


@settings(max_examples=30, deadline=None)
@given(
    block=st.integers(1, 900),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([1e-9, 1.0, 1e9]),
    offset=st.sampled_from([0.0, 1e4]),
)
def test_blocks_units_and_labels_do_not_matter(block, seed, scale, offset):
    x, y, codes = revenue(400, seed)
    plain = fit_poisson(x, y, NAMES, covariance="CRV1", cluster=codes)
    labels = np.array([f"{c}" for c in 99 - codes])
    moved = fit_poisson(
        (x + offset) * scale, y * 1e6, NAMES, covariance="CRV1", cluster=labels, block_rows=block
    )
    loss = 1 + offset
    np.testing.assert_allclose(
        moved.coefficient[1:] * scale, plain.coefficient[1:], rtol=1e-8, atol=1e-11 * loss
    )
    np.testing.assert_allclose(moved.std_error[1:] * scale, plain.std_error[1:], rtol=1e-10 * loss)


def test_subsample_start_and_warm_start_reach_the_same_fit():
    x, y, _ = revenue(20_000)
    cold = fit_poisson(x[:9_000], y[:9_000], NAMES)
    part = fit_poisson(x, y, NAMES)
    warm = fit_poisson(x, y, NAMES, start=cold.coefficient)
    np.testing.assert_allclose(part.coefficient, warm.coefficient, rtol=1e-10)
    sorted_rows = np.argsort(y)
    np.testing.assert_allclose(
        fit_poisson(x[sorted_rows], y[sorted_rows], NAMES).coefficient, part.coefficient, rtol=1e-10
    )
    far = fit_poisson(x, y, NAMES, start=np.array([5.0, 2, 2, 2]))
    np.testing.assert_allclose(far.coefficient, part.coefficient, rtol=1e-9)


def test_one_enormous_outcome():
    x, y, _ = revenue()
    y[5] = 1e7
    fit = fit_poisson(x, y, NAMES)
    score = np.column_stack([np.ones(800), x]).T @ (
        y - np.exp(fit.coefficient[0] + x @ fit.coefficient[1:])
    )
    assert np.max(np.abs(score)) < 1e-9 * y.sum()
    flat = fit_poisson(x, y, NAMES, start=np.zeros(4))
    np.testing.assert_allclose(flat.coefficient, fit.coefficient, rtol=1e-9)


def test_memory_is_that_of_the_blocks():
    x, y, codes = revenue(200_000)
    for options in ({}, {"covariance": "CRV1", "cluster": codes}):
        tracemalloc.start()
        fit_poisson(x, y, NAMES, **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20 * 2**20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(outcome=-np.ones(50)), "zero or more"),
        (dict(outcome=np.zeros(50)), "zero everywhere"),
        (dict(outcome=np.full(50, np.nan)), "missing"),
        (dict(names=["a"]), "outcomes by names"),
        (dict(covariance="HC4"), "HC4"),
        (dict(covariance="CRV1"), "without clusters"),
        (dict(cluster=np.arange(50)), "with clusters"),
        (dict(covariance="CRV1", cluster=np.zeros(50)), "at least 2"),
        (dict(covariance="CRV1", cluster=np.zeros(3)), "50 labels"),
        (dict(covariance="CRV1", cluster=np.array(["a", None] * 25, dtype=object)), "row 1"),
        (dict(start=np.zeros(2)), "4 coefficients"),
        (dict(start=np.array([800.0, 0, 0, 0])), "infinite"),
    ],
)
def test_what_cannot_be_fitted(change, words):
    x, y, _ = revenue(50)
    given_ = {"columns": x, "outcome": y, "names": NAMES} | change
    with pytest.raises(AnalysisError, match=words):
        fit_poisson(given_.pop("columns"), given_.pop("outcome"), given_.pop("names"), **given_)


def test_columns_for_which_no_estimate_exists():
    x, y, _ = revenue(300)
    twin = np.column_stack([x, x[:, 0]])
    with pytest.raises(AnalysisError, match="combination of a, d"):
        fit_poisson(twin, y, [*NAMES, "d"])
    separated = x.copy()
    separated[:, 2] = (np.arange(300) < 20) * 1.0
    y[:20] = 0
    with pytest.raises(AnalysisError, match=r"combination of .*c"):
        fit_poisson(separated, y, NAMES)
    with pytest.raises(AnalysisError, match="no variation in c"):
        fit_poisson(np.column_stack([x[:, :2], np.full(300, 0.1)]), y, NAMES)
    x[3, 1] = np.nan
    with pytest.raises(AnalysisError, match="missing or infinite values in b"):
        fit_poisson(x, y, NAMES)
    with pytest.raises(AnalysisError, match="more than the 4"):
        fit_poisson(x[4:8], y[4:8] + 1, NAMES)
