"""The analysis set: what enters, what is counted, and what is refused, with its row and its
cell.
"""

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import shop
from hypothesis import Phase, given, settings

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import from_frame, read_dataset
from analysis.data.sample import select_sample
from analysis.errors import AnalysisError, DataError
from analysis.plan import read_plan


def select(folder, data=None, **changes):
    (folder / "shops.csv").write_text(shop.spoiled() if data is None else data, "utf-8")
    return select_sample(read_plan(shop.plan(**changes)), read_dataset("shops.csv", folder=folder))


def refusal(folder, data=None, **changes) -> str:
    with pytest.raises(DataError) as caught:
        select(folder, data, **changes)
    text = str(caught.value)
    assert text.startswith(str(folder / "shops.csv") + ": ")
    return text


# --- faults ---------------------------------------------------------------------------------------

FAULTS = [
    (
        "text",
        {"data": shop.spoiled(revenue={3: "x", 61: "n.v."})},
        [
            'column "revenue" (outcome)',
            '2 cells are not numeric: row 3 "x", row 61 "n.v."',
            "a point for decimals",
        ],
    ),
    (
        "thousands",
        {"data": shop.spoiled(revenue={5: "1,200"})},
        ['1 cell is not numeric: row 5 "1,200"'],
    ),
    (
        "other writing",
        {
            "data": shop.spoiled(
                likes={3: "1.200,5", 4: "$12", 5: "12 %", 6: "0x10", 7: "1_000", 8: "٣"}
            )
        },
        [
            'column "likes" (engagement)',
            "6 cells",
            '"1.200,5"',
            '"$12"',
            '"12 %"',
            '"0x10"',
            '"1_000"',
        ],
    ),
    (
        "many",
        {"data": shop.spoiled(likes={row: "?" for row in range(2, 42)})},
        ["40 cells", 'row 7 "?" and 34 more'],
    ),
    (
        "infinite",
        {"data": shop.spoiled(klout={3: "1e400", 4: "inf", 5: "-Infinity"})},
        [
            'column "klout" (score)',
            'are infinite: row 3 "1e400", row 4 "inf", row 5 "-Infinity"',
            "finite numbers",
        ],
    ),
    (
        "too large",
        {"data": shop.spoiled(klout={3: "1e200"})},
        ['1 cell is too large: row 3 "1e200"'],
    ),
    (
        "too small",
        {"data": shop.table().assign(klout=shop.table()["klout"] * 1e-200).to_csv(index=False)},
        ['column "klout" (score)', "another unit"],
    ),
    ("boolean words", {"data": shop.spoiled(likes={3: "true"})}, ['row 3 "true"']),
    (
        "negative revenue",
        {"data": shop.spoiled(revenue={4: -5, 9: -0.5})},
        [
            'column "revenue" (outcome)',
            "2 negative values: row 4 (-5), row 9 (-0.5)",
            'negative = "exclude" or "net"',
        ],
    ),
    (
        "fractional counts",
        {
            "outcome__column": "orders",
            "outcome__kind": "count",
            "data": shop.spoiled(orders={4: 1.5, 9: -2}),
        },
        ["2 negative or fractional values: row 4 (1.5), row 9 (-2)", "whole numbers from 0"],
    ),
    (
        "not binary",
        {
            "outcome__column": "bought",
            "outcome__kind": "binary",
            "data": shop.spoiled(bought={4: 2, 6: 0.5}),
        },
        ["2 other values: row 4 (2), row 6 (0.5)", "0 and 1 only"],
    ),
    (
        "exposure",
        {
            "outcome__exposure": "orders",
            "data": shop.spoiled(orders={row: 1 for row in range(2, 62)} | {7: 0}),
        },
        ['column "orders" (exposure)', "1 zero or negative value: row 7 (0)", "positive numbers"],
    ),
    (
        "log of a negative",
        {"engagement__transform": "log1p", "data": shop.spoiled(likes={8: -3})},
        ['column "likes" (engagement)', "1 negative value: row 8 (-3)", 'transform = "log1p"'],
    ),
    (
        "root of a negative",
        {"engagement__transform": "sqrt", "data": shop.spoiled(likes={8: -3})},
        ['"sqrt"'],
    ),
    (
        "constant outcome",
        {"data": shop.table().assign(revenue=3.5).to_csv(index=False)},
        ['column "revenue" (outcome)', "3.5 in each of 60 rows", "at least two different values"],
    ),
    (
        "constant score",
        {"data": shop.table().assign(klout=7).to_csv(index=False)},
        ['column "klout" (score)', "7 in each of 60 rows"],
    ),
    (
        "no value at all",
        {"data": shop.table().assign(klout=None).to_csv(index=False)},
        ["none left (missing klout: 60)", "every column known"],
    ),
    (
        "missing column",
        {"score__columns": ["klot"], "row": "idd"},
        [
            'column "klot" (score)',
            "no such column",
            "one of: id, klout",
            'Did you mean "klout"?',
            'column "idd" (row)',
        ],
    ),
    (
        "missing filter column",
        {"keep": [{"column": "contry", "is": "BE"}]},
        ['column "contry" (filter)', '"country"'],
    ),
    (
        "repeated ids",
        {"row": "id", "data": shop.spoiled(id={10: "001", 11: " 002 "})},
        [
            'column "id" (row)',
            "2 repeated ids: row 10 (001), row 11 (002)",
            'duplicates = "first" or "keep"',
        ],
    ),
    (
        "filter on text",
        {"keep": [{"column": "country", "min": 1}, {"column": "country", "from": "2014-01-01"}]},
        [
            "[[keep]] no. 1, country",
            '60 cells are not numeric: row 2 "BE"',
            "[[keep]] no. 2, country",
            "not readable as dates",
        ],
    ),
    (
        "dates",
        {
            "keep": [{"column": "opened", "from": "2014-01-01"}],
            "data": shop.spoiled(
                opened={3: "01/02/2014", 4: "2014", 5: "2014-02-30", 6: "20140101"}
            ),
        },
        [
            (
                '4 cells are not readable as dates: row 3 "01/02/2014", row 4 "2014", row 5'
                ' "2014-02-30"'
            ),
            "YYYY-MM-DD",
        ],
    ),
    (
        "nothing kept",
        {"keep": [{"column": "country", "is": "FR"}]},
        ["none left (not kept: country is FR: 60)"],
    ),
]


