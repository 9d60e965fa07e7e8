"""Two scores whose rules are public: each constant by hand, PageRank by networkx and by algebra."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis import simulate
from analysis.errors import DataError
from analysis.scores import agent, tweepcred
from analysis.scores.tweepcred import (
    expected_pagerank,
    pagerank,
    penalty,
    prior_mass,
    reputation,
)

KLOUT, REVENUE = [37.03, 39.59, 49.15], [0.0, 2265.62, 7483.5]
"""Of the first three creators of seed 7, as drawn before there were columns for these scores."""
REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "pagerank_values.json"

# --- prior mass -----------------------------------------------------------------------------------


def mass(days=1000.0, **columns):
    given = dict.fromkeys(tweepcred.MASS, 0.0) | columns
    return float(prior_mass({k: np.array([v]) for k, v in given.items()}, days=np.array([days]))[0])


def test_prior_mass_without_and_with_a_device():
    assert mass() == pytest.approx(100 * 0.05)
    assert mass(device=1) == pytest.approx(100 * (0.05 + 0.5))


def test_a_suspended_account_has_none_and_a_verified_one_all():
    assert mass(verified=1) == 100
    assert mass(suspended=1) == mass(suspended=1, verified=1, device=1) == 0


@pytest.mark.parametrize(
    ("days", "grown"), [(0, 0), (5, np.log(4 / 3)), (15, np.log(2)), (25, np.log(8 / 3))]
)
def test_mass_grows_with_the_logarithm_of_age(days, grown):
    assert mass(days, device=1) == pytest.approx(100 * max(0.01, 0.55 * grown))


def test_it_is_full_from_thirty_days_on():
    assert mass(30, device=1) == mass(31, device=1) == mass(10_000, device=1) == pytest.approx(55)
    assert mass(15 * (np.e - 1) - 0.1, device=1) < 55


def test_at_least_a_hundredth_and_a_restriction_leaves_a_tenth():
    assert mass(0) == 1
    assert mass(0, restricted=1) == pytest.approx(0.1)
    assert mass(device=1, restricted=1) == pytest.approx(5.5)
    assert mass(verified=1, restricted=1) == 100


def test_following_more_than_five_hundred_costs_mass():
    assert mass(verified=1, followings=500, followers=100) == 100
    expected = 100 / np.exp(5 * (502 / 101 - 0.6))
    assert mass(verified=1, followings=501, followers=100) == pytest.approx(expected)


def test_a_ratio_of_up_to_six_tenths_is_free():
    assert mass(verified=1, followings=599, followers=999) == 100
    assert mass(verified=1, followings=600, followers=999) == pytest.approx(
        100 / np.exp(5 * (601 / 1000 - 0.6))
    )


def test_a_month_is_thirty_days():
    frame = {name: np.zeros(1) for name in tweepcred.MASS} | {"longevity": np.array([0.5])}
    assert prior_mass(frame)[0] == pytest.approx(5 * np.log(2))


# --- penalty and scale ----------------------------------------------------------------------------


def test_following_more_than_two_thousand_five_hundred_costs_pagerank():
    assert penalty(1, 2500) == 1
    by_hand = np.exp(3 * (3001 / 2501 - 1) * np.log(np.log(3000)))
    assert 1 < by_hand < 50
    assert penalty(2500, 3000) == pytest.approx(by_hand)


def test_the_penalty_lies_between_one_and_fifty():
    assert penalty(1_000_000, 5000) == 1
    assert penalty(0, 2501) == pytest.approx(50)
    assert penalty(0, 1e9) == pytest.approx(50)


def test_the_score_is_130_and_5_21_times_the_logarithm():
    for rank in (1e-10, 1e-8, 1e-5):
        assert reputation(rank) == pytest.approx(130 + 5.21 * np.log(rank))


def test_the_score_is_cut_at_both_ends():
    assert reputation(1e-20) == reputation(9e-21) == reputation(0) == 0
    assert reputation(1.0) == 100
    assert reputation(np.exp(-30 / 5.21)) == pytest.approx(100)
    assert reputation(1e-11) == 0  # 130 + 5.21 ln < 0


def test_the_score_is_rounded_to_whole_points():
    frame = pd.DataFrame(
        {
            "followers": 10.0,
            "followings": 10.0,
            "pagerank": np.exp((np.array([34.4, 34.6]) - 130) / 5.21),
        }
    )
    assert sa.score("tweepcred", frame).tolist() == [34, 35]


# --- PageRank -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text("utf-8"))


def ties_of(reference):
    return pd.DataFrame({name: reference[name] for name in ("reactor", "author", "reactions")})


def test_pagerank_is_that_of_networkx(reference):
    found = pagerank(ties_of(reference), pd.Series(reference["mass"]))
    assert found.accounts.tolist() == list(range(40))
    assert found.values == pytest.approx(reference["pagerank"], abs=1e-10)


def test_pagerank_is_that_of_the_networkx_installed(reference):
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(40))
    summed = ties_of(reference).groupby(["reactor", "author"], as_index=False)["reactions"].sum()
    graph.add_weighted_edges_from(summed.itertuples(index=False))
    peer = networkx.pagerank(
        graph,
        alpha=0.9,
        personalization=dict(enumerate(reference["mass"])),
        dangling=dict.fromkeys(range(40), 1.0),
        tol=1e-15,
        max_iter=1000,
    )
    found = pagerank(ties_of(reference), pd.Series(reference["mass"]))
    assert found.series().to_dict() == pytest.approx(peer, abs=1e-10)


def test_pagerank_solves_its_equation(reference):
    ties, n = ties_of(reference), 40
    weights = np.zeros((n, n))
    np.add.at(weights, (ties["reactor"], ties["author"]), ties["reactions"])
    total = weights.sum(axis=1, keepdims=True)
    share = np.divide(weights, total, out=np.full((n, n), 1 / n), where=total > 0)
    prior = np.array(reference["mass"]) / np.sum(reference["mass"])
    exact = np.linalg.solve(np.eye(n) - 0.9 * share.T, 0.1 * prior)
    found = pagerank(ties, pd.Series(reference["mass"])).values
    assert np.abs(found - exact).sum() < 1.1e-10


def test_ties_with_accounts_that_have_no_mass_are_left_out(reference):
    ties = ties_of(reference)
    more = pd.concat([ties, pd.DataFrame({"reactor": [99, 1], "author": [1, 99], "reactions": 9})])
    masses = pd.Series(reference["mass"])
    assert pagerank(more, masses).values == pytest.approx(pagerank(ties, masses).values)


def test_without_ties_it_is_the_solution_for_attention_in_proportion():
    """Everybody's row of the matrix is the same; then PageRank is known in closed form."""
    rng = np.random.default_rng(3)
    n = 30
    columns = {name: np.zeros(n) for name in tweepcred.MASS}
    columns |= {"longevity": np.full(n, 12.0), "device": (rng.random(n) < 0.5) * 1.0}
    columns |= {"reactors": rng.poisson(50, n) * 1.0, "reactor_score": rng.uniform(1, 60, n)}
    flow = columns["reactors"] * columns["reactor_score"]
    prior = prior_mass(columns)
    matrix = np.tile(flow / flow.sum(), (n, 1))
    exact = np.linalg.solve(np.eye(n) - 0.9 * matrix.T, 0.1 * prior / prior.sum())
    assert expected_pagerank(columns, network=n) == pytest.approx(exact)


