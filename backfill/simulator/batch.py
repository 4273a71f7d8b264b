"""Batch calls: up to thirty items, each with its own outcome, all at one instant."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import msgspec

from backfill.simulator.cdc import answer_cdc
from backfill.simulator.company import Company
from backfill.simulator.documents import decode, encode
from backfill.simulator.envelopes import fault_object
from backfill.simulator.faults import (
    REQUEST_ID_TOO_LONG,
    FaultedError,
    bad_body,
    batch_too_big,
    required,
    unknown_object,
    unsupported,
)
from backfill.simulator.query.answer import answer_query
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.writing.replays import Replays
from backfill.simulator.writing.requests import BY_KEY, act, included

MOST_ITEMS = 30
"""Of a batch, unless the settings say another number."""
REQUEST_ID_CHARACTERS = 50
"""Of a request id; a batch joins its own with each item's bId."""

Item = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One item's part of the answer, without its bId: `"QueryResponse":{...}`. `rows` count against the cap."""

    member: bytes
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """What every item of one call shares. `left` is how many objects the answer may still hold; None: any."""

    company: Company
    settings: SimulatorSettings
    instant: datetime
    left: int | None
    replays: Replays[bytes]


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """`body` is the value of `BatchItemResponse`."""

    body: bytes
    rows: int


def items_of(body: bytes, most: int = MOST_ITEMS) -> list[Item]:
    """The items of a request's body. Raises `FaultedError` for one that is no batch, or too big a one."""
    try:
        items = decode(body).get("BatchItemRequest")
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FaultedError(bad_body(str(error))) from error
    if not isinstance(items, list) or not items:
        raise FaultedError(required("BatchItemRequest"))
    if len(items) > most:
        raise FaultedError(batch_too_big(len(items), most))
    if not all(isinstance(item, dict) for item in items):
        raise FaultedError(bad_body("BatchItemRequest"))
    return items


def statements(items: list[Item]) -> str:
    """What the items ask, for the log."""
    return "; ".join(str(item["Query"]) if "Query" in item else ", ".join(sorted(item)) for item in items)


def answer_batch(
    items: list[Item],
    company: Company,
    settings: SimulatorSettings,
    instant: datetime,
    *,
    request_id: str,
    replays: Replays[bytes],
) -> BatchAnswer:
    """Every item in turn. A fault is the item's own; items that come late may find no room for their objects.

    A write takes effect at once, so that a later one of the same object needs the new SyncToken. With a request id,
    `replays` has what the same item was answered before.
    """
    parts: list[bytes] = []
    rows = 0
    for item in items:
        left = None if settings.batch_object_cap is None else settings.batch_object_cap - rows
        outcome = _settled(item, Context(company, settings, instant, left, replays), request_id=request_id)
        rows += outcome.rows
        mark = b',"bId":' + msgspec.json.encode(item["bId"]) if "bId" in item else b""
        parts.append(b"{%b%b}" % (outcome.member, mark))
    if settings.batch_shuffled:
        random.Random(f"{company.realm_id}:{instant}").shuffle(parts)
    return BatchAnswer(b"[%b]" % b",".join(parts), rows)


def _settled(item: Item, context: Context, *, request_id: str) -> Outcome:
    try:
        if request_id and len(request_id) + len(str(item.get("bId", ""))) > REQUEST_ID_CHARACTERS:
            raise FaultedError(REQUEST_ID_TOO_LONG)  # noqa: TRY301 -- every fault of an item ends in one place
        kind = next((kind for kind in KINDS if kind in item), None)
        if kind is not None:
            return KINDS[kind](item, context)
        item_id = f"{request_id}{item.get('bId', '')}" if request_id else ""
        act = partial(_written, item, context)
        written = context.replays.once(item_id, encode(item), context.instant, act, context.settings)
        return Outcome(written)
    except FaultedError as error:
        return Outcome(b'"Fault":' + fault_object(error.fault))


def _query(item: Item, context: Context) -> Outcome:
    found = answer_query(str(item["Query"]), context.company, context.settings, context.instant, cap=context.left)
    return Outcome(b'"QueryResponse":' + found.body, found.rows)


def _cdc_query(item: Item, context: Context) -> Outcome:
    asked = item["CDCQuery"]
    if not isinstance(asked, dict):
        raise FaultedError(required("CDCQuery"))
    found = answer_cdc(
        str(asked.get("Entities", "")),
        str(asked.get("ChangedSince", "")),
        context.company,
        context.settings,
        context.instant,
    )
    return Outcome(b'"CDCResponse":' + found.body, found.rows)


def _written(item: Item, context: Context) -> bytes:
    """A write: the item holds its object under the entity's key, the operation, and options in optionsData."""
    key = next((key for key in item if key in BY_KEY), None)
    operation = str(item.get("operation", ""))
    if key is None:
        unknown = next((key for key, value in item.items() if isinstance(value, dict)), None)
        raise FaultedError(unknown_object(unknown) if unknown else unsupported(operation or "batch"))
    body = item[key]
    if not isinstance(body, dict):
        raise FaultedError(required(key))
    options = included(f"{item.get('optionsData') or ''},{item.get('include') or ''}")
    forms = {"operation": operation.lower() == "void", "options": "void" in options}
    if any(asked and context.settings.batch_void not in {"both", form} for form, asked in forms.items()):
        raise FaultedError(unsupported("void"))
    return act(context.company, BY_KEY[key], operation, body, options)


KINDS: Mapping[str, Callable[[Item, Context], Outcome]] = {"Query": _query, "CDCQuery": _cdc_query}
"""The key by which an item that reads is known, to what answers it; any other item writes."""
