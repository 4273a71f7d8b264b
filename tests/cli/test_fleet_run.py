"""What runs beside the realms of a run: it may miss the database once, and goes on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from backfill.cli.extraction import newcomers
from backfill.cli.fleet_run import beat
from backfill.errors import UnavailableError
from backfill.model import RealmId, RunId

pytestmark = pytest.mark.virtual

RUN = RunId(1)


class Runs:
    """The table of runs, that once does not answer. The run is another's from `taken_at_s` on."""

    def __init__(self, *, taken_at_s: float = 4) -> None:
        self.beats: list[float] = []
        self.looks = 0
        self.forgotten = 0
        self._taken_at_s = taken_at_s

    async def heartbeat(self, _run_id: RunId) -> bool:
        self.beats.append(anyio.current_time())
        if len(self.beats) == 2:
            raise UnavailableError("no answer in time")
        return anyio.current_time() < self._taken_at_s

    async def forget(self) -> bool:
        self.forgotten += 1
        if self.forgotten == 1:
            raise UnavailableError("no answer in time")
        return self.forgotten < 3

    async def newcomers(self, _run_id: RunId) -> Mapping[RealmId, float]:
        self.looks += 1
        if self.looks == 1:
            raise UnavailableError("no answer in time")
        return {RealmId("7"): 2.0}


async def test_a_heart_misses_a_beat_and_stops_when_the_run_is_anothers() -> None:
    runs = Runs()
    await beat(runs, RUN, every_s=1)
    assert runs.beats == [1, 2, 3, 4]
    assert runs.forgotten == 3, "until there is no more"


async def test_a_look_for_newcomers_may_be_lost() -> None:
    run: Any = SimpleNamespace(runs=Runs(), run_id=RUN, weights={}, tally=SimpleNamespace(realms_total=0))
    come: list[RealmId] = []
    async with aclosing(newcomers(run, come)) as seen:  # type: ignore[type-var]  # it is a generator
        assert await anext(seen) == "7"
    assert (run.weights, come, run.runs.looks) == ({"7": 2.0}, ["7"], 2)
