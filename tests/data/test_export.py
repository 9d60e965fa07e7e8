"""The Table Schema beside the data: what it refuses, and what `check` refuses, is the same."""

import json

import pytest
import shop

from analysis.data.dataset import read_dataset
from analysis.data.export import table_schema, write_schema
from analysis.data.sample import select_sample
from analysis.errors import DataError, OutputError
from analysis.plan import read_plan

BOOK = """
title = "Shops"
source = "made up"
licence = "CC0-1.0"
[columns.klout]
meaning = "influence score"
type = "number"
min = 0
max = 100
[columns.country]
meaning = "where the shop is"
type = "category"
levels = ["BE", "LU", "NL"]
"""
PLAN = {"row": "id", "controls__columns": ["country"]}


@pytest.fixture
def study(tmp_path):
    def make(data=None, **changes):
        (tmp_path / "shops.toml").write_text(BOOK)
        plan = read_plan(shop.write(tmp_path, data, **{**PLAN, **changes}))
        return plan, read_dataset(plan.dataset, folder=tmp_path)

    return make


def test_what_the_schema_says(study):
    plan, dataset = study()
    schema = table_schema(dataset, plan)
    fields = {field["name"]: field for field in schema["fields"]}
    assert list(fields) == list(dataset.frame)
    assert fields["klout"] == {
        "name": "klout",
        "type": "number",
        "description": "influence score",
        "constraints": {"minimum": 0, "maximum": 100},
    }
    assert fields["country"]["constraints"] == {"enum": ["BE", "LU", "NL"]}
    assert fields["revenue"] == {"name": "revenue", "type": "number", "constraints": {"minimum": 0}}
    assert fields["id"] == {"name": "id", "type": "string"}
    assert schema["primaryKey"] == ["id"]
    assert {"", "NA"} <= set(schema["missingValues"])
    assert table_schema(dataset)["fields"][0] == {"name": "id", "type": "string"}


BAD = {
    "good": {},
    "missing values": {"revenue": {3: "", 4: "NA"}},
    "above the range": {"klout": {3: 140}},
    "no number": {"klout": {3: "abc"}},
    "both": {"klout": {3: 140, 4: "abc"}},
    "negative revenue": {"revenue": {5: -10}},
    "no such level": {"country": {6: "ZZ"}},
    "an id twice": {"id": {7: "000"}},
    "text in engagement": {"likes": {8: "many"}},
    "a decimal comma": {"klout": {9: "4,5"}},
}


@pytest.mark.parametrize("cells", BAD.values(), ids=list(BAD))
def test_frictionless_agrees(tmp_path, study, cells):
    frictionless = pytest.importorskip("frictionless")
    plan, dataset = study(shop.spoiled(**cells))
    schema = frictionless.Schema.from_descriptor(table_schema(dataset, plan))
    resource = frictionless.Resource(path="shops.csv", basepath=str(tmp_path), schema=schema)
    report = resource.validate()
    try:
        select_sample(plan, dataset)
        faults = ""
    except DataError as error:
        faults = str(error)
    assert report.valid == (not faults), report.flatten(["rowNumber", "fieldName", "note"])
    for row in {row for changes in cells.values() for row in changes} if faults else ():
        assert f"row {row}" in faults
        assert row in {number for (number,) in report.flatten(["rowNumber"])}


def test_a_missing_column_is_in_the_schema(tmp_path, study):
    frictionless = pytest.importorskip("frictionless")
    plan, dataset = study(score__columns=["kred"])
    schema = frictionless.Schema.from_descriptor(table_schema(dataset, plan))
    report = frictionless.Resource(
        path="shops.csv", basepath=str(tmp_path), schema=schema
    ).validate()
    assert not report.valid
    with pytest.raises(DataError, match="no such column"):
        select_sample(plan, dataset)


def test_it_is_written_beside_the_data(tmp_path, study):
    plan, dataset = study(
        reading={"decimal": "."}, columns={"revenue": {"number": "plain", "thousands": ","}}
    )
    path = write_schema(dataset, plan)
    assert path == (tmp_path / "shops.schema.json").resolve()
    fields = {field["name"]: field for field in json.loads(path.read_text())["fields"]}
    assert fields["revenue"]["groupChar"] == ","
    assert write_schema(dataset, plan) == path
    path.write_text("mine")
    with pytest.raises(OutputError, match="no Table Schema"):
        write_schema(dataset, plan)
    assert path.read_text() == "mine"
    assert not list(tmp_path.glob(".shops*"))
