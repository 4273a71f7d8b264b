"""The attributes that statements may name cover what the seeded companies' objects hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from backfill.entities import ENTITIES
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.faults import FaultedError
from backfill.simulator.fleet import Fleet
from backfill.simulator.query.properties import PROPERTIES, resolved


def test_every_entity_has_attributes() -> None:
    assert tuple(PROPERTIES) == ENTITIES


def test_what_objects_hold_can_be_named() -> None:
    """A projection of any attribute that `SELECT *` shows is known, for every entity of a mixed fleet."""
    now = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
    fleet = Fleet(realms=12, seed=5, now=lambda: now, rows_min=300, rows_max=900)
    unknown: set[str] = set()
    seen: set[str] = set()
    for realm_id in fleet.realm_ids:
        company = fleet.company(realm_id)
        for name in ENTITIES:
            for row in company.table(name).all():
                doc = json.loads(row.doc)
                seen.add(name)
                keys = next(iter(doc.values())) if TRAITS[name].wrapped else doc
                unknown.update(f"{name}.{key}" for key in keys if key.lower() not in PROPERTIES[name])
    assert not unknown
    assert len(seen) > 35, "the fleet is mixed enough to say so"


def test_names_are_spelled_as_quickbooks_spells_them() -> None:
    assert resolved("Customer", "metadata.createtime") == ("MetaData", "CreateTime")
    assert resolved("Invoice", "CUSTOMERREF.Value") == ("CustomerRef", "value")
    assert resolved("Preferences", "SalesFormsPrefs.CustomTxnNumbers") == ("SalesFormsPrefs", "CustomTxnNumbers")


@pytest.mark.parametrize("path", ["Colour", "MetaData.Colour", "CustomerRef.Id"])
def test_unknown_names_are_4001(path: str) -> None:
    with pytest.raises(FaultedError, match=f"Property {path} not found for Entity Invoice"):
        resolved("Invoice", path)
