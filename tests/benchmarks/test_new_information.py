"""The page on shares that are new and on families of claims: what the draws say."""

import sys
from pathlib import Path

import pytest
from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import new_information as simulation


@pytest.fixture(scope="module")
def sums():
    return simulation.totals()


def bounds(hits, draws):
    found = binomtest(round(hits), round(draws)).proportion_ci(0.99)
    return found.low, found.high


def test_the_page_says_what_the_draws_say(sums, root):
    page = (root / "docs" / "new_information.md").read_text("utf-8")
    assert page == simulation.render(sums)


@pytest.mark.parametrize("world", simulation.SHARES, ids=lambda world: world.name)
def test_the_interval_of_a_share_holds_it(world, sums):
    of = sums[world.name]
    assert bounds(of["held"], of["draws"])[1] >= 0.93


@pytest.mark.parametrize("world", simulation.FAMILIES, ids=lambda world: world.name)
def test_a_family_of_worthless_scores_has_a_claim_once_in_twenty(world, sums):
    of = sums[world.name]
    low, high = bounds(of["romano_wolf"], of["draws"])
    assert low <= 0.06
    assert high >= 0.04
    assert of["alone"] > of["romano_wolf"]


def test_a_block_is_the_same_again(monkeypatch):
    monkeypatch.setattr(simulation, "BLOCK", 3)
    world = simulation.FAMILIES[0]
    assert simulation.block(world, 3, None) == simulation.block(world, 3, None)
