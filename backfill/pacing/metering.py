"""The calls that Intuit bills, counted durably against the user's monthly cap, by all processes together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import NamedTuple, Protocol

import anyio
import msgspec

from backfill.errors import StoppedError
from backfill.pacing.quota import NoMoreCalls, QuotaBreaker
from backfill.wire import Lane, Request

METERED_LANES = frozenset(Lane) - {Lane.WRITE}
"""Single writes are free; reads, queries, CDC, reports and every batch call, even of writes, are billed."""


class BatchCountsAs(StrEnum):
    """What a batch call is billed as. Intuit bills "calls" and does not say which of the two it means."""

    CALL = "call"
    ITEMS = "items"

    def units(self, items: int) -> int:
        """What a batch of so many items counts for."""
        return items if self is BatchCountsAs.ITEMS else 1


class Count(NamedTuple):
    """The same calls in both readings: a batch as one, and as its items."""

    calls: int = 0
    items: int = 0

    def plus(self, other: Count) -> Count:
        return Count(self.calls + other.calls, self.items + other.items)

    def minus(self, other: Count) -> Count:
        return Count(self.calls - other.calls, self.items - other.items)

    def covers(self, other: Count) -> bool:
        """Whether `other` may be taken from this in both readings."""
        return self.calls >= other.calls and self.items >= other.items

    def read(self, batch_counts_as: BatchCountsAs) -> int:
        return self.items if batch_counts_as is BatchCountsAs.ITEMS else self.calls


BLOCK = Count(calls=250, items=2_000)
"""Counted durably at once: at one realm's full speed a commit every half minute. A crash wastes what is left of it."""

SHARE_OF_REST = 8
"""No block takes more than this part of what the cap leaves, so that the processes of an app share its last calls."""


class MeteredLedger(Protocol):
    """Where the counts are kept: one for each app and month, both readings."""

    async def add(self, app: str, month: date, more: Callable[[int, int], tuple[int, int]]) -> tuple[int, int]:
        """Add what `more` says, told the calls and items so far; nobody else changes them in between.

        Durable before it returns the new count.
        """
        ...


