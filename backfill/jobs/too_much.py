"""What the server cannot answer because too much was asked for at once, and how much to ask for instead.

Intuit runs into its own 120 s, says that a result is too large, or fails for one stored row that it cannot read; or the
answer is larger than we take, or than something on the way lets pass, or one of its rows is no JSON: asked for less, it
answers the rest. So it is with the rows of a page and with the statements of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self, TypeVar

from backfill.errors import Disposition, FaultError, RequestError, UnansweredError
from backfill.model import Refusal

T = TypeVar("T")

_SMALLER = {Disposition.SHRINK, Disposition.QUARANTINE}

_BROKEN_ROW = {"4002", "10000"}
"""Recorded of pages that hold a stored row which cannot be read. 10000 is also said of passing troubles, so it is
retried first; what stays after that is the row."""

_SMALLER_AFTER_RETRIES = {"1000", "6000", "10000", "6002", "504", "timeout", "cut", "unreadable"}
"""Operation failed, an unexpected error (which 6000 may say), application error, gateway time-out, no answer in time,
one that breaks off, one of which no rows can be made: first retried as passing troubles; what stays after that is the
page's size, or a row in it. And so is any answer of a server that fails (5xx), whatever its body is: 500 and 504 were
reported of pages that hold such a row, and a gateway says 502 or 503 of a server that broke on it."""


@dataclass(slots=True)
class AskSize:
    """How much to ask for next, in rows or statements: halved when it fails, doubled when it came often enough.

    What fails again as soon as it has grown is too much for good, or as good as that: twice as many answers are waited
    for each time, so that of n failures at one size all but the logarithm are spared. When the one that fails has been
    found, or all that may be asked for comes again, growing is for nothing no more, and the first answer does.
    """

    most: int
    now: int
    suspect: bool = False
    """It failed after all retries of what may have been a passing trouble. Until as much as may be comes again the next
    may fail like it, so that is asked once and shrinks at once: to find one row in a thousand takes ten pages."""
    _came: int = 0
    """Answers of this size, since it was last changed."""
    _grows_after: int = 1
    _grown: bool = False
    """This size was reached by doubling."""

    @classmethod
    def of(cls, most: int) -> Self:
        return cls(most=most, now=most)

    def shrink(self, *, suspect: bool) -> None:
        """As much as `now` failed."""
        if self.now == 1:
            self._grows_after = 1
        elif self._grown:
            self._grows_after *= 2
        self.now = max(1, self.now // 2)
        self._came, self._grown = 0, False
        self.suspect = self.suspect or suspect

    def grow(self) -> None:
        """As much as `now` came."""
        self._came += 1
        if self.now == self.most:
            self.suspect = self._grown = False
            self._grows_after = 1
        elif self._came >= self._grows_after:
            self.now = min(self.most, self.now * 2)
            self._came, self._grown = 0, True


def halves(values: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """What was too much, in two."""
    middle = len(values) // 2
    return values[:middle], values[middle:]


def is_too_much(error: RequestError) -> bool:
    """Whether the fault may lie in how much was asked for, or in one row of it: then less may be answered."""
    if error.disposition is Disposition.RETRY:
        return error.code in _SMALLER_AFTER_RETRIES or not is_from_a_sound_server(error)
    return error.disposition in _SMALLER


def is_time_out(error: RequestError) -> bool:
    """Whether no answer came in all the time that the server has for one."""
    return isinstance(error, UnansweredError) and error.code == "timeout"


def is_answered(error: RequestError) -> bool:
    """By a fault, or in a way that may have to do with what was asked: anything else is the way's trouble."""
    return isinstance(error, FaultError) or is_too_much(error)


def is_from_a_sound_server(fault: RequestError) -> bool:
    """Whether the server was well when it said so: of what it says with a 5xx nothing is believed."""
    return (fault.status or 0) < HTTPStatus.INTERNAL_SERVER_ERROR


def refusal_of(id_: str, fault: RequestError) -> Refusal:
    """What is set aside of an object that the server does not give."""
    return Refusal(id=id_, code=fault.code or str(fault.status), message=fault.message, raw=b"")


def is_broken_row(error: RequestError) -> bool:
    """Whether the fault, of an answer that can hold one row, says that this row cannot be read."""
    return error.disposition in _SMALLER or error.code in _BROKEN_ROW
