"""What a command is given to read: a file, or stdin for `-`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from backfill.errors import UsageError

STDIN = "-"
"""Given in the place of a file."""


def named(source: str) -> str:
    """What is read, for a message."""
    return "stdin" if source == STDIN else source


@contextmanager
def opened(source: str) -> Iterator[IO[bytes]]:
    """The file, or stdin. Raises `UsageError`, also where it cannot be read to its end."""
    if source == STDIN and sys.stdin is None:
        raise UsageError("There is nothing to read: stdin is closed.", action="Give a file, or pipe the rows in.")
    try:
        with nullcontext(sys.stdin.buffer) if source == STDIN else Path(source).open("rb") as file:
            yield file
    except OSError as error:
        raise UsageError(f"{named(source)} cannot be read: {error.strerror}.") from error


async def typed(file: int, *, bytes_max: int) -> AsyncIterator[str]:
    """What is typed, a line at a time, until its end. Not by a thread: one that waits for a line ends with it only.

    Raises `UsageError` for a line above `bytes_max`.
    """
    line = b""
    while chunk := await _chunk(file, bytes_max):
        line += chunk
        *whole, line = line.split(b"\n")
        for each in whole:
            yield each.decode(errors="replace")
        if len(line) > bytes_max:
            raise UsageError("What was typed is too long.", action="Give the command again, in a terminal.")
    if line:
        yield line.decode(errors="replace")


async def _chunk(file: int, bytes_max: int) -> bytes:
    import anyio  # not at the top: `--help` has no use for it

    with suppress(PermissionError):  # of a file, which nobody has to wait for
        await anyio.wait_readable(file)
    return os.read(file, bytes_max)
