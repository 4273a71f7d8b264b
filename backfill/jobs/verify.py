"""What is landed of one realm beside the company itself: counts, Ids, documents. What differs is named, and repaired.

    counts      COUNT(*) of every entity beside the live rows held
    Ids         where they differ (or all is compared): every Id the company has, beside every Id held
    documents   a sample by Id, or all of them, beside the landed ones, member by member

As few calls as extract makes do: what is small is read whole, many entities to a call, and what is large by several
readers. A company that people work in moves on: what changed after the entity's watermark is no difference, and is
counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from msgspec import structs

from backfill.errors import FaultError, RequestError, UnprovenError
from backfill.jobs.asked_rates import asked_as, repair_rates
from backfill.jobs.comparison import IDS_PER_STATEMENT, Asked, Comparer, Found, Part
from backfill.jobs.costs import Costs
from backfill.jobs.keys import CREATED, IDS, UNKEYED, Key
from backfill.jobs.offered import answer_or_proof
from backfill.jobs.plan import plan_slices
from backfill.jobs.proofs import is_not_offered
from backfill.jobs.rates import CURRENCIES, CURRENCIES_MAX, EVERY_CURRENCY, RATES_MAX
from backfill.jobs.readers import share
from backfill.jobs.scan import Look, look_through
from backfill.jobs.slices import ROWS_PER_SLICE, whole
from backfill.jobs.snapshot import is_snapshot, packed
from backfill.jobs.too_much import is_too_much
from backfill.jobs.trial import compare_trial_balance
from backfill.jobs.uncounted import every_page
from backfill.jobs.vanished import mark_vanished, mark_vanished_together
from backfill.jobs.verify_ports import VerificationStore
from backfill.jobs.whole_answer import all_of
from backfill.jobs.work import REALM_DISPOSITIONS, SETTLED, RealmWork
from backfill.model import Proof, Slice
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.query import PAGE_ROWS_MAX
from backfill.verdict_model import LEFT_UNREAD, DifferenceKind, Verdict

_PART_ROWS = 50_000
"""Of a part that is compared all Ids are in memory, on both sides: some 10 MB, for each reader."""


_FORGOTTEN_AT_ONCE = 1_000
"""Rows of one transaction: as many as a page, for which a statement's time is meant."""


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
    readers: int = 8
    """Pages of one realm read at a time; as of extract."""
    costs: Costs = field(default_factory=Costs)
    """What to keep low, and what a call costs."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison of one realm found."""

    verdicts: Sequence[Verdict]
    wrong: Mapping[Entity, Collection[str]]
    """Ids that differ, as many as are read again at a time: a repair of more takes several comparisons."""
    at: datetime
    """The server's time when it began."""

    @property
    def differing(self) -> int:
        """Objects that differ."""
        return sum(one.differing for one in self.verdicts if one.entity in CATALOGUE)

    @property
    def has_more(self) -> bool:
        """Whether more differ than `wrong` names."""
        return self.differing > sum(map(len, self.wrong.values()))


async def verify_realm(work: RealmWork, landed: VerificationStore, options: VerifyOptions) -> Compared:
    """Compare one realm with its company. Raises `StoppedError`, and `RequestError` for what concerns the realm."""
    work.proven_at = await work.store.proven_at(work.realm_id)
    comparer = Comparer(work, landed)
    verifier = _Verifier(work, landed, comparer, options, {entity: Found(entity) for entity in options.entities})
    counted_at = await verifier.count()
    await verifier.read_whole(counted_at)
    await verifier.sample()
    founds = verifier.found.values()
    await comparer.forgive_later_deletes(founds)
    verdicts = [found.verdict() for found in founds]
    if options.trial_balance:
        moved = any(found.newer for found in founds)
        verdicts.append(await compare_trial_balance(work, landed, moved=moved))
    wrong = {found.entity: found.differences.ids for found in founds if found.differences.ids}
    return Compared(verdicts, wrong, counted_at)


