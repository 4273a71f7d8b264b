"""Law 5: one realm's trouble is its own; and so is one entity's, and one row's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anyio
import msgspec
import pytest

from backfill.events import RealmParked, Retrying
from backfill.jobs import scan
from backfill.model import Refusal, RunId
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request, Response
from tests.jobs.world import RUN, Tap, World, breaches, fault

pytestmark = pytest.mark.virtual


async def set_aside(world: World, entity: str, *ids: str) -> None:
    """What an earlier command left in quarantine."""
    lease = await world.store.acquire(world.realm)
    refusals = [Refusal(id_, "10000", "it cannot be read", b"") for id_ in ids]
    await world.store.land(lease, RunId(9), entity, (), refusals=refusals)
    await world.store.release(lease)


class TestRowsThatCannotBeRead:
    """A stored row that fails every page it is on is set aside; all others land, and the proof holds with it."""

    def world(self, code: str, poisoned: dict[tuple[str, str], Sequence[str]], **more: Any) -> World:
        settings = SimulatorSettings(poisoned=poisoned, poison_code=code, **more.pop("settings", {}))
        return World(seed=21, settings=settings, rows_min=300, rows_max=300, **more)

    @pytest.mark.parametrize("code", ["4002", "10000"])
    @pytest.mark.parametrize("page_rows", [1, 7, 1000])
    async def test_of_an_entity_that_is_scanned(self, code: str, page_rows: int) -> None:
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world(code, poisoned, page_rows=page_rows)
        ids = [row.id for row in world.company_of().table("Invoice").by_created()]
        poisoned[world.realm, "Invoice"] = [ids[0], ids[5], ids[6], ids[-1]]
        result = await world.extract()
        assert breaches(world) == []
        proof = world.store.proofs(world.realm)["Invoice"]
        assert (proof.proven, proof.quarantined, proof.landed_live) == (True, 4, len(ids) - 4)
        assert [(trouble.entity, trouble.code) for trouble in result.troubles] == [("Invoice", "quarantined")]

    @pytest.mark.parametrize("entity", ["Invoice", "TaxCode"])
    async def test_one_that_was_set_aside_by_its_id_before_counts_once(self, entity: str) -> None:
        """Webhooks name what they read. A scan meets the same row, without a name, and another."""
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("10000", poisoned, page_rows=7)
        ids = world.sow(entity, 40, second=lambda number: 90_000 + number)
        poisoned[world.realm, entity] = [ids[5], ids[30]]
        await set_aside(world, entity, ids[5], "999999")  # and one that is gone by now
        await world.extract()
        assert breaches(world) == []
        assert world.store.proofs(world.realm)[entity].quarantined == 2

    async def test_what_may_pass_is_waited_for_once_and_not_at_every_half(self) -> None:
        """10000 is also said of passing troubles. Six attempts for the page, six for the row, one for each between."""
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("10000", poisoned, page_rows=512)
        ids = world.sow("Invoice", 2_000, second=lambda number: 90_000 + number)
        poisoned[world.realm, "Invoice"] = [ids[700]]
        await world.extract()
        assert breaches(world) == []
        waits = [event for event in world.events if isinstance(event, Retrying)]
        assert 10 <= len(waits) <= 25, "five for the page and five at each look at the row, not five at each half: 150"

    @pytest.mark.parametrize("attempt", range(2, 8))
    async def test_a_passing_trouble_in_the_middle_of_the_search_sets_no_good_row_aside(self, attempt: int) -> None:
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("10000", poisoned, page_rows=64)
        ids = world.sow("Invoice", 200, second=lambda number: 90_000 + number)
        poisoned[world.realm, "Invoice"] = [ids[70]]
        asked: list[str] = []

        def fails_sometimes(request: Request, statement: str) -> Response | None:
            if request.path != "/query" or "SELECT * FROM Invoice" not in statement:
                return None
            asked.append(statement)
            return fault("10000", "an application error", status=500) if len(asked) % attempt == 0 else None

        world.wrap = lambda inner: Tap(inner, before=fails_sometimes)
        await world.extract()
        assert breaches(world) == []
        assert world.store.proofs(world.realm)["Invoice"].quarantined == 1

    @pytest.mark.parametrize("entity", ["Attachable", "TaxCode", "TaxAgency"])
    async def test_of_an_entity_that_is_read_from_one_answer(self, entity: str) -> None:
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("4002", poisoned)
        ids = world.sow(entity, 9, second=lambda number: 90_000 + number // 3)
        poisoned[world.realm, entity] = [ids[4]]
        await world.extract()
        assert breaches(world) == []
        assert world.store.proofs(world.realm)[entity].quarantined == 1

    async def test_of_a_large_polled_entity(self) -> None:
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("4002", poisoned)
        ids = world.sow("TimeActivity", 1100, second=lambda number: 90_000 + number // 3)
        poisoned[world.realm, "TimeActivity"] = [ids[4], ids[500]]
        await world.extract()
        assert breaches(world) == []
        assert world.store.proofs(world.realm)["TimeActivity"].quarantined == 2

    @pytest.mark.parametrize(
        ("places", "told"),
        [([1], False), ([2], True), ([3], True), ([8], True), ([-1], True), ([3, 4], True), ([4, 6], False)],
    )
    async def test_of_a_server_that_sends_one_row_more_than_it_is_asked_for(
        self, places: Sequence[int], told: bool
    ) -> None:
        """A question for the row before a broken one fails as well, and yet that row is landed."""
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("4002", poisoned, page_rows=7, settings={"limit_plus_one": True})
        ids = [row.id for row in world.company_of().table("Invoice").by_created()]
        poisoned[world.realm, "Invoice"] = [ids[place] for place in places]
        await world.extract()
        proof = world.store.proofs(world.realm)["Invoice"]
        if told:
            assert breaches(world) == []
            assert (proof.proven, proof.quarantined) == (True, len(places))
        else:  # the first row, or one between two, cannot be told from broken ones
            assert not proof.proven
            assert "one object more" in proof.reason

    @pytest.mark.parametrize("code", ["4002", "10000"])
    async def test_that_change_while_they_are_read(self, code: str) -> None:
        """Change data capture fails as well: the entity is caught up by itself, by time and count."""
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world(code, poisoned)
        company = world.company_of()
        ids = [row.id for row in company.table("Invoice").by_created()]
        poisoned[world.realm, "Invoice"] = [ids[5]]
        done = []

        def meddle(_request: Request, statement: str) -> None:
            if "SELECT * FROM Invoice" in statement and not done:
                done.append(statement)
                company.replace("Invoice", ids[5], {"PrivateNote": "worse"})
                company.replace("Invoice", ids[6], {"PrivateNote": "fine"})
                company.delete("Invoice", ids[7])

        world.wrap = lambda inner: Tap(inner, after=meddle)
        await world.extract()
        assert breaches(world) == []
        assert world.store.proofs(world.realm)["Invoice"].quarantined == 1

    async def test_among_more_than_a_page_of_one_second_while_people_change_the_order(self) -> None:
        """The same row is met at other places in each pass, and is one row all the same."""
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("4002", poisoned, page_rows=7, settings={"changes_per_minute": 60, "latency_s": 0.05})
        ids = world.sow("Invoice", 30, second=lambda _: 90_000)
        poisoned[world.realm, "Invoice"] = [ids[3], ids[20]]
        await world.extract()
        assert breaches(world) == []

    async def test_in_a_second_run_they_are_not_counted_twice(self) -> None:
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("4002", poisoned, page_rows=7)
        company = world.company_of()
        ids = [row.id for row in company.table("Invoice").by_created()]
        poisoned[world.realm, "Invoice"] = [ids[5], ids[40]]
        await world.extract()
        company.delete("Invoice", ids[4])
        await anyio.sleep(86_400)
        await world.extract(run_id=RunId(2))
        assert breaches(world) == []
        assert world.store.proofs(world.realm)["Invoice"].quarantined == 2

    async def test_one_that_goes_while_they_are_read_counts_no_longer(self) -> None:
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("4002", poisoned, page_rows=7)
        company = world.company_of()
        ids = [row.id for row in company.table("Invoice").by_created()]
        poisoned[world.realm, "Invoice"] = [ids[5], ids[11]]

        def meddle(_request: Request, _statement: str) -> None:
            if poisoned and world.store.refusals(world.realm, "Invoice"):
                poisoned.clear()
                company.delete("Invoice", ids[5])

        world.wrap = lambda inner: Tap(inner, after=meddle)
        await world.extract()
        assert breaches(world) == []
        assert world.store.proofs(world.realm)["Invoice"].quarantined == 0

    async def test_that_were_landed_before_they_went_bad(self) -> None:
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("4002", poisoned, page_rows=7)
        ids = [row.id for row in world.company_of().table("Invoice").by_created()]
        codes = [row.id for row in world.company_of().table("TaxCode").all()]
        await world.extract()
        poisoned[world.realm, "Invoice"] = [ids[5], ids[6]]
        poisoned[world.realm, "TaxCode"] = codes[1:2]
        await world.extract(run_id=RunId(2))
        assert breaches(world) == []
        assert {refusal.id for refusal in world.store.refusals(world.realm, "Invoice")} == {ids[5], ids[6]}

    async def test_after_a_crash(self) -> None:
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("4002", poisoned, page_rows=7, settings={"latency_s": 0.3})
        ids = [row.id for row in world.company_of().table("Invoice").by_created()]
        poisoned[world.realm, "Invoice"] = ids[10:40:7]
        poisoned[world.realm, "Attachable"] = world.sow("Attachable", 9, second=lambda number: 90_000 + number)[3:5]
        await world.extract(crashes_after_s=[2, 3, 4, 5, *(12 + tenth for tenth in range(30))])
        assert breaches(world) == []
        assert world.store.proofs(world.realm)["Invoice"].quarantined == 5
        assert world.store.proofs(world.realm)["Attachable"].quarantined == 2

    async def test_an_entity_of_nothing_else_is_given_up(self) -> None:
        """An entity that fails whole is no heap of bad rows; what it costs has a bound."""
        poisoned: dict[tuple[str, str], Sequence[str]] = {}
        world = self.world("4002", poisoned)
        ids = world.sow("Invoice", 400, second=lambda number: 90_000 + number)
        poisoned[world.realm, "Invoice"] = ids
        await world.extract()
        assert breaches(world, unproven={"Invoice"}) == []
        assert not world.store.proofs(world.realm)["Invoice"].proven
        assert len(world.statements()) < 1000


class TestEntitiesThatAreRefused:
    def refusing(self, entity: str, answer: Response) -> Any:
        """Every question for the entity, alone or in a batch, is answered with a fault."""

        def before(request: Request, statement: str) -> Request | Response | None:
            if f"FROM {entity} " in f"{statement} " and request.path == "/query":
                return answer
            if request.path == "/batch":
                return msgspec.structs.replace(
                    request, body=request.body.replace(f"FROM {entity}".encode(), b"FROM Forbidden")
                )
            return None

        return lambda inner: Tap(inner, before=before)

    async def test_not_offered_is_proven_empty(self) -> None:
        world = World(seed=22)
        world.wrap = self.refusing("Budget", fault("4001", "QueryValidationError: invalid context declaration: Budget"))
        result = await world.extract()
        proof = world.store.proofs(world.realm)["Budget"]
        assert (proof.proven, proof.method) == (True, "not offered by this company")
        assert result.proven == [world.realm]

    @pytest.mark.parametrize("entity", ["Invoice", "TaxCode", "TimeActivity"])
    async def test_permission_denied_leaves_it_unproven_and_the_others_proven(self, entity: str) -> None:
        world = World(seed=22)
        denied = fault("5020", "Permission Denied Error")

        class Denying:
            def __init__(self, inner: Any) -> None:
                self.inner = inner

            async def send(self, request: Request, *, deadline: float) -> Response:
                if f"FROM {entity} " in f"{dict(request.params).get('query', '')} ":
                    return denied
                response = await self.inner.send(request, deadline=deadline)
                return with_item_denied(request, response, entity) if request.path == "/batch" else response

        world.wrap = Denying
        result = await world.extract()
        assert breaches(world, unproven={entity}) == []
        proof = world.store.proofs(world.realm)[entity]
        assert not proof.proven
        assert "Permission Denied" in proof.reason
        assert result.unproven == [world.realm]
        assert [trouble.entity for trouble in result.troubles] == [entity]

    async def test_denied_in_the_middle_of_its_scan(self) -> None:
        world = World(seed=22, rows_min=300, rows_max=300, page_rows=7)
        asked = []

        def before(request: Request, statement: str) -> Response | None:
            if request.path == "/query" and "FROM Invoice" in statement:
                asked.append(statement)
                return fault("5020", "Permission Denied Error") if len(asked) > 3 else None
            return None

        world.wrap = lambda inner: Tap(inner, before=before)
        await world.extract()
        assert breaches(world, unproven={"Invoice"}) == []
        assert not world.store.proofs(world.realm)["Invoice"].proven

    async def test_an_outage_sets_no_row_aside(self) -> None:
        """A page that is not answered in time is asked for in less, down to a row; but a row is not why."""
        world = World(seed=22, rows_min=300, rows_max=300, page_rows=7)
        asked = []

        def before(request: Request, _statement: str) -> Response | None:
            asked.append(request.path)
            return Response(status=504, body=b"<html>504 Gateway Time-out</html>") if len(asked) > 10 else None

        world.wrap = lambda inner: Tap(inner, before=before)
        result = await world.extract()
        assert result.unproven == [world.realm]
        assert [trouble.entity for trouble in result.troubles] == [""]
        assert all(not world.store.refusals(world.realm, entity.name) for entity in world.entities)
        assert len(asked) < 10 + 8 * 3 * 6, "of each of eight readers six attempts at 7, at 3 and at 1 row"
        world.wrap = lambda inner: inner
        await world.extract()
        assert breaches(world) == []

    async def test_a_page_that_is_too_much_for_the_server_is_asked_for_in_less(self) -> None:
        world = World(seed=22, rows_min=300, rows_max=300)

        def before(request: Request, statement: str) -> Response | None:
            size = re.search(r"FROM Invoice .*MAXRESULTS (\d+)", statement)
            if request.path == "/query" and size and int(size[1]) > 20:
                return Response(status=504, body=b"<html>504 Gateway Time-out</html>")
            return None

        world.wrap = lambda inner: Tap(inner, before=before)
        await world.extract()
        assert breaches(world) == []
        assert world.store.proofs(world.realm)["Invoice"].quarantined == 0

    async def test_never_in_a_stable_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is unproven and says so; the realm's other entities and all other realms go on."""
        monkeypatch.setattr(scan, "OFFSET_PASSES_MAX", 0)
        world = World(seed=23, realms=3, page_rows=7, rows_min=300, rows_max=300)
        crowded = world.realm_ids[1]
        world.sow("Invoice", 30, second=lambda _: 90_000, realm_id=crowded)
        result = await world.extract()
        assert len(result.proven) + len(result.unproven) == 3
        assert crowded in result.unproven
        assert not world.store.proofs(crowded)["Invoice"].proven


