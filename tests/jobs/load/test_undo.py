"""What takes a row back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backfill.jobs.load.undo import Reversal, reversal_of
from backfill.model import RealmId
from backfill.qbo.operations import Operation
from tests.jobs.load.test_load import fault_codes, invoice
from tests.jobs.load.world import LoadWorld

BEFORE = (
    b'{"Id":"9","SyncToken":"4","MetaData":{},"domain":"QBO","Notes":"old","Balance":1.50,'
    b'"Line":[{"Id":"1","Amount":2}]}'
)


def reversed_(entity: str, operation: Operation, *, before: bytes | None = None, **more: Any) -> Reversal:
    sent, made = more.get("sent", b'{"Line":[],"Active":true}'), more.get("made", ())
    return reversal_of(3, RealmId("42"), entity, operation, "9", before, sent=sent, line=1, made=made)


def payload(found: Reversal) -> Any:
    assert found.row is not None
    return json.loads(found.row.payload)


def test_what_was_made_is_deleted_or_made_inactive() -> None:
    found = reversed_("Invoice", Operation.CREATE)
    assert found.row is not None
    assert (found.row.operation, payload(found), found.row.undoes, found.caveat) == ("delete", {"Id": "9"}, 3, "")
    assert found.row.source_key == "undo:3"
    name = reversed_("Customer", Operation.CREATE)
    assert name.words == "make inactive Customer 9"
    assert name.caveat


def test_what_was_changed_is_made_what_it_was() -> None:
    found = reversed_("Customer", Operation.UPDATE, before=BEFORE)
    assert found.row is not None
    assert found.row.operation == "full_update"
    assert found.caveat == "what others changed in it since goes, too"
    assert b'"Balance":1.50' in found.row.payload
    assert payload(found) == {"Id": "9", "Notes": "old", "Balance": 1.5, "Line": [{"Id": "1", "Amount": 2}]}


def test_of_a_sparse_update_only_its_own_parts_are_made_what_they_were() -> None:
    """What other people changed since stays."""
    found = reversed_("Customer", Operation.UPDATE, before=BEFORE, sent=b'{"Id":"9","Notes":"new","Title":"Dr."}')
    assert found.row is not None
    assert (found.row.operation, payload(found)) == ("update", {"Id": "9", "Notes": "old", "Title": ""})
    assert (found.words, found.caveat) == ("make Notes, Title of Customer 9 what it was", "")


def test_what_was_deleted_is_made_again_and_what_was_made_inactive_is_made_active() -> None:
    found = reversed_("Invoice", Operation.DELETE, before=BEFORE)
    assert found.row is not None
    assert (found.row.operation, "Id" in payload(found)) == ("create", False)
    assert found.caveat == "under another Id, and without its links"
    assert reversed_("Customer", Operation.DELETE, before=BEFORE).words == "make Customer 9 what it was"


def test_changes_of_what_goes_altogether_need_no_reversal() -> None:
    made = {("42", "Invoice", "9")}
    assert reversed_("Invoice", Operation.UPDATE, before=BEFORE, made=made).row is None
    assert reversed_("Invoice", Operation.CREATE, made=made).row is not None


def test_what_cannot_be_taken_back_says_so() -> None:
    assert reversed_("TaxAgency", Operation.CREATE) == Reversal(
        None, "TaxAgency 9 stays", "QuickBooks has no way to take it away"
    )
    assert "not known" in reversed_("Invoice", Operation.UPDATE).caveat
    assert "void" in reversed_("Invoice", Operation.VOID, before=BEFORE).caveat


async def to_be_undone(world: LoadWorld) -> None:
    """Import what takes back all that took effect, the newest first."""
    reversals = [
        reversal_of(
            row.row_id, row.new.realm_id, row.new.entity, Operation(row.new.operation), row.object_id or "",
            row.before, sent=row.new.payload, line=number, made=(),
        )
        for number, row in enumerate(reversed(world.ledger.kept_rows()), start=1)
    ]  # fmt: skip
    world.loads += (await world.ledger.add([found.row for found in reversals if found.row is not None])).loads


@pytest.mark.virtual
async def test_what_people_deleted_since_is_taken_back_already() -> None:
    world = LoadWorld()
    await world.add(invoice(0, "", world.ref("Item", Type="Service"), CustomerRef=world.ref("Customer")))
    await world.load()
    (made,) = [row.object_id for row in world.kept(source_key="i0")]
    world.company().delete("Invoice", str(made))
    await to_be_undone(world)
    await world.load()
    assert fault_codes(world) == {}
    assert world.states() == {"undone": 1, "adopted": 1}


@pytest.mark.virtual
async def test_who_takes_an_undoing_back_has_done_the_load_again() -> None:
    """The source adds nothing to that, and what is there is taken back as it was before."""
    world = LoadWorld()
    numbered = {"CustomerRef": world.ref("Customer"), "DocNumber": "ONCE"}
    source = [invoice(0, "", world.ref("Item", Type="Service"), **numbered)]

    def there() -> int:
        return [doc.get("DocNumber") for doc in world.objects("Invoice")].count("ONCE")

    async def taken_back(key: str) -> None:
        (row,) = world.kept(source_key=key)
        found = reversal_of(
            row.row_id, row.new.realm_id, row.new.entity, Operation(row.new.operation), row.object_id or "",
            row.before, sent=row.new.payload, line=1, made=(),
        )  # fmt: skip
        assert found.row is not None
        world.loads = (await world.ledger.add([found.row])).loads
        await world.load()

    await world.add(*source)
    await world.load()
    await taken_back("i0")
    assert there() == 0
    await taken_back("undo:1")
    assert there() == 1
    assert (await world.add(*source)).known == 1
    await world.load()
    assert there() == 1
    await taken_back("i0")
    assert there() == 0


@pytest.mark.virtual
async def test_deleted_and_voided_invoices_are_there_again_with_their_lines() -> None:
    world = LoadWorld()
    world.set_preference("SalesFormsPrefs", CustomTxnNumbers=True)  # else what is made again gets a stamp
    free = [doc for doc in world.objects("Invoice") if not doc.get("LinkedTxn") and doc["TotalAmt"] > 0]
    gone, voided, changed = free[:3]
    await world.add(
        {"entity": "Invoice", "operation": "delete", "source_key": "d", "payload": {"Id": gone["Id"]}},
        {"entity": "Invoice", "operation": "void", "source_key": "v", "payload": {"Id": voided["Id"]}},
        {
            "entity": "Invoice",
            "operation": "update",
            "source_key": "u",
            "payload": {"Id": changed["Id"], "PrivateNote": "ours"},
        },
    )
    await world.load()
    assert world.states() == {"applied": 3}
    there = {doc["Id"]: doc for doc in world.objects("Invoice")}
    assert gone["Id"] not in there
    assert (there[voided["Id"]]["TotalAmt"], there[changed["Id"]]["PrivateNote"]) == (0, "ours")
    await to_be_undone(world)
    await world.load()
    assert world.states() == {"undone": 3, "applied": 3}, [row.outcome for row in world.ledger.kept_rows()]
    after = world.objects("Invoice")
    for old in (gone, voided, changed):
        (new,) = [doc for doc in after if doc["DocNumber"] == old["DocNumber"]]
        for name in ("TotalAmt", "Balance", "CustomerRef", "TxnDate", "PrivateNote"):
            assert new.get(name) == old.get(name), name
        assert [line["Amount"] for line in new["Line"]] == [line["Amount"] for line in old["Line"]]
