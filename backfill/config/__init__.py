"""TOML and environment to the options objects of the layers below; every fault reported at once.

A file says what is particular to a deployment, the environment overrides it (and holds the secrets, which a
file should not). Nothing is looked for: no file is read that `--config` does not name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from backfill.config.settings import Settings
from backfill.config.toml_file import read_toml
from backfill.errors import UsageError, meant

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
        faults = [f"  {line}" for line in _faults(error.errors(), environment)]
        source = f"The configuration {file}" if file is not None else "The configuration from the environment"
        number = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
        raise UsageError("\n".join([f"{source} has {number}:", *faults])) from None


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
            known = _keys(path[:-1])
            near = meant(path[-1], known, otherwise=f"Known: {', '.join(known)}.")
            message = f"there is no such key. {near}"
        yield f"{name}: {message}"


def _keys(path: tuple[str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for key in path:
        inner = model.model_fields[key].annotation if key in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
