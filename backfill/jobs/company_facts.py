"""What must be known of a company before its reports are asked for: fiscal year, country, first transaction, accounts.

One batch call tells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

import msgspec

from backfill.errors import RequestError
from backfill.jobs.work import OF_THE_REALM, RealmWork
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.reports import Basis

S = TypeVar("S", bound=msgspec.Struct)

DATED = (
    "Bill", "BillPayment", "CreditCardPayment", "CreditMemo", "Deposit", "Estimate", "InventoryAdjustment", "Invoice",
    "JournalEntry", "Payment", "PurchaseOrder", "Purchase", "RefundReceipt", "SalesReceipt", "TimeActivity", "Transfer",
    "VendorCredit",
)  # fmt: skip
"""Entities with a TxnDate to sort by: what the reports of a period are made of."""

_ACCOUNTS_IN_BATCH = 900
"""A batch's answers hold 1000 objects together; the rest is for one of each entity."""

_UNREADABLE_MAX = 3
"""Accounts that fail every page they are on. Of more it is not the rows' fault; each costs some twenty calls."""

_MONTHS = (
    "", "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
"""Not the calendar module's names: those are in the language of this machine."""

_DEBIT_CLASSES = {"Asset", "Expense"}

_UNAPPLIED = {"UnappliedCashPaymentIncome": "Income", "UnappliedCashBillPaymentExpense": "Expense"}
"""Subtype to type of the accounts that a payment counts under on the cash basis until it settles something: QuickBooks
posts to them by itself. Companies have been seen to list both; that all do is not documented."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as far as reports are concerned."""

    id: str
    classification: str
    """Asset, Liability, Equity, Revenue or Expense; empty where it is not said."""
    type: str
    """As `AccountType` says it."""
    subtype: str
    """As `AccountSubType` says it."""
    parent_id: str
    """The account that it is below; empty: none."""

    @property
    def retained(self) -> bool:
        """Retained earnings: QuickBooks moves each year's income there without a transaction."""
        return self.subtype == "RetainedEarnings"

    @property
    def is_debit(self) -> bool:
        """A debit makes it more."""
        return self.classification in _DEBIT_CLASSES

    @property
    def is_of_result(self) -> bool:
        """Income or expense: it may begin each fiscal year with nothing."""
        return self.classification in {"Revenue", "Expense"}


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """One company, as of `server_time`."""

    server_time: datetime
    country: str
    """Two or three letters, or empty."""
    fiscal_month: int
    """1 to 12: the month that the fiscal year begins with."""
    first_date: date
    """Nothing in the books is dated before."""
    accounts: Mapping[str, Account]
    accounts_whole: bool = True
    """No account is left out for not being readable."""
    multicurrency: bool = False
    """Transactions may be in other currencies than the company's own."""

    def types_not_whole(self, basis: Basis | None) -> tuple[str, ...]:
        """The types of which a report on the basis may show an account that is none of `accounts`."""
        if basis is Basis.ACCRUAL:
            return ()
        subtypes = {account.subtype for account in self.accounts.values()}
        return tuple(type_ for subtype, type_ in _UNAPPLIED.items() if subtype not in subtypes)


def families(accounts: Mapping[str, Account], ids: Iterable[str]) -> Sequence[tuple[str, ...]]:
    """`ids` by the outermost account that each is below, in order."""
    found: dict[str, list[str]] = {}
    for id_ in sorted(ids):
        outermost, above = id_, {id_}
        while (parent := accounts[outermost].parent_id) in accounts and parent not in above:
            outermost = parent
            above.add(parent)
        found.setdefault(outermost, []).append(id_)
    return [tuple(family) for family in found.values()]


class _CompanyInfo(msgspec.Struct):
    """What is null is not said, here and below: it costs nothing else that the object says."""

    Country: str | None = ""
    FiscalYearStartMonth: str | None = ""
    CompanyStartDate: str | None = ""


class _AccountingPrefs(msgspec.Struct):
    FirstMonthOfFiscalYear: str | None = ""


class _CurrencyPrefs(msgspec.Struct):
    MultiCurrencyEnabled: bool | None = False


class _Preferences(msgspec.Struct):
    AccountingInfoPrefs: _AccountingPrefs | None = None
    CurrencyPrefs: _CurrencyPrefs | None = None


class _Dated(msgspec.Struct):
    TxnDate: str | None = ""


class _Ref(msgspec.Struct):
    value: str | None = ""


class _Account(msgspec.Struct):
    Id: str
    ParentRef: _Ref | None = None
    Classification: str | None = ""
    AccountType: str | None = ""
    AccountSubType: str | None = ""


async def company_facts(work: RealmWork) -> CompanyFacts:
    """Ask for the facts. Raises `RequestError` for what concerns the whole realm, or if all accounts are refused."""
    company, preferences = CATALOGUE["CompanyInfo"], CATALOGUE["Preferences"]
    statements = [
        query.page(company, order_by=None, max_results=2),
        query.page(preferences, order_by=None, max_results=2),
        query.page(CATALOGUE["Account"], max_results=_ACCOUNTS_IN_BATCH),
        *(query.page(CATALOGUE[name], order_by="TxnDate", max_results=1) for name in DATED),
    ]
    async with work.room_for(CATALOGUE["Account"], query.PAGE_ROWS_MAX):
        answers = await work.ask.many(statements)
        parked = [item for item in answers.items if isinstance(item, RequestError) and item.disposition in OF_THE_REALM]
        if parked:
            raise parked[0]
        info = next(_objects(answers.items[0], _CompanyInfo), _CompanyInfo())
        prefs = next(_objects(answers.items[1], _Preferences), _Preferences())
        accounting, currency = prefs.AccountingInfoPrefs or _AccountingPrefs(), prefs.CurrencyPrefs or _CurrencyPrefs()
        today = answers.last_time.date()
        dates = [_date(dated.TxnDate) for item in answers.items[3:] for dated in _objects(item, _Dated)]
        if any(isinstance(item, RequestError) for item in answers.items[3:]):
            dates.append(_date(info.CompanyStartDate))  # of who would not say its first one
        accounts, unreadable = await _accounts(work, answers.items[2])
        return CompanyFacts(
            server_time=answers.first_time,
            country=info.Country or "",
            fiscal_month=_month(accounting.FirstMonthOfFiscalYear) or _month(info.FiscalYearStartMonth) or 1,
            first_date=min((day for day in dates if day is not None), default=today),
            accounts=accounts,
            accounts_whole=not unreadable,
            multicurrency=bool(currency.MultiCurrencyEnabled),
        )


async def accounts_now(work: RealmWork) -> tuple[Mapping[str, Account], bool]:
    """The accounts as they are by now, and whether none is left out for not being readable. Raises as above."""
    entity = CATALOGUE["Account"]
    async with work.room_for(entity, query.PAGE_ROWS_MAX):
        (first,) = (await work.ask.many([query.page(entity, max_results=_ACCOUNTS_IN_BATCH)])).items
        if isinstance(first, RequestError) and first.disposition in OF_THE_REALM:
            raise first
        accounts, unreadable = await _accounts(work, first)
    return accounts, not unreadable


async def _accounts(work: RealmWork, first: Page | RequestError) -> tuple[Mapping[str, Account], int]:
    """All accounts, and how many cannot be read: a page that fails is asked for in ever smaller ones around these.

    Few companies have more than a page of accounts. Raises `RequestError` where more than a few cannot be read.
    """
    entity = CATALOGUE["Account"]
    found: dict[str, Account] = {}
    page, start, size, unreadable, unlike = first, 1, _ACCOUNTS_IN_BATCH, 0, 0
    while True:
        if isinstance(page, Page):
            accounts = [_account(one) for one in _objects(page, _Account)]
            found |= {account.id: account for account in accounts}
            unlike += page.received - len(accounts)  # they came, and not as an account is
            if page.received < size:
                return found, unreadable + unlike
            start, size = start + page.received, query.PAGE_ROWS_MAX
        elif size > 1:
            size //= 2
        elif unreadable < _UNREADABLE_MAX:
            start, size, unreadable = start + 1, query.PAGE_ROWS_MAX, unreadable + 1
        else:
            raise page
        page = await _page(work, query.page(entity, start_position=start, max_results=size))


async def _page(work: RealmWork, statement: str) -> Page | RequestError:
    """The page, or why it cannot be read. Raises `RequestError` for what concerns the whole realm."""
    try:
        return await work.ask.page(CATALOGUE["Account"], statement)
    except RequestError as error:
        if error.disposition in OF_THE_REALM:
            raise
        return error


def _account(shape: _Account) -> Account:
    parent = (shape.ParentRef or _Ref()).value
    said = (shape.Classification, shape.AccountType, shape.AccountSubType, parent)
    return Account(shape.Id, *(word or "" for word in said))


def _objects(item: Page | RequestError, shape: type[S]) -> Iterator[S]:
    if isinstance(item, Page):
        for record in item.records:
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):  # of what cannot be read nothing is known
                yield msgspec.json.decode(record.doc, type=shape)


def _month(name: str | None) -> int:
    """The number of an English month's name, as the API gives it in every country; 0 for none."""
    lower = (name or "").lower()
    return _MONTHS.index(lower) if lower in _MONTHS else 0


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
