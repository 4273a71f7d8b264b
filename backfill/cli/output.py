"""What a command says and how it ends: one JSON object on stdout with `--json`, sentences otherwise; exit codes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import IntEnum

import orjson

from backfill.errors import BackfillError, UsageError


class Exit(IntEnum):
    """Exit codes, part of the contract with scripts."""

    DONE = 0
    """All done and proven."""
    UNPROVEN = 1
    """Finished, but something is parked, quarantined, rejected or unproven."""
    USAGE = 2
    """Bad usage or configuration."""
    STOPPED = 3
    """Stopped, or could not run."""


def say(message: str) -> None:
    """A line for the person at the terminal: on stderr, so that stdout stays the result."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is where the program speaks


def result(value: Mapping[str, object]) -> None:
    """The command's result as one JSON object on stdout."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def text(value: str) -> None:
    """The command's result in words, on stdout."""
    print(value, flush=True)  # noqa: T201 - this is where the program speaks


def failed(error: BackfillError, *, as_json: bool) -> Exit:
    """Say what went wrong and what to do next; the exit code that goes with it."""
    say(f"backfill: {error.message}")
    if error.action:
        say(f"  What to do: {error.action}")
    if as_json:
        result({"error": {"message": error.message, "action": error.action}})
    return Exit.USAGE if isinstance(error, UsageError) else Exit.STOPPED
