"""How many bytes of pages a process holds at once, counted from outside: from the answer to the landing."""

from __future__ import annotations

import asyncio

from backfill.wire import Lane, Request, Response


class PagesInHand:
    """A page is in its reader's hand from its answer until that reader lands something or asks for the next."""

    def __init__(self) -> None:
        self._bytes: dict[asyncio.Task[object] | None, int] = {}
        self.most_bytes = 0
        self.largest_bytes = 0
        """Of a single page: one is always let in, however large."""

    def came(self, request: Request, response: Response) -> None:
        """The running task got an answer. Only pages count: of other questions the answers are short."""
        self.gone()
        is_page = request.lane is Lane.QUERY and any("SELECT * FROM" in value for _, value in request.params)
        if is_page and response.status == 200:
            for task in [task for task in self._bytes if task is None or task.done()]:
                del self._bytes[task]  # it was cancelled with its page
            self._bytes[asyncio.current_task()] = size = len(response.body)
            self.largest_bytes = max(self.largest_bytes, size)
            self.most_bytes = max(self.most_bytes, sum(self._bytes.values()))

    def gone(self) -> None:
        """The running task has no page any more."""
        self._bytes.pop(asyncio.current_task(), None)
