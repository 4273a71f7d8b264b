"""Payloads of writes: decoded with their numbers' scale, checked against the tables before they cost a call, encoded.

The models are made of `payload_shapes`, one for each entity and part. What they refuse Intuit would refuse, too:
unknown properties (2010), what is missing (2020), texts too long (2050), dates and numbers that are none.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Any, Literal, cast

import msgspec
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from backfill.qbo.operations import IDENTIFIERS, Operation
from backfill.qbo.payload_shapes import ENTITY_KINDS, PART_KINDS, REQUIRED, Kinds

TEXT_CHARS_MAX = 4000
"""The longest text that Intuit documents, for notes and descriptions."""

LINES_MAX = 10_000
"""Lines of a transaction, after Intuit's limits."""

PAYLOAD_BYTES_MAX = 400_000
"""A payload must find its place in a batch."""

WHOLE_DIGITS_MAX, FRACTION_DIGITS_MAX = 20, 40
"""Of a number, before the point and after it: more than any amount, price or rate that QuickBooks takes has, or a small
float has when it is written out, and few enough for Postgres and for every calculation here."""

_CENT = Decimal("0.01")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # its exponent has some twenty digits
        raise msgspec.DecodeError("a number is larger, or nearer to nothing, than any that can be") from None


_DECODER = msgspec.json.Decoder(float_hook=_decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_SORTING_ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")


class PayloadFault(msgspec.Struct, frozen=True):
    """What is wrong with a payload, and where: `Line.0.Amount`."""

    path: str
    message: str


def decode(raw: bytes) -> Any:
    """Any JSON, numbers with their scale. Raises `msgspec.DecodeError`, and `UnicodeDecodeError` if it is no text."""
    return _DECODER.decode(raw)


def encode(value: Any) -> bytes:
    """Compact JSON, numbers with their scale; the same value always gives the same bytes."""
    return _ENCODER.encode(value)


def digest(value: Any) -> bytes:
    """What tells one content from another, in whatever order its properties stand."""
    return sha256(_SORTING_ENCODER.encode(value)).digest()


def faults_of(entity: str, operation: Operation, payload: Mapping[str, Any]) -> list[PayloadFault]:
    """Everything that is wrong with the payload; references must stand in it as QuickBooks has them.

    `Id` and `SyncToken` are the caller's matter.
    """
    if operation in {Operation.DELETE, Operation.VOID}:
        extra = payload.keys() - IDENTIFIERS
        return [PayloadFault(name, f"a {operation.value} has no content") for name in sorted(extra)]
    try:
        _model(entity).model_validate(payload)
    except ValidationError as error:
        return list(_said(entity, error))
    missing = list(_missing(entity, payload)) if operation in {Operation.CREATE, Operation.FULL_UPDATE} else []
    if operation is Operation.UPDATE and not payload.keys() - IDENTIFIERS:
        missing.append(PayloadFault("", "an update changes at least one property"))
    if entity == "JournalEntry" and "Line" in payload:
        missing += _unbalanced(payload["Line"] or ())
    return missing


def _missing(entity: str, payload: Mapping[str, Any]) -> Iterator[PayloadFault]:
    for names in REQUIRED[entity]:
        if not any(payload.get(name) not in (None, "", []) for name in names.split("|")):
            yield PayloadFault(names, f"a new {entity} needs {names.replace('|', ' or ')}")


def _unbalanced(lines: Any) -> Iterator[PayloadFault]:
    """A journal entry's debits are its credits (2300)."""
    sides = {"Debit": Decimal(0), "Credit": Decimal(0)}
    for line in lines:
        detail = line.get("JournalEntryLineDetail")
        if detail is None:
            continue
        side = detail.get("PostingType")
        if side not in sides:
            yield PayloadFault("Line", "a line of a journal entry has a PostingType")
            return
        sides[side] += Decimal(line.get("Amount") or 0).quantize(_CENT)
    if sides["Debit"] != sides["Credit"]:
        yield PayloadFault("Line", f"debits are {sides['Debit']}, credits {sides['Credit']}")


# Models


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a number is expected")  # noqa: TRY004  # pydantic takes it for a fault of the data
    _, digits, exponent = Decimal(value).as_tuple()
    if not isinstance(exponent, int) or not -FRACTION_DIGITS_MAX <= exponent <= WHOLE_DIGITS_MAX - len(digits):
        at_most = f"{WHOLE_DIGITS_MAX} digits before the point, and {FRACTION_DIGITS_MAX} after it"
        raise ValueError(f"a number has at most {at_most}")
    return value


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text  # it reads 2026-W01-1 and 20260131, too
    except ValueError:
        return False


def _day(value: object) -> object:
    if not isinstance(value, str) or not _is_day(value):
        raise ValueError("a date is expected, such as 2026-01-31")
    return value


def _moment(value: object) -> object:
    """What pydantic would take for seconds since 1970 is no moment of QuickBooks'."""
    if not isinstance(value, str) or not _is_day(value[:10]) or value[10:11] != "T":
        raise ValueError("a moment is expected, such as 2026-01-31T09:00:00-08:00")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


_REFERENCE_EXAMPLE = ', such as {"value": "58"}'


class _Reference(_Part):
    value: Annotated[str, Field(min_length=1, max_length=100)]
    name: str | None = None
    type: str | None = None


_Number = Annotated[Any, BeforeValidator(_number)]
_PLAIN: Mapping[str, Any] = MappingProxyType(
    {
        "date": Annotated[str, BeforeValidator(_day)],
        "time": Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_moment)],
        "number": _Number,
        "count": int,
        "flag": bool,
        "ref": _Reference,
        "any": Any,
    }
)


