"""The command as its user meets it: exit codes, one block of text, and nothing written when
something is wrong.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
import shop

from analysis import cli
from analysis.audit import analyse
from analysis.data.dataset import read_dataset
from analysis.plan import read_plan
from analysis.report.ledger import read_ledger

COMMAND = [str(Path(sys.executable).with_name("score-audit"))]


def called(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    """Call the command's own entry point in this process; return exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["score-audit", *map(str, arguments)])
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as left:
            cli.main()
    finally:
        signal.signal(signal.SIGTERM, before)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert "its own fault" not in err
    return left.value.code or 0, out, err


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: called(monkeypatch, capsys, *arguments)


def start(folder, *arguments, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


# --- bad input ------------------------------------------------------------------------------------

FRAME = shop.table()
CSV = shop.spoiled()
BAD = {
    "missing plan": ({}, None, ["no such file", 'Did you mean "study.toml"?']),
    "unknown key": (
        {"scroe": {"columns": ["klout"]}},
        CSV,
        ["study.toml", "scroe", 'Did you mean "score"?'],
    ),
    "missing column": (
        {"score__columns": ["klot"]},
        CSV,
        ["shops.csv", '"klot" (score)', 'Did you mean "klout"?'],
    ),
    "text in a numeric column": (
        {},
        shop.spoiled(likes={5: "many"}),
        ['"likes"', 'row 5 "many"', "numbers"],
    ),
    "negative revenue": (
        {},
        shop.spoiled(revenue={7: -3}),
        ['"revenue" (outcome)', "row 7 (-3)", "zero or more"],
    ),
    "counts that are not whole": (
        {"outcome__column": "orders", "outcome__kind": "count"},
        shop.spoiled(orders={4: 1.5}),
        ['"orders" (outcome)', "row 4 (1.5)", "whole numbers from 0"],
    ),
    "constant outcome": (
        {},
        FRAME.assign(revenue=2).to_csv(index=False),
        ['"revenue" (outcome)', "2 in each of 60 rows"],
    ),
    "constant score": (
        {},
        FRAME.assign(klout=2).to_csv(index=False),
        ['"klout" (score)', "at least two different values"],
    ),
    "perfect collinearity": (
        {"controls__columns": ["orders"]},
        FRAME.assign(orders=3 + 2 * FRAME["klout"]).to_csv(index=False),
        ['term "klout"', "an exact linear combination of orders"],
    ),
    "too few rows": (
        {},
        FRAME.head(12).to_csv(index=False),
        ["12 rows for 3 coefficients", "ten rows more"],
    ),
    "repeated ids": (
        {"row": "id"},
        shop.spoiled(id={9: "003"}),
        ['"id" (row)', "row 9 (003)", 'duplicates = "first"'],
    ),
    "infinities": (
        {},
        shop.spoiled(klout={6: "inf"}),
        ['"klout" (score)', 'row 6 "inf"', "finite numbers"],
    ),
    "an empty file": ({}, "", ["shops.csv", "an empty file"]),
    "another format": (
        {},
        shop.xlsx(FRAME),
        ["shops.csv", "a zip archive or an Excel file", ".csv promises"],
    ),
    "CRV1 without clusters": (
        {"inference": {"covariance": "CRV1"}},
        CSV,
        ["[inference] covariance", "[cluster]"],
    ),
    "two roles": ({"engagement__columns": ["klout"]}, CSV, ['"klout"', "score and engagement"]),
    "no such data": (
        {"dataset": "shosp.csv"},
        CSV,
        ["no such dataset", 'Did you mean "shops.csv"?'],
    ),
    "data outside the project": ({"dataset": "../shops.csv"}, CSV, ["leaves the project"]),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_block_and_exit_2_and_nothing_is_written(run, tmp_path, case, command):
    changes, data, pieces = BAD[case]
    shop.write(tmp_path, data, **changes)
    before = shop.hashes(tmp_path)
    code, out, err = run(command, "./studdy.toml" if case == "missing plan" else "study.toml")
    assert code == 2
    assert out == ""
    for piece in pieces:
        assert piece in err
    block = err[
        err.index(next(line for line in err.splitlines() if line.endswith(("1 fault", "faults")))) :
    ]
    assert all(line.startswith("  ") for line in block.splitlines()[1:])
    assert "found:" in block
    assert "allowed:" in block
    assert shop.hashes(tmp_path) == before


def test_a_wrong_hash_against_the_codebook(run, tmp_path):
    shop.write(tmp_path)
    sha256 = read_dataset("shops.csv", folder=tmp_path).sha256
    book = f'title = "x"\nsource = "x"\nlicence = "x"\nsha256 = "{sha256}"\n'
    (tmp_path / "shops.toml").write_text(book)
    assert run("check", "study.toml")[0] == 0
    shop.write(tmp_path, shop.spoiled(revenue={4: 1}))
    before = shop.hashes(tmp_path)
    code, _, err = run("run", "study.toml")
    assert code == 2
    assert "SHA-256" in err
    assert sha256 in err
    assert shop.hashes(tmp_path) == before


def test_bad_input_leaves_the_old_results_and_their_history(run, tmp_path):
    shop.write(tmp_path, quick=True)
    assert run("run", "study.toml")[0] == 0
    before = shop.hashes(tmp_path / "results")
    shop.write(tmp_path, shop.spoiled(revenue={4: -1}), quick=True)
    assert run("run", "study.toml")[0] == 2
    assert shop.hashes(tmp_path / "results") == before


@pytest.mark.parametrize("plan", ["movie", "MOVIES", "moveis"])
def test_an_unknown_plan(run, plan):
    code, out, err = run("run", plan)
    assert (code, out) == (2, "")
    assert 'Did you mean "movies"?' in err


# --- usage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "piece"),
    [
        (["run"], "Missing argument 'PLAN'"),
        (["rum", "movies"], "No such command 'rum'"),
        (["run", "movies", "--ouy", "x"], "No such option"),
        (["run", "a", "b"], "unexpected extra argument"),
        (["check", "movies", "--price", "ten"], "not a valid float"),
        (["check", "movies", "--share", "0.1"], "--share goes with --price"),
        (["check", "movies", "--price", "0"], "more than 0"),
        (["cite"], "Missing argument"),
        (["verify"], "Missing argument"),
    ],
)
def test_usage_errors(run, arguments, piece):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert piece in err
    assert "Usage: score-audit" in err


def test_without_arguments_there_is_help(run):
    code, out, err = run()
    assert (code, err) == (2, "")
    assert "Usage: score-audit" in out
    commands = ("init", "check", "run", "cite", "verify", "new-notebook", "lab")
    places = [out.index(f"\n  {command} ") for command in commands]
    assert places == sorted(places), "in the order in which one needs them"
    assert "..." not in out.partition("Commands:")[2]


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize(
    "command", [[], ["init"], ["run"], ["check"], ["cite"], ["verify"], ["new-notebook"], ["lab"]]
)
def test_help(run, command, option):
    code, out, err = run(*command, *([option] if command != ["lab"] else ["--help"]))
    assert (code, err) == (0, "")
    assert out.startswith("Usage: score-audit")


def test_version(run):
    assert run("--version")[1].startswith("score-audit, version ")


def test_help_does_not_wait_for_the_heavy_libraries(tmp_path):
    seconds = []
    for _ in range(6):
        before = os.times()
        subprocess.run([*COMMAND, "--help"], check=True, capture_output=True, cwd=tmp_path)
        after = os.times()  # processor time: a busy machine is no fault of the command
        seconds.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    assert statistics.median(seconds[1:]) < 0.5
    code = (
        "import sys, analysis, analysis.cli; print([n for n in ('numpy', 'pandas', 'statsmodels')"
        " if n in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert loaded.stdout.strip() == "[]"


# --- a run ----------------------------------------------------------------------------------------


def test_the_verdict_is_printed_before_what_only_informs_and_its_word_stays(tmp_path, monkeypatch):
    shop.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    order, first = [], []

    def decided(findings):
        order.append("verdict")
        first.extend((v.verdict, v.direction, v.deciding.id) for v in findings.decided)

    findings = analyse("study.toml", progress=order.append, decided=decided)
    assert order.index("verdict") < order.index("Segments") < order.index("Deciding")
    assert first == [(v.verdict, v.direction, v.deciding.id) for v in findings.decided]
    shares = [step.done for step in order if hasattr(step, "done")]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1


def test_a_quick_run_is_that_of_a_quick_plan_and_is_verified_as_such(run, tmp_path):
    shop.write(tmp_path)
    code, out, _ = run("run", "study.toml", "--quick")
    assert (code, out.startswith("This run is quick")) == (0, True)
    ledger = read_ledger(tmp_path / "results/shops/ledger.json")
    assert ledger["environment"]["quick"]
    assert not [row for row in ledger["estimates"] if "/placebo/" in row["id"]]
    assert ledger["plan"]["sha256"] == read_plan("study.toml").sha256
    assert run("verify", "results/shops")[0] == 0


def test_a_profile_books_processor_time_to_studies_and_imports(run, tmp_path):
    shop.write(tmp_path)
    _, _, err = run("run", "study.toml", "--quick", "--profile")
    table = [line.split(" s  ") for line in err.splitlines() if " s  " in line]
    total, *parts = [float(seconds) for seconds, _ in table]
    assert table[0][1] == "processor time"
    assert sum(parts) == pytest.approx(total, abs=0.2)
    assert {"study noise", "write figures"} <= {name for _, name in table}


def test_a_run_prints_verdict_and_report_and_steps_go_to_stderr(run, tmp_path):
    shop.write(tmp_path)
    code, out, err = run("run", "study.toml")
    assert code == 0
    assert out.startswith("revenue | klout: ")
    assert out.rstrip().endswith("Report: results/shops/report.html")
    assert "Result id: shops/revenue/klout\n" in out
    assert "\r" not in err
    assert err.splitlines()[0] == "Loading"
    assert (tmp_path / "results" / "shops" / "report.html").is_file()


def test_a_run_says_which_keys_have_changed_since_the_first_on_these_data(run, tmp_path):
    shop.write(tmp_path)
    assert "has changed" not in run("run", "study.toml")[1]
    shop.write(tmp_path, outcome__sesoi=0.5, inference={"level": 0.9})
    out = run("run", "study.toml")[1].splitlines()
    assert "sesoi has changed since the first run on these data: 0.05 then, 0.5 now" in out
    assert (
        "level in [inference] has changed since the first run on these data: nothing then, 0.9 now"
        in out
    )


def test_sentences_are_wrapped_on_a_terminal_only(capsys, monkeypatch):
    cli._tell("word " * 40)
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    cli._tell("word " * 40)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 60


def test_verify_counts_ledger_and_article_apart(run, tmp_path):
    shop.write(tmp_path, quick=True)
    assert run("run", "study.toml")[0] == 0
    (tmp_path / "a.md").write_text("Nothing is cited.")
    code, out, _ = run("verify", "shops", "--text", "a.md")
    assert (code, out.splitlines()[-1]) == (1, "Article: no result id or macro found in a.md.")
    assert " comparisons are the same." in out.splitlines()[-2]
    code, out, _ = run("verify", "shops")
    assert (code, len(out.splitlines())) == (0, 1)
    code, out, err = run("verify", "nope")
    assert (code, out) == (2, "")
    assert "no ledger.json in nope" in err


def test_check_says_what_would_be_analysed_and_writes_nothing(run, tmp_path):
    shop.write(tmp_path, shop.spoiled(klout={4: ""}))
    before = shop.hashes(tmp_path)
    code, out, err = run("check", "study.toml", "--price", "1", "--share", "0.5")
    assert (code, err) == (0, "")
    assert "left out, missing klout: fewer than 5" in out
    assert "analysed: 59 rows" in out
    assert "SESOI from a price" in out
    assert shop.hashes(tmp_path) == before


def test_a_refused_verdict_is_no_failure(run, tmp_path):
    shop.write(
        tmp_path, FRAME.assign(klout=FRAME["likes"] + FRAME.index % 2 * 1e-3).to_csv(index=False)
    )
    code, out, _ = run("run", "study.toml")
    assert code == 0
    assert out.startswith("revenue | klout: refused")


def test_the_command_itself(tmp_path):
    """Once through the installed script: exit codes 0 and 2, and what goes where."""
    shop.write(tmp_path, quick=True)
    done = start(tmp_path, "run", "study.toml", "--out", "here")
    out, err = done.communicate(timeout=120)
    assert (done.returncode, "Traceback" in err) == (0, False)
    assert "Report: here/report.html" in out
    before = shop.hashes(tmp_path)
    failed = start(tmp_path, "run", "nope.toml")
    out, err = failed.communicate(timeout=60)
    assert (failed.returncode, out) == (2, "")
    assert "no such file" in err
    assert "Traceback" not in err
    assert shop.hashes(tmp_path) == before


@pytest.mark.parametrize(
    ("number", "after"), [(signal.SIGINT, "Fitting"), (signal.SIGTERM, "Drawing")]
)
def test_an_interrupted_run_leaves_the_old_results(run, tmp_path, number, after):
    shop.write(tmp_path, quick=True)
    assert run("run", "study.toml")[0] == 0
    before = shop.hashes(tmp_path)
    process = start(
        tmp_path,
        "run",
        "study.toml",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for line in process.stderr:
        if line.startswith(after):
            process.send_signal(number)
            break
    rest = process.stderr.read()
    process.stdout.close()
    assert process.wait(timeout=60) == 3
    assert "Interrupted" in rest
    assert "Traceback" not in rest
    assert shop.hashes(tmp_path) == before


def test_a_fault_of_our_own_is_no_traceback_either(monkeypatch, capsys, tmp_path):
    """An error nobody thought of ends in a block that says whose fault it is and where the details
    are.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(import_module("analysis.audit"), "analyse", lambda *a, **k: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["score-audit", "run", "movies"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    err = capsys.readouterr().err
    assert left.value.code == 2
    assert "score-audit failed, which is its own fault: ZeroDivisionError" in err
    assert "Traceback" not in err
    (details,) = tmp_path.glob("score-audit-fault-*.txt")
    assert "Traceback" in details.read_text()
    assert str(details) in err


def without_progress(err):
    """Return what is said beside the steps, which a busy machine takes long enough to tell."""
    lines = err.splitlines()
    return "".join(line for line in lines if not line.startswith(("Reading ", "Looking at ")))


def test_a_terminal_that_cannot_show_a_character(tmp_path):
    shop.write(tmp_path, question="Où est l’argent – 金?")
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    process = start(tmp_path, "check", "study.toml", env=environment, encoding="latin-1")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, without_progress(err)) == (0, "")
    assert "Où est l\\u2019argent \\u2013 \\u91d1?" in out


def test_a_reader_who_has_seen_enough(tmp_path):
    shop.write(tmp_path, quick=True)
    process = start(tmp_path, "check", "study.toml")
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=60) == 0
    assert without_progress(err) == ""


def test_hostile_names_do_not_reach_the_terminal(run, tmp_path):
    name = "k\x1b[31m\u202elout\n2"
    frame = FRAME.rename(columns={"klout": name})
    shop.write(tmp_path, frame.to_csv(index=False), score__columns=[name])
    for command in ("check", "run"):
        code, out, err = run(command, "study.toml")
        assert code == 0
        assert all(char == "\n" or char.isprintable() for char in out + err)


def test_work_that_takes_long_says_what_it_does(monkeypatch, capsys):
    monkeypatch.setattr(cli, "QUIET", 0.02)
    with cli._progress_of_long_work() as progress:
        progress("Reading shops.csv")
        time.sleep(0.2)
        progress("Looking at the rows")
    assert capsys.readouterr().err.splitlines() == ["Reading shops.csv", "Looking at the rows"]
    monkeypatch.setattr(cli, "QUIET", 5.0)
    with cli._progress_of_long_work() as progress:
        progress("Reading shops.csv")
    assert capsys.readouterr().err == ""
