"""A public client library, unmodified but for its address, writes every entity that it knows.

Opt-in: `pytest --long` with the extra `clients` installed. What is done here is what the library's users do with
Intuit's sandbox: create, read back, edit, delete, void, retire, all in batches too.
"""

from __future__ import annotations

import importlib.util
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Intuit, simulated

INSTALLED = all(importlib.util.find_spec(name) for name in ("intuitlib", "quickbooks"))
if INSTALLED:
    import intuitlib.client
    import quickbooks
    from quickbooks import objects as qbo
    from quickbooks.batch import batch_create, batch_delete, batch_update
    from quickbooks.cdc import change_data_capture
    from quickbooks.exceptions import QuickbooksException
    from quickbooks.objects.billpayment import BillPaymentLine, CheckPayment
    from quickbooks.objects.companycurrency import CompanyCurrency
    from quickbooks.objects.creditcardpayment_entity import CreditCardPayment
    from quickbooks.objects.deposit import DepositLine, DepositLineDetail
    from quickbooks.objects.detailline import (
        AccountBasedExpenseLine,
        AccountBasedExpenseLineDetail,
        SalesItemLine,
        SalesItemLineDetail,
    )
    from quickbooks.objects.exchangerate import ExchangeRate
    from quickbooks.objects.journalentry import JournalEntryLine, JournalEntryLineDetail
    from quickbooks.objects.payment import PaymentLine
    from quickbooks.objects.recurringtransaction import RecurringInfo, RecurringInvoice, RecurringTransaction
    from quickbooks.objects.taxservice import TaxRateDetails, TaxService
    from quickbooks.objects.trackingclass import Class

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not INSTALLED, reason="the extra `clients` is not installed"),
    pytest.mark.filterwarnings("ignore"),  # its warnings are not ours
]


@pytest.fixture(scope="module")
def intuit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intuit]:
    # The client paces nothing, so that the limits are out of the way: scaled, they are open again at once.
    with simulated(tmp_path_factory.mktemp("intuit"), realms=1, rows="400:600", limits_scale=1000) as intuit:
        yield intuit


