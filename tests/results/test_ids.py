"""Ids one can print: slugs of the names, told apart, and found by what people write."""

import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest
import shop
from hypothesis import given
from hypothesis import strategies as st

from analysis.plan import read_plan
from analysis.results.estimates import Estimate, StudyResult, told_apart
from analysis.results.ids import (
    Known,
    Slugs,
    encoded,
    plain_name,
    result_id,
    schema_1_id,
    slug,
    slugs_apart,
    slugs_of,
    split_field,
)


def hashed(name):
    return "x" + hashlib.sha256(name.encode()).hexdigest()[:6]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("klout_2.0-beta", "klout_2.0-beta"),
        ("Revenue (USD)", "revenue-usd"),
        ("Größe", "grosse"),
        ("Été  2013 - net", "ete-2013-net"),
        ("a/b@c#d%", "a-b-c-d"),
        ("likes[1]", "likes-1"),
        ("Выручка, руб.", "выручка-руб."),
        ("売上", "売上"),
        ("Straße Ünï", "strasse-uni"),
        ("x² ½", "x2-1-2"),
        ("--a--", "a"),
        ("_", "_"),
        ("-", hashed("-")),
        ("!?", hashed("!?")),
        ("\U0001f600", hashed("\U0001f600")),
    ],
)
def test_a_part_is_a_slug(name, expected):
    assert slug(name) == expected


@given(name=st.text(min_size=1))
def test_a_slug_has_letters_digits_and_single_hyphens_inside(name):
    text = slug(name.encode("utf-8", "ignore").decode() or "x")
    assert text
    assert all(char.isalnum() or char in "_.-" for char in text)
    assert "--" not in text
    assert text == text.strip("-")


@given(names=st.lists(st.sampled_from(["a b", "a-b", "a b 2", "A_b", "a-b-3", "(a)", "a", "!"])))
def test_no_two_names_share_a_slug(names):
    found = slugs_apart(names)
    assert len({*found.values()}) == len({*names})


def test_the_next_free_number_in_the_plans_order():
    assert list(slugs_apart(["Likes!", "likes", "Likes?"]).values()) == [
        "likes",
        "likes-2",
        "likes-3",
    ]
    assert slugs_apart(["a b", "a-b", "a b 2"])["a-b"] == "a-b-3", "a-b-2 has a name of its own"


def test_a_plan_tells_its_columns_apart():
    plan = read_plan(
        shop.plan(
            score__columns=["Klout", "klout!"],
            engagement__columns=["Likes", "likes (all)", "LIKES"],
            controls__columns=["a b", "a-b"],
            outcome__column="revenue",
        )
    )
    columns = slugs_of(plan).columns
    assert [columns[name] for name in ("Klout", "klout!")] == ["klout", "klout-2"]
    assert [columns[name] for name in ("Likes", "likes (all)", "LIKES")] == [
        "likes",
        "likes-all",
        "likes-2",
    ]
    assert [columns[name] for name in ("a b", "a-b", "revenue")] == ["a-b", "a-b-2", "revenue"]


def test_terms_that_name_a_column_use_its_slug():
    slugs = Slugs({"Likes": "likes", "likes": "likes-2", "a:b": "a-b"})
    assert slugs.of_term("reliability:likes") == "reliability-likes-2"
    assert slugs.of_term("bound:Other") == "bound-other"
    assert slugs.of_term("a:b") == "a-b"
    about = ("Shops", "likes", "", "decomposition", "gelbach", "Likes", "sd")
    assert result_id(*about, slugs=slugs) == "shops/likes-2/-/decomposition/gelbach/likes@sd"


@pytest.fixture(scope="module")
def record():
    """The ledger of a study whose columns and segments share slugs."""
    rng = np.random.default_rng(7)
    table = shop.table().rename(columns={"klout": "Klout!", "orders": "klout", "revenue": "Umsatz"})
    table["umsatz"] = table["Umsatz"] * np.exp(rng.normal(0, 0.1, len(table)))
    table["Trade"] = np.resize(["a b", "a-b", "Pooled", "pooled"], len(table))
    plan = shop.plan(
        score__columns=["Klout!", "klout"],
        outcome=[
            {"column": "Umsatz", "kind": "revenue", "sesoi": 0.05},
            {"column": "umsatz", "kind": "revenue", "sesoi": 0.05},
        ],
        segment={"column": "Trade"},
        quick=True,
    )
    from analysis.audit import analyse
    from analysis.report.ledger import ledger

    return ledger(analyse(plan, data=table))


def test_no_two_results_of_a_study_share_an_id(record):
    for kind in ("estimates", "checks", "verdicts"):
        ids = [row["id"] for row in record[kind]]
        assert len({*ids}) == len(ids)
    assert [row["id"] for row in record["verdicts"]] == [
        "shops/umsatz/klout",
        "shops/umsatz/klout-2",
        "shops/umsatz-2/klout",
        "shops/umsatz-2/klout-2",
    ]


