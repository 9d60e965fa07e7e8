"""The result folder: whatever happens, the complete old or the complete new results, and the user's
own files.
"""

import contextlib
import errno
import functools
import json
import os
import random
import shutil
import signal
import stat
import time
from pathlib import Path

import pandas as pd
import pytest
import shop

from analysis.audit import analyse
from analysis.errors import OutputError
from analysis.report import folder as module
from analysis.report import place as places
from analysis.report.folder import OURS, read_history, write_or_rescue, write_results
from analysis.report.html import changed_keys
from analysis.report.views import Audit
from analysis.results import data_figure, effect_figure
from analysis.results.figure import Figure

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
VOLATILE = {"ledger.json", "report.html", "history.jsonl"}


@pytest.fixture(scope="module")
def old():
    return analyse(shop.plan(), data=shop.table())


@pytest.fixture(scope="module")
def new():
    """Another finding under the same name: a file more in tables/ and figures/, and other
    numbers.
    """
    outcomes = [{"column": name, "kind": "revenue", "sesoi": 0.1} for name in ("revenue", "orders")]
    return analyse(
        shop.plan(outcome=outcomes), data=shop.table().assign(orders=shop.table()["orders"] + 1)
    )


def kept(function):
    """Return a function that keeps its answers by the first argument and by how it is asked."""
    answers = {}

    @functools.wraps(function)
    def asked(first, *more):
        key = (id(first), *(text for text in more if isinstance(text, str)))
        if key not in answers:
            answers[key] = (first, function(first, *more))  # what is held keeps its id
        return answers[key][1]

    return asked


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch):
    """Draw each figure once for the whole module: these tests are about files."""
    for name, where in DRAWN.items():
        monkeypatch.setattr(where, name, CACHED[name])


DRAWN = {
    "data_figure": data_figure,
    "effect_figure": effect_figure,
    "sections_of": module,
    "_drawn": Figure,
}
CACHED = {name: kept(getattr(where, name)) for name, where in DRAWN.items()}


def beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir() if path != folder)


def refusal(findings, folder) -> str:
    with pytest.raises(OutputError) as caught:
        write_results(findings, folder)
    return str(caught.value)


@contextlib.contextmanager
def filled_fast(monkeypatch, tmp_path, *all_findings):
    """Fill folders with what was written once, so that a test meets the exchange and not the
    drawing.
    """
    made = {}
    for number, findings in enumerate(all_findings):
        source = write_results(findings, tmp_path / f"made-{number}" / "shops")
        made[id(findings)] = source

    def fill(findings, staging, folder, library, progress):
        shutil.copytree(made[id(findings)], staging, dirs_exist_ok=True)

    monkeypatch.setattr(module, "_fill", fill)
    yield {key: shop.hashes(source) for key, source in made.items()}


# --- what is written ------------------------------------------------------------------------------


def test_the_files_of_the_contract(old, tmp_path):
    folder = write_results(old, tmp_path / "a" / "b" / "shops")
    assert folder == (tmp_path / "a" / "b" / "shops").resolve()
    found = set(shop.hashes(folder))
    assert {
        "ledger.json",
        "verdicts.csv",
        "estimates.csv",
        "checks.csv",
        "report.html",
        "numbers.tex",
        "citation.bib",
        "citation.json",
        "history.jsonl",
    } <= found
    for ending in ("md", "tex", "html", "docx"):
        assert f"tables/effects-1.{ending}" in found
    for ending in ("svg", "png"):
        assert f"figures/effect-1.{ending}" in found
    assert all(OURS.fullmatch(name) for name in found - {"tables", "figures"}), (
        "OURS must know all that a run writes"
    )
    assert beside(folder) == []


