"""What a command is given to read: a file, or stdin for `-`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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
