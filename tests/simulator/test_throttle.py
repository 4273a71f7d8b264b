"""The server's throttle against a brute-force counter, and the forms of its refusals."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

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


@pytest.mark.parametrize("window", ["sliding", "fixed"])
@pytest.mark.parametrize("refused_count", [False, True])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_random_arrivals_are_judged_as_a_brute_force_counter_judges_them(
    window: str, refused_count: bool, scale: float
) -> None:
    """All four windows at once: two apps, batches among the requests; times on a grid, so that ends are met exactly."""
    limits = ServerLimits(
        requests_per_minute=20, requests_per_second=4, batches_per_minute=5, realm_batches_per_minute=7, in_flight=None
    )
    judged = throttle(limits, window=window, refused_count=refused_count, limits_scale=scale)
    rng = random.Random(11)
    counted: list[tuple[float, str, bool]] = []
    at = 1000.0
    verdicts = set()
    for _ in range(3000):
        at += rng.choice([0, 0, 0.125, 0.25, 0.5, 1, 3, 7.5]) / 4 / scale
        app, batch = rng.choice("AB"), rng.random() < 0.3

        def within(length_s: float, at: float = at) -> list[tuple[str, bool]]:
            length_s /= scale
            if window == "fixed":
                return [(a, b) for t, a, b in counted if t // length_s == at // length_s]
            return [(a, b) for t, a, b in counted if t + length_s > at]

        minute, second = within(60), within(1)
        full = len(minute) >= 20 or sum(a == app for a, _ in second) >= 4
        if batch:
            full = full or sum(b and a == app for a, b in minute) >= 5 or sum(b for _, b in minute) >= 7
        refusal = judged.arrive("r", app, batch=batch, at=at)
        assert (refusal is not None) == full, at
        if refusal is not None:
            assert refusal.wait_s > 0
            verdicts.add(refusal.limit)
        if not full or refused_count:
            counted.append((at, app, batch))
    assert len(verdicts) == 4, "every limit was met"


@pytest.mark.parametrize("window", ["sliding", "fixed"])
def test_after_the_stated_wait_there_is_room_and_not_before(window: str) -> None:
    limits = ServerLimits(requests_per_minute=3, requests_per_second=None, batches_per_minute=None,
                          realm_batches_per_minute=None, in_flight=None)  # fmt: skip
    judged = throttle(limits, window=window)
    for at in (61.0, 62.5, 64.0):
        assert judged.arrive("r", "a", batch=False, at=at) is None
    refusal = judged.arrive("r", "a", batch=False, at=70.0)
    assert refusal is not None
    assert refusal.limit == "requests_per_minute"
    assert refusal.wait_s == {"sliding": 51.0, "fixed": 50.0}[window]
    assert judged.arrive("r", "a", batch=False, at=70.0 + refusal.wait_s - 0.001) is not None
    assert judged.arrive("r", "a", batch=False, at=70.0 + refusal.wait_s) is None


def test_a_refusal_names_the_limit_that_is_full_longest() -> None:
    judged = throttle(ServerLimits(requests_per_minute=2, requests_per_second=2))
    for at in (10.0, 10.5):
        judged.arrive("r", "a", batch=False, at=at)
    refusal = judged.arrive("r", "a", batch=False, at=10.75)
    assert refusal is not None
    assert (refusal.limit, refusal.wait_s) == ("requests_per_minute", 59.25)


def test_realms_have_their_own_limits() -> None:
    judged = throttle(ServerLimits(requests_per_minute=1))
    assert judged.arrive("r", "a", batch=False, at=0) is None
    assert judged.arrive("r", "b", batch=False, at=0) is not None, "the minute is shared by all apps"
    assert judged.arrive("s", "a", batch=False, at=0) is None


def test_calls_in_flight_are_counted_until_they_depart() -> None:
    judged = throttle(ServerLimits(in_flight=2))
    assert [judged.arrive("r", "a", batch=False, at=0) is None for _ in range(3)] == [True, True, False]
    assert judged.in_flight("r", "a") == 2
    assert judged.arrive("r", "b", batch=False, at=0) is None, "another app has its own"
    judged.depart("r", "a")
    assert judged.arrive("r", "a", batch=False, at=0) is None
    assert judged.in_flight("r", "unknown") == 0


def test_other_apps_use_up_the_realms_minute() -> None:
    judged = throttle(ServerLimits(in_flight=None), other_requests_per_minute=490)
    served = sum(judged.arrive("r", "a", batch=False, at=1000 + second) is None for second in range(60))
    assert 8 <= served <= 12
    judged = throttle(ServerLimits())
    judged.inject("r", 499, at=0.0, batches=120)
    assert judged.arrive("r", "a", batch=True, at=1.0) is not None
    assert judged.arrive("r", "a", batch=False, at=1.0) is None
    assert judged.arrive("r", "a", batch=False, at=1.0) is not None


def test_a_limit_of_none_is_off() -> None:
    judged = throttle()
    assert all(judged.arrive("r", "a", batch=True, at=0) is None for _ in range(2000))


def test_the_xml_form_is_the_recorded_one_whatever_was_asked_for() -> None:
    answer = refusal_answer("xml", NOW, retry_after_s=None)
    assert (answer.status, answer.headers, answer.code) == (429, {}, "3001")
    assert answer.body == (
        b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        b'<IntuitResponse time="2026-11-20T10:00:00.123-08:00" xmlns="http://schema.intuit.com/finance/v3">'
        b'<Fault type="SERVICE"><Error code="3001">'
        b"<Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message>"
        b"<Detail>The request limit was reached.  Try again later</Detail></Error></Fault></IntuitResponse>"
    )
    legacy = refusal_answer("http_403_legacy", NOW, retry_after_s=None)
    assert legacy.status == 403
    assert "statusCode=403" in "".join(ET.fromstring(legacy.body).itertext())


def test_the_json_forms() -> None:
    lower = json.loads(refusal_answer("json_lower", NOW, retry_after_s=None).body)
    assert lower["fault"]["error"][0]["code"] == "3001"
    assert lower["fault"]["type"] == "SERVICE"
    assert lower["time"] == round(NOW.timestamp() * 1000)
    upper = json.loads(refusal_answer("json_upper", NOW, retry_after_s=None).body)
    assert upper["Fault"]["Error"][0]["code"] == "3001"
    assert refusal_answer("no_body", NOW, retry_after_s=None).body == b""


@pytest.mark.parametrize(("wait_s", "header"), [(0.2, "1"), (1.0, "1"), (50.1, "51")])
def test_retry_after_is_whole_seconds_and_never_none(wait_s: float, header: str) -> None:
    assert refusal_answer("xml", NOW, retry_after_s=wait_s).headers == {"retry-after": header}
