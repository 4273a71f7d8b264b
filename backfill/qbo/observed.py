"""A transport that tells an observer of every attempt, once, however it ended."""

from __future__ import annotations

import anyio

from backfill.errors import RequestError
from backfill.events import Observer, RequestAnswered
from backfill.wire import Request, Response, Transport


class Observed:
    """Emits `RequestAnswered` after each attempt. Stands around `Checked`, whose errors know the fault's code."""

    def __init__(self, inner: Transport, observe: Observer) -> None:
        self._inner = inner
        self._observe = observe

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`; raises what the inner transport raises, after telling of it."""
        started_at = anyio.current_time()
        try:
            response = await self._inner.send(request, deadline=deadline)
        except RequestError as error:
            self._tell(request, started_at, status=error.status, code=error.code, intuit_tid=error.intuit_tid)
            raise
        except anyio.get_cancelled_exc_class():
            self._tell(request, started_at, status=None, code="cancelled", intuit_tid="")
            raise
        self._tell(
            request,
            started_at,
            status=response.status,
            code="",
            intuit_tid=response.intuit_tid,
            body_bytes=len(response.body),
        )
        return response

    def _tell(
        self,
        request: Request,
        started_at: float,
        *,
        status: int | None,
        code: str,
        intuit_tid: str,
        body_bytes: int = 0,
    ) -> None:
        self._observe(
            RequestAnswered(
                realm_id=request.realm_id,
                lane=request.lane.value,
                method=request.method,
                path=request.path,
                status=status,
                code=code,
                intuit_tid=intuit_tid,
                body_bytes=body_bytes,
                duration_s=anyio.current_time() - started_at,
            )
        )
