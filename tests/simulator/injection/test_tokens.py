"""The token endpoint and consent."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.tokens import Disconnect, RefreshRace, RefusedGrant
from backfill.simulator.transport import SimulatedTokenEndpoint

REALM = "9130357000000001"


async def refreshed(client) -> tuple[int, dict[str, Any]]:
    held = client.simulator.credentials(REALM)
    form = {"grant_type": "refresh_token", "refresh_token": held.refresh_token}
    form |= {"client_id": held.client_id, "client_secret": held.client_secret}
    response = await SimulatedTokenEndpoint(client.simulator).post(form, {}, deadline=anyio.current_time() + 5)
    return response.status, json.loads(response.body)


async def test_a_good_value_is_refused_and_lives_on(client_of, clock) -> None:
    client = client_of(Injection(RefusedGrant(), lanes=("token",), realms=(REALM,), times=1))
    assert (await refreshed(client))[1]["error"] == "invalid_grant"
    assert (await refreshed(client))[0] == 200
    clock.forward(hours=25)
    lost = client_of(Injection(RefusedGrant(after_commit=True), times=1))
    before = lost.simulator.credentials(REALM).refresh_token
    clock.forward(hours=25)
    assert (await refreshed(lost))[0] == 400
    assert lost.simulator.credentials(REALM).refresh_token != before, "rotated, and nobody was told"


@pytest.mark.parametrize(("life_s", "status"), [(0.0, 400), (60.0, 200)])
async def test_another_worker_refreshes_first(client_of, life_s: float, status: int) -> None:
    client = client_of(Injection(RefreshRace(), times=1), old_refresh_token_life_s=life_s)
    assert (await refreshed(client))[0] == status
    assert (await refreshed(client))[0] == 200, "with the value that the other worker got"
    assert client.struck == [1]
    await client.query()
    client.simulator.oauth.revoke(REALM)
    assert (await refreshed(client))[0] == 400


async def test_the_owner_disconnects_at_that_moment(client_of) -> None:
    client = client_of(Injection(Disconnect(), after=1, times=1))
    assert [(await client.query()).status for _ in range(3)] == [200, 401, 401]
    assert (await client.query(realm="42")).status == 200
