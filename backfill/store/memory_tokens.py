"""Tokens in memory, for virtual time: the rules of `TokenVault` where no database can be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import anyio
import anyio.lowlevel
from msgspec.structs import replace

from backfill.model import RealmId, Secret, Tokens
from backfill.store.token_errors import no_tokens, tokens_replaced


def imported(refresh_token: str, client_id: str, client_secret: str, *, at: datetime) -> Tokens:
    """What a company has after its import: the first request gets an access token."""
    return Tokens(
        access_token=None,
        access_expires_at=None,
        refresh_token=Secret(refresh_token),
        previous_refresh_token=None,
        refreshed_at=at,
        client_id=Secret(client_id),
        client_secret=Secret(client_secret),
    )


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
            raise no_tokens(realm_id)
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
        """Keep the new tokens, with the refresh value before them that they name.

        Raises TokenError (RETRY) if others replaced the tokens meanwhile.
        """
        assert not self._stored, "the lock ended with the first store"
        with anyio.CancelScope(shield=True):  # as with the database: nobody but us has these tokens
            await anyio.lowlevel.checkpoint()
        there = self._rows[self._realm_id]
        if there.refresh_token != self.current.refresh_token:
            raise tokens_replaced(self._realm_id)
        # The app's credentials come by import only.
        self._rows[self._realm_id] = replace(new, client_id=there.client_id, client_secret=there.client_secret)
        self._stored = True
