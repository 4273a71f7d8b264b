"""The faults of the API: code, words and type of each, as recorded or documented.

Where Intuit's exact words were never recorded, the wording is ours and the comment says so.
"""

from __future__ import annotations

from dataclasses import dataclass

VALIDATION = "ValidationFault"
GONE_DETAIL = (
    "Object Not Found : Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the application. `element` None means the key is absent, as in most recordings."""

    code: str
    message: str
    detail: str
    type: str = VALIDATION
    element: str | None = None
    status: int = 400
    is_timed: bool = True
    """Whether the answer states its `time`, as all but one were recorded to do."""


class FaultedError(Exception):
    """Raised inside the simulator to end a call with `fault`; never leaves it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.detail}")
        self.fault = fault


def parse_fault(detail: str) -> Fault:
    """4000: the statement is not of the language, or holds a character that is not."""
    return Fault("4000", "Error parsing query", f"QueryParserError: {detail}")


def validation_fault(detail: str) -> Fault:
    """4001: the statement is well formed, and asks for something that is not there or not allowed."""
    return Fault("4001", "Invalid query", f"QueryValidationError: {detail}")


def unknown_entity(name: str) -> Fault:
    return validation_fault(f"invalid context declaration: {name}")


def unqueryable_entity(name: str) -> Fault:
    """An entity that there is, and that no query reaches: a public client's tests know it by these words."""
    return validation_fault(f"Metadata not found for Entity: {name}")


def unknown_property(name: str, entity: str) -> Fault:
    return validation_fault(f"Property {name} not found for Entity {entity}")


POISONS = {
    "4002": Fault(
        "4002",
        "Error processing query",
        "QueryProcessingError: To email address entered is invalid",
        type="Service",
    ),
    "10000": Fault(
        "10000",
        "An application error has occurred while processing your request",
        "System Failure Error: Something you're trying to use has been made inactive. "
        "Check the fields with accounts, customers, items, vendors or employees.",
        type="SystemFault",
    ),
}
"""What a page answers that holds a stored row which cannot be read."""

UNCOUNTED = Fault(
    "4002",
    "Error processing query",
    "QueryProcessingError: Dear entity developer, pl implement count query",
    type="Service",
)
"""A COUNT of an entity that has none. Message and detail are those that a public client's tests met at the sandbox."""

OBJECT_NOT_FOUND = Fault("610", "Object Not Found", GONE_DETAIL, element="")
"""Missing, deleted: always 400, never 404."""


def bad_id(text: object) -> Fault:
    """2030: recorded with the element `Id`, and without a time."""
    return Fault(
        "2030", "Invalid ID", f"Id should be a valid number. Supplied value:{text}", element="Id", is_timed=False
    )


def unsupported(operation: str) -> Fault:
    """500: an operation, path or entity that the API does not have."""
    return Fault("500", "Unsupported Operation", f"Operation {operation} is not supported.")


def no_resource(path: str) -> Fault:
    """500, as recorded: it names the server behind the gateway, which has another address."""
    return unsupported(
        f"Could not find resource for relative : {path} of full path: https://c50.sandbox.qbo.intuit.com/qbo50{path}"
    )


def batch_too_big(size: int, limit: int) -> Fault:
    """1040. The detail's exact words are not recorded; it is documented that they state the limit."""
    return Fault(
        "1040",
        "Batch size exceeds allowed limit",
        f"Batch size {size} exceeds allowed limit. Max allowed value is {limit}",
    )


def required(parameter: str) -> Fault:
    return Fault(
        "2020",
        "Required param missing, need to supply the required value for the API",
        f"Required parameter {parameter} is missing in the request",
        element=parameter,
    )


def bad_date(text: str, element: str) -> Fault:
    """2070. Our wording: only the code and its meaning are documented."""
    return Fault("2070", "Invalid Date", f"Date value supplied is invalid: {text}", element=element)


def bad_body(detail: str) -> Fault:
    return Fault("2010", "Request has invalid or unsupported property", f"Property Name:{detail}")


def bad_minorversion(text: str) -> Fault:
    """A system failure rather than a validation message, as was reported; our wording."""
    return Fault(
        "10000",
        "An application error has occurred while processing your request",
        f'System Failure Error: For input string: "{text}"',
        type="SystemFault",
    )


REQUEST_ID_TOO_LONG = Fault(
    "6000",
    "A business validation error has occurred while processing your request",
    "Business Validation Error: You cannot enter more than 50 characters in the request_id field.",
    element="",
)
"""Per item of a batch: the server joins requestid and bId."""


def cdc_too_old(changed_since: str) -> Fault:
    return unsupported(f"cdc with changedSince date {{{changed_since}}} which is older than fixed days")


def cdc_refused(entity: str) -> Fault:
    """An entity that CDC does not carry, or that does not exist. Our wording: only the family of codes is known."""
    return Fault(
        "2000", "Unsupported object", f"Object {entity} is not supported for operation cdc", element="entities"
    )


def unknown_object(name: str) -> Fault:
    """2000. Our wording: only the code and its meaning are documented."""
    return Fault("2000", "Unsupported object", f"Object {name} is not supported", element=name)


NOT_ACCEPTABLE = unsupported("answering objects in XML")
"""What knows JSON only (the tax service) was asked to answer in XML; all else is translated at the API's door."""
