"""What kind of company a realm is: all of it follows from the seed and the realm, before anything is seeded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import NamedTuple

from backfill.simulator.documents import Doc
from backfill.simulator.seed import sample
from backfill.simulator.seed.draw import chance, pick
from backfill.simulator.seed.words import AWKWARD, FAMILY, SUFFIXES, TRADES

SMALLEST = 90
"""Rows of the smallest company: the lists that QuickBooks itself fills in, and one transaction of each kind."""


class Currency(NamedTuple):
    """A currency, and roughly how many US dollars one unit buys."""

    code: str
    name: str
    dollars: Decimal

    @property
    def reference(self) -> Doc:
        return {"value": self.code, "name": self.name}


CURRENCIES = {
    row.code: row
    for row in (
        Currency("USD", "United States Dollar", Decimal(1)),
        Currency("EUR", "Euro", Decimal("1.08421")),
        Currency("GBP", "British Pound Sterling", Decimal("1.26")),
        Currency("CAD", "Canadian Dollar", Decimal("0.7312")),
        Currency("MXN", "Mexican Peso", Decimal("0.0541")),
        Currency("JPY", "Japanese Yen", Decimal("0.006687")),
    )
}


def currency_of(code: str) -> Currency:
    """The currency of a code; one that this table does not know, but a program has added, is worth a dollar."""
    return CURRENCIES.get(code) or Currency(code, code, Decimal(1))


_HOME = {"US": "USD", "CA": "CAD", "GB": "GBP", "FR": "EUR"}

OPTIONAL = (
    "Attachable", "Budget", "Class", "CreditCardPayment", "CustomerType", "Department", "InventoryAdjustment",
    "PurchaseOrder", "RecurringTransaction", "RefundReceipt", "ReimburseCharge", "TaxClassification", "TimeActivity",
    "VendorCredit",
)  # fmt: skip
"""Entities that a company has only if it uses the feature: by plan, trade and habit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One realm's character. `rows` is the number of live objects it begins with, all entities together."""

    realm_id: str
    name: str
    country: str
    home: Currency
    foreign: tuple[Currency, ...]
    rows: int
    features: frozenset[str]
    """Those of `OPTIONAL` that it uses."""
    is_sample: bool = False
    """The company that Intuit gives developers: see `sample`."""

    @property
    def multicurrency(self) -> bool:
        return bool(self.foreign)

    def uses(self, entity: str) -> bool:
        """Whether the company has objects of the entity at all."""
        match entity:
            case "CompanyCurrency" | "ExchangeRate":
                return self.multicurrency
            case "JournalCode":
                return self.country == "FR"
            case "TaxPayment":
                return self.country in {"CA", "GB"}
            case _:
                return entity in self.features or entity not in OPTIONAL


# Every world begins with these, after the sample company or in its place, so that even a small one shows what is rare,
# by their number: (country, multi-currency, all features).
_EARLY = {
    0: ("US", True, True),
    1: ("US", True, True),
    2: ("US", False, False),
    3: ("FR", False, True),
    4: ("GB", True, False),
    5: ("CA", False, False),
}


def draw_profile(*, realm_id: str, index: int, rows: int, rng: Random) -> Profile:
    """The profile of the fleet's realm number `index`."""
    # Most of Intuit's companies are in the US; about a quarter of all trade in several currencies.
    country = pick(rng, ("US",) * 16 + ("CA", "GB", "GB", "FR"))
    several, everything = chance(rng, 0.25), False
    habit = rng.uniform(0.2, 0.9)
    country, several, everything = _EARLY.get(index, (country, several, everything))
    home = CURRENCIES[_HOME[country]]
    others = tuple(currency for currency in CURRENCIES.values() if currency != home)
    owner = AWKWARD[index % len(AWKWARD)] if chance(rng, 0.1) else f"{pick(rng, FAMILY)} {pick(rng, TRADES)}"
    return Profile(
        realm_id=realm_id,
        name=f"{owner} {pick(rng, SUFFIXES)}".strip(),
        country=country,
        home=home,
        foreign=tuple(rng.sample(others, 3)) if several else (),
        rows=max(rows, SMALLEST),
        features=frozenset(feature for feature in OPTIONAL if everything or chance(rng, habit)),
    )


def sample_profile(*, realm_id: str, rows: int) -> Profile:
    """The sample company's: it uses everything, in several currencies; but nothing is attached yet."""
    return Profile(
        realm_id=realm_id,
        name=sample.NAME,
        country="US",
        home=CURRENCIES["USD"],
        foreign=(CURRENCIES["CAD"], CURRENCIES["EUR"], CURRENCIES["JPY"]),
        rows=max(rows, SMALLEST),
        features=frozenset(OPTIONAL) - {"Attachable"},
        is_sample=True,
    )
