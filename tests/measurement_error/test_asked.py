"""The rule asked of a question: at any reliability, of any rows, and along a sweep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.measurement_error.asked import GRID, AskedRule, Lazily, sweep
from analysis.measurement_error.recordings import may_hold
from analysis.plan import read_plan
from analysis.results.question import Question

BASE = {
    "name": "asked",
    "question": "Does the score tell more?",
    "dataset": "frame.csv",
    "score": {"columns": ["score"]},
    "engagement": {"columns": ["likes"]},
    "outcome": [{"column": "y", "kind": "continuous", "sesoi": 0.1}],
    "quick": True,
}


def frame(seed, n=120, effect=0.0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    reliability, tied = rng.uniform(0.7, 1.0), rng.uniform(0.0, 0.8)
    likes = truth + np.sqrt(1 / reliability - 1) * rng.normal(size=n)
    score = tied * truth + np.sqrt(1 - tied**2) * rng.normal(size=n)
    effect = effect or rng.choice([0.0, 0.15, 0.4])
    y = 0.6 * truth + effect * score + 0.7 * rng.normal(size=n)
    other = rng.normal(size=n) + 0.5 * truth
    return pd.DataFrame({"likes": likes, "visits": other, "score": score, "y": y})


def rule_of(data, **changes):
    sample = select_sample(read_plan(BASE | changes), from_frame(data))
    return AskedRule.of(Question(sample, sample.plan.outcome[0], "score"))


STATED = {"columns": ["likes"], "reliability": {"likes": {"value": 0.8, "low": 0.75, "high": 0.9}}}
PLANS = (
    {},
    {"engagement": {"columns": ["likes", "visits"], "assumed": 0.7}},
    {"engagement": STATED},
    {"engagement": STATED, "score": {"columns": ["score"], "shares_error": "none"}},
)


def test_the_sweep_never_says_another_word_than_the_rule_at_that_reliability():
    """Two hundred studies, each asked afresh at three points of its sweep."""
    rng, decided = np.random.default_rng(1), 0
    for seed in range(200):
        data, changes = frame(seed), PLANS[seed % len(PLANS)]
        swept = sweep(rule_of(data, **changes))
        assert len(swept) == len(GRID)
        for at in rng.choice(len(GRID), size=3, replace=False):
            reliability = GRID[at]
            asked = rule_of(data, **changes).with_reliability(reliability).at(reliability)
            assert swept[at] == asked, (seed, reliability)
            decided += asked[0] != "inconclusive"
    assert decided > 60


@pytest.mark.parametrize("seed", range(12))
def test_a_word_holds_from_where_it_is_said_to_hold(seed):
    rule = rule_of(frame(seed, n=300, effect=0.25))
    low, phrase = rule.holds_from
    if low is None:
        assert rule.at(1.0)[0] == "inconclusive"
        return
    afresh = rule_of(frame(seed, n=300, effect=0.25))
    assert afresh.at(low) == phrase != ("inconclusive", None)
    if low > GRID[0]:
        assert afresh.at(round(low - 0.01, 2))[0] == "inconclusive"
    verdict = analyse(BASE, frame(seed, n=300, effect=0.25)).verdict_on()
    assert (verdict.holds_from, verdict.holds_word) == (low, phrase[0])


def test_the_rule_of_some_rows_is_that_of_a_file_with_these_rows():
    data = frame(3, n=400, effect=0.4)
    keep = np.ones(400, dtype=bool)
    keep[::7] = False
    some, alone = rule_of(data).of_rows(keep), rule_of(data[keep])
    for one, other in zip(some.answers, alone.answers, strict=True):
        assert one[0].effect.estimate == pytest.approx(other[0].effect.estimate, rel=1e-9)
        assert one[0].effect.std_error == pytest.approx(other[0].effect.std_error, rel=1e-9)


def test_halves_of_uneven_noise_decide_nothing():
    rng = np.random.default_rng(5)
    truth = rng.normal(size=1000)
    size = 0.5 * np.exp(0.6 * truth)
    odd, even = truth + size * rng.normal(size=(2, 1000))
    score = 0.5 * truth + rng.normal(size=1000)
    y = truth + score + rng.normal(size=1000)
    data = pd.DataFrame(
        {"likes": (odd + even) / 2, "odd": odd, "even": even, "score": score, "y": y}
    )
    halves = {"columns": ["likes"], "halves": {"likes": ["odd", "even"]}}
    plan = BASE | {"engagement": halves, "score": {"columns": ["score"], "shares_error": "none"}}
    verdict = analyse(plan, data).verdict_on()
    assert verdict.verdict == "inconclusive"
    assert any("noise grows with its level" in reason for reason in verdict.reasons)
    steady = truth + 0.5 * rng.normal(size=(2, 1000))
    even_noise = data.assign(odd=steady[0], even=steady[1], likes=steady.mean(axis=0))
    assert analyse(plan, even_noise).verdict_on().verdict == "adds"


def drawn_out(kind, n=800, effect=0.3, seed=11):
    """Rows with engagement drawn out, and noise on its own or on its logarithm's scale."""
    rng = np.random.default_rng(seed)
    truth, noise = rng.normal(size=(2, n))
    likes = np.exp(truth + 0.5 * noise) if kind == "growing" else np.exp(truth) + 1.1 * noise
    score = 0.7 * truth + 0.7 * rng.normal(size=n)
    y = 0.7 * truth + effect * score + 0.7 * rng.normal(size=n)
    return pd.DataFrame({"likes": likes, "score": score, "y": y})


