"""Influence as a fixed point: against the equation solved directly, against networkx's, and on
lists that are wrong.
"""

import numpy as np
import pandas as pd
import pytest

from analysis.errors import DataError
from analysis.scores.network import influence, reactor_scores


@pytest.fixture(scope="module")
def ties():
    rng = np.random.default_rng(1)
    reactor = rng.integers(0, 80, 900)
    author = (reactor + 1 + rng.integers(0, 79, 900)) % 80
    frame = pd.DataFrame(
        {"reactor": reactor, "author": author, "reactions": rng.integers(1, 6, 900)}
    )
    return frame[frame["reactor"] > 4]  # five accounts react to nobody


def directly(ties, damping):
    """Solve the linear equation with a dense matrix."""
    accounts = np.unique(ties[["reactor", "author"]])
    n = len(accounts)
    weights = np.zeros((n, n))
    at = {account: place for place, account in enumerate(accounts)}
    for reactor, author, reactions in ties[["reactor", "author", "reactions"]].itertuples(
        index=False
    ):
        weights[at[reactor], at[author]] += reactions
    total = weights.sum(axis=1, keepdims=True)
    share = np.divide(weights, total, out=np.full((n, n), 1 / n), where=total > 0)
    return np.linalg.solve(np.eye(n) - damping * share.T, np.full(n, (1 - damping) / n))


@pytest.mark.parametrize("damping", [0.0, 0.5, 0.85, 0.99])
def test_solves_the_equation(ties, damping):
    found = influence(ties, damping=damping)
    assert np.abs(found.values - directly(ties, damping)).sum() <= 1.1e-10
    assert found.values.sum() == pytest.approx(1)
    assert found.error <= 1e-10


def test_a_damping_near_one_still_keeps_its_bound(ties):
    loose = influence(ties, damping=0.99, tolerance=1e-4)
    assert np.abs(loose.values - directly(ties, 0.99)).sum() <= 1e-4


def test_the_same_as_networkx(ties):
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph()
    summed = ties.groupby(["reactor", "author"], as_index=False)["reactions"].sum()
    graph.add_weighted_edges_from(summed.itertuples(index=False))
    peer = networkx.pagerank(graph, alpha=0.85, tol=1e-14)
    assert influence(ties).series().to_dict() == pytest.approx(peer, abs=1e-10)


def test_names_and_order_do_not_matter(ties):
    named = ties.assign(
        reactor="u" + ties["reactor"].astype(str), author="u" + ties["author"].astype(str)
    )
    shuffled = influence(named.sample(frac=1, random_state=0)).series()
    plain = influence(ties).series()
    plain.index = "u" + plain.index.astype(str)
    pd.testing.assert_series_equal(
        shuffled.sort_index(), plain.sort_index(), check_names=False, rtol=1e-8
    )


def test_large_numbers_as_identifiers(ties):
    far = ties.assign(reactor=ties["reactor"] * 10**12, author=ties["author"] * 10**12)
    assert np.sort(influence(far).values) == pytest.approx(np.sort(influence(ties).values))


def test_a_reaction_of_somebody_influential_counts_for_more():
    star = [(f"fan{i}", "star") for i in range(20)]
    ties = pd.DataFrame([*star, ("star", "lucky"), ("fan0", "poor")], columns=["reactor", "author"])
    found = influence(ties).series()
    assert found["lucky"] > 3 * found["poor"]
    scores = reactor_scores(ties)
    assert scores["lucky"] > scores["poor"]
    assert scores.between(0, 100).all()


def test_reactions_weigh(ties):
    once = influence(ties.drop(columns="reactions"))
    assert np.abs(once.values - influence(ties).values).sum() > 0.01
    twice = pd.concat([ties, ties])
    assert influence(twice).series().sort_index().to_numpy() == pytest.approx(
        influence(ties).series().sort_index().to_numpy()
    )


@pytest.mark.parametrize(
    ("change", "complaints"),
    [
        (
            lambda t: t.rename(columns={"author": "autor"}),
            ["author", "no such column", 'Did you mean "autor"?'],
        ),
        (lambda t: t.iloc[:0], ["no ties"]),
        (
            lambda t: t.assign(author=t["author"].where(t.index != t.index[3])),
            ["no account in 1 row"],
        ),
        (lambda t: t.assign(reactions=0), ["no number above 0"]),
        (lambda t: t.assign(reactions=np.inf), ["no number above 0"]),
        (lambda t: t.assign(reactions="many"), ["no number above 0"]),
        (lambda t: t.assign(author=t["reactor"]), ["an account tied to itself"]),
        (lambda t: t.to_numpy(), ["a pandas DataFrame"]),
    ],
)
def test_a_malformed_list_is_refused(ties, change, complaints):
    with pytest.raises(DataError) as caught:
        influence(change(ties))
    assert all(complaint in str(caught.value) for complaint in complaints), str(caught.value)


def test_a_damping_that_has_no_fixed_point_is_refused(ties):
    for damping in (1.0, -0.1, float("nan")):
        with pytest.raises(DataError, match="below 1"):
            influence(ties, damping=damping)


def test_what_does_not_converge_is_refused():
    chain = pd.DataFrame({"reactor": range(3000), "author": range(1, 3001)})
    with pytest.raises(DataError, match="after 1000 steps"):
        influence(chain, damping=0.9999, tolerance=1e-300)


@pytest.mark.slow
def test_a_hundred_thousand_accounts():
    rng = np.random.default_rng(0)
    reactor = rng.integers(0, 100_000, 1_000_000)
    author = (reactor + 1 + rng.integers(0, 99_999, 1_000_000)) % 100_000
    found = influence(pd.DataFrame({"reactor": reactor, "author": author}))
    assert found.iterations < 100
    assert found.error < 1e-10
