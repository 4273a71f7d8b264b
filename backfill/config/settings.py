"""Everything that can be configured, checked, and the options objects of the layers below that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
import platformdirs
from pydantic import Field, SecretStr, field_validator

from backfill.config.sections import (
    CallLogSection,
    ExtractSection,
    LoadSection,
    MeteredSection,
    PostgresSection,
    QboSection,
    ReportsSection,
    Section,
    WebhooksSection,
)
from backfill.errors import UsageError, meant
from backfill.jobs.costs import Costs
from backfill.jobs.load.options import LoadOptions, Mode
from backfill.load_model import LoadId
from backfill.pacing.limits import Limits, load_limits
from backfill.qbo.urls import API_URLS, CONSENT_URL, REVOKE_URL, TOKEN_URL, is_intuits, is_production


class Settings(Section):
    """Everything that can be configured. Derived options are methods, so that nothing is kept twice."""

    environment: Literal["sandbox", "production"] = "sandbox"
    data_dir: Path | None = None
    """Absent: the user's own, see `data_folder`."""
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
        known = f"Known: {', '.join(names)}."
        unknown = [f"{name!r}. {meant(name, names, otherwise=known)}" for name in value if name not in names]
        if unknown:
            raise ValueError(f"there is no limit called {' Nor '.join(unknown)}")
        try:
            _overridden(value)
        except UsageError as error:
            raise ValueError(error.message) from error
        return value

    @property
    def data_folder(self) -> Path:
        """Where the embedded Postgres is. Raises `UsageError` if none is given and the user has no home."""
        return self.data_dir or _of_the_user(platformdirs.user_data_path, "BACKFILL_DATA_DIR")

    @property
    def key_file(self) -> Path:
        """Where the encryption key is kept if none is given: in the user's configuration, never beside the database.

        Raises `UsageError` if the user has no home.
        """
        return _of_the_user(platformdirs.user_config_path, "BACKFILL_ENCRYPTION_KEY") / "encryption.key"

    @property
    def api_url(self) -> str:
        """Where the API is: Intuit's host of the environment, unless another address is given."""
        return self.qbo.base_url or API_URLS[self.environment]

    @property
    def token_url(self) -> str:
        """Where tokens are refreshed."""
        return self.qbo.oauth_token_url or TOKEN_URL

    @property
    def consent_url(self) -> str:
        """Where a person connects a company. Raises `UsageError` where the tokens would be another's."""
        if self.qbo.oauth_token_url and not self.qbo.oauth_consent_url:
            raise UsageError(
                f"Tokens come from {self.qbo.oauth_token_url}, and Intuit's consent is worth nothing there.",
                action="Set BACKFILL_OAUTH_CONSENT_URL, too; for a simulator, its address and /connect/oauth2.",
            )
        return self.qbo.oauth_consent_url or CONSENT_URL

    @property
    def revoke_url(self) -> str:
        """Where a consent is given back. Raises `UsageError` where another's token would be sent to Intuit."""
        if self.qbo.oauth_token_url and not self.qbo.oauth_revoke_url:
            raise UsageError(
                f"Tokens come from {self.qbo.oauth_token_url}, and Intuit cannot revoke them.",
                action="Set BACKFILL_OAUTH_REVOKE_URL, too; for a simulator, its address and /v2/oauth2/tokens/revoke.",
            )
        return self.qbo.oauth_revoke_url or REVOKE_URL

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
        """Whether what is written changes somebody's real books: then a realm must be armed first.

        The address counts as well: with Intuit's own as `qbo.base_url`, the environment may say what it likes.
        """
        return self.environment == "production" or is_production(self.api_url)

    def pacing_limits(self) -> Limits:
        """The shipped limits with this configuration's overrides, scaled. Raises `UsageError` if they contradict."""
        if self.limits_scale != 1.0 and is_intuits(self.api_url):
            raise UsageError(
                "BACKFILL_LIMITS_SCALE is for rehearsals against a simulator: Intuit's own limits cannot be scaled.",
                action="Unset it, or set BACKFILL_QBO_BASE_URL to the simulator's address.",
            )
        limits = _overridden(self.limits)
        return limits.scaled(self.limits_scale) if self.limits_scale != 1.0 else limits


def _of_the_user(folder: Callable[[str], Path], variable: str) -> Path:
    """A folder of ours below the user's home, which a container's user may have none of."""
    try:
        return folder("backfill")
    except RuntimeError as error:
        raise UsageError("This user has no home directory.", action=f"Set HOME, or {variable}.") from error


def _overridden(overrides: Mapping[str, float]) -> Limits:
    """The shipped limits with some replaced. Raises `UsageError` if one is not what it can be, or they contradict."""
    values = {name: int(value) if value.is_integer() else value for name, value in overrides.items()}
    try:
        return msgspec.convert(asdict(load_limits()) | values, Limits)
    except msgspec.ValidationError as error:
        raise UsageError(f"a limit is wrong: {error}") from error


def _is_database_url(url: str) -> bool:
    """Whether the driver can read it; several hosts may stand there, each with its port."""
    try:
        parts = urlsplit(url)
        for host in parts.netloc.rpartition("@")[2].split(","):
            _ = urlsplit(f"//{host}").port
    except ValueError:
        return False
    return parts.scheme in {"postgresql", "postgres"}
