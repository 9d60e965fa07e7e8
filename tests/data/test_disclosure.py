"""Cells of few rows, through whole audits: neither their counts nor the names that go with them get
out.
"""

import re

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.disclosure import FEWEST, NOT_NAMED, few, shown_count, shown_name
from analysis.report.views import Audit

CANARY = "solitaire"


def table(n=400, seed=3):
    """Return rows whose control, cluster and segment have a level each that one to four rows
    share.
    """
    rng = np.random.default_rng(seed)
    likes = rng.poisson(20, n)
    score = 0.02 * likes + rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "likes": likes,
            "klout": score,
            "sales": rng.gamma(2, np.exp(1 + 0.02 * likes + 0.2 * score)),
        }
    )
    for column, size in (("trade", 1), ("city", 4), ("region", 3)):
        frame[column] = rng.choice(["north", "south", "west"], n)
        frame.loc[rng.choice(n, size, replace=False), column] = f"{CANARY} {column}"
    return frame


def plan(**changes):
    return {
        "name": "cells",
        "question": "Who is alone in a cell?",
        "dataset": "frame.csv",
        "score": {"columns": ["klout"]},
        "engagement": {"columns": ["likes"], "transform": "log1p"},
        "controls": {"columns": ["trade", "city"]},
        "segment": {"column": "region"},
        "quick": True,
        "outcome": [{"column": "sales", "kind": "revenue", "sesoi": 0.05}],
    } | changes


READ = (".json", ".csv", ".html", ".md", ".tex", ".svg", ".bib", ".jsonl")


def texts(folder):
    return {
        path.name: path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in READ
    }


@pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_nobody_alone_in_a_cell_is_named_or_counted(tmp_path, quick):
    audit = analyse(plan(quick=quick), data=table())
    for name, text in texts(Audit(audit).export(tmp_path / "out")).items():
        assert CANARY not in text.lower(), (
            name,
            re.findall(f".{{60}}{CANARY}.{{20}}", text.lower())[:2],
        )
    reason = next(check.reason for check in audit.checks if check.check == "segments")
    assert f"1 with fewer than {FEWEST} rows, which are not named" in reason
    assert "3 rows" not in reason


def test_check_names_no_level_of_few_rows():
    said = str(sa.check(plan(), data=table()))
    assert CANARY not in said
    assert f"trade[{NOT_NAMED}], trade[south]" in said


def test_the_value_of_one_person_is_not_quoted():
    """A typing error far below all others: that it is there is said, not what it is."""
    frame = table()
    frame.loc[7, "likes"] = 4200
    frame["likes"] = frame["likes"].max() - frame["likes"] + rng_between(len(frame))
    reason = next(c.reason for c in sa.check(plan(), data=frame).checks if c.check == "isolated")
    assert "< 5 rows with likes far below all others" in reason


def rng_between(n):
    return np.random.default_rng(8).random(n) + 0.5


def test_counts_from_the_minimum_on_are_shown():
    assert [shown_count(n) for n in (0, 1, FEWEST - 1, FEWEST)] == ["0", "< 5", "< 5", "5"]
    assert not few(0)
    assert shown_name("west", FEWEST) == "west"
    assert shown_name("west", FEWEST - 1) == NOT_NAMED
