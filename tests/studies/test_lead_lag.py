"""The score of the next period and of the one before, on panels with a known truth."""

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis import simulate
from analysis.audit import analyse
from analysis.report.views import Audit
from analysis.results.question import Question
from analysis.studies.panel.lead_lag import lead_lag, matched


def drawn(seed, *, talent=0.0, effect=0.3, units=120, periods=6):
    """Return a panel: a lasting talent that pays and shows in the score, and a score that pays at
    once.
    """
    rng = np.random.default_rng(seed)
    unit, time = (
        a.ravel() for a in np.meshgrid(np.arange(units), np.arange(periods), indexing="ij")
    )
    lasting = rng.normal(size=units)[unit]
    likes = rng.normal(size=len(unit))
    score = 0.5 * likes + lasting + rng.normal(size=len(unit))
    sales = likes + effect * score + talent * lasting + rng.normal(size=len(unit))
    return pd.DataFrame(
        {"who": unit, "month": time, "likes": likes, "klout": score, "sales": sales}
    )


def told(frame, sample_of, **changes):
    plan = sa.read_plan(
        {
            "name": "panel",
            "question": "Does what comes after predict?",
            "dataset": "frame.csv",
            "score": {"columns": ["klout"], "scale": "raw"},
            "engagement": {"columns": ["likes"]},
            "outcome": [{"column": "sales", "kind": "continuous", "sesoi": 0.05}],
            "panel": {"unit": "who", "time": "month"},
            "cluster": {"column": "who"},
        }
        | changes
    )
    found = lead_lag(Question(sample_of(plan, frame), plan.outcome[0], "klout"))
    return {row.term: row for row in found.rows}, {check.check: check for check in found.checks}


def test_a_score_that_pays_at_once_has_no_future_and_rejects_as_often_as_it_should(sample_of):
    rows = [told(drawn(seed), sample_of)[0]["future_score"] for seed in range(40)]
    assert np.mean([row.estimate for row in rows]) == pytest.approx(0, abs=0.02)
    assert sum(row.p_value < 0.05 for row in rows) <= 6


def test_what_lasts_is_seen_through_the_future_score(sample_of):
    rows, checks = told(drawn(1, talent=0.8, units=1500), sample_of)
    # talent (variance 1) given this score (noise 1, likes held) and the next (1.25, its likes are
    # not): normal updating
    assert rows["future_score"].estimate == pytest.approx(0.8 * 0.8 / 2.8, abs=0.04)
    assert checks["future_score"].passed is False
    assert "cannot have caused" in checks["future_score"].reason


def test_the_score_before_does_not_do_what_the_present_one_does(sample_of):
    rows, checks = told(drawn(2, effect=0.4, units=1500), sample_of)
    # the present score on the one before, whose likes are not held: 1 / (1 + 1 + 0.25)
    assert rows["lagged_score"].estimate == pytest.approx(0.4 / 2.25, abs=0.03)
    assert checks["lagged_score"].passed is True
    rows, checks = told(drawn(2, effect=0.0), sample_of)
    assert abs(rows["lagged_score"].statistic) < 3


def test_periods_with_gaps_and_rows_seen_twice_are_not_matched():
    unit, time = np.array([0, 0, 0, 1, 1, 1, 2]), np.array([0, 1, 3, 2, 2, 3, 0])
    here, there = matched(unit, time, 1)
    assert list(zip(here, there, strict=True)) == [(0, 1)]
    here, there = matched(unit, time, -1)
    assert list(zip(here, there, strict=True)) == [(1, 0)]


def test_without_periods_nothing_is_said(sample_of):
    assert told(drawn(1), sample_of, panel={"unit": "who"}) == ({}, {})


def test_creators_whose_paying_engagement_is_held(sample_of):
    """The simulated panel: with the engagement that pays held the placebo passes, as the truth
    says.
    """
    frame = simulate.panel(seed=5, n=200, effect=0.1, months=6)
    frame["logged"] = np.log(frame["paying_engagement"])
    rows, checks = told(
        frame,
        sample_of,
        score={"columns": ["klout"]},
        engagement={"columns": ["logged"]},
        panel={"unit": "creator", "time": "month"},
        cluster={"column": "creator"},
        outcome=[{"column": "referrals", "kind": "count", "sesoi": 0.05}],
    )
    assert checks["future_score"].passed is True, checks["future_score"].reason
    assert rows["future_score"].model == "poisson"


def test_the_report_tells_of_both(tmp_path):
    frame = drawn(3, units=40)
    audit = analyse(
        {
            "name": "panel",
            "question": "Does what comes after predict?",
            "dataset": "frame.csv",
            "score": {"columns": ["klout"]},
            "engagement": {"columns": ["likes"]},
            "quick": True,
            "outcome": [{"column": "sales", "kind": "continuous", "sesoi": 0.05}],
            "panel": {"unit": "who", "time": "month"},
            "cluster": {"column": "who"},
        },
        frame,
    )
    report = (Audit(audit).export(tmp_path / "out") / "report.html").read_text("utf-8")
    assert "Does the score to come stay silent" in report
    assert (
        audit.estimates.one(method="timing", term="future_score").id
        == "panel/sales/klout/timing/ols/future_score"
    )
