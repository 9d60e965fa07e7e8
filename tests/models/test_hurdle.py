"""A hurdle and what lies beyond it: the parts, their recombination, and rows and checks of an
audit.
"""

import json

import numpy as np
import pytest
from scipy.special import expit

from analysis.audit import analyse
from analysis.errors import DesignError, PlanError
from analysis.models import fit_logit, fit_model, fit_nb2, fit_pml
from analysis.models.design import Design
from analysis.models.fit import wald
from analysis.report.views import Audit


def drawn(
    n,
    seed,
    *,
    chance=(0.5, 0.4, 0.0),
    amount=(0.5, 0.3, 0.0),
    alpha=0.5,
    counts=True,
    clusters=None,
):
    """Return a design whose outcomes pass a hurdle and are then truncated NB2 counts, or gamma
    amounts.
    """
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    mean = np.exp(matrix @ amount)
    values = np.zeros(n)
    if counts:
        while (values == 0).any():
            again = values == 0
            values[again] = rng.poisson(mean[again] * rng.gamma(1 / alpha, alpha, size=again.sum()))
    else:
        values = mean * rng.gamma(2, 0.5, size=n)
    values *= rng.random(n) < expit(matrix @ chance)
    return Design(
        response=values,
        matrix=matrix,
        terms=("(Intercept)", "e", "s"),
        blocks=("intercept", "engagement", "score"),
        clusters=None if clusters is None else np.arange(n) % clusters,
    )


def overall_mean(matrix, chance, amount, alpha=None):
    base = np.exp(matrix @ amount)
    if alpha is not None:
        base = base / (1 - (1 + alpha * base) ** (-1 / alpha))
    return (expit(matrix @ chance) * base).mean()


def test_the_parts_are_those_of_pscl(root, creators, design_of):
    expected = json.loads(
        (root / "tests" / "reference" / "count_values.json").read_text(encoding="utf-8")
    )["hurdle"]
    design = design_of(creators, "y_count", ("(Intercept)", "score", "e1", "e2", "x1"))
    fit = fit_model(design, "hurdle", "HC0", counts=True)
    zero, positive = fit.parts
    np.testing.assert_allclose(zero.params, expected["zero"], rtol=1e-5)
    np.testing.assert_allclose(positive.params, expected["positive"], rtol=1e-5)
    assert positive.dispersion == pytest.approx(expected["alpha"][0], rel=1e-5)


@pytest.mark.parametrize("counts", [True, False])
def test_each_part_is_the_fit_of_its_own_rows(counts, tolerance):
    design = drawn(500, 1, counts=counts, clusters=40)
    positive = design.response > 0
    for kind in ("HC0", "HC1", "HC3", "CRV1"):
        zero, beyond = fit_model(design, "hurdle", kind, counts=counts).parts
        alone = fit_logit(design.with_response(positive.astype(float)), covariance=kind)
        rest = design.take(positive)
        other = (
            fit_nb2(rest, covariance=kind, truncated=True)
            if counts
            else fit_pml(rest, family="gamma", covariance=kind)
        )
        np.testing.assert_allclose(zero.cov, alone.cov, rtol=tolerance.root, atol=1e-12)
        np.testing.assert_allclose(beyond.cov, other.cov, rtol=tolerance.root, atol=1e-12)


@pytest.mark.parametrize("counts", [True, False])
def test_the_overall_effect_is_the_slope_of_the_standardised_mean(counts):
    """A second route: raise the score in every row by a little, and average what both parts
    predict.
    """
    design = drawn(800, 2, chance=(0.2, 0.4, 0.3), amount=(0.5, 0.3, 0.2), counts=counts)
    fit = fit_model(design, "hurdle", "HC1", counts=counts)
    zero, beyond = fit.parts
    alpha = beyond.dispersion if counts else None
    step = np.array([0.0, 0.0, 1e-5])
    up, down = (
        np.log(overall_mean(design.matrix + sign * step, zero.params, beyond.params, alpha))
        for sign in (1, -1)
    )
    assert fit.params[2] == pytest.approx((up - down) / 2e-5, rel=1e-6)


@pytest.mark.parametrize("counts", [True, False])
def test_recovers_the_overall_effect(counts, tolerance):
    chance, amount = (0.2, 0.4, 0.3), (0.5, 0.3, 0.2)
    design = drawn(20_000, 3, chance=chance, amount=amount, counts=counts)
    step = np.array([0.0, 0.0, 1e-4])
    means = [
        overall_mean(design.matrix + sign * step, chance, amount, 0.5 if counts else None)
        for sign in (1, -1)
    ]
    truth = np.log(means[0] / means[1]) / 2e-4
    fit = fit_model(design, "hurdle", "HC1", counts=counts)
    assert abs(fit.params[2] - truth) < tolerance.standard_errors * fit.std_errors()[2]


