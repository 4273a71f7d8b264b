"""Who is worked on, when, and what is said, on the virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import anyio
import pytest

from backfill.errors import UnavailableError
from backfill.jobs.fleet import FleetResult, Trouble
from backfill.model import RealmId
from backfill.store.inbox import Inbox
from backfill.webhooks.worker import Worker, WorkerOptions

pytestmark = pytest.mark.virtual

ONE, TWO = RealmId("1"), RealmId("2")


class Story:
    """A worker whose inbox and work are told what to do, and what it did, with the loop's time."""

    def __init__(self, **options: float) -> None:
        self.due_now: list[RealmId] = []
        self.ends: Callable[[RealmId], FleetResult] = lambda realm_id: FleetResult(proven=[realm_id])
        self.takes_s = 0.1
        self.gone = False
        self.reason = ""
        self.stopped = False
        self.worked: list[tuple[RealmId, float]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.said: list[str] = []
        self.worker = Worker(
            cast("Inbox", self),
            self.work,
            options=WorkerOptions(**options),  # type: ignore[arg-type]  # realms_at_once is a whole number
            stopping=lambda: self.stopped,
            hindered=lambda: self.reason,
            say=self.said.append,
        )

    async def due(self, *, gathered_s: float) -> Sequence[RealmId]:
        if self.gone:
            raise UnavailableError("The database is gone.")
        return self.due_now

    async def work(self, realm_id: RealmId) -> FleetResult:
        self.worked.append((realm_id, round(anyio.current_time(), 1)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await anyio.sleep(self.takes_s)
        self.at_once -= 1
        return self.ends(realm_id)

    async def run(self, for_s: float) -> None:
        async def stop() -> None:
            await anyio.sleep(for_s)
            self.stopped = True

        async with anyio.create_task_group() as group:
            group.start_soon(stop)
            await self.worker.run()

    def times(self, realm_id: RealmId) -> list[float]:
        begin = self.worked[0][1]
        return [round(at - begin, 1) for realm, at in self.worked if realm == realm_id]


def trouble(code: str) -> Callable[[RealmId], FleetResult]:
    said = Trouble(ONE, "", code, "It cannot be worked on.", "Wait.")
    return lambda realm_id: FleetResult(unproven=[realm_id], troubles=[said])


async def test_events_gather_between_two_rounds_of_a_realm() -> None:
    story = Story(gather_s=5.0)
    story.due_now = [ONE, TWO]
    await story.run(12)
    assert story.times(ONE) == [0.0, 5.5, 11.0]
    assert story.times(TWO) == [0.0, 5.5, 11.0]
    assert story.said == []


async def test_realms_that_are_always_due_take_turns_where_places_are_few() -> None:
    story = Story(gather_s=1.0, realms_at_once=2)
    story.takes_s = 1.0
    story.due_now = [RealmId(str(number)) for number in range(10, 20)]
    await story.run(60)
    rounds = [len(story.times(realm_id)) for realm_id in story.due_now]
    assert max(rounds) - min(rounds) <= 1, rounds


async def test_a_realm_is_worked_on_once_at_a_time_and_only_so_many_are() -> None:
    story = Story(gather_s=0.0, realms_at_once=3)
    story.takes_s = 3.2
    story.due_now = [RealmId(str(number)) for number in range(5)]
    await story.run(3)
    assert story.most_at_once == 3
    assert len(story.worked) == 3
    assert story.at_once == 0, "what was begun is finished"


async def test_who_waits_for_a_lease_looks_often_and_says_so_once() -> None:
    story = Story()
    story.due_now = [ONE]
    story.ends = trouble("RealmBusyError")
    await story.run(10)
    assert story.times(ONE) == [0.0, 2.5, 5.0, 7.5]
    assert story.said == ["Realm 1: It cannot be worked on. Its events wait."]


async def test_trouble_that_stays_is_tried_less_and_less_often() -> None:
    story = Story(pause_longest_s=16.0)
    story.due_now = [ONE, TWO]
    story.ends = lambda realm_id: trouble("500")(realm_id) if realm_id == ONE else FleetResult(proven=[realm_id])
    await story.run(60)
    assert story.times(ONE) == [0.0, 2.5, 7.0, 15.5, 32.0, 48.5]
    assert len(story.times(TWO)) > 9, "another's trouble is its own"
    assert len(story.said) == 1


async def test_what_came_to_its_end_and_did_not_land_is_said_and_not_put_off() -> None:
    story = Story()
    story.due_now = [ONE]
    story.ends = lambda realm_id: FleetResult(proven=[realm_id], troubles=[Trouble(ONE, "Bill", "refused", "No.", "")])
    await story.run(6)
    assert story.times(ONE) == [0.0, 5.5]
    assert story.said == ["Realm 1: No."] * 2


async def test_a_database_that_comes_back_is_gone_on_with() -> None:
    story = Story()
    story.due_now, story.gone = [ONE], True

    async def back() -> None:
        await anyio.sleep(20)
        story.gone = False

    async with anyio.create_task_group() as group:
        group.start_soon(back)
        await story.run(21)
    assert [realm for realm, _ in story.worked] == [ONE]
    assert story.said == ["The database is gone. Events wait until that is over."]


async def test_what_an_apps_cap_stopped_waits_longer_each_time_and_others_are_read() -> None:
    story = Story()
    story.due_now, story.reason = [ONE, TWO], "The cap of an app is reached."
    story.ends = lambda realm_id: FleetResult(stopped=[ONE]) if realm_id == ONE else FleetResult(proven=[TWO])
    await story.run(31)
    assert len(story.times(ONE)) == 4, "after 2, 4 and 8 seconds"
    assert len(story.times(TWO)) == 6, "every five seconds"
    assert story.said == ["The cap of an app is reached. Events wait until that is over."]
