"""Law 3: a write takes effect exactly once. Judged by the simulated companies' books, whatever our ledger says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from backfill.load_model import DONE_STATES, RowState
from backfill.model import RealmId
from backfill.rehearsal.asked_rows import AskedRow, RowIdentity
from backfill.rehearsal.books_seen import SeenChange
from backfill.rehearsal.oracles.oracle import Ending, Oracle
from backfill.rehearsal.stage import Stage
from backfill.store.memory_ledger import KeptRow

Reference = tuple[str, str]
"""Property and Id: (`SalesTermRef`, `3`)."""

_FAULT_OF_WHAT_ENDED = "610"
"""What refers to an inactive object is refused with it."""

_SAYS_IT_IS_DONE = DONE_STATES | {RowState.UNDONE}


class ExactlyOnce(Oracle):
    """Every valid row once, every other one never and with its fault in the dead letter, and the ledger says the same.

    People may have a hand in an object between a write and the look for it (they overwrite a note by which it is found
    again, or delete it): then once more for each time that they did is all that can be demanded.
    """

    name: ClassVar[str] = "exactly once"
    law: ClassVar[str] = "a write takes effect exactly once"

    def process_ended(self, stage: Stage, _ending: Ending) -> Iterable[str]:
        for effects in all_effects(stage):
            yield from effects.too_many()

    def over(self, stage: Stage) -> Iterable[str]:
        if stage.load.taken_back:
            return
        kept = {(row.new.realm_id, row.new.entity, row.new.operation, row.new.source_key): row
                for row in stage.ledger.kept_rows()}  # fmt: skip
        for effects in all_effects(stage):
            yield from effects.too_many()
            if effects.realm_id not in stage.troubled:
                for row in effects.rows:
                    held = kept[row.realm_id, row.entity, row.operation, row.key]
                    yield from effects.wrong(row, held)


def all_effects(stage: Stage) -> Iterator[Effects]:
    rows: defaultdict[RealmId, list[AskedRow]] = defaultdict(list)
    for row in stage.load.rows:
        rows[row.realm_id].append(row)
    for realm_id, asked in rows.items():
        effects = effects_of(realm_id, asked, stage.books.of(realm_id))
        for (realm, entity), ids in stage.world.settings.poisoned.items():
            for id_ in ids if realm == realm_id else ():
                effects.meddled[entity, id_] += 1
        yield effects


@dataclass(slots=True)
class Effects:
    """What the rows of one realm did to its books."""

    realm_id: RealmId
    rows: Sequence[AskedRow]
    found: dict[RowIdentity, list[str]] = field(default_factory=dict)
    """Row to the Ids of the objects that it changed or made, one for each time that it took effect."""
    meddled: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """(entity, Id) to how often people changed it; once if it cannot be read."""
    before: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """(entity, Id) to what it was before the first change."""
    used: set[Reference] = field(default_factory=set)
    """What people's documents refer to."""
    ended: set[tuple[str, str]] = field(default_factory=set)
    """(entity, Id) of what people made inactive, be it for a time."""

    def object_of(self, key: str) -> tuple[str, str] | None:
        """The object that the row of that key made."""
        for row in self.rows:
            if row.key == key and row.operation == "create" and self.found.get(row.identity):
                return row.entity, self.found[row.identity][0]
        return None

    def too_many(self) -> Iterator[str]:
        """Rows that took effect more often than once, and those that must not at all."""
        for row in self.rows:
            ids = self.found.get(row.identity, [])
            most = 0 if row.fault else 1 + sum(self.meddled[row.entity, id_] for id_ in set(ids))
            if len(ids) > most:
                yield f"{self.realm_id} {row.operation} of {row.entity} {row.key} took effect {len(ids)} times: {ids}"

    def wrong(self, row: AskedRow, held: KeptRow) -> Iterator[str]:
        """What does not agree between what was asked for, what the books show, and what the ledger says."""
        name = f"{self.realm_id} {row.operation} of {row.entity} {row.key}"
        ids = self.found.get(row.identity, [])
        code = held.outcome.code if held.outcome is not None else ""
        is_rejected = held.state is RowState.REJECTED
        if row.fault:
            # A retry asks again: what refers to something inactive is refused for that, whatever else is wrong with it.
            is_refused_first = code == _FAULT_OF_WHAT_ENDED and self._refers_to_what_ended(row)
            if not is_rejected or (code != row.fault and not is_refused_first):
                yield f"{name} must be rejected with {row.fault}, and is {held.state.value} {code}"
        elif not ids:
            if held.state in _SAYS_IT_IS_DONE and not self._is_hindered(row):
                yield f"{name} never took effect, and is said to be {held.state.value}"
            elif is_rejected and not self._is_hindered(row):
                yield f"{name} was rejected, and nothing was wrong with it: {held.outcome}"
        elif held.state in _SAYS_IT_IS_DONE:
            if held.object_id not in ids:
                yield f"{name} made {ids}, and the ledger says {held.object_id}"
        elif is_rejected and not self._is_hindered(row):
            yield f"{name} took effect, and is said to be rejected: {held.outcome}"

    def agreed(self, row: AskedRow) -> bool:
        """Nobody else had a hand in what the row is about or needs."""
        return not self._is_hindered(row)

    def _is_hindered(self, row: AskedRow) -> bool:
        """People took away, or changed, what the row is about or needs; or hindered a row that it needs."""
        if row.object_id and self.meddled[row.entity, row.object_id]:
            return True
        for key in row.names:
            made = self.object_of(key)
            if made is not None and self.meddled[made]:
                return True
            maker = next((other for other in self.rows if other.key == key and other.operation == "create"), None)
            if maker is not None and maker is not row and self._is_hindered(maker):
                return True
        return False

    def _refers_to_what_ended(self, row: AskedRow) -> bool:
        """What another row made for it, people made inactive."""
        return any(
            (other.entity, id_) in self.ended
            for other in self.rows
            if other.key in row.names and other.operation == "create"
            for id_ in self.found.get(other.identity, ())
        )


