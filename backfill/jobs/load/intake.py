"""A record of a source becomes a row of the ledger, or the reasons why it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from backfill.errors import UsageError
from backfill.jobs.load.references import MARK, needs_of, substituted, text_of
from backfill.jobs.load.stamps import STAMP_CHARS, needs_stamp
from backfill.load_model import Need, NewRow
from backfill.model import RealmId
from backfill.qbo.operations import Operation, Writing, operation, writing
from backfill.qbo.payloads import PAYLOAD_BYTES_MAX, TEXT_CHARS_MAX, PayloadFault, encode, faults_of

_FIRST_CREATE_RANK = 5
"""Deletions come first (0 to 4), so that a number or name that one of them frees can be used again; then everything
else, and of that payments and deposits last."""

_ZERO = "\0"
"""What no text in Postgres, and no text of a person, holds."""


class Record(BaseModel):
    """One record, as a source has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    realm_id: Annotated[str, Field(pattern=r"^[0-9]{1,32}$")]
    entity: str
    operation: str = Operation.CREATE.value
    source_key: Annotated[str, Field(min_length=1, max_length=500)]
    payload: dict[str, Any] = {}

    @field_validator("realm_id", "source_key", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a record that does not say it gets."""

    realm_id: str = ""
    entity: str = ""
    operation: str = ""

    def over(self, record: Mapping[str, Any]) -> dict[str, Any]:
        given = {"realm_id": self.realm_id, "entity": self.entity, "operation": self.operation}
        return {key: value for key, value in given.items() if value} | dict(record)


def row_of(line: int, record: Mapping[str, Any]) -> NewRow | list[PayloadFault]:
    """The row, or everything that is wrong with the record. `payload` may come decoded with Decimals."""
    try:
        read = Record.model_validate(record)
    except ValidationError as error:
        return [
            PayloadFault(".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, "))
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ]
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
        for fault in [*_identity_faults(what, read.payload), *faults_of(table.entity.name, what, plain)]
    ]
    return faults or _row(line, read, table, what, needs)


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
        payload_hash=sha256(raw).digest(),
        needs=tuple(text_of(need) for need in dict.fromkeys(needs)),
        object_key=_object_key(entity, what, payload, own),
        natural_key=Need(entity, table.natural_key, str(named).strip()).natural_key if named else "",
        rank=rank_of(what, table),
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


def _identity_faults(what: Operation, payload: Mapping[str, Any]) -> list[PayloadFault]:
    """Which object a change is about is said by its Id, a reference to it, or the key of the row that made it."""
    if what is Operation.CREATE:
        return [PayloadFault(name, "a new object has none yet") for name in ("Id", "SyncToken") if name in payload]
    object_id, token = payload.get("Id"), payload.get("SyncToken")
    faults = []
    is_id = object_id is None or (isinstance(object_id, str) and object_id != "") or isinstance(object_id, dict)
    if not is_id:
        faults.append(PayloadFault("Id", "an Id is a text, or a reference"))
    if token is not None and not (isinstance(token, str) and token.isdecimal()):
        faults.append(PayloadFault("SyncToken", "a SyncToken is a text of digits"))
    return faults


def _size_faults(table: Writing, what: Operation, payload: Mapping[str, Any], raw: bytes) -> list[PayloadFault]:
    faults = []
    if len(raw) > PAYLOAD_BYTES_MAX:
        faults.append(PayloadFault("payload", f"it has {len(raw):,} bytes; {PAYLOAD_BYTES_MAX:,} are sent at most"))
    note = str(payload.get(table.stamp_field) or "") if table.stamp_field else ""
    if needs_stamp(table, what, payload) and len(note) + 1 + STAMP_CHARS > TEXT_CHARS_MAX:
        faults.append(
            PayloadFault(
                f"payload.{table.stamp_field}",
                f"it leaves no room for the {STAMP_CHARS} characters by which the object is found again",
            )
        )
    return faults
