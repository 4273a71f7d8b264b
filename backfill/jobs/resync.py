"""After an outage: what changed and what vanished in one realm, and the proof. Extract, begun from what is known.

Each entity has its own way (`outage`); the ways themselves are extract's. What was never proven is read whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from backfill.jobs.costs import Costs
from backfill.jobs.extract import ExtractOptions, extract_realm
from backfill.jobs.outage import Job, Known, Outage, Way, plan_jobs
from backfill.jobs.ports import Store
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RealmId, Scan
from backfill.qbo.catalogue import Entity


async def resync_realm(work: RealmWork, outage: Outage, options: ExtractOptions, scan: Scan) -> Sequence[Proof]:
    """Land what the outage hid of one realm, and store the proofs. Goes on from `scan`; raises as `extract_realm`.

    An entity that was proven after the outage keeps its proof, and nothing is asked for it.
    """
    jobs = await jobs_of(work.store, work.realm_id, options.entities, outage, now=work.now(), costs=options.costs)
    to_do = {job.entity.name: job for job in jobs if job.way is not Way.NOTHING}
    entities = [entity for entity in options.entities if entity.name in to_do]
    if not entities:
        await work.store.finish_scan(work.lease, work.run_id, [])
        return []
    return await extract_realm(work, replace(options, entities=entities), scan, jobs=to_do)


async def jobs_of(
    store: Store, realm_id: RealmId, entities: Sequence[Entity], outage: Outage, *, now: datetime, costs: Costs
) -> Sequence[Job]:
    """The jobs for one realm, from what is held of it: nothing is asked of Intuit."""
    proven_at = await store.proven_at(realm_id)
    proven = {entity.name: proven_at.get(entity.name) for entity in entities}
    begins = {name: outage.since if at is None else outage.begins_for(at) for name, at in proven.items()}
    held = await store.held_since(realm_id, {name: begin - outage.length(now) for name, begin in begins.items()})
    known = {name: Known(live, proven[name], recent) for name, (live, recent) in held.items()}
    return plan_jobs(entities, known, outage, now=now, costs=costs)
