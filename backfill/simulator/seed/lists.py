"""Documents of the name lists: customers, vendors, employees, items, classes and the small ones."""

from __future__ import annotations

from random import Random

from backfill.simulator.documents import MASKED_SSN, Doc, money
from backfill.simulator.seed import sample
from backfill.simulator.seed.books import Books, Party
from backfill.simulator.seed.draw import between, chance, pick
from backfill.simulator.seed.profile import Currency
from backfill.simulator.seed.words import (
    AWKWARD,
    CITIES,
    FAMILY,
    GIVEN,
    NOTES,
    PRODUCTS,
    PROJECTS,
    STATES,
    STREETS,
    SUFFIXES,
    TRADES,
)

# In the order of the Ids that they have in a new company.
TERMS = (("Due on receipt", 0), ("Net 15", 15), ("Net 30", 30), ("Net 60", 60), ("Net 10", 10), ("Net 90", 90))
METHODS = ("Cash", "Check", "Visa", "MasterCard", "Discover", "American Express", "Chèque-déjeuner")


def address(rng: Random, number: int) -> Doc:
    """A postal address; its own Id is not an entity's."""
    abroad = {"Country": pick(rng, ("USA", "FRA", "GBR"))} if chance(rng, 0.1) else {}
    upstairs = {"Line2": "2nd floor", "Line3": "c/o Señora Peña", "Line4": "Ring twice"} if chance(rng, 0.05) else {}
    return {
        "Id": str(number),
        **abroad,
        **upstairs,
        "Line1": f"{between(rng, 1, 9999)} {pick(rng, STREETS)}",
        "City": pick(rng, CITIES),
        "CountrySubDivisionCode": pick(rng, STATES),
        "PostalCode": f"{between(rng, 10000, 99999)}",
    }


def _telephone(rng: Random) -> Doc:
    return {"FreeFormNumber": f"({between(rng, 200, 989)}) 555-{between(rng, 1000, 9999)}"}


def _business(books: Books, rng: Random) -> str:
    number = int(books.number("Business")) - 1001  # counted though it is no entity: awkward names come first
    if number < len(AWKWARD):
        return AWKWARD[number]
    return f"{pick(rng, FAMILY)} {pick(rng, TRADES)} {pick(rng, SUFFIXES)}".strip()


def _contact(books: Books, rng: Random, name: str, person: tuple[str, str] | None, *, known: bool = False) -> Doc:
    """What customers and vendors have in common. Only attributes with values are sent; the `known` have most."""
    given, family = person or (pick(rng, GIVEN), pick(rng, FAMILY))
    doc: Doc = {"DisplayName": name, "PrintOnCheckName": name, "Active": True}
    if person or known or chance(rng, 0.6):
        doc |= {"GivenName": given, "FamilyName": family}
    if chance(rng, 0.1):
        doc |= {"Title": "Dr.", "MiddleName": given[0], "Suffix": "Jr."}
    if not person:
        doc["CompanyName"] = name
    if known or chance(rng, 0.7):
        doc["BillAddr"] = address(rng, 2 + len(books.taken))
    if known or chance(rng, 0.7):
        doc["PrimaryPhone"] = _telephone(rng)
    if known or chance(rng, 0.7):
        doc["PrimaryEmailAddr"] = {"Address": f"books{len(books.taken)}@example.com"}
    for attribute in ("Mobile", "Fax"):
        if chance(rng, 0.1):
            doc[attribute] = _telephone(rng)
    if chance(rng, 0.15):
        doc["WebAddr"] = {"URI": f"http://www.example.com/{len(books.taken)}"}
    return doc


_ALWAYS_JOBS = (2, 3)
"""The customers of these numbers, from 0, are jobs of the one before: every company has several levels."""


def customer(books: Books, rng: Random, _day: str) -> Doc:
    """A Customer; about a fifth are jobs of another one, up to the five levels QuickBooks allows."""
    known = books.known("Customer", sample.CUSTOMERS)
    if known:
        return _known_customer(books, rng, known)
    person = (pick(rng, GIVEN), pick(rng, FAMILY)) if chance(rng, 0.5) else None
    name = books.unique(" ".join(person) if person else _business(books, rng))
    doc = _contact(books, rng, name, person)
    parent = pick(rng, books.customers) if books.customers and chance(rng, 0.25) else None
    if len(books.customers) in _ALWAYS_JOBS:
        parent = books.customers[-1]
    currency = books.profile.home
    if parent and parent.level < 4:
        name = books.unique(f"{parent.reference['name']} {pick(rng, PROJECTS)}")
        currency = parent.currency
        doc |= {"DisplayName": name, "PrintOnCheckName": name, "ParentRef": parent.reference, "Level": parent.level + 1}
    elif books.profile.foreign and chance(rng, 0.3):
        currency = pick(rng, books.profile.foreign)
        parent = None
    else:
        parent = None
    if "BillAddr" in doc and chance(rng, 0.8):
        doc["ShipAddr"] = doc["BillAddr"]
    return _as_customer(books, rng, doc, parent, currency)


