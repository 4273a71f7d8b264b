"""What the ledger says, as JSON for scripts and as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec


def plain(found: Any) -> Any:
    """Only what JSON has."""
    if isinstance(found, Mapping):
        return {str(key): plain(value) for key, value in found.items()}
    if isinstance(found, msgspec.Raw):
        return msgspec.json.decode(found)
    if isinstance(found, datetime):
        return found.isoformat()
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        return [plain(value) for value in found]
    return found


def words(found: Any) -> str:
    """An outline: each name with its value, lists with an entry a line."""
    return "\n".join(_lines(plain(found), "")) or "Nothing."


def _lines(found: Any, indent: str) -> Iterator[str]:
    for key, value in found.items():
        name = key.replace("_", " ")
        if isinstance(value, list):
            if value:
                yield f"{indent}{name}:"
            for entry in value:
                yield f"{indent}  {_in_line(entry)}"
        elif isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {value}"


def _in_line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    return "  ".join(
        f"{key.replace('_', ' ')} {_in_line(value) if isinstance(value, dict) else value}"
        for key, value in entry.items()
        if value not in (None, "", {})
    )