def with_item_denied(request: Request, response: Response, entity: str) -> Response:
    """The batch's answer, in which the items that ask for the entity are faults."""
    body = msgspec.json.decode(response.body, type=dict[str, msgspec.Raw])
    items = msgspec.json.decode(body["BatchItemResponse"], type=list[dict[str, msgspec.Raw]])
    asked = {item["bId"]: item["Query"] for item in msgspec.json.decode(request.body)["BatchItemRequest"]}
    error = {"Message": "Permission Denied", "Detail": "Permission Denied Error", "code": "5020"}
    denied = msgspec.Raw(msgspec.json.encode({"Error": [error], "type": "ValidationFault"}))
    answered = [
        {"Fault": denied, "bId": item["bId"]}
        if f"FROM {entity} " in f"{asked[msgspec.json.decode(item['bId'])]} "
        else item
        for item in items
    ]
    return replace(response, body=msgspec.json.encode({**body, "BatchItemResponse": answered}))


class TestRealms:
    async def test_a_revoked_token_parks_its_realm_with_what_to_do(self) -> None:
        world = World(seed=24, realms=4)
        dead = world.realm_ids[2]
        world.simulator.oauth.revoke(dead)
        result = await world.extract()
        assert result.parked == [dead]
        assert sorted(result.proven) == sorted(set(world.realm_ids) - {dead})
        (trouble,) = result.troubles
        assert (trouble.realm_id, trouble.entity) == (dead, "")
        assert "connect" in trouble.action
        parked = world.store.parked(dead)
        assert parked is not None
        assert parked.action == trouble.action
        assert any(isinstance(event, RealmParked) and event.realm_id == dead for event in world.events)

    async def test_a_token_revoked_in_the_middle(self) -> None:
        world = World(seed=24, realms=2, page_rows=7, settings=SimulatorSettings(latency_s=0.2))
        dead = world.realm_ids[0]

        async def revoke() -> None:
            await anyio.sleep(1.5)
            world.simulator.oauth.revoke(dead)

        async with anyio.create_task_group() as group:
            group.start_soon(revoke)
            result = await world.extract()
        assert (result.parked, result.proven) == ([dead], [world.realm_ids[1]])
        assert world.store.proofs(dead) == {}
        assert not (await world.store.scan(RUN, dead)).finished

    async def test_other_apps_that_use_up_a_realms_limit(self) -> None:
        """Refusals are waited out; the books are read all the same."""
        settings = SimulatorSettings(other_requests_per_minute=480, latency_s=0.1)
        world = World(seed=25, settings=settings, rows_min=300, rows_max=300, page_rows=5)
        await world.extract()
        found = [said for said in breaches(world, throttled=True) if "requests in a minute" not in said]
        assert found == []
        assert world.simulator.log.summary()[world.realm].throttled > 0
