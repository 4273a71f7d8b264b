"""What a write is refused with. The words are recorded where the docstring does not say that they are ours."""

from __future__ import annotations

from collections.abc import Iterable

from backfill.simulator.faults import Fault, business

_LISTED_CHARACTERS = 1000
"""About so much of the known properties is listed before the list is cut."""


def unknown_field(name: str, class_name: str, known: Iterable[str]) -> Fault:
    """2010: a property that the class does not have; lists those it has."""
    names = [f'"{known_name}"' for known_name in known]
    listed = ""
    for count, quoted in enumerate(names):
        listed += f", {quoted}" if count else quoted
        if len(listed) > _LISTED_CHARACTERS:
            listed += " [truncated]"
            break
    return Fault(
        "2010",
        "Request has invalid or unsupported property",
        f'Property Name:Unrecognized field "{name}" (class com.intuit.schema.finance.v3.{class_name}), not marked as '
        f"ignorable ({len(names)} known properties: {listed}])\n specified is unsupported or invalid",
    )


def bad_length(name: str, longest: int, supplied: int) -> Fault:
    """2050."""
    return Fault(
        "2050",
        "String length is either shorter or longer than supported by specification",
        f"String length specified does not match the supported length. Min:0 Max:{longest} supplied:{supplied}",
        element=name,
    )


# Codes whose meaning is documented and whose words were not recorded: the wording is ours.
VALUE_FAULTS = {
    "2040": "Invalid String",
    "2060": "Invalid Date Format",
    "2070": "Invalid Date",
    "2080": "Invalid Number Format",
    "2090": "Invalid Number",
    "2100": "Invalid Decimal Format",
    "2110": "Invalid Decimal",
    "2120": "Invalid Type",
    "2140": "Invalid Amount",
    "2150": "Invalid Percent",
    "2160": "Invalid Quantity",
    "2170": "Invalid Enumeration",
    "2190": "Date Out Of Range",
    "2200": "Invalid URL Format",
    "2210": "Invalid Email Address format",
    "2220": "Invalid Currency",
    "2230": "Invalid Boolean",
    "2240": "Number Out Of Range",
    "6010": "Invalid Account Type",
    "6080": "Name Elements Missing",
    "6090": "Invalid Discount Information",
    "6100": "Invalid Line Tax Code",
    "6130": "Invalid Bill With Parent",
    "6160": "Invalid Tax Code",
    "6170": "Invalid Tax Detail",
    "6230": "Invalid Custom Sales Tax",
    "6180": "Hierarchy Too Deep",
    "6270": "Invalid Inventory Start Date",
    "6290": "Invalid Time Activity",
    "6310": "Time Activity Name Missing",
    "6320": "Time Activity Duration Missing",
    "6330": "Time Activity Customer Missing",
    "6340": "Time Activity Hours Out Of Range",
    "6370": "Invalid Hourly Rate",
    "6390": "Invalid Break Time",
    "6430": "Invalid Account Type For Transaction",
    "6440": "Invalid Line Detail",
    "6470": "Invalid Tax Rate",
    "6490": "Invalid Budget Period",
    "6500": "Invalid Budget Detail",
    "6510": "Invalid Budget Account",
    "6520": "Quantity On Hand Missing",
    "6530": "Card Number Not Allowed",
    "700": "Invalid Parent",
    "800": "Cannot Delete, Has Dependants",
    "900": "Parent Is Child",
    "2250": "Lines Missing",
    "2260": "Posting Type Missing",
    "2270": "Tax Applicable On Missing",
    "2280": "Invalid Tax Amount",
    "2290": "Negative Amount",
    "2300": "Debits And Credits Do Not Balance",
    "2600": "Conflicting Elements",
    "3000": "Invalid Custom Field",
    "6050": "Invalid Reference Type",
    "620": "Transaction Cannot Be Linked",
}


def bad_value(code: str, element: str, detail: str) -> Fault:
    """A fault of the table above; our wording."""
    return Fault(code, VALUE_FAULTS[code], detail, element=element)


def bad_reference(words: str, object_id: str) -> Fault:
    """2500: nothing of that Id in the table."""
    return Fault(
        "2500",
        "Invalid Reference Id",
        f"Invalid Reference Id : {words} element id {object_id} not found",
        element="",
    )


def duplicate_name(clashing_id: str, *, person: bool) -> Fault:
    """6240, with the Id that has the name already."""
    who = (
        "Another customer, vendor or employee is already using this name. Please use a different name. : "
        if person
        else ""
    )
    return Fault(
        "6240", "Duplicate Name Exists Error", f"The name supplied already exists. : {who}Id={clashing_id}", element=""
    )


def duplicate_number(number: str, clashing_id: str, entity: str) -> Fault:
    """6140, with what has the number already, as newer answers say."""
    return Fault(
        "6140",
        "Duplicate Document Number Error",
        "Duplicate Document Number Error : You must specify a different number. This number has already been used. "
        f"DocNumber={number} is assigned to TxnType={entity} with TxnId={clashing_id}",
        element="",
    )


STALE = Fault(
    "5010",
    "Stale Object Error",
    "Stale Object Error : You and root were working on this at the same time. root finished before you did, so your "
    "work was not saved.",
    element="",
)
"""The name is the last editor's; the reference has `root`, and so has the simulator."""

BAD_REQUEST_ID = Fault(
    "2130",
    "Invalid Request Id Format",
    "Request Id should have at most 50 characters",
    element="requestid",
)
"""Our wording of the detail."""

DUPLICATE_REQUEST_ID = Fault(
    "600",
    "Duplicate Request ID",
    "Request Id has been used already for another request",
    element="requestid",
)
"""Our wording of the detail."""

UNEXPECTED = business(
    "An unexpected error occurred while accessing or saving your data. Please wait a few minutes and try again. If the "
    "problem persists, contact customer support."
)
"""The one text under 6000 that is worth another try; also what a batch that came again was answered in 2016."""

PERIOD_CLOSED_TO_REMOVAL = Fault(
    "6200",
    "Account Period Closed",
    "The account period has closed and the transaction cannot be removed from it.",
)
"""Our wording."""

PERIOD_CLOSED = Fault(
    "6210",
    "Account Period Closed, Cannot Update Through Services API",
    "The account period has closed and the account books cannot be updated through through the QBO Services API. "
    "Please use the QBO website to make these changes.",
)
"""The doubled word is as recorded."""

SYSTEM_ACCOUNT = business("You can't change the type of, or make inactive, an account that QuickBooks made for itself.")
"""Our wording."""
