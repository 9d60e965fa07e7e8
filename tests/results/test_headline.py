"""Headlines and short sentences: short, without symbols, and never at odds with their verdict."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from analysis.audit import analyse
from analysis.results.headline import HEADLINE, SHORT, headline, short_sentence, spoken
from analysis.results.rule import word_of
from analysis.results.sentence import verdict_sentence

WORDS = ("adds", "trivial", "nothing", "inconclusive")
LESS = re.compile(r"\b(lower|fewer)\b")
MORE = re.compile(r"\bgoes with .*(higher|more)")
DRAWS = 2_500
"""Of each of four kinds of outcome."""


@pytest.fixture(scope="module", params=["revenue", "count", "binary", "continuous"])
def findings(request, plan_of, make_frame):
    return analyse(plan_of(request.param, quick=True), data=make_frame())


def drawn(findings, rng):
    """Return findings with a verdict of a random interval, by the rule, and its conditions."""
    own = findings.decided[0]
    width = own.band[1]
    effect, error = rng.normal() * 2 * width, abs(rng.normal()) * width + 1e-9
    deciding = replace(own.deciding, estimate=float(effect), std_error=float(error), df=None)
    recorded = word_of(deciding.interval(0.95), deciding.interval(0.9), own.band)
    word = recorded if rng.random() < 0.7 else "inconclusive"
    positive = "positive" if effect > 0 else "negative"
    member = replace(
        own.deciding_set[0],
        word=recorded,
        direction=positive if recorded in ("adds", "trivial") else None,
    )
    other = replace(own.deciding_set[-1], word="inconclusive", direction=None)
    assumed = rng.random() < 0.5
    holds = word == "inconclusive" and assumed and rng.random() < 0.5
    verdict = replace(
        own,
        verdict=word,
        direction=positive if word in ("adds", "trivial") else None,
        deciding=deciding,
        as_recorded=recorded,
        corrected="assumed" if assumed else "no",
        assumed_from=0.8 if assumed else None,
        holds_from=float(rng.choice([0.9, 0.94, 1.0])) if holds else None,
        holds_word=str(rng.choice(WORDS[:3])) if holds else None,
        deciding_set=(member, other) if word == "inconclusive" else (member,),
        beyond_sesoi="unclear",
    )
    checks = findings.checks if rng.random() < 0.5 else ()
    return replace(findings, decided=(verdict,), checks=checks), verdict


def test_ten_thousand_verdicts_are_told_without_a_contradiction(findings):
    rng = np.random.default_rng(20121105)
    told = {drawn_and_told(findings, rng) for _ in range(DRAWS)}
    assert len(told) > 20, "many different things were said"


def drawn_and_told(findings, rng):
    """Draw a verdict, tell it in three lengths, and look for what is at odds."""
    changed, verdict = drawn(findings, rng)
    title, short = headline(changed, verdict), short_sentence(changed, verdict)
    whole = verdict_sentence(changed, verdict)
    about = (verdict.verdict, verdict.deciding.estimate, title, short)
    assert len(title.split()) <= HEADLINE, about
    assert len(short.split()) <= SHORT, about
    assert not re.search(r"[%<>=+*_|]|\bCI\b|\bp =", title), about
    undecided = re.search(r"cannot tell|undecided|not decided|, but ", title)
    small = "too small to matter" in title or "too little to matter" in title
    if verdict.verdict == "adds":
        assert not undecided, about
        assert not small, about
    if verdict.verdict in ("trivial", "nothing"):
        assert small, about
        assert not undecided, about
        assert "too little to matter" in short, about
    if verdict.verdict == "inconclusive":
        assert undecided, about
        assert re.search(r"do not decide|not decided|only if", short), about
        assert "do not decide whether" in whole, about
    if verdict.direction:
        sign = (
            LESS if verdict.direction == "negative" else re.compile(r"\bgoes with .*(higher|more)")
        )
        assert sign.search(title), about
    less = re.search(r"is about \S+(?: \S+)*? (lower|higher)", short)[1]
    assert (less == "lower") == (verdict.deciding.estimate < 0), about
    low, high = verdict.deciding.interval(0.95)
    if span := re.search(r"plausibly from .*? (lower )?to .*? (lower|higher)\)", short):
        assert (span[2] == "higher") == (high > 0), about
        assert bool(span[1]) == (low < 0 < high), about
    halved = re.search(r"from \D?[\d.,]+(?: lower)? to \D?[\d.,]+ [mbtr]+illion", short)
    assert not halved, about  # "from $2 to $12 million" reads as two dollars
    if verdict.corrected == "assumed" and verdict.verdict == "adds":
        assert "recorded" in title, "a condition is never left out"
        assert "recorded" in short or "reliability" in whole, about
    return title


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7_213_456.0, "7.2 million"),
        (123_456_789.0, "120 million"),
        (2_847_000_000.0, "2.8 billion"),
        (999_999.0, "1 million"),
        (1_234.0, "1,200"),
        (9.96, "10"),
        (0.0213, "0.021"),
        (0.0, "0"),
        (float("inf"), "more than anyone can count"),
    ],
)
def test_numbers_as_people_say_them(value, text):
    assert spoken(value) == text
