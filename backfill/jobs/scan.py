"""Walking a slice of an entity to its end, page by page, each landed with its checkpoint.

The walk is a keyset: the next page starts at the time of the last row (inclusive, since times have whole
seconds and rows share them) and rows met before are dropped. Edits, deletes and inserts elsewhere cannot
shift it, as they shift an offset. Where the key cannot carry the walk (the answer is not in order, more than
a page shares one second, or a row cannot be read and does not say where it stands) that part is read by
offset, again and again, until as many different rows were met as the server counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from backfill.errors import RequestError, UnprovenError
from backfill.jobs.keys import CREATED, UNKEYED, UPDATED, Key
from backfill.jobs.pages import PageRead, PageSize, read_page
from backfill.jobs.slices import ONE_SECOND, next_second
from backfill.jobs.vanished import count_by_id, count_set_aside, mark_vanished
from backfill.jobs.work import RealmWork
from backfill.model import Checkpoint, Record, Refusal, Slice
from backfill.qbo.catalogue import Entity
from backfill.rows import Rows, ids_of, moments, without

OFFSET_PASSES_MAX = 12
"""Where every change gives equals another order, a pass of two pages misses a row with a chance of 2 in 9. After
twelve such passes one row in a hundred million is missed; what is not met by then cannot be read so."""

UNREAD_MAX = 50
"""Rows of one part that cannot be read, each found by some ten questions. An entity with more is itself broken."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a page does to a walk: the rows not met before, and where the next page starts."""

    fresh: Sequence[Record]
    low: datetime | None
    seen: frozenset[str]
    """Ids of the rows at `low` that were met already."""
    skip: int
    """Rows to pass over at `low`: set-aside rows, which move the walk on without a time."""
    dense: bool
    """The whole page lies in the second `low`: the key cannot get past it."""


def advance(page: PageRead, key: Key, low: datetime | None, seen: frozenset[str], skip: int) -> Step | None:
    """The step that `page`, read from `low` on, makes. None: the key cannot carry the walk past it. Pure."""
    if page.unread:
        return None
    order = _order(page.records, key)
    if order is None or (order.first is not None and low is not None and order.first < low):
        return None
    fresh = without(page.records, seen)
    if order.last is None:
        return Step(fresh, low, seen, skip + page.received, dense=False)
    at_last = frozenset(ids_of(page.records[order.last_from :]))
    if order.last == low:
        return Step(fresh, low, seen | at_last, skip + page.received, dense=page.full and not page.refusals)
    return Step(fresh, order.last, at_last, 0, dense=page.full and order.first == order.last)


@dataclass(frozen=True, slots=True)
class _Order:
    """The times of rows that came in their order; without any there are no rows."""

    first: datetime | None = None
    last: datetime | None = None
    last_from: int = 0
    """The number of the first row at `last`."""


def _order(records: Sequence[Record], key: Key) -> _Order | None:
    """None if the rows came in no order, or one has no time."""
    if key.time is None:
        return None
    time_of = attrgetter(key.time)
    if not records:
        return _Order()
    if isinstance(records, Rows):
        column: NDArray[np.datetime64] = time_of(records)
        if np.isnat(column).any() or (column[1:] < column[:-1]).any():
            return None
        first, last = moments(column[[0, -1]])
        return _Order(first, last, int(np.searchsorted(column, column[-1])))
    times: list[datetime | None] = list(map(time_of, records))
    known = [time for time in times if time is not None]
    if len(known) < len(times) or known != sorted(known):
        return None
    return _Order(known[0], known[-1], known.index(known[-1]))


async def read_slice(
    work: RealmWork, entity: Entity, part: Slice, key: Key, *, reconcile: bool = False, first: bool = True
) -> None:
    """Read `part` from its cursor to its end; the last checkpoint says `done`.

    A part with a negative number is outside the plan (a sweep, a re-read) and leaves no checkpoint. With
    `reconcile`, rows held of a range that the server no longer has are marked deleted on the way. Unless it is
    the `first` to read the rows, those that cannot be read and named were set aside before, and are not again;
    who reconciles all of the entity sets them aside anew, and what is not met any more is forgotten.
    Raises `UnprovenError` if some of it can only be read by offset and never adds up.
    """
    await _Walk(work, entity, part, key, reconcile=reconcile, first=first).run()


Look = Callable[[Sequence[Record], Sequence[Refusal]], Awaitable[None]]
"""What is done with rows that are not to be landed, and with what could not be read. They may come more than once."""


async def look_through(work: RealmWork, entity: Entity, part: Slice, key: Key, look: Look) -> None:
    """Show all of `part` to `look`, a page at a time, and land nothing. Raises as `read_slice`."""
    await _Walk(work, entity, part, key, reconcile=False, first=True, look=look).run()


def _may_hide_a_row(places: Sequence[int], *, is_beginning: bool) -> bool:
    """Whether one of the places, which could not be read, may hold a row that could be read alone. Pure.

    Of a server that sends two rows where one is asked for. The last of neighbours is broken, as it failed together with
    a whole row or with none; so is the first, unless it is the entity's and nothing stands before it. What is between
    failed with these.
    """
    between = any(third == first + 2 for first, third in zip(places, places[2:], strict=False))
    return between or (is_beginning and places[:2] == [1, 2])


