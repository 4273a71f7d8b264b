"""Events become reads: few, landed as the objects are now, deletions confirmed, and nothing settled too early."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from backfill.errors import LeaseLostError
from backfill.jobs.costs import Costs
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, work_realms
from backfill.jobs.questions import Questions
from backfill.jobs.targets import CHANGED
from backfill.jobs.told import apply_events
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import Lease, RealmId, RunId, WaitingEvent
from backfill.pacing.metering import BatchCountsAs
from backfill.qbo.auth import Authorized
from backfill.qbo.checked import Checked
from backfill.qbo.observed import Observed
from backfill.qbo.token_keeper import TokenKeeper
from backfill.simulator.documents import decode
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.transport import SimulatedTokenEndpoint, SimulatedTransport
from backfill.wire import Request, Response
from tests.jobs.world import CALL_S, Tap, World, fault, now, same

pytestmark = pytest.mark.virtual

EVENTS = RunId(2)
BY_ITEMS = Costs(batch_counts_as=BatchCountsAs.ITEMS)


class Inbox:
    """Events in memory, and a look at what was settled."""

    def __init__(self) -> None:
        self.waiting: dict[int, WaitingEvent] = {}
        self.outcomes: dict[int, str] = {}
        self.epochs: list[int] = []

    def tell(
        self, entity: str, object_id: str, operation: str = "update", *, at: datetime | None = None
    ) -> WaitingEvent:
        number = len(self.waiting) + len(self.outcomes) + 1
        event = WaitingEvent(number, entity, object_id, operation, at or now())
        self.waiting[number] = event
        return event

    async def take(self, realm_id: RealmId, *, at_most: int) -> Sequence[WaitingEvent]:
        return list(self.waiting.values())[:at_most]

    async def settle(self, lease: Lease, outcomes: Mapping[int, str]) -> None:
        self.epochs.append(lease.epoch)
        for number, outcome in outcomes.items():
            del self.waiting[number]
            self.outcomes[number] = outcome


async def applied(world: World, inbox: Inbox, costs: Costs | None = None) -> FleetResult:
    """One round of the realm's events, over the program's own stack."""
    keeper = TokenKeeper(
        world.vault,
        SimulatedTokenEndpoint(world.simulator),
        None,
        now=now,
        rng=random.Random(1),
        observe=world.events.append,
    )
    once = Observed(Checked(Authorized(world.wrap(SimulatedTransport(world.simulator)), keeper)), world.events.append)

    async def job(lease: Lease, turn: Turn) -> RealmOutcome:
        way = world.way(turn, once, world.room.asked)
        work = RealmWork(
            lease=lease,
            run_id=EVENTS,
            ask=Questions(way, lease.realm_id, call_s=CALL_S, hasty=way.hasty()),
            store=world.store,
            room=world.room.asked,
            observe=world.events.append,
            stopping=lambda: False,
            turn=turn,
            now=now,
        )
        return await apply_events(work, inbox, costs or Costs())

    return await work_realms(
        [world.realm],
        job,
        store=world.store,
        run_id=EVENTS,
        observe=world.events.append,
        options=FleetOptions(wait_for_lease=False),
        stopping=lambda: False,
    )


def rows(world: World, entity: str) -> list[str]:
    return [row.id for row in world.company_of().table(entity).all()]


def is_landed(world: World, entity: str, id_: str) -> bool:
    row = world.company_of().table(entity).get(id_)
    landed = world.store.live_documents(world.realm, entity).get(id_)
    return row is not None and landed is not None and same(bytes(landed), row.doc)


def asked(world: World) -> list[str]:
    return [f"{entry.path} {entry.asked}" for entry in world.simulator.log.entries(world.realm)]


async def test_many_events_of_many_objects_are_one_call() -> None:
    world, inbox = World(seed=1), Inbox()
    for entity in ("Invoice", "Customer", "TimeActivity", "Preferences"):
        for id_ in rows(world, entity)[:3]:
            for operation in ("create", "update", "emailed"):
                inbox.tell(entity, id_, operation)
    await anyio.sleep(2)
    fleet = await applied(world, inbox)
    assert fleet.proven == [world.realm]
    assert set(inbox.outcomes.values()) == {"landed"}
    assert not inbox.waiting
    (call,) = asked(world)
    assert call.startswith("/batch")
    for entity in ("Invoice", "Customer", "TimeActivity", "Preferences"):
        assert all(is_landed(world, entity, id_) for id_ in rows(world, entity)[:3])


async def test_a_deletion_is_confirmed_by_its_fault_before_it_is_marked() -> None:
    world, inbox = World(seed=1), Inbox()
    kept, gone = rows(world, "Estimate")[:2]
    await world.extract()
    before = len(asked(world))
    world.company_of().delete("Estimate", gone)
    inbox.tell("Estimate", gone, "delete")
    inbox.tell("Estimate", kept)
    await anyio.sleep(2)
    await applied(world, inbox)
    assert inbox.outcomes == {1: "deleted", 2: "landed"}
    assert gone not in world.store.live_documents(world.realm, "Estimate")
    assert [call.split()[0] for call in asked(world)[before:]] == ["/query", f"/estimate/{gone}"]


async def test_what_an_answer_merely_leaves_out_is_not_marked_deleted() -> None:
    world, inbox = World(seed=1), Inbox()
    first, second = rows(world, "Estimate")[:2]

    def forgetful(request: Request, said: str) -> Request | Response | None:
        """Of two Ids it answers for one only."""
        if request.path != "/query" or "Id IN" not in said:
            return None
        params = tuple((k, v.replace(f"'{second}'", "'0'") if k == "query" else v) for k, v in request.params)
        return Request(
            realm_id=request.realm_id, lane=request.lane, method=request.method, path=request.path, params=params,
            headers=request.headers, body=request.body,
        )  # fmt: skip

    world.wrap = lambda inner: Tap(inner, before=forgetful)
    inbox.tell("Estimate", first)
    inbox.tell("Estimate", second, "delete")
    await anyio.sleep(2)
    await applied(world, inbox)
    assert inbox.outcomes == {1: "landed", 2: "landed"}
    assert is_landed(world, "Estimate", second)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"QueryResponse": {}}, "refused"),
        ({"Estimate": {"Id": "777", "SyncToken": "0"}}, "refused"),
        ({"Estimate": {"domain": "QBO", "status": "Deleted", "Id": "{id}"}}, "refused"),
        ({"Estimate": {"DocNumber": "without an Id"}}, "quarantined"),
    ],
)
async def test_what_its_own_answer_has_not_got_is_said_and_marks_nothing(body: dict[str, object], outcome: str) -> None:
    """Left out of one answer, and asked for alone: neither there, nor not found."""
    world, inbox = World(seed=1), Inbox()
    await world.extract()
    id_ = rows(world, "Estimate")[0]

    def answers(request: Request, said: str) -> Response | None:
        found = {f"/estimate/{id_}": body, "/query": {"QueryResponse": {}}}.get(request.path)
        if found is None:
            return None
        text = json.dumps({**found, "time": now().isoformat()}).replace("{id}", id_)
        return Response(status=200, body=text.encode())

    world.wrap = lambda inner: Tap(inner, before=answers)
    inbox.tell("Estimate", id_)
    inbox.tell("Estimate", id_, "delete", at=now() - timedelta(seconds=1))
    await anyio.sleep(2)
    fleet = await applied(world, inbox)
    assert inbox.outcomes == {1: outcome, 2: outcome}
    assert id_ in world.store.live_documents(world.realm, "Estimate")
    assert [trouble.code for trouble in fleet.troubles] == [outcome, outcome]


async def test_a_refusal_that_is_not_610_marks_nothing() -> None:
    world, inbox = World(seed=1), Inbox()
    await world.extract()
    id_ = rows(world, "Estimate")[0]

    def refuses(request: Request, said: str) -> Response | None:
        if request.path == f"/estimate/{id_}":
            return fault("5020", "Permission denied")
        return None

    world.company_of().delete("Estimate", id_)
    world.wrap = lambda inner: Tap(inner, before=refuses)
    inbox.tell("Estimate", id_, "delete")
    await anyio.sleep(2)
    fleet = await applied(world, inbox)
    assert inbox.outcomes == {1: "refused"}
    assert id_ in world.store.live_documents(world.realm, "Estimate")
    assert [trouble.code for trouble in fleet.troubles] == ["refused"]


@pytest.mark.parametrize("status", [500, 504])
async def test_in_an_outage_every_event_waits(status: int) -> None:
    """An object that is not answered for may be broken; where not even a count is answered, it is not."""
    world, inbox = World(seed=1), Inbox()
    first, second = rows(world, "Estimate")[:2]
    world.wrap = lambda inner: Tap(inner, before=lambda _request, _said: Response(status=status, body=b"<html></html>"))
    inbox.tell("Estimate", first)
    inbox.tell("Estimate", second)
    await anyio.sleep(2)
    fleet = await applied(world, inbox)
    assert (inbox.outcomes, list(inbox.waiting)) == ({}, [1, 2])
    assert [trouble.entity for trouble in fleet.troubles] == [""]
    assert not world.store.refusals(world.realm, "Estimate")
    world.wrap = lambda inner: inner
    await applied(world, inbox)
    assert inbox.outcomes == {1: "landed", 2: "landed"}


async def test_an_event_whose_second_is_not_over_waits_for_an_answer_after_it() -> None:
    """Another change of the same second may look like this event told again, and would be left out."""
    world, inbox = World(seed=1), Inbox()
    id_ = rows(world, "Invoice")[0]
    inbox.tell("Invoice", id_)
    await applied(world, inbox)
    assert list(inbox.waiting) == [1], "read, and not settled by that"
    company = world.company_of()
    row = company.table("Invoice").get(id_)
    assert row is not None
    company.replace("Invoice", id_, decode(row.doc) | {"PrivateNote": "in the same second"})
    await anyio.sleep(1.5)
    await applied(world, inbox)
    assert inbox.outcomes == {1: "landed"}
    assert is_landed(world, "Invoice", id_)


async def test_by_items_cdc_answers_for_many_entities_and_its_deletions_are_confirmed_too() -> None:
    world, inbox = World(seed=1), Inbox()
    await world.extract()
    before = len(asked(world))
    company = world.company_of()
    bill, estimate = rows(world, "Bill")[0], rows(world, "Estimate")[0]
    untouched = rows(world, "Invoice")[0]
    row = company.table("Bill").get(bill)
    assert row is not None
    company.replace("Bill", bill, decode(row.doc) | {"PrivateNote": "changed"})
    company.delete("Estimate", estimate)
    for entity, id_ in (("Bill", bill), ("Estimate", estimate), ("Invoice", untouched)):
        inbox.tell(entity, id_)
    await anyio.sleep(2)
    await applied(world, inbox, BY_ITEMS)
    assert inbox.outcomes == {1: "landed", 2: "deleted", 3: "landed"}
    assert is_landed(world, "Bill", bill)
    paths = [call.split()[0] for call in asked(world)[before:]]
    assert paths == ["/cdc", "/query", f"/estimate/{estimate}"], "what CDC does not have is asked for by Id"


async def test_a_live_object_that_cdc_calls_deleted_is_not_marked() -> None:
    """Reported of Intuit in 2021."""
    world, inbox = World(seed=1), Inbox()
    await world.extract()
    estimate, bill = rows(world, "Estimate")[0], rows(world, "Bill")[0]
    at = now().isoformat(timespec="seconds")

    def mistaken(request: Request, said: str) -> Response | None:
        if request.path != "/cdc":
            return None
        stub = {"domain": "QBO", "status": "Deleted", "Id": estimate, "MetaData": {"LastUpdatedTime": at}}
        answered = {"QueryResponse": [{"Estimate": [stub], "startPosition": 1, "maxResults": 1, "totalCount": 1}, {}]}
        body = json.dumps({"CDCResponse": [answered], "time": now().isoformat(timespec="milliseconds")}).encode()
        return Response(status=200, headers={"content-type": "application/json"}, body=body)

    world.wrap = lambda inner: Tap(inner, before=mistaken)
    inbox.tell("Estimate", estimate)
    inbox.tell("Bill", bill)
    await anyio.sleep(2)
    await applied(world, inbox, BY_ITEMS)
    assert inbox.outcomes == {1: "landed", 2: "landed"}
    assert is_landed(world, "Estimate", estimate)


async def test_a_full_cdc_answer_is_not_believed() -> None:
    world, inbox = World(seed=1), Inbox()
    await world.extract()
    company = world.company_of()
    for row in company.table("Invoice").all()[:1]:
        for number in range(1001):
            company.create("Invoice", decode(row.doc) | {"DocNumber": f"N{number}"})
    estimate = rows(world, "Estimate")[0]
    company.delete("Estimate", estimate)
    inbox.tell("Estimate", estimate, "delete")
    inbox.tell("Invoice", rows(world, "Invoice")[0])
    inbox.tell("Customer", CHANGED, "merge")
    await anyio.sleep(2)
    fleet = await applied(world, inbox, BY_ITEMS)
    assert inbox.outcomes == {1: "deleted", 2: "landed", 3: "refused"}
    assert [trouble.entity for trouble in fleet.troubles] == ["Customer"]


async def test_the_loser_of_a_merge_that_is_not_named_is_found_by_cdc() -> None:
    world, inbox = World(seed=1), Inbox()
    await world.extract()
    company = world.company_of()
    survivor, loser = rows(world, "Customer")[:2]
    row = company.table("Customer").get(loser)
    assert row is not None
    company.replace("Customer", loser, decode(row.doc) | {"Active": False, "DisplayName": "x (deleted)"})
    inbox.tell("Customer", survivor, "merge")
    inbox.tell("Customer", CHANGED, "merge")
    await anyio.sleep(2)
    await applied(world, inbox)
    assert inbox.outcomes == {1: "landed", 2: "landed"}
    assert is_landed(world, "Customer", loser)


async def test_an_object_that_the_server_cannot_read_is_set_aside_and_the_others_land() -> None:
    probe = World(seed=1)
    ids = rows(probe, "Invoice")[:5]
    settings = SimulatorSettings(poisoned={(probe.realm, "Invoice"): frozenset({ids[2]})})
    world, inbox = World(seed=1, settings=settings), Inbox()
    for id_ in ids:
        inbox.tell("Invoice", id_)
    await anyio.sleep(2)
    fleet = await applied(world, inbox)
    assert inbox.outcomes == {1: "landed", 2: "landed", 3: "quarantined", 4: "landed", 5: "landed"}
    assert [refusal.id for refusal in world.store.refusals(world.realm, "Invoice")] == [ids[2]]
    assert fleet.troubles[0].message.startswith(f"A webhook told of Invoice {ids[2]}")


async def test_a_realm_that_is_refused_is_parked_and_its_events_wait() -> None:
    world, inbox = World(seed=1), Inbox()
    inbox.tell("Invoice", rows(world, "Invoice")[0])
    await anyio.sleep(2)
    world.simulator.oauth.revoke(world.realm)
    fleet = await applied(world, inbox)
    assert fleet.parked == [world.realm]
    assert list(inbox.waiting) == [1]


async def test_who_lost_the_lease_settles_nothing() -> None:
    world, inbox = World(seed=1), Inbox()
    inbox.tell("Invoice", rows(world, "Invoice")[0])
    await anyio.sleep(2)

    async def lost(lease: Lease, outcomes: Mapping[int, str]) -> None:
        raise LeaseLostError("taken over", realm_id=lease.realm_id)

    settle: Callable[..., object] = lost
    inbox.settle = settle  # type: ignore[method-assign]  # as the store does it
    fleet = await applied(world, inbox)
    assert fleet.proven == []
    assert list(inbox.waiting) == [1]


async def test_what_is_no_entity_is_settled_and_said() -> None:
    world, inbox = World(seed=1), Inbox()
    inbox.tell("Spaceship", "1")
    fleet = await applied(world, inbox)
    assert inbox.outcomes == {1: "unsupported"}
    assert [trouble.code for trouble in fleet.troubles] == ["unsupported"]
    assert asked(world) == []


async def test_more_events_than_are_taken_at_once() -> None:
    world, inbox = World(seed=1), Inbox()
    ids = rows(world, "Invoice")
    then = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(4500):
        inbox.tell("Invoice", ids[number % len(ids)], at=then + timedelta(seconds=number))
    await applied(world, inbox)
    assert len(inbox.outcomes) == 4500
    assert len(asked(world)) == 3
    assert json.dumps(sorted(set(inbox.outcomes.values()))) == '["landed"]'