async def repair_realm(work: RealmWork, landed: VerificationStore, found: Compared) -> int:
    """Read again just what differs: land what is there, mark deleted what is not. Returns how many were read.

    What the company says stands, though it be older than what is held: it may have been restored from a backup. Only
    what is new is left as it is, for an answer may come from a machine that has not got it yet. What Intuit will not
    give of one entity leaves that as it is. Raises `RequestError` for what concerns the realm.
    """
    work.proven_at = {}  # or of equal versions the one that is held would stand
    new = (found.at - SETTLED, found.at + SETTLED)
    wrong = {entity: sorted(ids) for entity, ids in found.wrong.items()}
    for entity, ids in wrong.items():
        for start in range(0, len(ids), _FORGOTTEN_AT_ONCE):
            some = ids[start : start + _FORGOTTEN_AT_ONCE]
            await landed.forget_versions(work.lease, entity.name, some, but_updated_within=new)
    repaired = sum(map(len, wrong.values()))
    for entity in [entity for entity in wrong if entity.reading is Reading.RATES]:
        ids = wrong.pop(entity)
        with work.trouble_of(entity):
            asked = await asked_as(work, entity, await landed.proofs(work.realm_id))
            await repair_rates(work, asked, ids)
    try:
        await mark_vanished_together(work, wrong)
    except FaultError:  # of one entity; those before it are asked for once more
        for entity, ids in wrong.items():
            with work.trouble_of(entity):
                await mark_vanished(work, entity, ids)
    return repaired