def _type_of(kind: str) -> Any:
    """The annotation of a kind, absent or null allowed."""
    word, _, argument = kind.partition(":")
    match word:
        case "text":
            return Annotated[str, Field(max_length=int(argument) if argument else TEXT_CHARS_MAX)]
        case "one":
            return Literal[tuple(argument.split("|"))]
        case "part":
            return _part(argument)
        case "list":
            return Annotated[list[_part(argument)], Field(max_length=LINES_MAX)]  # type: ignore[misc]  # made at run time
        case _:
            return _PLAIN[word]


def _made(name: str, kinds: Kinds) -> type[_Part]:
    fields = {property_: (_type_of(kind) | None, None) for property_, kind in kinds.items()}
    return cast("type[_Part]", create_model(name, __base__=_Part, **cast("Any", fields)))


@cache
def _part(name: str) -> Any:
    kinds = PART_KINDS[name]
    if name == "Group":  # its lines would be lines that hold it: they are not looked into
        kinds = {property_: "any" if kind == "list:Line" else kind for property_, kind in kinds.items()}
    return _made(name, kinds)


@cache
def _model(entity: str) -> type[_Part]:
    return _made(entity, ENTITY_KINDS[entity])


def _said(entity: str, error: ValidationError) -> Iterator[PayloadFault]:
    for each in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in each["loc"])
        message = each["msg"].removeprefix("Value error, ")
        if each["type"] == "model_type":  # its own words name our classes
            is_reference = each["ctx"]["class_name"] == _Reference.__name__
            message = f"an object is expected{_REFERENCE_EXAMPLE if is_reference else ''}"
        if each["type"] == "extra_forbidden":
            message = f"QuickBooks knows no such property{_near(entity, each['loc'])}"
        yield PayloadFault(path, message)


def _near(entity: str, place: tuple[int | str, ...]) -> str:
    """A hint at what was meant, from the properties of all shapes where the name stands in a part."""
    known = ENTITY_KINDS[entity] if len(place) == 1 else {name for kinds in PART_KINDS.values() for name in kinds}
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
