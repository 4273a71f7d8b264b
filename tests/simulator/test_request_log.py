"""The log: bounded, and its sums are those of a plain count."""

from __future__ import annotations

import random

from backfill.simulator.request_log import LogEntry, Most, RequestLog


def entry(at_s: float, **changes: object) -> LogEntry:
    fields = {
        "at_s": at_s, "now": "2026-11-20T18:00:00+00:00", "realm_id": "r", "lane": "query", "method": "GET",
        "path": "/query", "asked": "", "status": 200, "code": "", "rows": 2, "intuit_tid": "1-0-0", "in_flight": 1,
    }  # fmt: skip
    return LogEntry(**(fields | changes))


def add(log: RequestLog, at_s: float, **changes: object) -> None:
    """A request arrives, and is answered at once."""
    answered = entry(at_s, **changes)
    log.arrive(answered.realm_id, answered.lane, at_s)
    log.add(answered)


def test_the_most_in_any_window_is_what_brute_force_finds() -> None:
    rng = random.Random(2)
    for _ in range(50):
        arrivals = sorted(rng.randrange(40) / 4 for _ in range(rng.randrange(60)))
        brute = max((sum(begin <= at < begin + 2 for at in arrivals) for begin in arrivals), default=0)
        found = Most(2.0)
        for at in arrivals:
            found.add(at)
        assert found.most == brute


def test_summary_per_realm() -> None:
    log = RequestLog(100)
    for at_s in (0, 0.5, 59.9, 60):
        add(log, at_s)
    add(log, 61, lane="batch", in_flight=7)
    add(log, 62, lane="batch", status=429, code="3001", rows=0, in_flight=0)
    add(log, 1, realm_id="s")
    summed = log.summary()
    assert set(summed) == {"r", "s"}
    found = summed["r"]
    assert (found.requests, found.rows, found.throttled) == (6, 10, 1)
    assert found.by_lane == {"query": 4, "batch": 2}
    assert found.by_status == {"200": 5, "429": 1}
    assert (found.most_in_minute, found.most_in_second, found.most_batches_in_minute) == (4, 2, 2)
    assert found.most_in_flight == 7


def test_windows_of_the_summary_are_scaled_as_the_limits_are() -> None:
    log = RequestLog(100, limits_scale=60)
    for at_s in (0.0, 0.5, 1.0):
        add(log, at_s)
    assert log.summary()["r"].most_in_minute == 2


def test_the_log_forgets_the_oldest_and_says_how_many() -> None:
    log = RequestLog(3)
    for at_s in range(5):
        add(log, at_s)
    assert [kept.at_s for kept in log.entries()] == [2, 3, 4]
    assert log.dropped == 2
    assert log.entries("nobody") == []
    assert log.summary()["r"].requests == log.total().requests == 5, "but it forgets none in its sums"


def test_all_realms_together_have_windows_of_their_own() -> None:
    log = RequestLog(1)
    for at_s, realm_id in ((0, "r"), (0.5, "s"), (0.9, "r"), (1.2, "s")):
        add(log, at_s, realm_id=realm_id)
    assert [log.summary()[realm_id].most_in_second for realm_id in ("r", "s")] == [2, 2]
    assert (log.total().most_in_second, log.total().requests) == (3, 4)


def test_made_up_realms_do_not_pile_up(monkeypatch) -> None:
    monkeypatch.setattr("backfill.simulator.request_log.REALMS_MOST", 2)
    log = RequestLog(10)
    for realm_id in ("a", "b", "c", "d", "a"):
        add(log, 0, realm_id=realm_id)
    assert {realm_id: summed.requests for realm_id, summed in log.summary().items()} == {"a": 2, "b": 1, "": 2}
