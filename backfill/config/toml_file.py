"""A TOML file that a user wrote."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from backfill.errors import UsageError

FILE_BYTES_MAX = 1024 * 1024
"""It is written by hand."""


def read_toml(file: Path, what: str) -> dict[str, Any]:
    """The file's table. `what` it is, for the message: raises `UsageError` if it cannot be read, or is not TOML."""
    try:
        with file.open("rb") as source:
            text = source.read(FILE_BYTES_MAX + 1)
        if len(text) > FILE_BYTES_MAX:
            raise UsageError(f"The {what} {file} is larger than {FILE_BYTES_MAX} bytes.")
        return tomllib.loads(text.decode())
    except OSError as error:
        raise UsageError(f"The {what} {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The {what} {file} is not TOML: it is not UTF-8 (byte {error.start}).") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The {what} {file} is not TOML: {error}.") from error