def test_the_delta_method_agrees_with_a_bootstrap():
    design = drawn(400, 4, counts=False)
    rng, found = np.random.default_rng(4), []
    for _ in range(120):
        found.append(fit_model(design.take(rng.integers(400, size=400)), "hurdle", "HC0").params[2])
    fit = fit_model(design, "hurdle", "HC0")
    assert np.std(found) == pytest.approx(fit.std_errors()[2], rel=0.25)


def test_the_joint_test_is_the_sum_of_both_parts(tolerance):
    fit = fit_model(drawn(400, 5), "hurdle", "HC1", counts=True)
    statistic, p = wald(fit, ("s",))
    assert statistic == pytest.approx(
        sum(wald(part, ("s",))[0] for part in fit.parts), rel=tolerance.route
    )
    assert p == pytest.approx(
        np.exp(-statistic / 2), rel=tolerance.route
    )  # chi-square with two degrees of freedom


def test_with_clusters_the_joint_test_has_both_parts_covariance():
    fit = fit_model(drawn(400, 5, clusters=30), "hurdle", "CRV1", counts=True)
    at = [2, 5]
    slopes = np.array([part.params[2] for part in fit.parts])
    value = slopes @ np.linalg.solve(fit.stacked[np.ix_(at, at)], slopes)
    assert wald(fit, ("s",))[0] == pytest.approx(value * (30 - 2) / (2 * 29))


def test_size(is_nominal):
    overall, joint = [], []
    for seed in range(200):
        fit = fit_model(drawn(300, 500 + seed, counts=False), "hurdle", "HC1")
        overall.append(wald_p(fit))
        joint.append(wald(fit, ("s",))[1])
    assert is_nominal(overall)
    assert is_nominal(joint)


def wald_p(fit):
    from scipy import stats

    return 2 * stats.norm.sf(abs(fit.params[2] / fit.std_errors()[2]))


@pytest.mark.parametrize(
    ("design", "said"),
    [
        (lambda d: d.with_response(d.response + 1), "no outcome of zero"),
        (lambda d: d.with_response(d.response * (np.arange(d.n) < 10)), "positive outcomes"),
    ],
)
def test_refuses_what_has_no_two_parts(design, said):
    with pytest.raises(DesignError, match=said):
        fit_model(design(drawn(200, 6)), "hurdle", "HC1", counts=True)


# --- in an audit ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted(make_frame, plan_of):
    return analyse(plan_of("count", outcome={"model": "hurdle"}, quick=True), make_frame())


def test_a_hurdle_may_decide(counted):
    row = counted.decided[0].deciding
    assert (row.model, row.variant, row.unit) == ("hurdle", "", "percent")
    assert "hurdle" in Audit(counted).sentence()
    names = [member.name for member in counted.decided[0].deciding_set]
    assert names == ["as recorded", "form", "noise", "form and noise", "steps and noise"]
    assert all(member.row is not None for member in counted.decided[0].deciding_set)


def test_the_parts_stand_beside(counted):
    rows = {
        row.variant: row
        for row in counted.estimates.select(method="increment", model="hurdle", term="klout")
    }
    of_form = {"form", "raw-form"}
    assert {"", "raw", "zero", "zero-raw", "positive", "positive-raw"} == set(rows) - of_form
    assert rows["zero"].unit == "log odds"
    joint = counted.estimates.one(method="increment", model="hurdle", term="wald")
    assert joint.statistic == pytest.approx(
        rows["zero"].statistic ** 2 + rows["positive"].statistic ** 2
    )


def test_nb2_may_decide_and_says_its_name(make_frame, plan_of):
    found = analyse(plan_of("count", outcome={"model": "nb2"}), make_frame())
    assert found.decided[0].deciding.model == "nb2"
    assert "negative binomial" in Audit(found).sentence()
    models = {row.model for row in found.estimates.select(method="increment")}
    assert {"nb2", "hurdle", "poisson", "ols"} <= models


def test_revenue_with_zeros_has_two_parts_and_without_a_reason(make_frame, plan_of):
    frame = make_frame()
    found = analyse(plan_of("revenue", quick=True), frame)
    assert found.estimates.one(method="increment", model="hurdle", term="klout", variant="")
    without = analyse(plan_of("revenue", quick=True), frame.assign(sales=frame.sales + 1))
    assert not without.estimates.select(model="hurdle").rows
    reason = next(check.reason for check in without.checks if check.check == "companion_hurdle")
    assert "no outcome of zero" in reason


def test_a_hurdle_has_no_exposure(plan_of):
    with pytest.raises(PlanError, match="exposure"):
        plan_of("count", outcome={"model": "hurdle", "exposure": "months"})
