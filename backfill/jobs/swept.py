"""The daily sweep of a company that was proven before: what changed since by CDC, a count, and the proof anew.

Intuit advises it beside webhooks, which come late, twice, out of order, or not at all. It costs some three calls: the
counts, the changes, and counts again of what has changed. What CDC does not carry it leaves as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from backfill.errors import RequestError, UnprovenError
from backfill.jobs.census import Census
from backfill.jobs.polled import catch_up_polled
from backfill.jobs.proofs import UNCOUNTED, is_refused, refused
from backfill.jobs.prove import prove_changes
from backfill.jobs.targets import CDC_AGE_MAX
from backfill.jobs.work import RealmWork, is_of_the_realm
from backfill.model import Proof
from backfill.qbo import query
from backfill.qbo.catalogue import CATALOGUE, Entity

SWEPT: Sequence[Entity] = tuple(entity for entity in CATALOGUE.values() if entity.carried_by_cdc)
"""What a sweep brings up to date."""


async def sweep_realm(work: RealmWork) -> Sequence[Proof]:
    """Bring what was proven and CDC carries to one answer's `time`, and store the proofs. Returns what was found now.

    What was proven longer ago than CDC reaches back is left out, and is not in `work.proven_at`.
    Raises `UnprovenError` where that is all, `StoppedError`, `LeaseLostError`, and `RequestError` for what concerns the
    whole realm.
    """
    proven_at = await work.store.proven_at(work.realm_id)
    reached = work.now() - CDC_AGE_MAX
    work.proven_at = {name: at for name, at in proven_at.items() if at > reached}
    carried = [entity for entity in SWEPT if entity.name in proven_at]
    entities = [entity for entity in carried if entity.name in work.proven_at]
    if not carried:
        raise UnprovenError(
            f"Nothing of realm {work.realm_id} that CDC carries is proven, so there is nothing to go on from.",
            action=f"Read it whole: backfill extract --realm {work.realm_id}",
        )
    if not entities:
        last = max(proven_at[entity.name] for entity in carried)
        raise UnprovenError(
            f"Realm {work.realm_id} was proven last as of {last:%Y-%m-%d}: CDC reaches back 30 days.",
            action=f"Read it again: backfill extract --realm {work.realm_id}",
        )
    since = min(work.proven_at[entity.name] for entity in entities)
    with work.turn.whole():
        proofs = await _prove(work, entities, since)
        # What would not be looked at now is proven as of before: from there the next sweep goes on.
        kept = {proof.entity for proof in proofs if is_refused(proof)}
        await work.store.finish_scan(work.lease, work.run_id, proofs, kept=kept)
    return proofs


async def _prove(work: RealmWork, entities: Sequence[Entity], since: datetime) -> list[Proof]:
    """Count first and catch up afterwards: what changes in between is in the changes."""
    answers = await work.ask.many([query.count(entity) for entity in entities])
    counts: dict[str, int] = {}
    proofs: list[Proof] = []
    for entity, answer in zip(entities, answers.items, strict=True):
        if isinstance(answer, RequestError):
            if is_of_the_realm(answer):
                raise answer
            proofs.append(refused(entity, answer.message))
        elif answer.total_count is None:
            proofs.append(refused(entity, UNCOUNTED))
        else:
            counts[entity.name] = answer.total_count
    census = Census(counts=counts, not_offered=[], refused={}, taken_at=since)
    changes = await prove_changes(work, [CATALOGUE[name] for name in counts], census, since=since, scope_since=None)
    proofs += changes.proofs
    for entity in changes.saturated:
        with work.trouble_of(entity):
            proofs.append(await catch_up_polled(work, entity, since, scope_since=None, read_before=True))
        if entity.name in work.unproven:
            proofs.append(refused(entity, work.unproven[entity.name]))
    return proofs
