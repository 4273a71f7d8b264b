"""What a company has not, or does not show: that ends the rows that want it, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from backfill.jobs.load.options import Mode
from backfill.simulator.injection.batches import ItemFault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import LostReply
from backfill.simulator.injection.refusals import ApiFault
from backfill.simulator.settings import SimulatorSettings
from tests.jobs.load.test_load import Spy, customer, fault_codes
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual

CUSTOMERS = 70
"""More than two batches, and so more than are under way when the first is refused."""


def payment_method(number: int) -> dict[str, Any]:
    return {"entity": "PaymentMethod", "source_key": f"m{number}", "payload": {"Name": f"Shells {number}"}}


def refuse(world: LoadWorld, code: str, *, detail: str = "") -> None:
    """Payment methods are not for this company, however they are written."""
    wanted = ("PaymentMethod",)
    items = ItemFault(code=code, detail=detail, share=1.0, item_entities=wanted)
    world.simulator.injections.add(Injection(items, lanes=("batch",), entities=wanted))
    world.simulator.injections.add(Injection(ApiFault(code=code, detail=detail), lanes=("write",), entities=wanted))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("code", ["500", "2000"])
async def test_what_is_not_for_this_company_is_rejected_and_the_others_go_on(mode: Mode, code: str) -> None:
    """Unsupported operation, unknown object: what reads are told of an entity that the company does not have."""
    world = LoadWorld(mode=mode)
    world.remember("Customer", "PaymentMethod")
    refuse(world, code)
    await world.add(*map(payment_method, range(12)), *map(customer, range(CUSTOMERS)))
    await world.load()
    assert world.breaches(may_be_rejected=lambda row: row.new.entity == "PaymentMethod") == []
    assert set(fault_codes(world).values()) == {code}


async def test_a_path_that_is_none_ends_the_realm() -> None:
    """Recorded of wrong addresses: then every row would be refused, and none is to blame."""
    world = LoadWorld(mode=Mode.FREE)
    refuse(world, "500", detail="Operation Could not find resource for relative : /v3/x is not supported.")
    await world.add(*map(payment_method, range(12)))
    result = await world.load()
    assert world.states() == {"waiting": 12}
    assert [trouble.code for trouble in result.troubles] == ["500"]


def adjustment(world: LoadWorld) -> dict[str, Any]:
    stocked = world.ref("Item", Type="Inventory")
    line = {"DetailType": "ItemAdjustmentLineDetail", "ItemAdjustmentLineDetail": {"ItemRef": stocked, "QtyDiff": 1}}
    account = world.ref("Account", AccountType="Expense")
    payload = {"AdjustAccountRef": account, "TxnDate": "2026-11-01", "Line": [line]}
    return {"entity": "InventoryAdjustment", "source_key": "new", "payload": payload}


@pytest.mark.parametrize("mode", list(Mode))
async def test_what_no_query_reaches_is_read_by_its_path(mode: Mode) -> None:
    """Intuit's reference has reads, updates and deletes of InventoryAdjustment, and no query."""
    world = LoadWorld(mode=mode, settings=SimulatorSettings(unqueried=("InventoryAdjustment",)))
    (held, *_) = world.objects("InventoryAdjustment")
    gone = {"entity": "InventoryAdjustment", "operation": "delete"}
    await world.add(
        {**gone, "source_key": "old", "payload": {"Id": held["Id"]}},
        {**gone, "source_key": "none", "payload": {"Id": "987654321"}},
        *map(customer, range(CUSTOMERS)),
    )
    await world.load()
    assert world.states() == {"applied": CUSTOMERS + 1, "rejected": 1}
    assert fault_codes(world) == {"none": "610"}
    assert held["Id"] not in {each["Id"] for each in world.objects("InventoryAdjustment")}


@pytest.mark.parametrize("mode", list(Mode))
async def test_what_no_query_finds_again_is_left_to_a_person(mode: Mode) -> None:
    """Nobody can say whether it was made; all that was sent with it is looked for and found."""
    world = LoadWorld(mode=mode, settings=SimulatorSettings(unqueried=("InventoryAdjustment",)))
    world.simulator.injections.add(
        Injection(LostReply(), lanes=("write", "batch"), entities=("InventoryAdjustment",), times=1)
    )
    await world.add(adjustment(world), *map(customer, range(CUSTOMERS)))
    await world.load()
    states = world.states()
    assert states.pop("rejected") == 1
    assert sum(states.values()) == CUSTOMERS
    assert states.keys() <= {"applied", "adopted"}
    assert fault_codes(world) == {"new": "unknown"}


