"""The tally: a run added up from its events."""

from __future__ import annotations

import pytest

from backfill import events
from backfill.cli.tally import Tally
from backfill.model import RealmId
from backfill.wire import Lane

REALM, OTHER = RealmId("1"), RealmId("2")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> Tally:
    return Tally(clock, realms_total=3)


def answered(lane: Lane = Lane.QUERY, status: int | None = 200, code: str = "") -> events.RequestAnswered:
    return events.RequestAnswered(
        realm_id=REALM,
        lane=lane,
        method="GET",
        path="/query",
        status=status,
        code=code,
        intuit_tid="",
        body_bytes=2000,
        duration_s=0.1,
    )


def landed(
    realm_id: RealmId, landed: int, unchanged: int = 0, deleted: int = 0, quarantined: int = 0
) -> events.PageLanded:
    return events.PageLanded(
        realm_id=realm_id,
        entity="Invoice",
        landed=landed,
        unchanged=unchanged,
        deleted=deleted,
        quarantined=quarantined,
    )


def test_requests_are_counted_by_lane_and_faults_by_code(tally: Tally) -> None:
    for lane in (Lane.QUERY, Lane.BATCH, Lane.CDC, Lane.REPORT, Lane.WRITE):
        tally.observe(answered(lane))
    tally.observe(answered(status=429, code="3001"))
    tally.observe(answered(status=None, code="timeout"))
    assert dict(tally.requests) == {"query": 3, "batch": 1, "cdc": 1, "report": 1, "write": 1}
    assert dict(tally.faults) == {"3001": 1, "timeout": 1}


def test_the_rate_is_that_of_the_last_minute(tally: Tally, clock: Clock) -> None:
    for clock.now in range(0, 100, 10):
        tally.observe(answered())
    assert tally.requests_in_window() == 7, "from 30 s to 90 s, both included"
    clock.now = 150.5
    assert tally.requests_in_window() == 0


def test_rows_and_what_is_left(tally: Tally) -> None:
    assert tally.rows_left() is None
    tally.observe(events.CensusTaken(realm_id=REALM, counts={"Invoice": 60, "Customer": 40}))
    tally.observe(landed(REALM, 30, unchanged=5, deleted=2, quarantined=1))
    assert (tally.landed, tally.unchanged, tally.deleted, tally.quarantined) == (30, 5, 2, 1)
    assert tally.rows_left() == 64 + 2 * 100, "two realms are not counted yet: they are taken for as large"
    tally.observe(events.CensusTaken(realm_id=OTHER, counts={"Invoice": 10}))
    assert tally.rows_left() == 64 + 10 + 55
    tally.observe(events.RealmFinished(realm_id=REALM, proven=True))
    assert tally.rows_left() == 10 + 55, "what a finished realm did not bring will not come"


def test_of_a_realm_that_has_ended_nothing_is_left_though_it_was_not_counted_here(tally: Tally) -> None:
    tally.observe(events.CensusTaken(realm_id=REALM, counts={"Invoice": 100}))
    tally.observe(events.RealmFinished(realm_id=OTHER, proven=True))  # an earlier process had counted it
    assert tally.rows_left() == 100 + 100
    tally.observe(events.RealmParked(realm_id=REALM, code="x", message="m", action="a"))
    assert tally.rows_left() == 100, "the third is still to come, though one that was counted is parked"
    tally.observe(events.RealmFinished(realm_id=RealmId("3"), proven=True))
    assert tally.rows_left() == 0


def test_realms_come_and_go(tally: Tally) -> None:
    tally.observe(events.LeaseAwaited(realm_id=REALM, owner="another"))
    assert tally.waiting_for == {"1": "another"}
    tally.observe(events.RealmStarted(realm_id=REALM, resumed=False))
    tally.observe(events.LeaseAwaited(realm_id=OTHER, owner="another"))
    assert (tally.running, tally.waiting_for) == ({"1"}, {"2": "another"})
    tally.observe(events.RealmFinished(realm_id=REALM, proven=True))
    tally.observe(events.RealmFinished(realm_id=OTHER, proven=False))
    tally.observe(events.RealmParked(realm_id=RealmId("3"), code="x", message="m", action="a"))
    assert (tally.running, tally.waiting_for) == (set(), {})
    assert (tally.proven, tally.unproven, tally.parked, tally.finished) == (1, 1, 1, 3)


def test_throttles_and_retries(tally: Tally) -> None:
    tally.observe(events.Throttled(realm_id=REALM, lane="query", freeze_s=60.0))
    tally.observe(events.Retrying(realm_id=REALM, path="/query", attempt=1, wait_s=1.0, reason="timeout"))
    assert (tally.throttled, tally.retries) == (1, 1)


def test_a_realm_whose_turn_is_over_is_neither_running_nor_finished() -> None:
    tally = Tally(lambda: 0.0, realms_total=2)
    tally.observe(events.RealmStarted(realm_id=REALM, resumed=False))
    tally.observe(events.RealmPaused(realm_id=REALM))
    assert (len(tally.running), tally.finished) == (0, 0)
    tally.observe(events.RealmStarted(realm_id=REALM, resumed=True))
    tally.observe(events.RealmFinished(realm_id=REALM, proven=True))
    assert (len(tally.running), tally.finished) == (0, 1)


def test_refreshes_and_the_longest_time_that_a_new_token_was_not_yet_committed(tally: Tally) -> None:
    for rotated, gap_s in ((True, 0.02), (False, 0.5), (True, 0.1)):
        tally.observe(events.TokenRefreshed(realm_id=REALM, rotated=rotated, gap_s=gap_s))
    assert (tally.refreshed, tally.rotated, tally.longest_gap_s) == (3, 2, 0.5)


def test_written_rows_are_counted() -> None:
    tally = Tally(lambda: 0.0, 1)
    tally.observe(events.RowsSettled(realm_id=RealmId("1"), applied=5, adopted=2, rejected=1, again=3))
    tally.observe(events.OutcomeUnknown(realm_id=RealmId("1"), rows=30, wait_s=130, reason="timeout"))
    assert (tally.written, tally.rejected, tally.in_doubt) == (7, 1, 30)
