"""The store with the oracles beside it: they see each commit at the moment at which it takes effect."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import cast
from zlib import crc32

from backfill.jobs.ports import Store
from backfill.model import Checkpoint, Expected, Landed, Lease, Proof, Record, Refusal, RunId
from backfill.rehearsal.oracles import judge
from backfill.rehearsal.oracles.oracle import Commit, Proving
from backfill.rehearsal.pages_in_hand import PagesInHand
from backfill.rehearsal.stage import Stage
from backfill.store.memory_store import MemoryStore


def witnessed(stage: Stage, store: MemoryStore, pages: PagesInHand) -> Store:
    """`store` as one process sees it. Nothing is awaited between a commit and the oracles' look at it."""
    return cast("Store", _Witnessed(stage, store, pages))


class Beside:
    """Stands before a store, and is it for all that it does not do itself."""

    def __init__(self, stage: Stage, store: object) -> None:
        self._stage = stage
        self._all_else = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._all_else, name)


class _Witnessed(Beside):
    def __init__(self, stage: Stage, store: MemoryStore, pages: PagesInHand) -> None:
        super().__init__(stage, store)
        self._store = store
        self._pages = pages

    async def land(
        self,
        lease: Lease,
        run_id: RunId,
        entity: str,
        records: Sequence[Record],
        *,
        refusals: Sequence[Refusal] = (),
        checkpoint: Checkpoint | None = None,
        overwrite_equal_from: datetime | None = None,
        settled_to: datetime | None = None,
        expected: Expected = Expected.ANYTHING,
    ) -> Landed:
        rows = self._stage.store.rows(lease.realm_id, entity)
        before = {record.id: rows[record.id] for record in records if record.id in rows}
        landed = await self._store.land(
            lease,
            run_id,
            entity,
            records,
            refusals=refusals,
            checkpoint=checkpoint,
            overwrite_equal_from=overwrite_equal_from,
            settled_to=settled_to,
            expected=expected,
        )
        self._pages.gone()
        digest = crc32("".join(record.id for record in records).encode())
        self._stage.trace.add("landed", lease.realm_id, entity, len(records), digest, landed, checkpoint)
        commit = Commit(
            lease=lease, run_id=run_id, entity=entity, records=records, checkpoint=checkpoint, before=before
        )
        judge(self._stage, lambda oracle: oracle.landed(self._stage, commit))
        return landed

    async def finish_scan(
        self, lease: Lease, run_id: RunId, proofs: Sequence[Proof], *, kept: Collection[str] = ()
    ) -> None:
        await self._store.finish_scan(lease, run_id, proofs, kept=kept)
        self._stage.trace.add("proved", lease.realm_id, sum(proof.proven for proof in proofs), len(proofs))
        proving = Proving(lease=lease, run_id=run_id, proofs=proofs)
        judge(self._stage, lambda oracle: oracle.proved(self._stage, proving))
