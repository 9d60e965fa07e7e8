"""The members of the deciding set: what they estimate, and when they decide."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import analysis as sa
import analysis.measurement_error.posterior as module
from analysis.measurement_error.calibrated import calibrated_effect
from analysis.measurement_error.correction import Effect
from analysis.measurement_error.deciding_set import DecidingSet, corners
from analysis.measurement_error.flexible_form import flexible_columns, standardised
from analysis.measurement_error.nonlinearity import normal_scores
from analysis.measurement_error.polynomial import (
    NoisyColumn,
    corrected_polynomial,
    degree_of,
    monomials,
)
from analysis.measurement_error.posterior import posterior
from analysis.measurement_error.recordings import RecordedColumn
from analysis.models import fit_model
from analysis.models.design import Design
from analysis.models.glm import effect_of

N = 20_000
"""Rows of a sample in which a method's bias would show."""


def world(rng, n=N, form=lambda e: e, effect=0.0, reliability=0.8, columns=1):
    """Recorded engagement, score, and an outcome that engagement and the score make."""
    common = rng.normal(size=n)
    truth = [(common + rng.normal(size=n)) / np.sqrt(2) for _ in range(columns)]
    made = standardised(sum(form(e) for e in truth))
    score = 0.7 * made + np.sqrt(0.51) * rng.normal(size=n)
    outcome = 0.7 * made + effect * score + 0.7 * rng.normal(size=n)
    noise = np.sqrt(1 / reliability - 1)
    records = [e + noise * rng.normal(size=n) for e in truth]
    return [standardised(r) for r in records], standardised(score), outcome


def design_of(records, score, outcome, clusters=None):
    names = [f"e{at}" for at in range(len(records))]
    matrix = np.column_stack([np.ones(len(score)), *records, score])
    blocks = ("intercept", *["engagement"] * len(records), "score")
    return Design(outcome, matrix, ("const", *names, "score"), blocks, clusters)


def deciding(records, score, outcome, model="ols", roles=None, shares="unknown"):
    fit = fit_model(design_of(records, score, outcome), model, "HC3")
    roles = roles or [{"low": 0.8, "assumed": True}] * len(records)
    columns = tuple(
        RecordedColumn(f"e{at}", standardised(r), standardised(normal_scores(r)), **role)
        for at, (r, role) in enumerate(zip(records, roles, strict=True))
    )
    estimate, error = effect_of(fit, "score")
    return DecidingSet(fit, fit, "score", columns, Effect(estimate, error, fit.df), shares)


def bent(e):
    return e + 0.5 * e**2


def stepped(e):
    return (e > 0.385).astype(float)


def test_a_corrected_cubic_recovers_a_bent_truth_that_the_record_hides():
    rng = np.random.default_rng(1)
    records, score, outcome = world(rng, form=bent, effect=0.2)
    known = np.column_stack([np.ones(N), score])
    found = corrected_polynomial(
        outcome, known, [NoisyColumn("e0", records[0], 0.2)], monomials((3,))
    )
    plain = effect_of(fit_model(design_of(records, score, outcome), "ols", "HC3"), "score")
    assert abs(found.effect.estimate - 0.2) < 3 * found.effect.std_error
    assert plain[0] - 0.2 > 5 * plain[1]


def test_without_noise_the_corrected_cubic_is_least_squares():
    rng = np.random.default_rng(2)
    records, score, outcome = world(rng, n=500, columns=2)
    columns = [NoisyColumn(f"e{at}", r, 0.0) for at, r in enumerate(records)]
    terms = monomials((3, 3), (0, 1))
    known = np.column_stack([np.ones(500), score])
    found = corrected_polynomial(outcome, known, columns, terms)
    powers = [records[0] ** a * records[1] ** b for a, b in terms]
    matrix = np.column_stack([np.ones(500), *powers, score])
    names = ("const", *(f"p{at}" for at in range(len(powers))), "score")
    blocks = ("intercept", *["engagement"] * len(powers), "score")
    fit = fit_model(Design(outcome, matrix, names, blocks), "ols", "HC3")
    estimate, error = fit.coefficient("score")
    assert found.effect.estimate == pytest.approx(estimate, rel=1e-8)
    assert found.effect.std_error == pytest.approx(error, rel=1e-8)


