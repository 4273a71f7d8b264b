"""What leads out of a simulated process, each behind its life."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from backfill.errors import TokenError
from backfill.model import RealmId, Tokens
from backfill.qbo.token_keeper import LockedTokens, Vault
from backfill.rehearsal.life import Life
from backfill.rehearsal.refreshes import Refreshes

P = TypeVar("P")


def behind(port: P, life: Life) -> P:
    """`port`, whose every method is async, as long as `life` lasts."""
    return cast("P", _Port(port, life))


class _Port:
    def __init__(self, inner: object, life: Life) -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        method = getattr(self._inner, name)

        async def reached(*arguments: object, **named: object) -> object:
            return await self._life.reach(lambda: method(*arguments, **named))

        return reached


class VaultBehind:
    """The tokens, as long as the process lives; its claims end with it, as those of one that is seen to be dead."""

    def __init__(self, inner: Vault, life: Life, refreshes: Refreshes) -> None:
        self._inner = inner
        self._life = life
        self._refreshes = refreshes

    async def read(self, realm_id: RealmId) -> Tokens:
        return await self._life.reach(lambda: self._inner.read(realm_id))

    @asynccontextmanager
    async def locked(self, realm_id: RealmId) -> AsyncIterator[LockedTokens]:
        await self._life.enter()
        async with self._inner.locked(realm_id) as locked:
            await self._life.leave()
            yield _LockedBehind(locked, self._life, self._refreshes)


class _LockedBehind:
    def __init__(self, inner: LockedTokens, life: Life, refreshes: Refreshes) -> None:
        self._inner = inner
        self._life = life
        self._refreshes = refreshes

    @property
    def current(self) -> Tokens:
        return self._inner.current

    async def store(self, new: Tokens) -> None:
        await self._life.enter()
        try:
            await self._inner.store(new)
        except TokenError:  # a new consent took its place: nobody will miss it
            self._refreshes.kept(new.refresh_token.reveal())
            raise
        self._refreshes.kept(new.refresh_token.reveal())
        await self._life.leave()
