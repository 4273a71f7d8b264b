"""TOML and environment to the options objects of the layers below; every fault reported at once.

A file says what is particular to a deployment, the environment overrides it (and holds the secrets, which a
file should not). Nothing is looked for: no file is read that `--config` does not name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backfill.config.faults import faults_in_words
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
    "BACKFILL_WEBHOOK_VERIFIER_TOKENS": ("webhooks", "verifier_tokens"),
}
"""Environment variable to the setting it overrides."""


def load_settings(file: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `file` (TOML; None: no file) and the environment over it.

    Raises `UsageError` that names every faulty key at once, with what is allowed there.
    """
    table = read_toml(file, "configuration") if file is not None else {}
    for variable, path in ENVIRONMENT.items():
        if environment.get(variable):
            _put(table, path, environment[variable])
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        source = f"The configuration {file}" if file is not None else "The configuration from the environment"
        variables = {path: variable for variable, path in ENVIRONMENT.items() if environment.get(variable)}
        raise faults_in_words(error, Settings, source, variables) from None


def _put(table: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for key in path[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            return  # the file has something else there, which validation will name
        table = inner
    table[path[-1]] = value
