"""The words of the domain as types. Nothing here does anything."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import NewType

import msgspec

RealmId = NewType("RealmId", str)
"""Intuit's id of a company. A string: some are longer than a float can hold."""

REALM_ID = re.compile(r"[0-9]{1,32}")
"""What one looks like, whole. Intuit's have up to 19 digits, and nobody promised that it stays so."""

RunId = NewType("RunId", int)


class Secret:
    """A value that no log, repr or traceback shows. `reveal()` at the last moment only."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)


Document = bytes | memoryview | msgspec.Raw
"""An object's own bytes, never a re-encoded copy, so numbers keep their scale.

It may be a view of the whole answer, so that it is copied once only, on its way to Postgres: take `bytes(doc)` to do
more with it than that. A `msgspec.Raw` is known to be JSON.
"""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One object of a company as Intuit sent it: the key columns and the entity's own bytes.

    A deleted stub has `deleted=True` and knows only its id and when it was deleted.
    """

    id: str
    sync_token: int | None
    created_at: datetime | None
    updated_at: datetime | None
    doc: Document
    deleted: bool = False


class Expected(Enum):
    """What is most likely held of rows about to be landed. It may be wrong: it chooses the way tried first."""

    ANYTHING = "anything"
    NEW = "new"
    """None of them: they go in without a look."""
    KNOWN = "known"
    """All of them in the same version: what is held is asked first, and only the rest is sent."""


class Refusal(msgspec.Struct, frozen=True):
    """A row that cannot be landed, set aside with its reason. `id` is empty where it could not be read."""

    id: str
    code: str
    message: str
    raw: bytes


class Lease(msgspec.Struct, frozen=True):
    """The right to work on a realm. Every commit of data for the realm checks `epoch` in its transaction."""

    realm_id: RealmId
    epoch: int
    owner: str
    imported_at: datetime | None = None
    """When the company's tokens had been imported last, as it was taken; None where a test does not say."""


class Realm(msgspec.Struct, frozen=True):
    """A registered company. `weight` is its share when realms compete (1.0 is ordinary)."""

    realm_id: RealmId
    name: str
    weight: float
    state: str
    """`active` or `parked`."""
    parked_reason: str = ""
    parked_action: str = ""
    parked_code: str = ""
    """Intuit's fault, or a word of ours, for which it is parked."""


class Slice(msgspec.Struct, frozen=True):
    """A part of one entity by CreateTime, read by one reader from `lower` (inclusive) to `upper` (inclusive).

    `None` bounds are open. `cursor` is the last CreateTime landed: a resumed reader goes on from it.
    """

    entity: str
    number: int
    lower: datetime | None
    upper: datetime | None
    cursor: datetime | None = None
    rows: int = 0
    done: bool = False


class Checkpoint(msgspec.Struct, frozen=True):
    """How far a slice is once the page it comes with is committed. `rows` counts distinct rows read so far."""

    entity: str
    number: int
    cursor: datetime | None
    rows: int
    done: bool


class Landed(msgspec.Struct, frozen=True):
    """What one landing did: rows written, rows already there in this version or a newer one, rows set aside."""

    landed: int
    unchanged: int
    deleted: int
    quarantined: int


class Scan(msgspec.Struct, frozen=True):
    """The state of one realm within one run, as far as it was committed."""

    started_at: datetime | None
    """The server's own `time` when the scan began; None: not begun."""
    census: Mapping[str, int]
    """Entity to COUNT(*), for entities whose census is stored."""
    slices: Sequence[Slice]
    finished: bool


NOT_BEGUN = Scan(started_at=None, census={}, slices=[], finished=False)


class Proof(msgspec.Struct, frozen=True):
    """Whether one entity of one realm is complete, how that was shown, and as of when.

    `watermark` is the server `time` of the entity's last catch-up answer: what is landed equals the
    company as it stood then. `counted` is what the server said, None where it was not asked.
    """

    entity: str
    proven: bool
    method: str
    counted: int | None
    landed_live: int
    quarantined: int
    watermark: datetime | None
    reason: str = ""


class Held(msgspec.Struct, frozen=True):
    """What the store holds of an entity: live rows, and rows set aside in quarantine."""

    live: int
    quarantined: int

    @property
    def total(self) -> int:
        """What the server counts, if all is held."""
        return self.live + self.quarantined


class HeldById(msgspec.Struct, frozen=True):
    """The same, named."""

    live: Collection[str]
    """Ids of rows that are not marked deleted, whether or not a newer version is set aside."""
    aside: Collection[str]
    """Ids in quarantine."""
    nameless: int
    """Rows in quarantine whose Id could not be read."""

    def counted(self) -> Held:
        """A row whose newest version was refused is held in quarantine, not live, although an older one is there."""
        return Held(len(set(self.live).difference(self.aside)), len(self.aside) + self.nameless)


class Told(msgspec.Struct, frozen=True):
    """One change that a webhook told of. Payloads carry Ids only, so what changed must be read."""

    key: bytes
    """The same for each delivery of the same event."""
    realm_id: RealmId
    entity: str
    """Canonical; as it was sent where the catalogue knows no such entity."""
    object_id: str
    """Empty: something of the entity changed, and it was not said what (the loser of a merge)."""
    operation: str
    occurred_at: datetime | None
    """When it happened, by Intuit's clock; None where that could not be read."""


class WaitingEvent(msgspec.Struct, frozen=True):
    """A stored webhook event whose object is still to be read."""

    event_id: int
    entity: str
    object_id: str
    operation: str
    occurred_at: datetime
    """By Intuit's clock, and never later than we were told."""


class Tokens(msgspec.Struct, frozen=True):
    """The OAuth tokens of one realm, in clear. `client_id` and `client_secret` are set where the realm
    was connected through an app of its own; None: the configured app's.
    """

    access_token: Secret | None
    access_expires_at: datetime | None
    refresh_token: Secret
    previous_refresh_token: Secret | None
    """The value before the last refresh, kept for one try: Intuit may still honour it after a lost reply."""
    refreshed_at: datetime
    client_id: Secret | None
    client_secret: Secret | None
    refresh_expires_at: datetime | None = None
    """When the refresh token dies of disuse, as Intuit said at the last refresh."""
    consent_expires_at: datetime | None = None
    """When the consent ends for good, as Intuit last said."""
