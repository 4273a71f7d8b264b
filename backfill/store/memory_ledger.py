"""The write ledger in memory: the port's rules in executable form, for virtual time.

One contract suite runs against it and against Postgres. Leases are those of the `MemoryStore` it stands beside.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import anyio
import anyio.lowlevel
import orjson
from msgspec import structs

from backfill.load_model import (
    DONE_STATES,
    Before,
    Holder,
    Imported,
    LoadId,
    LoadRow,
    Need,
    NewRow,
    Outcome,
    RowState,
    Seal,
    SealItem,
    mark_of,
)
from backfill.model import Lease, RealmId
from backfill.store.memory_store import MemoryStore


@dataclass(slots=True)
class KeptRow:
    """A row with what became of it."""

    row_id: int
    load_id: LoadId
    new: NewRow
    state: RowState = RowState.WAITING
    generation: int = 0
    doubtful_since: datetime | None = None
    seal_id: int | None = None
    item: SealItem | None = None
    object_id: str | None = None
    before: bytes | None = None
    outcome: Outcome | None = None
    settled_at: datetime | None = None

    def light(self) -> LoadRow:
        new = self.new
        return LoadRow(
            self.row_id, self.load_id, new.entity, new.operation, new.source_key, new.needs, new.object_key, new.rank,
            len(new.payload), self.generation, self.doubtful_since is not None, new.undoes is not None,
            (self.object_id or "") if new.operation == "create" else "",
        )  # fmt: skip

    def holder(self) -> Holder:
        return Holder(self.row_id, self.state, self.object_id)


@dataclass(slots=True)
class KeptSeal:
    """A seal with what is known of its sending."""

    seal: Seal
    row_ids: tuple[int, ...]
    sends: int = 1
    lost_at: datetime | None = None
    times_lost: int = 0
    taken_over: bool = False
    settled: bool = False


@dataclass(slots=True)
class _Kept:
    rows: dict[int, KeptRow] = field(default_factory=dict)
    seals: dict[int, KeptSeal] = field(default_factory=dict)
    loads: int = 0
    request_ids: set[tuple[RealmId, str]] = field(default_factory=set)
    sealed_realm: dict[int, RealmId] = field(default_factory=dict)


class MemoryLedger:
    """As `jobs.load.ports.Ledger`. `now` dates seals."""

    def __init__(self, store: MemoryStore, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._kept = _Kept()

    def seen_by(self, store: MemoryStore) -> MemoryLedger:
        """The same ledger as another process sees it, whose store it is."""
        other = MemoryLedger(store, now=self._now)
        other._kept = self._kept
        return other

    # What a test looks at.

    def kept_rows(self) -> Sequence[KeptRow]:
        return list(self._kept.rows.values())

    def kept_seals(self) -> Sequence[KeptSeal]:
        return list(self._kept.seals.values())

    async def add(self, rows: Sequence[NewRow]) -> Imported:
        """What an import does with good rows."""
        await anyio.lowlevel.checkpoint()
        load_id = LoadId(self._kept.loads + 1)
        added = replaced = 0
        loads: set[LoadId] = set()
        known = {_key(held.new): held for held in self._kept.rows.values()}
        for new in _in_order(rows):
            held = known.get(_key(new))
            if held is None:
                row_id = len(self._kept.rows) + 1
                held = self._kept.rows[row_id] = known[_key(new)] = KeptRow(row_id, load_id, new)
                added += 1
            elif self._gives_way(held, new):
                held.load_id, held.new, held.state, held.outcome = load_id, new, RowState.WAITING, None
                held.object_id = held.object_id if new.operation == "create" else None
                held.generation += 1
                replaced += 1
                for row in self._kept.rows.values():
                    if row.new.undoes == held.row_id:
                        self._forget(row)
            loads.add(held.load_id)
            for row in self._kept.rows.values():
                is_it = mark_of(row.row_id, row.new.payload_hash) == new.corrects and row.new.realm_id == new.realm_id
                if is_it and row.state is RowState.REJECTED and _key(row.new) != _key(new):
                    row.state = RowState.UNDONE
        self._kept.loads += bool(added or replaced)
        return Imported(added, replaced, len(rows) - added - replaced, tuple(sorted(loads)))

    async def retry(self, load_id: LoadId | None) -> int:
        """As `store.ledger_status.LedgerStatus.retry`."""
        await anyio.lowlevel.checkpoint()
        rejected = [
            row for row in self._kept.rows.values() if row.state is RowState.REJECTED and load_id in {None, row.load_id}
        ]
        for row in rejected:
            row.state, row.outcome = RowState.WAITING, None
            row.generation += 1
        return len(rejected)

    def _gives_way(self, held: KeptRow, new: NewRow) -> bool:
        if held.state is RowState.UNDONE:
            return not (new.operation != "create" and held.outcome is not None and held.outcome.code != "")
        if held.state is RowState.REJECTED and held.outcome is not None and held.outcome.code == "reference":
            return True
        if new.operation != "create":
            rows = self._kept.rows.values()
            made = [row for row in rows if (row.new.realm_id, row.new.operation) == (new.realm_id, "create")]
            of_it = (row for row in made if f"{row.new.entity}/{row.new.source_key}" == held.new.object_key)
            return held.state in DONE_STATES and any(_is_another(row, held) for row in of_it)
        return held.state in {RowState.WAITING, RowState.REJECTED} and held.new.payload_hash != new.payload_hash

    # The port.

    async def waiting(
        self, realm_id: RealmId, loads: Sequence[LoadId], *, after: tuple[int, int], limit: int
    ) -> Sequence[LoadRow]:
        await anyio.lowlevel.checkpoint()
        rows = [row.light() for row in self._of(realm_id, loads) if row.state is RowState.WAITING]
        rows.sort(key=lambda row: (row.rank, row.row_id))
        return [row for row in rows if (row.rank, row.row_id) > after][:limit]

    async def rows(self, realm_id: RealmId, row_ids: Sequence[int]) -> Sequence[LoadRow]:
        await anyio.lowlevel.checkpoint()
        found = [self._kept.rows[row_id] for row_id in row_ids]
        unsettled = {RowState.WAITING, RowState.SEALED}
        rows = [row.light() for row in found if row.new.realm_id == realm_id and row.state in unsettled]
        return sorted(rows, key=lambda row: (row.rank, row.row_id))

    async def payloads(self, realm_id: RealmId, row_ids: Sequence[int]) -> Mapping[int, bytes]:
        await anyio.lowlevel.checkpoint()
        found = (self._kept.rows[row_id] for row_id in row_ids)
        return {row.row_id: row.new.payload for row in found if row.new.realm_id == realm_id}

    async def holders(self, realm_id: RealmId, needs: Sequence[Need]) -> Mapping[Need, Holder]:
        await anyio.lowlevel.checkpoint()
        makers = [row for row in self._kept.rows.values() if row.new.operation == "create"]
        by_key = {(row.new.entity, row.new.source_key): row for row in makers if row.new.realm_id == realm_id}
        by_name: dict[tuple[str, str], KeptRow] = {}
        for row in sorted(by_key.values(), key=_standing):
            if row.state is not RowState.UNDONE and row.new.natural_key:
                by_name.setdefault((row.new.entity, row.new.natural_key), row)
        found: dict[Need, Holder] = {}
        for need in needs:
            held = (
                by_name.get((need.entity, need.natural_key))
                if need.attribute
                else by_key.get((need.entity, need.value))
            )
            if held is not None:
                found[need] = _of_its_name(held, makers) if need.attribute else held.holder()
        return found

    async def holders_by_attribute(self, realm_id: RealmId, needs: Sequence[Need]) -> Mapping[Need, Holder]:
        await anyio.lowlevel.checkpoint()
        found: dict[Need, Holder] = {}
        gone = {RowState.UNDONE, RowState.REJECTED}
        for row in sorted(self._kept.rows.values(), key=_standing):
            if (row.new.realm_id, row.new.operation) != (realm_id, "create") or row.state in gone:
                continue
            payload = orjson.loads(row.new.payload)
            for need in needs:
                value = str(payload.get(need.attribute, ""))
                if row.new.entity == need.entity and value.lower() == need.value.lower():
                    found.setdefault(need, row.holder())
        return found

    async def landed(self, realm_id: RealmId, needs: Sequence[Need]) -> Mapping[Need, Sequence[str]]:
        await anyio.lowlevel.checkpoint()
        found: dict[Need, list[str]] = {}
        for need in needs:
            for id_, raw in sorted(self._store.live_documents(realm_id, need.entity).items()):
                doc = orjson.loads(raw)
                is_it = str(doc.get(need.attribute, "")).lower() == need.value.lower()
                if is_it and doc.get("Active", True):
                    found.setdefault(need, []).append(id_)
        return found

    async def owned(self, realm_id: RealmId, entity: str, object_ids: Sequence[str]) -> frozenset[str]:
        await anyio.lowlevel.checkpoint()
        return frozenset(
            row.object_id
            for row in self._kept.rows.values()
            if row.object_id in set(object_ids)
            and (row.new.realm_id, row.new.entity, row.new.operation) == (realm_id, entity, "create")
            and row.object_id is not None
        )

    async def unsettled(self, realm_id: RealmId) -> Sequence[Seal]:
        await anyio.lowlevel.checkpoint()
        return self._seals(id_ for id_, of in self._kept.sealed_realm.items() if of == realm_id)

    def _seals(self, seal_ids: Iterable[int]) -> Sequence[Seal]:
        found: list[Seal] = []
        for seal_id in seal_ids:
            kept = self._kept.seals[seal_id]
            if kept.settled:
                continue
            rows = [self._kept.rows[row_id] for row_id in kept.row_ids]
            left = [
                structs.replace(row.item, generation=row.generation, doubtful_since=row.doubtful_since)
                for row in rows
                if row.state is RowState.SEALED and row.seal_id == seal_id and row.item is not None
            ]
            lost_for_s = None if kept.lost_at is None else (self._now() - kept.lost_at).total_seconds()
            whole = len(left) == len(kept.row_ids)
            found.append(structs.replace(kept.seal, items=tuple(left), lost_for_s=lost_for_s, whole=whole))
        return found

    async def seal(self, lease: Lease, seal: Seal, before: Sequence[Before]) -> Seal | None:
        await anyio.lowlevel.checkpoint()
        self._store.require(lease)
        rows = [self._kept.rows[item.row_id] for item in seal.items]
        if any(
            (row.state, row.generation) != (RowState.WAITING, item.generation)
            for row, item in zip(rows, seal.items, strict=True)
        ):
            return None
        assert (lease.realm_id, seal.request_id) not in self._kept.request_ids, "two requests of one id"
        self._kept.request_ids.add((lease.realm_id, seal.request_id))
        items = tuple(
            structs.replace(item, doubtful_since=row.doubtful_since) for row, item in zip(rows, seal.items, strict=True)
        )
        stored = structs.replace(seal, seal_id=len(self._kept.seals) + 1, sealed_at=self._now(), items=items)
        self._kept.seals[stored.seal_id] = KeptSeal(stored, tuple(row.row_id for row in rows))
        self._kept.sealed_realm[stored.seal_id] = lease.realm_id
        for row, item in zip(rows, seal.items, strict=True):
            row.state, row.seal_id, row.item = RowState.SEALED, stored.seal_id, item
            row.object_id = item.object_id or None
        for each in before:
            self._kept.rows[each.row_id].before = each.doc
        return stored

    async def lose(self, lease: Lease, seal_ids: Sequence[int], *, taken_over: bool) -> Sequence[Seal]:
        await anyio.lowlevel.checkpoint()
        self._store.require(lease)
        for seal_id in seal_ids:
            kept = self._kept.seals[seal_id]
            if not kept.settled:
                kept.times_lost += kept.lost_at is None
                kept.taken_over = kept.taken_over or taken_over
                kept.lost_at = kept.lost_at or self._now()
        return self._seals(seal_ids)

    async def send_again(self, lease: Lease, seal_id: int) -> None:
        await anyio.lowlevel.checkpoint()
        self._store.require(lease)
        kept = self._kept.seals[seal_id]
        kept.lost_at = None
        kept.sends += 1
        for row_id in kept.row_ids:
            row = self._kept.rows[row_id]
            if row.state is RowState.SEALED and row.seal_id == seal_id:
                row.doubtful_since = row.doubtful_since or kept.seal.sealed_at

    async def settle(self, lease: Lease, outcomes: Sequence[Outcome]) -> Collection[int]:
        await anyio.lowlevel.checkpoint()
        self._store.require(lease)
        settled = {outcome.row_id for outcome in outcomes if self._is_open(outcome)}
        for outcome in outcomes:
            if outcome.row_id not in settled:
                continue
            row = self._kept.rows[outcome.row_id]
            row.state, row.outcome, row.settled_at = outcome.state, outcome, self._now()
            kept = None if row.seal_id is None else self._kept.seals[row.seal_id]
            if outcome.state in DONE_STATES:
                row.doubtful_since = None
            elif outcome.doubtful and kept is not None:
                row.doubtful_since = row.doubtful_since or kept.seal.sealed_at
            row.object_id = outcome.object_id or row.object_id
            if outcome.state is RowState.WAITING:
                row.generation += 1
            assert outcome.state not in DONE_STATES or row.object_id, "what is done has an Id"
            if row.new.undoes is not None and outcome.state in DONE_STATES:
                self._undo(self._kept.rows[row.new.undoes], row)
            if kept is not None:
                left = (self._kept.rows[row_id] for row_id in kept.row_ids)
                kept.settled = not any(one.state is RowState.SEALED and one.seal_id == row.seal_id for one in left)
        return settled

    def _is_open(self, outcome: Outcome) -> bool:
        row = self._kept.rows[outcome.row_id]
        is_it = outcome.generation in {None, row.generation}
        return row.state is RowState.SEALED or (row.state is RowState.WAITING and is_it)

    def _undo(self, undone: KeptRow, by: KeptRow) -> None:
        """What was taken back; and if that was a reversal, what it had taken back is done again."""
        undone.state = RowState.UNDONE
        if undone.new.undoes is not None:
            original = self._kept.rows[undone.new.undoes]
            original.state, original.object_id = RowState.APPLIED, by.object_id
            self._forget(undone)

    def _forget(self, reversal: KeptRow) -> None:
        """It has nothing more to do with the row that it took back, which may be taken back by another of its key."""
        key = f"{reversal.new.source_key}.{reversal.row_id}"
        reversal.new = structs.replace(reversal.new, undoes=None, source_key=key)

    async def counts(self, realm_id: RealmId, loads: Sequence[LoadId]) -> Mapping[str, int]:
        await anyio.lowlevel.checkpoint()
        found: dict[str, int] = {}
        for row in self._of(realm_id, loads):
            found[row.state.value] = found.get(row.state.value, 0) + 1
        return found

    async def now(self) -> datetime:
        await anyio.lowlevel.checkpoint()
        return self._now()

    def _of(self, realm_id: RealmId, loads: Sequence[LoadId]) -> list[KeptRow]:
        return [row for row in self._kept.rows.values() if row.new.realm_id == realm_id and row.load_id in loads]


def _is_another(made: KeptRow, changed: KeptRow) -> bool:
    """Whether the row that made an object has made another since, or the same one anew, or is to."""
    if made.state not in DONE_STATES or made.object_id != changed.object_id:
        return True
    assert made.settled_at is not None and changed.settled_at is not None, "what is done has its time"  # noqa: PT018
    return made.settled_at > changed.settled_at


def _of_its_name(held: KeptRow, makers: Iterable[KeptRow]) -> Holder:
    named = (held.new.realm_id, held.new.entity, held.new.natural_key)
    gone = {RowState.UNDONE, RowState.REJECTED}
    alike = [row for row in makers if (row.new.realm_id, row.new.entity, row.new.natural_key) == named]
    parents = [
        orjson.loads(row.new.payload).get("ParentRef") for row in [held, *alike] if row.state not in gone or row is held
    ]
    to_come = [row.row_id for row in alike if row.state in {RowState.WAITING, RowState.SEALED}]
    several = any(parent != parents[0] for parent in parents)
    return structs.replace(held.holder(), several=several, next_row_id=min(to_come, default=None))


def _in_order(rows: Iterable[NewRow]) -> Iterable[NewRow]:
    """Each of no lower rank than what is to be done to its object earlier."""
    ranks: dict[tuple[RealmId, str], int] = {}
    for new in rows:
        key = new.realm_id, new.object_key
        ranks[key] = max(new.rank, ranks.get(key, 0))
        yield structs.replace(new, rank=ranks[key])


def _key(new: NewRow) -> tuple[object, ...]:
    """What makes two rows of sources the same row here."""
    content = b"" if new.operation == "create" else new.payload_hash
    return new.realm_id, new.entity, new.source_key, new.operation, content


def _standing(row: KeptRow) -> tuple[bool, bool, int]:
    return row.state not in DONE_STATES, row.state is RowState.REJECTED, row.row_id
