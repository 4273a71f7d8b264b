"""What is landed of one realm beside the company itself: counts, Ids, documents. What differs is named, and repaired.

    counts      COUNT(*) of every entity beside the live rows held
    Ids         where they differ (or all is compared): every Id the company has, beside every Id held
    documents   a sample by Id, or all of them, beside the landed ones, member by member

A company that people work in moves on: what changed after the entity's watermark is no difference, and is counted.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from backfill.errors import FaultError, RequestError, UnprovenError
from backfill.jobs.asked_rates import AskedRates, asked_as, oldest_day, repair_rates
from backfill.jobs.equality import about, compared, is_newer
from backfill.jobs.keys import CREATED, IDS, UNKEYED, Key
from backfill.jobs.offered import answer_or_proof
from backfill.jobs.pages import is_too_much
from backfill.jobs.proofs import is_not_offered
from backfill.jobs.rates import CURRENCIES, CURRENCIES_MAX, EVERY_CURRENCY, codes_of
from backfill.jobs.scan import Look, look_through
from backfill.jobs.slices import ROWS_PER_SLICE
from backfill.jobs.trial import compare_trial_balance
from backfill.jobs.vanished import mark_vanished_together
from backfill.jobs.verify_ports import VerificationStore
from backfill.jobs.work import REALM_DISPOSITIONS, RealmWork
from backfill.model import Proof, Record, Refusal
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.query import PAGE_ROWS_MAX
from backfill.verdict_model import Difference, DifferenceKind, Verdict

IDS_PER_STATEMENT = 30
"""Documents of one entity in a batch: thirty times thirty stay below the thousand objects that an answer holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What is compared."""

    entities: Sequence[Entity]
    deep: bool = False
    """All documents; else a sample."""
    trial_balance: bool = True
    """Whether the landed ledger is compared with QuickBooks' own trial balance."""
    sample: int = IDS_PER_STATEMENT
    """Documents of each entity that are compared otherwise; at most IDS_PER_STATEMENT."""
    seed: str = ""
    """Of which ones are in the sample."""


@dataclass(slots=True)
class _Found:
    """What is found of one entity, while it is looked at."""

    entity: Entity
    counted: int | None = None
    held: int = 0
    quarantined: int = 0
    aside: Collection[str] = ()
    """Ids that are in quarantine: known not to be landed as they are."""
    looked_at: set[str] = field(default_factory=set)
    """Ids whose documents were compared."""
    there: set[str] | None = None
    """Every Id that the company has, where all were asked for."""
    differences: dict[str, Difference] = field(default_factory=dict)
    newer: int = 0
    moved: int = 0
    note: str = ""
    unknown: bool = False
    rates: AskedRates | None = None
    """How they are asked for, where these are rates and the company has currencies."""

    def verdict(self) -> Verdict:
        said = [self.note]
        said += [f"{self.quarantined:,} set aside in quarantine"] if self.quarantined else []
        said += [f"{self.newer:,} changed since they were read"] if self.newer else []
        said += [f"{self.moved:,} differ in a balance alone, which moves without a new version"] if self.moved else []
        return Verdict(
            entity=self.entity.name,
            equal=None if self.unknown and not self.differences else not self.differences,
            counted=self.counted,
            held=self.held,
            compared=len(self.looked_at),
            differences=sorted(self.differences.values(), key=lambda one: (one.kind.value, one.id)),
            note="; ".join(part for part in said if part),
        )


async def verify_realm(work: RealmWork, landed: VerificationStore, options: VerifyOptions) -> Sequence[Verdict]:
    """Compare one realm with its company. Raises `StoppedError`, and `RequestError` for what concerns the realm."""
    work.proven_at = await work.store.proven_at(work.realm_id)
    verifier = _Verifier(work, landed, options, {entity: _Found(entity) for entity in options.entities})
    await verifier.count()
    for entity in options.entities:
        work.check_stop()
        await verifier.walk_where_needed(entity)
    await verifier.sample()
    await verifier.forgive_later_deletes()
    verdicts = [found.verdict() for found in verifier.found.values()]
    if options.trial_balance:
        moved = any(found.newer for found in verifier.found.values())
        verdicts.append(await compare_trial_balance(work, landed, moved=moved))
    return verdicts


