"""What is seen of a column, what may be shown of it, and which role its name suggests."""

import tomllib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.data.dataset import from_frame
from analysis.data.names import ENGAGEMENT, IDENTIFIER, OUTCOME, PERSONAL, SCORE, match
from analysis.data.reading.conversion import convert
from analysis.plan.codebook import ConversionSection
from analysis.start.profile import profiles
from analysis.start.roles import Roles, propose

N = 40
EITHER = 'numbers with a comma between thousands or for decimals: "thousands" or "decimal" tells'


def seen(values, name="column"):
    column = [values[i % len(values)] for i in range(N)]
    return profiles(from_frame(pd.DataFrame({name: column})))[name]


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (["1", "2", "30"], "integer", ""),
        (["1.5", "2", ""], "number", ""),
        (["0", "1"], "binary", ""),
        ([1.0, 2.0, np.nan], "integer", ""),
        ([True, False], "binary", ""),
        (["007", "012", "3"], "category", ""),
        (["yes", "no"], "binary", ""),
        (["Nord", "Süd"], "category", ""),
        (["2014-06-30", "2014-07-01"], "date", ""),
        (pd.to_datetime(["2014-06-30", "2014-07-01"]), "date", ""),
        (["30.06.2014", "1.7.2014"], "date", "dates written DD.MM.YYYY"),
        (["6/30/2014"], "date", "dates written MM/DD/YYYY"),
        (["6/3/2014"], "date", "dates written DD/MM/YYYY or MM/DD/YYYY"),
        (["$1,200", "$3.50"], "number", "amounts of money"),
        (["1200 EUR", "3,50 EUR"], "number", "amounts of money"),
        (["ACC0001", "ACC0002"], "category", ""),
        (["BER001", "CAT1"], "category", ""),
        (["475.8m", "2k"], "number", "numbers with k, m or b for thousands, millions, billions"),
        (["1.39%", "2 %"], "number", "percentages"),
        (["1.234,50", "3,1"], "number", "numbers with marks for thousands or decimals"),
        (["1,234", "3,100"], "number", EITHER),
        ([""], "text", ""),
        ([f"word {i}" for i in range(N)], "text", ""),
    ],
)
def test_types_and_forms(values, kind, form):
    column = seen(values)
    assert (column.type, column.form) == (kind, form)
    assert column.numeric == (kind in ("integer", "number", "binary") and form != EITHER)


@pytest.mark.parametrize(
    ("values", "decimal"),
    [
        (["$1,200", "$3.50"], "."),
        (["1200 EUR", "3,50 EUR"], "."),
        (["475.8m", "2k"], "."),
        (["1.39%", "2 %"], "."),
        (["1.234,50", "3,1"], "."),
        (["1,234.5", "7"], "."),
        (["1.234,5", "7"], ","),
        (["3,1", "2"], ","),
        (["3.1%", "2 %"], ","),
        (["1.200 k", "3,5k"], ","),
        (["€1.200", "€3,5"], ","),
        (["12.5", "1,200.5"], ","),
        (["30.06.2014", "1.7.2014"], "."),
        (["6/30/2014"], "."),
        (["2014/6/30"], "."),
    ],
)
def test_what_columns_is_told_reads_every_cell(values, decimal):
    """The proposed conversion, applied as a plan does, leaves no fault and gives the numbers that
    were seen.
    """
    frame = pd.DataFrame({"x": [values[i % len(values)] for i in range(N)]})
    dataset = replace(from_frame(frame), decimal=decimal)
    column = profiles(dataset)["x"]
    said = tomllib.loads(f"x = {column.conversion or '{}'}")["x"]
    sections = {"x": ConversionSection(**said)} if said else {}
    faults = []
    converted = convert(
        SimpleNamespace(columns=sections), dataset, {"x": column.type == "number"}, faults
    )
    assert faults == []
    if column.type == "date":
        assert converted.frame["x"].str.fullmatch(r"2014-0\d-\d\d").all()
    else:
        assert column.numeric
        numbers = converted.frame["x"].astype(float)
        assert (numbers.min(), numbers.max()) == (column.low, column.high)


def test_a_word_for_no_value_does_not_hide_amounts_of_money():
    found = seen(["1.234,56 €"] * 19 + ["n/d"])
    assert (found.type, found.form, found.odd) == ("number", "amounts of money", 2)
    assert found.conversion == '{number = "money", decimal = ","}'
    assert "2 of the cells are no numbers" in found.evidence()
    assert not found.numeric
    assert seen(["1.234,56 €", "n/d"]).type != "number"


