"""Parity sees every row that is missing, twice, in another table or different, and nothing else."""

from __future__ import annotations

import orjson
import pytest

from benchmarks import parity
from benchmarks.prebaked import document

ENTITIES = ("Invoice", "Bill")
ROWS = 5


def total(rows: list[tuple[str, str | bytes]], canonical: parity.Canonical = parity.whole) -> parity.Rows:
    return sum((parity.of_row(entity, canonical(text)) for entity, text in rows), parity.Rows())


@pytest.fixture
def rows() -> list[tuple[str, str | bytes]]:
    return [(entity, document(number)) for entity in ENTITIES for number in range(ROWS)]


def test_the_servers_rows_in_any_order_are_the_same(rows: list[tuple[str, str | bytes]]) -> None:
    held = parity.served(ENTITIES, ROWS, parity.whole)
    assert held.count == len(ENTITIES) * ROWS
    assert held.checksum != 0
    assert total(rows[::-1]) == held


def test_spaces_order_of_keys_and_trailing_zeros_do_not_matter(rows: list[tuple[str, str | bytes]]) -> None:
    written = [(entity, orjson.dumps(dict(reversed(orjson.loads(text).items())))) for entity, text in rows]
    assert written[0][1] != rows[0][1]
    assert total(written) == total(rows)


@pytest.mark.parametrize("canonical", [parity.whole, parity.keys])
def test_every_other_difference_does(rows: list[tuple[str, str | bytes]], canonical: parity.Canonical) -> None:
    held = parity.served(ENTITIES, ROWS, canonical)
    changed = orjson.dumps(orjson.loads(rows[0][1]) | {"SyncToken": "9"})
    wrong = {
        "missing": rows[1:],
        "another twice instead": [rows[1], *rows[1:]],
        "changed": [("Invoice", changed), *rows[1:]],
        "in another table": [("Bill", rows[0][1]), *rows[1:]],
    }
    assert total(rows, canonical) == held
    assert [name for name, landed in wrong.items() if total(landed, canonical) == held] == []


def test_whole_sees_what_keys_do_not(rows: list[tuple[str, str | bytes]]) -> None:
    changed = orjson.dumps(orjson.loads(rows[0][1]) | {"PrintStatus": "Printed"})
    assert parity.keys(changed) == parity.keys(rows[0][1])
    assert parity.whole(changed) != parity.whole(rows[0][1])
