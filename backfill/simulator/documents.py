"""An object's JSON as QuickBooks keeps it: compact UTF-8, numbers with the scale they were given."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

Doc = dict[str, Any]
"""A decoded object: amounts are `Decimal` or `int`, everything else is plain JSON."""

MASKED_SSN = "XXX-XX-XXXX"
"""What Intuit's API answers in the place of an employee's social security number: the number itself is never said."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(Doc, float_hook=Decimal)

encode = _ENCODER.encode
"""A document to compact bytes; `Decimal("639.00")` becomes `639.00`."""

decode = _DECODER.decode
"""Bytes to a document; `639.00` becomes `Decimal("639.00")`. Raises `msgspec.DecodeError`."""


def money(cents: int) -> Decimal | int:
    """An amount in the scales that QuickBooks' answers mix: `0`, `639.00`, `22.5`, `22.57`."""
    if not cents:
        return 0
    if cents % 10 or not cents % 100:
        return Decimal(cents).scaleb(-2)
    return Decimal(cents // 10).scaleb(-1)


def cents(amount: Decimal | float) -> int:
    """An amount, which has two places at most, as whole cents."""
    return int(Decimal(amount).scaleb(2).to_integral_value())
