"""Caps: what is above is refused, and nothing else."""

from __future__ import annotations

import pytest

from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.sizes import AddressTooLong, AnswerTooLarge, BodyTooLarge, ListTooLong


@pytest.mark.parametrize(
    ("mishap", "status", "body", "text"),
    [
        (BodyTooLarge(over_bytes=100), 413, b"<!DOCTYPE", "SELECT * FROM Bill WHERE Id IN ('1','2','3')"),
        (AddressTooLong(over_bytes=100), 414, b"<!DOCTYPE", "SELECT * FROM Bill WHERE Id IN ('1','2','3')"),
        (AddressTooLong(over_bytes=100, status=400), 400, b"<!DOC", "SELECT * FROM Bill WHERE Id IN ('1','2','3')"),
        (ListTooLong(over_values=2), 400, b"4001", "SELECT * FROM Bill WHERE Id IN ('1','2','3')"),
        (AnswerTooLarge(over_rows=5), 500, b"10100", "SELECT * FROM Invoice"),
        (AnswerTooLarge(over_rows=5, code="6002"), 504, b"006002", "SELECT * FROM Invoice"),
    ],
)
async def test_caps_refuse_what_is_above_them_and_nothing_else(client_of, mishap, status, body: bytes, text) -> None:
    client = client_of(Injection(mishap))
    small = "SELECT * FROM Bill WHERE Id IN ('1','2')"
    if isinstance(mishap, BodyTooLarge):
        assert (await client.create("x" * 100)).status == status
        assert (await client.create("x")).status == 200
        return
    answer = await client.query(text)
    assert answer.status == status
    assert body in answer.body
    assert (await client.query(small)).status == 200
    assert client.struck == [1]