def _known_customer(books: Books, rng: Random, qualified: str) -> Doc:
    """One of the sample company's, by its fully qualified name."""
    above, _, name = qualified.rpartition(":")
    parent = next((party for party in books.customers if party.name == above), None)
    doc = _contact(books, rng, books.unique(name), None, known=True)
    doc["ShipAddr"] = doc["BillAddr"]
    if parent:
        doc |= {"ParentRef": parent.reference, "Level": parent.level + 1}
    return _as_customer(books, rng, doc, parent, books.profile.home)


def _as_customer(books: Books, rng: Random, doc: Doc, parent: Party | None, currency: Currency) -> Doc:
    """The contact with what only customers have."""
    name = doc["DisplayName"]
    kind = books.name(rng, "CustomerType")
    if kind:
        doc["CustomerTypeRef"] = {"value": kind["value"]}
    if chance(rng, 0.2):
        doc["Notes"] = pick(rng, NOTES)
    if chance(rng, 0.05) and books.names["TaxCode"]:
        doc["DefaultTaxCodeRef"] = books.name(rng, "TaxCode")
    return doc | {
        "FullyQualifiedName": f"{parent.name}:{name}" if parent else name,
        "Job": parent is not None,
        "BillWithParent": parent is not None and chance(rng, 0.5),
        "Taxable": chance(rng, 0.8),
        "Balance": 0,
        "BalanceWithJobs": 0,
        "CurrencyRef": currency.reference,
        "PreferredDeliveryMethod": "Print",
    }


def vendor(books: Books, rng: Random, _day: str) -> Doc:
    known = books.known("Vendor", sample.VENDORS)
    person = (pick(rng, GIVEN), pick(rng, FAMILY)) if not known and chance(rng, 0.25) else None
    name = books.unique(known or (" ".join(person) if person else _business(books, rng)))
    foreign = bool(books.profile.foreign) and not known and chance(rng, 0.2)
    currency = pick(rng, books.profile.foreign) if foreign else books.profile.home
    doc = _contact(books, rng, name, person, known=bool(known))
    if chance(rng, 0.1):
        doc["TaxIdentifier"] = f"XXXXXX{between(rng, 1000, 9999)}"
    if chance(rng, 0.5):
        doc["AcctNum"] = str(between(rng, 1000, 9_999_999))
    if chance(rng, 0.2):
        doc["TermRef"] = books.name(rng, "Term")
    return doc | {"Balance": 0, "Vendor1099": chance(rng, 0.2), "CurrencyRef": currency.reference}


def employee(books: Books, rng: Random, day: str) -> Doc:
    known = books.known("Employee", sample.EMPLOYEES)
    given, family = known.split() if known else (pick(rng, GIVEN), pick(rng, FAMILY))
    name = books.unique(f"{given} {family}")
    return {
        "GivenName": given,
        "FamilyName": family,
        "DisplayName": name,
        "PrintOnCheckName": name,
        "Active": True,
        "SSN": MASKED_SSN,
        "PrimaryAddr": address(rng, 2 + len(books.taken)),
        "PrimaryPhone": _telephone(rng),
        "BillableTime": chance(rng, 0.5),
        "HiredDate": day,
    }


# The first rows of a company's items have one of each type, in an order in which they can refer to one another.
_ITEM_TYPES = ("Service", "NonInventory", "Inventory", "Category", "Group")
_LATER_ITEM_TYPES = (*_ITEM_TYPES, *("Service",) * 5)


def _item_type(number: int) -> str:
    """Of the item of that number, from 0: every other is a service. So it is known before any is made."""
    return _LATER_ITEM_TYPES[number % len(_LATER_ITEM_TYPES)]


def is_stocked(number: int) -> bool:
    """Whether the item of that number is kept in stock."""
    return _item_type(number) == "Inventory"


