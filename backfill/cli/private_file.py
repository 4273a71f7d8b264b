"""A file that nobody else can read, and that appears whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from backfill.cli.output import stdout_bytes
from backfill.errors import UsageError


@contextmanager
def private_file(file: Path) -> Iterator[BinaryIO]:
    """Open for writing what is `file`, mode 0600 from the first moment, once the block has ended well.

    Raises `UsageError` where it cannot be written.
    """
    try:
        if file.exists() and not file.is_file():  # a device, or a pipe such as /dev/stdout, is to stay what it is
            with file.open("wb") as target:
                yield target
            return
        file = file.resolve()  # a link is to stay a link
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".draft-")
        draft = Path(name)
        try:
            with open(descriptor, "wb") as target:  # noqa: PTH123 - a descriptor, not a path
                yield target
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from error


@contextmanager
def written(file: str) -> Iterator[BinaryIO]:
    """The private file, or stdout for `-`. Raises `UsageError`, and `UnavailableError` where stdout takes no more."""
    with stdout_bytes() if file == "-" else private_file(Path(file)) as target:
        yield target
