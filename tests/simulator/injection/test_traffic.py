"""Other apps on the same company."""

from __future__ import annotations

from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.traffic import OtherTraffic
from backfill.simulator.settings import ServerLimits


async def test_other_apps_use_the_room_up(client_of) -> None:
    limits = ServerLimits(requests_per_minute=50, requests_per_second=None, realm_batches_per_minute=5)
    client = client_of(Injection(OtherTraffic(requests=48), times=1), limits=limits)
    assert [(await client.query()).status for _ in range(3)] == [200, 200, 429]
    client = client_of(Injection(OtherTraffic(requests=5, batches=5), times=1), limits=limits)
    assert (await client.send("POST", "/batch", {"BatchItemRequest": [{"bId": "1", "Query": "x"}]})).status == 429
    assert (await client.query()).status == 200
