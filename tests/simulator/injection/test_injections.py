"""When and how often injections strike, what they count, and the way of a call past several of them."""

from __future__ import annotations

import anyio
import pytest

from backfill.errors import UnansweredError, UsageError
from backfill.simulator.core import Simulator
from backfill.simulator.injection import injections as injections_module
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import Delay, LostReply, LostRequest
from backfill.simulator.injection.refusals import ApiFault, ErrorPage
from backfill.simulator.settings import ServerLimits

REALM, OTHER = "9130357000000001", "42"
PAGE = ErrorPage(status=503)


async def statuses(client, count: int, **more: object) -> list[int]:
    return [(await client.query(**more)).status for _ in range(count)]


async def test_nothing_is_switched_on_at_first_and_all_can_be_switched_off(client_of) -> None:
    client = client_of()
    assert not client.simulator.injections
    first = client.simulator.injections.add(Injection(PAGE))
    assert await statuses(client, 2) == [503, 503]
    removed = client.simulator.injections.remove(first)
    assert (removed.matched, removed.struck) == (2, 2)
    client.simulator.injections.add(Injection(PAGE))
    assert [count.struck for count in client.simulator.injections.clear()] == [0]
    assert await statuses(client, 1) == [200]
    with pytest.raises(UsageError, match=f"no injection {first}"):
        client.simulator.injections.remove(first)


@pytest.mark.parametrize(
    ("often", "struck"),
    [
        ({}, "xxxxxxxx"),
        ({"after": 3}, "---xxxxx"),
        ({"times": 2}, "xx------"),
        ({"after": 1, "times": 2}, "-xx-----"),
        ({"every": 3}, "--x--x--"),
        ({"after": 1, "every": 3, "times": 2}, "---x--x-"),
    ],
)
async def test_which_of_the_matching_calls_are_struck(client_of, often: dict[str, int], struck: str) -> None:
    client = client_of(Injection(PAGE, lanes=("query",), **often))
    found = ""
    for _ in range(8):
        await client.create()  # does not match, and is not counted
        found += "x" if await statuses(client, 1) == [503] else "-"
    assert found == struck
    (count,) = client.simulator.injections.counts()
    assert (count.matched, count.struck) == (8, struck.count("x"))


async def test_a_probability_is_drawn_from_the_seed_and_is_not_moved_by_others(client_of) -> None:
    drawn = [await statuses(client_of(Injection(PAGE, probability=0.3)), 60) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert 8 < drawn[0].count(503) < 28
    beside = client_of(Injection(PAGE, probability=0.3), Injection(Delay(before_s=0), probability=0.5))
    assert await statuses(beside, 60) == drawn[0]


@pytest.mark.virtual
async def test_from_and_until_are_seconds_since_the_first_call(client_of) -> None:
    client = client_of(Injection(PAGE, from_s=10, until_s=20))
    await anyio.sleep(5)
    found = []
    for _ in range(6):
        found += await statuses(client, 1)
        await anyio.sleep(5)
    assert found == [200, 200, 503, 503, 200, 200]
    assert [count.matched for count in client.simulator.injections.counts()] == [2]


async def test_realms_and_requests_may_be_counted_apart(client_of, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(Injection(PAGE, times=1, apart="realm"))
    assert await statuses(client, 2) == [503, 200]
    assert await statuses(client, 2, realm=OTHER) == [503, 200]
    assert client.struck == [2]
    client = client_of(Injection(PAGE, after=1, times=1, apart="request"))
    for text in ("SELECT * FROM Bill", "SELECT * FROM Invoice"):
        assert await statuses(client, 3, text=text) == [200, 503, 200]
    assert await statuses(client, 1, realm=OTHER) == [200]
    monkeypatch.setattr(injections_module, "APART_MOST", 1)
    client = client_of(Injection(PAGE, times=1, apart="realm"))
    assert await statuses(client, 1) + await statuses(client, 1, realm=OTHER) == [503, 503]
    assert await statuses(client, 1) == [503], "the oldest are forgotten"


async def test_the_first_added_is_the_outermost_and_what_it_keeps_back_does_not_reach_the_next(client_of) -> None:
    client = client_of(Injection(PAGE, times=1), Injection(ApiFault(code="6000", after_commit=True)))
    assert await statuses(client, 2) == [503, 400]
    assert client.struck == [1, 1]
    assert [entry.injected for entry in client.simulator.log.entries()] == ["error_page", "api_fault"]
    both = client_of(Injection(LostReply()), Injection(PAGE))
    with pytest.raises(UnansweredError):
        await both.query()
    assert both.struck == [1, 1]
    assert [(entry.status, entry.injected) for entry in both.simulator.log.entries()] == [
        (503, "lost_reply error_page")
    ]


async def test_what_happens_at_the_service_happens_to_calls_that_passed_the_doors(client_of) -> None:
    """And what the network does happens to all, and counts nowhere."""
    limits = ServerLimits(requests_per_minute=2, requests_per_second=None)
    client = client_of(Injection(PAGE), limits=limits)
    assert await statuses(client, 4) == [503, 503, 429, 429]
    assert client.struck == [2]
    summed = client.simulator.log.summary()[REALM]
    assert (summed.requests, summed.throttled, summed.refused_by) == (4, 2, {"requests_per_minute": 2})
    assert summed.injected == {"error_page": 2}

    client = client_of(Injection(LostRequest(), times=3), limits=limits)
    for _ in range(3):
        with pytest.raises(UnansweredError):
            await client.query()
    assert client.simulator.log.entries() == []
    assert await statuses(client, 3) == [200, 200, 429]

    client = client_of(Injection(PAGE, after=2, gateway=True), limits=limits)
    assert await statuses(client, 4) == [200, 200, 503, 503]


@pytest.mark.virtual
async def test_the_service_goes_on_when_the_client_has_given_up(client_of) -> None:
    """A late commit: the answer is lost, the object is there, and its place in flight was taken till then."""
    client = client_of(Injection(Delay(before_s=100), lanes=("write",)))
    async with client.simulator.running():
        with pytest.raises(UnansweredError):
            await client.create("late", wait_s=30)
        assert client.names == []
        assert client.simulator.throttle.in_flight(REALM, client.simulator.oauth.apps.ready_made.client_id) == 1
        await anyio.sleep(71)
        assert client.names == ["late"]
        assert client.simulator.throttle.in_flight(REALM, client.simulator.oauth.apps.ready_made.client_id) == 0


@pytest.mark.virtual
async def test_a_late_call_is_counted_when_it_arrives(client_of) -> None:
    client = client_of(Injection(Delay(before_s=100), times=1))
    async with client.simulator.running(), anyio.create_task_group() as group:
        group.start_soon(client.query)
        await anyio.sleep(1)
        await client.query()
    entries = client.simulator.log.entries()
    assert [round(entry.at_s - entries[1].at_s) for entry in entries] == [1, 0], "in the order of acting"
    assert client.simulator.log.total().most_in_minute == 2


async def test_there_is_a_most_of_them(client_of, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(injections_module, "INJECTIONS_MOST", 1)
    simulator: Simulator = client_of(Injection(PAGE)).simulator
    with pytest.raises(UsageError, match="1 injections already"):
        simulator.injections.add(Injection(PAGE))
