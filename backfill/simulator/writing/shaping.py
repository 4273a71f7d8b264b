"""A request's body to the object it asks for: known properties only, every value of its kind, numbers as numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from backfill.simulator.documents import Doc
from backfill.simulator.faults import Fault, FaultedError, required
from backfill.simulator.writing.faults import bad_length, bad_value, unknown_field
from backfill.simulator.writing.schema.notation import Property, Shape
from backfill.simulator.writing.schema.table import CLASS_NAMES, ENTITY_SHAPES, PART_SHAPES

_CENT = Decimal("0.01")
_MOST = Decimal(99_999_999_999)  # the largest amount that QuickBooks documents
_DATE = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})([T+-].*|Z)?", re.ASCII)
_EMAIL = re.compile(r"[^\s@,;]+@[^\s@,;]+(\s*[,;]\s*[^\s@,;]+@[^\s@,;]+)*")  # several addresses are allowed
_FIRST_YEAR = 1900
_REFERENCE_KEYS = ("value", "name", "type")

Converter = Callable[[Property, Any], Any]


def shaped(entity: str, doc: Mapping[str, Any]) -> Doc:
    """The writable part of a body. A property sent as null or "" is there as None: not given, or to be cleared.

    Raises `FaultedError`: 2010 for a property that the entity does not have, 2040 to 2240 for values not of their kind.
    """
    return _shaped(ENTITY_SHAPES[entity], CLASS_NAMES.get(entity, entity), doc)


def _shaped(shape: Shape, class_name: str, doc: Mapping[str, Any]) -> Doc:
    found: Doc = {}
    for name, value in doc.items():
        known = shape.get(name)
        if known is None:
            raise FaultedError(unknown_field(name, class_name, shape))
        if not known.is_readonly:
            found[name] = None if value is None or value == "" else _KINDS[known.kind](known, value)
    return found


def _refuse(code: str, name: str, detail: str) -> FaultedError:
    return FaultedError(bad_value(code, name, detail))


def _text(known: Property, value: Any) -> str:
    if isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, int | Decimal):
        value = str(value)
    elif not isinstance(value, str):
        raise _refuse("2040", known.name, f"Property {known.name} should be a string")
    if len(value) > known.most_characters:
        raise FaultedError(bad_length(known.name, known.most_characters, len(value)))
    return str(value)


def _decimal(code: str, known: Property, value: Any, *, format_code: str = "") -> Decimal | int:
    """A number, sent as one or as text. What is no number has the given code; a text that is none, the other one."""
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    try:
        number = Decimal(value) if isinstance(value, str) else Decimal("nan")
    except InvalidOperation as error:
        detail = f"Property {known.name} has an invalid value: {value}"
        raise _refuse(format_code or code, known.name, detail) from error
    if not number.is_finite():
        raise _refuse(code, known.name, f"Property {known.name} has an invalid value: {value}")
    return number


def _in_range(known: Property, number: Decimal | int) -> Decimal | int:
    if not -_MOST <= number <= _MOST:
        raise _refuse("2240", known.name, f"Property {known.name} is out of range: {number}")
    return number


def _money(known: Property, value: Any) -> Decimal | int:
    return rounded(_in_range(known, _decimal("2140", known, value)))


def rounded(amount: Decimal | int) -> Decimal | int:
    """An amount to the cent, halves away from zero; one that has no more places stays as it was written."""
    if isinstance(amount, int):
        return amount
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    return amount if exponent >= -2 else amount.quantize(_CENT, ROUND_HALF_UP)


def number(known: Property, value: Any) -> Decimal | int:
    return _in_range(known, _decimal("2110", known, value, format_code="2100"))


def _quantity(known: Property, value: Any) -> Decimal | int:
    return _in_range(known, _decimal("2160", known, value))


def _percent(known: Property, value: Any) -> Decimal | int:
    number = _decimal("2150", known, value)
    if not 0 <= number <= 100:
        raise _refuse("2150", known.name, f"Property {known.name} is no percentage: {number}")
    return number


def _count(known: Property, value: Any) -> int:
    number = _in_range(known, _decimal("2090", known, value, format_code="2080"))
    if number != int(number):
        raise _refuse("2090", known.name, f"Property {known.name} should be a whole number: {value}")
    return int(number)


def _date(known: Property, value: Any) -> str:
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _refuse("2060", known.name, f"Property {known.name} should be a date as in 2020-09-29: {value}")
    year, month, day = (int(part) for part in match.group(1).split("-"))
    if year < _FIRST_YEAR:
        raise _refuse("2190", known.name, f"Property {known.name} is out of range: {value}")
    try:
        return date(year, month, day).isoformat()
    except ValueError as error:
        raise _refuse("2070", known.name, f"Property {known.name} is no date: {value}") from error


def _time(known: Property, value: Any) -> str:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _refuse("2070", known.name, f"Property {known.name} is no time: {value}") from error
    return str(value)


def _flag(known: Property, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise _refuse("2230", known.name, f"Property {known.name} should be true or false: {value}")


def _one(known: Property, value: Any) -> str:
    if value not in known.choices:
        raise _refuse(
            "2170", known.name, f"Property {known.name} has value {value}, which is none of {', '.join(known.choices)}"
        )
    return str(value)


def _word(known: Property, value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse("2040", known.name, f"Property {known.name} should be a string")
    return next((word for word in known.choices if word.lower() == value.lower()), value)


def _email(known: Property, value: Any) -> str:
    if not isinstance(value, str) or not _EMAIL.fullmatch(value.strip()):
        raise _refuse("2210", known.name, f"Email Address {value} is not in the expected format")
    return value.strip()


def _uri(known: Property, value: Any) -> str:
    if not isinstance(value, str) or any(character.isspace() for character in value):
        raise _refuse("2200", known.name, f"URL {value} is not in the expected format")
    return value


def _reference(known: Property, value: Any) -> Doc | None:
    if not isinstance(value, dict):
        raise _refuse("2120", known.name, f"Property {known.name} should be a reference")
    unknown = next((key for key in value if key not in _REFERENCE_KEYS), None)
    if unknown is not None:
        raise FaultedError(unknown_field(unknown, "ReferenceType", _REFERENCE_KEYS))
    given = {key: str(part) for key, part in value.items() if part is not None and part != ""}
    if given and "value" not in given:
        raise FaultedError(required(f"{known.name}.value"))
    return given or None


def _part(known: Property, value: Any) -> Doc:
    if not isinstance(value, dict):
        raise _refuse("2120", known.name, f"Property {known.name} should be an object")
    found = _shaped(PART_SHAPES[known.argument], known.argument, value)
    return {name: part for name, part in found.items() if part is not None}


def _list(known: Property, value: Any) -> list[Doc]:
    if not isinstance(value, list):
        raise _refuse("2120", known.name, f"Property {known.name} should be an array")
    return [_part(known, part) for part in value]


_KINDS: Mapping[str, Converter] = {
    "any": lambda _known, value: value,
    "count": _count,
    "date": _date,
    "email": _email,
    "flag": _flag,
    "list": _list,
    "money": _money,
    "number": number,
    "of": _part,
    "one": _one,
    "percent": _percent,
    "quantity": _quantity,
    "ref": _reference,
    "text": _text,
    "time": _time,
    "uri": _uri,
    "word": _word,
}
"""Kind of a property to what makes its value, or refuses it."""


def missing(doc: Mapping[str, Any], names: tuple[str, ...]) -> Fault | None:
    """2020 for the first of the names that the object does not have; of `A|B` one is enough, an empty array is none."""
    for name in names:
        if not any(doc.get(part) not in (None, []) for part in name.split("|")):
            return required(name.partition("|")[0])
    return None
