"""A score of which engagement is a curve: noticed, corrected without taking it for straight, or
left undecided.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.measurement_error.correction import correct_fit, stacked_covariance, under_leverage
from analysis.measurement_error.measurement import measure
from analysis.measurement_error.nonlinearity import nonlinearity, without_linearity
from analysis.measurement_error.other_corrections import corrected_score
from analysis.models import fit_model
from analysis.models.columns import build_design
from analysis.models.covariance import hat_diagonal
from analysis.models.design import Design
from analysis.models.distributions import normal_isf, normal_sf
from analysis.report.views import Audit


def frame(seed=1, n=1000, *, steep=1.2, effect=0.0, reliability=0.8):
    """A score that is exp(steep x something normal), so that a few rows hold most of its
    variance.
    """
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    odd, even = truth + rng.normal(size=(2, n)) * np.sqrt(2 * (1 - reliability) / reliability)
    seen = 0.8 * truth + 0.6 * rng.normal(size=n)
    score = np.exp(steep * seen) if steep else seen
    index = 0.5 * truth + effect * (score - score.mean()) / score.std()
    mean = np.exp(1 + index)
    return pd.DataFrame(
        {
            "score": score,
            "odd": odd,
            "even": even,
            "likes": (odd + even) / 2,
            "orders": rng.poisson(mean),
            "bought": (rng.random(n) < mean / (1 + mean)) * 1,
            "y": index + rng.normal(size=n),
        }
    )


OUTCOMES = {
    "count": {"column": "orders", "kind": "count", "sesoi": 0.05},
    "binary": {"column": "bought", "kind": "binary", "sesoi": 0.03},
    "continuous": {"column": "y", "kind": "continuous", "sesoi": 0.1},
}


def plan(kind="count", *, shares="none", **engagement):
    return {
        "name": "curved",
        "question": "Does a steep score look useful?",
        "dataset": "frame.csv",
        "quick": True,
        "score": {"columns": ["score"], "shares_error": shares},
        "outcome": [OUTCOMES[kind]],
        "engagement": {
            "columns": ["likes"],
            **(engagement or {"halves": {"likes": ["odd", "even"]}}),
        },
        "inference": {"bootstrap": 99},
    }


def design_of(score, engagement):
    n = len(score)
    return Design(
        np.zeros(n),
        np.column_stack([np.ones(n), engagement, score]),
        ("const", "likes", "score"),
        ("intercept", "engagement", "score"),
    )


@pytest.mark.parametrize("steep", [0.0, 1.2])
def test_a_curve_is_noticed_and_a_line_is_not(steep):
    found = [
        nonlinearity(design_of(data["score"], data["likes"]), "likes", ("likes",))
        for data in (frame(seed, steep=steep) for seed in range(40))
    ]
    assert [one.matters for one in found] == [bool(steep)] * 40


def test_the_share_is_that_of_two_regressions():
    data = frame()
    design = design_of(data["score"], data["likes"])
    order = data["score"].rank().to_numpy()
    normal = normal_isf(1 - (order - 0.5) / len(data))
    line = np.column_stack([np.ones(len(data)), data["score"]])
    curve = np.c_[line, normal, normal**2, normal**3]
    squares = [float(np.linalg.lstsq(x, data["likes"], rcond=None)[1][0]) for x in (line, curve)]
    found = nonlinearity(design, "likes", ("likes",))
    assert found.share == pytest.approx(1 - squares[1] / squares[0], rel=1e-9)


SKEWED = {
    "exponential": lambda u: -np.log1p(-u) - 1,
    "bounded": lambda u: (u**4 - 0.2) / 0.2667,
    "half bounded": lambda u: (u**2 - 1 / 3) / 0.298,
}


def skewed(how, seed, n=1000):
    """A normal score that adds nothing, and engagement that is a curve of what the score sees; with
    its halves.
    """
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=n)
    truth = SKEWED[how](normal_sf(-normal))
    score = normal + 0.5 * rng.normal(size=n)
    halves = truth + np.sqrt(0.5) * rng.normal(size=(2, n))
    design = design_of(score, halves.mean(axis=0))
    response = rng.poisson(3 * np.exp(0.5 * truth)).astype(float)
    return Design(response, design.matrix, design.terms, design.blocks), halves


@pytest.mark.parametrize("how", list(SKEWED))
def test_a_normal_score_of_skewed_engagement_is_a_curve(how):
    assert all(
        nonlinearity(skewed(how, seed)[0], "likes", ("likes",)).matters for seed in range(40)
    )


def test_normal_scores_have_no_curve_of_their_own():
    """A score that is its own normal scores: that direction is left out, and the test is of two."""
    rng = np.random.default_rng(1)
    score = normal_isf((rng.permutation(500) + 0.5) / 500)
    likes = score + rng.normal(size=500)
    assert not nonlinearity(design_of(score, likes), "likes", ("likes",)).matters
    assert nonlinearity(design_of(score, likes + 0.3 * score**2), "likes", ("likes",)).matters


def test_a_normal_worthless_score_passes_as_often_as_it_should():
    """Of 60 samples with exponential engagement, calibration finds it in about a third, what
    decides in three.
    """
    passed = []
    for seed in range(60):
        design, halves = skewed("exponential", seed)
        fit, errors = fit_model(design, "poisson", "HC1"), measure(design, halves={"likes": halves})
        found = correct_fit(fit, errors), without_linearity(fit, {"value": errors})["value"]
        passed.append([abs(one.estimate("score")) > 1.96 * one.std_error("score") for one in found])
    calibrated, decides = np.sum(passed, axis=0)
    assert calibrated >= 10
    assert decides <= 9  # P(X > 9 | 60, .06) = .004


def test_the_rate_of_the_corrected_test_is_said_to_be_unknown():
    said = " ".join(analyse(plan(), frame()).verdict_on().reasons)
    assert "and the corrected test in a share that is not known" in said
    assert "and the corrected test 5 %" not in said
    assert "and the corrected test 5 %" in " ".join(
        analyse(plan(), frame(steep=0)).verdict_on().reasons
    )


@pytest.mark.parametrize("score", [np.arange(100) % 2, np.repeat(3.0, 100) + (np.arange(100) == 7)])
def test_two_values_have_no_curve(score):
    likes = np.random.default_rng(1).normal(size=100)
    assert nonlinearity(
        design_of(score.astype(float), likes), "likes", ("likes",)
    ).share == pytest.approx(0, abs=1e-6)


def test_a_few_rows_do_not_pass_for_a_curve():
    """With thirty rows a straight score shows a share of .05 often; the test beside it is what
    keeps it straight.
    """
    found = [
        nonlinearity(design_of(data["score"], data["likes"]), "likes", ("likes",))
        for data in (frame(seed, n=30, steep=0) for seed in range(200))
    ]
    assert sum(one.share >= 0.03 for one in found) > 20
    assert sum(one.matters for one in found) <= 8  # P(X > 8 | 200, .01) = .0003


@pytest.mark.parametrize("how", ["halves", "declared"])
def test_the_corrected_score_decides_with_errors_under_leverage(how):
    data = frame()
    said = (
        plan()
        if how == "halves"
        else plan(reliability={"likes": {"value": 0.8, "low": 0.75, "high": 0.85}})
    )
    audit = analyse(said, data)
    verdict = audit.verdict_on()
    assert (verdict.deciding.model, verdict.deciding.covariance) == ("corrected-score", "HC3")
    assert any("curve of" in reason and reason.endswith("decides.") for reason in verdict.reasons)
    check = next(check for check in audit.checks if check.check == "curved_score")
    assert check.passed is False
    design = build_design(audit.sample, "orders", ("score",))
    fit = fit_model(design, "poisson", "HC1")
    given = (
        {"halves": {"likes": (data["odd"], data["even"])}}
        if how == "halves"
        else {"declared": {"likes": 0.8}}
    )
    direct = corrected_score(fit, measure(design, **given))
    spread = data["score"].std()
    assert verdict.deciding.estimate == pytest.approx(spread * direct.estimate("score"), rel=1e-9)
    left = 1 - hat_diagonal(design.basis[0], fit.weights)
    error = np.sqrt(((direct.influence[:, -1] / left) ** 2).sum())
    assert verdict.deciding.std_error == pytest.approx(spread * error, rel=1e-9)
    assert error > np.sqrt(stacked_covariance(direct.influence, None)[0][-1, -1])
    variants = {
        row.variant for row in audit.estimates.select(method="corrected", model="corrected-score")
    }
    assert variants == (
        {"", "raw"} if how == "halves" else {"", "raw", "low", "raw-low", "high", "raw-high"}
    )
    assert audit.estimates.select(method="corrected", model="calibration").rows
    assert "corrected score" in Audit(audit).sentence()
    assert Audit(audit).plot("reliability") is not None


def test_with_clusters_their_errors_stay():
    data = frame().assign(agency=lambda f: [f"a{i % 60}" for i in range(len(f))])
    verdict = analyse(plan() | {"cluster": {"column": "agency"}}, data).verdict_on()
    assert (verdict.deciding.model, verdict.deciding.covariance) == ("corrected-score", "CRV1")


def test_a_row_of_leverage_one_leaves_the_errors_as_they_are():
    data = frame(steep=0)
    design = design_of(data["score"], data["likes"])
    design = Design(data["orders"].to_numpy(float), design.matrix, design.terms, design.blocks)
    found = corrected_score(
        fit_model(design, "poisson", "HC1"), measure(design, declared={"likes": 0.8})
    )
    leverage = np.zeros(len(data))
    assert under_leverage(found, leverage).covariance == "HC3"
    leverage[3] = 1.0
    assert under_leverage(found, leverage) is found


def test_of_a_curved_score_the_cubic_and_the_steps_have_a_say():
    real = analyse(plan("binary"), frame(n=4000, effect=1.0, steep=1.0)).verdict_on()
    assert (real.verdict, real.corrected, real.direction) == ("adds", "yes", "positive")
    names = [member.name for member in real.deciding_set]
    assert names == ["noise", "form and noise", "steps and noise"]
    worthless = [
        analyse(plan("binary"), frame(seed, n=4000, steep=1.0)).verdict_on() for seed in range(8)
    ]
    assert sum(one.verdict == "adds" for one in worthless) <= 2  # P(X > 2 | 8, .05) = .006


@pytest.mark.parametrize(
    ("kind", "shares", "model"), [("continuous", "none", "eiv"), ("count", "full", "poisson")]
)
def test_where_no_line_is_taken_for_granted_nothing_changes(kind, shares, model):
    audit = analyse(plan(kind, shares=shares), frame())
    assert audit.verdict_on().deciding.model == model
    assert not any("curve of" in reason for reason in audit.verdict_on().reasons)
    assert not any(check.check == "curved_score" for check in audit.checks)


def test_a_straight_score_is_calibrated_as_before():
    audit = analyse(plan(), frame(steep=0))
    assert audit.verdict_on().deciding.model == "calibration"
    assert next(check for check in audit.checks if check.check == "curved_score").passed is True


@pytest.mark.slow
def test_a_steep_worthless_score_is_biased_by_calibration_and_not_by_the_corrected_score():
    """Mean estimates over 60 samples of 4,000, in standard errors of that mean."""
    linear, curved = [], []
    for seed in range(60):
        data = frame(seed, n=4000)
        design = design_of(data["score"] / data["score"].std(), data["likes"])
        design = Design(data["orders"].to_numpy(float), design.matrix, design.terms, design.blocks)
        fit = fit_model(design, "poisson", "HC1")
        errors = measure(design, halves={"likes": (data["odd"], data["even"])})
        linear.append(correct_fit(fit, errors).estimate("score"))
        curved.append(corrected_score(fit, errors).estimate("score"))
    z = [np.mean(x) / (np.std(x) / np.sqrt(len(x))) for x in (linear, curved)]
    assert z[0] < -6
    assert abs(z[1]) < 4
