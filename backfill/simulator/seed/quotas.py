"""How many rows of each entity a company has: the proportions of a real small business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from backfill.simulator.seed import sample
from backfill.simulator.seed.chart import CHART, ESSENTIAL
from backfill.simulator.seed.profile import Profile


class Share(NamedTuple):
    """So many rows in a thousand, but never fewer than `least` nor more than `most`."""

    per_mille: float
    least: int
    most: int


_NO_MOST = 10**9

LISTS: Mapping[str, Share] = {
    "CompanyInfo": Share(0, 1, 1),
    "Preferences": Share(0, 1, 1),
    "Account": Share(30, ESSENTIAL, len(CHART)),
    "Term": Share(2, 3, 6),
    "PaymentMethod": Share(2, 3, 7),
    "TaxAgency": Share(0.5, 1, 4),
    "TaxRate": Share(1, 2, 9),
    "TaxCode": Share(1, 4, 12),
    "TaxClassification": Share(2, 3, 12),
    "JournalCode": Share(2, 2, 6),
    "CompanyCurrency": Share(0, 3, 3),
    "ExchangeRate": Share(3, 3, 156),  # three currencies, weekly, for the last year: no more are kept
    "CustomerType": Share(2, 1, 5),
    "Class": Share(2, 1, 40),
    "Department": Share(1, 1, 15),
    "Employee": Share(3, 1, 60),
    "Item": Share(15, 5, 800),
    "Vendor": Share(20, 4, 2_000),
    "Customer": Share(45, 6, _NO_MOST),
    "Budget": Share(0.3, 1, 12),
    "Attachable": Share(12, 1, _NO_MOST),
}

# Of the transactions; invoices and payments are about half of all rows of a company.
TRANSACTIONS: Mapping[str, float] = {
    "Invoice": 31,
    "Payment": 25,
    "Purchase": 13,
    "Bill": 8,
    "BillPayment": 5.5,
    "SalesReceipt": 4,
    "JournalEntry": 3,
    "Deposit": 2.5,
    "TimeActivity": 2.5,
    "Estimate": 2,
    "PurchaseOrder": 1,
    "CreditMemo": 0.8,
    "Transfer": 0.8,
    "VendorCredit": 0.5,
    "CreditCardPayment": 0.5,
    "ReimburseCharge": 0.4,
    "RefundReceipt": 0.3,
    "InventoryAdjustment": 0.3,
    "RecurringTransaction": 0.3,
    "TaxPayment": 0.2,
}


_SAMPLE_TRANSACTIONS: Mapping[str, float] = {**TRANSACTIONS, "Estimate": 5, "CreditMemo": 5}
"""Of the sample company: clients' tests ask for a second page of ten of these too."""


def quotas(profile: Profile) -> dict[str, int]:
    """Entity to number of rows; they add up to `profile.rows` exactly, and none is 0."""
    named = sample.NAMED if profile.is_sample and profile.rows >= sample.WHOLE_ROWS else {}
    counts = {
        entity: min(max(int(profile.rows * share.per_mille / 1000), share.least, named.get(entity, 0)), share.most)
        for entity, share in LISTS.items()
        if profile.uses(entity)
    }
    if profile.is_sample:
        counts["Account"] = min(counts["Account"], len(sample.ACCOUNTS))
    return counts | spread(profile, profile.rows - sum(counts.values()))


def spread(profile: Profile, rows: int) -> dict[str, int]:
    """So many transactions by entity, one at least of each that the company uses."""
    weights = _SAMPLE_TRANSACTIONS if profile.is_sample else TRANSACTIONS
    kinds = {entity: weight for entity, weight in weights.items() if profile.uses(entity)}
    left = rows - len(kinds)
    assert left >= 0, "too few rows for one of each"
    total = sum(kinds.values())
    counts = {entity: 1 + int(left * weight / total) for entity, weight in kinds.items()}
    counts["Invoice"] += rows - sum(counts.values())
    return counts


class Import(NamedTuple):
    """A group of rows that came in together, from other software, when the company began: all with one CreateTime."""

    entity: str
    rows: int
    """Of the core's."""
