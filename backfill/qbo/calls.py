"""Requests, built and not sent. Nothing here knows a token, a host or a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import orjson

from backfill.model import RealmId
from backfill.qbo.catalogue import Entity
from backfill.qbo.query import BATCH_ITEMS_MAX, MINOR_VERSION
from backfill.wire import Lane, Request

STATEMENT_BYTES_MAX_IN_URL = 2000
"""Longer statements travel in a body: the cap on a URL is not documented, and edges have refused 2 to 8 kB."""

BATCH_ID_CHARS_MAX = 10
"""A bId joined to a requestid of 36 must stay within 50, or every item fails with 6000."""

MINOR_VERSION_PARAM = ("minorversion", MINOR_VERSION)
_ACCEPT: Mapping[str, str] = MappingProxyType({"Accept": "application/json"})
"""Without it the API answers in XML."""
ACCEPT_AND_JSON: Mapping[str, str] = MappingProxyType({**_ACCEPT, "Content-Type": "application/json"})
_ACCEPT_AND_STATEMENT: Mapping[str, str] = MappingProxyType({**_ACCEPT, "Content-Type": "application/text"})


def query(realm_id: RealmId, statement: str) -> Request:
    """Ask one statement: by GET, or by POST with it as the body where it is long. The answers are the same."""
    encoded = statement.encode()
    if len(encoded) <= STATEMENT_BYTES_MAX_IN_URL:
        return get(realm_id, "/query", ("query", statement))
    return Request(
        realm_id=realm_id,
        lane=Lane.QUERY,
        method="POST",
        path="/query",
        params=(MINOR_VERSION_PARAM,),
        headers=_ACCEPT_AND_STATEMENT,
        body=encoded,
    )


def batch(realm_id: RealmId, statements: Mapping[str, str]) -> Request:
    """Ask up to 30 statements, keyed by bId, in one call. Their answers together hold at most 1000 objects."""
    assert 0 < len(statements) <= BATCH_ITEMS_MAX, "a batch has 1 to 30 items"
    assert all(0 < len(b_id) <= BATCH_ID_CHARS_MAX for b_id in statements), "a bId has 1 to 10 characters"
    items = [{"bId": b_id, "Query": statement} for b_id, statement in statements.items()]
    return Request(
        realm_id=realm_id,
        lane=Lane.BATCH,
        method="POST",
        path="/batch",
        params=(MINOR_VERSION_PARAM,),
        headers=ACCEPT_AND_JSON,
        body=orjson.dumps({"BatchItemRequest": items}),
    )


def cdc(realm_id: RealmId, entities: Sequence[Entity], changed_since: datetime) -> Request:
    """What changed in `entities` at or after `changed_since` (at most 30 days ago; at most 1000 objects answered)."""
    assert entities, "CDC is asked for at least one entity"
    assert all(entity.carried_by_cdc for entity in entities), "CDC does not carry every entity"
    assert changed_since.tzinfo is not None, "a timestamp without a zone is not an instant"
    since = changed_since.astimezone(UTC).isoformat(timespec="seconds")
    names = ",".join(entity.name for entity in entities)
    return get(realm_id, "/cdc", ("entities", names), ("changedSince", since), lane=Lane.CDC)


def listing(realm_id: RealmId, path: str) -> Request:
    """Read all of an entity that cannot be queried, by its `path`."""
    return get(realm_id, path)


def by_id(realm_id: RealmId, entity: Entity, id_: str) -> Request:
    """Read one object."""
    return get(realm_id, f"{entity.path}/{id_}")


def get(realm_id: RealmId, path: str, *params: tuple[str, str], lane: Lane = Lane.QUERY) -> Request:
    """Read whatever is at `path`."""
    return Request(
        realm_id=realm_id, lane=lane, method="GET", path=path, params=(*params, MINOR_VERSION_PARAM), headers=_ACCEPT
    )
