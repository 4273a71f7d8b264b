"""The pages over real sockets and a real Postgres, asked by friends, strangers and people with odd names."""

from __future__ import annotations

import http.client
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import anyio.to_thread
import pytest

from backfill.dashboard.companies import COMPANIES_A_PAGE
from backfill.dashboard.site import REQUESTS_AT_ONCE, Site
from backfill.dashboard.snapshot import Allowance
from backfill.errors import UnavailableError
from backfill.store.database import Database
from backfill.store.owners import Owner
from backfill.webhooks.receiver import serve_application
from tests.dashboard.parsed import Page, parsed
from tests.dashboard.test_html import HOSTILE
from tests.processes import PATIENCE_S
from tests.store.sown_fleet import called, sow


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Served:
    """A dashboard that is served, and whoever asks it."""

    site: Site
    port: int

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return await anyio.to_thread.run_sync(self._ask, path, method, headers)

    def _ask(self, path: str, method: str, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host=True)
        for name, value in ({"Host": f"127.0.0.1:{self.port}"} | headers).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        try:
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    async def page(self, path: str, status: int = 200) -> Page:
        answer = await self.ask(path)
        assert answer.status == status, answer.body[-500:]
        return parsed(answer.body)


@asynccontextmanager
async def serving(database: Database, **options: Any) -> AsyncIterator[Served]:
    allowance = Allowance(window_s=60, requests=450, monthly_cap=1000, counted_as="items")
    site = Site(database, now=lambda: datetime.now(UTC), allowance=allowance, silence_s=30, **options)
    async with serve_application(site.application(), host="127.0.0.1", port=0) as port:
        yield Served(site, port)


@pytest.fixture
async def fleet(database: Database) -> Database:
    """A hundred and twenty companies in the middle of an extract, and something of everything."""
    async with database.control() as connection:
        await sow(connection, companies=120, calls=500, owner=str(Owner.current()))
        for statement in EVENTS:
            await connection.execute(statement)
    await called(database, 5, realm="9000000001", times=30)
    return database


EVENTS = (
    "INSERT INTO backfill.metered (app, month, calls, items) VALUES ('AB1', date_trunc('month', now())::date, 90, 400)",
    "UPDATE backfill.token SET refresh_expires_at = now() + interval '9 days' WHERE realm_id = '9000000099'",
    """INSERT INTO backfill.quarantine (realm_id, entity, id, run_id, code, message, raw, refused_at)
    SELECT '9000000011', 'Invoice', number::text, run_id, '22P05', 'a NUL in it', '', now()
    FROM backfill.run, generate_series(1, 60) AS number""",
    """INSERT INTO backfill.webhook_event (key, realm_id, entity, object_id, operation, occurred_at)
    VALUES ('a', '9000000011', 'Invoice', '1', 'update', now())""",
    """INSERT INTO backfill.run (kind, scope, status, finished_at, summary) VALUES ('care', '{}', 'incomplete', now(),
    '{"errors": [{"realm_id": "", "entity": "", "message": "Nobody came.", "action": "Look."}]}')""",
    "UPDATE backfill.run SET started_at = now() - interval '10 minutes'",
)

WAITING = ("Parked: 2", "Not proven: 2", "Not equal to the company, as verify found: 1", "Tokens that end soon")


async def test_the_first_page_says_all_that_is_wanted_at_night(fleet: Database) -> None:
    async with serving(fleet) as served:
        page = await served.page("/")
    text = page.text
    assert "Under way: extract" in text
    assert [said for said in WAITING if said not in text] == []
    for said in (
        *("companies done", "of 120", "rows a second", "measuring", "time left"),
        *("requests in the last minute", "of 450", "refused as too many (429)", "the busiest company"),
        *("connect it again", "gone (invalid_grant)", "Entity3", "one is missing"),
        *("backfill verify --repair --deep --realm 9000000023", "the refresh token dies of disuse"),
        *("003001", "too many requests", "payroll.csv", "Metered calls of", "1,000"),
        *("events that wait to be read", "care", "incomplete", "Nobody came. Look."),
    ):
        assert said in text, said
    assert "/companies/9000000007" in page.links
    assert "/companies?kind=parked" in page.links


async def test_every_link_leads_to_a_page(fleet: Database) -> None:
    """From the first page on, each address once: whole HTML, and nothing from elsewhere."""
    async with serving(fleet) as served:
        seen: set[str] = set()
        new = {"/", "/companies?kind=working", "/companies?kind=differing", "/companies?kind=unread"}
        while new:
            address = new.pop()
            seen.add(address)
            found = set((await served.page(address)).links)
            own = [link for link in found if link.startswith("/companies/")]
            new |= (found - seen) - set(own[10:])
    assert len(seen) > 40


