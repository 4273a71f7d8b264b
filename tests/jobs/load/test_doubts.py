"""Seals in doubt: when each may be looked into."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from backfill.jobs.load.doubts import Doubts
from backfill.jobs.load.options import Mode
from backfill.load_model import Seal
from backfill.simulator.injection.batches import ItemFault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Lane
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual


async def test_the_first_that_is_due_is_not_kept_waiting_by_the_next() -> None:
    async def lose(_lease: object, seal_ids: Sequence[int], *, taken_over: bool) -> Sequence[Seal]:
        assert not taken_over
        return [Seal(seal_id, "", Lane.BATCH.value, "", (), b"", ()) for seal_id in seal_ids]

    work: Any = SimpleNamespace(
        ledger=SimpleNamespace(lose=lose),
        options=SimpleNamespace(settled_s=130),
        lease=None,
        realm_id="1",
        observe=lambda _event: None,
    )
    rows: Any = SimpleNamespace(tell=lambda: None)
    versions: Any = None
    doubts = Doubts(work, rows, versions, lanes=frozenset(Lane))
    assert doubts.next_at() == inf
    for seal_id in (1, 2):
        (seal,) = await lose(None, [seal_id], taken_over=False)
        await doubts.lost(seal, "no answer came")
        await anyio.sleep(30)
    assert doubts.next_at() == pytest.approx(130)
    assert len(doubts) == 2


async def test_what_is_left_of_a_request_goes_in_another_one() -> None:
    """The very same would do once more what of it was done, where Intuit does not know its requestid any more."""
    world = LoadWorld(mode=Mode.BATCH, settings=SimulatorSettings(request_id_again="executed"))
    world.remember("Payment")
    half = ItemFault(code="10000", share=0.5)
    world.simulator.injections.add(Injection(half, lanes=("batch",), times=1))
    payer = world.ref("Customer")
    contents = [{"CustomerRef": payer, "TotalAmt": amount} for amount in (7, 8, 9, 10)]
    await world.add(
        *({"entity": "Payment", "source_key": f"p{key}", "payload": payload} for key, payload in enumerate(contents))
    )
    await world.load()
    assert (world.breaches(), world.states()) == ([], {"applied": 4})
    assert sorted(seal.sends for seal in world.ledger.kept_seals()) == [1, 1]
