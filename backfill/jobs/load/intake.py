"""A record of a source becomes a row of the ledger, or the reasons why it cannot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from backfill.errors import UsageError
from backfill.jobs.load.references import MARK, needs_of, substituted, text_of
from backfill.jobs.load.stamps import STAMP_CHARS, has_room, needs_stamp
from backfill.load_model import Need, NewRow
from backfill.model import REALM_ID, RealmId
from backfill.qbo.operations import Operation, Writing, operation, writing
from backfill.qbo.payloads import PAYLOAD_BYTES_MAX, PayloadFault, digest, encode, faults_of

_FIRST_CREATE_RANK = 5
"""Deletions come first (0 to 4), so that a number or name that one of them frees can be used again; then everything
else, and of that payments and deposits last."""

_ZERO = "\0"
"""What no text in Postgres, and no text of a person, holds."""


_MARK_OF_A_ROW = re.compile(r"[0-9]{1,18}-[0-9a-f]{64}")
"""As `load_model.mark_of` makes it."""

_DEPTH_MAX = 40
"""Objects and lists within one another: several times what any object of QuickBooks has, and little enough to be gone
through by functions that call themselves."""

_KEY_CHARS_MAX = 500
"""Enough for any system's names, and little enough for an index."""


class Record(BaseModel):
    """One record, as a source has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    realm_id: str
    entity: str
    operation: str = Operation.CREATE.value
    source_key: str
    payload: dict[str, Any] = {}
    corrects: str = ""
    """Of a change that was exported from the dead letter: which one it was."""

    @field_validator("realm_id", "source_key", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("realm_id")
    @classmethod
    def _is_a_realm(cls, value: str) -> str:
        if not REALM_ID.fullmatch(value):
            raise ValueError("a realm's id has 1 to 32 digits")
        return value

    @field_validator("corrects")
    @classmethod
    def _is_a_mark(cls, value: str) -> str:
        if value and not _MARK_OF_A_ROW.fullmatch(value):
            raise ValueError("it stays as load export-rejected wrote it, or is left out")
        return value

    @field_validator("source_key")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        if not 0 < len(value) <= _KEY_CHARS_MAX:
            raise ValueError(f"a source key has 1 to {_KEY_CHARS_MAX} characters")
        return value


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a record that does not say it gets; one that says null does not."""

    realm_id: str = ""
    entity: str = ""
    operation: str = ""

    def over(self, record: Mapping[str, Any]) -> dict[str, Any]:
        given = {"realm_id": self.realm_id, "entity": self.entity, "operation": self.operation}
        said = {key: value for key, value in record.items() if value is not None}
        return {key: value for key, value in given.items() if value} | said


def row_of(line: int, record: Mapping[str, Any]) -> NewRow | list[PayloadFault]:
    """The row, or everything that is wrong with the record. `payload` may come decoded with Decimals."""
    if _is_too_deep(record):
        return [PayloadFault("payload", f"more than {_DEPTH_MAX} objects and lists are nested within one another")]
    try:
        read = Record.model_validate(record)
    except ValidationError as error:
        return [
            PayloadFault(".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, "))
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ] + _entity_faults(record.get("entity"))
    try:
        table = writing(read.entity)
    except UsageError as error:
        return [PayloadFault("entity", f"{error.message} {error.action}")]
    try:
        what = operation(read.operation, table)
    except UsageError as error:
        return [PayloadFault("operation", f"{error.message} {error.action}")]
    try:
        needs = needs_of(read.payload)
        plain = substituted(read.payload, lambda _: "1")
    except UsageError as error:
        return [PayloadFault("payload", f"{error.message} {error.action}".strip())]
    faults = [
        PayloadFault(f"payload.{fault.path}".rstrip("."), fault.message)
        for fault in [
            *_identity_faults(table.entity.name, what, read.payload),
            *faults_of(table.entity.name, what, plain),
        ]
    ]
    return faults or _row(line, read, table, what, needs)


def _is_too_deep(record: Mapping[str, Any]) -> bool:
    level: list[Any] = [record]
    for _ in range(_DEPTH_MAX):
        parts = (each.values() if isinstance(each, Mapping) else each for each in level)
        level = [part for each in parts for part in each if isinstance(part, dict | list)]
        if not level:
            return False
    return True


