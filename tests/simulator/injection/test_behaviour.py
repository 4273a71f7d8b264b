"""Other readings of what is undocumented, for some calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backfill.errors import UsageError
from backfill.simulator.injection.behaviour import Behaviour
from backfill.simulator.injection.injection import Injection


async def test_for_some_calls_the_service_behaves_otherwise(client_of) -> None:
    client = client_of(Injection(Behaviour(settings={"limit_plus_one": "true"}), entities=("Invoice",)))
    for entity, rows in (("Invoice", 3), ("Customer", 2)):
        answer = json.loads((await client.query(f"SELECT * FROM {entity} MAXRESULTS 2")).body)
        assert answer["QueryResponse"]["maxResults"] == rows
    capped = client_of(Injection(Behaviour(settings={"batch_object_cap": "2", "batch_shuffled": True})))
    answered = await capped.batch({"bId": "1", "Query": "SELECT * FROM Invoice"})
    assert answered[0]["QueryResponse"]["maxResults"] == 2
    uncapped = client_of(Injection(Behaviour(settings={"batch_object_cap": "off"})), batch_object_cap=2)
    assert (await uncapped.batch({"bId": "1", "Query": "SELECT * FROM Invoice"}))[0]["QueryResponse"]["maxResults"] == 6


@pytest.mark.parametrize("settings", [{}, {"latency_s": 1}, {"id_sort": "perhaps"}, {"cdc_object_cap": "many"}])
def test_a_behaviour_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings), "at least one")):
        Behaviour(settings=settings)
