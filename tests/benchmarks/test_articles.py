"""A short run of the articles; benchmarks/articles.py has the long one."""

import json
import sys
from pathlib import Path

import pytest

from analysis.report.ledger import ledger

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
articles = pytest.importorskip("articles", reason="only an installed copy, without benchmarks/")


def judged_well(record):
    right, wrong = record["right"], record["wrong"]
    assert {*right} <= {"holds", "holds, rounded"}
    assert all(name.endswith(("differs", "unknown")) for name in wrong)


def test_articles_are_judged_well(audited):
    judged_well(articles.run(60, [ledger(audited("movies"))]))


def test_the_long_run_was_judged_well():
    record = json.loads(articles.RESULTS.read_text("utf-8"))
    assert record["draws"] >= articles.DRAWS
    judged_well(record)
