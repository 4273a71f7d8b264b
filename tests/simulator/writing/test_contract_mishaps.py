"""Every entity, every operation that writes, every mishap: what the client gets, and whether it was done all the same.

What a client under test relies on: a mishap is never half a write, and says truly whether the service acted.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from backfill.errors import UnansweredError
from backfill.simulator.core import Simulator
from backfill.simulator.injection.batches import ItemFault, MissingItems
from backfill.simulator.injection.bodies import InvalidBody, TruncatedBody
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.network import CutReply, Delay, LostReply, LostRequest, SlowReply
from backfill.simulator.injection.refusals import ApiFault, BareText, ErrorPage, GatewayTimeout, NoBody, TooManyRequests
from backfill.simulator.settings import ServerLimits, SimulatorSettings
from backfill.simulator.transport import SimulatedTransport
from backfill.wire import Lane, Request, Response
from tests.simulator.writing.contract import CREATABLE, ENTITIES, Asked, asked, has, inner, path, prepared

NOON = datetime(2026, 11, 20, 18, tzinfo=UTC)
NONE = ServerLimits(
    requests_per_minute=None, requests_per_second=None, batches_per_minute=None, realm_batches_per_minute=None
)
BEFORE: list[tuple[Mishap, object]] = [
    (LostRequest(), None), (LostReply(after_commit=False), None), (ApiFault(code="6190"), 400),
    (ApiFault(code="150"), 503), (TooManyRequests(), 429), (GatewayTimeout(hold_s=0), 504),
    (ErrorPage(status=502), 502), (BareText(), 200),
]  # fmt: skip
AFTER: list[tuple[Mishap, object]] = [
    (LostReply(), None), (CutReply(), None), (TooManyRequests(after_commit=True), 429),
    (GatewayTimeout(after_commit=True, hold_s=0), 504), (ErrorPage(status=503, after_commit=True), 503),
    (ApiFault(code="6000", status=200, after_commit=True), 200), (NoBody(), 200), (TruncatedBody(), 200),
    (InvalidBody(), 200), (Delay(before_s=0), 200), (SlowReply(pause_s=0), 200),
]  # fmt: skip
"""Mishaps that keep the service from acting, and such that do not; the status that comes, None where none does."""
ITEMS: list[tuple[Mishap, bool]] = [
    (ItemFault(share=1), False), (ItemFault(share=1, after_commit=True), True), (MissingItems(share=1), True),
    (MissingItems(share=1, after_commit=False), False),
]  # fmt: skip
WRITES = [
    (entity, operation)
    for operation, letter in (("create", "C"), ("update", "U"), ("delete", "D"), ("void", "V"))
    for entity in CREATABLE
    if letter in ENTITIES[entity]
]


READS = [
    (entity, operation)
    for operation in ("read", "query", "count", "cdc", "pdf")
    for entity in ENTITIES
    if has(entity, operation) and entity != "TaxPayment"
]


def test_there_are_so_many() -> None:
    assert (len(WRITES), len(WRITES) * (2 * len(BEFORE + AFTER) + len(ITEMS))) == (89, 3_738)
    assert (len(READS), len(READS) * len(BEFORE + AFTER)) == (157, 2_983)


class Client:
    """Sends to a simulator over the counter's company."""

    def __init__(self, counter: Any) -> None:
        self.counter = counter
        settings = SimulatorSettings(limits=NONE)
        self.simulator = Simulator(settings, counter.api._fleet, now=lambda: NOON, seed=1)
        token = self.simulator.credentials(counter.realm_id).access_token
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._transport = SimulatedTransport(self.simulator)

    async def send(self, request: Asked, *, in_batch: bool) -> Response:
        if in_batch:
            items = {"BatchItemRequest": [{"bId": "1", **(request.item or {})}]}
            request = Asked("POST", "/batch", {}, items)
        sent = Request(
            realm_id=self.counter.realm_id, lane=Lane.WRITE, method=request.method, path=request.path,
            params=tuple(request.params.items()), headers=self._headers, body=json.dumps(request.body).encode(),
        )  # fmt: skip
        return await self._transport.send(sent, deadline=anyio.current_time() + 60)

    async def befallen(self, mishap: Mishap, request: Asked, *, in_batch: bool) -> tuple[Response | None, bool]:
        """The answer, None where none came, and whether anything was done."""
        changes = self.counter.company.changes
        self.simulator.injections.add(Injection(mishap))
        try:
            response = await self.send(request, in_batch=in_batch)
        except UnansweredError:
            response = None
        (count,) = self.simulator.injections.clear()
        assert count.struck == 1
        return response, self.counter.company.changes > changes


