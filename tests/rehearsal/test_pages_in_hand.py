"""Which pages a rehearsed process has under way, as it is counted from outside."""

from __future__ import annotations

from contextlib import suppress

import anyio
import pytest

from backfill.errors import UnreadableError
from backfill.model import RealmId
from backfill.pacing.patience import Patience
from backfill.pacing.realm_room import PageMemory, RealmRoom
from backfill.qbo import calls
from backfill.rehearsal.pages_in_hand import PagesInHand, WatchedRoom
from backfill.wire import Response

pytestmark = pytest.mark.virtual

REALM = RealmId("1")


@pytest.mark.parametrize(("fails", "most_bytes"), [(True, 1_000), (False, 1_200)])
async def test_a_page_that_failed_is_in_nobodys_hand(fails: bool, most_bytes: int) -> None:
    """Nor is it while its reader gives back what it has; a page that is kept and does not fail is in hand."""
    pages = PagesInHand(head_bytes=200)
    room = WatchedRoom(RealmRoom(PageMemory(1), REALM, weight=1.0, patience=Patience()), pages)

    async def read(size_bytes: int) -> None:
        with suppress(UnreadableError):
            async with room.take(1_000):
                pages.asked(calls.query(REALM, "SELECT * FROM Deposit"))
                await anyio.sleep(1)
                pages.came(Response(status=200, body=b" " * size_bytes))
                if fails:
                    raise UnreadableError("not JSON", realm_id=REALM, asked="a page")
        await anyio.sleep(60)

    async with anyio.create_task_group() as group:
        group.start_soon(read, 200)
        group.start_soon(read, 1_000)
    assert pages.most_bytes == most_bytes