async def test_what_is_new_is_shown_and_how_fast_it_comes(fleet: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backfill.dashboard.looks.LOOK_EVERY_S", 0.1)
    monkeypatch.setattr("backfill.dashboard.looks.LOOK_SHARE", 0)
    async with serving(fleet) as served:
        (before,) = json.loads((await served.ask("/snapshot.json")).body)["snapshot"]["under_way"]
        async with fleet.control() as connection:
            await connection.execute(
                "UPDATE backfill.slice SET rows_read = rows_read - 1 FROM backfill.realm_run AS part"
                " WHERE part.realm_id = slice.realm_id AND state = 'running'"
            )
            await connection.execute("UPDATE backfill.census SET counted = counted + 100")
        await anyio.sleep(0.2)
        (after,) = json.loads((await served.ask("/snapshot.json")).body)["snapshot"]["under_way"]
        async with fleet.control() as connection:
            await connection.execute("UPDATE backfill.slice SET rows_read = rows_read + 30")
        await anyio.sleep(0.2)
        (last,) = json.loads((await served.ask("/snapshot.json")).body)["snapshot"]["under_way"]
    assert (before["rows_a_second"], before["seconds_left"]) == (None, None)
    assert last["progress"]["rows_met"] > after["progress"]["rows_met"] > 0
    assert last["rows_a_second"] > 0
    assert last["seconds_left"] == pytest.approx(last["progress"]["rows_to_come"] / last["rows_a_second"])


async def test_companies_are_turned_over_and_found(fleet: Database) -> None:
    async with serving(fleet) as served:
        first = await served.page("/companies")
        assert "120, page 1 of 3" in first.text
        assert sum(link.startswith("/companies/") for link in first.links) == COMPANIES_A_PAGE
        last = await served.page("/companies?page=999")
        assert "page 3 of 3" in last.text
        assert "/companies/9000000120" in last.links
        assert not [link for link in last.links if "page=4" in link]
        parked = await served.page("/companies?kind=parked&text=Company+1")
        assert [link for link in parked.links if link.startswith("/companies/")] == ["/companies/9000000107"]
        assert "There is none." in (await served.page("/companies?text=nobody")).text


async def test_a_company_has_a_page_of_its_own(fleet: Database) -> None:
    async with serving(fleet) as served:
        text = (await served.page("/companies/9000000011")).text
        for said in (
            *("Company 11", "39", "of 40", "one is missing", "NO", "equal, 20 compared"),
            *("a NUL in it (22P05)", "There are more", "nobody", "1 waiting", "extract"),
        ):
            assert said in text, said
        parked = (await served.page("/companies/9000000007")).text
        assert "Parked" in parked
        assert "What to do: connect it again" in parked
        assert "differ, " in (await served.page("/companies/9000000023")).text
        calls = (await served.page("/companies/9000000101")).text
        assert "003001: too many requests" in calls
        unknown = await served.page("/companies/4711", status=404)
        assert "is not registered" in unknown.text


async def test_hostile_names_are_names(database: Database) -> None:
    names = [name.replace("\0", "") for name in HOSTILE]
    statement = """INSERT INTO backfill.realm (realm_id, name, state, parked_code, parked_message, parked_action,
        parked_at) VALUES ($1, $1, 'parked', $1, $1, $1, now())"""
    async with database.control() as connection:
        for name in names:
            await connection.execute(statement, name)
    async with serving(database) as served:
        pages = [await served.page("/"), await served.page("/companies")]
        for name in names:
            pages += [await served.page(f"/companies/{quote(name, safe='')}")]
            assert name in pages[-1].texts
            pages += [await served.page(f"/companies?text={quote(name)}")]
            assert pages[-1].values == [name.strip()]
            assert f"/companies/{quote(name, safe='')}" in pages[-1].links
    assert {page.elements.count("script") for page in pages} == {1}
    assert not [page for page in pages if "img" in page.elements]


ODD = {
    "/companies/%00": 404,
    "/companies/%ED%A0%80": 404,
    "/companies/" + "9" * 4000: 404,
    "/companies?text=%00&kind=%00&page=%00": 200,
    "/companies?page=99999999999999999999": 200,
    "/companies?text=" + "%F0%9F%92%A9" * 300: 200,
    "/companies/": 404,
    "/../etc/passwd": 404,
    "/nothing": 404,
}


async def test_odd_addresses(database: Database) -> None:
    async with serving(database) as served:
        assert {path: (await served.ask(path)).status for path in ODD} == ODD


async def test_nothing_but_reading(database: Database) -> None:
    async with serving(database) as served:
        for path in ("/", "/snapshot.json", "/nothing"):
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
                answer = await served.ask(path, method)
                assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD"), (method, path)
        head = await served.ask("/", "HEAD")
        assert (head.status, head.body) == (200, b"")


OURS = ("localhost", "LOCALHOST:8768", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8768", "Ops.Example.com:443")
NOT_OURS = (
    *("", "evil.example", "localhost.evil.example", "evil.example:8768", "192.168.0.1", "127.0.0.1.evil.example"),
    *("127.0.0.1@evil.example", "x.ops.example.com", "[", ":"),
)


async def test_only_who_asks_for_this_machine_is_answered(database: Database) -> None:
    """A page from elsewhere whose name was made to lead here has its own name in the request."""
    async with serving(database, hosts=["ops.example.com"]) as served:
        for path in ("/", "/snapshot.json", "/companies"):
            answers = {host: await served.ask(path, Host=host) for host in (*OURS, *NOT_OURS)}
            assert {host for host, answer in answers.items() if answer.status == 200} == set(OURS)
            assert {answers[host].status for host in NOT_OURS} == {421}
            assert {answers[host].body.partition(b" ")[0] for host in NOT_OURS} == {b"This"}


async def test_nothing_from_elsewhere_can_be_loaded_or_look_in(database: Database) -> None:
    async with serving(database) as served:
        for path in ("/", "/companies", "/snapshot.json", "/health", "/style.css", "/refresh.js", "/nothing"):
            headers = (await served.ask(path)).headers
            policy = dict(rule.strip().split(" ", 1) for rule in headers["Content-Security-Policy"].split(";"))
            assert policy["default-src"] == "'none'", path
            assert set(policy.values()) == {"'none'", "'self'"}
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Content-Type-Options"] == "nosniff"


async def test_what_a_page_needs_is_there(database: Database) -> None:
    async with serving(database) as served:
        needed = (await served.page("/")).loaded
        kinds = {path: (await served.ask(path)).headers["Content-Type"] for path in needed}
    assert kinds == {
        "/style.css": "text/css; charset=utf-8",
        "/icon.svg": "image/svg+xml; charset=utf-8",
        "/refresh.js": "text/javascript; charset=utf-8",
    }


async def test_an_empty_database_says_how_to_begin(database: Database) -> None:
    async with serving(database) as served:
        assert "Begin: backfill extract" in (await served.page("/")).text
        assert "There is none." in (await served.page("/companies")).text
        assert (await served.ask("/health")).status == 200


async def test_who_looks_together_costs_one_look(fleet: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[None] = []
    async with serving(fleet) as served:
        take = served.site._snapshots.take

        async def counted() -> Any:
            looked.append(None)
            return await take()

        monkeypatch.setattr(served.site._snapshots, "take", counted)
        async with anyio.create_task_group() as group:
            for path in ["/", "/snapshot.json"] * 15:
                group.start_soon(served.page if path == "/" else served.ask, path)
        await served.ask("/health")
    assert len(looked) == 1


async def test_more_at_once_than_there_is_room_for_are_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[int] = []
    refused = 6
    monkeypatch.setattr("backfill.dashboard.looks.ANSWER_S", PATIENCE_S)
    async with serving(database) as served:
        going = anyio.Event()

        async def slow() -> bool:
            await going.wait()
            return True

        monkeypatch.setattr(served.site._fleet, "answers", slow)

        async def ask() -> None:
            answers.append((await served.ask("/health")).status)
            if len(answers) == refused:
                going.set()  # who is refused does not wait for the others

        limiter = anyio.to_thread.current_default_thread_limiter()
        monkeypatch.setattr(limiter, "total_tokens", 2 * REQUESTS_AT_ONCE)
        async with anyio.create_task_group() as group:
            for _ in range(REQUESTS_AT_ONCE + refused):
                group.start_soon(ask)
    assert answers == [503] * refused + [200] * REQUESTS_AT_ONCE


async def test_a_database_that_is_gone_is_said_and_comes_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backfill.dashboard.looks.LOOK_EVERY_S", 0.0)
    monkeypatch.setattr("backfill.dashboard.looks.LOOK_SHARE", 0)
    gone: list[bool] = []

    async def failing() -> Sequence[Any]:
        raise UnavailableError("the database <b> cannot be reached", action="see that it runs")

    async with serving(database) as served:
        site = served.site
        for asks, name in ((site._snapshots, "take"), (site._fleet, "answers")):
            real = getattr(asks, name)
            monkeypatch.setattr(asks, name, lambda real=real: failing() if gone else real())
        assert "Begin: backfill extract" in (await served.page("/")).text
        gone.append(True)
        page = await served.page("/")
        assert "The database has not answered since" in page.text
        assert "the database <b> cannot be reached. What to do: see that it runs" in page.text
        assert "Below is how it was at" in page.text
        assert "Begin: backfill extract" in page.text, "what was seen last"
        answer = await served.ask("/snapshot.json")
        told = json.loads(answer.body)
        assert (answer.status, told["trouble"][:12], told["snapshot"]["runs"]) == (503, "the database", [])
        assert datetime.fromisoformat(told["trouble_since"]) > datetime.now(UTC) - timedelta(minutes=1)
        assert (await served.ask("/health")).status == 503
        gone.clear()
        assert "not answered" not in (await served.page("/")).text
        assert (await served.ask("/health")).status == 200
    async with serving(database) as served:
        monkeypatch.setattr(served.site._snapshots, "take", failing)
        assert "not answered" in (await served.page("/", status=503)).text, "nothing was seen yet"
