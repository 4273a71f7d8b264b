"""Verify: what is broken in the landing is named, what the company changed since is not, repair puts it right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import anyio
import pytest
from msgspec import structs

from backfill.jobs.equality import about, compared
from backfill.jobs.rates import RATES_OF_THE_DAY
from backfill.jobs.verified import verified_realm
from backfill.jobs.verify import IDS_PER_STATEMENT, VerifyOptions
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RunId, Scan
from backfill.simulator.documents import decode
from backfill.simulator.injection.batches import ItemFault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.rows import PoisonedRow
from backfill.simulator.injection.sizes import AnswerTooLarge
from backfill.simulator.settings import SimulatorSettings
from backfill.store.memory_rows import Row
from backfill.store.memory_verifications import MemoryVerifications
from backfill.verdict_model import DifferenceKind, Verdict
from tests.jobs.world import BEGIN, World

Named = set[tuple[str, str, DifferenceKind]]


async def verified(world: World, *, run: int, deep: bool = True, repair: bool = False) -> Mapping[str, Verdict]:
    landed = MemoryVerifications(world.store)

    async def task(work: RealmWork, _scan: Scan) -> Sequence[Proof]:
        await verified_realm(work, landed, VerifyOptions(entities=world.entities, deep=deep), repair=repair)
        return []

    world.task = task
    result = await world.extract(run_id=RunId(run))
    assert result.troubles == []
    return landed.verdicts(world.realm)


def differing(verdicts: Mapping[str, Verdict]) -> Named:
    return {(entity, one.id, one.kind) for entity, verdict in verdicts.items() for one in verdict.differences}


def rows(world: World, entity: str) -> dict[str, Row]:
    """The held rows themselves, to be broken."""
    found = world.store.rows(world.realm, entity)
    assert isinstance(found, dict)
    return found


def broken(world: World) -> Named:
    """A row dropped, a document altered in its version, one that is not in the company, one marked deleted."""
    dropped = rows(world, "Customer").popitem()[0]
    id_, invoice = next(iter(rows(world, "Invoice").items()))
    rows(world, "Invoice")[id_] = replace(invoice, doc=invoice.doc.replace(b'"TotalAmt":', b'"TotalAmt":1'))
    bill = next(iter(rows(world, "Bill").values()))
    rows(world, "Bill")["99999999"] = bill
    vendor_id, vendor = next(iter(rows(world, "Vendor").items()))
    rows(world, "Vendor")[vendor_id] = replace(vendor, deleted_at=BEGIN.replace(year=2030))
    return {
        ("Customer", dropped, DifferenceKind.MISSING),
        ("Invoice", id_, DifferenceKind.ALTERED),
        ("Bill", "99999999", DifferenceKind.EXTRA),
        ("Vendor", vendor_id, DifferenceKind.MISSING),
    }


@pytest.mark.virtual
async def test_what_was_extracted_is_equal() -> None:
    world = World(seed=2)
    await world.extract()
    verdicts = await verified(world, run=2)
    assert differing(verdicts) == set()
    assert {entity for entity, one in verdicts.items() if one.equal is None} == {"TrialBalance"}
    assert sum(one.compared for one in verdicts.values()) > world.company_of().rows * 0.9


@pytest.mark.virtual
async def test_each_break_is_named_and_repaired() -> None:
    world = World(seed=2)
    await world.extract()
    named = broken(world)
    assert differing(await verified(world, run=2)) == named
    assert differing(await verified(world, run=3, repair=True)) == set()
    assert differing(await verified(world, run=4)) == set()
    assert rows(world, "Bill")["99999999"].deleted_at is not None


@pytest.mark.parametrize("text", [b"\xc3", rb"\ud800"])
def test_a_text_that_is_none_differs_and_can_be_said(text: bytes) -> None:
    there = b'{"DisplayName":"Caf' + text + b'"}'
    one = compared(b'{"DisplayName":"Caf"}', there, None)
    for said in (one.detail, about(there)):
        assert "Caf" in said
        said.encode()


@pytest.mark.virtual
async def test_of_which_currencies_the_rates_are_may_be_unknown() -> None:
    world = World(seed=2)
    await world.extract()
    company = world.company_of()
    for row in company.table("CompanyCurrency").all():
        own = {key: value for key, value in decode(row.doc).items() if key not in {"Id", "SyncToken", "MetaData"}}
        company.replace("CompanyCurrency", row.id, own | {"Code": None})
    await anyio.sleep(60)  # past the second of the last change
    found = await verified(world, run=2)
    assert "a currency of the company cannot be read" in found["ExchangeRate"].note
    assert found["Invoice"].note == ""


@pytest.mark.virtual
@pytest.mark.parametrize("needs_a_day", [False, True])
async def test_rates_are_compared_and_repaired(needs_a_day: bool) -> None:
    """Without a COUNT and without Ids; where Intuit wants a day to be named, those of that day."""
    world = World(seed=2)
    company, day = world.company_of(), BEGIN.date().isoformat()
    for row in company.table("CompanyCurrency").all():
        rate = {"SourceCurrencyCode": decode(row.doc)["Code"], "AsOfDate": day, "Rate": Decimal("1.10")}
        company.create("ExchangeRate", rate)
    await anyio.sleep(60)  # past the second of the last change
    await world.extract()
    held = rows(world, "ExchangeRate")
    if needs_a_day:
        proven, run = world.store._realms[world.realm].proofs["ExchangeRate"]
        world.store._realms[world.realm].proofs["ExchangeRate"] = structs.replace(proven, method=RATES_OF_THE_DAY), run
    dropped, altered = [id_ for id_ in held if id_.endswith(day)][:2]
    code = altered.partition(":")[0]
    held[altered] = replace(held[altered], doc=held[altered].doc.replace(b'"Rate":', b'"Rate":1'))
    held[f"{code}:1998-01-31"] = held[f"DEM:{day}"] = held[altered]  # older than what is given; of no currency of it
    del held[dropped]
    named = {
        ("ExchangeRate", dropped, DifferenceKind.MISSING),
        ("ExchangeRate", altered, DifferenceKind.ALTERED),
    }
    found = await verified(world, run=2)
    assert differing(found) == named
    assert found["ExchangeRate"].compared == (2 if needs_a_day else len(held) - 2)
    assert "are kept that QuickBooks does not give any more" in found["ExchangeRate"].note
    assert differing(await verified(world, run=3, repair=True)) == set()


@pytest.mark.virtual
async def test_what_is_set_aside_is_said_and_is_no_difference() -> None:
    """Postgres refuses it, it is named in quarantine, and to read it again would change nothing."""
    world = World(seed=2)
    company = world.company_of()
    customer = company.table("Customer").all()[0]
    company.replace("Customer", customer.id, decode(customer.doc) | {"Notes": "a \0 in it"})
    await world.extract()
    assert customer.id not in rows(world, "Customer")
    for run, deep in ((2, True), (3, False)):
        verdicts = await verified(world, run=run, deep=deep)
        assert differing(verdicts) == set()
        assert verdicts["Customer"].equal
        assert "1 set aside" in verdicts["Customer"].note


@pytest.mark.virtual
@pytest.mark.parametrize("code", ["4002", "10000"])
async def test_a_row_that_the_server_cannot_read_keeps_only_its_kind_from_being_compared(code: str) -> None:
    world = World(seed=2)
    poisoned = {(world.realm, "Invoice"): frozenset({world.company_of().table("Invoice").all()[0].id})}
    world = World(seed=2, settings=SimulatorSettings(poison_code=code, poisoned=poisoned))
    await world.extract()
    named = {one for one in broken(world) if one[0] != "Invoice"}
    verdicts = await verified(world, run=2)
    assert differing(verdicts) == named
    assert verdicts["Invoice"].equal is None
    assert "could not be read" in verdicts["Invoice"].note


@pytest.mark.virtual
async def test_what_cannot_be_asked_for_by_its_id_is_not_called_equal() -> None:
    """What the company shows and we have not is missing; of what we have and cannot look at, nobody can say."""
    world = World(seed=2)
    await world.extract()
    named = {one for one in broken(world) if one[2] is not DifferenceKind.EXTRA}
    unread = ItemFault(code="10000", item_entities=("Bill", "Customer", "Vendor"), share=1.0)
    world.simulator.injections.add(Injection(unread, lanes=("batch",), containing="Id IN"))
    verdicts = await verified(world, run=2)
    assert differing(verdicts) == named
    assert verdicts["Bill"].equal is None
    assert "could not be read" in verdicts["Bill"].note


@pytest.mark.virtual
async def test_what_could_not_be_read_is_not_done_with() -> None:
    """The same command goes on with it: what differs in it is named and repaired once Intuit lets it be read."""
    world = World(seed=2)
    await world.extract()
    customers = frozenset(rows(world, "Customer"))
    broken(world)
    world.simulator.injections.add(Injection(AnswerTooLarge(over_rows=0), lanes=("query",), entities=("Customer",)))
    verdicts = await verified(world, run=2, repair=True)
    assert (verdicts["Customer"].equal, verdicts["Bill"].equal) == (None, True)
    world.simulator.injections.clear()
    verdicts = await verified(world, run=2, repair=True)
    assert verdicts["Customer"].equal
    assert rows(world, "Customer").keys() == customers
    assert world.store.scan_now(RunId(2), world.realm).finished, "a trial balance not compared keeps nothing open"


@pytest.mark.virtual
async def test_one_row_that_cannot_be_read_keeps_no_other_from_the_sample() -> None:
    world = World(seed=2)
    await world.extract()
    customers = rows(world, "Customer")
    unread = PoisonedRow(ids=(next(iter(customers)),), share=0.0)
    world.simulator.injections.add(Injection(unread, lanes=("batch",), entities=("Customer",), containing="Customer"))
    customer = (await verified(world, run=2, deep=False))["Customer"]
    assert customer.equal is None
    assert "could not be read" in customer.note
    assert customer.compared == min(len(customers), IDS_PER_STATEMENT) - 1


@pytest.mark.virtual
async def test_counts_and_ids_need_no_deep_look() -> None:
    world = World(seed=2)
    await world.extract()
    named = {one for one in broken(world) if one[2] is not DifferenceKind.ALTERED}
    assert named <= differing(await verified(world, run=2, deep=False))


@pytest.mark.virtual
async def test_what_the_company_changed_since_is_no_difference() -> None:
    world = World(seed=3)
    await world.extract()
    await anyio.sleep(3600)
    company = world.company_of()
    company.delete("Invoice", company.table("Invoice").all()[0].id)
    customer = company.table("Customer").all()[0]
    company.replace("Customer", customer.id, decode(customer.doc) | {"Notes": "later"})
    vendor = company.table("Vendor").all()[0]
    company.create("Vendor", decode(vendor.doc) | {"DisplayName": "later"})
    verdicts = await verified(world, run=2)
    assert differing(verdicts) == set()
    for entity in ("Invoice", "Customer", "Vendor"):
        assert "changed since" in verdicts[entity].note, entity


def of_one_currency() -> World:
    """A world of one company with stock and without a foreign currency."""
    world = World(seed=1, realms=5)
    world.realm_ids = [realm_id for realm_id in world.realm_ids if not world.company_of(realm_id).multicurrency][:1]
    return world


@pytest.mark.virtual
async def test_the_trial_balance_is_what_the_landed_documents_post() -> None:
    """Of a company without stock; of one with stock it says that it is not compared."""
    world = of_one_currency()
    company = world.company_of()
    for row in company.table("Item").all():
        doc = decode(row.doc)
        if doc.get("Type") == "Inventory":
            company.replace("Item", row.id, doc | {"Type": "NonInventory"})
    company.ledger = None  # made anew, without stock
    await world.extract()
    trial = (await verified(world, run=2))["TrialBalance"]
    assert trial.note == ""
    assert trial.equal
    assert trial.compared > 20
    id_, invoice = next((id_, row) for id_, row in rows(world, "Invoice").items() if decode(row.doc)["TotalAmt"])
    del rows(world, "Invoice")[id_]
    trial = (await verified(world, run=3))["TrialBalance"]
    assert trial.equal is False
    assert any("Receivable" in one.about for one in trial.differences)
    assert decode(invoice.doc)["TotalAmt"] > Decimal(0)


@pytest.mark.virtual
async def test_a_company_with_stock_is_compared_by_the_report_only() -> None:
    world = of_one_currency()
    await world.extract()
    trial = (await verified(world, run=2))["TrialBalance"]
    assert trial.equal is None
    assert "keeps stock" in trial.note


def test_what_counts_as_equal() -> None:
    def one(landed: bytes, there: bytes) -> str:
        return compared(landed, there, None).detail

    assert one(b'{"a": 1.00, "b": 2}', b'{"b":2,"a":1.00}') == ""
    assert one(b'{"a":1.0}', b'{"a":1.00}') != ""
    assert one(b'{"a":"1"}', b'{"a":1}') != ""
    assert one(b'{"a":1}', b'{"a":1,"TempDownloadUri":"https://x"}') == ""
    assert compared(b'{"Balance":1,"a":1}', b'{"Balance":2,"a":1}', None).moved
    assert "a: nothing landed" in one(b'{"Balance":1}', b'{"Balance":2,"a":1}')


def test_what_is_newer_says_nothing_of_what_was_landed() -> None:
    there = b'{"a":2,"MetaData":{"LastUpdatedTime":"2026-11-21T00:00:00-08:00"}}'
    assert compared(b'{"a":1}', there, BEGIN).newer
    assert compared(b'{"a":1}', there, BEGIN.replace(day=25)).detail
    assert compared(b'{"a":1}', there, datetime.fromisoformat("2026-11-21T08:00:00.512Z")).newer, "in its second"
    assert compared(b'{"Bill":{"a":1}}', b'{"Bill":%b}' % there, BEGIN).newer, "in a wrapper"
    assert compared(b'{"a":1}', there, datetime.fromisoformat("2026-11-21T08:00:01.000Z")).detail


def test_a_person_knows_it_by() -> None:
    assert about(b'{"DocNumber":"1037","CustomerRef":{"name":"Amy"},"TxnDate":"2026-01-02","TotalAmt":36.00}') == (
        "1037, Amy, 2026-01-02, 36.00"
    )
    assert about(b'{"Invoice":{"DocNumber":"7"}}') == "7"


def test_a_document_nested_too_deep_for_us_is_told_and_ends_nothing() -> None:
    """Postgres takes it, so it may be held."""
    deep = b'{"Id":"7","Memo":' + b"[" * 2000 + b"]" * 2000 + b"}"
    assert "nested too deep" in compared(deep, b'{"Id":"7"}', None).detail
    assert not compared(deep, deep, None).detail
    assert about(deep) == ""