def test_the_linear_case_is_errors_in_variables_with_the_same_error():
    rng = np.random.default_rng(3)
    records, score, outcome = world(rng, n=800, columns=2)
    one = deciding(records, score, outcome)
    _, eiv = one.corrected({"e0": 0.8, "e1": 0.7})
    columns = [NoisyColumn("e0", records[0], 0.2), NoisyColumn("e1", records[1], 0.3)]
    known = np.column_stack([np.ones(800), score])
    found = corrected_polynomial(outcome, known, columns, monomials((1, 1)))
    assert found.effect.estimate == pytest.approx(eiv.estimate, rel=1e-8)
    assert found.effect.std_error == pytest.approx(eiv.std_error, rel=0.01)  # HC3 beside HC1


def test_the_error_of_the_corrected_cubic_is_that_of_its_bootstrap():
    rng = np.random.default_rng(4)
    records, score, outcome = world(rng, n=600, form=bent)

    def fitted(rows):
        column = NoisyColumn("e0", standardised(records[0][rows]), 0.2)
        known = np.column_stack([np.ones(len(rows)), score[rows]])
        return corrected_polynomial(outcome[rows], known, [column], monomials((3,))).effect

    whole = fitted(np.arange(600))
    again = [fitted(rng.integers(600, size=600)).estimate for _ in range(400)]
    assert whole.std_error == pytest.approx(np.std(again), rel=0.15)


@pytest.mark.parametrize("controls", [False, True])
def test_calibrated_steps_see_through_noise_and_a_step(controls):
    rng = np.random.default_rng(5)
    known = np.ones((N, 1))
    records, score, outcome = world(rng, form=stepped)
    if controls:  # the truth is partly the control, and both make the outcome
        control = rng.normal(size=N)
        truth = 0.6 * control + 0.8 * rng.normal(size=N)
        records = [standardised(truth + 0.5 * rng.normal(size=N))]
        score = standardised(0.7 * standardised(stepped(truth)) + rng.normal(size=N))
        outcome = standardised(stepped(truth)) + 0.3 * control + rng.normal(size=N)
        known = np.column_stack([known, control])
    normal = standardised(normal_scores(records[0]))
    truth = posterior([NoisyColumn("e0", normal, 0.2)], score, known, rng)
    fit = fit_model(design_of(records, score, outcome), "ols", "HC3")
    found = calibrated_effect(fit, "score", known, truth, cubic=False)
    plain = effect_of(fit, "score")
    assert plain[0] > 10 * plain[1]
    assert abs(found.estimate) < plain[0] / 5


def test_the_weights_of_the_truth_are_those_of_bayes_for_normal_columns():
    rng = np.random.default_rng(6)
    records, score, _ = world(rng, n=5000)
    truth = posterior([NoisyColumn("e0", records[0], 0.2)], score, np.ones((5000, 1)), rng)
    mean = truth.columns[0].weights @ truth.columns[0].grid
    moments = np.cov(np.column_stack([records[0], score]).T)
    moments_with_truth = np.array([0.8, np.cov(records[0], score)[0, 1]])
    best = np.column_stack([records[0], score]) @ np.linalg.solve(moments, moments_with_truth)
    assert np.corrcoef(mean, best)[0, 1] > 0.995
    assert truth.columns[0].weights.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("model", ["ols", "poisson", "gamma", "logit"])
def test_every_model_has_every_member(model):
    rng = np.random.default_rng(7)
    records, score, outcome = world(rng, n=600, columns=2)
    if model == "logit":
        outcome = (outcome > 0).astype(float)
    elif model != "ols":
        outcome = np.exp(outcome)
    members = list(deciding(records, score, outcome, model).members(0.8))
    assert [one.member for one in members][:3] == ["recorded", "form", "noise"]
    assert {one.member for one in members} == {"recorded", "form", "noise", "cubic", "steps"}
    assert all(one.effect is not None and one.effect.std_error > 0 for one in members)


ROLES = {
    "exact": ([{}, {}], "unknown", {"recorded", "form"}),
    "full": ([{"low": 0.8, "assumed": True}] * 2, "full", {"recorded", "form"}),
    "stated and none": (
        [{"low": 0.7, "value": 0.8, "high": 0.9}, {}],
        "none",
        {"noise", "cubic", "steps"},
    ),
    "stated and unknown": (
        [{"low": 0.7, "value": 0.8, "high": 0.9}, {}],
        "unknown",
        {"recorded", "form", "noise", "cubic", "steps"},
    ),
    "silent and none": (
        [{"low": 0.8, "assumed": True}, {}],
        "none",
        {"recorded", "form", "noise", "cubic", "steps"},
    ),
}


