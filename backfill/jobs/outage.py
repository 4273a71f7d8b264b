"""What an outage may have hidden, and the smallest list of jobs that finds it: one way for each entity. Pure.

nothing     all of it was proven after the outage
changes     what changed, by change data capture: one call for all such entities, and a COUNT to prove it
one answer  read whole: it fits an answer together with others, which is its own proof
windows     what was updated since, by LastUpdatedTime, then a COUNT; deletes by the difference of Ids
whole       never proven before: all of it, as extract reads it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from backfill.jobs.costs import Costs
from backfill.jobs.outright import OUTRIGHT_ROWS_MAX, outright_rows
from backfill.jobs.snapshot import SNAPSHOT_ROWS_MAX, packed
from backfill.jobs.targets import CDC_AGE_MAX
from backfill.qbo.catalogue import Entity, Reading
from backfill.qbo.query import BATCH_ITEMS_MAX, CDC_OBJECTS_MAX, PAGE_ROWS_MAX


class Way(StrEnum):
    """How what an entity missed is found."""

    NOTHING = "nothing"
    CHANGES = "changes"
    ONE_ANSWER = "one answer"
    WINDOWS = "windows"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Known:
    """What our own database says of an entity before anything is asked."""

    held: int
    """Live rows."""
    proven_at: datetime | None
    """The server's time at which all of it was proven last."""
    changes: int
    """Rows that changed in a stretch as long as the outage before it: what is expected of the outage."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is done for one entity."""

    entity: Entity
    way: Way
    since: datetime
    """From when on changes may have been missed, by the server's clock."""
    held: int
    changes: int
    outright: bool = False
    """Read by the first call, which asks for all of several entities at once."""

    @property
    def is_walked(self) -> bool:
        """Whether more changes are expected than the one answer holds that brings them and the COUNT."""
        return self.way is Way.WINDOWS and self.changes >= PAGE_ROWS_MAX * 9 // 10


@dataclass(frozen=True, slots=True)
class Price:
    """The least that a job costs: calls sent, where several entities may share one, and what Intuit bills."""

    way: Way
    entities: tuple[str, ...]
    calls: int
    metered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """From when to when nothing was kept up. `until` None: until now."""

    since: datetime
    until: datetime | None = None

    def covered_by(self, proven_at: datetime | None) -> bool:
        """Whether a proof was made after the outage: then nothing of it can be missing."""
        return self.until is not None and proven_at is not None and proven_at >= self.until

    def begins_for(self, proven_at: datetime) -> datetime:
        """What came after an older proof was never known to be landed: then it is asked for as well."""
        return min(self.since, proven_at)

    def length(self, now: datetime) -> timedelta:
        return (self.until or now) - self.since


def plan_jobs(
    entities: Sequence[Entity], known: Mapping[str, Known], outage: Outage, *, now: datetime, costs: Costs
) -> Sequence[Job]:
    """A job for each entity, those that there is nothing to do for included."""
    jobs = [_job(entity, known[entity.name], outage, now) for entity in entities]
    followed = [job for job in jobs if job.way is Way.CHANGES]
    as_one = [replace(job, way=Way.ONE_ANSWER) for job in followed]
    fits = all(job.held <= SNAPSHOT_ROWS_MAX for job in followed)
    if followed and fits and _reread_cost(as_one, costs) < _follow_cost(followed, costs):
        whole = {job.entity.name: job for job in as_one}
        jobs = [whole.get(job.entity.name, job) for job in jobs]
    return _with_outright(jobs)


def _with_outright(jobs: Sequence[Job]) -> Sequence[Job]:
    """The jobs, as many of which as fit the first answer are in it: the smallest ones."""
    chosen: set[str] = set()
    rows = 0
    for job in sorted(jobs, key=lambda job: job.held):
        if job.way is Way.ONE_ANSWER and (job.entity.countable or job.entity.reading is Reading.SINGLETON):
            rows += outright_rows(job.held)
            if rows > OUTRIGHT_ROWS_MAX or len(chosen) == BATCH_ITEMS_MAX:
                break
            chosen.add(job.entity.name)
    return [replace(job, outright=job.entity.name in chosen) for job in jobs]


