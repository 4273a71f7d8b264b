"""A simulated company without limits: who gives good answers, to be spoiled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from msgspec import structs

from backfill.model import RealmId
from backfill.simulator.core import Simulator
from backfill.simulator.fleet import Fleet
from backfill.simulator.settings import ServerLimits, SimulatorSettings
from backfill.simulator.transport import SimulatedTransport
from backfill.wire import Request

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


class Company:
    """It has so many rows, the same ones each time."""

    def __init__(self, rows: int, settings: SimulatorSettings | None = None) -> None:
        fleet = Fleet(realms=1, seed=3, now=lambda: NOW, rows_min=rows, rows_max=rows)
        unlimited = replace(
            settings or SimulatorSettings(), limits=ServerLimits(**dict.fromkeys(ServerLimits.__slots__))
        )
        self.realm_id = RealmId(fleet.realm_ids[0])
        self._simulator = Simulator(unlimited, fleet, now=lambda: NOW, seed=3)
        self._transport = SimulatedTransport(self._simulator)

    async def answer(self, request: Request) -> bytes:
        """The body of its good answer."""
        token = self._simulator.credentials(self.realm_id).access_token
        authorized = structs.replace(request, headers={**request.headers, "Authorization": f"Bearer {token}"})
        async with self._simulator.running():
            response = await self._transport.send(authorized, deadline=1e9)
        assert response.status == 200, response.body
        return response.body