def _entity_faults(name: object) -> list[PayloadFault]:
    """Of a record that is wrong otherwise, too: all is said at once."""
    try:
        if isinstance(name, str):
            writing(name)
    except UsageError as error:
        return [PayloadFault("entity", f"{error.message} {error.action}")]
    return []


def _row(
    line: int, read: Record, table: Writing, what: Operation, needs: tuple[Need, ...]
) -> NewRow | list[PayloadFault]:
    payload = {key: value for key, value in read.payload.items() if key != "sparse"}
    entity = table.entity.name
    own = Need(entity, "", read.source_key)
    if what is not Operation.CREATE and "Id" not in payload:
        needs = (*needs, own)  # the object is the one that the row of the same key made
    try:
        raw = encode(payload)
    except (msgspec.MsgspecError, UnicodeEncodeError, TypeError, ValueError) as error:
        return [PayloadFault("payload", f"it cannot be written as JSON: {error}")]
    faults = _size_faults(table, what, payload, raw)
    if _ZERO in read.source_key or b"\\u0000" in raw:
        faults.append(PayloadFault("payload", "it has a zero character, which no text may have"))
    if faults:
        return faults
    named = table.natural_key and payload.get(table.natural_key)
    return NewRow(
        line=line,
        realm_id=RealmId(read.realm_id),
        entity=entity,
        operation=what.value,
        source_key=read.source_key,
        payload=raw,
        payload_hash=digest(payload),
        needs=tuple(text_of(need) for need in dict.fromkeys(needs)),
        object_key=_object_key(entity, what, payload, own),
        natural_key=Need(entity, table.natural_key, str(named).strip()).natural_key if named else "",
        rank=rank_of(what, table),
        corrects=read.corrects,
    )


def rank_of(what: Operation, table: Writing) -> int:
    """The row's place in the chronology: all rows of a lower rank are over before it is sent."""
    if what is Operation.DELETE:
        return 4 - table.rank
    return _FIRST_CREATE_RANK + max(0, table.rank - 2)


def _object_key(entity: str, what: Operation, payload: Mapping[str, Any], own: Need) -> str:
    """What the row changes: no two rows of one object are under way at once.

    A row that makes an object has a key of its own: those that change it need it anyway, wherever they stand.
    """
    object_id = payload.get("Id")
    if what is Operation.CREATE:
        return f"new {text_of(own)}"
    if object_id is None:
        return text_of(own)
    if isinstance(object_id, dict) and MARK in object_id:
        return text_of(needs_of(object_id)[0])
    return f"{entity}#{object_id}"


def _identity_faults(entity: str, what: Operation, payload: Mapping[str, Any]) -> list[PayloadFault]:
    """Which object a change is about is said by its Id, a reference to it, or the key of the row that made it."""
    if what is Operation.CREATE:
        return [PayloadFault(name, "a new object has none yet") for name in ("Id", "SyncToken") if name in payload]
    object_id, token = payload.get("Id"), payload.get("SyncToken")
    faults = []
    is_reference = isinstance(object_id, dict) and MARK in object_id
    if not (object_id is None or is_reference or (isinstance(object_id, str) and object_id != "")):
        faults.append(PayloadFault("Id", "an Id is a text, or a reference"))
    if is_reference and (other := needs_of(object_id)[0].entity) != entity:
        faults.append(PayloadFault("Id", f"it refers to a {other}, and the row is to change a {entity}"))
    if token is not None and not (isinstance(token, str) and token.isascii() and token.isdecimal()):
        faults.append(PayloadFault("SyncToken", "a SyncToken is a text of digits"))
    return faults


def _size_faults(table: Writing, what: Operation, payload: Mapping[str, Any], raw: bytes) -> list[PayloadFault]:
    faults = []
    if len(raw) > PAYLOAD_BYTES_MAX:
        faults.append(PayloadFault("payload", f"it has {len(raw):,} bytes; {PAYLOAD_BYTES_MAX:,} are sent at most"))
    if needs_stamp(table, what, payload) and not has_room(table, payload):
        faults.append(
            PayloadFault(
                f"payload.{table.stamp_field}",
                f"it leaves no room for the {STAMP_CHARS} characters by which the object is found again",
            )
        )
    return faults