def test_two_runs_differ_only_where_they_may(old, tmp_path, monkeypatch):
    for name, drawn in CACHED.items():
        monkeypatch.setattr(DRAWN[name], name, drawn.__wrapped__)
    folder = write_results(old, tmp_path / "shops")
    first, report = shop.hashes(folder), (folder / "report.html").read_text("utf-8")
    ledger = json.loads((folder / "ledger.json").read_text("utf-8"))
    time.sleep(1.1)
    write_results(old, folder)
    second = shop.hashes(folder)
    assert set(first) == set(second)
    assert {name for name in first if first[name] != second[name]} <= VOLATILE
    again = json.loads((folder / "ledger.json").read_text("utf-8"))
    assert ledger.pop("environment") != again.pop("environment")
    assert ledger.pop("seal") != again.pop("seal")
    files = ledger.pop("files"), again.pop("files")
    assert [*files[0]] == [*files[1]]
    assert {name for name in files[0] if files[0][name] != files[1][name]} <= VOLATILE
    assert ledger == again
    lines = [report.splitlines(), (folder / "report.html").read_text("utf-8").splitlines()]
    assert len(lines[0]) == len(lines[1])
    for before, after in zip(*lines, strict=True):
        assert (
            before == after
            or "into this folder" in before
            or ledger_time(before) != ledger_time(after)
        )


def test_the_ledger_has_the_hash_of_every_file_that_a_run_writes(old, tmp_path):
    folder = tmp_path / "shops"
    folder.mkdir()
    write_results(old, folder)
    (folder / "notes.txt").write_text("mine", "utf-8")
    write_results(old, folder)
    files = json.loads((folder / "ledger.json").read_text("utf-8"))["files"]
    found = {name: value for name, value in shop.hashes(folder).items() if value != "folder"}
    assert [*files] == sorted(files)
    assert {*found} - {*files} == {"ledger.json", "history.jsonl", "notes.txt"}
    assert all(files[name] == found[name] for name in files)


def ledger_time(line):
    """Return the line without what looks like a time."""
    return "".join(char for char in line if char.isdigit())


def test_the_second_run_has_nothing_left_of_the_first(old, new, tmp_path):
    folder = write_results(new, tmp_path / "shops")
    assert (folder / "figures" / "effect-2.svg").exists()
    write_results(old, folder)
    assert not (folder / "figures" / "effect-2.svg").exists()
    assert not (folder / "tables" / "effects-2.md").exists()


# --- history --------------------------------------------------------------------------------------


