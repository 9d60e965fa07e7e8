"""`init` reads as its options say, proposes words for no value, and a changed file is taken."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest
import shop
from click.testing import CliRunner

from analysis.audit import check
from analysis.cli import cli
from analysis.errors import AnalysisError, PlanError
from analysis.start.study import init

CASES = Path(__file__).parents[1] / "cases"
ROLES = {
    "score": "influence",
    "engagement": "likes",
    "outcome": "revenue",
    "kind": "revenue",
    "sesoi": 0.05,
}


def started(folder, content, name="shops.csv", **given):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    roles = {"score": "klout", "engagement": "likes", "outcome": "revenue", "kind": "revenue"}
    return init(path, out=folder / "plan.toml", **(roles | {"sesoi": 0.05} | given))


def reading_of(plan) -> dict:
    return tomllib.loads(plan.read_text("utf-8")).get("reading", {})


# --- options --------------------------------------------------------------------------------------

CSV = shop.spoiled()


@pytest.mark.parametrize(
    ("content", "given", "said"),
    [
        (CSV.replace("BE", "Bé").encode("cp850"), {"encoding": "cp850"}, {"encoding": "cp850"}),
        (
            CSV.encode() + "x,1,1,1,1,1,Bé,2014\n".encode() + b"y,1,1,1,1,1,B\xe9,2014\n",
            {"encoding": ["utf-8", "windows-1252"]},
            {"encoding": ["utf-8", "cp1252"]},
        ),
        (CSV.replace(",", "|"), {"separator": "|"}, {"separator": "|"}),
        (CSV.replace(",", "\t"), {"separator": "tab"}, {"separator": "\t"}),
        ("a,b,c,d,e,f,g,h\n" + CSV, {"header": 2}, {"header": 2}),
        (CSV, {"missing": ["n/d", -999]}, {"missing_values": ["n/d", -999]}),
        (CSV, {"missing": ["likes=-1", "likes=x"]}, {"missing_values": {"likes": [-1, "x"]}}),
    ],
)
def test_what_is_stated_goes_into_the_plan_which_runs(tmp_path, content, given, said):
    done = started(tmp_path, content, **given)
    assert reading_of(done.plan) == said
    assert check(done.plan).sample.rows >= shop.ROWS


def test_a_sheet_a_table_in_memory_and_repeats(tmp_path):
    done = started(tmp_path, shop.xlsx(shop.table()), "shops.xlsx", sheet="s", missing="n/d")
    assert reading_of(done.plan) == {"sheet": "s", "missing_values": ["n/d"]}
    frame = shop.table()
    frame.loc[3, "klout"] = -999
    roles = {"score": "klout", "engagement": "likes", "outcome": "revenue", "kind": "revenue"}
    done = init(frame, out=tmp_path / "other.toml", sesoi=0.05, missing=[-999], **roles)
    assert check(done.plan).sample.exclusions == {"missing klout": 1}
    twice = pd.concat([shop.table(), shop.table().iloc[:1]]).to_csv(index=False)
    done = started(tmp_path, twice, "twice.csv", duplicates="first", row="id", force=True)
    assert 'duplicates = "first"' in done.plan.read_text("utf-8")
    assert check(done.plan).sample.exclusions == {"repeated id": 1}


def test_wrong_options_are_named_all_at_once(tmp_path):
    with pytest.raises(PlanError) as error:
        started(tmp_path, CSV, encoding="klingon", header=-1, separator="x", missing=[""])
    for flag in ("--encoding", "--header", "--separator", "--missing"):
        assert flag in str(error.value)
    (tmp_path / "a.csv").write_text(CSV)
    run = CliRunner().invoke(cli, ["init", str(tmp_path / "a.csv"), "--duplicates", "x"])
    assert run.exit_code == 2


def test_options_of_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_bytes(CSV.replace("BE", "Bé").encode("cp850"))
    given = ["--encoding", "utf-8,cp850", "--missing", "n/d", "--missing", "9999", "--header", "1"]
    run = CliRunner().invoke(cli, ["init", "a.csv", "--out", "plan.toml", *given])
    assert run.exit_code == 0, run.output
    assert reading_of(tmp_path / "plan.toml") == {
        "encoding": ["utf-8", "cp850"],
        "header": 1,
        "missing_values": ["n/d", 9999],
    }


# --- words for no value ---------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["n/d", "NaN%", "-", "unknown", "k.A."])
def test_words_among_numbers_are_proposed_and_the_plan_runs(tmp_path, word):
    done = started(tmp_path, shop.spoiled(klout={5: word}))
    assert reading_of(done.plan) == {"missing_values": {"klout": [word]}}
    assert "missing_values" in str(done)
    assert check(done.plan).sample.exclusions == {"missing klout": 1}


@pytest.mark.parametrize("word", ["free", "many", "sold out"])
def test_a_word_that_may_mean_a_number_is_not_proposed(tmp_path, word):
    done = started(tmp_path, shop.spoiled(likes={5: word}))
    assert reading_of(done.plan) == {}
    with pytest.raises(AnalysisError, match="missing_values"):
        check(done.plan)


def test_words_of_the_codebook_stay_beside_those_proposed(tmp_path):
    (tmp_path / "shops.toml").write_text("[reading]\nmissing_values = [-999]\n", "utf-8")
    done = started(tmp_path, shop.spoiled(klout={5: "n/d", 6: "-999"}))
    assert reading_of(done.plan) == {"missing_values": [-999, "n/d"]}
    assert check(done.plan).sample.exclusions == {"missing klout": 2}


# --- cells that are converted ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([f"0:{n % 60:02d}:31" for n in range(shop.ROWS)], "duration"),
        ([f"PT{n % 60}M31S" for n in range(shop.ROWS)], "duration"),
        ([f"{n * 1000:,} .. {n * 1000 + 999:,}" for n in range(shop.ROWS)], "range"),
        ([f"{n % 5 + 1},000+" for n in range(shop.ROWS)], "open"),
    ],
)
@pytest.mark.parametrize("name", ["shops.csv", "shops.xlsx"])
def test_cells_written_otherwise_are_proposed_and_the_plan_runs(tmp_path, cells, kind, name):
    frame = shop.table().assign(likes=cells)
    content = shop.xlsx(frame) if name.endswith("xlsx") else frame.to_csv(index=False)
    plan = started(tmp_path, content, name).plan
    assert f'likes     = {{number = "{kind}"}}  # PROPOSED' in plan.read_text("utf-8")
    assert check(plan).sample.rows == shop.ROWS


# --- a file that changed --------------------------------------------------------------------------


def test_a_changed_file_is_shown_and_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = started(tmp_path, CSV).plan
    book = tmp_path / "shops.toml"
    before = book.read_text("utf-8")
    more = shop.table().assign(extra=1).drop(columns="orders")
    (tmp_path / "shops.csv").write_text(
        pd.concat([more, more.iloc[:3].assign(id=["x", "y", "z"], klout=99)]).to_csv(index=False)
    )
    run = CliRunner().invoke(cli, ["check", str(plan)])
    assert isinstance(run.exception, AnalysisError)
    assert "--accept-data says what changed" in str(run.exception)
    assert book.read_text("utf-8") == before
    run = CliRunner().invoke(cli, ["check", str(plan), "--accept-data"])
    assert run.exit_code == 0, run.output
    for piece in (
        "60 rows then, 63 now",
        "columns that are gone: orders",
        "columns that are new: extra",
        "klout: numbers",
        "Accepted: shops.toml",
    ):
        assert piece in run.output
    assert "rows    = 63" in book.read_text("utf-8")
    assert check(plan).sample.rows == 63
    run = CliRunner().invoke(cli, ["check", str(plan), "--accept-data"])
    assert "Nothing to accept" in run.output


def test_data_without_a_hash_have_nothing_to_accept(tmp_path):
    plan = shop.write(tmp_path)
    run = CliRunner().invoke(cli, ["check", str(plan), "--accept-data"])
    assert "data whose hash nobody keeps" in str(run.exception)


# --- the cases: two rounds from a file to a plan that runs ----------------------------------------


@pytest.mark.parametrize(
    ("case", "given"),
    [
        ("preamble", {}),
        ("sep-line", {}),
        ("first-sheet-empty", {}),
        ("unnamed-index-column", {}),
        ("thousands-narrow-space", {}),
        ("mixed-encoding", {"engagement": "comments", "encoding": "utf-8,windows-1252"}),
        (
            "nan-percent",
            {"score": "score", "engagement": "visits", "outcome": "rate", "kind": "continuous"},
        ),
    ],
)
def test_from_a_file_to_a_plan_that_is_checked(tmp_path, case, given):
    file = next(path for path in (CASES / case).iterdir() if path.suffix != ".toml")
    copy = tmp_path / file.name
    copy.write_bytes(file.read_bytes())
    if "encoding" in given:
        with pytest.raises(AnalysisError) as error:
            init(copy, out=tmp_path / "plan.toml", **ROLES)
        assert "--encoding utf-8,windows-1252" in str(error.value)
        assert r"nbsp\xa0here" in str(error.value)
        given = given | {"encoding": given["encoding"].split(",")}
    done = init(copy, out=tmp_path / "plan.toml", **(ROLES | given))
    sample = check(done.plan).sample
    assert sample.rows + sum(sample.exclusions.values()) == sample.dataset.rows
    if case == "thousands-narrow-space":
        assert sample.mean("revenue") == pytest.approx(21_318.3, rel=0.5)
