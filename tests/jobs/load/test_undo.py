"""What takes a row back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backfill.jobs.load.options import Mode
from backfill.jobs.load.undo import Generations, Reversal, reversal_of
from backfill.load_model import RowState
from backfill.model import RealmId
from backfill.qbo.operations import Operation
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.network import LostReply, LostRequest
from backfill.simulator.injection.refusals import ApiFault
from backfill.simulator.settings import SimulatorSettings
from tests.jobs.load.test_load import customer, fault_codes, invoice
from tests.jobs.load.world import LoadWorld

BEFORE = (
    b'{"Id":"9","SyncToken":"4","MetaData":{},"domain":"QBO","Notes":"old","Balance":1.50,'
    b'"Line":[{"Id":"1","Amount":2}]}'
)


def reversed_(entity: str, operation: Operation, *, before: bytes | None = None, **more: Any) -> Reversal:
    sent = more.get("sent", b'{"Line":[],"Active":true}')
    return reversal_of(
        3,
        RealmId("42"),
        entity,
        operation,
        "9",
        before,
        sent=sent,
        line=1,
        goes=more.get("goes", False),
        below=more.get("below", 0),
    )


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
    assert reversed_("Invoice", Operation.UPDATE, before=BEFORE, goes=True).row is None
    assert reversed_("Invoice", Operation.UPDATE, before=BEFORE).row is not None


def test_what_cannot_be_taken_back_says_so() -> None:
    assert reversed_("TaxAgency", Operation.CREATE) == Reversal(
        None, "TaxAgency 9 stays", "QuickBooks has no way to take it away"
    )
    assert "not known" in reversed_("Invoice", Operation.UPDATE).caveat
    assert "void" in reversed_("Invoice", Operation.VOID, before=BEFORE).caveat


def test_what_is_below_another_is_made_inactive_before_it_and_active_after_it() -> None:
    """Their parents are named by a key, an Id and a name; the newest comes first."""
    rows: list[tuple[str, dict[str, Any]]] = [
        ("leaf", {"DisplayName": "Leaf", "ParentRef": {"value": "3"}}),
        ("twig", {"DisplayName": "Twig", "ParentRef": {"$ref": "Customer", "DisplayName": "BRANCH"}}),
        ("branch", {"DisplayName": "Branch", "ParentRef": {"$ref": "Customer/tree"}}),
        ("tree", {"DisplayName": "Tree", "ParentRef": {"value": "99"}}),
        ("bush", {"DisplayName": "Bush"}),
    ]
    generations = Generations()
    ranks = {}
    for number, (key, content) in zip((4, 3, 2, 1, 5), rows, strict=True):
        below = generations.below(RealmId("42"), "Customer", key, str(number), json.dumps(content).encode())
        found = reversed_("Customer", Operation.CREATE, below=below)
        assert found.row is not None
        ranks[key] = found.row.rank
    assert sorted(ranks, key=lambda key: (ranks[key], key)) == ["bush", "leaf", "twig", "branch", "tree"]
    assert ranks["bush"] == ranks["leaf"], "all that is nobody's parent goes together"
    assert generations.below(RealmId("43"), "Customer", "tree", "1", b"{}") == 0, "another company's"
    assert generations.below(RealmId("42"), "Vendor", "tree", "1", b"{}") == 0
    account, invoice = reversed_("Account", Operation.CREATE).row, reversed_("Invoice", Operation.CREATE).row
    assert account is not None
    assert invoice is not None
    assert invoice.rank < min(ranks.values()) <= max(ranks.values()) < account.rank
    again = [
        reversed_("Customer", Operation.DELETE, before=json.dumps({"FullyQualifiedName": name}).encode()).row
        for name in ("Tree", "Tree:Branch", "Tree:Branch:Leaf")
    ]
    assert [row.rank - again[0].rank for row in again if row and again[0]] == [0, 1, 2]


async def to_be_undone(world: LoadWorld) -> None:
    """Import what takes back all that took effect, the newest first."""
    reversals = [
        reversal_of(
            row.row_id, row.new.realm_id, row.new.entity, Operation(row.new.operation), row.object_id or "",
            row.before, sent=row.new.payload, line=number, goes=False,
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
async def test_loads_may_be_undone_in_any_order() -> None:
    """A change is gone with the object that an earlier load had made, and whose undoing came first."""
    world = LoadWorld()
    await world.add(invoice(0, "", world.ref("Item", Type="Service"), CustomerRef=world.ref("Customer")))
    await world.load()
    note = {"PrivateNote": "of the second load"}
    await world.add({"entity": "Invoice", "operation": "update", "source_key": "i0", "payload": note})
    await world.load()
    await undone(world, "i0")
    (changed,) = world.kept(source_key="i0", operation="update")
    reversal = reversal_of(
        changed.row_id, world.realm, "Invoice", Operation.UPDATE, str(changed.object_id), changed.before,
        sent=changed.new.payload, line=1, goes=False,
    )  # fmt: skip
    assert reversal.row is not None
    world.loads += (await world.ledger.add([reversal.row])).loads
    await world.load()
    assert fault_codes(world) == {}
    assert world.states() == {"undone": 2, "applied": 1, "adopted": 1}


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
            row.before, sent=row.new.payload, line=1, goes=False,
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


async def undone(world: LoadWorld, *keys: str) -> None:
    """Take back what the rows of these keys did."""
    loads, world.loads = world.loads, ()
    found = [
        reversal_of(
            row.row_id, row.new.realm_id, row.new.entity, Operation(row.new.operation), row.object_id or "",
            row.before, sent=row.new.payload, line=1, goes=False,
        ).row
        for key in keys for row in world.kept(source_key=key, operation="create")
    ]  # fmt: skip
    await world.ledger.add([row for row in found if row is not None])
    world.loads = (*loads, *{row.load_id for row in world.ledger.kept_rows()})
    await world.load()


def named(world: LoadWorld, *names: str) -> list[tuple[str, bool, str]]:
    """Id, whether it is active, and notes, in the names' order."""
    found = [(doc["DisplayName"].removesuffix(" (deleted)"), doc) for doc in world.objects("Customer")]
    return [
        (doc["Id"], doc["Active"], doc.get("Notes", ""))
        for name, doc in sorted(found, key=lambda pair: (*names, pair[0]).index(pair[0]))
        if name in names
    ]


