"""Calibration of predictions of rows left out, without the score and with it."""

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.models import fit_model
from analysis.models.design import Design
from analysis.report.html import sections_of
from analysis.studies.calibration.curve import calibration_curve, calibration_curves


def world(n, *, model="logit", effect=1.0, seed=1, bent=False, clusters=0):
    rng = np.random.default_rng(seed)
    likes, klout = rng.normal(size=(2, n))
    codes = None
    if clusters:
        codes = np.arange(n) % clusters
        likes = likes + rng.normal(size=clusters)[codes]
    at = -1 + likes + effect * klout + (0.8 * likes**2 if bent else 0.0)
    y = {
        "logit": lambda: (rng.random(n) < 1 / (1 + np.exp(-at))).astype(float),
        "poisson": lambda: rng.poisson(np.exp(at)).astype(float),
        "ols": lambda: at + rng.normal(size=n),
    }[model]()
    design = Design(
        y,
        np.column_stack([np.ones(n), likes, klout]),
        ("intercept", "likes", "klout"),
        ("intercept", "engagement", "score"),
        codes,
    )
    return design, at


@pytest.mark.parametrize("model", ["logit", "poisson", "ols"])
def test_what_is_true_is_on_the_diagonal(model):
    design, at = world(4000, model=model)
    curve = calibration_curve(design, model, at)
    slope, error = curve.line.coefficient("slope")
    assert abs(slope - 1) < 4.5 * error
    inside = (curve.low <= curve.predicted) & (curve.predicted <= curve.high)
    assert inside.mean() > 0.7


def test_predictions_that_go_too_far_have_a_slope_below_one():
    design, at = world(4000)
    curve = calibration_curve(design, "logit", 2 * at)
    assert curve.line.coefficient("slope")[0] == pytest.approx(0.5, abs=0.05)
    assert curve.observed[-1] < curve.predicted[-1] - 0.02
    assert curve.error > calibration_curve(design, "logit", at).error


def test_lowess_draws_the_same_curve():
    """A second smoother, of other people: statsmodels' lowess on the predicted chance."""
    from statsmodels.nonparametric.smoothers_lowess import lowess

    design, at = world(6000, bent=True)
    wrong = at - 0.8 * design.matrix[:, 1] ** 2
    curve = calibration_curve(design, "logit", wrong)
    chance = 1 / (1 + np.exp(-wrong))
    other = lowess(design.response, chance, frac=0.3, it=0, xvals=curve.predicted)
    middle = slice(5, -8)
    assert np.abs(other - curve.observed)[middle].max() < 0.05
    assert curve.error > 0.05


def test_every_row_is_predicted_by_a_model_without_it():
    """In eighty rows with twenty columns of noise, what was fitted promises far too much."""
    rng = np.random.default_rng(3)
    noise = {f"n{at}": rng.normal(size=150) for at in range(20)}
    design = world(150)[0].without("score").with_columns("control", noise)
    design = design.with_columns("score", {"klout": rng.normal(size=150)})
    fit = fit_model(design, "logit", "HC1")
    inside = calibration_curve(design, "logit", np.log(fit.fitted / (1 - fit.fitted)))
    _, left_out = calibration_curves(design, "logit", rng=np.random.default_rng(1))
    assert inside.line.coefficient("slope")[0] == pytest.approx(1, abs=1e-6)
    assert left_out.line.coefficient("slope")[0] < 0.8


def test_the_score_lets_predictions_reach_farther():
    design, _ = world(2000)
    without, with_score = calibration_curves(design, "logit", rng=np.random.default_rng(1))
    assert np.ptp(with_score.predicted) > np.ptp(without.predicted) + 0.1


def test_clusters_widen_the_band_and_share_a_fold():
    design, at = world(900, clusters=30)
    alone = Design(design.response, design.matrix, design.terms, design.blocks)
    rng = np.random.default_rng(5)
    shocks = rng.normal(size=30)[design.clusters]
    y = (rng.random(900) < 1 / (1 + np.exp(-at - 1.5 * shocks))).astype(float)
    wide, narrow = (calibration_curve(one.with_response(y), "logit", at) for one in (design, alone))
    assert np.mean(wide.high - wide.low) > 1.3 * np.mean(narrow.high - narrow.low)


def test_few_different_predictions_are_joined_by_a_line():
    rng = np.random.default_rng(2)
    flag = (np.arange(400) % 2).astype(float)
    y = (rng.random(400) < 0.2 + 0.4 * flag).astype(float)
    design = Design(y, np.column_stack([np.ones(400), flag]), ("i", "s"), ("intercept", "score"))
    curve = calibration_curve(design, "logit", np.where(flag > 0, np.log(1.5), np.log(0.25)))
    assert np.isfinite(curve.observed).all()


# --- in an audit ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loans():
    """Points of which more go with less default."""
    design, _ = world(1200, effect=-1.0)
    data = pd.DataFrame(
        {"likes": design.matrix[:, 1], "points": design.matrix[:, 2], "default": design.response}
    )
    plan = {
        "name": "loans",
        "question": "Do points tell who pays?",
        "dataset": "frame",
        "score": {"columns": ["points"]},
        "engagement": {"columns": ["likes"], "exact": ["likes"]},
        "outcome": [{"column": "default", "kind": "binary", "sesoi": 0.01}],
        "inference": {"bootstrap": 199},
    }
    return plan, data


def test_rows_and_figure_of_an_audit(loans):
    audit = sa.audit(*loans[:1], data=loans[1])
    rows = {row.id for row in audit.findings.estimates.select(method="calibration")}
    assert rows == {
        f"loans/default/points/calibration/logit/{term}@{which}-score"
        for term in ("intercept", "slope", "ici")
        for which in ("with", "without")
    }
    slope = audit.findings.estimates.one(method="calibration", term="slope", variant="with-score")
    assert slope.statistic == pytest.approx((slope.estimate - 1) / slope.std_error)
    figure = audit.plot("calibration")
    assert "without points: predictions from" in figure.alt
    said = audit["calibration"].sentences[0]
    assert "more of points goes with less default" in said
    turned = {
        **loans[0],
        "quick": False,
        "score": {"columns": ["points"], "lower_is_better": ["points"]},
    }
    other = sa.audit(turned, data=loans[1])["calibration"].sentences[0]
    assert "less of points, which is better, goes with more default" in other
    section = sections_of(audit.findings)["calibration"]
    assert set(section.data["model"]) == {"without-score", "with-score"}


def test_a_quick_plan_says_that_it_did_not_look(loans):
    plan, data = loans
    found = analyse({**plan, "quick": True}, data)
    check = next(check for check in found.checks if check.check == "calibration_curves")
    assert check.status == "not assessed"
    assert not found.estimates.select(method="calibration").rows
