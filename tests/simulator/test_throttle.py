"""The server's throttle against a brute-force counter, and the forms of its refusals."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from backfill.errors import UsageError
from backfill.simulator.settings import ServerLimits, SimulatorSettings
from backfill.simulator.throttle import Throttle, refusal_answer

NOW = datetime(2026, 11, 20, 18, 0, 0, 123_000, tzinfo=UTC)
NO_LIMITS = ServerLimits(
    requests_per_minute=None,
    requests_per_second=None,
    batches_per_minute=None,
    realm_batches_per_minute=None,
    in_flight=None,
)


def throttle(limits: ServerLimits = NO_LIMITS, **settings: object) -> Throttle:
    return Throttle(SimulatorSettings(limits=limits, **settings))


def full(form: str, counted: list[float], at: float, limit: int, length_s: float, offset_s: float) -> bool:
    """Whether one more would be too much at `at`: by exact arithmetic over the whole past, as each form is defined."""
    if form == "sliding":
        return sum(time + length_s > at for time in counted) >= limit
    if form == "fixed":
        return sum((time - offset_s) // length_s == (at - offset_s) // length_s for time in counted) >= limit
    level, before = Fraction(limit), Fraction(0)
    for time in [*counted, at]:
        level, before = min(Fraction(limit), level + (Fraction(time) - before) * limit / Fraction(length_s)), time
        level = level if time is at else max(Fraction(0), level - 1)
    return level < 1


@pytest.mark.parametrize("window", ["sliding", "fixed", "bucket"])
@pytest.mark.parametrize("second_window", ["sliding", "fixed"])
@pytest.mark.parametrize("refused_count", [False, True])
@pytest.mark.parametrize(("scale", "offset_s"), [(1.0, 0.0), (1.0, 17.125), (64.0, 59.75)])
def test_random_arrivals_are_judged_as_a_brute_force_counter_judges_them(
    window: str, second_window: str, refused_count: bool, scale: float, offset_s: float
) -> None:
    """All four windows at once: two apps, batches among the requests; times on a grid, so that ends are met exactly."""
    limits = ServerLimits(
        requests_per_minute=16, requests_per_second=3, batches_per_minute=4, realm_batches_per_minute=8, in_flight=None
    )
    judged = throttle(
        limits,
        window=window,
        second_window=second_window,
        window_offset_s=offset_s,
        refused_count=refused_count,
        limits_scale=scale,
    )
    rng = random.Random(11)
    counted: list[tuple[float, str, bool]] = []
    at = 1000.0
    verdicts = set()
    for _ in range(300):
        at += rng.choice([0, 0, 0, 0.125, 0.25, 0.25, 1, 3, 7.5, 60]) / 4 / scale
        app, batch = rng.choice("AAB"), rng.random() < 0.5

        def is_full(form: str, limit: int, length_s: float, of: Callable[[str, bool], bool], at: float = at) -> bool:
            own = [time for time, a, b in counted if of(a, b)]
            return full(form, own, at, limit, length_s / scale, offset_s / scale)

        refuse = is_full(window, 16, 60, lambda a, b: True)
        refuse |= is_full(second_window, 3, 1, lambda a, b, app=app: a == app)
        if batch:
            refuse |= is_full(window, 4, 60, lambda a, b, app=app: b and a == app)
            refuse |= is_full(window, 8, 60, lambda a, b: b)
        refusal = judged.arrive("r", app, kind="batch" if batch else "", at=at)
        assert (refusal is not None) == refuse, at
        if refusal is not None:
            assert refusal.wait_s > 0
            verdicts.add(refusal.limit)
        if not refuse or refused_count:
            counted.append((at, app, batch))
    met = {"requests_per_minute", "batches_per_minute"}
    assert verdicts >= (met if refused_count else met | {"requests_per_second"})


@pytest.mark.parametrize(
    ("window", "offset_s", "wait_s"),
    [("sliding", 0, 51), ("fixed", 0, 50), ("fixed", 15, 5), ("bucket", 0, 11)],
)
def test_after_the_stated_wait_there_is_room_and_not_before(window: str, offset_s: float, wait_s: float) -> None:
    limits = replace(NO_LIMITS, requests_per_minute=3)
    judged = throttle(limits, window=window, window_offset_s=offset_s)
    for at in (61.0, 62.5, 64.0):
        assert judged.arrive("r", "a", at=at) is None
    refusal = judged.arrive("r", "a", at=70.0)
    assert refusal is not None
    assert refusal.limit == "requests_per_minute"
    assert refusal.wait_s == pytest.approx(wait_s)
    assert judged.arrive("r", "a", at=70.0 + wait_s - 0.001) is not None
    assert judged.arrive("r", "a", at=70.0 + wait_s) is None


@pytest.mark.parametrize("window", ["sliding", "fixed"])
@pytest.mark.parametrize("scale", [1, 7, 60])
def test_a_window_lasts_its_length_to_the_last_bit(window: str, scale: int) -> None:
    # On the very edges, where a division would round: what came a length ago counts no more, what came just now does.
    limits = replace(NO_LIMITS, requests_per_minute=1)
    rng = random.Random(5)
    for _ in range(50):
        offset_s = rng.uniform(0, 60)
        judged = throttle(limits, window=window, window_offset_s=offset_s, limits_scale=scale)
        at = offset_s / scale + rng.randrange(100_000) * (60 / scale)
        for _ in range(20):
            assert judged.arrive("r", "a", at=at) is None
            refusal = judged.arrive("r", "a", at=at)
            assert refusal is not None
            if window == "sliding":
                assert refusal.wait_s == pytest.approx(60 / scale)
            at += 60 / scale
        assert judged.tallies("r", "a")["requests_per_minute"].most == 1


def test_a_bucket_lets_its_number_and_its_refill_through() -> None:
    judged = throttle(replace(NO_LIMITS, requests_per_minute=500), window="bucket")
    served = sum(judged.arrive("r", "a", at=1000 + n * 0.06) is None for n in range(1000))
    assert 990 < served <= 1000, "which is why a bucket alone would not judge a client well"


def test_a_bucket_serves_for_ever_whoever_keeps_to_its_rate() -> None:
    judged = throttle(replace(NO_LIMITS, requests_per_minute=500), window="bucket")
    judged.inject("r", 500, at=0.0)
    assert judged.arrive("r", "a", at=0.0) is not None, "it is empty"
    at = 0.0
    for _ in range(20_000):
        at += 0.12
        assert judged.arrive("r", "a", at=at) is None, at


def test_realms_have_window_boundaries_of_their_own_where_they_are_drawn() -> None:
    def boundary(seed: int, realm_id: str) -> float:
        """Seconds after a full minute at which the realm's window ends, batches' and requests' alike."""
        judged = throttle(
            replace(NO_LIMITS, requests_per_minute=1, batches_per_minute=1), window="fixed", window_offset_seed=seed
        )
        assert judged.arrive(realm_id, "a", kind="batch", at=6000.0) is None
        request, batch = (
            judged.arrive(realm_id, "a", kind="batch" if batch else "", at=6000.0) for batch in (False, True)
        )
        assert request is not None
        assert batch is not None
        assert request.wait_s == batch.wait_s
        return request.wait_s

    drawn = [boundary(1, str(number)) for number in range(40)]
    assert drawn == [boundary(1, str(number)) for number in range(40)], "same seed, same boundaries"
    assert drawn != [boundary(2, str(number)) for number in range(40)]
    assert all(0 < wait_s <= 60 for wait_s in drawn)
    assert min(drawn) < 10 < 50 < max(drawn), "they are all over the minute"


