"""A short calibration: what is drawn, how the rule is asked, and what a broken member does."""

import json
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import analysis as sa
import analysis.measurement_error.deciding_set as deciding_module
from analysis.measurement_error.correction import Effect
from analysis.measurement_error.deciding_set import DecidingSet
from analysis.measurement_error.polynomial import Polynomial

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import calibration
from calibration import PIECE, ROUNDS, jobs, simulate
from calibration_audits import differences
from calibration_grid import MOST, alike, grid
from calibration_records import GOAL, MEMBERS, Share, read, tallies
from calibration_rule import deciding, judge, plan_of
from calibration_table import PROTOTYPE, render
from calibration_worlds import Cell, draw, effect_of_same_z, shape
from noncentral import plain_rate

PLAINEST = alike("linear", "the plainest")


# --- the grid -------------------------------------------------------------------------------------


def test_the_grid_is_small_and_each_cell_has_a_reason():
    cells = grid()
    assert len(cells) <= MOST
    assert len({cell.name for cell in cells}) == len(cells)
    assert all(cell.reason and cell.heading in ("holds", "other", "below") for cell in cells)


def test_the_grid_has_what_was_asked_for():
    cells = grid()
    assert {cell.model for cell in cells} == {"ols", "poisson", "gamma", "logit"}
    assert {cell.plan for cell in cells} == {"silent", "exact", "stated", "halves"}
    assert {cell.n for cell in cells} >= {300, 1000, 5000}
    assert {cell.columns for cell in cells} == {1, 2, 3, 5, 8}
    assert {cell.alike for cell in cells if cell.columns > 1} == {0.5, 0.8, 0.9}
    assert {cell.sharing for cell in cells} == {0.0, 0.5, 1.0}
    assert {cell.covariance for cell in cells} == {"HC3", "CRV1", "CRV3"}
    for slope, tie, effect in PROTOTYPE:
        found = [c for c in cells if (c.slope, c.tie) == (slope, tie) and effect in c.effects]
        assert {(c.plan, c.assumed) for c in found if c.reason == "power"} >= {
            ("exact", 0.8),
            ("halves", 0.8),
            *(("silent", r) for r in (0.7, 0.8, 0.9)),
        }


def test_every_cell_is_a_plan():
    for cell in grid():
        assert sa.read_plan(plan_of(cell)).name == "calibration"


# --- the worlds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sharing", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("plan", ["silent", "halves"])
def test_the_worlds_are_what_they_say(sharing, plan):
    cell = replace(PLAINEST, n=200_000, sharing=sharing, plan=plan)
    one = draw(cell, 0.0, cell.rng(0.0, 0))
    assert one.records[0].var() == pytest.approx(1 / 0.8, rel=0.01)
    assert one.score.var() == pytest.approx(1, abs=0.01)
    between = 0.49 if not sharing else 0.49 / np.sqrt(1 + 0.25 * sharing**2)
    assert np.cov(one.score, one.outcome)[0, 1] == pytest.approx(between, abs=0.01)
    if plan == "halves":
        first, second = one.halves[0]
        r = np.corrcoef(first, second)[0, 1]
        assert 2 * r / (1 + r) == pytest.approx(0.8, abs=0.005)
        np.testing.assert_allclose((first + second) / 2, one.records[0])


@pytest.mark.parametrize("columns", [2, 5])
def test_columns_are_as_alike_as_they_say(columns):
    cell = alike("linear", "", n=100_000, columns=columns, alike=0.8, reliability=1.0)
    one = draw(cell, 0.0, cell.rng(0.0, 0))
    between = np.corrcoef(np.array(one.records))
    assert between[np.triu_indices(columns, 1)] == pytest.approx(0.8, abs=0.01)
    assert np.corrcoef(one.records[0], one.outcome)[0, 1] > 0.5


@pytest.mark.parametrize("form", ["linear", "quadratic", "saturating", "u", "threshold-2"])
def test_forms_are_of_mean_zero_and_variance_one(form):
    values = shape(form, np.random.default_rng(1).normal(size=400_000))
    assert values.mean() == pytest.approx(0, abs=0.01)
    assert values.std() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("model", ["poisson", "gamma", "logit"])
def test_the_plain_fit_of_another_model_has_the_z_of_least_squares(model):
    cells = [cell for cell in grid() if cell.reason == "power" and cell.plan == "exact"]
    other = next(cell for cell in cells if cell.model == model)
    ols = next(c for c in cells if c.model == "ols" and (c.slope, c.tie) == (0.3, 0.4))
    assert effect_of_same_z(other, 0.3) == pytest.approx(2 * effect_of_same_z(other, 0.15))

    def z(cell):
        rng = cell.rng(0.3, 0)
        return np.mean([judge(cell, draw(cell, 0.3, rng)).z for _ in range(20)])

    assert z(other) == pytest.approx(z(ols), rel=0.1)


# --- the rule -------------------------------------------------------------------------------------


def test_a_worthless_score_passes_the_record_and_not_the_rule():
    record = simulate(PLAINEST, 0.0, 0, 60)
    assert sum(record["passed"][0]) > 50
    assert sum(record["passed"][-1] or [0]) <= 6
    assert sum(simulate(PLAINEST, 0.6, 0, 10)["passed"][-1]) > 5


def test_the_members_are_asked_while_the_word_stands_and_say_what_all_say():
    cell = alike("quadratic", "")
    rng = cell.rng(0.0, 5)
    for _ in range(10):
        sample = draw(cell, 0.0, rng)
        found, one = judge(cell, sample), deciding(cell, sample)
        effects = [member.effect for member in one.members(one.start(cell.assumed))]
        signs = {
            np.sign(e.estimate) if abs(e.estimate) > 1.96 * e.std_error else 0 for e in effects
        }
        assert (found.word[0] == "adds") == (signs in ({1}, {-1}))


