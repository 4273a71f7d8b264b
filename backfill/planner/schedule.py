"""A whole fleet on one machine: companies take turns in its places and share what it has. Pure.

Each company needs so many seconds where it has the machine to itself, and uses in them so much of the processors, of
the memory for pages. All that are open go at one speed: 1, or as much slower as together they would use too much. So
one clock serves all of them, which goes at that speed, and each ends at a fixed reading of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heappop, heappush
from math import inf


class Bound(StrEnum):
    """What time is spent on: what would have to be more for the fleet to be done sooner."""

    INTUIT = "intuit"
    """Every company is open, and nothing below is used up: Intuit's limits and answers."""
    PLACES = "realms_at_once"
    """Companies wait for a place."""
    PROGRAM = "program"
    """The program uses all of one processor; it has no use for a second."""
    PROCESSORS = "processors"
    """The program and Postgres use all processors that they share."""
    POSTGRES = "postgres"
    """Postgres uses all of its own."""
    MEMORY = "memory_mb"
    """Of the memory for pages, the part for those that are asked for, or that for those that came, is full."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one company needs: seconds with the machine to itself, and what it uses then of each thing, on average."""

    seconds: float
    uses: Mapping[Resource, float]
    breakable_s: float = 0.0
    """The first of these, in which it can give its place up between two pages; in the others, what is left is read at
    once."""
    pause_s: float = 0.0
    """What each pause costs it: while its last pages come nothing more is asked for, and then it begins anew. Of all
    but the first, at most half of what was done in the turn, or it would never come to its end."""


Resource = tuple[Bound, str]
"""What there is only so much of: what it bounds as, and which of several such it is."""

Capacity = Mapping[Resource, float]


@dataclass(slots=True)
class Schedule:
    """How long a fleet takes."""

    wall_s: float = 0.0
    bound_s: dict[Bound, float] = field(default_factory=dict)
    """What bounded it for how long; together `wall_s`."""
    paused: int = 0
    """Companies that gave up their place at least once."""

    @property
    def bound(self) -> Bound:
        """What bounded it for longest."""
        return max(self.bound_s, key=self.bound_s.__getitem__)


def scheduled(
    works: Sequence[Work], capacity: Capacity, *, realms_at_once: int, turn_s: float, early_end_s: float
) -> Schedule:
    """All companies, in the order in which they stand in line.

    Who has a place keeps it, or to the end of its turn if others wait and it can pause yet; then it lines up again.
    While some wait for their first turn, those that can pause are ended early, one each `early_end_s`. As `jobs.turns`
    has it, but that a turn ended early in the real fleet goes on until its slices are begun.
    """
    return _Clockwork(works, capacity, realms_at_once, turn_s, early_end_s).run()


class _Clockwork:
    """Companies by their number."""

    def __init__(
        self, works: Sequence[Work], capacity: Capacity, places: int, turn_s: float, early_end_s: float
    ) -> None:
        self._works = works
        self._capacity = capacity
        self._places = places
        self._turn_s = turn_s
        self._early_end_s = early_end_s
        self._early_end_at = -inf  # the last of them
        self._line = deque(range(len(works)))
        self._first = len(works)  # so many at the head of the line never had a turn
        self._left = [work.seconds for work in works]
        self._end_of: dict[int, float] = {}
        self._begun: dict[int, float] = {}  # where the companies' clock stood when those that are open were opened
        self._ends: list[tuple[float, int]] = []  # heap, by the companies' clock; who was paused is there in vain
        self._turns: deque[tuple[float, int]] = deque()  # when those began that can pause, in this order
        self._paused: set[int] = set()
        self._now = 0.0
        self._worked = 0.0  # the companies' clock
        self._used = dict.fromkeys(capacity, 0.0)  # what the open companies would use at full speed
        self._schedule = Schedule()

    def run(self) -> Schedule:
        while self._line or self._end_of:
            while self._line and len(self._end_of) < self._places:
                self._open(self._line.popleft())
                self._first = max(0, self._first - 1)
            self._go_on()
        self._schedule.wall_s = self._now
        self._schedule.paused = len(self._paused)
        return self._schedule

    def _open(self, company: int) -> None:
        end = self._end_of[company] = self._worked + self._left[company]
        heappush(self._ends, (end, company))
        self._begun[company] = self._worked
        if self._is_breakable(company, self._left[company]):
            self._turns.append((self._now, company))
        self._use(company, 1)

    def _is_breakable(self, company: int, left_s: float) -> bool:
        work = self._works[company]
        return left_s > work.seconds - work.breakable_s

    def _close(self, company: int) -> None:
        self._left[company] = self._end_of.pop(company) - self._worked
        self._use(company, -1)

    def _use(self, company: int, sign: int) -> None:
        for resource, used in self._works[company].uses.items():
            self._used[resource] += sign * used

    def _speed(self) -> tuple[float, Bound]:
        """How fast the open companies go, and what bounds them."""
        load, (bound, _) = max((self._used[resource] / most, resource) for resource, most in self._capacity.items())
        if load > 1:
            return 1 / load, bound
        return 1.0, Bound.PLACES if self._line else Bound.INTUIT

    def _go_on(self) -> None:
        """Up to the next company's end, or the end of a turn if others wait."""
        while self._end_of.get(self._ends[0][1]) != self._ends[0][0]:
            heappop(self._ends)
        while self._turns and self._turns[0][1] not in self._end_of:
            self._turns.popleft()
        end, company = self._ends[0]
        speed, bound = self._speed()
        end_at = self._now + max(0.0, end - self._worked) / speed
        until = min(end_at, max(self._now, self._turn_ends_at()))
        if until > self._now:
            self._schedule.bound_s[bound] = self._schedule.bound_s.get(bound, 0.0) + until - self._now
        self._worked = end if until == end_at else self._worked + (until - self._now) * speed
        self._now = until
        if until == end_at:
            self._close(company)
        else:
            self._end_turn()

    def _turn_ends_at(self) -> float:
        """When the next turn is over, of who has had its place for longest."""
        if not (self._turns and self._line):
            return inf
        began_at, _ = self._turns[0]
        early_end_at = max(began_at, self._early_end_at) + self._early_end_s if self._first else inf
        return min(began_at + self._turn_s, early_end_at)

    def _end_turn(self) -> None:
        """Whoever has had its place for longest lines up again; if it has read its slices, it goes on to its end."""
        began_at, company = self._turns.popleft()
        if self._now < began_at + self._turn_s:
            self._early_end_at = self._now
        if not self._is_breakable(company, self._end_of[company] - self._worked):
            return
        self._close(company)
        cost_max_s = (self._worked - self._begun[company]) / 2 if company in self._paused else inf
        self._left[company] += min(self._works[company].pause_s, cost_max_s)
        self._line.append(company)
        self._paused.add(company)
