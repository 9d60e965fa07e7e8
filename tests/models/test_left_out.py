"""The coefficients without each cluster, all at once, are those of a fit without it."""

import numpy as np
import pytest

from analysis.errors import DesignError
from analysis.models import fit_model
from analysis.models import left_out as module
from analysis.models.covariance import around
from analysis.models.design import Design

BLOCKS = ("intercept", "control", "engagement", "score")


def design(model, groups, *, offset=False, n=1500):
    rng = np.random.default_rng(groups)
    x = rng.normal(size=(n, 3))
    codes = np.unique(rng.integers(0, groups, n) ** 2, return_inverse=True)[1]
    mean = np.exp(0.5 + x @ [0.3, -0.2, 0.4] + 0.3 * rng.normal(size=groups)[codes])
    outcome = mean * rng.gamma(1, 1, n)
    if model == "logit":
        outcome = (rng.random(n) < mean / (1 + mean)) * 1.0
    elif model in ("tweedie", "hurdle"):
        outcome *= rng.random(n) < 0.8
    matrix = np.column_stack([np.ones(n), x])
    known = 0.2 * rng.normal(size=n) if offset else None
    return Design(outcome, matrix, ("const", "a", "b", "s"), BLOCKS, clusters=codes, offset=known)


def refitted(whole, model):
    """Return the fits without each cluster, one after the other."""
    codes = whole.clusters
    rests = (whole.take(codes != one).renumbered() for one in range(codes.max() + 1))
    return [fit_model(rest, model, "HC0") for rest in rests]


@pytest.mark.parametrize("groups", [8, 60])
@pytest.mark.parametrize("model", ["poisson", "gamma", "tweedie", "logit"])
def test_the_jackknife_of_one_equation_is_that_of_refits(model, groups):
    whole = design(model, groups, offset=model in ("poisson", "gamma"))
    fit = fit_model(whole, model, "CRV3")
    others = np.array([rest.params for rest in refitted(whole, model)])
    assert fit.cov == pytest.approx(around(fit.params, others), rel=1e-8, abs=1e-12)


def test_the_jackknife_of_two_parts_is_that_of_refits():
    whole = design("hurdle", 30)
    fit = fit_model(whole, "hurdle", "CRV3")
    rests = refitted(whole, "hurdle")
    for at, part in enumerate(fit.parts):
        others = np.array([rest.parts[at].params for rest in rests])
        assert part.cov == pytest.approx(around(part.params, others), rel=1e-8, abs=1e-12)


def test_what_does_not_settle_is_fitted_again(monkeypatch):
    whole = design("poisson", 12)
    quick = fit_model(whole, "poisson", "CRV3").cov
    monkeypatch.setattr(module, "CHORDS", 1)
    assert fit_model(whole, "poisson", "CRV3").cov == pytest.approx(quick, rel=1e-8)


def test_a_cluster_without_which_there_is_no_estimate_is_refused():
    """All rows of the level that are one lie in the first cluster."""
    whole = design("logit", 12)
    level = (np.random.default_rng(3).random(1500) < 0.1) * 1.0
    outcome = np.where((level == 1) & (whole.clusters > 0), 0.0, whole.response)
    matrix = whole.matrix.copy()
    matrix[:, 1] = level
    parts = Design(outcome, matrix, whole.terms, BLOCKS, clusters=whole.clusters)
    with pytest.raises(DesignError, match="cluster without which"):
        fit_model(parts, "logit", "CRV3")
