"""Sentences and reasons that must be true of the interval they stand beside, and of what was
run.
"""

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.plan import read_plan
from analysis.report.views import Audit
from analysis.results.answer import Answer, word_for
from analysis.results.rule import Tail, sesoi_band
from analysis.results.verdict import _Case, _under_a_heavy_tail, _units_apart


def plan(**changes):
    own = {
        "name": "true",
        "question": "Is it true?",
        "dataset": "f.csv",
        "quick": True,
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes"]},
        "outcome": [{"column": "sales", "kind": "continuous", "sesoi": 0.05}],
    }
    return own | changes


def frame(seed=1, n=500):
    rng = np.random.default_rng(seed)
    likes = rng.normal(size=n)
    score = likes + rng.normal(size=n)
    return pd.DataFrame(
        {
            "likes": likes,
            "score": score,
            "sales": 5 + likes + 0.15 * score + rng.normal(size=n),
            "who": np.arange(n) // 5,
        }
    )


def test_an_interval_without_zero_is_not_said_to_hold_it():
    """Plain and corrected fits say two things, and the corrected one is printed: the clause is
    about that interval.
    """
    reliable = {
        "columns": ["likes"],
        "reliability": {"likes": {"value": 0.6, "low": 0.6, "high": 1.0}},
    }
    seen = set()
    for seed in range(6):
        audit = analyse(plan(engagement=reliable), frame(seed))
        verdict = audit.verdict_on()
        alone = word_for(verdict.deciding, verdict.band, 0.95)
        seen.add((verdict.verdict, alone))
        if verdict.verdict == "inconclusive":
            assert ("holds zero as well as" in Audit(audit).sentence()) == (alone == "inconclusive")
    full = analyse(
        plan(score={"columns": ["score"], "shares_error": "full"}, engagement=reliable), frame()
    )
    assert not any("states no reliability" in reason for reason in full.verdict_on().reasons)


@pytest.mark.parametrize(
    ("model", "why"), [("poisson", "too few draws had an estimate"), ("hurdle", "hurdle")]
)
def test_a_bootstrap_that_was_not_run_is_not_said_to_disagree(model, why):
    own = read_plan(
        plan(
            outcome=[{"column": "sales", "kind": "revenue", "sesoi": 0.05, "model": model}],
        )
    )
    audit = analyse(plan(), frame())
    answer = Answer("adds", "positive", audit.verdict_on().deciding)
    outcome = own.outcome[0]
    case = _Case(own, outcome, "score", 1.0, audit.estimates)
    band = sesoi_band(outcome, model, 1.0)
    found, reason = _under_a_heavy_tail(case, answer, band, Tail(None, heavy=True))
    assert found.word == "inconclusive"
    assert why in reason
    assert "was not run" in reason
    assert "both confirm" not in reason


def test_units_that_are_seen_again_need_clusters_and_the_verdict_says_so():
    audit = analyse(plan(panel={"unit": "who"}), frame())
    assert any("counts every row as independent" in reason for reason in audit.verdict_on().reasons)
    (entity,) = [check for check in audit.checks if check.check == "entity"]
    assert entity.passed is False
    assert '"who"' in entity.reason
    assert _units_apart(read_plan(plan(panel={"unit": "who"}, cluster={"column": "who"}))) == ""
    assert audit.verdict_on().verdict == analyse(plan(), frame()).verdict_on().verdict, (
        "a panel adds rows and changes no word"
    )


def test_a_stated_reliability_is_not_said_to_be_missing():
    stated = {"columns": ["likes"], "transform": "rank", "reliability": {"likes": 0.8}}
    said = " ".join(analyse(plan(engagement=stated), frame()).verdict_on().reasons)
    assert "does not say how well" not in said
    assert 'does not say how well "likes"' in " ".join(
        analyse(plan(), frame()).verdict_on().reasons
    )


def test_segments_of_long_numbers_stay_apart():
    data = frame()
    data["trade"] = np.where(np.arange(500) % 2 == 0, 1234567.0, 1234568.0)
    own = read_plan(plan(segment={"column": "trade"}))
    assert set(select_sample(own, from_frame(data)).segments) == {"1234567", "1234568"}


def test_rows_that_a_table_which_only_adds_does_without_are_said():
    data = frame()
    data["trade"] = np.where(
        np.arange(500) % 5 == 0, None, np.where(np.arange(500) % 2 == 0, "food", "sport")
    )
    audit = analyse(plan(segment={"column": "trade"}), data)
    (check,) = [check for check in audit.checks if check.check == "left_out_beside"]
    assert check.passed is True
    assert "400 of 500 rows (100 rows lack trade)" in check.reason
    assert audit.sample.rows == 500
    assert not [check for check in analyse(plan(), data).checks if check.check == "left_out_beside"]


def test_a_score_of_clusters_is_not_said_to_have_moved():
    data = frame()
    data["score"] = np.random.default_rng(5).normal(size=100)[data["who"]] + 0.3 * data["score"]
    data["late"] = data["who"] % 2
    own = plan(algorithm={"changed": "late"}, cluster={"column": "who"})
    (check,) = [check for check in analyse(own, data).checks if check.check == "score_shift"]
    assert check.passed is None
