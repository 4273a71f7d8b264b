"""What `verify` looks at and what it found, in memory: the port's rules in executable form, for virtual time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b

import anyio.lowlevel
from msgspec import structs

from backfill.model import Lease, Proof, RealmId, RunId
from backfill.store.memory_store import MemoryStore
from backfill.verdict_model import Verdict, since_then


class MemoryVerifications:
    """As `jobs.verify_ports.VerificationStore`, beside a store that knows the rows and the leases."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._verdicts: dict[RealmId, dict[str, Verdict]] = {}

    def verdicts(self, realm_id: RealmId) -> Mapping[str, Verdict]:
        """What a test or a plan looks at."""
        return self._verdicts.get(realm_id, {})

    async def proofs(self, realm_id: RealmId) -> Sequence[Proof]:
        await anyio.lowlevel.checkpoint()
        return [proof for _, proof in sorted(self._store.proofs(realm_id).items())]

    async def documents(self, realm_id: RealmId, entity: str, ids: Sequence[str]) -> Mapping[str, bytes]:
        await anyio.lowlevel.checkpoint()
        live = self._store.live_documents(realm_id, entity)
        return {id_: live[id_] for id_ in ids if id_ in live}

    async def sample_ids(
        self, realm_id: RealmId, entity: str, limit: int, *, seed: int, without: Collection[str]
    ) -> Sequence[str]:
        await anyio.lowlevel.checkpoint()
        live = self._store.live_documents(realm_id, entity).keys() - without
        return sorted(live, key=lambda id_: blake2b(f"{seed}:{id_}".encode()).digest())[:limit]

    async def documents_after(self, realm_id: RealmId, entity: str, after: str, limit: int) -> Mapping[str, bytes]:
        await anyio.lowlevel.checkpoint()
        live = self._store.live_documents(realm_id, entity)
        return {id_: live[id_] for id_ in sorted(one for one in live if one > after)[:limit]}

    async def forget_versions(
        self, lease: Lease, entity: str, ids: Sequence[str], *, but_updated_within: tuple[datetime, datetime]
    ) -> None:
        await anyio.lowlevel.checkpoint()
        self._store.require(lease)
        self._store.forget_versions(lease.realm_id, entity, ids, but_updated_within)

    async def differed(self, realm_id: RealmId) -> Mapping[str, Verdict]:
        await anyio.lowlevel.checkpoint()
        return {name: one for name, one in self.verdicts(realm_id).items() if one.equal is False}

    async def keep_verdicts(self, lease: Lease, run_id: RunId, verdicts: Sequence[Verdict]) -> None:  # noqa: ARG002  # the port's; here the latest is all there is
        await anyio.lowlevel.checkpoint()
        self._store.require(lease)
        kept = self._verdicts.setdefault(lease.realm_id, {})
        for one in verdicts:
            before = kept.get(one.entity)
            if before is not None and before.equal is False and one.equal is None and one.comparable:
                kept[one.entity] = structs.replace(before, note=since_then(one.note))
            else:
                kept[one.entity] = one