@pytest.mark.parametrize(
    ("changes", "pieces"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS]
)
def test_each_fault_names_column_row_and_cell(tmp_path, changes, pieces):
    text = refusal(tmp_path, **changes)
    for piece in pieces:
        assert piece in text, text


def test_all_faults_at_once(tmp_path):
    data = shop.spoiled(
        klout={3: "x"}, likes={4: -1, 5: "y"}, revenue={6: -2}, opened={7: "z"}, id={8: "000"}
    )
    keep = [{"column": "opened", "from": "2014-01-01"}]
    text = refusal(tmp_path, data, keep=keep, row="id", engagement__transform="log1p")
    assert "6 faults" in text
    for piece in ('row 3 "x"', "row 4 (-1)", 'row 5 "y"', "row 6 (-2)", 'row 7 "z"', "row 8 (000)"):
        assert piece in text


# --- values ---------------------------------------------------------------------------------------


def test_texts_that_mean_no_value(tmp_path):
    words = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", " NA ", "  "]
    sample = select(tmp_path, shop.spoiled(klout=dict(enumerate(words, 2))))
    assert sample.exclusions == {"missing klout": len(words)}
    assert list(sample.frame.index) == list(range(2 + len(words), 62))


def test_ids_with_leading_zeros_are_text(tmp_path):
    assert (
        select(tmp_path, shop.spoiled(id={2: "7", 3: "07", 4: "7.0"}), row="id").rows == shop.ROWS
    )
    assert (
        select(tmp_path, keep=[{"column": "id", "in": [f"{n:03d}" for n in range(20)]}]).rows == 20
    )
    assert select(tmp_path, keep=[{"column": "id", "max": 19}]).rows == 20


@pytest.mark.parametrize(
    "words", [("True", "False"), ("true", "FALSE"), ("1", "0"), ("1.0", "0.0")]
)
def test_booleans(tmp_path, words):
    frame = shop.table()
    expected = frame["bought"].tolist()
    frame["bought"] = [words[0] if value else words[1] for value in expected]
    binary = {"outcome__column": "bought", "outcome__kind": "binary"}
    assert (
        select(tmp_path, frame.to_csv(index=False), **binary).numbers("bought").tolist() == expected
    )
    if words[0] != "1.0":
        kept = select(tmp_path, frame.to_csv(index=False), keep=[{"column": "bought", "is": True}])
        assert kept.rows == sum(expected)


def test_a_date_filter_takes_the_day_as_it_is_written(tmp_path):
    written = {
        2: "2014-01-10",
        3: "2014-01-10T23:59:59",
        4: "2014-01-10 00:00:00+14:00",
        5: "2014-01-10T23:00:00Z",
        6: "0001-01-01",
        7: "9999-12-31",
    }
    kept = select(
        tmp_path,
        shop.spoiled(opened=written),
        keep=[{"column": "opened", "from": "2014-01-10", "to": "2014-01-10"}],
    )
    assert kept.frame.index.tolist() == [2, 3, 4, 5, 11]
    everything = [{"column": "opened", "from": "0001-01-01", "to": "9999-12-31"}]
    assert select(tmp_path, shop.spoiled(opened=written | {9: ""}), keep=everything).exclusions == {
        "not kept: opened from 0001-01-01, to 9999-12-31": 1
    }


