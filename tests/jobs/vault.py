"""Tokens in memory, for a world's realms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import anyio

from backfill.model import RealmId, Secret, Tokens
from backfill.simulator.core import Simulator


class MemoryVault:
    """Tokens, with a lock a realm."""

    def __init__(self, simulator: Simulator, now: Callable[[], datetime]) -> None:
        self._rows: dict[RealmId, Tokens] = {}
        self._locks: dict[RealmId, anyio.Lock] = {}
        for realm_id in simulator.fleet.realm_ids:
            grant = simulator.credentials(realm_id)
            self._rows[RealmId(realm_id)] = Tokens(
                access_token=None,
                access_expires_at=None,
                refresh_token=Secret(grant.refresh_token),
                previous_refresh_token=None,
                refreshed_at=now(),
                client_id=Secret(grant.client_id),
                client_secret=Secret(grant.client_secret),
            )

    async def read(self, realm_id: RealmId) -> Tokens:
        return self._rows[realm_id]

    @asynccontextmanager
    async def locked(self, realm_id: RealmId) -> AsyncIterator[MemoryVault.Locked]:
        async with self._locks.setdefault(realm_id, anyio.Lock()):
            yield self.Locked(self._rows, realm_id)

    class Locked:
        def __init__(self, rows: dict[RealmId, Tokens], realm_id: RealmId) -> None:
            self._rows, self._realm_id = rows, realm_id
            self.current = rows[realm_id]

        async def store(self, new: Tokens) -> None:
            self._rows[self._realm_id] = new
