"""How strong a confounder would have to be: published values, identities, and what an audit makes
of them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.models.columns import build_design
from analysis.models.design import Design
from analysis.studies.confounding.sensitivity import (
    Confounder,
    Movement,
    as_strong_as,
    e_value,
    movement,
    partial_r2,
    robustness_value,
)

DARFUR = {"estimate": 0.09732, "std_error": 0.02326, "df": 783}
"""Slope of the main regressor in the example of Cinelli & Hazlett (2020)."""

VALUES = Path(__file__).resolve().parents[1] / "reference" / "oster_values.json"
OSTER = json.loads(VALUES.read_text("utf-8"))
"""Five regressions on the data of Oster (2019), by the R package bate."""


def test_the_published_example():
    t, df = DARFUR["estimate"] / DARFUR["std_error"], DARFUR["df"]
    assert partial_r2(t, df) == pytest.approx(0.02187, abs=5e-6)
    assert robustness_value(t, df) == pytest.approx(0.1388, abs=5e-5)
    assert robustness_value(t, df, level=0.95) == pytest.approx(
        0.0763, abs=1e-4
    )  # the inputs are rounded


@pytest.mark.parametrize("study", OSTER)
def test_delta_on_the_data_of_oster(study, tolerance):
    """The sums of R's bate give the delta that it prints, with 15 digits."""
    told = OSTER[study]
    moved = Movement(
        raw=told["beta0"],
        full=told["betatilde"],
        raw_r2=told["R0"],
        full_r2=told["Rtilde"],
        var_outcome=told["sigmay"] ** 2,
        var_score=told["sigmax"] ** 2,
        var_left=told["taux"],
    )
    assert moved.delta(told["rmax"]) == pytest.approx(told["delta"], rel=tolerance.route)


def test_the_published_benchmark():
    """A confounder as strong as being female: partial R2 .0092 and .1246 give .0752 with an error
    of .0219.
    """
    found = Confounder(with_score=0.00916, with_outcome=0.12464)
    bias = found.bias(DARFUR["std_error"], DARFUR["df"])
    assert DARFUR["estimate"] - bias == pytest.approx(0.0752, abs=5e-5)
    assert found.error(DARFUR["std_error"], DARFUR["df"]) == pytest.approx(0.0219, abs=5e-5)


@pytest.mark.parametrize("level", [None, 0.9, 0.95])
@pytest.mark.parametrize(("t", "df"), [(2.5, 40), (4.2, 783), (-11.0, 200), (300.0, 12)])
def test_a_confounder_of_the_robustness_value_explains_the_effect_away(t, df, level):
    """Without a level to zero; with one to where the interval begins, with the confounder's own
    standard error.
    """
    from analysis.models.fit import critical_value

    value = robustness_value(t, df, level=level)
    if value == 0:
        assert abs(t) < critical_value(level, df - 1) * math.sqrt(df / (df - 1))
        return
    found = Confounder(value, value)
    left = abs(t) - found.bias(1.0, df)
    if level is None:
        assert left == pytest.approx(0, abs=1e-9 * abs(t))
    elif abs(t) / math.sqrt(df) < math.sqrt(df - 1) / critical_value(level, df - 1):
        assert left == pytest.approx(critical_value(level, df - 1) * found.error(1.0, df), rel=1e-9)


def test_no_robustness_where_the_interval_holds_zero():
    assert robustness_value(1.9, 500, level=0.95) == 0
    assert robustness_value(0.0, 500) == 0


# --- the second route: a confounder that one can see ----------------------------------------------


def orthonormal(rng, n, k):
    """Return k columns with mean 0, variance 1 and exactly no correlation."""
    drawn = rng.normal(size=(n, k))
    return np.linalg.qr(drawn - drawn.mean(axis=0))[0] * np.sqrt(n)


def design_from(y, columns, blocks):
    matrix = np.column_stack([np.ones(len(y)), *columns])
    return Design(
        y, matrix, ("one", *(f"c{i}" for i in range(len(columns)))), ("intercept", *blocks)
    )


