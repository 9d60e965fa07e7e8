"""The command `score`: a column on the terminal, or the whole table in a file that says where it
came from.
"""

import pandas as pd
import pytest
from click.testing import CliRunner

import analysis as sa
from analysis import simulate
from analysis.cli import cli
from analysis.data.dataset import read_dataset
from analysis.data.export import write_scored
from analysis.errors import AnalysisError, DataError, OutputError

ADDRESS = "simulated:creators?n=40"


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(cli, ["score", *arguments])


def test_a_frame_an_address_and_a_file_have_the_same_score(tmp_path):
    frame = simulate.creators(n=40)
    frame.to_csv(tmp_path / "activity.csv", index=False)
    by_frame = sa.score("klout", frame)
    assert sa.score("klout", ADDRESS).tolist() == by_frame.tolist()
    assert sa.score("klout", str(tmp_path / "activity.csv")).tolist() == by_frame.tolist()


def test_the_terminal_shows_who_and_how_much(run):
    found = run("klout", ADDRESS)
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0] == "creator,klout_style"
    assert len(lines) == 41
    assert "Simulated data." in found.stderr


def test_without_identifiers_it_shows_the_row(run, tmp_path):
    simulate.creators(n=40).drop(columns="creator").to_csv(tmp_path / "activity.csv", index=False)
    assert run("klout", str(tmp_path / "activity.csv")).stdout.splitlines()[1].startswith("2,")


@pytest.mark.parametrize("name", ["klout", "credit"])
def test_the_file_keeps_the_data_and_its_origin(run, tmp_path, name):
    out = tmp_path / "scored.csv"
    address = "simulated:creators?n=600"
    assert run(name, address, "--out", str(out)).exit_code == 0
    written = read_dataset(str(out))
    assert written.simulated
    assert written.codebook.licence == "CC0-1.0"
    assert list(written.frame)[-1] in written.codebook.columns
    before = read_dataset(address).frame
    pd.testing.assert_frame_equal(
        pd.read_csv(out).iloc[:, :-1], before.reset_index(drop=True), check_dtype=False
    )
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_a_spreadsheet_would_run_becomes_text_and_numbers_stay(run, tmp_path):
    frame = simulate.creators(n=40).assign(change=-1.5, shown="-3", **{"@note": "plain"})
    frame["creator"] = frame["creator"].astype(object)
    frame.loc[frame.index[0], "creator"] = "=cmd|' /C calc'!A0"
    frame.loc[frame.index[1], "creator"] = "\t+1+1"
    frame.to_csv(tmp_path / "activity.csv", index=False)
    out = tmp_path / "scored.csv"
    assert run("klout", str(tmp_path / "activity.csv"), "--out", str(out)).exit_code == 0
    written = pd.read_csv(out, dtype=str)
    assert written["creator"].str.startswith("'").sum() == 2
    assert written["change"].tolist() == ["-1.5"] * 40
    assert written["shown"].tolist() == ["-3"] * 40
    assert "'@note" in written
    shown = run("klout", str(tmp_path / "activity.csv")).stdout.splitlines()
    assert shown[1].startswith(("'=", "\"'="))


def test_the_card_needs_no_data(run):
    found = run("kred", "--card")
    assert found.exit_code == 0
    assert "70 points each" in found.stdout


def test_what_is_wrong_is_said(run, tmp_path):
    assert isinstance(run("klot", ADDRESS).exception, DataError)
    assert run("klout").exit_code == 2
    path = tmp_path / "activity.csv"
    simulate.creators(n=40).to_csv(path, index=False)
    for out in (path, tmp_path / "scored.xlsx", tmp_path / "nowhere" / "scored.csv"):
        with pytest.raises(OutputError):
            write_scored("klout", read_dataset(str(path)), out)
    with pytest.raises(AnalysisError, match="reactors"):
        sa.score("klout", "movies")


def test_a_card_has_one_cell_for_a_label_and_one_for_what_it_says():
    from analysis.scores import card

    html = card("history")._repr_html_()
    assert "<dl>" not in html
    assert html.count("It cannot see") == 1
    assert "beginners: without a past everybody is last<br>why the past was good</td>" in html
