"""Bytes of a file: read once, unpacked within limits, and refused where they changed meanwhile."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

from analysis.errors import DataError, Fault, printable

LARGEST = 10**9
"""Bytes of a file, packed or unpacked, that are read into memory; more than that goes to an engine.
"""

LONGEST_LINE = 10**7
"""Bytes of one line of text."""

BOMB_SIZE, BOMB_RATIO = 10**8, 200
"""What unpacks to more than this many bytes, and to more than this many times its size, is no
table.
"""


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, read once: its hash is that of what was analysed.

    Raises
    ------
    DataError
        When it cannot be read, is too large for memory, or changed while it was being read.
    """
    try:
        before = path.stat()
        if before.st_size > LARGEST:
            found = f"a file of {before.st_size / 1e9:,.1f} GB"
            allowed = (
                f"at most {LARGEST / 1e9:g} GB; beyond that a .csv or .parquet, or"
                " duckdb:FILE/TABLE"
            )
            raise DataError(str(path), [Fault("the whole file", found, allowed)])
        content = path.read_bytes()
        after = path.stat()
    except OSError as error:
        fault = Fault("dataset", printable(error.strerror or error), "a file that can be read")
        raise DataError(str(path), [fault]) from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(
        content
    ) != after.st_size:
        fault = Fault(
            "the whole file",
            "it changed while it was being read",
            "a file that nothing else is writing",
        )
        raise DataError(str(path), [fault])
    return content


def unpacked(content: bytes, path: Path) -> tuple[bytes, str]:
    """Return the bytes and the name of the one file in a .gz or .zip; of any other file, itself."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".gz":
            return _gunzip(content, str(path)), path.stem
        if suffix == ".zip":
            return _unzip(content, str(path))
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise DataError(
            str(path), [Fault("the whole file", printable(error), f"a sound {suffix} file")]
        ) from None
    return content, path.name


def _gunzip(content: bytes, where: str) -> bytes:
    import gzip

    with gzip.open(io.BytesIO(content)) as file:
        return _within_limits(file, len(content), where)


def _unzip(content: bytes, where: str) -> tuple[bytes, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held = [
            info
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
        if len(held) != 1:
            raise DataError(
                where, [Fault("the whole file", f"{len(held)} files in one archive", "exactly one")]
            )
        with archive.open(held[0]) as file:
            return (
                _within_limits(file, len(content), where),
                Path(held[0].filename.replace("\\", "/")).name,
            )


def _within_limits(file: io.BufferedIOBase, packed: int, where: str) -> bytes:
    """Return what a packed file holds, reading no more of it than the limits allow."""
    parts, size = [], 0
    while part := file.read(2**20):
        size += len(part)
        parts.append(part)
        _check_size(size, packed, where)
    return b"".join(parts)


def _check_size(size: int, packed: int, where: str) -> None:
    if size > LARGEST or (size > BOMB_SIZE and size > BOMB_RATIO * packed):
        found = f"{packed:,} bytes that unpack to more than {size:,}"
        allowed = (
            f"at most {LARGEST:,} bytes, and above {BOMB_SIZE:,} at most {BOMB_RATIO} times the"
            " packed size"
        )
        raise DataError(where, [Fault("the whole file", found, allowed)])


def check_workbook(content: bytes, where: str) -> None:
    """Refuse a workbook (a zip archive) whose directory announces more than the limits allow."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_size(sum(info.file_size for info in archive.infolist()), len(content), where)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return  # its reader says what is wrong with it


def check_lines(content: bytes, where: str) -> None:
    """Refuse a line that is longer than any table's."""
    start, end = 0, len(content)
    while end - start > LONGEST_LINE:
        stop = max(content.rfind(mark, start, start + LONGEST_LINE) for mark in (b"\n", b"\r"))
        if stop < 0:
            line = content.count(b"\n", 0, start) + 1
            fault = Fault(
                f"line {line}",
                f"more than {LONGEST_LINE:,} bytes in one line",
                "rows separated by newlines",
            )
            raise DataError(where, [fault])
        start = stop + 1
