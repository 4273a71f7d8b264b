"""The tables of the configuration's file, each with the options that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from backfill.errors import UsageError
from backfill.jobs.costs import Optimise
from backfill.jobs.load.options import Mode
from backfill.jobs.report_options import TRAILING_PERIODS, ReportOptions
from backfill.pacing.metering import BatchCountsAs, month_of
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.catalogue import entity as find_entity
from backfill.qbo.reports import REPORTS, Basis, summary
from backfill.qbo.reports import report as find_report
from backfill.qbo.urls import checked_url

REALMS_AT_ONCE_MAX = 10_000
"""Places. Each open realm takes some 50 KB."""


class Section(BaseModel):
    """A table of the file: no key that nobody knows, and no value in a message, since it may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class QboSection(Section):
    """Where QuickBooks is, and who we are to it."""

    base_url: str | None = None
    """Another address than Intuit's, for rehearsals. Plain http is accepted for loopback only."""
    oauth_token_url: str | None = None
    oauth_consent_url: str | None = None
    oauth_revoke_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None

    @field_validator("base_url", "oauth_token_url", "oauth_consent_url", "oauth_revoke_url")
    @classmethod
    def _secure(cls, value: str | None) -> str | None:
        return None if value is None else _each(checked_url, [value])[0]


class ExtractSection(Section):
    """How much is read at a time."""

    entities: tuple[str, ...] = tuple(CATALOGUE)
    realms_at_once: Annotated[int, Field(ge=1, le=REALMS_AT_ONCE_MAX)] = 200
    """Places. Of more realms each has one for half a minute at a time; see `jobs.fleet.FleetOptions`."""
    readers_per_realm: Annotated[int, Field(ge=1, le=10)] = 8
    """Intuit allows ten requests of one realm in flight."""
    page_rows: Annotated[int, Field(ge=1, le=1000)] = 1000
    memory_mb: Annotated[int, Field(ge=16)] = 32
    """Pages of all realms together take no more than this: those asked for a tenth, those that came the rest. As much
    as one realm uses: more would only be held by many. See `pacing.realm_room`."""

    optimise: Optimise = Optimise.TIME
    """`time`: finish soonest. `calls`: cost the fewest metered calls."""

    @field_validator("entities")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _each(lambda name: find_entity(name).name, value)


class LoadSection(Section):
    """How rows are written into realms."""

    mode: Mode = Mode.FASTEST
    """`fastest`: all that the limits allow. `free`: single writes, which are not billed. `batch`: batches only."""
    realms_at_once: Annotated[int, Field(ge=1, le=REALMS_AT_ONCE_MAX)] = 50
    """Places. Each holds up to 2,000 rows without their payloads, about a megabyte."""
    stop_at_rejected: Annotated[float, Field(ge=0, le=1)] = 0.1
    """A load stops when more than this share of its rows was rejected: then the mistake is in all of them."""
    stop_of_rows: Annotated[int, Field(ge=1)] = 10_000
    """The share is taken of at least so many rows, or of all, if they are fewer."""
    allow_duplicate_numbers: bool = False
    """Ask QuickBooks to take document numbers that are used already. Such rows go singly."""


