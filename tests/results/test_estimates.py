"""The result record: ids that last, numbers that are JSON, p-values that reach zero only where
doubles do.
"""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.models.fit import critical_value, p_value
from analysis.results.estimates import (
    COLUMNS,
    Check,
    Estimate,
    Estimates,
    display,
    tidy_checks,
)
from analysis.results.findings import CHECK_QUESTIONS
from analysis.results.ids import result_id
from analysis.results.table import table_of
from analysis.results.weights import NOT_LISTED, weighed


@pytest.fixture
def row():
    return Estimate(
        "demo",
        "sales",
        "klout",
        "increment",
        "poisson",
        "klout",
        n=400,
        scale="sd",
        estimate=0.12,
        std_error=0.03,
        statistic=4.0,
        p_value=p_value(4.0, None),
        covariance="HC1",
        unit="percent",
    )


# --- ids ------------------------------------------------------------------------------------------


def test_id_of_an_estimate(row):
    assert row.id == "demo/sales/klout/increment/poisson/klout"
    assert replace(row, variant="raw").id == "demo/sales/klout/increment/poisson/klout@raw"
    assert (
        result_id("movies", "box office", "", "increment", "ols", "wald")
        == "movies/box-office/-/increment/ols/wald"
    )


def test_an_id_does_not_depend_on_the_number(row):
    assert replace(row, estimate=-9.0, std_error=1.0, n=3, covariance="CRV1").id == row.id


# --- p-values and intervals -----------------------------------------------------------------------


def test_p_values_keep_their_digits_far_out(tolerance):
    assert 1 - stats.t.cdf(12, 200) == 0.0  # the route that would print 0
    assert p_value(12.0, 200) == pytest.approx(2 * stats.t.sf(12, 200), rel=tolerance.exact)
    assert 0 < p_value(12.0, 200) < 1e-20
    assert 0 < p_value(37.0, None) < 1e-290
    assert p_value(-12.0, 200) == p_value(12.0, 200)
    assert p_value(0.0, None) == 1.0


@pytest.mark.parametrize(
    ("level", "df", "expected"), [(0.95, None, 1.959964), (0.95, 10, 2.228139), (0.9, 4, 2.131847)]
)
def test_critical_values_of_the_tables(level, df, expected):
    assert critical_value(level, df) == pytest.approx(
        expected, abs=5e-7
    )  # printed with six decimals


def test_an_interval_of_a_level_very_near_one_is_finite():
    assert critical_value(1 - 1e-15, None) == pytest.approx(7.94, abs=0.1)


@given(estimate=st.floats(-5, 5), error=st.floats(0.01, 5), df=st.sampled_from([None, 5.0, 200.0]))
def test_interval_and_p_value_agree(estimate, error, df):
    made = Estimate("d", "o", "s", "m", "ols", "s", n=9, estimate=estimate, std_error=error, df=df)
    low, high = made.interval(0.95)
    p = p_value(estimate / error, df)
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == (low > 0 or high < 0)


def test_a_number_without_a_standard_error_has_no_interval(row):
    gain = replace(row, std_error=None)
    assert gain.interval(0.95) is None
    record = gain.record(0.95)
    assert (record["conf_low"], record["conf_high"], record["level"]) == (None, None, None)


def test_the_level_is_an_argument_of_a_view(row):
    rows = Estimates((row,), 0.95)
    narrow, wide = rows.tidy(0.5).iloc[0], rows.tidy(0.99).iloc[0]
    assert wide.conf_low < rows.tidy().iloc[0].conf_low < narrow.conf_low
    assert (narrow.level, wide.level) == (0.5, 0.99)
    assert narrow.estimate == wide.estimate == 0.12


# --- what a reader sees ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (math.log(1.1), "percent", "+10.0 %"),
        (math.log(0.5), "percent", "-50.0 %"),
        (-1e-9, "percent", "0.0 %"),  # no "-0.0 %"
        (0.0381, "points", "+3.8 points"),
        (-0.25, "points", "-25.0 points"),
        (0.0, "points", "0.0 points"),
        (0.00099, "p", "< .001"),
        (0.0459, "p", ".046"),
        (1.0, "p", "1.000"),
        (1234567.0, "number", "1,234,567"),
        (0.00193, "number", "0.00193"),
        (-5018193.2, "outcome", "-5,018,193"),
        (0.012345, "outcome", "+0.0123"),
        (0.0, "outcome", "0"),
        (math.nan, "percent", "-"),
        (math.inf, "points", "-"),
    ],
)
def test_display(value, unit, expected):
    assert display(value, unit) == expected


