"""Even starts: no two requests of a realm begin nearer than a gap."""

from __future__ import annotations

from aiolimiter import AsyncLimiter

from backfill.pacing.permits import PermitRing


class StartSpacer:
    """Spaces starts by `gap_s` seconds; the gap may change.

    A bucket of capacity one lets no burst through, so it is a gap and nothing else.
    """

    __slots__ = ("_gap_s", "_limiter", "_turn", "_unfilled")

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._limiter = AsyncLimiter(1, gap_s)
        self._turn = PermitRing(1, window_s=0)  # one at a time at the bucket: in order, and with one timer
        self._unfilled = False

    @property
    def gap_s(self) -> float:
        return self._gap_s

    def change_gap(self, gap_s: float) -> None:
        if gap_s != self._gap_s:
            self._gap_s = gap_s
            self._limiter = AsyncLimiter(1, gap_s)
            self._unfilled = True  # a new bucket does not know of the last start

    async def wait(self) -> None:
        """Wait for the next start, in order of arrival. Cancelling while waiting costs the others nothing."""
        await self._turn.take()
        try:
            while True:
                limiter = self._limiter
                if self._unfilled:
                    self._unfilled = False
                    await limiter.acquire()  # at once, since it is empty: as if the last start were now
                await limiter.acquire()
                if limiter is self._limiter:
                    return
        finally:
            self._turn.unused()
