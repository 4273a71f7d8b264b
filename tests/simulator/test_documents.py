"""Numbers keep their scale on the way through a document."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backfill.simulator.documents import cents, decode, encode, money


@pytest.mark.parametrize("raw", [b'{"a":639.00}', b'{"a":22.5}', b'{"a":0}', b'{"a":-0.05}', b'{"a":12.3456789}'])
def test_a_number_keeps_its_scale(raw: bytes) -> None:
    assert encode(decode(raw)) == raw


def test_text_stays_utf_8_and_unescaped() -> None:
    raw = '{"a":"O\'Brien \\\\ \\"北京\\" 🌮"}'.encode()
    assert encode(decode(raw)) == raw


@pytest.mark.parametrize(
    ("amount", "text"), [(0, b"0"), (63_900, b"639.00"), (2_250, b"22.5"), (2_257, b"22.57"), (-5, b"-0.05")]
)
def test_amounts_are_written_in_the_scales_that_quickbooks_mixes(amount: int, text: bytes) -> None:
    assert encode(money(amount)) == text
    assert cents(Decimal(text.decode())) == amount
