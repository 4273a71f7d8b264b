"""The words of the write ledger as types. Nothing here does anything."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

from backfill.model import RealmId

LoadId = NewType("LoadId", int)


class RowState(StrEnum):
    """Where a row of the ledger stands."""

    WAITING = "waiting"
    """Not sent, or known not to have taken effect."""
    SEALED = "sealed"
    """Part of a seal: it was sent, or may have been."""
    APPLIED = "applied"
    """Done, as the server's answer said."""
    ADOPTED = "adopted"
    """Done, as was found by looking after a lost answer."""
    REJECTED = "rejected"
    """In the dead letter, with its fault."""
    UNDONE = "undone"
    """Taken back by another row."""


DONE_STATES = frozenset({RowState.APPLIED, RowState.ADOPTED})


class Need(msgspec.Struct, frozen=True):
    """An object that a row refers to: by the source key of its own row, or by an attribute of it."""

    entity: str
    attribute: str
    """Empty: `value` is a source key."""
    value: str

    @property
    def natural_key(self) -> str:
        """As rows have it: attributes are compared in any case."""
        return f"{self.attribute}={self.value.casefold()}"


class NewRow(msgspec.Struct, frozen=True):
    """A row that was read from a source and found good.

    `payload` is its JSON, `needs` names the objects it refers to (`Customer/acme-17`, `Customer?DisplayName=Acme`),
    `object_key` the one it is about, `natural_key` what its new object is known by (empty: nothing).
    """

    line: int
    realm_id: RealmId
    entity: str
    operation: str
    source_key: str
    payload: bytes
    payload_hash: bytes
    needs: tuple[str, ...]
    object_key: str
    natural_key: str
    rank: int
    undoes: int | None = None
    """The row that this one takes back."""
    corrects: str = ""
    """`mark_of` a rejected change that this one is instead of."""


def mark_of(row_id: int, payload_hash: bytes) -> str:
    """A row by its number, and by its content, so that it is no other one in another ledger."""
    return f"{row_id}-{payload_hash.hex()}"


class Imported(msgspec.Struct, frozen=True):
    """What an import did: rows added, rows that replaced ones that had not taken effect, rows that were there."""

    added: int
    replaced: int
    known: int
    loads: tuple[LoadId, ...]
    """The loads that the source's rows belong to: the new one, and earlier ones that have some of them."""


class ImportFault(msgspec.Struct, frozen=True):
    """Why a row of a source cannot be imported."""

    line: int
    message: str


class LoadRow(msgspec.Struct, frozen=True):
    """A row as the packer holds it: without its payload, so that many may be held."""

    row_id: int
    load_id: LoadId
    entity: str
    operation: str
    source_key: str
    needs: tuple[str, ...]
    object_key: str
    rank: int
    size_bytes: int
    generation: int
    """Attempts that are known to be over; part of the requestid."""
    doubtful: bool
    """An earlier attempt's outcome was unknown: "exists already" may then mean that it was ours."""
    takes_back: bool
    """It is part of an undo."""
    object_id: str = ""
    """Of a new object: one that the row made before, and that was taken back."""


class Holder(msgspec.Struct, frozen=True):
    """What the ledger knows of an object that another row refers to."""

    row_id: int
    state: RowState
    object_id: str | None
    several: bool = False
    """Other rows make objects of the same name, below other parents."""
    next_row_id: int | None = None
    """The first row of its name that is yet to make its object, where it was looked for by name."""


class SealItem(msgspec.Struct, frozen=True):
    """One row within a seal."""

    b_id: str
    row_id: int
    entity: str
    operation: str
    source_key: str
    object_id: str = ""
    """Of a change: whose; and of a new object that is the one that the row made before, made active again."""
    sync_token: str = ""
    """Of a change: the version that it was made for."""
    stamp: str = ""
    """What its object is found again by, if there is no natural key."""
    generation: int = 0
    doubtful_since: datetime | None = None
    """When its first attempt in doubt was sealed, as the ledger tells of a stored one; None: no attempt is."""

    @property
    def doubtful(self) -> bool:
        """There may be what an earlier attempt made."""
        return self.doubtful_since is not None


class Seal(msgspec.Struct, frozen=True):
    """A request that writes, stored before it is sent: what it is and whom it holds. `seal_id` is 0 until stored."""

    seal_id: int
    request_id: str
    lane: str
    path: str
    params: tuple[tuple[str, str], ...]
    body: bytes
    items: tuple[SealItem, ...]
    """Those whose outcome is not settled."""
    sealed_at: datetime | None = None
    """By the store's clock."""
    lost_for_s: float | None = None
    """Seconds since when nobody sends it or waits for its answer any more; None: it was not given up."""
    whole: bool = True
    """No item of it is settled, so that the very same request may be sent again."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a row. WAITING: it did not take effect, and is to be tried again as another request."""

    row_id: int
    state: RowState
    object_id: str = ""
    sync_token: str = ""
    code: str = ""
    message: str = ""
    action: str = ""
    intuit_tid: str = ""
    doubtful: bool = False
    generation: int | None = None
    """Of a row that is in no seal: the attempt that it is about; None: whichever the row is in."""


class Before(msgspec.Struct, frozen=True):
    """An object as it was before a row changed it: what undoing needs."""

    row_id: int
    doc: bytes
