"""One coefficient without some rows: that of a fit of the rest, whichever way they are left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.errors import DesignError
from analysis.models import fit_logit, fit_model
from analysis.models.design import Design, extended_basis, orthonormal_basis
from analysis.models.fit import critical_value
from analysis.models.glm import coefficient_without
from analysis.results.question import Question
from analysis.results.rule import NOTHING_KNOWN
from analysis.studies.influence import study as fragility
from analysis.studies.influence.study import study_influence


def design_of(n=400, offset=False, seed=1):
    rng = np.random.default_rng(seed)
    likes, score = rng.normal(size=(2, n))
    clusters = np.concatenate([np.arange(20), rng.integers(20, size=n - 20)])
    sales = rng.gamma(1.0, np.exp(1 + 0.3 * likes + 0.1 * score)) * (rng.random(n) < 0.7)
    matrix = np.column_stack([np.ones(n), rng.integers(0, 2, n), likes, score])
    blocks = ("intercept", "control", "engagement", "score")
    return Design(
        sales,
        matrix,
        ("intercept", "old", "likes", "score"),
        blocks,
        clusters,
        rng.normal(0, 0.1, n) if offset else None,
    )


@pytest.mark.parametrize("model", ["poisson", "gamma", "tweedie"])
@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC3", "CRV1"])
@pytest.mark.parametrize("offset", [False, True])
def test_it_is_the_coefficient_of_a_fit_of_the_rest(model, kind, offset):
    design = design_of(offset=offset)
    fit = fit_model(design, model, kind)
    for keep in (np.arange(400) != 7, design.clusters != 3, np.arange(400) % 2 == 0):
        found = coefficient_without(fit, "score", keep, kind)
        rest = design.take(keep)
        rest = replace(rest, clusters=np.unique(rest.clusters, return_inverse=True)[1])
        own = fit_model(rest, model, kind)
        assert found.estimate == pytest.approx(own.params[3], rel=1e-7)
        assert found.std_error == pytest.approx(own.std_errors()[3], rel=1e-5)
        assert critical_value(0.95, found.df) == pytest.approx(critical_value(0.95, own.df))


def test_rows_that_do_not_determine_a_column_are_left_to_another_fit():
    design = design_of()
    fit = fit_model(design, "poisson", "HC1")
    with pytest.raises(DesignError):
        coefficient_without(fit, "score", design.matrix[:, 1] == 0, "HC1")


def test_the_check_of_influence_is_the_same_by_either_way(
    sample_of, make_frame, plan_of, monkeypatch
):
    frame = make_frame()
    frame["shop"] = np.arange(len(frame)) % 30
    said = plan_of(
        segment={"column": "shop"}, cluster={"column": "shop"}, inference={"covariance": "CRV1"}
    )
    found = []
    for rows in (10**9, 0):
        monkeypatch.setattr(fragility, "MANY_ROWS", rows)
        sample = sample_of(said, frame)
        checks = study_influence(
            Question(sample, sample.plan.outcome[0], sample.plan.score.columns[0])
        ).checks
        other = fragility.study_fragility(
            Question(sample, sample.plan.outcome[0], sample.plan.score.columns[0]), NOTHING_KNOWN
        )
        found.append([*((check.check, check.passed, check.reason) for check in checks), other])
    assert found[0] == found[1]


def test_a_logit_is_that_of_statsmodels(monkeypatch):
    from statsmodels.discrete.discrete_model import Logit

    design = design_of(n=600)
    design = design.with_response((design.response > 1).astype(float))
    monkeypatch.setattr("analysis.models.solver.BLOCK_ROWS", 7)
    fit = fit_logit(design, covariance="HC0")
    peer = Logit(design.response, design.matrix).fit(disp=False, tol=1e-10, cov_type="HC0")
    np.testing.assert_allclose(fit.params, peer.params, rtol=1e-9)
    np.testing.assert_allclose(fit.cov, peer.cov_params(), rtol=1e-8, atol=1e-14)
    apart = design.with_response(design.matrix[:, 1])
    with pytest.raises(DesignError, match="separates"):
        fit_logit(apart)


def test_a_basis_of_many_rows_is_orthonormal_and_gives_the_matrix_back(monkeypatch):
    rng = np.random.default_rng(2)
    matrix = np.column_stack(
        [np.ones(500), 1e6 + rng.normal(size=500), 1e-4 * rng.normal(size=(500, 2))]
    )
    matrix[:, 3] += matrix[:, 1] * 1e-2
    monkeypatch.setattr("analysis.models.design.MANY_ROWS", 0)
    for nearly in (1.0, 1e-3, 1e-9):  # the last one is left to Householder's steps
        matrix[:, 2] = matrix[:, 1] + nearly * rng.normal(size=500)
        basis, triangle = orthonormal_basis(matrix)
        np.testing.assert_allclose(basis.T @ basis / 500, np.eye(4), atol=1e-13)
        np.testing.assert_allclose(basis @ triangle, matrix, rtol=1e-12)


def test_another_last_column_has_the_basis_of_the_others():
    design = design_of()
    column = design.matrix[:, 2] * 3 + np.random.default_rng(4).normal(size=400)
    changed = design.with_last(column, design.response)
    basis, triangle = changed.basis
    np.testing.assert_allclose(basis.T @ basis / 400, np.eye(4), atol=1e-13)
    np.testing.assert_allclose(basis @ triangle, changed.matrix, atol=1e-12)
    np.testing.assert_array_equal(basis[:, :3], extended_basis(*design.basis, column)[0][:, :3])
