"""Access tokens for all realms: cached, refreshed in time, one refresh at a time per realm over all processes.

Intuit rotates the refresh token's value about once a day, and a value used twice may cost the realm its consent.
So a refresh happens while the vault lets nobody else refresh, and the new pair is committed before it is used.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Protocol, TypeVar

import anyio
from aiolimiter import AsyncLimiter

from backfill.errors import Disposition, FaultError, RequestError, TokenError, UnansweredError
from backfill.events import Observer, TokenRefreshed
from backfill.model import RealmId, Secret, Tokens
from backfill.qbo.oauth import Credentials, Granted, credentials_of, refresh
from backfill.qbo.token_exchange import told
from backfill.wire import TokenEndpoint

Value = TypeVar("Value")

REFRESH_BEFORE_EXPIRY_S = 600.0
"""Ten minutes: longer than any request with its waits for a permit, and a sixth of the token's hour."""

_LIFE_SHARE = 6
"""Of a token that lives shorter than an hour the last sixth is kept free, not ten minutes."""

_COMMIT_S = 90.0
"""For the commit of a new pair, which nothing else may cancel: the vault tries for a minute to bridge a restart."""

_CANDIDATES_MAX = 3
"""The stored refresh token; a newer one, if somebody stored it meanwhile; and the previous one, once."""


class LockedTokens(Protocol):
    """A realm's tokens while nobody else may refresh them."""

    @property
    def current(self) -> Tokens: ...

    async def store(self, new: Tokens) -> None:
        """Commit `new` durably before returning, compare-and-swap on what was read.

        Raises `TokenError` (RETRY) where others replaced it meanwhile.
        """
        ...


class Vault(Protocol):
    """Where the tokens are kept."""

    async def read(self, realm_id: RealmId) -> Tokens:
        """Raises `TokenError` where the realm has none."""
        ...

    def locked(self, realm_id: RealmId) -> AbstractAsyncContextManager[LockedTokens]:
        """Keep all other processes from refreshing the realm's tokens for the block. Many may be locked at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperOptions:
    """Bounds of the keeper."""

    refresh_before_expiry_s: float = REFRESH_BEFORE_EXPIRY_S
    exchange_s: float = 30.0
    """For the endpoint's answer, which usually comes within a second."""
    attempts: int = 4
    """For failures that pass (5xx, no answer): with the backoff below some seconds altogether."""
    refused_attempts: int = 10
    """For refusals (429): with the backoff below two minutes, four at most. A fleet that begins may be more than the
    endpoint takes at once; the 200 realms that a run works on then come to it seven times a second."""
    backoff_s: float = 1.0
    """Before the second attempt; doubled for each further one, with full jitter. `Retry-After` goes before it."""
    longest_wait_s: float = 60.0
    """No wait is above this, whoever asks for it: as Intuit says of its other limits."""
    refreshes_at_once: int = 60
    """Of a fleet that begins: a second's worth. Intuit does not say how often its token endpoint may be asked; and the
    more answers come together, the longer are the gaps before their commits: with 500, ten times (measured)."""
    refreshes_per_s: float = 60.0
    """After those: 5,000 realms are refreshed within a minute and a half, and every hour again.

    A run works on 200 realms at a time, so an endpoint that takes longer than three seconds makes it fewer.
    """
    cached_realms: int = 10_000
    """Tokens have about 1 kB, so the cache has at most some 10 MB."""

    def scaled(self, factor: float) -> KeeperOptions:
        """The same with the waits divided by `factor`, for rehearsals. The endpoint's pace is no limit of a realm."""
        return replace(self, backoff_s=self.backoff_s / factor, longest_wait_s=self.longest_wait_s / factor)


@dataclass(frozen=True, slots=True)
class _Cached:
    token: Secret
    stale_at: datetime
    """From when on it is to be refreshed before a request takes its turn."""
    expires_at: datetime
    """Until when a request that has had its turn may be sent with it."""


