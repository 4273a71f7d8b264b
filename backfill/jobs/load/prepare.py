"""From rows that are ready to writes that can be sealed: references resolved, versions read, guards passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backfill import events
from backfill.errors import RequestError
from backfill.jobs.load.books import Books
from backfill.jobs.load.matching import name_of
from backfill.jobs.load.references import parsed, substituted
from backfill.jobs.load.resolver import Resolved, Resolver
from backfill.jobs.load.stamps import has_room, needs_stamp, stamp_of, stamped
from backfill.jobs.load.versions import Object, Versions, document, token_of
from backfill.jobs.load.work import LoadWork
from backfill.load_model import LoadRow, Need, Outcome, RowState
from backfill.model import Record
from backfill.qbo.faults import FAULTS
from backfill.qbo.operations import SALES_FORMS, WRITINGS, Operation, Removal
from backfill.qbo.payloads import decode
from backfill.qbo.writes import Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A row's write, ready to be sealed."""

    row: LoadRow
    write: Write
    object_id: str = ""
    sync_token: str = ""
    stamp: str = ""
    before: bytes | None = None


@dataclass(slots=True)
class Preparation:
    """What became of some rows."""

    good: list[Prepared] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    """Rows whose end is known without a request."""


class Preparer:
    """One realm's."""

    def __init__(self, work: LoadWork, resolver: Resolver, versions: Versions, books: Books) -> None:
        self._work = work
        self._resolver = resolver
        self._versions = versions
        self._books = books
        self._has_warned = False

    async def prepare(self, rows: Sequence[LoadRow]) -> Preparation:
        """Raises `RequestError` if the versions cannot be read."""
        done = Preparation()
        payloads = await self._work.ledger.payloads(self._work.realm_id, [row.row_id for row in rows])
        found = await self._resolver.resolve(parsed(need) for row in rows for need in row.needs)
        plain: dict[int, dict[str, Any]] = {}
        for row in rows:
            refused = [reason for need in row.needs if (reason := _refusal(parsed(need), found))]
            if refused:
                done.outcomes.append(rejected(row, "reference", refused[0], "Correct the reference, then load retry."))
            else:
                plain[row.row_id] = substituted(decode(payloads[row.row_id]), found.ids.__getitem__)
        changed = {row.row_id: _object(row, plain[row.row_id], found) for row in rows if row.row_id in plain}
        there = await self._versions.of(key for key in changed.values() if key is not None)
        for row in rows:
            if row.row_id in plain:
                key = changed[row.row_id]
                prepared = self._one(row, plain[row.row_id], key, there.get(key) if key else None)
                if isinstance(prepared, Prepared):
                    done.good.append(prepared)
                else:
                    done.outcomes.append(prepared)
        return done

    def _one(
        self, row: LoadRow, body: dict[str, Any], key: Object | None, now: Record | RequestError | None
    ) -> Prepared | Outcome:
        operation = Operation(row.operation)
        if isinstance(now, RequestError):
            words = f"QuickBooks cannot read the {row.entity} that it is to change: {now.message}"
            return rejected(row, now.code or "none", words, now.action)
        held = None if now is None else document(now)
        if self._books.is_closed(body, held):
            rule = FAULTS["6210"]
            words = f"the books of realm {self._work.realm_id} are closed up to {self._books.closed_to}"
            return rejected(row, rule.code, words, rule.action)
        if operation is Operation.CREATE:
            return self._created(row, body) if now is None else self._made_active(row, body, now)
        assert key is not None, "a change has an object"
        if now is None or held is None:
            return _vanished(row, operation, key)
        if operation is Operation.DELETE and WRITINGS[row.entity].is_list and held.get("Active") is False:
            return Outcome(row.row_id, RowState.APPLIED, key[1], token_of(now))  # it is inactive already
        return self._changed(row, operation, body, key, now, held)

    def _created(self, row: LoadRow, body: dict[str, Any]) -> Prepared:
        table = WRITINGS[row.entity]
        stamp = ""
        if row.entity in SALES_FORMS and body.get("DocNumber") and not self._books.custom_numbers:
            self._warn()
        if needs_stamp(table, Operation.CREATE, body) or (self._may_renumber(row) and has_room(table, body)):
            stamp = stamp_of(self._work.realm_id, row.entity, row.source_key)
            body = stamped(table, body, stamp)
        return Prepared(row=row, write=self._write(row, Operation.CREATE, body), stamp=stamp)

    def _made_active(self, row: LoadRow, body: dict[str, Any], now: Record) -> Prepared:
        """What the row made before, and an undo made inactive, keeps its name from any new one (6240): it is what the
        row is about, and is given all that the row says. If it is called otherwise by now, it is in nobody's way."""
        name = WRITINGS[row.entity].natural_key
        if name_of(document(now).get(name)) != name_of(body.get(name)):
            return self._created(row, body)
        token = token_of(now)
        body = {"Active": True, **body, "Id": now.id, **_version(token)}
        return Prepared(row=row, write=self._write(row, Operation.UPDATE, body), object_id=now.id, sync_token=token)

    def _may_renumber(self, row: LoadRow) -> bool:
        """Whether by its number nobody might find it again: until a company that numbers its sales forms itself was
        seen to leave one what it was given."""
        return row.entity in SALES_FORMS and not (self._books.custom_numbers or self._work.learnt.numbers_kept)

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            words = (
                f"Realm {self._work.realm_id} numbers its sales forms itself (CustomTxnNumbers is off): QuickBooks "
                "will not refuse a DocNumber that is used already. What this program writes, it still writes once."
            )
            self._work.observe(events.Warned(realm_id=self._work.realm_id, message=words))

    def _changed(
        self, row: LoadRow, operation: Operation, body: dict[str, Any], key: Object, now: Record, held: dict[str, Any]
    ) -> Prepared:
        """A change is made for the version that is there. Only a full update may insist on one that was seen before."""
        token = token_of(now)
        if operation is Operation.FULL_UPDATE and "SyncToken" in body:
            token = str(body["SyncToken"])
        body = {**body, "Id": key[1], **_version(token)}
        if operation is Operation.DELETE and WRITINGS[row.entity].removal is Removal.INACTIVE_WITH_NAME:
            body["Name"] = held.get("Name", "")
        return Prepared(
            row=row,
            write=self._write(row, operation, body),
            object_id=key[1],
            sync_token=token,
            before=bytes(now.doc),
        )

    def _write(self, row: LoadRow, operation: Operation, body: dict[str, Any]) -> Write:
        allows = self._work.options.allow_duplicate_numbers and "DocNumber" in body
        return Write(entity=row.entity, operation=operation, body=body, allow_duplicate_number=allows)


