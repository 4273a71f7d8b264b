"""What each realm has used up of Intuit's limits: kept durably, in the database's own time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from backfill.errors import LeaseLostError
from backfill.model import RealmId
from backfill.store.database import Database

# The fence, as before every page: a process that was overtaken must not write over its successor's permits.
KEEP = """
INSERT INTO backfill.permit (realm_id, kept_at, held)
SELECT realm_id, clock_timestamp(), $2 FROM backfill.realm WHERE realm_id = $1 AND epoch = $3 FOR KEY SHARE
ON CONFLICT (realm_id) DO UPDATE SET kept_at = excluded.kept_at, held = excluded.held
RETURNING true
"""

HELD = """
SELECT held, extract(epoch FROM clock_timestamp() - kept_at)::double precision AS passed_s
FROM backfill.permit WHERE realm_id = $1
"""

_KEPT = msgspec.json.Decoder(list[tuple[str, int, float | None]])


class Held(Protocol):
    """Permits of one ring that are out. `free_in_s` None: nobody knows when they come back."""

    @property
    def ring(self) -> str: ...
    @property
    def permits(self) -> int: ...
    @property
    def free_in_s(self) -> float | None: ...


H = TypeVar("H", bound=Held)


class PostgresPermitLedger(Generic[H]):
    """Pacing's port `PermitLedger` over Postgres. `make` builds its entries, for the store knows no pacing."""

    def __init__(self, database: Database, make: Callable[[str, int, float | None], H]) -> None:
        self._database = database
        self._make = make

    async def reserve(self, realm_id: RealmId, held: Sequence[Held], *, epoch: int) -> None:
        """Replace what is kept of the realm; durable before it returns. Raises LeaseLostError for a stale epoch."""
        kept = msgspec.json.encode([(entry.ring, entry.permits, entry.free_in_s) for entry in held])
        async with self._database.control() as connection:
            if not await connection.fetchval(KEEP, realm_id, kept, epoch):
                raise LeaseLostError(
                    f"another process took over realm {realm_id}: our permits (epoch {epoch}) do not count any more",
                    realm_id=realm_id,
                )

    async def held(self, realm_id: RealmId) -> Sequence[H]:
        """What was last kept, less the time since by the database's clock; what has come back is left out."""
        async with self._database.control() as connection:
            row = await connection.fetchrow(HELD, realm_id)
        if row is None:
            return []
        left = (
            self._make(ring, permits, None if free_in_s is None else free_in_s - row["passed_s"])
            for ring, permits, free_in_s in _KEPT.decode(row["held"])
        )
        return [entry for entry in left if entry.free_in_s is None or entry.free_in_s > 0]
