"""How a literal of a statement compares with what an object holds."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

from backfill.simulator.envelopes import PACIFIC
from backfill.simulator.query.statement import Literal, LiteralKind, Operator

_ISO_DATE_LENGTH = 10

ORDERED: Mapping[Operator, Callable[[float, float], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.GREATER: operator.gt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER_OR_EQUAL: operator.ge,
}
"""The comparisons that have one literal and an order. Used for epoch seconds, numbers and text alike."""
_COMPARE: Mapping[Operator, Callable[[object, object], bool]] = ORDERED  # type: ignore[assignment]  # any two of a kind


def instant_of(literal: Literal, today: date) -> float | None:
    """Epoch seconds of a timestamp or date literal; without an offset it is Pacific. None: it is neither."""
    if literal.kind is LiteralKind.CURRENT_DATE:
        return datetime.combine(today, time(), PACIFIC).timestamp()
    try:
        instant = datetime.fromisoformat(literal.text.strip())
    except ValueError:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=PACIFIC)).timestamp()


def leaves(doc: object, path: tuple[str, ...]) -> Iterator[object]:
    """What an object holds at `path`: every element of a list, and of a reference its value."""
    if isinstance(doc, list):
        for element in doc:
            yield from leaves(element, path)
    elif not path:
        yield doc.get("value") if isinstance(doc, dict) else doc
    elif isinstance(doc, dict):
        yield from leaves(_attribute(doc, path[0]), path[1:])


def _attribute(doc: Mapping[str, object], name: str) -> object:
    """An attribute by its name; below the first level spelling varies (`Type`, `type`), so case does not count."""
    if name in doc:
        return doc[name]
    return next((value for key, value in doc.items() if key.lower() == name.lower()), None)


def matcher(condition_operator: Operator, literals: tuple[Literal, ...], today: date) -> Callable[[object], bool]:
    """A test of one leaf (None: the attribute is absent)."""
    if condition_operator is Operator.IN:
        tests = [_single(Operator.EQUAL, literal, today) for literal in literals]
        return lambda leaf: any(test(leaf) for test in tests)
    return _single(condition_operator, literals[0], today)


def _single(condition_operator: Operator, literal: Literal, today: date) -> Callable[[object], bool]:
    text = today.isoformat() if literal.kind is LiteralKind.CURRENT_DATE else literal.text
    if condition_operator is Operator.LIKE:
        pattern = re.compile(".*".join(re.escape(part) for part in text.split("%")), re.IGNORECASE | re.DOTALL)
        return lambda leaf: leaf is not None and pattern.fullmatch(str(leaf)) is not None
    compare = _COMPARE[condition_operator]
    number = _number(text)
    # A blank in quotes is the test for an absent attribute.
    blank = condition_operator is Operator.EQUAL and literal.kind is LiteralKind.STRING and not text.strip()

    def test(leaf: object) -> bool:
        match leaf:
            case None:
                return blank
            case bool():
                return compare(str(leaf).lower(), text.lower())
            case int() | Decimal():
                return number is not None and compare(leaf, number)
            case str():
                return (blank and not leaf.strip()) or compare(leaf.casefold(), _like(leaf, text))
            case _:
                return False

    return test


def _like(leaf: str, text: str) -> str:
    """The literal in the form of the leaf: a date is compared with the date of a timestamp."""
    dated = len(leaf) == _ISO_DATE_LENGTH and leaf[4:5] == leaf[7:8] == "-"
    return text.casefold()[:_ISO_DATE_LENGTH] if dated else text.casefold()


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def sort_key(leaf: object) -> tuple[int, object]:
    """Absent values first, then numbers, then text byte by byte, as the recorded order of names shows."""
    match leaf:
        case None:
            return (0, 0)
        case bool() | int() | Decimal():
            return (1, leaf)
        case _:
            return (2, str(leaf).encode())
