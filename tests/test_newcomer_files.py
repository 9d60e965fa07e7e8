"""What a newcomer with public files could not follow, or was not told."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import analysis as sa
from analysis.cli import cli
from analysis.data.apart import standing_apart
from analysis.data.dataset import from_frame
from analysis.results.estimates import Estimate
from analysis.results.sentence import interval_text
from analysis.start.profile import profiles
from analysis.start.roles import Roles, propose


def content(**changes):
    return {
        "name": "new",
        "question": "?",
        "dataset": "new.csv",
        "quick": True,
        "score": {"columns": ["rating"]},
        "engagement": {"columns": ["reviews"]},
        "outcome": [{"column": "sales", "kind": "continuous", "sesoi": 0.1}],
    } | changes


def products(n=300, seed=1):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"rating": rng.normal(3.8, 0.5, n).round(2)})
    data["reviews"] = rng.poisson(30, n) + 1
    data["age"] = rng.integers(18, 70, n)
    return data.assign(sales=rng.normal(20, 4, n).round(2), sku=[f"p{at}" for at in range(n)])


def told(name, data, **changes):
    checks = sa.check(content(**changes), data).checks
    return next((one for one in checks if one.check == name), None)


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["reviews", "rating_count"])
@pytest.mark.parametrize("default", [5.0, 0.0])
def test_a_default_score_where_nothing_was_counted_is_pointed_at(column, default):
    data = products()
    data["rating_count"] = data["reviews"]
    data.loc[:40, column] = 0
    data.loc[:38, "rating"] = default
    check = told("default_score", data)
    assert check.passed is False
    assert f"95 % of the rows with {column} = 0 have rating = {default:g}" in check.reason
    assert f'column = "{column}" and min = 1' in check.reason


def test_scores_where_nothing_was_counted_are_no_default_when_they_vary():
    data = products()
    data.loc[:40, "reviews"] = 0
    assert told("default_score", data).passed
    assert told("default_score", products()) is None


@pytest.mark.parametrize("code", [999, -99])
def test_a_code_is_looked_for_in_other_columns_of_the_same_rows(code):
    data = products()
    data[["rating", "sales"]] = data[["rating", "sales"]].astype(float)
    data.loc[5:9, ["rating", "sales", "age"]] = code
    data["age"] = data["age"] * 40  # among numbers so large the code does not stand apart
    data.loc[5:9, "age"] = code
    check = told("isolated", data, controls={"columns": ["age"]})
    assert check.passed is False
    for name in ("rating", "sales", "age"):
        assert f"{name} = [{code}]" in check.reason


@pytest.mark.parametrize(("code", "rows"), [(-9, 2), (-8, 2), (999, 2), (9999, 2)])
def test_a_code_in_two_rows_is_told(code, rows):
    values = np.floor(np.random.default_rng(4).lognormal(3.5, 0.7, 200))
    values[:rows] = code
    found = standing_apart(values)
    assert any(one.values == (float(code),) for one in found)


def test_round_numbers_of_engagement_are_told():
    data = products()
    data["reviews"] = np.random.default_rng(2).integers(1, 12, len(data)) * 100
    check = told("heaping", data)
    assert check.passed is False
    assert "values of reviews from 100 on are multiples of 100" in check.reason


# --- words ----------------------------------------------------------------------------------------


def test_where_a_row_carries_the_score_no_interval_is_given():
    row = Estimate("p", "y", "s", "increment", "poisson", "s", n=90, estimate=0.1, std_error=9.0)
    assert "95 % CI" in interval_text(row, 0.95)
    lone = Estimate(
        *("p", "y", "s", "increment", "ols", "s"), n=90, estimate=0.1, std_error=9, df=0.4
    )
    assert interval_text(lone, 0.95) == "no interval, since a row or two carry it"
    assert lone.span(0.95) == "none: a row or two carry it"


def test_the_first_of_repeats_without_a_row_is_refused():
    with pytest.raises(sa.AnalysisError, match='"first" in a plan without row'):
        sa.read_plan(content(duplicates="first"))
    assert sa.read_plan(content(duplicates="first", row="sku")).duplicates == "first"


def test_shares_that_differ_little_are_told_apart():
    rng = np.random.default_rng(3)
    data = products(2000)
    data.loc[rng.choice(2000, 4, replace=False), "sales"] = np.nan
    assert "from 100 % to 100 %" not in told("selection", data).reason


def test_what_holds_of_four_scores_is_said_once(tmp_path):
    data = products()
    for at in range(3):
        data[f"other{at}"] = np.random.default_rng(at).normal(size=len(data)).round(2)
    own = content(score={"columns": ["rating", "other0", "other1", "other2"]})
    lines = sa.check(own, data).lines()
    first = [line for line in lines if "Did the score come before the outcome?" in line]
    assert len(first) == 1
    assert first[0].startswith("4 scores, sales: ")
    assert len([line for line in lines if "Do no few values stand far apart" in line]) == 1


def test_quick_is_said_on_the_terminal(tmp_path):
    products().to_csv(tmp_path / "new.csv", index=False)
    plan = tmp_path / "new.toml"
    plan.write_text(
        'name = "new"\nquestion = "?"\ndataset = "new.csv"\nquick = true\n'
        '[score]\ncolumns = ["rating"]\n[engagement]\ncolumns = ["reviews"]\n'
        '[[outcome]]\ncolumn = "sales"\nkind = "continuous"\nsesoi = 0.1\n',
        "utf-8",
    )
    ended = CliRunner().invoke(cli, ["run", str(plan), "--out", str(tmp_path / "out")])
    assert ended.exit_code == 0, ended.output
    assert "quick = true" in ended.output


# --- init -----------------------------------------------------------------------------------------


def seen(**columns):
    return profiles(from_frame(pd.DataFrame(columns)))


def test_one_shifted_cell_does_not_say_how_a_column_is_written():
    cells = [str(at) for at in range(1000)]
    assert seen(reviews=cells).get("reviews").form == ""
    cells[700] = "3.0M"
    shifted = seen(reviews=cells)["reviews"]
    assert (shifted.form, shifted.odd) == ("", 1)
    assert "1 of the cells is no number" in shifted.evidence()
    assert seen(reviews=["3.0M", "12k", "44"] * 90)["reviews"].form


def test_years_have_no_marks_and_pictures_are_no_addresses_of_people():
    found = seen(
        created_year=[1970, 2015, 2022] * 20,
        picture=[f"https://img.example/{at}.png" for at in range(60)],
        mail=[f"a{at}@example.org" for at in range(60)],
    )
    assert "1970 to 2022" in found["created_year"].evidence()
    assert "web addresses" in found["picture"].personal
    assert "mail" in found["mail"].personal


def test_what_names_things_is_proposed_as_cluster_before_a_size():
    rng = np.random.default_rng(1)
    found = seen(
        size_id=[f"size {at}" for at in rng.integers(0, 20, 300)],
        merchant_id=[f"m{at}" for at in rng.integers(0, 60, 300)],
        rating=rng.normal(size=300),
    )
    assert propose(found, Roles()).possible["cluster"][0] == "merchant_id"
