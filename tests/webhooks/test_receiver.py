"""Deliveries over real sockets, with a store that is told to be slow, full or gone."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import anyio
import pytest

from backfill.errors import UnavailableError
from backfill.model import RealmId, Secret, Told
from backfill.qbo.signatures import Verifier
from backfill.store.inbox import Stored, Unread
from backfill.webhooks import receiver
from backfill.webhooks.intake import Intake
from backfill.webhooks.receiver import Receiver, serve_application

BODY_BYTES = 2000


class Events:
    """A store in memory: slow, or gone, if told so."""

    def __init__(self) -> None:
        self.stored: list[Told] = []
        self.unread: list[Unread] = []
        self.takes_s = 0.0
        self.gone = False

    async def store(self, events: Sequence[Told], unread: Sequence[Unread] = ()) -> Stored:
        await anyio.sleep(self.takes_s)
        if self.gone:
            raise UnavailableError("the database is gone")
        known = {told.key for told in self.stored}
        new = [told for told in events if told.key not in known]
        self.stored += new
        self.unread += unread
        return Stored(len(new), [told.realm_id for told in new if told.realm_id == "4711"])


class Service:
    def __init__(self, session: Any, port: int, hooks: Receiver, events: Events) -> None:
        self.session, self.url, self.hooks, self.events = session, f"http://127.0.0.1:{port}", hooks, events
        self.port = port
        self.unknown: list[RealmId] = []

    async def post(self, body: Any, *, token: str = "token", content_type: str = "application/json") -> int:
        headers = {"Content-Type": content_type}
        if token and isinstance(body, bytes):
            headers["intuit-signature"] = base64.b64encode(hmac.digest(token.encode(), body, "sha256")).decode()
        async with self.session.post(f"{self.url}/webhooks", data=body, headers=headers) as answer:
            assert await answer.read() == b""
            return answer.status


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving() as made:
        yield made


@asynccontextmanager
async def serving() -> AsyncIterator[Service]:
    events, unknown = Events(), list[RealmId]()
    intake = Intake(Verifier([Secret("token"), Secret("next")]), events, told=unknown.extend)
    hooks = Receiver(intake, body_bytes=BODY_BYTES)

    async def health() -> dict[str, object]:
        if events.gone:
            raise UnavailableError("the database is gone")
        await anyio.sleep(events.takes_s)
        return {"events": len(events.stored)}

    async with (
        serve_application(hooks.application(health), host="127.0.0.1", port=0) as port,
        aiohttp.ClientSession() as session,  # noqa: TID251  # Intuit's part
    ):
        made = Service(session, port, hooks, events)
        made.unknown = unknown
        yield made


def body(*object_ids: str, realm_id: str = "1") -> bytes:
    return json.dumps(
        [
            {"id": id_, "type": "qbo.invoice.updated.v1", "intuitentityid": id_, "intuitaccountid": realm_id}
            for id_ in object_ids
        ]
    ).encode()


@pytest.mark.parametrize("token", ["token", "next"])
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json", "x/y"]
)
async def test_what_is_signed_is_stored_before_it_is_answered(service: Service, token: str, content_type: str) -> None:
    assert await service.post(body("1", "2"), token=token, content_type=content_type) == 200
    assert [told.object_id for told in service.events.stored] == ["1", "2"]


async def test_duplicates_are_counted_and_accepted(service: Service) -> None:
    for _ in range(3):
        assert await service.post(body("1")) == 200
    counts = service.hooks.counts
    assert (counts.deliveries, counts.events, counts.duplicates) == (3, 3, 2)
    assert len(service.events.stored) == 1


@pytest.mark.parametrize("token", ["", "another"])
async def test_what_is_forged_is_refused_counted_and_not_stored(service: Service, token: str) -> None:
    assert await service.post(body("1"), token=token) == 401
    assert service.hooks.counts.forged == 1
    assert service.events.stored == []
    assert service.events.unread == []


async def test_what_is_signed_and_makes_no_sense_is_kept_and_accepted(service: Service) -> None:
    assert await service.post(b"{]") == 200
    assert [part.raw for part in service.events.unread] == [b"{]"]


async def test_a_body_that_is_said_to_be_too_large_is_not_read(service: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    with anyio.fail_after(5):
        assert (await reader.readline()).split()[1] == b"413"
    writer.close()
    assert service.hooks.counts.oversized == 1


async def test_a_body_that_grows_too_large_is_refused_where_it_does(service: Service) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 500
            await anyio.sleep(0.001)

    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"POST /webhooks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    async for chunk in endless():
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if service.hooks.counts.oversized:
            break
    with anyio.fail_after(5):
        assert (await reader.readline()).split()[1] == b"413"
    writer.close()
    assert service.events.stored == []


async def test_the_limit_itself_is_allowed(service: Service) -> None:
    whole = body("1").ljust(BODY_BYTES)
    assert await service.post(whole) == 200
    assert await service.post(whole + b" ") == 413


async def test_a_slow_store_is_answered_for_in_time_and_told_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "ANSWER_S", 0.1)
    service.events.takes_s = 30
    with anyio.fail_after(5):
        assert await service.post(body("1")) == 503
        async with service.session.get(f"{service.url}/health") as answer:
            assert answer.status == 503
            assert "did not answer within 0.1 s" in (await answer.json())["error"]
    service.events.takes_s = 0
    assert await service.post(body("1")) == 200
    assert service.hooks.counts.failed == 1
    assert receiver.ANSWER_S < 3


async def test_a_body_that_never_ends_holds_nobody_up(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "ANSWER_S", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    with anyio.fail_after(5):
        assert (await reader.readline()).split()[1] == b"503"
    writer.close()


async def test_while_the_database_is_gone_nothing_is_acknowledged(service: Service) -> None:
    service.events.gone = True
    assert await service.post(body("1")) == 503
    async with service.session.get(f"{service.url}/health") as answer:
        assert answer.status == 503
    service.events.gone = False
    async with service.session.get(f"{service.url}/health") as answer:
        assert (await answer.json())["received"]["failed"] == 1


async def test_only_so_many_at_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "DELIVERIES_AT_ONCE", 3)
    service.events.takes_s = 0.3
    statuses: list[int] = []

    async def deliver(number: int) -> None:
        statuses.append(await service.post(body(str(number))))

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(deliver, number)
    assert sorted(statuses) == [200] * 3 + [503] * 5
    assert len(service.events.stored) == 3


async def test_realms_that_nobody_registered_are_told(service: Service) -> None:
    assert await service.post(body("1", realm_id="4711")) == 200
    assert service.unknown == ["4711"]


async def test_a_delivery_in_flight_is_finished_when_the_receiver_stops() -> None:
    statuses: list[int] = []
    async with anyio.create_task_group() as group, serving() as service:
        service.events.takes_s = 0.3

        async def deliver() -> None:
            async with aiohttp.ClientSession() as service.session:  # noqa: TID251  # outlives the receiver
                statuses.append(await service.post(body("1")))

        group.start_soon(deliver)
        await anyio.sleep(0.1)
    assert statuses == [200]


async def test_a_port_that_is_taken_is_said(service: Service) -> None:
    async def health() -> dict[str, object]:
        return {}

    with pytest.raises(UnavailableError, match="cannot listen"):
        async with serve_application(service.hooks.application(health), host="127.0.0.1", port=service.port):
            pass


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /webhooks HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{",
        b"POST /webhooks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
async def test_whoever_hangs_up_in_the_middle_leaves_no_traceback(
    service: Service, caplog: pytest.LogCaptureFixture, begun: bytes
) -> None:
    async with await anyio.connect_tcp("127.0.0.1", service.port) as stream:
        await stream.send(begun)
        await anyio.sleep(0.1)  # until its head was read
    for _ in range(500):
        if service.hooks.counts.failed or caplog.records:
            break
        await anyio.sleep(0.01)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert await service.post(body("1")) == 200
    assert len(service.events.stored) == 1
