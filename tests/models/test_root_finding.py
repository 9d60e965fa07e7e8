"""Roots beside scipy's."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from analysis.errors import AnalysisError
from analysis.models.root_finding import root_between


@pytest.mark.parametrize("seed", range(20))
def test_the_steps_are_those_of_scipy(seed):
    a, b, c, root = np.random.default_rng(seed).normal(size=4)

    def function(x):
        return a**2 * (x - root) ** 3 + abs(b) * (x - root) + math.sinh(c * (x - root))

    low, high = root - 1.7, root + 2.9
    if function(low) * function(high) >= 0:
        low, high = root - 0.01, root + 0.01
    for xtol in (1e-12, 1e-3):
        assert root_between(function, low, high, xtol=xtol) == brentq(
            function, low, high, xtol=xtol
        )


def test_a_root_at_an_end_is_found_and_one_sign_is_refused():
    assert root_between(lambda x: x, 0.0, 1.0) == 0.0
    assert root_between(lambda x: x - 1, 0.0, 1.0) == 1.0
    with pytest.raises(AnalysisError, match="different signs"):
        root_between(lambda x: x + 1, 0.0, 1.0)
    with pytest.raises(AnalysisError, match="continuous"):
        root_between(lambda x: -1.0 if x == 0 else 1.0 if x == 1 else math.nan, 0.0, 1.0)