def _version(token: str) -> dict[str, str]:
    return {"SyncToken": token} if token else {}  # Intuit asks for it where it needs it


def rejected(row: LoadRow, code: str, message: str, action: str) -> Outcome:
    """The row goes to the dead letter."""
    return Outcome(row.row_id, RowState.REJECTED, code=code, message=message, action=action)


def _refusal(need: Need, found: Resolved) -> str:
    if need in found.pending:  # what was there is not any more: it was undone, or retried
        return f"what it refers to is {need.value}, which is waiting again"
    return found.refused.get(need, "")


def _object(row: LoadRow, body: dict[str, Any], found: Resolved) -> Object | None:
    """Which object a change is about, or a new one may be; None for one that is new altogether."""
    if row.operation == Operation.CREATE:
        return (row.entity, row.object_id) if row.object_id and WRITINGS[row.entity].is_list else None
    object_id = body.get("Id") or found.ids.get(Need(row.entity, "", row.source_key))
    assert object_id, "a change has an Id, or needs its own row"
    return row.entity, str(object_id)


def _vanished(row: LoadRow, operation: Operation, key: Object) -> Outcome:
    """There is no such object. If an earlier attempt to delete it is in doubt, it was that. An undo wants no more, nor
    where it was to make parts what they were: they went with their object."""
    is_undone = row.takes_back and operation in {Operation.DELETE, Operation.UPDATE}
    if is_undone or (operation is Operation.DELETE and row.doubtful):
        return Outcome(row.row_id, RowState.ADOPTED, key[1])
    rule = FAULTS["610"]
    return rejected(row, rule.code, f"there is no {key[0]} with Id {key[1]}", rule.action)
