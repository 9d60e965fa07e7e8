"""The result folder: always the complete old or the complete new results, never a mixture."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.errors import Fault, OutputError, printable
from analysis.findings import Findings
from analysis.publish.citation import bibtex, csl, macros
from analysis.publish.ledger import ledger, to_json, write_csv

OURS = ("ledger.json", "verdicts.csv", "estimates.csv", "checks.csv", "report.html", "tables", "figures", "numbers.tex",
        "citation.bib", "citation.json", "history.jsonl")  # fmt: skip
"""What a run writes; anything else in the folder belongs to the user and is carried over."""


def write_results(findings: Findings, folder: Path, *, progress: Callable[[str], None] = lambda step: None) -> Path:
    """Write everything a run publishes into `folder`, replacing an earlier run's results at once.

    Raises
    ------
    OutputError
        When the folder holds something other than results, or cannot be written.
    """
    folder = folder.expanduser().absolute()
    _require_results_or_nothing(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _cannot_write(folder, error) from None
    try:
        staging.chmod(0o777 & ~_umask())
        _fill(findings, staging, folder, progress)
        _carry_over(folder, staging)
        _sync(staging)
        _replace(staging, folder)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def _fill(findings: Findings, staging: Path, folder: Path, progress: Callable[[str], None]) -> None:
    from analysis.publish.figure import data_figure, effect_figure
    from analysis.publish.report import report_html
    from analysis.publish.table import write_tables

    record = ledger(findings, folder)
    history = [*read_history(folder), _history_entry(findings, record)]
    (staging / "ledger.json").write_text(to_json(record), "utf-8")
    write_csv(findings, staging)
    progress("Drawing")
    (staging / "figures").mkdir()
    figures = {"data": data_figure(findings)}
    for number, outcome in enumerate(findings.plan.outcome, 1):
        figures[f"effect-{number}"] = effect_figure(findings, outcome.column)
    for name, figure in figures.items():
        figure.save(staging / "figures", name)
    progress("Writing the report")
    (staging / "tables").mkdir()
    write_tables(findings, staging / "tables")
    (staging / "report.html").write_text(report_html(findings, record, figures, history), "utf-8")
    (staging / "numbers.tex").write_text(macros(record), "utf-8")
    source = findings.dataset.codebook.source if findings.dataset.codebook else ""
    (staging / "citation.bib").write_text(bibtex(record, source=source), "utf-8")
    (staging / "citation.json").write_text(csl(record), "utf-8")
    lines = [json.dumps(entry, ensure_ascii=False, sort_keys=True) for entry in history]
    (staging / "history.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


# --- history ---------------------------------------------------------------------------------------------


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of earlier runs into this folder, oldest first; a line that is no entry is left out."""
    entries = []
    path = folder / "history.jsonl"
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and {"plan_sha256", "data_sha256", "time", "plan"} <= set(entry):
                    entries.append(entry)
    return entries


def _history_entry(findings: Findings, record: dict[str, Any]) -> dict[str, Any]:
    return {"time": record["environment"]["created"], "plan_sha256": findings.plan.sha256,
            "data_sha256": findings.dataset.sha256, "plan": findings.plan.flat()}  # fmt: skip


def changed_keys(history: list[dict[str, Any]]) -> list[tuple[str, Any, Any]]:
    """Return (key, then, now) for what the plan says differently from the first run on the same data."""
    latest = history[-1]
    first = next(entry for entry in history if entry["data_sha256"] == latest["data_sha256"])
    keys = sorted({*first["plan"], *latest["plan"]})
    return [(key, first["plan"].get(key), latest["plan"].get(key)) for key in keys
            if first["plan"].get(key) != latest["plan"].get(key)]  # fmt: skip


# --- the exchange ----------------------------------------------------------------------------------------


def _require_results_or_nothing(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "ledger.json").is_file():
        found = "a folder with other files and no ledger.json"
        raise OutputError(str(folder), [Fault("--out", found, "a new folder, an empty one, or one with results")])
    if folder.exists() and not folder.is_dir():
        raise OutputError(str(folder), [Fault("--out", "a file", "a folder")])


def _carry_over(folder: Path, staging: Path) -> None:
    """Copy what the user has put into the old folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in OURS:
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, staging / path.name, symlinks=True)
            else:
                shutil.copy2(path, staging / path.name, follow_symlinks=False)


def _sync(staging: Path) -> None:
    """Have the disk hold the new files before they get their name."""
    for path in [p for p in staging.rglob("*") if p.is_file() and not p.is_symlink()]:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _replace(staging: Path, folder: Path) -> None:
    """Give the new folder the name of the old one: in one step where the system can exchange two names."""
    if not folder.exists() or not any(folder.iterdir()):
        os.replace(staging, folder)
    elif not _exchange(staging, folder):
        aside = folder.with_name(f".{folder.name}-old-{os.getpid()}")
        os.replace(folder, aside)
        os.replace(staging, folder)
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names atomically (Linux renameat2, macOS renamex_np); False where there is no such call."""
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(other)
    at_cwd, exchange = -100, 2
    with contextlib.suppress(AttributeError):
        if sys.platform == "linux":
            return libc.renameat2(at_cwd, first, at_cwd, second, exchange) == 0
        if sys.platform == "darwin":
            return libc.renamex_np(first, second, exchange) == 0
    return False


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        str(folder), [Fault("--out", printable(error.strerror or error), "a folder that can be written")]
    )