@pytest.mark.parametrize("mode", list(Mode))
async def test_what_may_not_be_asked_for_by_name_is_found_by_its_time(mode: Mode) -> None:
    """Which attributes may be asked for is said one by one, and of most entities' numbers nobody has seen it."""
    settings = SimulatorSettings(unfilterable=("PaymentMethod.Name",), request_id_again="executed")
    world = LoadWorld(mode=mode, settings=settings)
    world.remember("PaymentMethod")
    world.simulator.injections.add(Injection(LostReply(), lanes=("write", "batch"), times=1))
    await world.add(*map(payment_method, range(3)))
    await world.load()
    assert world.breaches() == []
    assert "rejected" not in world.states()


async def test_what_the_user_may_not_see_is_not_changed_and_the_others_go_on() -> None:
    world = LoadWorld(mode=Mode.FREE)
    term = world.ref("Term")["value"]
    denied = Injection(ApiFault(code="5020"), lanes=("query",), entities=("Term",))
    world.simulator.injections.add(denied)
    change = {"entity": "Term", "operation": "update", "source_key": "t", "payload": {"Id": term, "DueDays": 9}}
    await world.add(change, *map(customer, range(CUSTOMERS)))
    await world.load()
    assert world.states() == {"applied": CUSTOMERS, "rejected": 1}
    assert fault_codes(world) == {"t": "5020"}


async def test_a_name_that_cannot_be_asked_for_refuses_the_rows_that_use_it() -> None:
    world = LoadWorld(mode=Mode.FREE, settings=SimulatorSettings(unqueried=("Term",)))
    wanting = customer(1000, SalesTermRef={"$ref": "Term", "Name": "Net 30"})
    await world.add(wanting, *map(customer, range(CUSTOMERS)))
    await world.load()
    assert world.states() == {"applied": CUSTOMERS, "rejected": 1}
    assert fault_codes(world) == {"c1000": "reference"}


async def test_one_bad_moment_refuses_no_row() -> None:
    world = LoadWorld(mode=Mode.FREE)
    term = world.ref("Term")["value"]
    world.simulator.injections.add(Injection(ApiFault(code="5030"), lanes=("query",), entities=("Term",), times=1))
    change = {"entity": "Term", "operation": "update", "source_key": "t", "payload": {"Id": term, "DueDays": 9}}
    await world.add(change)
    await world.load()
    assert world.states() == {"applied": 1}


@pytest.mark.parametrize("mode", [Mode.FREE, Mode.BATCH])
@pytest.mark.parametrize("code", ["500", "140", "3200", "6190"])
async def test_a_server_that_fails_may_have_done_it_whatever_it_says(code: str, mode: Mode) -> None:
    """Said with 400 or 401 these mean that nothing was done. With 500 it was, and will be each time that it is sent."""
    world = LoadWorld(mode=mode, settings=SimulatorSettings(request_id_again="executed"))
    world.remember("Payment")
    world.simulator.injections.add(
        Injection(ApiFault(code=code, status=500, after_commit=True), lanes=("write", "batch"), times=1)
    )
    payer = world.ref("Customer")
    await world.add(
        *(
            {"entity": "Payment", "source_key": f"p{n}", "payload": {"CustomerRef": payer, "TotalAmt": 5 + n}}
            for n in range(6)
        )
    )
    await world.load()
    await world.load()
    assert world.breaches() == []


async def test_what_lies_in_closed_books_is_not_changed_though_the_change_names_no_day() -> None:
    spy = Spy()
    world = LoadWorld(wrap=spy)
    held = world.objects("Invoice")[0]
    world.set_preference("AccountingInfoPrefs", BookCloseDate=held["TxnDate"])
    late = {"Id": held["Id"], "PrivateNote": "too late"}
    await world.add({"entity": "Invoice", "operation": "update", "source_key": "u", "payload": late})
    await world.load()
    assert (fault_codes(world), spy.writes()) == ({"u": "6210"}, [])