def slope(y, columns):
    """Return (slope of the last column, its classical standard error, residual df) by plain least
    squares.
    """
    matrix = np.column_stack([np.ones(len(y)), *columns])
    params, left, _, _ = np.linalg.lstsq(matrix, y, rcond=None)
    df = len(y) - matrix.shape[1]
    return params[-1], math.sqrt(left[0] / df * np.linalg.inv(matrix.T @ matrix)[-1, -1]), df


def share(target, column, held):
    """Return the partial R2 of one column by two regressions."""
    left = [
        np.linalg.lstsq(np.column_stack([np.ones(len(target)), *held, *more]), target, rcond=None)[
            1
        ][0]
        for more in ((), (column,))
    ]
    return 1 - left[1] / left[0]


def test_bias_and_error_are_those_of_the_regression_with_the_confounder(tolerance):
    rng = np.random.default_rng(1)
    x, z, noise_s, noise_y = rng.normal(size=(4, 250))
    s = 0.5 * x + 0.6 * z + noise_s
    y = 0.3 * s + 0.4 * x + 0.7 * z + noise_y
    short, error, df = slope(y, [x, s])
    long, truth, _ = slope(y, [x, z, s])
    found = Confounder(share(s, z, [x]), share(y, z, [x, s]))
    assert found.bias(error, df) == pytest.approx(abs(short - long), rel=tolerance.route)
    assert found.error(error, df) == pytest.approx(truth, rel=tolerance.route)


@pytest.mark.parametrize("times", [0.5, 1.0, 2.0])
def test_a_benchmark_bounds_a_confounder_of_just_that_strength(times, tolerance):
    """z is as strong as x with the score, by construction; what it does to the outcome is then at
    most so much.
    """
    rng = np.random.default_rng(2)
    x, w, z, noise_s, noise_y = orthonormal(rng, 400, 5).T
    s = 0.4 * x + 0.3 * w + 0.4 * math.sqrt(times) * z + noise_s
    y = 0.2 * s + 0.3 * x + 0.2 * w + 0.25 * z + noise_y
    found = as_strong_as(
        design_from(y, [w, x, s], ["control", "engagement", "score"]), [2], times=times
    )
    assert found.with_score == pytest.approx(share(s, z, [x, w]), rel=tolerance.route)
    strength = share(y, z, [w, s]) / share(y, x, [w, s])
    if strength <= times:
        assert share(y, z, [x, w, s]) <= found.with_outcome + 1e-12


def test_no_confounder_is_as_strong_as_what_explains_half_of_the_score():
    rng = np.random.default_rng(3)
    x, noise_s, noise_y = orthonormal(rng, 300, 3).T
    s, y = 1.1 * x + noise_s, x + noise_y
    design = design_from(y, [x, s], ["engagement", "score"])
    assert as_strong_as(design, [1]) is None
    assert as_strong_as(design, [1], times=0.5) is not None


@pytest.mark.parametrize("selection", [0.5, 1.0, 2.0])
def test_delta_is_recovered_where_its_assumptions_hold(selection, tolerance):
    """No effect of the score; seen and unseen uncorrelated; their covariances with it stand as
    delta says.
    """
    rng = np.random.default_rng(4)
    seen, unseen, noise_s, noise_y = orthonormal(rng, 500, 4).T
    seen, unseen = 1.2 * seen, 0.8 * unseen
    s = 0.5 * seen + selection * 0.5 * unseen + noise_s  # cov / var is .5 and delta .5
    y = seen + unseen + 0.5 * noise_y
    design = design_from(y, [seen, s], ["engagement", "score"])
    reach = 1 - 0.25 / y.var()
    assert movement(design).delta(reach) == pytest.approx(selection, rel=tolerance.reference)


def test_e_value_of_a_published_ratio_and_its_inverse():
    """VanderWeele & Ding (2017) give 7.26 for 3.9."""
    assert e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9), rel=1e-12)
    assert e_value(1.0) == 1.0


# --- in an audit ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def audit(make_frame, plan_of):
    return analyse(plan_of("continuous"), make_frame())


def row(audit, term, **parts):
    return audit.estimates.one(method="sensitivity", term=term, **({"variant": ""} | parts))