@pytest.mark.parametrize("case", ROLES)
def test_which_members_decide(case):
    roles, shares, expected = ROLES[case]
    rng = np.random.default_rng(8)
    records, score, outcome = world(rng, n=400, columns=2)
    one = deciding(records, score, outcome, roles=roles, shares=shares)
    assert {member.member for member in one.members(0.8)} == expected


def test_an_assumed_range_starts_where_there_is_an_answer():
    rng = np.random.default_rng(9)
    common = rng.normal(size=2000)
    records = [standardised(common + 0.35 * rng.normal(size=2000)) for _ in range(2)]
    one = deciding(records, standardised(common + rng.normal(size=2000)), common)
    start = one.start(0.8)
    assert 0.85 < start < 1
    assert all(member.effect is not None for member in one.members(start))
    other = standardised(common + 2 * rng.normal(size=2000))
    assert deciding(records[:1], other, common).start(0.8) == 0.8


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_a_record_of_few_values_is_not_taken_for_exact(levels):
    """Normal noise cannot have made it, but something else can: it is asked at .8 all the same."""
    rng = np.random.default_rng(levels)
    truth = rng.integers(0, levels, N)
    record = np.where(rng.random(N) < 0.06, rng.integers(0, levels, N), truth).astype(float)
    assert np.corrcoef(truth, record)[0, 1] ** 2 > 0.8
    score = truth + levels / 3 * rng.normal(size=N)
    found = deciding([record], standardised(score), truth + levels / 3 * rng.normal(size=N))
    assert found.start(0.8) == 0.8
    zero = [answer.effect for answer in found.members(0.8) if answer.effect]
    assert min(effect.estimate - 2.0 * effect.std_error for effect in zero) < 0


def test_powers_that_a_record_cannot_tell_are_left_out():
    rng = np.random.default_rng(1)
    normal = standardised(rng.normal(size=N))
    two, five = (standardised(rng.integers(0, k, N).astype(float)) for k in (2, 5))
    degrees = [degree_of(NoisyColumn("x", x, v), 3) for x in (normal, two, five) for v in (0.2, 0)]
    assert degrees == [3, 3, 1, 1, 1, 3]
    assert degree_of(NoisyColumn("x", two, 0.7), 3) == 3  # a normal record has no answer either


def test_corners_are_all_for_three_columns_and_one_at_a_time_for_more():
    assert len(corners(3)) == 8
    assert len(corners(4)) == 2 + 2 * 4
    assert corners(0) == [()]


def test_the_flexible_form_finds_the_step_that_the_outcome_takes():
    rng = np.random.default_rng(10)
    values = standardised(rng.normal(size=1000))
    target = (values > 0.3).astype(float) + 0.1 * rng.normal(size=1000)
    held = flexible_columns([values], (), np.ones((1000, 1)), (target, rng.normal(size=1000)))
    step = held[0][:, -2]
    assert values[step == 1].min() == pytest.approx(0.3, abs=0.05)
    assert set(np.unique(step)) == {0.0, 1.0}


def test_a_row_alone_between_two_steps_does_not_take_the_steps_away():
    """HC3 does not exist where a row is a column of its own; without steps the form is wrong."""
    passed = moved = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=1000)
        jump = standardised(stepped(truth))
        score = 0.7 * jump + np.sqrt(0.51) * rng.normal(size=1000)
        outcome = 0.7 * jump + np.sqrt(0.51) * rng.normal(size=1000)
        one = deciding([standardised(truth)], score, outcome, roles=[{}])
        effect = one.in_any_form
        passed += abs(effect.estimate) > 1.96 * effect.std_error
        held = flexible_columns([standardised(truth)], (), np.ones((1000, 1)), (outcome, score))
        between = int((held[0][:, -1] != held[0][:, -2]).sum())
        moved += between == 3
        assert between == 0 or between >= 3
    assert moved > 5  # often the two are one row apart
    assert passed <= 5


@pytest.mark.parametrize("model", ["ols", "poisson", "gamma"])
def test_calibrated_members_see_a_u_whose_tails_lie_beyond_the_steps(model):
    rng = np.random.default_rng(11)
    n = 8000
    truth = rng.normal(size=n)
    bend = standardised(truth**2)
    record = standardised(truth + 0.5 * rng.normal(size=n))
    score = standardised(0.7 * bend + np.sqrt(0.51) * rng.normal(size=n))
    mean = np.exp(0.2 * bend)
    outcome = {
        "ols": lambda: 0.7 * bend + rng.normal(size=n),
        "poisson": lambda: rng.poisson(3 * mean).astype(float),
        "gamma": lambda: mean * rng.gamma(2, 0.5, n),
    }[model]()
    members = {one.member: one for one in deciding([record], score, outcome, model).members(0.8)}
    plain = members["recorded"].effect
    assert plain.estimate > 10 * plain.std_error
    for key in ("cubic", "steps"):
        found = members[key].effect
        assert abs(found.estimate) < min(3 * found.std_error, plain.estimate / 6)


