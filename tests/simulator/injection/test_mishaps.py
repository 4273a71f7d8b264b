"""Each mishap: what the client gets, and whether the service acted."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree as ET

import anyio
import pytest

from backfill.errors import UnansweredError, UsageError
from backfill.simulator.documented import DOCUMENTED
from backfill.simulator.injection.batches import ItemFault, ItemsWithoutBid, MissingItems
from backfill.simulator.injection.behaviour import Behaviour
from backfill.simulator.injection.bodies import InvalidBody, TruncatedBody
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.kinds import MISHAPS
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.network import CutReply, Delay, LostReply, LostRequest, SlowReply
from backfill.simulator.injection.refusals import ApiFault, BareText, ErrorPage, GatewayTimeout, NoBody, TooManyRequests
from backfill.simulator.injection.rows import (
    FlaggedDeleted,
    MissingAttributes,
    PoisonedRow,
    UnknownAttribute,
    Unordered,
)
from backfill.simulator.injection.sizes import AddressTooLong, AnswerTooLarge, BodyTooLarge, ListTooLong
from backfill.simulator.injection.tokens import Disconnect, RefreshRace, RefusedGrant
from backfill.simulator.injection.traffic import OtherTraffic
from backfill.simulator.settings import ServerLimits
from backfill.simulator.transport import SimulatedTokenEndpoint

REALM = "9130357000000001"
CDC = {"entities": "Invoice,Customer", "changedSince": "2026-11-01T00:00:00Z"}


def fault(body: bytes) -> dict[str, Any]:
    (error,) = json.loads(body)["Fault"]["Error"]
    return error


@pytest.mark.parametrize("kind", MISHAPS)
def test_every_mishap_can_be_made_without_an_argument_and_has_a_docstring(kind: str) -> None:
    mishap = MISHAPS[kind]()
    assert mishap.kind() == kind
    assert not (type(mishap).__doc__ or "").startswith(f"{type(mishap).__name__}("), "not a generated one"


def test_every_mishap_has_a_switch() -> None:
    def below(kind: type[Mishap]) -> set[str]:
        return {kind.kind()}.union(*map(below, kind.__subclasses__()))

    assert below(Mishap) - {"mishap", "refusal", "row_mishap", "item_mishap"} == MISHAPS.keys()


# The network


@pytest.mark.parametrize(
    ("mishap", "acted", "logged"),
    [
        (LostRequest(), False, 0),
        (LostReply(), True, 1),
        (LostReply(after_commit=False), False, 1),
        (CutReply(), True, 1),
        (CutReply(share=0), True, 1),
    ],
)
async def test_a_broken_connection(client_of, mishap: Mishap, acted: bool, logged: int) -> None:
    client = client_of(Injection(mishap))
    with pytest.raises(UnansweredError) as raised:
        await client.create()
    assert raised.value.sent
    assert raised.value.code == ("cut" if isinstance(mishap, CutReply) else "reset")
    assert client.names == (["New"] if acted else [])
    assert len(client.simulator.log.entries()) == logged


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("mishap", "wait_s"),
    [
        (Delay(before_s=3, after_s=4), 7.0),
        (SlowReply(piece_bytes=100, pause_s=2), None),
        (GatewayTimeout(), 120.0),
        (ErrorPage(hold_s=9), 9.0),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 60.0])
async def test_what_takes_time_takes_the_time_of_the_limits(client_of, mishap, wait_s, scale: float) -> None:
    client = client_of(Injection(mishap), limits_scale=scale)
    begin = anyio.current_time()
    response = await client.query()
    if wait_s is None:
        assert response.status == 200
        wait_s = -(-len(response.body) // 100) * 2
    assert anyio.current_time() - begin == pytest.approx(wait_s / scale)


@pytest.mark.virtual
async def test_a_delay_may_vary(client_of) -> None:
    client = client_of(Injection(Delay(before_s=0, jitter_s=10)))
    took = []
    for _ in range(20):
        begin = anyio.current_time()
        await client.query()
        took.append(anyio.current_time() - begin)
    assert 0 <= min(took) < 3
    assert 7 < max(took) <= 10


@pytest.mark.virtual
async def test_a_service_that_never_answers(client_of) -> None:
    client = client_of(Injection(LostReply(hold_s=300)))
    begin = anyio.current_time()
    async with client.simulator.running():
        with pytest.raises(UnansweredError, match="deadline"):
            await client.create(wait_s=30)
    assert anyio.current_time() == begin + 30
    assert client.names == ["New"]


# Refusals


REFUSALS = [
    (ApiFault(code="5010"), 400, "json"),
    (ApiFault(code="6000", status=200), 200, "json"),
    (ApiFault(code="3200"), 401, "gateway"),
    (ApiFault(code="3100"), 403, "gateway"),
    (ApiFault(code="6002"), 504, "xml"),
    (ApiFault(code="150", form="xml"), 503, "xml"),
    (ApiFault(code="10000", status=500, form="gateway"), 500, "gateway"),
    (GatewayTimeout(hold_s=0), 504, "xml"),
    (TooManyRequests(), 429, "xml"),
    (TooManyRequests(form="json_lower"), 429, "gateway"),
    (TooManyRequests(form="json_upper"), 429, "json"),
    (TooManyRequests(form="http_403_legacy"), 403, "xml"),
    (TooManyRequests(form="no_body"), 429, "empty"),
    (ErrorPage(status=502), 502, "html"),
    (ErrorPage(status=200), 200, "html"),
    (BareText(), 200, "text"),
    (NoBody(), 200, "empty"),
    (NoBody(status=503), 503, "empty"),
]


def form_of(body: bytes) -> str:
    if not body:
        return "empty"
    if body.startswith(b"<?xml"):
        assert ET.fromstring(body)[0][0].get("code")
        return "xml"
    if body.startswith(b"<!DOCTYPE HTML"):
        return "html"
    if not body.startswith(b"{"):
        return "text"
    return "gateway" if "fault" in json.loads(body) else "json"


@pytest.mark.parametrize(("mishap", "status", "form"), REFUSALS)
@pytest.mark.parametrize("after_commit", [False, True])
async def test_an_answer_instead_of_the_services_own(client_of, mishap, status: int, form: str, after_commit) -> None:
    settings = {name: getattr(mishap, name) for name in type(mishap).__dataclass_fields__}
    client = client_of(Injection(type(mishap)(**(settings | {"after_commit": after_commit}))))
    response = await client.create()
    assert (response.status, form_of(response.body)) == (status, form)
    assert response.intuit_tid
    assert client.names == (["New"] if after_commit else [])


@pytest.mark.parametrize("code", DOCUMENTED)
async def test_every_documented_code_can_be_told_to_happen(client_of, code: str) -> None:
    response = await client_of(Injection(ApiFault(code=code, form="json"))).query()
    assert (response.status, fault(response.body)["code"]) == (DOCUMENTED[code].status, code)
    assert fault(response.body)["Message"]


async def test_a_fault_may_have_words_of_its_own(client_of) -> None:
    words = {"message": "M", "detail": "The account period has closed. {1}", "type": "SystemFault"}
    body = (await client_of(Injection(ApiFault(code="5010", **words))).query()).body
    assert json.loads(body)["Fault"]["type"] == "SystemFault"
    assert (fault(body)["Message"], fault(body)["Detail"]) == (words["message"], words["detail"])
    assert fault((await client_of(Injection(ApiFault(code="9", message="x"))).query()).body)["code"] == "9"
    with pytest.raises(UsageError, match="its code is a documented one"):
        ApiFault(code="9")


@pytest.mark.parametrize("scale", [1.0, 60.0])
async def test_a_429_may_say_how_long_to_wait(client_of, clock, scale: float) -> None:
    for form in ("seconds", "date"):
        client = client_of(Injection(TooManyRequests(retry_after=form, wait_s=120)), limits_scale=scale)
        header = (await client.query()).headers["retry-after"]
        seconds = int(header) if form == "seconds" else (parsedate_to_datetime(header) - clock.at).total_seconds()
        assert seconds == 120 / scale
        summed = client.simulator.log.summary()[REALM]
        assert (summed.throttled, summed.refused_by) == (1, {})


async def test_a_401_has_its_challenge(client_of) -> None:
    response = await client_of(Injection(ApiFault(code="3200"))).query()
    assert response.headers["www-authenticate"] == 'Bearer realm="Intuit", error="invalid_token"'


# Bodies


async def test_broken_bodies(client_of) -> None:
    whole = (await client_of().query()).body
    cut = await client_of(Injection(TruncatedBody(share=0.25))).query()
    assert (cut.status, cut.body) == (200, whole[: len(whole) // 4])
    for flaw in ("comma", "byte", "nan"):
        client = client_of(Injection(InvalidBody(flaw=flaw)))
        response = await client.create(flaw)
        assert (response.status, client.names[-1]) == (200, flaw)
        with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
            json.loads(response.body)


# Batches


def items(count: int, stem: str = "n") -> list[dict[str, Any]]:
    return [
        {"bId": f"b{place}", "operation": "create", "Customer": {"DisplayName": f"{stem}{place}"}}
        for place in range(count)
    ]


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("after_commit", [False, True])
async def test_items_are_refused_within_a_good_answer(client_of, share: float, after_commit: bool) -> None:
    client = client_of(Injection(ItemFault(share=share, after_commit=after_commit)))
    answered = await client.batch(*items(6))
    assert [item["bId"] for item in answered] == [f"b{place}" for place in range(6)]
    refused = [item for item in answered if "Fault" in item]
    assert {item["Fault"]["Error"][0]["code"] for item in refused} == {"3001"}
    assert len(refused) == max(1, 6 * share)
    assert len(client.names) == (6 if after_commit else 6 - len(refused))
    assert {item["Customer"]["DisplayName"] for item in answered if "Customer" in item} <= set(client.names)


async def test_only_items_of_an_entity_or_an_operation(client_of) -> None:
    mishap = ItemFault(code="6000", share=1, item_entities=("vendor",), item_operations=("create",))
    client = client_of(Injection(mishap))
    others = [{"bId": "v", "operation": "create", "Vendor": {"DisplayName": "v"}}, {"bId": "q", "Query": "x"}]
    answered = await client.batch(*items(2), *others)
    assert [("Fault" in item, item["bId"]) for item in answered[:3]] == [(False, "b0"), (False, "b1"), (True, "v")]
    assert client.names == ["n0", "n1"]
    await client.batch(*items(1))
    await client.query()
    assert client.struck == [1], "what has no such item is spared"


@pytest.mark.parametrize("after_commit", [False, True])
async def test_items_are_missing_in_the_answer(client_of, after_commit: bool) -> None:
    client = client_of(Injection(MissingItems(after_commit=after_commit)))
    answered = await client.batch(*items(6))
    assert len(answered) == 3
    assert len(client.names) == (6 if after_commit else 3)
    alone = client_of(Injection(MissingItems(share=1, after_commit=after_commit)))
    before = len(alone.names)
    assert await alone.batch(*items(2, "alone")) == []
    assert len(alone.names) - before == (2 if after_commit else 0)


async def test_items_are_answered_without_their_bid(client_of) -> None:
    client = client_of(Injection(ItemsWithoutBid(share=0.5)))
    answered = await client.batch(*items(6))
    assert sum("bId" not in item for item in answered) == 3
    assert all("Customer" in item for item in answered)
    await client.query()
    assert client.struck == [1]


async def test_a_batch_that_is_refused_as_a_whole_stays_so(client_of) -> None:
    for mishap in (ItemFault(after_commit=True), MissingItems(), ItemsWithoutBid()):
        client = client_of(Injection(mishap), Injection(ApiFault(code="1040")))
        response = await client.send("POST", "/batch", {"BatchItemRequest": items(2)})
        assert fault(response.body)["code"] == "1040"
        assert client.struck == [0, 1]


# Rows


@pytest.mark.parametrize("code", ["4002", "10000"])
async def test_a_poisoned_row_fails_every_page_that_holds_it(client_of, code: str) -> None:
    client = client_of(Injection(PoisonedRow(ids=("3",), share=0, code=code), entities=("Invoice", "Customer")))
    assert fault((await client.query("SELECT * FROM Invoice")).body)["code"] == code
    assert fault((await client.send("GET", "/cdc", **CDC)).body)["code"] == code
    assert (await client.query("SELECT * FROM Invoice WHERE Id = '4'")).status == 200
    assert (await client.query("SELECT COUNT(*) FROM Invoice")).status == 200
    assert (await client.send("GET", "/invoice/3")).status == 200
    asked = [{"bId": entity, "Query": f"SELECT * FROM {entity}"} for entity in ("Invoice", "Bill")]
    answered = await client.batch(*asked)
    assert [(item["bId"], "Fault" in item) for item in answered] == [("Invoice", True), ("Bill", False)]
    assert client.struck == [3]


async def test_a_share_of_rows_is_the_same_rows_each_time(client_of) -> None:
    async def poisoned(salt: str) -> list[str]:
        client = client_of(Injection(PoisonedRow(share=0.5, salt=salt)))
        answers = [await client.query(f"SELECT * FROM Invoice WHERE Id = '{number}'") for number in range(1, 7)]
        return ["x" if answer.status == 400 else "-" for answer in answers]

    first = await poisoned("")
    assert first == await poisoned("")
    assert set(first) == {"x", "-"}
    assert any([await poisoned(salt) != first for salt in "abc"])


async def test_live_objects_are_flagged_deleted(client_of) -> None:
    client = client_of(Injection(FlaggedDeleted(ids=("2",), share=0)))
    (answered,) = json.loads((await client.send("GET", "/cdc", **CDC)).body)["CDCResponse"]
    rows = {row["Id"]: row for page in answered["QueryResponse"] for row in page.get("Invoice", ())}
    assert rows["2"].keys() == {"domain", "status", "Id", "MetaData"}
    assert (rows["2"]["status"], rows["2"]["MetaData"].keys()) == ("Deleted", {"LastUpdatedTime"})
    assert "TotalAmt" in rows["3"]
    item = {"bId": "c", "CDCQuery": {"Entities": "Invoice", "ChangedSince": CDC["changedSince"]}}
    ((page,),) = [part["QueryResponse"] for part in (await client.batch(item))[0]["CDCResponse"]]
    assert [row["Id"] for row in page["Invoice"] if row.get("status") == "Deleted"] == ["2"]
    await client.query("SELECT * FROM Invoice")
    assert client.struck == [2], "queries do not know deleted objects"


async def test_attributes_are_missing_or_new_and_numbers_keep_their_scale(client_of) -> None:
    client = client_of(Injection(MissingAttributes()))
    body = (await client.query()).body
    assert b'"Balance"' not in body
    assert (await client.send("GET", "/customer/2")).body.count(b'"Balance":639.00') == 1
    client = client_of(Injection(UnknownAttribute(name="Extra")))
    body = (await client.query()).body
    assert body.count(b'"Extra":{') == 4
    assert b'"Balance":639.00' in body
    assert client.struck == [1]


async def test_rows_come_in_another_order(client_of) -> None:
    ordered = "SELECT * FROM Invoice ORDERBY TotalAmt"
    right = json.loads((await client_of().query(ordered)).body)["QueryResponse"]
    other = json.loads((await client_of(Injection(Unordered())).query(ordered)).body)["QueryResponse"]
    assert right["Invoice"] != other["Invoice"]
    assert sorted(map(str, right["Invoice"])) == sorted(map(str, other["Invoice"]))


# Sizes


@pytest.mark.parametrize(
    ("mishap", "status", "body", "text"),
    [
        (BodyTooLarge(over_bytes=100), 413, b"<!DOCTYPE", "SELECT * FROM Bill WHERE Id IN ('1','2','3')"),
        (AddressTooLong(over_bytes=100), 414, b"<!DOCTYPE", "SELECT * FROM Bill WHERE Id IN ('1','2','3')"),
        (AddressTooLong(over_bytes=100, status=400), 400, b"<!DOC", "SELECT * FROM Bill WHERE Id IN ('1','2','3')"),
        (ListTooLong(over_values=2), 400, b"4001", "SELECT * FROM Bill WHERE Id IN ('1','2','3')"),
        (AnswerTooLarge(over_rows=5), 500, b"10100", "SELECT * FROM Invoice"),
        (AnswerTooLarge(over_rows=5, code="6002"), 504, b"006002", "SELECT * FROM Invoice"),
    ],
)
async def test_caps_refuse_what_is_above_them_and_nothing_else(client_of, mishap, status, body: bytes, text) -> None:
    client = client_of(Injection(mishap))
    small = "SELECT * FROM Bill WHERE Id IN ('1','2')"
    if isinstance(mishap, BodyTooLarge):
        assert (await client.create("x" * 100)).status == status
        assert (await client.create("x")).status == 200
        return
    answer = await client.query(text)
    assert answer.status == status
    assert body in answer.body
    assert (await client.query(small)).status == 200
    assert client.struck == [1]


# Tokens, traffic, behaviour


async def refreshed(client) -> tuple[int, dict[str, Any]]:
    held = client.simulator.credentials(REALM)
    form = {"grant_type": "refresh_token", "refresh_token": held.refresh_token}
    form |= {"client_id": held.client_id, "client_secret": held.client_secret}
    response = await SimulatedTokenEndpoint(client.simulator).post(form, {}, deadline=anyio.current_time() + 5)
    return response.status, json.loads(response.body)


async def test_a_good_value_is_refused_and_lives_on(client_of, clock) -> None:
    client = client_of(Injection(RefusedGrant(), lanes=("token",), realms=(REALM,), times=1))
    assert (await refreshed(client))[1]["error"] == "invalid_grant"
    assert (await refreshed(client))[0] == 200
    clock.forward(hours=25)
    lost = client_of(Injection(RefusedGrant(after_commit=True), times=1))
    before = lost.simulator.credentials(REALM).refresh_token
    clock.forward(hours=25)
    assert (await refreshed(lost))[0] == 400
    assert lost.simulator.credentials(REALM).refresh_token != before, "rotated, and nobody was told"


@pytest.mark.parametrize(("life_s", "status"), [(0.0, 400), (60.0, 200)])
async def test_another_worker_refreshes_first(client_of, life_s: float, status: int) -> None:
    client = client_of(Injection(RefreshRace(), times=1), old_refresh_token_life_s=life_s)
    assert (await refreshed(client))[0] == status
    assert (await refreshed(client))[0] == 200, "with the value that the other worker got"
    assert client.struck == [1]
    await client.query()
    client.simulator.oauth.revoke(REALM)
    assert (await refreshed(client))[0] == 400


async def test_the_owner_disconnects_at_that_moment(client_of) -> None:
    client = client_of(Injection(Disconnect(), after=1, times=1))
    assert [(await client.query()).status for _ in range(3)] == [200, 401, 401]
    assert (await client.query(realm="42")).status == 200


async def test_other_apps_use_the_room_up(client_of) -> None:
    limits = ServerLimits(requests_per_minute=50, requests_per_second=None, realm_batches_per_minute=5)
    client = client_of(Injection(OtherTraffic(requests=48), times=1), limits=limits)
    assert [(await client.query()).status for _ in range(3)] == [200, 200, 429]
    client = client_of(Injection(OtherTraffic(requests=5, batches=5), times=1), limits=limits)
    assert (await client.send("POST", "/batch", {"BatchItemRequest": items(1)})).status == 429
    assert (await client.query()).status == 200


async def test_for_some_calls_the_service_behaves_otherwise(client_of) -> None:
    client = client_of(Injection(Behaviour(settings={"limit_plus_one": "true"}), entities=("Invoice",)))
    for entity, rows in (("Invoice", 3), ("Customer", 2)):
        answer = json.loads((await client.query(f"SELECT * FROM {entity} MAXRESULTS 2")).body)
        assert answer["QueryResponse"]["maxResults"] == rows
    capped = client_of(Injection(Behaviour(settings={"batch_object_cap": "2", "batch_shuffled": True})))
    answered = await capped.batch({"bId": "1", "Query": "SELECT * FROM Invoice"})
    assert answered[0]["QueryResponse"]["maxResults"] == 2
    uncapped = client_of(Injection(Behaviour(settings={"batch_object_cap": "off"})), batch_object_cap=2)
    assert (await uncapped.batch({"bId": "1", "Query": "SELECT * FROM Invoice"}))[0]["QueryResponse"]["maxResults"] == 6


@pytest.mark.parametrize("settings", [{}, {"latency_s": 1}, {"id_sort": "perhaps"}, {"cdc_object_cap": "many"}])
def test_a_behaviour_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings), "nothing")):
        Behaviour(settings=settings)
