"""However many look, the database is asked now and then, and only while somebody looks; what is gone is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from backfill.dashboard.looks import ANSWER_S, LOOK_EVERY_S, LOOK_SHARE, QUESTIONS_KEPT, Looks, Seen
from backfill.errors import UnavailableError

pytestmark = pytest.mark.virtual

BEGIN = datetime(2026, 11, 1, 3, tzinfo=UTC)


class Stored:
    """A database that counts how often it is asked; slow, or gone, if told so."""

    def __init__(self) -> None:
        self.asked = 0
        self.takes_s = 0.0
        self.gone = False
        self.looks = Looks(lambda: BEGIN + timedelta(seconds=anyio.current_time()))

    async def look(self) -> int:
        self.asked += 1
        await anyio.sleep(self.takes_s)
        if self.gone:
            raise UnavailableError("it is gone", action="start it")
        return self.asked

    async def seen(self, question: object = "all") -> Seen[int]:
        return await self.looks.at(question, self.look)


async def test_all_who_look_at_once_see_one_look() -> None:
    stored = Stored()
    stored.takes_s = 0.1
    seen: list[int | None] = []

    async def viewer() -> None:
        seen.append((await stored.seen()).value)

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(viewer)
    assert (stored.asked, set(seen)) == (1, {1})


async def test_it_is_looked_again_after_a_while_and_only_if_somebody_asks() -> None:
    stored = Stored()
    assert (await stored.seen()).value == 1
    await anyio.sleep(LOOK_EVERY_S - 0.1)
    assert (await stored.seen()).value == 1
    await anyio.sleep(0.2)
    assert (await stored.seen()).value == 2
    await anyio.sleep(3600)
    assert stored.asked == 2, "nobody looked"


async def test_a_look_that_takes_long_is_made_more_seldom() -> None:
    """Viewers that never stop asking cost a twentieth of one connection."""
    stored = Stored()
    stored.takes_s = 2.0
    while anyio.current_time() < 1000:
        await stored.seen()
        await anyio.sleep(0.5)
    assert stored.asked * stored.takes_s == pytest.approx(1000 / LOOK_SHARE, rel=0.1)


async def test_what_is_gone_is_said_with_what_was_seen_last_and_comes_back() -> None:
    stored = Stored()
    before = await stored.seen()
    stored.gone = True
    await anyio.sleep(10)
    gone_at = BEGIN + timedelta(seconds=anyio.current_time())
    for _ in range(5):
        gone = await stored.seen()
        assert (gone.value, gone.seen_at) == (1, before.seen_at)
        assert (gone.trouble, gone.trouble_since) == ("it is gone. What to do: start it", gone_at)
        await anyio.sleep(LOOK_EVERY_S + 0.1)
    other = await stored.seen("another page")
    assert (other.value, other.trouble_since) == (None, gone_at), "it is the database that is gone"
    stored.gone = False
    await anyio.sleep(LOOK_EVERY_S + 0.1)
    back = await stored.seen()
    assert (back.trouble, back.trouble_since) == ("", None)
    assert back.value == stored.asked
    stored.gone = True
    await anyio.sleep(LOOK_EVERY_S + 0.1)
    again = (await stored.seen()).trouble_since
    assert again is not None
    assert again > gone_at, "since it went this time"


async def test_a_database_that_does_not_answer_keeps_nobody_waiting() -> None:
    stored = Stored()
    stored.takes_s = 3600
    seen = await stored.seen()
    assert anyio.current_time() == pytest.approx(ANSWER_S)
    assert "did not answer" in seen.trouble
    await stored.seen()
    assert (stored.asked, anyio.current_time()) == (1, pytest.approx(ANSWER_S)), "nor does who asks next wait"
    stored.takes_s = 0.1
    await anyio.sleep(ANSWER_S)
    assert (await stored.seen()).trouble == "", "nor for long afterwards"


async def test_no_more_questions_are_remembered_than_there_is_room_for() -> None:
    stored = Stored()
    for number in range(QUESTIONS_KEPT + 50):
        await stored.seen(number)
    assert len(stored.looks._kept) == QUESTIONS_KEPT
    await stored.seen(QUESTIONS_KEPT + 49)
    assert stored.asked == QUESTIONS_KEPT + 50, "the newest are kept"
