"""Time as a company shows it: Pacific text with its offset, and instants of which no two are the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAY_S = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MILLISECOND = timedelta(milliseconds=1)
# A company's ten years and as much again; beyond that the oldest days are computed anew.
_DAYS_REMEMBERED = 8_192

_SECONDS = tuple(f"{second:02}" for second in range(60))
_MINUTES = tuple(f"{minute // 60:02}:{minute % 60:02}" for minute in range(24 * 60))
"""Of a day. A page of a thousand rows has two thousand times to write, and formatting is most of that."""


class PacificZone:
    """Writes instants as QuickBooks does: local time of America/Los_Angeles with the offset in force then.

    Every recorded MetaData of a US company is in that zone, whatever the company's own. Days are remembered,
    since a company has some ten thousand rows and only a few thousand days.
    """

    def __init__(self) -> None:
        self._zone = ZoneInfo("America/Los_Angeles")
        self._offset_of_day = lru_cache(maxsize=_DAYS_REMEMBERED)(self._steady_offset)
        self._text_of_day = lru_cache(maxsize=_DAYS_REMEMBERED)(_day_text)

    def text(self, epoch_s: int) -> str:
        """Epoch seconds to `2020-09-29T05:58:07-07:00`."""
        steady = self._offset_of_day(epoch_s // _DAY_S)
        if steady is None:
            return datetime.fromtimestamp(epoch_s, self._zone).isoformat(timespec="seconds")
        offset_s, suffix = steady
        day, rest = divmod(epoch_s + offset_s, _DAY_S)
        minute, second = divmod(rest, 60)
        return f"{self._text_of_day(day)}T{_MINUTES[minute]}:{_SECONDS[second]}{suffix}"

    def date_text(self, epoch_s: int) -> str:
        """The Pacific calendar day of an instant, as TxnDate has it: `2020-09-29`."""
        return self.text(epoch_s)[:10]

    def _steady_offset(self, day: int) -> tuple[int, str] | None:
        """The offset of a UTC day, or None where the clocks change within it."""
        first, last = (self._offset_s(day * _DAY_S + at) for at in (0, _DAY_S - 1))
        if first != last:
            return None
        return first, f"{'-' if first < 0 else '+'}{abs(first) // 3600:02}:{abs(first) % 3600 // 60:02}"

    def _offset_s(self, epoch_s: int) -> int:
        offset = datetime.fromtimestamp(epoch_s, self._zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())


def _day_text(day: int) -> str:
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat()


class HybridClock:
    """A hybrid logical clock over `now`: strictly increasing, in whole milliseconds, never behind `now`.

    Where `now` stands still (a virtual clock, or more than a thousand stamps in a second) it runs ahead by
    one millisecond a stamp.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.last = datetime.min.replace(tzinfo=UTC)
        """The last instant that was given."""

    def not_before(self, instant: datetime) -> None:
        """Give only instants after this one."""
        self.last = max(self.last, instant)

    def stamp(self) -> datetime:
        """The next instant: aware, UTC, on a whole millisecond."""
        now = self._now().astimezone(UTC)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self.last = max(now, self.last + _MILLISECOND)
        return self.last