class MemoryMeteredLedger:
    """A ledger that lasts as long as this object."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, date], Count] = {}

    async def add(self, app: str, month: date, more: Callable[[int, int], tuple[int, int]]) -> tuple[int, int]:
        kept = self._kept.get((app, month), Count())
        self._kept[app, month] = kept.plus(Count(*more(*kept)))
        return self._kept[app, month]


class Spent(msgspec.Struct, frozen=True):
    """What one call was counted for, and in which month."""

    count: Count
    month: date
    within: Spent | None = None
    """What it was counted for in the budget around."""


@dataclass(frozen=True, slots=True)
class Capped:
    """What a cap is called, and what to do once it is reached."""

    name: str
    action: str


MONTH = Capped(
    "The monthly cap",
    "Everything landed is kept. Raise metered.monthly_cap in the configuration, or wait for the next month, and run"
    " the same command again: it goes on where it stopped.",
)


READINGS: Mapping[BatchCountsAs, str] = {
    BatchCountsAs.CALL: "a batch as one call",
    BatchCountsAs.ITEMS: "a batch as its items",
}


class MeteredBudget:
    """What is left of an app's month. `cap` None: count, and never stop. One for each app and process.

    Beside the user's cap stands Intuit's own, the app's `quota`, of which nobody tells how much of it is left.

    What is spent needs room in the budget that this one is `within`, too, if it is: the plan that a run is held to.

    Only answers with 2xx are billed. A call is counted before it is sent and taken back when its answer was another,
    so calls under way never pass the cap; a call without an answer stays counted, as it may have been billed.

    **No overrun.** A call is spent from a block that was added to the ledger before, and a block is added only if the
    ledger's count stays within the cap: so the ledger is at every moment at or above what all processes have sent, and
    never above the cap. A process that dies leaves its block counted: that wastes its rest, and overruns nothing.
    """

    def __init__(
        self,
        cap: int | None,
        *,
        batch_counts_as: BatchCountsAs = BatchCountsAs.CALL,
        ledger: MeteredLedger | None = None,
        app: str = "",
        month: Callable[[], date] = lambda: date.min,
        capped: Capped = MONTH,
        within: MeteredBudget | None = None,
    ) -> None:
        self._cap = cap
        self._capped = capped
        self._within = within
        self._batch_counts_as = batch_counts_as
        self._ledger = ledger or MemoryMeteredLedger()
        self.quota = QuotaBreaker()
        """For the budgets of all realms of the app."""
        self._app = app
        self._month = month
        self._block_of = month()
        self._left = Count()
        self._taken = Count()  # what was added for this process and not given back or taken back: spent, or left
        self._reached: NoMoreCalls | None = None
        self._lock = anyio.Lock()

    @property
    def used(self) -> int:
        """Metered calls of this process so far, as the configuration reads them."""
        return self._taken.minus(self._left).read(self._batch_counts_as)

    @property
    def reached(self) -> NoMoreCalls | None:
        """What to say once the cap, or that of the budget around, has stopped a call of this process, until the month
        is over; and while the app's quota is spent."""
        own = self._reached if self._block_of == self._month() else None
        return own or (None if self._within is None else self._within.reached) or self.quota.spent

    def check(self) -> None:
        """Raises `StoppedError` while no more calls are to be made."""
        if (reached := self.reached) is not None:
            raise StoppedError(reached.message, action=reached.action)

    async def spend(self, request: Request) -> Spent:
        """Count `request`, which is about to be sent.

        Raises `StoppedError`, and counts nothing, if that would pass the cap, and what the ledger raises.
        """
        within = None if self._within is None else await self._within.spend(request)
        need = _need(request)
        try:
            while need.calls and not self._has(need):
                async with self._lock:
                    if not self._has(need):
                        await self._reserve(need, request)
        except BaseException:
            self._take_back_within(within)
            raise
        self._left = self._left.minus(need)
        return Spent(need, self._block_of, within)

    def take_back(self, spent: Spent) -> None:
        """A call that was counted was not billed. Of a month that is over, it stays counted there."""
        if spent.month == self._block_of:
            self._left = self._left.plus(spent.count)
        else:
            self._taken = self._taken.minus(spent.count)
        self._take_back_within(spent.within)

    def _take_back_within(self, spent: Spent | None) -> None:
        if self._within is not None and spent is not None:
            self._within.take_back(spent)

    async def settle(self) -> None:
        """Give back what is left of the block, after the last call, and of that of the budget around."""
        if self._within is not None:
            await self._within.settle()
        async with self._lock:
            rest = self._drop_left()
            if any(rest):
                await self._ledger.add(self._app, self._block_of, lambda *_: (-rest.calls, -rest.items))

    def _has(self, need: Count) -> bool:
        """Whether the block covers it, and is of the present month."""
        return self._left.covers(need) and self._block_of == self._month()

    async def _reserve(self, need: Count, request: Request) -> None:
        month = self._month()
        if month != self._block_of:
            self._drop_left()  # it stays counted in a month that is over
            self._block_of, self._reached = month, None
        lacking = Count(max(0, need.calls - self._left.calls), max(0, need.items - self._left.items))
        granted = Count()

        def more(calls: int, items: int) -> tuple[int, int]:
            nonlocal granted
            granted = self._granted(Count(calls, items), lacking)
            return granted

        total = Count(*await self._ledger.add(self._app, month, more))
        if not any(granted):
            of_app = f" of app {self._app}" if self._app else ""
            self._reached = NoMoreCalls(
                "metered_cap",
                f"{self._capped.name} of {self._cap} metered calls is reached: {total.read(self._batch_counts_as)} are"
                f" counted{of_app} ({READINGS[self._batch_counts_as]}).",
                self._capped.action,
            )
            raise StoppedError(
                f"{self._reached.message} {request.method} {request.path} for realm {request.realm_id} was not sent.",
                action=self._reached.action,
            )
        self._left = self._left.plus(granted)
        self._taken = self._taken.plus(granted)

    def _drop_left(self) -> Count:
        rest, self._left = self._left, Count()
        self._taken = self._taken.minus(rest)
        return rest

    def _granted(self, used: Count, lacking: Count) -> Count:
        """The block to add where `used` is counted; nothing if what is lacking would pass the cap. Pure."""
        if self._cap is None:
            return Count(max(lacking.calls, BLOCK.calls), max(lacking.items, BLOCK.items))
        rest = self._cap - used.read(self._batch_counts_as)
        if lacking.read(self._batch_counts_as) > rest:
            return Count()
        share = rest // SHARE_OF_REST
        capped = self._batch_counts_as
        return Count(
            max(lacking.calls, min(BLOCK.calls, share) if capped is BatchCountsAs.CALL else BLOCK.calls),
            max(lacking.items, min(BLOCK.items, share) if capped is BatchCountsAs.ITEMS else BLOCK.items),
        )


class Meters:
    """The budgets of all apps that a process calls for: realms may be connected through apps of their own."""

    def __init__(self, make: Callable[[str], MeteredBudget]) -> None:
        self._make = make
        self._of: dict[str, MeteredBudget] = {}

    def of(self, app: str) -> MeteredBudget:
        """The budget of `app`, the same for all its realms."""
        if app not in self._of:
            self._of[app] = self._make(app)
        return self._of[app]

    @property
    def used(self) -> int:
        """Metered calls of this process so far, of all apps."""
        return sum(budget.used for budget in self._of.values())

    @property
    def reached(self) -> Sequence[NoMoreCalls]:
        """What to say of the apps that make no more calls, each thing once."""
        return list(dict.fromkeys(budget.reached for budget in self._of.values() if budget.reached is not None))

    async def settle(self) -> None:
        """Give back what is left of all blocks."""
        for budget in self._of.values():
            await budget.settle()


class _Batch(msgspec.Struct):
    BatchItemRequest: list[msgspec.Raw]


_BATCH = msgspec.json.Decoder(_Batch)


_NOTHING, _ONE = Count(), Count(calls=1, items=1)


def _need(request: Request) -> Count:
    """What a call is counted for."""
    if request.lane not in METERED_LANES:
        return _NOTHING
    return Count(1, items_of(request)) if request.lane is Lane.BATCH else _ONE


def items_of(request: Request) -> int:
    """How many questions a call asks: the items of a batch, one of any other."""
    if request.lane is not Lane.BATCH or not request.body:
        return 1
    return len(_BATCH.decode(request.body).BatchItemRequest)


def month_of(moment: datetime, zone: tzinfo) -> date:
    """The calendar month that `moment` lies in, as its first day."""
    return moment.astimezone(zone).date().replace(day=1)
