"""Change data capture: whole objects that changed, and stubs of deleted ones, at most a thousand together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from backfill.simulator.catalogue import TRAITS, EntityTraits
from backfill.simulator.company import Company
from backfill.simulator.envelopes import PACIFIC
from backfill.simulator.faults import FaultedError, bad_date, cdc_refused, cdc_too_old, required
from backfill.simulator.query.answer import QueryAnswer, query_response, refuse_poison
from backfill.simulator.query.statement import Literal, LiteralKind
from backfill.simulator.query.values import instant_of
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.stored import StoredObject

_BY_NAME = {name.lower(): traits for name, traits in TRAITS.items()}

_LEFT_OUT = frozenset({"ExchangeRate", "TaxCode", "TaxRate", "TimeActivity"})
"""Not carried, says the reference, and not refused by the sandbox either."""


@dataclass(slots=True)
class _Changes:
    """What changed of one entity: live rows, oldest change first, then (Id, epoch second) of deleted ones."""

    traits: EntityTraits
    live: Sequence[StoredObject]
    deleted: Sequence[tuple[str, int]]


def answer_cdc(
    entities: str, changed_since: str, company: Company, settings: SimulatorSettings, instant: datetime
) -> QueryAnswer:
    """The value of `CDCResponse`: one element for each entity asked, `{}` where nothing changed.

    What exceeds the cap is left out without a word, deleted stubs before live objects. Raises `FaultedError`.
    """
    asked = _entities(entities, settings)
    since = _since(changed_since, settings, instant)
    carried = {name.lower() for name in settings.cdc_also}
    changes = [_changes(traits, since, company, carried) for traits in asked]
    for change in changes:
        refuse_poison(company.realm_id, change.traits.name, change.live, settings)
    left = settings.cdc_object_cap
    for change in changes:
        change.live = change.live[:left]
        left -= len(change.live)
    for change in changes:
        change.deleted = change.deleted[:left]
        left -= len(change.deleted)
    body = b",".join(_element(change, company) for change in changes)
    return QueryAnswer(b'[{"QueryResponse":[%b]}]' % body, settings.cdc_object_cap - left)


def _entities(entities: str, settings: SimulatorSettings) -> list[EntityTraits]:
    also = {name.lower() for name in settings.cdc_also}
    names = [name.strip() for name in entities.split(",") if name.strip()]
    if not names:
        raise FaultedError(required("entities"))
    found: list[EntityTraits] = []
    for name in names:
        traits = _BY_NAME.get(name.lower())
        is_left_out = traits is not None and traits.name in _LEFT_OUT and settings.cdc_left_out == "silent"
        if traits is None or not (traits.in_cdc or name.lower() in also or is_left_out):
            raise FaultedError(cdc_refused(name))
        found.append(traits)
    return found


def _since(text: str, settings: SimulatorSettings, instant: datetime) -> float:
    if not text:
        raise FaultedError(required("changedSince"))
    since = instant_of(Literal(LiteralKind.STRING, text), instant.astimezone(PACIFIC).date())
    if since is None:
        raise FaultedError(bad_date(text, "changedSince"))
    if since < (instant - timedelta(days=settings.cdc_max_age_days)).timestamp():
        raise FaultedError(cdc_too_old(text))
    return since


def _changes(traits: EntityTraits, since: float, company: Company, also: Collection[str]) -> _Changes:
    if not traits.in_cdc and traits.path not in also:
        return _Changes(traits, (), ())
    view = company.table(traits.name).by_updated()
    first = bisect_left(view, since, key=attrgetter("updated"))
    deleted = [(object_id, at) for object_id, at in company.deleted_since(traits.name, int(since)) if at >= since]
    return _Changes(traits, view[first:], deleted)


def _element(change: _Changes, company: Company) -> bytes:
    stubs = [
        b'{"domain":"QBO","status":"Deleted","Id":"%b","MetaData":{"LastUpdatedTime":"%b"}}'
        % (object_id.encode(), company.offset_text(at).encode())
        for object_id, at in change.deleted
    ]
    rows = [row.doc for row in change.live]
    return query_response(change.traits.array_key, [*rows, *stubs], len(rows) + len(stubs))