def checked(result):
    (found,) = [one for one in result.checks if one.check == "skewed_record"]
    return found


@pytest.mark.parametrize("stated", [{}, {"reliability": {"likes": 0.8}}])
@pytest.mark.parametrize("effect", [0.0, 0.3])
def test_a_record_drawn_out_whose_noise_may_be_even_decides_nothing(stated, effect):
    engagement = {"columns": ["likes"]} | stated
    plan = BASE | {"engagement": engagement}
    result = analyse(plan, drawn_out("even", effect=effect))
    assert result.verdict_on().verdict == "inconclusive"
    assert checked(result).undecided
    assert "likes (skewness" in checked(result).reason
    last = [one for one in result.verdict_on().deciding_set if "plan's scale" in one.where][-1]
    assert (last.word, last.row) == ("inconclusive", None)


def test_a_record_drawn_out_whose_noise_has_to_grow_is_told_of_beside_the_word():
    plan, data = BASE, drawn_out("growing")
    plain = analyse(plan, data)
    assert plain.verdict_on().verdict == "adds"
    assert checked(plain).passed is False
    assert not checked(plain).undecided
    logs = plan | {"engagement": {"columns": ["likes"], "transform": "log1p"}}
    assert checked(analyse(logs, data)).passed


def test_values_that_lie_too_close_hold_no_noise_of_that_size():
    rng = np.random.default_rng(4)
    refused = {"spike": 0, "even": 0, "growing": 0, "few": 0}
    for _ in range(100):
        truth, noise = rng.normal(size=(2, 500))
        worlds = {
            "spike": 10 * (truth > 2) + noise,  # nearly all of the truth in one place
            "even": np.exp(truth) + noise,
            "growing": np.exp(1.1 * truth),
            "few": np.round(np.exp(truth) + noise),  # whole numbers no wider apart than the noise
        }
        for name, values in worlds.items():
            refused[name] += not may_hold(values, 0.447 * values.std() if name == "growing" else 1)
    assert refused["growing"] >= 95
    assert max(refused["spike"], refused["even"], refused["few"]) <= 5


def test_a_named_covariance_that_changes_the_word_decides_nothing():
    rng = np.random.default_rng(2)
    data = frame(2, n=60, effect=0.2).assign(score=lambda f: f["score"] + 0.0)
    data.loc[0, ["score", "y"]] = [5.0, 4.0]
    plan = BASE | {"engagement": {"columns": ["likes"], "exact": ["likes"]}}
    for kind in ("HC0", "HC1"):
        verdict = analyse(plan | {"inference": {"covariance": kind}}, data).verdict_on()
        default = analyse(plan, data).verdict_on()
        if verdict.as_recorded != default.as_recorded:
            assert verdict.verdict == "inconclusive"
            assert any(f"The plan asks for {kind}" in reason for reason in verdict.reasons)
            return
    pytest.fail(f"both covariances say the same of these rows {rng}")


def test_what_is_found_at_a_reliability_is_kept():
    rule = rule_of(frame(1))
    assert rule.with_reliability(0.7) is rule  # nothing is stated
    stated = rule_of(frame(1), engagement=STATED)
    changed = stated.with_reliability(0.7)
    assert [one.low for one in changed.recordings] == [0.7]
    assert replace(changed).at(0.7) == changed.at(0.7)


def test_the_point_from_which_a_word_holds_gives_that_word(monkeypatch, make_frame, plan_of):
    """A word may hold at a point of the grid that lies between two hundredths, and at neither."""
    plan = plan_of("continuous")
    question = Question(select_sample(plan, from_frame(make_frame())), plan.outcome[0], "klout")

    def at(self, assumed=None, *, cheap=False):
        held = assumed >= 0.895 or abs(assumed - 0.875) < 1e-9
        return ("adds", True) if held else ("inconclusive", None)

    monkeypatch.setattr(AskedRule, "at", at)
    rule = AskedRule.of(question)
    low, phrase = rule.holds_from
    assert phrase == ("adds", True) == rule.at(low)


@pytest.mark.parametrize("quick", [True, False])
def test_halves_with_nothing_in_common_decide_nothing_and_stop_nothing(quick):
    columns = ["odd", "even", "score", "y"]
    data = pd.DataFrame(np.random.default_rng(1).normal(size=(400, 4)), columns=columns)
    halves = {"columns": ["likes"], "halves": {"likes": ["odd", "even"]}}
    result = analyse(BASE | {"engagement": halves, "quick": quick}, data)
    assert result.verdict_on().verdict == "inconclusive"
    assert any("correction is refused" in reason for reason in result.verdict_on().reasons)


def test_a_member_is_fitted_once_and_an_error_is_not_forgotten():
    fitted = []

    def source():
        for at in range(3):
            fitted.append(at)
            yield at
        raise np.linalg.LinAlgError("singular")

    members = Lazily(source())
    assert next(iter(members)) == 0
    assert fitted == [0]
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError):
            list(members)
    assert fitted == [0, 1, 2]


def test_cheap_and_dear_members_are_all_members_in_order(make_frame, plan_of):
    plan = plan_of("continuous")
    question = Question(select_sample(plan, from_frame(make_frame())), plan.outcome[0], "klout")
    rule = AskedRule.of(question)
    names = [one.member for one in rule.deciding.members(0.8)]
    assert [one.member for one in rule.fitted(0.8)] == names
    cheap = [one.member for one in rule.fitted(0.8, cheap=True)]
    assert cheap == names[: len(cheap)]
    assert names[len(cheap) :] == ["steps"]
