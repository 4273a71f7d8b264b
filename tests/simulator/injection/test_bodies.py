"""Bodies that are broken under a status of 200."""

from __future__ import annotations

import json

import pytest

from backfill.simulator.injection.bodies import InvalidBody, TruncatedBody
from backfill.simulator.injection.injection import Injection


async def test_broken_bodies(client_of) -> None:
    whole = (await client_of().query()).body
    cut = await client_of(Injection(TruncatedBody(share=0.25))).query()
    assert (cut.status, cut.body) == (200, whole[: len(whole) // 4])
    for flaw in ("comma", "byte", "nan"):
        client = client_of(Injection(InvalidBody(flaw=flaw)))
        response = await client.create(flaw)
        assert (response.status, client.names[-1]) == (200, flaw)
        with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
            json.loads(response.body)
