"""Every check that rests on a test judges it at the plan's level."""

import numpy as np
import pytest

from analysis.audit import analyse

JUDGED = ("invariance", "decoupling", "pretrend_score", "pretrend_outcome", "misalignment")
"""Checks whose statistic is their p-value."""


@pytest.fixture(scope="module")
def audits(make_frame, plan_of):
    rng, n = np.random.default_rng(8), 480
    frame = make_frame(n)
    frame["who"], frame["month"] = [f"w{i // 6}" for i in range(n)], np.arange(n) % 6
    start = np.repeat(rng.integers(1, 9, size=80), 6)
    frame["gamed"] = ((frame["month"] >= start) & (frame["month"] < start + 3)).astype(float)
    frame["late"] = (frame["month"] >= 3).astype(float)
    frame["friends"], frame["others"] = (np.floor(frame["likes"] * rng.random(n)) for _ in range(2))
    tables = {
        "panel": {"unit": "who", "time": "month"},
        "gaming": {"episode": "gamed"},
        "algorithm": {"changed": "late"},
        "parts": {"columns": ["friends", "others"]},
    }
    return {
        level: analyse(plan_of(quick=True, inference={"level": level}, **tables), frame)
        for level in (0.51, 0.95, 0.9999)
    }


def test_checks_follow_the_level(audits):
    words = {}
    for level, audit in audits.items():
        checks = {check.check: check for check in audit.checks if check.check in JUDGED}
        assert len(checks) >= 4, checks
        for name, check in checks.items():
            if check.passed is not None:
                assert check.passed == (check.statistic >= 1 - level), (name, level)
        words[level] = [check.passed for check in checks.values()]
    assert words[0.51] != words[0.9999]


def test_the_index_of_stability_does_too(audits):
    for level, audit in audits.items():
        row = audit.estimates.one(term="psi")
        (check,) = [check for check in audit.checks if check.check == "score_shift"]
        assert check.passed == (row.p_value >= 1 - level)
    assert "in 49 % of samples" in audits[0.51].estimates.one(term="psi").note
    assert "in 5 % of samples" in audits[0.95].estimates.one(term="psi").note


def test_a_drift_is_found_more_easily_by_a_larger_test(audits):
    found = [audit.estimates.select(term="pretrend_outcome").rows for audit in audits.values()]
    drifts = [float(rows[0].note.rsplit("drift ", 1)[1].split()[0]) for rows in found if rows]
    assert drifts == sorted(drifts)
