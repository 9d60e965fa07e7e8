"""The result folder: always the complete old or the complete new results, never a mixture."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.data.disclosure import inert_table, plain_text
from analysis.errors import OutputError, printable, shown_address
from analysis.report import place
from analysis.report.citation import numbers
from analysis.report.citation.references import bibtex, csl, ris
from analysis.report.citation.word import word
from analysis.report.html import SECTIONS, report_html, sections_of
from analysis.report.ledger import UNSEALED, ledger, sealed, to_json, write_csv
from analysis.report.replication.checklist import answered, checklist_html, checklist_md
from analysis.report.replication.crate import CRATE, crate_json, library_version, require_library
from analysis.report.replication.readme import Package, readme
from analysis.results.findings import Findings
from analysis.timing import Step

OURS = re.compile(
    r"ledger\.json|(verdicts|estimates|checks|specifications|decisions)\.csv|report\.html|numbers\.(tex|typ|docx|myst\.yml)|_variables\.yml|citation\.(bib|json|ris)|history\.jsonl"
    r"|README\.md|checklist\.(md|html)|ro-crate-metadata\.json"
    rf"|tables/(rows|effects-\d+)\.(md|tex|typ|html|docx)|figures/(data|share|effect-\d+|({'|'.join(SECTIONS)}|parts|diagnosis|assay)(-\d+)?)\.(svg|png)|figures/({'|'.join(SECTIONS)})\.csv"
)
"""What a run writes, by its path in the folder; anything else belongs to the user and is carried
over.
"""

LATER = ("README.md", "checklist.md", "checklist.html", CRATE)
"""Names that not every run writes: such a file is a run's where the ledger lists it, and else the
user's.
"""


def write_results(
    findings: Findings,
    folder: Path,
    *,
    crate: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> Path:
    """Write everything a run publishes into `folder`, replacing an earlier run's results at once.

    Parameters
    ----------
    findings : Findings
    folder : Path
    crate : bool
        Whether the folder is described as an RO-Crate, too.
    progress : callable, optional

    Raises
    ------
    OutputError
        When the folder holds something other than results, or cannot be written; or where the
        extra for crates is not installed.
    """
    folder, made = place.resolved(folder), []
    library = require_library() if crate else None
    try:
        made = [path for path in folder.parents if not path.exists()]
        folder.parent.mkdir(parents=True, exist_ok=True)
        with place.turn(folder, progress):
            _tidy(folder)
            place.require_results_or_nothing(folder)
            _write(findings, folder, library, progress)
    except OSError as error:
        raise place.cannot_write(folder, error) from None
    finally:
        place.remove_empty(made)
    return folder


def write_or_rescue(
    findings: Findings,
    folder: Path,
    *,
    crate: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> tuple[Path, OutputError | None]:
    """Write as `write_results` does; where that fails, into another folder: hours are not lost.

    Returns
    -------
    folder : Path
        That has the results.
    error : OutputError or None
        Why they are not where they were to be, naming where they are.

    Raises
    ------
    OutputError
        When they could be written nowhere.
    """
    try:
        return write_results(findings, folder, crate=crate, progress=progress), None
    except OutputError as error:
        for root in (tempfile.gettempdir(), Path.cwd(), Path.home()):
            with contextlib.suppress(OSError):
                other = Path(tempfile.mkdtemp(prefix="score-audit-", dir=root))
                try:
                    whole = other / findings.plan.name
                    saved = write_results(findings, whole, crate=crate, progress=progress)
                except OutputError:
                    shutil.rmtree(other, ignore_errors=True)
                    continue
                hint = f"The results are whole, in {printable(saved, limit=300)}"
                faults = [replace(fault, hint=hint) for fault in error.faults]
                return saved, OutputError(error.where, faults)
        raise


def _write(
    findings: Findings, folder: Path, library: str | None, progress: Callable[[str], None]
) -> None:
    """Fill a new folder beside the old one, and exchange the two."""
    stays = place.in_place(folder)
    above = folder if stays else folder.parent
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-staging-", dir=above))
    try:
        staging.chmod(stat.S_IMODE(folder.stat().st_mode) if folder.exists() else 0o777 & ~_umask())
        _fill(findings, staging, folder, library, progress)
        if stays:
            _sync(staging)
            _fill_in_place(staging, folder)
            return
        _carry_over(folder, staging)
        _sync(staging)
        _replace(staging, folder)
        _carry_over(staging, folder)  # put into the old one while the new one was being written
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fill(
    findings: Findings,
    staging: Path,
    folder: Path,
    library: str | None,
    progress: Callable[[str], None],
) -> None:
    record = ledger(findings, folder)
    if library is not None:
        record["environment"]["crate"] = library
    history = [*read_history(folder), history_entry(findings, record)]
    fill(findings, staging, record, history, progress=progress)


def fill(
    findings: Findings,
    staging: Path,
    record: dict[str, Any],
    history: list[dict[str, Any]],
    *,
    described: Path | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> None:
    """Write every file of a result folder into an empty one.

    Parameters
    ----------
    findings : Findings
    staging : Path
    record : dict
        The ledger.
    history : list of dict
        The runs into this folder, the present one last.
    described : Path, optional
        The folder whose files a crate describes: this one unless given. A crate is written where
        the ledger names the version of the library that is installed.
    progress : callable, optional
    """
    from analysis.results.data_figure import data_figure
    from analysis.results.effect_figure import effect_figure, share_picture
    from analysis.results.table import write_tables

    write_csv(findings, staging)
    progress(Step("Drawing", 0.75))
    (staging / "figures").mkdir()
    figures = {"data": data_figure(findings)}
    for number, outcome in enumerate(findings.plan.outcome, 1):
        figures[f"effect-{number}"] = effect_figure(findings, outcome.column)
    sections = sections_of(findings)
    for key, section in sections.items():
        figures |= section.named_figures(key)
        if section.data is not None:
            table = inert_table(section.data)
            table.to_csv(staging / "figures" / f"{key}.csv", index=False, lineterminator="\n")
    images = {name: figure.save(staging / "figures", name) for name, figure in figures.items()}
    (staging / "figures" / "share.png").write_bytes(share_picture(findings))
    progress(Step("Writing the report", 0.95))
    (staging / "tables").mkdir()
    write_tables(findings, staging / "tables")
    entries = (json.dumps(entry, ensure_ascii=False, sort_keys=True) for entry in history)
    lines = map(plain_text, entries)
    items = answered(findings, record)
    texts = {
        "report.html": report_html(findings, record, images, sections, history),
        "numbers.tex": numbers.latex(record),
        "numbers.typ": numbers.typst(record),
        "numbers.myst.yml": numbers.myst(record),
        "_variables.yml": numbers.quarto(record),
        "citation.bib": bibtex(record),
        "citation.json": csl(record),
        "citation.ris": ris(record),
        "history.jsonl": "\n".join(lines) + "\n",
        "checklist.md": checklist_md(findings, items),
        "checklist.html": checklist_html(findings, items),
    }
    library = record["environment"].get("crate")
    (staging / "numbers.docx").write_bytes(word(record))
    written = [path.relative_to(staging).as_posix() for path in staging.rglob("*.*")]
    named = {*written, *texts, "README.md", "ledger.json", *([CRATE] if library else [])}
    package = Package(findings, record, sections, tuple(sorted(named)))
    texts["README.md"] = readme(package)
    for name, text in texts.items():
        (staging / name).write_text(text, "utf-8")
    if library and library == library_version():
        crate = crate_json(record, described or staging, package.exhibits, package.command)
        (staging / CRATE).write_text(crate, "utf-8")
    (staging / "ledger.json").write_text(to_json(sealed(record, staging)), "utf-8")


# --- history --------------------------------------------------------------------------------------


ENTRY = {"plan_sha256", "data_sha256", "time", "plan"}
"""What an entry of the history has to hold."""


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of earlier runs into this folder, oldest first; a line that is no entry is
    left out.
    """
    entries = []
    path = folder / "history.jsonl"
    if path.is_file():
        # splitlines would also split at U+2028
        for line in path.read_text("utf-8", "replace").split("\n"):
            with contextlib.suppress(ValueError, RecursionError):
                entry = json.loads(line)
                known = isinstance(entry, dict) and set(entry) >= ENTRY
                if known and isinstance(entry["plan"], dict):
                    entries.append(entry)
    return entries


