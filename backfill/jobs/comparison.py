"""What a company sends of an entity beside what is landed of it, until the verdict can be said."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from backfill.errors import FaultError, RequestError
from backfill.jobs.asked_rates import AskedRates, oldest_day
from backfill.jobs.differences import Differences
from backfill.jobs.equality import about, compared, is_newer, may_be_newer
from backfill.jobs.too_much import halves, is_too_much
from backfill.jobs.verify_ports import VerificationStore
from backfill.jobs.work import REALM_DISPOSITIONS, RealmWork
from backfill.model import Record, Refusal, Slice
from backfill.qbo import query
from backfill.qbo.catalogue import Entity, Reading
from backfill.verdict_model import LEFT_UNREAD, Difference, DifferenceKind, Verdict

IDS_PER_STATEMENT = 30
"""Documents of one entity in a batch: thirty times thirty stay below the thousand objects that an answer holds."""


@dataclass(slots=True)
class Found:
    """What is found of one entity, while it is looked at."""

    entity: Entity
    counted: int | None = None
    held: int = 0
    quarantined: int = 0
    aside: Collection[str] = ()
    """Ids that are in quarantine: known not to be landed as they are."""
    compared: int = 0
    """Documents."""
    nameless: set[int] = field(default_factory=set)
    """What was met and has no Id that can be read: the hashes of its bytes, or of where it stands."""
    why_nameless: str = ""
    """What is wrong with one of them."""
    aside_met: set[str] = field(default_factory=set)
    """Those in quarantine that were met by their Ids."""
    compared_whole: bool = False
    """No sample is wanted any more."""
    differences: Differences = field(default_factory=Differences)
    newer: int = 0
    moved: int = 0
    note: str = ""
    unknown: bool = False
    before: Verdict | None = None
    """What is known to have differed; nobody has found it mended since."""
    rates: AskedRates | None = None
    """How they are asked for, where these are rates and the company has currencies."""

    def verdict(self) -> Verdict:
        said = [self.note]
        said += [f"{self.quarantined:,} set aside in quarantine"] if self.quarantined else []
        said += [f"{self.newer:,} changed since they were read"] if self.newer else []
        said += [f"{self.moved:,} differ in a balance alone, which moves without a new version"] if self.moved else []
        named, differing = self.differences.named(), len(self.differences)
        return Verdict(
            entity=self.entity.name,
            equal=None if self.unknown and not differing else not differing,
            counted=self.counted,
            held=self.held,
            compared=self.compared,
            differences=named,
            note="; ".join(part for part in said if part),
            unnamed=differing - len(named),
        )


@dataclass(slots=True)
class Part:
    """All of an entity, or a part of it by CreateTime, and what the company was seen to have there."""

    found: Found
    between: Slice | None
    """None: all of it, without a COUNT that says when it was met."""
    documents: bool
    """Whether documents are compared, and not Ids alone."""
    met: set[str] = field(default_factory=set)
    newer: set[str] = field(default_factory=set)
    """Those of `met` that the company changed after the watermark."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Ids of an entity to be asked for. Of those in `met` the company was seen to have them."""

    found: Found
    ids: Sequence[str]
    met: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares for one realm."""

    work: RealmWork
    landed: VerificationStore

    async def meet(self, part: Part, records: Sequence[Record], refusals: Sequence[Refusal]) -> None:
        """Take what the company sent of a part. What came before may come again."""
        found, watermark = part.found, self._watermark(part.found)
        fresh = [record for record in records if record.id not in part.met]
        part.newer.update(record.id for record in fresh if is_newer(record, watermark))
        part.newer.update(refusal.id for refusal in refusals if may_be_newer(refusal.raw, watermark))
        part.met.update(record.id for record in fresh)
        part.met.update(refusal.id for refusal in refusals if refusal.id)
        for refusal in refusals:
            if not refusal.id:
                found.nameless.add(hash(refusal.raw))
                found.why_nameless = found.why_nameless or refusal.message
            elif refusal.id not in part.newer:
                await self._left_unread(Asked(found, [refusal.id]), refusal.message)
        if part.documents:
            # The second that two parts share is the earlier one's.
            begins = part.between.lower if part.between is not None else None
            await self._compare(Asked(found, ()), [one for one in fresh if begins is None or one.created_at != begins])

    async def settle(self, part: Part) -> None:
        """All of it was met. What only one side seems to have is asked for by its Id before it counts."""
        found = part.found
        low, high = (part.between.lower, part.between.upper) if part.between is not None else (None, None)
        held = set(
            await self.work.store.live_ids(self.work.realm_id, found.entity.name, created_from=low, created_to=high)
        )
        lost = held - part.met
        if found.rates is not None:
            found.counted = len(part.met)
            lost = {id_ for id_ in lost if found.rates.would_be_given(id_, oldest_day(part.met))}
            kept = len(held - part.met - lost)
            found.note = f"{kept:,} are kept that QuickBooks does not give any more" if kept else ""
        missing = part.met.difference(held, found.aside)
        found.newer += len(missing & part.newer)
        found.aside_met |= part.met.intersection(found.aside)
        await self._look_up(Asked(found, sorted(lost | missing - part.newer), part.met))

    def account_for_nameless(self, found: Found) -> None:
        """All of the entity was met. What is in quarantine and was not met by its Id is known not to be landed so."""
        if len(found.nameless) > found.quarantined - len(found.aside_met):
            found.unknown, found.note = True, f"some {LEFT_UNREAD}: {found.why_nameless}"

    async def _look_up(self, asked: Asked) -> None:
        """Ask for the Ids and compare. Where the entity's rows cannot be asked for by Id, the walk has said it all."""
        found, ids = asked.found, asked.ids
        if found.entity.reading is not Reading.SCAN:
            documents = await self.landed.documents(self.work.realm_id, found.entity.name, ids)
            for id_ in ids:
                _note_missing_side(found, id_, documents.get(id_))
            return
        few = [
            replace(asked, ids=ids[start : start + IDS_PER_STATEMENT])
            for start in range(0, len(ids), IDS_PER_STATEMENT)
        ]
        for start in range(0, len(few), query.BATCH_ITEMS_MAX):
            self.work.check_stop()
            await self.look_up_together(few[start : start + query.BATCH_ITEMS_MAX])

    async def look_up_together(self, all_asked: Sequence[Asked]) -> None:
        """Ask for Ids of several entities in one call, and compare. Raises `RequestError` for the realm's troubles."""
        refused: list[tuple[Asked, RequestError]] = []
        async with self.work.room_for(all_asked[0].found.entity, sum(len(asked.ids) for asked in all_asked)):
            answers = await self.work.ask.many([query.by_ids(asked.found.entity, asked.ids) for asked in all_asked])
            for asked, answer in zip(all_asked, answers.items, strict=True):
                if isinstance(answer, RequestError):
                    if answer.disposition in REALM_DISPOSITIONS and not is_too_much(answer):
                        raise answer
                    refused.append((asked, answer))
                    continue
                found = asked.found
                await self._compare(asked, answer.records)
                for refusal in answer.refusals:
                    if not may_be_newer(refusal.raw, self._watermark(found)):
                        await self._left_unread(replace(asked, ids=[refusal.id]), refusal.message)
                present = {record.id for record in answer.records} | {refusal.id for refusal in answer.refusals}
                gone = [id_ for id_ in asked.ids if id_ not in present]
                documents = await self.landed.documents(self.work.realm_id, found.entity.name, gone)
                for id_, document in documents.items():
                    _note_missing_side(found, id_, document)
        for asked, fault in refused:
            if is_too_much(fault) and len(asked.ids) > 1:  # one row spoils it for the others
                await self.look_up_together([replace(asked, ids=ids) for ids in halves(asked.ids)])
            else:
                await self._left_unread(asked, fault.message)

    async def _left_unread(self, asked: Asked, why: str) -> None:
        """What the walk saw and is not held is missing all the same; of what is held, nobody can say what it is."""
        found = asked.found
        ids = [id_ for id_ in asked.ids if id_ not in found.aside]
        if not ids:
            return
        found.note = found.note or f"some {LEFT_UNREAD}: {why}"
        documents = await self.landed.documents(self.work.realm_id, found.entity.name, ids)
        for id_ in ids:
            if id_ in documents:
                found.unknown = True
            elif id_ in asked.met:
                _note_missing_side(found, id_, None)

    async def _compare(self, asked: Asked, records: Sequence[Record]) -> None:
        """Compare what the company sent with what is landed of it."""
        found, watermark = asked.found, self._watermark(asked.found)
        ids = [record.id for record in records]
        documents = await self.landed.documents(self.work.realm_id, found.entity.name, ids)
        for record in records:
            if record.id in found.aside:
                continue
            there, ours = bytes(record.doc), documents.get(record.id)
            if ours is None:
                if record.id in asked.met and not is_newer(record, watermark):
                    found.differences.add(
                        Difference(record.id, DifferenceKind.MISSING, about(there), "the company has it")
                    )
                continue
            found.compared += 1
            one = compared(ours, there, watermark)
            found.newer += one.newer
            found.moved += one.moved
            if one.detail:
                found.differences.add(Difference(record.id, DifferenceKind.ALTERED, about(ours), one.detail))

    def _watermark(self, found: Found) -> datetime | None:
        return self.work.proven_at.get(found.entity.name)

    async def forgive_later_deletes(self, founds: Iterable[Found]) -> None:
        """What was deleted after the watermark is no difference: change data capture knows when that was."""
        doubted = {
            found.entity: found
            for found in founds
            if found.entity.carried_by_cdc and self._watermark(found) and found.differences.has_extra
        }
        if not doubted:
            return
        since = min(self.work.proven_at[entity.name] for entity in doubted)
        try:
            answer = await self.work.ask.cdc(list(doubted), since)
        except FaultError:
            return  # too long ago; then nobody can tell, and to name one too many is safe
        for entity, found in doubted.items():
            page = answer.pages.get(entity.name)
            if page is not None and answer.total < self.work.cdc_objects:
                deleted = [one for one in page.records if one.deleted and is_newer(one, self._watermark(found))]
                found.newer += found.differences.forgive_extra(one.id for one in deleted)


def _note_missing_side(found: Found, id_: str, document: bytes | None) -> None:
    """An Id that only one side has."""
    if document is None:
        found.differences.add(Difference(id_, DifferenceKind.MISSING, "", "the company has it"))
    else:
        found.differences.add(Difference(id_, DifferenceKind.EXTRA, about(document), "the company has none"))
