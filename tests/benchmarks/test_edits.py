"""A short run of the edits; benchmarks/edits.py has the long one."""

import importlib.util
from pathlib import Path

import pytest

from analysis.audit import analyse
from analysis.report.folder import write_results

EDITS = Path(__file__).resolve().parents[2] / "benchmarks" / "edits.py"
CASE = Path(__file__).parents[1] / "cases" / "forged-ledger-second-row"

pytestmark = pytest.mark.skipif(
    not EDITS.exists(), reason="only an installed copy, without benchmarks/"
)


@pytest.fixture(scope="module")
def edits():
    spec = importlib.util.spec_from_file_location("edits", EDITS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def all_seen(record):
    assert record["caught"] == record["edits"]
    assert record["missed"] == record["flagged"] == []


def test_every_edit_is_seen(edits, tmp_path):
    findings = analyse(CASE / "s.toml")
    folder = write_results(findings, tmp_path / "study" / "results")
    made = [(folder, *edits.written_again(findings, folder, tmp_path / "fresh"))]
    all_seen(edits.run(60, made, show=False))
