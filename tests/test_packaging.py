"""The files around the package agree with each other, and what is built carries what it
promises.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SCHEMA_SHA256 = "0b8d22140da702d766df318dcff3a91af2f39521298dcf36d76315fd99cc169b"
# name on conda-forge -> name on the Python package index, where they differ
CONDA_NAMES = {"great_tables": "great-tables", "matplotlib-base": "matplotlib"}
STUDY = {
    "analysis/shipped/plans/movies.toml": "plans/movies.toml",
    "analysis/shipped/data/raw/movies.csv": "data/raw/movies.csv",
    "analysis/shipped/data/raw/movies.toml": "data/raw/movies.toml",
}

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(),
    reason="the repository is not here, only an installed copy",
)


@pytest.fixture(scope="module")
def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def citation():
    record = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return {key: str(value) if key == "date-released" else value for key, value in record.items()}


# --- pyproject.toml and environment.yml ---


def test_conda_and_pip_install_the_same_dependencies(pyproject, environment):
    conda = {}
    for line in environment["dependencies"]:
        assert isinstance(line, str), (
            "no pip section: repo2docker reads this file before the source is there"
        )
        listed = Requirement(line)
        conda[canonicalize_name(CONDA_NAMES.get(listed.name, listed.name))] = listed.specifier
    python = conda.pop("python")
    conda.pop("pip")
    wanted = map(Requirement, pyproject["project"]["dependencies"])
    pip = {canonicalize_name(requirement.name): requirement.specifier for requirement in wanted}
    assert conda == pip
    assert str(pyproject["project"]["requires-python"]) in str(python).split(",")


def test_conda_uses_one_channel(environment):
    assert environment["name"] == "score-audit"
    assert environment["channels"] == ["conda-forge"]


def test_every_direct_dependency_is_pinned_and_the_pin_is_allowed(pyproject):
    project, extras = pyproject["project"], pyproject["project"]["optional-dependencies"]
    lines = [*project["dependencies"], *extras["test"]]
    for extra in ("datasets", "excel", "parquet"):
        lines += extras[extra]
    wanted = {
        canonicalize_name(r.name): r for r in map(Requirement, lines) if r.name != project["name"]
    }
    pinned = set()
    for line in pyproject["tool"]["uv"]["constraint-dependencies"]:
        pin = Requirement(line)
        (clause,) = pin.specifier
        assert clause.operator == "==", f"{line} is not an exact pin"
        pinned.add(canonicalize_name(pin.name))
        if pin.name in wanted:
            assert clause.version in wanted[pin.name].specifier, (
                f"{line} is outside {wanted[pin.name]}"
            )
    assert set(wanted) <= pinned, f"no pin for {sorted(set(wanted) - pinned)}"


# --- CITATION.cff ---


def test_the_schema_is_the_genuine_one():
    schema = (ROOT / "tests/schemas/cff-1.2.0.json").read_bytes()
    assert hashlib.sha256(schema.replace(b"\r\n", b"\n")).hexdigest() == SCHEMA_SHA256


def test_citation_is_valid(citation):
    schema = json.loads((ROOT / "tests/schemas/cff-1.2.0.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    assert [
        f"{error.json_path}: {error.message}" for error in validator.iter_errors(citation)
    ] == []


def test_citation_agrees_with_the_project(citation, pyproject):
    project = pyproject["project"]
    assert citation["title"] == project["name"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert [a["name"] for a in citation["authors"]] == [a["name"] for a in project["authors"]]


def test_changelog_knows_the_version_and_its_date(citation):
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{citation['version']}] - {citation['date-released']}" in changelog


# --- what may not be in a committed file ---

HOSTS = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pypi", "python", "org"),
        ("files", "pythonhosted", "org"),
        ("anaconda", "org"),
        ("repo", "anaconda", "com"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("cran", "r-project", "org"),
    ]
]
FORBIDDEN = {
    "a registry host": re.compile("|".join(re.escape(host) for host in HOSTS)),
    "an index URL": re.compile(r"https?://[^\s\"'<>)]+/simple(?![\w-])"),
    "a machine path": re.compile(r"(?<![\w.%~+=-])/(?:work|root|home|Users)/\w|file:///(?!\.)\w"),
}


def committed_files():
    """Every file that is, or is about to be, committed; in an unpacked sdist, every file."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0 and (ROOT / ".git").exists():
        paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        skipped = {
            ".venv",
            ".venvs",
            ".uv",
            ".git",
            "results",
            "__pycache__",
            ".pytest_cache",
            ".ruff_cache",
        }
        paths = [p for p in ROOT.rglob("*") if not skipped.intersection(p.relative_to(ROOT).parts)]
    return sorted(p for p in paths if p.is_file() and p.name != "uv.lock")


def without_images(text):
    """Drop base64 payloads, in which any short string may turn up."""
    return re.sub(r"[A-Za-z0-9+/=]{200,}", "", text)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_names(what):
    found = []
    for path in committed_files():
        try:
            text = without_images(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {m.group(0)}" for m in FORBIDDEN[what].finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text", "expected"),
    [
        ("a registry host", "see https://" + HOSTS[0] + "/project/x", True),
        ("a registry host", "see https://example.org/project/x", False),
        ("an index URL", "https://mirror.example/a/" + "simple/", True),
        ("an index URL", "https://example.org/simple-regression", False),
        ("a machine path", "open('" + "/work" + "/data.csv')", True),
        ("a machine path", "https://example.org/work/data.csv", False),
    ],
)
def test_the_search_finds_what_it_looks_for(what, text, expected):
    assert bool(FORBIDDEN[what].search(text)) is expected


# --- wheel and sdist ---


def build(target, folder):
    run = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (built,) = folder.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_the_wheel_carries_the_default_study(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for packed, source in STUDY.items():
            assert packed in names
            assert archive.read(packed) == (ROOT / source).read_bytes(), f"{packed} is not {source}"
    notebooks = {
        f"analysis/shipped/notebooks/{p.name}" for p in (ROOT / "notebooks").glob("*.ipynb")
    }
    assert notebooks, "there is no notebook to ship"
    assert notebooks <= names
    assert "analysis/start/study.ipynb" in names
    assert "analysis/py.typed" in names


@pytest.mark.slow
def test_the_wheel_carries_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"analysis", next(top for top in tops if top.endswith(".dist-info"))}
    assert not [name for name in names if "checkpoint" in name or "__pycache__" in name]
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "analysis").rglob("*.py")}
    assert code == {name for name in names if name.endswith(".py")}


@pytest.mark.slow
def test_an_installed_wheel_finds_its_study_from_anywhere(wheel, tmp_path):
    site, elsewhere = tmp_path / "site packages", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    script = (
        "import analysis\n"
        "plan = analysis.read_plan('movies')\n"
        "print(analysis.__file__)\n"
        "print(len(analysis.audit(plan).verdicts))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(site), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    file, verdicts = run.stdout.splitlines()[-2:]
    assert Path(file).is_relative_to(site), "the wheel was not what was imported"
    assert int(verdicts) >= 1
    assert list(elsewhere.iterdir()) == [], "audit() writes no files"


@pytest.mark.slow
def test_the_sdist_can_be_built_from_and_tested(tmp_path):
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    needed = [
        "pyproject.toml",
        "Makefile",
        "environment.yml",
        "CITATION.cff",
        "LICENSE",
        "tests/conftest.py",
    ]
    assert {*needed, *STUDY.values()} <= names
    assert not [n for n in names if n.startswith((".venv", ".uv", "results", "uv.lock"))]
