"""What a load remembers of the objects that it wrote: those that it changes again, and no others."""

from __future__ import annotations

import pytest

from backfill.jobs.load.versions import Versions
from backfill.model import Record
from tests.jobs.load.test_load import Spy, customer
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual


def change(number: int) -> dict[str, object]:
    payload = {"Notes": "from the old system"}
    return {"entity": "Customer", "operation": "update", "source_key": f"c{number}", "payload": payload}


async def test_what_is_changed_right_after_it_was_made_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[str] = []

    def know(self: Versions, entity: str, record: Record) -> None:
        known.append(record.id)
        remember(self, entity, record)

    remember = Versions.know
    monkeypatch.setattr(Versions, "know", know)
    spy = Spy()
    world = LoadWorld(wrap=spy)
    world.remember("Customer")
    await world.add(*(customer(number) for number in range(40)), *(change(number) for number in range(10)))
    await world.load()
    assert world.breaches() == []
    asked = [value for request in spy.sent for _, value in request.params]
    assert not [value for value in asked if "FROM Customer WHERE Id" in value]
    assert len(known) == 10, "a fleet's every answer would be a hundred megabytes"
