"""How many bytes of pages a process had under way at once, counted from outside: from the question to the landing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import accumulate, count

from backfill.jobs.work import Room
from backfill.wire import Lane, Request, Response

_Task = asyncio.Task[object] | None


class PagesInHand:
    """A page is its reader's from the question until that reader lands something, fails, or asks for the next.

    Not from the answer alone: in virtual time a page is landed the moment it comes, and two would never meet. Room for
    its beginning is to be taken before it is asked for; how large it was shows when it comes.
    """

    def __init__(self, head_bytes: int) -> None:
        self._head_bytes = head_bytes
        self._moments = count()
        self._asked_at: dict[_Task, int] = {}
        self._came: dict[_Task, int] = {}
        """Whose page came and is not landed yet, and its size."""
        self._changes: list[tuple[int, int]] = []
        """At which moment how many bytes more were under way, or fewer."""
        self.largest_bytes = 0
        """Of a single page: one is always let in, however large."""

    @property
    def most_bytes(self) -> int:
        """Of all pages under way at any moment."""
        return max(accumulate(change for _, change in sorted(self._changes)), default=0)

    def asked(self, request: Request) -> None:
        """The running task asks. Only pages count: of other questions the answers are short."""
        self.gone()
        for task in [task for task in self._asked_at if task is None or task.done()]:
            self._end(task)  # it was cancelled with its page
        if request.lane is Lane.QUERY and any("SELECT *" in value for _, value in request.params):
            self._asked_at[asyncio.current_task()] = next(self._moments)

    def came(self, response: Response) -> None:
        """The running task got its answer."""
        task = asyncio.current_task()
        if task in self._asked_at and response.status == 200:
            self._came[task] = size = len(response.body)
            head_bytes = min(size, self._head_bytes)
            self._changes += [(self._asked_at[task], head_bytes), (next(self._moments), size - head_bytes)]
            self.largest_bytes = max(self.largest_bytes, size)

    def gone(self) -> None:
        """The running task has no page any more."""
        self._end(asyncio.current_task())

    def _end(self, task: _Task) -> None:
        self._asked_at.pop(task, None)
        size = self._came.pop(task, 0)
        if size:
            self._changes.append((next(self._moments), -size))


class WatchedRoom:
    """A realm's room that is seen to be left by an error: nothing of the page will be landed.

    The reader's task may go on for a while after that, to give back what it has, and asks for nothing by which it would
    show that the page is gone.
    """

    def __init__(self, room: Room, pages: PagesInHand) -> None:
        self._room = room
        self._pages = pages

    @asynccontextmanager
    async def take(self, size_bytes: int) -> AsyncIterator[None]:
        """As `Room.take`."""
        async with self._room.take(size_bytes):
            try:
                yield
            except BaseException:
                self._pages.gone()
                raise
