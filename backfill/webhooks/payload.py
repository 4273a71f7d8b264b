"""Intuit's two payloads, the older `eventNotifications` and CloudEvents, into events; nothing that was signed is lost.

Intuit's webhooks pages: CloudEvents come as an array that may mix companies, with times to the nanosecond; both
formats may be delivered to one address while an app changes over. What does not read as an event is given back as it
came: its delivery is accepted all the same, for Intuit would repeat it for days and hold back what comes after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from backfill.errors import UsageError
from backfill.model import RealmId, Told
from backfill.qbo.catalogue import Reading, entity
from backfill.store.inbox import Unread

OTHER_NAMES = {"currency": "CompanyCurrency"}
"""What the list of webhook entities calls otherwise than the API does."""

_ID = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_:.-]{1,64}$"), Field(coerce_numbers_to_str=True)]
"""Intuit's Ids have some 20 digits; recurring transactions and rates have a colon."""
_WORD = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z_-]{0,63}$")]
_TEXT = Annotated[str, StringConstraints(max_length=512)]
_TYPE = Annotated[str, StringConstraints(pattern=r"^qbo\.[A-Za-z_-]{1,64}\.[A-Za-z]{1,32}\.v[0-9]{1,3}$")]

_TIME_TEXT = Annotated[_TEXT | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)]
"""As it was sent: a time that cannot be read does not make an event useless."""

_OPERATIONS = {
    "create": "create", "created": "create",
    "update": "update", "updated": "update",
    "delete": "delete", "deleted": "delete",
    "merge": "merge", "merged": "merge",
    "void": "void", "voided": "void",
    "emailed": "emailed", "email": "emailed",
}  # fmt: skip

_INSTANT = TypeAdapter(datetime)
_UNSET = datetime.fromtimestamp(0, UTC)
"""A clock's first moment. Nobody's books changed before it."""
REASON_CHARACTERS = 300


def _instant(value: str | None) -> datetime | None:
    """A time with its zone; None for anything else, since an event without a time still says what changed.

    What was never set is sent as the first of all moments, or as the clock's own, and Postgres has the first as minus
    infinity, with which nobody can reckon.
    """
    try:
        moment = _INSTANT.validate_python(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None and moment > _UNSET else None
    except (ValidationError, OverflowError):
        return None


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Change(_Part):
    """One entry of `dataChangeEvent.entities`."""

    name: _WORD
    id: _ID
    operation: _WORD
    lastUpdated: _TIME_TEXT = None  # noqa: N815 -- Intuit's name
    deletedId: _ID | None = None  # noqa: N815 -- Intuit's name


class _CloudEvent(_Part):
    """One CloudEvent of Intuit's. `intuitaccountid` is the realm."""

    id: _TEXT
    source: _TEXT = ""
    type: _TYPE
    time: _TIME_TEXT = None
    intuitentityid: _ID
    intuitaccountid: _ID
    data: Any = None


class _Loser(_Part):
    """What the data of a merge may say; which of the names Intuit uses there is not documented."""

    deletedId: _ID | None = None  # noqa: N815 -- Intuit's name
    deletedid: _ID | None = None


class _Changes(_Part):
    entities: list[Any]
    """Read one by one: what one of them lacks is no reason to leave the others out."""


class _Notification(_Part):
    """One entry of `eventNotifications`: a company's."""

    realmId: _ID  # noqa: N815 -- Intuit's name
    dataChangeEvent: _Changes  # noqa: N815 -- Intuit's name


@dataclass(slots=True)
class Payload:
    """What a body says: events, and the parts that are none."""

    body: bytes
    events: list[Told] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    aside_whole: bool = False
    """The body itself is among them: once, however many of its parts cannot be written alone."""


def read_payload(body: bytes) -> Payload:
    """Events of a body, in either format, mixed or not. Never raises for what the body holds."""
    payload = Payload(body)
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _set_aside(payload, body, f"not JSON: {error}")
        return payload
    for part in whole if isinstance(whole, list) else [whole]:
        if isinstance(part, dict) and "eventNotifications" in part:
            _read_notifications(payload, part["eventNotifications"])
        else:
            _read(payload, part, _cloud_events)
    return payload


def _read_notifications(payload: Payload, notifications: object) -> None:
    for notification in notifications if isinstance(notifications, list) else [notifications]:
        try:
            read = _Notification.model_validate(notification)
        except ValidationError as error:
            _set_aside(payload, _written(notification, body=payload.body), _said(error))
            continue
        for change in read.dataChangeEvent.entities:
            _read(payload, change, partial(_changes, read.realmId), read.realmId)


def _read(payload: Payload, part: object, events: Callable[[object], Iterator[Told]], realm_id: str = "") -> None:
    """The events of one part, all of them or none."""
    try:
        payload.events.extend(list(events(part)))
    except ValidationError as error:
        raw = {"realmId": realm_id, "entity": part} if realm_id else part
        _set_aside(payload, _written(raw, body=payload.body), _said(error))


def _written(part: object, *, body: bytes) -> bytes:
    """The part alone; the whole body for one that is nested deeper than can be written, though it could be read."""
    try:
        return orjson.dumps(part)
    except orjson.JSONEncodeError:
        return body


def _said(error: ValidationError) -> str:
    """What is wrong and where; never the value."""
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}" for fault in error.errors())


