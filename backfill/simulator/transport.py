"""The in-process faces: the simulator as a `wire.Transport` and a `wire.TokenEndpoint`, without sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

import anyio

from backfill.errors import UnansweredError
from backfill.simulator.call import Call
from backfill.simulator.core import Simulator
from backfill.simulator.envelopes import Answer, Delivery
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
        response = await _answered(
            self._simulator.exchange(call), deadline, request.realm_id, f"{request.method} {request.path}"
        )
        await come(request, response)
        return response


class SimulatedTokenEndpoint:
    """The simulator's token endpoint in the same process."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def post(self, form: Mapping[str, str], headers: Mapping[str, str], *, deadline: float) -> Response:
        """As `wire.TokenEndpoint.post`. Raises `UnansweredError` at the deadline."""
        return await _answered(self._simulator.token(form, _lowered(headers)), deadline, "", "POST token endpoint")


async def come(request: Request, response: Response) -> None:
    """Wait for what the request's sender waits for before it reads an answer."""
    waiting = request.before_reading(response.status)
    if waiting is not None:
        await waiting


async def _answered(exchange: Awaitable[Answer], deadline: float, realm_id: str, what: str) -> Response:
    with anyio.CancelScope(deadline=deadline):
        answer = await exchange
        if answer.delivery is None:
            return Response(status=answer.status, headers=answer.headers, body=answer.body)
        return await _delivered(answer, answer.delivery, realm_id, what)
    of_whom = f" of realm {realm_id}" if realm_id else ""
    raise _unanswered(f"no answer to {what}{of_whom} before the deadline", "timeout", realm_id, what)


async def _delivered(answer: Answer, delivery: Delivery, realm_id: str, what: str) -> Response:
    """What a connection would bring of an answer that comes slowly, or not whole."""
    await anyio.sleep(delivery.duration_s(len(answer.body)))
    if delivery.headless:
        raise _unanswered(f"the connection was reset before {what} was answered", "reset", realm_id, what)
    if delivery.cut_after is not None:
        raise _unanswered(f"the connection was reset within the answer to {what}", "cut", realm_id, what)
    return Response(status=answer.status, headers=answer.headers, body=answer.body)


def _unanswered(message: str, code: str, realm_id: str, what: str) -> UnansweredError:
    action = "send it again, after looking whether it took effect"
    return UnansweredError(message, realm_id=realm_id, asked=what, code=code, action=action)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