def history_entry(findings: Findings, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "time": record["environment"]["created"],
        "plan_sha256": findings.plan.sha256,
        "data_sha256": findings.dataset.sha256,
        "plan": findings.plan.flat() | {"dataset": shown_address(findings.plan.dataset)},
    }


# --- the exchange ---------------------------------------------------------------------------------


def _tidy(folder: Path) -> None:
    """Clear away what a killed run has left beside the folder; on its turn no other run owns it."""
    aside = _aside(folder)
    if aside.is_dir() and not folder.exists():
        os.replace(aside, folder)
    pattern = re.compile(rf"\.{re.escape(folder.name)}-(staging-[a-z0-9_]{{8}}|replaced)")
    stays = place.in_place(folder)
    for left in [*(folder if stays else folder.parent).iterdir()]:
        if pattern.fullmatch(left.name) and left.is_dir():
            if folder.is_dir() and not stays:
                _carry_over(left, folder)
            shutil.rmtree(left, ignore_errors=True)


def _carry_over(source: Path, target: Path) -> None:
    """Take over what the user has put into a folder, where the other has no newer version of it."""
    taken = _listed(target) or {}
    for name in _users_own(source) if source.is_dir() else ():
        old, new = source / name, target / (_kept(name) if name.as_posix() in taken else name)
        new.parent.mkdir(parents=True, exist_ok=True)
        if old.is_dir() and not old.is_symlink():
            new.mkdir(exist_ok=True)
        elif not os.path.lexists(new) or old.lstat().st_mtime_ns > new.lstat().st_mtime_ns:
            new.unlink(missing_ok=True)
            try:  # one file under two names: nothing to copy, no edit lost
                os.link(old, new, follow_symlinks=False)
            except OSError:
                shutil.copy2(old, new, follow_symlinks=False)


