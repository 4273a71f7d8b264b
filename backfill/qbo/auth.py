"""A transport that attaches the realm's access token at the moment of sending, and never sends twice."""

from __future__ import annotations

from typing import Protocol

import anyio
from msgspec import structs

from backfill.errors import UnansweredError
from backfill.model import RealmId, Secret
from backfill.qbo.fault_errors import asked_of
from backfill.wire import Request, Response, Transport


class Keeper(Protocol):
    """Who knows the tokens."""

    async def access_token(self, realm_id: RealmId) -> Secret:
        """A token that should be good for some minutes. Raises `TokenError` or another `RequestError`."""
        ...

    def at_hand(self, realm_id: RealmId) -> Secret | None:
        """The token that was given out last, for as long as it has not expired: nobody waits for it."""
        ...

    def reject(self, realm_id: RealmId, token: Secret) -> None:
        """Say that `token` was answered with 401, so that it is not given out again."""
        ...


class Prepared:
    """Sees that the realm has a token before a request takes its turn in the pacing: it stands around `Paced`.

    A refresh takes a second. Under the pacing it would hold back requests that had their turn and then let
    them go together; here they wait for the token first, and go evenly.
    """

    def __init__(self, inner: Transport, keeper: Keeper) -> None:
        self._inner = inner
        self._keeper = keeper

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`; raises what the keeper raises if there is no token to be had."""
        await token_in_time(self._keeper, request, deadline)
        return await self._inner.send(request, deadline=deadline)


class Authorized:
    """Adds `Authorization: Bearer`. A 401 is told to the keeper and passed on: others decide on another try."""

    def __init__(self, inner: Transport, keeper: Keeper) -> None:
        self._inner = inner
        self._keeper = keeper

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`; raises what the keeper raises if there is no token to be had."""
        # A request that has its turn must not wait for a refresh, or those behind it would go together with it.
        token = self._keeper.at_hand(request.realm_id) or await token_in_time(self._keeper, request, deadline)
        headers = {**request.headers, "Authorization": f"Bearer {token.reveal()}"}
        response = await self._inner.send(structs.replace(request, headers=headers), deadline=deadline)
        if response.status == 401:  # Unauthorized: too old, or revoked
            self._keeper.reject(request.realm_id, token)
        return response


async def token_in_time(keeper: Keeper, request: Request, deadline: float) -> Secret:
    """The realm's token. Raises `UnansweredError` if there is none by `deadline` (loop time)."""
    with anyio.CancelScope(deadline=deadline):
        return await keeper.access_token(request.realm_id)
    raise UnansweredError(
        f"There was no access token for realm {request.realm_id} in time.",
        sent=False,
        realm_id=request.realm_id,
        asked=asked_of(request),
        action="Try again later.",
        code="timeout",
    )
