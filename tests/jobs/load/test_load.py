"""Rows into a realm: in which order, by which requests, and what becomes of those that are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from backfill.events import Warned
from backfill.jobs.load.options import Mode
from backfill.load_model import RowState
from backfill.model import Record
from backfill.simulator.injection.batches import ItemFault, SlowItems
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import LostReply
from backfill.simulator.injection.refusals import ApiFault
from backfill.simulator.injection.sizes import BodyTooLarge
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request, Response, Transport
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual


def customer(number: int, **more: object) -> dict[str, Any]:
    payload = {"DisplayName": f"Customer of ours {number}", **more}
    return {"entity": "Customer", "source_key": f"c{number}", "payload": payload}


def invoice(number: int, customer_key: str, item: Mapping[str, str], **more: object) -> dict[str, Any]:
    line = {
        "Amount": 100 + number,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": item, "Qty": 1, "UnitPrice": 100 + number},
    }
    payload = {"CustomerRef": {"$ref": f"Customer/{customer_key}"}, "DocNumber": f"B-{number}", "Line": [line], **more}
    return {"entity": "Invoice", "source_key": f"i{number}", "payload": payload}


@dataclass
class Spy:
    """What went to the server, in order, with when."""

    sent: list[Request] = field(default_factory=list)

    def __call__(self, inner: Transport) -> Transport:
        spy = self

        class Tapped:
            async def send(self, request: Request, *, deadline: float) -> Response:
                spy.sent.append(request)
                return await inner.send(request, deadline=deadline)

        return Tapped()

    def writes(self) -> list[Request]:
        return [request for request in self.sent if request.lane in {"write", "batch"}]

    def batches(self) -> list[list[dict[str, Any]]]:
        return [json.loads(request.body)["BatchItemRequest"] for request in self.sent if request.path == "/batch"]


def fault_codes(world: LoadWorld) -> dict[str, str]:
    """Source key to the fault of rejected rows."""
    rows = [row for row in world.ledger.kept_rows() if row.state is RowState.REJECTED]
    return {row.new.source_key: row.outcome.code for row in rows if row.outcome is not None}


@pytest.mark.parametrize("mode", list(Mode))
async def test_customers_and_their_invoices(mode: Mode) -> None:
    world = LoadWorld(mode=mode)
    world.remember("Customer", "Invoice")
    item = world.ref("Item", Type="Service")
    await world.add(
        *(invoice(number, f"c{number % 20}", item) for number in range(200)),
        *(customer(number) for number in range(20)),
    )
    result = await world.load()
    assert world.breaches() == []
    assert result.proven == world.realm_ids
    assert world.states() == {"applied": 220}


class TestOrder:
    async def test_what_is_needed_goes_first_though_it_comes_last(self) -> None:
        """Also where far fewer rows are held than stand between the two."""
        world = LoadWorld(options={"held_rows_max": 40}, mode=Mode.BATCH)
        world.remember("Customer", "Invoice")
        item = world.ref("Item", Type="Service")
        rows = [invoice(number, f"c{number % 50}", item) for number in range(700)]
        await world.add(*rows, *(customer(number) for number in range(50)))
        await world.load()
        assert world.breaches() == []

    async def test_payments_wait_for_the_last_invoice(self) -> None:
        spy = Spy()
        world = LoadWorld(wrap=spy, mode=Mode.BATCH)
        payer, item = world.ref("Customer"), world.ref("Item", Type="Service")
        payment = {"entity": "Payment", "source_key": "p", "payload": {"CustomerRef": payer, "TotalAmt": 5}}
        await world.add(payment, *(invoice(number, "c0", item) for number in range(40)), customer(0))
        await world.load()
        assert world.states() == {"applied": 42}
        kinds = [next(key for key in item if key[0].isupper()) for batch in spy.batches() for item in batch]
        assert kinds == ["Customer"] + ["Invoice"] * 40 + ["Payment"]

    async def test_batches_are_full(self) -> None:
        spy = Spy()
        world = LoadWorld(wrap=spy, mode=Mode.BATCH)
        await world.add(*(customer(number) for number in range(95)))
        await world.load()
        assert sorted(map(len, spy.batches())) == [5, 30, 30, 30]

    async def test_changes_of_one_object_go_one_after_another(self) -> None:
        spy = Spy()
        world = LoadWorld(wrap=spy, mode=Mode.BATCH)
        notes = [
            {"entity": "Customer", "operation": "update", "source_key": "c0", "payload": {"Notes": f"note {number}"}}
            for number in range(4)
        ]
        await world.add(*notes, customer(0))
        await world.load()
        assert world.states() == {"applied": 5}
        assert [len(batch) for batch in spy.batches()] == [1] * 5
        (made,) = [doc for doc in world.objects("Customer") if doc["DisplayName"] == "Customer of ours 0"]
        assert (made["Notes"], made["SyncToken"]) == ("note 3", "4")

    async def test_rows_that_need_one_another_are_refused(self) -> None:
        world = LoadWorld()
        circle = [customer(number, ParentRef={"$ref": f"Customer/c{1 - number}"}, Job=True) for number in range(2)]
        await world.add(*circle, customer(7))
        await world.load()
        assert fault_codes(world) == {"c0": "circle", "c1": "circle"}
        assert world.states() == {"rejected": 2, "applied": 1}

    async def test_a_row_whose_rank_contradicts_its_need_goes_all_the_same(self) -> None:
        """Deletions come first; this one is of what is yet to be made."""
        world = LoadWorld()
        world.remember("Invoice")
        item = world.ref("Item", Type="Service")
        gone = {"entity": "Invoice", "operation": "delete", "source_key": "i1"}
        await world.add(gone, invoice(1, "c0", item), customer(0))
        await world.load()
        assert world.states() == {"applied": 3}
        assert "B-1" not in [doc.get("DocNumber") for doc in world.objects("Invoice")]


class TestReferences:
    async def test_by_name_asked_landed_and_of_another_row(self) -> None:
        spy = Spy()
        world = LoadWorld(wrap=spy)
        existing = next(doc for doc in world.objects("Customer") if doc["Active"])
        landed = Record(id="77", sync_token=0, created_at=None, updated_at=None, doc=b'{"DisplayName":"Landed one"}')
        lease = await world.store.acquire(world.realm)
        await world.store.land(lease, world.run_id, "Customer", [landed])
        await world.store.release(lease)
        item = world.ref("Item", Type="Service")
        names = (existing["DisplayName"].upper(), "customer of OURS 3", "Landed one", "Nobody")
        rows = []
        for number, name in enumerate(names):
            row = invoice(number, "c0", item)
            row["payload"]["CustomerRef"] = {"$ref": "Customer", "DisplayName": name}
            rows.append(row)
        await world.add(*rows, customer(3))
        await world.load()
        codes = fault_codes(world)
        assert codes == {"i3": "reference", "i2": "reference"}, "what was landed is not there any more"
        made = {doc["DocNumber"]: doc for doc in world.objects("Invoice") if str(doc.get("DocNumber")).startswith("B-")}
        assert made["B-0"]["CustomerRef"]["value"] == existing["Id"]
        assert made["B-1"]["CustomerRef"]["name"] == "Customer of ours 3"
        asked = [request for request in spy.sent if "DisplayName IN" in str(request.params)]
        assert len(asked) == 1, "all names that are not known together"

    async def test_who_needs_a_rejected_row_is_rejected_with_it(self) -> None:
        world = LoadWorld()
        item = world.ref("Item", Type="Service")
        await world.add(invoice(1, "c0", item), invoice(2, "c9", item), customer(0, ParentRef={"value": "98765"}))
        await world.load()
        assert fault_codes(world) == {"c0": "2500", "i1": "reference", "i2": "reference"}

    async def test_a_name_of_several_objects_is_refused(self) -> None:
        world = LoadWorld()
        for name in ("Twin", "twin"):
            world.company().create("Item", {"Name": name, "Type": "Service", "Active": True})
        await world.add(invoice(1, "c0", {"$ref": "Item", "Name": "Twin"}), customer(0))
        await world.load()
        (row,) = world.kept(entity="Invoice")
        assert row.outcome is not None
        assert "several objects" in row.outcome.message


async def slowly_loaded(rows: int, slow: SlowItems, **settings: Any) -> LoadWorld:
    """A world into which so many customers were loaded while batches took their time; each is there once."""
    world = LoadWorld(**settings)
    world.remember("Customer")
    world.simulator.injections.add(Injection(slow, lanes=("batch",), operations=("create",)))
    await world.add(*(customer(number) for number in range(rows)))
    await world.load()
    assert world.breaches() == []
    return world


class TestRefusals:
    @pytest.mark.parametrize(
        "injection",
        [
            Injection(ApiFault(code="1040"), lanes=("batch",), times=2),
            Injection(BodyTooLarge(over_bytes=1500), lanes=("batch",)),
        ],
        ids=["1040", "413"],
    )
    async def test_batches_are_halved_when_they_are_too_much(self, injection: Injection) -> None:
        spy = Spy()
        world = LoadWorld(wrap=spy, mode=Mode.BATCH)
        world.remember("Customer")
        world.simulator.injections.add(injection)
        await world.add(*(customer(number) for number in range(90)))
        await world.load()
        assert world.breaches() == []
        sizes = list(map(len, spy.batches()))
        assert sizes[0] == 30
        assert max(sizes[3:]) <= 15, "from then on"

    @pytest.mark.parametrize("mode", [Mode.BATCH, Mode.FASTEST])
    @pytest.mark.parametrize("after_commit", [False, True])
    async def test_batches_that_take_too_long_are_halved_and_grow_again(self, mode: Mode, after_commit: bool) -> None:
        """Sent again as they are, they would take as long again, until each row has failed often enough."""
        spy = Spy()
        world = await slowly_loaded(300, SlowItems(item_s=6, after_commit=after_commit), wrap=spy, mode=mode)
        assert set(world.states()) <= {"applied", "adopted"}
        sizes = list(map(len, spy.batches()))
        began = sizes.index(15) if 15 in sizes else len(sizes)
        assert set(sizes[:began]) == {30}
        assert max(sizes[began:], default=0) <= 20, "more than twenty would take too long again"
        if mode is Mode.BATCH:
            assert 15 in sizes
            assert max(sizes[began:]) > 15

    async def test_a_batch_that_takes_too_long_by_itself_ends_as_single_rows(self) -> None:
        world = await slowly_loaded(40, SlowItems(item_s=80, after_commit=False), mode=Mode.BATCH)
        assert world.states() == {"applied": 40}

    async def test_a_throttled_item_goes_again_and_the_others_do_not(self) -> None:
        spy = Spy()
        world = LoadWorld(wrap=spy, mode=Mode.BATCH)
        world.simulator.injections.add(Injection(ItemFault(code="3001", share=0.1), lanes=("batch",), times=1))
        await world.add(*(customer(number) for number in range(30)))
        await world.load()
        assert world.states() == {"applied": 30}
        assert list(map(len, spy.batches())) == [30, 3]

    @pytest.mark.parametrize(("times", "state"), [(3, "applied"), (4, "rejected")])
    async def test_a_stale_change_is_made_for_the_new_version_three_times(self, times: int, state: str) -> None:
        world = LoadWorld(mode=Mode.BATCH)
        old = next(doc for doc in world.objects("Customer") if doc["Active"])
        stale = ItemFault(code="5010", share=1, item_operations=("update",))
        world.simulator.injections.add(Injection(stale, lanes=("batch",), times=times))
        change = {"Id": old["Id"], "SyncToken": "99", "Notes": "ours"}
        await world.add({"entity": "Customer", "operation": "update", "source_key": "x", "payload": change})
        await world.load()
        assert world.states() == {state: 1}

    async def test_closed_books_are_not_written_into(self) -> None:
        spy = Spy()
        world = LoadWorld(wrap=spy)
        world.set_preference("AccountingInfoPrefs", BookCloseDate="2026-06-30")
        item = world.ref("Item", Type="Service")
        await world.add(
            customer(0), invoice(1, "c0", item, TxnDate="2026-06-30"), invoice(2, "c0", item, TxnDate="2026-07-01")
        )
        await world.load()
        assert fault_codes(world) == {"i1": "6210"}
        assert not any(b"B-1" in request.body for request in spy.sent)

    async def test_a_lapsed_company_is_parked_and_its_rows_wait(self) -> None:
        world = LoadWorld(mode=Mode.FREE)
        world.simulator.injections.add(Injection(ApiFault(code="6190"), lanes=("write",)))
        await world.add(*(customer(number) for number in range(20)))
        result = await world.load()
        assert result.parked == [world.realm]
        assert world.states() == {"waiting": 20}, "nothing was done, so nothing is in doubt"

    async def test_a_realm_that_counts_itself_is_warned_of(self) -> None:
        for custom, warned in ((True, 0), (False, 1)):
            world = LoadWorld()
            world.set_preference("SalesFormsPrefs", CustomTxnNumbers=custom)
            item = world.ref("Item", Type="Service")
            await world.add(customer(0), *(invoice(number, "c0", item) for number in range(3)))
            await world.load()
            assert sum(isinstance(event, Warned) for event in world.events) == warned

    async def test_a_number_is_used_twice_only_where_that_is_asked_for(self) -> None:
        for allow, state in ((False, "rejected"), (True, "applied")):
            world = LoadWorld(options={"allow_duplicate_numbers": allow})
            world.set_preference("SalesFormsPrefs", CustomTxnNumbers=True)
            item = world.ref("Item", Type="Service")
            await world.add(customer(0), invoice(1, "c0", item))
            await world.load()
            again = invoice(1, "c0", item)
            await world.add(again | {"source_key": "again"})
            await world.load()
            (row,) = world.kept(source_key="again")
            assert row.state == state


class TestIdentity:
    async def test_what_has_no_number_gets_a_stamp(self) -> None:
        world = LoadWorld()
        payer = world.ref("Customer")
        note = {"CustomerRef": payer, "TotalAmt": 5, "PrivateNote": "by cheque"}
        await world.add({"entity": "Payment", "source_key": "p", "payload": note})
        await world.load()
        (row,) = world.kept(entity="Payment")
        (doc,) = [doc for doc in world.objects("Payment") if doc["Id"] == row.object_id]
        assert doc["PrivateNote"].startswith("by cheque [backfill ")

    async def test_the_same_request_again_has_the_same_ids_and_bytes(self) -> None:
        spy = Spy()
        world = LoadWorld(wrap=spy, mode=Mode.BATCH)
        world.remember("Customer")
        world.simulator.injections.add(Injection(LostReply(after_commit=False), lanes=("batch",), times=1))
        await world.add(*(customer(number) for number in range(30)))
        await world.load()
        first, second = spy.writes()
        assert (first.params, first.body) == (second.params, second.body)
        request_id = dict(first.params)["requestid"]
        assert len(request_id) <= 36
        assert all(len(item["bId"]) <= 10 for item in spy.batches()[0])
        assert world.breaches() == []

    async def test_found_ones_are_adopted_and_only_the_rest_is_sent_as_another_request(self) -> None:
        spy = Spy()
        world = LoadWorld(wrap=spy, mode=Mode.BATCH)
        world.remember("Customer")
        half_done = ItemFault(code="10000", share=0.5, after_commit=True)
        world.simulator.injections.add(Injection(half_done, lanes=("batch",), times=1))
        await world.add(*(customer(number) for number in range(30)))
        await world.load()
        assert world.breaches() == []
        assert world.states() == {"applied": 15, "adopted": 15}
        assert len(spy.writes()) == 1, "all that was unknown had been done"

    async def test_a_company_that_renumbers_finds_its_forms_by_their_stamps(self) -> None:
        """Already the first ones, by whose numbers nobody would find them again: none is sent twice on that ground."""

        class Renumbering:
            def __init__(self, inner: Transport) -> None:
                self._inner = inner

            async def send(self, request: Request, *, deadline: float) -> Response:
                body = request.body.replace(b'"DocNumber":"B-', b'"DocNumber":"S-')
                params = tuple(pair for pair in request.params if pair[0] != "requestid")
                renumbered = Request(
                    realm_id=request.realm_id, lane=request.lane, method=request.method, path=request.path,
                    params=params, headers=request.headers, body=body,
                )  # fmt: skip
                return await self._inner.send(renumbered, deadline=deadline)

        world = LoadWorld(wrap=Renumbering, mode=Mode.FREE, settings=SimulatorSettings(latency_s=0.2))
        world.set_preference("SalesFormsPrefs", CustomTxnNumbers=False)
        world.remember("Customer", "Invoice")
        item = world.ref("Item", Type="Service")
        world.simulator.injections.add(Injection(LostReply(), lanes=("write",), entities=("Invoice",), times=3))
        world.simulator.injections.add(Injection(LostReply(), lanes=("write",), probability=0.2))
        await world.add(customer(0), *(invoice(number, "c0", item) for number in range(60)))
        await world.load()
        numbers = [doc["DocNumber"] for doc in world.objects("Invoice") if str(doc.get("DocNumber")).startswith("S-")]
        assert len(numbers) == len(set(numbers)), "written twice"
        assert world.breaches() == []


async def test_a_stop_ends_with_what_is_under_way_and_the_next_run_goes_on() -> None:
    world = LoadWorld(mode=Mode.BATCH, settings=SimulatorSettings(latency_s=0.5))
    world.remember("Customer")
    await world.add(*(customer(number) for number in range(600)))
    asked: list[int] = []

    def stopping() -> bool:
        asked.append(1)
        return len(asked) > 12

    result = await world.load(stopping=stopping)
    assert result.stopped == world.realm_ids
    states = world.states()
    assert "sealed" not in states, "everything that was sent has its answer"
    assert 0 < states["waiting"] < 600
    await world.load()
    assert world.breaches() == []
