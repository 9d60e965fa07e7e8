"""A short run of the articles; benchmarks/articles.py has the long one."""

import importlib.util
import json
from pathlib import Path

import pytest

from analysis.report.ledger import ledger

ARTICLES = Path(__file__).resolve().parents[2] / "benchmarks" / "articles.py"

pytestmark = pytest.mark.skipif(
    not ARTICLES.exists(), reason="only an installed copy, without benchmarks/"
)


@pytest.fixture(scope="module")
def articles():
    spec = importlib.util.spec_from_file_location("articles", ARTICLES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judged_well(record):
    right, wrong = record["right"], record["wrong"]
    assert {*right} <= {"holds", "holds, rounded"}
    assert all(name.endswith(("differs", "unknown")) for name in wrong)


def test_articles_are_judged_well(articles, audited):
    judged_well(articles.run(60, [ledger(audited("movies"))]))


def test_the_long_run_was_judged_well(articles):
    record = json.loads(articles.RESULTS.read_text("utf-8"))
    assert record["draws"] >= articles.DRAWS
    judged_well(record)
