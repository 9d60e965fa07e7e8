"""A short run of the fuzzer of exports; benchmarks/fuzz_exports.py has the long one."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.audit import check

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
pytest.importorskip("pyarrow")
exports = pytest.importorskip("fuzz_exports", reason="only an installed copy, without benchmarks/")


def test_exports_are_read_as_they_are_or_told_of():
    found = exports.run(60, 20121105)
    assert found["failures"] == []
    assert len(found["by_kind"]) == len(exports.KINDS)


def test_a_number_that_nobody_wrote_would_be_seen(tmp_path):
    rng = np.random.default_rng(1)
    frame = exports.table(rng)
    one = exports.plain(frame)
    found = check(exports.write(one, frame, tmp_path, rng))
    assert exports.judged(one, frame, found) == ""
    other = frame.assign(likes=frame["likes"] + 7_777)
    assert "likes holds" in exports.judged(one, other, found)
    needed = replace(one, levels=("country[north]",))
    assert "no term country[north]" in exports.judged(needed, frame, found)


def test_the_record_has_ten_thousand_inputs_and_no_silent_number():
    lines = [json.loads(line) for line in exports.RECORD.read_text("utf-8").splitlines()]
    tried = {(r["seed"], r["first"] + at) for r in lines for at in range(r["inputs"])}
    assert len(tried) >= 10_000
    assert all(record["failures"] == [] for record in lines)
    kinds = set().union(*(record["by_kind"] for record in lines))
    assert kinds >= {"labels", "code for a missing value", "total row", "preamble", "ties"}
    assert all(
        ends.keys() <= {"error", "failed check", "result"}
        for r in lines
        for ends in r["by_kind"].values()
    )
