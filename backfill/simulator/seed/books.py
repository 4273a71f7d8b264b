"""What a document may refer to: the lists of a company, as whoever enters a transaction sees them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from backfill.simulator.documents import Doc, cents
from backfill.simulator.seed.draw import between, pick
from backfill.simulator.seed.profile import Currency, Profile, currency_of

_FEW = 10  # of an item in stock: then more is bought
_RECENT = 64  # enough that attachments spread over several documents


@dataclass(frozen=True, slots=True)
class Party:
    """A customer, vendor or employee as transactions cite it."""

    id: str
    reference: Doc
    currency: Currency
    address: Doc | None = None
    email: Doc | None = None
    level: int = 0
    name: str = ""
    """Fully qualified."""


@dataclass(frozen=True, slots=True)
class Product:
    """An item that can stand on a line, with its prices in cents."""

    id: str
    reference: Doc
    kind: str
    price: int
    cost: int
    account: Doc | None


@dataclass(slots=True)
class Books:
    """The lists of one company, growing as objects are entered. `learn` is how they get here."""

    profile: Profile
    parties: dict[str, Party] = field(default_factory=dict)
    """Customers, vendors and employees, inactive ones too, by Id: the three share one sequence."""
    customers: list[Party] = field(default_factory=list)
    vendors: list[Party] = field(default_factory=list)
    employees: list[Party] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    accounts: dict[str, list[Doc]] = field(default_factory=lambda: defaultdict(list))
    """AccountType and AccountSubType to references."""
    names: dict[str, list[Doc]] = field(default_factory=lambda: defaultdict(list))
    """References to the simple lists (Class, Department, Term ...), by entity."""
    low: dict[str, Product] = field(default_factory=dict)
    """Products that stock runs out of, by Id: whoever buys next buys of these."""
    taken: set[str] = field(default_factory=set)
    """Display names of customers, vendors and employees, folded: the three lists share them."""
    numbers: dict[str, int] = field(default_factory=dict)
    recent: list[tuple[str, str]] = field(default_factory=list)
    """Some transactions, as (entity, Id), that an attachment may belong to."""
    entered: int = 0

    def account(self, rng: Random, kind: str) -> Doc:
        """A reference to one of the accounts of a type or detail type."""
        return pick(rng, self.accounts[kind])

    def product(self, rng: Random) -> Product:
        return pick(rng, self.products)

    def watch(self, item: str, on_hand: int) -> None:
        """Have an item bought again once there are few left; `on_hand` in whole units."""
        if on_hand < _FEW and item not in self.low:
            found = next((product for product in self.products if product.id == item), None)
            if found:
                self.low[item] = found

    def restock(self, rng: Random) -> tuple[Product, int]:
        """What is bought next, and how many: of what runs out, else of anything."""
        if not self.low:
            return self.product(rng), between(rng, 1, 20)
        product = self.low.pop(next(iter(self.low)))
        return product, between(rng, 6, 12) * 10

    def name(self, rng: Random, entity: str) -> Doc | None:
        """A reference to one of a simple list, None where the company has none."""
        found = self.names[entity]
        return pick(rng, found) if found else None

    def number(self, entity: str) -> str:
        """The next DocNumber of the entity."""
        self.numbers[entity] = number = self.numbers.get(entity, 1000) + 1
        return str(number)

    def known(self, entity: str, names: Sequence[str]) -> str:
        """The next of the names that the sample company's list begins with; empty where there is none."""
        if not self.profile.is_sample:
            return ""
        number = int(self.number(entity)) - 1001
        return names[number] if number < len(names) else ""

    def rate(self, currency: Currency) -> Decimal | int:
        """Units of home currency for one of `currency`."""
        if currency == self.profile.home:
            return 1
        return (currency.dollars / self.profile.home.dollars).quantize(Decimal("0.000001"))

    def unique(self, wanted: str) -> str:
        """`wanted`, or with a number after it, such that no customer, vendor or employee has it yet."""
        name, count = wanted, 1
        while name.casefold() in self.taken:
            count += 1
            # From the fourth on a number that is hardly ever taken: names repeat a hundred times in a large company.
            name = f"{wanted} {count if count < 4 else len(self.taken) + count}"
        self.taken.add(name.casefold())
        return name

    def remember(self, entity: str, object_id: str) -> None:
        """Keep a transaction for attachments; of many only the last few."""
        self.entered += 1
        if len(self.recent) < _RECENT:
            self.recent.append((entity, object_id))
        else:
            self.recent[self.entered % _RECENT] = (entity, object_id)

    def learn(self, entity: str, object_id: str, doc: Doc) -> None:
        """Take a list object into what transactions may cite."""
        match entity:
            case "Customer" | "Vendor" | "Employee":
                self.parties[object_id] = party = _party(object_id, doc, self.profile.home)
                self._parties(entity).append(party)
                self.taken.add(doc["DisplayName"].casefold())
            case "Item" if doc["Type"] not in {"Category", "Group"}:
                self.products.append(_product(object_id, doc))
            case "Account":
                reference = {"value": object_id, "name": doc["FullyQualifiedName"]}
                for kind in {doc["AccountType"], doc["AccountSubType"]}:
                    self.accounts[kind].append(reference)
            case "Class" | "Department" | "Term" | "PaymentMethod" | "CustomerType" | "TaxAgency" | "JournalCode":
                name = doc.get("DisplayName") or doc.get("FullyQualifiedName") or doc["Name"]
                self.names[entity].append({"value": object_id, "name": name})
            case "TaxCode" | "TaxRate" | "TaxClassification":
                self.names[entity].append({"value": object_id})
            case _:
                pass

    def forget(self, entity: str, object_id: str) -> None:
        """A list object was made inactive: cite it no more, unless it is the last of its list."""
        match entity:
            case "Customer" | "Vendor" | "Employee":
                parties = self._parties(entity)
                parties[:] = [party for party in parties if party.id != object_id] or parties
            case "Item":
                self.products[:] = [product for product in self.products if product.id != object_id] or self.products
            case "Account":
                for found in self.accounts.values():
                    found[:] = [reference for reference in found if reference["value"] != object_id] or found
            case _:
                found = self.names[entity]
                found[:] = [reference for reference in found if reference["value"] != object_id] or found

    def _parties(self, entity: str) -> list[Party]:
        return {"Customer": self.customers, "Vendor": self.vendors, "Employee": self.employees}[entity]


def _party(object_id: str, doc: Doc, home: Currency) -> Party:
    name = doc["DisplayName"]
    return Party(
        object_id,
        {"value": object_id, "name": name},
        currency_of(doc["CurrencyRef"]["value"]) if "CurrencyRef" in doc else home,
        doc.get("BillAddr"),
        doc.get("PrimaryEmailAddr"),
        doc.get("Level", 0),
        doc.get("FullyQualifiedName") or name,
    )


def _product(object_id: str, doc: Doc) -> Product:
    reference = {"value": object_id, "name": doc["FullyQualifiedName"]}
    price, cost = cents(doc["UnitPrice"]), cents(doc["PurchaseCost"])
    return Product(object_id, reference, doc["Type"], price, cost, doc.get("IncomeAccountRef"))


def later(day: str, days: int) -> str:
    """The date `days` after an ISO date."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
