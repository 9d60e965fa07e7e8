"""The answer of the rule where a correction decides: all effects agree, and clusters are enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

import analysis as sa
from analysis.results.answer import FEW_CORRECTED, Answer, answer_of
from analysis.results.estimates import Estimate
from analysis.results.rule import NOTHING_KNOWN, Member

BAND = (-0.05, 0.05)
PLAN = sa.read_plan(
    {
        "name": "answered",
        "question": "Does the word stand?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"], "shares_error": "none"},
        "engagement": {"columns": ["likes"], "halves": {"likes": ["odd", "even"]}},
        "outcome": [{"column": "y", "kind": "continuous", "sesoi": 0.05}],
    }
)


def member(estimate, *, name="noise", where="", clusters=None, covariance="HC3", none=False):
    row = Estimate("answered", "y", "score", "corrected", "eiv", "score", n=1000)
    row = replace(row, estimate=estimate, std_error=0.02, clusters=clusters, covariance=covariance)
    one = Answer.of(row, BAND, 0.95)
    if none:
        return Member(name, where, "inconclusive", None, None)
    return Member(name, where, one.word, one.direction, row)


def answer(*members, plan=PLAN, plain=0.2):
    noise = replace(NOTHING_KNOWN, status="yes", members=members)
    return answer_of(plan, "score", Answer.of(member(plain).row, BAND, 0.95), noise)


@pytest.mark.parametrize(
    ("clusters", "covariance", "word"),
    [
        (FEW_CORRECTED - 1, "CRV1", "inconclusive"),
        (FEW_CORRECTED, "CRV1", "adds"),
        (FEW_CORRECTED - 1, "CRV3", "adds"),
    ],
)
def test_a_correction_with_crv1_needs_twenty_clusters(clusters, covariance, word):
    assert FEW_CORRECTED == 20  # simulated: with 8 the size was .30, with 20 it was .09
    found, reasons = answer(member(0.2, clusters=clusters, covariance=covariance))
    assert found.word == word
    assert any(f"fewer than {FEW_CORRECTED} a correction" in r for r in reasons) == (word != "adds")


def test_the_first_member_that_differs_is_named_with_its_condition():
    at = "reliability: likes 0.70"
    found, reasons = answer(member(0.2), member(0.0, where=at), member(0.2))
    assert (found.word, found.direction) == ("inconclusive", None)
    assert f"adds (positive) (), nothing ({at})" in reasons[0]
    found, reasons = answer(
        member(0.2, name="as recorded"), member(-0.2, name="form"), member(0.2, where=at)
    )
    assert found.word == "inconclusive"
    assert "as recorded says adds (positive)" in reasons[0]
    assert "flexible form says adds (negative)" in reasons[0]


def test_a_member_without_an_answer_leaves_it_undecided():
    found, reasons = answer(member(0.2), member(0.0, name="steps and noise", none=True))
    assert found.word == "inconclusive"
    assert "has no answer" in reasons[0]


def test_where_all_lie_inside_the_band_it_is_nothing():
    small, none = member(0.0), member(0.0)
    trivial = replace(small, word="trivial", direction="positive")
    assert answer(trivial, none)[0].word == "nothing"
    assert answer(trivial, replace(trivial, direction="negative"))[0].word == "nothing"
    assert answer(trivial, trivial)[0].word == "trivial"


def test_the_number_is_the_recorded_fit_where_that_decides_and_else_the_corrected_one():
    recorded, corrected = member(0.21, name="as recorded"), member(0.22)
    assert answer(recorded, corrected)[0].estimate.estimate == 0.2
    assert answer(corrected)[0].estimate.estimate == 0.22


def test_what_the_score_shares_is_asked_for_where_the_first_two_differ():
    content = PLAN.content() | {"score": {"columns": ["score"], "shares_error": "unknown"}}
    members = member(0.2, name="as recorded"), member(0.0)
    reasons = answer(*members, plan=sa.read_plan(content))[1]
    assert "shares_error" in reasons[0]
    assert "the score's halves" in reasons[0]
