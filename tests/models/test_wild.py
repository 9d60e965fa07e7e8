"""Few clusters: the wild bootstrap against the one from moments and by brute force, its interval,
and G*.
"""

import itertools

import numpy as np
import pytest
from scipy import stats

from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.errors import DesignError, PlanError
from analysis.models import fit_ols
from analysis.models.design import Design
from analysis.models.distributions import detectable_effect
from analysis.models.sufficient_statistics.fits import fit_subsets
from analysis.models.sufficient_statistics.measure import sufficient_statistics
from analysis.models.sufficient_statistics.resampling import wild_bootstrap
from analysis.models.wild import effective_clusters, wild_test
from analysis.report.views import Audit
from analysis.results.question import Question
from analysis.studies.placebo.study import study_placebo


def drawn(groups, seed, *, slope=0.0, rows=8):
    """Return a design with a common shock in the outcome and in the score of each cluster."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(groups), rows + np.arange(groups) % 3)
    n = len(clusters)
    shock, likes = rng.normal(size=(2, groups))[:, clusters], rng.normal(size=n)
    score = shock[0] + rng.normal(size=n)
    response = 1 + 0.5 * likes + slope * score + shock[1] + rng.normal(size=n)
    return Design(
        response=response,
        matrix=np.column_stack([np.ones(n), likes, score]),
        terms=("(Intercept)", "likes", "score"),
        blocks=("intercept", "engagement", "score"),
        clusters=clusters,
    )


@pytest.mark.parametrize("groups", [8, 15])
def test_the_p_value_is_that_of_the_bootstrap_from_moments(groups, tolerance):
    design = drawn(groups, 1)
    found = wild_test(design, "score", replicates=999, seed=7)
    table = np.column_stack([design.matrix[:, 1:], design.response])
    moments = sufficient_statistics(
        table, ["likes", "score", "y"], groups={"cluster": design.clusters}
    )
    fits = fit_subsets(
        moments, [["likes"]], outcome="y", term="score", covariance=["CRV1"], cluster="cluster"
    )
    other = wild_bootstrap(fits, "cluster", replicates=999, seed=7)
    assert found.statistic == pytest.approx(other.statistic, rel=tolerance.route)
    assert found.p_value() == other.p_value
    assert found.enumerated is other.enumerated is (groups == 8)
    crv1 = fit_ols(design, covariance="CRV1")
    assert found.std_error == pytest.approx(crv1.std_errors()[2], rel=tolerance.route)


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_every_sign_vector_refitted_gives_the_same_p_value(value):
    """The second route: make each bootstrap sample, fit it, and count."""
    design = drawn(6, 2, slope=0.2)
    fit = fit_ols(design, covariance="CRV1")
    observed = abs(fit.params[2] - value) / fit.std_errors()[2]
    held = design.without("score").with_response(design.response - value * design.matrix[:, 2])
    restricted = fit_ols(held, covariance="HC0")
    beyond = 0
    for signs in itertools.product([1.0, -1.0], repeat=6):
        again = (
            restricted.fitted
            + value * design.matrix[:, 2]
            + np.array(signs)[design.clusters] * restricted.residuals
        )
        other = fit_ols(design.with_response(again), covariance="CRV1")
        beyond += abs(other.params[2] - value) / other.std_errors()[2] >= observed * (1 - 1e-9)
    assert wild_test(design, "score", replicates=999, seed=1).p_value(value) == pytest.approx(
        beyond / 64
    )


@pytest.mark.parametrize("groups", [7, 20])
def test_the_interval_is_the_test_inverted(groups):
    found = wild_test(drawn(groups, 3, slope=0.3), "score", replicates=999, seed=3)
    low, high = found.interval(0.95)
    assert low < found.estimate < high
    step = 1e-4 * found.std_error
    assert found.p_value(low - step) <= 0.05 < found.p_value(low + step)
    assert found.p_value(high + step) <= 0.05 < found.p_value(high - step)
    inner = found.interval(0.9)
    assert low <= inner[0] <= inner[1] <= high


def test_too_few_clusters_have_no_interval():
    with pytest.raises(DesignError, match="more clusters"):
        wild_test(drawn(4, 4), "score", replicates=999, seed=4).interval(0.95)


def test_size_with_ten_clusters():
    """CRV1 with the normal reference rejects far too often here; the wild bootstrap hardly does."""
    wild, normal = [], []
    for seed in range(200):
        found = wild_test(drawn(10, 100 + seed), "score", replicates=399, seed=1)
        wild.append(found.p_value())
        normal.append(2 * stats.norm.sf(abs(found.statistic)))
    assert np.mean(np.array(wild) < 0.05) < 0.10
    assert np.mean(np.array(normal) < 0.05) > 0.10


def test_effective_clusters_are_those_of_the_formula():
    """summclust's loop over clusters, written out: w'X_g'X_g w and (1'X_g w)**2."""
    design = drawn(12, 5)
    fit = fit_ols(design, covariance="CRV1")
    w = np.linalg.inv(design.matrix.T @ design.matrix)[:, 2]
    parts = [design.matrix[design.clusters == g] @ w for g in range(12)]
    for found, gamma in zip(
        effective_clusters(fit, "score"),
        ([p @ p for p in parts], [p.sum() ** 2 for p in parts]),
        strict=True,
    ):
        spread = np.mean((gamma - np.mean(gamma)) ** 2) / np.mean(gamma) ** 2
        assert found == pytest.approx(12 / (1 + spread))


def test_equal_clusters_count_in_full():
    clusters = np.repeat(np.arange(10), 4)
    score = np.tile([1.0, -1.0], 20) + np.where(clusters % 2, 0.5, -0.5)
    design = Design(
        response=score + np.arange(40.0) % 7,
        matrix=np.column_stack([np.ones(40), score]),
        terms=("(Intercept)", "score"),
        blocks=("intercept", "score"),
        clusters=clusters,
    )
    assert effective_clusters(fit_ols(design, covariance="CRV1"), "score") == pytest.approx(
        (10, 10)
    )


# --- in a plan ------------------------------------------------------------------------------------

WILD = {"cluster": {"column": "agency"}, "inference": {"covariance": "wild", "bootstrap": 499}}


@pytest.fixture(scope="module")
def few(make_frame, plan_of):
    return analyse(plan_of("continuous", quick=True, **WILD), make_frame(agencies=9))


def test_the_deciding_row_is_wild_with_an_inverted_interval(few):
    row = few.decided[0].deciding
    assert row.covariance == "wild"
    assert row.clusters == 9
    low, high = row.interval(0.95)
    half = stats.t.isf(0.025, 8) * row.std_error
    assert low < row.estimate < high
    assert (low, high) != (row.estimate - half, row.estimate + half)
    assert few.estimates.one(method="increment", term="wald").p_value == row.p_value
    assert few.estimates.tidy().query("id == @row.id").conf_low.item() == low


def test_what_is_said_beside_it_names_its_method(few):
    """The printed p is the bootstrap's; power and equivalence go by CRV1 and t(8)."""
    row = few.decided[0].deciding
    assert f"t = {row.statistic:.2f}, p " in Audit(few).sentence()
    assert "by the wild cluster bootstrap" in Audit(few).sentence()
    assert "z = " not in Audit(few).sentence()
    mde = few.estimates.one(method="power", term="mde")
    assert mde.estimate == pytest.approx(detectable_effect(row.std_error, df=8.0))
    tested = few.estimates.one(method="equivalence", model="ols", term="tost")
    assert (tested.df, tested.covariance) == (8.0, "CRV1")
    assert all("not by the wild bootstrap" in row.note for row in (mde, tested))


