"""Corrections for noise in engagement: known truth, two routes, lavaan, invariances, refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, root

from analysis.errors import DesignError
from analysis.measurement_error.correction import (
    Correction,
    correct_fit,
    correct_term,
    corrected_margin,
)
from analysis.measurement_error.measurement import Refusal, identification, measure
from analysis.measurement_error.other_corrections import conditional_score, corrected_score, oriv
from analysis.measurement_error.reliability_curve import (
    break_even,
    reliability_curve,
    sesoi_break_even,
)
from analysis.measurement_error.simex import simex
from analysis.models import fit_model
from analysis.models.design import Design

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
EXACT = 1e-9
"""Two routes to one number, both in double precision on well-conditioned columns."""
OPTIMISER = 2e-6
"""lavaan stops its optimiser here; the estimates themselves have closed forms."""


def world(seed, n, *, reliability=0.8, effect=0.2, clusters=None, sharing=0.0):
    """Two noisy engagement columns, a control and a score with halves; the outcome depends on all
    of them.
    """
    rng = np.random.default_rng(seed)
    age, first = rng.normal(size=(2, n))
    second = 0.5 * first + rng.normal(size=n)
    error = rng.normal(size=(2, n)) * np.sqrt(2 * (1 - reliability) / reliability)
    likes, shares = first + error, second + rng.normal(size=(2, n)) * 0.6 + np.array([[0.0], [1.0]])
    klout = 0.7 * (first + sharing * error) + 0.2 * second + rng.normal(size=n) * 0.7
    index = 0.5 * first - 0.2 * second + 0.3 * age + effect * klout.mean(axis=0)
    matrix = np.column_stack(
        [np.ones(n), age, likes.mean(axis=0), shares.mean(axis=0), klout.mean(axis=0)]
    )
    design = Design(
        2 + index + rng.normal(size=n),
        matrix,
        ("const", "age", "likes", "shares", "klout"),
        ("intercept", "control", "engagement", "engagement", "score"),
        clusters=clusters,
    )
    halves = {"likes": (likes[0], likes[1]), "shares": (shares[0], shares[1])}
    return design, halves, {"klout": (klout[0], klout[1])}, index, rng


def eiv(design, errors):
    """Least squares corrected by moments."""
    return correct_fit(fit_model(design, "ols", "HC1"), errors)


def reference(clusters=False):
    frame = pd.read_csv(REFERENCE / "cases" / "halves.csv")
    likes = (frame.likes_odd + frame.likes_even) / 2
    klout = (frame.klout_odd + frame.klout_even) / 2
    design = Design(
        frame.sales.to_numpy(),
        np.column_stack([np.ones(len(frame)), frame.age, likes, klout]),
        ("const", "age", "truth", "klout"),
        ("intercept", "control", "engagement", "score"),
        clusters=pd.factorize(frame.team)[0] if clusters else None,
    )
    values = json.loads((REFERENCE / "correction_values.json").read_text())
    return design, {"truth": (frame.likes_odd.to_numpy(), frame.likes_even.to_numpy())}, values


# --- known truth ----------------------------------------------------------------------------------


def test_least_squares_recovers_the_truth():
    design, halves, _, _, _ = world(1, 200_000)
    found = eiv(design, measure(design, halves=halves))
    assert found.params[1:] == pytest.approx([0.3, 0.5, -0.2, 0.2], abs=0.02)
    plain = fit_model(design, "ols", "HC1")
    assert plain.params[4] > 0.25


@pytest.mark.parametrize("sharing", [0.5, 1.0])
def test_an_estimated_shared_error_recovers_the_truth(sharing):
    design, halves, klout, _, _ = world(2, 200_000, sharing=sharing)
    found = eiv(design, measure(design, halves=halves | klout))
    assert found.params[1:] == pytest.approx([0.3, 0.5, -0.2, 0.2], abs=0.02)
    assert abs(eiv(design, measure(design, halves=halves)).estimate("klout") - 0.2) > 0.05


def test_a_score_made_of_the_record_keeps_its_plain_coefficient():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=100_000)
    error = rng.normal(size=(2, 100_000))
    likes, klout = truth + error, truth + error + rng.normal(size=100_000)
    matrix = np.column_stack([np.ones(100_000), likes.mean(axis=0), klout.mean(axis=0)])
    response = truth + rng.normal(size=100_000)
    design = Design(
        response, matrix, ("const", "likes", "klout"), ("intercept", "engagement", "score")
    )
    found = eiv(design, measure(design, halves={"likes": (*likes,), "klout": (*klout,)}))
    plain = fit_model(design, "ols", "HC1")
    assert found.estimate("klout") == pytest.approx(plain.params[2], abs=0.01)


@pytest.mark.parametrize("model", ["poisson", "gamma", "tweedie"])
def test_an_exponential_mean_is_recovered(model):
    design, halves, _, index, rng = world(4, 100_000)
    mean = np.exp(0.7 * index - 0.5)
    response = (
        rng.poisson(mean).astype(float)
        if model == "poisson"
        else mean * rng.gamma(2, 0.5, size=100_000)
    )
    design = design.with_response(response)
    fit, errors = fit_model(design, model, "HC1"), measure(design, halves=halves)
    found = correct_fit(fit, errors)
    assert found.params[1:] == pytest.approx(0.7 * np.array([0.3, 0.5, -0.2, 0.2]), abs=0.02)
    if model == "poisson":
        assert corrected_score(fit, errors).params[1:] == pytest.approx(found.params[1:], abs=0.02)


def test_a_logit_is_recovered_by_the_conditional_score_and_its_margin_by_calibration():
    design, halves, _, index, rng = world(5, 200_000)
    chance = 1 / (1 + np.exp(-2 * index))
    design = design.with_response((rng.random(200_000) < chance).astype(float))
    fit, errors = fit_model(design, "logit", "HC1"), measure(design, halves=halves)
    assert conditional_score(fit, errors).params[1:] == pytest.approx(
        [0.6, 1.0, -0.4, 0.4], abs=0.04
    )
    calibrated = correct_fit(fit, errors)
    assert calibrated.estimate("klout") < 0.4
    truth = 0.4 * (chance * (1 - chance)).mean()
    assert corrected_margin(fit, calibrated, "klout").estimate == pytest.approx(truth, abs=0.003)


def test_disattenuating_the_score_too():
    rng = np.random.default_rng(6)
    truth, own = rng.normal(size=(2, 20_000))
    likes = truth + rng.normal(size=(2, 20_000))
    klout = truth + own + rng.normal(size=(2, 20_000))
    matrix = np.column_stack([np.ones(20_000), likes.mean(axis=0), klout.mean(axis=0)])
    response = 0.5 * truth + 0.3 * (truth + own) + rng.normal(size=20_000)
    design = Design(
        response, matrix, ("const", "likes", "klout"), ("intercept", "engagement", "score")
    )
    halves = {"likes": (*likes,), "klout": (*klout,)}
    full = eiv(design, measure(design, halves=halves, disattenuate_score=True))
    assert full.params == pytest.approx([0, 0.5, 0.3], abs=0.05)
    assert eiv(design, measure(design, halves=halves)).estimate("klout") < 0.25
    assert full.params == pytest.approx(oriv(design, halves).params, rel=EXACT)


# --- two routes -----------------------------------------------------------------------------------


def test_the_moment_formula_by_hand():
    design, halves, _, _, _ = world(7, 400)
    found = eiv(design, measure(design, halves=halves))
    error = np.zeros((5, 5))
    half = np.array([(a - b) / 2 for a, b in halves.values()])
    half -= half.mean(axis=1, keepdims=True)
    error[2:4, 2:4] = half @ half.T / 400
    z, y = design.matrix, design.response
    moment = z.T @ z / 400 - error
    params = np.linalg.solve(moment, z.T @ y / 400)
    psi = z * (y - z @ params)[:, None]
    psi[:, 2:4] += half.T * (half.T @ params[2:4])[:, None]
    inverse = np.linalg.inv(moment)
    cov = inverse @ (psi.T @ psi) @ inverse.T / 400**2 * 400 / 395
    assert found.params == pytest.approx(params, rel=EXACT)
    assert found.cov == pytest.approx(cov, rel=1e-7)


@pytest.mark.parametrize("clustered", [False, True])
def test_instruments_are_the_same_estimator(clustered):
    clusters = np.random.default_rng(1).integers(0, 30, 600) if clustered else None
    design, halves, _, _, _ = world(8, 600, clusters=clusters)
    moments, instruments = eiv(design, measure(design, halves=halves)), oriv(design, halves)
    assert instruments.params == pytest.approx(moments.params, rel=1e-8)
    assert instruments.cov == pytest.approx(moments.cov, rel=1e-7)
    assert instruments.covariance == moments.covariance == ("CRV1" if clustered else "HC1")


def test_instruments_equal_hand_stacked_two_stage_least_squares():
    design, halves, _, _, _ = world(9, 500)
    order, clean = np.repeat(np.eye(2), 500, axis=0), design.matrix[:, [1, 4]]
    exogenous = np.column_stack([order, np.vstack([clean, clean])])
    first, second = (np.column_stack([halves[t][h] for t in ("likes", "shares")]) for h in (0, 1))
    x = np.column_stack([exogenous, np.vstack([first, second])])
    z = np.column_stack([exogenous, np.vstack([second, first])])
    response = np.tile(design.response, 2)
    fitted = z @ np.linalg.lstsq(z, x, rcond=None)[0]
    params = np.linalg.solve(fitted.T @ x, fitted.T @ response)
    psi = fitted * (response - x @ params)[:, None]
    psi = psi[:500] + psi[500:]
    bread = np.linalg.inv(fitted.T @ x)
    found = oriv(design, halves)
    assert found.params[1:] == pytest.approx(params[[2, 4, 5, 3]], rel=EXACT)
    error = np.sqrt(np.diag(bread @ psi.T @ psi @ bread.T) * 500 / 495)
    assert found.std_error("klout") == pytest.approx(error[3], rel=1e-8)
    assert min(found.first_stage) > 50


def test_declared_errors_equal_lavaan():
    design, _, values = reference()
    found = eiv(design, measure(design, declared={"truth": 0.8}))
    _compare(found, values["declared"], 300 / 296)


def test_halves_equal_lavaan():
    design, halves, values = reference()
    _compare(eiv(design, measure(design, halves=halves)), values["halves"], 300 / 296)


def test_clustered_halves_equal_lavaan():
    design, halves, values = reference(clusters=True)
    groups = design.n_clusters
    found = eiv(design, measure(design, halves=halves))
    assert found.clusters == groups == 40
    _compare(found, values["clustered"], 299 / 296)  # lavaan, too, has G / (G - 1)


def _compare(found, expected, factor):
    for term, value in expected["estimate"].items():
        assert found.estimate(term) == pytest.approx(value, abs=OPTIMISER)
        assert found.std_error(term) / np.sqrt(factor) == pytest.approx(
            expected["std_error"][term], rel=1e-5
        )


def test_calibration_is_a_plain_fit_on_calibrated_columns():
    design, halves, _, index, rng = world(10, 800)
    design = design.with_response(rng.poisson(np.exp(index)).astype(float))
    errors = measure(design, halves=halves)
    moment = design.matrix.T @ design.matrix / 800
    true = moment.copy()
    true[2:4, 2:4] -= errors.covariance
    calibrated = replace(design, matrix=design.matrix @ np.linalg.solve(moment, true))
    expected = fit_model(calibrated, "poisson", "HC1").params
    assert correct_fit(fit_model(design, "poisson", "HC1"), errors).params == pytest.approx(
        expected, rel=1e-8
    )


@pytest.mark.parametrize("model", ["poisson", "logit"])
def test_scores_solve_their_published_equations(model):
    design, halves, _, index, rng = world(11, 700)
    mean = np.exp(index) if model == "poisson" else 1 / (1 + np.exp(-index))
    draw = rng.poisson(mean) if model == "poisson" else rng.random(700) < mean
    design = design.with_response(draw.astype(float))
    errors = measure(design, halves=halves)
    error = np.zeros((5, 5))
    error[2:4, 2:4] = errors.covariance
    z, y = design.matrix, design.response

    def nakamura(b):
        return (y[:, None] * z - (z - error @ b) * np.exp(z @ b - b @ error @ b / 2)[:, None]).mean(
            axis=0
        )

    def stefanski(b):
        known = z + y[:, None] * (error @ b)
        return ((y - 1 / (1 + np.exp(-(known @ b - b @ error @ b / 2))))[:, None] * known).mean(
            axis=0
        )

    fit = fit_model(design, model, "HC1")
    found = (corrected_score if model == "poisson" else conditional_score)(fit, errors)
    equations = nakamura if model == "poisson" else stefanski
    assert equations(found.params) == pytest.approx(np.zeros(5), abs=1e-9)
    assert root(equations, found.params + 0.01).x == pytest.approx(found.params, abs=1e-6)


@pytest.mark.parametrize(
    "model", ["ols", "poisson", "logit", "corrected-score", "conditional-score"]
)
def test_the_sandwich_agrees_with_the_bootstrap(model):
    design, halves, _, index, rng = world(12, 800)
    draws = {
        "ols": design.response,
        "poisson": rng.poisson(np.exp(index)),
        "logit": rng.random(800) < 0.5 + index / 8,
    }
    family = {"corrected-score": "poisson", "conditional-score": "logit"}.get(model, model)
    design = design.with_response(np.asarray(draws[family], dtype=float))
    correct = {"corrected-score": corrected_score, "conditional-score": conditional_score}.get(
        model, correct_fit
    )

    def once(rows):
        part = design.take(rows)
        picked = {term: (a[rows], b[rows]) for term, (a, b) in halves.items()}
        return correct(fit_model(part, family, "HC1"), measure(part, halves=picked))

    found = once(np.arange(800))
    drawn = np.array([once(rng.integers(800, size=800)).params for _ in range(250)])
    spread = 1.4826 * np.median(np.abs(drawn - np.median(drawn, axis=0)), axis=0)
    assert spread == pytest.approx(
        np.sqrt(np.diag(found.cov)), rel=0.25
    )  # error of 250 robust standard deviations


def test_the_error_of_the_margin_agrees_with_the_bootstrap():
    design, halves, _, index, rng = world(29, 1000)
    design = design.with_response((rng.random(1000) < 0.5 + index / 8).astype(float))

    def once(rows):
        part = design.take(rows)
        fit = fit_model(part, "logit", "HC1")
        errors = measure(part, halves={term: (a[rows], b[rows]) for term, (a, b) in halves.items()})
        return corrected_margin(fit, correct_fit(fit, errors), "klout")

    drawn = [once(rng.integers(1000, size=1000)).estimate for _ in range(250)]
    assert np.std(drawn) == pytest.approx(once(np.arange(1000)).std_error, rel=0.15)


def test_the_covariance_is_the_product_of_the_influence():
    design, halves, _, _, _ = world(13, 300)
    found = eiv(design, measure(design, halves=halves))
    assert found.influence.sum(axis=0) == pytest.approx(np.zeros(5), abs=1e-10)
    assert found.influence.T @ found.influence * 300 / 295 == pytest.approx(found.cov, rel=EXACT)


# --- invariances ----------------------------------------------------------------------------------


def test_units_origins_and_row_order_do_not_matter():
    design, halves, _, _, rng = world(14, 500)
    found = eiv(design, measure(design, halves=halves))
    moved = design.matrix.copy()
    moved[:, 2] = 1000 * moved[:, 2] + 1e5
    scaled = halves | {"likes": tuple(1000 * half + 1e5 for half in halves["likes"])}
    other = replace(design, matrix=moved)
    changed = eiv(other, measure(other, halves=scaled))
    assert changed.estimate("likes") * 1000 == pytest.approx(found.estimate("likes"), rel=1e-8)
    assert changed.interval("klout") == pytest.approx(found.interval("klout"), rel=1e-8)
    order = rng.permutation(500)
    shuffled = design.take(order)
    again = eiv(
        shuffled,
        measure(shuffled, halves={t: (a[order], b[order]) for t, (a, b) in halves.items()}),
    )
    assert again.params == pytest.approx(found.params, rel=EXACT)


def test_perfect_reliability_is_the_plain_fit():
    design, _, _, _, _ = world(15, 300)
    plain = fit_model(design, "ols", "HC1")
    found = eiv(design, measure(design, declared={"likes": 1.0, "shares": 1.0}))
    assert found.params == pytest.approx(plain.params, rel=EXACT)
    assert found.cov == pytest.approx(plain.cov, rel=EXACT)
    assert found.df is None


def test_an_offset_is_kept():
    design, halves, _, index, rng = world(16, 50_000)
    months = rng.uniform(1, 12, size=50_000)
    design = replace(
        design, response=rng.poisson(months * np.exp(index)).astype(float), offset=np.log(months)
    )
    fit, errors = fit_model(design, "poisson", "HC1"), measure(design, halves=halves)
    for correct in (correct_fit, corrected_score):
        assert correct(fit, errors).params[1:] == pytest.approx([0.3, 0.5, -0.2, 0.2], abs=0.03)


# --- refusals -------------------------------------------------------------------------------------


def test_a_near_singular_correction_is_refused_and_says_why():
    design, _, _, _, _ = world(17, 400, reliability=0.9)
    found = eiv(design, measure(design, declared={"likes": 0.3}))
    assert isinstance(found, Refusal)
    assert "refused" in found.reason
    assert (
        found.statistic
        == identification(design, measure(design, declared={"likes": 0.3})).true_share
        < 0.05
    )
    fit = fit_model(design.with_response(np.exp(design.response)), "poisson", "HC1")
    assert isinstance(corrected_score(fit, measure(design, declared={"likes": 0.3})), Refusal)


def test_the_share_of_truth_of_one_column_has_a_closed_form():
    design, halves, _, _, _ = world(18, 500)
    errors = measure(design, halves={"likes": halves["likes"]})
    others = np.delete(design.matrix, 2, axis=1)
    left = (
        design.matrix[:, 2] - others @ np.linalg.lstsq(others, design.matrix[:, 2], rcond=None)[0]
    )
    expected = 1 - errors.covariance[0, 0] / (left @ left / 500)
    assert identification(design, errors).true_share == pytest.approx(expected, rel=EXACT)


def test_instruments_that_explain_nothing_are_refused():
    design, _, _, _, rng = world(19, 300)
    noise = rng.normal(size=(2, 300))
    matrix = design.matrix.copy()
    matrix[:, 2] = noise.mean(axis=0)
    weak = replace(design, matrix=matrix)
    assert isinstance(oriv(weak, {"likes": (noise[0], noise[1])}), Refusal)


def test_scores_refuse_what_they_do_not_apply_to():
    design, halves, klout, index, rng = world(20, 300, sharing=1.0)
    design = design.with_response(rng.poisson(np.exp(index)).astype(float))
    fit, errors = fit_model(design, "poisson", "HC1"), measure(design, halves=halves | klout)
    assert "regression calibration" in corrected_score(fit, errors).reason
    assert isinstance(correct_fit(fit, errors), Correction)
    assert isinstance(simex(fit, errors, "klout"), Refusal)


@pytest.mark.parametrize(
    "arguments",
    [
        {"declared": {"nothing": 0.8}},
        {"declared": {"likes": 1.2}},
        {"halves": {"likes": (np.ones(300), np.ones(300))}},
    ],
)
def test_errors_that_cannot_be_are_named(arguments):
    design, _, _, _, _ = world(21, 300)
    with pytest.raises(DesignError, match="correction for noise"):
        measure(design, **arguments)


# --- break-even and sweep -------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["ols", "poisson", "logit"])
@pytest.mark.parametrize("noisy", [("likes",), ("likes", "shares")])
def test_break_even_is_the_root_of_the_estimator(model, noisy):
    design, _, _, index, rng = world(22, 1000, effect=0.1)
    draws = {
        "ols": design.response,
        "poisson": rng.poisson(np.exp(index)),
        "logit": rng.random(1000) < 0.5 + index / 8,
    }
    fit = fit_model(design.with_response(np.asarray(draws[model], dtype=float)), model, "HC1")

    def effect(reliability):
        return correct_fit(
            fit, measure(design, declared=dict.fromkeys(noisy, reliability))
        ).estimate("klout")

    found = break_even(fit, "klout", noisy)
    assert found.reliability == pytest.approx(brentq(effect, 0.55, 1.0), abs=1e-8)


def test_break_even_by_the_formula_of_one_column():
    design, _, _, _, _ = world(23, 1000, effect=0.1)
    keep = [i for i, term in enumerate(design.terms) if term != "shares"]
    design = replace(
        design,
        matrix=design.matrix[:, keep],
        terms=tuple(design.terms[i] for i in keep),
        blocks=tuple(design.blocks[i] for i in keep),
    )
    x = design.matrix[:, :2]
    columns = np.column_stack([design.matrix[:, 2:], design.response])
    engagement, score, outcome = (columns - x @ np.linalg.lstsq(x, columns, rcond=None)[0]).T
    error = (
        engagement @ engagement - (score @ engagement) * (engagement @ outcome) / (score @ outcome)
    ) / 1000
    expected = 1 - error / design.matrix[:, 2].var()
    found = break_even(fit_model(design, "ols", "HC1"), "klout", ("likes",))
    assert found.reliability == pytest.approx(expected, rel=1e-8)


def test_no_break_even_where_noise_hides_the_effect():
    rng = np.random.default_rng(25)
    truth = rng.normal(size=2000)
    klout = truth + rng.normal(size=2000)
    matrix = np.column_stack([np.ones(2000), truth + rng.normal(size=2000) * 0.3, klout])
    response = truth - 0.5 * klout + rng.normal(size=2000)
    design = Design(
        response, matrix, ("const", "likes", "klout"), ("intercept", "engagement", "score")
    )
    found = break_even(fit_model(design, "ols", "HC1"), "klout", ("likes",))
    assert found.reliability is None
    assert "larger with less noise" in found.reason


def test_the_sweep_starts_at_the_plain_fit_and_ends_in_a_refusal():
    design, _, _, _, _ = world(26, 500)
    fit = fit_model(design, "ols", "HC1")
    curve = reliability_curve(fit, "klout", ("likes", "shares"), band=(-0.1, 0.1))
    assert curve.effects[-1].estimate == pytest.approx(fit.params[4], rel=EXACT)
    assert None not in curve.effects[-10:]
    low = reliability_curve(fit, "klout", ("likes",), band=(-0.1, 0.1), grid=np.array([0.2]))
    assert low.effects == (None,)


def test_break_even_for_the_smallest_effect_of_interest():
    design, _, _, _, _ = world(27, 5000, effect=0.1)
    fit = fit_model(design, "ols", "HC1")

    def interval(reliability):
        found = correct_fit(
            fit, measure(design, declared=dict.fromkeys(("likes", "shares"), reliability))
        )
        return found.interval("klout", 0.9) if isinstance(found, Correction) else (np.nan, np.nan)

    found = sesoi_break_even(interval, (-0.15, 0.15))
    assert interval(found.reliability)[1] == pytest.approx(0.15, abs=1e-5)
    assert break_even(fit, "klout", ("likes", "shares")).reliability < found.reliability < 1
    assert sesoi_break_even(interval, (-1.0, 1.0)).reliability is None


def test_simex_points_towards_the_correction():
    design, halves, _, _, _ = world(28, 5000)
    fit, errors = fit_model(design, "ols", "HC1"), measure(design, halves=halves)
    picture = simex(fit, errors, "klout", replicates=5)
    assert picture.estimates[0] == pytest.approx(fit.params[4], rel=EXACT)
    assert correct_fit(fit, errors).estimate("klout") < picture.extrapolated < picture.estimates[0]


def test_a_correction_has_the_errors_of_the_fit_that_it_corrects():
    """HC3 but for a fit with HC1; and the plain fit's reference where few rows carry the score."""
    rng = np.random.default_rng(9)
    likes, n = rng.normal(size=500), 500
    score = (np.arange(n) < 20) + 0.0
    matrix = np.column_stack([np.ones(n), likes, score])
    blocks = ("intercept", "engagement", "score")
    design = Design(likes + rng.normal(size=n), matrix, ("const", "likes", "klout"), blocks)
    errors = measure(design, declared={"likes": 0.8})
    for kind, expected in (("HC0", "HC3"), ("HC1", "HC1"), ("HC3", "HC3")):
        fit = fit_model(design, "ols", kind)
        found = correct_fit(fit, errors)
        assert found.covariance == expected
    assert found.effect("klout").df == found.df_of("klout") == fit.df_of("klout") < 20
    assert found.effect("likes").df is None
    alone = correct_term(fit, errors, "klout")
    assert alone.df == found.df_of("klout")
    assert alone.std_error == pytest.approx(found.std_error("klout"), rel=1e-12)