@dataclass(frozen=True, slots=True)
class _Passed:
    """What is left of a page once it is landed: its rows are gone with their room, before the next page has any."""

    ids: Collection[str]
    """Of all rows that came, if the walk is to reconcile."""
    full: bool
    step: Step | None
    """Without its rows."""


@dataclass(frozen=True, slots=True)
class _OffsetPass:
    """What one pass by offset left open."""

    unread: Sequence[RequestError]
    """Why rows cannot be read that cannot be named either."""
    unclear: bool
    """A whole row may be among these: see `_may_hide_a_row`."""
    at_once: bool
    """One answer had all, so that nothing moved between two."""
    ids: Collection[str]
    """Of all rows that it met."""


class _Walk:
    def __init__(
        self,
        work: RealmWork,
        entity: Entity,
        part: Slice,
        key: Key,
        *,
        reconcile: bool,
        first: bool,
        look: Look | None = None,
    ) -> None:
        self.work = work
        self.entity = entity
        self.part = part
        self.key = key
        self.reconcile = reconcile
        self.look = look
        self.everything = reconcile and part.lower is None and part.upper is None
        self.first = first or self.everything
        self.nameless: dict[bytes, Refusal] = {}
        """Of everything, what was met without a name: a page more than `UNREAD_MAX` at most."""
        # A walk by changes is the only one at its entity, and what it meets again is newer.
        self.latest = part.number < 0 or key is UPDATED
        self.rows = part.rows
        self.size = PageSize.of(work.page_rows)

    async def run(self) -> None:
        await self._walk()
        if self.everything and len(self.nameless) <= UNREAD_MAX:
            await self.work.store.forget_nameless(self.work.lease, self.entity.name, but=self.nameless.values())

    async def _walk(self) -> None:
        low = self.part.cursor if self.part.cursor is not None else self.part.lower
        seen: frozenset[str] = frozenset()
        skip = 0
        while self.key.is_timed:
            page = await self._page(low, seen, skip)
            step = page.step
            if step is None:
                break
            if not page.full:
                await self._vanished(page.ids, low, self.part.upper)
                return
            if step.low is not None and step.low != low:
                await self._vanished(page.ids, low, step.low - ONE_SECOND)
            if step.dense:
                assert step.low is not None, "a crowded second is a moment"
                with self.work.turn.whole():
                    unread = await self._by_offset(step.low, step.low)
                low, seen, skip = next_second(step.low), frozenset(), 0
                await self._checkpoint(low, unread, done=False)
            else:
                low, seen, skip = step.low, step.seen, step.skip
        await self._rest_by_offset(low)

    async def _rest_by_offset(self, low: datetime | None) -> None:
        """What the key cannot carry the walk through."""
        with self.work.turn.whole():
            unread = await self._by_offset(low, self.part.upper)
        await self._checkpoint(None, unread, done=True)

    async def _page(self, low: datetime | None, seen: frozenset[str], skip: int) -> _Passed:
        """Read and land one page; one that is crowded or out of order leaves no checkpoint."""
        self.work.check_stop()
        self.work.turn.check()
        async with self.work.room_for(self.entity, self.size.now):
            page = await self._read(low, self.part.upper, start_position=skip + 1)
            step = advance(page, self.key, low, seen, skip)
            checkpoint = None
            if step is not None and not step.dense:
                self.rows += len(step.fresh)
                checkpoint = self._at(step.low, done=not page.full)
            fresh = page.records if step is None else step.fresh
            await self._land(fresh, page.refusals, checkpoint, as_of=page.at)
            ids = frozenset(page.ids()) if self.reconcile else frozenset[str]()
            return _Passed(ids, page.full, None if step is None else replace(step, fresh=()))

    async def _read(self, low: datetime | None, high: datetime | None, *, start_position: int) -> PageRead:
        return await read_page(
            self.work,
            self.entity,
            self.key,
            low,
            high,
            start_position=start_position,
            size=self.size,
            to_land=self.look is None,
        )

    async def _by_offset(self, low: datetime | None, high: datetime | None) -> Sequence[Refusal]:
        """Everything between the bounds by offset, until as many different Ids were met as there are.

        Returns refusals, not landed yet, for the rows that cannot be read nor named. They are known by their
        number only, which one pass may get wrong (the same row met at two places): then two must agree on it.
        """
        met: set[str] = set()
        ids: Collection[str] = ()
        counted = 0
        before: int | None = None
        for _ in range(OFFSET_PASSES_MAX):
            passed = await self._offset_pass(low, high)
            again, ids = passed.ids == ids, passed.ids
            met.update(ids)
            unread = passed.unread
            counted_before = counted
            counted = await self.work.ask.count(self.key.count(self.entity, low, high))
            agreed = not unread or len(unread) == before
            before = len(unread)
            if agreed and passed.unclear:
                raise self._unclear(unread[0])
            if agreed and len(met) + len(unread) >= counted:
                proves_itself = passed.at_once or (again and self.key is UNKEYED)
                there = len(ids) if proves_itself else await self._still_there(met)
                if there + len(unread) < counted:
                    continue
                if counted == counted_before:  # nothing came or went: two passes can agree and both meet a row twice
                    unread = unread[: max(0, counted - there)]
                self.rows += len(met)
                named = 0
                if self.look is None:
                    named = await self._mark_missing(met, low, high, named=not unread)
                    if unread and self.key.name == CREATED.name:
                        named += await count_set_aside(self.work, self.entity, met, low, high)
                return [self._unnamed(number, low, high, fault) for number, fault in enumerate(unread[named:], 1)]
        raise UnprovenError(
            f"{self.entity.name} of realm {self.work.realm_id}: {len(met)} different objects were met in "
            f"{OFFSET_PASSES_MAX} passes, the server counts {counted}. It gives them in no stable order.",
            action="Run the extract again at a quieter hour.",
        )

    async def _still_there(self, met: Collection[str]) -> int:
        """How many of those that were met the server has, by their Ids.

        One that was deleted since stands neither for the row that moved to its place, and was passed over, nor for one
        that cannot be read. What has no Id that can be read is taken to be there. Of what nobody can ask for by its Id
        (UNKEYED) none is: it is read again, until a pass meets just what the one before it met, so that no row of it
        had gone by then.
        """
        if self.key is UNKEYED:
            return 0
        named = [id_ for id_ in met if id_]
        return len(met) - len(named) + await count_by_id(self.work, self.entity, named)

    def _unclear(self, fault: RequestError) -> UnprovenError:
        return UnprovenError(
            f"{self.entity.name} of realm {self.work.realm_id}: the server sends one object more than it is asked for,"
            " and several of those that stand together cannot be read. So what stands between them cannot be read"
            f" either, and whether it could be alone cannot be told: {fault.message}",
            action=fault.action,
        )

    async def _offset_pass(self, low: datetime | None, high: datetime | None) -> _OffsetPass:
        met: set[str] = set()
        unread: list[RequestError] = []
        places: list[int] = []
        start = 1
        full, at_once = True, False
        while full:
            self.work.check_stop()
            async with self.work.room_for(self.entity, self.size.now):
                page = await self._read(low, high, start_position=start)
                full = page.full
                at_once = start == 1 and not full
                places += [start for _ in page.unread]
                start += page.received
                met.update(page.ids())
                unread += page.unread
                await self._land(page.records, page.refusals, None, as_of=page.at)
                del page  # with its room
            if len(unread) > UNREAD_MAX:
                raise UnprovenError(
                    f"{self.entity.name} of realm {self.work.realm_id}: more than {UNREAD_MAX} objects cannot be "
                    f"read, the last since {unread[-1].message}",
                    action=unread[-1].action,
                )
        unclear = self.size.sends_more and _may_hide_a_row(places, is_beginning=low is None)
        return _OffsetPass(unread, unclear, at_once, met)

    def _unnamed(self, number: int, low: datetime | None, high: datetime | None, fault: RequestError) -> Refusal:
        """The refusal of a row without a name: the same for the same part, so that it is not set aside twice."""
        place = f"{self.entity.name} number {number} of those unreadable, {self.key.name} from {low} to {high}"
        return Refusal(id="", code=fault.code, message=fault.message, raw=place.encode())

    async def _checkpoint(self, cursor: datetime | None, unread: Sequence[Refusal], *, done: bool) -> None:
        refusals = unread if self.first else ()
        await self._land((), refusals, self._at(cursor, done=done))

    async def _land(
        self,
        records: Sequence[Record],
        refusals: Sequence[Refusal],
        checkpoint: Checkpoint | None,
        *,
        as_of: datetime | None = None,
    ) -> None:
        if self.look is not None:
            await self.look(records, refusals)
            return
        await self.work.land(
            self.entity, records, refusals=refusals, checkpoint=checkpoint, latest=self.latest, as_of=as_of
        )
        if self.everything and len(self.nameless) <= UNREAD_MAX:
            self.nameless |= {refusal.raw: refusal for refusal in refusals if not refusal.id}

    def _at(self, cursor: datetime | None, *, done: bool) -> Checkpoint | None:
        if self.part.number < 0:
            return None
        return Checkpoint(entity=self.entity.name, number=self.part.number, cursor=cursor, rows=self.rows, done=done)

    async def _vanished(self, present: Collection[str], low: datetime | None, high: datetime | None) -> None:
        if self.reconcile:
            await self._mark_missing(present, low, high)

    async def _mark_missing(
        self, present: Collection[str], low: datetime | None, high: datetime | None, *, named: bool = True
    ) -> int:
        """Look for the rows held between the bounds that the server did not bring.

        Where some could not be read and are not `named`, they may be among those held: returns how many were.
        """
        if not self.reconcile and (named or self.key.name != CREATED.name):
            return 0
        held = await self.work.store.live_ids(self.work.realm_id, self.entity.name, created_from=low, created_to=high)
        missing = [id_ for id_ in held if id_ not in present]
        return (await mark_vanished(self.work, self.entity, missing)).set_aside