def _changes(realm_id: str, part: object) -> Iterator[Told]:
    """The older format's entry: one object, and for a merge the one that it swallowed."""
    change = _Change.model_validate(part)
    operation = _operation(change.operation)
    said = ["notification", realm_id, change.name, change.id, operation, change.lastUpdated, change.deletedId]
    losers = [change.deletedId] if change.deletedId else ([""] if operation == "merge" else [])
    yield from _told(said, realm_id, change.name, [change.id, *losers], operation, _instant(change.lastUpdated))


def _cloud_events(part: object) -> Iterator[Told]:
    """A CloudEvent: likewise."""
    event = _CloudEvent.model_validate(part)
    _, name, verb, _ = event.type.split(".")
    operation = _operation(verb)
    # The specification makes source and id together unique. What else is in the key can only keep apart what is not
    # the same: one read more, never one too few.
    said = ["cloudevent", event.source, event.id, event.intuitaccountid, event.type, event.intuitentityid]
    losers: list[str] = []
    if operation == "merge":
        data = _Loser.model_validate(event.data) if isinstance(event.data, dict) else _Loser()
        losers = [data.deletedId or data.deletedid or ""]
    objects = [event.intuitentityid, *losers]
    yield from _told(said, event.intuitaccountid, name, objects, operation, _instant(event.time))


def _told(
    said: Sequence[str | None], realm_id: str, name: str, object_ids: list[str], operation: str, at: datetime | None
) -> Iterator[Told]:
    for object_id in object_ids:
        key = sha256(orjson.dumps([*said, object_id])).digest()
        yield Told(key, RealmId(realm_id), entity_name(name), object_id, operation, at)


def entity_name(name: str) -> str:
    """The catalogue's name of what can be read by its Id; as it was sent for anything else."""
    plain = name.replace("_", "").replace("-", "").lower()
    try:
        found = entity(OTHER_NAMES.get(plain, plain))
    except UsageError:
        return name
    return found.name if found.reading in {Reading.SCAN, Reading.SINGLETON} else name


def _operation(word: str) -> str:
    """The operation, in whichever form; a word that is not known yet means that the object is to be read, too."""
    return _OPERATIONS.get(word.lower(), "update")


def _set_aside(payload: Payload, raw: bytes, reason: str) -> None:
    if raw is payload.body:
        if payload.aside_whole:
            return
        payload.aside_whole = True
    payload.unread.append(Unread(key=sha256(raw).digest(), reason=reason[:REASON_CHARACTERS], raw=raw))
