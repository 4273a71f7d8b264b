"""Law 2: what is said to be proven equals the company as it stood at the watermark, document for document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from backfill.jobs.rates import RATES_OF_THE_DAY
from backfill.model import Proof, RealmId
from backfill.rehearsal.oracles.oracle import Oracle, Proving
from backfill.rehearsal.stage import Stage
from backfill.simulator.catalogue import TRAITS

EXPIRING = ("TempDownloadUri", "ThumbnailTempDownloadUri")
"""Links that are not stored, so not compared."""


class EqualState(Oracle):
    """At the moment of the proof, and once more at the end: what came after a proof must not have spoilt it."""

    name: ClassVar[str] = "equal state"
    law: ClassVar[str] = "nothing lost, nothing stale"

    def proved(self, stage: Stage, proving: Proving) -> Iterable[str]:
        return differences(stage, proving.lease.realm_id, proving.proofs)

    def over(self, stage: Stage) -> Iterable[str]:
        for realm_id in stage.realm_ids:
            if realm_id in stage.troubled:
                continue  # some of it may have been brought further than its last proof, and then no more
            yield from differences(stage, realm_id, list(stage.store.proofs(realm_id).values()))


def differences(stage: Stage, realm_id: RealmId, proofs: Sequence[Proof]) -> Iterator[str]:
    """In words, what is landed of proven entities and is not as it stood, or is not landed."""
    company = stage.simulator.fleet.company(realm_id)
    for proof in proofs:
        if not proof.proven or proof.watermark is None or proof.entity not in TRAITS:
            continue
        stood = company.state_at(proof.watermark, only=proof.entity)
        yield from _of_entity(stage, realm_id, proof, stood[proof.entity])


def changed_since(stage: Stage, realm_id: RealmId, entity: str, at: datetime) -> frozenset[str]:
    """What has another version now, or is gone or new, under what it is filed."""
    versions = stage.simulator.fleet.company(realm_id).versions_since(at)
    docs = {id_: next(filter(None, found), b"") for (of, id_), found in versions.items() if of == entity}
    return frozenset(filed_under(entity, id_, doc) for id_, doc in docs.items())


def _of_entity(stage: Stage, realm_id: RealmId, proof: Proof, stood: Mapping[str, bytes]) -> Iterator[str]:
    entity = proof.entity
    there = {filed_under(entity, id_, doc): doc for id_, doc in stood.items()}
    landed = stage.store.live_documents(realm_id, entity)
    for refusal in stage.store.refusals(realm_id, entity):
        landed.pop(refusal.id, None)
    if proof.method == RATES_OF_THE_DAY:  # those of other days are neither asked for nor thrown away
        there = {id_: doc for id_, doc in there.items() if id_ in landed}
    poisoned = stage.world.settings.poisoned.get((realm_id, entity), frozenset())
    aside = there.keys() & poisoned
    moved: frozenset[str] = frozenset()
    if stage.world.job.moves_on and proof.watermark is not None:
        moved = changed_since(stage, realm_id, entity, proof.watermark)
    for id_ in sorted((there.keys() | landed.keys()) - aside - moved):
        said = difference(landed.get(id_), there.get(id_))
        if said:
            yield f"{realm_id} {entity} {id_} as of {proof.watermark}: {said}"
    if len(aside) != proof.quarantined and not moved:
        yield f"{realm_id} {entity}: {len(aside)} rows cannot be read, {proof.quarantined} are quarantined"


def filed_under(entity: str, id_: str, doc: bytes) -> str:
    """What a row is filed under: its Id, which of some is unique within a type only."""
    return f"{next(iter(json.loads(doc)))}:{id_}" if TRAITS[entity].wrapped else id_


def difference(landed: bytes | None, there: bytes | None) -> str:
    if landed is None:
        return "not landed"
    if there is None:
        return "landed, and not there"
    same = landed == there or _exact(landed) == _exact(there)
    return "" if same else f"stale: landed {landed!r}, there {there!r}"


def _exact(doc: bytes) -> object:
    """The members; numbers by the digits they are written with."""
    parsed = json.loads(doc, parse_float=lambda text: ("number", text), parse_int=lambda text: ("number", text))
    return {key: value for key, value in parsed.items() if key not in EXPIRING}
