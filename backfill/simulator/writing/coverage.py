"""Which of Intuit's documented fault codes the simulator can produce, and how.

A test walks this table: every code that is said to come from a request is provoked by one, and no other code is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Coverage(NamedTuple):
    """One code: whether a request can provoke it here, and by what; or why none can."""

    by_request: bool
    how: str


def _by_request(**rows: str) -> dict[str, Coverage]:
    return {code.removeprefix("f"): Coverage(by_request=True, how=how) for code, how in rows.items()}


def _otherwise(codes: str, how: str) -> dict[str, Coverage]:
    return dict.fromkeys(codes.split(), Coverage(by_request=False, how=how))


COVERAGE: Mapping[str, Coverage] = MappingProxyType(
    _by_request(
        f500="an operation that the entity does not have, an unknown path, a body that is not UTF-8",
        f610="an Id there is not, or a reference to what is inactive",
        f620="a link to a transaction that is not there or cannot be settled",
        f700="an account below one of another type",
        f800="making inactive what others stand below",
        f900="an object below itself",
        f1040="more than 30 items in a batch",
        f2000="an unknown object in a batch, an entity that change data capture does not carry",
        f2010="a property that the object does not have, a body that is no JSON object",
        f2020="without a required property, an Id or a SyncToken",
        f2030="an Id that is no number",
        f2040="something else where a text belongs, a colon in a name",
        f2050="a text that is too long",
        f2060="a date of another form",
        f2070="a date that is none",
        f2080="a text where a whole number belongs",
        f2090="a fraction where a whole number belongs",
        f2100="a text where a decimal belongs",
        f2110="NaN where a decimal belongs",
        f2120="something else where an object, a reference or an array belongs",
        f2130="a requestid of more than 50 characters",
        f2140="an amount that is none",
        f2150="a percentage above 100",
        f2160="a quantity that is none",
        f2170="a word that is none of the enumeration",
        f2190="a date before 1900",
        f2200="an address with a blank",
        f2210="an e-mail address that is none",
        f2220="a currency that is none",
        f2230="a flag that is neither true nor false",
        f2240="an amount above 99,999,999,999",
        f2250="a journal entry without lines",
        f2260="a line of a journal entry without PostingType",
        f2270="tax in a journal entry without TaxApplicableOn",
        f2280="a negative TotalTax",
        f2290="a negative amount where there is none",
        f2300="debits that are not the credits",
        f2500="a reference to an Id there is not",
        f2600="a time activity with hours and with times",
        f3000="a custom field without a number",
        f4000="a statement that is not of the language",
        f4001="a statement that asks for what is not there",
        f5010="an old SyncToken",
        f5030="an exchange rate in a company of one currency",
        f6000="rules of the business: a foreign currency, names on receivable lines, what is paid already",
        f6010="an account type there is not, or a detail type of another one",
        f6050="an attachment to an object of no known kind",
        f6080="a person without any name",
        f6090="a discount by percent without the percentage",
        f6100="a line's tax code in the US other than TAX and NON",
        f6130="BillWithParent without a parent",
        f6140="a number used twice, where the company minds",
        f6160="a line's code as the transaction's",
        f6170="a line of tax without its rate",
        f6180="a sixth level",
        f6200="deleting or voiding in a closed period",
        f6210="creating or changing in a closed period",
        f6220="making a customer or vendor inactive who has a balance",
        f6230="CustomSalesTax without the tax",
        f6240="a name used twice",
        f6270="stock without the day from which it is counted",
        f6290="a time activity that ends before it begins",
        f6310="a time activity of nobody",
        f6320="a time activity with a beginning and no end",
        f6330="billable time of no customer",
        f6340="a time activity of more hours than a year has",
        f6430="an account of the wrong type on a transaction",
        f6440="a line without the detail of its DetailType",
        f6470="a tax rate above 100 percent",
        f6490="a budget that ends before it begins",
        f6500="a line of a budget without its account",
        f6520="stock without its quantity",
        f6530="the number of a card",
        f6540="changing a payment that was deposited",
        f10000="a minorversion that is no number",
    )
    | _otherwise("3200 3100 120", "the gateway, by the token: expired, revoked, of another company")
    | _otherwise("3001", "the throttle")
    | _otherwise("4002", "a stored row that is poisoned, by a setting; 10000 too")
    | _otherwise("6020 6030 6040 6041 6420", "the endpoints: uploads and e-mail")
    | _otherwise("6002", "the reports: one that takes too long")
    | _otherwise("130 140 150 6190 10200", "switches of the simulator's faults, where it has them; no request")
    | _otherwise("100 110 3201 3202", "forms of authentication that the API no longer has")
    | _otherwise("600", "a requestid used for another content, where the setting says that this is refused")
    | _otherwise("630 1000 1010 1020 10100", "catch-alls that no documented request provokes")
    | _otherwise("1050", "a content type is not looked at: real clients send several")
    | _otherwise("2180 6070 6150", "the service takes what was sent, or corrects it: UnitPrice times Qty wins")
    | _otherwise("5000", "no property is refused for being deprecated")
    | _otherwise("5020", "the reports: one that there is not, or not in that country")
    | _otherwise("6060", "opening balances are not taken with an account or a name")
    | _otherwise("6110 6120 6450 6460", "there are no merchant transactions")
    | _otherwise("6250 6280 6300 6350 6360 6370 6380 6390 6400 6480 6510", "rules of features that are not simulated")
)
"""Every code of Intuit's table."""