class MeteredSection(Section):
    """The month's metered calls of an app: every call but single writes."""

    monthly_cap: Annotated[int, Field(ge=1)] | None = None
    """No more metered calls than this in a month, all processes together; absent: they are only counted."""
    batch_counts_as: BatchCountsAs | None = None
    """Absent: what is on the safe side for what the count is used for, see `counted_as`."""
    time_zone: str = "UTC"
    """Where the month begins. Intuit says a calendar month, and not in which zone."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            _zone_of(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone called {value!r} on this machine") from error
        return value

    def month_at(self, moment: datetime) -> date:
        """The billing month that `moment` lies in, as its first day."""
        return month_of(moment, _zone_of(self.time_zone))

    @property
    def counted_as(self) -> BatchCountsAs:
        """How a batch counts. Unless it is said: as its items where there is a cap to keep, else as one call.

        Intuit bills "calls" and does not say which it means. A cap that took a batch for one call would let a company's
        app be switched off for the rest of the month, should each item count; the other mistake only stops a run
        early, which goes on later. A count that stops nothing is given in Intuit's own word, calls.
        """
        if self.batch_counts_as is not None:
            return self.batch_counts_as
        return BatchCountsAs.CALL if self.monthly_cap is None else BatchCountsAs.ITEMS


class CallLogSection(Section):
    """What is remembered of every exchange with Intuit, see `backfill calls`."""

    enabled: bool = True
    log_bodies: Literal["needed", "all"] = "needed"
    """`needed`: bodies of writes and of failures. `all`: whole pages too, which costs time and room."""
    retention_days: Annotated[int, Field(ge=1, le=3660)] = 30


class ReportsSection(Section):
    """Which reports are read, and how."""

    names: tuple[str, ...] = ()
    """Those that `extract` reads as well; none unless they are named. `backfill reports` without names reads these, or
    all that there are."""
    basis: Literal["accrual", "cash", "both"] = "both"
    by: tuple[str, ...] = ()
    """Columns to read beside the totals: month, class, customer, ..."""
    period_months: Literal[1, 2, 3, 4, 6, 12] = 6
    trailing_periods: Annotated[int, Field(ge=0, le=1000)] = TRAILING_PERIODS
    newest_first: bool = False
    readers_per_realm: Annotated[int, Field(ge=1, le=10)] = 4

    @field_validator("names")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _each(lambda name: find_report(name).name, value)

    @field_validator("by")
    @classmethod
    def _summaries(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _each(summary, value)

    def options(self) -> ReportOptions | None:
        """What to read of every realm; None where no report is named."""
        if not self.names:
            return None
        return ReportOptions(
            reports=tuple(REPORTS[name] for name in self.names),
            bases=tuple(Basis) if self.basis == "both" else (Basis(self.basis),),
            by=("", *self.by),
            period_months=self.period_months,
            trailing_periods=self.trailing_periods,
            newest_first=self.newest_first,
            readers=self.readers_per_realm,
        )

    def scope(self) -> Mapping[str, object]:
        """What tells one run from another that reads something else."""
        return self.model_dump(mode="json", include={"names", "basis", "by", "period_months"})


class PostgresSection(Section):
    """The embedded server, and how realms are leased."""

    pg_bin_dir: Path | None = None
    lease_s: Annotated[float, Field(ge=1, le=3600)] = 30.0


class WebhooksSection(Section):
    """The receiver of Intuit's webhooks, see `backfill webhooks serve`."""

    verifier_tokens: tuple[SecretStr, ...] = ()
    """From the app's page in Intuit's portal; the old and the new one while they are exchanged. In one text, they have
    commas or blanks between them."""
    host: str = "127.0.0.1"
    """Where it listens, in plain http: what ends the TLS that Intuit demands stands in front of it."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8766
    body_kb: Annotated[int, Field(ge=1, le=10_240)] = 1024
    """Larger bodies are refused unread. An event has some 400 bytes; how many Intuit sends at once it does not say."""
    gather_s: Annotated[float, Field(ge=0, le=3600)] = 5.0
    """A company's events wait so long for others to share their metered calls with."""
    retention_days: Annotated[int, Field(ge=1, le=3660)] = 30
    """How long events that are done with are kept; until then a delivery that is repeated is recognised."""

    @field_validator("verifier_tokens", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _each(checked: Callable[[str], str], values: Iterable[str]) -> tuple[str, ...]:
    """The values as they are known. Raises `ValueError`, as pydantic wants it, with what is allowed."""
    try:
        return tuple(checked(value) for value in values)
    except UsageError as error:
        raise ValueError(f"{error.message} {error.action}") from error


def _zone_of(name: str) -> tzinfo:
    """UTC is known without the machine's table of zones, which a small container may not have."""
    return UTC if name == "UTC" else ZoneInfo(name)