@pytest.fixture
def qb(intuit: Intuit, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # plain http, as is right on this machine alone
    monkeypatch.setattr(quickbooks.QuickBooks, "api_url_v3", f"{intuit.url}/v3")
    row = json.loads(Path(intuit.realms_file).read_text().splitlines()[0])
    auth = intuitlib.client.AuthClient(
        client_id=row["client_id"],
        client_secret=row["client_secret"],
        redirect_uri="http://localhost:8000/callback",
        environment=f"{intuit.url}/.well-known/openid_sandbox_configuration/",
    )
    return quickbooks.QuickBooks(
        auth_client=auth, refresh_token=row["refresh_token"], company_id=row["realm_id"], minorversion=75
    )


def made(kind: Any, **values: Any) -> Any:
    found = kind()
    for name, value in values.items():
        setattr(found, name, value)
    return found


def name_of(stem: str) -> str:
    return f"{stem} {uuid.uuid4().hex[:8]}"


def first(kind: Any, qb: Any, where: str = "") -> Any:
    return (kind.where(where, max_results=1, qb=qb) if where else kind.all(max_results=1, qb=qb))[0]


def account(qb: Any, kind: str) -> Any:
    return first(qbo.Account, qb, f"AccountType = '{kind}'").to_ref()


def sales_line(qb: Any) -> Any:
    detail = made(SalesItemLineDetail, ItemRef=first(qbo.Item, qb).to_ref())
    return made(SalesItemLine, Description="a line", Amount=100, SalesItemLineDetail=detail)


def expense_line(qb: Any) -> Any:
    detail = made(AccountBasedExpenseLineDetail, AccountRef=account(qb, "Expense"))
    return made(AccountBasedExpenseLine, Amount=100, AccountBasedExpenseLineDetail=detail)


def sale(kind: Any, qb: Any, **more: Any) -> Any:
    return made(kind, CustomerRef=first(qbo.Customer, qb).to_ref(), Line=[sales_line(qb)], **more)


def purchase(kind: Any, qb: Any) -> Any:
    return made(kind, VendorRef=first(qbo.Vendor, qb).to_ref(), Line=[expense_line(qb)])


def bill_payment(qb: Any) -> Any:
    bill = purchase(qbo.Bill, qb)
    bill.save(qb=qb)
    line = made(BillPaymentLine, Amount=100, LinkedTxn=[bill.to_linked_txn()])
    paid = made(CheckPayment, BankAccountRef=account(qb, "Bank"))
    vendor = first(qbo.Vendor, qb).to_ref()
    return made(qbo.BillPayment, PayType="Check", TotalAmt=100, VendorRef=vendor, CheckPayment=paid, Line=[line])


def deposit(qb: Any) -> Any:
    detail = made(DepositLineDetail, AccountRef=account(qb, "Income"))
    line = made(DepositLine, Amount=20, DetailType="DepositLineDetail", DepositLineDetail=detail)
    return made(qbo.Deposit, DepositToAccountRef=account(qb, "Bank"), Line=[line])


def journal_entry(qb: Any) -> Any:
    lines = []
    for side, kind in (("Debit", "Expense"), ("Credit", "Bank")):
        detail = made(JournalEntryLineDetail, PostingType=side, AccountRef=account(qb, kind))
        lines.append(made(JournalEntryLine, Amount=21025.54, JournalEntryLineDetail=detail))
    return made(qbo.JournalEntry, Line=lines)


def service(qb: Any) -> Any:
    return made(qbo.Item, Name=name_of("Item"), Type="Service", IncomeAccountRef=account(qb, "Income"))


def transfer(qb: Any) -> Any:
    banks = qbo.Account.where("AccountType = 'Bank'", max_results=2, qb=qb)
    return made(qbo.Transfer, Amount=10, FromAccountRef=banks[0].to_ref(), ToAccountRef=banks[1].to_ref())


def card_payment(qb: Any) -> Any:
    card = account(qb, "Credit Card")
    return made(CreditCardPayment, Amount=30, BankAccountRef=account(qb, "Bank"), CreditCardAccountRef=card)


def expense(qb: Any) -> Any:
    return made(qbo.Purchase, PaymentType="Check", AccountRef=account(qb, "Bank"), Line=[expense_line(qb)])


def hours(qb: Any) -> Any:
    return made(qbo.TimeActivity, NameOf="Employee", EmployeeRef=first(qbo.Employee, qb).to_ref(), Hours=2)


Maker = Callable[[Any], Any]
LISTS: dict[str, tuple[Maker, str]] = {
    "Account": (lambda _: made(qbo.Account, Name=name_of("Till"), AccountSubType="CashOnHand"), "Name"),
    "Class": (lambda _: made(Class, Name=name_of("Class")), "Name"),
    "CompanyCurrency": (lambda _: made(CompanyCurrency, Code="NZD", Name=name_of("Kiwi")), "Name"),
    "Customer": (lambda _: made(qbo.Customer, DisplayName=name_of("Customer")), "DisplayName"),
    "Department": (lambda _: made(qbo.Department, Name=name_of("Location")), "Name"),
    "Employee": (lambda _: made(qbo.Employee, GivenName="Jo", FamilyName=name_of("Doe")), "DisplayName"),
    "Item": (service, "Name"),
    "PaymentMethod": (lambda _: made(qbo.PaymentMethod, Name=name_of("Barter")), "Name"),
    "Term": (lambda _: made(qbo.Term, Name=name_of("Net"), DueDays=10), "Name"),
    "Vendor": (lambda _: made(qbo.Vendor, DisplayName=name_of("Vendor")), "DisplayName"),
}
TRANSACTIONS: dict[str, Maker] = {
    "Attachable": lambda _: made(qbo.Attachable, Note="a note"),
    "Bill": lambda qb: purchase(qbo.Bill, qb),
    "BillPayment": bill_payment,
    "CreditCardPayment": card_payment,
    "CreditMemo": lambda qb: sale(qbo.CreditMemo, qb),
    "Deposit": deposit,
    "Estimate": lambda qb: sale(qbo.Estimate, qb),
    "Invoice": lambda qb: sale(qbo.Invoice, qb),
    "JournalEntry": journal_entry,
    "Payment": lambda qb: made(qbo.Payment, CustomerRef=first(qbo.Customer, qb).to_ref(), TotalAmt=140),
    "Purchase": expense,
    "PurchaseOrder": lambda qb: purchase(qbo.PurchaseOrder, qb),
    "RefundReceipt": lambda qb: sale(qbo.RefundReceipt, qb, DepositToAccountRef=account(qb, "Bank")),
    "SalesReceipt": lambda qb: sale(qbo.SalesReceipt, qb),
    "TimeActivity": hours,
    "Transfer": transfer,
    "VendorCredit": lambda qb: purchase(qbo.VendorCredit, qb),
}


@pytest.mark.parametrize("entity", LISTS)
def test_a_list_object_is_created_read_renamed_and_retired(qb: Any, entity: str) -> None:
    make, key = LISTS[entity]
    new = make(qb)
    new.save(qb=qb)
    read = type(new).get(new.Id, qb=qb)
    renamed = name_of("Renamed")
    setattr(read, key, renamed)
    read.save(qb=qb)
    again = type(new).get(new.Id, qb=qb)
    assert (getattr(again, key), again.SyncToken) == (renamed, "1")
    again.Active = False
    again.save(qb=qb)
    assert getattr(type(new).get(new.Id, qb=qb), key) == f"{renamed} (deleted)"


@pytest.mark.parametrize("entity", TRANSACTIONS)
def test_a_transaction_is_created_read_edited_and_deleted(qb: Any, entity: str) -> None:
    new = TRANSACTIONS[entity](qb)
    new.save(qb=qb)
    kind = type(new)
    read = kind.get(new.Id, qb=qb)
    key = {"Attachable": "Note", "TimeActivity": "Description"}.get(entity, "PrivateNote")
    setattr(read, key, "edited")
    read.save(qb=qb)
    again = kind.get(new.Id, qb=qb)
    assert (getattr(again, key), again.SyncToken) == ("edited", "1")
    assert getattr(again, "TotalAmt", 0) == getattr(read, "TotalAmt", 0)
    if hasattr(again, "delete"):
        again.delete(qb=qb)
        assert kind.filter(Id=new.Id, qb=qb) == []


@pytest.mark.parametrize("entity", ["BillPayment", "Invoice", "Payment", "SalesReceipt"])
def test_a_transaction_is_voided(qb: Any, entity: str) -> None:
    new = TRANSACTIONS[entity](qb)
    new.save(qb=qb)
    new.void(qb=qb)
    void = type(new).get(new.Id, qb=qb)
    assert void.TotalAmt == 0
    assert "Voided" in void.PrivateNote


def test_a_payment_settles_an_invoice_and_the_same_request_is_made_once(qb: Any) -> None:
    invoice = sale(qbo.Invoice, qb)
    request_id = str(uuid.uuid4())
    invoice.save(qb=qb, request_id=request_id)
    twin = sale(qbo.Invoice, qb)
    twin.save(qb=qb, request_id=request_id)
    assert twin.Id == invoice.Id
    line = made(PaymentLine, Amount=60, LinkedTxn=[invoice.to_linked_txn()])
    payment = made(qbo.Payment, CustomerRef=first(qbo.Customer, qb).to_ref(), TotalAmt=60, Line=[line])
    payment.save(qb=qb)
    assert qbo.Invoice.get(invoice.Id, qb=qb).Balance == 40


def test_a_template_a_tax_code_and_an_exchange_rate(qb: Any) -> None:
    template = sale(RecurringInvoice, qb, RecurringInfo=made(RecurringInfo, Name=name_of("Rent"), Active=True))
    saved = made(RecurringTransaction, Invoice=template).save(qb=qb)
    read = RecurringTransaction.get(saved.Invoice.Id, qb=qb)
    read.Invoice.Line[0].Amount = 250
    read.save(qb=qb)
    assert RecurringTransaction.get(saved.Invoice.Id, qb=qb).Invoice.Line[0].Amount == 250
    rate = made(TaxRateDetails, TaxRateName=name_of("Rate"), RateValue=10, TaxAgencyId=1, TaxApplicableOn="Sales")
    code = made(TaxService, TaxCode=name_of("Code"), TaxRateDetails=[rate]).save(qb=qb)
    assert code.TaxRateDetails[0].TaxAgencyId == "1"
    for known in ExchangeRate.where(
        "SourceCurrencyCode = 'EUR'", max_results=1, qb=qb
    ):  # none where the company has one currency
        known.Rate = 2.5
        known.save(qb=qb)
        assert ExchangeRate.where(f"SourceCurrencyCode = '{known.SourceCurrencyCode}'", qb=qb)[0].Rate == 2.5


def test_batches_and_what_changed(qb: Any) -> None:
    names = [name_of("Batch") for _ in range(3)]
    created = batch_create([made(qbo.Customer, DisplayName=name) for name in names], qb=qb)
    assert [len(created.successes), len(created.faults)] == [3, 0]
    for customer in created.successes:
        customer.GivenName = "Jo"
    assert len(batch_update(created.successes, qb=qb).successes) == 3
    refused = batch_create([made(qbo.Customer, DisplayName=names[0])], qb=qb)
    assert refused.faults[0].Error[0].code == "6240"
    invoices = [sale(qbo.Invoice, qb) for _ in range(2)]
    for invoice in invoices:
        invoice.save(qb=qb)
    assert len(batch_delete(invoices, qb=qb).successes) == 2
    changed = change_data_capture(
        [qbo.Customer], qbo.Customer.get(created.successes[0].Id, qb=qb).MetaData["CreateTime"], qb=qb
    )
    assert set(names) <= {customer.DisplayName for customer in changed.Customer}


def test_a_fault_has_its_code(qb: Any) -> None:
    vendor = made(qbo.Vendor, DisplayName=name_of("Twice"))
    vendor.save(qb=qb)
    with pytest.raises(QuickbooksException) as refused:
        made(qbo.Customer, DisplayName=vendor.DisplayName).save(qb=qb)
    assert refused.value.error_code == 6240
