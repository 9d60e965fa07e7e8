"""Fixed effects: against dummies, known truth, size, the noise they magnify, and the rows of a plan
with [panel].
"""

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.data.dataset import read_dataset
from analysis.data.sample import select_sample
from analysis.errors import DesignError, PlanError
from analysis.measurement_error.reliability import within_person
from analysis.models import covariance_of, fit_model, fit_ols, fit_pml
from analysis.models.columns import build_design
from analysis.models.design import Design
from analysis.models.fit import p_value
from analysis.models.fixed_effects import autocorrelation, fit_within, sweep
from analysis.plan import read_plan


def drawn(units, periods, seed, *, slope=0.0, model="ols", miss=0.1):
    """Return (design, unit, time) of a panel whose units differ, in score and outcome alike."""
    rng = np.random.default_rng(seed)
    unit, time = (
        a.ravel() for a in np.meshgrid(np.arange(units), np.arange(periods), indexing="ij")
    )
    talent, season = rng.normal(size=units)[unit], rng.normal(size=periods)[time]
    likes = talent + rng.normal(size=len(unit))
    score = talent + 0.5 * season + rng.normal(size=len(unit))
    predictor = 0.3 * likes + slope * score + talent + 0.5 * season
    y = (
        predictor + rng.normal(size=len(unit))
        if model == "ols"
        else rng.poisson(np.exp(0.3 * predictor)).astype(float)
    )
    keep = rng.random(len(unit)) > miss
    design = Design(
        response=y,
        matrix=np.column_stack([np.ones(len(unit)), likes, score]),
        terms=("(Intercept)", "likes", "score"),
        blocks=("intercept", "engagement", "score"),
    )
    return design.take(keep), unit[keep], time[keep]


def with_dummies(design, unit, time, clusters):
    """Return the design with a column for every unit and period but one."""
    dummies = pd.get_dummies(pd.Series(unit), drop_first=True).to_numpy(float)
    if time is not None:
        dummies = np.column_stack(
            [dummies, pd.get_dummies(pd.Series(time), drop_first=True).to_numpy(float)]
        )
    names = tuple(f"d{i}" for i in range(dummies.shape[1]))
    matrix = np.column_stack([design.matrix[:, :1], dummies, design.matrix[:, 1:]])
    return Design(
        response=design.response,
        matrix=matrix,
        terms=("(Intercept)", *names, *design.terms[1:]),
        blocks=("intercept", *["control"] * len(names), *design.blocks[1:]),
        clusters=clusters,
    )


@pytest.mark.parametrize("two_way", [False, True])
@pytest.mark.parametrize("model", ["ols", "poisson"])
def test_slopes_and_errors_are_those_of_dummies(model, two_way, tolerance):
    design, unit, time = drawn(25, 6, 1, slope=0.2, model=model)
    time = time if two_way else None
    fit = fit_within(design, unit, time, model=model)
    informative = (
        np.isin(unit, np.flatnonzero(np.bincount(unit, design.response) != 0))
        if model == "poisson"
        else np.ones(design.n, dtype=bool)
    )
    informative &= np.bincount(unit)[unit] > 1
    rest, codes = design.take(informative), np.unique(unit[informative], return_inverse=True)[1]
    whole = with_dummies(rest, codes, None if time is None else time[informative], codes)
    other = (
        fit_ols(whole, covariance="CRV1") if model == "ols" else fit_pml(whole, covariance="CRV1")
    )
    np.testing.assert_allclose(fit.params, other.params[-2:], rtol=tolerance.root)
    # Dummies of units count as columns there; here they lie within clusters and do not (as in
    # fixest and reghdfe).
    n, slopes = rest.n, 3 + (fit.periods - 1)
    factor = np.sqrt((n - whole.k) / (n - slopes))
    np.testing.assert_allclose(
        np.sqrt(np.diag(fit.cov)), other.std_errors()[-2:] * factor, rtol=1e-5
    )


@pytest.mark.parametrize("model", ["ols", "poisson"])
def test_is_what_pyfixest_says(model):
    pyfixest = pytest.importorskip("pyfixest")
    design, unit, time = drawn(40, 6, 3, slope=0.2, model=model)
    frame = pd.DataFrame(
        {
            "y": design.response,
            "likes": design.matrix[:, 1],
            "score": design.matrix[:, 2],
            "unit": unit,
            "time": time,
        }
    )
    function = pyfixest.feols if model == "ols" else pyfixest.fepois
    other = function("y ~ likes + score | unit + time", data=frame, vcov={"CRV1": "unit"})
    fit = fit_within(design, unit, time, model=model)
    np.testing.assert_allclose(fit.params, other.coef().to_numpy(), rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.cov)), other.se().to_numpy(), rtol=1e-3)


