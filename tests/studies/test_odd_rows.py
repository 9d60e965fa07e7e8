"""Rows that are no observation are found, named by row, and do not make the word."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.apart import is_code, standing_apart
from analysis.data.totals import find_totals

CASES = Path(__file__).parents[1] / "cases"


def content(name, **changes):
    read = tomllib.loads((CASES / name / "plan.toml").read_text("utf-8"))
    return read | {"quick": True, "dataset": str(CASES / name / read["dataset"])} | changes


def table(name="missing-code-9999"):
    return pd.read_csv(CASES / name / "shops.csv")


def clean():
    """The rows of the case whose score is one."""
    frame = table()
    return frame[frame["influence"] < 9999].reset_index(drop=True)


def found(check, frame, **changes):
    checks = sa.check(content("missing-code-9999", **changes), data=frame).checks
    return next(one for one in checks if one.check == check)


# --- codes for missing values ---------------------------------------------------------------------


def test_a_code_for_missing_scores_is_named_by_row_with_the_line_to_write():
    inspected = sa.check(content("missing-code-9999"))
    check = next(c for c in inspected.checks if c.check == "isolated")
    assert check.status == "failed"
    assert "influence is 9999 in rows 13, 16, 21, 31, 42, 44 and 4 more" in check.reason
    assert "[reading] missing_values = {influence = [9999]}" in check.reason
    assert "a012" not in check.reason


def test_the_line_leads_to_the_right_value():
    missing = {"missing_values": {"influence": [9999]}}
    own = content("missing-code-9999", reading=missing, inference={"covariance": "HC0"})
    audit = analyse(own)
    row = next(r for r in audit.estimates.rows if r.method == "increment" and r.scale == "sd")
    assert row.n == 150
    assert np.expm1(row.estimate) == pytest.approx(-0.113, abs=0.0006)
    assert np.expm1(row.interval(0.95)[0]) == pytest.approx(-0.228, abs=0.0006)
    assert np.expm1(row.interval(0.95)[1]) == pytest.approx(0.019, abs=0.0006)
    assert next(c for c in audit.checks if c.check == "isolated").passed


def test_codes_that_make_the_word_leave_it_undecided():
    """As recorded the score adds; without the coded rows nothing is decided."""
    audit = analyse(content("missing-code-9999", inference={"covariance": "HC0"}))
    check = next(c for c in audit.checks if c.check == "without_odd_rows")
    assert check.passed is False
    assert check.weight == "undecides"
    assert "inconclusive" in check.reason
    assert "n = 150" in check.reason
    assert audit.decided[0].verdict == "inconclusive"


def test_whole_numbers_are_looked_at_like_others():
    check = next(
        c for c in sa.check(content("isolated-whole-numbers")).checks if c.check == "isolated"
    )
    assert check.status == "failed"
    assert "influence is -999 in rows 7, 52, 92" in check.reason


@pytest.mark.parametrize(
    ("column", "code", "rows"),
    [
        ("influence", -99, 1),
        ("influence", 999, 3),
        ("influence", -1, 4),
        ("influence", 0, 4),
        ("likes", 99999, 3),
        ("revenue", 999999, 2),
        ("revenue", 99999.99, 2),
        ("age", 99, 3),
        ("age", -8, 3),
        ("mood", 9, 6),
    ],
)
def test_codes_in_any_column_on_either_side(column, code, rows):
    frame, rng = clean(), np.random.default_rng(5)
    frame["age"] = rng.integers(18, 70, len(frame))
    frame["mood"] = rng.integers(1, 6, len(frame))
    at = list(range(10, 10 + rows))
    frame[column] = frame[column].astype(float)
    frame.loc[at, column] = code
    check = found("isolated", frame, controls={"columns": ["age", "mood"]})
    assert check.status == "failed"
    assert f"{column} is {code:.15g} in row" in check.reason
    assert "12" in check.reason


def test_a_clean_table_has_none():
    frame, rng = clean(), np.random.default_rng(5)
    frame["age"] = rng.integers(18, 70, len(frame))
    check = found("isolated", frame, controls={"columns": ["age"]})
    assert check.status == "passed"
    assert "influence, likes, age, revenue" in check.reason


def test_a_column_nobody_could_judge_is_told():
    frame = clean().assign(member=[0, 1] * 75)
    check = found("isolated", frame, controls={"columns": ["member"]})
    assert "Not looked at: member" in check.reason


def test_few_rows_are_not_assessed():
    frame = clean().iloc[:18]
    assert found("isolated", frame).status == "not assessed"


def test_zero_is_a_value_of_counts_and_money():
    values = np.append(np.linspace(500, 600, 200), np.zeros(10))
    assert standing_apart(values) == []
    assert standing_apart(values, zero_counts=False)[0].values == (0.0,)


@pytest.mark.parametrize("draw", ["normal", "lognormal", "counts", "skewed", "pareto", "scale"])
def test_clean_columns_are_left_alone(draw):
    rng, alarms = np.random.default_rng(9), 0
    make = {
        "normal": lambda: rng.normal(5, 2.5, 300).round(),
        "lognormal": lambda: np.exp(rng.normal(4, 1.5, 300)).round(2),
        "counts": lambda: rng.negative_binomial(1, 1 / 31, 300).astype(float),
        "skewed": lambda: 100 - rng.exponential(10, 300),
        "pareto": lambda: rng.pareto(1, 300) * 10,
        "scale": lambda: rng.integers(1, 8, 300).astype(float),
    }[draw]
    for _ in range(100):
        alarms += bool(standing_apart(make()))
    assert alarms <= 1


def test_what_is_a_code():
    assert all(map(is_code, (-1, -9, 99, 999, -999, 9999, 99999, 9998, 88, -77, 99.9)))
    assert not any(map(is_code, (0, 1, 6, 42, 100, 12.5, 998.5, 1e12)))


# --- totals ---------------------------------------------------------------------------------------


def test_the_total_at_the_end_is_named_by_row():
    check = next(c for c in sa.check(content("total-row")).checks if c.check == "total_rows")
    assert check.status == "failed"
    assert "Row 162" in check.reason


def test_the_line_for_a_total_leads_to_the_right_value():
    said = next(c for c in sa.check(content("total-row")).checks if c.check == "total_rows").reason
    assert "[reading] missing_values = {influence = [10328.4]}" in said
    own = content("total-row", reading={"missing_values": {"influence": [10328.4]}})
    audit = analyse(own | {"inference": {"covariance": "HC0"}})
    row = next(r for r in audit.estimates.rows if r.method == "increment" and r.scale == "sd")
    assert row.n == 160
    assert np.expm1(row.estimate) == pytest.approx(-0.103, abs=0.0006)
    assert np.expm1(row.interval(0.95)[1]) == pytest.approx(0.017, abs=0.0006)


def with_total(frame, how="sum", name="Total", first=False):
    numbers = frame.select_dtypes("number")
    row = getattr(numbers, how)().round(2).to_frame().T.assign(acct=name)
    return pd.concat([row, frame] if first else [frame, row], ignore_index=True)[frame.columns]


@pytest.mark.parametrize(
    ("how", "name", "first"),
    [
        ("sum", "Gesamt", False),
        ("sum", "Summe", True),
        ("sum", "All", False),
        ("sum", None, False),
        ("sum", "a999", False),
        ("mean", "Mittelwert", False),
        ("mean", "average", True),
        ("mean", None, False),
    ],
)
def test_totals_by_name_or_by_number(how, name, first):
    check = found("total_rows", with_total(clean(), how, name, first))
    assert check.status == "failed"
    assert f"Row {2 if first else 152}" in check.reason


@pytest.mark.parametrize("size", [61, 150, 400])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("above", [True, False])
def test_subtotals_of_long_blocks_are_found(size, named, above):
    rng = np.random.default_rng(size)
    parts = []
    for block in range(3):
        rows = pd.DataFrame(rng.lognormal(4, 1, (size, 3)).round(2), columns=["x", "y", "z"])
        rows["z"] = rng.normal(50, 9, size).round(1)  # a score, of which no total is made
        total = rows.sum().round(2).to_frame().T.assign(z=rows["z"].mean().round(1))
        names = pd.DataFrame({"shop": [f"r{block}-{at}" for at in range(size)]})
        last = pd.DataFrame({"shop": [f"Total r{block}" if named else f"r{block}"]})
        both = [pd.concat([rows, names], axis=1), pd.concat([total, last], axis=1)]
        parts += both if above else both[::-1]
    table = pd.concat(parts, ignore_index=True)
    found = find_totals(table[["x", "y", "z"]], table[["shop"]])
    rows = sorted(at for one in found for at in one.rows)
    first = size if above else 0
    assert rows == [first + block * (size + 1) for block in range(3)]


@pytest.mark.parametrize("draw", range(20))
def test_no_block_of_a_clean_table_sums_to_a_row(draw):
    rng = np.random.default_rng([draw, 5])
    n = int(rng.integers(50, 3000))
    table = pd.DataFrame({"a": rng.poisson(3, n), "b": rng.poisson(20, n)}, dtype=float)
    table["c"], table["d"] = rng.lognormal(3, 1, n).round(), rng.normal(0, 5, n).round(1)
    assert find_totals(table, pd.DataFrame({"shop": [f"s{at}" for at in range(n)]})) == []


def test_subtotals_of_blocks_are_found_with_and_without_names():
    parts, names = [], []
    frame = clean().drop(columns="acct")
    for block in range(5):
        rows = frame.iloc[20 * block : 20 * block + 20]
        parts += [rows, rows.sum().round(2).to_frame().T]
        names += [f"r{block}"] * 20 + [f"r{block} total"]
    whole = pd.concat(parts, ignore_index=True)
    for table in (whole, whole.assign(region=names)):
        check = found("total_rows", table)
        assert check.status == "failed"
        assert "ows 22, 43, 64, 85, 106" in check.reason


def test_a_shop_that_is_called_total_is_none():
    frame = clean().assign(brand=["Shell", "Total", "Esso"] * 50)
    assert found("total_rows", frame).status == "passed"


def test_small_counts_are_no_totals_of_one_another():
    rng = np.random.default_rng(2)
    for _ in range(50):
        counts = pd.DataFrame(rng.poisson(1, (200, 4)).astype(float))
        assert find_totals(counts, counts[[]]) == []


# --- copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [None, "acct"])
def test_pasted_copies_under_new_ids_are_named_by_row(row):
    frame = clean()
    copies = frame.iloc[:12].assign(acct=[f"b{at:03d}" for at in range(12)])
    whole = pd.concat([frame, copies], ignore_index=True)
    changes = {} if row is None else {"row": row}
    check = found("duplicates", whole, **changes)
    assert check.status == "failed"
    assert "rows 152, 153, 154, 155, 156, 157 and 6 more repeat an earlier one" in check.reason
    assert found("duplicates", frame, **changes).status == "passed"


def test_small_counts_repeat_by_chance():
    rng = np.random.default_rng(3)
    frame = clean().assign(
        influence=rng.integers(1, 6, 150), likes=rng.poisson(1, 150), revenue=rng.poisson(1, 150)
    )
    assert found("duplicates", frame).status == "passed"


# --- numbers that name things ---------------------------------------------------------------------


def codes(**changes):
    read = content("integer-codes")
    return read | {"dataset": str(CASES / "integer-codes" / "codes.csv")} | changes


def check_of(plan, data=None):
    return next(one for one in sa.check(plan, data=data).checks if one.check == "codes")


def test_check_points_at_a_district_with_the_line_to_write():
    check = check_of(codes())
    assert check.status == "failed"
    assert 'categories = ["district"]' in check.reason
    assert '[cluster] column = "district"' in check.reason
    assert check_of(codes(controls={"categories": ["district"]})).status == "not applicable"


@pytest.mark.parametrize("name", ["village", "branch_code", "shop_id", "zip", "PLZ", "g", "sektor"])
def test_codes_by_their_name_or_by_their_values(name):
    frame = pd.read_csv(CASES / "integer-codes" / "codes.csv").rename(columns={"district": name})
    assert f'categories = ["{name}"]' in check_of(codes(controls={"columns": [name]}), frame).reason


@pytest.mark.parametrize(
    "name", ["age", "year", "team_size", "number_of_stores", "experience", "kids", "n_shops"]
)
def test_measures_are_left_alone(name):
    frame = pd.read_csv(CASES / "integer-codes" / "codes.csv").rename(columns={"district": name})
    assert check_of(codes(controls={"columns": [name]}), frame).status == "passed"


@pytest.mark.parametrize("lam", [1, 4, 20])
def test_counts_without_a_telling_name_are_left_alone(lam):
    frame = pd.read_csv(CASES / "integer-codes" / "codes.csv").drop(columns="district")
    rng = np.random.default_rng(lam)
    alarms = sum(
        check_of(
            codes(controls={"columns": ["x"]}), frame.assign(x=rng.poisson(lam, len(frame)))
        ).status
        == "failed"
        for _ in range(10)
    )
    assert alarms == 0


# --- what a text file holds is looked at like any other -------------------------------------------


def test_parts_of_a_score_are_found_in_text_files_too(tmp_path):
    frame = clean().assign(extra=np.random.default_rng(1).normal(0, 5, 150).round(3))
    frame["influence"] = 2 * frame["likes"] + frame["extra"]
    frame.to_csv(tmp_path / "shops.csv", index=False)
    own = content("missing-code-9999", dataset=str(tmp_path / "shops.csv"))
    for data in (None, frame):
        check = next(c for c in sa.check(own, data=data).checks if c.check == "part_whole")
        assert check.status == "failed"


@pytest.mark.parametrize("kind", ["numbers", "text file", "words"])
@pytest.mark.parametrize("role", ["none", "control"])
def test_rows_that_belong_together_by_a_whole_number(kind, role, tmp_path):
    rng = np.random.default_rng(4)
    group = rng.permutation(np.repeat(np.arange(101, 141), 12))
    shared = rng.normal(size=(2, 141))[:, group]
    likes = rng.poisson(20, 480)
    frame = pd.DataFrame(
        {
            "influence": (50 + 8 * (shared[0] + rng.normal(0, 0.5, 480))).round(2),
            "likes": likes,
            "revenue": np.exp(3 + 0.02 * likes + 0.6 * shared[1] + rng.normal(0, 0.4, 480)).round(
                2
            ),
            "village": group if kind != "words" else [f"v{g}" for g in group],
        }
    )
    own = content("missing-code-9999")
    if role == "control" and kind == "words":
        return  # held constant level by level, nothing is left in common
    if role == "control":
        own["controls"] = {"columns": ["village"]}
    if kind == "text file":
        frame.to_csv(tmp_path / "shops.csv", index=False)
        own["dataset"], frame = str(tmp_path / "shops.csv"), None
    check = next(c for c in analyse(own, frame).checks if c.check == "unseen_clusters")
    assert check.status == "failed"
    assert '[cluster] column = "village"' in check.reason


def test_a_check_that_did_not_look_says_so():
    """A dozen rows, a file without other columns: nothing is passed unseen."""
    frame = clean().drop(columns="acct").iloc[:18]
    checks = {c.check: c for c in analyse(content("missing-code-9999"), frame).checks}
    assert checks["unseen_clusters"].status == "not applicable"
    assert checks["isolated"].status == "not assessed"
    frame = clean().assign(region=["n", "s", "w"] * 50)
    frame.loc[:3, "revenue"] = 0
    checks = {c.check: c for c in analyse(content("missing-code-9999"), frame).checks}
    assert checks["unseen_clusters"].status == "not assessed"
    assert checks["structural_zeros"].status == "not assessed"


@pytest.mark.parametrize(
    ("column", "code", "changes"),
    [
        ("revenue", -99, {}),
        ("likes", -1, {}),
        ("bought", 9, {"outcome": [{"column": "bought", "kind": "binary", "sesoi": 0.05}]}),
        ("orders", -9, {"outcome": [{"column": "orders", "kind": "count", "sesoi": 0.05}]}),
    ],
)
def test_a_refused_code_has_the_line_to_write(column, code, changes):
    frame, rng = clean(), np.random.default_rng(6)
    frame = frame.assign(bought=rng.integers(0, 2, 150), orders=rng.poisson(3, 150))
    frame[column] = frame[column].astype(float)
    frame.loc[[4, 9], column] = code
    with pytest.raises(sa.AnalysisError) as refused:
        sa.check(content("missing-code-9999", **changes), data=frame)
    assert f"missing_values = {{{column} = [{code}]}}" in str(refused.value)
    assert "row 6" in str(refused.value)
