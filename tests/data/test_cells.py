"""Numbers and dates as people write them: converted where the plan says so, recognised where it
does not.
"""

import math

import pandas as pd
import pytest
import shop
from hypothesis import given
from hypothesis import strategies as st

from analysis.audit import check
from analysis.data.dataset import from_frame
from analysis.data.reading.conversion import Written, recognised
from analysis.data.sample import select_sample
from analysis.errors import DataError, PlanError
from analysis.plan import read_plan

POINT, COMMA = {"thousands": ","}, {"decimal": ",", "thousands": "."}
BLANK = {"thousands": " "}
NO_VALUE = 'No values? Then say so in the plan: [reading] missing_values = {%s = ["n/d"]}'


@pytest.mark.parametrize(
    ("kind", "marks", "cell", "value"),
    [
        ("money", POINT, "$1,200", 1200),
        ("money", POINT, "-$1,200.50", -1200.5),
        ("money", POINT, "($5)", -5),
        ("money", POINT, "EUR 12", 12),
        ("money", POINT, "12 €", 12),
        ("money", POINT, "US$ 3.5", 3.5),
        ("money", POINT, "$1.2M", 1.2e6),
        ("money", POINT, "1200", 1200),
        ("money", COMMA, "1.234,56 €", 1234.56),
        ("money", POINT, "$1,20", None),
        ("money", POINT, "1.234,56 €", None),
        ("money", POINT, "$1,2345", None),
        ("money", POINT, "-($5)", None),
        ("money", POINT, "$5 EUR", None),
        ("money", POINT, "$", None),
        ("money", POINT, "EUR1200", 1200),
        ("money", POINT, "1,200USD", 1200),
        ("money", POINT, "ACC0001", None),
        ("money", POINT, "BER001", None),
        ("money", POINT, "CAT 1", None),
        ("money", POINT, "TOP0001", None),
        ("percent", POINT, "1.39%", 1.39),
        ("percent", POINT, "-3 %", -3),
        ("percent", POINT, "1.39", None),
        ("percent", COMMA, "1,39 %", 1.39),
        ("percent", POINT, "1,39%", None),
        ("percent", POINT, "1%%", None),
        ("suffix", POINT, "475.8m", 475.8e6),
        ("suffix", POINT, "3k", 3000),
        ("suffix", POINT, "1.5 B", 1.5e9),
        ("suffix", POINT, "1,234", 1234),
        ("suffix", POINT, "2bn", 2e9),
        ("suffix", POINT, "3x", None),
        ("suffix", POINT, "m", None),
        ("suffix", COMMA, "1,5k", 1500),
        ("plain", {}, "1e3", 1000),
        ("plain", {}, ".5", 0.5),
        ("plain", {}, "1,200", None),
        ("plain", POINT, "1,200.5", 1200.5),
        ("plain", POINT, "12,00", None),
        ("plain", BLANK, "1 200", 1200),
        ("plain", BLANK, "1\N{NARROW NO-BREAK SPACE}200", 1200),
        ("plain", {"thousands": "'"}, "1'200", 1200),
        ("plain", COMMA, "1.200,5", 1200.5),
        ("plain", COMMA, "1.5", None),
        ("plain", {}, "١٢", None),
        ("plain", {}, "0x10", None),
        ("plain", {}, "1_000", None),
        ("plain", {}, "", None),
        ("plain", {}, "inf", None),
    ],
)
def test_one_cell(kind, marks, cell, value):
    found = Written(kind, **marks).number(cell)
    assert found is None if value is None else math.isclose(found, value, rel_tol=1e-15)


@given(st.floats(-1e9, 1e9), st.sampled_from([(".", ","), (",", "."), (".", " "), (",", "'")]))
def test_what_is_written_is_read(value, marks):
    decimal, thousands = marks
    text = f"{value:,.6f}".replace(",", "\0").replace(".", decimal).replace("\0", thousands)
    assert Written("plain", decimal, thousands).number(text) == float(f"{value:.6f}")


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_none(text):
    for kind in ("plain", "money", "percent", "suffix"):
        for marks in ({}, POINT, COMMA):
            found = Written(kind, **marks).number(text)
            assert found is None or math.isfinite(found)
    assert isinstance(recognised([text], text), str)


# --- in a plan ------------------------------------------------------------------------------------


def money(frame: pd.DataFrame) -> pd.DataFrame:
    texts = frame["revenue"].map(lambda value: f"${value:,.2f}")
    return frame.assign(
        revenue=texts, opened=pd.to_datetime(frame["opened"]).dt.strftime("%d/%m/%Y")
    )


def test_converted_columns_give_the_sample_of_plain_ones():
    said = {"revenue": {"number": "money"}, "opened": {"date": "%d/%m/%Y"}}
    keep = [{"column": "opened", "to": "2014-02-10"}]
    found = select_sample(
        read_plan(shop.plan(columns=said, keep=keep)), from_frame(money(shop.table()))
    )
    expected = select_sample(read_plan(shop.plan(keep=keep)), from_frame(shop.table()))
    pd.testing.assert_frame_equal(found.frame, expected.frame)
    assert found.exclusions == expected.exclusions
    again = select_sample(found.plan, found.dataset)
    pd.testing.assert_frame_equal(again.frame, expected.frame)
    assert again.dataset.notes == found.dataset.notes


