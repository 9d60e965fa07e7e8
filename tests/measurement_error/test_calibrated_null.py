"""The calibrated null: the memo's table, the simulation, and the rates of a fit."""

import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.measurement_error.calibrated_null import null_rates, rate_of_fit
from analysis.measurement_error.correction import correct_fit
from analysis.measurement_error.measurement import Refusal, measure
from analysis.models import fit_model
from analysis.models.design import Design

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from noncentral import plain_rate, spurious_partial_r

# METHODS (c): corr(score, truth), corr(truth, outcome), reliability; partial r, delta R2, rates at
# n = 250 .. 5000
TABLE = [
    (0.6, 0.3, 0.80, 0.044, 0.002, 0.11, 0.17, 0.29, 0.88),
    (0.6, 0.5, 0.90, 0.041, 0.001, 0.10, 0.15, 0.26, 0.83),
    (0.8, 0.3, 0.80, 0.071, 0.005, 0.20, 0.36, 0.62, 1.0),
    (0.8, 0.5, 0.70, 0.178, 0.026, 0.81, 0.98, 1.0, 1.0),
    (0.8, 0.5, 0.80, 0.128, 0.013, 0.52, 0.82, 0.98, 1.0),
    (0.8, 0.5, 0.90, 0.070, 0.004, 0.19, 0.34, 0.60, 1.0),
    (0.8, 0.5, 0.95, 0.037, 0.001, 0.09, 0.13, 0.21, 0.73),
    (0.95, 0.5, 0.80, 0.201, 0.033, 0.90, 1.0, 1.0, 1.0),
    (0.95, 0.5, 0.95, 0.072, 0.004, 0.20, 0.36, 0.62, 1.0),
]
PRINTED = 0.0051
"""The memo prints two digits."""


@pytest.mark.parametrize("row", TABLE)
def test_the_table_of_the_memo(row):
    a, b, r, partial, gain, *rates = row
    assert spurious_partial_r(a, b, r) == pytest.approx(partial, abs=0.00051)
    seen = spurious_partial_r(a, b, r) ** 2 * (1 - r * b**2)
    assert seen == pytest.approx(gain, abs=0.00101)
    found = [plain_rate(n, a, b, r) for n in (250, 500, 1000, 5000)]
    assert found == pytest.approx(rates, abs=PRINTED)


def test_the_figures_of_the_issue():
    assert [plain_rate(n, 0.7, 0.5, 0.8) for n in (300, 1000, 5000)] == pytest.approx(
        [0.41, 0.89, 1.0], abs=PRINTED
    )


def test_the_formula_is_the_population_partial_correlation():
    a, b, r = 0.7, 0.4, 0.6
    cov = np.array(
        [
            [1, a * np.sqrt(r), a * b],
            [a * np.sqrt(r), 1, b * np.sqrt(r)],
            [a * b, b * np.sqrt(r), 1],
        ]
    )
    precision = np.linalg.inv(cov)  # score, record, outcome
    partial = -precision[0, 2] / np.sqrt(precision[0, 0] * precision[2, 2])
    assert spurious_partial_r(a, b, r) == pytest.approx(partial, rel=1e-12)


def test_large_sample_rates_agree_with_the_noncentral_t():
    assert null_rates(1000, 0.7, 0.5, 0.8).plain == pytest.approx(
        plain_rate(1000, 0.7, 0.5, 0.8), abs=0.005
    )


def draw(rng, n, reliability, sharing):
    truth = rng.normal(size=n)
    error = rng.normal(size=(2, n)) * np.sqrt(2 * (1 - reliability) / reliability)
    likes, klout = (
        truth + error,
        0.7 * (truth + sharing * error) + rng.normal(size=n) * np.sqrt(0.51),
    )
    matrix = np.column_stack([np.ones(n), likes.mean(axis=0), klout.mean(axis=0)])
    response = 0.5 * truth + np.sqrt(0.75) * rng.normal(size=n)
    design = Design(
        response, matrix, ("const", "likes", "klout"), ("intercept", "engagement", "score")
    )
    return design, {"likes": (*likes,)}, {"klout": (*klout,)}