def test_the_same_filter_twice_loses_no_count(tmp_path):
    sample = select(tmp_path, keep=[{"column": "likes", "min": 20}, {"column": "likes", "min": 20}])
    assert sum(sample.exclusions.values()) + sample.rows == shop.ROWS
    assert list(sample.exclusions) == ["not kept: likes min 20"]


def test_filters_in_words(tmp_path):
    keep = [
        {"column": "likes", "min": 5, "max": 40.5},
        {"column": "country", "in": ["BE", "NL"]},
        {"column": "bought", "is": True},
    ]
    assert list(select(tmp_path, keep=keep).exclusions) == [
        "not kept: likes min 5, max 40.5",
        "not kept: country in BE, NL",
        "not kept: bought is true",
    ]


def test_a_missing_value_passes_no_filter(tmp_path):
    sample = select(
        tmp_path,
        shop.spoiled(country={2: ""}),
        keep=[{"column": "country", "in": ["BE", "NL", "LU", ""]}],
    )
    assert sample.exclusions == {"not kept: country in BE, NL, LU, ": 1}


def test_duplicates(tmp_path):
    data = shop.spoiled(id={10: "001", 20: "001", 30: "", 40: ""})
    assert select(tmp_path, data, row="id", duplicates="keep").rows == 60
    first = select(tmp_path, data, row="id", duplicates="first")
    assert first.exclusions == {"repeated id": 2}
    assert 10 not in first.frame.index
    assert 30 in first.frame.index
    assert 40 in first.frame.index


def test_identical_rows_are_counted_without_an_id(tmp_path):
    lines = shop.spoiled().splitlines(keepends=True)
    assert select(tmp_path, "".join([*lines, *lines[1:4]])).identical_rows == 3
    frame = shop.table().assign(tags=[["a"]] * shop.ROWS)
    assert (
        select_sample(
            read_plan(shop.plan()), from_frame(pd.concat([frame, frame.head(2)]))
        ).identical_rows
        == 2
    )


def test_negative_and_missing_revenue_by_choice(tmp_path):
    data = shop.spoiled(revenue={3: -5, 4: "", 5: ""})
    excluded = select(tmp_path, data, outcome__negative="exclude")
    assert excluded.exclusions == {"negative revenue": 1, "missing revenue": 2}
    zero = select(tmp_path, data, outcome__negative="net", missing="zero")
    assert zero.exclusions == {}
    assert zero.frame.loc[[3, 4, 5], "revenue"].tolist() == [-5, 0, 0]


# --- data frames of every type --------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.astype({"likes": "Int64", "country": "category", "klout": "Float64"}),
        lambda f: f.astype({"likes": "category"}),
        lambda f: f.astype({"likes": object, "klout": object}),
        lambda f: f.assign(likes=f["likes"].map(str)),
        lambda f: f.assign(likes=pd.arrays.SparseArray(f["likes"])),
        lambda f: f.set_axis(f["id"], axis=0),
        lambda f: f.astype({"likes": "float32", "orders": "uint8"}),
    ],
)
def test_the_type_of_a_column_makes_no_difference(change):
    plan = read_plan(shop.plan(controls__columns=["country"], row="id"))
    expected = select_sample(plan, from_frame(shop.table())).frame
    found = select_sample(plan, from_frame(change(shop.table()))).frame
    pd.testing.assert_frame_equal(found, expected)


def test_arrow_types():
    pytest.importorskip("pyarrow")
    test_the_type_of_a_column_makes_no_difference(
        lambda f: f.convert_dtypes(dtype_backend="pyarrow")
    )


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        (pd.date_range("2014-01-01", periods=shop.ROWS), "2014-01-01 00:00:00"),
        (pd.to_timedelta(range(shop.ROWS), unit="s"), "0 days"),
        (np.arange(shop.ROWS) + 1j, "1j"),
        ([b"1"] * shop.ROWS, "b'1'"),
        ([[1]] * shop.ROWS, "[1]"),
        ([{}] * shop.ROWS, "{}"),
        ([True, False] * (shop.ROWS // 2), "True"),
    ],
)
def test_what_is_no_number_is_not_read_as_one(values, cell):
    with pytest.raises(DataError) as caught:
        select_sample(read_plan(shop.plan()), from_frame(shop.table().assign(klout=values)))
    assert "60 cells are not numeric" in str(caught.value)
    assert cell in str(caught.value)