def test_ties_of_a_table_enter_its_score():
    frame = simulate.creators(n=60)
    rng = np.random.default_rng(1)
    one, other = rng.permutation(60), rng.permutation(60)
    keep = one != other
    ties = pd.DataFrame(
        {
            "reactor": frame["creator"].to_numpy()[one][keep],
            "author": frame["creator"].to_numpy()[other][keep],
        }
    )
    star = frame["creator"].iloc[0]
    fans = pd.DataFrame({"reactor": frame["creator"].iloc[1:], "author": star})
    values = tweepcred.tweepcred(frame, pd.concat([ties, fans], ignore_index=True))
    plain = frame.assign(followings=0, suspended=0)
    starred = tweepcred.tweepcred(plain, pd.concat([ties, fans], ignore_index=True))
    assert starred.iloc[0] == starred.max()
    assert starred.iloc[0] > tweepcred.tweepcred(plain, ties).iloc[0] + 10
    assert values.between(0, 100).all()


def test_a_network_of_the_table_alone_sums_to_one():
    frame = simulate.creators(n=200)
    alone = tweepcred.tweepcred(frame.assign(followings=0), network=None)
    assert alone.median() == pytest.approx(130 + 5.21 * np.log(1 / 200), abs=5)
    assert (alone - tweepcred.tweepcred(frame.assign(followings=0)) > 50).mean() > 0.9


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda f, t: tweepcred.tweepcred(f.drop(columns="followings")), "followings"),
        (lambda f, t: tweepcred.tweepcred(f, network=0), "a number of accounts"),
        (lambda f, t: tweepcred.tweepcred(pd.concat([f, f]), t), "a different account in each row"),
        (lambda f, t: pagerank(t, pd.Series([0.0, 0.0])), "no mass at all"),
        (lambda f, t: pagerank(t, pd.Series([1.0, -1.0])), "at least 0"),
        (lambda f, t: pagerank(t, pd.Series([1.0, 1.0]), jump=0), "above 0"),
    ],
)
def test_what_is_wrong_is_said(ask, complaint):
    ties = pd.DataFrame({"reactor": ["c01"], "author": ["c02"]})
    with pytest.raises(DataError, match=complaint):
        ask(simulate.creators(n=30), ties)


