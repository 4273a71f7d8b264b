"""What every call passes: the gateway, the throttle, the log, and the headers of the answer."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree as ET

import anyio
import pytest

from backfill.simulator.call import Call
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.core import Simulator
from backfill.simulator.envelopes import Answer
from backfill.simulator.fleet import Fleet
from backfill.simulator.people import People
from backfill.simulator.settings import ServerLimits, SimulatorSettings

REALM = "9130357000000001"
UNLIMITED = ServerLimits(requests_per_minute=None, requests_per_second=None)


def call(simulator, *, realm_id: str = REALM, token: str | None = None, path: str = "/preferences", **params: str):
    token = simulator.credentials(realm_id).access_token if token is None else token
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    return Call(realm_id, "POST" if path == "/batch" else "GET", path, params, headers)


def without_link(row: dict) -> dict:
    """An object but for the link that is made anew for every answer."""
    return {key: value for key, value in row.items() if key != "TempDownloadUri"}


async def test_a_bad_token_is_the_gateways_401_and_uses_up_no_limit(simulator_of, clock) -> None:
    simulator = simulator_of(limits=ServerLimits(requests_per_minute=1))
    good = call(simulator)
    expired = simulator.credentials(REALM).access_token
    clock.forward(hours=1)
    for token, detail in (
        (expired, f"Token expired: {expired}"),
        ("x", "Malformed bearer token: too short or too long"),
    ):
        answer = await simulator.exchange(call(simulator, token=token))
        body = json.loads(answer.body)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="Intuit", error="invalid_token"'
        assert body["fault"]["type"] == "AUTHENTICATION"
        (error,) = body["fault"]["error"]
        assert (error["code"], error["detail"], error["element"]) == ("3200", detail, None)
        assert body["time"] == round(clock.at.timestamp() * 1000)
    simulator.oauth.revoke("42")
    assert (await simulator.exchange(call(simulator, realm_id="42"))).status == 401
    assert (await simulator.exchange(good)).status == 401
    assert (await simulator.exchange(call(simulator))).status == 200


async def test_a_token_of_another_realm_is_the_gateways_403(simulator_of) -> None:
    simulator = simulator_of()
    answer = await simulator.exchange(call(simulator, token=simulator.credentials("42").access_token))
    body = json.loads(answer.body)
    assert (answer.status, answer.code, body["fault"]["type"]) == (403, "3100", "SERVICE")
    assert "errorCode=003100; statusCode=403" in body["fault"]["error"][0]["message"]


async def test_faults_are_xml_for_who_does_not_ask_for_json(simulator_of) -> None:
    simulator = simulator_of()
    good = call(simulator, path="/invoice/77")
    other = call(simulator, token=simulator.credentials("42").access_token)
    for asked, status, code in ((good, 400, "610"), (call(simulator, token="x"), 401, "3200"), (other, 403, "3100")):
        headers = {name: value for name, value in asked.headers.items() if name != "accept"}
        answer = await simulator.exchange(replace(asked, headers=headers))
        assert (answer.status, answer.headers["content-type"]) == (status, "application/xml;charset=utf-8")
        root = ET.fromstring(answer.body)
        assert root.tag == "{http://schema.intuit.com/finance/v3}IntuitResponse"
        assert root[0][0].get("code") == code
        assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    ("answered", "status", "code"), [("3200", 401, "3200"), ("3100", 403, "3100"), ("120", 401, "120")]
)
async def test_a_disconnected_company_is_refused_as_the_settings_say(simulator_of, answered, status, code) -> None:
    simulator = simulator_of(disconnected=answered)
    asked = call(simulator)
    assert (await simulator.exchange(asked)).status == 200
    simulator.oauth.revoke(REALM)
    answer = await simulator.exchange(asked)
    assert (answer.status, answer.code) == (status, code)
    body = json.loads(answer.body)
    error = body["Fault"]["Error"][0] if answered == "120" else body["fault"]["error"][0]
    assert error["code"] == code
    if answered == "120":
        assert "-11014" in error["Detail"]
        assert body["Fault"]["type"] == "AuthorizationFault"


async def test_head_is_get_and_options_need_no_token(simulator_of) -> None:
    simulator = simulator_of(limits=ServerLimits(requests_per_minute=1))
    options = await simulator.exchange(Call(REALM, "OPTIONS", "/query"))
    assert (options.status, options.headers["allow"]) == (200, "GET, HEAD, OPTIONS, POST")
    assert not any(name.startswith("access-control") for name in options.headers)
    head = await simulator.exchange(replace(call(simulator), method="HEAD"))
    assert head.status == 200
    assert [entry.method for entry in simulator.log.entries()] == ["GET"], "it counts as what it is"
    assert (await simulator.exchange(call(simulator))).status == 429


async def test_too_many_requests_are_refused_in_the_form_of_the_settings(simulator_of) -> None:
    limits = ServerLimits(requests_per_second=2)
    simulator = simulator_of(limits=limits, throttle_body="json_upper", retry_after="seconds")
    answers = [await simulator.exchange(call(simulator)) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1"
    assert json.loads(answers[2].body)["Fault"]["Error"][0]["code"] == "3001"
    summed = simulator.log.summary()[REALM]
    assert (summed.requests, summed.throttled, summed.most_in_second) == (3, 1, 3)
    plain = simulator_of(limits=ServerLimits(requests_per_second=1))
    first, second = [await plain.exchange(call(plain)) for _ in range(2)]
    assert (first.status, second.status) == (200, 429)
    assert "retry-after" not in second.headers


async def test_batches_have_limits_of_their_own(simulator_of) -> None:
    simulator = simulator_of(limits=ServerLimits(batches_per_minute=1))
    statuses = [(await simulator.exchange(call(simulator, path="/batch"))).status for _ in range(2)]
    assert statuses == [400, 429]
    assert (await simulator.exchange(call(simulator))).status == 200


@pytest.mark.virtual
async def test_latency_passes_half_before_and_half_after_acting(simulator_of, small_company) -> None:
    simulator = simulator_of(latency_s=2.0)
    begin = anyio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(simulator.exchange, call(simulator))
        await anyio.sleep(0.9)
        assert simulator.log.entries() == []
        await anyio.sleep(0.2)
        (entry,) = simulator.log.entries()
        assert entry.at_s == begin + 1.0
    assert anyio.current_time() == begin + 2.0
    assert (entry.status, entry.lane, entry.rows, entry.in_flight) == (200, "query", 1, 1)


@pytest.mark.virtual
async def test_more_than_ten_in_flight_are_refused_and_places_come_back(simulator_of) -> None:
    simulator = simulator_of(latency_s=2.0, limits=ServerLimits(requests_per_second=None))
    asked = call(simulator)
    statuses: list[int] = []

    async def send() -> None:
        statuses.append((await simulator.exchange(asked)).status)

    for _ in range(2):
        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(send)
    assert sorted(statuses) == [200] * 20 + [429] * 4
    assert simulator.log.summary()[REALM].most_in_flight == 10


@pytest.mark.virtual
async def test_a_client_that_goes_away_gives_its_place_back(simulator_of) -> None:
    simulator = simulator_of(latency_s=2.0, limits=ServerLimits(in_flight=1))
    asked = call(simulator)
    with anyio.move_on_after(1.5):
        await simulator.exchange(asked)
    assert len(simulator.log.entries()) == 1, "it had acted"
    assert (await simulator.exchange(asked)).status == 200


@pytest.mark.virtual
async def test_jitter_stays_within_its_bound_and_comes_from_the_seed(simulator_of) -> None:
    def arrivals() -> list[float]:
        return [entry.at_s - begin for entry in simulator.log.entries()]

    seen = []
    for _ in range(2):
        simulator = simulator_of(latency_s=1.0, jitter_s=0.3, limits=ServerLimits(requests_per_second=None))
        begin = anyio.current_time()
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(simulator.exchange, call(simulator))
        seen.append(arrivals())
        assert len(set(seen[-1])) == 10
        assert all(0.2 <= at <= 0.8 for at in seen[-1])
    assert seen[0] == pytest.approx(seen[1])


async def test_every_answer_has_an_intuit_tid_of_its_own(simulator_of) -> None:
    simulator = simulator_of(limits=ServerLimits(requests_per_second=2))
    answers = [await simulator.exchange(call(simulator)) for _ in range(4)]
    answers += [await simulator.exchange(call(simulator, token="x"))]
    answers += [await simulator.token({}, {})]
    tids = [answer.headers["intuit_tid"] for answer in answers]
    assert {answer.status for answer in answers} == {200, 429, 401}
    assert len(set(tids)) == len(tids)
    assert all(re.fullmatch(r"1-[0-9a-f]{8}-[0-9a-f]{24}", tid) for tid in tids)
    assert [entry.intuit_tid for entry in simulator.log.entries()] == tids[:-1]


async def test_the_log_knows_what_was_asked(simulator_of) -> None:
    simulator = simulator_of()
    await simulator.exchange(call(simulator, path="/query", query="SELECT * FROM Bill"))
    await simulator.exchange(call(simulator, path="/cdc", entities="Bill", changedSince="2026-11-10T00:00:00Z"))
    batch = b'{"BatchItemRequest":[{"bId":"1","Query":"SELECT * FROM Bill"},{"bId":"2","Vendor":{}}]}'
    asked = call(simulator, path="/batch")
    await simulator.exchange(Call(REALM, "POST", "/batch", {}, asked.headers, batch))
    assert [entry.asked for entry in simulator.log.entries(REALM)] == [
        "SELECT * FROM Bill",
        "Bill since 2026-11-10T00:00:00Z",
        "SELECT * FROM Bill; Vendor, bId",
    ]


@pytest.mark.virtual
async def test_people_work_in_the_realms_that_were_touched_while_it_runs(simulator_of, monkeypatch) -> None:
    working: list[str] = []

    class Worker(People):
        def __init__(self, company, rng, *, changes_per_minute: float) -> None:
            self.realm_id = company.realm_id
            assert changes_per_minute == 5

        async def run(self) -> None:
            working.append(self.realm_id)
            await anyio.sleep_forever()

    monkeypatch.setattr("backfill.simulator.core.People", Worker)
    simulator = simulator_of(changes_per_minute=5)
    await simulator.exchange(call(simulator))
    assert working == [], "not before it runs"
    async with simulator.running():
        for _ in range(2):
            await simulator.exchange(call(simulator))
            await anyio.sleep(0.1)
        assert working == [REALM]
    await simulator.exchange(call(simulator, realm_id="42"))
    assert working == [REALM]


async def test_every_row_of_every_answer_is_the_state_at_its_time_while_people_work(clock) -> None:
    """The seeded fleet itself: all entities, page by page, with changes between the pages; and COUNT agrees."""
    fleet = Fleet(realms=2, seed=9, now=clock.now, rows_min=400, rows_max=500)
    simulator = Simulator(SimulatorSettings(limits=UNLIMITED), fleet, now=clock.now, seed=9)
    realm_id = fleet.realm_ids[1]
    company = fleet.company(realm_id)
    shown = 0
    for name, traits in TRAITS.items():
        if not traits.queryable:
            continue
        needs = "WHERE SourceCurrencyCode LIKE '%'" if name == "ExchangeRate" else ""
        both = "WHERE Active IN (true, false)" if traits.is_list else needs
        start = 1
        while True:
            simulator.people(realm_id).act(1)
            clock.forward(seconds=1)
            text = f"SELECT * FROM {name} {both} ORDERBY MetaData.LastUpdatedTime STARTPOSITION {start} MAXRESULTS 40"
            answer = await simulator.exchange(call(simulator, realm_id=realm_id, path="/query", query=text))
            simulator.people(realm_id).act(1)
            body = json.loads(answer.body, parse_float=str)
            state = company.state_at(datetime.fromisoformat(body["time"]))[name]
            rows = [without_link(row) for row in body["QueryResponse"].get(traits.array_key, [])]
            docs = [without_link(json.loads(doc, parse_float=str)) for doc in state.values()]
            assert all(row in docs for row in rows)
            assert len(rows) == max(0, min(40, len(docs) - start + 1)), text
            shown += len(rows)
            start += len(rows)
            if not rows:
                break
        counted = await simulator.exchange(
            call(simulator, realm_id=realm_id, path="/query", query=f"SELECT COUNT(*) FROM {name} {both}")
        )
        body = json.loads(counted.body)
        if name in simulator.settings.uncounted:
            assert body["Fault"]["Error"][0]["code"] == "4002"
        else:
            expected = {} if name == "CompanyInfo" else {"totalCount": len(company.table(name))}  # it has no number
            assert body["QueryResponse"] == expected
    assert shown >= 400


@pytest.mark.parametrize(
    ("limit", "method", "path"),
    [
        ("batches_per_minute", "POST", "/batch"),
        ("reports_per_minute", "GET", "/reports/ProfitAndLoss"),
        ("emails_per_day", "POST", "/invoice/1/send"),
    ],
)
async def test_a_kind_of_call_is_counted_by_its_own_limit(simulator_of, limit: str, method: str, path: str) -> None:
    simulator = simulator_of(limits=ServerLimits(**{limit: 1}))
    asked = replace(call(simulator, path=path), method=method)
    assert [(await simulator.exchange(asked)).status == 429 for _ in range(2)] == [False, True]
    assert (await simulator.exchange(call(simulator))).status == 200
    summed = simulator.log.summary()[REALM]
    assert (summed.throttled, summed.refused_by) == (1, {limit: 1})


@pytest.mark.virtual
async def test_who_calls_while_answers_are_made_has_come_then_and_not_when_they_are_done(
    simulator_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a server that is busy for a while sees all that came meanwhile at once, and refuses what kept the limits."""
    simulator = simulator_of()
    clock, handle = asyncio.get_running_loop()._jumping, simulator.api.handle
    work_s = 0.02

    def busily(*asked: object) -> Answer:
        clock.now_s += work_s
        return handle(*asked)

    monkeypatch.setattr(simulator.api, "handle", busily)
    async with simulator.running(), anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(simulator.exchange, call(simulator))
        await anyio.sleep(work_s / 2)
        assert (await simulator.exchange(call(simulator))).status == 200
    *early, late = (entry.at_s for entry in simulator.log.entries())
    assert early == [0.0] * 6
    assert late < 3 * work_s, "of the six some were still waiting for theirs"
    assert clock.now_s == pytest.approx(7 * work_s)
