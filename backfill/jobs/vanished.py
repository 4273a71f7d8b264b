"""Rows that we hold and the server did not bring: asked for by Id, and only then marked deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import orjson

from backfill.jobs.work import RealmWork
from backfill.model import Record
from backfill.qbo import query
from backfill.qbo.catalogue import Entity

_IDS_PER_STATEMENT = 200
"""Long lists have no documented cap; two hundred Ids of 20 digits are a body of 5 kB."""


async def mark_vanished(work: RealmWork, entity: Entity, missing: Iterable[str]) -> None:
    """Ask for each of the `missing` Ids; land those that exist, mark deleted those that do not.

    The mark's time is the server's own `time` of the answer that did not have the row.
    """
    for ids in _chunks(missing):
        page = await work.ask.page(entity, query.by_ids(entity, ids))
        present = {record.id for record in page.records} | {refusal.id for refusal in page.refusals}
        gone = [
            Record(id=id_, sync_token=None, created_at=None, updated_at=page.server_time, doc=_stub(id_), deleted=True)
            for id_ in ids
            if id_ not in present
        ]
        await work.land(entity, [*page.records, *gone], refusals=page.refusals)


def _stub(id_: str) -> bytes:
    """What Intuit itself leaves of a deleted object."""
    return orjson.dumps({"domain": "QBO", "status": "Deleted", "Id": id_})


def _chunks(ids: Iterable[str]) -> Iterable[Sequence[str]]:
    rest = iter(ids)
    while chunk := list(islice(rest, _IDS_PER_STATEMENT)):
        yield chunk
