"""The stability index: by its definition, its size, and ties."""

import numpy as np
import pytest

from analysis.studies.algorithm.before_after import paired_stability, stability


def test_by_its_definition():
    before, after = np.repeat([0.0, 1.0], [80, 20]), np.repeat([0.0, 1.0], [50, 50])
    by_hand = (0.8 - 0.5) * np.log(0.8 / 0.5) + (0.2 - 0.5) * np.log(0.2 / 0.5)
    assert stability(before, after, bins=2).value == pytest.approx(by_hand)
    assert paired_stability(before, after, np.random.default_rng(0), bins=2).value == pytest.approx(
        by_hand
    )


def test_size():
    rng = np.random.default_rng(1)
    apart = [
        stability(rng.normal(size=300), rng.normal(size=500)).p_value < 0.05 for _ in range(600)
    ]
    assert 0.025 <= np.mean(apart) <= 0.08
    paired = []
    for _ in range(200):
        truth = rng.normal(size=150)
        versions = truth + 0.3 * rng.normal(size=(2, 150))
        paired.append(paired_stability(*versions, rng).p_value < 0.05)
    assert np.mean(paired) <= 0.10


def test_clusters_move_together():
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(40), 25)
    both = rng.normal(size=40)[clusters] + 0.1 * rng.normal(size=1000)
    other = both + 0.6 * rng.normal(size=40)[clusters]
    alone, together = (
        paired_stability(both, other, rng, clusters=code) for code in (None, clusters)
    )
    assert together.null > 3 * alone.null


def test_a_constant_has_not_moved():
    assert stability(np.ones(5), np.ones(7)).value == 0
