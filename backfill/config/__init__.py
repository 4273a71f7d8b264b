"""TOML and environment to the options objects of the layers below; every fault reported at once.

A file says what is particular to a deployment, the environment overrides it (and holds the secrets, which a
file should not). Nothing is looked for: no file is read that `--config` does not name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backfill.config.faults import faults_of, refused
from backfill.config.settings import Settings
from backfill.config.toml_file import read_toml

__all__ = ["ENVIRONMENT", "Settings", "load_settings"]

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
    "BACKFILL_OAUTH_CONSENT_URL": ("qbo", "oauth_consent_url"),
    "BACKFILL_OAUTH_REVOKE_URL": ("qbo", "oauth_revoke_url"),
    "BACKFILL_WEBHOOK_VERIFIER_TOKENS": ("webhooks", "verifier_tokens"),
}
"""Environment variable to the setting it overrides."""

PREFIX = "BACKFILL_"

MISSPELT = 0.8
"""How alike two names are of which one is a slip of the other: DATABSE_URL is by 0.96, a service's DATABASE_HOST by
0.72, and CLIENT_PORT by 0.75."""


def load_settings(file: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `file` (TOML; None: no file) and the environment over it.

    Raises `UsageError` that names every faulty key at once, with what is allowed there.
    """
    table = read_toml(file, "configuration") if file is not None else {}
    for variable, path in ENVIRONMENT.items():
        if environment.get(variable):
            _put(table, path, environment[variable])
    faults = list(_misspelt(environment))
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        variables = {path: variable for variable, path in ENVIRONMENT.items() if environment.get(variable)}
        faults += faults_of(error, Settings, variables)
    if settings is None or faults:
        source = f"The configuration {file}" if file is not None else "The configuration from the environment"
        raise refused(source, faults) from None
    return settings


def _misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """Variables that nobody knows, and that are nearly one of ours: without its address all would land elsewhere.

    Others may begin like ours: a cluster names variables after its services, too.
    """
    known = {variable.removeprefix(PREFIX): variable for variable in ENVIRONMENT}
    for variable in environment:
        if variable.startswith(PREFIX) and variable not in ENVIRONMENT:
            near = get_close_matches(variable.removeprefix(PREFIX), known, n=1, cutoff=MISSPELT)
            yield from (f"{variable}: there is no such variable. Did you mean {known[name]}?" for name in near)


def _put(table: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for key in path[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            return  # the file has something else there, which validation will name
        table = inner
    table[path[-1]] = value