def test_what_counts_as_one():
    assert seen(["Ja", "Nein"]).levels == ("Nein", "Ja")
    assert seen(["TRUE", "FALSE"]).levels == ("FALSE", "TRUE")
    assert seen(["male", "female"]).levels == ()


def test_range_gaps_and_three_values():
    assert (
        seen(["1", "5", "", "9"]).evidence()
        == "whole numbers; 1 to 9; 25 % missing; such as 1, 5, 9"
    )
    odd = seen([*map(str, range(1, N)), "many"])
    assert odd.odd == 1
    assert not odd.numeric
    assert "1 of the cells is no number" in odd.evidence()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Name", ["Ada", "Bob"]),
        ("customer_email", ["a@x.org", "b@x.org"]),
        ("Telefon", ["030 1234567"]),
        ("phone", [491234567, 491234568]),
        ("contact info", ["a@x.org"]),
        ("x", ["a@x.org", "Bob", "Carl"]),
        ("y", ["@ada", "@bob"]),
        ("free text", [f"dear {i}" for i in range(N)]),
        ("dateOfBirth", ["1990-01-02"]),
    ],
)
def test_personal_values_are_never_shown(name, values):
    column = seen(values, name)
    assert column.examples == ()
    told = column.evidence()
    assert not any(str(value) in told for value in values if isinstance(value, str))


def test_examples_are_printable_and_short():
    told = seen(["a\x1b[31m", "b\u202e" + "x" * 99, "a\x1b[31m"]).evidence()
    assert told.isprintable()
    assert len(told) < 200


@pytest.mark.parametrize(
    ("name", "words", "found"),
    [
        ("Klout-Score (2014)", SCORE, "klout"),
        ("avgRating", SCORE, "rating"),
        ("scoreboard", SCORE, ""),
        ("Email consent", ENGAGEMENT, ""),
        ("market_share", ENGAGEMENT, ""),
        ("Folowers", ENGAGEMENT, "followers"),
        ("Beiträge", ENGAGEMENT, "beitraege"),
        ("Umsatz, netto", OUTCOME, "umsatz"),
        ("idea", IDENTIFIER, ""),
        ("E-Mail", PERSONAL, "mail"),
        ("\x00‮", SCORE, ""),
        ("x" * 10_000, SCORE, ""),
    ],
)
def test_names_are_matched_by_whole_words(name, words, found):
    assert match(name, words) == found


@pytest.fixture
def shops():
    rng = np.random.default_rng(1)
    return profiles(
        from_frame(
            pd.DataFrame(
                {
                    "shop_id": [f"{i:03d}" for i in range(N)],
                    "score": rng.normal(size=N),
                    "likes": rng.poisson(9, N),
                    "number of ratings": rng.poisson(5, N),
                    "views": ["many"] * N,
                    "shares": [3] * N,
                    "age": rng.poisson(9, N),
                    "revenue score": rng.gamma(2, size=N),
                    "orders": rng.poisson(3, N),
                    "agency": [f"a{i % 12}" for i in range(N)],
                    "country": ["BE", "NL"] * (N // 2),
                }
            )
        )
    )


def test_roles_are_proposed_by_name_where_a_model_can_take_the_column(shops):
    found = propose(shops, Roles())
    assert (found.score, found.engagement, found.row) == (("score",), ("likes",), "shop_id")
    assert "views" not in found.taken, "text"
    assert "shares" not in found.taken, "constant"
    assert found.possible["cluster"] == ("agency",)
    assert found.possible["control"] == ("number of ratings", "age", "country")


def test_what_pays_is_never_proposed(shops):
    found = propose(shops, Roles())
    assert (found.outcome, found.kind, found.sesoi, found.controls, found.cluster) == (
        "",
        "",
        None,
        (),
        "",
    )
    assert {"revenue score", "orders"} <= set(found.possible["outcome"])
    assert not {"revenue score", "orders"} & found.taken


def test_what_is_given_is_kept_and_not_proposed(shops):
    found = propose(shops, Roles(score=("likes",), outcome="score"))
    assert found.score == ("likes",)
    assert found.engagement == ()
    assert set(found.proposed) == {"shop_id"}


def test_names_with_the_letters_of_a_currency_are_no_amounts_where_the_column_names_rows():
    assert seen(["EUR12", "EUR13"], "shop_id").conversion == ""
    assert seen(["EUR12", "EUR13"], "takings").conversion == '{number = "money"}'