def test_the_second_may_be_counted_only() -> None:
    limits = replace(NO_LIMITS, requests_per_second=3)
    counting, refusing = throttle(limits, second_refuses=False), throttle(limits)
    served = dict.fromkeys((counting, refusing), 0)
    for judged in served:
        for at in (0.0, 0.1, 0.2, 0.3, 0.4, 1.5):
            served[judged] += judged.arrive("r", "a", at=at) is None
    assert served == {counting: 6, refusing: 4}
    seen = {judged: judged.tallies("r", "a")["requests_per_second"] for judged in served}
    assert (seen[counting].most, seen[counting].over) == (5, 2)
    assert (seen[refusing].most, seen[refusing].over) == (3, 2)


def test_every_limit_tells_the_most_it_saw_and_how_often_it_was_full() -> None:
    judged = throttle(ServerLimits(requests_per_minute=4, batches_per_minute=1, in_flight=2))
    assert judged.arrive("r", "a", kind="batch", at=0) is None
    assert judged.arrive("r", "a", kind="batch", at=1) is not None
    assert judged.arrive("r", "a", at=2) is None
    assert judged.arrive("r", "a", at=3) is not None
    for arrived_at in (0, 2):
        judged.depart("r", "a", arrived_at=arrived_at)
    judged.inject("r", 2, at=4.0)
    assert judged.arrive("r", "a", at=5) is not None
    seen = {name: (tally.most, tally.over) for name, tally in judged.tallies("r", "a").items()}
    assert seen == {
        "requests_per_minute": (2, 1),  # other apps use it up, and are not what is asked about
        "realm_batches_per_minute": (1, 0),
        "requests_per_second": (1, 0),
        "batches_per_minute": (1, 1),
        "in_flight": (2, 1),
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"window": "tumbling"}, "window is one of sliding, fixed, bucket"),
        ({"second_window": ""}, "second_window is one of sliding, fixed, bucket"),
        ({"window_offset_s": 60.0}, "window_offset_s is 0 to below 60"),
        ({"window_offset_s": -1.0}, "window_offset_s is 0 to below 60"),
        ({"window_offset_s": 1.0, "window_offset_seed": 1}, "exclude each other"),
        ({"limits_scale": 0.0}, "limits_scale is above 0"),
        ({"latency_s": float("inf")}, "latency_s is a finite number of at least 0"),
        ({"access_token_life_s": float("nan")}, "access_token_life_s is a finite number of at least 0"),
        ({"cdc_object_cap": -1}, "cdc_object_cap is a finite number of at least 0"),
        ({"other_requests_per_minute": -1.0}, "other_requests_per_minute is a finite number of at least 0"),
        ({"other_batches_per_minute": 1.0}, "other_batches_per_minute is at most other_requests"),
        ({"other_burst": 0}, "other_burst is at least 1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        SimulatorSettings(**change)


def test_settings_that_make_no_sense_are_all_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"limits_scale.*other_requests"):
        SimulatorSettings(limits_scale=-1.0, other_requests_per_minute=math.inf)
    with pytest.raises(UsageError, match="batches_per_minute is at least 1, or off"):
        ServerLimits(batches_per_minute=0)


