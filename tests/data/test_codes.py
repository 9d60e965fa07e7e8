"""Words and numbers that stand for a missing value: declared in the plan, raw data untouched."""

import numpy as np
import pandas as pd
import pytest
import shop

from analysis.audit import check
from analysis.data.dataset import read_dataset
from analysis.data.export import table_schema
from analysis.errors import DataError, PlanError
from analysis.plan import read_plan


def coded(cell: object = -999, column: str = "klout", rows: tuple[int, ...] = (3, 8, 20)):
    frame = shop.table().astype({column: object})
    frame.loc[[row - 2 for row in rows], column] = cell
    return frame


def sample(folder, frame, codes, **changes):
    said = {"missing_values": codes} | changes.pop("reading", {})
    text = frame if isinstance(frame, str) else frame.to_csv(index=False)
    return check(shop.write(folder, text, reading=said, **changes)).sample


@pytest.mark.parametrize("codes", [[-999], ["-999"], {"klout": [-999]}, ["n/d", -999.0]])
def test_a_number_for_the_file_or_a_column_is_a_gap(tmp_path, codes):
    assert sample(tmp_path, coded(), codes).exclusions == {"missing klout": 3}


@pytest.mark.parametrize("word", ["NaN%", "n/d", "-", "keine Angabe"])
def test_a_word_is_a_gap(tmp_path, word):
    assert sample(tmp_path, coded(word), [word]).exclusions == {"missing klout": 3}


def test_of_another_column_it_says_nothing(tmp_path):
    with pytest.raises(DataError, match="3 cells are not numeric"):
        sample(tmp_path, coded("n/d"), {"revenue": ["n/d"]})


@pytest.mark.parametrize("cell", ["9999", "9999.0", 9999, " 9999 "])
def test_a_number_is_found_however_it_is_written(tmp_path, cell):
    assert sample(tmp_path, coded(cell), [9999]).exclusions == {"missing klout": 3}


def test_decimal_commas_and_conversions_are_read_before_they_are_compared(tmp_path):
    frame = coded("-99,90", "revenue").astype(str)
    frame["revenue"] = frame["revenue"].str.replace(".", ",", regex=False)
    frame["klout"] = frame["klout"].str.replace(".", ",", regex=False)
    text = frame.to_csv(index=False, sep=";")
    assert sample(tmp_path, text, [-99.9]).exclusions == {"missing revenue": 3}
    money = shop.table()
    money["revenue"] = money["revenue"].map(lambda value: f"${value:,.2f}").astype(object)
    money.loc[[1, 2], "revenue"] = "$9,999"
    read = sample(tmp_path, money, [9999], columns={"revenue": {"number": "money"}})
    assert read.exclusions == {"missing revenue": 2}


@pytest.mark.parametrize("ending", ["parquet", "xlsx", "csv"])
def test_in_every_kind_of_file(tmp_path, ending):
    frame = shop.table()
    frame.loc[[1, 2, 3], "klout"] = 9999
    content = {
        "parquet": lambda: frame.to_parquet(index=False),
        "xlsx": lambda: shop.xlsx(frame),
        "csv": lambda: frame.to_csv(index=False),
    }[ending]()
    said = {"missing_values": {"klout": [9999]}}
    seen = check(shop.write(tmp_path, content, name=f"shops.{ending}", reading=said)).sample
    assert seen.exclusions == {"missing klout": 3}
    assert "found in klout" in seen.dataset.notes[-1]


def test_of_a_table_in_memory_too():
    frame = coded()
    frame["klout"] = frame["klout"].astype(float)
    plan = shop.plan(reading={"missing_values": [-999]})
    assert check(plan, frame).sample.exclusions == {"missing klout": 3}
    assert not np.isnan(frame["klout"]).any()


def test_the_codebook_may_declare_it_and_the_schema_tells_others(tmp_path):
    plan = shop.write(tmp_path, coded().to_csv(index=False))
    (tmp_path / "shops.toml").write_text("[reading]\nmissing_values = [-999]\n", "utf-8")
    assert check(plan).sample.exclusions == {"missing klout": 3}
    dataset = read_dataset("shops.csv", folder=tmp_path)
    assert "-999" in table_schema(dataset)["missingValues"]


def test_a_code_that_no_cell_has_is_said_and_a_column_that_is_not_there_refused(tmp_path):
    notes = sample(tmp_path, shop.table(), [-1e6]).dataset.notes
    assert "found in no cell" in notes[-1]
    with pytest.raises(DataError, match=r'missing_values, "klot"') as error:
        sample(tmp_path, coded(), {"klot": [-999]})
    assert 'Did you mean "klout"' in str(error.value)


@pytest.mark.parametrize("said", [[True], 999, {"klout": -999}, [[1]], [""]])
def test_a_wrong_value_of_the_key(said):
    with pytest.raises(PlanError, match="missing_values") as error:
        read_plan(shop.plan(reading={"missing_values": said}))
    assert 'such as ["n/a", 9999]' in str(error.value)


def test_categories_lose_the_level(tmp_path):
    frame = shop.table()
    frame["country"] = pd.Categorical(
        ["XX" if n % 7 == 0 else c for n, c in enumerate(frame.country)]
    )
    content = frame.to_parquet(index=False)
    said = {"reading": {"missing_values": ["XX"]}, "controls": {"columns": ["country"]}}
    seen = check(shop.write(tmp_path, content, name="shops.parquet", **said)).sample
    assert "missing country" in seen.exclusions
    assert "XX" not in set(seen.frame["country"])
