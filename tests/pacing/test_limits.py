"""The limits are data with a source; they cannot contradict themselves; a scaled rehearsal keeps their relations."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import fields, replace
from importlib import resources
from typing import Any

import pytest

from backfill.errors import UsageError
from backfill.pacing.limits import Limits, limits_from_table, load_limits
from backfill.wire import Lane


def shipped() -> dict[str, Any]:
    return tomllib.loads(resources.files("backfill").joinpath("limits.toml").read_text(encoding="utf-8"))


def test_the_shipped_limits_are_intuits() -> None:
    limits = load_limits()
    assert (limits.requests_per_window, limits.batches_per_window, limits.realm_batches_per_window) == (500, 40, 120)
    assert (limits.window_s, limits.starts_per_second, limits.second_s, limits.in_flight) == (60, 10, 1, 10)
    assert (limits.abandoned_s, limits.freeze_s, limits.combined_per_window) == (120, 60, None)


def test_every_shipped_limit_says_whose_it_is_where_it_comes_from_and_when() -> None:
    table = shipped()
    derived = {"window_s", "second_s", "combined_per_window"}
    assert set(table) == {field.name for field in fields(Limits)} - derived
    assert all(entry["scope"] and entry["source"] and entry["date"] for entry in table.values())


def test_the_reserve_is_taken_from_what_all_apps_share_only() -> None:
    limits = replace(load_limits(), reserve=0.1)
    assert limits.request_permits == 450  # of 500, all apps
    assert limits.batch_permits == 40  # ours alone, and below the 108 that are left of 120
    assert replace(limits, realm_batches_per_window=40).batch_permits == 36
    assert replace(limits, reserve=0.0).request_permits == 500


def test_the_combined_limit_binds_only_where_it_is_lower() -> None:
    limits = replace(load_limits(), reserve=0.0)
    assert replace(limits, combined_per_window=800).request_permits == 500
    assert replace(limits, combined_per_window=300).request_permits == 300


def test_the_span_of_ten_starts_is_a_second_and_the_spread_of_the_way() -> None:
    assert load_limits().start_span_s == pytest.approx(1.2)
    assert replace(load_limits(), uplink_spread_s=0.0).start_span_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("lane", "timeout_s"),
    [(Lane.QUERY, 30), (Lane.CDC, 30), (Lane.BATCH, 130), (Lane.WRITE, 130), (Lane.REPORT, 130)],
)
def test_a_read_is_given_up_sooner_than_what_the_server_may_work_on_for_two_minutes(
    lane: Lane, timeout_s: float
) -> None:
    assert load_limits().timeout_s(lane) == timeout_s


def test_scaling_divides_every_window_and_rest_and_the_spacing_and_no_count_or_timeout() -> None:
    limits, scaled = load_limits(), load_limits().scaled(60)
    for name in (
        "window_s",
        "second_s",
        "abandoned_s",
        "late_arrival_s",
        "freeze_s",
        "freeze_jitter_s",
        "quota_s",
        "start_span_s",
    ):
        assert getattr(scaled, name) == pytest.approx(getattr(limits, name) / 60), name
    for name in ("request_permits", "batch_permits", "report_permits", "in_flight", "read_timeout_s", "slow_timeout_s"):
        assert getattr(scaled, name) == getattr(limits, name), name


@pytest.mark.parametrize(
    "change",
    [
        {"requests_per_window": 0},
        {"in_flight": 0},
        {"window_s": 0.0},
        {"late_arrival_s": -1.0},
        {"reserve": 1.0},
        {"reserve": -0.1},
        {"batches_per_window": 501, "realm_batches_per_window": 1000},
        {"second_s": 60.0},
        {"freeze_s": 59.0},
        {"quota_s": 60.0},
        {"slow_timeout_s": 119.0},
        {"read_timeout_s": 131.0},
        {"block_permits": 501},
        {"block_lane_permits": 0},
    ],
)
def test_limits_that_contradict_themselves_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="the limits break") as refused:
        replace(load_limits(), **change)
    assert next(iter(change)) in refused.value.message, "it says which"


def _drop(table: dict[str, Any]) -> None:
    del table["in_flight"]


def _misspell(table: dict[str, Any]) -> None:
    table["inflight"] = table.pop("in_flight")


def _no_source(table: dict[str, Any]) -> None:
    del table["freeze_s"]["source"]


def _half(table: dict[str, Any]) -> None:
    table["in_flight"]["value"] = 9.5


def _word(table: dict[str, Any]) -> None:
    table["in_flight"]["value"] = "ten"


def _other_window(table: dict[str, Any]) -> None:
    table["batches_per_window"]["window_s"] = 30


def _no_window(table: dict[str, Any]) -> None:
    del table["batches_per_window"]["window_s"]


def _window_on_a_length(table: dict[str, Any]) -> None:
    table["freeze_s"]["window_s"] = 60


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (_drop, "in_flight"),
        (_misspell, "inflight"),
        (_no_source, "source"),
        (_half, "in_flight"),
        (_word, "value"),
        (_other_window, "batches_per_window"),
        (_no_window, "batches_per_window"),
        (_window_on_a_length, "freeze_s"),
    ],
)
def test_a_spoilt_table_is_refused_by_name(spoil: Callable[[dict[str, Any]], None], named: str) -> None:
    table = shipped()
    spoil(table)
    with pytest.raises(UsageError, match=named):
        limits_from_table(table)


def test_a_combined_limit_may_be_added() -> None:
    table = shipped()
    table["combined_per_window"] = table["requests_per_window"] | {"value": 800}
    assert limits_from_table(table).combined_per_window == 800
