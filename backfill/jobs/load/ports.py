"""What a load needs from the write ledger, said by the load. `store/` implements it over Postgres.

All is durable when a method returns. What changes a realm's rows takes its `Lease` and checks the epoch in the same
transaction; a stale epoch raises `errors.LeaseLostError` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from backfill.load_model import Before, Holder, LoadId, LoadRow, Need, Outcome, Seal
from backfill.model import Lease, RealmId

Place = tuple[int, int]
"""Rank and row_id: where a reader of waiting rows stands."""

BEGINNING: Place = (-1, 0)


class Ledger(Protocol):
    """The rows of one store."""

    async def waiting(
        self, realm_id: RealmId, loads: Sequence[LoadId], *, after: Place, limit: int
    ) -> Sequence[LoadRow]:
        """The next waiting rows of the loads, by rank and row_id."""
        ...

    async def rows(self, realm_id: RealmId, row_ids: Sequence[int]) -> Sequence[LoadRow]:
        """Those of the named rows that are waiting or sealed, by rank and row_id."""
        ...

    async def payloads(self, realm_id: RealmId, row_ids: Sequence[int]) -> Mapping[int, bytes]:
        """Row to payload."""
        ...

    async def holders(self, realm_id: RealmId, needs: Sequence[Need]) -> Mapping[Need, Holder]:
        """Need to the row that makes or made its object, for those that a row of the ledger stands for.

        Of several rows that make an object of one natural key the one that is done stands, else the first; and where
        they make one below each of several parents, that is said. So is the first that is yet to make one.
        """
        ...

    async def holders_by_attribute(self, realm_id: RealmId, needs: Sequence[Need]) -> Mapping[Need, Holder]:
        """The same by an attribute that is no natural key, of rows that are neither rejected nor undone."""
        ...

    async def landed(self, realm_id: RealmId, needs: Sequence[Need]) -> Mapping[Need, Sequence[str]]:
        """Natural need to the Ids of landed, active objects that it fits; those that fit none are missing."""
        ...

    async def owned(self, realm_id: RealmId, entity: str, object_ids: Sequence[str]) -> frozenset[str]:
        """Those of the objects that a row is known to have made."""
        ...

    async def unsettled(self, realm_id: RealmId) -> Sequence[Seal]:
        """The seals of which some item is not settled, oldest first."""
        ...

    async def seal(self, lease: Lease, seal: Seal, before: Sequence[Before]) -> Seal | None:
        """Store a seal and make its rows part of it, with the objects as they were before.

        None, and nothing is stored, if one of the rows is not waiting in that generation any more.
        """
        ...

    async def lose(self, lease: Lease, seal_ids: Sequence[int], *, taken_over: bool) -> Sequence[Seal]:
        """Say that nobody sends the seals or waits for their answers any more, where it was not said before.

        Returns them with how long that is known.
        """
        ...

    async def send_again(self, lease: Lease, seal_id: int) -> None:
        """Say that the very same request is about to be sent again."""
        ...

    async def settle(self, lease: Lease, outcomes: Sequence[Outcome]) -> Collection[int]:
        """Store what became of rows, and return whose it was. A seal without unsettled rows is settled.

        A row that is not sealed, nor waits in the outcome's generation any more, stays as it is: an import has given it
        other content meanwhile, or an undo has taken it out.

        A row that goes back to waiting is in its next generation. One that took another back makes it undone; and if
        that had taken back a third one, that one done again.
        """
        ...

    async def counts(self, realm_id: RealmId, loads: Sequence[LoadId]) -> Mapping[str, int]:
        """State to number of rows."""
        ...

    async def now(self) -> datetime:
        """The store's clock, which dates the seals."""
        ...
