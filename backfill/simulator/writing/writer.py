"""The writes themselves: create, full and sparse update, delete, void; one mechanism for all entities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backfill.simulator.books.effects import settle
from backfill.simulator.books.refusals import refusal
from backfill.simulator.catalogue import TRAITS, EntityTraits
from backfill.simulator.changes import DELETED_SUFFIX, deactivated, voided
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode, encode
from backfill.simulator.faults import OBJECT_NOT_FOUND, Fault, FaultedError, bad_id, required, unsupported
from backfill.simulator.stored import StoredObject
from backfill.simulator.writing import openings, rules
from backfill.simulator.writing.completion import completed
from backfill.simulator.writing.desk import Desk, headless
from backfill.simulator.writing.faults import STALE
from backfill.simulator.writing.names import rename_below
from backfill.simulator.writing.references import resolved
from backfill.simulator.writing.schema.table import ENTITY_SHAPES, REQUIRED
from backfill.simulator.writing.shaping import missing, shaped

_NAME_TO_RETIRE = frozenset({"Account", "Class"})
"""Lists whose objects are only made inactive by a request that has their Name: recorded."""

_WITHOUT_TOKEN = frozenset({"Attachable", "ExchangeRate"})
"""What is changed without its SyncToken: an attachment was deleted by its Id alone, and a rate has none."""

VOID = "void"

_ANY_NUMBER = frozenset({"allowduplicatedocnum"})
"""What the service enters by itself is not refused for its number."""


def write(company: Company, entity: str, operation: str, body: Mapping[str, Any], include: frozenset[str]) -> bytes:
    """One write of one object: the member of the answer, `"Invoice":{...}`. Raises `FaultedError`.

    `operation` is `create`, `update`, `delete`, `void`, or "" where the body says which: with an Id it is an update.
    """
    traits = TRAITS[entity]
    if VOID in include and operation in {"", "update"}:
        operation = VOID
    operation = operation or ("update" if has_id(traits, body) else "create")
    allowed = {
        "create": traits.creatable,
        "update": traits.updatable,
        "delete": traits.deletable,
        VOID: traits.voidable,
    }
    if not allowed.get(operation):
        raise FaultedError(unsupported(operation))
    desk = Desk(company, entity, company.offset_text(int(company.stamp().timestamp()))[:10], include=include)
    match operation:
        case "create":
            return member(traits, create(desk, body))
        case "delete":
            return deleted(traits, delete(desk, body))
        case "void":
            return member(traits, void(desk, body))
        case _:
            return member(traits, update(desk, body))


def member(traits: EntityTraits, row: StoredObject) -> bytes:
    """`"Invoice":{...}`."""
    return b'"%b":%b' % (traits.array_key.encode(), row.doc)


def deleted(traits: EntityTraits, object_id: str) -> bytes:
    """`"Invoice":{"domain":"QBO","status":"Deleted","Id":"129"}`."""
    return b'"%b":%b' % (traits.array_key.encode(), stub(object_id))


def stub(object_id: str) -> bytes:
    return encode({"domain": "QBO", "status": "Deleted", "Id": object_id})


def has_id(traits: EntityTraits, body: Mapping[str, Any]) -> bool:
    """Whether the body names an object that is there already. 0 and "" are what clients send of a new one."""
    return traits.singleton or (traits.has_id and body.get("Id") not in (None, "", 0, "0"))


def create(desk: Desk, body: Mapping[str, Any]) -> StoredObject:
    """Store a new object, and enter its opening balance."""
    doc = finished(desk, _given(asked_of(desk, body)))
    _refuse(refusal(desk.company, desk.entity, None, doc))
    opening = openings.opening_of(desk, body, doc)
    _refuse(rules.closed(desk, {"TxnDate": opening.day}) if opening else None)
    row = desk.company.create(desk.entity, doc)
    _settled(desk, None, row)
    if opening:
        entity, entered = openings.transaction(desk, row.id, doc, opening)
        create(Desk(desk.company, entity, desk.today, include=_ANY_NUMBER), entered)
    return desk.company.table(desk.entity).get(row.id) or row


def update(desk: Desk, body: Mapping[str, Any]) -> StoredObject:
    """Store an object anew: whole, or only what the body has where it says `sparse`."""
    if not desk.traits.has_id:
        return create(desk, body)
    row, desk = opened(desk, body)
    assert desk.before is not None
    asked = asked_of(desk, body)
    if asked.get("Active") is False and desk.entity in _NAME_TO_RETIRE and not asked.get("Name"):
        raise FaultedError(required("Name"))
    doc = finished(desk, merged(desk, asked, is_sparse=is_sparse(body)))
    if doc == desk.before:
        return row  # nothing changed, and so did the SyncToken
    _refuse(refusal(desk.company, desk.entity, decode(row.doc), doc))
    stored = desk.company.replace(desk.entity, row.id, doc)
    _settled(desk, row, stored)
    rename_below(desk.company, desk.entity, row.id)
    return desk.company.table(desk.entity).get(row.id) or stored


def delete(desk: Desk, body: Mapping[str, Any]) -> str:
    """Remove an object for good; its Id."""
    row, desk = opened(desk, body)
    _refuse(rules.closed_to_removal(desk) if desk.traits.is_transaction else None)
    _refuse(refusal(desk.company, desk.entity, decode(row.doc), None))
    desk.company.delete(desk.entity, row.id)
    _settled(desk, row, None)
    return row.id


def void(desk: Desk, body: Mapping[str, Any]) -> StoredObject:
    """Let a transaction stand with all its amounts at 0; one that is void already stays as it is."""
    row, desk = opened(desk, body)
    assert desk.before is not None
    _refuse(rules.closed_to_removal(desk))
    doc = voided(desk.before)
    if str(desk.before.get("PrivateNote", "")).startswith("Voided") and not desk.before.get("TotalAmt"):
        return row
    _refuse(refusal(desk.company, desk.entity, decode(row.doc), doc))
    stored = desk.company.replace(desk.entity, row.id, doc)
    _settled(desk, row, stored)
    return desk.company.table(desk.entity).get(row.id) or stored


def opened(desk: Desk, body: Mapping[str, Any]) -> tuple[StoredObject, Desk]:
    """The object that the body means, with a desk that has it as it is.

    Raises `FaultedError`: 2020 without Id or SyncToken, 2030 for what is no Id, 610 where there is none, 5010 where it
    has changed since.
    """
    given = body.get("Id")
    if desk.traits.singleton:
        given = "1"
    if given in (None, ""):
        raise FaultedError(required("Id"))
    object_id = str(given)
    row = desk.company.table(desk.entity).get(object_id)
    if row is None:
        raise FaultedError(OBJECT_NOT_FOUND if object_id.isdecimal() else bad_id(object_id))
    token = body.get("SyncToken")
    if token in (None, "") and desk.entity not in _WITHOUT_TOKEN:
        raise FaultedError(required("SyncToken"))
    if token not in (None, "") and str(token) != str(row.sync_token):
        raise FaultedError(STALE)
    before = headless(decode(row.doc))
    return row, Desk(desk.company, desk.entity, desk.today, before, object_id, desk.is_template, include=desk.include)


def asked_of(desk: Desk, body: Mapping[str, Any]) -> Doc:
    """The writable part of a body, its references checked and named."""
    return resolved(desk, headless(shaped(desk.entity, body)))


def is_sparse(body: Mapping[str, Any]) -> bool:
    return str(body.get("sparse", "")).lower() == "true"


def merged(desk: Desk, asked: Doc, *, is_sparse: bool) -> Doc:
    """What the object is to be: with what the body has, and of the old one what a full update leaves alone."""
    before, shape = desk.before or {}, ENTITY_SHAPES[desk.entity]

    def stays(name: str) -> bool:
        return is_sparse or name not in shape or shape[name].is_readonly or shape[name].is_kept

    kept = {name: value for name, value in before.items() if stays(name)}
    tax = kept.get("TxnTaxDetail")
    if tax and tax.get("TaxLine") and "TxnTaxDetail" not in asked:
        # Calculated here, and to be calculated again; what a client calculated would have no lines, and stands.
        kept["TxnTaxDetail"] = {name: value for name, value in tax.items() if name == "TxnTaxCodeRef"}
    if desk.traits.name_key and before.get("Active") is False:
        kept[desk.traits.name_key] = str(kept.get(desk.traits.name_key, "")).removesuffix(DELETED_SUFFIX)
    return _given(kept | asked)


def finished(desk: Desk, doc: Doc) -> Doc:
    """The object as it is to be stored. Raises `FaultedError` for what it may not be."""
    _refuse(missing(doc, REQUIRED.get(desk.entity, ())))
    name_key = desk.traits.name_key
    if name_key and doc.get(name_key):
        doc = {**doc, name_key: str(doc[name_key]).removesuffix(DELETED_SUFFIX)}
    doc = completed(desk, doc)
    _refuse(rules.refusal(desk, doc))
    return deactivated(desk.entity, doc) if name_key and doc.get("Active") is False else doc


def _settled(desk: Desk, before: StoredObject | None, after: StoredObject | None) -> None:
    settle(
        desk.company,
        desk.entity,
        decode(before.doc) if before else None,
        decode(after.doc) if after else None,
    )


def _given(doc: Mapping[str, Any]) -> Doc:
    return {name: value for name, value in doc.items() if value is not None}


def _refuse(fault: Fault | None) -> None:
    if fault is not None:
        raise FaultedError(fault)
