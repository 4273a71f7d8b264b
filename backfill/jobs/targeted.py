"""Objects that somebody named, read by their Ids and landed; what is not there is confirmed, then marked deleted.

An Id that an answer leaves out proves nothing by itself: the answer may have been cut, or come from a machine that is
behind. So it is asked for alone, and only fault 610, "object not found", makes it a deletion, as of the `time` of
the answer that had not got it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from backfill.errors import RequestError
from backfill.jobs.changes import OVERLAP
from backfill.jobs.costs import Costs
from backfill.jobs.readers import share
from backfill.jobs.targets import CHANGED, Plan, Question, Wanted, pack, plan_reads
from backfill.jobs.too_much import halves, is_answered, is_too_much, refusal_of
from backfill.jobs.vanished import deleted_stub
from backfill.jobs.work import REALM_DISPOSITIONS, RealmWork
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading

NOT_FOUND = "610"
"""Intuit's fault code for an object that is not there."""

_READERS = 8
"""As in an extract: ten may be in flight."""


class Ending(StrEnum):
    """How the read of an object ended."""

    LANDED = "landed"
    DELETED = "deleted"
    QUARANTINED = "quarantined"
    """It is there, and the server cannot read it, or Postgres refuses it."""
    REFUSED = "refused"
    """Intuit does not give it for a reason that stays."""


@dataclass(frozen=True, slots=True)
class Read:
    """How the read of an object ended, and the server's `time` as of which that is so."""

    ending: Ending
    at: datetime


Reads = dict[tuple[str, str], Read]
"""(Canonical entity, Id) to how its read ended."""


async def read_objects(work: RealmWork, wanted: Wanted, *, oldest: datetime, costs: Costs) -> Reads:
    """Read what is wanted, changed at or after `oldest`, in as few metered calls as it takes, and land it.

    What is wanted has no answer of its own only where CDC was asked for changes without an Id and could not say.
    Raises `RequestError` for what concerns the whole realm, `StoppedError`, and `LeaseLostError`.
    """
    reader = _Reader(work)
    plan = plan_reads(wanted, oldest, work.now(), costs)
    calls = plan.calls
    if plan.by_cdc:
        calls = [*calls, *pack(await reader.by_cdc(plan, wanted, oldest))]
    for call in calls:
        work.check_stop()
        await reader.ask(call)
    await reader.confirm()
    return reader.reads


