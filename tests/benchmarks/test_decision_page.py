"""The page on the word of a decision: made from its records, and what they show."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import decision as simulation


@pytest.fixture(scope="module")
def by_cell():
    found = {}
    for record in simulation.read():
        found.setdefault(record["cell"], []).append(record)
    return found


def test_the_page_says_what_the_records_say(root):
    assert (root / "docs" / "decision.md").read_text("utf-8") == simulation.render(
        simulation.read()
    )


def test_a_worthless_score_hardly_ever_pays(by_cell):
    """Recorded and noisy engagement, 300 to 5,000 rows, skewed revenue with zeros: 5 % at most."""
    cells = [cell for cell in simulation.CELLS if cell.effect == 0]
    words = [[row["word"] == "pays" for row in by_cell[cell.name]] for cell in cells]
    assert {cell.n for cell in cells} == {300, 1000, 5000}
    assert np.mean(np.concatenate(words)) < 0.02
    assert max(map(np.mean, words)) <= 0.05


@pytest.mark.parametrize("world", ["growth", "revenue", "noisy", "clusters", "default"])
def test_intervals_cover(by_cell, world):
    pairs = [simulation.held_in(by_cell, world, n) for n in simulation.SIZES]
    held, drawn = np.sum(pairs, axis=0)
    assert held / drawn >= 0.93


def test_a_draw_is_drawn_again_as_it_was(by_cell):
    """One of today's, from its seed."""
    known = next(row for row in by_cell["growth-300-1"] if "reference" not in row)
    (cell,) = (cell for cell in simulation.CELLS if cell.name == "growth-300-1")
    fresh = simulation.draw(cell, known["draw"])
    assert fresh["word"] == known["word"]
    for at, gain in known["gains"].items():
        assert fresh["gains"][at] == pytest.approx(gain, rel=1e-6, abs=1e-9)
