"""Seals in doubt: when each may be looked into."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from backfill.jobs.load.doubts import Doubts
from backfill.load_model import Seal
from backfill.wire import Lane

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
