"""A company's consent given back to Intuit: nobody else uses its tokens meanwhile, and afterwards nobody can."""

from __future__ import annotations

import random
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Protocol

import anyio

from backfill.errors import BackfillError, Disposition, RequestError
from backfill.events import Observer
from backfill.model import RealmId, Secret, Tokens
from backfill.qbo.oauth import Credentials, Revoked, credentials_of, revoke
from backfill.qbo.token_exchange import told
from backfill.wire import TokenEndpoint

EXCHANGE_S = 20.0
"""For one answer. Three are asked for at most under one claim of the tokens, which lasts 100 s."""
STORE_S = 30.0
"""To write down that the consent is over, which nothing else may break off: a statement or two."""
ATTEMPTS = 4
"""For what passes (no answer, 5xx, 429), with the waits below some seconds altogether. Who is told to give the command
again waits for no token of his."""
BACKOFF_S = 1.0
"""Before the second attempt; doubled for each further one, with full jitter."""

CODE = "revoked"
MESSAGE = "Its consent was given back to Intuit (revoked), so it can be neither read nor written."
ACTION = (
    "To go on with it, an administrator of the company gives consent again: backfill auth login, or import the new"
    " refresh token: backfill realms import FILE"
)


class LockedTokens(Protocol):
    """A realm's tokens while nobody else may refresh them."""

    @property
    def current(self) -> Tokens: ...

    async def end(self, *, code: str, message: str, action: str) -> None:
        """Drop the tokens and park the realm. Raises `TokenError` (RETRY) where others replaced them meanwhile."""
        ...


class Vault(Protocol):
    """Where the tokens are kept."""

    def locked(self, realm_id: RealmId) -> AbstractAsyncContextManager[LockedTokens]:
        """As `token_keeper.Vault.locked`. Raises `TokenError` where the realm has none."""
        ...


class Consent(StrEnum):
    """What became of a company's consent."""

    REVOKED = "revoked"
    OVER = "over"
    """Intuit honours none of its tokens: it had ended before, or a newer token of it is somebody else's."""
    NONE = "none"
    """There is no token of it here."""
    KEPT = "kept"
    """It was not to be revoked."""


@dataclass(frozen=True, slots=True)
class Revoker:
    """Revokes. `app` has the credentials of realms that were imported without their own."""

    vault: Vault
    endpoint: TokenEndpoint
    app: Credentials | None
    observe: Observer
    rng: random.Random

    async def revoked(self, realm_id: RealmId) -> Consent:
        """End the consent at Intuit, drop the tokens and park the company. Its data stay.

        Raises `TokenError` (STOP: the app's credentials, or a token that no key of ours decrypts; PARK: there is no
        token), and after some attempts the `RequestError` of an endpoint that does not answer: then the consent may be
        over all the same, and to revoke it once more is no harm.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.vault.locked(realm_id) as locked:
                    return await self._once(realm_id, locked, attempt)
            except RequestError as error:
                if error.disposition is not Disposition.RETRY or attempt == ATTEMPTS:
                    raise
            await anyio.sleep(self.rng.uniform(0, BACKOFF_S * 2 ** (attempt - 1)))
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, realm_id: RealmId, locked: LockedTokens, attempt: int) -> Consent:
        credentials = credentials_of(realm_id, locked.current, self.app)
        # Not to be broken off between the answer and what is written down of it.
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + 3 * EXCHANGE_S + STORE_S) as scope:
            ended = False
            for token in _candidates(locked.current):
                ended = (await self._asked(realm_id, token, credentials, attempt)).ended
                if ended:
                    break
            await locked.end(code=CODE, message=MESSAGE, action=ACTION)
            return Consent.REVOKED if ended else Consent.OVER
        assert scope.cancelled_caught, "else it has returned or raised"
        raise BackfillError(
            f"That realm {realm_id} is not connected any more could not be stored in time.",
            action="Give the command again.",
        )

    async def _asked(self, realm_id: RealmId, token: Secret, credentials: Credentials, attempt: int) -> Revoked:
        deadline = anyio.current_time() + EXCHANGE_S
        ask = partial(revoke, self.endpoint, realm_id, token, credentials, deadline=deadline)
        return await told(self.observe, realm_id, attempt, ask)


def _candidates(tokens: Tokens) -> list[Secret]:
    """Any of them ends the consent. Where a crash lost the newest value, an older one may still be known for its."""
    found = (tokens.refresh_token, tokens.previous_refresh_token, tokens.access_token)
    return list(dict.fromkeys(token for token in found if token))
