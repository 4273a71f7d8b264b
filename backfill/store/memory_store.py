"""The store in memory: the port's rules in executable form, for virtual time, where no database can be.

One contract suite runs against it and against Postgres. Every method does its work between two awaits, so
nothing is ever half done; what a transaction would refuse is looked at before anything is written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import anyio
import anyio.lowlevel
from msgspec import structs

from backfill.errors import RealmBusyError
from backfill.model import (
    NOT_BEGUN,
    Checkpoint,
    Expected,
    Held,
    HeldById,
    Landed,
    Lease,
    Proof,
    RealmId,
    Record,
    Refusal,
    RunId,
    Scan,
    Slice,
)
from backfill.store.entity_tables import table_of
from backfill.store.leases import DEFAULT_LEASE_S, lease_lost, unknown_realm
from backfill.store.memory_rows import Row, created_up_to, outdone, refused_by_postgres, stands, stored, without_links


@dataclass(frozen=True, slots=True)
class Parked:
    """Why a realm was set aside, and what a person must do."""

    code: str
    message: str
    action: str


@dataclass(slots=True)
class _Realm:
    """A realm's owner, and what is held of it."""

    epoch: int = 0
    owner: str | None = None
    lease_until: float = 0.0
    parked: Parked | None = None
    imported_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    """Entity to Id to row."""
    quarantine: dict[tuple[str, str], tuple[Refusal, RunId]] = field(default_factory=dict)
    """(entity, key) to the refusal and the run that met it."""
    proofs: dict[str, tuple[Proof, RunId]] = field(default_factory=dict)
    """Entity to its latest proof and the run that made it."""


