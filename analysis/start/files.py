"""Several files written together: all of them, or none."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from analysis.errors import Fault, OutputError, printable


def write_together(contents: dict[Path, str], *, replace: Iterable[Path] = ()) -> None:
    """Write each text to its path in UTF-8; what exists is an error unless it is among `replace`.

    Every text is written beside its place first, so that a full disk or a folder that cannot be
    written changes nothing; a failure at a later file takes the earlier ones back.

    Raises
    ------
    OutputError
        When a file exists already, or cannot be written.
    """
    may = set(replace)
    there = [path for path in contents if os.path.lexists(path) and path not in may]
    if there:
        allowed = (
            "a path that is free: choose another with --out, or replace what is there with --force"
        )
        faults = [
            Fault(printable(path, limit=300), "a file that exists already", allowed)
            for path in there
        ]
        raise OutputError(str(there[0].parent), faults)
    ready: dict[Path, Path] = {}
    made: list[Path] = []
    try:
        for path, text in contents.items():
            made += _make_folder(path.parent)
            ready[path] = _written_beside(path, text)
        _put_in_place(ready)
    except OSError as error:
        _forget(list(ready.values()))
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                folder.rmdir()
        found = printable(error.strerror or error)
        fault = Fault("the files", found, "a folder that can be written; nothing was changed")
        raise OutputError(str(path), [fault]) from None
    finally:
        _forget(list(ready.values()))


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder with those above it; return the new ones, outermost first."""
    missing = [above for above in (folder, *folder.parents) if not above.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _written_beside(path: Path, text: str) -> Path:
    with tempfile.NamedTemporaryFile(
        "wb", prefix=".score-audit-", dir=path.parent, delete=False
    ) as file:
        try:
            file.write(text.encode("utf-8"))
            file.flush()
        except OSError:
            _forget([Path(file.name)])
            raise
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(file.name, 0o666 & ~umask)
    return Path(file.name)


def _put_in_place(ready: dict[Path, Path]) -> None:
    """Move the written files to their places; take them back when one cannot be moved."""
    before = {path: path.read_bytes() if path.is_file() else None for path in ready}
    done: list[Path] = []
    try:
        for path, written in ready.items():
            os.replace(written, path)
            done.append(path)
    except BaseException:
        for path in done:
            old = before[path]
            path.unlink() if old is None else path.write_bytes(old)
        raise


def _forget(paths: list[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
