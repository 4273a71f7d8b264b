"""How a command runs: settings in, an async function on the loop, an exit code out; no traceback reaches a user."""

from __future__ import annotations

import gc
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from backfill.cli.output import Exit, failed
from backfill.errors import BackfillError

if TYPE_CHECKING:
    from backfill.config import Settings


def quieten() -> None:
    """Let no library log, with tracebacks, what is no trouble of ours, or is said in words."""
    # The driver logs what it raises as well.
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
    # And the loop tells of errors that nobody waited for: of a connection that is lost, where its user was told.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    # And aiohttp of each client that talks no HTTP, or hangs up: anybody could fill the log of what listens.
    logging.getLogger("aiohttp.server").addFilter(_is_not_of_a_client)


def _is_not_of_a_client(record: logging.LogRecord) -> bool:
    """Whether a server's trouble is its own."""
    kind = record.exc_info[0] if record.exc_info else None
    # By the name of its module: to import that takes as long as all the rest of a command that serves nothing.
    return kind is None or not (issubclass(kind, ConnectionError) or kind.__module__ == "aiohttp.http_exceptions")


def run_command(
    work: Callable[[Settings], Awaitable[Exit]],
    *,
    config: Path | None,
    as_json: bool,
) -> None:
    """Load the settings, run `work`, and end the process with its exit code."""
    # Not at the top: `--help` needs neither, and half its time would be theirs.
    import anyio

    from backfill.cli.stopping import ended, until_ended
    from backfill.config import load_settings

    # What is loaded by now stays; to look through it at every collection cost as much again as the work (measured
    # with thousands of realms: half the processor time a request).
    gc.collect()
    gc.freeze()
    quieten()
    try:
        settings = load_settings(config)
        code = anyio.run(until_ended, lambda: work(settings))
    except BackfillError as error:
        code = failed(error, as_json=as_json)
    except KeyboardInterrupt:
        code = failed(ended(), as_json=as_json)
    raise typer.Exit(code)
