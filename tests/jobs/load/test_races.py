"""What happens while something else is awaited: each test makes one await long, and looks at who comes between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from backfill.jobs.fleet import FleetOptions
from backfill.jobs.load.work import Mode
from backfill.load_model import LoadRow, RowState, Seal
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import LostReply
from backfill.simulator.settings import SimulatorSettings
from backfill.store.memory_ledger import MemoryLedger
from tests.jobs.load.test_load import Spy, customer, invoice
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual


async def test_a_row_that_ends_while_it_is_fetched_is_not_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Customers are sent for the first page's invoices, and end while the page that they stand on is on its way."""
    waiting, seal = MemoryLedger.waiting, MemoryLedger.seal
    refused: list[Seal] = []

    async def slow(self: MemoryLedger, *where: Any, **more: Any) -> Sequence[LoadRow]:
        page = await waiting(self, *where, **more)
        await anyio.sleep(20)
        return page

    async def watched(self: MemoryLedger, lease: Any, sealed: Seal, before: Any) -> Seal | None:
        stored = await seal(self, lease, sealed, before)
        if stored is None:
            refused.append(sealed)
        return stored

    monkeypatch.setattr(MemoryLedger, "waiting", slow)
    monkeypatch.setattr(MemoryLedger, "seal", watched)
    world = LoadWorld(mode=Mode.BATCH)
    world.remember("Customer", "Invoice")
    item = world.ref("Item", Type="Service")
    # A customer each, so that the first page's rows wait for most of what stands on the second.
    invoices = [invoice(number, f"c{number}", item) for number in range(300)]
    await world.add(*invoices, *(customer(number) for number in range(300)))
    await world.load()
    assert world.breaches() == []
    assert not refused, "rows that had ended were to be sealed again"


async def test_rows_that_wait_for_one_in_doubt_wait_until_its_end_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer is found after a lost answer; while that is written down nothing is under way, and nothing is stuck."""
    settle = MemoryLedger.settle

    async def slow(self: MemoryLedger, *what: Any) -> None:
        await anyio.sleep(5)
        await settle(self, *what)

    monkeypatch.setattr(MemoryLedger, "settle", slow)
    world = LoadWorld()
    world.remember("Customer", "Invoice")
    item = world.ref("Item", Type="Service")
    await world.add(customer(0), invoice(0, "c0", item))
    world.simulator.injections.add(Injection(LostReply(), lanes=("write", "batch"), times=1))
    await world.load()
    assert world.breaches() == []
    assert world.states() == {"adopted": 1, "applied": 1}


class TestTurns:
    """Two companies and one place."""

    async def test_one_that_only_waits_leaves_its_place(self) -> None:
        """What the second company needs is done while the first one's two minutes go by, in few calls."""
        spy = Spy()
        world = LoadWorld(realms=2, wrap=spy, mode=Mode.BATCH, fleet=FleetOptions(realms_at_once=1, turn_s=1.0))
        for realm_id in world.realm_ids:
            await world.add(*({"realm_id": realm_id, **customer(number)} for number in range(3)))
        world.simulator.injections.add(Injection(LostReply(), lanes=("batch",), times=1))
        await world.load()
        assert world.states() == {"adopted": 3, "applied": 3}
        assert len(spy.sent) <= 8, "no call is spent on turns in which nothing can be done"

    async def test_a_turn_that_is_over_before_it_began_comes_one_step_on(self) -> None:
        """The first answer takes longer than a turn, every time."""
        world = LoadWorld(
            realms=2,
            settings=SimulatorSettings(latency_s=3.0),
            fleet=FleetOptions(realms_at_once=1, turn_s=1.0),
        )
        for realm_id in world.realm_ids:
            await world.add(*({"realm_id": realm_id, **customer(number)} for number in range(3)))
        with anyio.fail_after(600):
            await world.load()
        assert {row.state for row in world.ledger.kept_rows()} == {RowState.APPLIED}
