"""Tails against scipy.stats and, where its digits end, against mpmath."""

import numpy as np
import pytest
from scipy import stats

from analysis.models.distributions import (
    chi2_sf,
    detectable_effect,
    f_sf,
    normal_isf,
    normal_sf,
    t_isf,
    t_sf,
)

TAILS = np.array([0.9, 0.5, 0.1, 0.025, 1e-4, 1e-12, 1e-100])
POINTS = np.array([-3.0, 0.0, 0.3, 1.96, 7.0, 30.0])
FREE = np.array([1.0, 2.0, 7.5, 49.0, 1e4, 1e7])


def test_tails_are_those_of_scipy():
    np.testing.assert_allclose(normal_sf(POINTS), stats.norm.sf(POINTS), rtol=1e-13)
    for df in FREE:
        np.testing.assert_allclose(t_sf(POINTS, df), stats.t.sf(POINTS, df), rtol=1e-12)
        np.testing.assert_allclose(
            chi2_sf(POINTS[1:] ** 2, df), stats.chi2.sf(POINTS[1:] ** 2, df), rtol=1e-12
        )
        np.testing.assert_allclose(
            f_sf(POINTS[1:], 2.0, df), stats.f.sf(POINTS[1:], 2.0, df), rtol=1e-11
        )


def test_quantiles_are_those_of_scipy_and_undo_the_tails():
    np.testing.assert_allclose(normal_isf(TAILS), stats.norm.isf(TAILS), rtol=1e-13, atol=1e-15)
    for df in FREE:
        np.testing.assert_allclose(
            t_isf(TAILS[:5], df), stats.t.isf(TAILS[:5], df), rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(t_sf(t_isf(TAILS[:5], df), df), TAILS[:5], rtol=1e-9)


def test_a_far_tail_keeps_its_digits():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(50):
        wanted = float(mpmath.erfc(mpmath.mpf(30) / mpmath.sqrt(2)) / 2)
    assert float(normal_sf(30.0)) == pytest.approx(wanted, rel=1e-13)


def test_arrays_broadcast():
    assert t_sf(POINTS[:, None], FREE).shape == (len(POINTS), len(FREE))


def test_the_detectable_effect_exists_with_hardly_any_degrees_of_freedom():
    for df in (0.01, 0.3, 1.0, 1.9, 2.1):
        found = detectable_effect(1.0, df=df)
        assert np.isfinite(found)
        assert found > detectable_effect(1.0, df=3.0)
