"""Whose noise a score shares: what halves of a score can show, and at which corners a word has to
hold.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.errors import DataError, PlanError
from analysis.measurement_error.asked import AskedRule
from analysis.measurement_error.correction import correct_fit
from analysis.measurement_error.measurement import measure
from analysis.models import fit_ols
from analysis.models.design import Design
from analysis.results.answer import open_columns
from analysis.results.question import Question

PAIR = ["score_odd", "score_even"]
NARROW = {"value": 0.8, "low": 0.79, "high": 0.81}


def frame(seed, n=1000, *, sharing=1.0):
    """A worthless score of which each half sees true engagement and this share of the noise of a
    half of the record.
    """
    rng = np.random.default_rng([7, seed])
    truth = rng.normal(size=n)
    odd, even = truth + rng.normal(size=(2, n)) * np.sqrt(0.5)
    first, second = (
        0.7 * (truth + sharing * (half - truth)) + 0.714 * rng.normal(size=n)
        for half in (odd, even)
    )
    return pd.DataFrame(
        {
            "likes": (odd + even) / 2,
            "odd": odd,
            "even": even,
            "score": (first + second) / 2,
            "score_odd": first,
            "score_even": second,
            "y": 0.5 * truth + 0.866 * rng.normal(size=n),
        }
    )


def plan(engagement, **score):
    return {
        "name": "shared",
        "question": "Whose noise does the score share?",
        "dataset": "frame.csv",
        "quick": True,
        "score": {"columns": ["score"]} | score,
        "engagement": {"columns": ["likes"]} | engagement,
        "outcome": [{"column": "y", "kind": "continuous", "sesoi": 1e-6}],
        "inference": {"bootstrap": 199},
    }


DECLARED = {"reliability": {"likes": NARROW}}
HALVES = {"halves": {"likes": ["odd", "even"]}}


# --- halves of a score ----------------------------------------------------------------------------


def test_halves_of_a_score_show_nothing_of_noise_that_is_only_declared():
    verdicts = [
        analyse(plan(DECLARED, halves={"score": PAIR}), frame(seed)).verdict_on()
        for seed in range(8)
    ]
    assert not [r for r in verdicts if r.verdict == "adds"]  # taken for known: 6 of these 8
    undecided = [r for r in verdicts if r.verdict == "inconclusive"]
    assert any("the halves of engagement, too" in " ".join(r.reasons) for r in undecided)
    said = " ".join(undecided[0].reasons)
    assert "holds its level only where the score shares none" in said
    assert "and the corrected test" not in said


def test_halves_of_both_are_known_and_so_is_what_the_plan_says():
    def at(engagement, **score):
        return open_columns(sa.read_plan(plan(engagement, **score)), "score")

    assert at(HALVES, halves={"score": PAIR}) == ()
    assert at(DECLARED, shares_error="none") == at(DECLARED, shares_error="full") == ()
    assert at(DECLARED, halves={"score": PAIR}) == at(DECLARED) == at(HALVES) == ("likes",)
    both = {"columns": ["likes", "views"], **HALVES, "reliability": {"views": 0.8}}
    assert at(both, halves={"score": PAIR}) == ("views",)


def test_a_score_that_is_the_mean_of_its_halves_is_corrected_even_if_it_shares_all_noise():
    verdicts = [
        analyse(plan(HALVES, halves={"score": PAIR}), frame(seed)).verdict_on() for seed in range(8)
    ]
    assert sum(r.verdict == "adds" for r in verdicts) <= 2
    assert {r.corrected for r in verdicts} == {"yes"}


@pytest.mark.parametrize(
    "how", [lambda f: 2 * f["score"], lambda f: f["score_odd"], lambda f: f["score"] + 1]
)
def test_a_score_that_is_not_the_mean_of_its_halves_is_an_error(how):
    data = frame(1).assign(score=how)
    with pytest.raises(DataError) as raised:
        analyse(plan(HALVES, halves={"score": PAIR}), data)
    for said in (
        'column "score" (score)',
        "not the mean of its halves score_odd, score_even",
        "their mean, not their",
    ):
        assert said in str(raised.value)


def test_rounding_and_a_transform_of_the_halves_are_no_error():
    data = frame(1)
    data[["score", *PAIR]] = data[["score", *PAIR]] * 15 + 90
    data["score"] = data["score"].round()
    assert analyse(plan(HALVES, halves={"score": PAIR}), data).verdict_on().corrected == "yes"
    logs = np.log1p(data[PAIR]).mean(axis=1)
    told = plan(HALVES, halves={"score": PAIR}, transform="log1p")
    assert analyse(told, data.assign(score=np.expm1(logs))).verdict_on().corrected == "yes"


def test_a_rank_is_not_the_mean_of_two_ranks():
    with pytest.raises(PlanError, match="not the mean of two ranks"):
        sa.read_plan(plan(HALVES, halves={"score": PAIR}, transform="rank"))
    by_column = plan(HALVES, halves={"score": PAIR}, transform={"score": "rank"})
    with pytest.raises(PlanError, match="not the mean of two ranks"):
        sa.read_plan(by_column)


# --- several noisy columns ------------------------------------------------------------------------


def two_columns(
    seed, n=1000, *, slopes=(0.4, 0.4), reliable=(0.8, 0.8), weights=(0.7, 0.7), sharing=(0.0, 0.0)
):
    """A worthless score of two kinds of engagement, of whose noise it shares what is said."""
    rng = np.random.default_rng([7, seed])
    truth, noise = rng.normal(size=(2, n)), [0.0, 0.0]
    data = {}
    for at, name in enumerate("ab"):
        one, two = truth[at] + rng.normal(size=(2, n)) * np.sqrt(2 * (1 / reliable[at] - 1))
        data |= {name: (one + two) / 2, f"{name}1": one, f"{name}2": two}
        noise[at] = data[name] - truth[at]
    seen = [weights[at] * (truth[at] + sharing[at] * noise[at]) for at in (0, 1)]
    score, y = sum(seen) + 0.7 * rng.normal(size=n), np.array(slopes) @ truth + rng.normal(size=n)
    return pd.DataFrame(data | {"score": score, "y": y})


BOTH = {"columns": ["a", "b"], "halves": {"a": ["a1", "a2"], "b": ["b1", "b2"]}}
STATED = {
    "columns": ["b", "a"],
    "reliability": {"a": 0.8, "b": {"value": 0.8, "low": 0.7, "high": 0.9}},
}


def test_a_score_that_shares_the_noise_of_one_column_only_is_not_decided():
    world = {"slopes": (0.4, 0.4), "weights": (-0.7, 0.7), "sharing": (1.0, 0.0)}
    verdicts = [
        analyse(plan(BOTH), two_columns(seed, 2000, **world)).verdict_on() for seed in range(4)
    ]
    assert [r.verdict for r in verdicts] == [
        "inconclusive"
    ] * 4  # none and all corrected agree in these 4
    named = [
        reason
        for r in verdicts
        for reason in r.reasons
        if "is not known whether the score shares the noise" in reason
    ]
    assert named
    assert all({m.name for m in r.deciding_set} >= {"as recorded", "noise"} for r in verdicts)
    wheres = {m.where for r in verdicts for m in r.deciding_set}
    assert any("the score shares the noise of a" in where for where in wheres)


def test_a_score_that_adds_does_so_whatever_it_shares():
    data = two_columns(1, 4000, sharing=(1.0, 0.0))
    verdict = analyse(plan(BOTH), data.assign(y=data["y"] + 0.5 * data["score"])).verdict_on()
    assert (verdict.verdict, verdict.direction) == ("adds", "positive")


def test_the_word_must_hold_at_the_mixed_corners_of_two_declared_ranges():
    data = two_columns(1, 5000, reliable=(0.7, 0.9), weights=(0.7, -0.7))
    audit = analyse(plan(STATED, shares_error="none"), data)
    assert audit.verdict_on().verdict == "inconclusive"
    apart = [m for m in audit.verdict_on().deciding_set if m.word == "inconclusive"]
    assert apart[0].where == "reliability: b 0.90, a 0.70"
    assert "does not hold over what is thought possible" in " ".join(audit.verdict_on().reasons)
    rows = {
        row.variant: row
        for row in audit.estimates.select(method="corrected", model="eiv", scale="sd")
    }
    assert list(rows) == [
        "",
        "low",
        "high",
        "low-high",
        "high-low",
    ]  # in the order of the plan's columns: b, a
    low, high = rows["high-low"].interval(0.95)
    assert low < 0 < high  # at the truth
    assert all(
        rows[at].interval(0.95)[0] > 0 for at in ("", "low", "high")
    )  # the diagonal alone says that it adds


def test_many_declared_ranges_are_asked_one_at_a_time():
    rng = np.random.default_rng(3)
    names = [f"e{i}" for i in range(7)]
    data = pd.DataFrame(rng.normal(size=(1000, 7)), columns=names)
    data = data.assign(score=rng.normal(size=1000), y=data["e0"] + rng.normal(size=1000))
    data["y"] += 2 * data["score"]
    engagement = {"columns": names, "reliability": dict.fromkeys(names, 0.9)}
    verdict = analyse(plan(engagement, shares_error="none"), data).verdict_on()
    assert (verdict.verdict, verdict.direction) == ("adds", "positive")
    noise = [member for member in verdict.deciding_set if member.name == "noise"]
    assert len(noise) == 1 + 2 + 2 * 7  # as stated, both ends, and each column alone at an end


# --- noise of two columns that is correlated ------------------------------------------------------

ALIKE = 0.6


def correlated_columns(seed, n=1000, *, effect=0.0):
    """Two columns of reliability .8 with correlated noises, and a score made of the truth."""
    rng = np.random.default_rng([11, seed])
    truth = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=n)
    noise = rng.multivariate_normal([0, 0], [[0.25, 0.25 * ALIKE], [0.25 * ALIKE, 0.25]], size=n)
    score = truth @ [0.7, 0.4] + rng.normal(size=n)
    outcome = truth @ [1.0, 1.0] + effect * score + rng.normal(size=n)
    likes, views = (truth + noise).T
    return pd.DataFrame({"likes": likes, "views": views, "score": score, "y": outcome})


def design_of_two(drawn):
    columns = ("const", "likes", "views", "score")
    matrix = np.column_stack([np.ones(len(drawn)), drawn[list(columns[1:])]])
    blocks = ("intercept", "engagement", "engagement", "score")
    return Design(drawn["y"].to_numpy(), matrix, columns, blocks)


def corrected_for(drawn, correlation):
    design = design_of_two(drawn)
    declared = {"likes": 0.8, "views": 0.8}
    errors = measure(design, declared=declared, correlation=correlation)
    return correct_fit(fit_ols(design, covariance="HC1"), errors)


def test_correlated_noise_is_taken_out_where_it_is_stated():
    drawn = correlated_columns(1, 100_000, effect=0.2)
    right, wrong = (corrected_for(drawn, rho).effect("score") for rho in (ALIKE, 0.0))
    assert abs(right.estimate - 0.2) < 4.5 * right.std_error
    assert abs(wrong.estimate - 0.2) > 10 * wrong.std_error


def test_the_correction_of_correlated_noise_by_a_second_route(tolerance):
    """Moments less the error's covariance, as Fuller (1987) has them."""
    drawn = correlated_columns(2)
    design = design_of_two(drawn)
    sizes = np.sqrt(0.2 * drawn[["likes", "views"]].var(ddof=0).to_numpy())
    error = np.zeros((4, 4))
    error[1:3, 1:3] = np.outer(sizes, sizes) * [[1, ALIKE], [ALIKE, 1]]
    moments = design.matrix.T @ design.matrix / design.n - error
    params = np.linalg.solve(moments, design.matrix.T @ design.response / design.n)
    assert corrected_for(drawn, ALIKE).params == pytest.approx(params, rel=tolerance.route)


