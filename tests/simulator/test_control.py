"""What a rehearsal sees and does behind the served API."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest

from backfill.simulator.journal import Changed
from backfill.simulator.server import serve

REALM = "9130357000000001"


class Control:
    """A served simulator with its control paths."""

    def __init__(self, simulator, session) -> None:
        self.simulator = simulator
        self.session = session

    async def __call__(self, method: str, path: str, body: object = None, **params: str) -> tuple[int, object]:
        sent = None if body is None else json.dumps(body)
        async with self.session.request(method, f"/control/{path}", params=params, data=sent) as response:
            text = await response.text()
            return response.status, json.loads(text) if response.status == 200 else text


@pytest.fixture
def controlled(simulator_of):
    @asynccontextmanager
    async def opened():
        simulator = simulator_of(control=True)
        async with (
            serve(simulator) as port,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,  # noqa: TID251 -- a test is the client
        ):
            yield Control(simulator, session)

    return opened


async def query(control, text: str) -> dict:
    token = control.simulator.credentials(REALM).access_token
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    async with control.session.get(f"/v3/company/{REALM}/query", params={"query": text}, headers=headers) as response:
        return await response.json()


async def test_the_state_at_the_time_of_an_answer(controlled, small_company) -> None:
    async with controlled() as control:
        answer = await query(control, "SELECT * FROM Invoice")
        small_company.delete("Invoice", "1")
        _, then = await control("GET", "state", realm=REALM, at=answer["time"])
        _, now = await control("GET", "state", realm=REALM)
        assert {row["Id"]: row for row in answer["QueryResponse"]["Invoice"]} == then["Invoice"]
        assert then["Invoice"].keys() - now["Invoice"].keys() == {"1"}
        assert then["Customer"]["5"]["DisplayName"].endswith("😀")


@pytest.mark.parametrize("at", ["soon", "2026-11-20T18:00:00"])
async def test_a_time_must_be_one_and_have_an_offset(controlled, at: str) -> None:
    async with controlled() as control:
        assert (await control("GET", "state", realm=REALM, at=at))[0] == 400


async def test_log_and_summary(controlled) -> None:
    async with controlled() as control:
        await query(control, "SELECT * FROM Invoice")
        _, log = await control("GET", "log", realm=REALM)
        assert log["dropped"] == 0
        assert [(entry["asked"], entry["status"], entry["rows"]) for entry in log["entries"]] == [
            ("SELECT * FROM Invoice", 200, 6)
        ]
        assert (await control("GET", "log", realm="42"))[1]["entries"] == []
        assert (await control("GET", "summary"))[1][REALM]["requests"] == 1


async def test_revoke(controlled) -> None:
    async with controlled() as control:
        assert (await control("POST", "revoke", realm=REALM))[0] == 200
        assert (await query(control, "SELECT * FROM Invoice"))["fault"]["error"][0]["code"] == "3200"


async def test_people_act_at_once(controlled, monkeypatch) -> None:
    async with controlled() as control:
        acted: list[int] = []
        monkeypatch.setattr("backfill.simulator.core.People.__init__", lambda *_, **__: None)
        monkeypatch.setattr("backfill.simulator.core.People.act", lambda _, count: acted.append(count))
        assert (await control("POST", "act", realm=REALM, count="3"))[0] == 200
        assert acted == [3]
        assert (await control("POST", "act", realm=REALM, count="-3"))[0] == 400


async def test_things_go_wrong_while_they_are_switched_on(controlled) -> None:
    async with controlled() as control:
        lost = {"mishap": "error_page", "status": 502, "lanes": "query", "times": 1}
        fault = {"mishap": "api_fault", "code": "140", "entities": ["Bill"]}
        assert await control("POST", "injections", [lost, fault]) == (200, {"ids": [1, 2]})
        assert await control("POST", "injections", {"mishap": "slow_reply"}) == (200, {"ids": [3]})
        assert (await control("DELETE", "injections", id="3"))[1] == [
            {"id": 3, "matched": 0, "struck": 0, "mishap": "slow_reply"}
        ]
        with pytest.raises(aiohttp.ContentTypeError):
            await query(control, "SELECT * FROM Bill")
        assert (await query(control, "SELECT * FROM Bill"))["Fault"]["Error"][0]["code"] == "140"
        assert "QueryResponse" in await query(control, "SELECT * FROM Invoice")
        found = (await control("GET", "injections"))[1]
        assert found == [
            {"id": 1, "matched": 3, "struck": 1, "mishap": "error_page", "status": 502, "lanes": ["query"], "times": 1},
            {"id": 2, "matched": 1, "struck": 1, "mishap": "api_fault", "code": "140", "entities": ["Bill"]},
        ]
        assert (await control("DELETE", "injections"))[1] == found
        assert (await control("GET", "injections"))[1] == []
        assert "QueryResponse" in await query(control, "SELECT * FROM Bill")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"mishap": "nothing"}, "there is no mishap 'nothing'"),
        ([{"mishap": "lost_reply"}, {"mishap": "lost_reply", "lane": "write"}], "lost_reply has no lane; give"),
        ("lost_reply", "the body is not an injection"),
    ],
)
async def test_what_is_no_injection_is_said_and_nothing_is_switched_on(controlled, body: object, said: str) -> None:
    async with controlled() as control:
        status, text = await control("POST", "injections", body)
        assert (status, said in text) == (400, True)
        assert control.simulator.injections.counts() == []
        for missing in ("1", "x"):
            assert (await control("DELETE", "injections", id=missing))[0] == 404


async def test_what_can_go_wrong_is_listed(controlled) -> None:
    async with controlled() as control:
        found = (await control("GET", "mishaps"))[1]
        assert found["cut_reply"]["settings"] == {"share": 0.5}
        assert found["cut_reply"]["what"].startswith("The connection is reset")


async def test_who_is_told_of_changes_can_be_said_while_it_runs(controlled):
    change = Changed(datetime(2026, 11, 20, tzinfo=UTC), "Invoice", "7", None, b"{}", counted=True)
    async with controlled() as control:
        assert (await control("GET", "webhooks"))[1]["url"] == ""
        control.simulator.webhooks.told(REALM, change)
        status, said = await control("POST", "webhooks", url="http://127.0.0.1:9/webhooks")
        assert (status, said["url"], said["events"]) == (200, "http://127.0.0.1:9/webhooks", 0)
        control.simulator.webhooks.told(REALM, change)
        assert (await control("GET", "webhooks"))[1]["events"] == 1
        refused, why = await control("POST", "webhooks", url="https://example.com/webhooks")
        assert refused == 400
        assert "on this machine" in why
        assert (await control("POST", "webhooks"))[1]["url"] == ""