@dataclass(frozen=True, slots=True)
class _Verifier:
    work: RealmWork
    landed: VerificationStore
    comparer: Comparer
    options: VerifyOptions
    found: dict[Entity, Found]

    async def count(self) -> datetime:
        """Count everything on both sides. What Intuit does not count is compared row by row.

        Returns the server's time of it; where nothing was counted ours, on which no cut depends then.
        """
        aside = await self.work.store.aside(self.work.realm_id)
        differed = await self.landed.differed(self.work.realm_id)
        for entity, found in self.found.items():
            found.before = differed.get(entity.name)
            held = await self.work.store.held(self.work.realm_id, entity.name)
            found.held, found.quarantined, found.aside = held.live, held.quarantined, aside.get(entity.name, ())
        asked = [entity for entity in self.found if entity.countable or entity.reading is Reading.RATES]
        statements = [query.count(entity) if entity.countable else EVERY_CURRENCY for entity in asked]
        if not asked:
            return self.work.now()
        answers = await self.work.ask.many(statements)
        for entity, item in zip(asked, answers.items, strict=True):
            found = self.found[entity]
            answer = await self._asked_again(entity, item)
            if isinstance(answer, RequestError):
                if answer.disposition in REALM_DISPOSITIONS and not is_too_much(answer):
                    raise answer
                if not entity.countable:
                    found.unknown, found.note = True, f"Intuit refused to say its currencies: {answer.message}"
            elif isinstance(answer, Proof):
                found.counted, found.unknown, found.note = answer.counted, not answer.proven, answer.reason
            elif entity.countable:
                # What was not counted, or only in a call of its own, is walked.
                found.counted = answer.total_count if answer is item else None
            else:
                await self._rates(found, answer)
        return answers.first_time if answers.times else self.work.now()

    async def _rates(self, found: Found, currencies: Page) -> None:
        with _trouble_of(found):
            proofs = await self.landed.proofs(self.work.realm_id)
            found.rates = await asked_as(self.work, found.entity, proofs, currencies)

    async def _asked_again(self, entity: Entity, item: Page | RequestError) -> Page | RequestError | Proof:
        """The answer; of what is said not to be there what a call of its own answers, or the proof that it is not."""
        if not isinstance(item, RequestError) or not is_not_offered(item):
            return item
        counted = entity if entity.countable else CURRENCIES
        ask = partial(self.work.ask.page, counted, query.page(counted, order_by=None, max_results=CURRENCIES_MAX))
        return await answer_or_proof(self.work, entity, ask, first=item)

    async def read_whole(self, counted_at: datetime) -> None:
        """All Ids where the numbers differ; all documents where that is wanted, or where one answer has them anyway."""
        wanted = [found for found in self.found.values() if self._is_wanted_whole(found)]
        parts = await self._parts(await self._read_together(wanted), counted_at)
        name = f"realm {self.work.realm_id}, verifier"
        await share(parts, self._read_part, readers=self.options.readers, name=name)
        for found in wanted:
            if not found.unknown:
                self.comparer.account_for_nameless(found)

    def _is_wanted_whole(self, found: Found) -> bool:
        if found.unknown or (found.counted == 0 and found.held == 0):
            return False
        return self._has_all_compared(found) or found.counted != found.held + found.quarantined

    def _has_all_compared(self, found: Found) -> bool:
        """Of what differed and was not named, too: a sample would not find it again."""
        has_unnamed = found.before is not None and found.before.unnamed > 0
        return self.options.deep or has_unnamed or found.entity.reading is not Reading.SCAN or found.counted is None

    async def _read_together(self, wanted: Sequence[Found]) -> Sequence[Found]:
        """What one answer holds, many entities to a call. Returns the others, and what came neither whole nor well."""
        rows = {found.entity.name: found.held if found.counted is None else found.counted for found in wanted}
        small = [found.entity for found in wanted if self._is_small(found, rows)]
        alone = [found for found in wanted if found.entity not in small]
        for group in packed(small, rows):
            self.work.check_stop()
            came: list[Part] = []
            async with self.work.room_for(group[0], sum(rows[entity.name] for entity in group)):
                answers = await self.work.ask.many([self._all_of(entity) for entity in group])
                brought = sum(item.received for item in answers.items if isinstance(item, Page))
                for entity, item in zip(group, answers.items, strict=True):
                    found = self.found[entity]
                    # How a cut of a thousand objects shows is not documented: see `snapshot`.
                    if isinstance(item, RequestError) or brought >= PAGE_ROWS_MAX:
                        alone.append(found)
                    else:
                        came.append(Part(found, None, documents=True))
                        await self.comparer.meet(came[-1], item.records, item.refusals)
                del answers, item  # with their room
            for part in came:
                with _trouble_of(part.found):
                    await self._settle(part)
        return alone

    async def _settle(self, part: Part) -> None:
        await self.comparer.settle(part)
        part.met, part.newer = set(), set()  # the next one's are as many
        part.found.compared_whole = part.documents

    def _is_small(self, found: Found, rows: dict[str, int]) -> bool:
        if found.rates is not None:
            return bool(found.rates.codes) and found.held <= RATES_MAX
        return is_snapshot(found.entity, rows, self.work.page_rows)

    def _all_of(self, entity: Entity) -> str:
        rates = self.found[entity].rates
        return all_of(entity, None) if rates is None else rates.page()

    async def _parts(self, alone: Sequence[Found], counted_at: datetime) -> Sequence[Part]:
        """What several readers share: slices of what has a COUNT that says when all was met, and the others whole."""
        counts = {found.entity.name: found.counted for found in alone if found.counted is not None}
        slices = await plan_slices(
            self.work,
            [found.entity for found in alone],
            counts,
            started_at=counted_at,
            since=None,
            costs=self.options.costs,
            readers=max(self.options.readers, sum(counts.values()) // _PART_ROWS),
        )
        last = {part.entity: part.number for part in slices}
        slices = [structs.replace(part, upper=None) if part.number == last[part.entity] else part for part in slices]
        parts = [self._part(self.found[CATALOGUE[part.entity]], part) for part in slices]
        for found in alone:
            name = found.entity.name
            if name not in last:
                parts.append(self._part(found, whole(name, None, None) if name in counts else None))
        return parts

    def _part(self, found: Found, between: Slice | None) -> Part:
        return Part(found, between, documents=self._has_all_compared(found))

    async def _read_part(self, part: Part) -> None:
        found = part.found
        if found.unknown:
            return
        with _trouble_of(found):
            look = partial(self.comparer.meet, part)
            if part.between is not None:
                await self._walk(part, part.between, look)
            else:
                proof = await answer_or_proof(self.work, found.entity, partial(self._pages, found, look))
                if proof is not None:
                    found.unknown, found.note = not proof.proven, proof.reason
                    return
            await self._settle(part)

    async def _walk(self, part: Part, between: Slice, look: Look) -> None:
        """By Ids, or by whole documents: that a server gives some members alone is widely used, and not promised."""
        entity = part.found.entity
        try:
            await look_through(self.work, entity, between, _key(part), look)
        except FaultError as fault:
            if part.documents or fault.disposition in REALM_DISPOSITIONS:
                raise
            part.documents, part.met, part.newer = True, set(), set()
            await look_through(self.work, entity, between, _key(part), look)

    async def _pages(self, found: Found, look: Look) -> None:
        """All of what has no COUNT to say when all of it was met."""
        entity, rates = found.entity, found.rates
        if entity.reading is Reading.LISTING:
            async with self.work.room_for(entity, PAGE_ROWS_MAX):
                page = await self.work.ask.listing(entity)
                await look(page.records, page.refusals)
                del page  # with its room
        elif rates is None:
            order_by = query.CREATE_TIME if entity.reading is Reading.SCAN else None

            def statement(start: int, rows: int) -> str:
                return query.page(entity, order_by=order_by, start_position=start, max_results=rows)

            await every_page(self.work, entity, statement, lambda page: look(page.records, page.refusals))
        elif rates.codes:
            await every_page(self.work, entity, rates.page, lambda page: look(page.records, page.refusals))

    async def sample(self) -> None:
        """Some documents of each entity that was not compared whole, many entities to a call; each run takes others.

        What differed before is among them, or a look at others would call it equal.
        """
        asked: list[Asked] = []
        for entity, found in self.found.items():
            if self._has_all_compared(found) or found.compared_whole or found.unknown or found.counted == 0:
                continue  # of what there is none of, or what is not offered any more, nothing can be asked for
            settled = {*found.differences.ids, *found.aside}
            before = [] if found.before is None else [one for one in found.before.differences if one.id not in settled]
            sampled = await self.landed.sample_ids(
                self.work.realm_id,
                entity.name,
                min(self.options.sample, IDS_PER_STATEMENT),
                seed=self.work.run_id,
                without={*settled, *(one.id for one in before)},
            )
            ids = [*(one.id for one in before), *sampled]
            there = {one.id for one in before if one.kind is not DifferenceKind.EXTRA}
            asked += [
                Asked(found, ids[start : start + IDS_PER_STATEMENT], there)
                for start in range(0, len(ids), IDS_PER_STATEMENT)
            ]
        for start in range(0, len(asked), query.BATCH_ITEMS_MAX):
            self.work.check_stop()
            await self.comparer.look_up_together(asked[start : start + query.BATCH_ITEMS_MAX])


@contextmanager
def _trouble_of(found: Found) -> Iterator[None]:
    """What only this entity refuses within the block leaves it unknown, and the others go on."""
    try:
        yield
    except (FaultError, UnprovenError) as fault:
        # A page that always fails has a row in it that the server cannot read, and is no trouble of the realm's.
        of_a_row = isinstance(fault, FaultError) and is_too_much(fault)
        if fault.disposition in REALM_DISPOSITIONS and not of_a_row:
            raise
        found.unknown, found.note = True, f"it {LEFT_UNREAD}: {fault.message}"


def _key(part: Part) -> Key:
    """Of what change data capture does not carry the order may mean nothing, which few rows at a time do not show."""
    found = part.found
    if found.entity.reading is Reading.WRAPPED:
        return UNKEYED
    key = CREATED if part.documents else IDS
    is_small = found.counted is not None and found.counted <= ROWS_PER_SLICE
    return replace(key, time=None) if is_small and not found.entity.carried_by_cdc else key
