"""What the README tells a reader to type works, in a fresh clone, in a folder with a space in its
name.

Every ```sh block is run; a command that does not end, or is not to be copied, stands in a ```text
block. Each block has a clone of its own, since one makes `.venv` with make and another with pip.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from analysis.plan import Plan
from analysis.plan.sections.outcome import MODELS

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```sh[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
# What an enclosing `make` or virtual environment would hand down, and a reader's shell does not
# have.
INHERITED = ("MAKE", "MFLAGS", "GNUMAKEFLAGS", "UV_PROJECT", "UV_PYTHON", "VIRTUAL_ENV", "PYTEST")
INHERITED_EXACTLY = {"VENV", "PYTHON", "PYTHONPATH", "PLAN"}


def runnable_blocks(text):
    """The commands of each ```sh block: comments dropped, continued lines joined, `make test` left
    out.
    """
    blocks = []
    for body in BLOCK.findall(text):
        lines = (line.strip() for line in body.replace("\\\n", " ").splitlines())
        commands = [
            line for line in lines if line and not line.startswith("#") and "make test" not in line
        ]
        if commands:
            blocks.append(commands)
    return blocks


def has_commits():
    git = ["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", "HEAD"]
    return (ROOT / ".git").exists() and subprocess.run(
        git, capture_output=True, check=False
    ).returncode == 0


def shell_environment():
    inherited = {name for name in os.environ if name.startswith(INHERITED)} | INHERITED_EXACTLY
    environment = {name: value for name, value in os.environ.items() if name not in inherited}
    own = [
        str(folder) for folder in (ROOT / ".venv/bin", ROOT / ".uv/bin", Path(sys.prefix) / "bin")
    ]
    path = [folder for folder in os.environ["PATH"].split(os.pathsep) if folder not in own]
    # nothing is compiled beforehand: what is imported once need not be ready for a second time
    return {
        **environment,
        "PATH": os.pathsep.join(path),
        "PIP_COMPILE": "0",
        "UV_COMPILE_BYTECODE": "0",
    }


def test_blocks_are_read_as_a_reader_would():
    text = (
        "```sh\n# set up\nmake audit\nmake test\necho a \\\n  b\n```\n\n```text\nscore-audit"
        " lab\n```\n"
    )
    assert runnable_blocks(text) == [["make audit", "echo a    b"]]


BLOCKS = runnable_blocks(README.read_text(encoding="utf-8")) if README.exists() else []


def test_the_readme_has_something_to_run():
    if not README.exists():
        pytest.skip("no README here: an installed copy")
    assert BLOCKS


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_nothing_of_a_network(tmp_path):
    pytest.importorskip("sphinx", reason="the site needs the extra docs")
    if not (ROOT / "docs" / "conf.py").exists():
        pytest.skip("no docs here: an installed copy")
    site = tmp_path / "site"
    asked = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    run = subprocess.run(
        [*asked, "-d", str(tmp_path / "kept"), str(ROOT / "docs"), str(site)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    pages = {page: page.read_text("utf-8") for page in site.rglob("*.html")}
    assert {"index.html", "plan.html", "api.html"} <= {page.name for page in pages}
    for page, text in pages.items():
        loaded = re.findall(
            r"<(?:script|img|link[^>]*stylesheet)[^>]*(?:src|href)=.https?://", text
        )
        assert not loaded, page


LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
PAGES = [page for page in (README, *sorted((ROOT / "docs").glob("*.md"))) if page.exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = LINK.findall(page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_is_short():
    if not README.exists():
        pytest.skip("no README here: an installed copy")
    assert len(README.read_text("utf-8").split()) <= 900


def keys_of(section, prefix=""):
    """Yield (table, key) of every key that a plan may have."""
    for name, field in section.model_fields.items():
        inner = next((one for one in models_in(field.annotation)), None)
        key = field.alias or name
        if inner is None or prefix not in ("", "multiverse", "multiverse.decision"):
            yield prefix, key
        elif not prefix or key in ("decision", "option"):
            yield from keys_of(inner, f"{prefix}.{key}".lstrip("."))
        else:
            yield prefix, key


def models_in(annotation):
    """Return the pydantic models in an annotation, such as those of an optional table or a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def test_the_plan_page_has_every_key():
    page = ROOT / "docs" / "plan.md"
    if not page.exists():
        pytest.skip("no docs here: an installed copy")
    rows = [line for line in page.read_text("utf-8").splitlines() if line.startswith("| `")]
    for table, key in keys_of(Plan):
        told = [row for row in rows if not table or f"[{table}]" in row]
        assert any(re.search(rf"\b{key}\b", row) for row in told), f"[{table}] {key}"
    (row,) = (row for row in rows if row.startswith("| `[[outcome]] model`"))
    assert re.findall(r"`([\w-]+)`", row.split("|")[2]) == list(MODELS)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("commands", BLOCKS, ids=lambda commands: commands[0][:40])
def test_readme_commands_run_in_a_fresh_clone(commands, tmp_path):
    if not has_commits():
        pytest.skip("not a git repository with commits, so there is nothing to clone")
    for tool in ("git", "make", "python3"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on PATH")
    environment = shell_environment()
    recent = ["python3", "-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"]
    if subprocess.run(recent, env=environment, capture_output=True, check=False).returncode:
        pytest.skip("python3 is older than 3.11 or has no ensurepip")
    clone = tmp_path / "a fresh clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    for command in commands:
        run = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", command],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"$ {command}\n{run.stdout}"


def test_the_page_of_methods_is_what_the_docstrings_say():
    written = subprocess.run(
        [sys.executable, "docs/methods.py"], cwd=ROOT, capture_output=True, check=True
    )
    assert (ROOT / "docs" / "methods.md").read_bytes() == written.stdout
    page = written.stdout.decode("utf-8")
    assert "Cinelli & Hazlett 2020, [doi:10.1111/rssb.12348]" in page
    cited = {
        doi
        for path in (ROOT / "analysis").rglob("*.py")
        for doi in re.findall(r"doi:\s?(10\.\d{4,}/\w+)", path.read_text("utf-8"))
    }
    assert [doi for doi in cited if doi not in page] == [], "a reference that the page lacks"
