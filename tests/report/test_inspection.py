"""`check` for programs, the outcome of the period before, and the flow of rows."""

import json

import jsonschema
import pytest
import shop
from click.testing import CliRunner

from analysis.audit import analyse, check
from analysis.cli import cli
from analysis.data.disclosure import said_count
from analysis.errors import DataError
from analysis.plan import read_plan
from analysis.studies.confounding.study import is_before
from analysis.studies.influence.report import flow, rows_section

TEXT, WHOLE = {"type": "string"}, {"type": "integer", "minimum": 0}
RECORD = {
    "type": "object",
    "required": ["schema", "ok", "refused", "plan", "dataset", "equations", "checks", "error"],
    "properties": {
        "schema": {"const": 1},
        "ok": {"const": True},
        "refused": {"type": "boolean"},
        "error": {"type": "null"},
        "dataset": {
            "type": "object",
            "required": ["address", "sha256", "rows", "rows_used", "exclusions"],
            "properties": {"rows": WHOLE, "rows_used": WHOLE},
        },
        "equations": {
            "type": "array",
            "items": {"required": ["outcome", "kind", "model", "terms", "sesoi"]},
        },
        "checks": {
            "type": "array",
            "items": {"required": ["id", "check", "passed", "statistic", "reason", "refuses"]},
        },
    },
}
FAULT = {
    "type": "object",
    "required": ["place", "found", "allowed", "hint"],
    "additionalProperties": TEXT,
}
ERROR = {
    "type": "object",
    "required": ["schema", "ok", "error"],
    "properties": {
        "schema": {"const": 1},
        "ok": {"const": False},
        "error": {
            "required": ["kind", "where", "faults"],
            "properties": {"faults": {"items": FAULT, "minItems": 1}},
        },
    },
}


def test_check_as_json(tmp_path):
    path = shop.write(tmp_path)
    result = CliRunner().invoke(cli, ["check", str(path), "--json"])
    record = json.loads(result.stdout)
    jsonschema.validate(record, RECORD)
    assert record["dataset"]["rows"] == shop.ROWS
    assert record["equations"][0]["terms"][-1] == "klout"


def test_faults_as_json_all_at_once(tmp_path):
    path = shop.write(tmp_path, shop.spoiled(klout={3: "a\x1b[31m"}, revenue={4: -1}))
    result = CliRunner().invoke(cli, ["check", str(path), "--json"])
    record = json.loads(result.stdout)
    jsonschema.validate(record, ERROR)
    assert [fault["place"] for fault in record["error"]["faults"]] == [
        'column "klout" (score)',
        'column "revenue" (outcome)',
    ]
    assert "\x1b" not in result.stdout
    assert isinstance(result.exception, DataError)


def test_the_schema_is_written_even_where_the_data_are_wrong(tmp_path):
    path = shop.write(tmp_path, shop.spoiled(klout={3: "a"}))
    CliRunner().invoke(cli, ["check", str(path), "--schema"])
    assert json.loads((tmp_path / "shops.schema.json").read_text())["fields"]


# --- the period before ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "outcome", "expected"),
    [
        ("sales_2013", "sales_2014", True),
        ("sales_2015", "sales_2014", False),
        ("sales_lag1", "sales", True),
        ("last_year_sales", "sales", True),
        ("prev_sales", "sales_total", True),
        ("sales_region", "sales", False),
        ("sales", "sales", False),
        ("Lagged Sales", "sales", True),
        ("sales_before", "sales", True),
        ("lag", "sales", False),
        ("", "sales", False),
        ("y1", "y2", True),
        ("sales_1", "sales", False),
    ],
)
def test_names_of_the_period_before(name, outcome, expected):
    assert is_before(name, outcome) is expected


def test_the_outcome_of_the_period_before_is_suggested(tmp_path):
    frame = shop.table().assign(revenue_last_year=1.5)
    path = shop.write(tmp_path, frame.to_csv(index=False))
    (found,) = [found for found in check(path).checks if found.check == "last_period"]
    assert found.passed is None
    assert '"revenue_last_year" may be revenue of the period before' in found.reason
    used = shop.write(
        tmp_path,
        frame.assign(revenue_last_year=frame["klout"] ** 2).to_csv(index=False),
        controls__columns=["revenue_last_year"],
    )
    assert not [found for found in check(used).checks if found.check == "last_period"]


# --- the flow of rows -----------------------------------------------------------------------------


def test_the_flow_adds_up_and_is_described(tmp_path):
    cells = {"revenue": {3: "", 4: ""}, "klout": {9: ""}}
    path = shop.write(
        tmp_path, shop.spoiled(**cells), keep=[{"column": "country", "in": ["BE", "NL"]}]
    )
    audit = analyse(read_plan(path))
    steps = flow(audit)
    assert steps[0] == ("rows in the dataset", shop.ROWS, 0)
    assert steps[-1][1] == audit.sample.rows
    assert sum(lost for _, _, lost in steps) == shop.ROWS - audit.sample.rows
    section = rows_section(audit)
    for label, _, lost in steps[1:]:
        assert f"{said_count(lost)} left out, {label}" in section.figures[0].alt
    for reason, lost in audit.sample.exclusions.items():
        assert f"{reason} ({said_count(lost)})" in section.paragraphs[0]
    assert b"<svg" in section.figures[0].svg


def test_where_every_row_is_analysed_there_is_no_flow(tmp_path):
    assert rows_section(analyse(shop.write(tmp_path))) is None


def test_failed_checks_are_counted_at_the_end():
    frame = shop.table()
    calm = str(check(read_plan(shop.plan()), frame))
    assert calm.endswith("Plan and data are in order; nothing stands in the way of a run.")
    doubtful = frame.assign(klout=(3 * frame["likes"] + frame["klout"] / 50).round(2))
    told = str(check(read_plan(shop.plan()), doubtful))
    assert told.splitlines()[-1].startswith(
        ("Nothing stands in the way of a run, but", "The plan can be run, but")
    )


def test_halves_that_are_one_recording_are_refused():
    frame = shop.table().assign(
        again=lambda f: f["likes"], other=lambda f: f["likes"] + f["orders"]
    )
    said = shop.plan(engagement__halves={"likes": ["again", "likes2"]})
    frame["likes2"] = frame["again"]
    with pytest.raises(DataError, match="the same number in every row"):
        check(read_plan(said), frame)
    said["engagement"]["halves"] = {"likes": ["again", "other"]}
    check(read_plan(said), frame)