def test_conversions_are_reported(tmp_path):
    plan = shop.write(
        tmp_path, money(shop.table()).to_csv(index=False), columns={"revenue": {"number": "money"}}
    )
    (found,) = [found for found in check(plan).checks if found.check == "reading"]
    assert (
        'revenue as amounts of money with "." for decimals and "," between thousands'
        in found.reason
    )


@pytest.mark.parametrize(
    ("cells", "hint"),
    [
        (
            {3: "$1,200"},
            'They look like amounts of money: [columns] "revenue" = {number = "money"}',
        ),
        ({3: "475.8m", 4: "3k"}, 'millions, billions: [columns] "revenue" = {number = "suffix"}'),
        ({3: "1.39%"}, 'They look like percentages: [columns] "revenue" = {number = "percent"}'),
        ({3: "1,39%"}, 'number = "percent", decimal = ","'),
        ({3: "1.200,50 €"}, 'number = "money", decimal = ","'),
        ({3: "1,200"}, "A comma between thousands"),
        ({3: "1,200.50"}, "They have a comma between thousands"),
        ({3: "1,5"}, "They have a comma for decimals"),
        ({3: "about 5"}, "numbers, with a point for decimals"),
    ],
)
def test_what_cells_look_like_is_said_and_nothing_is_converted(cells, hint):
    frame = shop.table().astype({"revenue": object})
    for row, cell in cells.items():
        frame.loc[row - 2, "revenue"] = cell
    with pytest.raises(DataError) as caught:
        select_sample(read_plan(shop.plan()), from_frame(frame))
    assert f'row 3 "{cells[3]}"' in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("said", "column", "cells", "pieces"),
    [
        ({"number": "money"}, "revenue", {3: "€5"}, ["2 currencies: $, €"]),
        ({"number": "money"}, "revenue", {3: "lots"}, ['row 3 "lots"', "not so written"]),
        ({"number": "percent"}, "revenue", {}, ["60 cells are not so written"]),
        ({"number": "percent"}, "klout", {}, ["without a % sign"]),
        ({"date": "%d/%m/%Y"}, "opened", {3: "31/02/2014"}, ['row 3 "31/02/2014"', "no such date"]),
        ({"date": "%m/%d/%Y"}, "opened", {}, ["no such date"]),
        ({"number": "money"}, "reveneu", {}, ['Did you mean "revenue"?']),
    ],
)
def test_what_cannot_be_converted_is_quoted(said, column, cells, pieces):
    frame = money(shop.table())
    for row, cell in cells.items():
        frame.loc[row - 2, column] = cell
    with pytest.raises(DataError) as caught:
        select_sample(read_plan(shop.plan(columns={column: said})), from_frame(frame))
    for piece in pieces:
        assert piece in str(caught.value)


@pytest.mark.parametrize(
    ("said", "piece"),
    [
        ({}, "at least one of"),
        ({"number": "euro"}, "money"),
        ({"date": "%d"}, "a format with day, month and year"),
        ({"date": "%d/%m/%Y", "number": "plain"}, "a date or a number, not both"),
        ({"decimal": ",", "thousands": ","}, "must differ"),
        ({"nmber": "money"}, 'Did you mean "number"?'),
    ],
)
def test_a_wrong_value_of_columns(said, piece):
    with pytest.raises(PlanError) as caught:
        read_plan(shop.plan(columns={"revenue": said}))
    assert piece in str(caught.value)


def test_a_few_words_for_no_value_do_not_hide_how_the_others_are_written():
    said = recognised(["1.234,56 €", "80,23 €", "n/d"], "ventas")
    assert "They look like amounts of money" in said
    assert NO_VALUE % "ventas" in said
    assert recognised(["12x", "13y", "n/d"], "x") == NO_VALUE % "x"
    assert recognised(["red", "blue"], "colour") == ""


def test_amounts_in_a_file_with_decimal_commas_are_recognised_and_words_among_them_told(tmp_path):
    frame = shop.table()
    amounts = [f"{value:.2f} €".replace(".", ",") for value in frame["revenue"]]
    amounts[3] = "n/d"
    text = frame.assign(revenue=amounts).to_csv(index=False, sep=";", decimal=",")
    with pytest.raises(DataError) as error:
        check(shop.write(tmp_path, text))
    assert '[columns] "revenue" = {number = "money", decimal = ","}' in str(error.value)
    with pytest.raises(DataError) as error:
        check(shop.write(tmp_path, text, columns={"revenue": {"number": "money"}}))
    assert "1 cell is not so written: row 5" in str(error.value)
    assert NO_VALUE % "revenue" in str(error.value)


def test_a_codebook_that_calls_a_text_a_number_is_named_with_its_line(tmp_path):
    plan = shop.write(tmp_path, controls={"columns": ["country"]})
    book = '[columns.country]\nmeaning = "where"\ntype = "number"\n'
    (tmp_path / "shops.toml").write_text(
        'title = "s"\nsource = "-"\nlicence = "-"\n' + book, "utf-8"
    )
    with pytest.raises(DataError) as caught:
        check(plan)
    assert 'Line 6 of shops.toml says type = "number": type = "category" there' in str(caught.value)
