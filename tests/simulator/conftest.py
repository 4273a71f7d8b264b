"""Fixtures of the simulator's tests: a clock that stands still, a small company, a simulator over it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from backfill.simulator.company import Company
from backfill.simulator.core import Simulator
from backfill.simulator.settings import SimulatorSettings

REALM = "9130357000000001"


class HandClock:
    """A wall clock that moves only when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def forward(self, **duration: float) -> None:
        self.at += timedelta(**duration)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def small_company(clock: HandClock) -> Company:
    """Five customers (one inactive), six invoices of which two tie, and one or two of some others.

    Rows are a day apart, the newest on 20 November 2026, except that invoices 5 and 6 share one second.
    """
    end = clock.at
    company = Company(
        realm_id=REALM, name="Small", country="US", home_currency="USD", multicurrency=True, now=clock.now
    )
    customers = [
        {"DisplayName": "Zoë's Cafe", "Active": True, "Balance": 0, "BillAddr": {"Id": "9", "City": "Bayshore"}},
        {"DisplayName": "PG&E", "Active": True, "Balance": Decimal("639.00")},
        {"DisplayName": "Pam Seitz", "Active": True, "Balance": Decimal("22.5"), "BillAddr": {"City": "El Paso"}},
        {"DisplayName": "Old One (deleted)", "Active": False, "Balance": 0},
        {"DisplayName": "back\\slash 'quoted' 😀", "Active": True, "Balance": Decimal("-1.10"), "Job": True},
    ]
    for days, doc in zip(range(60, 20, -8), customers, strict=True):
        clock.at = end - timedelta(days=days)
        company.create("Customer", doc | {"FullyQualifiedName": doc["DisplayName"]})
    for number in range(1, 7):
        clock.at = end - timedelta(days=20 - min(number, 5))
        company.create(
            "Invoice",
            {
                "DocNumber": f"10{number}",
                "TxnDate": f"2026-10-{number:02}",
                "CustomerRef": {"value": str(number % 3 + 1), "name": "somebody"},
                "TotalAmt": Decimal(number * 100) + Decimal("0.50"),
                "Line": [{"Id": "1", "Amount": 1}],
            },
        )
    company.create("Bill", {"TxnDate": "2026-10-01", "TotalAmt": 5})
    company.create("CreditCardPayment", {"TxnDate": "2026-10-01", "Amount": 5})
    company.create("TaxCode", {"Name": "TAX", "Active": True})
    company.create("TaxAgency", {"DisplayName": "State"})
    company.create("TaxAgency", {"DisplayName": "Board"})
    company.create("TaxClassification", {"Name": "Goods", "Level": "1"})
    company.create("RecurringTransaction", {"Invoice": {"TotalAmt": 7, "RecurringInfo": {"Name": "Monthly"}}})
    company.create("Preferences", {"CurrencyPrefs": {"MultiCurrencyEnabled": True}})
    company.create("CompanyInfo", {"CompanyName": "Small"})
    for day, rate in (("2026-10-01", "1.1"), ("2026-10-02", "1.2")):
        company.create("ExchangeRate", {"SourceCurrencyCode": "EUR", "AsOfDate": day, "Rate": Decimal(rate)})
    attached = {"EntityRef": {"type": "Purchase", "value": "611"}}
    company.create("Attachable", {"FileName": "a.pdf", "AttachableRef": [{"NoRefOnly": True}, attached]})
    clock.at = end
    return company


SimulatorMaker = Callable[..., Simulator]


@pytest.fixture
def simulator_of(small_company: Company, clock: HandClock) -> SimulatorMaker:
    """A maker of simulators over the small company: `simulator_of(latency_s=1)`, the arguments being settings."""
    other = Company(realm_id="42", name="Other", country="US", home_currency="USD", multicurrency=False, now=clock.now)
    companies = {REALM: small_company, "42": other}
    fleet = SimpleNamespace(
        realm_ids=tuple(companies),
        company=companies.__getitem__,
        size_of=lambda realm_id: len(companies[realm_id].table("Invoice")),
    )

    def make(**settings: object) -> Simulator:
        return Simulator(SimulatorSettings(**settings), fleet, now=clock.now, seed=7)

    return make
