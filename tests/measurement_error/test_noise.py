"""Noise in engagement, from plan to verdict: which interval decides, what is printed, and when it
refuses.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.measurement_error.correction import Correction, correct_fit
from analysis.measurement_error.measurement import measure
from analysis.measurement_error.reliability_curve import break_even
from analysis.models import fit_model
from analysis.models.columns import build_design, score_scale
from analysis.report.views import Audit

OUTCOMES = {
    "continuous": {"column": "y", "kind": "continuous", "sesoi": 0.1},
    "revenue": {"column": "sales", "kind": "revenue", "sesoi": 0.05},
    "count": {"column": "orders", "kind": "count", "sesoi": 0.05},
    "binary": {"column": "bought", "kind": "binary", "sesoi": 0.03},
}


def frame(seed=1, n=1000, reliability=0.8, sharing=False, effect=0.0):
    """A score that re-expresses true engagement; recorded engagement is the mean of two noisy
    halves.
    """
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    odd, even = truth + rng.normal(size=(2, n)) * np.sqrt(2 * (1 - reliability) / reliability)
    source = (odd + even) / 2 if sharing else truth
    score = 0.7 * source / source.std() + np.sqrt(1 - 0.49) * rng.normal(size=n)
    index = 0.5 * truth + effect * score
    return pd.DataFrame(
        {
            "score": score,
            "likes": (odd + even) / 2,
            "odd": odd,
            "even": even,
            "visits": rng.normal(size=n),
            "y": index + np.sqrt(0.75) * rng.normal(size=n),
            "sales": rng.gamma(2, np.exp(3 + index) / 2),
            "orders": rng.poisson(np.exp(1 + index)),
            "bought": (rng.random(n) < 1 / (1 + np.exp(-1.6 * index))) * 1,
        }
    )


def plan(kind="continuous", *, shares="none", outcome=None, quick=True, **engagement):
    """Return a plan; what noise does and what the verdict is need no placebos and no prediction."""
    return {
        "name": "noisy",
        "question": "Does noise make the score look useful?",
        "dataset": "frame.csv",
        "score": {"columns": ["score"], "shares_error": shares},
        "engagement": {"columns": ["likes"]} | engagement,
        "outcome": [OUTCOMES[kind] | (outcome or {})],
        "inference": {"bootstrap": 199},
        "quick": quick,
    }


HALVES = {"halves": {"likes": ["odd", "even"]}}


def test_a_worthless_score_passes_the_plain_test_and_not_the_corrected_one():
    """benchmarks/calibration.py asks it thousands of times."""
    plain = silent = corrected = 0
    for seed in range(20):
        data = frame(seed)
        unsaid = analyse(plan(), data).verdict_on()
        plain += unsaid.as_recorded == "adds"
        silent += unsaid.verdict == "adds"
        corrected += analyse(plan(**HALVES), data).verdict_on().verdict == "adds"
    assert plain >= 14  # METHODS gives .89 for these correlations and n = 1,000
    assert silent <= 4  # P(X > 4 | 20, .05) = .003
    assert corrected <= 4


def test_a_useful_score_still_adds_once_noise_is_corrected():
    found = [analyse(plan(**HALVES), frame(seed, effect=0.3)).verdict_on() for seed in range(10)]
    assert all(
        r.verdict == "adds" and r.direction == "positive" and r.corrected == "yes" for r in found
    )


@pytest.mark.parametrize("kind", list(OUTCOMES))
@pytest.mark.parametrize(
    "how", [HALVES, {"reliability": {"likes": {"value": 0.8, "low": 0.79, "high": 0.81}}}]
)
def test_the_ledger_has_the_corrected_effect_by_a_second_route(kind, how):
    audit = analyse(plan(kind, **how), frame())
    design = build_design(audit.sample, OUTCOMES[kind]["column"], ("score",))
    deciding = audit.plan.outcome[0].deciding_model
    errors = measure(
        design,
        halves={"likes": (audit.sample.numbers("odd"), audit.sample.numbers("even"))}
        if "halves" in how
        else None,
        declared=None if "halves" in how else {"likes": 0.8},
    )
    direct = correct_fit(fit_model(design, deciding, "HC3"), errors)
    assert isinstance(direct, Correction)
    model = "eiv" if kind == "continuous" else "calibration"
    row = audit.estimates.one(method="corrected", model=model, term="score", variant="")
    assert row.estimate == pytest.approx(
        direct.estimate("score") * score_scale(audit.sample, "score"), rel=1e-9
    )
    assert (row.covariance, row.df) == ("HC3", None)
    if kind == "binary":
        margin = audit.estimates.one(
            method="corrected", model=model, term="score", variant="margin"
        )
        assert audit.verdict_on().deciding.id == margin.id


@pytest.mark.parametrize(
    ("clusters", "covariance", "word"),
    [(8, "CRV1", "inconclusive"), (8, None, "adds"), (40, "CRV1", "adds")],
)
def test_with_few_clusters_a_correction_by_crv1_decides_nothing(clusters, covariance, word):
    data = frame(effect=0.5).assign(agency=lambda f: [f"a{i % clusters}" for i in range(len(f))])
    inference = {"inference": {"covariance": covariance}} if covariance else {}
    verdict = analyse(
        {**plan(**HALVES), **inference, "cluster": {"column": "agency"}}, data
    ).verdict_on()
    assert verdict.verdict == word
    assert any("a correction decides nothing" in reason for reason in verdict.reasons) == (
        word == "inconclusive"
    )


def test_engagement_with_halves_is_their_mean_after_the_transform_in_the_plain_fit_too():
    data = frame()
    data[["odd", "even"]] = np.exp(data[["odd", "even"]])
    audit = analyse(plan(transform="log1p", **HALVES), data.drop(columns="likes"))
    design = build_design(audit.sample, "y", ("score",))
    expected = (np.log1p(data["odd"]) + np.log1p(data["even"])) / 2
    np.testing.assert_allclose(design.block("engagement")[:, 0], expected)


def test_the_score_that_shares_the_error_is_judged_by_the_plain_fit():
    data = frame(sharing=True)
    found = analyse(plan(shares="full", quick=False, **HALVES), data)
    assert found.verdict_on().corrected == "no"
    assert found.verdict_on().deciding.method == "increment"
    assert found.estimates.select(method="corrected").rows  # printed beside it
    assert not any("vanishes" in reason for reason in found.verdict_on().reasons)


def test_where_sharing_is_unknown_plain_and_corrected_must_agree():
    disagreeing = analyse(plan(shares="unknown", **HALVES), frame()).verdict_on()
    assert (disagreeing.verdict, disagreeing.corrected, disagreeing.direction) == (
        "inconclusive",
        "yes",
        None,
    )
    assert any("shares_error" in reason for reason in disagreeing.reasons)
    agreeing = analyse(plan(shares="unknown", **HALVES), frame(effect=0.5)).verdict_on()
    assert (agreeing.verdict, agreeing.direction) == ("adds", "positive")


def test_the_word_must_hold_over_a_declared_range():
    narrow = {"reliability": {"likes": {"value": 0.8, "low": 0.79, "high": 0.81}}}
    wide = {"reliability": {"likes": {"value": 0.8, "low": 0.55, "high": 1.0}}}
    data = frame(3, n=3000)
    assert analyse(plan(**narrow), data).verdict_on().verdict in ("nothing", "trivial")
    found = analyse(plan(**wide), data)
    assert found.verdict_on().verdict == "inconclusive"
    assert any(
        "does not hold over what is thought possible" in reason
        for reason in found.verdict_on().reasons
    )
    ends = {row.variant for row in found.estimates.select(method="corrected", scale="sd")}
    assert {"", "low", "high"} <= ends


def test_one_of_two_columns_corrected_is_partial_and_the_sentence_says_so():
    found = analyse(plan(columns=["likes", "visits"], exact=["visits"], **HALVES), frame())
    assert found.verdict_on().corrected == "partial"
    assert "nowhere else" in Audit(found).sentence()
    assert any("visits is taken as recorded" in reason for reason in found.verdict_on().reasons)


def test_a_silent_column_beside_a_corrected_one_is_assumed():
    verdict = analyse(plan(columns=["likes", "visits"], **HALVES), frame()).verdict_on()
    assert (verdict.corrected, verdict.assumed_from) == ("assumed", 0.8)
    names = {member.name for member in verdict.deciding_set}
    assert {"as recorded", "form", "noise", "form and noise", "steps and noise"} == names


@pytest.mark.parametrize("transform", ["rank", "spline"])
def test_a_rank_or_a_spline_is_corrected_on_its_normal_scores(transform):
    real = frame(effect=0.5)
    for halves, shares in ((HALVES, "none"), ({"reliability": {"likes": 0.8}}, "none")):
        worthless = analyse(plan(transform=transform, shares=shares, **halves), frame())
        assert worthless.verdict_on().corrected == "yes"
        assert worthless.verdict_on().verdict != "adds"
        assert worthless.verdict_on().deciding.method == "corrected"
        found = analyse(plan(transform=transform, shares=shares, **halves), real).verdict_on()
        assert (found.verdict, found.direction) == ("adds", "positive")


def test_a_stated_reliability_without_an_answer_decides_nothing():
    data = frame(n=300)
    data["score"] = data["likes"] * 0.9 + 0.6 * data["score"]
    found = analyse(
        plan(reliability={"likes": {"value": 0.3, "low": 0.3, "high": 0.3}}), data
    ).verdict_on()
    assert found.verdict == "inconclusive"
    assert any("correction is refused" in reason for reason in found.reasons)
    noise = [member for member in found.deciding_set if member.name == "noise"]
    assert {member.phrase for member in noise} == {"no answer"}


def test_small_counts_refuse_a_correction_of_their_logarithm():
    data = frame()
    rng = np.random.default_rng(2)
    data["odd"], data["even"] = rng.poisson(2, 1000), rng.poisson(2, 1000)
    found = analyse(plan(transform="log1p", **HALVES), data).verdict_on()
    assert found.verdict == "refused"
    assert "counts are below 5" in found.reasons[0]


@pytest.mark.parametrize("kind", ["continuous", "revenue"])
def test_break_even_and_fragility_without_a_reliability(kind):
    audit = analyse(plan(kind, quick=False), frame())
    row = audit.estimates.one(method="reliability", model="none", term="break_even")
    deciding = audit.plan.outcome[0].deciding_model
    fit = fit_model(
        build_design(audit.sample, OUTCOMES[kind]["column"], ("score",)), deciding, "HC1"
    )
    assert row.estimate == pytest.approx(break_even(fit, "score", ("likes",)).reliability, rel=1e-9)
    assert 0.7 < row.estimate < 0.95
    verdict = audit.verdict_on()
    assert (verdict.verdict, verdict.as_recorded) == ("inconclusive", "adds")
    assert verdict.holds_from > row.estimate  # the interval has to exclude zero, too
    assert any("vanishes" in reason for reason in audit.verdict_on().reasons)


def test_reliability_rows_say_how_they_were_obtained():
    halves = analyse(plan(**HALVES), frame()).estimates.one(
        method="reliability", term="reliability:likes"
    )
    assert halves.model == "halves"
    low, high = halves.interval(0.95)
    assert low < 0.8 < high
    bare = analyse(plan(reliability={"likes": 0.95}), frame()).estimates
    declared = bare.one(method="reliability", term="reliability:likes")
    assert (declared.model, declared.estimate) == ("declared", 0.95)
    assert declared.interval(0.95) == pytest.approx((0.85, 1.0))


def test_the_calibrated_null_is_printed_and_close_to_what_is_simulated():
    audit = analyse(plan(**HALVES), frame())
    naive = audit.estimates.one(method="reliability", term="false_positive_naive").estimate
    assert 0.7 < naive < 0.97  # METHODS: .89
    assert audit.estimates.one(
        method="reliability", term="false_positive_corrected"
    ).estimate == pytest.approx(0.05, abs=0.01)
    assert any("would pass the ordinary test" in reason for reason in audit.verdict_on().reasons)


@pytest.mark.parametrize(
    ("kind", "model"), [("continuous", "oriv"), ("revenue", "corrected-score")]
)
def test_a_second_correction_is_printed_beside_the_deciding_one(kind, model):
    audit = analyse(plan(kind, **HALVES), frame())
    deciding = audit.verdict_on().deciding
    beside = audit.estimates.one(method="corrected", model=model, term="score", variant="")
    assert abs(beside.estimate - deciding.estimate) < 0.5 * deciding.std_error


def test_clusters_reach_the_correction():
    data = frame()
    data["team"] = np.arange(len(data)) % 60
    audit = analyse({**plan(**HALVES), "cluster": {"column": "team"}}, data)
    row = audit.estimates.one(method="corrected", model="eiv", term="score", variant="")
    assert (row.covariance, row.clusters) == ("CRV1", 60)


def test_ids_stay_unique_and_the_report_can_be_written(tmp_path):
    full = plan("revenue", shares="unknown", quick=False, reliability={"likes": 0.8})
    audit = analyse(full, frame())
    ids = [row.id for row in audit.estimates]
    assert len(set(ids)) == len(ids)
    folder = Audit(audit).export(tmp_path / "noisy")
    assert "corrected for noise" in (folder / "report.html").read_text("utf-8")
