"""References by name: written in any case, and of more than one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from backfill.jobs.load import resolver
from backfill.load_model import Need
from backfill.model import Record
from tests.jobs.load.test_load import customer, fault_codes, invoice
from tests.jobs.load.world import LoadWorld

if TYPE_CHECKING:
    from backfill.jobs.load.work import LoadWork

pytestmark = pytest.mark.virtual


def for_names(world: LoadWorld, *names: str) -> list[dict[str, Any]]:
    item = world.ref("Item", Type="Service")
    return [
        invoice(number, "", item, CustomerRef={"$ref": "Customer", "DisplayName": name})
        for number, name in enumerate(names)
    ]


async def test_one_name_in_several_cases() -> None:
    """Of an object that the company has, of one that was landed, and of one that another row makes."""
    world = LoadWorld()
    asked, landed = [doc for doc in world.objects("Customer") if doc["Active"]][:2]
    lease = await world.store.acquire(world.realm)
    doc = f'{{"DisplayName":"{landed["DisplayName"]}"}}'.encode()
    record = Record(id=landed["Id"], sync_token=0, created_at=None, updated_at=None, doc=doc)
    await world.store.land(lease, world.run_id, "Customer", [record])
    await world.store.release(lease)
    names = [asked["DisplayName"], landed["DisplayName"], "Customer of ours 7"]
    await world.add(*for_names(world, *names, *map(str.upper, names), *map(str.lower, names)), customer(7))
    await world.load()
    assert fault_codes(world) == {}
    made = [doc for doc in world.objects("Invoice") if str(doc.get("DocNumber")).startswith("B-")]
    assert sorted(doc["CustomerRef"]["name"] for doc in made) == sorted(names * 3)


async def test_a_name_of_rows_below_different_parents_is_refused() -> None:
    """Any one of them would be a guess. Names below one parent are one, and the company refuses the second."""
    world = LoadWorld()

    def account(key: str, name: str, **more: object) -> dict[str, Any]:
        payload = {"Name": name, "AccountType": "Expense", **more}
        return {"entity": "Account", "source_key": key, "payload": payload}

    def below(key: str, name: str, parent: str) -> dict[str, Any]:
        return account(key, name, SubAccount=True, ParentRef={"$ref": f"Account/{parent}"})

    def entry(key: str, name: str) -> dict[str, Any]:
        lines = [
            {"Amount": 5, "DetailType": "JournalEntryLineDetail",
             "JournalEntryLineDetail": {"PostingType": side, "AccountRef": {"$ref": "Account", "Name": of}}}
            for side, of in (("Debit", name), ("Credit", "North"))
        ]  # fmt: skip
        return {"entity": "JournalEntry", "source_key": key, "payload": {"DocNumber": key, "Line": lines}}

    await world.add(
        entry("guess", "Other"),
        entry("known", "Alone"),
        account("n", "North"),
        account("s", "South"),
        below("n-other", "Other", "n"),
        below("s-other", "Other", "s"),
        below("alone", "Alone", "n"),
        below("again", "Alone", "n"),
    )
    await world.load()
    codes = fault_codes(world)
    assert (codes.pop("guess"), set(codes) <= {"alone", "again"}, len(codes)) == ("reference", True, 1)
    (row,) = world.kept(source_key="guess")
    assert row.outcome is not None
    assert "several rows make it, Account with Name 'Other', below different parents" in row.outcome.message


async def test_what_another_row_makes_is_named_by_its_number() -> None:
    """In one source, in the wrong order, and written otherwise."""
    world = LoadWorld()
    account = {"Name": "Numbered", "AccountType": "Expense", "AcctNum": "Q-6010"}
    lines = [
        {"Amount": 5, "DetailType": "JournalEntryLineDetail",
         "JournalEntryLineDetail": {"PostingType": side, "AccountRef": {"$ref": "Account", "AcctNum": number}}}
        for side, number in (("Debit", "Q-6010"), ("Credit", "q-6010"))
    ]  # fmt: skip
    await world.add(
        {"entity": "JournalEntry", "source_key": "j", "payload": {"DocNumber": "J-1", "Line": lines}},
        {"entity": "Account", "source_key": "a", "payload": account},
    )
    await world.load()
    assert world.states() == {"applied": 2}, [row.outcome for row in world.kept()]


async def test_of_what_is_remembered_that_is_kept_which_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not used goes, however long the others have been there; and nobody goes for one that is there already."""
    monkeypatch.setattr(resolver, "_KNOWN_MAX", 2)
    subject = resolver.Resolver(cast("LoadWork", None))  # it is asked for nothing that it does not know
    old, used, new = (Need("Customer", "DisplayName", name) for name in ("old", "used", "new"))
    subject.know(used, "1")
    subject.know(old, "2")
    assert (await subject.resolve([used])).ids == {used: "1"}
    subject.know(new, "3")
    assert (await subject.resolve([used, new])).ids == {used: "1", new: "3"}
