"""Every attempt is told once, however it ended."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from msgspec import structs

from backfill.errors import FaultError, UnansweredError
from backfill.events import Event, RequestAnswered
from backfill.model import RealmId
from backfill.qbo import calls
from backfill.qbo.checked import Checked
from backfill.qbo.observed import Observed
from backfill.wire import Request, Response

ASKED = calls.query(RealmId("4620816365"), "SELECT * FROM Customer")


class Slow:
    """A transport that takes its time and then does what it was told."""

    def __init__(self, outcome: Callable[[], Response], duration_s: float) -> None:
        self._outcome = outcome
        self._duration_s = duration_s

    async def send(self, request: Request, *, deadline: float) -> Response:
        await anyio.sleep(self._duration_s)
        return self._outcome()


def raising(error: Exception) -> Callable[[], Response]:
    def outcome() -> Response:
        raise error

    return outcome


async def told(outcome: Callable[[], Response], *, give_up_s: float = 100) -> list[Event]:
    events: list[Event] = []
    with anyio.move_on_after(give_up_s):
        await Observed(Slow(outcome, 2.5), events.append).send(ASKED, deadline=1000)
    return events


@pytest.mark.virtual
async def test_what_we_wait_for_before_an_answer_is_read_is_not_the_servers_time() -> None:
    class Waits:
        async def send(self, request: Request, *, deadline: float) -> Response:  # the seam's own
            await anyio.sleep(2.5)
            assert request.coming is not None
            waiting = request.coming()
            assert waiting is not None
            await waiting
            await anyio.sleep(0.5)
            return Response(status=200)

    events: list[Event] = []
    await Observed(Waits(), events.append).send(structs.replace(ASKED, coming=lambda: anyio.sleep(60)), deadline=1000)
    (event,) = events
    assert isinstance(event, RequestAnswered)
    assert event.duration_s == pytest.approx(3.0)


@pytest.mark.virtual
async def test_an_answer_is_told_with_its_time_and_size() -> None:
    response = Response(status=200, headers={"intuit_tid": "1-5f"}, body=b"{}")
    assert await told(lambda: response) == [
        RequestAnswered(
            realm_id=RealmId("4620816365"),
            lane="query",
            method="GET",
            path="/query",
            params=(("query", "SELECT * FROM Customer"), ("minorversion", "75")),
            status=200,
            code="",
            intuit_tid="1-5f",
            body_bytes=2,
            body=b"{}",
            duration_s=2.5,
        )
    ]


@pytest.mark.virtual
async def test_a_fault_is_told_with_what_was_said_and_sent_and_how_often() -> None:
    events: list[Event] = []
    asked = structs.replace(calls.batch(RealmId("4620816365"), {"1": "SELECT * FROM Customer"}), attempt=3)
    said = Response(status=503, headers={"intuit_tid": "1-5f"}, body=b"<html>busy</html>")
    with pytest.raises(FaultError):
        await Observed(Checked(Slow(lambda: said, 1)), events.append).send(asked, deadline=1000)
    (event,) = events
    assert isinstance(event, RequestAnswered)
    assert (event.attempt, event.request_body, event.body, event.body_bytes) == (3, asked.body, said.body, 17)


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("error", "status", "code", "intuit_tid"),
    [
        (FaultError("m", realm_id="1", status=400, code="4001", intuit_tid="1-5f"), 400, "4001", "1-5f"),
        (UnansweredError("m", realm_id="1", code="timeout"), None, "timeout", ""),
    ],
)
async def test_a_failure_is_told_and_raised(error: Exception, status: int | None, code: str, intuit_tid: str) -> None:
    events: list[Event] = []
    with pytest.raises(type(error)) as caught:
        await Observed(Slow(raising(error), 2.5), events.append).send(ASKED, deadline=1000)
    assert caught.value is error
    (event,) = events
    assert isinstance(event, RequestAnswered)
    assert (event.status, event.code, event.intuit_tid, event.duration_s) == (status, code, intuit_tid, 2.5)


@pytest.mark.virtual
async def test_a_request_that_was_given_up_is_told_too() -> None:
    (event,) = await told(lambda: Response(status=200), give_up_s=1.0)
    assert isinstance(event, RequestAnswered)
    assert (event.status, event.code, event.duration_s) == (None, "cancelled", 1.0)
