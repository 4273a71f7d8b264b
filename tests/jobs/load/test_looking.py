"""What is found again after a lost answer, whatever people or the server did to it meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import msgspec
import pytest

from backfill.jobs.load import reading
from backfill.jobs.load.options import Mode
from backfill.load_model import RowState
from backfill.qbo.payloads import decode, encode
from backfill.simulator.changes import deactivated
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import LostReply
from backfill.simulator.injection.refusals import ApiFault
from backfill.simulator.settings import SimulatorSettings
from backfill.store.memory_ledger import MemoryLedger
from backfill.wire import Request, Response, Transport
from tests.jobs.load.test_load import Spy, customer, fault_codes, invoice
from tests.jobs.load.world import LoadWorld
from tests.jobs.world import now

pytestmark = pytest.mark.virtual

FORGETFUL = SimulatorSettings(latency_s=0.2, request_id_again="executed")
"""A requestid keeps nothing from being done twice."""


def losing(**options: Any) -> LoadWorld:
    """A world in which the answer to one write is lost, which took effect."""
    world = LoadWorld(mode=Mode.FREE, settings=FORGETFUL, **options)
    world.remember("Customer")
    world.simulator.injections.add(Injection(LostReply(), lanes=("write",), times=1))
    return world


async def loaded(world: LoadWorld, meanwhile: Callable[[], object]) -> None:
    """A load of one customer, with what happens before it is looked for."""
    await world.add(customer(0))
    async with anyio.create_task_group() as group:
        group.start_soon(world.load)
        await anyio.sleep(30)
        meanwhile()


async def test_what_people_made_inactive_meanwhile_is_found_by_the_name_that_it_has_then() -> None:
    spy = Spy()
    world = losing(wrap=spy)

    def made_inactive() -> None:
        (made,) = [doc for doc in world.objects("Customer") if doc["DisplayName"] == "Customer of ours 0"]
        world.company().replace("Customer", made["Id"], deactivated("Customer", made))

    await loaded(world, made_inactive)
    assert world.breaches() == []
    assert world.states() == {"adopted": 1}
    assert len(spy.writes()) == 1, "it is there, so it is not sent again"


async def test_of_two_of_a_name_the_active_one_is_ours() -> None:
    """The other one may be what was made and undone a moment before."""
    world = losing()
    undone = world.company().create("Customer", {"DisplayName": "made before"})
    inactive = {"DisplayName": "Customer of ours 0 (deleted)", "Active": False}
    await loaded(world, lambda: world.company().replace("Customer", undone.id, inactive))
    (row,) = world.kept(entity="Customer")
    assert (row.state, row.object_id == undone.id) == (RowState.ADOPTED, False)


class Behind:
    """A server whose first answer about customers of a name does not know yet what was made."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._is_behind = True

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self._inner.send(request, deadline=deadline)
        if self._is_behind and "DisplayName IN" in dict(request.params).get("query", ""):
            self._is_behind = False
            body = json.dumps({"QueryResponse": {}, "time": json.loads(response.body)["time"]}).encode()
            return replace(response, body=body)
        return response


async def test_what_was_sent_again_and_exists_already_is_looked_for_before_it_is_believed() -> None:
    world = losing(wrap=Behind)
    await world.add(customer(0))
    await world.load()
    assert world.breaches() == []
    assert world.states() == {"adopted": 1}


async def test_what_an_attempt_in_doubt_made_is_found_however_much_later_it_is_retried() -> None:
    """Nobody could look for it at the time, so that it was left to people; the retry is told that the name exists."""
    world = losing()
    unreadable = Injection(ApiFault(code="10000"), lanes=("query",), containing="DisplayName IN", until_s=1200)
    world.simulator.injections.add(unreadable)
    await world.add(customer(0))
    await world.load()
    (row,) = world.kept(entity="Customer")
    assert row.outcome is not None
    assert (row.state, row.outcome.code) == (RowState.REJECTED, "unknown")
    await anyio.sleep(86_400)
    await world.ledger.retry(None)
    await world.load()
    assert world.breaches() == []
    assert world.states() == {"adopted": 1}


