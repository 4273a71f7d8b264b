"""A company read again: what was proven and has not changed since is not sent to the database again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from backfill import events
from backfill.jobs.fleet import FleetOptions
from backfill.jobs.work import SETTLED
from backfill.model import Expected, Landed, Record, RunId
from backfill.store.memory_store import MemoryStore
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


@pytest.mark.parametrize(
    ("goes_on_as", "kinds"),
    [(RunId(1), {Expected.NEW}), (RunId(2), {Expected.KNOWN, Expected.NEW})],
    ids=["the same run", "another one, whose plan is new"],
)
async def test_the_pages_of_slices_are_taken_for_what_they_are(
    monkeypatch: pytest.MonkeyPatch, goes_on_as: RunId, kinds: set[Expected]
) -> None:
    """Of what a run has read itself nothing comes again; another finds what that had landed, and must not copy it."""
    taken_for: list[Expected] = []
    land = MemoryStore.land

    async def noted(store: MemoryStore, *given: Any, expected: Expected, **more: Any) -> Landed:
        records: Sequence[Record] = given[3]
        if more.get("checkpoint") is not None and records:
            taken_for.append(expected)
        return await land(store, *given, expected=expected, **more)

    monkeypatch.setattr(MemoryStore, "land", noted)
    world = World(seed=5, rows_min=250, rows_max=250, page_rows=5, fleet_options=FleetOptions(realms_at_once=1))
    await world.extract(stopping=lambda: len(taken_for) >= 10)
    assert set(taken_for) == {Expected.NEW}
    taken_for.clear()
    await world.extract(run_id=goes_on_as)
    assert set(taken_for) == kinds
    assert breaches(world) == []
    taken_for.clear()
    await world.extract(run_id=RunId(3))
    assert set(taken_for) == {Expected.KNOWN}


def test_the_margin_covers_a_second_and_machines_that_disagree() -> None:
    assert SETTLED.total_seconds() >= 60