def test_history_lists_completed_runs_and_the_report_what_changed(old, new, tmp_path, monkeypatch):
    folder = write_results(old, tmp_path / "shops")
    write_results(
        analyse(shop.plan(outcome__sesoi=0.2, score__scale="raw"), data=shop.table()), folder
    )
    with monkeypatch.context() as patch:
        patch.setattr(
            module,
            "_sync",
            lambda staging: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")),
        )
        refusal(old, folder)
    write_results(new, folder)
    lines = (folder / "history.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 3
    entries = [json.loads(line) for line in lines]
    assert entries[0]["plan_sha256"] == old.plan.sha256
    assert entries[2]["data_sha256"] == new.dataset.sha256
    changes = changed_keys(entries[:2])
    assert [change[0] for change in changes] == ["outcome 1.sesoi", "score.scale"]
    assert changes[1][1:] == (None, "raw")
    assert changed_keys(entries) == [], "the third run is the first on its data"


def test_the_report_lists_changed_keys(old, tmp_path):
    folder = write_results(old, tmp_path / "shops")
    assert "No plan key has changed" in (folder / "report.html").read_text("utf-8")
    write_results(analyse(shop.plan(score__scale="raw"), data=shop.table()), folder)
    assert "score.scale" in (folder / "report.html").read_text("utf-8")


def test_a_damaged_history_is_no_obstacle(old, tmp_path):
    folder = write_results(old, tmp_path / "shops")
    good = (folder / "history.jsonl").read_bytes()
    lines = [
        b"\xff\xfe",
        b"{",
        b"[" * 5000,
        b'"x"',
        b'{"plan_sha256": 1, "data_sha256": 1, "time": 1, "plan": 1}',
        b"",
    ]
    (folder / "history.jsonl").write_bytes(b"\n".join(lines) + b"\n" + good)
    assert len(read_history(folder)) == 1
    write_results(old, folder)
    assert len(read_history(folder)) == 2


def test_a_line_separator_in_a_question_splits_no_entry(tmp_path):
    audit = analyse(shop.plan(question="one\u2028two\u0085three\x0cfour"), data=shop.table())
    folder = write_results(audit, tmp_path / "shops")
    assert len(read_history(folder)) == 1


# --- the user's own files -------------------------------------------------------------------------


def test_notes_survive_and_are_not_copied(old, new, tmp_path):
    folder = write_results(old, tmp_path / "shops")
    (folder / "notes.md").write_text("mine")
    (folder / "drafts" / "one").mkdir(parents=True)
    (folder / "drafts" / "one" / "a.txt").write_text("a")
    (folder / "empty").mkdir()
    (folder / "tables" / "mine.md").write_text("b")
    (folder / "figures" / "effect-1 (retouched).png").write_bytes(b"c")
    (folder / ".hidden").write_text("d")
    os.symlink("notes.md", folder / "link")
    os.symlink("/nowhere", folder / "dangling")
    os.symlink(tmp_path, folder / "around")
    inode = (folder / "notes.md").stat().st_ino
    for findings in (new, old):
        write_results(findings, folder)
        assert (folder / "notes.md").read_text() == "mine"
        assert (folder / "notes.md").stat().st_ino == inode
        assert (folder / "drafts" / "one" / "a.txt").read_text() == "a"
        assert (folder / "empty").is_dir()
        assert (folder / "tables" / "mine.md").read_text() == "b"
        assert (folder / "figures" / "effect-1 (retouched).png").read_bytes() == b"c"
        assert (folder / ".hidden").read_text() == "d"
        assert [os.readlink(folder / name) for name in ("link", "dangling", "around")] == [
            "notes.md",
            "/nowhere",
            str(tmp_path),
        ]
    assert beside(folder) == []


def test_a_note_written_while_the_run_writes_is_kept(old, tmp_path, monkeypatch):
    folder = write_results(old, tmp_path / "shops")
    (folder / "notes.md").write_text("first")
    real = module._sync

    def meanwhile(staging):
        real(staging)
        (folder / "late.md").write_text("late")
        (folder / "notes.md").unlink()
        (folder / "notes.md").write_text("second")

    monkeypatch.setattr(module, "_sync", meanwhile)
    write_results(old, folder)
    assert (folder / "late.md").read_text() == "late"
    assert (folder / "notes.md").read_text() == "second"


def test_the_permissions_of_the_folder_stay(old, tmp_path):
    folder = write_results(old, tmp_path / "shops")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777 & ~module._umask()
    folder.chmod(0o700)
    write_results(old, folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_to_a_folder_stays_a_link(old, tmp_path):
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "shops")
    for _ in range(2):
        assert write_results(old, tmp_path / "shops") == (tmp_path / "disk").resolve()
    assert (tmp_path / "shops").is_symlink()
    assert (tmp_path / "shops" / "ledger.json").is_file()


# --- places one cannot or should not write to -----------------------------------------------------


def foreign(tmp_path, name):
    """Make a place that is not to be written to."""
    place = tmp_path / "place"
    if name == "a file":
        place.write_text("mine")
    elif name == "below a file":
        place.write_text("mine")
        place = place / "shops"
    elif name == "somebody's folder":
        place.mkdir()
        (place / "thesis.docx").write_text("mine")
    elif name == "a ledger of another kind":
        place.mkdir()
        (place / "ledger.json").write_text('{"accounts": []}')
        (place / "figures").mkdir()
    elif name == "a damaged ledger":
        place.mkdir()
        (place / "ledger.json").write_text("{")
    elif name == "a loop of links":
        os.symlink(place, place)
    return place


@pytest.mark.parametrize(
    "name",
    [
        "a file",
        "below a file",
        "somebody's folder",
        "a ledger of another kind",
        "a damaged ledger",
        "a loop of links",
    ],
)
def test_a_place_that_is_not_ours_stays_as_it_is(old, tmp_path, name):
    place = foreign(tmp_path, name)
    before = shop.hashes(tmp_path) if name != "a loop of links" else None
    text = refusal(old, place)
    assert "--out" in text
    assert "found:" in text
    if before is not None:
        assert shop.hashes(tmp_path) == before


def test_the_folder_one_works_in_is_not_replaced(old, tmp_path, monkeypatch):
    (tmp_path / "here" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "inner")
    for place in (Path(), Path(".."), tmp_path / "here"):
        assert "the folder one works in" in refusal(old, place)
    assert write_results(old, Path("shops")) == (tmp_path / "here" / "inner" / "shops").resolve()


@pytest.mark.parametrize("place", ["/", "/proc/nowhere/shops", "/proc/shops", "a\0b", "x" * 300])
def test_places_where_nothing_can_be_made(old, tmp_path, monkeypatch, place):
    if place.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    monkeypatch.chdir(tmp_path)
    assert "--out" in refusal(old, Path(place))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_folder(old, tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert "Permission denied" in refusal(old, tmp_path / "results" / "shops")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_in_which_nothing_may_be_made(old, tmp_path, monkeypatch):
    folder = write_results(old, tmp_path / "shops")
    before = shop.hashes(tmp_path)

    def denied(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module.tempfile, "mkdtemp", denied)
    assert "Permission denied" in refusal(old, folder)
    assert shop.hashes(tmp_path) == before


@pytest.mark.parametrize("step", ["write_text", "write_bytes", "fsync", "exchange"])
@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk(old, new, tmp_path, monkeypatch, step, there):
    folder = tmp_path / "results" / "shops"
    if there:
        write_results(old, folder)
        (folder / "notes.md").write_text("mine")
    before = shop.hashes(tmp_path)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if step in ("write_text", "write_bytes"):
            patch.setattr(Path, step, full)
        elif step == "fsync":
            patch.setattr(module.os, "fsync", full)
        else:
            patch.setattr(module, "_exchange", full)
            patch.setattr(module.os, "replace", full)
        assert "No space left on device" in refusal(new, folder)
    assert shop.hashes(tmp_path) == before


def test_an_interrupt_while_writing(old, new, tmp_path, monkeypatch):
    folder = write_results(old, tmp_path / "shops")
    before = shop.hashes(tmp_path)

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_sync", interrupt)
        for place in (folder, tmp_path / "other" / "shops"):
            with pytest.raises(KeyboardInterrupt):
                write_results(new, place)
    assert shop.hashes(tmp_path) == before


# --- killed runs, and several at once -------------------------------------------------------------


def killed(seconds: float, work) -> None:
    """Do `work` in a process of its own, and kill it after some seconds."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_killing_a_run_at_any_moment_of_the_exchange(old, new, tmp_path, monkeypatch):
    folder = tmp_path / "results" / "shops"
    rng = random.Random(5)
    with filled_fast(monkeypatch, tmp_path, old, new) as made:
        write_results(old, folder)
        (folder / "notes.md").write_text("mine")
        note = shop.hashes(folder)["notes.md"]
        whole = [{**files, "notes.md": note} for files in made.values()]
        assert shop.hashes(folder) == whole[0]

        def work(first, second):
            for _ in range(100):
                write_results(first, folder)
                write_results(second, folder)

        began = time.perf_counter()
        write_results(old, folder)
        one = time.perf_counter() - began
        seen, left = set(), 0
        for number in range(40):
            pair = (new, old) if number % 2 else (old, new)
            killed(rng.uniform(0, 3 * one), lambda pair=pair: work(*pair))
            assert shop.hashes(folder) in whole
            seen.add(whole.index(shop.hashes(folder)))
            left += bool(beside(folder))
        assert seen == {0, 1}
        assert left, "no kill came in the middle of a run"
        write_results(old, folder)
        assert beside(folder) == []
        assert shop.hashes(folder) == whole[0]


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_killing_a_run_at_any_moment_of_the_writing(old, new, tmp_path):
    folder = tmp_path / "results" / "shops"
    steady = []
    for findings in (new, old):
        began = time.perf_counter()
        write_results(findings, folder)
        one = time.perf_counter() - began
        steady.append(
            {name: sha for name, sha in shop.hashes(folder).items() if name not in VOLATILE}
        )

    def work():
        for _ in range(10):
            write_results(new, folder)
            write_results(old, folder)

    for number in range(12):
        killed(one * (0.1 + 1.9 * number / 12), work)
        found = shop.hashes(folder)
        assert {name: sha for name, sha in found.items() if name not in VOLATILE} in steady
        assert set(found) >= VOLATILE
        ledger = json.loads((folder / "ledger.json").read_text("utf-8"))
        history = read_history(folder)
        assert history[-1]["plan_sha256"] == ledger["plan"]["sha256"]
        assert history[-1]["time"] == ledger["environment"]["created"]
        assert ledger["plan"]["sha256"] in (folder / "report.html").read_text("utf-8")
        assert ledger["plan"]["sha256"] in (folder / "citation.json").read_text("utf-8")
    write_results(old, folder)
    assert beside(folder) == []


def test_what_a_killed_run_left_is_cleared_and_a_note_in_it_is_not(old, tmp_path):
    folder = write_results(old, tmp_path / "shops")
    left = tmp_path / ".shops-staging-abcd1234"
    shutil.copytree(folder, left)
    (left / "late.md").write_text("late")
    (folder / "notes.md").write_text("mine")
    (left / "notes.md").write_text("older")
    os.utime(left / "notes.md", (0, 0))
    others = [
        ".shops-notes",
        ".shops-staging-abcd12345",
        ".shops-mynotes1",
        ".other-staging-abcd1234",
        "shops-staging-abcd1234",
    ]
    for name in others:
        (tmp_path / name).mkdir()
    write_results(old, folder)
    assert beside(folder) == sorted(others)
    assert (folder / "late.md").read_text() == "late"
    assert (folder / "notes.md").read_text() == "mine"


@pytest.mark.parametrize("killed_between", [False, True])
def test_where_two_names_cannot_be_exchanged(old, new, tmp_path, monkeypatch, killed_between):
    folder = write_results(old, tmp_path / "shops")
    (folder / "notes.md").write_text("mine")
    before = shop.hashes(folder)
    monkeypatch.setattr(module, "_exchange", lambda one, other: False)
    if killed_between:
        os.replace(folder, tmp_path / ".shops-replaced")
        with monkeypatch.context() as patch:
            patch.setattr(module, "_write", lambda *args: None)
            write_results(new, folder)
        assert shop.hashes(folder) == before
    write_results(new, folder)
    assert (folder / "figures" / "effect-2.svg").exists()
    assert (folder / "notes.md").read_text() == "mine"
    assert beside(folder) == []


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_runs_into_one_folder_at_the_same_time_each_count(old, new, tmp_path):
    folder = tmp_path / "results" / "shops"
    children = []
    for findings in (old, new, old):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                write_results(findings, folder)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    history = read_history(folder)
    assert sorted(entry["plan_sha256"] for entry in history) == sorted(
        [old.plan.sha256] * 2 + [new.plan.sha256]
    )
    assert (
        history[-1]["plan_sha256"]
        == json.loads((folder / "ledger.json").read_text("utf-8"))["plan"]["sha256"]
    )
    assert beside(folder) == []


def held(path):
    """Return the open file behind a lock that somebody holds."""
    fcntl = pytest.importorskip("fcntl")
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def test_a_run_that_never_ends_is_not_waited_for_for_ever(old, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "PATIENCE", 0.2)
    handle = held(tmp_path / ".shops-lock")
    told = []
    try:
        with pytest.raises(OutputError, match="another run of this study"):
            write_results(old, tmp_path / "shops", progress=told.append)
        assert told == ["Waiting for another run of this study to finish writing"]
        saved, error = write_or_rescue(old, tmp_path / "shops")
    finally:
        os.close(handle)
    assert (saved / "ledger.json").is_file()
    assert str(saved) in str(error)
    shutil.rmtree(saved.parent)
    write_results(old, tmp_path / "shops")
    assert beside(tmp_path / "shops") == []


@pytest.mark.parametrize("other", [".", ".tables-lock", ".Shops-lock"])
def test_the_lock_is_the_studys_not_the_folders(old, tmp_path, monkeypatch, other):
    monkeypatch.setattr(places, "PATIENCE", 0.2)
    fcntl = pytest.importorskip("fcntl")
    handle = os.open(tmp_path, os.O_RDONLY) if other == "." else held(tmp_path / other)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert (write_results(old, tmp_path / "shops") / "ledger.json").is_file()
    finally:
        os.close(handle)


def test_a_result_for_a_frame_is_read_back(old, tmp_path):
    folder = Audit(old).export(str(tmp_path / "shops"))
    assert pd.read_csv(folder / "verdicts.csv")["verdict"].tolist() == [old.verdict_on().verdict]
