"""What the ledger says, as JSON for scripts and as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

SENTENCE = 40
"""Characters from which a text takes a line of its own."""
SENTENCES = {"action": "What to do"}
NUMBERS = ("load_id", "undo", "line")
"""Those that are names: without commas."""


def plain(found: Any) -> Any:
    """Only what JSON has, and moments."""
    if isinstance(found, Mapping):
        return {str(key): plain(value) for key, value in found.items()}
    if isinstance(found, msgspec.Raw):
        return msgspec.json.decode(found)
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        return [plain(value) for value in found]
    return found


def words(found: Any) -> str:
    """An outline: each name with its value, lists with an entry a line, and sentences on lines of their own."""
    return "\n".join(_lines(plain(found), "")) or "Nothing."


def _lines(found: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield f"{indent}{_name(key)}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, list):
            if value:
                yield f"{indent}{_name(key)}:"
            for entry in value:
                yield from _entry(entry, f"{indent}  ")
        else:
            yield f"{indent}{_name(key)}: {_shown(key, value)}"


def _entry(entry: Any, indent: str) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"{indent}{entry}"
        return
    told = {key: value for key, value in entry.items() if value not in (None, "", {})}
    sentences = {key: value for key, value in told.items() if isinstance(value, str) and len(value) > SENTENCE}
    yield f"{indent}{_in_line({key: value for key, value in told.items() if key not in sentences})}"
    for key, value in sentences.items():
        yield f"{indent}    {SENTENCES.get(key, _name(key))}: {value}"


def _in_line(entry: Mapping[str, Any]) -> str:
    return "  ".join(
        f"{_name(key)} {_in_line(value) if isinstance(value, dict) else _shown(key, value)}"
        for key, value in entry.items()
    )


def _name(key: str) -> str:
    return key.removesuffix("_s").replace("_", " ")


def _shown(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if key.endswith("_s"):
        return f"{value:,} s"
    return f"{value:,}" if isinstance(value, int) and key not in NUMBERS else str(value)
