"""Where results may go is asked before anything is computed, and what is computed is never lost."""

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import shop

from analysis.audit import analyse, check
from analysis.cli import main
from analysis.errors import AnalysisError, OutputError
from analysis.plan import read_plan
from analysis.plan.files import other_case, write_together, wrong_name
from analysis.report import folder as folders
from analysis.report import place as places
from analysis.report.folder import read_history, write_or_rescue, write_results
from analysis.report.place import in_place, require_place


@pytest.fixture(scope="module")
def findings():
    return analyse(shop.plan(quick=True), data=shop.table())


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["score-audit", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


@contextlib.contextmanager
def disk(path, size="40m"):
    """Mount an empty file system in memory at a path."""
    path.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("nothing can be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


# --- before anything is computed ------------------------------------------------------------------


def wrong_place(tmp_path, name):
    """Return a place where no results can be, and what is said of it."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.docx").write_text("mine")
    (tmp_path / "Shops").mkdir()
    return {
        "a file": (tmp_path / "file", "a file"),
        "below a file": (tmp_path / "file" / "shops", "found:"),
        "somebody's folder": (tmp_path / "thesis", "other files"),
        "nowhere": (Path("/proc/nowhere/shops"), "found:"),
        "a long name": (tmp_path / ("x" * 300), "File name too long"),
        "no name": (tmp_path / "a\0b", "null"),
        "a device": (tmp_path / "results" / "CON", "Windows reserves"),
        "a device with an ending": (tmp_path / "nul.txt", "Windows reserves"),
        "a device on the way": (tmp_path / "aux" / "shops", "Windows reserves"),
        "a dot at its end": (tmp_path / "shops.", "ends in a dot"),
        "a space at its end": (tmp_path / "shops ", "ends in a dot or a space"),
        "a control character": (tmp_path / "sho\x1b[31mps", "no screen shows"),
        "case alone": (tmp_path / "shops", '"Shops"'),
        "case alone on the way": (tmp_path / "SHOPS" / "new", '"Shops"'),
    }[name]


NAMES = [
    "a file",
    "below a file",
    "somebody's folder",
    "nowhere",
    "a long name",
    "no name",
    "a device",
    "a device with an ending",
    "a device on the way",
    "a dot at its end",
    "a space at its end",
    "a control character",
    "case alone",
    "case alone on the way",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_place_is_refused_before_the_data_are_read(tmp_path, monkeypatch, capfd, name):
    path, said = wrong_place(tmp_path, name)
    plan = shop.write(tmp_path, "this would be a fault of the data")
    before = shop.hashes(tmp_path)
    if name != "no name":
        assert command(monkeypatch, "run", plan, "--out", path) == 2
        out, err = capfd.readouterr()
        assert (said in err, "--out" in err, "Traceback" in err) == (True, True, False)
        assert "\x1b" not in out + err
    with pytest.raises(OutputError, match=said.replace("(", ".")):
        require_place(path)
    assert shop.hashes(tmp_path) == before


def test_what_is_refused_leaves_nothing_and_what_is_not_neither(tmp_path):
    assert (
        require_place(tmp_path / "a" / "b" / "shops") == (tmp_path / "a" / "b" / "shops").resolve()
    )
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_known_before(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(places.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match=r"0.0 MB free on its disk"):
        require_place(tmp_path / "shops")


def test_a_quota_is_known_before(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="Disk quota exceeded"):
        require_place(tmp_path / "shops")
    assert list(tmp_path.iterdir()) == []


# --- disks ----------------------------------------------------------------------------------------


def test_a_mount_point_works_again_and_again(tmp_path, findings):
    with disk(tmp_path / "mounted") as folder:
        (folder / "lost+found").mkdir()
        for runs in (1, 2):
            assert in_place(require_place(folder))
            assert write_results(findings, folder) == folder
            assert len(read_history(folder)) == runs
            (folder / "notes.md").write_text("mine")
        (folder / "tables" / "effects-9.md").write_text("of an earlier run")
        write_results(findings, folder)
        assert not (folder / "tables" / "effects-9.md").exists()
        assert (folder / "notes.md").read_text() == "mine"
        assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
        record = json.loads((folder / "ledger.json").read_text("utf-8"))
        assert all((folder / name).is_file() for name in record["files"])


@pytest.mark.parametrize("size", ["2m", "100k"])
def test_a_small_disk_is_refused_before(tmp_path, monkeypatch, capfd, size):
    plan = shop.write(tmp_path, "a fault of the data")
    with disk(tmp_path / "small", size) as small:
        for place in (small, small / "shops"):
            assert command(monkeypatch, "run", plan, "--out", place) == 2
            assert "MB free on its disk" in capfd.readouterr().err
            assert list(small.iterdir()) == []


def test_a_disk_that_fills_up_while_it_is_computed(tmp_path, monkeypatch, capfd):
    plan = shop.write(tmp_path, quick=True)
    with disk(tmp_path / "small", "12m") as small:
        write_results(analyse(plan), small / "shops")
        before = shop.hashes(small / "shops")
        monkeypatch.setattr(places, "require_place", lambda folder: folder)
        with contextlib.suppress(OSError), (small / "fill").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert command(monkeypatch, "run", plan, "--out", small / "shops") == 2
        out, err = capfd.readouterr()
        assert shop.hashes(small / "shops") == before
    assert "No space left on device" in err
    (saved,) = [Path(line.split(", in ")[1]) for line in err.splitlines() if ", in " in line]
    assert (saved / "ledger.json").is_file()
    assert "revenue | klout:" in out
    shutil.rmtree(saved.parent)


def test_a_place_that_turned_wrong_while_it_was_computed(tmp_path, findings):
    (tmp_path / "shops").write_text("somebody was faster")
    saved, error = write_or_rescue(findings, tmp_path / "shops")
    assert (saved / "report.html").is_file()
    assert str(saved) in str(error)
    assert (tmp_path / "shops").read_text() == "somebody was faster"
    shutil.rmtree(saved.parent)


def test_where_nothing_can_be_written_the_reason_is_the_first_one(tmp_path, findings, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders.tempfile, "mkdtemp", full)
    with pytest.raises(OutputError, match="No space left"):
        write_or_rescue(findings, tmp_path / "shops")


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CON", "nul", "aux.txt", "Com1", "LPT9.csv", "shops.", "prn"])
def test_a_study_has_a_name_that_a_folder_can_have(tmp_path, name):
    with pytest.raises(AnalysisError, match="on every system"):
        read_plan(_named(tmp_path, name))


def _named(tmp_path, name):
    path = shop.write(tmp_path)
    path.write_text(path.read_text().replace('name = "shops"', f'name = "{name}"'))
    return path


@pytest.mark.parametrize("name", ["console", "null", "auxiliary.txt", "com", "shops.2", ".hidden"])
def test_other_names_are_left_alone(name):
    assert wrong_name(name) == ""


def test_two_files_whose_names_differ_by_case_alone(tmp_path):
    (tmp_path / "Shops.toml").write_text("mine")
    assert other_case(tmp_path / "shops.toml") == "Shops.toml"
    for name in ("shops.toml", "con.toml"):
        with pytest.raises(OutputError):
            write_together({tmp_path / name: "x"})
    write_together({tmp_path / "Shops.toml": "x"}, replace=[tmp_path / "Shops.toml"])
    assert [path.name for path in tmp_path.iterdir()] == ["Shops.toml"]


# --- two at once ----------------------------------------------------------------------------------


def test_two_studies_into_one_root_and_one_study_twice(tmp_path):
    plans = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = shop.write(tmp_path / name, quick=True)
        path.write_text(path.read_text().replace('name = "shops"', f'name = "{name}"'))
        plans.append(path)
    environment = dict(os.environ, PYTHONPATH=str(Path(places.__file__).parents[2]))
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "analysis.cli", "run", str(path)],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for path in (*plans, plans[0])
    ]
    said = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], said
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["one", "two"]
    assert len(read_history(tmp_path / "results" / "one")) == 2
    assert check(plans[0]).sample.rows == shop.ROWS
