"""References by name: written in any case, and of more than one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from msgspec import structs

from backfill.jobs.load import reading, resolver
from backfill.load_model import Need
from backfill.model import Record
from backfill.qbo.payloads import encode
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request
from tests.jobs.load.test_load import Spy, customer, fault_codes, invoice
from tests.jobs.load.world import LoadWorld
from tests.jobs.world import Tap

if TYPE_CHECKING:
    from backfill.jobs.load.work import LoadWork

pytestmark = pytest.mark.virtual


def for_names(world: LoadWorld, *names: str) -> list[dict[str, Any]]:
    item = world.ref("Item", Type="Service")
    return [
        invoice(number, "", item, CustomerRef={"$ref": "Customer", "DisplayName": name})
        for number, name in enumerate(names)
    ]


async def land(world: LoadWorld, entity: str, object_id: str, **doc: str) -> None:
    """As an extract has read it some time ago."""
    lease = await world.store.acquire(world.realm)
    record = Record(id=object_id, sync_token=0, created_at=None, updated_at=None, doc=encode(doc))
    await world.store.land(lease, world.run_id, entity, [record])
    await world.store.release(lease)


def change(world: LoadWorld, entity: str, object_id: str, **parts: object) -> None:
    """A person does."""
    held = next(doc for doc in world.objects(entity) if doc["Id"] == object_id)
    kept = {key: value for key, value in held.items() if key not in {"Id", "SyncToken", "MetaData"}}
    world.company().replace(entity, object_id, kept | parts)


def billed(world: LoadWorld) -> dict[str, str]:
    """The customers of our invoices, by number."""
    docs = [doc for doc in world.objects("Invoice") if str(doc.get("DocNumber")).startswith("B-")]
    return {doc["DocNumber"]: doc["CustomerRef"]["value"] for doc in docs}


async def test_a_name_is_of_who_has_it_now_whoever_had_it_when_it_was_landed() -> None:
    """Renamed since, and another by the name; renamed, and nobody by it; made inactive."""
    world = LoadWorld()
    company = world.company()
    old, gone, left = (
        company.create("Customer", {"DisplayName": name, "Active": True}).id for name in ("Acme", "Gone", "Left")
    )
    for object_id, name in ((old, "Acme"), (gone, "Gone"), (left, "Left")):
        await land(world, "Customer", object_id, DisplayName=name)
    change(world, "Customer", old, DisplayName="Acme until May")
    change(world, "Customer", gone, DisplayName="Gone elsewhere")
    change(world, "Customer", left, DisplayName="Left (deleted)", Active=False)
    new = company.create("Customer", {"DisplayName": "Acme", "Active": True}).id
    await world.add(*for_names(world, "Acme", "Gone", "Left"))
    await world.load()
    assert billed(world) == {"B-0": new}
    assert fault_codes(world) == {"i1": "reference", "i2": "reference"}


async def test_a_name_that_a_row_gave_long_ago_is_of_who_has_it_now() -> None:
    """If nobody has, it is that row's object: its source means no other."""
    world = LoadWorld()
    await world.add(customer(1), customer(2), customer(3))
    await world.load()
    ids = {row.new.source_key: row.object_id for row in world.kept(entity="Customer")}
    for key in ("c1", "c2"):
        assert ids[key] is not None
        change(world, "Customer", str(ids[key]), DisplayName=f"Renamed {key}")
    other = world.company().create("Customer", {"DisplayName": "Customer of ours 1", "Active": True}).id
    await world.add(*for_names(world, *(f"Customer of ours {number}" for number in (1, 2, 3))))
    await world.load()
    assert billed(world) == {"B-0": other, "B-1": ids["c2"], "B-2": ids["c3"]}


async def test_a_name_that_is_nobodys_is_of_the_row_that_is_to_give_it_anew() -> None:
    """An earlier load's customer was renamed since. While one has its name, the second is refused, and it is meant."""
    world = LoadWorld()
    await world.add(customer(1), customer(2))
    await world.load()
    ids = {row.new.source_key: row.object_id for row in world.kept(entity="Customer")}
    change(world, "Customer", str(ids["c1"]), DisplayName="Renamed")
    names = [f"Customer of ours {number}" for number in (1, 2)]
    await world.add(
        *for_names(world, *names),
        *({"entity": "Customer", "source_key": name, "payload": {"DisplayName": name}} for name in names),
    )
    await world.load()
    (new,) = [row.object_id for row in world.kept(source_key=names[0])]
    assert billed(world) == {"B-0": new, "B-1": ids["c2"]}
    assert fault_codes(world) == {names[1]: "6240"}


async def test_one_name_in_several_cases() -> None:
    """Of an object that the company has, of one that was landed, and of one that another row makes."""
    world = LoadWorld()
    asked, landed = [doc for doc in world.objects("Customer") if doc["Active"]][:2]
    await land(world, "Customer", landed["Id"], DisplayName=landed["DisplayName"])
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


def spending(key: str, account: dict[str, str]) -> dict[str, Any]:
    lines = [
        {"Amount": 5, "DetailType": "JournalEntryLineDetail",
         "JournalEntryLineDetail": {"PostingType": side, "AccountRef": account}}
        for side in ("Debit", "Credit")
    ]  # fmt: skip
    return {"entity": "JournalEntry", "source_key": key, "payload": {"DocNumber": key, "Line": lines}}