def test_segments_that_share_a_slug_are_numbered_and_the_pool_keeps_its_own(record):
    about = {"outcome": "Umsatz", "score": "Klout!", "method": "transport"}
    rows = [row for row in record["estimates"] if about.items() <= row.items()]
    by_id = {row["id"].removeprefix("shops/umsatz/klout/transport/"): row for row in rows}
    assert by_id["hartung-knapp/pooled"]["term"] == "pooled"
    segments = {
        key.partition("/")[2]: row["term"] for key, row in by_id.items() if key.startswith("pois")
    }
    assert segments == {"a-b": "a-b", "a-b-2": "a b", "pooled": "pooled", "pooled-2": "Pooled"}


def test_rows_of_one_name_are_numbered_too():
    one = Estimate("demo", "sales", "klout", "transport", "ols", "pooled", n=9)
    results = [StudyResult((one,)), StudyResult((replace(one, estimate=1.0),))]
    assert [row.id.rpartition("/")[2] for part in told_apart(results) for row in part.rows] == [
        "pooled-2",
        "pooled",
    ]
    assert told_apart(results[:1])[0] is results[0]


# --- what people write ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("klout_2.0-beta", "klout_2.0-beta"),
        ("", "-"),
        ("-", "%2D"),
        ("a/b", "a%2Fb"),
        ("Klout", "%4Blout"),
        ("größe", "gr%C3%B6%C3%9Fe"),
    ],
)
def test_how_schema_1_wrote_a_part(text, expected):
    assert encoded(text) == expected


ROW = {
    "outcome": "Revenue (USD)",
    "score": "Klout score!",
    "method": "increment",
    "model": "ols",
    "term": "Klout score!",
    "id": "shops/revenue-usd/klout-score/increment/ols/klout-score@raw",
}
VERDICT = {
    "id": "shops/revenue-usd/klout-score",
    "outcome": "Revenue (USD)",
    "score": "Klout score!",
    "verdict": "adds",
}


def known(*rows):
    found = [*rows] or [ROW, VERDICT]
    return Known(
        [
            {
                "plan": {"name": "shops"},
                "verdicts": [row for row in found if "verdict" in row],
                "estimates": [row for row in found if "verdict" not in row],
            }
        ]
    )


def test_the_id_of_schema_1():
    assert schema_1_id(VERDICT, "shops") == "shops/%52evenue%20%28%55%53%44%29/%4Blout%20score%21"
    assert schema_1_id(ROW, "shops").endswith("/increment/ols/%4Blout%20score%21@raw")


@pytest.mark.parametrize(
    "written",
    [
        "shops/revenue-usd/klout-score",
        "shops/Revenue (USD)/Klout score!",
        "SHOPS/revenue (usd)/KLOUT SCORE!",
        "shops/%52evenue%20%28%55%53%44%29/%4Blout%20score%21",
        "shops/Revenue-USD/Klout score",
        " shops/revenue (usd)/klout-score ",
    ],
)
def test_an_id_is_found_however_it_is_written(written):
    assert known().asked(written) == (VERDICT["id"], "")
    assert known().asked(f"{written.strip()}#low") == (VERDICT["id"], "low")
    whole = f"{written.strip()}/increment/ols/Klout score!@raw"
    assert known().asked(whole) == (ROW["id"], "")
    assert known().asked(f"{whole}#p") == (ROW["id"], "p")


def test_an_id_that_may_be_two_is_none():
    two = [
        VERDICT | {"id": f"shops/x/{name}", "outcome": "x", "score": score}
        for name, score in (("k", "K"), ("k-2", "k"))
    ]
    assert known(*two).find("shops/x/k") == "shops/x/k", "as it stands"
    assert known(*two).find("shops/x/K") == "shops/x/k", "the name of that column"
    assert known(*two).find("shops/X/k") == "", "two columns differ by case only"
    assert known().find("shops/revenue") == ""


def test_a_field_and_a_column_with_a_hash_in_its_name():
    assert split_field("shops/a/b#low") == ("shops/a/b", "low")
    assert split_field("shops/a/b#lo") == ("shops/a/b#lo", "")
    row = VERDICT | {"id": "shops/revenue/rank-low", "outcome": "revenue", "score": "rank#low"}
    other = VERDICT | {"id": "shops/revenue/rank", "outcome": "revenue", "score": "rank"}
    assert known(row, other).asked("shops/revenue/rank#low") == ("shops/revenue/rank-low", "")
    assert known(row, other).asked("shops/revenue/rank#high") == ("shops/revenue/rank", "high")


def test_what_stands_nearest():
    assert known().near("shops/revenue-usd/klot-score")[0] == VERDICT["id"]
    assert known().near("shops/revenue-usd/klout-score/increment/ols/klout@raw")[0] == ROW["id"]
    assert known().near("something else") == []


def test_every_id_of_a_study_is_found_by_its_old_and_its_plain_name(record):
    results = Known([record])
    for row in [*record["estimates"], *record["verdicts"]]:
        for name in (schema_1_id(row, "shops"), plain_name(row, "shops")):
            if name not in results.rows and ("term" not in row or row["term"] != "pooled"):
                assert results.find(name) == row["id"], name
    assert re.fullmatch(r"[\w./@-]+", "".join(results.rows))
