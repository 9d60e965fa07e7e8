"""The answer of the rule where a correction decides: all effects agree, and clusters are enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

import analysis as sa
from analysis.results.answer import FEW_CORRECTED, Answer, answer_of
from analysis.results.estimates import Estimate
from analysis.results.rule import NOTHING_KNOWN, CorrectedEffect

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


def effect(estimate, *, clusters=None, covariance="HC1", where="", shared=(), score="score"):
    row = Estimate("answered", "y", score, "corrected", "eiv", score, n=1000)
    row = replace(row, estimate=estimate, std_error=0.02, clusters=clusters, covariance=covariance)
    return CorrectedEffect(row, where, shared)


def answer(*effects, plan=PLAN, plain=0.2):
    noise = replace(NOTHING_KNOWN, status="yes", effects=effects, believed=(0.7, 0.9))
    return answer_of(plan, "score", Answer.of(effect(plain).estimate, BAND, 0.95), noise, BAND)


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
    found, reasons = answer(effect(0.2, clusters=clusters, covariance=covariance))
    assert found.word == word
    assert any(f"fewer than {FEW_CORRECTED} a correction" in r for r in reasons) == (word != "adds")


def test_a_word_that_does_not_hold_at_an_end_is_undecided_and_named():
    found, reasons = answer(effect(0.2), effect(0.0, where="low"), effect(0.2, where="high"))
    assert found.word == "inconclusive"
    assert "adds (positive) as stated, nothing at 0.70 and adds (positive) at 0.90" in reasons[0]


def test_a_word_that_does_not_hold_at_a_corner_is_named_with_the_corner():
    ends = (effect(0.2), effect(0.2), effect(0.2))
    corner = effect(-0.2, where="at the corner likes 0.70, views 0.90 of the declared ranges")
    found, reasons = answer(*ends, corner)
    assert found.word == "inconclusive"
    assert f"adds (negative) {corner.where}." in reasons[0]


def test_effects_under_shared_noise_have_to_agree_only_where_it_is_not_known_whose_it_is():
    shared = effect(0.0, shared=("likes",))
    assert answer(effect(0.2), shared)[0].word == "inconclusive"
    assert answer(effect(0.2), replace(shared, estimate=effect(0.3).estimate))[0].word == "adds"
    content = PLAN.content() | {"score": {"columns": ["score"], "shares_error": "unknown"}}
    unknown = sa.read_plan(content)
    assert answer(effect(0.2), plan=unknown)[0].word == "adds"
    found, reasons = answer(effect(0.2), plan=unknown, plain=0.0)
    assert found.word == "inconclusive"
    assert "the ordinary fit is right and says nothing" in reasons[0]
