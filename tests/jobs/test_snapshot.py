"""Which entities are read whole from one answer, how many fit one, and what a listing proves."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.jobs.snapshot import SNAPSHOT_ROWS_MAX, is_snapshot, packed, read_listing
from backfill.model import Landed, Record, RunId
from backfill.qbo import answers
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.page_cutter import CutPage, cut_page
from backfill.qbo.query import BATCH_ITEMS_MAX, PAGE_ROWS_MAX
from backfill.simulator.settings import SimulatorSettings
from tests.jobs.world import World, breaches

ENTITIES = list(CATALOGUE.values())


@given(counts=st.fixed_dictionaries({entity.name: st.integers(0, SNAPSHOT_ROWS_MAX) for entity in ENTITIES}))
def test_every_entity_is_in_one_group_and_every_group_fits_an_answer(counts: dict[str, int]) -> None:
    groups = packed(ENTITIES, counts)
    assert sorted(entity.name for group in groups for entity in group) == [entity.name for entity in ENTITIES]
    for group in groups:
        assert 1 <= len(group) <= BATCH_ITEMS_MAX
        assert sum(counts[entity.name] for entity in group) < PAGE_ROWS_MAX


@given(counts=st.fixed_dictionaries({entity.name: st.integers(0, 40) for entity in ENTITIES}))
def test_no_group_is_begun_while_another_has_room(counts: dict[str, int]) -> None:
    groups = packed(ENTITIES, counts)
    for earlier, later in combinations(groups, 2):
        rows = sum(counts[entity.name] for entity in earlier)
        smallest = min(counts[entity.name] for entity in later)
        assert len(earlier) == BATCH_ITEMS_MAX or rows + smallest > SNAPSHOT_ROWS_MAX


def test_what_fits_two_answers_is_not_asked_for_in_three() -> None:
    """In the order of their names the second would not fit the first's answer, nor the fourth the third's."""
    counts = {"Bill": 500, "Customer": 700, "Invoice": 400, "Payment": 200}
    groups = packed([CATALOGUE[name] for name in counts], counts)
    assert [[entity.name for entity in group] for group in groups] == [["Customer", "Payment"], ["Bill", "Invoice"]]


def test_a_singleton_counts_as_a_row() -> None:
    (group,) = packed([CATALOGUE["CompanyInfo"], CATALOGUE["TimeActivity"]], {"TimeActivity": SNAPSHOT_ROWS_MAX - 1})
    assert len(group) == 2
    assert len(list(packed([CATALOGUE["CompanyInfo"], CATALOGUE["Term"]], {"Term": SNAPSHOT_ROWS_MAX}))) == 2


def test_nothing_is_in_no_group() -> None:
    assert list(packed([], {})) == []


def test_what_is_a_snapshot() -> None:
    counts = dict.fromkeys(CATALOGUE, 1) | {"TimeActivity": SNAPSHOT_ROWS_MAX, "Attachable": SNAPSHOT_ROWS_MAX + 1}
    snapshots = {entity.name for entity in ENTITIES if is_snapshot(entity, counts, PAGE_ROWS_MAX)}
    assert {"CompanyInfo", "Preferences", "TaxCode", "TimeActivity", "RecurringTransaction", "Invoice"} <= snapshots
    assert "Attachable" not in snapshots, "too many for one answer"
    assert not {e.name for e in ENTITIES if e.reading in {Reading.RATES, Reading.LISTING}} & snapshots


def test_what_cdc_carries_is_read_in_pages_where_a_page_would_not_hold_it() -> None:
    counts = {"Invoice": 9, "TimeActivity": 9}
    assert is_snapshot(CATALOGUE["Invoice"], counts, page_rows=10)
    assert not is_snapshot(CATALOGUE["Invoice"], counts, page_rows=9)
    assert is_snapshot(CATALOGUE["TimeActivity"], counts, page_rows=9), "nothing else proves it as well"


@pytest.mark.parametrize(
    ("ids", "refused_by_the_store", "proven", "live", "aside"),
    [("123", 0, True, 3, 0), ("122", 0, False, 2, 0), ("123", 1, True, 2, 1)],
    ids=["each landed", "one said twice", "one that the store refused"],
)
async def test_a_listing_is_proven_by_what_is_held_of_it(
    ids: str, refused_by_the_store: int, proven: bool, live: int, aside: int
) -> None:
    records = [Record(id_, None, None, None, b"{}") for id_ in ids]
    page = Page(records, [], len(records), datetime(2026, 11, 20, tzinfo=UTC))

    async def listing(_entity: Entity) -> Page:
        return page

    async def land(*_rows: object, **_more: object) -> Landed:
        return Landed(landed=live, unchanged=0, deleted=0, quarantined=refused_by_the_store)

    work: Any = SimpleNamespace(ask=SimpleNamespace(listing=listing), land=land)
    proof = await read_listing(work, CATALOGUE["TaxClassification"])
    assert (proof.proven, proof.landed_live, proof.quarantined) == (proven, live, aside)


@pytest.mark.virtual
@pytest.mark.parametrize("seed", range(4))
async def test_companies_whose_batches_are_cut_are_whole(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As large items are; of a world's small ones none would be."""
    monkeypatch.setattr(answers, "_CUT_BYTES_MIN", 0)
    cut: list[bytes] = []

    def seen(body: bytes) -> CutPage:
        page = cut_page(body)
        cut.append(body)
        return page

    monkeypatch.setattr(answers, "cut_page", seen)
    world = World(seed=seed, realms=2, rows_max=300, settings=SimulatorSettings(changes_per_minute=60 * (seed % 2)))
    await world.extract()
    assert breaches(world) == []
    for realm_id in world.realm_ids:
        world.people(realm_id).act(50)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []
    assert any(b"QueryResponse" not in body for body in cut), "items of batches"