async def repair_realm(work: RealmWork, landed: VerificationStore, verdicts: Sequence[Verdict]) -> int:
    """Read again just what differs: land what is there, mark deleted what is not. Returns how many were read."""
    work.proven_at = {}  # or of equal versions the one that is held would stand
    wrong = {CATALOGUE[one.entity]: [it.id for it in one.differences] for one in verdicts if one.entity in CATALOGUE}
    wrong = {entity: ids for entity, ids in wrong.items() if ids}
    for entity, ids in wrong.items():
        await landed.forget_marks(work.lease, entity.name, ids)
    repaired = sum(map(len, wrong.values()))
    for entity in [entity for entity in wrong if entity.reading is Reading.RATES]:
        codes = codes_of(await work.ask.page(CURRENCIES, EVERY_CURRENCY))
        asked = asked_as(entity, codes, await landed.proofs(work.realm_id))
        await repair_rates(work, asked, wrong.pop(entity))
    await mark_vanished_together(work, wrong)
    return repaired


@dataclass(frozen=True, slots=True)
class _Verifier:
    work: RealmWork
    landed: VerificationStore
    options: VerifyOptions
    found: dict[Entity, _Found]

    async def count(self) -> None:
        """Count everything on both sides. What Intuit does not count is compared row by row."""
        asked = [entity for entity in self.found if entity.countable or entity.reading is Reading.RATES]
        statements = [query.count(entity) if entity.countable else EVERY_CURRENCY for entity in asked]
        answers = await self.work.ask.many(statements)
        for entity, item in zip(asked, answers.items, strict=True):
            found = self.found[entity]
            answer = await self._asked_again(entity, item)
            if isinstance(answer, RequestError):
                if answer.disposition in REALM_DISPOSITIONS:
                    raise answer
                if not entity.countable:
                    found.unknown, found.note = True, f"Intuit refused to say its currencies: {answer.message}"
            elif isinstance(answer, Proof):
                found.counted, found.unknown, found.note = answer.counted, not answer.proven, answer.reason
            elif entity.countable:
                found.counted = answer.total_count or 0 if answer is item else None  # what there is, is walked
            else:
                await self._rates(found, answer)
        aside = await self.work.store.aside(self.work.realm_id)
        for entity, found in self.found.items():
            held = await self.work.store.held(self.work.realm_id, entity.name)
            found.held, found.quarantined, found.aside = held.live, held.quarantined, aside.get(entity.name, ())

    async def _rates(self, found: _Found, currencies: Page) -> None:
        try:
            codes = codes_of(currencies)
        except UnprovenError as error:
            found.unknown, found.note = True, error.message
            return
        found.rates = asked_as(found.entity, codes, await self.landed.proofs(self.work.realm_id))

    async def _asked_again(self, entity: Entity, item: Page | RequestError) -> Page | RequestError | Proof:
        """The answer; of what is said not to be there what a call of its own answers, or the proof that it is not."""
        if not isinstance(item, RequestError) or not is_not_offered(item):
            return item
        counted = entity if entity.countable else CURRENCIES
        ask = partial(self.work.ask.page, counted, query.page(counted, order_by=None, max_results=CURRENCIES_MAX))
        return await answer_or_proof(self.work, entity, ask, first=item)

    async def walk_where_needed(self, entity: Entity) -> None:
        """All Ids where the numbers differ; all documents where that is wanted, or where one answer has them anyway."""
        found = self.found[entity]
        if found.unknown:
            return
        differ = found.counted is not None and found.counted != found.held + found.quarantined
        whole = self.options.deep or entity.reading is not Reading.SCAN or found.counted is None
        if not (differ or whole) or (found.counted == 0 and found.held == 0):
            return
        try:
            await self._walk(found, documents=whole)
        except (FaultError, UnprovenError) as fault:
            # A page that always fails has a row in it that the server cannot read, and is no trouble of the realm's.
            of_a_row = isinstance(fault, FaultError) and is_too_much(fault)
            if fault.disposition in REALM_DISPOSITIONS and not of_a_row:
                raise
            found.unknown, found.note = True, f"it could not be read: {fault.message}"

    async def _walk(self, found: _Found, *, documents: bool) -> None:
        """Everything the company has. What is held and was not met is asked for by its Id before it counts."""
        there: set[str] = set()
        newer: set[str] = set()
        nameless: dict[bytes, str] = {}

        async def look(records: Sequence[Record], refusals: Sequence[Refusal]) -> None:
            watermark = self._watermark(found)
            fresh = [record for record in records if record.id not in there]
            newer.update(record.id for record in fresh if is_newer(bytes(record.doc), watermark))
            newer.update(refusal.id for refusal in refusals if is_newer(refusal.raw, watermark))
            there.update(record.id for record in fresh)
            there.update(refusal.id for refusal in refusals if refusal.id)
            nameless.update((refusal.raw, refusal.message) for refusal in refusals if not refusal.id)
            for refusal in refusals:
                if refusal.id and refusal.id not in newer:
                    await self._left_unread(found, [refusal.id], refusal.message)
            if documents:
                await self._compare(found, fresh)

        if found.counted is None:
            await self._pages(found, look)
        else:
            await look_through(self.work, found.entity, _key(found, documents=documents), look)
        found.there = there
        held = set(await self.work.store.live_ids(self.work.realm_id, found.entity.name))
        lost = held - there
        if found.rates is not None:
            found.counted = len(there)
            lost = {id_ for id_ in lost if found.rates.would_be_given(id_, oldest_day(there))}
            kept = len(held - there - lost)
            found.note = f"{kept:,} are kept that QuickBooks does not give any more" if kept else ""
        # Those in quarantine that were not met by name are known not to be landed as they are, too.
        if len(nameless) > found.quarantined - len(there.intersection(found.aside)):
            found.unknown, found.note = True, f"some could not be read: {next(iter(nameless.values()))}"
        await self._look_up(found, sorted(lost))
        missing = there.difference(held, found.aside)
        found.newer += len(missing & newer)
        if missing - newer:
            await self._look_up(found, sorted(missing - newer))

    async def _pages(self, found: _Found, look: Look) -> None:
        """All pages of what has no COUNT to say when all of it was met."""
        entity = found.entity
        start, full = 1, found.rates is None or bool(found.rates.codes)
        while full:
            self.work.check_stop()
            async with self.work.room_for(entity, PAGE_ROWS_MAX):
                if entity.reading is Reading.LISTING:
                    page = await self.work.ask.listing(entity)
                else:
                    order_by = query.CREATE_TIME if entity.reading is Reading.SCAN else None
                    every = query.page(entity, order_by=order_by, start_position=start)
                    page = await self.work.ask.page(entity, found.rates.page(start) if found.rates else every)
                full = entity.queryable and page.received >= PAGE_ROWS_MAX
                start += page.received
                await look(page.records, page.refusals)
                del page  # with its room

    async def sample(self) -> None:
        """Some documents of each entity that was not compared whole, many entities to a call."""
        # Which ones are looked at is no secret.
        rng = random.Random(f"{self.options.seed}:{self.work.realm_id}")  # noqa: S311
        asked: list[tuple[_Found, Sequence[str]]] = []
        for entity, found in self.found.items():
            if self.options.deep or entity.reading is not Reading.SCAN or found.unknown or found.counted is None:
                continue
            held = set(await self.work.store.live_ids(self.work.realm_id, entity.name))
            ids = sorted(held.difference(found.differences, found.aside))
            if ids:
                asked.append((found, rng.sample(ids, min(self.options.sample, IDS_PER_STATEMENT, len(ids)))))
        for start in range(0, len(asked), query.BATCH_ITEMS_MAX):
            self.work.check_stop()
            await self._look_up_together(asked[start : start + query.BATCH_ITEMS_MAX])

    async def _look_up(self, found: _Found, ids: Sequence[str]) -> None:
        """Ask for the Ids and compare. Where the entity's rows cannot be asked for by Id, the walk has said it all."""
        if found.entity.reading is not Reading.SCAN:
            documents = await self.landed.documents(self.work.realm_id, found.entity.name, ids)
            for id_ in ids:
                _note_missing_side(found, id_, documents.get(id_))
            return
        for start in range(0, len(ids), IDS_PER_STATEMENT):
            await self._look_up_together([(found, ids[start : start + IDS_PER_STATEMENT])])

    async def _look_up_together(self, asked: Sequence[tuple[_Found, Sequence[str]]]) -> None:
        refused: list[tuple[_Found, Sequence[str], RequestError]] = []
        async with self.work.room_for(asked[0][0].entity, sum(len(ids) for _, ids in asked)):
            answers = await self.work.ask.many([query.by_ids(found.entity, ids) for found, ids in asked])
            for (found, ids), answer in zip(asked, answers.items, strict=True):
                if isinstance(answer, RequestError):
                    if answer.disposition in REALM_DISPOSITIONS and not is_too_much(answer):
                        raise answer
                    refused.append((found, ids, answer))
                    continue
                await self._compare(found, answer.records)
                for refusal in answer.refusals:
                    if not is_newer(refusal.raw, self._watermark(found)):
                        await self._left_unread(found, [refusal.id], refusal.message)
                present = {record.id for record in answer.records} | {refusal.id for refusal in answer.refusals}
                gone = [id_ for id_ in ids if id_ not in present]
                documents = await self.landed.documents(self.work.realm_id, found.entity.name, gone)
                for id_, document in documents.items():
                    _note_missing_side(found, id_, document)
        for found, ids, fault in refused:
            if is_too_much(fault) and len(ids) > 1:  # one row spoils it for the others
                middle = len(ids) // 2
                await self._look_up_together([(found, ids[:middle]), (found, ids[middle:])])
            else:
                await self._left_unread(found, ids, fault.message)

    async def _left_unread(self, found: _Found, ids: Sequence[str], why: str) -> None:
        """What the walk saw and is not held is missing all the same; of what is held, nobody can say what it is."""
        ids = [id_ for id_ in ids if id_ not in found.aside]
        if not ids:
            return
        found.note = found.note or f"some could not be read: {why}"
        documents = await self.landed.documents(self.work.realm_id, found.entity.name, ids)
        for id_ in ids:
            if id_ in documents:
                found.unknown = True
            elif found.there is not None and id_ in found.there:
                _note_missing_side(found, id_, None)

    async def _compare(self, found: _Found, records: Sequence[Record]) -> None:
        """Compare what the company sent with what is landed of it."""
        watermark = self._watermark(found)
        ids = [record.id for record in records]
        documents = await self.landed.documents(self.work.realm_id, found.entity.name, ids)
        for record in records:
            if record.id in found.aside:
                continue
            there, ours = bytes(record.doc), documents.get(record.id)
            if ours is None:
                if found.there is not None and not is_newer(there, watermark):
                    found.differences[record.id] = Difference(
                        record.id, DifferenceKind.MISSING, about(there), "the company has it"
                    )
                continue
            found.looked_at.add(record.id)
            one = compared(ours, there, watermark)
            found.newer += one.newer
            found.moved += one.moved
            if one.detail:
                found.differences[record.id] = Difference(record.id, DifferenceKind.ALTERED, about(ours), one.detail)

    def _watermark(self, found: _Found) -> datetime | None:
        return self.work.proven_at.get(found.entity.name)

    async def forgive_later_deletes(self) -> None:
        """What was deleted after the watermark is no difference: change data capture knows when that was."""
        lost = {entity: _of_kind(found, DifferenceKind.EXTRA) for entity, found in self.found.items()}
        doubted = [e for e, ids in lost.items() if ids and e.carried_by_cdc and e.name in self.work.proven_at]
        if not doubted:
            return
        since = min(self.work.proven_at[entity.name] for entity in doubted)
        try:
            answer = await self.work.ask.cdc(doubted, since)
        except FaultError:
            return  # too long ago; then nobody can tell, and to name one too many is safe
        for entity in doubted:
            page = answer.pages.get(entity.name)
            watermark = self.work.proven_at[entity.name].replace(microsecond=0)  # as of changes: see `equality`
            for record in page.records if page is not None and answer.total < self.work.cdc_objects else ():
                later = record.deleted and record.updated_at is not None and record.updated_at >= watermark
                if later and record.id in self.found[entity].differences:
                    del self.found[entity].differences[record.id]
                    self.found[entity].newer += 1


def _key(found: _Found, *, documents: bool) -> Key:
    """Of what change data capture does not carry the order may mean nothing, which few rows at a time do not show."""
    if found.entity.reading is Reading.WRAPPED:
        return UNKEYED
    key = CREATED if documents else IDS
    is_small = found.counted is not None and found.counted <= ROWS_PER_SLICE
    return replace(key, time=None) if is_small and not found.entity.carried_by_cdc else key


def _note_missing_side(found: _Found, id_: str, document: bytes | None) -> None:
    """An Id that only one side has."""
    if document is None:
        found.differences[id_] = Difference(id_, DifferenceKind.MISSING, "", "the company has it")
    else:
        found.differences[id_] = Difference(id_, DifferenceKind.EXTRA, about(document), "the company has none")


def _of_kind(found: _Found, kind: DifferenceKind) -> Collection[str]:
    return [one.id for one in found.differences.values() if one.kind is kind]