def write(counter: Any, entity: str, operation: str) -> Asked:
    """A good write of that kind that changes something."""
    if operation == "create" or entity == "ExchangeRate":
        doc = counter.sample(entity)
        if entity == "ExchangeRate":
            doc["Rate"] = 1 + counter.company.changes % 97 / 100
        return asked("create", entity, doc)
    made = inner(counter.post(path(entity), counter.sample(entity)))
    if operation == "update":
        made = {**made, **_change(counter, entity)}
        made = {"Invoice": made} if entity == "RecurringTransaction" else made
        item = asked("create", entity, made).item or {}
        return Asked("POST", f"/{path(entity)}", {}, made, {**item, "operation": "update"})
    return asked(operation, entity, made)


def _change(counter: Any, entity: str) -> dict[str, Any]:
    match entity:
        case "Attachable":
            return {"Note": counter.new_name()}
        case "TimeActivity":
            return {"Description": counter.new_name()}
        case "CompanyCurrency":
            return {"Name": counter.new_name()}
        case "Customer" | "Vendor" | "Employee":
            return {"DisplayName": counter.new_name()}
        case "Budget":
            return {"EndDate": "2026-11-30"}
        case _:
            return {"PrivateNote" if "D" in ENTITIES[entity] else "Name": counter.new_name()}


@pytest.mark.parametrize("in_batch", [False, True], ids=["alone", "in_batch"])
@pytest.mark.parametrize(("entity", "operation"), WRITES)
async def test_a_mishap_says_truly_whether_the_service_acted(counter, entity: str, operation: str, in_batch) -> None:
    client = Client(counter)
    wrong = []
    for mishaps, acts in ((BEFORE, False), (AFTER, True)):
        for mishap, status in mishaps:
            request = write(counter, entity, operation)
            response, acted = await client.befallen(mishap, request, in_batch=in_batch)
            if (acted, response and response.status) != (acts, status):
                wrong.append((mishap, acted, response))
    assert wrong == []


@pytest.mark.parametrize(("entity", "operation"), READS)
async def test_a_mishap_befalls_what_reads_too(counter, entity: str, operation: str) -> None:
    """None of it changes anything, and the next call is answered as ever."""
    client = Client(counter)
    request = asked(operation, entity, prepared(counter, entity))
    wrong = []
    for mishap, status in BEFORE + AFTER:
        response, acted = await client.befallen(mishap, request, in_batch=False)
        if (acted, response and response.status) != (False, status):
            wrong.append((mishap, acted, response))
        assert (await client.send(request, in_batch=False)).status == 200
    assert wrong == []


@pytest.mark.parametrize(("entity", "operation"), WRITES)
async def test_an_item_says_truly_whether_it_was_done(counter, entity: str, operation: str) -> None:
    client = Client(counter)
    wrong = []
    for mishap, acts in ITEMS:
        response, acted = await client.befallen(mishap, write(counter, entity, operation), in_batch=True)
        assert response is not None
        items = json.loads(response.body)["BatchItemResponse"]
        refused = [item["Fault"]["Error"][0]["code"] for item in items]
        if acted != acts or refused != (["3001"] if isinstance(mishap, ItemFault) else []):
            wrong.append((mishap, acted, items))
    assert wrong == []
