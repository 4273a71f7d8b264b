"""What happens while something else is awaited: each test makes one await long, and looks at who comes between."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import anyio
import pytest

from backfill.events import RealmStarted
from backfill.jobs.fleet import FleetOptions
from backfill.jobs.load.doubts import TRIES_MAX
from backfill.jobs.load.options import LoadOptions, Mode
from backfill.jobs.load.resolver import Resolver
from backfill.jobs.load.rows import RealmRows
from backfill.jobs.load.work import LoadWork
from backfill.jobs.questions import Questions
from backfill.jobs.turns import Places, Turn
from backfill.load_model import LoadRow, Outcome, RowState, Seal, SealItem
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import Delay, LostReply
from backfill.simulator.settings import SimulatorSettings
from backfill.store.memory_ledger import MemoryLedger
from tests.jobs.load.test_load import customer, fault_codes, invoice
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual


def account(key: str, **more: Any) -> dict[str, Any]:
    return {"entity": "Account", "source_key": key, "payload": {"Name": key, "AccountType": "Expense", **more}}


def below(key: str, above: str) -> dict[str, Any]:
    return account(key, ParentRef={"$ref": f"Account/{above}"}, SubAccount=True)


async def test_a_row_that_ends_while_it_is_fetched_is_not_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the second page holds was held already, for the first page's sake, and ends while that page is on its way:
    the customer that it needs is refused meanwhile."""
    waiting = MemoryLedger.waiting

    async def slow(self: MemoryLedger, *where: Any, **more: Any) -> Sequence[LoadRow]:
        page = await waiting(self, *where, **more)
        await anyio.sleep(20)
        return page

    monkeypatch.setattr(MemoryLedger, "waiting", slow)
    # The first page and what it needs are as much as may be held: the next is fetched once the first row is out.
    world = LoadWorld(mode=Mode.BATCH, options={"held_rows_max": 301}, settings=SimulatorSettings(latency_s=2.0))
    taken = world.objects("Account")[0]["Name"]
    await world.add(
        account("a", Name=taken), *(below(f"leaf {number}", "branch") for number in range(299)), below("branch", "a")
    )
    await world.load()
    assert world.states() == {"rejected": 301}


async def test_what_is_let_wait_again_as_soon_as_it_ended_is_taken_up_by_who_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As above, and before the second page is there somebody gives `load retry`."""
    waiting, rows = MemoryLedger.waiting, MemoryLedger.rows
    asked: list[int] = []

    async def slow(self: MemoryLedger, *where: Any, **more: Any) -> Sequence[LoadRow]:
        page = await waiting(self, *where, **more)
        await anyio.sleep(20)
        await self.retry(None)
        return page

    async def counted(self: MemoryLedger, *which: Any) -> Sequence[LoadRow]:
        asked.append(1)
        assert len(asked) < 1_000, "it goes round for ever"
        return await rows(self, *which)

    monkeypatch.setattr(MemoryLedger, "waiting", slow)
    monkeypatch.setattr(MemoryLedger, "rows", counted)
    world = LoadWorld(mode=Mode.BATCH, options={"held_rows_max": 301}, settings=SimulatorSettings(latency_s=2.0))
    taken = world.objects("Account")[0]["Name"]
    leaves = [below(f"leaf {number}", "branch") for number in range(299)]
    await world.add(account("a", Name=taken), *leaves, below("branch", "a"), below("late", "branch"))
    await world.load()
    assert fault_codes(world) == {"a": "6240", "branch": "reference", "late": "reference"}
    assert world.states() == {"rejected": 3, "waiting": 299}


def slow_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each outcome takes a while to be written down."""
    settle = MemoryLedger.settle

    async def slow(self: MemoryLedger, *what: Any) -> Collection[int]:
        await anyio.sleep(5)
        return await settle(self, *what)

    monkeypatch.setattr(MemoryLedger, "settle", slow)


