"""One realm, whole: census, slices, pages, catch-up, proof. Restarting is the ordinary path.

    census      COUNT of every entity; the server's `time` of it is when the scan began
    slices      large entities, by CreateTime
    snapshots   small entities and the singletons, each whole from one answer, many to a call
    catch-up    what changed since the scan began, by CDC or by LastUpdatedTime and COUNT
    proof       per entity: what is held equals what the server counts, as of the last answer's `time`

What an entity refuses makes that entity unproven; what the realm refuses (its token, its company) is raised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from msgspec import structs

from backfill import events
from backfill.errors import FaultError, UnprovenError, UnreadableError
from backfill.jobs import snapshot
from backfill.jobs.census import Census, take_census
from backfill.jobs.changes import OVERLAP
from backfill.jobs.costs import Costs
from backfill.jobs.fleet import RealmOutcome, Trouble
from backfill.jobs.keys import CREATED, UNKEYED, UPDATED, Key
from backfill.jobs.outage import Job, Way
from backfill.jobs.plan import plan_slices
from backfill.jobs.polled import catch_up_polled
from backfill.jobs.proofs import not_offered, of_a_part, refused
from backfill.jobs.prove import prove_changes
from backfill.jobs.rates import read_rates
from backfill.jobs.readers import share
from backfill.jobs.scan import read_slice
from backfill.jobs.slices import whole
from backfill.jobs.work import RealmWork, is_of_the_realm
from backfill.model import Expected, Proof, RealmId, Scan, Slice
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.query import PAGE_ROWS_MAX

SCAN_AGE_MAX = timedelta(days=28)
"""CDC reaches 30 days back. A scan begun earlier than this can no longer be caught up and is begun anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOptions:
    """What to read of every realm."""

    entities: Sequence[Entity]
    since: datetime | None = None
    """Only what was created or updated since then; None: everything."""
    readers: int = 8
    """Slices of one realm read at a time. Ten may be in flight; two are left for what is not a slice."""
    costs: Costs = field(default_factory=Costs)
    """What to keep low, and what a call costs."""


Jobs = Mapping[str, Job]
"""Entity to how it is read, for those of which something is known; the others are read whole."""

_NOTHING_KNOWN: Jobs = MappingProxyType({})


async def extract_realm(
    work: RealmWork,
    options: ExtractOptions,
    scan: Scan,
    *,
    beside: Sequence[Proof] = (),
    jobs: Jobs = _NOTHING_KNOWN,
) -> Sequence[Proof]:
    """Read one realm to its end and store the proofs. Goes on from `scan`, whatever it holds.

    `beside`: what was proven of the realm before, by another job of the same run; it ends with all of them.
    `jobs`: what is known of entities that were proven before, so that less has to be read of them.

    Raises `StoppedError` at a page's boundary when asked to stop, `LeaseLostError`, and `RequestError` for
    what concerns the whole realm.
    """
    work.proven_at = await work.store.proven_at(work.realm_id)
    scan, census = await _begun(work, options, scan, jobs)
    await _read_slices(work, options, scan.slices)
    if scan.slices:
        census = _looked_at_again(census, options)
    prover = _Prover(work, options, census, jobs, read={part.entity for part in scan.slices})
    proofs = [_of_a_part(_unproven_if_said(work, proof), options.since) for proof in await prover.prove()]
    await work.store.finish_scan(work.lease, work.run_id, [*proofs, *beside])
    return [*proofs, *beside]


async def _begun(work: RealmWork, options: ExtractOptions, scan: Scan, jobs: Jobs) -> tuple[Scan, Census]:
    """The scan with its census and slices: as stored, or taken now and stored."""
    asked = [entity for entity in options.entities if _is_counted_first(entity, jobs)]
    if scan.started_at is not None and work.now() - scan.started_at < SCAN_AGE_MAX:
        # What was not counted then (refused, not offered) is asked once more; what was counted is not.
        unknown = [entity for entity in asked if entity.countable and entity.name not in scan.census]
        if not unknown:
            return scan, Census(counts=scan.census, not_offered=[], refused={}, taken_at=scan.started_at)
        if not jobs:
            again = await take_census(work, unknown, updated_since=options.since, costs=options.costs)
            # As of the scan's beginning, like all others: what came since then is caught up on.
            census = replace(again, counts={**scan.census, **again.counts}, taken_at=scan.started_at)
            return await _planned(work, options, census, unknown, jobs, before=scan.slices)
        # What is known has become less since (a proof that did not hold): the plan is not for that, so it is made anew.
    held = {name: job.held for name, job in jobs.items() if job.outright}
    census = await take_census(work, asked, updated_since=options.since, costs=options.costs, held=held)
    work.observe(events.CensusTaken(realm_id=work.realm_id, counts=dict(census.counts)))
    return await _planned(work, options, census, asked, jobs)


