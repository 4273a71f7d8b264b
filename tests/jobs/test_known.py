"""A company read again: what was proven and has not changed since is not sent to the database again."""

from __future__ import annotations

import anyio
import pytest

from backfill import events
from backfill.jobs.work import _SETTLED
from backfill.model import RunId
from backfill.wire import Request
from tests.jobs.world import Tap, World, breaches

pytestmark = pytest.mark.virtual


def landed(world: World) -> int:
    return sum(event.landed for event in world.events if isinstance(event, events.PageLanded))


async def test_a_second_reading_lands_only_what_changed() -> None:
    world = World(seed=11)
    await world.extract()
    assert landed(world) >= world.company_of().rows
    world.events.clear()
    world.people().act(5)
    await anyio.sleep(3600)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []
    assert 0 < landed(world) <= world.company_of().changes


async def test_what_changes_in_the_second_of_its_reading_without_a_new_version_is_landed_again() -> None:
    """A balance may move within the second in which its owner was read: the same SyncToken and LastUpdatedTime."""
    world = World(seed=2)
    company = world.company_of()
    vendor = company.table("Vendor").all()[0]
    company.replace("Vendor", vendor.id, {"DisplayName": "Early", "Balance": 1})
    moved: list[str] = []

    def move(_request: Request, statement: str) -> None:
        if "SELECT * FROM Vendor " in statement and not moved:  # and not of VendorCredit
            moved.append(statement)
            before = company.table("Vendor").get(vendor.id)
            company.replace("Vendor", vendor.id, {"DisplayName": "Early", "Balance": 2}, counted=False)
            after = company.table("Vendor").get(vendor.id)
            assert before is not None
            assert after is not None
            assert (before.sync_token, before.updated) == (after.sync_token, after.updated), "one version, two contents"

    world.wrap = lambda inner: Tap(inner, after=move)
    await world.extract()
    assert moved
    await anyio.sleep(3600)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []


def test_the_margin_covers_a_second_and_machines_that_disagree() -> None:
    assert _SETTLED.total_seconds() >= 60
