"""A fault for every code that Intuit documents, so that one can be told to happen that no request provokes.

The words are those of the other tables where they have some; where Intuit's were never recorded, they are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from backfill.simulator.endpoints.refusals import BAD_FILE, BAD_METADATA, EMAIL_REQUIRED, UPLOAD_TOO_LARGE
from backfill.simulator.faults import OBJECT_NOT_FOUND, POISONS, Fault, bad_id
from backfill.simulator.writing.faults import (
    BAD_REQUEST_ID,
    DUPLICATE_REQUEST_ID,
    PERIOD_CLOSED,
    PERIOD_CLOSED_TO_REMOVAL,
    STALE,
    UNEXPECTED,
    VALUE_FAULTS,
)

AUTHENTICATION, AUTHORIZATION, SERVICE, SYSTEM = "AuthenticationFault", "AuthorizationFault", "SERVICE", "SystemFault"


def _gateway(code: str, name: str, status: int, detail: str, *, kind: str = SERVICE) -> Fault:
    """What the gateway says, which names code and status within its message."""
    return Fault(code, f"message={name}; errorCode={int(code):06}; statusCode={status}", detail, kind, status=status)


THROTTLED = _gateway("3001", "ThrottleExceeded", 429, "The request limit was reached.  Try again later")
TIMED_OUT = _gateway("6002", "GatewayTimeout", 504, "The request took too long to process and was ended.")
UNAUTHENTICATED = _gateway("3200", "AuthenticationFailed", 401, "Token expired", kind="AUTHENTICATION")
UNAUTHORISED = _gateway(
    "3100", "ApplicationAuthorizationFailed", 403, "The application is not authorised for this company"
)

COMPANY_STATUS = Fault(
    "6190",
    "Invalid Company Status",
    "Subscription period has ended or canceled or there was a billing problem : You can't add data to QuickBooks "
    "Online because your trial or subscription period ended, you canceled your subscription, or there was a billing "
    "problem.",
)

_FAULTS = (
    OBJECT_NOT_FOUND, POISONS["4002"], POISONS["10000"], BAD_REQUEST_ID, DUPLICATE_REQUEST_ID,
    PERIOD_CLOSED, PERIOD_CLOSED_TO_REMOVAL, STALE, bad_id("1.5"), THROTTLED, TIMED_OUT, UNAUTHENTICATED, UNAUTHORISED,
    COMPANY_STATUS, UNEXPECTED, UPLOAD_TOO_LARGE, BAD_METADATA, BAD_FILE, EMAIL_REQUIRED,
    Fault("100", "General Authentication Error", "Authentication failed", AUTHENTICATION, status=401),
    Fault("110", "OAuth Authentication Error", "OAuth token is not valid", AUTHENTICATION, status=401),
    Fault("120", "AuthorizationFailure", "AuthorizationFailure: -11014: You do not have access to this company",
          AUTHORIZATION, status=401),
    Fault("130", "Wrong Cluster", "The company is served by another cluster", SERVICE, status=503),
    Fault("140", "Company Locked Out", "The company is locked at the moment", SERVICE, status=403),
    Fault("150", "Company Under Maintenance", "The company's data is being maintained. Try again later", SERVICE,
          status=503),
    Fault("3201", "AuthorizationFailure", "The request could not be authorised", AUTHORIZATION, status=401),
    Fault("3202", "Empty OAuth Field", "A field of the OAuth header is empty", AUTHENTICATION, status=401),
    Fault("10100", "Result Set Too Large", "The result set is too large. Ask for less", SYSTEM, status=500),
    Fault("10200", "Company Data Reset", "The company's data was reset. Read it anew", SYSTEM),
)  # fmt: skip
"""Those whose words, type or status are their own."""

_MESSAGES: Mapping[str, str] = {
    "500": "Unsupported Operation",
    "630": "Duplicate Object",
    "1000": "Operation Failed",
    "1010": "Create Failed",
    "1020": "Update Failed",
    "1040": "Batch size exceeds allowed limit",
    "1050": "Invalid Content-Type",
    "2000": "Unsupported object",
    "2010": "Request has invalid or unsupported property",
    "2020": "Required param missing, need to supply the required value for the API",
    "2050": "String length is either shorter or longer than supported by specification",
    "2180": "String Out Of Range",
    "2500": "Invalid Reference Id",
    "4000": "Error parsing query",
    "4001": "Invalid query",
    "5000": "Deprecated Field",
    "5020": "Permission Denied Error",
    "5030": "Feature Not Supported",
    "6020": "Invalid Content Length",
    "6060": "Invalid Open Balance Date",
    "6070": "Amount Is Not Equal To UnitPrice * Qty",
    "6110": "Merchant Transaction Cannot Be Updated",
    "6120": "Merchant Transaction Cannot Be Deleted",
    "6140": "Duplicate Document Number Error",
    "6150": "Invalid Parent Reference",
    "6220": "Entity has balance",
    "6240": "Duplicate Name Exists Error",
    "6250": "Invalid Customer",
    "6280": "Customer has unbilled charges",
    "6300": "Invalid Time Activity Date",
    "6350": "Time Activity Vendor Missing",
    "6360": "Time Activity Employee Missing",
    "6380": "Time Activity Item Missing",
    "6400": "Linked To A Purchase",
    "6450": "Settled Transaction Cannot Be Voided",
    "6460": "Merchant Account Restriction",
    "6480": "Transaction Is Matched",
    "6540": "Deposited Transaction cannot be changed",
}
"""Messages of codes that are said with different details; ours where they were not recorded."""


def _documented() -> Iterator[tuple[str, Fault]]:
    yield from ((fault.code, fault) for fault in _FAULTS)
    own = {fault.code for fault in _FAULTS}
    for code, message in {**VALUE_FAULTS, **_MESSAGES}.items():
        if code not in own:
            yield code, Fault(code, message, message, element="")


DOCUMENTED: Mapping[str, Fault] = MappingProxyType(dict(_documented()))
"""Code to what is answered when that fault is told to happen."""