async def _planned(
    work: RealmWork,
    options: ExtractOptions,
    census: Census,
    entities: Sequence[Entity],
    jobs: Jobs,
    *,
    before: Sequence[Slice] = (),
) -> tuple[Scan, Census]:
    """The scan with slices of the `entities`, which the census counted, and those there were `before`; stored."""
    planned = [entity for entity in entities if entity.name not in census.proofs and _way(entity, jobs) is Way.WHOLE]
    added = await plan_slices(
        work,
        planned,
        census.counts,
        started_at=census.taken_at,
        since=options.since,
        costs=options.costs,
        readers=options.readers,
    )
    # Open above: whoever changes a row meanwhile moves it on to where it is still to be read.
    added += [whole(job.entity.name, job.since - OVERLAP, None) for job in jobs.values() if job.is_walked]
    slices = [*before, *added]
    await work.store.begin_scan(
        work.lease, work.run_id, started_at=census.taken_at, census=census.counts, slices=slices
    )
    return Scan(started_at=census.taken_at, census=census.counts, slices=slices, finished=False), census


def _way(entity: Entity, jobs: Jobs) -> Way:
    return jobs[entity.name].way if entity.name in jobs else Way.WHOLE


def _is_counted_first(entity: Entity, jobs: Jobs) -> bool:
    """Whether the census is to ask for the entity: of what was held whole before, what is held says how it is read."""
    return _way(entity, jobs) is Way.WHOLE or not entity.countable or jobs[entity.name].outright


def _looked_at_again(census: Census, options: ExtractOptions) -> Census:
    """The census after a long read: what was read whole before it is read again beside the other small ones.

    It was proven, as of the run's beginning; now it is as of its end, like the rest, if that may cost what it costs.
    """
    rows = {name: rows for name, rows in census.counts.items() if rows}
    once = [CATALOGUE[name] for name in rows.keys() - census.proofs.keys() if rows[name] <= snapshot.SNAPSHOT_ROWS_MAX]
    again = [CATALOGUE[name] for name in census.proofs if rows.get(name) or not CATALOGUE[name].countable]
    groups = [[len(group) for group in snapshot.packed(some, rows)] for some in (once, [*once, *again])]
    before, after = map(options.costs.of_batches, groups)
    if not options.costs.allows(after - before):
        return census
    kept = {name: proof for name, proof in census.proofs.items() if CATALOGUE[name] not in again}
    return replace(census, proofs=kept)


async def _read_slices(work: RealmWork, options: ExtractOptions, slices: Sequence[Slice]) -> None:
    """All slices that are not done, several at a time, by long-lived readers. Raises the first error of any.

    When the run is asked to stop each reader lands the page it has asked for; any other error ends all at once.
    """
    open_slices = [part for part in slices if not part.done]
    for name in {part.entity for part in open_slices}:
        so_far = sum(part.rows for part in slices if part.entity == name)
        # What is held beyond what this scan has read was there before it: then most rows to come are known.
        are_known = await work.store.holds_more(work.realm_id, name, than=so_far)
        work.expected[name] = Expected.KNOWN if are_known else Expected.NEW
    # Of every entity in turn: writers into different tables share no page and no index.
    in_turn = sorted(open_slices, key=lambda part: part.number)
    with work.turn.breakable():
        await share(
            in_turn,
            lambda part: _read_slice(work, options, part),
            readers=options.readers,
            name=f"realm {work.realm_id}, reader",
        )


async def _read_slice(work: RealmWork, options: ExtractOptions, part: Slice) -> None:
    """One slice, or the reason why its entity is unproven."""
    entity = CATALOGUE[part.entity]
    with work.trouble_of(entity):
        await read_slice(work, entity, part, _key(entity, part, options))


def _key(entity: Entity, part: Slice, options: ExtractOptions) -> Key:
    if entity.reading is Reading.WRAPPED:
        return UNKEYED
    # The first slice by CreateTime is open below, and one that is open above is no slice by CreateTime.
    by_updates = options.since is not None or (part.number == 0 and part.lower is not None)
    return UPDATED if by_updates else CREATED


