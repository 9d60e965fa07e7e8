"""The benchmark compares before it times, and the docs say what its results say."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
PAIRS = 5
AGREEMENT = 1e-5  # the loosest that any row may be: a peer that stops at its default tolerance

pytestmark = pytest.mark.skipif(
    not BENCHMARKS.exists(), reason="only an installed copy, without benchmarks/"
)


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results():
    return json.loads((BENCHMARKS / "results.json").read_text(encoding="utf-8"))


# --- what is stored ---


def test_every_row_is_complete(results):
    required = set(load("run").REQUIRED)
    for row in results["rows"]:
        assert required <= set(row), row["work"]
        assert row["ours_s"] > 0
        assert row["peer_s"] is None or row["peer_s"] > 0
        assert row["n"] > 0
        assert row["load"] >= 0
    for row in results["skipped"]:
        assert set(row) == {"part", "work", "peer", "reason"}


def test_the_stored_results_are_no_trial(results):
    assert results["quick"] is False
    for row in results["rows"]:
        if row["part"] not in ("engine", "audit"):  # whole processes, which take minutes
            assert row["runs"] >= PAIRS, row["work"]
            assert row["max_rel_diff"] < AGREEMENT, row["work"]
            assert row["extrapolated"] is None or row["extrapolated"] > 1


def test_every_ratio_is_that_of_its_times(results):
    for row in results["rows"]:
        if row["peer_s"] is None:
            assert row["ratio"] is None
            continue
        assert row["ratio"] == pytest.approx(row["peer_s"] / row["ours_s"], rel=1e-12), row["work"]


def test_every_part_is_there(results):
    told = {row["part"] for row in [*results["rows"], *results["skipped"]]} | (
        {"growth"} if results["growth"] else set()
    )
    assert set(load("run").PARTS) - {"engine"} <= told | set(results["failed"])


def test_the_page_is_made_from_the_results(results):
    assert (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == load("report").render(
        results
    )
    assert (ROOT / "docs" / "growth.svg").exists()
    assert (ROOT / "docs" / "growth.png").exists()


# --- what the page says ---

ROW = {
    "part": "curve",
    "work": "some work",
    "peer": "a peer",
    "ours_s": 2.0,
    "peer_s": 20.0,
    "ratio": 10.0,
    "goal": 80,
    "max_rel_diff": 1e-12,
    "n": 100,
    "runs": 5,
    "kernel": "Haswell",
    "threads": "1",
    "extrapolated": None,
    "load": 0.5,
}


def page(*rows, skipped=()):
    machine = {
        "cpu": "a processor",
        "cores": 2,
        "system": "Linux",
        "python": "3.12.1",
        "packages": {},
    }
    results = {
        "quick": False,
        "machine": machine,
        "rows": rows,
        "skipped": skipped,
        "failed": [],
        "growth": [],
    }
    return load("report").render(results)


def test_a_goal_that_is_missed_is_named():
    assert "- some work against a peer: 10x, where the goal is >= 80x (load 0.50)." in page(ROW)
    assert "Every goal of the tables above is reached." in page(ROW | {"goal": 10})
    assert ": 2 s, where the goal is <= 500 ms" in page(ROW | {"goal": 10, "goal_s": 0.5})
    assert ": 51 MiB, where the goal is <= 50 MiB more" in page(
        ROW | {"goal": None, "goal_mib": 50, "extra_mib": 51.0}
    )


def test_an_extrapolation_and_a_missing_peer_are_named():
    said = page(ROW | {"extrapolated": 16}, skipped=[ROW | {"reason": "it is not installed"}])
    assert "20 s, extrapolated x16" in said
    assert "not run: it is not installed" in said
    assert "- some work, a peer: it is not installed." in said
    assert "data larger than memory (DuckDB, Spark): that part was not run" in said


def test_where_the_time_goes_is_a_column_a_study_and_adds_up():
    profiles = [
        {
            "study": study,
            "runs": 3,
            "day": "2026-01-02",
            "seconds": {"processor time": 5.0, "study noise": much, "rest": 0.1, "yardstick": 2.0},
        }
        for study, much in (("movies", 4.9), ("lending", 0.15))
    ]
    results = {"profiles": profiles}
    said = load("report").profile_section(results)
    assert "| **processor time, s** | 5.0 | 5.0 |" in said
    assert "| in yardsticks | 2.5 | 2.5 |" in said
    assert "| study noise | 4.90 | 0.15 |" in said  # a line of its own where one study has it
    assert "| everything smaller | 0.10 | 0.10 |" in said
    assert load("report").profile_section({}) == []


def test_a_profile_is_the_median_of_what_a_run_prints(tmp_path):
    profiles = load("profiles")
    printed = "print('   14.10 s  processor time\\n    0.50 s  import pandas\\nThe verdict')"
    assert profiles.told([printed], tmp_path) == {"processor time": 14.1, "import pandas": 0.5}
    seen = [{"a": 1.0}, {"a": 3.0, "b": 9.0}, {"a": 2.0}]
    assert profiles.medians(seen) == {"a": 2.0, "b": 0.0}


# --- how it is measured ---


def test_no_time_is_told_where_the_results_differ():
    bench = load("harness").Bench("curve", quick=True)
    with pytest.raises(SystemExit, match=r"the results differ by 0\.5"):
        bench.compare(
            "work", "peer", lambda: 1.0, lambda: 2.0, lambda a, b: abs(a - b) / b, n=1, goal=None
        )
    with pytest.raises(SystemExit, match="nan"):
        bench.compare(
            "work", "peer", lambda: 1.0, lambda: 2.0, lambda a, b: float("nan"), n=1, goal=None
        )
    assert bench.rows == []


def test_both_take_turns_and_the_part_done_is_multiplied():
    calls = []
    bench = load("harness").Bench("curve", quick=False)
    bench.compare(
        "work",
        "peer",
        lambda: calls.append("ours"),
        lambda: calls.append("peer"),
        lambda a, b: 0.0,
        n=1,
        goal=None,
        times=4,
    )
    assert calls[: 2 * PAIRS + 2] == ["ours", "peer"] * (PAIRS + 1)
    (row,) = bench.rows
    assert row["extrapolated"] == 4
    assert row["runs"] == PAIRS


def test_a_peer_that_is_not_installed_is_left_out_with_the_reason():
    bench = load("harness").Bench("curve", quick=False)
    assert not bench.has("work", "peer", "no_such_module_anywhere")
    assert "not installed" in bench.skipped[0]["reason"]


def test_a_part_that_is_run_again_replaces_only_its_own_rows():
    run = load("run")
    old = {
        "rows": [ROW, ROW | {"part": "cold"}],
        "skipped": [],
        "failed": ["poisson"],
        "growth": [1],
    }
    none = {"rows": [], "skipped": [], "growth": []}
    new = {"curve": none | {"rows": [ROW | {"work": "new"}]}, "engine": none | {"failed": "engine"}}
    merged = run.merge(old, new)
    assert [(row["part"], row["work"]) for row in merged["rows"]] == [
        ("curve", "new"),
        ("cold", "some work"),
    ]
    assert merged["failed"] == ["engine", "poisson"]
    assert merged["growth"] == [1]
    assert merged["days"].keys() == {"curve", "engine"}  # of the others nothing was known
    again = run.merge(merged | {"days": {"cold": "2026-01-01", "curve": "2026-01-01"}}, new)
    assert again["days"]["cold"] == "2026-01-01" < again["days"]["curve"]


def test_the_page_says_when_each_part_was_measured():
    machine = {
        "cpu": "a processor",
        "cores": 2,
        "system": "Linux",
        "python": "3.12.1",
        "packages": {},
    }
    results = {
        "quick": False,
        "machine": machine,
        "rows": [ROW],
        "skipped": [],
        "failed": [],
        "growth": [],
        "days": {"curve": "2026-01-02", "cold": "2026-01-01"},
    }
    said = load("report").render(results)
    assert "Measured on 2026-01-01: cold.\nMeasured on 2026-01-02: curve." in said


def test_a_small_run_agrees_with_the_peers(tmp_path):
    command = [
        sys.executable,
        str(BENCHMARKS / "run.py"),
        "--quick",
        "--only",
        "curve",
        "--folder",
        str(tmp_path),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["quick"] is True
    assert {row["peer"] for row in results["rows"]} >= {"statsmodels arrays", "statsmodels loop"}
    assert max(row["max_rel_diff"] for row in results["rows"]) < 1e-9
    assert "these times say nothing" in (tmp_path / "benchmarks.md").read_text(encoding="utf-8")


def test_a_trial_does_not_reach_the_docs():
    run = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--quick"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "--quick needs --folder" in run.stderr