def test_draws_of_placebos_say_how_they_were_judged(make_frame, plan_of):
    plan = plan_of("continuous", overlap={"draws": 100}, **WILD)
    sample = select_sample(plan, from_frame(make_frame(300, agencies=20)))
    found = study_placebo(Question(sample, plan.outcome[0], "klout"))
    assert all("not by the wild bootstrap, which decides" in row.note for row in found.rows)


def test_other_models_say_what_they_took(make_frame, plan_of):
    found = analyse(plan_of(outcome={"model": "ols"}, quick=True, **WILD), make_frame(agencies=20))
    row = found.estimates.one(method="increment", model="poisson", term="klout", variant="")
    assert row.covariance == "CRV3"
    assert "wild" in row.note


@pytest.mark.parametrize(
    ("kind", "extra"), [("revenue", {}), ("binary", {}), ("continuous", {"cluster": None})]
)
def test_wild_is_for_least_squares_with_clusters(plan_of, kind, extra):
    with pytest.raises(PlanError, match="wild"):
        plan_of(kind, **(WILD | extra))


@pytest.mark.parametrize("options", [{"cluster": {"column": "agency"}}, WILD])
def test_five_clusters_are_refused(make_frame, plan_of, options):
    found = analyse(plan_of("continuous", quick=True, **options), make_frame(agencies=5))
    assert found.decided[0].verdict == "refused"
    assert "six clusters" in found.decided[0].reasons[0]


def test_the_effective_number_is_printed_with_its_two_cases(few):
    (check,) = [check for check in few.checks if check.check == "effective_clusters"]
    assert check.statistic is not None
    assert "9 clusters" in check.reason
    assert not check.refused
