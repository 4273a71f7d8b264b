"""Verify: what is broken in the landing is named, what the company changed since is not, repair puts it right."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import anyio
import pytest
from msgspec import structs

from backfill.jobs import differences
from backfill.jobs.equality import about, compared
from backfill.jobs.rates import RATES_OF_THE_DAY
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.query import PAGE_ROWS_MAX
from backfill.simulator.documents import decode
from backfill.simulator.injection.batches import ItemFault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.settings import SimulatorSettings
from backfill.verdict_model import DifferenceKind
from backfill.wire import Request, Response
from tests.jobs.verifying import broken, differing, rows, verified
from tests.jobs.world import BEGIN, Tap, World, fault, now


@pytest.mark.virtual
async def test_what_was_extracted_is_equal() -> None:
    world = World(seed=2)
    await world.extract()
    verdicts = await verified(world, run=2)
    assert differing(verdicts) == set()
    assert {entity for entity, one in verdicts.items() if one.equal is None} == {"TrialBalance"}
    assert sum(one.compared for one in verdicts.values()) > world.company_of().rows * 0.9


@pytest.mark.virtual
@pytest.mark.parametrize("deep", [True, False])
async def test_a_small_company_is_compared_for_few_calls(deep: bool) -> None:
    """Two that count, one or two with all documents or a sample, the listing, three for the trial balance."""
    world = World(seed=1, rows_min=800, rows_max=800)
    await world.extract()
    before = world.simulator.log.summary()[world.realm].requests
    verdicts = await verified(world, run=2, deep=deep)
    assert differing(verdicts) == set()
    assert world.simulator.log.summary()[world.realm].requests - before <= 8
    if deep:
        assert sum(one.compared for one in verdicts.values()) == sum(one.held for one in verdicts.values())


@pytest.mark.virtual
async def test_a_large_entity_is_compared_by_several_readers() -> None:
    world = World(seed=2, settings=SimulatorSettings(latency_s=1.0))
    ids = world.sow("Invoice", 24_000, second=lambda number: 600 * number)
    await world.extract()
    for id_ in ids[::1_000]:
        del rows(world, "Invoice")[id_]
    began_s = anyio.current_time()
    verdicts = await verified(world, run=2)
    assert anyio.current_time() - began_s < 24, "as many seconds as pages, if they came one after the other"
    assert {one.id for one in verdicts["Invoice"].differences} == set(ids[::1_000])
    assert verdicts["Invoice"].compared == len(rows(world, "Invoice"))


@pytest.mark.virtual
async def test_an_answer_that_holds_all_that_one_can_hold_was_cut() -> None:
    world = World(seed=2, settings=SimulatorSettings(batch_object_cap=1_000))
    world.sow("Customer", 700, second=lambda number: 90_000 + number)
    await world.extract()
    company = world.company_of()
    dropped = {entity: rows(world, entity).popitem()[0] for entity in ("Item", "Estimate", "JournalEntry")}
    counted = iter([True])

    def meddle(_request: Request, statement: str) -> None:
        if "COUNT(*) FROM Customer" in statement and next(counted, False):
            for number in range(400):
                company.create("Customer", {"DisplayName": f"came meanwhile {number}"})

    world.wrap = lambda inner: Tap(inner, after=meddle)
    found = differing(await verified(world, run=2))
    assert found == {(entity, id_, DifferenceKind.MISSING) for entity, id_ in dropped.items()}


@pytest.mark.virtual
@pytest.mark.parametrize("entity", ["TaxClassification", "CompanyInfo", "Preferences", "CustomerType"])
async def test_what_has_no_count_is_compared_by_itself(entity: str) -> None:
    world = World(seed=2, entities=[CATALOGUE[entity]])
    await world.extract()
    held = rows(world, entity)
    assert (await verified(world, run=2))[entity].compared == len(held) > 0
    id_, row = next(iter(held.items()))
    held[id_] = replace(row, doc=row.doc.replace(b'"Id":', b'"Another":1,"Id":'))
    assert differing(await verified(world, run=3)) == {(entity, id_, DifferenceKind.ALTERED)}


@pytest.mark.virtual
async def test_each_break_is_named_and_repaired() -> None:
    world = World(seed=2)
    await world.extract()
    named = broken(world)
    assert differing(await verified(world, run=2)) == named
    assert differing(await verified(world, run=3, repair=True)) == set()
    assert differing(await verified(world, run=4)) == set()
    assert rows(world, "Bill")["99999999"].deleted_at is not None


@pytest.mark.virtual
async def test_more_than_is_read_again_at_a_time_is_repaired_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differences, "REPAIRED_MAX", 3)
    monkeypatch.setattr(differences, "NAMED_MAX", 2)
    world = World(seed=2)
    await world.extract()
    for entity in ("Invoice", "Customer"):
        for id_, row in rows(world, entity).items():
            rows(world, entity)[id_] = replace(row, doc=row.doc.replace(b'"Id":', b'"Another":1,"Id":'))
    invoice = (await verified(world, run=2))["Invoice"]
    assert (invoice.differing, len(invoice.differences)) == (len(rows(world, "Invoice")), 2)
    assert invoice.differing > 3
    assert differing(await verified(world, run=3, repair=True)) == set()


@pytest.mark.virtual
async def test_what_is_ahead_of_the_company_is_put_back_once_it_is_not_new() -> None:
    """As after a company was restored from a backup. What came just now an answer may not know yet."""
    world = World(seed=2)
    await world.extract()
    await anyio.sleep(3600)
    ahead = {"Invoice": timedelta(minutes=30), "Customer": timedelta(days=-400), "Bill": timedelta(minutes=5)}
    named = set()
    for entity, before in ahead.items():
        id_, row = next(iter(rows(world, entity).items()))
        doc = row.doc.replace(b'"Id":', b'"Another":1,"Id":')
        rows(world, entity)[id_] = replace(row, doc=doc, updated_at=now() - before, sync_token=99)
        named.add((entity, id_, DifferenceKind.ALTERED))
    extra = next(iter(rows(world, "Vendor").values()))
    rows(world, "Vendor")["99999999"] = replace(extra, updated_at=now() + timedelta(days=400))
    named.add(("Vendor", "99999999", DifferenceKind.EXTRA))
    assert differing(await verified(world, run=2)) == named
    left = differing(await verified(world, run=3, repair=True))
    assert {entity for entity, _, _ in left} == {"Bill"}
    await anyio.sleep(3600)
    assert differing(await verified(world, run=4, repair=True)) == set()


@pytest.mark.virtual
async def test_what_intuit_will_not_give_of_one_entity_keeps_no_other_from_being_repaired() -> None:
    world = World(seed=2)
    await world.extract()
    named = broken(world)
    refused = fault("2020", "Required parameter is missing")

    def before(_request: Request, statement: str) -> Response | None:
        return refused if statement.startswith("SELECT") and "FROM Bill WHERE Id IN" in statement else None

    unasked = ItemFault(code="2020", item_entities=("Bill",), share=1.0)
    world.simulator.injections.add(Injection(unasked, lanes=("batch",), containing="Id IN", after=1))
    world.wrap = lambda inner: Tap(inner, before=before)
    left = await verified(world, run=2, repair=True)
    assert differing(left) <= {one for one in named if one[0] == "Bill"}
    assert left["Bill"].equal is not True


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
async def test_few_rows_at_a_time_in_no_order_are_all_compared() -> None:
    world = World(seed=2, page_rows=1)
    ids = world.sow("TaxAgency", 40, second=lambda number: 90_000 + number % 7)
    await world.extract()
    for id_ in ids[::4]:
        del rows(world, "TaxAgency")[id_]
    found = await verified(world, run=2)
    assert {one.id for one in found["TaxAgency"].differences} == set(ids[::4])


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


@pytest.mark.virtual
async def test_many_that_only_one_side_has_are_asked_for_many_to_a_call() -> None:
    world = World(seed=2)
    ids = world.sow("Invoice", 3_000, second=lambda number: 90_000 + number)
    await world.extract()
    before = world.simulator.log.summary()[world.realm].requests
    for id_ in ids[:1_800]:
        del rows(world, "Invoice")[id_]
    assert (await verified(world, run=2))["Invoice"].differing == 1_800
    assert world.simulator.log.summary()[world.realm].requests - before < 20


@pytest.mark.virtual
@pytest.mark.parametrize("deep", [True, False])
async def test_what_is_deleted_while_it_is_compared_hides_nothing_behind_it(deep: bool) -> None:
    world = World(seed=2, page_rows=3)
    company = world.company_of()
    by_time = [row.id for row in sorted(company.table("Invoice").all(), key=lambda row: row.created)]
    await world.extract()
    await anyio.sleep(3600)
    for id_ in by_time[3::3]:  # by offset, each would stand where a page begins, until something before it goes
        del rows(world, "Invoice")[id_]
    gone = iter(by_time[1::3])

    def meddle(_request: Request, statement: str) -> None:
        if "FROM Invoice" in statement and "ORDERBY" in statement and (id_ := next(gone, None)):
            company.delete("Invoice", id_)

    world.wrap = lambda inner: Tap(inner, after=meddle)
    found = differing(await verified(world, run=2, deep=deep))
    assert {id_ for entity, id_, _ in found if entity == "Invoice"} == set(by_time[3::3])


@pytest.mark.virtual
async def test_what_nobody_can_ask_for_by_its_id_is_read_again_before_it_counts_as_all() -> None:
    """One that is deleted once it was met moves another up, past the reader, and stood for it."""
    world = World(seed=2)
    company = world.company_of()
    company.create("RecurringTransaction", {"Bill": {"RecurringInfo": {"Name": "first"}}})
    world.sow("RecurringTransaction", PAGE_ROWS_MAX + 100, second=lambda number: 90_000 + number)
    await world.extract()
    await anyio.sleep(3600)
    ids = [row.id for row in company.table("RecurringTransaction").all()]
    held = rows(world, "RecurringTransaction")
    dropped = {id_ for id_ in held if id_.partition(":")[2] in ids[900:]}
    for id_ in dropped:
        del held[id_]
    gone = iter(ids[1:2])

    def meddle(_request: Request, statement: str) -> None:
        if "FROM RecurringTransaction STARTPOSITION 1 " in statement and (id_ := next(gone, None)):
            company.delete("RecurringTransaction", id_)

    world.wrap = lambda inner: Tap(inner, after=meddle)
    found = await verified(world, run=2)
    assert {id_ for entity, id_, _ in differing(found) if entity == "RecurringTransaction"} >= dropped


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
    same = there.replace(b'"a":2', b'"a":1')
    assert "a: 1 landed, 2 there" in compared(same, there, BEGIN).detail, "landed since, in this version"
    assert compared(b'{"SyncToken":"0",' + same[1:], b'{"SyncToken":"1",' + there[1:], BEGIN).newer
    assert compared(b'{"Balance":1,' + there[1:], b'{"Balance":2,' + there[1:], BEGIN).moved
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
