"""What a command says and how it ends: one JSON object on stdout with `--json`, sentences otherwise; exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import BinaryIO, TextIO

from backfill.errors import BackfillError, UnavailableError, UsageError


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


def counted(number: int, what: str, plural: str = "") -> str:
    """The number with its noun: 1 realm, 2 realms; or 1 company, 2 companies."""
    return f"{number:,} {what if number == 1 else plural or f'{what}s'}"


def duration(seconds: float) -> str:
    """About how long: 2 h 05 min, 3 min 20 s, 7 s."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def say(message: str) -> None:
    """A line for the person at the terminal: on stderr, so that stdout stays the result."""
    if sys.stderr is None:
        return  # print would turn to stdout
    try:
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is where the program speaks
    except OSError:  # the person is gone (`2>&1 | head`); the work goes on
        _lead_nowhere(sys.stderr)


def result(value: Mapping[str, object]) -> None:
    """The command's result as one JSON object on stdout."""
    import orjson  # not at the top: `--help` has no use for it

    _write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def text(value: str) -> None:
    """The command's result in words, on stdout."""
    _write(f"{value}\n".encode(errors="replace"))


def show(value: Mapping[str, object], words: str, *, as_json: bool) -> None:
    """The command's result: `value` with `--json`, else `words`."""
    if as_json:
        result(value)
    else:
        text(words)


@contextmanager
def stdout_bytes() -> Iterator[BinaryIO]:
    """Stdout, for whatever is no text. Whoever reads may have had enough (`| head`): then the block ends, and well.

    Raises `UsageError` if stdout is closed, and `UnavailableError` if it cannot take what is written.
    """
    if sys.stdout is None:
        raise UsageError("There is nowhere to write: stdout is closed.", action="Give a file, or open stdout.")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError as error:
        _lead_nowhere(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise UnavailableError(f"The result cannot be written to stdout: {error.strerror}.") from error


def _write(result: bytes) -> None:
    """Raises `UnavailableError`. Where there is no stdout nobody wants the result."""
    if sys.stdout is not None:
        with stdout_bytes() as stdout:
            stdout.write(result)


def _lead_nowhere(stream: TextIO) -> None:
    """What is left in the stream's buffer is written once more when the interpreter ends, which would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def as_text(words: str) -> str:
    """What a command line or the environment gave, and is repeated, may be none."""
    return words.encode(errors="backslashreplace").decode()


def failed(error: BackfillError, *, as_json: bool) -> Exit:
    """Say what went wrong and what to do next; the exit code that goes with it."""
    say(f"backfill: {error.message}")
    if error.action:
        say(f"  What to do: {error.action}")
    if as_json:
        result({"error": {"message": as_text(error.message), "action": as_text(error.action)}})
    return Exit.USAGE if isinstance(error, UsageError) else Exit.STOPPED
