"""What a seeded company is like: complete, consistent, and as awkward as promised."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from backfill.simulator.books.entries import quantity
from backfill.simulator.books.ledger import Ledger
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode, encode
from backfill.simulator.fleet import Fleet
from backfill.simulator.seed.sample import WHOLE_ROWS

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SAMPLE, US, PLAIN, FRANCE, BRITAIN, CANADA = range(6)


@cache
def _company(number: int, rows: int = 0) -> Company:
    rows = rows or (WHOLE_ROWS if number == SAMPLE else 1_500)
    fleet = Fleet(realms=6, seed=11, now=lambda: NOW, rows_min=rows, rows_max=rows)
    return fleet.company(fleet.realm_ids[number])


@cache
def _docs(number: int, rows: int = 0) -> Mapping[str, list[Doc]]:
    company = _company(number, rows)
    docs = {entity: [decode(row.doc) for row in company.table(entity).all()] for entity in TRAITS}
    docs["RecurringTransaction"] = [doc["Invoice"] for doc in docs["RecurringTransaction"]]
    return docs


ALL = pytest.mark.parametrize("number", [SAMPLE, US, PLAIN, FRANCE, BRITAIN, CANADA])
DRAWN = pytest.mark.parametrize("number", [US, PLAIN, FRANCE, BRITAIN, CANADA])
"""Whose people are not all known by name, nor all at home."""


def test_every_entity_is_there_in_the_companies_that_can_have_it() -> None:
    assert {entity for entity, docs in _docs(US).items() if not docs} == {"JournalCode", "TaxPayment"}
    assert _docs(FRANCE)["JournalCode"]
    assert _docs(BRITAIN)["TaxPayment"]
    assert not _docs(PLAIN)["ExchangeRate"]


@ALL
def test_a_stored_row_says_of_itself_what_its_document_says(number: int) -> None:
    company = _company(number)
    for entity, traits in TRAITS.items():
        for row in company.table(entity).all():
            doc = decode(row.doc)
            inner = doc["Invoice"] if traits.wrapped else doc
            assert encode(doc) == row.doc, "compact, numbers in their own scale"
            assert inner["SyncToken"] == str(row.sync_token)
            assert inner["domain"] == "QBO"
            assert doc.get("Active", True) == row.active
            assert inner["MetaData"]["LastUpdatedTime"] == company.offset_text(row.updated)
            if traits.has_id:
                assert inner["Id"] == row.id
                assert inner["MetaData"]["CreateTime"] == company.offset_text(row.created)


@ALL
def test_history_ends_before_now_and_nothing_was_updated_before_it_was_created(number: int) -> None:
    midnight = int(NOW.replace(hour=0).timestamp())
    for entity in TRAITS:
        for row in _company(number).table(entity).all():
            assert row.created <= row.updated < midnight


def test_there_are_ten_years_of_it_some_back_dated_some_edited() -> None:
    invoices = _docs(PLAIN, 6_000)["Invoice"]
    years = Counter(doc["TxnDate"][:4] for doc in invoices)
    assert set(years) >= {str(year) for year in range(2017, 2027)}
    late = [doc for doc in invoices if doc["MetaData"]["CreateTime"][:4] > doc["TxnDate"][:4]]
    assert late
    rows = _company(PLAIN, 6_000).table("Invoice").all()
    edited = [row for row in rows if row.sync_token]
    assert len(rows) * 0.1 < len(edited)
    assert sum(row.updated > row.created for row in edited) > 0.9 * len(edited)


@pytest.mark.parametrize(("rows", "groups"), [(5_000, 1), (25_000, 2)])
def test_bulk_imports_put_more_than_a_page_on_one_second(rows: int, groups: int) -> None:
    company = _company(PLAIN, rows)
    sizes = {
        entity: max(Counter(row.created for row in company.table(entity).all()).values())
        for entity in ("Invoice", "Purchase", "Customer", "Payment")
    }
    assert sum(size > 1_000 for size in sizes.values()) == groups
    assert sizes["Customer"] > 20, "and smaller groups elsewhere"


def test_a_small_company_has_no_import_larger_than_a_page() -> None:
    assert max(Counter(row.created for row in _company(PLAIN).table("Invoice").all()).values()) < 1_000


@DRAWN
def test_invoices_and_payments_are_about_half(number: int) -> None:
    docs = _docs(number)
    share = (len(docs["Invoice"]) + len(docs["Payment"])) / sum(map(len, docs.values()))
    assert 0.4 < share < 0.55


def test_an_invoice_has_the_size_of_a_real_one() -> None:
    sizes = sorted(len(row.doc) for row in _company(PLAIN, 5_000).table("Invoice").all())
    assert sizes[len(sizes) // 20] > 1_000
    assert sizes[-len(sizes) // 20] < 2_900
    assert 1_400 < sum(sizes) / len(sizes) < 2_100


@DRAWN
def test_inactive_rows_say_so_in_their_names(number: int) -> None:
    inactive = [doc for docs in _docs(number).values() for doc in docs if doc.get("Active") is False]
    assert len(inactive) > 2
    for doc in inactive:
        assert (doc.get("DisplayName") or doc["Name"]).endswith(" (deleted)")


def test_some_are_voided_and_some_are_gone() -> None:
    voids = [doc for doc in _docs(PLAIN, 6_000)["Invoice"] if doc.get("PrivateNote", "").startswith("Voided")]
    assert voids
    assert all(doc["TotalAmt"] == 0 and doc["Balance"] == 0 and int(doc["SyncToken"]) > 0 for doc in voids)
    company = _company(PLAIN, 6_000)
    gone = company.deleted_since("Invoice", 0)
    assert gone
    assert all(company.table("Invoice").get(object_id) is None for object_id, _ in gone)


def test_names_that_break_careless_programs() -> None:
    people = [_docs(number)[entity] for number in (US, BRITAIN) for entity in ("Customer", "Vendor")]
    text = "".join(doc["DisplayName"] for docs in people for doc in docs)
    assert all(letter in text for letter in "'\"\\&🌮北é")
    names = [
        doc["DisplayName"].casefold() for entity in ("Customer", "Vendor", "Employee") for doc in _docs(US)[entity]
    ]
    assert len(names) == len(set(names)), "the three lists share their names"


def test_ids_that_break_careless_programs() -> None:
    docs = _docs(US)
    assert {"TAX", "NON", "CustomSalesTax"} < {doc["Id"] for doc in docs["TaxCode"]}
    assert any(doc["Id"].isdigit() for doc in docs["TaxCode"])
    assert int(docs["Class"][0]["Id"]) > 2**53
    assert int(docs["Attachable"][0]["Id"]) > 2**53
    assert "Id" not in docs["ExchangeRate"][0]


def test_amounts_come_in_all_scales() -> None:
    raw = b"".join(row.doc for row in _company(US).table("Invoice").all())
    assert all(text in raw for text in (b'"TotalTax":0}', b'.00,"', b'"Qty":2.5', b'"Balance":0'))


def test_jobs_hang_below_their_customers() -> None:
    jobs = [doc for doc in _docs(PLAIN, 6_000)["Customer"] if doc["Job"]]
    assert max(doc["Level"] for doc in jobs) >= 2
    assert all(doc["Level"] <= 4 for doc in jobs)
    assert not any(":" in doc["DisplayName"] for doc in jobs), "which QuickBooks refuses"
    for doc in jobs:
        above = doc["ParentRef"]["name"]
        assert f"{above}:{doc['DisplayName']}" in f":{doc['FullyQualifiedName']}" or doc["Active"] is False


def _lines_total(doc: Doc) -> int:
    kinds = {"SubTotalLineDetail"}
    return sum(cents(line.get("Amount", 0)) for line in doc["Line"] if line.get("DetailType") not in kinds)


@ALL
def test_totals_are_the_sums_of_the_lines(number: int) -> None:
    docs = _docs(number)
    sales = ("Invoice", "SalesReceipt", "CreditMemo", "RefundReceipt", "Estimate", "RecurringTransaction")
    for entity in sales:
        for doc in docs[entity]:
            assert doc["Line"][-1]["DetailType"] == "SubTotalLineDetail"
            assert cents(doc["Line"][-1]["Amount"]) == _lines_total(doc)
            assert cents(doc["TotalAmt"]) == _lines_total(doc) + cents(doc["TxnTaxDetail"]["TotalTax"])
    for entity in ("Bill", "Purchase", "VendorCredit", "PurchaseOrder", "Deposit", "BillPayment"):
        for doc in docs[entity]:
            assert cents(doc["TotalAmt"]) == _lines_total(doc)
    for doc in docs["Payment"]:
        assert cents(doc["TotalAmt"]) == _lines_total(doc) + cents(doc["UnappliedAmt"])
    for doc in docs["JournalEntry"]:
        sides: dict[str, int] = defaultdict(int)
        for line in doc["Line"]:
            sides[line["JournalEntryLineDetail"]["PostingType"]] += cents(line["Amount"])
        assert sides["Debit"] == sides["Credit"] == cents(doc["TotalAmt"])


@ALL
def test_balances_are_what_is_left_to_pay(number: int) -> None:
    docs = _docs(number)
    for entity, party, paying in (("Invoice", "Customer", "Payment"), ("Bill", "Vendor", "BillPayment")):
        paid: dict[str, int] = defaultdict(int)
        open_now = [(doc, -cents(doc.get("UnappliedAmt", 0))) for doc in docs[paying]]
        for doc in docs[paying]:
            for line in doc["Line"]:
                paid[line["LinkedTxn"][0]["TxnId"]] += cents(line["Amount"])
        for doc in docs[entity]:
            assert cents(doc["TotalAmt"]) - cents(doc["Balance"]) == paid[doc["Id"]]
            open_now.append((doc, cents(doc["Balance"])))
        open_now += [
            (doc, -cents(doc["Balance"])) for doc in docs["CreditMemo" if party == "Customer" else "VendorCredit"]
        ]
        owed: dict[str, int] = defaultdict(int)
        home = Decimal(0)
        for doc, amount in open_now:
            owed[doc[f"{party}Ref"]["value"]] += amount
            home += amount * Decimal(doc.get("ExchangeRate", 1))
        assert {doc["Id"]: cents(doc["Balance"]) for doc in docs[party]} == {
            doc["Id"]: owed[doc["Id"]] for doc in docs[party]
        }
        sign, detail = (1, "AccountsReceivable") if party == "Customer" else (-1, "AccountsPayable")
        (account,) = [doc for doc in docs["Account"] if doc["AccountSubType"] == detail]
        rounded = len(docs[paying]) / 2 if _company(number).multicurrency else 0
        assert abs(cents(account["CurrentBalance"]) - sign * home) <= rounded


@ALL
def test_accounts_show_what_their_transactions_post(number: int) -> None:
    company = _company(number)
    posted = _ledger(company).daybook().balances()
    assert sum(posted.values()) == 0
    shown = {doc["Id"]: cents(doc["CurrentBalance"]) for doc in _docs(number)["Account"]}
    kinds = {doc["Id"]: doc["Classification"] for doc in _docs(number)["Account"]}
    for account, amount in shown.items():
        assert amount == (posted.get(account, 0) if kinds[account] in {"Asset", "Liability", "Equity"} else 0)
    assert {"Asset", "Liability", "Equity"} <= {kinds[account] for account, amount in shown.items() if amount}
    assert any(amount and not shown[account] for account, amount in posted.items()), "income shows no balance"


@ALL
def test_stock_on_hand_is_what_was_bought_less_what_was_sold(number: int) -> None:
    company = _company(number)
    assert company.ledger
    for doc in _docs(number)["Item"]:
        stock = company.ledger.stocks.get(doc["Id"])
        assert (stock is not None) == (doc["Type"] == "Inventory")
        if stock:
            moved = sum(_moved(other, doc["Id"]) for other in _stocked(number))
            assert Decimal(doc["QtyOnHand"]) == quantity(stock.start.micros) + moved
            assert doc["QtyOnHand"] > -100, "people buy what runs out"


def _ledger(company: Company) -> Ledger:
    assert company.ledger
    return company.ledger


def _stocked(number: int) -> Iterator[tuple[int, Doc]]:
    signs = {"Invoice": -1, "SalesReceipt": -1, "CreditMemo": 1, "RefundReceipt": 1, "Bill": 1, "VendorCredit": -1}
    for entity, sign in {**signs, "Purchase": 1, "InventoryAdjustment": 1}.items():
        for doc in _docs(number)[entity]:
            for line in doc["Line"]:
                yield (-sign if doc.get("Credit") else sign), line


def _moved(signed: tuple[int, Doc], item: str) -> Decimal:
    sign, line = signed
    detail = line.get(line.get("DetailType"), {})
    if detail.get("ItemRef", {}).get("value") != item:
        return Decimal(0)
    return sign * Decimal(detail.get("Qty", detail.get("QtyDiff", 0)))


@ALL
def test_a_customers_balance_with_jobs_is_that_of_all_below(number: int) -> None:
    customers = {doc["Id"]: doc for doc in _docs(number)["Customer"]}
    total: dict[str, int] = defaultdict(int)
    for doc in customers.values():
        above: Doc | None = doc
        while above:
            total[above["Id"]] += cents(doc["Balance"])
            above = customers[above["ParentRef"]["value"]] if "ParentRef" in above else None
    assert {key: cents(doc["BalanceWithJobs"]) for key, doc in customers.items()} == dict(total)


_TARGETS = {
    "SalesTermRef": "Term", "TermRef": "Term", "DefaultTerms": "Term", "DefaultTaxCodeRef": "TaxCode",
    "TxnTaxCodeRef": "TaxCode", "AgencyRef": "TaxAgency",
}  # fmt: skip
_TXN_TYPES = {"BillPaymentCheck": "BillPayment"}


def _target(key: str, value: Doc, entity: str) -> tuple[str, str] | None:
    """What the object under `key` refers to, if it is a reference."""
    if "TxnId" in value:
        return _TXN_TYPES.get(value["TxnType"], value["TxnType"]), value["TxnId"]
    if not (key.endswith("Ref") or key in _TARGETS) or key == "CurrencyRef":
        return None
    fixed = {"EntityRef": value.get("type"), "ParentRef": entity, **_TARGETS}
    kind = fixed.get(key) or ("Account" if key.endswith("AccountRef") else key.removesuffix("Ref"))
    return kind, value["value"]


def _references(key: str, value: Any, entity: str) -> Iterator[tuple[str, str]]:
    """(entity, Id) of everything that is referred to anywhere below."""
    if isinstance(value, list):
        for part in value:
            # AttachableRef is a list of objects that hold the reference, not one itself.
            yield from _references("", part, entity)
    elif isinstance(value, dict):
        found = _target(key, value, entity)
        if found:
            yield found
        for name, part in value.items():
            yield from _references(name, part, entity)


@ALL
def test_every_reference_leads_somewhere(number: int) -> None:
    company = _company(number)
    cited: Counter[str] = Counter()
    for entity, docs in _docs(number).items():
        for doc in docs:
            for target, object_id in _references("", doc, entity):
                assert company.table(target).get(object_id) is not None, f"{entity} cites {target} {object_id}"
                cited[target] += 1
    wanted = {
        "Customer",
        "Vendor",
        "Item",
        "Account",
        "Term",
        "PaymentMethod",
        "TaxCode",
        "Invoice",
        "Payment",
        "Deposit",
    }
    assert wanted <= cited.keys()


@DRAWN
def test_currencies_are_those_of_the_company(number: int) -> None:
    docs = _docs(number)
    home = docs["Preferences"][0]["CurrencyPrefs"]["HomeCurrency"]["value"]
    known = {home} | {doc["Code"] for doc in docs["CompanyCurrency"]}
    used = {doc["CurrencyRef"]["value"] for doc in docs["Invoice"]}
    assert used <= known
    assert (len(used) > 1) == _company(number).multicurrency
    for doc in docs["Invoice"]:
        foreign = doc["CurrencyRef"]["value"] != home
        assert (doc.get("ExchangeRate", 1) != 1) == foreign
