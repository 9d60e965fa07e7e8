"""How much of a file is read: limits that hold before the memory is gone."""

from __future__ import annotations

import io

from analysis.data.reading.cells import TableError

MOST_BYTES = 10**9
"""Bytes of a file, packed or unpacked, that are read into memory; more than that is out of core."""

BOMB_SIZE, BOMB_RATIO = 10**8, 200
"""More bytes than this, and more than this many times the packed size, are no table."""

WHOLE = "the whole file"


def within_limits(file: io.BufferedIOBase, packed: int) -> bytes:
    """Return what a packed file holds, reading no more of it than the limits allow."""
    unpacked = bytearray()
    while part := file.read(2**20):
        unpacked += part
        check_size(len(unpacked), packed)
    return bytes(unpacked)


def check_size(size: int, packed: int) -> None:
    """Refuse more bytes than are read, or than a table is packed into so few.

    Raises
    ------
    TableError
        Saying how much there is, and how much is read.
    """
    if size > MOST_BYTES or (size > BOMB_SIZE and size > BOMB_RATIO * packed):
        found = f"{packed:,} bytes that unpack to more than {size:,}"
        times = f"at most {BOMB_RATIO} times the packed size"
        raise TableError(
            WHOLE,
            found,
            f"at most {MOST_BYTES:,} bytes, and above {BOMB_SIZE:,} {times}",
        )
