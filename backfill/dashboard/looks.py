"""Looks at the database, shared by all who look: each is made only when somebody asks, and not too often."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

import anyio

from backfill.errors import UnavailableError

LOOK_EVERY_S = 4.0
"""However many look. A little less than browsers ask, so that each of their questions finds something new."""

LOOK_SHARE = 20
"""A look that takes long is good for so many times as long: a twentieth of one connection is what a page costs."""

ANSWER_S = 5.0
"""For one look. A fleet's takes some tenths of a second; of what is later, nobody waits for the page meanwhile."""

QUESTIONS_KEPT = 200
"""Different ones, as of companies' own pages; each holds some kilobytes."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Seen(Generic[T_co]):
    """What was seen last, and why nothing was since."""

    value: T_co | None = None
    """None: nothing was seen yet."""
    seen_at: datetime | None = None
    trouble: str = ""
    """Empty where the last look was answered."""
    trouble_since: datetime | None = None


@dataclass(slots=True)
class _Kept(Generic[T]):
    seen: Seen[T] = field(default_factory=Seen)
    good_until: float = float("-inf")
    looking: anyio.Lock = field(default_factory=anyio.Lock)


class Looks:
    """What was seen, by question. `now` is the wall clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: OrderedDict[Hashable, _Kept[object]] = OrderedDict()
        self._trouble_since: datetime | None = None
        """Since when no look at all was answered."""

    async def at(self, question: Hashable, look: Callable[[], Awaitable[T]]) -> Seen[T]:
        """What `look` says, or said a moment ago to somebody else. Where it raises `UnavailableError`, or does not
        answer in time, what it said last."""
        kept: _Kept[T] = self._kept.setdefault(question, _Kept())  # type: ignore[assignment]  # a question's own type
        self._kept.move_to_end(question)
        while len(self._kept) > QUESTIONS_KEPT:
            self._kept.popitem(last=False)
        async with kept.looking:
            if anyio.current_time() >= kept.good_until:
                begun = anyio.current_time()
                kept.seen = await self._looked(kept.seen, look)
                took = anyio.current_time() - begun
                # Where there was no answer, it is asked again as soon: whoever watches sees at once that it is over.
                share = 1 if kept.seen.trouble else LOOK_SHARE
                kept.good_until = anyio.current_time() + max(LOOK_EVERY_S, share * took)
        return kept.seen

    async def _looked(self, before: Seen[T], look: Callable[[], Awaitable[T]]) -> Seen[T]:
        trouble = f"it did not answer within {ANSWER_S:g} s"
        try:
            with anyio.move_on_after(ANSWER_S):
                value = await look()
                self._trouble_since = None
                return Seen(value, self._now())
        except UnavailableError as error:
            trouble = f"{error.message}. What to do: {error.action}" if error.action else error.message
        self._trouble_since = self._trouble_since or self._now()
        return Seen(before.value, before.seen_at, trouble, self._trouble_since)