# --- agents ---------------------------------------------------------------------------------------

NOBODY = dict.fromkeys(agent.NEEDS, 0.0) | {"agent_idle": 99.0}
REGISTERED = NOBODY | {"agent_registered": 1.0}


def points(**records):
    return sa.score("agent", pd.DataFrame([REGISTERED | records])).item()


@pytest.mark.parametrize(
    ("records", "gained"),
    [
        ({}, 0),
        ({"agent_age": 7}, 0),
        ({"agent_age": 8}, 5),
        ({"agent_file": 1}, 5),
        ({"agent_endpoint": 1}, 5),
        ({"agent_senders": 1}, 10),
        ({"agent_senders": 2}, 10),
        ({"agent_senders": 3}, 20),
        ({"agent_senders": 9}, 20),
        ({"agent_senders": 10}, 25),
        ({"agent_senders": 1000}, 25),
        ({"agent_idle": 8}, 0),
        ({"agent_idle": 7}, 10),
        ({"agent_idle": 2}, 10),
        ({"agent_idle": 1}, 15),
        ({"agent_clients": 1}, 10),
        ({"agent_clients": 2}, 10),
        ({"agent_clients": 3}, 20),
        ({"agent_clients": 3, "agent_positive": 1}, 25),
        ({"agent_positive": 1}, 0),
        ({"agent_validations": 1}, 5),
        ({"agent_validations": 50}, 5),
    ],
)
def test_each_point_of_an_agent(records, gained):
    assert points(**records) == 15 + gained


def test_the_parts_are_thirty_forty_and_thirty():
    full = {"agent_age": 8, "agent_file": 1, "agent_endpoint": 1, "agent_senders": 10}
    full |= {"agent_idle": 0, "agent_clients": 3, "agent_positive": 1, "agent_validations": 1}
    found = agent.parts(pd.DataFrame([REGISTERED | full]))
    assert {name: value.item() for name, value in found.items()} == {
        "identity": 30,
        "activity": 40,
        "reputation": 30,
    }
    assert sum(row[4] for row in agent.RUBRIC) == 100


def test_an_agent_that_is_not_registered_has_nothing():
    everything = dict.fromkeys(agent.NEEDS, 100.0) | {"agent_idle": 0.0}
    assert sa.score("agent", pd.DataFrame([everything])).item() == 100
    left = everything | {"agent_registered": 0.0}
    assert sa.score("agent", pd.DataFrame([left])).item() == 0


def test_tiers_begin_at_twenty_forty_sixty_and_eighty():
    edges = [0, 15, 20, 35, 40, 55, 60, 75, 80, 100]
    assert agent.tier(edges).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


# --- both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tweepcred", "agent"])
def test_simulated_creators_have_it(name):
    for frame in (simulate.creators(n=300), simulate.panel(n=30, months=3)):
        values = sa.score(name, frame)
        assert values.name == f"{name}_style"
        assert values.between(0, 100).all()
        assert values.nunique() > 5
        assert (values == values.round()).all()


def test_what_simulated_creators_had_before_is_what_they_have():
    """The new columns are drawn by a generator of their own."""
    frame = simulate.creators(seed=7, n=30)
    assert frame["klout"].iloc[:3].tolist() == KLOUT
    assert frame["revenue"].iloc[:3].tolist() == REVENUE


@pytest.mark.parametrize(
    ("name", "unseen"), [("tweepcred", "referred"), ("agent", "the agent's own")]
)
def test_the_card_says_what_it_cannot_see(name, unseen):
    from click.testing import CliRunner

    from analysis.cli import cli

    found = CliRunner().invoke(cli, ["score", name, "--card"])
    assert found.exit_code == 0
    assert unseen in found.stdout.split("It cannot see")[1].split("Free choices")[0]
