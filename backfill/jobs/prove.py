"""The proof for what CDC carries: caught up to an answer's `time`, and as many rows held as counted.

What nobody touched since the census must equal the census. What changed is counted again, only over rows
created some time before the changes were told: newer ones cannot blur that number. Where the numbers differ
the catch-up is repeated, then the entity is walked again and what the server did not bring marked deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import structs

from backfill.errors import RequestError
from backfill.jobs.census import Census
from backfill.jobs.changes import OVERLAP, ROUNDS_MAX, CaughtUp, catch_up
from backfill.jobs.gaps import read_updated_again
from backfill.jobs.keys import CREATED
from backfill.jobs.proofs import compared
from backfill.jobs.readers import share
from backfill.jobs.scan import read_slice
from backfill.jobs.slices import unplanned
from backfill.jobs.vanished import ask_for_set_aside
from backfill.jobs.work import RealmWork
from backfill.model import Proof
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import Entity

_ATTEMPTS = 3
"""Compare; look at the changes again and compare; walk again and compare. Then it stays unproven."""


COUNTS_AT_ONCE = 2
"""To count 50,000 rows takes Postgres some 50 ms of a processor, and nothing else is left to do for the realm. More
would take connections from what other realms do meanwhile."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A proof for every entity that CDC could carry; `saturated` ones have too many changes for it."""

    proofs: Sequence[Proof]
    saturated: Sequence[Entity]


async def prove_changes(
    work: RealmWork, entities: Sequence[Entity], census: Census, *, since: datetime, scope_since: datetime | None
) -> Proven:
    """Catch `entities` up from `since` on and prove each. Raises `RequestError` for the realm's own troubles."""
    # What was not read just before is not waited for to come to rest: the counts come after the one look.
    state = await catch_up(work, entities, since, rounds=ROUNDS_MAX if since >= census.taken_at else 1)
    proofs: dict[str, Proof] = {}

    async def against_census(entity: Entity) -> None:
        proof = await _against_census(work, entity, census, state, scope_since)
        if proof is not None:
            proofs[entity.name] = proof

    await share(entities, against_census, readers=COUNTS_AT_ONCE, name="count")
    for attempt in range(_ATTEMPTS):
        waiting = [e for e in entities if e not in state.saturated and not _is_proven(proofs, e)]
        if not waiting:
            break
        if attempt > 0:
            last = attempt == _ATTEMPTS - 1
            await _look_again(work, waiting, since, state, scope_since=scope_since, walk=last)
            waiting = [entity for entity in waiting if entity not in state.saturated]
        if waiting:
            proofs.update(await _against_counts(work, waiting, census.taken_at, state, scope_since))
    return Proven([proofs[e.name] for e in entities if e not in state.saturated], state.saturated)


async def _look_again(
    work: RealmWork,
    entities: Sequence[Entity],
    since: datetime,
    state: CaughtUp,
    *,
    scope_since: datetime | None,
    walk: bool,
) -> None:
    if walk:
        for entity in entities:
            with work.trouble_of(entity):
                await _find_deletes(work, entity, scope_since)
    again = await catch_up(work, entities, since)
    state.watermarks.update(again.watermarks)
    state.saturated += again.saturated


async def _find_deletes(work: RealmWork, entity: Entity, scope_since: datetime | None) -> None:
    """Read all of the entity again, or the part that the run reads, and look for what is held and was not met."""
    if scope_since is None:
        await read_slice(work, entity, unplanned(entity.name, None, None), CREATED, reconcile=True)
        await ask_for_set_aside(work, entity)
    else:
        await read_updated_again(work, entity, scope_since)


async def _against_census(
    work: RealmWork, entity: Entity, census: Census, state: CaughtUp, scope_since: datetime | None
) -> Proof | None:
    """Proven at once if nothing changed since the census and it equals what is held; None: it may have changed."""
    if entity.name in state.changed or entity in state.saturated or entity.name not in census.counts:
        return None
    held = await work.held(entity, updated_from=scope_since)
    watermark = state.watermarks.get(entity.name)
    return compared(entity, "census, nothing changed", census.counts[entity.name], held, watermark)


async def _against_counts(
    work: RealmWork, entities: Sequence[Entity], started_at: datetime, state: CaughtUp, scope_since: datetime | None
) -> dict[str, Proof]:
    """Count again, over the same rows on both sides, and compare."""
    created_to = {entity: None if scope_since else _counted_to(entity, started_at, state) for entity in entities}
    answers = await work.ask.many(
        [query.count(entity, created_to=to, updated_since=scope_since) for entity, to in created_to.items()]
    )
    proofs: dict[str, Proof] = {}

    async def against_count(counted_of: tuple[Entity, Page | RequestError]) -> None:
        entity, answer = counted_of
        held = await work.held(entity, created_to=created_to[entity], updated_from=scope_since)
        counted = None if isinstance(answer, RequestError) else answer.total_count
        proof = compared(entity, "changes and count", counted, held, state.watermarks.get(entity.name))
        if isinstance(answer, RequestError):
            proof = structs.replace(proof, reason=answer.message)
        proofs[entity.name] = proof

    await share(list(zip(entities, answers.items, strict=True)), against_count, readers=COUNTS_AT_ONCE, name="count")
    return proofs


def _counted_to(entity: Entity, started_at: datetime, state: CaughtUp) -> datetime:
    """Up to when all that was created can be seen, since a commit takes time: what changes alone were to tell of
    counts as well, be it of a day's sweep or of a reading that took as long."""
    caught_up = state.watermarks.get(entity.name)
    return max(started_at, caught_up - OVERLAP if caught_up else started_at).replace(microsecond=0)


def _is_proven(proofs: dict[str, Proof], entity: Entity) -> bool:
    return entity.name in proofs and proofs[entity.name].proven
