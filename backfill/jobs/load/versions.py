"""Objects as they are now: what a change is made for, and what undoing it goes back to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import structs

from backfill.errors import RequestError
from backfill.jobs.load.reading import is_readable, is_refusal, read_values
from backfill.jobs.questions import Questions
from backfill.jobs.targeted import NOT_FOUND
from backfill.jobs.too_much import is_too_much
from backfill.model import Record
from backfill.qbo import query
from backfill.qbo.catalogue import CATALOGUE, Entity
from backfill.qbo.payloads import decode

_KEPT_MAX = 500
"""Objects of some 2 kB that are remembered between a look and the change: a few batches' worth."""

_ASKED_MAX = 100
"""Ids in one statement; their objects are a tenth of a page."""

Object = tuple[str, str]
"""Entity and Id."""


class Versions:
    """One realm's. What is remembered is forgotten by whoever learns that it has changed."""

    def __init__(self, ask: Questions) -> None:
        self._ask = ask
        self._kept: dict[Object, Record] = {}

    def know(self, entity: str, record: Record) -> None:
        """The object as an answer showed it; what cannot be read is asked for when it is needed."""
        if not is_readable(record):
            self.forget(entity, record.id)
            return
        while len(self._kept) >= _KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        # A view would keep the whole answer alive.
        self._kept[entity, record.id] = structs.replace(record, doc=bytes(record.doc))

    def forget(self, entity: str, object_id: str) -> None:
        self._kept.pop((entity, object_id), None)

    async def of(self, objects: Iterable[Object]) -> Mapping[Object, Record | RequestError]:
        """The objects that are there, remembered or read. A deleted one is missing; one that QuickBooks cannot read
        has its fault."""
        wanted = list(dict.fromkeys(objects))
        unknown: dict[str, list[str]] = {}
        for entity, object_id in wanted:
            if (entity, object_id) not in self._kept:
                unknown.setdefault(entity, []).append(object_id)
        read = await read_objects(self._ask, unknown)
        known: dict[Object, Record | RequestError] = {key: self._kept[key] for key in wanted if key in self._kept}
        for (entity, _), record in read.items():
            if isinstance(record, Record):
                self.know(entity, record)
        return known | read


async def read_objects(ask: Questions, wanted: Mapping[str, Sequence[str]]) -> dict[Object, Record | RequestError]:
    """Objects by entity and Ids, as they are now; the fault of those that QuickBooks cannot read."""
    found: dict[Object, Record | RequestError] = {}
    for entity, ids in wanted.items():
        table = CATALOGUE[entity]
        for start in range(0, len(ids), _ASKED_MAX):
            read = await read_values(ask, table, ids[start : start + _ASKED_MAX], partial(query.by_ids, table))
            found |= {(entity, record.id): record for record in read.records.values()}
            for id_, fault in read.unread.items():
                alone = await _alone(ask, table, id_, fault) if is_refusal(fault) else fault
                if alone is not None:
                    found[entity, id_] = alone
    return found


async def _alone(ask: Questions, entity: Entity, id_: str, refused: RequestError) -> Record | RequestError | None:
    """One object by its own path, where queries are `refused`: Intuit's reference has a path for each. None: gone."""
    try:
        page = await ask.object(entity, id_)
    except RequestError as fault:
        if fault.code == NOT_FOUND:
            return None
        if is_refusal(fault) or is_too_much(fault):
            return fault
        raise
    return page.records[0] if page.records and is_readable(page.records[0]) else refused


def token_of(record: Record) -> str:
    """The object's version as a write names it; empty where the answer did not say it."""
    return "" if record.sync_token is None else str(record.sync_token)


def document(record: Record) -> dict[str, Any]:
    """The content of an object that can be read."""
    found = decode(bytes(record.doc))
    assert isinstance(found, dict), "a record is of an object"
    return found
