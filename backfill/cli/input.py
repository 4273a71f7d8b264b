"""What a command is given to read: a file, or stdin for `-`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from backfill.errors import UsageError


@contextmanager
def opened(source: str) -> Iterator[IO[bytes]]:
    """The file, or stdin for `-`. Raises `UsageError`."""
    if source == "-":
        if sys.stdin is None:
            raise UsageError("There is nothing to read: stdin is closed.", action="Give a file, or pipe the rows in.")
        yield sys.stdin.buffer
        return
    try:
        with Path(source).open("rb") as file:
            yield file
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}.") from error
