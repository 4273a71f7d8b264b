"""Which entities are read whole from one answer, and how many fit one."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.jobs.snapshot import RATE_PASSES_MAX, SNAPSHOT_ROWS_MAX, is_snapshot, packed, read_rates
from backfill.model import Record
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.query import BATCH_ITEMS_MAX, PAGE_ROWS_MAX

ENTITIES = list(CATALOGUE.values())


@given(counts=st.fixed_dictionaries({entity.name: st.integers(0, SNAPSHOT_ROWS_MAX) for entity in ENTITIES}))
def test_every_entity_is_in_one_group_and_every_group_fits_an_answer(counts: dict[str, int]) -> None:
    groups = list(packed(ENTITIES, counts))
    assert [entity for group in groups for entity in group] == ENTITIES
    for group in groups:
        assert 1 <= len(group) <= BATCH_ITEMS_MAX
        assert sum(counts[entity.name] for entity in group) < PAGE_ROWS_MAX


@given(counts=st.fixed_dictionaries({entity.name: st.integers(0, 40) for entity in ENTITIES}))
def test_a_group_is_ended_only_when_the_next_entity_does_not_fit(counts: dict[str, int]) -> None:
    groups = list(packed(ENTITIES, counts))
    for group, following in pairwise(groups):
        rows = sum(counts[entity.name] for entity in group)
        assert len(group) == BATCH_ITEMS_MAX or rows + counts[following[0].name] > SNAPSHOT_ROWS_MAX


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


class Rates:
    """A server of two pages of rates; `shift` of the rows of the second are others at every look."""

    def __init__(self, shift: int) -> None:
        self.looks = 0
        self.shift = shift

    def page(self, statement: str) -> Page:
        if "CompanyCurrency" in statement:
            return self._page([Record("1", 0, None, None, b'{"Code":"EUR"}')])
        if "STARTPOSITION 1 " in statement:
            self.looks += 1
            return self._page([self._rate(number) for number in range(PAGE_ROWS_MAX)])
        return self._page([self._rate(5000 + number + self.looks * self.shift) for number in range(10)])

    def _rate(self, number: int) -> Record:
        return Record(f"EUR:{number}", None, None, None, b"{}")

    def _page(self, records: list[Record]) -> Page:
        return Page(records, [], len(records), datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize(("shift", "looks", "proven"), [(0, 2, True), (1, RATE_PASSES_MAX, False)])
async def test_rates_that_are_others_at_every_look_prove_nothing(shift: int, looks: int, proven: bool) -> None:
    server = Rates(shift)

    async def page(_entity: Entity, statement: str) -> Page:
        return server.page(statement)

    async def land(*_args: object, **_more: object) -> None:
        return None

    work = SimpleNamespace(
        ask=SimpleNamespace(page=page), land=land, check_stop=lambda: None, room_for=lambda *_: nullcontext()
    )
    proof = await read_rates(work, CATALOGUE["ExchangeRate"], none_at=None)  # type: ignore[arg-type]
    assert (server.looks, proof.proven, bool(proof.reason)) == (looks, proven, not proven)
