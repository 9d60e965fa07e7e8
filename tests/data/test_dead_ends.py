"""Files that had no way in: names that come again, blanks between cells, no names at all."""

import numpy as np
import pandas as pd
import pytest

import analysis as sa
from analysis.data.dataset import read_dataset
from analysis.plan.codebook import ReadingSection

ROWS = ["A11   6 A34  'x y' 1169 1", ' A12  48 A32 "x  y" 5951 2 ', "A14\t12 A34 z 2096 1"] * 10


@pytest.mark.parametrize("name", ["german.data", "german.csv"])
def test_blanks_between_cells_and_no_names(tmp_path, name):
    path = tmp_path / name
    path.write_text("\n".join(row.replace("'x y'", "xy") for row in ROWS) + "\n", "utf-8")
    data = read_dataset(str(path), reading=ReadingSection(separator=" ", header=0))
    assert list(data.frame) == [f"column_{at}" for at in range(1, 7)]
    assert data.frame.iloc[1].tolist() == ["A12", "48", "A32", "x  y", "5951", "2"]
    assert data.frame.index[0] == 1
    assert len(data.frame) == 30
    assert "blanks between cells, as stated" in data.notes
    assert any("no names" in note for note in data.notes)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_no_names_with_any_mark(tmp_path, mark):
    path = tmp_path / "plain.csv"
    path.write_text("".join(f"s{at}{mark}{at}{mark}{at % 7}\n" for at in range(40)), "utf-8")
    data = read_dataset(str(path), reading=ReadingSection(header=0))
    assert data.frame.shape == (40, 3)
    assert data.frame["column_2"].tolist() == [str(at) for at in range(40)]


def test_no_names_of_another_format_are_refused(tmp_path):
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}).to_stata(tmp_path / "a.dta", write_index=False)
    with pytest.raises(sa.AnalysisError, match="0 of a file ending in"):
        read_dataset(str(tmp_path / "a.dta"), reading=ReadingSection(header=0))


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_names_that_come_again_get_a_number_where_that_is_said(tmp_path, suffix):
    table = pd.DataFrame([[1, 2, 3, 4], [5, 6, 7, 8]], columns=["id", "likes", "likes", "likes.2"])
    path = tmp_path / f"shops.{suffix}"
    table.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",")
    with pytest.raises(sa.AnalysisError, match=r"repeated_names = .number. in the plan"):
        read_dataset(str(path))
    data = read_dataset(str(path), reading=ReadingSection(repeated_names="number"))
    assert list(data.frame) == ["id", "likes", "likes.3", "likes.2"]
    assert any("names that come again are called likes.3" in note for note in data.notes)


def test_init_reads_such_a_file_and_its_plan_does_too(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    rows = [
        f"s{at} {rng.normal():.2f}  {rng.poisson(20)} {rng.gamma(2, 9):.2f}" for at in range(90)
    ]
    path = tmp_path / "blank.data"
    path.write_text("\n".join(rows), "utf-8")
    monkeypatch.chdir(tmp_path)
    roles = {"score": "column_2", "engagement": "column_3", "outcome": "column_4"}
    started = sa.init(
        "blank.data", separator="blank", header=0, kind="revenue", sesoi=0.05, **roles
    )
    text = started.plan.read_text("utf-8")
    assert 'separator = " "' in text
    assert "header    = 0" in text
    assert sa.check(started.plan).sample.rows == 90
