"""A small seeded company behind a whole simulator, and a client of its API."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backfill.simulator.call import Call
from backfill.simulator.core import Simulator
from backfill.simulator.envelopes import Answer
from backfill.simulator.fleet import Fleet
from backfill.simulator.settings import ServerLimits, SimulatorSettings

ORIGIN = "http://127.0.0.1:4711"


class Client:
    """Asks a simulator's second company, and those outside the API."""

    def __init__(self, **settings: object) -> None:
        self.at = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
        fleet = Fleet(realms=2, seed=5, now=lambda: self.at, rows_min=400, rows_max=450)
        limits = ServerLimits(requests_per_second=None, requests_per_minute=None)
        self.simulator = Simulator(SimulatorSettings(limits=limits, **settings), fleet, now=lambda: self.at, seed=5)
        self.realm_id = fleet.realm_ids[1]
        self.company = fleet.company(self.realm_id)

    def forward(self, **duration: float) -> None:
        self.at += timedelta(**duration)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        params: dict[str, str] | None = None,
        accept: str = "application/json",
        oversize: bool = False,
        **headers: str,
    ) -> Answer:
        token = self.simulator.credentials(self.realm_id).access_token
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"authorization": f"Bearer {token}", "accept": accept} | named
        call = Call(self.realm_id, method, path, params or {}, sent, body, origin=ORIGIN, oversize=oversize)
        return await self.simulator.exchange(call)

    async def json(self, method: str, path: str, **asked: Any) -> dict[str, Any]:
        answer = await self.ask(method, path, **asked)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    async def code(self, method: str, path: str, **asked: Any) -> str:
        """The fault's code of an answer that is one."""
        answer = await self.ask(method, path, **asked)
        assert answer.status == 400
        (error,) = json.loads(answer.body)["Fault"]["Error"]
        return error["code"]

    async def open(self, link: str) -> Answer:
        assert link.startswith(ORIGIN)
        return await self.simulator.visit(Call("", "GET", link.removeprefix(ORIGIN), origin=ORIGIN))


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def client_of() -> Callable[..., Client]:
    """A maker of clients; the arguments are the simulator's settings."""
    return Client