async def test_rows_that_wait_for_one_in_doubt_wait_until_its_end_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer is found after a lost answer. While that is written down nothing is under way, and none stuck."""
    slow_settling(monkeypatch)
    world = LoadWorld()
    world.remember("Customer", "Invoice")
    item = world.ref("Item", Type="Service")
    await world.add(customer(0), invoice(0, "c0", item))
    world.simulator.injections.add(Injection(LostReply(), lanes=("write", "batch"), times=1))
    await world.load()
    assert world.breaches() == []
    assert world.states() == {"adopted": 1, "applied": 1}


async def test_a_row_that_is_left_to_another_run_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was in doubt, and turns out not to have taken effect while one of this run that needs it is fetched."""
    waiting = MemoryLedger.waiting

    async def slow(self: MemoryLedger, *where: Any, **more: Any) -> Sequence[LoadRow]:
        await anyio.sleep(2)
        return await waiting(self, *where, **more)

    monkeypatch.setattr(MemoryLedger, "waiting", slow)
    world = LoadWorld()
    (left,) = (await world.add(customer(0))).loads
    (ours,) = (await world.add(invoice(0, "c0", world.ref("Item", Type="Service")))).loads
    assert left != ours
    lease = await world.store.acquire(world.realm)
    item = SealItem("0", 1, "Customer", "create", "c0")
    await world.ledger.seal(lease, Seal(0, "r", "write", "/customer", (), b"{}", (item,)), ())
    work = LoadWork(
        lease=lease,
        ask=Questions(world.transport, world.realm, call_s=60.0),
        transport=world.transport,
        ledger=world.ledger,
        options=LoadOptions(loads=[ours]),
        observe=world.events.append,
        stopping=lambda: False,
        turn=Turn(world.realm),
    )
    rows = RealmRows(work, Resolver(work))
    await rows.hold_sealed(await world.ledger.unsettled(world.realm))
    async with anyio.create_task_group() as group:
        group.start_soon(rows.fill, 1)
        await anyio.sleep(1)
        await rows.commit([Outcome(1, RowState.WAITING, doubtful=True)])
    assert {row.new.source_key: row.state.value for row in world.kept()} == {"c0": "waiting", "i0": "rejected"}


async def test_what_an_undo_takes_out_meanwhile_is_not_sent_and_ends_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not wait for the load's end: of what waits, nothing is to be sent any more."""
    seal = MemoryLedger.seal
    world = LoadWorld(mode=Mode.BATCH)
    world.remember("Customer", "Invoice")

    async def undone_before(self: MemoryLedger, *what: Any) -> Seal | None:
        if self.kept_seals():
            for row in world.kept(state=RowState.WAITING):
                row.state = RowState.UNDONE
        return await seal(self, *what)

    monkeypatch.setattr(MemoryLedger, "seal", undone_before)
    item = world.ref("Item", Type="Service")
    await world.add(*(row for number in range(90) for row in (customer(number), invoice(number, f"c{number}", item))))
    await world.load()
    assert world.breaches() == []
    assert world.states() == {"applied": 30, "undone": 150}


async def test_what_changes_an_object_keeps_its_order_where_a_row_beside_it_is_corrected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The batch that both were to go in is not sent. What needs the corrected one is told by whom it is sent."""
    seal = MemoryLedger.seal
    world = LoadWorld(mode=Mode.BATCH)
    item, changed = world.ref("Item", Type="Service"), world.objects("Customer")[0]["Id"]

    def note(text: str) -> dict[str, Any]:
        payload = {"Id": changed, "Notes": text}
        return {"entity": "Customer", "operation": "update", "source_key": text, "payload": payload}

    await world.add(customer(0), note("first"), note("second"), invoice(0, "c0", item))
    ours = world.loads

    async def corrected_before(self: MemoryLedger, *what: Any) -> Seal | None:
        if world.loads == ours:
            await world.add(customer(0, Notes="corrected"))
        return await seal(self, *what)

    monkeypatch.setattr(MemoryLedger, "seal", corrected_before)
    await world.load()
    (held,) = (doc for doc in world.objects("Customer") if doc["Id"] == changed)
    assert held["Notes"] == "second"
    assert {row.new.source_key: row.state.value for row in world.kept()} == {
        "c0": "waiting",
        "first": "applied",
        "second": "applied",
        "i0": "rejected",
    }
    assert [row.outcome.message for row in world.kept(source_key="i0") if row.outcome] == [
        "Customer/c0, which it needs, is left to another run"
    ]


async def test_what_is_corrected_while_it_is_refused_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settle = MemoryLedger.settle
    world = LoadWorld()
    name = world.objects("Customer")[0]["DisplayName"]

    def of(customer_name: str) -> dict[str, Any]:
        return invoice(0, "", {"value": "1"}, CustomerRef={"$ref": "Customer", "DisplayName": customer_name})

    async def corrected_before(self: MemoryLedger, *what: Any) -> Collection[int]:
        await world.add(of(name))
        return await settle(self, *what)

    await world.add(of("Nobody"))

    monkeypatch.setattr(MemoryLedger, "settle", corrected_before)
    await world.load()
    assert world.states() == {"waiting": 1}


async def test_what_is_let_wait_again_at_the_end_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `load retry`, from elsewhere: to send it is that command's matter."""
    counts = MemoryLedger.counts
    world = LoadWorld()
    await world.add(customer(0, DisplayName=world.objects("Customer")[0]["DisplayName"]))

    async def retried_before(self: MemoryLedger, *what: Any) -> Mapping[str, int]:
        await world.ledger.retry(None)
        return await counts(self, *what)

    monkeypatch.setattr(MemoryLedger, "counts", retried_before)
    result = await world.load()
    assert (result.unproven, [trouble.code for trouble in result.troubles]) == ([world.realm], ["unfinished"])