def test_a_threshold_is_seen_where_the_score_is_weakly_tied_to_it():
    """Passed by e in .16 to .20 of samples before the outcome's steps left the curve freer."""
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=1000)
        jump = standardised(stepped(truth))
        score = standardised(0.4 * jump + 0.9 * rng.normal(size=1000))
        outcome = 0.7 * jump + 0.7 * rng.normal(size=1000)
        record = standardised(truth + 0.5 * rng.normal(size=1000))
        one = deciding([record], score, outcome)
        last = list(one.members(0.8))[-1]
        assert last.member == "steps"
        found.append(last.effect.estimate)
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(30)


@pytest.mark.parametrize("seen", [True, False])
def test_the_curve_is_left_freer_only_where_the_outcome_takes_steps(monkeypatch, seen):
    rng = np.random.default_rng(12)
    records, score, outcome = world(rng, n=1000, form=stepped if seen else bent)
    asked = []
    whole = module._one_column

    def counted(*arguments):
        asked.append(arguments[3:])
        return whole(*arguments)

    monkeypatch.setattr(module, "_one_column", counted)
    column = NoisyColumn("e0", standardised(normal_scores(records[0])), 0.2)
    module.posterior([column], score, np.ones((1000, 1)), rng, outcome=outcome)
    free = (module.MORE_ROUNDS, module.LESS_SHRUNK)
    assert asked == ([(), free] if seen else [()])


def test_of_eight_columns_none_is_both_noisy_and_known():
    """Else the corrected matrix is singular, and only exact engagement would have an answer."""
    rng = np.random.default_rng(13)
    records, score, outcome = world(rng, n=1000, columns=8)
    outcome = outcome + 0.8 * records[7] + 0.5 * records[6]
    one = deciding(records, score, outcome)
    assert "e7" in {column.name for column in one._six}
    assert one.start(0.8) < 0.9


def test_the_error_beside_a_count_s_steps_is_as_large_as_its_estimates_scatter():
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=1000)
        jump = standardised(stepped(truth))
        score = standardised(0.7 * jump + 0.7 * rng.normal(size=1000))
        record = standardised(truth + 0.5 * rng.normal(size=1000))
        outcome = rng.poisson(np.exp(1 + 0.4 * jump)).astype(float)
        one = deciding([record], score, outcome, "poisson")
        effect = one._steps({"e0": 0.8}).effect
        found.append((effect.estimate, effect.std_error))
    estimates, errors = np.array(found).T
    assert abs(estimates.mean()) < 4 * estimates.std() / np.sqrt(40)
    assert estimates.std() < 1.25 * errors.mean()
    assert (np.abs(estimates) > 1.96 * errors).sum() <= 5


@pytest.mark.parametrize("kind", ["continuous", "revenue", "count", "binary"])
@pytest.mark.parametrize("columns", [1, 2])
def test_halves_that_differ_by_more_than_a_record_leave_no_answer_and_no_warning(kind, columns):
    rng, n = np.random.default_rng(3), 60
    drawn = {"klout": rng.normal(50, 10, n)}
    for at in range(columns):
        one = rng.poisson(12, n)
        other = 24 - np.minimum(one, 24) + rng.integers(0, 2, n)
        drawn |= {f"a{at}": one, f"b{at}": other, f"likes{at}": one + other}
    outcomes = {
        "continuous": rng.normal(size=n),
        "revenue": np.exp(rng.normal(3, 1, n)),
        "count": rng.poisson(4, n),
        "binary": rng.integers(0, 2, n),
    }
    names = [f"likes{at}" for at in range(columns)]
    plan = {
        "name": "opposed",
        "question": "?",
        "dataset": "x",
        "quick": True,
        "score": {"columns": ["klout"]},
        "engagement": {
            "columns": names,
            "halves": {name: [f"a{at}", f"b{at}"] for at, name in enumerate(names)},
        },
        "outcome": [{"column": "y", "kind": kind, "sesoi": 0.05}],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        verdict = sa.audit(plan, data=pd.DataFrame(drawn | {"y": outcomes[kind]})).verdict_on()
    assert verdict.verdict == "inconclusive"
    assert "from its halves) has no answer" in " ".join(verdict.reasons)
