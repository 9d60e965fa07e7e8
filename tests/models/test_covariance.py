"""The sandwich: loops against matrix products, and the limits in which one kind becomes another."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import DesignError
from analysis.models.covariance import cluster_sums, jackknife, sandwich


@pytest.fixture(scope="module")
def pieces():
    """Bread, scores, leverages, clusters and the rows behind them, for a regression with unequal
    variances.
    """
    rng = np.random.default_rng(11)
    x = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
    y = x @ [1.0, 2.0, -1.0] + rng.normal(size=40) * np.exp(x[:, 1])
    bread = np.linalg.inv(x.T @ x)
    residuals = y - x @ bread @ x.T @ y
    leverage = np.diag(x @ bread @ x.T).copy()
    clusters = rng.permutation(np.arange(40) % 9)
    return {
        "x": x,
        "y": y,
        "bread": bread,
        "residuals": residuals,
        "leverage": leverage,
        "clusters": clusters,
    }


def ours(pieces, kind, clusters=None):
    scores = pieces["x"] * pieces["residuals"][:, None]
    return sandwich(pieces["bread"], scores, kind, leverage=pieces["leverage"], clusters=clusters)


@pytest.mark.parametrize(
    ("kind", "factor"),
    [
        ("HC0", lambda h: 1.0),
        ("HC1", lambda h: 40 / 37),
        ("HC2", lambda h: 1 / (1 - h)),
        ("HC3", lambda h: 1 / (1 - h) ** 2),
    ],
)
def test_heteroskedastic_kinds_row_by_row(pieces, kind, factor, tolerance):
    rows = zip(pieces["x"], pieces["residuals"], pieces["leverage"], strict=True)
    meat = sum(np.outer(x, x) * u**2 * factor(h) for x, u, h in rows)
    np.testing.assert_allclose(
        ours(pieces, kind), pieces["bread"] @ meat @ pieces["bread"], rtol=tolerance.route
    )


def test_crv1_cluster_by_cluster(pieces, tolerance):
    meat = np.zeros((3, 3))
    for group in range(9):
        rows = pieces["clusters"] == group
        total = pieces["x"][rows].T @ pieces["residuals"][rows]
        meat += np.outer(total, total)
    expected = pieces["bread"] @ meat @ pieces["bread"] * (9 / 8) * (39 / 37)
    np.testing.assert_allclose(
        ours(pieces, "CRV1", pieces["clusters"]), expected, rtol=tolerance.route
    )


def test_crv1_with_a_cluster_a_row_is_hc1(pieces, tolerance):
    np.testing.assert_allclose(
        ours(pieces, "CRV1", np.arange(40)), ours(pieces, "HC1"), rtol=tolerance.route
    )


def test_jackknife_with_a_cluster_a_row_is_hc3(pieces, tolerance):
    """Leaving one row out moves the estimate by its residual over 1 - h: CRV3 is then HC3 (n -
    1)/n.
    """

    def refit(stay):
        return np.linalg.lstsq(pieces["x"][stay], pieces["y"][stay], rcond=None)[0]

    found = jackknife(refit, refit(np.ones(40, dtype=bool)), np.arange(40))
    np.testing.assert_allclose(found, ours(pieces, "HC3") * 39 / 40, rtol=tolerance.route)


def test_jackknife_is_around_the_full_estimate_and_not_the_mean(tolerance):
    values, clusters = np.array([1.0, 2.0, 9.0, 4.0]), np.array([0, 0, 1, 2])
    found = jackknife(lambda stay: np.array([values[stay].mean()]), np.array([4.0]), clusters)
    squares = (13 / 2 - 4) ** 2 + (7 / 3 - 4) ** 2 + (12 / 3 - 4) ** 2
    assert found.item() == pytest.approx(squares * 2 / 3, rel=tolerance.exact)


@given(names=st.permutations(range(9)))
def test_names_of_clusters_do_not_matter(pieces, names, tolerance):
    renamed = np.array(names)[pieces["clusters"]]
    expected = ours(pieces, "CRV1", pieces["clusters"])
    np.testing.assert_allclose(ours(pieces, "CRV1", renamed), expected, rtol=tolerance.exact)


def test_cluster_sums_against_pandas(pieces, tolerance):
    expected = pd.DataFrame(pieces["x"]).groupby(pieces["clusters"]).sum()
    np.testing.assert_allclose(
        cluster_sums(pieces["x"], pieces["clusters"]), expected, rtol=tolerance.exact, atol=1e-15
    )


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_a_row_with_leverage_one_is_refused(pieces, kind):
    alone = {**pieces, "leverage": np.where(np.arange(40) == 3, 1.0, pieces["leverage"])}
    with pytest.raises(DesignError, match=r"one row .*leverage 1"):
        ours(alone, kind)
    assert np.isfinite(ours(alone, "HC1")).all()


def test_one_cluster_has_no_errors_by_cluster():
    scores = np.random.default_rng(1).normal(size=(20, 2))
    with pytest.raises(DesignError, match="two or more"):
        sandwich(np.eye(2), scores, "CRV1", clusters=np.zeros(20, dtype=int))
