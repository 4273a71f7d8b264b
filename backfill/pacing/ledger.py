"""Permits that survive a crash: what a store must keep, and how a budget draws on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import anyio
import msgspec

from backfill.errors import LeaseLostError
from backfill.model import RealmId


class HeldPermits(msgspec.Struct, frozen=True):
    """`permits` permits of the ring `ring` that are out and come back `free_in_s` seconds from now.

    `free_in_s` None: not known, as their requests are not answered yet, or not even sent. Whoever reads this after a
    crash counts them as sent, and given up just now.
    """

    ring: str
    permits: int
    free_in_s: float | None


class PermitLedger(Protocol):
    """Where the permits of each realm are kept durably. A row a realm; the last word counts."""

    async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits], *, epoch: int) -> None:
        """Replace what is kept of the realm; durable before it returns.

        Raises `LeaseLostError`, and keeps what is there, if a later process took the realm over: `epoch` is not its
        lease's any more.
        """
        ...

    async def held(self, realm_id: RealmId) -> Sequence[HeldPermits]:
        """What was last kept, `free_in_s` less the time since by the ledger's own clock; those come back left out.

        Empty for a realm never seen.
        """
        ...


class MemoryPermitLedger:
    """A ledger that lasts as long as this object, in the event loop's time.

    `epoch_of` tells a realm's epoch now, which whoever takes it over raises; without it nobody is ever overtaken.
    """

    def __init__(self, epoch_of: Callable[[RealmId], int] | None = None) -> None:
        self._epoch_of = epoch_of
        self._kept: dict[RealmId, tuple[float, tuple[HeldPermits, ...]]] = {}

    async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits], *, epoch: int) -> None:
        if self._epoch_of is not None and epoch != self._epoch_of(realm_id):
            raise LeaseLostError(
                f"another process took over realm {realm_id}: our epoch {epoch} is not valid any more",
                realm_id=realm_id,
            )
        self._kept[realm_id] = (anyio.current_time(), tuple(held))

    async def held(self, realm_id: RealmId) -> Sequence[HeldPermits]:
        kept_at, held = self._kept.get(realm_id, (0.0, ()))
        passed_s = anyio.current_time() - kept_at
        left = [
            HeldPermits(entry.ring, entry.permits, None if entry.free_in_s is None else entry.free_in_s - passed_s)
            for entry in held
        ]
        return [entry for entry in left if entry.free_in_s is None or entry.free_in_s > 0]


LOW_SHARE = 5
"""A block is renewed when a fifth of it is left: so many starts go on while the ledger is written. Of ten, two: a
quarter of a second at full speed, which is more than a commit takes."""


class DurablePermits:
    """One realm's draws on the ledger: every request is covered by a block that was made durable before it.

    `block` says how many requests may be sent before the next writing, by the ring they count in; `snapshot(unknown)`
    what is to be kept when it is not known of so many what becomes of them. A request that finds the block low when it
    comes (`replenish`) renews it and waits for that, while those before it use up what is left (`draw`).

    What is kept counts for every ring all that is covered and not yet known to be in, and the whole block: no more than
    these can be sent before the next writing, whichever of them are put back and drawn again meanwhile.
    """

    __slots__ = ("_block", "_covered", "_ledger", "_left", "_lock", "_low", "_realm_id", "_snapshot", "epoch")

    def __init__(
        self,
        ledger: PermitLedger,
        realm_id: RealmId,
        *,
        block: Mapping[str, int],
        snapshot: Callable[[Mapping[str, int]], Sequence[HeldPermits]],
    ) -> None:
        self._ledger = ledger
        self._realm_id = realm_id
        self.epoch = 0
        """Of the lease under which the realm is worked on now."""
        self._block = block
        self._low = {ring: permits // LOW_SHARE for ring, permits in block.items()}
        self._snapshot = snapshot
        self._left = dict.fromkeys(block, 0)
        self._covered = dict.fromkeys(block, 0)
        self._lock = anyio.Lock(fast_acquire=True)

    def is_low(self, rings: Sequence[str]) -> bool:
        """Whether the block is to be renewed, and nobody does so."""
        for ring in rings:
            if self._left[ring] <= self._low[ring]:
                return not self._lock.locked()
        return False

    async def replenish(self) -> None:
        """Renew the block. Raises what the ledger raises."""
        async with self._lock:
            await self._renew()

    def draw_nowait(self, rings: Sequence[str]) -> bool:
        """Cover one request that counts in `rings`, if the block does."""
        if not self._covers(rings):
            return False
        for ring in rings:
            self._left[ring] -= 1
            self._covered[ring] += 1
        return True

    async def draw(self, rings: Sequence[str]) -> None:
        """Cover one request that counts in `rings`. Raises what the ledger raises; then nothing is covered."""
        while not self.draw_nowait(rings):
            async with self._lock:
                if not self._covers(rings):
                    await self._renew()

    def put_back(self, rings: Sequence[str]) -> None:
        """The covered request was not sent."""
        for ring in rings:
            self._left[ring] += 1
            self._covered[ring] -= 1

    def known(self, rings: Sequence[str]) -> None:
        """It is known of a covered request when its permits come back: it was answered, or given up."""
        for ring in rings:
            self._covered[ring] -= 1

    async def settle(self) -> None:
        """Give up what is left of the block: a run that ends in order leaves nothing to be guessed."""
        async with self._lock:
            self._left = dict.fromkeys(self._block, 0)
            await self._ledger.reserve(self._realm_id, self._snapshot(self._covered), epoch=self.epoch)

    def _covers(self, rings: Sequence[str]) -> bool:
        """Whether what is left of the block is enough for one more request that counts in `rings`."""
        return all(map(self._left.__getitem__, rings))

    async def _renew(self) -> None:
        """Fill the block up. While that is written, requests go on under what is left of it, which counts here too."""
        filled = {ring: max(self._left[ring], block) for ring, block in self._block.items()}
        more = {ring: filled[ring] - self._left[ring] for ring in filled}
        unknown = {ring: self._covered[ring] + filled[ring] for ring in filled}
        await self._ledger.reserve(self._realm_id, self._snapshot(unknown), epoch=self.epoch)
        for ring, permits in more.items():
            self._left[ring] += permits
