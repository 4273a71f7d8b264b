"""Tokens in memory, for virtual time: the rules of `TokenVault` where no database can be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel

from backfill.errors import TokenError
from backfill.model import RealmId, Tokens


class MemoryTokenVault:
    """As `TokenVault`: one refresh at a time per realm, over all that share this object."""

    def __init__(self, tokens: Mapping[RealmId, Tokens]) -> None:
        self._rows = dict(tokens)
        self._locks = {realm_id: anyio.Lock() for realm_id in tokens}

    def replace(self, realm_id: RealmId, new: Tokens) -> None:
        """Put the tokens of a new consent in place of whatever is there."""
        self._rows[realm_id] = new
        self._locks.setdefault(realm_id, anyio.Lock())

    def stored(self, realm_id: RealmId) -> Tokens:
        """As `read`, at once: what a test or a plan looks at."""
        return self._row(realm_id)

    async def read(self, realm_id: RealmId) -> Tokens:
        """The stored tokens. Raises TokenError (PARK) if the realm has none."""
        await anyio.lowlevel.checkpoint()
        return self._row(realm_id)

    @asynccontextmanager
    async def locked(self, realm_id: RealmId) -> AsyncIterator[MemoryLockedTokens]:
        """Hold the realm's tokens for a refresh: until the block ends, nobody else refreshes them.

        Raises TokenError (PARK) if the realm has none.
        """
        self._row(realm_id)
        async with self._locks[realm_id]:
            yield MemoryLockedTokens(self._rows, realm_id)

    def _row(self, realm_id: RealmId) -> Tokens:
        row = self._rows.get(realm_id)
        if row is None:
            raise TokenError(
                f"realm {realm_id} has no tokens",
                realm_id=realm_id,
                action="connect the company again, and import its new refresh token: backfill realms import FILE",
            )
        return row


class MemoryLockedTokens:
    """A realm's tokens while nobody else may refresh them."""

    def __init__(self, rows: dict[RealmId, Tokens], realm_id: RealmId) -> None:
        self._rows = rows
        self._realm_id = realm_id
        self._stored = False
        self.current = rows[realm_id]
        """The stored tokens, read under the lock."""

    async def store(self, new: Tokens) -> None:
        """Keep the new tokens, with the refresh value before them that they name."""
        assert not self._stored, "the lock ended with the first store"
        with anyio.CancelScope(shield=True):  # as with the database: nobody but us has these tokens
            await anyio.lowlevel.checkpoint()
        self._rows[self._realm_id] = new
        self._stored = True