# --- anything at all ------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-5, 60).map(str),
    st.floats(-1e3, 1e3).map(repr),
    st.floats().map(repr),
    st.sampled_from(["0", "1"]),
)
CELLS = NUMBERS | st.sampled_from(
    ["", "NA", "x", "1,200", "1e400", "inf", "nan", "True", "2014-01-01", "\u202e", '"', "a\nb"]
)


@st.composite
def tables(draw):
    """A text table of five columns with more or less sensible cells."""
    rows = draw(st.integers(0, 30))
    kinds = [
        draw(st.sampled_from([NUMBERS, CELLS, st.just("3"), st.integers(0, 9).map(str)]))
        for _ in range(5)
    ]
    columns = [draw(st.lists(kind, min_size=rows, max_size=rows)) for kind in kinds]
    return pd.DataFrame(
        dict(zip(["klout", "likes", "revenue", "country", "id"], columns, strict=True)), dtype=str
    )


PLANS = st.fixed_dictionaries(
    {
        "outcome__kind": st.sampled_from(["revenue", "count", "binary", "continuous"]),
        "engagement__transform": st.sampled_from(["identity", "log1p", "sqrt", "rank", "spline"]),
        "score__transform": st.sampled_from(["identity", "log1p", "rank"]),
        "score__scale": st.sampled_from(["sd", "raw"]),
        "duplicates": st.sampled_from(["refuse", "first", "keep"]),
        "missing": st.sampled_from(["exclude", "zero"]),
    },
    optional={
        "controls__columns": st.just(["country"]),
        "row": st.just("id"),
        "keep": st.sampled_from(
            [
                [{"column": "likes", "min": 0}],
                [{"column": "country", "is": "3"}],
                [{"column": "country", "from": "2014-01-01"}],
            ]
        ),
        "inference": st.sampled_from([{"covariance": kind} for kind in ("HC0", "HC2", "HC3")]),
    },
)


@settings(
    max_examples=150, phases=[Phase.explicit, Phase.generate]
)  # to shrink a whole audit takes five minutes
@given(tables(), PLANS)
def test_any_table_ends_in_a_result_or_a_clear_error(frame, changes):
    if changes["outcome__kind"] in ("count", "binary") or changes["outcome__kind"] == "continuous":
        changes = {**changes, "outcome__sesoi": 0.5}
    try:
        audit = analyse(shop.plan(**changes), data=frame)
    except AnalysisError as error:
        refused = error
    else:
        assert audit.verdict_on().verdict in {
            "adds",
            "trivial",
            "nothing",
            "inconclusive",
            "refused",
        }
        assert audit.sample.rows + sum(audit.sample.exclusions.values()) == len(frame)
        return
    assert refused.faults
    assert all(char == "\n" or char.isprintable() for char in str(refused))


@settings(max_examples=60)
@given(st.data())
def test_rows_are_those_of_the_spreadsheet_whatever_is_left_out_first(tmp_path_factory, data):
    """Filters, repeated ids and missing values come first; the rows in the message are still those
    of the file.
    """
    row = st.integers(2, shop.ROWS + 1)
    bad, missing, filtered = (
        data.draw(st.sets(row, min_size=1, max_size=6)),
        data.draw(st.sets(row)),
        data.draw(st.sets(row)),
    )
    repeated = data.draw(st.sets(st.integers(3, shop.ROWS + 1)))
    newlines = data.draw(st.sets(row))
    text = shop.spoiled(
        klout={r: "" for r in missing},
        revenue={r: -float(r) for r in bad},
        id={r: "000" for r in repeated},
        country={r: "XX" for r in filtered} | {r: "a\nb\nc" for r in newlines - filtered},
        opened={r: "x" for r in bad},
    )
    folder = tmp_path_factory.getbasetemp()
    changes = {
        "row": "id",
        "duplicates": "first",
        "keep": [{"column": "country", "in": ["BE", "NL", "LU", "a\nb\nc"]}],
    }
    present = set(range(2, shop.ROWS + 2)) - filtered
    ones = sorted(present & (repeated | {2}))
    present -= set(ones[1:])
    expected = sorted(bad & present - missing)
    if not expected:
        sample = select(folder, text, **changes)
        assert set(sample.frame.index) == present - missing
        return
    message = refusal(folder, text, **changes)
    cells = ", ".join(f"row {r} (-{r})" for r in expected[:6])
    assert f"{len(expected)} negative value{'s' if len(expected) > 1 else ''}: {cells}" in message


def test_the_columns_of_a_simulated_world_are_all_named():
    with pytest.raises(DataError) as caught:
        sa.check(shop.plan(dataset="simulated:creators?seed=7&n=50", score__columns=["klot"]))
    for name in ("referrals", "revenue", "default"):
        assert f", {name}" in str(caught.value)
    assert " more" not in str(caught.value)
