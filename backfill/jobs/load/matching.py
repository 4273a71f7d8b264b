"""Whether an object that is there is what a row wrote, or what it wanted to write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from backfill.qbo.operations import IDENTIFIERS, Writing

_COUNTERPARTIES = ("CustomerRef", "VendorRef", "EntityRef", "TxnDate")
"""What tells two transactions of one number apart, and what no server rounds or rewrites."""

_DELETED = re.compile(r" \(deleted\)(-\d+)?$")
"""What the name of an inactive object ends in."""


def is_ours(table: Writing, sent: Mapping[str, Any], held: Mapping[str, Any], *, stamp: str) -> bool:
    """Whether a new object `held` is the one that `sent` asked for.

    By its stamp where it has one. Else by its natural key and by whom and when it is about: only by what the server
    keeps as it is sent, since a match that is missed would be made a second time.
    """
    if stamp:
        return stamp in str(held.get(table.stamp_field) or "")
    wanted = name_of(sent.get(table.natural_key)) if table.natural_key else ""
    if not wanted or name_of(held.get(table.natural_key)) != wanted:
        return False
    if table.is_list and not same(sent.get("ParentRef"), held.get("ParentRef")):
        return False
    return all(same(sent[key], held.get(key)) for key in _COUNTERPARTIES if sent.get(key))


def name_of(value: object) -> str:
    """A name or number as two of them are compared."""
    return _DELETED.sub("", str(value or "")).strip().casefold()


def names_since(name: str) -> Sequence[str]:
    """What a query has to name for what was made by that name: people may have made it inactive since."""
    return name, f"{name} (deleted)"


def is_applied(sent: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    """Whether all that a change `sent` stands in the object as it is now."""
    return all(same(value, held.get(key)) for key, value in sent.items() if key not in IDENTIFIERS)


def is_voided(held: Mapping[str, Any]) -> bool:
    """A voided transaction stays, its amounts are 0 and its note says so."""
    voided = str(held.get("PrivateNote") or "").startswith("Voided")
    return voided and Decimal(str(held.get("TotalAmt") or 0)) == 0


def same(sent: Any, held: Any) -> bool:
    """Whether what was sent stands in what is held: numbers by value, references by Id, lists in order.

    What is held may have more: defaults, line Ids, a subtotal line.
    """
    if isinstance(sent, Mapping):
        return _same_object(sent, held)
    if isinstance(sent, list):
        rest: Iterator[Any] = iter(held if isinstance(held, list) else ())
        return all(any(same(part, other) for other in rest) for part in sent)
    if _is_number(sent):
        return _is_number(held) and Decimal(str(sent)) == Decimal(str(held))
    return bool(sent == held) or (sent in (None, "") and held in (None, ""))


def _same_object(sent: Mapping[str, Any], held: Any) -> bool:
    if not isinstance(held, Mapping):
        return not sent
    if "value" in sent:
        return str(sent["value"]) == str(held.get("value"))
    return all(same(part, held.get(key)) for key, part in sent.items() if key != "Id")


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal | float) and not isinstance(value, bool)
