"""Which of Intuit's documented fault codes the simulator can produce, and how.

A test walks this table: every code that is said to come from a request is provoked by one, and every one that is said
to come from a setting by one under that setting. What neither brings about can be told to happen: a client can be met
with every code (`injection.refusals.ApiFault`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Source = Literal["request", "setting", "switch"]
"""What brings a code about: a request alone; one under a setting that is not the default; nothing but its switch."""


class Coverage(NamedTuple):
    """One code: what brings it about here, and how; or why nothing but the switch does."""

    by: Source
    how: str


def _by_request(**rows: str) -> dict[str, Coverage]:
    return {code.removeprefix("f"): Coverage("request", how) for code, how in rows.items()}


def _by_setting(**rows: str) -> dict[str, Coverage]:
    return {code.removeprefix("f"): Coverage("setting", how) for code, how in rows.items()}


def _by_switch(codes: str, how: str) -> dict[str, Coverage]:
    return dict.fromkeys(codes.split(), Coverage("switch", how))


COVERAGE: Mapping[str, Coverage] = MappingProxyType(
    _by_request(
        f500="an operation that the entity does not have, an unknown path, a body that is not UTF-8",
        f610="an Id there is not, or a reference to what is inactive",
        f620="a link to a transaction that is not there or cannot be settled",
        f700="an account below one of another type",
        f800="making inactive what others stand below",
        f900="an object below itself",
        f1040="more than 30 items in a batch",
        f1050="an upload that is no multipart body",
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
        f3001="more requests than a limit allows",
        f3100="a token of another company, or without the scope",
        f3200="no token, one that is none, an expired or a revoked one",
        f4000="a statement that is not of the language",
        f4001="a statement that asks for what is not there",
        f4002="a COUNT of what has none: CustomerType, ExchangeRate",
        f5010="an old SyncToken",
        f5020="a report that there is not, or not in that country",
        f5030="an exchange rate in a company of one currency",
        f6000="rules of the business: a foreign currency, names on receivable lines, what is paid already",
        f6010="an account type there is not, or a detail type of another one",
        f6030="an upload above its limit",
        f6040="metadata of a file that are no object",
        f6041="a file of a type that is not supported",
        f6050="an attachment to an object of no known kind",
        f6080="a person without any name",
        f6090="a discount by percent without the percentage",
        f6100="a line's tax code in the US other than TAX and NON",
        f6110="changing what a card was charged for",
        f6120="deleting what a card was charged for",
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
        f6280="making a customer inactive who has time or costs to be charged",
        f6290="a time activity that ends before it begins",
        f6310="a time activity of nobody",
        f6320="a time activity with a beginning and no end",
        f6330="billable time of no customer",
        f6340="a time activity of more hours than a year has",
        f6370="a negative HourlyRate",
        f6390="a break that is longer than the time activity",
        f6420="sending a form that has no address",
        f6430="an account of the wrong type on a transaction",
        f6440="a line without the detail of its DetailType",
        f6450="voiding what a card was charged for",
        f6470="a tax rate above 100 percent",
        f6490="a budget that ends before it begins",
        f6500="a line of a budget without its account",
        f6510="a budget of an account that is none of profit and loss",
        f6520="stock without its quantity",
        f6530="the number of a card",
        f6540="changing a payment that was deposited",
        f10000="a minorversion that is no number",
    )
    | _by_setting(
        f120="`disconnected`, after the company's owner has disconnected the app",
        f600="`request_id_changed` or `request_id_again`: a requestid that was used already",
    )
    | _by_switch("100 110 3201 3202", "forms of authentication that the API no longer has")
    | _by_switch("130 140 150 6190 10200", "states of a company that no request brings about")
    | _by_switch("6002", "a report that takes too long, where the profile says how long one takes")
    | _by_switch("630 1000 1010 1020", "catch-alls that no documented request provokes")
    | _by_switch("2180 6070 6150", "the service takes what was sent, or corrects it: UnitPrice times Qty wins")
    | _by_switch("5000", "no property is refused for being deprecated")
    | _by_switch("6020", "files may be empty")
    | _by_switch("6060", "an opening balance without its day is of today")
    | _by_switch("6250 6300 6350 6360 6380", "their rules are not published: 6310 and 6330 stand for those of names")
    | _by_switch("6400 6460 6480", "there are no bank feeds and no merchant accounts")
    | _by_switch("10100", "no answer is too large: pages and CDC are cut")
)
"""Every code of Intuit's table."""
