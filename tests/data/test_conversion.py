"""Amounts, durations, ranges and days as exports write them: recognised, converted as stated."""

import datetime
from pathlib import Path

import pandas as pd
import pytest
import shop

from analysis.audit import check
from analysis.data.dataset import from_frame, read_dataset
from analysis.data.reading import dates
from analysis.data.reading.conversion import recognised
from analysis.data.reading.written import Written, form_of
from analysis.errors import DataError, PlanError
from analysis.plan import read_plan
from analysis.start.profile import profiles

CASES = Path(__file__).parents[1] / "cases"


def column(folder, cells, stated, name="revenue", **changes):
    """Return what the plan makes of a column of the shops written otherwise."""
    frame = shop.table().astype({name: object})
    frame[name] = list(cells)
    text = frame.to_csv(index=False)
    return check(shop.write(folder, text, columns={name: stated}, **changes)).sample.frame[name]


# --- thousands ------------------------------------------------------------------------------------

NARROW, HARD, THIN, SWISS = "\u202f", "\u00a0", "\u2009", "\u2019"


@pytest.mark.parametrize("mark", [" ", NARROW, HARD, THIN])
def test_any_space_between_thousands(tmp_path, mark):
    cells = [f"{value * 1000:,.2f}".replace(",", mark) for value in shop.table()["revenue"]]
    read = column(tmp_path, cells, {"thousands": mark})
    assert read.to_numpy() == pytest.approx(1000 * shop.table()["revenue"].to_numpy())
    assert '{thousands = " "}' in recognised(cells, "revenue")


@pytest.mark.parametrize("mark", ["'", SWISS])
def test_any_apostrophe_between_thousands(tmp_path, mark):
    cells = [f"{value * 1000:,.2f}".replace(",", mark) for value in shop.table()["revenue"]]
    read = column(tmp_path, cells, {"thousands": mark})
    assert read.to_numpy() == pytest.approx(1000 * shop.table()["revenue"].to_numpy())
    assert '{thousands = "\'"}' in recognised(cells, "revenue")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (f"32{NARROW}560,00 €", '{number = "money", decimal = ",", thousands = " "}'),
        (f"CHF 1{SWISS}234.50", '{number = "money", thousands = "\'"}'),
        (f"32{NARROW}560,00", '{decimal = ",", thousands = " "}'),
        (f"1{HARD}234 %", "percent"),
    ],
)
def test_recognised_with_marks_of_every_country(cell, said):
    assert said in recognised([cell, cell], "x")


@pytest.mark.parametrize("cell", ["+49 123 456", "030 123 456", "2014-05", "555-1234x", "007 123"])
def test_telephones_and_codes_are_no_numbers(cell):
    assert form_of(pd.Series([cell] * 3), ".") is None


def test_the_case_of_narrow_spaces():
    dataset = read_dataset(str(CASES / "thousands-narrow-space" / "shops.csv"))
    seen = profiles(dataset)["revenue"]
    assert seen.numeric
    assert seen.conversion == '{thousands = " "}'
    assert (seen.low, dataset.decimal) == (2542.0, ",")


# --- durations, ranges and open amounts -----------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("0:11:31", 691),
        ("26:00:01", 93601),
        ("1 day, 2:03:04", 93784),
        ("PT11M31S", 691),
        ("P1DT1H", 90000),
        ("1h 11m 31s", 4291),
        ("45s", 45),
        ("11:31", None),
        ("0:61:00", None),
        ("P", None),
        ("", None),
    ],
)
def test_durations_are_seconds(cell, seconds):
    assert Written("duration").number(cell) == seconds