def _job(entity: Entity, known: Known, outage: Outage, now: datetime) -> Job:
    proven_at = known.proven_at
    since = outage.since if proven_at is None else outage.begins_for(proven_at)
    return Job(entity, _way(entity, known, outage, since, now), since, known.held, known.changes)


def _way(entity: Entity, known: Known, outage: Outage, since: datetime, now: datetime) -> Way:
    if outage.covered_by(known.proven_at):
        return Way.NOTHING
    if not entity.countable:
        return Way.ONE_ANSWER
    if known.proven_at is None or (entity.reading is not Reading.SCAN and known.held > SNAPSHOT_ROWS_MAX):
        return Way.WHOLE
    if not entity.carried_by_cdc or now - since > CDC_AGE_MAX or known.changes >= CDC_OBJECTS_MAX:
        return Way.ONE_ANSWER if known.held <= SNAPSHOT_ROWS_MAX else Way.WINDOWS
    return Way.CHANGES


def _follow_cost(jobs: Sequence[Job], costs: Costs) -> int:
    """Metered calls: a look at the changes, and a batch of counts."""
    return 1 + costs.of_batches(_batches(len(jobs)))


def _reread_cost(jobs: Sequence[Job], costs: Costs) -> int:
    return costs.of_batches(len(group) for group in _groups(jobs))


def _groups(jobs: Sequence[Job]) -> Sequence[Sequence[Entity]]:
    return packed([job.entity for job in jobs], {job.entity.name: job.held for job in jobs})


def _batches(items: int) -> Sequence[int]:
    whole, rest = divmod(items, BATCH_ITEMS_MAX)
    return [*([BATCH_ITEMS_MAX] * whole), *([rest] if rest else [])]


def prices(jobs: Sequence[Job], costs: Costs) -> Sequence[Price]:
    """What the jobs cost at least: if as much changed as before, and no delete has to be looked for."""
    found: list[Price] = []
    by_way = {way: [job for job in jobs if job.way is way] for way in Way}
    if shared := by_way[Way.CHANGES]:
        counts = _batches(len(shared))
        found.append(_price(Way.CHANGES, shared, 1 + len(counts), 1 + costs.of_batches(counts)))
    if one := [job for job in by_way[Way.ONE_ANSWER] if job.outright or job.entity.countable]:
        outright = sum(job.outright for job in one)
        sizes = [*_batches(outright), *map(len, _groups([job for job in one if not job.outright]))]
        found.append(_price(Way.ONE_ANSWER, one, len(sizes), costs.of_batches(sizes)))
    for job in by_way[Way.ONE_ANSWER]:
        if job.entity.reading is Reading.RATES:
            found.append(_price(Way.ONE_ANSWER, [job], 1, costs.of_batches([2])))
        elif job.entity.reading is Reading.LISTING:
            found.append(_price(Way.ONE_ANSWER, [job], 1, 1))
    for job in by_way[Way.WINDOWS]:
        pages = ceil(job.changes / PAGE_ROWS_MAX) if job.is_walked else 0
        found.append(_price(Way.WINDOWS, [job], 1 + pages, costs.of_batches([2]) + pages))
    for job in by_way[Way.WHOLE]:
        pages = max(1, ceil(job.held / PAGE_ROWS_MAX))
        found.append(_price(Way.WHOLE, [job], pages + 2, pages + costs.of_batches([1]) + costs.of_batches([1])))
    return found


def _price(way: Way, jobs: Sequence[Job], calls: int, metered: int) -> Price:
    return Price(way, tuple(job.entity.name for job in jobs), calls, metered)