def effects_of(realm_id: RealmId, rows: Sequence[AskedRow], seen: Sequence[SeenChange]) -> Effects:
    """Read the books: what was made first, since changes are of what was made."""
    effects = Effects(realm_id, rows)
    marked = {row.mark: row for row in rows if row.mark}
    ends: dict[tuple[str, str], AskedRow] = {
        (row.entity, row.object_id): row for row in rows if row.operation == "delete"
    }
    voids = {row.key: row for row in rows if row.operation == "void"}
    for (at, entity, id_, before, after, counted), by_people in seen:  # noqa: B007  # all of a change is named
        if before is not None:
            effects.before.setdefault((entity, id_), before)
        if by_people:
            # An invoice that somebody pays has nothing open any more; a customer's balance matters to nobody.
            effects.meddled[entity, id_] += counted or entity == "Invoice"
            now: Mapping[str, object] = {} if after is None else json.loads(after)
            effects.used.update(references_in(now))
            if now.get("Active") is False:
                effects.ended.add((entity, id_))
            continue
        if not counted:
            continue
        if after is None:
            _add(effects, ends.get((entity, id_)), id_)
            continue
        doc = json.loads(after)
        text = str(doc.get("PrivateNote") or doc.get("Notes") or doc.get("Description") or "")
        row = marked.get(_mark_in(text))
        if row is not None and row.entity == entity:
            is_new = before is None
            if is_new == (row.operation == "create"):
                _add(effects, row, id_)
        if entity == "Invoice" and before is not None and _is_taken_away(before, after):
            made = {effects.object_of(key): void for key, void in voids.items()}
            _add(effects, made.get((entity, id_)), id_)
    return effects


def references_in(value: object) -> Iterator[Reference]:
    """All that a document refers to."""
    if isinstance(value, Mapping):
        for property_, part in value.items():
            if property_.endswith("Ref") and isinstance(part, Mapping):
                yield property_, str(part.get("value"))
            else:
                yield from references_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from references_in(part)


def is_to(reference: Reference, entity: str) -> bool:
    """A `SalesTermRef` is to a Term."""
    return reference[0].endswith(f"{entity}Ref")


def _add(effects: Effects, row: AskedRow | None, id_: str) -> None:
    if row is not None:
        effects.found.setdefault(row.identity, []).append(id_)


def _mark_in(text: str) -> str:
    start = text.find("#row ")
    end = text.find("#", start + 1)
    return text[start : end + 1] if start >= 0 and end > start else ""


def _is_taken_away(before: bytes | None, after: bytes) -> bool:
    """Made inactive, or voided."""
    old: Mapping[str, object] = {} if before is None else json.loads(before)
    new: Mapping[str, object] = json.loads(after)
    was_active, is_active = old.get("Active", True), new.get("Active", True)
    return bool(was_active and not is_active) or bool(old.get("TotalAmt") and not new.get("TotalAmt"))
