"""Single objects by their Id, and the few reads that have a form of their own."""

from __future__ import annotations

from collections.abc import Mapping

from backfill.simulator.catalogue import TRAITS, EntityTraits
from backfill.simulator.company import Company
from backfill.simulator.faults import OBJECT_NOT_FOUND, FaultedError, bad_id, required
from backfill.simulator.stored import StoredObject

BY_PATH: Mapping[str, EntityTraits] = {traits.path: traits for traits in TRAITS.values()}


def read_object(traits: EntityTraits, object_id: str, company: Company) -> bytes:
    """`"Invoice":{...}`. Inactive rows can be read.

    Raises `FaultedError`: 2030 for what is no Id, 610 for what is missing or deleted.
    """
    if traits.name != "TaxCode" and not object_id.isdecimal():
        raise FaultedError(bad_id(object_id))
    return _member(traits, company.table(traits.name).get(object_id))


def read_singleton(traits: EntityTraits, company: Company) -> bytes:
    """`"Preferences":{...}`: the one object there is."""
    return _member(traits, next(iter(company.table(traits.name).all()), None))


def read_rate(params: Mapping[str, str], company: Company) -> bytes:
    """The exchange rate of a currency as of a day (the newest without one): the last at or before that day."""
    currency = params.get("sourcecurrencycode", "").upper()
    if not currency:
        raise FaultedError(required("sourcecurrencycode"))
    last = f"{currency}:{params['asofdate']}" if "asofdate" in params else f"{currency}:~"
    rates = [row for row in company.table("ExchangeRate").all() if row.id.startswith(f"{currency}:") and row.id <= last]
    return _member(TRAITS["ExchangeRate"], max(rates, key=lambda row: row.id, default=None))


def _member(traits: EntityTraits, row: StoredObject | None) -> bytes:
    if row is None:
        raise FaultedError(OBJECT_NOT_FOUND)
    return b'"%b":%b' % (traits.array_key.encode(), row.doc)