@given(
    value=st.floats(allow_nan=True, allow_infinity=True),
    unit=st.sampled_from(["percent", "points", "outcome", "log odds", "log", "number", "p"]),
)
def test_display_never_fails_and_stays_short(value, unit):
    """A score whose standard deviation is 1e-6 has raw effects of any size, and the run must not
    end there.
    """
    assert 0 < len(display(value, unit)) < 420


def test_an_effect_beyond_all_percentages_is_displayed():
    """Nobody reads ten digits of a percentage, and exp overflows at 710."""
    assert display(20.0, "percent") == "+48,516,519,441.0 %"
    assert display(20.5, "percent") == "x e^20.5"
    assert display(1e4, "percent") == "x e^1e+04"
    assert display(-1e4, "percent") == "-100.0 %"


def test_displayed_of_a_test_is_its_p_value(row):
    assert row.displayed == "+12.7 %"
    assert replace(row, estimate=None, p_value=0.0004).displayed == "< .001"
    assert replace(row, estimate=None, p_value=None).displayed == "-"


# --- records --------------------------------------------------------------------------------------


def test_a_record_has_the_ledgers_keys_in_order(row):
    assert tuple(row.record(0.95)) == COLUMNS
    assert list(Estimates((row,)).tidy().columns) == list(COLUMNS)
    low, high = row.interval(0.95)
    assert (row.record(0.95)["conf_low"], row.record(0.95)["conf_high"]) == (low, high)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_what_is_not_finite_becomes_null_with_a_note(row, value):
    record = replace(row, std_error=value, statistic=value, note="as it was").record(0.95)
    assert record["std_error"] is None
    assert record["statistic"] is None
    assert record["conf_low"] is None
    assert record["estimate"] == 0.12
    assert record["note"].startswith("as it was; ")
    assert "std_error" in record["note"]
    json.dumps(record, allow_nan=False)


def test_numbers_survive_json(row):
    record = replace(row, estimate=0.1 + 0.2).record(0.95)
    assert json.loads(json.dumps(record, allow_nan=False))["estimate"] == 0.1 + 0.2


def test_what_does_not_apply_is_null(row):
    record = Estimate(
        "demo", "sales", "klout", "increment", "poisson", "wald", n=400, statistic=2.0
    ).record(0.95)
    assert record["estimate"] is None
    assert record["scale"] is None
    assert record["covariance"] is None
    assert record["clusters"] is None
    assert record["note"] == ""


# --- the collection -------------------------------------------------------------------------------


def test_one_finds_one_and_says_when_it_cannot(row):
    rows = Estimates((row, replace(row, variant="raw", scale="raw")))
    assert rows.one(variant="raw").scale == "raw"
    with pytest.raises(LookupError, match="2 estimates"):
        rows.one(term="klout")
    with pytest.raises(LookupError, match="0 estimates"):
        rows.one(term="kred")
    assert len(rows.select(method="increment")) == len(rows) == len(list(rows)) == 2


def test_html_is_the_same_bytes_again_and_escapes(row):
    hostile = replace(row, term="<script>alert(1)</script>")
    columns = ["method", "model", "term", "displayed", "conf_low", "p_value", "n"]

    def shown(*rows):
        return table_of(Estimates(rows).tidy()[columns], "Effects")._repr_html_()

    first = shown(row, hostile)
    assert first == shown(replace(row), replace(hostile))
    assert "<script>" not in first
    assert "&lt;script&gt;" in first
    assert first.count('<th scope="col"') == len(columns)
    assert "nan" not in first.lower()
    assert "0x" not in first


def test_html_leaves_an_empty_cell_where_nothing_applies(row):
    bare = Estimates((replace(row, std_error=None), row)).tidy()[["conf_low", "conf_high"]]
    shown = table_of(bare, "Intervals")
    assert shown.rows[0] == ("", "")
    assert "None" not in shown._repr_html_()


