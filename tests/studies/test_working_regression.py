"""Hidden confounders of models that are no least squares: the regression that a fit ends in."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.models import fit_model
from analysis.models.design import Design
from analysis.studies.confounding.sensitivity import (
    Confounder,
    WorkingRegression,
    as_strong_as,
)


def design_of(kind, seed=1, n=2_000, hidden=0.0):
    """Return a design with two engagement columns and the score, whose outcome is of one kind."""
    rng = np.random.default_rng(seed)
    one, two, left_out = rng.normal(size=(3, n))
    score = 0.5 * one + 0.3 * two + hidden * left_out + rng.normal(size=n)
    at = 0.3 * one + 0.2 * two + 0.2 * score + hidden * left_out
    outcome = {
        "ols": lambda: at + rng.normal(size=n),
        "poisson": lambda: rng.poisson(np.exp(1 + at)).astype(float),
        "gamma": lambda: rng.gamma(2, np.exp(at) / 2),
        "logit": lambda: (rng.random(n) < 1 / (1 + np.exp(-at))).astype(float),
    }[kind]()
    matrix = np.column_stack([np.ones(n), one, two, score])
    blocks = ("intercept", "engagement", "engagement", "score")
    return Design(outcome, matrix, ("const", "one", "two", "score"), blocks)


KINDS = ("ols", "poisson", "gamma", "logit")


@pytest.mark.parametrize("kind", KINDS)
def test_its_slope_is_the_fit_s(kind, tolerance):
    fit = fit_model(design_of(kind), kind, "HC1")
    working = WorkingRegression.of(fit, "score")
    assert working.slope == pytest.approx(fit.params[3], rel=tolerance.root)


def test_of_least_squares_it_is_the_regression_itself(tolerance):
    design = design_of("ols")
    working = WorkingRegression.of(fit_model(design, "ols", "HC1"), "score")
    one, other = working.explained([1]).times(0.7), as_strong_as(design, [1], times=0.7)
    assert one.with_score == pytest.approx(other.with_score, rel=tolerance.route)
    assert one.with_outcome == pytest.approx(other.with_outcome, rel=tolerance.route)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_column_of_a_strength_biases_as_the_algebra_says(kind, sign, tolerance):
    """An identity for the weighted least squares; of the fit, whose weights move with the column,
    an approximation.
    """
    design = design_of(kind)
    fit = fit_model(design, kind, "HC1")
    working = WorkingRegression.of(fit, "score")
    confounder = Confounder(0.02, 0.01)
    column = working.column(confounder, sign, np.random.default_rng(3))
    with_it = np.column_stack([working.matrix, column * working.root])
    slope = np.linalg.lstsq(with_it, working.response, rcond=None)[0][-2]
    bias = confounder.bias(working.std_error, working.df)
    assert working.slope - slope == pytest.approx(sign * bias, rel=tolerance.root)
    held = Design(
        design.response,
        np.column_stack([design.matrix[:, :3], column, design.matrix[:, 3]]),
        ("const", "one", "two", "hidden", "score"),
        ("intercept", "engagement", "engagement", "control", "score"),
    )
    moved = fit.params[3] - fit_model(held, kind, "HC1").params[4]
    assert moved == pytest.approx(sign * bias, rel=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hidden_column_like_an_engagement_column_stays_inside_its_bound(kind):
    """Known truth: what is left out has the part in score and outcome that a column has."""
    inside = []
    for seed in range(20):
        rng, n = np.random.default_rng(seed), 2_000
        one, two, twin = rng.normal(size=(3, n))
        score = 0.4 * one + 0.3 * two + 0.4 * twin + rng.normal(size=n)
        at = 0.25 * one + 0.2 * two + 0.25 * twin + 0.2 * score
        outcome = {
            "ols": lambda at=at, rng=rng, n=n: at + rng.normal(size=n),
            "poisson": lambda at=at, rng=rng: rng.poisson(np.exp(1 + at)).astype(float),
            "gamma": lambda at=at, rng=rng: rng.gamma(2, np.exp(at) / 2),
            "logit": lambda at=at, rng=rng, n=n: (rng.random(n) < 1 / (1 + np.exp(-at))) * 1.0,
        }[kind]()
        blocks = ("intercept", "engagement", "engagement", "control", "score")
        matrix = np.column_stack([np.ones(n), one, two, twin, score])
        whole = Design(outcome, matrix, ("const", "one", "two", "twin", "score"), blocks)
        short = whole.columns([0, 1, 2, 4])
        fit = fit_model(short, kind, "HC1")
        working = WorkingRegression.of(fit, "score")
        bound = working.explained([1]).times(1.0).bias(working.std_error, working.df)
        bias = fit.params[3] - fit_model(whole, kind, "HC1").params[4]
        inside.append(bias / bound)
    assert np.mean(inside) == pytest.approx(1.0, abs=0.25)
