"""The network between one process and Intuit: what was sent goes on to the server, whatever becomes of the sender."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from zlib import crc32

import anyio
from msgspec import structs

from backfill.errors import UnansweredError
from backfill.model import RealmId
from backfill.rehearsal.life import Life
from backfill.rehearsal.pages_in_hand import PagesInHand
from backfill.simulator.transport import SimulatedTokenEndpoint, SimulatedTransport, come
from backfill.wire import Request, Response

if TYPE_CHECKING:  # the stage makes processes, each of which has a network
    from backfill.rehearsal.stage import Stage

_FOREVER = float("inf")

_CODE = re.compile(rb"""\bcode["']?\s*[:=]\s*["']0*([0-9]+)["']""")
"""Of a fault, in JSON and in XML. No document has a member of that name with a number in it."""


class Network:
    """A `wire.Transport` and a `wire.TokenEndpoint` for one process."""

    def __init__(self, stage: Stage, life: Life, pages: PagesInHand) -> None:
        self._stage = stage
        self._life = life
        self._pages = pages
        self._api = SimulatedTransport(stage.simulator)
        self._tokens = SimulatedTokenEndpoint(stage.simulator)

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`."""
        statement = dict(request.params).get("query", "")
        asked = f"{request.method} {request.path}"
        self._stage.trace.add("send", request.realm_id, asked, statement, crc32(request.body))
        self._pages.asked(request)

        async def served() -> Response:
            # Whether there is room for the answer is the process's matter, and it may be dead by then.
            sent = structs.replace(request, coming=None)
            return await self._stage.served.watched(sent, lambda: self._api.send(sent, deadline=_FOREVER))

        response = await self._exchanged(request.realm_id, asked, served, deadline=deadline)
        await come(request, response)
        told = set(fault_codes(response.body))
        self._stage.told |= told
        if not told:  # a fault is no page, whatever its status, and nothing of it will be landed
            self._pages.came(response)
        return response

    async def post(self, form: Mapping[str, str], headers: Mapping[str, str], *, deadline: float) -> Response:
        """As `TokenEndpoint.post`."""
        with self._stage.refreshes.under_way(form) as refresh:
            self._stage.trace.add("token", refresh.realm_id)

            async def served() -> Response:
                with refresh.at_the_server():
                    return refresh.answered(await self._tokens.post(form, headers, deadline=_FOREVER))

            response = await self._exchanged(refresh.realm_id, "POST token endpoint", served, deadline=deadline)
            refresh.heard_by = self._life
            return response

    async def _exchanged(
        self, realm_id: RealmId, asked: str, served: Callable[[], Awaitable[Response]], *, deadline: float
    ) -> Response:
        await self._life.enter()
        if self._stage.cuts_off(realm_id):
            raise _unanswered(realm_id, asked, "refused", sent=False)
        reply = _Reply()
        self._stage.group.start_soon(reply.wait_for, served)
        if not await self._life.outlive(reply.came, deadline=deadline):
            raise _unanswered(realm_id, asked, "timeout", sent=True)
        if reply.failure is not None:
            raise reply.failure
        assert reply.response is not None, "it came"
        self._stage.trace.add("answer", realm_id, reply.response.status, crc32(reply.response.body))
        return reply.response


class _Reply:
    """The server's answer, once it came."""

    def __init__(self) -> None:
        self.came = anyio.Event()
        self.response: Response | None = None
        self.failure: UnansweredError | None = None
        """Why no whole answer came: the server, or what stands before it, broke the connection."""

    async def wait_for(self, served: Callable[[], Awaitable[Response]]) -> None:
        try:
            self.response = await served()
        except UnansweredError as error:
            self.failure = error
        self.came.set()


def _unanswered(realm_id: RealmId, asked: str, code: str, *, sent: bool) -> UnansweredError:
    return UnansweredError(
        f"no answer to {asked} of realm {realm_id}: {code}",
        sent=sent,
        realm_id=realm_id,
        asked=asked,
        code=code,
        action="send it again, after looking whether it took effect",
    )


def fault_codes(body: bytes) -> Iterator[str]:
    """Intuit's codes in an answer, of the whole or of items, without leading zeros."""
    if b"ault" in body:
        yield from (code.decode() for code in _CODE.findall(body))
