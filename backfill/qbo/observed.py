"""A transport that tells an observer of every attempt, once, however it ended."""

from __future__ import annotations

from collections.abc import Awaitable

import anyio
from msgspec import structs

from backfill.errors import RequestError
from backfill.events import Observer, RequestAnswered
from backfill.wire import Request, Response, Transport


class Observed:
    """Emits `RequestAnswered` after each attempt. Stands around `Checked`, whose errors know the fault's code.

    An attempt takes as long as the server and the way to it do: a wait of ours before the answer is read is left out.
    """

    def __init__(self, inner: Transport, observe: Observer) -> None:
        self._inner = inner
        self._observe = observe

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`; raises what the inner transport raises, after telling of it."""
        started_at = anyio.current_time()

        async def watched(waiting: Awaitable[None]) -> None:
            nonlocal started_at
            since = anyio.current_time()
            await waiting
            started_at += anyio.current_time() - since

        if (coming := request.coming) is not None:
            request = structs.replace(
                request, coming=lambda: watched(waiting) if (waiting := coming()) is not None else None
            )
        try:
            response = await self._inner.send(request, deadline=deadline)
        except RequestError as error:
            self._tell(request, started_at, error.status, error.code, error.intuit_tid, error.answer)
            raise
        except anyio.get_cancelled_exc_class():
            self._tell(request, started_at, None, "cancelled", "", b"")
            raise
        self._tell(request, started_at, response.status, "", response.intuit_tid, response.body)
        return response

    def _tell(
        self, request: Request, started_at: float, status: int | None, code: str, intuit_tid: str, body: bytes
    ) -> None:
        self._observe(
            RequestAnswered(
                realm_id=request.realm_id,
                attempt=request.attempt,
                status=status,
                code=code,
                intuit_tid=intuit_tid,
                duration_s=anyio.current_time() - started_at,
                lane=request.lane.value,
                method=request.method,
                path=request.path,
                params=request.params,
                body_bytes=len(body),
                request_body=request.body,
                body=body,
            )
        )