@pytest.mark.parametrize("model", ["ols", "poisson"])
def test_recovers_the_truth_where_units_differ(model, tolerance):
    design, unit, time = drawn(400, 6, 2, slope=0.3, model=model)
    truth = 0.3 if model == "ols" else 0.09
    fit = fit_within(design, unit, time, model=model)
    assert abs(fit.params[1] - truth) < tolerance.standard_errors * fit.std_error("score")
    plain = fit_ols(design, covariance="HC1")
    assert (
        abs(plain.params[2] - 0.3) > tolerance.standard_errors * plain.std_errors()[2]
        or model == "poisson"
    )


def test_size(is_nominal):
    from scipy import stats

    p = []
    for seed in range(200):
        design, unit, time = drawn(60, 4, 100 + seed)
        fit = fit_within(design, unit, time)
        p.append(2 * stats.t.sf(abs(fit.params[1]) / fit.std_error("score"), 59))
    assert is_nominal(p)


def test_a_sweep_leaves_no_mean_behind():
    rng = np.random.default_rng(1)
    unit, time, weights = (
        rng.integers(20, size=300),
        rng.integers(5, size=300),
        rng.random(300) + 0.1,
    )
    left = sweep(rng.normal(size=(300, 2)), [unit, time], weights)
    for codes in (unit, time):
        np.testing.assert_allclose(np.bincount(codes, weights * left[:, 0]), 0, atol=1e-8)


def test_columns_that_do_not_change_are_absorbed_and_a_score_may_not_be():
    design, unit, time = drawn(20, 5, 4)
    fixed = Design(
        response=design.response,
        matrix=np.column_stack([design.matrix, unit % 2]),
        terms=(*design.terms, "female"),
        blocks=(*design.blocks, "control"),
    )
    fit = fit_within(fixed, unit, time, terms=("score",))
    assert fit.absorbed == ("female",)
    with pytest.raises(DesignError, match="does not change within"):
        fit_within(fixed, unit, time, terms=("female",))


def test_autocorrelation_and_what_is_left_of_a_reliability():
    rng = np.random.default_rng(5)
    unit, time = np.repeat(np.arange(3000), 2), np.tile([0, 1], 3000)
    stable, noise = rng.normal(size=3000)[unit], rng.normal(size=6000)
    values = np.sqrt(0.6) * stable + np.sqrt(0.4) * noise
    assert autocorrelation(values, unit, time) == pytest.approx(0.6, abs=0.05)
    assert autocorrelation(values, unit) == pytest.approx(0.6, abs=0.05)
    assert within_person(0.8, 0.6) == pytest.approx(0.5)


# --- in a plan ------------------------------------------------------------------------------------


def frame_of(seed, *, noise=0.0, units=150, periods=5, slope=0.0):
    """Return monthly rows in which likes are recorded with noise and the score follows true
    engagement.
    """
    rng = np.random.default_rng(seed)
    unit, month = (
        a.ravel() for a in np.meshgrid(np.arange(units), np.arange(periods), indexing="ij")
    )
    truth = rng.normal(size=units)[unit] + rng.normal(size=len(unit))
    score = truth + rng.normal(size=len(unit))
    growth = truth + slope * score + rng.normal(size=units)[unit] + rng.normal(size=len(unit))
    likes = truth + noise * rng.normal(size=len(unit))
    return pd.DataFrame(
        {
            "creator": [f"c{u}" for u in unit],
            "month": month,
            "klout": score,
            "growth": growth,
            "sales": np.exp(0.3 * growth),
            "likes": likes,
        }
    )


def plan_with(kind="continuous", **changes):
    return read_plan(
        {
            "name": "months",
            "question": "Within a creator?",
            "dataset": "months.csv",
            "quick": True,
            "score": {"columns": ["klout"]},
            "engagement": {"columns": ["likes"]},
            "outcome": [
                {
                    "column": "growth" if kind == "continuous" else "sales",
                    "kind": kind,
                    "sesoi": 0.1,
                }
            ],
            "panel": {"unit": "creator", "time": "month"},
            **changes,
        }
    )


