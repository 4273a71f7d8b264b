"""The sample company: what public clients' own tests count on is where they look for it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest

from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode
from backfill.simulator.fleet import Fleet
from backfill.simulator.seed import sample
from backfill.simulator.seed.chart import CHART, ESSENTIAL


@cache
def _company(least: int = 100, most: int = 2_000, seed: int = 3) -> Company:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    fleet = Fleet(realms=2, seed=seed, now=lambda: now, rows_min=least, rows_max=most)
    return fleet.company(fleet.realm_ids[0])


def _doc(entity: str, object_id: str, company: Company | None = None) -> Doc:
    row = (company or _company()).table(entity).get(object_id)
    assert row is not None, f"there is no {entity} {object_id}"
    return decode(row.doc)


@pytest.mark.parametrize(
    ("entity", "object_id", "key", "name"),
    [
        ("Account", "1", "FullyQualifiedName", "Services"),
        ("Account", "33", "Name", "Accounts Payable (A/P)"),
        ("Account", "35", "Name", "Checking"),
        ("Account", "38", "FullyQualifiedName", "Truck:Original Cost"),
        ("Account", "42", "Name", "Visa"),
        ("CompanyCurrency", "1", "Name", "Canadian Dollar"),
        ("CompanyInfo", "1", "CompanyName", "Sandbox Company_US_1"),
        ("Customer", "1", "DisplayName", "Amy's Bird Sanctuary"),
        ("Customer", "9", "FullyQualifiedName", "Freeman Sporting Goods:55 Twin Lane"),
        ("Customer", "29", "DisplayName", "Weiskopf Consulting"),
        ("Employee", "55", "DisplayName", "Emily Platt"),
        ("Item", "10", "Name", "Pest Control"),
        ("Item", "11", "Type", "Inventory"),
        ("PaymentMethod", "2", "Name", "Check"),
        ("Term", "3", "Name", "Net 30"),
        ("Vendor", "30", "DisplayName", "Books by Bessie"),
        ("Vendor", "56", "DisplayName", "Bob's Burger Joint"),
    ],
)
def test_names_are_at_their_ids(entity: str, object_id: str, key: str, name: str) -> None:
    doc = _doc(entity, object_id)
    assert (doc[key], doc.get("Active", True)) == (name, True)


def test_forms_of_the_default_sandbox_are_there() -> None:
    for entity, ids in sample.FORMS.items():
        for object_id in ids:
            _doc(entity, str(object_id))


def test_it_has_its_own_size_whatever_others_have() -> None:
    for seed in range(4):
        company = _company(100, 50_000, seed)
        assert company.rows == sample.WHOLE_ROWS
        assert len(company.table("Customer").all()) >= len(sample.CUSTOMERS)


def test_there_is_none_where_all_are_to_be_larger() -> None:
    company = _company(sample.WHOLE_ROWS + 1, 2_000)
    assert company.name != sample.NAME
    assert company.table("Attachable").all()


def test_a_smaller_one_has_the_first_of_each() -> None:
    company = _company(100, 110)
    assert company.rows <= 110
    assert _doc("Customer", "1", company)["DisplayName"] == "Amy's Bird Sanctuary"
    assert len(company.table("Account").all()) == ESSENTIAL


def test_nothing_is_attached_yet_and_there_are_pages_of_what_clients_page() -> None:
    company = _company()
    assert not company.table("Attachable").all()
    for entity in ("CreditMemo", "Estimate", "Invoice", "Payment"):
        assert len(company.table(entity).all()) > 10, entity


def test_new_accounts_come_after_its_own_and_expenses_are_few() -> None:
    company = _company()
    assert company.next_id("Account") == str(sample.LAST_ACCOUNT + 1)
    kinds = [decode(row.doc)["AccountType"] for row in company.table("Account").all()]
    assert kinds.count("Expense") < 20 < len(kinds)


def test_its_chart_is_part_of_the_chart() -> None:
    assert set(sample.ACCOUNTS) <= {row.name for row in CHART}
    assert {row.name for row in CHART[:ESSENTIAL]} <= set(sample.ACCOUNTS)
    assert len(set(sample.ACCOUNTS.values())) == len(sample.ACCOUNTS)
    assert max(sample.ACCOUNTS.values()) <= sample.LAST_ACCOUNT


def test_no_named_row_is_retired_or_foreign() -> None:
    company = _company()
    for entity in ("Customer", "Vendor"):
        for row in company.table(entity).all()[: sample.NAMED[entity]]:
            doc = decode(row.doc)
            assert doc["Active"]
            assert doc["CurrencyRef"]["value"] == "USD"
            assert doc["BillAddr"]
            assert doc["PrimaryEmailAddr"]
            assert doc["PrimaryPhone"]
