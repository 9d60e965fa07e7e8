"""Engagement in any form: known truths, a second route, and what it cannot do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from analysis.audit import analyse
from analysis.errors import PlanError
from analysis.models import fit_pml
from analysis.models.design import Design
from analysis.models.sufficient_statistics.draws import cluster_folds
from analysis.studies.prediction.flexible import flexible_effect


def design_of_columns(y, e, s, clusters=None):
    blocks = ("intercept", *["engagement"] * e.shape[1], "score")
    terms = ("one", *(f"e{i}" for i in range(e.shape[1])), "s")
    return Design(y, np.column_stack([np.ones(len(y)), e, s]), terms, blocks, clusters=clusters)


def draw(seed=1, n=600, effect=0.3):
    rng = np.random.default_rng(seed)
    e = rng.normal(size=(n, 2))
    s = 0.6 * e[:, 0] + rng.normal(size=n)
    return rng, e, s, effect * s + e @ [0.5, -0.3] + rng.normal(size=n)


def test_a_straight_line_agrees_with_residuals_of_scikit_learn(tolerance):
    _, e, s, y = draw()
    found = flexible_effect(
        design_of_columns(y, e, s),
        "linear",
        exponential=False,
        rng=np.random.default_rng(7),
        repeats=1,
    )
    codes = cluster_folds(np.arange(len(y)), 5, np.random.default_rng(7).spawn(1)[0])
    left = [
        v - cross_val_predict(LinearRegression(), e, v, cv=PredefinedSplit(codes)) for v in (s, y)
    ]
    theta = left[0] @ left[1] / (left[0] @ left[0])
    error = np.sqrt((((left[1] - theta * left[0]) * left[0]) ** 2).sum()) / (left[0] @ left[0])
    assert found.estimate == pytest.approx(theta, rel=tolerance.route)
    assert found.std_error == pytest.approx(error, rel=tolerance.route)
    assert abs(found.estimate - 0.3) < tolerance.standard_errors * found.std_error


def test_an_exponential_mean_recovers_its_truth_and_agrees_with_pml(tolerance):
    rng, e, s, _ = draw(n=3000)
    y = rng.gamma(2, np.exp(0.2 * s + 0.3 * e[:, 0]) / 2) * (rng.random(3000) < 0.8)
    design = design_of_columns(y, e, s)
    found = flexible_effect(
        design, "boosting", exponential=True, rng=np.random.default_rng(1), repeats=1
    )
    plain = fit_pml(design)
    assert abs(found.estimate - 0.2) < tolerance.standard_errors * found.std_error
    assert found.std_error == pytest.approx(plain.std_errors()[-1], rel=0.3)


def test_a_wrong_form_of_engagement_is_put_right():
    """The score goes with the square of engagement, and so does the outcome: a straight line sees
    an effect.
    """
    rng = np.random.default_rng(2)
    e = rng.normal(size=(2000, 1))
    s = e[:, 0] ** 2 + rng.normal(size=2000)
    y = e[:, 0] ** 2 + rng.normal(size=2000)
    found = {
        name: flexible_effect(
            design_of_columns(y, e, s),
            name,
            exponential=False,
            rng=np.random.default_rng(1),
            repeats=1,
        )
        for name in ("linear", "boosting")
    }
    assert found["linear"].estimate > 0.5
    assert abs(found["boosting"].estimate) < 0.12


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["linear", "boosting"])
def test_it_does_not_rescue_noisy_controls(learner):
    """A worthless score, engagement recorded with reliability .8, n = 1,000: far more than 5 %
    pass.
    """
    rng = np.random.default_rng(20121105)
    passed, draws = 0, 24
    for _ in range(draws):
        truth, noise, own, left = rng.normal(size=(4, 1000))
        s, y = 0.7 * truth + np.sqrt(0.51) * own, 0.5 * truth + np.sqrt(0.75) * left
        recorded = (truth + 0.5 * noise)[:, None]
        found = flexible_effect(
            design_of_columns(y, recorded, s), learner, exponential=False, rng=rng, repeats=1
        )
        passed += abs(found.estimate) > 1.96 * found.std_error
    assert passed / draws > 0.5


def test_clusters_stay_together_and_widen_the_error():
    rng = np.random.default_rng(3)
    team = np.repeat(np.arange(60), 20)
    e = rng.normal(size=(1200, 1))
    s = rng.normal(size=60)[team] + 0.3 * rng.normal(size=1200)
    y = rng.normal(size=60)[team] + rng.normal(size=1200)
    errors = [
        flexible_effect(
            design_of_columns(y, e, s, clusters),
            "linear",
            exponential=False,
            repeats=2,
            rng=np.random.default_rng(1),
        ).std_error
        for clusters in (None, team)
    ]
    assert errors[1] > 2 * errors[0]


def test_the_median_over_splits_has_the_spread_of_splits_in_its_error():
    _, e, s, y = draw()
    design = design_of_columns(y, e, s)
    singles = [
        flexible_effect(
            design, "boosting", exponential=False, rng=np.random.default_rng(4), repeats=r
        )
        for r in (1, 3)
    ]
    assert singles[1].estimate != singles[0].estimate


@pytest.mark.parametrize("kind", ["revenue", "count", "binary", "continuous"])
def test_rows_in_the_ledger_only_where_the_plan_asks(kind, make_frame, plan_of):
    frame = make_frame()
    assert len(analyse(plan_of(kind, quick=True), frame).estimates.select(method="flexible")) == 0
    plan = plan_of(kind, flexible={"learners": ["linear"], "repeats": 2})
    audit = analyse(plan, frame)
    row = audit.estimates.one(method="flexible", model="dml-linear", term="klout")
    deciding = audit.verdict_on().deciding
    assert row.scale == deciding.scale == "sd"
    assert abs(row.estimate - deciding.estimate) < 2 * deciding.std_error
    assert row.unit == deciding.unit


def test_per_unit_and_per_standard_deviation_agree(make_frame, plan_of):
    frame = make_frame()
    rows = [
        analyse(
            plan_of(
                "continuous",
                score={"columns": ["klout"], "scale": scale},
                flexible={"learners": ["linear"]},
            ),
            frame,
        ).estimates.one(method="flexible")
        for scale in ("sd", "raw")
    ]
    assert rows[0].estimate / rows[1].estimate == pytest.approx(frame.klout.std(), rel=1e-9)


def test_quick_and_exposure_say_why_not(make_frame, plan_of):
    for changes in ({"quick": True}, {"outcome": {"exposure": "months"}}):
        plan = plan_of("count", "leads", flexible={}, **changes)
        check = next(c for c in analyse(plan, make_frame()).checks if c.check == "flexible")
        assert check.passed is None
        assert "not tried" in check.reason


def test_a_score_that_engagement_explains_is_refused():
    rng = np.random.default_rng(5)
    likes = rng.normal(size=200)
    frame = pd.DataFrame(
        {"likes": likes, "score": likes + 0.15 * rng.normal(size=200), "y": rng.normal(size=200)}
    )
    plan = {
        "name": "close",
        "question": "?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes"]},
        "flexible": {"learners": ["linear"]},
        "outcome": [{"column": "y", "kind": "continuous", "sesoi": 0.1}],
    }
    check = next(c for c in analyse(plan, frame).checks if c.check == "flexible")
    assert check.passed is False
    assert check.statistic < 10


def test_what_the_table_may_say(plan_of):
    with pytest.raises(PlanError, match="boosting"):
        plan_of("revenue", flexible={"learners": ["forest"]})
    with pytest.raises(PlanError, match="2 or more"):
        plan_of("revenue", flexible={"folds": 1})
