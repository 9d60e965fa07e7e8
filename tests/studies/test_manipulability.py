"""What a point costs: published anchors hold, and what a spend does to referrals is what the truth
says.
"""

import numpy as np
import pandas as pd
import pytest

from analysis import simulate
from analysis.errors import DataError
from analysis.scores import kred
from analysis.studies.manipulability.actions import ACTIONS, BOTS, Action, after
from analysis.studies.manipulability.figure import manipulability_figure
from analysis.studies.manipulability.study import AGENT, TWEEPCRED, manipulability


@pytest.fixture(scope="module")
def found():
    return manipulability(simulate.creators(n=500, effect=0.1))


def row(found, score, action):
    return found.table.set_index(["score", "action"]).loc[(score, action)]


def test_one_row_per_action_and_score(found):
    on_agents = sum(action.on_agent for action in ACTIONS)
    ranks = found.table.groupby("score")["rank"].max()
    assert ranks.pop(AGENT) == on_agents
    assert ranks.tolist() == [len(ACTIONS) - on_agents] * 4
    assert len(found.table) == ranks.sum() + on_agents
    for _, rows in found.table.groupby("score"):
        assert rows["range_per_100"].is_monotonic_decreasing


def test_bought_followers_do_not_move_a_klout_style_score_and_a_bot_does(found):
    assert row(found, "Klout-style", "bought followers").points == 0
    assert row(found, "Klout-style", "bought followers").idle_points == 0
    assert row(found, "Klout-style", "posting bot").idle_points > 10
    assert row(found, "Klout-style", "bought reactions").points > 1


def test_a_bot_on_an_account_with_an_audience_dilutes_its_amplification(found):
    """The other side: reactions per post are a component, so that posts nobody wants cost an active
    account points.
    """
    assert row(found, "Klout-style", "posting bot").points < 0


def test_a_confirmed_number_moves_trust_only(found):
    assert row(found, "TrustCloud-style", "verified account").points > 100
    assert (
        row(found, "Klout-style", "verified account").points
        == row(found, "Kred-style", "verified account").points
    )


def test_two_hours_and_a_few_dollars_make_a_full_score_of_an_agent(found):
    """The rubric publishes every point: what an agent's owner can do alone is all but its age."""
    rows = found.table[found.table["score"] == AGENT]
    assert rows["idle_points"].tolist() == [30, 40, 10]
    assert 100 - rows["idle_points"].sum() == 20  # registered, for more than 7 days
    assert rows["hours"].sum() == 2
    assert rows["dollars"].sum() == 7


def test_a_badge_moves_a_forgotten_account_and_following_back_costs_many_points(found):
    import math

    badge = row(found, TWEEPCRED, "paid badge")
    assert badge.idle_points == pytest.approx(5.21 * math.log(100 / 5), rel=1e-6)
    device = row(found, TWEEPCRED, "verified account")
    assert device.idle_points == pytest.approx(5.21 * math.log(55 / 5), rel=1e-6)
    back = row(found, TWEEPCRED, "follow-back")
    assert back.points < 0 < back.idle_points
    assert row(found, TWEEPCRED, "bought followers").idle_points == 0
    assert row(found, TWEEPCRED, "bought followers").points > 0  # they excuse those one follows


def test_what_reads_columns_that_are_not_there_is_left_out():
    frame = simulate.creators(n=60)
    table = manipulability(frame.drop(columns=["device", "agent_age"])).table
    assert sorted(set(table["score"])) == ["Klout-style", "Kred-style", "TrustCloud-style"]
    assert not table["action"].isin(["registration", "praise by oneself"]).any()


def test_gifts_are_seventy_points_each():
    frame = simulate.creators(n=100)
    table = manipulability(frame).table.set_index(["score", "action"])
    community = kred.influence_points(frame["reactions"])
    by_hand = kred.normalised(community + 700, community) - kred.normalised(community, community)
    assert table.loc[("Kred-style", "+Kred gifts"), "points"] == pytest.approx(by_hand.mean())
    assert table.loc[("Klout-style", "+Kred gifts"), "points"] == 0


def test_talking_down_the_ladder_costs_klout_and_may_pay():
    table = manipulability(simulate.creators(n=500, relationships=0.2)).table.set_index(
        ["score", "action"]
    )
    down = table.loc[("Klout-style", "replies down the ladder")]
    assert down.points < 0 < down.referrals


def test_what_the_bots_do_not_pay():
    table = manipulability(simulate.creators(n=500)).table.set_index(["score", "action"])
    assert table.loc[("Klout-style", "bought reactions"), "referrals"] == 0
    assert table.loc[("Klout-style", "posting burst"), "referrals"] > 0


def test_a_displayed_score_that_works_pays_for_its_points(found):
    frame = simulate.creators(n=500, effect=0.1)
    gain = row(found, "Klout-style", "bought reactions")
    assert gain.referrals == pytest.approx(0.1 * gain.points / frame["klout"].std(ddof=1), rel=0.3)


def test_per_hour_and_per_dollar(found):
    burst = row(found, "Klout-style", "posting burst")
    assert burst.points_per_hour == pytest.approx(burst.points / 40)
    assert np.isnan(burst.points_per_dollar)
    assert burst.range_per_100 == pytest.approx(100 * burst.points / 90 / (40 * 20))


def test_only_the_account_changes(found):
    frame = simulate.creators(n=100)
    same = after(frame, Action("nothing", "nothing"))
    for name in ("posts", "reactions", "reactors", "replies_up"):
        assert (same[name] == frame[name]).all()
    bots = after(frame, Action("bots", "", reactions=100, reactors=50, by=BOTS))
    assert (bots["reactor_score"] <= frame["reactor_score"]).all()


def test_data_that_were_not_drawn_have_no_referrals():
    plain = pd.DataFrame(simulate.creators(n=100).to_dict("list"))
    found = manipulability(plain)
    assert found.table["referrals"].isna().all()
    assert "imulated" not in found._repr_html_() + manipulability_figure(found).alt


def test_of_a_panel_the_last_month_counts():
    found = manipulability(simulate.panel(n=60, months=4))
    assert found.dataset.rows == 60


def test_the_figure_and_the_table_say_that_the_data_are_simulated(found):
    figure = manipulability_figure(found)
    assert figure.alt.startswith("Simulated data.")
    assert "Klout-style: most by" in figure.alt
    assert "Simulated data." in found._repr_html_()
    assert found._repr_html_() == found._repr_html_()


def test_what_is_wrong_is_said():
    with pytest.raises(DataError, match="hour_price"):
        manipulability(simulate.creators(n=50), hour_price=-1)
    with pytest.raises(DataError, match="reactors"):
        manipulability(simulate.creators(n=50).drop(columns="reactors"))