def test_two_parts_are_told_by_the_plan(tmp_path):
    assert Written("mm:ss").number("11:31") == 691
    assert Written("hh:mm").number("1:30") == 5400
    read = column(
        tmp_path, [f"{n % 50}:30" for n in range(shop.ROWS)], {"number": "mm:ss"}, "likes"
    )
    assert read.iloc[1] == 90


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("10,000 .. 20,000", 15000),
        ("11-50", 30.5),
        ("$1,000 – $5,000", 3000),
        ("10 to 20", 15),
        ("10k - 20k", 15000),
        ("500+", 500),
        ("7", 7),
        ("50-11", None),
        ("2014-01-02", None),
        ("red-blue", None),
    ],
)
def test_ranges_are_their_middle(cell, value):
    assert Written("range", thousands=",").number(cell) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("10,000+", 1e4),
        (">10", 10),
        ("under 5", 5),
        ("1,000 or more", 1000),
        ("≤ 3", 3),
        ("x+", None),
    ],
)
def test_open_amounts_are_their_bound(cell, value):
    assert Written("open", thousands=",").number(cell) == value


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["0:11:31", "1:02:03"], 'number = "duration"'),
        (["10,000 .. 20,000", "20,000 .. 30,000"], 'number = "range"'),
        (["11-50", "51-200", "201+"], 'number = "range"'),
        (["10,000+", "500+"], 'number = "open"'),
    ],
)
def test_the_line_to_write_is_said_and_works(tmp_path, cells, said):
    repeated = (cells * shop.ROWS)[: shop.ROWS]
    frame = shop.table().astype({"likes": object})
    frame["likes"] = repeated
    with pytest.raises(DataError) as error:
        check(shop.write(tmp_path, frame.to_csv(index=False)))
    assert said in str(error.value)
    kind = said.partition('"')[2].rstrip('"')
    assert column(tmp_path, repeated, {"number": kind}, "likes").notna().all()


# --- days -----------------------------------------------------------------------------------------


def opened(folder, cells, stated=None, first="2014-01-10"):
    """Return how many shops opened from a day on; a quarter of them is 15."""
    frame = shop.table().assign(opened=list(cells))
    said = {"columns": {"opened": {"date": stated}}} if stated else {}
    plan = shop.write(
        folder, frame.to_csv(index=False), keep=[{"column": "opened", "from": first}], **said
    )
    return check(plan).sample.rows


DAYS = [datetime.date.fromisoformat(day) for day in shop.table()["opened"]]
LATER = sum(day >= datetime.date(2014, 1, 10) for day in DAYS)


@pytest.mark.parametrize(
    ("cells", "stated"),
    [
        ([(day - datetime.date(1899, 12, 30)).days for day in DAYS], "excel"),
        ([(day - datetime.date(1899, 12, 30)).days + 0.5 for day in DAYS], "excel"),
        ([(day - datetime.date(1970, 1, 1)).days * 86400 for day in DAYS], "unix"),
        ([(day - datetime.date(1970, 1, 1)).days * 86400000 for day in DAYS], "unix"),
        ([day.strftime("%Y%m%d") for day in DAYS], "%Y%m%d"),
        ([day.strftime("%d %b %Y") for day in DAYS], "%d %b %Y"),
        (
            [day.strftime("%d.%m.%Y" if n % 2 else "%Y-%m-%d") for n, day in enumerate(DAYS)],
            ["%Y-%m-%d", "%d.%m.%Y"],
        ),
        ([day.strftime("%Y-%m-%dT23:30:00+0200") for day in DAYS], "%Y-%m-%dT%H:%M:%S%z"),
    ],
)
def test_days_however_they_are_written(tmp_path, cells, stated):
    assert opened(tmp_path, cells, stated) == LATER
    if "T" not in str(cells[0]):
        with pytest.raises(DataError) as error:
            opened(tmp_path, cells)
        assert '[columns] "opened" = {date = ' in str(error.value)
        shown = str(stated).replace("'", '"')
        assert shown.strip('"') in str(error.value)


def test_a_day_that_could_be_two_is_refused(tmp_path):
    cells = [day.strftime("%d/%m/%Y") for day in DAYS]
    with pytest.raises(DataError, match="two dates at once"):
        opened(tmp_path, cells, ["%d/%m/%Y", "%m/%d/%Y"])


@pytest.mark.parametrize("stated", ["%d/%m/%d", "%Y%Y", "%m %m %Y", "%d", "x", "", 7, [], ["x"]])
def test_a_format_that_is_none_is_said(stated):
    with pytest.raises(PlanError, match="a format with day, month and year"):
        read_plan(shop.plan(columns={"revenue": {"date": stated}}))


def test_the_case_of_a_code_that_stands_twice():
    with pytest.raises(PlanError) as error:
        check(CASES / "date-format-twice" / "plan.toml")
    assert "[columns]" in str(error.value)
    assert '"%d/%m/%d"' in str(error.value)


def test_counted_days_by_name():
    frame = pd.DataFrame({"created": [41640, 41700], "likes": [41640, 41700]})
    seen = profiles(from_frame(frame))
    assert (seen["created"].type, seen["created"].conversion) == ("date", '{date = "excel"}')
    assert seen["likes"].type == "integer"
    assert dates.counted(pd.Series([1.0, 2.0])) == ("", "")