def _users_own(folder: Path) -> list[Path]:
    """Return the files and empty folders that no run wrote, by their path in the folder."""

    def stop(error: OSError) -> None:
        raise error

    paths, is_ours = [], _writes(folder)
    for where, folders, files in os.walk(folder, onerror=stop):
        here = Path(where).relative_to(folder)
        links = [name for name in folders if (Path(where) / name).is_symlink()]
        held = [here / name for name in [*files, *links]]
        paths += [path for path in held if not is_ours(path)]
        if not folders and not files and here.as_posix() not in (".", "tables", "figures"):
            paths.append(here)
    return paths


def written_by_a_run(folder: Path) -> list[Path]:
    """Return the files of a result folder that a run writes, by their path in it."""
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [*filter(_writes(folder), paths)]


def _writes(folder: Path) -> Callable[[Path], bool]:
    """Return the function that says of a path in a folder whether a run wrote what is there."""
    listed = _listed(folder)

    def is_ours(path: Path) -> bool:
        name = path.as_posix()
        users = name in LATER and listed is not None and name not in listed
        return bool(OURS.fullmatch(name)) and not users

    return is_ours


def _listed(folder: Path) -> dict[str, str] | None:
    """Return the hashes in a folder's ledger by file; None without a ledger (a killed run's)."""
    with contextlib.suppress(OSError, ValueError, RecursionError, AttributeError):
        files = json.loads((folder / "ledger.json").read_text("utf-8")).get("files", {})
        return files if isinstance(files, dict) else {}
    return None


def _kept(name: Path) -> Path:
    """Return what a file of the user is called whose name a run has taken.

    >>> _kept(Path("README.md")).as_posix()
    'README.kept.md'
    """
    return name.with_suffix(f".kept{name.suffix}")


def sealed_files(folder: Path) -> set[str]:
    """Return the files of a result folder whose hash its ledger has, by their path in it."""
    return {path.as_posix() for path in written_by_a_run(folder)} - {*UNSEALED}


def _sync(staging: Path) -> None:
    """Have the disk hold the new files before they get their name."""
    for path in [staging, *staging.rglob("*")]:
        if path.is_symlink() or not (path.is_file() or (path.is_dir() and os.name == "posix")):
            continue
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _replace(staging: Path, folder: Path) -> None:
    """Give the new folder the name of the old one: in one step where the system can exchange two
    names.
    """
    if not folder.exists() or not any(folder.iterdir()):
        os.replace(staging, folder)
    elif not _exchange(staging, folder):
        os.replace(folder, _aside(folder))
        os.replace(staging, folder)
        os.replace(_aside(folder), staging)


def _fill_in_place(staging: Path, folder: Path) -> None:
    """Move new results into a folder that keeps its name, the ledger last.

    What an earlier run wrote goes, what the user put there stays. A kill between two moves leaves
    files that are not the ledger's, which `verify` says; the next run puts it right.
    """
    new = [path.relative_to(staging) for path in staging.rglob("*") if path.is_file()]
    is_ours = _writes(folder)
    for name in new:
        if (folder / name).is_file() and not is_ours(name):
            os.replace(folder / name, folder / _kept(name))
    for name in sorted(new, key=lambda name: name.as_posix() == "ledger.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        os.replace(staging / name, folder / name)
    for name in {*written_by_a_run(folder)} - {*new}:
        (folder / name).unlink()


def _aside(folder: Path) -> Path:
    """Return where the old results are for a moment where two names cannot be exchanged; `_tidy`
    looks there.
    """
    return folder.parent / f".{folder.name}-replaced"


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names atomically (Linux renameat2, macOS renamex_np); False where there is no
    such call.
    """
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