async def test_rows_that_end_with_the_one_they_need_are_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their own end is still being written down when nothing else is under way."""
    slow_settling(monkeypatch)
    world = LoadWorld()
    await world.add(
        account("a", Name=world.objects("Account")[0]["Name"]), below("branch", "a"), below("leaf", "branch")
    )
    await world.load()
    assert fault_codes(world) == {"a": "6240", "branch": "reference", "leaf": "reference"}


async def test_what_is_needed_by_name_is_looked_for_where_the_row_that_would_make_it_is_refused() -> None:
    """It is refused because the company has it already."""
    world = LoadWorld()
    item, taken = world.ref("Item", Type="Service"), world.objects("Customer")[0]["DisplayName"]
    await world.add(
        customer(0, DisplayName=taken),
        invoice(0, "", item, CustomerRef={"$ref": "Customer", "DisplayName": taken}),
        customer(1, DisplayName="a:b"),
        invoice(1, "", item, CustomerRef={"$ref": "Customer", "DisplayName": "a:b"}),
    )
    await world.load()
    assert fault_codes(world).keys() == {"c0", "c1", "i1"}
    assert fault_codes(world)["i1"] == "reference"


async def test_a_row_ends_once_of_whatever_it_needs_two_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one's end is written down while the row is, too."""
    slow_settling(monkeypatch)
    world = LoadWorld(mode=Mode.FREE)
    account_ref, taken = world.ref("Account", AccountType="Income"), world.objects("Customer")[0]["DisplayName"]
    name = world.objects("Item")[0]["Name"]
    item = {"Name": name, "Type": "Service", "IncomeAccountRef": account_ref}
    await world.add(
        customer(0, DisplayName=taken),
        {"entity": "Item", "source_key": "item", "payload": item},
        invoice(0, "c0", {"$ref": "Item/item"}),
    )
    world.simulator.injections.add(Injection(Delay(before_s=2.0), entities=("Item",), lanes=("write",)))
    await world.load()
    assert fault_codes(world) == {"c0": "6240", "item": "6240", "i0": "reference"}


class TestTurns:
    """Two companies and one place."""

    async def test_one_that_only_waits_leaves_its_place(self) -> None:
        """The second company needs many turns, and has them while the first one's two minutes go by."""
        world = LoadWorld(
            realms=2,
            mode=Mode.BATCH,
            settings=SimulatorSettings(latency_s=2.0),
            fleet=FleetOptions(realms_at_once=1, turn_s=1.0),
        )
        first, second = world.realm_ids
        await world.add({"realm_id": first, **customer(0)})
        await world.add(*({"realm_id": second, **customer(number)} for number in range(400)))
        world.simulator.injections.add(Injection(LostReply(), lanes=("batch",), realms=(first,), times=1))
        result = await world.load()
        assert world.states() == {"adopted": 1, "applied": 400}
        assert result.proven == [second, first]
        turns = [event for event in world.events if isinstance(event, RealmStarted) and event.realm_id == first]
        assert len(turns) <= 3, "it wants none before there is something to do"

    async def test_what_was_looked_for_in_vain_is_sent_again_in_the_same_turn(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or each turn would look for it anew, as long as others wait, and at last take it for hopeless."""
        begin = Places.begin

        def over_already(self: Places, now: float) -> Turn | None:
            turn = begin(self, now)
            if turn is not None:
                turn.end()
            return turn

        monkeypatch.setattr(Places, "begin", over_already)
        world = LoadWorld(mode=Mode.FREE)
        await world.add(customer(0))
        lost = LostReply(after_commit=False)
        world.simulator.injections.add(Injection(lost, lanes=("write",), times=TRIES_MAX - 1))
        with anyio.fail_after(3_600):
            await world.load()
        assert fault_codes(world) == {}
        assert world.states() == {"applied": 1}

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
