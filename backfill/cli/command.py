"""How a command runs: settings in, an async function on the event loop, an exit code out; no traceback reaches a user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import typer

from backfill.cli.output import Exit, failed
from backfill.config import Settings, load_settings
from backfill.errors import BackfillError


def run_command(
    work: Callable[[Settings], Awaitable[Exit]],
    *,
    config: Path | None,
    as_json: bool,
) -> None:
    """Load the settings, run `work`, and end the process with its exit code."""
    try:
        settings = load_settings(config)
        code = anyio.run(work, settings)
    except BackfillError as error:
        code = failed(error, as_json=as_json)
    except KeyboardInterrupt:
        code = Exit.STOPPED
    raise typer.Exit(code)
