"""Which way a row goes: in a batch, or by itself."""

from __future__ import annotations

import anyio
import pytest

from tests.jobs.load.test_load import customer
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual


async def test_what_a_batch_could_take_does_not_wait_to_be_written_by_itself() -> None:
    """Where the limits leave next to nothing beside the batches, single writes go out once in a long while."""
    world = LoadWorld(options={"single_window": 1})
    world.remember("Customer")
    await world.add(*(customer(number) for number in range(40)))
    began = anyio.current_time()
    await world.load()
    assert world.breaches() == []
    assert anyio.current_time() - began < 30