@pytest.mark.parametrize("sharing", [0.0, 0.5, 1.0])
def test_rates_agree_with_simulation(sharing):
    rng = np.random.default_rng(1)
    sides = []
    for _ in range(500):
        design, halves, _ = draw(rng, 1000, 0.8, sharing)
        fit = fit_model(design, "ols", "HC1")
        fixed = correct_fit(fit, measure(design, halves=halves))
        t = np.array(
            [
                fit.params[2] / fit.std_errors()[2],
                fixed.estimate("klout") / fixed.std_error("klout"),
            ]
        )
        sides.append(np.where(np.abs(t) > 1.96, np.sign(t), 0))
    sides = np.array(sides)
    rates = null_rates(1000, 0.7, 0.5, 0.8, sharing=sharing)
    found = [*(sides != 0).mean(axis=0), ((sides[:, 0] != 0) & (sides[:, 0] == sides[:, 1])).mean()]
    tolerance = 2.6 * np.sqrt(0.25 / 500)
    assert found == pytest.approx([rates.plain, rates.corrected, rates.both], abs=tolerance)


@pytest.mark.parametrize("structure", ["unshared", "halves"])
def test_errors_agree_with_large_samples(structure):
    design, halves, klout = draw(np.random.default_rng(2), 400_000, 0.8, 0.5)
    errors = measure(design, halves=halves | (klout if structure == "halves" else {}))
    found = correct_fit(fit_model(design, "ols", "HC1"), errors)
    expected = null_rates(400_000, 0.7, 0.5, 0.8, sharing=0.5, structure=structure)
    assert found.std_error("klout") == pytest.approx(expected.corrected_error, rel=0.01)
    assert found.identification.true_share == pytest.approx(expected.true_share, abs=0.005)


def test_a_declared_reliability_has_its_own_error():
    design, _, _ = draw(np.random.default_rng(3), 400_000, 0.8, 0.0)
    found = correct_fit(fit_model(design, "ols", "HC1"), measure(design, declared={"likes": 0.8}))
    assert found.std_error("klout") == pytest.approx(
        null_rates(400_000, 0.7, 0.5, 0.8, assumed=0.8).corrected_error, rel=0.01
    )


def test_a_reliability_declared_wrongly_by_a_tenth():
    """METHODS 0.5: 34-50 % at n = 1,000."""
    rates = [null_rates(1000, 0.7, 0.5, 0.8, assumed=r).corrected for r in (0.7, 0.9)]
    assert all(0.34 <= rate <= 0.5 for rate in rates)


def test_the_agreement_rule_is_at_most_half_the_level_where_the_two_cannot_both_be_right():
    for sharing in np.linspace(0, 1, 11):
        for reliability in (0.6, 0.7, 0.8, 0.9):
            for n in (300, 1000, 5000):
                assert null_rates(n, 0.7, 0.5, reliability, sharing=float(sharing)).both <= 0.05


def test_a_refused_correction_passes_nothing():
    rates = null_rates(1000, 0.7, 0.5, 0.6, sharing=1.0)
    assert rates.true_share < 0
    assert rates.corrected == rates.both == 0.0


def worthless(rng, model, n):
    design, halves, _ = draw(rng, n, 0.8, 0.0)
    if model == "poisson":
        design = design.with_response(rng.poisson(np.exp(design.response)).astype(float))
    return design, fit_model(design, model, "HC1"), measure(design, halves=halves)


@pytest.mark.parametrize("model", ["ols", "poisson"])
def test_rates_of_fits_are_those_that_are_seen(model):
    rng = np.random.default_rng(4)
    told, seen = [], []
    for _ in range(300):
        _, fit, truth = worthless(rng, model, 600)
        told.append(rate_of_fit(fit, truth, "klout"))
        seen.append(abs(fit.params[2]) > 1.96 * fit.std_errors()[2])
    assert np.mean(told) == pytest.approx(np.mean(seen), abs=2.6 * np.sqrt(0.25 / 300))
    assert np.mean(seen) > 0.3


def test_rates_of_a_fit_under_right_and_wrong_assumptions():
    design, fit, truth = worthless(np.random.default_rng(5), "ols", 1000)
    fixed = correct_fit(fit, truth)
    assert rate_of_fit(fit, truth, "klout", correction=fixed, assumed=truth) == pytest.approx(
        0.05, abs=1e-9
    )
    wrong = measure(design, declared={"likes": 0.9})
    assert rate_of_fit(fit, truth, "klout", correction=correct_fit(fit, wrong), assumed=wrong) > 0.2
    assert isinstance(rate_of_fit(fit, measure(design, declared={"likes": 0.2}), "klout"), Refusal)


def test_without_noise_the_plain_test_has_its_level():
    design, _, _ = draw(np.random.default_rng(5), 500, 0.8, 0.0)
    fit = fit_model(design, "ols", "HC1")
    assert rate_of_fit(fit, measure(design, declared={"likes": 1.0}), "klout") == pytest.approx(
        0.05, abs=1e-9
    )
