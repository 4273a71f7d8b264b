"""Rows that are still being written while a history is seeded, and those of them that wait to be settled."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

from backfill.simulator.clock import PacificZone
from backfill.simulator.company import sealed
from backfill.simulator.documents import Doc
from backfill.simulator.stored import StoredObject


@dataclass(slots=True)
class Draft:
    """A row whose document may still change before it is stored."""

    entity: str
    slot: int
    id: str
    doc: Doc
    created: int
    updated: int
    token: int
    open: int = 0
    """Cents."""

    def sealed(self, zone: PacificZone) -> StoredObject:
        """The row as it is stored."""
        return sealed(
            self.entity,
            self.id,
            self.doc,
            created=self.created,
            updated=self.updated,
            sync_token=self.token,
            zone=zone,
        )


class OpenItems:
    """Documents that wait for something else to settle them: first come, first served, by party."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._turns: deque[str] = deque()
        self._drafts: dict[str, list[Draft]] = defaultdict(list)

    def add(self, party_id: str, draft: Draft) -> Draft | None:
        """Put one in line; the draft that has to leave because the line is full, if one has."""
        self._turns.append(party_id)
        self._drafts[party_id].append(draft)
        return self.take(1)[0] if len(self._turns) > self._limit else None

    def take(self, count: int) -> list[Draft]:
        """At most `count` drafts of the party whose turn it is; none where nothing waits."""
        while self._turns:
            party_id = self._turns.popleft()
            waiting = self._drafts.pop(party_id, [])
            if waiting:
                if waiting[count:]:
                    self._drafts[party_id] = waiting[count:]
                return waiting[:count]
        return []
