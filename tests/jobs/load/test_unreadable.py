"""Rows that QuickBooks itself cannot read: they fail each answer they are in, and end nothing but what is theirs."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from backfill.jobs.load.options import Mode
from backfill.jobs.load.prepare import Preparer
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import LostReply, LostRequest
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Response
from tests.jobs.load.test_load import customer, fault_codes, invoice
from tests.jobs.load.world import LoadWorld
from tests.jobs.world import Garbled, Tap

pytestmark = pytest.mark.virtual


class Poisoned(LoadWorld):
    """A world some of whose rows cannot be read: `poison` says which, at any time."""

    def __init__(self, **options: Any) -> None:
        self._poisoned: dict[tuple[str, str], frozenset[str]] = {}
        super().__init__(settings=SimulatorSettings(latency_s=0.2, poisoned=self._poisoned), **options)

    def poison(self, entity: str, *ids: str) -> None:
        self._poisoned[self.realm, entity] = frozenset(ids)

    def next_id(self, entity: str, ahead: int) -> str:
        """The Id of the next new object, or of one so many after it."""
        return str(self.company()._next_ids[TRAITS[entity].id_space] + ahead)


def lost(world: LoadWorld) -> None:
    world.simulator.injections.add(Injection(LostReply(), lanes=("write", "batch"), times=1))


def change(id_: str) -> dict[str, Any]:
    payload = {"Id": id_, "Notes": "x"}
    return {"entity": "Customer", "operation": "update", "source_key": f"u{id_}", "payload": payload}


async def test_in_the_look_by_name_only_the_one_of_that_name_is_left_to_a_person() -> None:
    world = Poisoned(mode=Mode.BATCH)
    world.poison("Customer", world.next_id("Customer", 3))
    lost(world)
    await world.add(*(customer(number) for number in range(8)))
    result = await world.load()
    assert world.states() == {"adopted": 7, "rejected": 1}
    assert set(fault_codes(world).values()) == {"unknown"}
    assert not any(trouble.code == "4002" for trouble in result.troubles), "the realm's run goes on"


def payments(world: LoadWorld, *numbers: int) -> list[dict[str, Any]]:
    """They have neither a name nor a number: by its stamp alone each is found again."""
    payer = world.ref("Customer")
    return [
        {"entity": "Payment", "source_key": f"p{number}", "payload": {"CustomerRef": payer, "TotalAmt": 5 + number}}
        for number in numbers
    ]


async def test_in_the_look_by_stamp_what_is_found_is_adopted_and_the_rest_left_to_a_person() -> None:
    """What cannot be read may have any of the stamps that were not found."""
    world = Poisoned(mode=Mode.BATCH)
    world.poison("Payment", world.next_id("Payment", 1))
    lost(world)
    await world.add(*payments(world, *range(4)))
    await world.load()
    assert world.states() == {"adopted": 3, "rejected": 1}
    assert set(fault_codes(world).values()) == {"unknown"}


async def test_what_is_retried_is_looked_for_before_it_is_sent() -> None:
    """By then it can be read; to QuickBooks it would be another one."""
    world = Poisoned(mode=Mode.BATCH)
    world.remember("Payment")
    world.poison("Payment", world.next_id("Payment", 1))
    lost(world)
    await world.add(*payments(world, *range(4)))
    await world.load()
    assert world.states() == {"adopted": 3, "rejected": 1}
    world.poison("Payment")
    await anyio.sleep(86_400)
    await world.ledger.retry(None)
    await world.add(*payments(world, 4, 5))
    await world.load()
    assert world.breaches() == []
    assert world.states() == {"adopted": 4, "applied": 2}


async def test_what_went_without_a_stamp_is_found_by_who_sends_it_again_with_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a company that numbers its sales forms itself each process learns anew that it keeps a number."""
    world = Poisoned(mode=Mode.FREE)
    world.set_preference("SalesFormsPrefs", CustomTxnNumbers=False)
    world.remember("Invoice", "Customer")
    item = world.ref("Item", Type="Service")
    await world.add(customer(0))
    await world.load()
    monkeypatch.setattr(Preparer, "_may_renumber", lambda *_: False)
    world.poison("Invoice", world.next_id("Invoice", 0))
    lost(world)
    await world.add(invoice(0, "c0", item))
    await world.load()
    assert set(fault_codes(world).values()) == {"unknown"}
    monkeypatch.undo()
    world.poison("Invoice")
    await world.ledger.retry(None)
    result = await world.load()
    assert world.breaches() == []
    assert result.troubles == []


