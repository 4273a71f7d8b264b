"""A statement's text to the JSON of its `QueryResponse`. Rows are spliced in as they are stored, never re-encoded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

import msgspec

from backfill.simulator.company import Company
from backfill.simulator.envelopes import PACIFIC
from backfill.simulator.faults import POISONS, FaultedError
from backfill.simulator.query.evaluate import count, page
from backfill.simulator.query.parser import parse
from backfill.simulator.query.plan import Plan, plan
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.stored import StoredObject

_RAW_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """`body` is the value of `QueryResponse`; `rows` is how many objects it holds."""

    body: bytes
    rows: int


def answer_query(
    text: str, company: Company, settings: SimulatorSettings, instant: datetime, *, cap: int | None = None
) -> QueryAnswer:
    """Run one statement over the company as it is at `instant`. Raises `FaultedError`.

    `cap` cuts the rows short, as a batch does whose items hold too many objects together.
    """
    statement = parse(text, not_equal=settings.not_equal)
    asked = plan(statement, settings, today=instant.astimezone(PACIFIC).date())
    table = company.table(asked.traits.name)
    if asked.count:
        if asked.traits.name == "CompanyInfo":
            return QueryAnswer(b"{}", 0)  # no number is given of it, says a public client's tests
        return QueryAnswer(b'{"totalCount":%d}' % count(asked, table), 0)
    # What changes the company changes the order among equals.
    rows = page(asked, table, salt=crc32(asked.traits.name.encode(), company.changes))
    rows = rows if cap is None else rows[:cap]
    refuse_poison(company.realm_id, asked.traits.name, rows, settings)
    return QueryAnswer(query_response(asked.traits.array_key, _objects(asked, rows), len(rows), asked.start), len(rows))


def query_response(array_key: str, objects: Iterable[bytes], rows: int, start: int = 1) -> bytes:
    """`{"Customer":[...],"startPosition":1,"maxResults":2}`, or `{}` where nothing was found."""
    if not rows:
        return b"{}"
    return b'{"%b":[%b],"startPosition":%d,"maxResults":%d}' % (array_key.encode(), b",".join(objects), start, rows)


def refuse_poison(realm_id: str, entity: str, rows: Iterable[StoredObject], settings: SimulatorSettings) -> None:
    """Raise the fault of a page that holds a poisoned row."""
    poisoned = settings.poisoned.get((realm_id, entity))
    if poisoned and any(row.id in poisoned for row in rows):
        raise FaultedError(POISONS[settings.poison_code])


def _objects(asked: Plan, rows: Sequence[StoredObject]) -> list[bytes]:
    if not asked.columns:
        return [_without(row.doc, asked.left_out) if asked.left_out else row.doc for row in rows]
    wanted = _tree(asked.columns)
    return [_projected(asked, row.doc, wanted) for row in rows]


def _without(doc: bytes, name: str) -> bytes:
    parts = _RAW_OBJECT.decode(doc)
    return b"{%b}" % b",".join(b'"%b":%b' % (key.encode(), part) for key, part in parts.items() if key != name)


_Tree = dict[str, "_Tree"]


def _tree(columns: Iterable[tuple[str, ...]]) -> _Tree:
    """The named paths as nested names; an empty branch means all below it."""
    root: _Tree = {}
    for path in columns:
        branch = root
        for name in path:
            branch = branch.setdefault(name, {})
    return root


def _projected(asked: Plan, doc: bytes, wanted: _Tree) -> bytes:
    """A sparse object: the named attributes that have a value, always with the Id."""
    parts = _RAW_OBJECT.decode(doc)
    if asked.traits.wrapped:
        ((kind, inner),) = parts.items()
        return b'{"%b":%b}' % (kind.encode(), _sparse(_RAW_OBJECT.decode(inner), wanted))
    return _sparse(parts, wanted)


def _sparse(parts: dict[str, msgspec.Raw], wanted: _Tree) -> bytes:
    identity = [b'"domain":"QBO","sparse":true']
    if "Id" in parts:
        identity.append(b'"Id":' + bytes(parts["Id"]))
    named = [(name, branch) for name, branch in wanted.items() if name not in ("Id", "domain", "sparse")]
    return b"{%b}" % b",".join([*identity, *_members(parts, named)])


def _members(parts: dict[str, msgspec.Raw], wanted: Iterable[tuple[str, _Tree]]) -> list[bytes]:
    found: list[bytes] = []
    for name, branch in wanted:
        raw = parts.get(name)
        if raw is None:
            continue
        value = bytes(raw)
        if branch and value.startswith(b"{"):
            value = b"{%b}" % b",".join(_members(_RAW_OBJECT.decode(value), branch.items()))
        found.append(b'"%b":%b' % (name.encode(), value))
    return found
