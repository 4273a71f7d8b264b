"""A client in the same process as a simulator in which things go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import pytest

from backfill.simulator.core import Simulator
from backfill.simulator.injection.injection import Injection
from backfill.simulator.settings import ServerLimits
from backfill.simulator.transport import SimulatedTransport
from backfill.wire import Lane, Request, Response

REALM = "9130357000000001"
ALL_CUSTOMERS = "SELECT * FROM Customer"


class Client:
    """Sends to one simulator, and looks behind it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._transport = SimulatedTransport(simulator)

    async def send(
        self, method: str, path: str, body: Any = None, *, realm: str = REALM, wait_s: float = 1000, **params: str
    ) -> Response:
        token = self.simulator.credentials(realm).access_token
        request = Request(
            realm_id=realm,
            lane=Lane.QUERY,
            method=method,
            path=path,
            params=tuple(params.items()),
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            body=body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
        )
        return await self._transport.send(request, deadline=anyio.current_time() + wait_s)

    async def query(self, text: str = ALL_CUSTOMERS, **more: Any) -> Response:
        return await self.send("GET", "/query", query=text, **more)

    async def create(self, name: str = "New", **more: Any) -> Response:
        return await self.send("POST", "/customer", {"DisplayName": name}, **more)

    async def batch(self, *items: Mapping[str, Any], **more: Any) -> list[dict[str, Any]]:
        response = await self.send("POST", "/batch", {"BatchItemRequest": list(items)}, **more)
        return json.loads(response.body)["BatchItemResponse"]

    @property
    def names(self) -> list[str]:
        """Of the customers that were created by a test."""
        rows = self.simulator.fleet.company(REALM).table("Customer").all()
        return [json.loads(row.doc)["DisplayName"] for row in rows][5:]

    @property
    def struck(self) -> list[int]:
        """How often each injection struck."""
        return [count.struck for count in self.simulator.injections.counts()]


ClientMaker = Callable[..., Client]


@pytest.fixture
def client_of(simulator_of) -> ClientMaker:
    """`client_of(injection, ..., setting=value)`: a client of a simulator with these switched on, without limits."""

    def make(*injections: Injection, **settings: object) -> Client:
        none = ServerLimits(requests_per_minute=None, requests_per_second=None, batches_per_minute=None)
        simulator = simulator_of(**({"limits": none} | settings))
        for injection in injections:
            simulator.injections.add(injection)
        return Client(simulator)

    return make
