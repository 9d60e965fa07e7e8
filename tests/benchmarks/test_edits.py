"""A short run of the edits; benchmarks/edits.py has the long one."""

import sys
from pathlib import Path

import pytest

from analysis.audit import analyse
from analysis.report.folder import write_results

CASE = Path(__file__).parents[1] / "cases" / "forged-ledger-second-row"

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
edits = pytest.importorskip("edits", reason="only an installed copy, without benchmarks/")


def all_seen(record):
    assert record["caught"] == record["edits"]
    assert record["missed"] == record["flagged"] == []


def test_every_edit_is_seen(tmp_path):
    findings = analyse(CASE / "s.toml")
    folder = write_results(findings, tmp_path / "study" / "results")
    made = [(folder, *edits.written_again(findings, folder, tmp_path / "fresh"))]
    all_seen(edits.run(60, made, show=False))