class TokenKeeper:
    """Gives out access tokens. `credentials` are the app's, for realms that have none of their own."""

    def __init__(
        self,
        vault: Vault,
        endpoint: TokenEndpoint,
        credentials: Credentials | None,
        *,
        now: Callable[[], datetime],
        rng: random.Random,
        observe: Observer,
        options: KeeperOptions | None = None,
    ) -> None:
        self._vault = vault
        self._endpoint = endpoint
        self._credentials = credentials
        self._now = now
        self._rng = rng
        self._observe = observe
        self._options = options = options or KeeperOptions()
        self._pace = AsyncLimiter(options.refreshes_at_once, options.refreshes_at_once / options.refreshes_per_s)
        self._cache: OrderedDict[RealmId, _Cached] = OrderedDict()
        self._rejected: OrderedDict[RealmId, Secret] = OrderedDict()
        self._turns: dict[RealmId, anyio.Lock] = {}

    async def access_token(self, realm_id: RealmId) -> Secret:
        """A token that is good for some minutes yet, refreshed if need be.

        Raises `TokenError` (PARK: the realm must be connected again; STOP: the app's credentials are wrong), and
        after some attempts the `RequestError` of a token endpoint that does not answer.
        """
        cached = self._cached(realm_id)
        if cached is not None:
            return cached
        async with self._turn(realm_id):
            cached = self._cached(realm_id)  # somebody of this process may have got one while we waited
            if cached is not None:
                return cached
            tokens = await self._vault.read(realm_id)
            if not self._usable(realm_id, tokens):
                tokens = await self._refreshed(realm_id)
            return self._remember(realm_id, tokens)

    def at_hand(self, realm_id: RealmId) -> Secret | None:
        """The token that was given out last, for as long as it has not expired: nobody waits for it."""
        cached = self._cache.get(realm_id)
        return None if cached is None or self._now() >= cached.expires_at else cached.token

    def reject(self, realm_id: RealmId, token: Secret) -> None:
        """`token` was answered with 401: the next one given out is another, the stored one if it differs already."""
        cached = self._cache.get(realm_id)
        if cached is not None and cached.token != token:
            return  # a request that was sent before the last refresh: the newer token has done nothing wrong
        self._cache.pop(realm_id, None)
        _put(self._rejected, realm_id, token, self._options.cached_realms)

    def _cached(self, realm_id: RealmId) -> Secret | None:
        cached = self._cache.get(realm_id)
        if cached is None or self._now() >= cached.stale_at:
            return None
        self._cache.move_to_end(realm_id)
        return cached.token

    def _remember(self, realm_id: RealmId, tokens: Tokens) -> Secret:
        assert tokens.access_token is not None, "only usable tokens are remembered"
        stale_at = self._stale_at(tokens)
        cached = _Cached(tokens.access_token, stale_at, tokens.access_expires_at or stale_at)
        _put(self._cache, realm_id, cached, self._options.cached_realms)
        return tokens.access_token

    def _usable(self, realm_id: RealmId, tokens: Tokens) -> bool:
        if not tokens.access_token or tokens.access_token == self._rejected.get(realm_id):
            return False
        return self._now() < self._stale_at(tokens)

    def _stale_at(self, tokens: Tokens) -> datetime:
        """When to refresh. A token whose expiry nobody knows is stale already."""
        if tokens.access_expires_at is None:
            return tokens.refreshed_at
        life_s = (tokens.access_expires_at - tokens.refreshed_at).total_seconds()
        margin_s = min(self._options.refresh_before_expiry_s, max(life_s, 0.0) / _LIFE_SHARE)
        return tokens.access_expires_at - timedelta(seconds=margin_s)

    @asynccontextmanager
    async def _turn(self, realm_id: RealmId) -> AsyncIterator[None]:
        """One task of this process at a time per realm: the others take what it brings, and ask no database."""
        lock = self._turns.setdefault(realm_id, anyio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():  # nor is it waited for: who waits is handed it
                self._turns.pop(realm_id, None)

    async def _refreshed(self, realm_id: RealmId) -> Tokens:
        """Refresh, each time in turn, with some patience for what passes. The tokens are not locked during a wait."""
        for attempt in count(1):
            await self._pace.acquire()
            try:
                return await self._refreshed_once(realm_id, attempt)
            except RequestError as error:
                if error.disposition is not Disposition.RETRY or attempt >= self._attempts(error):
                    raise
                wait_s = self._wait_s(error, attempt)
            await anyio.sleep(wait_s)
        raise AssertionError("counting has no end")

    def _attempts(self, error: RequestError) -> int:
        """How many there are in all for what fails like this."""
        options = self._options
        return options.refused_attempts if error.status == HTTPStatus.TOO_MANY_REQUESTS else options.attempts

    def _wait_s(self, error: RequestError, attempt: int) -> float:
        longest_s = self._options.longest_wait_s
        asked_s = (error.retry_after_s or 0.0) if isinstance(error, FaultError) else 0.0
        bound_s = min(longest_s, self._options.backoff_s * 2 ** (attempt - 1))
        return min(longest_s, asked_s + self._rng.uniform(0, bound_s))

    async def _refreshed_once(self, realm_id: RealmId, attempt: int) -> Tokens:
        """Try the stored refresh token; if it is refused, what is stored by then; at last the previous one."""
        tried: list[Secret] = []
        refused: TokenError | None = None
        while len(tried) < _CANDIDATES_MAX:
            async with self._vault.locked(realm_id) as locked:
                if self._usable(realm_id, locked.current):
                    return locked.current  # another process refreshed while we waited for the lock
                candidate = _candidate(locked.current, tried)
                if candidate is None:
                    break
                try:
                    return await self._exchange(realm_id, locked, candidate, attempt)
                except TokenError as error:
                    if error.code != "invalid_grant":
                        raise
                    refused = error
                    tried.append(candidate)
        assert refused is not None, "the stored refresh token is always a candidate"
        raise refused

    async def _exchange(self, realm_id: RealmId, locked: LockedTokens, candidate: Secret, attempt: int) -> Tokens:
        """Exchange and commit. Not to be cancelled: a pair that was granted and not stored is a realm lost."""
        current = locked.current
        credentials = credentials_of(realm_id, current, self._credentials)
        with anyio.move_on_after(self._options.exchange_s + _COMMIT_S, shield=True):
            granted = await self._asked(realm_id, candidate, credentials, attempt)
            granted_at = anyio.current_time()
            new = self._renewed(current, granted, candidate)
            await locked.store(new)
            gap_s = anyio.current_time() - granted_at
            rotated = granted.refresh_token != candidate
            self._observe(TokenRefreshed(realm_id=realm_id, rotated=rotated, gap_s=gap_s))
            return new
        raise UnansweredError(
            f"The new tokens of realm {realm_id} could not be stored in time.", realm_id=realm_id, code="timeout"
        )

    async def _asked(self, realm_id: RealmId, candidate: Secret, credentials: Credentials, attempt: int) -> Granted:
        deadline = anyio.current_time() + self._options.exchange_s
        ask = partial(refresh, self._endpoint, realm_id, candidate, credentials, deadline=deadline)
        return await told(self._observe, realm_id, attempt, ask)

    def _renewed(self, current: Tokens, granted: Granted, candidate: Secret) -> Tokens:
        now = self._now()
        rotated = granted.refresh_token != candidate
        return Tokens(
            access_token=granted.access_token,
            access_expires_at=now + timedelta(seconds=granted.expires_in_s),
            refresh_token=granted.refresh_token,
            previous_refresh_token=candidate if rotated else current.previous_refresh_token,
            refreshed_at=now,
            client_id=current.client_id,
            client_secret=current.client_secret,
            refresh_expires_at=_later(now, granted.refresh_expires_in_s),
            consent_expires_at=_later(now, granted.consent_expires_in_s) or current.consent_expires_at,
        )


def _later(now: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


def _candidate(tokens: Tokens, tried: list[Secret]) -> Secret | None:
    for token in (tokens.refresh_token, tokens.previous_refresh_token):
        if token and token not in tried:
            return token
    return None


def _put(cache: OrderedDict[RealmId, Value], realm_id: RealmId, value: Value, size_max: int) -> None:
    """Put and bound: the realm used longest ago leaves."""
    cache[realm_id] = value
    cache.move_to_end(realm_id)
    if len(cache) > size_max:
        cache.popitem(last=False)