async def test_where_too_much_was_made_in_one_second_what_is_not_found_is_left_to_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be among what was not looked at."""
    monkeypatch.setattr(reading, "_IN_ONE_SECOND_MAX", 3)
    monkeypatch.setattr(reading, "PAGE_ROWS_MAX", 4)
    world = LoadWorld(mode=Mode.FREE, settings=SimulatorSettings(request_id_again="executed"))
    payer = world.ref("Customer")
    world.simulator.injections.add(Injection(LostReply(after_commit=False), lanes=("write",), times=1))
    await world.add({"entity": "Payment", "source_key": "p", "payload": {"CustomerRef": payer, "TotalAmt": 7}})
    async with anyio.create_task_group() as group:
        group.start_soon(world.load)
        await anyio.sleep(30)
        for amount in range(1, 6):
            world.company().create("Payment", {"CustomerRef": payer, "TotalAmt": amount, "TxnDate": "2026-11-01"})
    (row,) = world.kept(entity="Payment")
    assert row.outcome is not None
    assert (row.state, row.outcome.code) == (RowState.REJECTED, "unknown")


def entry(key: str, amount: int) -> dict[str, Any]:
    """One of several of a number, as the entries of one pay day are."""
    lines = [
        {"Amount": amount, "DetailType": "JournalEntryLineDetail",
         "JournalEntryLineDetail": {"PostingType": side, "AccountRef": {"value": account}}}
        for side, account in (("Debit", "1"), ("Credit", "2"))
    ]  # fmt: skip
    return {"entity": "JournalEntry", "source_key": key, "payload": {"DocNumber": "PAY-1", "Line": lines}}


async def test_of_several_of_a_number_each_row_finds_its_own() -> None:
    """A batch of which the server did only the second before it fell silent."""
    world = LoadWorld(mode=Mode.BATCH, settings=FORGETFUL)
    world.simulator.injections.add(Injection(LostReply(after_commit=False), lanes=("batch",), times=1))
    await world.add(entry("a", 5), entry("b", 7))
    async with anyio.create_task_group() as group:
        group.start_soon(world.load)
        await anyio.sleep(30)
        world.company().create("JournalEntry", entry("b", 7)["payload"])
    made = [doc for doc in world.objects("JournalEntry") if doc.get("DocNumber") == "PAY-1"]
    assert sorted(doc["Line"][0]["Amount"] for doc in made) == [5, 7]
    assert {row.new.source_key: row.state for row in world.kept()} == {"a": RowState.APPLIED, "b": RowState.ADOPTED}


async def test_one_object_is_not_taken_for_two_rows_of_its_number() -> None:
    """The server did one of them, and people changed it: it is one's, whichever, and the other is sent again."""
    world = LoadWorld(mode=Mode.BATCH, settings=FORGETFUL)
    world.simulator.injections.add(Injection(LostReply(after_commit=False), lanes=("batch",), times=1))
    await world.add(entry("a", 5), entry("b", 7))
    async with anyio.create_task_group() as group:
        group.start_soon(world.load)
        await anyio.sleep(30)
        world.company().create("JournalEntry", entry("b", 6)["payload"])
    made = [doc for doc in world.objects("JournalEntry") if doc.get("DocNumber") == "PAY-1"]
    assert len(made) == 2
    assert world.states() == {"applied": 1, "adopted": 1}


async def test_what_another_row_in_doubt_made_is_not_taken_for_ones_own() -> None:
    """Though that one cannot be looked for yet."""
    world = LoadWorld(mode=Mode.FREE, settings=FORGETFUL)
    first = Injection(LostReply(after_commit=False), lanes=("write",), containing='"Amount":5', times=1)
    second = Injection(LostReply(hold_s=60), lanes=("write",), containing='"Amount":7', times=1)
    for lost in (first, second):
        world.simulator.injections.add(lost)
    await world.add(entry("a", 5), entry("b", 7))
    await world.load()
    made = [doc for doc in world.objects("JournalEntry") if doc.get("DocNumber") == "PAY-1"]
    assert sorted(doc["Line"][0]["Amount"] for doc in made) == [5, 7]
    assert {row.new.source_key: row.state for row in world.kept()} == {"a": RowState.APPLIED, "b": RowState.ADOPTED}


@pytest.mark.parametrize("mode", [Mode.FREE, Mode.BATCH])
@pytest.mark.parametrize("again", ["replayed", "refused", "unexpected"])
async def test_a_ledger_of_a_backup_writes_nothing_twice_that_intuit_knows_of(mode: Mode, again: Any) -> None:
    """A requestid that was used, and by no attempt in doubt, is of one that the ledger has forgotten."""
    world = LoadWorld(settings=SimulatorSettings(request_id_again=again), mode=mode)
    who = world.ref("Customer")
    rows = [
        {"entity": "Payment", "source_key": f"p{number}", "payload": {"CustomerRef": who, "TotalAmt": 10 + number}}
        for number in range(5)
    ]
    before = len(world.objects("Payment"))
    await world.add(*rows)
    await world.load()
    await anyio.sleep(3600)
    world.ledger = MemoryLedger(world.store, now=now)
    await world.add(*rows)
    await world.load()
    assert len(world.objects("Payment")) == before + len(rows)
    assert world.states() == ({"applied": 5} if again == "replayed" else {"rejected": 5})
    if again == "refused":
        assert set(fault_codes(world).values()) == {"600"}


