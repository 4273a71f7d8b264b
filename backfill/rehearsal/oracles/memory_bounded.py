"""Law 6: memory does not grow with the work: the pages in hand keep within what was given for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backfill.rehearsal.oracles.oracle import Ending, Oracle
from backfill.rehearsal.stage import Stage


class MemoryBounded(Oracle):
    """Counts the bytes of pages from their question to their landing; one page is always let in."""

    name: ClassVar[str] = "memory bounded"
    law: ClassVar[str] = "memory does not grow with the work"

    def process_ended(self, stage: Stage, ending: Ending) -> Iterable[str]:
        # Room is taken by the mean size of rows, before the page is there: it may be short by less than a page, both of
        # those asked for and of those that came.
        most = (
            ending.memory_bytes + min(ending.pages.largest_bytes, stage.world.head_bytes) + ending.pages.largest_bytes
        )
        if stage.world.job.lands and ending.pages.most_bytes > most:
            yield f"{ending.pages.most_bytes} bytes of pages were under way at once, {most} may be"
