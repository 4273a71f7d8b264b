"""The in-process faces keep the contract of `wire`."""

from __future__ import annotations

import base64
import json

import anyio
import pytest

from backfill.errors import UnansweredError
from backfill.simulator.transport import SimulatedTokenEndpoint, SimulatedTransport
from backfill.wire import Lane, Request, TokenEndpoint, Transport

REALM = "9130357000000001"


def request(simulator, **changes: object) -> Request:
    token = simulator.credentials(REALM).access_token
    fields = {
        "realm_id": REALM,
        "lane": Lane.QUERY,
        "method": "GET",
        "path": "/query",
        "params": (("query", "SELECT * FROM Bill"),),
        "headers": {"Authorization": f"Bearer {token}", "Accept": "application/json"},
    }
    return Request(**(fields | changes))


def basic(simulator) -> dict[str, str]:
    held = simulator.credentials(REALM)
    pair = f"{held.client_id}:{held.client_secret}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


async def test_a_whole_answer(simulator_of) -> None:
    simulator = simulator_of()
    transport: Transport = SimulatedTransport(simulator)
    response = await transport.send(request(simulator), deadline=anyio.current_time() + 1)
    assert (response.status, response.headers["content-type"]) == (200, "application/json;charset=utf-8")
    assert json.loads(response.body)["QueryResponse"]["maxResults"] == 1
    assert response.intuit_tid == simulator.log.entries()[0].intuit_tid


@pytest.mark.virtual
@pytest.mark.parametrize("wait_s", [0.0, 0.5, 1.5])
async def test_the_deadline_ends_the_waiting_and_the_server_may_have_acted(simulator_of, wait_s: float) -> None:
    simulator = simulator_of(latency_s=2.0)
    begin = anyio.current_time()
    with pytest.raises(UnansweredError) as raised:
        await SimulatedTransport(simulator).send(request(simulator), deadline=begin + wait_s)
    assert anyio.current_time() == begin + wait_s
    assert (raised.value.sent, raised.value.realm_id, raised.value.asked) == (True, REALM, "GET /query")
    assert "Bearer" not in str(raised.value)
    assert len(simulator.log.entries()) == (wait_s > 1)


async def test_the_token_endpoint(simulator_of) -> None:
    simulator = simulator_of()
    endpoint: TokenEndpoint = SimulatedTokenEndpoint(simulator)
    form = {"grant_type": "refresh_token", "refresh_token": simulator.credentials(REALM).refresh_token}
    response = await endpoint.post(form, basic(simulator), deadline=anyio.current_time() + 1)
    token = json.loads(response.body)["access_token"]
    assert response.intuit_tid
    answer = await SimulatedTransport(simulator).send(
        request(simulator, headers={"authorization": f"Bearer {token}", "accept": "application/json"}),
        deadline=anyio.current_time() + 1,
    )
    assert answer.status == 200
    assert len(simulator.log.entries()) == 1, "tokens are not the API's business"


@pytest.mark.virtual
async def test_the_token_endpoint_has_a_deadline_too(simulator_of) -> None:
    simulator = simulator_of(latency_s=2.0)
    with pytest.raises(UnansweredError):
        await SimulatedTokenEndpoint(simulator).post({}, {}, deadline=anyio.current_time() + 1)
