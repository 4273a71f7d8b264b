"""The whole way from a job to Intuit, put together in one place: for a run, for a rehearsal, for a plan."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256

from backfill.events import Observer
from backfill.model import Lease, Tokens
from backfill.pacing.budget import RealmBudget
from backfill.pacing.kept_budgets import KeptBudgets
from backfill.pacing.ledger import PermitLedger
from backfill.pacing.limits import Limits
from backfill.pacing.metering import Meters
from backfill.pacing.paced import Paced
from backfill.pacing.realm_room import RealmRoom, Roomed
from backfill.pacing.retried import Retried, RetryPolicy
from backfill.qbo.auth import Authorized, Prepared
from backfill.qbo.checked import Checked
from backfill.qbo.oauth import Credentials
from backfill.qbo.observed import Observed
from backfill.qbo.token_keeper import KeeperOptions, TokenKeeper, Vault
from backfill.wire import TokenEndpoint, Transport

_DIGEST_CHARS = 16
"""64 bits: no two apps of one user share them."""


class Ways:
    """The ways of one process to all its realms, over one `api` and one token endpoint.

    Each is `retried(roomed(prepared(paced(observed(checked(authorized(api)))))))`. A realm's budget begins with what
    the last process that worked on it has used up.
    """

    def __init__(
        self,
        api: Transport,
        tokens: TokenEndpoint,
        vault: Vault,
        *,
        credentials: Credentials | None,
        ledger: PermitLedger,
        meters: Meters,
        limits: Limits,
        policy: RetryPolicy,
        keeping: KeeperOptions,
        rng: random.Random,
        now: Callable[[], datetime],
        observe: Observer,
    ) -> None:
        self._vault = vault
        self._credentials = credentials
        self._meters = meters
        self._policy = policy
        self._rng = rng
        self._observe = observe
        self._keeper = TokenKeeper(vault, tokens, credentials, now=now, rng=rng, observe=observe, options=keeping)
        self._once = Observed(Checked(Authorized(api, self._keeper)), observe)
        self._budgets = KeptBudgets(
            lambda realm_id: RealmBudget(realm_id, limits, rng=rng, observe=observe, ledger=ledger), ledger
        )

    @asynccontextmanager
    async def to(self, lease: Lease, room: RealmRoom) -> AsyncIterator[Retried]:
        """The way to the leased realm for the length of a turn, which waits no longer than `room` has patience.

        Raises `StoppedError` if the realm's app makes no more calls: its month's cap or its quota is used up.
        """
        metered = self._meters.of(app_of(await self._vault.read(lease.realm_id), self._credentials))
        metered.check()
        async with self._budgets.of(lease) as budget:
            budget.breaker = metered.quota
            paced = Paced(self._once, budget, metered=metered, patience=room.patience, resting=room.resting)
            roomed = Roomed(Prepared(paced, self._keeper), room)
            yield Retried(roomed, policy=self._policy, rng=self._rng, observe=self._observe)


def app_of(tokens: Tokens, credentials: Credentials | None) -> str:
    """What tells the realm's app from others in the count of metered calls: a digest of its client id."""
    client_id = tokens.client_id or (None if credentials is None else credentials.client_id)
    return sha256(client_id.reveal().encode()).hexdigest()[:_DIGEST_CHARS] if client_id else ""
