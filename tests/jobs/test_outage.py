"""Which way each entity goes after an outage, and what that costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backfill.jobs.costs import Costs
from backfill.jobs.gaps import differing
from backfill.jobs.outage import Known, Outage, Way, plan_jobs, prices
from backfill.pacing.metering import BatchCountsAs
from backfill.qbo.catalogue import CATALOGUE

NOW = datetime(2026, 11, 28, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
COSTS = Costs()


def way(entity: str, known: Known, *, since: datetime = YESTERDAY, until: datetime | None = None) -> Way:
    others = {"Payment": Known(50_000, YESTERDAY, 10)}
    entities = [CATALOGUE[entity], CATALOGUE["Payment"]]
    jobs = plan_jobs(entities, {**others, entity: known}, Outage(since=since, until=until), now=NOW, costs=COSTS)
    return jobs[0].way


@pytest.mark.parametrize(
    ("entity", "known", "expected"),
    [
        ("Invoice", Known(50_000, YESTERDAY, 10), Way.CHANGES),
        ("Invoice", Known(50_000, None, 10), Way.WHOLE),
        ("Invoice", Known(50_000, NOW - timedelta(days=40), 10), Way.WINDOWS),
        ("Invoice", Known(800, NOW - timedelta(days=40), 10), Way.ONE_ANSWER),
        ("Invoice", Known(50_000, YESTERDAY, 1_000), Way.WINDOWS),
        ("TimeActivity", Known(50_000, YESTERDAY, 10), Way.WINDOWS),
        ("TimeActivity", Known(500, YESTERDAY, 10), Way.ONE_ANSWER),
        ("Preferences", Known(1, YESTERDAY, 0), Way.ONE_ANSWER),
        ("RecurringTransaction", Known(2_000, YESTERDAY, 0), Way.WHOLE),
    ],
)
def test_each_entity_goes_its_cheapest_way(entity: str, known: Known, expected: Way) -> None:
    assert way(entity, known) is expected


def test_what_was_proven_after_the_outage_needs_nothing() -> None:
    over = YESTERDAY + timedelta(hours=1)
    known = Known(50_000, over, 10)
    assert way("Invoice", known, until=over) is Way.NOTHING
    assert way("Invoice", known, until=over + timedelta(seconds=1)) is Way.CHANGES
    assert way("Invoice", known) is Way.CHANGES, "an outage without an end goes on"


def test_beyond_what_change_data_capture_reaches() -> None:
    known = Known(50_000, NOW, 10)
    assert way("Invoice", known, since=NOW - timedelta(days=28)) is Way.CHANGES
    assert way("Invoice", known, since=NOW - timedelta(days=30)) is Way.WINDOWS


def test_small_companies_are_read_again_for_one_call() -> None:
    names = ("Invoice", "Payment", "Customer")
    small = {name: Known(100, YESTERDAY, 5) for name in names}
    entities = [CATALOGUE[name] for name in names]
    outage = Outage(since=YESTERDAY)
    jobs = plan_jobs(entities, small, outage, now=NOW, costs=COSTS)
    assert {job.way for job in jobs} == {Way.ONE_ANSWER}
    assert [(price.calls, price.metered) for price in prices(jobs, COSTS)] == [(1, 1)]
    large = {**small, "Invoice": Known(5_000, YESTERDAY, 5)}
    jobs = plan_jobs(entities, large, outage, now=NOW, costs=COSTS)
    assert {job.way for job in jobs} == {Way.CHANGES}
    assert [(price.calls, price.metered) for price in prices(jobs, COSTS)] == [(2, 2)]
    by_items = Costs(batch_counts_as=BatchCountsAs.ITEMS)
    assert [price.metered for price in prices(jobs, by_items)] == [4]


def test_many_changes_are_walked_page_by_page() -> None:
    (job,) = plan_jobs(
        [CATALOGUE["Invoice"]],
        {"Invoice": Known(50_000, YESTERDAY, 2_500)},
        Outage(since=YESTERDAY),
        now=NOW,
        costs=COSTS,
    )
    assert job.is_walked
    assert prices([job], COSTS)[0].calls == 4


def test_only_the_parts_that_differ_are_looked_at() -> None:
    at = [NOW + timedelta(days=day) for day in range(4)]
    second = timedelta(seconds=1)
    surplus = [(at[0], 0), (at[1], 2), (at[2], 2), (at[3], 1)]
    assert differing(surplus) == [(at[0] + second, at[1]), (at[2] + second, at[3])]
    assert differing([(at[0], 1), (at[1], 1)]) == [(None, at[0])]
    assert differing([(at[0], 0)]) == []