class Trimming:
    """A server that keeps texts without the blanks around them. What it keeps of Intuit's is not documented."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def send(self, request: Request, *, deadline: float) -> Response:
        if request.lane == "write":
            sent = decode(request.body).items()
            trimmed = {key: part.strip() if isinstance(part, str) else part for key, part in sent}
            request = msgspec.structs.replace(request, body=encode(trimmed))
        return await self._inner.send(request, deadline=deadline)


@pytest.mark.parametrize("number", [" B-0 ", "   "])
@pytest.mark.parametrize("wrap", [Trimming, lambda inner: inner])
async def test_a_number_with_blanks_is_found_again(number: str, wrap: Callable[[Transport], Transport]) -> None:
    world = losing(wrap=wrap)
    world.set_preference("SalesFormsPrefs", CustomTxnNumbers=True)
    world.remember("Invoice")
    item, who = world.ref("Item", Type="Service"), world.ref("Customer")
    await world.add(invoice(0, "c0", item, DocNumber=number, CustomerRef=who))
    await world.load()
    assert world.breaches() == []
    assert world.states() == {"adopted": 1}


class Tokenless:
    """A server whose answers to questions say nothing of versions."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def send(self, request: Request, *, deadline: float) -> Response:
        answer = await self._inner.send(request, deadline=deadline)
        if request.lane in {"write", "batch"}:
            return answer
        return replace(answer, body=re.sub(rb'"SyncToken":"\d+",', b"", answer.body))


async def test_a_version_that_an_answer_does_not_say_is_none_and_no_word() -> None:
    """Of what is found again, of what is changed, and of what was made inactive already."""
    world = losing(wrap=Tokenless)
    await world.add(customer(0))
    await world.load()
    held = next(doc for doc in world.objects("Customer") if doc["Active"])
    gone = world.company().create("Customer", {"DisplayName": "Gone (deleted)", "Active": False}).id
    await world.add(
        {"entity": "Customer", "operation": "update", "source_key": "u", "payload": {"Id": held["Id"], "Notes": "x"}},
        {"entity": "Customer", "operation": "delete", "source_key": "d", "payload": {"Id": gone}},
    )
    await world.load()
    told = {row.new.source_key: row.outcome and (row.state, row.outcome.sync_token) for row in world.kept()}
    states = {"c0": RowState.ADOPTED, "d": RowState.APPLIED, "u": RowState.REJECTED}
    assert told == {key: (state, "") for key, state in states.items()}
    assert fault_codes(world) == {"u": "2020"}, "as Intuit says of what a change lacks"


async def test_what_is_older_than_its_first_attempt_is_not_a_rows_whatever_is_looked_for_beside_it() -> None:
    """One row of a request may be in doubt for a day; what people made since is not what another one made."""
    world = LoadWorld(mode=Mode.BATCH, settings=FORGETFUL)
    world.set_preference("SalesFormsPrefs", CustomTxnNumbers=True)
    item, payer = world.ref("Item", Type="Service"), world.ref("Customer")
    lost = Injection(LostReply(after_commit=False), lanes=("batch",), times=1)
    unreadable = Injection(ApiFault(code="10000"), lanes=("query",), containing="FROM Invoice WHERE", until_s=1200)
    world.simulator.injections.add(lost)
    world.simulator.injections.add(unreadable)
    await world.add(invoice(1, "", item, CustomerRef=payer))
    await world.load()
    assert fault_codes(world) == {"i1": "unknown"}
    await anyio.sleep(43_200)
    world.company().create("Invoice", {"DocNumber": "B-2", "CustomerRef": payer, "TotalAmt": 102, "Line": []})
    await anyio.sleep(43_200)
    await world.ledger.retry(None)
    await world.add(invoice(2, "", item, CustomerRef=payer))
    world.simulator.injections.add(replace(lost))
    await world.load()
    (first,), (second,) = world.kept(source_key="i1"), world.kept(source_key="i2")
    assert first.state is RowState.APPLIED
    assert second.state is not RowState.ADOPTED, "that is another's"
