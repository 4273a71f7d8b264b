"""A transport that attaches the realm's access token at the moment of sending, and never sends twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import anyio

from backfill.errors import UnansweredError
from backfill.model import RealmId, Secret
from backfill.qbo.fault_errors import asked_of
from backfill.wire import Request, Response, Transport


class Keeper(Protocol):
    """Who knows the tokens."""

    async def access_token(self, realm_id: RealmId) -> Secret:
        """A token that should be good for some minutes. Raises `TokenError` or another `RequestError`."""
        ...

    def reject(self, realm_id: RealmId, token: Secret) -> None:
        """Say that `token` was answered with 401, so that it is not given out again."""
        ...


class Authorized:
    """Adds `Authorization: Bearer`. A 401 is told to the keeper and passed on: others decide on another try."""

    def __init__(self, inner: Transport, keeper: Keeper) -> None:
        self._inner = inner
        self._keeper = keeper

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`; raises what the keeper raises if there is no token to be had."""
        token = await self._token(request, deadline)
        headers = {**request.headers, "Authorization": f"Bearer {token.reveal()}"}
        response = await self._inner.send(replace(request, headers=headers), deadline=deadline)
        if response.status == 401:  # Unauthorized: too old, or revoked
            self._keeper.reject(request.realm_id, token)
        return response

    async def _token(self, request: Request, deadline: float) -> Secret:
        with anyio.CancelScope(deadline=deadline):
            return await self._keeper.access_token(request.realm_id)
        raise UnansweredError(
            f"There was no access token for realm {request.realm_id} in time.",
            sent=False,
            realm_id=request.realm_id,
            asked=asked_of(request),
            action="Nothing to do: it is tried again.",
            code="timeout",
        )