@dataclass(slots=True)
class _Reader:
    work: RealmWork
    reads: Reads = field(default_factory=dict)
    missing: list[tuple[Entity, str, datetime]] = field(default_factory=list)
    """What an answer left out, and that answer's `time`."""

    async def by_cdc(self, plan: Plan, wanted: Wanted, oldest: datetime) -> dict[str, Sequence[str]]:
        """Land what changed. Returns what is to be asked for by Id all the same: all, if the answer was cut."""
        work = self.work
        packed = {question.entity.name for call in plan.calls for question in call}
        asked = {entity.name: wanted[entity.name] for entity in plan.by_cdc if entity.name not in packed}
        async with work.room_for(plan.by_cdc[0], work.cdc_objects):
            try:
                answer = await work.ask.cdc(plan.by_cdc, oldest - OVERLAP)
            except RequestError as error:
                if not is_answered(error) or (error.disposition in REALM_DISPOSITIONS and not is_too_much(error)):
                    raise
                return asked
            if answer.total >= work.cdc_objects:
                return asked
            for entity in plan.by_cdc:
                page = answer.pages.get(entity.name)
                if page is not None:
                    await self._land(entity, page)
                self.reads[entity.name, CHANGED] = Read(Ending.LANDED, answer.server_time)
        known = {(entity.name, id_) for entity, id_, _ in self.missing} | self.reads.keys()
        return {name: [id_ for id_ in ids if (name, id_) not in known] for name, ids in asked.items()}

    async def ask(self, call: Sequence[Question]) -> None:
        """Ask one call's questions and land the answers."""
        work = self.work
        async with work.room_for(call[0].entity, sum(len(question.ids) for question in call)):
            if len(call) == 1:
                await self._answered(call[0], await _page(work, call[0]))
                return
            answers = await work.ask.many([question.statement for question in call])
            for question, answer in zip(call, answers.items, strict=True):
                await self._answered(question, answer)

    async def _answered(self, question: Question, answer: Page | RequestError) -> None:
        """Land an answer, or ask again in halves for what spoils it."""
        if isinstance(answer, Page):
            await self._settle(question, answer)
            return
        if answer.disposition in REALM_DISPOSITIONS and not is_too_much(answer):
            raise answer
        if is_too_much(answer) and len(question.ids) > 1:
            for ids in halves(question.ids):
                half = Question(question.entity, ids)
                await self._answered(half, await _page(self.work, half, hasty=len(ids) > 1))
            return
        for id_ in question.ids:
            await self._refused(question.entity, id_, answer)

    async def _settle(self, question: Question, page: Page) -> None:
        entity = question.entity
        await self._land(entity, page)
        for id_ in question.ids:
            if entity.reading is Reading.SINGLETON:
                self.reads[entity.name, id_] = Read(Ending.LANDED, page.server_time)
            elif (entity.name, id_) not in self.reads:
                self.missing.append((entity, id_, page.server_time))

    async def _land(self, entity: Entity, page: Page) -> None:
        """Land what an answer brought, and note how each ended. What it calls deleted is not believed yet."""
        live = [record for record in page.records if not record.deleted]
        await self.work.land(entity, live, refusals=page.refusals, latest=True, as_of=page.server_time)
        self.missing += [(entity, record.id, page.server_time) for record in page.records if record.deleted]
        for record in live:
            self.reads[entity.name, record.id] = Read(Ending.LANDED, page.server_time)
        for refusal in page.refusals:
            if refusal.id:  # a row without a name is none that was asked for
                self.reads[entity.name, refusal.id] = Read(Ending.QUARANTINED, page.server_time)

    async def confirm(self) -> None:
        """Ask for each object that was left out by itself, some at a time."""
        name = f"realm {self.work.realm_id}, confirmation"
        await share(list(self.missing), self._confirm, readers=_READERS, name=name)

    async def _confirm(self, left_out: tuple[Entity, str, datetime]) -> None:
        entity, id_, at = left_out
        self.work.check_stop()
        async with self.work.room_for(entity, 1):
            try:
                page = await self.work.ask.object(entity, id_)
            except RequestError as error:
                if not is_answered(error):
                    raise
                if error.code != NOT_FOUND:
                    await self._refused(entity, id_, error, at)
                    return
                await self.work.land(entity, [deleted_stub(id_, at)], latest=True)
                self.reads[entity.name, id_] = Read(Ending.DELETED, at)
                return
            await self._land(entity, page)
            # Neither there nor not found: it may have come without its Id, or its answer is of something else.
            ending = Ending.QUARANTINED if page.refusals else Ending.REFUSED
            self.reads.setdefault((entity.name, id_), Read(ending, page.server_time))

    async def _refused(self, entity: Entity, id_: str, fault: RequestError, at: datetime | None = None) -> None:
        """An object that cannot be read. What the server chokes on is set aside; the rest Intuit will not give."""
        if is_too_much(fault):
            await self.work.check_well(fault, query.count(entity))
            await self.work.land(entity, (), refusals=[refusal_of(id_, fault)])
            self.reads[entity.name, id_] = Read(Ending.QUARANTINED, at or self.work.now())
            return
        if fault.disposition in REALM_DISPOSITIONS:
            raise fault
        self.reads[entity.name, id_] = Read(Ending.REFUSED, at or self.work.now())


async def _page(work: RealmWork, question: Question, *, hasty: bool = False) -> Page | RequestError:
    """The answer to one question, or why it got none that has to do with it."""
    try:
        return await work.ask.page(question.entity, question.statement, hasty=hasty)
    except RequestError as error:
        if not is_answered(error):
            raise
        return error


def canonical(name: str) -> Entity | None:
    """The entity, if its objects can be read by Id (or it is a single object)."""
    entity = CATALOGUE.get(name)
    return entity if entity is not None and entity.reading in {Reading.SCAN, Reading.SINGLETON} else None