def test_a_refusal_names_the_limit_that_is_full_longest() -> None:
    judged = throttle(ServerLimits(requests_per_minute=2, requests_per_second=2))
    for at in (10.0, 10.5):
        judged.arrive("r", "a", at=at)
    refusal = judged.arrive("r", "a", at=10.75)
    assert refusal is not None
    assert (refusal.limit, refusal.wait_s) == ("requests_per_minute", 59.25)


def test_realms_have_their_own_limits() -> None:
    judged = throttle(ServerLimits(requests_per_minute=1))
    assert judged.arrive("r", "a", at=0) is None
    assert judged.arrive("r", "b", at=0) is not None, "the minute is shared by all apps"
    assert judged.arrive("s", "a", at=0) is None


def test_calls_in_flight_are_counted_until_they_depart() -> None:
    judged = throttle(ServerLimits(in_flight=2))
    assert [judged.arrive("r", "a", at=0) is None for _ in range(3)] == [True, True, False]
    assert judged.in_flight("r", "a") == 2
    assert judged.arrive("r", "b", at=0) is None, "another app has its own"
    judged.depart("r", "a", arrived_at=0)
    judged.depart("r", "a", arrived_at=0)
    assert judged.arrive("r", "a", at=0) is None
    assert (judged.in_flight("r", "a"), judged.tallies("r", "a")["in_flight"].most) == (1, 2)
    assert judged.in_flight("r", "unknown") == 0


@pytest.mark.parametrize("scale", [1, 60])
def test_a_call_that_is_never_answered_is_in_flight_until_the_server_gives_it_up(scale: int) -> None:
    judged = throttle(replace(NO_LIMITS, in_flight=2), limits_scale=scale)
    for arrived_s in (0, 30):
        assert judged.arrive("r", "a", at=arrived_s / scale) is None
    assert judged.arrive("r", "a", at=119.9 / scale) is not None
    assert judged.arrive("r", "a", at=120 / scale) is None, "the first one is given up"
    judged.depart("r", "a", arrived_at=0)
    assert judged.arrive("r", "a", at=149.9 / scale) is not None, "what was given up has no place to leave"
    assert judged.arrive("r", "a", at=150 / scale) is None


def test_other_apps_use_up_the_realms_minute() -> None:
    judged = throttle(ServerLimits(in_flight=None), other_requests_per_minute=490)
    served = sum(judged.arrive("r", "a", at=1000 + second) is None for second in range(60))
    assert 8 <= served <= 12