def test_the_error_of_the_correction_of_correlated_noise_is_that_of_a_jackknife():
    drawn = correlated_columns(3, 400)
    left = [corrected_for(drawn.drop(index=row), ALIKE).estimate("score") for row in drawn.index]
    jackknife = np.sqrt((len(left) - 1) * np.var(left))
    assert corrected_for(drawn, ALIKE).std_error("score") == pytest.approx(jackknife, rel=0.03)


def test_a_word_holds_only_where_it_holds_with_the_correlation_that_is_thought_possible():
    """A worthless score whose noise is subtracted as if it were independent is found to add."""
    stated = {"columns": ["likes", "views"], "reliability": {"likes": NARROW, "views": NARROW}}
    alike = plan(stated | {"noise_correlation": ALIKE}, shares_error="none")
    apart, together = [], []
    for seed in range(20):
        drawn = correlated_columns(seed, 4000)
        apart.append(ruled(plan(stated, shares_error="none"), drawn))
        together.append(ruled(alike, drawn))
    assert apart.count("adds") >= 15
    assert together.count("adds") <= 3
    verdict = sa.audit(alike, data=correlated_columns(0)).verdicts.iloc[0]
    members = [member["where"] for member in verdict["deciding_set"]]
    assert sum("correlated 0.60" in where for where in members) == 2


def ruled(content, drawn):
    """Return what the members of the deciding set say together."""
    one = sa.read_plan(content)
    question = Question(select_sample(one, from_frame(drawn)), one.outcome[0], "score")
    return AskedRule.of(question).at()[0]


@pytest.mark.parametrize("wrong", [1.0, -1.0, "0.3", True])
def test_a_correlation_of_noise_lies_between_minus_one_and_one(wrong):
    with pytest.raises(PlanError, match="noise_correlation"):
        sa.read_plan(plan({"noise_correlation": wrong}))
