"""Billed calls are counted so that the cap is never passed, not even by calls under way."""

from __future__ import annotations

import pytest

from backfill.errors import Disposition, UnavailableError
from backfill.model import RealmId
from backfill.pacing.metering import MeteredBudget
from backfill.wire import Lane, Request


def call(lane: Lane, body: bytes = b"") -> Request:
    return Request(realm_id=RealmId("9130350000000001"), lane=lane, method="POST", path="/x", body=body)


@pytest.mark.parametrize(
    ("lane", "units"), [(Lane.QUERY, 1), (Lane.BATCH, 1), (Lane.CDC, 1), (Lane.REPORT, 1), (Lane.WRITE, 0)]
)
def test_every_call_but_a_single_write_is_metered(lane: Lane, units: int) -> None:
    metered = MeteredBudget(cap=None)
    assert metered.spend(call(lane)) == units
    assert metered.used == units


def test_the_cap_is_reached_and_not_passed() -> None:
    metered = MeteredBudget(cap=500_000, used=499_999)
    metered.spend(call(Lane.QUERY))
    assert metered.left == 0
    with pytest.raises(UnavailableError, match=r"500000.*9130350000000001") as raised:
        metered.spend(call(Lane.QUERY))
    assert raised.value.disposition is Disposition.STOP
    assert raised.value.action
    assert metered.used == 500_000
    assert metered.spend(call(Lane.WRITE)) == 0


def test_what_was_not_billed_is_taken_back() -> None:
    metered = MeteredBudget(cap=1)
    metered.take_back(metered.spend(call(Lane.QUERY)))
    metered.spend(call(Lane.QUERY))
    assert metered.left == 0


def test_without_a_cap_it_only_counts() -> None:
    metered = MeteredBudget(cap=None, used=10**9)
    metered.spend(call(Lane.QUERY))
    assert (metered.used, metered.left) == (10**9 + 1, None)


def test_a_batch_may_count_as_its_items() -> None:
    metered = MeteredBudget(cap=40, units=lambda request: request.body.count(b"bId") or 1)
    assert metered.spend(call(Lane.BATCH, b"bId" * 30)) == 30
    with pytest.raises(UnavailableError):
        metered.spend(call(Lane.BATCH, b"bId" * 11))
    assert metered.left == 10