@pytest.mark.parametrize(
    "fault", ["no noise is corrected", "the cubic is the plain fit and no steps"]
)
def test_the_calibration_notices_a_broken_member(monkeypatch, fault):
    honest = simulate(alike("quadratic", ""), 0.0, 0, 25)
    if fault.startswith("no noise"):
        monkeypatch.setattr(DecidingSet, "noise_decides", property(lambda self: False))
    else:
        monkeypatch.setattr(
            deciding_module,
            "corrected_polynomial",
            lambda *a, **k: Polynomial(Effect(0.5, 0.01), 1.0),
        )
        monkeypatch.setattr(
            DecidingSet, "_calibrated", lambda self, low, *, cubic: Effect(0.5, 0.01)
        )
    broken = simulate(alike("quadratic", ""), 0.0, 0, 25)
    last = [
        [sum(one) for one in record["passed"] if one is not None][-1] for record in (honest, broken)
    ]
    assert last[0] <= 4
    assert last[1] > 20


@pytest.mark.parametrize(
    "cell",
    [
        alike("quadratic", "", plan="halves"),
        alike("linear", "", columns=2, alike=0.9),
        alike("linear", "", model="poisson", slope=0.4, clusters=40, n=400),
    ],
    ids=lambda cell: cell.name,
)
def test_whole_audits_say_what_the_batch_says_member_by_member(cell):
    assert differences(cell, 1) == []


# --- pieces ---------------------------------------------------------------------------------------


def test_any_piece_can_be_drawn_again_alone():
    first = simulate(PLAINEST, 0.0, 3, 4)
    simulate(PLAINEST, 0.0, 2, 2)
    again = simulate(PLAINEST, 0.0, 3, 4)
    del first["seconds"], again["seconds"]
    assert first == again
    assert simulate(PLAINEST, 0.0, 4, 4)["z"] != first["z"]


def test_a_little_of_every_cell_is_drawn_first_and_what_is_there_is_not_drawn_again():
    cells = [PLAINEST, replace(PLAINEST, n=300)]
    order = list(jobs(cells, [], 1000))
    assert [(cell.n, effect, piece) for cell, effect, piece in order[:2]] == [
        (1000, 0.0, 0),
        (300, 0.0, 0),
    ]
    assert len(order) == 2 * sum(ROUNDS[-1]) // PIECE
    there = [{"cell": c.name, "effect": e, "piece": p} for c, e, p in order[:5]]
    assert list(jobs(cells, there, 1000)) == order[5:]


def test_pieces_are_appended_and_read_once(tmp_path):
    path = tmp_path / "some.jsonl"
    piece = simulate(PLAINEST, 0.0, 0, 3)
    path.write_text("".join(json.dumps({**piece, "z": z}) + "\n" for z in (1.0, 2.0)))
    found = tallies([PLAINEST], read(path))[PLAINEST.name][0.0]
    assert (found.share.draws, found.z) == (3, 2.0)


@pytest.mark.parametrize(
    ("count", "draws", "misses", "meets"),
    [
        (100, 1000, True, False),
        (30, 1000, False, True),
        (6, 100, False, False),
        (0, 100, False, True),
    ],
)
def test_a_cell_misses_or_meets_the_goal_only_beyond_chance(count, draws, misses, meets):
    share = Share(count, draws)
    assert (share.misses, share.meets) == (misses, meets)
    low, high = share.interval
    assert low <= share.value <= high


# --- what is committed ----------------------------------------------------------------------------


def test_the_page_says_what_the_records_say(root):
    assert (root / "docs" / "calibration.md").read_text("utf-8") == render(grid(), read())


def test_every_piece_is_of_the_grid_and_no_member_adds_to_what_passes():
    known = {cell.name: cell for cell in grid()}
    pieces = read()
    assert pieces
    for piece in pieces:
        cell = known[piece["cell"]]
        assert piece["effect"] in (0.0, *cell.effects)
        start = 2 if cell.shares == "none" and cell.plan != "silent" else 0
        passed = [sum(one) for one in piece["passed"][start:] if one is not None]
        if not cell.sesoi:
            assert passed == sorted(passed, reverse=True)
        assert len(piece["passed"]) == len(MEMBERS)


def test_the_page_lists_every_miss_first():
    text = render(grid(), read())
    first = text.index("## Cells that miss the goal")
    found = tallies(grid(), read())
    missed = [
        cell
        for cell in grid()
        if cell.heading == "holds" and not cell.sesoi and found[cell.name][0.0].share.misses
    ]
    assert len(found) == len(grid())
    table = text[first : text.index("\n## ", first + 1)]
    assert table.count("\n| ") == (len(missed) + 1 if missed else 0)
    assert all(found[cell.name][0.0].share.interval[0] > GOAL for cell in missed)


def test_the_plain_fit_passes_as_often_as_theory_says():
    """A second route: the noncentral t."""
    found = tallies(grid(), read())
    for n, reliability in ((300, 0.8), (1000, 0.9)):
        cell = replace(PLAINEST, n=n, reliability=reliability)
        seen = found[cell.name][0.0].passed["recorded"]
        low, high = seen.interval
        assert low - 0.02 <= plain_rate(n, 0.7, 0.7, reliability) <= high + 0.02


def test_a_name_tells_a_cell_from_every_other():
    assert PLAINEST.name == "ols 1000 silent"
    assert [field.name for field in fields(Cell)][:2] == ["heading", "reason"]
    assert calibration.DRAWS == 1000
