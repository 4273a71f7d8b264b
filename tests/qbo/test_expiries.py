"""The calendar of tokens: right to the day, and said in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backfill.qbo.expiries import TokenDates, Urgency, expiry

USED = datetime(2026, 11, 28, 18, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def dates(**changes: Any) -> TokenDates:
    fields = {"refreshed_at": USED, "imported_at": USED, "refresh_expires_at": None, "consent_expires_at": None}
    return TokenDates(realm_id="1", **fields | changes)


def test_a_token_that_is_not_used_lives_a_hundred_days_and_a_consent_five_years() -> None:
    end = expiry(dates(), USED)
    assert (end.unused_until, end.unused_said) == (datetime(2027, 3, 8, 18, 0, tzinfo=UTC), False)
    assert (end.consent_until, end.consent_said) == (datetime(2031, 11, 28, 18, 0, tzinfo=UTC), False)
    assert (end.urgency, end.message, end.action) == (Urgency.FINE, "", "")


def test_what_intuit_says_is_believed() -> None:
    said, sooner = USED + 101 * DAY, USED + 400 * DAY
    end = expiry(dates(refresh_expires_at=said, consent_expires_at=sooner), USED)
    assert (end.unused_until, end.unused_said) == (said, True)
    assert (end.consent_until, end.consent_said) == (sooner, True)


@pytest.mark.parametrize(
    ("days", "urgency", "said"),
    [
        (69.9, Urgency.FINE, ""),
        (70, Urgency.SOON, "dies of disuse on 2027-03-08, in 30 days"),
        (98.5, Urgency.SOON, "in 1 day"),
        (99.5, Urgency.SOON, "within a day"),
        (100, Urgency.OVER, "died of disuse on 2027-03-08"),
    ],
)
def test_disuse_is_warned_of_thirty_days_before(days: float, urgency: Urgency, said: str) -> None:
    end = expiry(dates(), USED + days * DAY)
    assert (end.urgency, end.message.removeprefix("the refresh token ")) == (
        urgency,
        said if said.startswith("d") or not said else f"dies of disuse on 2027-03-08, {said}",
    )


@pytest.mark.parametrize(
    ("days_before", "urgency", "said"),
    [
        (60.1, Urgency.FINE, ""),
        (60, Urgency.SOON, "the consent ends on 2031-11-28, in 60 days"),
        (0, Urgency.OVER, "the consent ended on 2031-11-28"),
    ],
)
def test_the_end_of_a_consent_is_warned_of_sixty_days_before(days_before: float, urgency: Urgency, said: str) -> None:
    at = datetime(2031, 11, 28, 18, 0, tzinfo=UTC) - days_before * DAY
    end = expiry(dates(refreshed_at=at), at)
    assert (end.urgency, end.message) == (urgency, said)
    assert not said or "consent again" in end.action


def test_using_a_token_puts_off_disuse_and_not_the_end_of_the_consent() -> None:
    later = USED + 99 * DAY
    used = expiry(dates(refreshed_at=later), later)
    assert (used.urgency, used.unused_until) == (Urgency.FINE, later + 100 * DAY)
    assert used.consent_until == expiry(dates(), USED).consent_until


def test_of_a_leap_day_the_earlier_day_is_taken() -> None:
    leap = datetime(2028, 2, 29, tzinfo=UTC)
    assert expiry(dates(imported_at=leap), leap).consent_until == datetime(2033, 2, 28, tzinfo=UTC)
