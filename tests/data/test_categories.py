"""What a column is: labels and category types are categories, and a word may count as 1."""

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.audit import analyse
from analysis.data.dataset import read_dataset
from analysis.data.names import why_code
from analysis.start.study import init

CASES = Path(__file__).parents[1] / "cases"
RIGHT = pytest.approx(-0.0031, abs=0.0002)
"""Of the cases: the effect of one standard deviation with indicators (statsmodels)."""


def case(name, tmp_path):
    folder = tmp_path / name
    shutil.copytree(CASES / name, folder)
    return folder


def effect(audit):
    row = next(
        row
        for row in audit.estimates.rows
        if (row.method, row.model, row.scale, row.variant) == ("increment", "poisson", "sd", "")
    )
    return float(np.expm1(row.estimate))


def shops(tier="category"):
    """The table of the case, with its control as a category over integers."""
    frame = pd.read_parquet(CASES / "category-dtype-parquet" / "shops.parquet")
    return frame.assign(tier=frame["tier"].astype(tier))


def plan(**changes):
    content = tomllib.loads((CASES / "category-dtype-parquet" / "plan.toml").read_text("utf-8"))
    return content | {"quick": True} | changes


LABELS = {1: "bronze", 2: "gold", 3: "silver"}


@pytest.mark.parametrize("name", ["labelled-categories-dta", "category-dtype-parquet"])
def test_a_labelled_control_is_held_constant_level_by_level(name, tmp_path):
    content = tomllib.loads((CASES / name / "plan.toml").read_text("utf-8")) | {"quick": True}
    content["dataset"] = str(next((CASES / name).glob("shops.*")))
    audit = analyse(content)
    assert effect(audit) == RIGHT
    assert audit.decided[0].verdict == "inconclusive"


def test_a_category_of_a_frame_over_integers_is_one():
    assert effect(analyse(plan(), data=shops())) == RIGHT


def test_numbers_without_a_category_stay_a_straight_line():
    terms = sa.check(plan(), data=shops("int64")).terms["revenue"]
    assert "tier" in terms


def test_value_labels_of_spss_are_categories(tmp_path):
    pyreadstat = pytest.importorskip("pyreadstat")
    path = tmp_path / "shops.sav"
    frame = shops("float64")
    pyreadstat.write_sav(frame, str(path), variable_value_labels={"tier": LABELS})
    inspected = sa.check(plan(dataset=str(path)))
    assert inspected.terms["revenue"][1:3] == ("tier[gold]", "tier[silver]")


def test_labels_of_a_set_under_another_name(tmp_path):
    """Stata keeps labels in sets, whose names are not those of the columns."""
    path = tmp_path / "shops.dta"
    frame = shops("int64").rename(columns={"tier": "stufe"})
    frame.to_stata(path, write_index=False, value_labels={"stufe": LABELS})
    content = plan(dataset=str(path), controls={"columns": ["stufe"]})
    assert "stufe[gold]" in sa.check(content).terms["revenue"]


def test_a_frame_that_pandas_read_from_stata_is_read_alike():
    frame = pd.read_stata(CASES / "labelled-categories-dta" / "shops.dta")
    assert effect(analyse(plan(), data=frame)) == RIGHT


def test_ends_of_a_scale_with_labels_leave_it_a_scale(tmp_path):
    path = tmp_path / "shops.dta"
    frame = shops("int64").assign(mood=np.arange(400) % 11)
    frame.to_stata(path, write_index=False, value_labels={"mood": {0: "bad", 10: "good"}})
    content = plan(dataset=str(path), controls={"columns": ["mood"]})
    assert "mood" in sa.check(content).terms["revenue"]


def test_a_labelled_code_for_no_answer_is_refused_by_row(tmp_path):
    path = tmp_path / "shops.dta"
    frame = shops("int64").assign(mood=np.arange(400) % 11)
    frame.loc[[3, 7], "mood"] = -9
    frame.to_stata(path, write_index=False, value_labels={"mood": {-9: "no answer", 10: "good"}})
    with pytest.raises(sa.AnalysisError) as refused:
        sa.check(plan(dataset=str(path), controls={"columns": ["mood"]}))
    said = str(refused.value)
    assert "row 5" in said
    assert "missing_values = {mood = [-9]}" in said


def test_a_score_in_labelled_codes_is_refused_with_a_way_out(tmp_path):
    path = tmp_path / "shops.dta"
    shops("int64").to_stata(path, write_index=False, value_labels={"tier": LABELS})
    content = plan(dataset=str(path), score={"columns": ["tier"]}, controls={"columns": []})
    with pytest.raises(sa.AnalysisError, match='type = "ordinal"'):
        sa.check(content)
    path.with_suffix(".toml").write_text(
        'title = "x"\nsource = "x"\nlicence = "x"\n[columns.tier]\nmeaning = "x"\n'
        'type = "ordinal"\nlevels = ["bronze", "silver", "gold"]\n',
        "utf-8",
    )
    sample = sa.check(content).sample
    assert set(sample.numbers("tier")) == {1.0, 2.0, 3.0}
    assert sample.numbers("tier")[shops("int64")["tier"] == 2].min() == 3.0