class MemoryStore:
    """As `jobs.ports.Store`. Leases run on the event loop's time; `now` dates what does not say when it was deleted."""

    def __init__(
        self,
        realms: Iterable[RealmId],
        *,
        now: Callable[[], datetime],
        owner: str = "this process",
        lease_s: float = DEFAULT_LEASE_S,
    ) -> None:
        self._now = now
        self._owner = owner
        self._lease_s = lease_s
        self._realms = {realm_id: _Realm() for realm_id in realms}
        self._scans: dict[tuple[RunId, RealmId], Scan] = {}
        self._ended: set[str] = set()
        self._partial: set[RunId] = set()

    def seen_by(self, owner: str) -> MemoryStore:
        """The same store as another process sees it."""
        other = MemoryStore((), now=self._now, owner=owner, lease_s=self._lease_s)
        other._realms, other._scans = self._realms, self._scans
        other._ended, other._partial = self._ended, self._partial
        return other

    # What a database's other tables say: runs and what they are to read, processes, imports.

    def scope_since(self, run_id: RunId) -> None:
        """The run is to read only what changed since some time: what it proves, it does not prove of all."""
        self._partial.add(run_id)

    def end(self, owner: str) -> None:
        """The process is gone for certain, and can be seen to be: whoever comes next need not wait for its lease."""
        self._ended.add(owner)

    def register(self, realm_id: RealmId) -> None:
        """A realm is imported. One that is registered stays as it is."""
        self._realms.setdefault(realm_id, _Realm())

    def reconnect(self, realm_id: RealmId) -> None:
        """A parked realm is given new tokens, and is work again."""
        self._realms[realm_id].parked, self._realms[realm_id].imported_at = None, self._now()

    # What a test or a plan looks at.

    def live_documents(self, realm_id: RealmId, entity: str) -> dict[str, bytes]:
        """Id to document of every row that is not marked deleted."""
        rows = self._realms[realm_id].rows.get(entity, {})
        return {id_: row.doc for id_, row in rows.items() if row.deleted_at is None}

    def rows(self, realm_id: RealmId, entity: str) -> Mapping[str, Row]:
        """Id to row, deleted ones included."""
        return self._realms[realm_id].rows.get(entity, {})

    def refusals(self, realm_id: RealmId, entity: str) -> list[Refusal]:
        """What is in quarantine."""
        kept = self._realms[realm_id].quarantine.items()
        return [refusal for (of, _), (refusal, _) in kept if of == entity]

    def proofs(self, realm_id: RealmId) -> dict[str, Proof]:
        """Entity to its latest proof."""
        return {entity: proof for entity, (proof, _) in self._realms[realm_id].proofs.items()}

    def scan_now(self, run_id: RunId, realm_id: RealmId) -> Scan:
        """As `scan`, at once."""
        return self._scans.get((run_id, realm_id), NOT_BEGUN)

    def is_registered(self, realm_id: RealmId) -> bool:
        return realm_id in self._realms

    def epoch(self, realm_id: RealmId) -> int:
        """Of the lease that was given last."""
        return self._realms[realm_id].epoch

    def parked(self, realm_id: RealmId) -> Parked | None:
        return self._realms[realm_id].parked

    # Leases.

    async def acquire(self, realm_id: RealmId) -> Lease:
        await anyio.lowlevel.checkpoint()
        realm = self._realms.get(realm_id)
        if realm is None:
            raise unknown_realm(realm_id)
        held = realm.owner is not None and realm.owner not in self._ended
        if held and realm.lease_until > anyio.current_time():
            raise RealmBusyError(
                f"realm {realm_id} is being worked on by {realm.owner}", realm_id=realm_id, owner=realm.owner or ""
            )
        realm.owner = self._owner
        realm.epoch += 1
        realm.lease_until = anyio.current_time() + self._lease_s
        return Lease(realm_id, realm.epoch, self._owner, realm.imported_at)

    async def renew(self, lease: Lease) -> None:
        await anyio.lowlevel.checkpoint()
        self._fenced(lease).lease_until = anyio.current_time() + self._lease_s

    async def release(self, lease: Lease) -> None:
        await anyio.lowlevel.checkpoint()
        if self._holds(lease):
            self._realms[lease.realm_id].owner = None

    def _holds(self, lease: Lease) -> bool:
        realm = self._realms[lease.realm_id]
        return (realm.epoch, realm.owner) == (lease.epoch, lease.owner)

    def require(self, lease: Lease) -> None:
        """Raises LeaseLostError if the lease does not hold any more: the fence of what stands beside this store."""
        self._fenced(lease)

    def _fenced(self, lease: Lease) -> _Realm:
        """The realm, if the lease still holds."""
        if not self._holds(lease):
            raise lease_lost(lease)
        return self._realms[lease.realm_id]

    def forget_versions(self, realm_id: RealmId, entity: str, ids: Iterable[str], new: Sequence[datetime]) -> None:
        """Drop those that are marked deleted, and when the others were updated, if that is not within two moments."""
        rows = self._realms[realm_id].rows.get(entity, {})
        for id_, row in [(id_, rows[id_]) for id_ in ids if id_ in rows]:
            if row.deleted_at is not None:
                del rows[id_]
            elif row.updated_at is not None and not new[0] <= row.updated_at <= new[1]:
                rows[id_] = replace(row, updated_at=None)

    # Scans.

    async def scan(self, run_id: RunId, realm_id: RealmId) -> Scan:
        await anyio.lowlevel.checkpoint()
        return self.scan_now(run_id, realm_id)

    async def begin_scan(
        self,
        lease: Lease,
        run_id: RunId,
        *,
        started_at: datetime,
        census: Mapping[str, int],
        slices: Sequence[Slice],
    ) -> None:
        await anyio.lowlevel.checkpoint()
        realm = self._fenced(lease)
        plan = sorted(slices, key=lambda part: (part.entity, part.number))
        assert len({(part.entity, part.number) for part in plan}) == len(plan), "two slices of one number"
        if run_id not in self._partial:  # what an earlier run could not name would count for ever: see `scans.CLEAR`
            _forget_nameless(realm, {*census, *(part.entity for part in slices)}, lambda _, of_run: of_run == run_id)
        self._scans[run_id, lease.realm_id] = Scan(started_at, dict(census), plan, finished=False)

    async def finish_scan(
        self, lease: Lease, run_id: RunId, proofs: Sequence[Proof], *, kept: Collection[str] = ()
    ) -> None:
        await anyio.lowlevel.checkpoint()
        realm = self._fenced(lease)
        assert all(proof.proven or proof.reason for proof in proofs), "who is not proven says why"
        kept = {*kept, *(self._proven_whole(lease.realm_id) if run_id in self._partial else ())}
        realm.proofs |= {proof.entity: (proof, run_id) for proof in proofs if proof.entity not in kept}
        if all(proof.proven for proof in proofs):
            self._scans[run_id, lease.realm_id] = structs.replace(self.scan_now(run_id, lease.realm_id), finished=True)

    async def park(
        self, realm_id: RealmId, run_id: RunId, *, code: str, message: str, action: str, imported_at: object = None
    ) -> None:
        await anyio.lowlevel.checkpoint()
        if imported_at in {None, self._realms[realm_id].imported_at}:
            self._realms[realm_id].parked = Parked(code, message, action)
        if (scan := self._scans.get((run_id, realm_id))) is not None:
            self._scans[run_id, realm_id] = structs.replace(scan, finished=False)

    # Rows.

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
        await anyio.lowlevel.checkpoint()
        table_of(entity)  # a name that is no entity is nobody's table
        realm = self._fenced(lease)
        if checkpoint is not None:
            self._move(run_id, lease.realm_id, checkpoint)
        rows = realm.rows.setdefault(entity, {})
        refused = list(refusals)
        live = deleted = 0
        stand = partial(stands, overwrite_equal_from=overwrite_equal_from, settled_to=settled_to)
        sent = records
        if expected is Expected.KNOWN and not refusals:
            is_outdone = partial(outdone, overwrite_equal_from=overwrite_equal_from, settled_to=settled_to)
            sent = _not_known(realm, entity, records, is_outdone)
        for record in sent:
            refusal = refused_by_postgres(record)
            if refusal is not None:
                refused.append(refusal)
                continue
            realm.quarantine.pop((entity, f"id:{record.id}"), None)
            comes = stored(entity, record, now=self._now)
            held = rows.get(record.id)
            if held is None or stand(held, comes):
                rows[record.id] = comes if held is None else held.replaced_by(comes)
                deleted += comes.deleted_at is not None
                live += comes.deleted_at is None
        for refusal in refused:
            filed = without_links(entity, refusal)
            realm.quarantine[entity, _key(filed)] = (filed, run_id)
        unchanged = len(records) + len(refusals) - len(refused) - live - deleted
        return Landed(landed=live, unchanged=unchanged, deleted=deleted, quarantined=len(refused))

    async def forget_nameless(self, lease: Lease, entity: str, *, but: Collection[Refusal]) -> None:
        await anyio.lowlevel.checkpoint()
        kept = {_key(without_links(entity, refusal)) for refusal in but}
        _forget_nameless(self._fenced(lease), {entity}, lambda key, _: key in kept)

    def _move(self, run_id: RunId, realm_id: RealmId, checkpoint: Checkpoint) -> None:
        """Move the slice on to the checkpoint."""
        scan = self._scans[run_id, realm_id]
        planned = {(part.entity, part.number) for part in scan.slices}
        assert (checkpoint.entity, checkpoint.number) in planned, f"no slice {checkpoint} in run {run_id}"
        moved = [
            structs.replace(part, cursor=checkpoint.cursor, rows=checkpoint.rows, done=checkpoint.done)
            if (part.entity, part.number) == (checkpoint.entity, checkpoint.number)
            else part
            for part in scan.slices
        ]
        self._scans[run_id, realm_id] = structs.replace(scan, slices=moved)

    async def held(
        self,
        realm_id: RealmId,
        entity: str,
        *,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
        aside_by: RunId | None = None,
    ) -> Held:
        await anyio.lowlevel.checkpoint()
        realm = self._realms[realm_id]
        live = sum(
            row.deleted_at is None
            and (entity, f"id:{id_}") not in realm.quarantine
            and (created_to is None or row.created_at is None or row.created_at <= created_to)
            and (updated_from is None or row.updated_at is None or row.updated_at >= updated_from)
            for id_, row in realm.rows.get(entity, {}).items()
        )
        named, nameless = _quarantined(realm, entity, by=aside_by)
        return Held(live=live, quarantined=len(named) + nameless)

    async def held_since(self, realm_id: RealmId, since: Mapping[str, datetime]) -> Mapping[str, tuple[int, int]]:
        pairs = {of: [await self.held(realm_id, of, updated_from=at) for at in (None, at)] for of, at in since.items()}
        return {entity: (every.live, recent.live) for entity, (every, recent) in pairs.items()}

    async def holds_more(self, realm_id: RealmId, entity: str, *, than: int) -> bool:
        return len(await self.live_ids(realm_id, entity)) > than

    async def proven_at(self, realm_id: RealmId) -> Mapping[str, datetime]:
        await anyio.lowlevel.checkpoint()
        return {entity: at for entity, at in self._proven_whole(realm_id).items() if at is not None}

    def _proven_whole(self, realm_id: RealmId) -> dict[str, datetime | None]:
        proofs = self._realms[realm_id].proofs.items()
        return {name: one.watermark for name, (one, run_id) in proofs if one.proven and run_id not in self._partial}

    async def live_ids(
        self,
        realm_id: RealmId,
        entity: str,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
    ) -> Sequence[str]:
        await anyio.lowlevel.checkpoint()
        rows = self._realms[realm_id].rows.get(entity, {}).items()
        return [id_ for id_, row in rows if row.is_live_within(created_from, created_to, updated_from)]

    async def held_by_id(self, realm_id: RealmId, entities: Collection[str]) -> Mapping[str, HeldById]:
        realm = self._realms[realm_id]
        live = {entity: await self.live_ids(realm_id, entity) for entity in entities}
        return {entity: HeldById(live[entity], *_quarantined(realm, entity)) for entity in entities}

    async def marked_ids(self, realm_id: RealmId, entity: str, ids: Collection[str]) -> Collection[str]:
        await anyio.lowlevel.checkpoint()
        rows = self._realms[realm_id].rows.get(entity, {})
        return {id_ for id_ in ids if id_ in rows and rows[id_].deleted_at is not None}

    async def aside(self, realm_id: RealmId) -> Mapping[str, Collection[str]]:
        await anyio.lowlevel.checkpoint()
        realm = self._realms[realm_id]
        named = {entity: _quarantined(realm, entity)[0] for entity, _ in realm.quarantine}
        return {entity: ids for entity, ids in named.items() if ids}

    async def created_up_to(self, realm_id: RealmId, entity: str, *, parts: int) -> Sequence[tuple[datetime, int]]:
        await anyio.lowlevel.checkpoint()
        return created_up_to(self._realms[realm_id].rows.get(entity, {}).values(), parts)


