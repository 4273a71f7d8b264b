"""Templates of transactions: objects in a wrapper that says what they make, `{"Bill": {..., "RecurringInfo": ...}}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode
from backfill.simulator.faults import FaultedError, required, unsupported
from backfill.simulator.writing.desk import Desk, headless
from backfill.simulator.writing.faults import unknown_field
from backfill.simulator.writing.schema.table import RECURRING_KINDS
from backfill.simulator.writing.writer import (
    asked_of,
    finished,
    has_id,
    is_sparse,
    member,
    merged,
    opened,
    stub,
)

NAME = "RecurringTransaction"
_OF_EVENTS = ("DocNumber", "DueDate", "LinkedTxn", "Balance")
"""What a template does not have: these come with each transaction that is made of it."""

_HEAD = frozenset({"Id", "SyncToken", "sparse"})
"""What a delete sends of a template, with or without the wrapper."""


def write_recurring(company: Company, operation: str, body: Mapping[str, Any]) -> bytes:
    """One write of a template; the member of the answer. Raises `FaultedError`.

    Updates are not in Intuit's reference, but public clients make them: they are taken.
    """
    kind, inner = _unwrapped(company, body)
    traits = TRAITS[NAME]
    operation = operation or ("update" if has_id(traits, inner) else "create")
    today = company.offset_text(int(company.stamp().timestamp()))[:10]
    desk = Desk(company, kind, today, is_template=True)
    match operation:
        case "create":
            doc = _template(desk, _given(asked_of(desk, inner)))
            return member(traits, company.create(NAME, {kind: doc}))
        case "update":
            return _update(desk, kind, inner)
        case "delete":
            row, _ = opened(replace(desk, entity=NAME), inner)
            company.delete(NAME, row.id)
            return b'"RecurringTransaction":{"%b":%b}' % (kind.encode(), stub(row.id))
        case _:
            raise FaultedError(unsupported(operation))


def _update(desk: Desk, kind: str, inner: Mapping[str, Any]) -> bytes:
    row, opened_desk = opened(replace(desk, entity=NAME), inner)
    (old_kind, before), *_ = decode(row.doc).items()
    if old_kind != kind:
        raise FaultedError(unknown_field(kind, old_kind, (old_kind,)))
    working = replace(opened_desk, entity=kind, before=headless(before))
    doc = _template(working, merged(working, asked_of(working, inner), is_sparse=is_sparse(inner)))
    if doc == working.before:
        return member(TRAITS[NAME], row)
    return member(TRAITS[NAME], desk.company.replace(NAME, row.id, {kind: doc}))


def _template(desk: Desk, doc: Doc) -> Doc:
    if not (doc.get("RecurringInfo") or {}).get("Name"):
        raise FaultedError(required("RecurringInfo.Name"))
    info: Doc = {"Active": True, **doc["RecurringInfo"]}
    schedule = info.get("ScheduleInfo")
    if schedule:
        info["ScheduleInfo"] = {"NextDate": schedule.get("StartDate", desk.today), **schedule}
    found = finished(desk, doc)
    return {name: value for name, value in found.items() if name not in _OF_EVENTS} | {"RecurringInfo": info}


def _unwrapped(company: Company, body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """What the body makes, and its contents. A bare Id (of a delete) finds the wrapper that is stored."""
    if isinstance(body.get(NAME), Mapping):
        body = body[NAME]
    for kind, inner in body.items():
        if kind in RECURRING_KINDS and isinstance(inner, Mapping):
            return kind, inner
    row = company.table(NAME).get(str(body.get("Id", "")))
    if row is not None:
        return next(iter(decode(row.doc))), body
    if body.get("Id") and body.keys() <= _HEAD:
        opened(Desk(company, NAME, ""), body)  # which says what is wrong with it
    unknown = next((name for name in body if name not in _HEAD), "")
    raise FaultedError(unknown_field(unknown, NAME, RECURRING_KINDS) if unknown else required("RecurringInfo"))


def _given(doc: Mapping[str, Any]) -> Doc:
    return {name: value for name, value in doc.items() if value is not None}
