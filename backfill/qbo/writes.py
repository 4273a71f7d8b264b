"""Requests that write, built and not sent: single ones, and batches of them, under ids that make them repeatable.

Intuit's rules (basic ID and field definitions): a requestid is unique within the company and at most 50 characters; a
batch's is joined with each bId, so it has at most 36 and a bId at most 10. The same ids with the same content are
answered again and not done again. What the same id with another content does is not documented: so the id is made
of the content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from backfill.model import RealmId
from backfill.qbo.calls import ACCEPT_AND_JSON, BATCH_ID_CHARS_MAX, MINOR_VERSION_PARAM
from backfill.qbo.operations import ALLOW_DUPLICATE_NUMBER, WRITINGS, Operation, Removal, VoidForm, Writing
from backfill.qbo.payloads import encode
from backfill.qbo.query import BATCH_ITEMS_MAX
from backfill.wire import Lane, Request

REQUEST_ID_CHARS = 32
"""128 bits in hexadecimal: no two of a company's writes share one. At most 36 are allowed."""

assert REQUEST_ID_CHARS + BATCH_ID_CHARS_MAX <= 50, "more are refused for every item (6000)"

BATCH_BODY_BYTES_MAX = 500_000
"""The cap is not published; 413 was seen, and batches of half a megabyte pass."""

_ITEM_BYTES = 100
"""bId, operation and the entity's name around an item's object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One object's change, its references resolved. `body` has Id and SyncToken where the operation needs them."""

    entity: str
    operation: Operation
    body: dict[str, Any]
    allow_duplicate_number: bool = False

    @property
    def table(self) -> Writing:
        return WRITINGS[self.entity]

    @property
    def batchable(self) -> bool:
        """Whether its form inside a batch is certain: no recording shows a void there, or the option's spelling."""
        return self.operation is not Operation.VOID and not self.allow_duplicate_number


def object_of(write: Write) -> dict[str, Any]:
    """The object as it is sent."""
    body = write.body
    versioned: dict[str, Any] = {key: value for key, value in body.items() if key in {"Id", "SyncToken"}}
    match write.operation:
        case Operation.CREATE | Operation.FULL_UPDATE:
            return {key: value for key, value in body.items() if key != "sparse"}
        case Operation.UPDATE:
            return {**body, "sparse": True}
        case Operation.VOID:
            return {**versioned, "sparse": True} if write.table.void is VoidForm.INCLUDE else versioned
        case Operation.DELETE:
            match write.table.removal:
                case Removal.INACTIVE:
                    return {**versioned, "sparse": True, "Active": False}
                case Removal.INACTIVE_WITH_NAME:
                    name = write.table.natural_key
                    return {**versioned, "sparse": True, "Active": False, name: body[name]}
                case _:
                    return versioned


def request_id(realm_id: RealmId, key: str, write: Write, generation: int) -> str:
    """The id of one write: the same for the same content and attempt, another for any other.

    `key` is the row's own name in its source; `generation` counts attempts that are known not to be the same request.
    """
    content = encode([realm_id, write.entity, write.operation.value, key, object_of(write), generation])
    return sha256(content).hexdigest()[:REQUEST_ID_CHARS]


def single(realm_id: RealmId, write: Write, request_id_: str) -> Request:
    """One write as a call of its own: not metered."""
    params = [*_url_form(write), ("requestid", request_id_), MINOR_VERSION_PARAM]
    return Request(
        realm_id=realm_id,
        lane=Lane.WRITE,
        method="POST",
        path=write.table.entity.path,
        params=tuple(params),
        headers=ACCEPT_AND_JSON,
        body=encode(object_of(write)),
    )


def _url_form(write: Write) -> list[tuple[str, str]]:
    include = [ALLOW_DUPLICATE_NUMBER] if write.allow_duplicate_number else []
    operation = ""
    if write.operation is Operation.VOID:
        operation = "void" if write.table.void is VoidForm.OPERATION else "update"
        include += ["void"] if write.table.void is VoidForm.INCLUDE else []
    elif write.operation is Operation.DELETE and write.table.removal is Removal.HARD:
        operation = "delete"
    said = (("operation", operation), ("include", ",".join(include)))
    return [(name, value) for name, value in said if value]


def batch_item(b_id: str, write: Write) -> bytes:
    """One write as an item of a batch."""
    assert write.batchable, f"{write.operation.value} of {write.entity} goes singly"
    assert 0 < len(b_id) <= BATCH_ID_CHARS_MAX, "a bId has 1 to 10 characters"
    removes = write.operation is Operation.DELETE and write.table.removal is Removal.HARD
    word = "delete" if removes else "create" if write.operation is Operation.CREATE else "update"
    return encode({"bId": b_id, "operation": word, write.table.entity.array_key: object_of(write)})


def batch_request_id(ids: Sequence[str]) -> str:
    """The id of a batch, from its members' ids in order."""
    return sha256("\n".join(ids).encode()).hexdigest()[:REQUEST_ID_CHARS]


def batch(realm_id: RealmId, items: Sequence[bytes], request_id_: str) -> Request:
    """Up to 30 writes in one call, independent of one another: metered."""
    assert 0 < len(items) <= BATCH_ITEMS_MAX, "a batch has 1 to 30 items"
    return Request(
        realm_id=realm_id,
        lane=Lane.BATCH,
        method="POST",
        path="/batch",
        params=(("requestid", request_id_), MINOR_VERSION_PARAM),
        headers=ACCEPT_AND_JSON,
        body=b'{"BatchItemRequest":[%b]}' % b",".join(items),
    )


def item_size(payload_bytes: int) -> int:
    """What an item of that payload adds to a batch's body, at most."""
    return payload_bytes + _ITEM_BYTES
