"""The in-process faces: the simulator as a `wire.Transport` and a `wire.TokenEndpoint`, without sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

import anyio

from backfill.errors import UnansweredError
from backfill.simulator.call import Call
from backfill.simulator.core import Simulator
from backfill.simulator.envelopes import Answer
from backfill.wire import Request, Response


class SimulatedTransport:
    """Sends to the simulator in the same process and on the same clock, virtual or real."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `wire.Transport.send`. Raises `UnansweredError` at the deadline; the server may have acted by then."""
        call = Call(
            request.realm_id,
            request.method,
            request.path,
            dict(request.params),
            _lowered(request.headers),
            request.body,
        )
        return await _answered(
            self._simulator.exchange(call), deadline, request.realm_id, f"{request.method} {request.path}"
        )


class SimulatedTokenEndpoint:
    """The simulator's token endpoint in the same process."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def post(self, form: Mapping[str, str], headers: Mapping[str, str], *, deadline: float) -> Response:
        """As `wire.TokenEndpoint.post`. Raises `UnansweredError` at the deadline."""
        return await _answered(self._simulator.token(form, _lowered(headers)), deadline, "", "POST token endpoint")


async def _answered(exchange: Awaitable[Answer], deadline: float, realm_id: str, what: str) -> Response:
    with anyio.CancelScope(deadline=deadline):
        answer = await exchange
        return Response(status=answer.status, headers=answer.headers, body=answer.body)
    raise UnansweredError(
        f"no answer to {what} of realm {realm_id} before the deadline",
        realm_id=realm_id,
        asked=what,
        code="timeout",
        action="send it again, after looking whether it took effect",
    )


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
