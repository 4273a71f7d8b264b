"""How a row that took effect is taken back: another row, in the same ledger, sent the same way.

What is below another of its list is made inactive before it, and made active again after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from backfill.jobs.load.intake import rank_of
from backfill.jobs.load.references import MARK, need_of, text_of
from backfill.load_model import Need, NewRow
from backfill.model import RealmId
from backfill.qbo.operations import WRITINGS, Operation
from backfill.qbo.payloads import decode, digest, encode

_HEAD = frozenset({"Id", "SyncToken", "MetaData", "domain", "sparse", "status"})
"""What QuickBooks gives every object by itself."""


_GENERATIONS_MAX = 10
"""Steps between two ranks of an undo, whose rows are a load of their own: a list of QuickBooks has five levels."""


class Generations:
    """How many generations of what a load made stand below each object. Learnt from its rows, the newest first: what is
    below another was made after it."""

    def __init__(self) -> None:
        self._below: dict[tuple[RealmId, str], int] = {}
        """Parents only."""

    def below(self, realm_id: RealmId, entity: str, source_key: str, object_id: str, payload: bytes) -> int:
        """Of the object of the next row: 0 if it is nobody's parent. They are made inactive before it."""
        table = WRITINGS[entity]
        if not table.is_list:
            return 0
        content = decode(payload)
        keys = Need(entity, "", source_key), Need(entity, "Id", object_id)
        names = Need(entity, table.natural_key, str(content.get(table.natural_key) or "").strip())
        below = max(self._below.get((realm_id, _known_as(need)), 0) for need in (*keys, names))
        parent = content.get("ParentRef")
        if isinstance(parent, Mapping) and parent:
            need = need_of(parent) if MARK in parent else Need(entity, "Id", str(parent.get("value")))
            self._below[realm_id, _known_as(need)] = max(self._below.get((realm_id, _known_as(need)), 0), below + 1)
        return below


def _known_as(need: Need) -> str:
    return f"{need.entity}?{need.natural_key}" if need.attribute else text_of(need)


class Reversal(msgspec.Struct, frozen=True):
    """A row's reversal, or the reason why there is none; and what of it cannot be exact."""

    row: NewRow | None
    words: str
    """`delete Invoice 145`."""
    caveat: str = ""


def reversal_of(
    row_id: int,
    realm_id: RealmId,
    entity: str,
    operation: Operation,
    object_id: str,
    before: bytes | None,
    *,
    sent: bytes,
    line: int,
    goes: bool,
    below: int = 0,
) -> Reversal:
    """`sent` is what the row asked for. `goes`: it changed what goes altogether, and need not be taken back. `below`:
    as `Generations` tells."""
    table = WRITINGS[entity]
    if goes:
        return Reversal(None, f"nothing for {operation.value} of {entity} {object_id}: the object itself goes")
    if operation is Operation.CREATE:
        return _of_what_was_made(row_id, realm_id, entity, object_id, line, below)
    if before is None:
        return Reversal(None, f"{entity} {object_id} stays", "it is not known what it was before")
    held = {key: value for key, value in decode(before).items() if key not in _HEAD}
    if operation is Operation.DELETE and not table.is_list:
        row = _row(row_id, realm_id, entity, Operation.CREATE, _without_line_ids(held), line)
        return Reversal(row, f"create {entity} {object_id} again", "under another Id, and without its links")
    parts = _parts_of(held, decode(sent)) if operation is Operation.UPDATE else None
    if parts is not None:
        row = _row(row_id, realm_id, entity, Operation.UPDATE, {**parts, "Id": object_id}, line)
        return Reversal(row, f"make {', '.join(parts)} of {entity} {object_id} what it was")
    caveat = "what others changed in it since goes, too"
    if operation is Operation.VOID:
        caveat = f"a void cannot be taken back: it is made what it was, and {caveat}"
        held = _without_line_ids(held)
    # The names of an object's parents stand before its own.
    above = str(held.get("FullyQualifiedName") or "").count(":")
    row = _row(row_id, realm_id, entity, Operation.FULL_UPDATE, {**held, "Id": object_id}, line, generation=above)
    return Reversal(row, f"make {entity} {object_id} what it was", caveat)


def _of_what_was_made(row_id: int, realm_id: RealmId, entity: str, object_id: str, line: int, below: int) -> Reversal:
    table = WRITINGS[entity]
    if not table.allows(Operation.DELETE):
        return Reversal(None, f"{entity} {object_id} stays", "QuickBooks has no way to take it away")
    words = f"{'make inactive' if table.is_list else 'delete'} {entity} {object_id}"
    caveat = "its name stays in the list of inactive ones" if table.is_list else ""
    row = _row(row_id, realm_id, entity, Operation.DELETE, {"Id": object_id}, line, generation=below)
    return Reversal(row, words, caveat)


def _parts_of(held: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a sparse update changed, as it was: what others changed since stays, and what was not touched cannot refuse.

    None if something was new that no empty text takes away again.
    """
    keys = [key for key in sent if key not in _HEAD]
    if any(key not in held and not isinstance(sent[key], str) for key in keys):
        return None
    return {key: held.get(key, "") for key in keys}


def _without_line_ids(held: dict[str, Any]) -> dict[str, Any]:
    lines = [{key: part for key, part in each.items() if key != "Id"} for each in held.get("Line", ())]
    return {key: lines if key == "Line" else value for key, value in held.items() if key != "LinkedTxn"}


def _row(
    row_id: int,
    realm_id: RealmId,
    entity: str,
    operation: Operation,
    payload: dict[str, Any],
    line: int,
    *,
    generation: int = 0,
) -> NewRow:
    """`generation`: how many go before it of those that are below or above one another."""
    key = f"undo:{row_id}"
    raw = encode(payload)
    table = WRITINGS[entity]
    named = table.natural_key and operation is Operation.CREATE and payload.get(table.natural_key)
    return NewRow(
        line=line,
        realm_id=realm_id,
        entity=entity,
        operation=operation.value,
        source_key=key,
        payload=raw,
        payload_hash=digest(payload),
        needs=(),
        object_key=f"{entity}#{payload['Id']}" if "Id" in payload else f"new {text_of(Need(entity, '', key))}",
        natural_key=Need(entity, table.natural_key, str(named)).natural_key if named else "",
        rank=_GENERATIONS_MAX * rank_of(operation, table) + min(generation, _GENERATIONS_MAX - 1),
        undoes=row_id,
    )