async def test_what_the_company_has_is_named_by_its_number_which_no_query_may_ask_for() -> None:
    """Intuit's staff: an account's number "is a valid property but it is not filterable". So all accounts are read."""
    world = LoadWorld()
    ids = {
        number: world.company().create("Account", {"Name": name, "AccountType": "Expense", "AcctNum": number}).id
        for name, number in (("Paper", "6010"), ("Ink", "6011"))
    }
    rows = [spending(f"J-{number}", {"$ref": "Account", "AcctNum": number}) for number in ("6010", "6011", "6012")]
    await world.add(*rows)
    await world.load()
    assert fault_codes(world) == {"J-6012": "reference"}
    (row,) = world.kept(source_key="J-6012")
    assert row.outcome is not None
    assert "no active Account with AcctNum '6012'" in row.outcome.message
    made = {doc["DocNumber"]: doc for doc in world.objects("JournalEntry") if "J-601" in doc.get("DocNumber", "")}
    named = {key: doc["Line"][0]["JournalEntryLineDetail"]["AccountRef"]["value"] for key, doc in made.items()}
    assert named == {f"J-{number}": id_ for number, id_ in ids.items()}


async def test_a_landed_number_which_no_query_may_ask_for_is_confirmed_by_its_id() -> None:
    """All accounts are read for those numbers only that are not where they were landed."""
    spy = Spy()
    world = LoadWorld(wrap=spy)
    company = world.company()
    kept, moved = (
        company.create("Account", {"Name": name, "AccountType": "Expense", "AcctNum": number, "Active": True}).id
        for name, number in (("Paper", "6010"), ("Ink", "6011"))
    )
    await land(world, "Account", kept, AcctNum="6010")
    await land(world, "Account", moved, AcctNum="6011")
    await world.add(spending("J-6010", {"$ref": "Account", "AcctNum": "6010"}))
    await world.load()
    wholes = [request for request in spy.sent if "FROM Account WHERE MetaData.CreateTime" in str(request.params)]
    assert (fault_codes(world), wholes) == ({}, [])
    change(world, "Account", moved, AcctNum="7000")
    other = company.create("Account", {"Name": "Toner", "AccountType": "Expense", "AcctNum": "6011", "Active": True}).id
    await world.add(spending("J-6011", {"$ref": "Account", "AcctNum": "6011"}))
    await world.load()
    made = {doc["DocNumber"]: doc for doc in world.objects("JournalEntry") if "J-601" in doc.get("DocNumber", "")}
    named = {key: doc["Line"][0]["JournalEntryLineDetail"]["AccountRef"]["value"] for key, doc in made.items()}
    assert named == {"J-6010": kept, "J-6011": other}
    wholes = [request for request in spy.sent if "FROM Account WHERE MetaData.CreateTime" in str(request.params)]
    assert wholes, "else the first look at this proves nothing"


async def test_what_cannot_be_read_may_have_any_number_that_was_not_found() -> None:
    poisoned: dict[tuple[str, str], frozenset[str]] = {}
    world = LoadWorld(settings=SimulatorSettings(poisoned=poisoned))
    paper = {"Name": "Paper", "AccountType": "Expense", "AcctNum": "6010", "Active": True}
    broken = world.company().create("Account", paper | {"Name": "Ink", "AcctNum": "6011"})
    world.company().create("Account", paper)
    poisoned[world.realm, "Account"] = frozenset({broken.id})
    rows = [spending(f"J-{number}", {"$ref": "Account", "AcctNum": number}) for number in ("6010", "6011")]
    await world.add(*rows)
    await world.load()
    (row,) = world.kept(source_key="J-6011")
    assert row.outcome is not None
    assert "QuickBooks cannot read Account with AcctNum '6011'" in row.outcome.message
    assert fault_codes(world) == {"J-6011": "reference"}


async def test_a_number_is_looked_for_in_full_answers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one that is asked for together with it may be of more objects than an answer holds."""
    monkeypatch.setattr(reading, "PAGE_ROWS_MAX", 5)

    def shorten(request: Request, statement: str) -> Request | None:
        """As though an answer held no more."""
        params = (("query", statement.replace("MAXRESULTS 1000", "MAXRESULTS 5")),)
        return structs.replace(request, params=params) if "DocNumber IN" in statement else None

    world = LoadWorld(wrap=lambda inner: Tap(inner, before=shorten))
    company, base = world.company(), world.objects("Invoice")[0]
    for number in ("TWICE", "ONE", *["MANY"] * 6, "TWICE"):
        company.create("Invoice", {**base, "DocNumber": number, "TotalAmt": 90, "Balance": 90, "LinkedTxn": []})
        await anyio.sleep(1)

    def paying(number: str) -> dict[str, Any]:
        linked = {"TxnId": {"$ref": "Invoice", "DocNumber": number}, "TxnType": "Invoice"}
        lines = [{"Amount": 5, "LinkedTxn": [linked]}]
        payload = {"CustomerRef": {"value": base["CustomerRef"]["value"]}, "TotalAmt": 5, "Line": lines}
        return {"entity": "Payment", "source_key": number, "payload": payload}

    await world.add(*map(paying, ("MANY", "ONE", "TWICE")))
    await world.load()
    assert fault_codes(world) == {"MANY": "reference", "TWICE": "reference"}
    (row,) = world.kept(source_key="TWICE")
    assert row.outcome is not None
    assert "several objects are a Invoice with DocNumber 'TWICE'" in row.outcome.message


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
