"""The bound of what a score adds to R2 where a bootstrap sample has nothing to explain."""

import numpy as np

from analysis.models.design import Design
from analysis.studies.equivalence.equivalence import delta_r2_bound


def test_a_draw_of_equal_outcomes_adds_nothing():
    """One row of eighteen has another outcome: a third of the bootstrap samples do not hold it."""
    rng = np.random.default_rng(1)
    matrix = np.column_stack([np.ones(18), rng.normal(size=(18, 2))])
    blocks = ("intercept", "engagement", "score")
    design = Design(np.eye(18)[3], matrix, ("const", "likes", "klout"), blocks)
    assert 0 <= delta_r2_bound(design, replicates=199) < 1
