"""The files of a study: where they are, TOML as it is written, several written together or none."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from analysis.errors import DataError, Fault, OutputError, printable, quoted


def is_file(path: Path) -> bool:
    """Return whether `path` is a file; False for what cannot be one, or may not be looked at."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\s*\..*)?\s*", re.IGNORECASE)
"""Names of devices on Windows, with any ending."""


def wrong_name(name: str) -> str:
    """Return what is wrong with a file's name on other systems, or an empty text.

    >>> wrong_name("aux.txt"), wrong_name("shops.")
    ('"aux.txt", a name that Windows reserves', '"shops.", which ends in a dot or a space')
    >>> wrong_name("console.txt")
    ''
    """
    if RESERVED.fullmatch(name):
        return f"{quoted(name)}, a name that Windows reserves"
    if name.endswith((".", " ")):
        return f"{quoted(name)}, which ends in a dot or a space"
    if not name.isprintable():
        return f"{quoted(name)}, which has characters that no screen shows"
    return ""


def other_case(path: Path) -> str | None:
    """Return the name of a neighbour that other systems take for the same; None if it is there."""
    folded = unicodedata.normalize("NFC", path.name).casefold()
    names = [one.name for one in neighbours(path)]
    alike = (name for name in names if unicodedata.normalize("NFC", name).casefold() == folded)
    return None if path.name in names else next(alike, None)


def neighbours(path: Path, pattern: str = "*") -> list[Path]:
    """Return the files beside `path` that match, for a suggestion; none in an unreadable folder."""
    try:
        return sorted(path.parent.glob(pattern))
    except (OSError, ValueError):
        return []


def find_project(start: Path | None = None) -> Path | None:
    """Return the nearest folder with `plans/` or `pyproject.toml` from `start` (here) upwards."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "plans").is_dir() or (folder / "pyproject.toml").is_file():
            return folder
    return None


def shipped_studies() -> Path | None:
    """Return the folder with `plans/`, `data/raw/` and `notebooks/` that came with the package.

    In an installed wheel it lies inside the package; in a checkout it is the checkout itself.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "shipped", package.parent):
        if (folder / "plans").is_dir() and (folder / "data" / "raw").is_dir():
            return folder
    return None


def inside(path: Path, allowed: list[Path], address: str) -> Path:
    """Refuse a relative path that leaves the project and the plan's folder."""
    resolved = path.resolve()
    if not any(resolved.is_relative_to(folder.resolve()) for folder in allowed):
        full = f'The full path would work: dataset = "{printable(resolved, limit=300)}"'
        raise DataError(
            address,
            "dataset",
            f"{quoted(address)} leaves the project",
            "a path inside the project or the plan's folder, or an absolute one",
            full if is_file(resolved) else "",
        )
    return resolved


SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
"""The escapes of TOML that have a letter of their own."""

BARE = re.compile(r"[A-Za-z0-9_-]+")
"""Keys that need no quotes."""


def text(value: str) -> str:
    """Return a basic string of TOML; what a screen does not show as itself is escaped.

    Raises
    ------
    ValueError
        For half a surrogate pair, which no TOML file can hold.

    >>> print(text('say "hi"'))
    "say \\"hi\\""
    """
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("half a surrogate pair")
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(char: str) -> str:
    if char in SHORT or char.isprintable():
        return SHORT.get(char, char)
    return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"


def key(name: str) -> str:
    """Return a key: bare where TOML allows it, in quotes otherwise."""
    return name if BARE.fullmatch(name) else text(name)


def texts(values: Iterable[str]) -> str:
    """Return a list of strings on one line."""
    return "[" + ", ".join(map(text, values)) + "]"


def table(entries: Mapping[str, str]) -> str:
    """Return an inline table of strings."""
    return "{" + ", ".join(f"{key(name)} = {text(value)}" for name, value in entries.items()) + "}"


def missing_values(cells: Mapping[str, Iterable[float | str]]) -> str:
    """Return the line that declares cells of columns as missing; texts as they are in TOML.

    >>> print(missing_values({"age": [999.0, -9.0], "type of shop": ['"n/d"']}))
    missing_values = {age = [999, -9], "type of shop" = ["n/d"]}
    """
    listed = (
        f"{key(name)} = [{', '.join(c if isinstance(c, str) else f'{c:.15g}' for c in codes)}]"
        for name, codes in cells.items()
    )
    return f"missing_values = {{{', '.join(listed)}}}"


