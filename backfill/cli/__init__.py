"""The command line: the composition root and the only reader of argv."""

from __future__ import annotations


def run() -> None:
    """Entry point of the `backfill` command."""
    raise SystemExit(2)