def test_rows_and_checks_of_a_panel():
    frame = frame_of(1)
    found = analyse(plan_with("revenue"), frame)
    rows = {row.model: row for row in found.estimates.select(method="panel", scale="sd")}
    assert set(rows) == {"poisson", "ols"}
    assert rows["poisson"].clusters == 150
    assert rows["poisson"].unit == "percent"
    reasons = {check.check: check.reason for check in found.checks}
    assert "750 rows of 150 units in 5 periods" in reasons["panel_ols"]
    assert "no reliability" in reasons["panel_reliability"]
    without = analyse(_without_panel("revenue"), frame)
    assert (
        without.decided[0].deciding == found.decided[0].deciding
    )  # the deciding fit stays what it is


def _without_panel(kind):
    plan = plan_with(kind).content()
    del plan["panel"]
    return read_plan(plan)


def test_fixed_effects_magnify_noise_and_the_correction_undoes_it(tolerance):
    """Half of the variance between units is noise-free; a worthless score passes within units, and
    corrected not.
    """
    engagement = {
        "columns": ["likes"],
        "reliability": {"likes": {"value": 0.8, "low": 0.8, "high": 0.8}},
    }
    frame = frame_of(2, noise=np.sqrt(0.5), units=600)  # var(truth) = 2, noise .5: reliability .8
    found = analyse(
        plan_with(engagement=engagement, score={"columns": ["klout"], "shares_error": "none"}),
        frame,
    )
    check = next(check for check in found.checks if check.check == "panel_reliability")
    assert check.statistic == pytest.approx((0.8 - 0.4) / (1 - 0.4), abs=0.06)
    plain = found.estimates.one(method="panel", model="ols", scale="sd")
    corrected = found.estimates.one(method="panel", model="eiv", scale="sd")
    assert plain.estimate > 4 * plain.std_error
    assert abs(corrected.estimate) < tolerance.standard_errors * corrected.std_error
    assert "within-unit reliability" in corrected.note


def test_a_score_that_does_not_change_has_no_effect_within_and_says_so():
    frame = frame_of(3)
    frame["klout"] = frame.groupby("creator").klout.transform("mean")
    found = analyse(plan_with(), frame)
    assert not found.estimates.select(method="panel").rows
    assert "does not change" in next(
        check.reason for check in found.checks if check.check == "panel_ols"
    )


@pytest.mark.parametrize("model", ["ols", "poisson"])
def test_units_that_are_seen_once_have_nothing_to_compare(model):
    design, unit, _ = drawn(60, 1, 4, model=model)
    with pytest.raises(DesignError, match="no unit with two rows"):
        fit_within(design, unit, model=model)


@pytest.mark.parametrize(
    ("panel", "said"),
    [({"unit": "klout"}, "one role"), ({"unit": "creator", "when": "month"}, "when"), ({}, "unit")],
)
def test_a_wrong_panel_is_told(panel, said):
    with pytest.raises(PlanError, match=said):
        plan_with(panel=panel)


@pytest.mark.parametrize("model", ["poisson", "ols"])
def test_professors_rows_disagree_about_zero_and_persons_do_not(model):
    """227 persons in up to three years: HC3 takes 617 rows for as many persons, and is sure of an
    effect.
    """
    plan = read_plan("professors")
    sample = select_sample(plan, read_dataset(plan.dataset, folder=plan.folder))
    design = build_design(sample, "salary", ("pubindx",))
    by_row, by_person = (fit_model(design, model, kind) for kind in ("HC3", "CRV1"))
    p = [p_value(fit.params[-1] / fit.std_errors()[-1], fit.df) for fit in (by_row, by_person)]
    assert p[0] < 0.01
    assert p[1] > 0.05
    assert covariance_of(plan, model, design) == "CRV1"  # what decides


def test_professors_within_a_person_there_is_nothing_to_see():
    plan = read_plan("professors")
    sample = select_sample(plan, read_dataset(plan.dataset, folder=plan.folder))
    design = build_design(sample, "salary", ("pubindx",))
    fit = fit_within(
        design, pd.factorize(sample.frame["id"])[0], model="poisson", terms=("pubindx",)
    )
    assert "female" in fit.absorbed
    assert abs(fit.params[fit.position("pubindx")]) < 2 * fit.std_error("pubindx")
