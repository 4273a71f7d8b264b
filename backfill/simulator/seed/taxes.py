"""Tax agencies, rates, codes and classifications, by country. Their Ids are partly words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import NamedTuple

from backfill.simulator.documents import Doc, money
from backfill.simulator.seed.books import Books


class Regime(NamedTuple):
    """One country's sales tax: who levies it, and the standard rate in basis points."""

    agency: str
    label: str
    rate: int


REGIMES: Mapping[str, Regime] = {
    "US": Regime("Board of Equalization", "California", 800),
    "CA": Regime("Receiver General", "GST", 500),
    "GB": Regime("HMRC VAT", "20.0% S", 2_000),
    "FR": Regime("Trésor public", "TVA 20 %", 2_000),
}

WORD_CODES = ("TAX", "NON", "CustomSalesTax")
"""Ids of the tax codes every US company has; elsewhere all codes are numbered."""


def agency(books: Books, _rng: Random, day: str) -> Doc:
    number = int(books.number("TaxAgency")) - 1001
    name = REGIMES[books.profile.country].agency
    return {
        "DisplayName": f"{name} {number}" if number else name,
        "TaxTrackedOnPurchases": books.profile.country != "US",
        "TaxTrackedOnSales": True,
        "LastFileDate": day,
        "TaxAgencyConfig": "USER_DEFINED",
    }


def rate(books: Books, _rng: Random, _day: str) -> Doc:
    number = int(books.number("TaxRate")) - 1001
    regime = REGIMES[books.profile.country]
    points = regime.rate + 25 * number
    return {
        "Name": f"{regime.label} {number}" if number else regime.label,
        "Description": f"{regime.agency}, {points / 100:g} %",
        "Active": True,
        "RateValue": _percent(points),
        "AgencyRef": {"value": books.names["TaxAgency"][0]["value"]},
        "SpecialTaxType": "NONE",
        "DisplayType": "ReadOnly",
    }


def code(books: Books, _rng: Random, _day: str) -> Doc:
    """A numbered TaxCode over the rates there are, one after the other."""
    number = int(books.number("TaxCode")) - 1001
    rates = books.names["TaxRate"]
    sales = {"TaxRateRef": rates[number % len(rates)], "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0}
    label = REGIMES[books.profile.country].label
    return _code(f"{label} {number}" if number else label, taxable=True, group=True, details=[sales])


def word_code(word: str) -> Doc:
    """One of the US codes whose Id is a word."""
    return _code(word, taxable=word != "NON", group=False, details=[])


def _code(name: str, *, taxable: bool, group: bool, details: list[Doc]) -> Doc:
    doc: Doc = {"Name": name, "Description": name, "Active": True, "Taxable": taxable, "TaxGroup": group}
    if details:
        doc |= {"SalesTaxRateList": {"TaxRateDetail": details}, "PurchaseTaxRateList": {"TaxRateDetail": []}}
    return doc


def classification(books: Books, _rng: Random, _day: str) -> Doc:
    """One node of Intuit's catalogue of goods for tax."""
    number = int(books.number("TaxClassification")) - 1001
    parents = books.names["TaxClassification"]
    return {
        "Code": f"EUC-{number + 9_020_802:08}",
        "Name": f"Goods and services, class {number}",
        "Description": "Sold at the standard rate",
        "Level": "1" if not parents else "2",
        "ApplicableTo": ["Service", "NonInventory"],
        **({"ParentRef": parents[0]} if parents else {}),
    }


def line_code(books: Books, *, taxable: bool) -> Doc:
    """What a sales line cites: TAX or NON in the US, elsewhere a numbered code."""
    if books.profile.country == "US":
        return {"value": "TAX" if taxable else "NON"}
    return books.names["TaxCode"][0]


def detail(books: Books, taxable_cents: int) -> tuple[Doc, int]:
    """TxnTaxDetail for the taxable part of a document, and the tax in cents."""
    if not taxable_cents:
        return {"TotalTax": 0}, 0
    points = REGIMES[books.profile.country].rate
    tax = (taxable_cents * points + 5_000) // 10_000
    line: Doc = {
        "Amount": money(tax),
        "DetailType": "TaxLineDetail",
        "TaxLineDetail": {
            "TaxRateRef": books.names["TaxRate"][0],
            "PercentBased": True,
            "TaxPercent": _percent(points),
            "NetAmountTaxable": money(taxable_cents),
        },
    }
    whole: Doc = {"TotalTax": money(tax), "TaxLine": [line]}
    if books.profile.country == "US":
        numbered = (code for code in books.names["TaxCode"] if code["value"] not in WORD_CODES)
        whole["TxnTaxCodeRef"] = next(numbered)
    return whole, tax


def _percent(points: int) -> Decimal | int:
    return points // 100 if points % 100 == 0 else Decimal(points) / 100