def item(books: Books, rng: Random, day: str) -> Doc:
    """An Item of one of the five types; the price has up to seven places, as the reference allows."""
    number = int(books.number("Item")) - 1001
    kind = _item_type(number)
    names = [name for name, _ in sample.ITEMS] if books.profile.is_sample else PRODUCTS
    name = names[number] if number < len(names) else f"{pick(rng, PRODUCTS)} {number}"
    if books.profile.is_sample:
        kind = sample.ITEMS[number][1] if number < len(sample.ITEMS) else "Service"
    doc: Doc = {"Name": name, "FullyQualifiedName": name, "Active": True, "Type": kind, "Taxable": chance(rng, 0.5)}
    if kind == "Category":
        return doc | {"SubItem": False}
    if kind == "Group":
        members = [{"ItemRef": books.product(rng).reference, "Qty": between(rng, 1, 5)} for _ in range(2)]
        return doc | {"PrintGroupedItems": True, "ItemGroupDetail": {"ItemGroupLine": members}}
    price = between(rng, 5, 400) * 50 if chance(rng, 0.8) else between(rng, 99, 50_000)
    doc |= {
        "Description": f"{name}: {pick(rng, NOTES)}",
        "UnitPrice": money(price),
        "PurchaseCost": money(price * 6 // 10) if kind != "Service" else 0,
        "IncomeAccountRef": books.account(rng, "Income"),
        "TrackQtyOnHand": kind == "Inventory",
    }
    if kind != "Service":
        doc |= {"Sku": f"SKU-{number:05}", "ExpenseAccountRef": books.account(rng, "Cost of Goods Sold")}
    if kind == "Inventory":
        stock = books.account(rng, "Inventory")
        doc |= {"AssetAccountRef": stock, "QtyOnHand": between(rng, 0, 200), "InvStartDate": day}
    return doc


class _Simple:
    """Builds objects of a list that has a name and little else, with the labels first and numbered ones after."""

    def __init__(self, entity: str, labels: tuple[str, ...], **more: object) -> None:
        self._entity = entity
        self._labels = labels
        self._more = more

    def __call__(self, books: Books, _rng: Random, _day: str) -> Doc:
        number = int(books.number(self._entity)) - 1001
        label = self._labels[number % len(self._labels)]
        name = label if number < len(self._labels) else f"{label} {number}"
        return {"Name": name, "Active": True, **self._more}


class _Qualified(_Simple):
    """The same for lists whose rows may have rows below them."""

    def __call__(self, books: Books, rng: Random, day: str) -> Doc:
        doc = super().__call__(books, rng, day)
        return doc | {"FullyQualifiedName": doc["Name"]}


klass = _Qualified("Class", ("Région Nord", "Région Sud", "Retail", "Wholesale", "Online"), SubClass=False)
department = _Qualified("Department", ("Headquarters", "Bayshore", "Café Nº 5", "Depot"), SubDepartment=False)
payment_method = _Simple("PaymentMethod", METHODS, Type="NON_CREDIT_CARD")
customer_type = _Simple("CustomerType", ("Retail", "Wholesale", "Non-profit", "Büro", "Government"))
journal_code = _Simple("JournalCode", ("VT", "AC", "BQ", "OD", "AN", "EX"), Type="Others", Description="Journal")


def term(books: Books, _rng: Random, _day: str) -> Doc:
    number = int(books.number("Term")) - 1001
    name, days = TERMS[number] if number < len(TERMS) else (f"Net {number + 100}", number + 100)
    return {"Name": name, "Active": True, "Type": "STANDARD", "DiscountPercent": 0, "DueDays": days, "DiscountDays": 0}


def budget(books: Books, rng: Random, day: str) -> Doc:
    """A year's Budget by month for a few accounts."""
    year = day[:4]
    lines = [
        {"BudgetDate": f"{year}-{month:02}-01", "Amount": money(between(rng, 10, 999) * 100), "AccountRef": account}
        for account in books.accounts["Expense"][:3]
        for month in range(1, 13)
    ]
    number = books.number("Budget")
    return {
        "Name": f"Budget {year} № {number}",
        "StartDate": f"{year}-01-01",
        "EndDate": f"{year}-12-31",
        "BudgetType": "ProfitAndLoss",
        "BudgetEntryType": "Monthly",
        "Active": True,
        "BudgetDetail": lines,
    }
