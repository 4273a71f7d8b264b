"""A request to write, from either face, to the operation that it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode
from backfill.simulator.faults import Fault, FaultedError, bad_body, unsupported
from backfill.simulator.writing.recurring import write_recurring
from backfill.simulator.writing.singletons import write_preferences
from backfill.simulator.writing.writer import write

BAD_ENCODING = Fault("500", "Unsupported Operation", "Invalid byte 1 of 1-byte UTF-8 sequence is not supported.")

OPERATIONS = frozenset({"", "create", "update", "delete", "void"})

BY_KEY: Mapping[str, str] = {
    **{name: name for name in TRAITS},
    **{traits.array_key: name for name, traits in TRAITS.items()},
}
"""The key of an object in a batch's item to its entity; CreditCardPayment has two."""


def body_of(body: bytes) -> Doc:
    """The object of a request's body. Raises `FaultedError` for what is no JSON object."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise FaultedError(BAD_ENCODING) from error
    try:
        return decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FaultedError(bad_body(str(error))) from error


def included(text: str) -> frozenset[str]:
    """The options of `include=` or of an item's optionsData."""
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def act(company: Company, entity: str, operation: str, body: Mapping[str, Any], include: frozenset[str]) -> bytes:
    """Do what a request asks; the member of the answer. Raises `FaultedError`."""
    operation = operation.lower()
    if operation not in OPERATIONS:
        raise FaultedError(unsupported(operation))
    match entity:
        case "RecurringTransaction":
            return write_recurring(company, operation, body)
        case "Preferences":
            return write_preferences(company, operation, body)
        case _:
            return write(company, entity, operation, body, include)
