"""The places of a fleet, handed round fairly: which realm is worked on, for how long, who is next. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count

from backfill.errors import StoppedError
from backfill.model import RealmId
from backfill.pacing.fair import FairQueue
from backfill.pacing.patience import Patience


class Turn:
    """A realm's stay in a place. The realm's job asks it whether it is over; the fleet ends it.

    A turn's end takes hold only where nothing is lost by it: within `breakable` and not within `whole`, at once where
    the job only waits (`patience`), and else where it asks (`check`), which is at a page's boundary. A job that never
    says so is never interrupted.
    """

    __slots__ = ("_breakable", "_whole", "began_at", "over", "patience", "realm_id", "rest_until", "tag", "weight")

    def __init__(self, realm_id: RealmId, *, weight: float = 1.0, began_at: float = 0.0, tag: float = 0.0) -> None:
        self.realm_id = realm_id
        self.weight = weight
        self.began_at = began_at
        """Loop time, seconds."""
        self.tag = tag
        """Where the turn began in virtual work: see `FairQueue`."""
        self.over = False
        """Others wait, and the realm is to give up its place."""
        self.rest_until = 0.0
        """Loop time until which nothing may be asked of the realm: it wants no turn before."""
        self.patience = Patience()
        self._breakable = False
        self._whole = 0

    def served(self, now: float) -> float:
        """How far the realm has come in virtual work."""
        return self.tag + (now - self.began_at) / self.weight

    def end(self) -> None:
        """Ask the realm to give up its place."""
        self.over = True
        self._break_off()

    def check(self) -> None:
        """Raises `StoppedError` if the turn is over and the realm can be gone on with from here."""
        if self.over and self._breakable:
            raise StoppedError("The realm's turn is over.", action="Nothing: its next turn goes on from here.")

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """What is done in the block is kept page by page, and can be gone on with in another turn."""
        self._breakable = True
        try:
            yield
        finally:
            self._breakable = False

    @contextmanager
    def whole(self) -> Iterator[None]:
        """The block's work counts only when it is done to its end: the turn waits for it, even if it is over already.

        Or a turn that is always over by the time at which such work begins would never come further.
        """
        self._whole += 1
        self.patience.regain()
        try:
            yield
        finally:
            self._whole -= 1
            self._break_off()

    def _break_off(self) -> None:
        if self.over and self._breakable and not self._whole:
            self.patience.lose()


class Places:
    """Who has the places and who waits for one. Time is an argument, so that nothing here waits.

    A waiting realm is an entry of a queue, a few hundred bytes, and nothing else: no task, no budget, no lease.

    Realms that want a place without end share them by weight: a turn's cost is the seconds that the place was held.
    While someone waits, the turn of who has had most for its weight is ended, if it has had at least as much as who is
    next in line,

    - once it has lasted `turn_s`; or before that,
    - if its realm rests after a refusal for `rest_s` or more yet; or
    - if someone waits for a first turn, once it has lasted `early_end_s`, one turn each `early_end_s`.

    So with all places held by giants a new realm is given one as soon as a giant comes to a page's boundary, and each
    further one that comes at the same time `early_end_s` later at most. While nobody waits no turn is ever ended.
    """

    def __init__(self, places: int, *, turn_s: float, early_end_s: float, rest_s: float) -> None:
        assert places >= 1
        self._places = places
        self._turn_s = turn_s
        self._early_end_s = early_end_s
        self._rest_s = rest_s
        self._queue: FairQueue[RealmId] = FairQueue()
        self._first: set[RealmId] = set()  # of those in line, who never had a turn
        self._weights: dict[RealmId, float] = {}  # of those that do not weigh 1
        self._asleep: list[tuple[float, int, RealmId]] = []  # heap of those that want no turn before a loop time
        self._numbers = count()
        self._turns: dict[RealmId, Turn] = {}
        self._last_early_end_at = float("-inf")
        self._next_end_at = float("-inf")  # no turn is to be ended before, as far as is known

    @property
    def waiting(self) -> int:
        """Realms that would begin at once if there were a place."""
        return len(self._queue)

    @property
    def idle(self) -> bool:
        """Nobody has a place and nobody wants one."""
        return not (self._turns or self._queue or self._asleep)

    def join(self, realm_id: RealmId, *, weight: float = 1.0) -> None:
        """A realm wants its first turn."""
        if weight != 1.0:
            self._weights[realm_id] = weight
        self._first.add(realm_id)
        self._line_up(realm_id)

    def begin(self, now: float) -> Turn | None:
        """The next turn, if there is a place for it."""
        self._wake(now)
        if not self._queue or len(self._turns) >= self._places:
            return None
        realm_id = self._queue.pop()
        self._first.discard(realm_id)
        weight = self._weights.get(realm_id, 1.0)
        turn = self._turns[realm_id] = Turn(realm_id, weight=weight, began_at=now, tag=self._queue.present)
        # This one may have to be ended before those that were known, or they have all been asked already.
        self._next_end_at = min(self._next_end_at, now + min(self._early_end_s, self._turn_s))
        return turn

    def leave(self, turn: Turn) -> None:
        """The turn is over, and the realm wants no other."""
        del self._turns[turn.realm_id]
        self._weights.pop(turn.realm_id, None)

    def leave_for_now(self, turn: Turn, now: float, *, until: float = 0.0) -> None:
        """The turn is over, and the realm wants another, not before loop time `until`."""
        del self._turns[turn.realm_id]
        self._queue.settle(turn.realm_id, turn.served(now))
        if until > now:
            heappush(self._asleep, (until, next(self._numbers), turn.realm_id))
        else:
            self._line_up(turn.realm_id)

    def leave_all(self) -> list[RealmId]:
        """Whoever has no place goes home. Who has one is asked to give it up."""
        gone = [self._queue.pop() for _ in range(len(self._queue))]
        gone += [realm_id for _, _, realm_id in sorted(self._asleep)]
        self._asleep.clear()
        for turn in self._turns.values():
            turn.end()
        return gone

    def end_turns(self, now: float) -> None:
        """End the turns that are due to end. Call it after `begin`, when there is no place left or nobody waits."""
        self._wake(now)
        while self._next_end_at <= now:
            self._next_end_at, turn = self._next_end(now)
            if turn is not None and self._next_end_at <= now:
                if not self._is_due(turn, now):
                    self._last_early_end_at = now
                turn.end()

    def next_at(self) -> float:
        """The loop time at which a turn is to be ended or a realm awakes, if nothing happens before."""
        return min(self._next_end_at, self._asleep[0][0] if self._asleep else float("inf"))

    def look_again(self) -> None:
        """A realm with a turn may have come to rest."""
        self._next_end_at = float("-inf")

    def _line_up(self, realm_id: RealmId) -> None:
        self._queue.push(realm_id, cost=0)
        self._next_end_at = float("-inf")

    def _wake(self, now: float) -> None:
        while self._asleep and self._asleep[0][0] <= now:
            self._line_up(heappop(self._asleep)[-1])

    def _next_end(self, now: float) -> tuple[float, Turn | None]:
        """When the next turn is to be ended, and whose: of several, who has had most."""
        open_turns = [turn for turn in self._turns.values() if not turn.over]
        leaving = len(self._turns) - len(open_turns)
        if leaving >= len(self._queue) or not open_turns or len(self._turns) < self._places:
            return float("inf"), None  # as many places come free as are waited for
        ends = ((self._end_at(turn, now), -turn.served(now), turn) for turn in open_turns)
        end_at, _, turn = min(ends, key=lambda end: end[:2])
        return end_at, turn

    def _end_at(self, turn: Turn, now: float) -> float:
        if self._is_due(turn, now):
            end_at = now
        elif self._first:
            early_end_at = max(turn.began_at, self._last_early_end_at) + self._early_end_s
            end_at = min(turn.began_at + self._turn_s, early_end_at)
        else:
            end_at = turn.began_at + self._turn_s
        overtaken_at = turn.began_at + (self._queue.next_tag - turn.tag) * turn.weight
        return max(end_at, overtaken_at)

    def _is_due(self, turn: Turn, now: float) -> bool:
        return now >= turn.began_at + self._turn_s or turn.rest_until - now >= self._rest_s
