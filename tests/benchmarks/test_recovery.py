"""A short recovery: a claim is found where it is true, not where it is false, and the shortcut is
the audit.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import recovery
from claims import CLAIMS
from recovery import (
    Answer,
    Block,
    blocks,
    disagreement,
    simulate,
)
from recovery_records import BY_NAME, exact_interval, faults, gate, read
from recovery_table import render

DRAWS = 40


@pytest.mark.parametrize("name", ["referrals", "referrals-full", "instrument"])
def test_a_claim_is_found_where_it_is_true_and_not_where_it_is_false(name):
    """Forty draws a truth. A size of .05 exceeds .2 in forty draws about once in 3,000."""
    false, true = (simulate(Block(name, real, 0, DRAWS)) for real in (False, True))
    assert false["found"] <= 8 < 20 < true["right"]
    assert gate(false) == gate(true) == "passed"
    assert false["compared"] < 1e-6
    assert true["truth"] == BY_NAME[name].true["effect"]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_every_claim_has_a_false_and_a_true_world_and_a_plan(claim):
    false, true = (claim.parameters(real, 0) for real in (False, True))
    assert false.seed != true.seed
    given = {"seed": 0}
    assert (false.model_copy(update=given) != true.model_copy(update=given)) or claim.scores[
        0
    ] != claim.scores[1]
    assert claim.plan(False).quick
    assert claim.parameters(True, 3) == claim.parameters(True, 3) != claim.parameters(True, 4)


def record(real=False, *, found=50, covered=950, claim="referrals", draws=1000):
    return {
        "claim": claim,
        "real": real,
        "n": 1000,
        "first": 0,
        "draws": draws,
        "truth": 0.2 * real,
        "words": {"adds (positive)": found, "inconclusive": draws - found},
        "found": found,
        "right": found,
        "answered": draws,
        "covered": covered,
        "middle": 0.1,
        "compared": 0.0,
        "seconds": 1.0,
    }


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "passed"),
        ({"found": 0}, "passed"),
        ({"found": 80}, "passed"),
        ({"found": 90}, "FAILED"),
        ({"covered": 900}, "FAILED"),
        ({"covered": 920}, "passed"),
        ({"real": True, "found": 900}, "passed"),
        ({"found": 900, "claim": "referrals-mislabelled"}, "printed"),
    ],
)
def test_the_gate_is_the_one_that_is_written_down(changes, word):
    assert gate(record(**changes)) == word


def test_the_interval_of_a_size_is_the_exact_one():
    assert exact_interval(0, 1000) == pytest.approx((0.0, 1 - 0.005 ** (1 / 1000)))


def test_answers_that_differ_are_noticed():
    one = Answer("adds (positive)", (0.1, 0.3))
    assert disagreement(one, one) == 0
    assert disagreement(one, Answer("adds (positive)", (0.1, 0.31))) == pytest.approx(0.1)
    assert disagreement(one, Answer("inconclusive", (0.1, 0.3))) == float("inf")


def test_nothing_is_recorded_where_the_shortcut_is_not_the_audit(monkeypatch, tmp_path):
    honest = recovery.by_shortcut
    monkeypatch.setattr(
        recovery, "by_shortcut", lambda *given: replace(honest(*given), word="adds (negative)")
    )
    with pytest.raises(RuntimeError, match="differ"):
        simulate(Block("referrals", False, 0, 1))


def test_blocks_add_up_and_are_not_drawn_twice(tmp_path):
    path = tmp_path / "some.jsonl"
    first, second = record(), record(found=70) | {"first": 1000}
    path.write_text(
        "".join(json.dumps(r) + "\n" for r in (first, second, second)), encoding="utf-8"
    )
    there = read(path)
    assert there["referrals", False]["draws"] == 2000
    assert (
        there["referrals", False]["found"]
        == there["referrals", False]["words"]["adds (positive)"]
        == 120
    )
    todo = blocks(["referrals"], 2100, 50, there)
    assert [block.first for block in todo if not block.real] == [2000, 2050]
    assert todo[0] == Block("referrals", True, 0, 50)


def test_the_page_says_what_failed_and_what_is_lacking():
    page = render(
        {("referrals", False): record(found=90), ("referrals", True): record(True, found=900)}
    )
    assert "1 pass and 1 fail" in page
    assert "* `referrals`, false: found in 0.090 of the draws though it is false." in page
    assert "Not run yet: `revenue`, false" in page
    assert faults(record(found=90))


def test_the_page_that_is_there_is_that_of_the_results():
    if recovery.RESULTS.exists():
        assert recovery.TABLE.read_text("utf-8") == render(read())
