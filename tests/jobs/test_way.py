"""The ways of one process to realms of several apps: what is an app's month is no other app's trouble."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import cast

import anyio
import msgspec
import pytest

from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, work_realms
from backfill.jobs.turns import Turn
from backfill.jobs.way import Ways
from backfill.model import Lease, RealmId, RunId, Secret
from backfill.pacing.ledger import MemoryPermitLedger
from backfill.pacing.limits import load_limits
from backfill.pacing.metering import MeteredBudget, Meters
from backfill.pacing.realm_room import PageMemory, RealmRoom
from backfill.pacing.retried import READING
from backfill.qbo.token_keeper import KeeperOptions
from backfill.store.memory_store import MemoryStore
from backfill.store.memory_tokens import MemoryTokenVault, imported
from backfill.wire import Lane, Request, Response, TokenEndpoint

pytestmark = pytest.mark.virtual

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OF_ONE, OF_OTHER = [RealmId("11"), RealmId("12")], [RealmId("21"), RealmId("22"), RealmId("23")]
CALLS = 8
"""Of each realm."""


class Process:
    """Realms of two apps that a fleet reads, two at a time; Intuit answers as `status_of` says of each realm."""

    def __init__(self, status_of: Callable[[RealmId], int], *, cap: int | None = None) -> None:
        realms = [*OF_ONE, *OF_OTHER]
        self.asked: list[RealmId] = []
        self._status_of = status_of
        self.meters = Meters(lambda app: MeteredBudget(cap, app=app, month=lambda: date(2026, 1, 1)))
        self._ways = Ways(
            self,
            cast("TokenEndpoint", self),
            MemoryTokenVault(
                {
                    realm: msgspec.structs.replace(
                        imported("refresh", "one" if realm in OF_ONE else "other", "secret", at=NOW),
                        access_token=Secret("access"),
                        access_expires_at=NOW + timedelta(hours=1),
                    )
                    for realm in realms
                }
            ),
            credentials=None,
            ledger=MemoryPermitLedger(),
            meters=self.meters,
            limits=load_limits(),
            policy=READING,
            keeping=KeeperOptions(),
            rng=Random(1),
            now=lambda: NOW,
            observe=lambda _event: None,
        )
        self._store = MemoryStore(realms, now=lambda: NOW)
        self._memory = PageMemory(1 << 20)

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`."""
        await anyio.sleep(0.1)
        self.asked.append(request.realm_id)
        return Response(status=self._status_of(request.realm_id), body=b"{}")

    async def run(self) -> FleetResult:
        return await work_realms(
            [*OF_ONE, *OF_OTHER],
            self._job,
            store=self._store,
            run_id=RunId(1),
            observe=lambda _event: None,
            options=FleetOptions(realms_at_once=2),
            stopping=lambda: False,
        )

    async def _job(self, lease: Lease, turn: Turn, /) -> RealmOutcome:
        room = RealmRoom(self._memory, lease.realm_id, weight=1.0, patience=turn.patience)
        async with self._ways.to(lease, room) as way:
            for _ in range(CALLS):
                request = Request(realm_id=lease.realm_id, lane=Lane.QUERY, method="GET", path="/query")
                await way.send(request, deadline=anyio.current_time() + 3600)
        return RealmOutcome(proven=True)


async def test_a_spent_quota_stops_the_realms_of_its_app_and_no_others() -> None:
    process = Process(lambda realm: 429 if realm in OF_ONE else 200)
    fleet = await process.run()
    assert sorted(fleet.proven) == OF_OTHER
    assert sorted(fleet.stopped) == OF_ONE
    (told,) = process.meters.reached
    assert told.code == "quota"
    assert "11" in told.message or "12" in told.message


async def test_a_realm_that_is_refused_is_no_spent_quota_while_its_own_app_is_answered() -> None:
    """Another app's answers are no alibi, and those of the same app are."""
    process = Process(lambda realm: 429 if realm == OF_ONE[0] and len(process.asked) < 40 else 200)
    fleet = await process.run()
    assert sorted(fleet.proven) == [*OF_ONE, *OF_OTHER]


async def test_an_apps_cap_stops_its_realms_and_no_others() -> None:
    process = Process(lambda _realm: 200, cap=CALLS * 2 + 1)
    fleet = await process.run()
    assert sorted(fleet.proven) == [*OF_ONE, *OF_OTHER[:2]]
    assert fleet.stopped == OF_OTHER[2:]
    (told,) = process.meters.reached
    assert (told.code, process.asked.count(OF_OTHER[2])) == ("metered_cap", 1)


async def test_nothing_more_is_asked_for_a_realm_whose_app_makes_no_more_calls() -> None:
    process = Process(lambda _realm: 200, cap=CALLS)
    fleet = await process.run()
    assert sorted(fleet.stopped) == [*OF_ONE, *OF_OTHER]
    assert len(process.asked) == 2 * CALLS, "each app's first two realms share what it may ask"
    assert OF_OTHER[2] not in process.asked
