"""A server of few rows that a test says one by one, and one realm's work with it: for what a single step does."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from backfill.errors import RequestError
from backfill.jobs.questions import Items, Questions
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import Checkpoint, Landed, RealmId, Record, Refusal, RunId
from backfill.pacing.byte_budget import ByteBudget
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import Entity
from backfill.store.memory_store import MemoryStore

REALM = RealmId("1")
RUN = RunId(1)
T0 = datetime(2026, 1, 1, tzinfo=UTC)
ANSWERED_AT = T0 + timedelta(days=30)

_BOUND = re.compile(r"MetaData\.(CreateTime|LastUpdatedTime) (<|>)= '([^']*)'")
_TIMES = {"CreateTime": "created_at", "LastUpdatedTime": "updated_at"}


def row(id_: str, *, day: int = 0, doc: bytes = b"{}", updated_day: int | None = None) -> Record:
    updated_at = T0 + timedelta(days=day if updated_day is None else updated_day)
    return Record(id=id_, sync_token=0, created_at=T0 + timedelta(days=day), updated_at=updated_at, doc=doc)


def refusal(id_: str, raw: bytes = b"{}") -> Refusal:
    return Refusal(id_, "unreadable_row", "its SyncToken is not a number", raw)


@dataclass
class Server:
    """Has `rows`, and sends some of them in a form that cannot be read, of those some without an Id."""

    rows: Sequence[Record] = ()
    unreadable: Collection[str] = ()
    nameless: Collection[str] = ()
    fails: Mapping[str, RequestError] = field(default_factory=dict)
    """Id to the fault of each question that names it."""
    is_ordered: bool = True
    beside: int = 0
    """Rows that every answer says to have received beside those."""
    asked: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    hasty: list[tuple[int, bool]] = field(default_factory=list)
    """Of each question that was asked by itself, how many Ids it named, and whether with haste."""

    async def page(self, _entity: Entity, statement: str, *, hasty: bool = False) -> Page:
        self.hasty.append((len(_named(statement)), hasty))
        return self._page(statement)

    page_to_land = page

    async def many(self, statements: Sequence[str]) -> Items:
        self.batches.append(len(statements))
        items: list[Page | RequestError] = []
        for statement in statements:
            try:
                items.append(self._page(statement))
            except RequestError as error:
                items.append(error)
        return Items(items, [ANSWERED_AT for _ in items])

    async def count(self, statement: str) -> int:
        return len(self._found(statement)) + self.beside

    def _page(self, statement: str) -> Page:
        self.asked.append(statement)
        for id_ in _named(statement):
            if id_ in self.fails:
                raise self.fails[id_]
        found = self._found(statement)
        if "COUNT" in statement:
            return Page([], [], 0, ANSWERED_AT, total_count=len(found))
        start, rows = (int(number) for number in re.findall(r"(?:STARTPOSITION|MAXRESULTS) (\d+)", statement))
        found = found[start - 1 : start - 1 + rows]
        spoilt = {*self.unreadable, *self.nameless}
        records = [one for one in found if one.id not in spoilt]
        refusals = [
            refusal("" if one.id in self.nameless else one.id, one.id.encode()) for one in found if one.id in spoilt
        ]
        return Page(records, refusals, len(found) + self.beside, ANSWERED_AT)

    def _found(self, statement: str) -> Sequence[Record]:
        named = _named(statement)
        bounds = _BOUND.findall(statement)
        found = [
            one
            for one in self.rows
            if (not named or one.id in named)
            and all(_is_within(getattr(one, _TIMES[time]), side, bound) for time, side, bound in bounds)
        ]
        order = re.search(r"ORDERBY MetaData\.(\w+)", statement)
        return sorted(found, key=lambda one: getattr(one, _TIMES[order[1]])) if order and self.is_ordered else found


def _named(statement: str) -> Sequence[str]:
    listed = re.search(r"Id IN \(([^)]*)\)|Id = ('[^']*')", statement)
    return [] if listed is None else re.findall(r"'([^']*)'", listed[0])


def _is_within(moment: datetime, side: str, bound: str) -> bool:
    limit = datetime.fromisoformat(bound)
    return moment >= limit if side == ">" else moment <= limit


class Recording(MemoryStore):
    """Remembers what each page left to go on from."""

    checkpoints: list[Checkpoint]

    async def land(self, *arguments: object, **options: object) -> Landed:
        checkpoint = options.get("checkpoint")
        if isinstance(checkpoint, Checkpoint):
            self.checkpoints.append(checkpoint)
        return await super().land(*arguments, **options)  # type: ignore[arg-type]  # as it came


async def work_with(server: Server, *, page_rows: int = 1000) -> RealmWork:
    store = Recording([REALM], now=lambda: T0)
    store.checkpoints = []
    return RealmWork(
        lease=await store.acquire(REALM),
        run_id=RUN,
        ask=cast("Questions", server),
        store=store,
        room=ByteBudget(10**9),
        observe=lambda _event: None,
        stopping=lambda: False,
        turn=Turn(REALM),
        now=lambda: ANSWERED_AT + timedelta(days=1),
        page_rows=page_rows,
    )


def memory_of(work: RealmWork) -> Recording:
    assert isinstance(work.store, Recording)
    return work.store


def live(work: RealmWork, entity: Entity) -> set[str]:
    return set(memory_of(work).live_documents(REALM, entity.name))


def deleted(work: RealmWork, entity: Entity) -> dict[str, datetime]:
    """Id to when it was deleted."""
    rows = memory_of(work).rows(REALM, entity.name)
    return {id_: one.deleted_at for id_, one in rows.items() if one.deleted_at is not None}


def aside(work: RealmWork, entity: Entity) -> list[str]:
    return [refused.id for refused in memory_of(work).refusals(REALM, entity.name)]
