"""When a company's tokens end: of disuse, and for good. What is known of it, what is warned of, and what to do.

Intuit's OAuth pages: a refresh token dies 100 days after it was last used, and a consent five years after it was given
(since 2026-01-27). Both are said, in seconds, at each refresh; what was not said yet is reckoned as late as it can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

IDLE_DAYS = 100
CONSENT_YEARS = 5
WARN_IDLE = timedelta(days=30)
"""Seventy days of silence are no accident of a schedule, and thirty are enough to notice."""
WARN_CONSENT = timedelta(days=60)
"""Only a person of the company can renew it; Intuit itself gives notice thirty days before."""


class Urgency(StrEnum):
    """How near the end is."""

    FINE = "fine"
    SOON = "soon"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDates:
    """What is stored of one realm's tokens, but for the tokens."""

    realm_id: str
    refreshed_at: datetime
    """Of the last refresh, or of the import."""
    imported_at: datetime
    """When the consent was there at the latest."""
    refresh_expires_at: datetime | None
    consent_expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """The two ends of a realm's tokens. `*_said`: by Intuit; else it is the latest moment that is possible."""

    realm_id: str
    unused_until: datetime
    unused_said: bool
    consent_until: datetime
    consent_said: bool
    urgency: Urgency
    message: str
    """Empty where all is fine."""
    action: str


def expiry(dates: TokenDates, now: datetime) -> Expiry:
    """The ends of one realm's tokens, as seen at `now`."""
    unused_until = dates.refresh_expires_at or dates.refreshed_at + timedelta(days=IDLE_DAYS)
    consent_until = dates.consent_expires_at or _years_later(dates.imported_at, CONSENT_YEARS)
    urgency, message, action = _judged(dates.realm_id, unused_until, consent_until, now)
    return Expiry(
        realm_id=dates.realm_id,
        unused_until=unused_until,
        unused_said=dates.refresh_expires_at is not None,
        consent_until=consent_until,
        consent_said=dates.consent_expires_at is not None,
        urgency=urgency,
        message=message,
        action=action,
    )


def _judged(realm_id: str, unused_until: datetime, consent_until: datetime, now: datetime) -> tuple[Urgency, str, str]:
    """The consent first: where it ends, no refresh helps."""
    renew = "Have an administrator of the company give the app consent again; then import the new token."
    if now >= consent_until:
        return Urgency.OVER, f"the consent ended on {_day(consent_until)}", renew
    if now >= unused_until:
        return Urgency.OVER, f"the refresh token died of disuse on {_day(unused_until)}", renew
    if now >= consent_until - WARN_CONSENT:
        return Urgency.SOON, f"the consent ends on {_day(consent_until)}, {_left(consent_until - now)}", renew
    if now >= unused_until - WARN_IDLE:
        use = f"Use it: backfill extract --realm {realm_id}"
        return (
            Urgency.SOON,
            f"the refresh token dies of disuse on {_day(unused_until)}, {_left(unused_until - now)}",
            use,
        )
    return Urgency.FINE, "", ""


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _left(left: timedelta) -> str:
    return f"in {left.days} day{'' if left.days == 1 else 's'}" if left.days else "within a day"


def _years_later(moment: datetime, years: int) -> datetime:
    """The same day of a later year; of a leap day the day before, since nobody says which of the two it is."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)
