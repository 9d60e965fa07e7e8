"""Where results may go: looked at before anything is computed, and one run of a study at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from analysis.errors import OutputError, printable, quoted
from analysis.plan.files import other_case, wrong_name

PATIENCE = 120.0
"""Seconds to wait for another run of the study that is writing."""

ROOM, FILES = 5 * 10**6, 200
"""Bytes and files that have to be free: a folder of results has one or two MB in some forty files.
"""

PROBE = 10**6
"""Bytes that are written and taken away: a quota does not show in what is free."""

OWN, SYSTEM = ".score-audit-", ("lost+found",)
"""How our own files for a moment are called; what a file system puts into its root."""


def resolved(folder: Path) -> Path:
    """Return the full path of a result folder.

    Raises
    ------
    OutputError
        For a name that no folder can have.
    """
    try:
        return folder.expanduser().resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name, a loop of links
        raise cannot_write(folder, error) from None


def require_place(folder: Path) -> Path:
    """Return the full path of a folder that results can be written to, after having tried.

    Nothing is left behind by the trial.

    Raises
    ------
    OutputError
        When it cannot be written, holds something else, or the disk is full.
    """
    folder, made = resolved(folder), []
    try:
        _require_name(folder)
        require_results_or_nothing(folder)
        above = folder if in_place(folder) else folder.parent
        made = [path for path in (above, *above.parents) if not path.exists()]
        above.mkdir(parents=True, exist_ok=True)
        _require_room(folder, above)
        with tempfile.TemporaryDirectory(prefix=f"{OWN}trial-", dir=above) as trial:
            (Path(trial) / "trial").write_bytes(bytes(PROBE))
            (Path(trial) / f".{folder.name}-staging-12345678").mkdir()
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        remove_empty(made)
    return folder


def in_place(folder: Path) -> bool:
    """Return whether a folder has to be filled where it is, since its name cannot be exchanged.

    That is a mount point, and a folder beside which nothing may be made.
    """
    if not folder.is_dir() or folder.is_symlink():
        return False
    closed = not os.access(folder.parent, os.W_OK | os.X_OK) and os.access(folder, os.W_OK)
    return os.path.ismount(folder) or closed


def _require_room(folder: Path, above: Path) -> None:
    """Refuse a disk that is known to be full."""
    free = shutil.disk_usage(above).free
    if free < ROOM:
        found = f"{free / 1e6:.1f} MB free on its disk"
        raise OutputError(str(folder), "--out", found, f"{ROOM / 1e6:.0f} MB or more")
    left = os.statvfs(above) if hasattr(os, "statvfs") else None
    if left is not None and left.f_files and left.f_favail < FILES:
        found = f"room for {left.f_favail:,} more files on its disk"
        raise OutputError(str(folder), "--out", found, f"for {FILES} or more")


def _require_name(folder: Path) -> None:
    """Refuse a name that other systems reserve, or that differs from one there by case alone."""
    for path in (folder, *folder.parents):
        if path.exists():
            break
        if wrong := wrong_name(path.name):
            allowed = "a name that every system can have"
            raise OutputError(str(folder), "--out", wrong, allowed)
        if twin := other_case(path):
            found = f"{quoted(path.name)}, where there is {quoted(twin)}"
            allowed = "a name that differs by more than case, or that very one"
            raise OutputError(str(folder), "--out", found, allowed)


def require_results_or_nothing(folder: Path) -> None:
    """Refuse a place that holds something other than results.

    Raises
    ------
    OutputError
        For a file, the folder one works in, and a folder with other files.
    """
    found, allowed = "", "a new folder, an empty one, or one with results"
    if folder.exists() and not folder.is_dir():
        found, allowed = "a file", "a folder"
    elif Path.cwd().is_relative_to(folder):
        found, allowed = (
            "the folder one works in, or one around it",
            "another folder: this one is replaced as a whole",
        )
    elif folder.is_dir() and _is_foreign(folder):
        found = "a folder with other files and no ledger.json of score-audit"
    if found:
        raise OutputError(str(folder), "--out", found, allowed)


def _is_foreign(folder: Path) -> bool:
    """Return whether a folder holds files, and no results among them."""
    try:
        held = [path.name for path in folder.iterdir() if path.name not in SYSTEM]
    except OSError as error:
        raise cannot_write(folder, error) from None
    ours = (OWN, f".{folder.name}-staging-")
    return not all(name.startswith(ours) for name in held) and not _holds_results(folder)


def _holds_results(folder: Path) -> bool:
    """Return whether a folder's ledger.json is one, of whatever version."""
    import json

    try:
        record = json.loads((folder / "ledger.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and {"schema", "plan", "estimates"} <= set(record)


@contextlib.contextmanager
def turn(folder: Path, progress: Callable[[str], None] = lambda step: None) -> Iterator[None]:
    """Wait until no other run writes into this very folder; the system ends a killed run's turn.

    Raises
    ------
    OutputError
        When another one has been writing for `PATIENCE` seconds.
    """
    try:
        import fcntl
    except ImportError:  # no such lock here: two runs at once are still each written whole
        yield
        return
    path = (
        folder / f"{OWN}lock" if in_place(folder) else folder.parent / f".{folder.name[:200]}-lock"
    )
    end, waited = time.monotonic() + PATIENCE, False
    while (handle := _locked(path, fcntl)) is None:
        if time.monotonic() > end:
            found = f"another run of this study has been writing here for {PATIENCE:g} seconds"
            allowed = "a folder no other run writes to: wait for it, or give another --out"
            raise OutputError(str(folder), "--out", found, allowed)
        if not waited:
            progress("Waiting for another run of this study to finish writing")
        waited = True
        time.sleep(0.05)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(handle)


def _locked(path: Path, fcntl: object) -> int | None:
    """Return the open lock file, which this run holds; None where another one does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:  # a file system without locks
        return handle
    with contextlib.suppress(OSError):
        if os.path.samestat(os.stat(path), os.fstat(handle)):
            return handle
    os.close(handle)  # the one before took its lock away: it is no lock any more
    return None


def remove_empty(folders: list[Path]) -> None:
    """Remove folders made for nothing, the innermost first."""
    for path in folders:
        with contextlib.suppress(OSError):
            path.rmdir()


def cannot_write(folder: Path, error: Exception) -> OutputError:
    """Return the refusal of a place where the system says no."""
    found = printable(getattr(error, "strerror", None) or error)
    return OutputError(str(folder), "--out", found, "a folder that can be written")