def number(value: float) -> str:
    """Return a number: whole ones without a point, others with every digit they have."""
    whole = float(value).is_integer() and abs(value) < 2**53
    return str(int(value)) if whole else repr(float(value))


def remark(words: str) -> str:
    """Return words as they may stand in a comment: on one line, control characters escaped."""
    return printable(words, limit=400)


def value(given: object) -> str:
    """Return any value that JSON has (or a mapping of such) as TOML writes it on one line."""
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, (int, float)):
        return number(given)
    if isinstance(given, Mapping):
        inner = ", ".join(f"{key(str(name))} = {value(item)}" for name, item in given.items())
        return "{" + inner + "}"
    if isinstance(given, (list, tuple)):
        return "[" + ", ".join(map(value, given)) + "]"
    return text(str(given))


def document(content: Mapping[str, object], *, heading: str = "") -> str:
    """Return a whole TOML document: plain keys first, then a `[table]` or `[[table]]` for the rest.

    >>> print(document({"name": "shops", "score": {"columns": ["klout"]}}))
    name = "shops"
    <BLANKLINE>
    [score]
    columns = ["klout"]
    <BLANKLINE>
    """
    tables = {name: item for name, item in content.items() if isinstance(item, Mapping)}
    repeated = {
        name: item
        for name, item in content.items()
        if isinstance(item, list) and item and all(isinstance(one, Mapping) for one in item)
    }
    plain = [name for name in content if name not in tables and name not in repeated]
    lines = [f"{key(name)} = {value(content[name])}\n" for name in plain]
    for name, items in {**{name: [item] for name, item in tables.items()}, **repeated}.items():
        path = f"{heading}.{key(name)}" if heading else key(name)
        header = f"[[{path}]]" if name in repeated else f"[{path}]"
        lines += [f"\n{header}\n{document(item, heading=path)}" for item in items]
    return "".join(lines)


# --- files ----------------------------------------------------------------------------------------


def write_together(
    contents: Mapping[Path, str], *, replace: Iterable[Path] = (), folders: bool = True
) -> None:
    """Write each text to its path in UTF-8; what exists is an error unless it is among `replace`.

    With `folders`, those that are missing are made.

    Every text is written beside its place first, so that a full disk or a folder that cannot be
    written changes nothing; a failure at a later file takes the earlier ones back.

    Raises
    ------
    OutputError
        When a file exists already, or cannot be written.
    """
    there = [path for path in contents if os.path.lexists(path) and path not in set(replace)]
    if there:
        other = "choose another with --out, or replace what is there with --force"
        faults = [
            Fault(
                printable(path, limit=300),
                "a file that exists already",
                f"a path that is free: {other}",
            )
            for path in there
        ]
        raise OutputError(there[0].parent, faults)
    for path in contents:
        twin, allowed = other_case(path), "a name that differs by more than case"
        alike = f"a name that {quoted(twin)} has, but for case" if twin else ""
        if wrong := wrong_name(path.name) or alike:
            raise OutputError(path.parent, printable(path, limit=300), wrong, allowed)
    ready: dict[Path, Path] = {}
    made: list[Path] = []
    try:
        for path, content in contents.items():
            if folders:
                above = (path.parent, *path.parent.parents)
                made += [folder for folder in above if not folder.exists()]
                path.parent.mkdir(parents=True, exist_ok=True)
            ready[path] = _staged(path, content)
        _put_in_place(ready)
    except OSError as error:
        _forget(ready.values())
        for folder in sorted(made, reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise OutputError(
            path,
            "the files",
            printable(error.strerror or error),
            "a folder that can be written; nothing was changed",
        ) from None
    finally:
        _forget(ready.values())


def _staged(path: Path, content: str) -> Path:
    """Return the new file beside `path` that holds the content, with the rights of any new file."""
    handle, name = tempfile.mkstemp(prefix=".score-audit-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode("utf-8"))
    except OSError:
        _forget([Path(name)])
        raise
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(name, 0o666 & ~umask)
    return Path(name)


def _put_in_place(ready: Mapping[Path, Path]) -> None:
    """Move the written files to their places; take them back when one cannot be moved."""
    before = {path: path.read_bytes() if path.is_file() else None for path in ready}
    done: list[Path] = []
    try:
        for path, staged in ready.items():
            os.replace(staged, path)
            done.append(path)
    except BaseException:
        for path in done:
            old = before[path]
            path.unlink() if old is None else path.write_bytes(old)
        raise


def _forget(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
