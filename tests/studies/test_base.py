"""Tables that only add to the verdict: whatever their columns lack, the verdict and its rows stay
what they were.
"""

import numpy as np
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.models.columns import score_scale
from analysis.results.question import Question
from analysis.studies.base import periods_of
from analysis.studies.panel.lead_lag import matched
from analysis.studies.panel.study import study_panel

TABLES = {
    "segment": {"column": "industry"},
    "panel": {"unit": "who", "time": "month"},
    "gaming": {"episode": "gamed"},
    "algorithm": {"changed": "late", "old": "before", "new": "after", "time": "month"},
    "parts": {"columns": ["from friends", "from others"]},
}
COLUMNS = (
    "industry",
    "who",
    "month",
    "gamed",
    "late",
    "before",
    "after",
    "from friends",
    "from others",
)


@pytest.fixture(scope="module")
def frame(make_frame):
    """80 accounts in 6 months, with all that the tables name."""
    rng, n = np.random.default_rng(8), 480
    made = make_frame(n)
    made["who"], made["month"] = [f"w{i // 6}" for i in range(n)], np.arange(n) % 6
    made["industry"] = rng.choice(["food", "sport", "travel"], size=n)
    start = np.repeat(rng.integers(1, 9, size=80), 6)
    made["gamed"] = ((made["month"] >= start) & (made["month"] < start + 3)).astype(float)
    made["late"] = (made["month"] >= 3).astype(float)
    made["before"], made["after"] = (
        made["klout"] + rng.normal(size=n),
        made["klout"] + 2 + rng.normal(size=n),
    )
    made["from friends"], made["from others"] = (
        np.floor(made["likes"] * rng.random(n)) for _ in range(2)
    )
    return made


def with_gaps(frame, share, columns=COLUMNS):
    rng, gappy = np.random.default_rng(4), frame.copy()
    for column in columns:
        gappy[column] = gappy[column].astype(object).mask(rng.random(len(frame)) < share, None)
    return gappy


def records(audit):
    return {row.id: row.record(0.95) for row in audit.estimates}


@pytest.fixture(scope="module")
def alone(plan_of, frame):
    return analyse(plan_of(quick=True), frame)


@pytest.mark.parametrize("share", [0.5, 0.97, 1.1])
def test_gaps_beside_the_question_change_nothing_of_the_answer(plan_of, frame, alone, share):
    audit = analyse(plan_of(quick=True, **TABLES), with_gaps(frame, share))
    assert audit.sample.rows == len(frame)
    assert audit.sample.exclusions == alone.sample.exclusions
    assert audit.verdict_on().verdict == alone.verdict_on().verdict
    assert audit.verdict_on().deciding == alone.verdict_on().deciding
    seen, wanted = records(audit), records(alone)
    assert {key: seen[key] for key in wanted} == wanted
    (check,) = [check for check in audit.checks if check.check == "left_out_beside"]
    assert all(f"[{table}]" in check.reason for table in TABLES)


def test_what_a_table_adds_is_what_the_rows_alone_would_give(plan_of, frame, tolerance):
    gappy = with_gaps(frame, 0.3, ["who"])
    plan = plan_of(panel={"unit": "who"})
    some, only = (
        select_sample(plan, from_frame(data)) for data in (gappy, gappy[gappy["who"].notna()])
    )
    (ours, theirs) = (
        study_panel(Question(sample, plan.outcome[0], "klout")).rows for sample in (some, only)
    )
    by = score_scale(some, "klout") / score_scale(only, "klout")
    for one, other in zip(ours, theirs, strict=True):
        scale = by if one.scale == "sd" else 1.0
        assert one.estimate == pytest.approx(scale * other.estimate, rel=tolerance.route)
        assert one.n == other.n < len(frame)


def test_each_part_leaves_out_only_the_rows_that_lack_what_it_needs(plan_of, frame):
    """Both versions of the score are known in half of the rows, the date of the change in all."""
    audit = analyse(
        plan_of(quick=True, algorithm=TABLES["algorithm"]),
        with_gaps(frame, 0.5, ["before", "after"]),
    )
    rows = {row.term: row.n for row in audit.estimates if row.method == "algorithm"}
    assert rows["invariance"] == 480
    assert rows["before"] == rows["after"] < 240


def test_too_few_rows_for_a_part_are_said(plan_of, frame):
    data = frame.assign(industry=None)
    data.loc[:4, "industry"] = "food"
    audit = analyse(plan_of(quick=True, segment={"column": "industry"}), data)
    (check,) = [check for check in audit.checks if check.check == "segments"]
    assert check.passed is None
    assert "5 of 480 rows have its columns, and they hold 5 rows for 5 coefficients" in check.reason


def test_a_month_that_is_unknown_makes_no_neighbours_of_those_beside_it(plan_of, frame):
    data = frame.assign(who=frame["who"].where(frame["month"] != 2))
    sample = select_sample(plan_of(panel=TABLES["panel"]), from_frame(data)).known(["who", "month"])
    here, there = matched(np.zeros(4, int), periods_of(sample, "month")[:4], 1)
    assert here.tolist() == [0, 2]
    assert there.tolist() == [1, 3]


def test_values_outside_the_codebook_are_still_faults_and_gaps_are_none(plan_of, frame, tmp_path):
    """A gap in a column with a declared range is no value outside it."""
    data = with_gaps(frame, 0.5, ["from friends"])
    data.to_csv(tmp_path / "shop.csv", index=False)
    (tmp_path / "shop.toml").write_text(
        'title = "shop"\nsource = "drawn"\nlicence = "CC0-1.0"\n'
        '[columns."from friends"]\nmeaning = "likes of friends"\ntype = "integer"\nmin = 0\n'
    )
    plan = plan_of(dataset=str(tmp_path / "shop.csv"), parts=TABLES["parts"])
    assert select_sample(plan, sa.read_dataset(str(tmp_path / "shop.csv"))).rows == len(frame)


def test_halves_need_no_column_that_identifies_rows(plan_of, frame):
    """Only a long file needs `row`: halves that are columns of the data do not."""
    rng = np.random.default_rng(2)
    halves = {
        f"likes {name}": np.floor(frame["likes"] * rng.random(len(frame)))
        for name in ("odd", "even")
    }
    engagement = {"columns": ["likes"], "transform": "log1p", "halves": {"likes": list(halves)}}
    audit = analyse(
        plan_of(quick=True, engagement=engagement), frame.drop(columns="likes").assign(**halves)
    )
    assert audit.verdict_on().corrected == "yes"
