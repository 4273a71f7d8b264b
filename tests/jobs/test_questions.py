"""Questions to the API: in batches, in the order of the statements, and asked again where the answer was no answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import msgspec
import pytest

from backfill.errors import FaultError, UnreadableError
from backfill.jobs.questions import Questions
from backfill.model import RealmId
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE
from backfill.wire import Request, Response

T0 = datetime(2026, 1, 1, tzinfo=UTC)
Items = list[dict[str, object]]


class Scripted:
    """Answers batches of COUNTs: statement "n" is answered with n, unless `spoil` makes something else of the items."""

    def __init__(self, spoil: Callable[[int, Items], Items] = lambda _call, items: items) -> None:
        self.sizes: list[int] = []
        self._spoil = spoil

    async def send(self, request: Request, *, deadline: float) -> Response:
        asked = msgspec.json.decode(request.body)["BatchItemRequest"]
        call = len(self.sizes)
        self.sizes.append(len(asked))
        items: Items = [{"bId": item["bId"], "QueryResponse": {"totalCount": int(item["Query"])}} for item in asked]
        time = (T0 + timedelta(seconds=call)).isoformat()
        body = {"BatchItemResponse": self._spoil(call, items), "time": time}
        return Response(status=200, body=msgspec.json.encode(body))


def questions(transport: object) -> Questions:
    return Questions(transport, RealmId("1"), call_s=60)  # type: ignore[arg-type]  # one method is enough


def fault(b_id: object, code: str) -> dict[str, object]:
    return {"bId": b_id, "Fault": {"Error": [{"Message": "m", "Detail": "d", "code": code}], "type": "SystemFault"}}


def numbers(items: object) -> list[int | str | None]:
    assert isinstance(items, list)
    return [item.total_count if isinstance(item, Page) else item.code for item in items]


@pytest.mark.parametrize("count", [1, 29, 30, 31, 61])
async def test_thirty_to_a_call_in_the_order_of_the_statements(count: int) -> None:
    transport = Scripted(lambda _call, items: items[::-1])
    found = await questions(transport).many([str(number) for number in range(count)])
    assert numbers(found.items) == list(range(count))
    assert max(transport.sizes) <= 30
    assert sum(transport.sizes) == count
    assert (found.first_time, found.last_time) == (T0, T0 + timedelta(seconds=len(transport.sizes) - 1))


async def test_an_item_with_a_passing_fault_is_asked_again_with_those_that_were_left_out() -> None:
    def spoil(call: int, items: Items) -> Items:
        if call > 0:
            return items
        return [fault(items[0]["bId"], "150"), *items[2:]]

    transport = Scripted(spoil)
    found = await questions(transport).many(["5", "6", "7", "8"])
    assert numbers(found.items) == [5, 6, 7, 8]
    assert transport.sizes == [4, 2]


async def test_an_items_own_fault_is_its_answer_and_not_asked_again() -> None:
    transport = Scripted(lambda _call, items: [*items[:1], fault(items[1]["bId"], "5020")])
    found = await questions(transport).many(["5", "6"])
    assert numbers(found.items) == [5, "5020"]
    assert isinstance(found.items[1], FaultError)
    assert transport.sizes == [2]


async def test_an_item_that_never_passes_is_answered_with_its_fault() -> None:
    transport = Scripted(lambda _call, items: [fault(item["bId"], "150") for item in items])
    found = await questions(transport).many(["5"])
    assert numbers(found.items) == ["150"]
    assert len(transport.sizes) == 3


class Straying:
    """A server whose batches go astray by `stray`; a query by itself is answered with `alone`."""

    def __init__(self, stray: Callable[[Items], Items], alone: bytes) -> None:
        self.paths: list[str] = []
        self._stray, self._alone = stray, alone

    async def send(self, request: Request, *, deadline: float) -> Response:
        self.paths.append(request.path)
        if request.path == "/query":
            return Response(status=200, body=self._alone)
        asked = msgspec.json.decode(request.body)["BatchItemRequest"]
        items: Items = [{"bId": item["bId"], "QueryResponse": {item["Query"].split()[-1]: []}} for item in asked]
        body = {"BatchItemResponse": self._stray(items), "time": T0.isoformat()}
        return Response(status=200, body=msgspec.json.encode(body))


SEVEN = msgspec.json.encode({"QueryResponse": {"totalCount": 7}, "time": T0.isoformat()})


@pytest.mark.parametrize(("alone", "said"), [(SEVEN, 7), (b"{}", "unreadable")])
async def test_an_item_that_is_always_left_out_is_asked_for_by_itself(alone: bytes, said: int | str) -> None:
    transport = Straying(lambda items: [item for item in items if item["bId"] != "1"], alone)
    found = await questions(transport).many(["SELECT * FROM Bill", "SELECT COUNT(*) FROM Item"])
    assert numbers(found.items) == [None, said]
    assert transport.paths[:4] == ["/batch", "/batch", "/batch", "/query"]


async def test_rows_of_another_entity_than_was_asked_for_are_no_answer() -> None:
    def swapped(items: Items) -> Items:
        return [{**item, "bId": other["bId"]} for item, other in zip(items, reversed(items), strict=True)]

    transport = Straying(swapped, SEVEN)
    found = await questions(transport).many(["SELECT * FROM Bill", "SELECT * FROM Item", "SELECT * FROM Invoice"])
    assert numbers(found.items) == [7, None, 7]
    assert transport.paths[-2:] == ["/query", "/query"]


class Heavy:
    """Answers batches of COUNTs as `Scripted`, as long as they weigh no more than it can; else with a fault."""

    def __init__(self, most: int, code: str, weights: Mapping[str, int] = MappingProxyType({})) -> None:
        self.sizes: list[int] = []
        self._most, self._code, self._weights = most, code, weights
        self._inner = Scripted()

    async def send(self, request: Request, *, deadline: float) -> Response:
        asked = [item["Query"] for item in msgspec.json.decode(request.body)["BatchItemRequest"]]
        self.sizes.append(len(asked))
        if sum(self._weights.get(statement, 1) for statement in asked) <= self._most:
            return await self._inner.send(request, deadline=deadline)
        body = {"Fault": {"Error": [{"Message": "m", "Detail": "d", "code": self._code}], "type": "SystemFault"}}
        return Response(status=500, body=msgspec.json.encode(body))


@pytest.mark.parametrize("code", ["10100", "6002"])
@pytest.mark.parametrize("most", [1, 7, 29])
async def test_a_batch_that_is_too_much_is_asked_for_in_smaller_ones(code: str, most: int) -> None:
    transport = Heavy(most, code)
    asking = questions(transport)
    found = await asking.many([str(number) for number in range(61)])
    assert numbers(found.items) == list(range(61))
    assert len(transport.sizes) <= 5 + 2 * 61 / ((most + 1) // 2), "every other call is too much again at the worst"


@pytest.mark.parametrize("code", ["10100", "6002"])
async def test_a_statement_that_is_too_much_by_itself_is_answered_with_its_fault(code: str) -> None:
    transport = Heavy(30, code, {"3": 31, "4": 31})
    found = await questions(transport).many([str(number) for number in range(30)])
    assert numbers(found.items) == [*range(3), code, code, *range(5, 30)]
    assert transport.sizes == [30, 15, 7, 3, 6, 3, 1, 1, 1, 2, 4, 8, 10], "and neither is asked for again"
    alone = await questions(transport).many(["3"])
    assert numbers(alone.items) == [code]
    with pytest.raises(FaultError):
        _ = alone.first_time


async def test_many_statements_may_each_be_too_much_as_long_as_others_are_answered() -> None:
    heavy = {str(number): 31 for number in range(0, 60, 2)}
    found = await questions(Heavy(30, "6002", heavy)).many([str(number) for number in range(60)])
    assert numbers(found.items) == ["6002" if number % 2 == 0 else number for number in range(60)]


async def test_where_nothing_is_answered_in_time_it_is_the_server() -> None:
    transport = Heavy(0, "6002")
    with pytest.raises(FaultError):
        await questions(transport).many([str(number) for number in range(30)])
    assert len(transport.sizes) == 4 + 10, "halved to one, and ten by themselves"
    assert (
        numbers((await questions(Heavy(0, "10100")).many([str(number) for number in range(30)])).items)
        == ["10100"] * 30
    )


async def test_what_may_be_too_much_again_is_asked_for_once() -> None:
    patient, hasty = Heavy(1, "6002"), Heavy(1, "6002")
    asking = Questions(patient, RealmId("1"), call_s=60, hasty=hasty)  # type: ignore[arg-type]  # one method is enough
    await asking.many(["1", "2", "3", "4"])
    assert (patient.sizes, hasty.sizes) == ([4, 1, 1, 1, 1], [2, 2])


class Bodies:
    def __init__(self, *bodies: bytes) -> None:
        self.left = list(bodies)

    async def send(self, request: Request, *, deadline: float) -> Response:
        return Response(status=200, body=self.left.pop(0))


GOOD = b'{"QueryResponse":{"Term":[{"Id":"1"}],"startPosition":1,"maxResults":1},"time":"2026-01-01T00:00:00Z"}'


async def test_an_answer_that_cannot_be_read_is_asked_for_again() -> None:
    transport = Bodies(b"{}", b'{"QueryResponse":{"Term":[', GOOD)
    page = await questions(transport).page(CATALOGUE["Term"], "SELECT * FROM Term")
    assert [record.id for record in page.records] == ["1"]


async def test_what_is_likely_to_fail_goes_the_way_that_does_not_try_again() -> None:
    patient, hasty = Bodies(GOOD), Bodies(GOOD)
    asking = Questions(patient, RealmId("1"), call_s=60, hasty=hasty)
    await asking.page(CATALOGUE["Term"], "SELECT * FROM Term", hasty=True)
    assert (len(patient.left), len(hasty.left)) == (1, 0)
    await asking.page(CATALOGUE["Term"], "SELECT * FROM Term")
    assert patient.left == []


async def test_three_in_a_row_are_an_error_that_names_the_realm_and_the_question() -> None:
    transport = Bodies(b"{}", b"{}", b"{}", GOOD)
    with pytest.raises(UnreadableError) as caught:
        await questions(transport).page(CATALOGUE["Term"], "SELECT * FROM Term")
    assert (caught.value.realm_id, "SELECT * FROM Term" in caught.value.asked) == ("1", True)
    assert len(transport.left) == 1