MISHAPS: dict[str, Mishap | None] = {
    "none": None,
    "a lost reply": LostReply(),
    "a lost request": LostRequest(),
    "a late commit": LostReply(hold_s=125),
    "a refusal for the moment": ApiFault(code="5010"),
}


@pytest.mark.virtual
@pytest.mark.parametrize("mode", [Mode.FREE, Mode.BATCH])
@pytest.mark.parametrize("mishap", MISHAPS)
async def test_a_name_that_an_undo_made_inactive_is_made_active_again(mode: Mode, mishap: str) -> None:
    """QuickBooks gives no new object the name of an inactive one (6240)."""
    world = LoadWorld(mode=mode, settings=SimulatorSettings(request_id_again="executed"))
    source = [customer(number, Notes=f"first {number}") for number in range(3)]
    below = {"DisplayName": "Below", "Job": True, "ParentRef": {"$ref": "Customer/c1"}}
    source.append({"entity": "Customer", "source_key": "below", "payload": below})
    await world.add(*source)
    await world.load()
    names = [str(row["payload"]["DisplayName"]) for row in source]
    ids = [id_ for id_, _, _ in named(world, *names)]
    for turn in ("second", "third"):
        await undone(world, "below", "c0", "c1", "c2")
        assert [active for _, active, _ in named(world, *names)] == [False] * 4
        source[0]["payload"]["Notes"] = turn
        if (struck := MISHAPS[mishap]) is not None:
            world.simulator.injections.add(Injection(struck, lanes=("write", "batch"), times=1))
        await world.add(*source)
        await world.load()
        assert fault_codes(world) == {}
        assert named(world, *names) == [
            (ids[0], True, turn), (ids[1], True, "first 1"), (ids[2], True, "first 2"), (ids[3], True, ""),
        ]  # fmt: skip
        states = {row.state for row in world.kept(operation="create")}
        assert states <= {RowState.APPLIED, RowState.ADOPTED}
        assert (RowState.ADOPTED in states) == (mishap in {"a lost reply", "a late commit"}), "what is there is adopted"
        assert (await world.add(*source)).known == 4


@pytest.mark.virtual
async def test_what_is_called_otherwise_by_now_stays_inactive() -> None:
    """Whether the row was corrected, or people gave the inactive one another name."""
    world = LoadWorld()
    await world.add(customer(0), customer(1))
    await world.load()
    ids = [str(row.object_id) for row in world.kept(operation="create")]
    await undone(world, "c0", "c1")
    company = world.company()
    (doc,) = [doc for doc in world.objects("Customer") if doc["Id"] == ids[1]]
    renamed = {key: value for key, value in doc.items() if key not in {"Id", "SyncToken", "MetaData"}}
    company.replace("Customer", ids[1], renamed | {"DisplayName": "Somebody else"})
    await world.add(customer(0, DisplayName="Corrected"), customer(1))
    await world.load()
    assert fault_codes(world) == {}
    there = {doc["Id"]: doc for doc in world.objects("Customer")}
    assert [there[id_]["Active"] for id_ in ids] == [False, False]
    new = [str(row.object_id) for row in world.kept(operation="create")]
    assert [there[id_]["DisplayName"] for id_ in new] == ["Corrected", "Customer of ours 1"]
    assert not set(new) & set(ids)


@pytest.mark.virtual
async def test_what_changed_an_object_before_it_was_made_anew_changes_it_again() -> None:
    """Else what the other source says would be known, and not stand in the object."""
    world = LoadWorld()
    change = {"entity": "Customer", "operation": "update", "source_key": "c0", "payload": {"Notes": "changed"}}
    await world.add(customer(0, Notes="first"))
    await world.load()
    await world.add(change)
    await world.load()
    assert (await world.add(change)).known == 1
    await undone(world, "c0")
    await world.add(customer(0, Notes="first"))
    await world.load()
    (before,) = named(world, "Customer of ours 0")
    assert (await world.add(change)).replaced == 1
    await world.load()
    (after,) = named(world, "Customer of ours 0")
    assert (before[1:], after[1:], before[0] == after[0]) == ((True, "first"), (True, "changed"), True)
    assert (await world.add(change)).known == 1
