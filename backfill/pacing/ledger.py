"""Permits that survive a crash: what a store must keep, and how a budget draws on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio

from backfill.model import RealmId


@dataclass(frozen=True, slots=True)
class HeldPermits:
    """`permits` permits of the ring `ring` that are out and come back `free_in_s` seconds from now.

    `free_in_s` None: not known, as their requests are not answered yet, or not even sent. Whoever reads this after a
    crash counts them as just sent.
    """

    ring: str
    permits: int
    free_in_s: float | None


class PermitLedger(Protocol):
    """Where the permits of each realm are kept durably. A row a realm; the last word counts."""

    async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits]) -> None:
        """Replace what is kept of the realm; durable before it returns."""
        ...

    async def held(self, realm_id: RealmId) -> Sequence[HeldPermits]:
        """What was last kept, `free_in_s` less the time since by the ledger's own clock; those come back left out.

        Empty for a realm never seen.
        """
        ...


class MemoryPermitLedger:
    """A ledger that lasts as long as this object, in the event loop's time."""

    def __init__(self) -> None:
        self._kept: dict[RealmId, tuple[float, tuple[HeldPermits, ...]]] = {}

    async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits]) -> None:
        self._kept[realm_id] = (anyio.current_time(), tuple(held))

    async def held(self, realm_id: RealmId) -> Sequence[HeldPermits]:
        kept_at, held = self._kept.get(realm_id, (0.0, ()))
        passed_s = anyio.current_time() - kept_at
        left = [
            HeldPermits(entry.ring, entry.permits, None if entry.free_in_s is None else entry.free_in_s - passed_s)
            for entry in held
        ]
        return [entry for entry in left if entry.free_in_s is None or entry.free_in_s > 0]


class DurablePermits:
    """One realm's draws on the ledger: every request is covered by a block that was made durable before it.

    `snapshot(block)` says what would have to be kept if `block` more requests were sent at any later moment.
    """

    __slots__ = ("_block", "_ledger", "_left", "_lock", "_realm_id", "_snapshot")

    def __init__(
        self,
        ledger: PermitLedger,
        realm_id: RealmId,
        *,
        block: int,
        snapshot: Callable[[int], Sequence[HeldPermits]],
    ) -> None:
        self._ledger = ledger
        self._realm_id = realm_id
        self._block = block
        self._snapshot = snapshot
        self._left = 0
        self._lock = anyio.Lock()

    async def draw(self) -> None:
        """Cover one request. Raises what the ledger raises; then nothing is covered."""
        while self._left == 0:
            async with self._lock:
                if self._left == 0:
                    await self._ledger.reserve(self._realm_id, self._snapshot(self._block))
                    self._left = self._block
        self._left -= 1

    def put_back(self) -> None:
        """The covered request was not sent."""
        self._left += 1

    async def settle(self) -> None:
        """Give up what is left of the block: a run that ends in order leaves nothing to be guessed."""
        async with self._lock:
            self._left = 0
            await self._ledger.reserve(self._realm_id, self._snapshot(0))
