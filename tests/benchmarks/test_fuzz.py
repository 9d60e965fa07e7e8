"""A short run of the fuzzer; benchmarks/fuzz.py has the long one."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from analysis.data.dataset import from_frame
from analysis.data.sample import select_sample
from analysis.plan import read_plan

FUZZ = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz.py"

pytestmark = pytest.mark.skipif(
    not FUZZ.exists(), reason="only an installed copy, without benchmarks/"
)


@pytest.fixture(scope="module")
def fuzz():
    pytest.importorskip("pyarrow")
    pytest.importorskip("python_calamine")
    spec = importlib.util.spec_from_file_location("fuzz", FUZZ)
    module = importlib.util.module_from_spec(spec)
    __import__("sys").modules["fuzz"] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_damaged_files_and_plans_end_in_a_result_or_a_clear_error(fuzz):
    tally = fuzz.run(300, 20121105)
    assert tally.failures == []
    assert set(tally.ends) == {"result", "error"}
    assert min(tally.ends.values()) > 30


def test_an_input_depends_on_its_seed_alone(fuzz, tmp_path):
    contents = []
    for _ in range(2):
        fuzz.case(tmp_path, np.random.default_rng([3, 5]))
        contents.append(
            {
                path.name: path.read_bytes()
                for path in tmp_path.iterdir()
                if path.suffix != ".sqlite"
            }
        )
    assert contents[0] == contents[1]


def test_a_run_that_goes_on_is_the_same_run_and_its_record_counts_every_input(
    fuzz, tmp_path, monkeypatch, capsys
):
    whole, rest = fuzz.run(12, 5), fuzz.run(12, 5, start=9)
    assert rest.ends.total() == 4
    assert (whole.ends - fuzz.run(8, 5).ends) == rest.ends
    record = tmp_path / "fuzz.jsonl"
    monkeypatch.setattr(
        "sys.argv", ["fuzz.py", "--count", "6", "--seed", "5", "--record", str(record)]
    )
    assert fuzz.main() == 0
    (line,) = record.read_text(encoding="utf-8").splitlines()
    found = json.loads(line)
    assert found["inputs"] == sum(found["ends"].values()) == 6
    assert sum(sum(ends.values()) for ends in found["by_kind"].values()) == 6
    assert found["by_route"] == {"read": found["ends"]}
    assert found["failures"] == []
    assert {"date", "commit", "seed", "seconds"} <= set(found)


def test_the_fuzzer_has_run_whole_and_found_nothing():
    lines = FUZZ.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(lines[-1])
    assert last["inputs"] >= 10_000
    assert set(last["ends"]) == {"result", "error"}
    assert last["failures"] == []


def test_a_decimal_comma_read_as_thousands_would_be_seen(fuzz):
    frame = fuzz.table(np.random.default_rng(1))
    said = read_plan(
        {
            "name": "x",
            "question": "?",
            "dataset": "x",
            "score": {"columns": ["klout"]},
            "engagement": {"columns": ["likes"]},
            "outcome": [{"column": "revenue", "kind": "revenue", "sesoi": 0.1}],
        }
    )
    right = select_sample(said, from_frame(frame))
    wrong = select_sample(said, from_frame(frame.assign(revenue=100 * frame["revenue"])))
    one = fuzz.Case(FUZZ, frame, {3}, "csv", tuple(range(2, fuzz.ROWS + 2)))
    assert fuzz.misread(right, one) == ""
    assert "revenue in row 2" in fuzz.misread(wrong, one)


def test_a_lone_carriage_return_moves_the_rows_below_it_and_no_value(fuzz, tmp_path):
    frame = fuzz.table(np.random.default_rng(1))
    cells = fuzz.written(frame, "csv")
    cells[20][0] = "\r"
    fuzz.encode(tmp_path / "shops.csv", cells, "csv")
    numbers = fuzz.numbers_of(cells, "csv")
    assert (numbers[18], numbers[19], numbers[-1]) == (20, 22, fuzz.ROWS + 2)
    assert fuzz.numbers_of(cells, "parquet")[-1] == fuzz.ROWS + 1
    plan = tmp_path / "study.toml"
    plan.write_text(
        'name = "x"\nquestion = "?"\ndataset = "shops.csv"\n[score]\ncolumns = ["klout"]\n'
        '[engagement]\ncolumns = ["likes"]\n'
        '[[outcome]]\ncolumn = "revenue"\nkind = "revenue"\nsesoi = 0.1\n',
        encoding="utf-8",
    )
    one = fuzz.Case(plan, frame, {22}, "csv", numbers)
    assert fuzz.attempt(one, "read") == "result"