def _not_known(
    realm: _Realm, entity: str, records: Sequence[Record], is_outdone: Callable[[Row | None, Record], bool]
) -> Sequence[Record]:
    """The records of whose documents anything is seen: all, unless every one that may stand can be landed as it is."""
    distinct = len({record.id for record in records}) == len(records)
    if not distinct or any(of == entity for of, _ in realm.quarantine):
        return records
    rows = realm.rows.get(entity, {})
    left = [record for record in records if not is_outdone(rows.get(record.id), record)]
    return records if any(map(refused_by_postgres, left)) else left


def _key(refusal: Refusal) -> str:
    """What quarantine files a refusal under: the row's Id, or where that could not be read its bytes."""
    return f"id:{refusal.id}" if refusal.id else f"sha256:{hashlib.sha256(refusal.raw).hexdigest()}"


def _quarantined(realm: _Realm, entity: str, *, by: RunId | None = None) -> tuple[Collection[str], int]:
    """The Ids of what is set aside, and how many rows have none: of two runs, which may file one twice, the more."""
    aside = [kept for (of, _), kept in realm.quarantine.items() if of == entity and by in {None, kept[1]}]
    nameless = Counter(run_id for refusal, run_id in aside if not refusal.id)
    return {refusal.id for refusal, _ in aside if refusal.id}, max(nameless.values(), default=0)


def _forget_nameless(realm: _Realm, entities: Collection[str], is_kept: Callable[[str, RunId], bool]) -> None:
    for (entity, key), (refusal, run_id) in list(realm.quarantine.items()):
        if entity in entities and not refusal.id and not is_kept(key, run_id):
            del realm.quarantine[entity, key]
