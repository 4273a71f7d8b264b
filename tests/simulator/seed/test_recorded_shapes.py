"""Seeded objects against answers recorded from Intuit's sandbox, which stay outside the repository."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.simulator.fleet import Fleet
from tests.recordings import recording, skip_without_recordings

skip_without_recordings()

# Lat and Long were dropped from addresses in 2025, after the recordings.
_GONE = {"Lat", "Long"}

# Seeded receipts go to the bank directly, where a recorded one lists its deposit; and they give no discounts.
_RECEIPTS_LACK = {
    ".LinkedTxn[].TxnId: str",
    ".LinkedTxn[].TxnType: str",
    ".Line[].DiscountLineDetail.DiscountAccountRef.name: str",
    ".Line[].DiscountLineDetail.DiscountAccountRef.value: str",
    ".Line[].DiscountLineDetail.DiscountPercent: number",
    ".Line[].DiscountLineDetail.PercentBased: bool",
}


def _recorded(name: str, entity: str) -> list[dict[str, Any]]:
    bodies = [exchange["response"]["body"] for exchange in json.loads(recording(name))]
    queried = [row for body in bodies for row in body.get("QueryResponse", {}).get(entity, ())]
    return queried + [body[entity] for body in bodies if entity in body and "status" not in body[entity]]


@cache
def _companies() -> list[Company]:
    """Several: what few objects have, one company's may all lack."""
    today = datetime(2026, 11, 20, tzinfo=UTC)
    fleets = [Fleet(realms=2, seed=seed, now=lambda: today, rows_min=2_000, rows_max=2_000) for seed in range(3, 15)]
    return [fleet.company(fleet.realm_ids[1]) for fleet in fleets]


def _seeded(entity: str) -> list[dict[str, Any]]:
    return [decode(row.doc) for company in _companies() for row in company.table(entity).all()]


def _paths(value: Any, prefix: str = "") -> set[str]:
    """Every attribute anywhere in an object, as a dotted path with its JSON type."""
    if isinstance(value, dict):
        return set().union(*(_paths(part, f"{prefix}.{key}") for key, part in value.items() if key not in _GONE))
    if isinstance(value, list):
        return set().union(*(_paths(part, f"{prefix}[]") for part in value)) if value else {prefix}
    kind = "number" if not isinstance(value, (bool, str)) else type(value).__name__
    return {f"{prefix}: {kind}"}


@pytest.mark.parametrize(
    ("name", "entity", "absent"),
    [
        ("all-customers", "Customer", set()),
        ("get-inactive_vendors", "Vendor", set()),
        ("all-sales_receipts", "SalesReceipt", _RECEIPTS_LACK),
        ("create-invoice", "Invoice", set()),
    ],
)
def test_all_that_was_recorded_is_seeded_too_under_the_same_names_and_types(
    name: str, entity: str, absent: set[str]
) -> None:
    recorded = set().union(*map(_paths, _recorded(name, entity)))
    seeded = set().union(*map(_paths, _seeded(entity)))
    assert recorded
    assert recorded - seeded == absent


@pytest.mark.parametrize(
    ("name", "entity"),
    [("all-customers", "Customer"), ("get-inactive_vendors", "Vendor"), ("all-sales_receipts", "SalesReceipt")],
)
def test_what_every_recorded_object_has_every_seeded_one_has(name: str, entity: str) -> None:
    def always(objects: list[dict[str, Any]]) -> set[str]:
        return set.intersection(*(set(one) for one in objects))

    assert always(_recorded(name, entity)) <= always(_seeded(entity))
