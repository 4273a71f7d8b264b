"""Settings that come as text, as TOML or as JSON, in the types of the fields that they are for."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

import msgspec

from backfill.errors import UsageError


def converted(what: str, kind: type[Any], table: Mapping[str, Any], *, names: Collection[str] = ()) -> dict[str, Any]:
    """The table's values as the dataclass `kind` has them. Raises `UsageError` for a name or a value it has not.

    `names` are those that may be given, all of its fields if there are none. A text becomes what the field is; a tuple
    may be a text with commas; "off" is None.
    """
    known = names or [field.name for field in fields(kind)]
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or sorted(known)
            raise UsageError(f"{what} has no {name}", action=f"give {' or '.join(near)}")
        is_list = isinstance(value, str) and str(hints[name]).startswith("tuple[")
        plain = [part.strip() for part in value.split(",")] if is_list else None if value == "off" else value
        try:
            values[name] = msgspec.convert(plain, hints[name], strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"{name} of {what} cannot be {value!r}: {error}") from error
    return values