@dataclass(frozen=True, slots=True)
class _Prover:
    """Brings every entity to one last answer of the server, and compares."""

    work: RealmWork
    options: ExtractOptions
    census: Census
    jobs: Jobs
    read: Collection[str]
    """The entities that were read by slices."""

    async def prove(self) -> list[Proof]:
        work, census = self.work, self.census
        proofs = [refused(CATALOGUE[name], reason) for name, reason in census.refused.items()]
        proofs += [not_offered(CATALOGUE[name], census.taken_at) for name in census.not_offered]
        proofs += census.proofs.values()
        said = {proof.entity for proof in proofs}
        open_entities = [entity for entity in self.options.entities if entity.name not in said]

        counts = {name: job.held for name, job in self.jobs.items()} | dict(census.counts)
        followed = [entity for entity in open_entities if _way(entity, self.jobs) is Way.CHANGES]
        small = [
            entity
            for entity in open_entities
            if entity not in followed and snapshot.is_snapshot(entity, counts, self._page_rows(entity))
        ]
        carried = [
            entity
            for entity in open_entities
            if entity.carried_by_cdc and entity not in small and _way(entity, self.jobs) in {Way.WHOLE, Way.CHANGES}
        ]
        none = await snapshot.prove_empty(work, small, census)
        proofs += none
        empty = {proof.entity for proof in none}
        small = [entity for entity in small if entity.name not in empty]
        proven, outgrown = await snapshot.read_snapshots(work, small, counts, since=self.options.since)
        proofs += proven
        since = min((self._since(entity) for entity in carried), default=census.taken_at)
        changes = await prove_changes(work, carried, census, since=since, scope_since=self.options.since)
        proofs += changes.proofs
        polled = [
            entity
            for entity in open_entities
            if entity.countable and entity.name not in empty and entity not in small and entity not in carried
        ]
        for entity in [*polled, *changes.saturated, *outgrown]:
            # What was to fit one answer and does not was never read by slices.
            read_before = entity not in outgrown and _way(entity, self.jobs) is not Way.ONE_ANSWER
            proofs.append(await self._one(entity, read_before=read_before))
        for entity in open_entities:
            if entity.reading is Reading.LISTING:
                proofs.append(await snapshot.read_listing(work, entity))
            elif entity.reading is Reading.RATES:
                proofs.append(await read_rates(work, entity, census.rates))
        return proofs

    def _page_rows(self, entity: Entity) -> int:
        """What is re-read rather than followed is held to what an answer holds, not to how large a page is wanted."""
        return PAGE_ROWS_MAX if _way(entity, self.jobs) is Way.ONE_ANSWER else self.work.page_rows

    def _since(self, entity: Entity) -> datetime:
        """From when on changes of the entity are still to be asked for."""
        job = self.jobs.get(entity.name)
        unread = job is not None and entity.name not in self.read and job.way in {Way.CHANGES, Way.WINDOWS}
        return job.since if job is not None and unread else self.census.taken_at

    async def _one(self, entity: Entity, *, read_before: bool) -> Proof:
        try:
            return await catch_up_polled(
                self.work, entity, self._since(entity), scope_since=self.options.since, read_before=read_before
            )
        except (UnprovenError, FaultError, UnreadableError) as error:
            if is_of_the_realm(error):
                raise
            return refused(entity, error.message)


def _unproven_if_said(work: RealmWork, proof: Proof) -> Proof:
    """A proof cannot hold for an entity of which some slice could not be read to its end."""
    reason = work.unproven.get(proof.entity)
    return structs.replace(proof, proven=False, reason=reason) if reason else proof


def _of_a_part(proof: Proof, since: datetime | None) -> Proof:
    """A proof of what is new says since when. What cannot be asked for by its time is always read whole."""
    if since is None or not proof.proven or CATALOGUE[proof.entity].reading is not Reading.SCAN:
        return proof
    return of_a_part(proof, since)


def outcome_of(realm_id: RealmId, proofs: Sequence[Proof]) -> RealmOutcome:
    """Whether all is proven, and what a person should look at: what is not, and rows that were set aside."""
    troubles = [
        Trouble(
            realm_id=realm_id,
            entity=proof.entity,
            code="unproven",
            message=proof.reason,
            action="Run the same command again; if it stays, see backfill status.",
        )
        for proof in proofs
        if not proof.proven
    ]
    troubles += [
        Trouble(
            realm_id=realm_id,
            entity=proof.entity,
            code="quarantined",
            message=f"{proof.quarantined} rows were set aside",
            action="See why: backfill sql 'SELECT * FROM backfill.quarantine'",
        )
        for proof in proofs
        if proof.quarantined
    ]
    return RealmOutcome(proven=all(proof.proven for proof in proofs), troubles=troubles)