@pytest.mark.parametrize("name", ["shops.dta", "shops.parquet"])
def test_init_writes_the_labels_into_the_codebook(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = next(folder / name for folder in CASES.iterdir() if (folder / name).exists())
    shutil.copy(source, tmp_path / name)
    given = {"score": "influence", "engagement": "likes", "control": "tier"}
    started = init(name, **given, outcome="revenue", kind="revenue", sesoi=0.05, out="p.toml")
    book = tomllib.loads((tmp_path / "shops.toml").read_text("utf-8"))
    tier = book["columns"]["tier"]
    assert tier["type"] == "category"
    assert len(tier["levels"]) == 3
    assert sum(t.startswith("tier[") for t in sa.check(started.plan).terms["revenue"]) == 2


def test_variable_labels_go_into_the_codebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shops("int64").to_stata(
        tmp_path / "shops.dta", write_index=False, variable_labels={"tier": "Tier of the contract"}
    )
    init("shops.dta", out="p.toml")
    book = tomllib.loads((tmp_path / "shops.toml").read_text("utf-8"))
    assert book["columns"]["tier"]["meaning"] == "Tier of the contract"


def test_init_of_a_frame_keeps_its_categories(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"score": "influence", "engagement": "likes", "control": "tier"}
    started = init(shops(), **given, outcome="revenue", kind="revenue", sesoi=0.05, out="p.toml")
    assert sum(t.startswith("tier[") for t in sa.check(started.plan).terms["revenue"]) == 2


# --- numbers that name things ---------------------------------------------------------------------


def codes(**controls):
    content = tomllib.loads((CASES / "integer-codes" / "plan.toml").read_text("utf-8"))
    content["dataset"] = str(CASES / "integer-codes" / "codes.csv")
    return content | {"controls": controls, "quick": True}


@pytest.mark.parametrize(
    "controls",
    [{"categories": ["district"]}, {"columns": ["district"], "categories": ["district"]}],
)
def test_categories_are_held_constant_one_by_one(controls):
    terms = sa.check(codes(**controls)).terms["revenue"]
    assert sum(term.startswith("district[") for term in terms) == 39


@pytest.mark.parametrize("covariance", [None, "CRV1"])
def test_a_category_may_be_the_cluster_too(covariance):
    content = codes(categories=["district"]) | {"cluster": {"column": "district"}}
    if covariance:
        content["inference"] = {"covariance": covariance}
    audit = analyse(content)
    row = next(r for r in audit.estimates.rows if r.method == "increment")
    assert row.clusters == 40
    assert np.isfinite(row.std_error)


def test_categories_of_the_codebook_and_of_the_plan_agree(tmp_path):
    folder = case("integer-codes", tmp_path)
    (folder / "codes.toml").write_text(
        'title = "x"\nsource = "x"\nlicence = "x"\n[columns.district]\nmeaning = "x"\n'
        'type = "integer"\nmin = 1\nmax = 40\n',
        "utf-8",
    )
    content = codes(categories=["district"]) | {"dataset": str(folder / "codes.csv")}
    assert "district[10]" in sa.check(content).terms["revenue"]


# --- a binary outcome in words --------------------------------------------------------------------


def loans(frame=None, **outcome):
    content = tomllib.loads((CASES / "binary-words" / "plan.toml").read_text("utf-8"))
    content["dataset"] = str(CASES / "binary-words" / "loans.csv")
    content["outcome"][0] |= outcome
    return content


def table():
    return read_dataset(str(CASES / "binary-words" / "loans.csv")).frame


def test_the_message_of_a_binary_outcome_in_words_has_the_line_to_write():
    with pytest.raises(sa.AnalysisError, match=r'level = "(good|bad)" in \[\[outcome\]\]'):
        sa.check(loans())


@pytest.mark.parametrize("level", ["bad", "good"])
def test_the_level_counts_as_one(level):
    inspected = sa.check(loans(level=level))
    share = (table()["risk"] == level).mean()
    assert inspected.sample.numbers("risk").mean() == pytest.approx(share)
    assert f'"{level}" counting as 1' in str(inspected)


def test_both_levels_give_the_same_effect_the_other_way():
    one, other = (analyse(loans(level=level)) for level in ("bad", "good"))
    marginal = [
        next(r.estimate for r in a.estimates.rows if r.method == "increment") for a in (one, other)
    ]
    assert marginal[0] == pytest.approx(-marginal[1], rel=1e-6)


@pytest.mark.parametrize("kind", ["category", "codes", "labels"])
def test_levels_in_other_types(kind, tmp_path):
    frame = pd.read_csv(CASES / "binary-words" / "loans.csv")
    bad = frame["risk"] == "bad"
    level = "bad"
    if kind == "category":
        frame["risk"] = frame["risk"].astype("category")
    else:
        frame["risk"] = np.where(bad, 2, 1)
        level = 2
    content = loans(level=level)
    if kind == "labels":
        path = tmp_path / "loans.dta"
        frame.to_stata(path, write_index=False, value_labels={"risk": {1: "good", 2: "bad"}})
        content = loans(level="bad") | {"dataset": str(path)}
        frame = None
    sample = sa.check(content, data=frame).sample
    assert sample.numbers("risk").tolist() == bad.astype(float).tolist()


def test_one_and_two_without_a_level_say_which_line_is_missing():
    frame = pd.read_csv(CASES / "binary-words" / "loans.csv")
    frame["risk"] = np.where(frame["risk"] == "bad", 2, 1)
    with pytest.raises(sa.AnalysisError, match="level = 2"):
        sa.check(loans(), data=frame)


def test_a_level_that_is_not_there_is_refused():
    with pytest.raises(sa.AnalysisError, match=r'no cell with the level "bda"[^§]*"bad"'):
        sa.check(loans(level="bda"))


def test_a_level_belongs_to_a_binary_outcome():
    with pytest.raises(sa.AnalysisError, match='belongs to kind = "binary"'):
        sa.check(loans(level="bad", kind="continuous"))


def test_true_and_false_are_still_read():
    frame = pd.read_csv(CASES / "binary-words" / "loans.csv")
    frame["risk"] = frame["risk"] == "bad"
    assert sa.check(loans(), data=frame).sample.numbers("risk").sum() > 0


def test_init_asks_which_word_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(CASES / "binary-words" / "loans.csv", tmp_path)
    given = {"score": "influence", "engagement": "likes", "outcome": "risk", "kind": "binary"}
    started = init("loans.csv", **given, sesoi=0.05, out="p.toml")
    written = started.plan.read_text("utf-8")
    assert 'level     = "EDIT THIS"' in written
    started.plan.write_text(written.replace('level     = "EDIT THIS"', 'level = "bad"'), "utf-8")
    assert sa.check(started.plan).sample.numbers("risk").mean() < 1


# --- beyond memory --------------------------------------------------------------------------------


def test_categories_and_levels_beyond_memory(tmp_path):
    frame = shops()
    frame["good"] = np.where(frame["revenue"] > frame["revenue"].median(), "yes", "no")
    frame.to_parquet(tmp_path / "shops-1.parquet")
    outcome = {"column": "good", "kind": "binary", "level": "no", "sesoi": 0.05, "model": "ols"}
    content = plan(dataset=str(tmp_path / "shops-*.parquet"), outcome=[outcome])
    content["controls"] = {"columns": [], "categories": ["tier"]}
    for controls in ({"columns": ["tier"]}, {"categories": ["tier"]}):
        inspected = sa.check(content | {"controls": controls})
        terms = inspected.terms["good"]
        assert inspected.sample.out_of_core is not None
        assert sum(term.startswith("tier[") for term in terms) == 2
        assert inspected.sample.mean("good") == pytest.approx((frame["good"] == "no").mean())


def test_two_labelled_codes_measure_as_well_as_an_indicator(tmp_path):
    """No and yes on 0 and 1: a straight line between two points is no other than an indicator."""
    path = tmp_path / "shops.dta"
    frame = shops("int64").assign(member=np.arange(400) % 2)
    frame.to_stata(path, write_index=False, value_labels={"member": {0: "no", 1: "yes"}})
    content = plan(dataset=str(path), engagement={"columns": ["likes", "member"]})
    assert "member" in sa.check(content).terms["revenue"]


def test_keywords_say_what_a_plan_says():
    frame = pd.read_csv(CASES / "binary-words" / "loans.csv")
    frame["office"] = np.arange(len(frame)) % 8
    asked = {"score": "influence", "engagement": "likes", "outcome": "risk", "kind": "binary"}
    audit = sa.audit(frame, **asked, sesoi=0.05, quick=True, level="bad", categories="office")
    assert audit.plan.controls.categories == ("office",)
    assert audit.plan.outcome[0].level == "bad"


def test_a_category_of_the_codebook_as_a_binary_outcome_asks_for_its_level(tmp_path):
    folder = case("binary-words", tmp_path)
    (folder / "loans.toml").write_text(
        'title = "x"\nsource = "x"\nlicence = "x"\n[columns.risk]\nmeaning = "x"\n'
        'type = "category"\nlevels = ["good", "bad"]\n',
        "utf-8",
    )
    where = {"dataset": str(folder / "loans.csv")}
    with pytest.raises(sa.AnalysisError, match=r"level = \"(good|bad)\""):
        sa.check(loans() | where)
    assert 0 < sa.check(loans(level="bad") | where).sample.mean("risk") < 1


def test_a_word_names_things_only_where_it_stands_whole():
    """ "countries shipped to" is a count, and has nothing to do with counties."""
    numbers = pd.Series(np.random.default_rng(1).integers(1, 5, 200).astype(float))
    assert why_code("countries_shipped_to", numbers) == ""
    assert "sex" in why_code("SEX", numbers)
