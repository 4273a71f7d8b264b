"""A ledger made from stored objects is the one that grew with them."""

from __future__ import annotations

from datetime import UTC, datetime

from backfill.simulator.books.links import Target
from backfill.simulator.books.opening import ledger_of, make_missing, recount, transactions
from backfill.simulator.company import Company
from backfill.simulator.documents import cents, decode, encode
from backfill.simulator.fleet import Fleet
from backfill.simulator.stored import StoredObject

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _company() -> Company:
    fleet = Fleet(realms=2, seed=4, now=lambda: NOW, rows_min=300, rows_max=300)
    return fleet.company(fleet.realm_ids[1])


def _balances(company: Company) -> dict[str, int]:
    return ledger_of(company).daybook().balances()


def test_what_was_sown_and_what_is_read_back_have_one_ledger() -> None:
    company = _company()
    grown, company.ledger = company.ledger, None
    assert grown
    read = ledger_of(company)
    assert read is company.ledger
    assert {item: stock.on_hand for item, stock in read.stocks.items()} == {
        item: stock.on_hand for item, stock in grown.stocks.items()
    }
    assert read.daybook().balances() == grown.daybook().balances()


def test_what_a_change_has_replaced_already_is_read_as_it_was() -> None:
    company = _company()
    invoice = decode(company.table("Invoice").all()[0].doc)
    company.delete("Invoice", invoice["Id"])
    found = {
        (entity, number)
        for entity, number, doc in transactions(company, {Target("Invoice", invoice["Id"]): invoice})
        if doc
    }
    assert ("Invoice", invoice["Id"]) in found
    assert ("Invoice", invoice["Id"]) not in {(entity, number) for entity, number, _ in transactions(company)}
    other = company.table("Invoice").all()[0].id
    read = {(entity, number): doc for entity, number, doc in transactions(company, {Target("Invoice", other): None})}
    assert read["Invoice", other] is None


def test_a_recount_puts_every_account_right() -> None:
    company = _company()
    before = {row.id: decode(row.doc)["CurrentBalance"] for row in company.table("Account").all()}
    for row in company.table("Account").all():
        company.load("Account", _spoilt(row))
    recount(company)
    after = {row.id: decode(row.doc)["CurrentBalance"] for row in company.table("Account").all()}
    assert {key: cents(amount) for key, amount in after.items()} == {
        key: cents(amount) for key, amount in before.items()
    }
    assert sum(_balances(company).values()) == 0


def _spoilt(row: StoredObject) -> StoredObject:
    doc = encode(decode(row.doc) | {"CurrentBalance": 17, "CurrentBalanceWithSubAccounts": 18})
    return StoredObject(row.id, row.sync_token, row.created, row.updated, row.active, doc)


def test_only_roles_are_made_into_accounts() -> None:
    company = _company()
    accounts = len(company.table("Account"))
    assert not make_missing(company, {"1", "", "999"})
    assert make_missing(company, {"ShippingIncome"})
    assert len(company.table("Account")) == accounts + 1
