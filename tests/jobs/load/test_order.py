"""Rows whose needs contradict the order of time, among more rows than are held: nothing waits for ever."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from tests.jobs.load.test_load import Spy, customer, invoice
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual

PATIENCE_S = 3600.0
"""Virtual ones: what waits for ever is seen to."""


async def test_a_deletion_of_what_is_yet_to_be_made_holds_nobody_up() -> None:
    """Deletions come first; this one has to wait, and more rows than are held stand behind it."""
    spy = Spy()
    world = LoadWorld(wrap=spy, options={"held_rows_max": 10})
    gone = {"entity": "Customer", "operation": "delete", "source_key": "c349"}
    await world.add(gone, *(customer(number) for number in range(350)))
    with anyio.fail_after(PATIENCE_S):
        await world.load()
    assert world.states() == {"applied": 351}
    full = [batch for batch in spy.batches() if len(batch) == 30]
    assert len(full) > 3, "the others need not go one after another for its sake"


async def test_more_rows_than_are_held_behind_one_that_needs_a_later_one_in_the_end() -> None:
    """An invoice needs a payment, and a change of the invoice comes before all payments."""
    world = LoadWorld(options={"held_rows_max": 10})
    payer, item = world.ref("Customer"), world.ref("Item", Type="Service")

    def payment(number: int) -> dict[str, Any]:
        payload = {"CustomerRef": payer, "TotalAmt": number + 1}
        return {"entity": "Payment", "source_key": f"p{number}", "payload": payload}

    linked = [{"TxnId": {"$ref": "Payment/p349"}, "TxnType": "Payment"}]
    note = {"entity": "Invoice", "operation": "update", "source_key": "i1", "payload": {"PrivateNote": "paid"}}
    made = invoice(1, "c0", item, CustomerRef=payer, LinkedTxn=linked)
    await world.add(note, *(payment(number) for number in range(350)), made)
    with anyio.fail_after(PATIENCE_S):
        await world.load()
    assert world.states() == {"applied": 352}


async def test_one_objects_changes_go_in_the_order_of_the_file_though_deletions_come_first() -> None:
    """Else what is changed would be gone, and be refused."""
    world = LoadWorld()
    held = [doc for doc in world.objects("Invoice") if not doc.get("LinkedTxn")][:2]

    def row(operation: str, number: int, **payload: str) -> dict[str, Any]:
        payload = {"Id": held[number]["Id"], **payload}
        return {"entity": "Invoice", "operation": operation, "source_key": f"{number}", "payload": payload}

    note = "for the record, before it goes"
    await world.add(row("update", 0, PrivateNote=note), row("delete", 0), row("delete", 1))
    await world.load()
    assert world.states() == {"applied": 3}, [kept.outcome for kept in world.kept()]
    (gone,) = world.kept(source_key="0", operation="delete")
    assert note.encode() in (gone.before or b""), "what was deleted had been changed"