# --- checks ---------------------------------------------------------------------------------------


def test_a_check_refuses_only_when_it_failed():
    check = Check("demo", "clusters", False, "Five clusters.", 5.0, "sales", "klout", refuses=True)
    assert check.refused
    assert not replace(check, passed=True).refused
    assert not replace(check, passed=None).refused
    assert not replace(check, refuses=False).refused
    assert check.id == "demo/sales/klout/check/-/clusters"


def test_checks_as_a_table():
    checks = [
        Check("demo", "duplicates", True, "None.", math.inf),
        Check("demo", "clusters", None, "x", 3.0, "sales"),
    ]
    frame = tidy_checks(checks)
    assert list(frame.columns) == [
        "id",
        "check",
        "outcome",
        "score",
        "passed",
        "status",
        "weight",
        "statistic",
        "reason",
    ]
    assert checks[0].record()["statistic"] is None
    assert frame.passed.tolist() == [True, None]


@pytest.mark.parametrize(
    ("passed", "assessed", "status"),
    [
        (True, True, "passed"),
        (False, True, "failed"),
        (None, True, "not applicable"),
        (None, False, "not assessed"),
    ],
)
def test_a_check_that_did_not_look_is_not_assessed(passed, assessed, status):
    assert Check("demo", "duplicates", passed, "x", assessed=assessed).status == status


def test_every_check_that_a_report_asks_has_a_weight_of_its_own():
    assert [name for name in CHECK_QUESTIONS if weighed(name) is NOT_LISTED] == []


def test_the_weight_of_a_check():
    names = ["reset", "clusters", "companion_nb2", "panel_reliability", "panel_ols", "unheard_of"]
    weights = [Check("demo", name, True, "x").weight for name in names]
    assert weights == ["undecides", "cautions", "note", "cautions", "note", "note"]
    assert Check("demo", "clusters", False, "x", refuses=True).weight == "refuses"


def test_bounds_keep_their_level_and_say_which():
    """A bootstrap's interval at the plan's .95 is no .5 interval because a table of .5 was asked
    for.
    """
    drawn = Estimate(
        "demo", "sales", "klout", "scorecard", "", "gini", n=100, estimate=0.2, bounds=(0.1, 0.3)
    )
    tested = replace(
        drawn,
        bounds=None,
        std_error=0.05,
        covariance="wild",
        clusters=8,
        method="increment",
        intervals=((0.95, (0.08, 0.32)), (0.9, (0.1, 0.3))),
    )
    plain = replace(drawn, bounds=None, std_error=0.05)
    rows = Estimates((drawn, tested, plain), 0.95)
    for level, wanted in (
        (0.95, (0.95, 0.95, 0.95)),
        (0.5, (0.95, 0.95, 0.5)),
        (0.9, (0.95, 0.9, 0.9)),
    ):
        assert tuple(rows.tidy(level).level) == wanted
    assert tuple(rows.tidy(0.5).conf_low[:2]) == (0.1, 0.08)
    assert rows.tidy(0.5).conf_low[2] > rows.tidy(0.95).conf_low[2]


def test_the_error_of_a_wild_bootstrap_has_the_reference_of_its_clusters():
    row = Estimate(
        "demo", "sales", "klout", "increment", "ols", "klout", n=100, clusters=8, covariance="wild"
    )
    assert (row.reference_df, replace(row, covariance="CRV1", df=7.0).reference_df) == (7.0, 7.0)
    assert replace(row, covariance="HC1").reference_df is None


def test_printed_rows_have_interval_and_p_in_the_unit_of_what_is_displayed():
    row = Estimate(
        "demo",
        "sales",
        "klout",
        "increment",
        "poisson",
        "klout",
        n=100,
        estimate=-0.3,
        std_error=0.1,
        unit="percent",
        p_value=9.348e-108,
    )
    bare = replace(row, std_error=None, p_value=None)
    table = Estimates((row, bare)).printed()
    low, high = (display(edge, "percent") for edge in row.interval(0.95))
    assert table[["interval", "p"]].to_numpy().tolist() == [
        [f"{low} to {high}", "< .001"],
        ["", ""],
    ]
    assert table["conf_low"][0] == row.interval(0.95)[0]
