"""One version of one object, as it is stored."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class StoredObject(msgspec.Struct, frozen=True, gc=False):
    """One version of one object. A change makes a new one; whoever holds this one holds what was."""

    id: str
    """Of an ExchangeRate, which has none: source currency and as-of date, `EUR:2024-01-31`."""
    sync_token: int
    created: int
    """Epoch seconds, as MetaData shows: of one second's resolution."""
    updated: int
    active: bool
    doc: bytes
    """The entity as compact UTF-8 JSON with its Id, SyncToken and MetaData (a wrapper where traits say `wrapped`)."""


KeyOf = Callable[[StoredObject], str]
"""What an index files an object under; "" where under nothing."""