@pytest.mark.parametrize(("amount", "code"), [(5, ""), (7, "differs")])
async def test_what_is_there_already_and_was_corrected_is_told(amount: int, code: str) -> None:
    world = Poisoned(mode=Mode.BATCH)
    world.remember("Payment")
    world.poison("Payment", world.next_id("Payment", 0))
    lost(world)
    (mine,) = payments(world, 0)
    await world.add(mine)
    await world.load()
    assert world.states() == {"rejected": 1}
    world.poison("Payment")
    await world.ledger.retry(None)
    await world.add({**mine, "payload": {**mine["payload"], "TotalAmt": amount}})
    result = await world.load()
    assert [trouble.code for trouble in result.troubles] == (["to_look_at"] if code else [])
    assert world.breaches() == []
    (row,) = world.kept(entity="Payment")
    assert row.outcome is not None
    assert (row.state.value, row.outcome.code) == ("adopted", code)


async def test_what_is_retried_and_cannot_be_looked_for_is_sent() -> None:
    """People have looked, as they were told: something else is there that cannot be read."""
    world = Poisoned(mode=Mode.BATCH)
    world.remember("Payment")
    world.simulator.injections.add(Injection(LostRequest(), lanes=("write", "batch"), times=1))
    (mine, *_) = payments(world, 0)
    theirs = world.company().create("Payment", mine["payload"])
    world.poison("Payment", theirs.id)
    await world.add(mine)
    await world.load()
    assert world.states() == {"rejected": 1}
    assert set(fault_codes(world).values()) == {"unknown"}
    await world.ledger.retry(None)
    await world.load()
    assert world.states() == {"applied": 1}


async def test_in_the_look_for_changes_one_that_cannot_be_read_any_more_is_left_to_a_person() -> None:
    world = Poisoned(mode=Mode.BATCH)
    ids = [doc["Id"] for doc in world.objects("Customer")[:3]]
    lost(world)
    await world.add(*(change(id_) for id_ in ids))
    async with anyio.create_task_group() as group:
        group.start_soon(world.load)
        await anyio.sleep(20)
        world.poison("Customer", ids[1])
    assert world.states() == {"adopted": 2, "rejected": 1}
    assert fault_codes(world) == {f"u{ids[1]}": "unknown"}


async def test_a_change_of_what_cannot_be_read_is_refused_alone() -> None:
    world = Poisoned()
    ids = [doc["Id"] for doc in world.objects("Customer")[:5]]
    world.poison("Customer", ids[2])
    await world.add(*(change(id_) for id_ in ids))
    await world.load()
    assert world.states() == {"applied": 4, "rejected": 1}
    assert fault_codes(world) == {f"u{ids[2]}": "4002"}


async def test_a_reference_to_what_cannot_be_read_is_refused_alone() -> None:
    world = Poisoned()
    held = world.objects("Customer")[:3]
    world.poison("Customer", held[1]["Id"])
    await world.add(
        *(
            {
                "entity": "Payment",
                "source_key": f"p{doc['Id']}",
                "payload": {"CustomerRef": {"$ref": "Customer", "DisplayName": doc["DisplayName"]}, "TotalAmt": 5},
            }
            for doc in held
        )
    )
    await world.load()
    assert world.states() == {"applied": 2, "rejected": 1}
    assert fault_codes(world) == {f"p{held[1]['Id']}": "reference"}


async def test_a_text_that_cannot_be_read_costs_its_own_row() -> None:
    """Or the whole run ended with it, every other realm's too."""
    world = LoadWorld()
    held = [doc for doc in world.objects("Customer") if doc.get("Active", True)][:3]
    world.transport = Garbled(world.transport, '"DisplayName":"' + held[1]["DisplayName"])
    await world.add(*(change(doc["Id"]) for doc in held))
    result = await world.load()
    assert world.states() == {"applied": 2, "rejected": 1}
    assert fault_codes(world) == {f"u{held[1]['Id']}": "unreadable"}
    assert result.stopped == []


async def test_preferences_that_cannot_be_read_end_their_own_realm_only() -> None:
    """Whether the books are closed is not guessed."""
    world = LoadWorld(realms=2)
    body = b'{"QueryResponse":{"Preferences":[{"Id":"1","AccountingInfoPrefs":{"BookCloseDate":7}}]},"time":"%s"}'
    garbled = Response(status=200, body=body % world.store._now().isoformat().encode())
    other = world.realm_ids[1]
    world.transport = Tap(
        world.transport,
        before=lambda request, said: garbled if "Preferences" in said and request.realm_id == other else None,
    )
    await world.add(customer(1), customer(2) | {"realm_id": other})
    result = await world.load()
    assert world.states() == {"applied": 1, "waiting": 1}
    assert [trouble.message for trouble in result.troubles if "Preferences" in trouble.message]
    assert {trouble.realm_id for trouble in result.troubles} == {other}