def test_rows_of_the_ledger_agree_with_the_classical_regression(audit, tolerance):
    design = build_design(audit.sample, "growth", ("klout",))
    estimate, error, df = slope(design.response, list(design.matrix.T[1:]))
    t = estimate / error
    assert row(audit, "partial_r2_treatment").estimate == pytest.approx(
        partial_r2(t, df), rel=tolerance.route
    )
    assert row(audit, "rv").estimate == pytest.approx(robustness_value(t, df), rel=tolerance.route)
    robust = audit.verdict_on().deciding.statistic
    assert row(audit, "rv_alpha").estimate == pytest.approx(
        robustness_value(robust, df, level=0.95), rel=1e-12
    )
    assert row(audit, "rv_alpha").covariance == "HC3"


def test_the_bound_moves_towards_zero_and_names_its_strength(audit):
    bound, plain = row(audit, "bound:likes"), audit.verdict_on().deciding
    assert bound.estimate is None or bound.estimate < plain.estimate
    assert "likes" in bound.note


def test_a_spline_is_one_benchmark(make_frame, plan_of):
    plan = plan_of("continuous", engagement={"columns": ["likes"], "transform": "spline"})
    terms = [r.term for r in analyse(plan, make_frame()).estimates.select(method="sensitivity")]
    assert terms.count("bound:likes") == 1


def test_e_values_belong_to_the_ratio_and_its_limit(make_frame, plan_of, tolerance):
    found = analyse(plan_of("revenue"), make_frame())
    plain = found.verdict_on().deciding
    assert row(found, "e_value").estimate == pytest.approx(
        e_value(math.exp(plain.estimate)), rel=tolerance.exact
    )
    low, high = plain.interval(0.95)
    nearest = 0 if low < 0 < high else min(abs(low), abs(high))
    assert row(found, "e_value", variant="limit").estimate == pytest.approx(
        e_value(math.exp(nearest)), rel=1e-12
    )
    raw = analyse(plan_of("revenue", score={"columns": ["klout"], "scale": "raw"}), make_frame())
    assert row(raw, "e_value").estimate == pytest.approx(
        row(found, "e_value").estimate, rel=tolerance.route
    )


def study(effect, seed=1, n=600, likes_on_sales=0.1, likes_on_score=0.3):
    rng = np.random.default_rng(seed)
    likes = rng.normal(size=n)
    score = likes_on_score * likes + rng.normal(size=n)
    return pd.DataFrame(
        {
            "likes": likes,
            "score": score,
            "profit": likes_on_sales * likes + effect * score + rng.normal(size=n),
        }
    )


def plan(**changes):
    known = {"likes": {"value": 0.97, "low": 0.96, "high": 0.98}}
    return {
        "name": "left",
        "question": "Does something left out make it?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"], "shares_error": "none"},
        "engagement": {"columns": ["likes"], "reliability": known},
        "outcome": [{"column": "profit", "kind": "continuous", "sesoi": 0.1}],
    } | changes


def test_least_squares_can_be_sturdy():
    verdict = analyse(plan(), study(0.6)).verdict_on()
    assert (verdict.verdict, verdict.fragile) == ("adds", False)


def test_a_confounder_like_engagement_makes_it_fragile_and_is_named():
    """Engagement matters a great deal, the effect is four standard errors: one more like it could
    be all of it.
    """
    verdict = analyse(plan(), study(0.18, likes_on_sales=1.0, likes_on_score=0.6)).verdict_on()
    assert (verdict.verdict, verdict.fragile) == ("adds", True)
    assert any(
        "goes with score and outcome as strongly as likes does" in reason
        for reason in verdict.reasons
    )


def test_without_an_admissible_confounder_the_rule_does_not_apply():
    found = analyse(plan(), study(0.8, likes_on_sales=0.3, likes_on_score=1.5))
    bound = row(found, "bound:likes")
    assert bound.estimate is None
    assert "can exist" in bound.note
    assert found.verdict_on().fragile is False


def test_an_effect_that_would_turn_is_fragile():
    verdict = analyse(plan(), study(0.3, likes_on_sales=3.0, likes_on_score=0.8)).verdict_on()
    assert verdict.fragile is True
