"""What each change replaced, so that a company can be shown as it stood at any instant since it was seeded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from backfill.errors import UnavailableError

JOURNAL_LIMIT = 1_000_000
"""Changes a company remembers: at the 2 KB of a large object some 2 GB, more than a rehearsal ever makes."""


class Change(NamedTuple):
    """One change: when, of what, and the bytes before it (None: the object did not exist)."""

    at: datetime
    entity: str
    object_id: str
    before: bytes | None


class Changed(NamedTuple):
    """One change, told to whoever watches: when, of what, and the bytes before and after it."""

    at: datetime
    entity: str
    object_id: str
    before: bytes | None
    """None: the object did not exist."""
    after: bytes | None
    """None: it exists no more."""
    counted: bool
    """False: QuickBooks made it by itself, and left the SyncToken as it was."""


class Journal:
    """Changes in the order they were made; instants increase strictly. Holds at most `limit` of them."""

    def __init__(self, realm_id: str, limit: int = JOURNAL_LIMIT) -> None:
        self._realm_id = realm_id
        self._limit = limit
        self._changes: list[Change] = []

    def __len__(self) -> int:
        return len(self._changes)

    def record(self, change: Change) -> None:
        """Remember one more change. Raises `UnavailableError` when full: forgetting would make the past false."""
        if len(self._changes) >= self._limit:
            raise UnavailableError(
                f"the simulated company {self._realm_id} has changed {self._limit} times and can remember no more",
                action="simulate for a shorter time, or with fewer changes a minute",
            )
        self._changes.append(change)

    def since(self, instant: datetime) -> Sequence[Change]:
        """The changes later than `instant`, oldest first."""
        return self._changes[bisect_right(self._changes, instant, key=attrgetter("at")) :]

    def rewind(self, docs: Mapping[str, dict[str, bytes]], instant: datetime) -> None:
        """Undo in `docs` (entity to Id to bytes) every change of its entities later than `instant`, newest first."""
        for change in reversed(self.since(instant)):
            rows = docs.get(change.entity)
            if rows is None:
                continue
            if change.before is None:
                del rows[change.object_id]
            else:
                rows[change.object_id] = change.before
