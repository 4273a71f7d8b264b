"""Seals: the request as it will be sent, with everything that recognises its answer; and the request of a seal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backfill.jobs.load.prepare import Prepared
from backfill.load_model import Before, Seal, SealItem
from backfill.model import RealmId
from backfill.qbo import writes
from backfill.qbo.calls import ACCEPT_AND_JSON
from backfill.qbo.operations import WRITINGS
from backfill.qbo.payloads import decode
from backfill.wire import Lane, Request


def seal_of(realm_id: RealmId, prepared: Sequence[Prepared], lane: Lane) -> Seal:
    """The seal of a batch, or of one single write."""
    ids = [writes.request_id(realm_id, each.row.source_key, each.write, each.row.generation) for each in prepared]
    b_ids = [str(number) for number in range(len(prepared))]
    if lane is Lane.BATCH:
        items = [writes.batch_item(b_id, each.write) for b_id, each in zip(b_ids, prepared, strict=True)]
        request_id = writes.batch_request_id(ids)
        request = writes.batch(realm_id, items, request_id)
    else:
        assert len(prepared) == 1, "a single write is of one row"
        request_id = ids[0]
        request = writes.single(realm_id, prepared[0].write, request_id)
    return Seal(
        seal_id=0,
        request_id=request_id,
        lane=request.lane.value,
        path=request.path,
        params=request.params,
        body=request.body,
        items=tuple(_item(b_id, each) for b_id, each in zip(b_ids, prepared, strict=True)),
    )


def _item(b_id: str, prepared: Prepared) -> SealItem:
    row = prepared.row
    return SealItem(
        b_id=b_id,
        row_id=row.row_id,
        entity=row.entity,
        operation=row.operation,
        source_key=row.source_key,
        object_id=prepared.object_id,
        sync_token=prepared.sync_token,
        stamp=prepared.stamp,
        generation=row.generation,
    )


def before_of(prepared: Sequence[Prepared]) -> list[Before]:
    """The objects as they were before, for those rows that change one."""
    return [Before(each.row.row_id, each.before) for each in prepared if each.before is not None]


def request_of(realm_id: RealmId, seal: Seal) -> Request:
    """The very request, byte for byte, however often it is sent."""
    return Request(
        realm_id=realm_id,
        lane=Lane(seal.lane),
        method="POST",
        path=seal.path,
        params=seal.params,
        headers=ACCEPT_AND_JSON,
        body=seal.body,
    )


def sent_of(seal: Seal) -> Mapping[str, dict[str, Any]]:
    """What was sent for each item: bId to object."""
    body = decode(seal.body)
    if seal.lane == Lane.WRITE:
        return {item.b_id: body for item in seal.items}
    keys = {row.entity.array_key for row in WRITINGS.values()}
    return {item["bId"]: next(value for key, value in item.items() if key in keys) for item in body["BatchItemRequest"]}
