"""The company that Intuit gives developers to try things out in: the names and Ids that public clients' tests count on.

Only these: what a client's own tests or the samples of Intuit's API reference name by Id. All else about the company
is drawn like that of any other. A company too small for all of them has the first of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

NAME = "Sandbox Company_US_1"

WHOLE_ROWS = 600
"""Of the company: all that is named here, and enough forms of each kind for a second page of ten."""

ACCOUNTS: Mapping[str, int] = MappingProxyType(
    {
        "Services": 1, "Retained Earnings": 2, "Prepaid Expenses": 3, "Undeposited Funds": 4, "Fees Billed": 5,
        "Advertising": 7, "Bank Charges": 8, "Commissions & fees": 9, "Dues & Subscriptions": 10, "Insurance": 11,
        "Legal & Professional Fees": 12, "Meals & Entertainment": 13, "Office Expenses": 15, "Rent or Lease": 17,
        "Supplies": 19, "Travel": 21, "Utilities": 24, "Interest Earned": 25, "Penalties & Settlements": 27,
        "Equipment Rental": 29, "Uncategorized Income": 30, "Uncategorized Expense": 31, "Accounts Payable (A/P)": 33,
        "Opening Balance Equity": 34, "Checking": 35, "Savings": 36, "Truck": 37, "Original Cost": 38,
        "Depreciation": 40, "Mastercard": 41, "Visa": 42, "Loan Payable": 43, "Notes Payable": 44, "Automobile": 55,
        "Fuel": 56, "Job Expenses": 58, "Job Materials": 63, "Plants & Soil": 66, "Sales of Product Income": 79,
        "Cost of Goods Sold": 80, "Inventory Asset": 81, "Accounts Receivable (A/R)": 84, "Discounts given": 86,
        "Inventory Shrinkage": 87, "Exchange Gain or Loss": 88, "Sales Tax Payable": 89,
    }
)  # fmt: skip
"""Name of a row of the chart to Id. Fewer than twenty are expenses: a client's test counts them."""

LAST_ACCOUNT = 91
"""The highest Id of an account that the company was made with: new ones come after it."""

CUSTOMERS = (
    "Amy's Bird Sanctuary", "Bill's Windsurf Shop", "Cool Cars", "Diego Rodriguez", "Dukes Basketball Camp",
    "Dylan Sollfrank", "Freeman Sporting Goods", "Freeman Sporting Goods:0969 Ocean View Road",
    "Freeman Sporting Goods:55 Twin Lane", "Geeta Kalapatapu", "Gevelber Photography", "Jeff's Jalopies",
    "John Melton", "Kate Whelan", "Pye's Cakes", "Kookies by Kathy", "Mark Cho", "Paulsen Medical Supplies",
    "Rago Travel Agency", "Red Rock Diner", "Rondonuwu Fruit and Vegi", "Shara Barnett",
    "Shara Barnett:Barnett Design", "Sonnenschein Family Store", "Sushi by Katsuyuki", "Travis Waldron",
    "Video Games by Dan", "Wedding Planning by Whitney", "Weiskopf Consulting",
)  # fmt: skip
"""In the order of their Ids, 1 to 29; a job by its fully qualified name."""

VENDORS = (
    "Books by Bessie", "Brosnahan Insurance Agency", "Cal Telephone", "Chin's Gas and Oil", "Cigna Health Care",
    "Computers by Jenni", "Diego's Road Warrior Bodyshop", "EDD", "Ellis Equipment Rental", "Fidelity",
    "Hall Properties", "Hicks Hardware", "Lee Advertising", "Mahoney Mugs", "Met Life Dental", "National Eye Care",
    "Norton Lumber and Building Materials", "Pam Seitz", "PG&E", "Robertson & Associates", "Tania's Nursery",
    "Tim Philip Masonry", "Tony Rondonuwu", "United States Treasury", "Bob's Burger Joint", "Squeaky Kleen Car Wash",
)  # fmt: skip
"""In the order of their Ids: 30 to 53, then, after the employees, 56 and 57."""

EMPLOYEES = ("John Johnson", "Emily Platt")
"""54 and 55."""

ITEMS: tuple[tuple[str, str], ...] = (
    ("Services", "Service"), ("Hours", "Service"), ("Concrete", "Service"), ("Design", "Service"),
    ("Rock Fountain", "Inventory"), ("Gardening", "Service"), ("Installation", "Service"), ("Lighting", "Service"),
    ("Maintenance & Repair", "Service"), ("Pest Control", "Service"), ("Pump", "Inventory"),
    ("Refunds & Allowances", "Service"), ("Rocks", "NonInventory"), ("Sod", "NonInventory"),
    ("Soil", "NonInventory"), ("Sprinkler Heads", "Inventory"), ("Sprinkler Pipes", "Inventory"),
    ("Trimming", "Service"), ("Waterworks", "Category"), ("Whole garden", "Group"),
)  # fmt: skip
"""Name and type in the order of their Ids; the last two are ours, so that every type is there."""

FORMS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"Estimate": (41, 46, 48, 100), "Invoice": (75, 95, 130), "SalesReceipt": (11, 17, 47)}
)
"""Ids of the first forms of a kind: they are "part of the default sandbox" to a client's tests."""

NAMED: Mapping[str, int] = MappingProxyType(
    {
        "Account": len(ACCOUNTS),
        "Customer": len(CUSTOMERS),
        "Vendor": len(VENDORS),
        "Employee": len(EMPLOYEES),
        "Item": len(ITEMS),
        "Term": 5,
        "PaymentMethod": 6,
    }
)
"""How many of the first rows of a list have a name here or in the words that every company has."""

_BEFORE_EMPLOYEES = 24


def people(counts: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    """(entity, how many) of the people that are entered on the first day, in the order of their Ids."""
    vendors = min(counts["Vendor"], len(VENDORS))
    early = min(vendors, _BEFORE_EMPLOYEES)
    yield "Customer", min(counts["Customer"], len(CUSTOMERS))
    yield "Vendor", early
    yield "Employee", min(counts["Employee"], len(EMPLOYEES))
    yield "Vendor", vendors - early
