"""The outcome by the score at equal engagement: a picture of the effect that was estimated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.audit import analyse
from analysis.errors import DataError
from analysis.plan.codebook import read_codebook
from analysis.results.relation_figure import (
    BINS,
    FEWEST_IN_BIN,
    NAMED,
    adjusted,
    groups_of,
    relation_figure,
)

KINDS = [
    ("growth", "continuous"),
    ("sales", "revenue"),
    ("referrals", "count"),
    ("renewed", "binary"),
]

RAW = Path(__file__).parents[2] / "data" / "raw"


@pytest.fixture(scope="module")
def quick(plan_of, make_frame):
    """One quick audit a kind of outcome."""

    def of(column, kind):
        outcome = [{"column": column, "kind": kind, "sesoi": 0.05}]
        plan = {**plan_of().content(), "outcome": outcome, "quick": True}
        return analyse(plan, data=make_frame())

    return {kind: of(column, kind) for column, kind in KINDS}


def test_of_least_squares_the_slope_is_the_coefficient(quick):
    findings = quick["continuous"]
    one, fit = adjusted(findings, "growth", "klout")
    slope = np.polyfit(one.score, one.rows, 1)[0]
    assert slope == pytest.approx(fit.params[fit.position("klout")], rel=1e-9)
    row = findings.estimates.select(method="increment", model="ols", term="klout", scale="raw")
    assert slope == pytest.approx(row.rows[0].estimate, rel=1e-9)


@pytest.mark.parametrize(("column", "kind"), KINDS)
def test_the_means_at_equal_engagement_are_those_of_the_columns(quick, column, kind):
    findings = quick[kind]
    one, _ = adjusted(findings, column, "klout")
    x, y = findings.sample.numbers("klout"), findings.sample.numbers(column)
    assert one.score.mean() == pytest.approx(x.mean())
    everyone = np.arange(len(y))
    assert one.mean(everyone, 0.95)[0] == pytest.approx(y.mean(), rel=1e-6)
    engagement = np.log1p(findings.sample.numbers(findings.plan.engagement.columns[0]))
    assert abs(np.corrcoef(one.score, engagement)[0, 1]) < 1e-8 or (
        findings.plan.engagement.transform != "log1p"
    )


@pytest.mark.parametrize("ratio", [False, True])
def test_a_score_that_is_engagement_and_noise_says_nothing_at_equal_engagement(ratio):
    """The means of the groups hold the overall mean as often as their level says."""
    rng, held, asked = np.random.default_rng(20), 0, 0
    plan = {
        "name": "world",
        "question": "Does it?",
        "dataset": "world.csv",
        "quick": True,
        "score": {"columns": ["score"]},
        "engagement": {"columns": ["likes"], "exact": ["likes"]},
        "outcome": [
            {"column": "pays", "kind": "revenue" if ratio else "continuous", "sesoi": 0.05}
        ],
    }
    for _ in range(6):
        likes = rng.normal(size=500)
        score = likes + rng.normal(size=500)
        mean = np.exp(1 + 0.5 * likes) if ratio else 3 + 2 * likes
        pays = mean * rng.gamma(2, 0.5, 500) if ratio else mean + rng.normal(size=500)
        frame = pd.DataFrame({"score": score, "likes": likes, "pays": pays})
        findings = analyse(plan, data=frame)
        one, _ = adjusted(findings, "pays", "score")
        assert one.how == ("ratio" if ratio else "difference")
        groups = groups_of(one, 0.95)
        held += int(((groups.low <= pays.mean()) & (pays.mean() <= groups.high)).sum())
        asked += len(groups.at)
        ignored = [pays[score < np.quantile(score, 0.1)].mean(), pays.mean()]
        assert ignored[0] < 0.75 * ignored[1], "engagement ignored, it seems to say much"
    assert asked == 6 * BINS
    assert held >= 50  # of 60, where 57 are expected


def test_no_group_is_of_few_rows_and_all_rows_are_in_one(quick):
    for column, kind in KINDS:
        one, _ = adjusted(quick[kind], column, "klout")
        groups = groups_of(one, 0.95)
        assert groups.sizes.sum() == len(one.score)
        assert groups.sizes.min() >= FEWEST_IN_BIN


@pytest.mark.parametrize(("column", "kind"), KINDS)
def test_it_says_what_is_drawn(quick, column, kind):
    figure = relation_figure(quick[kind], column, "klout")
    assert figure.title.startswith("At equal engagement, ")
    assert "nothing is held constant" in figure.caption
    how = "times the mean" if kind in ("revenue", "count") else "added to the mean"
    assert how in figure.caption
    assert len(figure.values.rows) == 2 * BINS


# --- names ----------------------------------------------------------------------------------------


def test_films_are_named_where_they_are(audited):
    findings = audited("movies")
    figure = relation_figure(findings, "box_office", "tomatometer")
    drawn = {text.get_text() for text in figure.axes[0].texts} - {""}
    assert 2 <= len(drawn) <= NAMED
    titles = findings.sample.raw["title"].astype(str)
    one, _ = adjusted(findings, "box_office", "tomatometer")
    for text in figure.axes[0].texts:
        (at,) = np.flatnonzero((titles == text.get_text()) & np.isclose(one.score, text.xy[0]))
        assert text.xy[1] == pytest.approx(one.rows[at])
        assert text.get_text() in figure.alt


def test_without_the_codebooks_word_nobody_is_named(audited, quick):
    findings = audited("movies")
    book = findings.dataset.codebook.model_copy(update={"names_rows": None})
    dataset = replace(findings.dataset, codebook=book)
    silent = replace(findings, sample=replace(findings.sample, dataset=dataset))
    for one, column, score in (
        (silent, "box_office", "tomatometer"),
        (quick["revenue"], "sales", "klout"),
    ):
        figure = relation_figure(one, column, score)
        assert not [text for text in figure.axes[0].texts if text.get_text()]
        assert "single rows" not in figure.caption


BOOK = """
title = "Shops"
source = "{source}"
licence = "CC0"
names_rows = "{names}"
[columns.name]
meaning = "Name of the shop"
type = "text"
[columns.sales]
meaning = "Sales"
type = "number"
"""


@pytest.mark.parametrize(
    ("names", "source", "said"),
    [
        ("sales", "a register", "a column of type text"),
        ("title", "a register", "a column of type text"),
        ("name", " ", "only with source and licence"),
    ],
)
def test_names_rows_is_a_text_column_of_published_data(tmp_path, names, source, said):
    path = tmp_path / "shops.toml"
    path.write_text(BOOK.format(names=names, source=source))
    with pytest.raises(DataError, match=said):
        read_codebook(path)


def test_names_rows_is_nobody_by_default(tmp_path):
    path = tmp_path / "shops.toml"
    path.write_text(BOOK.format(names="name", source="a register"))
    assert read_codebook(path).names_rows == "name"
    path.write_text(BOOK.format(names="x", source="y").replace('names_rows = "x"', ""))
    assert read_codebook(path).names_rows is None


def test_no_shipped_data_of_persons_name_a_row():
    named = {path.stem for path in RAW.glob("*.toml") if read_codebook(path).names_rows}
    assert named == {"movies"}
