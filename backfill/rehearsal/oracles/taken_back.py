"""Undoing a load: the company is what it was, but for what people did and for what was said to be impossible."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from backfill.rehearsal.asked_rows import AskedRow
from backfill.rehearsal.oracles.exactly_once import Effects, all_effects, is_to, references_in
from backfill.rehearsal.oracles.oracle import Oracle
from backfill.rehearsal.stage import Stage
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company

_HEAD = frozenset({"Id", "SyncToken", "MetaData", "domain", "sparse"})


class TakenBack(Oracle):
    """What rows made is gone, or inactive; what they changed is as it was; what they deleted is there again."""

    name: ClassVar[str] = "taken back"
    law: ClassVar[str] = "undoing a load restores the company"

    def over(self, stage: Stage) -> Iterable[str]:
        if not stage.load.taken_back:
            return
        for effects in all_effects(stage):
            if effects.realm_id not in stage.troubled:
                company = stage.simulator.fleet.company(effects.realm_id)
                yield from left_of(effects, company)


def left_of(effects: Effects, company: Company) -> Iterator[str]:
    """What is not as it was in one company."""
    for row in effects.rows:
        for id_ in effects.found.get(row.identity, ()):
            # What people have a hand in, or what hangs on it, may refuse to go: the dead letter says so.
            if effects.meddled[row.entity, id_] or not effects.agreed(row):
                continue
            words = f"{effects.realm_id} {row.operation} of {row.entity} {id_} ({row.key})"
            held = company.table(row.entity).get(id_)
            doc = None if held is None else json.loads(held.doc)
            match row.operation:
                case "create" if doc is not None and doc.get("Active", True) and not _is_kept(row, id_, effects):
                    yield f"{words}: it is still there"
                case "update" if row.object_id:
                    before = json.loads(effects.before[row.entity, id_])
                    yield from (f"{words}: {said}" for said in _differences(before, doc or {}))
                case "delete":
                    before = json.loads(effects.before[row.entity, id_])
                    is_there = any(_is_like(json.loads(other.doc), before) for other in company.table(row.entity).all())
                    if not is_there and not _refers_to_what_ended(before, company):
                        yield f"{words}: there is nothing like {before}"


def _refers_to_what_ended(document: Mapping[str, object], company: Company) -> bool:
    """Something that it needs is inactive, of old or since: QuickBooks refuses it, as it would from anybody."""
    for reference in references_in(document):
        for entity in TRAITS:
            held = company.table(entity).get(reference[1]) if is_to(reference, entity) else None
            if held is not None and not held.active:
                return True
    return False


def _is_kept(row: AskedRow, id_: str, effects: Effects) -> bool:
    """Something of people's refers to it, or to what hangs on it: hours to be billed keep a customer, a deposit keeps a
    payment, which keeps its invoice."""
    if any(is_to(reference, row.entity) and reference[1] == id_ for reference in effects.used):
        return True
    hanging = [other for other in effects.rows if other.operation == "create" and row.key in other.names]
    return any(
        effects.meddled[other.entity, other_id] or _is_kept(other, other_id, effects)
        for other in hanging
        for other_id in effects.found.get(other.identity, ())
    )


def _content(doc: Mapping[str, object]) -> Mapping[str, object]:
    """An empty text and none are one to QuickBooks; balances, and names that begin with a parent's, move with what
    other people do."""
    aside = _HEAD | {"Balance", "BalanceWithJobs", "LinkedTxn", "HomeBalance", "FullyQualifiedName"}
    return {key: value for key, value in doc.items() if key not in aside and value not in ("", [])}


def _differences(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    was, is_ = _content(before), _content(now)
    for key in sorted(was.keys() | is_.keys()):
        if was.get(key) != is_.get(key):
            yield f"{key} was {was.get(key)}, and is {is_.get(key)}"


def _is_like(doc: Mapping[str, object], before: Mapping[str, object]) -> bool:
    return all(doc.get(key) == before.get(key) for key in ("TxnDate", "TotalAmt", "DocNumber", "CustomerRef"))