def test_other_apps_send_batches_too() -> None:
    limits = replace(NO_LIMITS, requests_per_minute=500, realm_batches_per_minute=120)
    judged = throttle(limits, other_requests_per_minute=200, other_batches_per_minute=110)
    served = sum(judged.arrive("r", "a", kind="batch", at=1000 + second) is None for second in range(60))
    assert 8 <= served <= 12
    assert judged.arrive("r", "a", at=1060) is None, "what is no batch has room"


def test_other_apps_may_come_in_bursts() -> None:
    judged = throttle(replace(NO_LIMITS, requests_per_minute=100), other_requests_per_minute=50, other_burst=100)
    served = [judged.arrive("r", "a", at=1000.0 + second) is None for second in range(240)]
    assert 0 < served.count(True) < 240
    assert served.count(False) == pytest.approx(120, abs=10), "it fills every second minute"


@pytest.mark.parametrize(
    ("limit", "kind", "length_s"), [("reports_per_minute", "report", 60), ("emails_per_day", "email", 86_400)]
)
def test_some_kinds_of_calls_have_limits_of_their_own(limit: str, kind: Any, length_s: float) -> None:
    judged = throttle(replace(NO_LIMITS, **{limit: 2}))
    assert [judged.arrive("r", app, kind=kind, at=0) is None for app in "aba"] == [True, True, False]
    assert judged.arrive("r", "a", at=0) is None
    assert judged.arrive("r", "a", kind=kind, at=length_s - 1) is not None
    assert judged.arrive("r", "a", kind=kind, at=length_s) is None


def test_other_apps_traffic_of_the_moment() -> None:
    judged = throttle(ServerLimits())
    judged.inject("r", 499, at=0.0, batches=120)
    assert judged.arrive("r", "a", kind="batch", at=1.0) is not None
    assert judged.arrive("r", "a", at=1.0) is None
    assert judged.arrive("r", "a", at=1.0) is not None


def test_a_limit_of_none_is_off() -> None:
    judged = throttle()
    assert all(judged.arrive("r", "a", kind="batch", at=0) is None for _ in range(2000))


def test_the_xml_form_is_the_recorded_one_whatever_was_asked_for() -> None:
    answer = refusal_answer("xml", NOW, retry_after="absent", wait_s=1)
    assert (answer.status, answer.headers, answer.code) == (429, {}, "3001")
    assert answer.body == (
        b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        b'<IntuitResponse time="2026-11-20T10:00:00.123-08:00" xmlns="http://schema.intuit.com/finance/v3">'
        b'<Fault type="SERVICE"><Error code="3001">'
        b"<Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message>"
        b"<Detail>The request limit was reached.  Try again later</Detail></Error></Fault></IntuitResponse>"
    )
    legacy = refusal_answer("http_403_legacy", NOW, retry_after="absent", wait_s=1)
    assert legacy.status == 403
    assert "statusCode=403" in "".join(ET.fromstring(legacy.body).itertext())


def test_the_json_forms() -> None:
    lower = json.loads(refusal_answer("json_lower", NOW, retry_after="absent", wait_s=1).body)
    assert lower["fault"]["error"][0]["code"] == "3001"
    assert lower["fault"]["type"] == "SERVICE"
    assert lower["time"] == round(NOW.timestamp() * 1000)
    upper = json.loads(refusal_answer("json_upper", NOW, retry_after="absent", wait_s=1).body)
    assert upper["Fault"]["Error"][0]["code"] == "3001"
    assert refusal_answer("no_body", NOW, retry_after="absent", wait_s=1).body == b""


@pytest.mark.parametrize(("wait_s", "header"), [(0.2, "1"), (1.0, "1"), (50.1, "51")])
def test_retry_after_is_whole_seconds_and_never_none(wait_s: float, header: str) -> None:
    answer = refusal_answer("xml", NOW, retry_after="seconds", wait_s=wait_s)
    assert answer.headers == {"retry-after": header}


def test_retry_after_may_be_a_date() -> None:
    answer = refusal_answer("no_body", NOW, retry_after="date", wait_s=59.5)
    assert parsedate_to_datetime(answer.headers["retry-after"]) == NOW.replace(microsecond=0) + timedelta(minutes=1)
    assert answer.headers["retry-after"].endswith(" GMT")
