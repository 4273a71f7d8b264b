"""TOML and environment to the options objects of the layers below; every fault reported at once.

A file says what is particular to a deployment, the environment overrides it (and holds the secrets, which a
file should not). Nothing is looked for: no file is read that `--config` does not name.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from backfill.config.section import Section
from backfill.config.webhooks import WebhooksSection
from backfill.errors import UsageError
from backfill.jobs.costs import Costs, Optimise
from backfill.jobs.load.work import LoadOptions, Mode
from backfill.jobs.report_plan import TRAILING_PERIODS, ReportOptions
from backfill.load_model import LoadId
from backfill.pacing.limits import Limits, load_limits
from backfill.pacing.metering import BatchCountsAs, month_of
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.catalogue import entity as find_entity
from backfill.qbo.reports import REPORTS, Basis, summary
from backfill.qbo.reports import report as find_report
from backfill.qbo.urls import API_URLS, TOKEN_URL, checked_url, is_intuits

ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "BACKFILL_ENVIRONMENT": ("environment",),
    "BACKFILL_DATABASE_URL": ("database_url",),
    "BACKFILL_DATA_DIR": ("data_dir",),
    "BACKFILL_ENCRYPTION_KEY": ("encryption_key",),
    "BACKFILL_LIMITS_SCALE": ("limits_scale",),
    "BACKFILL_CLIENT_ID": ("qbo", "client_id"),
    "BACKFILL_CLIENT_SECRET": ("qbo", "client_secret"),
    "BACKFILL_QBO_BASE_URL": ("qbo", "base_url"),
    "BACKFILL_OAUTH_TOKEN_URL": ("qbo", "oauth_token_url"),
    "BACKFILL_WEBHOOK_VERIFIER_TOKENS": ("webhooks", "verifier_tokens"),
}
"""Environment variable to the setting it overrides."""


class QboSection(Section):
    """Where QuickBooks is, and who we are to it."""

    base_url: str | None = None
    """Another address than Intuit's, for rehearsals. Plain http is accepted for loopback only."""
    oauth_token_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None

    @field_validator("base_url", "oauth_token_url")
    @classmethod
    def _secure(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return checked_url(value)
        except UsageError as error:
            raise ValueError(f"{error.message} {error.action}") from error


class ExtractSection(Section):
    """How much is read at a time."""

    entities: tuple[str, ...] = tuple(CATALOGUE)
    realms_at_once: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Places. Of more realms each has one for half a minute at a time; see `jobs.fleet.FleetOptions`."""
    readers_per_realm: Annotated[int, Field(ge=1, le=10)] = 8
    """Intuit allows ten requests of one realm in flight."""
    page_rows: Annotated[int, Field(ge=1, le=1000)] = 1000
    memory_mb: Annotated[int, Field(ge=16)] = 96
    """Pages in flight of all realms together take no more than this."""

    optimise: Optimise = Optimise.TIME
    """`time`: finish soonest. `calls`: cost the fewest metered calls."""

    @field_validator("entities")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(find_entity(name).name for name in value)
        except UsageError as error:
            raise ValueError(f"{error.message} {error.action}") from error


class LoadSection(Section):
    """How rows are written into realms."""

    mode: Mode = Mode.FASTEST
    """`fastest`: all that the limits allow. `free`: single writes, which are not billed. `batch`: batches only."""
    realms_at_once: Annotated[int, Field(ge=1, le=10_000)] = 50
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
        try:
            return tuple(find_report(name).name for name in value)
        except UsageError as error:
            raise ValueError(f"{error.message} {error.action}") from error

    @field_validator("by")
    @classmethod
    def _summaries(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(summary(name) for name in value)
        except UsageError as error:
            raise ValueError(f"{error.message} {error.action}") from error

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


class Settings(Section):
    """Everything that can be configured. Derived options are methods, so that nothing is kept twice."""

    environment: Literal["sandbox", "production"] = "sandbox"
    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path("backfill"))
    database_url: SecretStr | None = None
    encryption_key: SecretStr | None = None
    limits_scale: Annotated[float, Field(ge=1, le=10_000)] = 1.0
    """Divides every limit's window, freeze and backoff, for rehearsals; refused against Intuit's own hosts."""
    qbo: QboSection = QboSection()
    extract: ExtractSection = ExtractSection()
    load: LoadSection = LoadSection()
    metered: MeteredSection = MeteredSection()
    call_log: CallLogSection = CallLogSection()
    webhooks: WebhooksSection = WebhooksSection()
    reports: ReportsSection = ReportsSection()
    postgres: PostgresSection = PostgresSection()
    limits: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)
    """Overrides of single limits of `limits.toml`, by name."""

    @field_validator("database_url")
    @classmethod
    def _address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_database_url(value.get_secret_value()):
            raise ValueError("it is not of the form postgresql://user:password@host:5432/database")
        return value

    @field_validator("limits")
    @classmethod
    def _known_limits(cls, value: dict[str, float]) -> dict[str, float]:
        names = [field.name for field in fields(Limits)]
        unknown = [f"{name!r} ({_near(name, names)})" for name in value if name not in names]
        if unknown:
            raise ValueError(f"there is no limit called {', '.join(unknown)}")
        try:
            _overridden(value)
        except UsageError as error:
            raise ValueError(error.message) from error
        return value

    @property
    def key_file(self) -> Path:
        """Where the encryption key is kept if none is given: in the user's configuration, never beside the database."""
        return platformdirs.user_config_path("backfill") / "encryption.key"

    @property
    def api_url(self) -> str:
        """Where the API is: Intuit's host of the environment, unless another address is given."""
        return self.qbo.base_url or API_URLS[self.environment]

    @property
    def token_url(self) -> str:
        """Where tokens are refreshed."""
        return self.qbo.oauth_token_url or TOKEN_URL

    @property
    def costs(self) -> Costs:
        """What a run is to keep low, and what a call costs."""
        return Costs(optimise=self.extract.optimise, batch_counts_as=self.metered.counted_as)

    def load_options(self, loads: Sequence[LoadId], *, mode: Mode, allow_duplicate_numbers: bool) -> LoadOptions:
        """How the loads are written, within the limits."""
        limits = self.pacing_limits()
        return LoadOptions(
            loads=loads,
            mode=mode,
            settled_s=limits.abandoned_s + limits.late_arrival_s,
            allow_duplicate_numbers=allow_duplicate_numbers,
            single_window=max(1, limits.request_permits - limits.batch_permits),
            window_s=limits.window_s,
            request_permits=limits.request_permits,
        )

    @property
    def writes_to_production(self) -> bool:
        """Whether what is written changes somebody's real books: then a realm must be armed first."""
        return self.environment == "production"

    def pacing_limits(self) -> Limits:
        """The shipped limits with this configuration's overrides, scaled. Raises `UsageError` if they contradict."""
        if self.limits_scale != 1.0 and (is_intuits(self.api_url)):
            raise UsageError(
                "BACKFILL_LIMITS_SCALE is for rehearsals against a simulator: Intuit's own limits cannot be scaled.",
                action="Unset it, or set BACKFILL_QBO_BASE_URL to the simulator's address.",
            )
        limits = _overridden(self.limits)
        return limits.scaled(self.limits_scale) if self.limits_scale != 1.0 else limits


def _zone_of(name: str) -> tzinfo:
    """UTC is known without the machine's table of zones, which a small container may not have."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _overridden(overrides: Mapping[str, float]) -> Limits:
    """The shipped limits with some replaced. Raises `UsageError` if they then contradict one another."""
    shipped = load_limits()
    values: dict[str, Any] = {
        name: int(value) if isinstance(getattr(shipped, name), int) else value for name, value in overrides.items()
    }
    return replace(shipped, **values)


def _is_database_url(url: str) -> bool:
    """Whether the driver can read it; several hosts may stand there, each with its port."""
    try:
        parts = urlsplit(url)
        for host in parts.netloc.rpartition("@")[2].split(","):
            _ = urlsplit(f"//{host}").port
    except ValueError:
        return False
    return parts.scheme in {"postgresql", "postgres"}


def load_settings(file: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `file` (TOML; None: no file) and the environment over it.

    Raises `UsageError` that names every faulty key at once, with what is allowed there.
    """
    table = _read(file) if file is not None else {}
    for variable, path in ENVIRONMENT.items():
        if environment.get(variable):
            _put(table, path, environment[variable])
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        faults = [f"  {line}" for line in _faults(error.errors(), environment)]
        source = f"The configuration {file}" if file is not None else "The configuration from the environment"
        raise UsageError("\n".join([f"{source} has {_many(len(faults), 'fault')}:", *faults])) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The configuration {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration {file} is not TOML: {error}.") from error


def _put(table: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for key in path[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            return  # the file has something else there, which validation will name
        table = inner
    table[path[-1]] = value


def _faults(errors: list[ErrorDetails], environment: Mapping[str, str]) -> Iterator[str]:
    variables = {path: variable for variable, path in ENVIRONMENT.items() if environment.get(variable)}
    for error in errors:
        path = tuple(str(part) for part in error["loc"])
        name = variables.get(path) or ".".join(path) or "(together)"
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            message = f"there is no such key ({_near(path[-1], _keys(path[:-1]))})"
        yield f"{name}: {message}"


def _keys(path: tuple[str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for key in path:
        inner = model.model_fields[key].annotation if key in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def _near(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
