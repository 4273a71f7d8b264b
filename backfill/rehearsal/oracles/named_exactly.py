"""Verify names what is landed wrongly, all of it and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from backfill.model import RealmId
from backfill.rehearsal.held import proven_since
from backfill.rehearsal.oracles.equal_state import changed_since, difference, filed_under
from backfill.rehearsal.oracles.oracle import Judging, Oracle
from backfill.rehearsal.stage import Stage
from backfill.verdict_model import LEFT_UNREAD, DifferenceKind, Verdict


class NamedExactly(Oracle):
    """Compares by itself what is landed with the companies as they stood at the watermark, while a verdict is stored.

    Of what has changed since, nobody can say how it was landed: that is neither to be named nor missed. A verdict that
    says that some could not be read may name less.
    """

    name: ClassVar[str] = "named exactly"
    law: ClassVar[str] = "what differs is named, and nothing else"

    def judged(self, stage: Stage, judging: Judging) -> Iterable[str]:
        realm_id = judging.lease.realm_id
        watermark = proven_since(stage, realm_id)  # of all entities alike: they were held at one moment
        company = stage.simulator.fleet.company(realm_id)
        for verdict in judging.verdicts:
            if verdict.equal is not None:
                stood = company.state_at(watermark, only=verdict.entity)
                yield from _of_entity(stage, realm_id, verdict, watermark, stood[verdict.entity])


def _of_entity(
    stage: Stage, realm_id: RealmId, verdict: Verdict, watermark: datetime, stood: Mapping[str, bytes]
) -> Iterator[str]:
    entity = verdict.entity
    there = {filed_under(entity, id_, doc): doc for id_, doc in stood.items()}
    landed = stage.store.live_documents(realm_id, entity)
    wrong = {id_ for id_ in there.keys() | landed.keys() if difference(landed.get(id_), there.get(id_))}
    refusals = stage.store.refusals(realm_id, entity)
    aside = {refusal.id for refusal in refusals}
    # Of those set aside without a name nobody can tell which they are: that many that cannot be read are accounted for.
    unreadable = stage.world.settings.poisoned.get((realm_id, entity), frozenset()) & wrong
    if len(unreadable - aside) <= sum(not refusal.id for refusal in refusals):
        aside |= unreadable
    moved = changed_since(stage, realm_id, entity, watermark.replace(microsecond=0) - timedelta(microseconds=1))
    named = {one.id for one in verdict.differences}
    unnamed = set() if LEFT_UNREAD in verdict.note else wrong - named - moved - aside
    for id_ in sorted(unnamed):
        yield f"{realm_id} {entity} {id_} differs, and is not named"
    # What was deleted since is named where change data capture cannot say when that was: one too many is safe.
    surely = {one.id for one in verdict.differences if one.kind is not DifferenceKind.EXTRA or one.id not in moved}
    for id_ in sorted(surely - wrong):
        yield f"{realm_id} {entity} {id_} is named, and does not differ"
