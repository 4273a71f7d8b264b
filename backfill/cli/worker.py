"""`backfill worker`: help with the runs that others have begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit, counted

if TYPE_CHECKING:
    from backfill.config import Settings


def worker(
    once: Annotated[bool, typer.Option("--once", help="End when there is no run to help with.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Help with each `extract`, `resync` and `reports` that is under way on this database, until stopped.

    As many as you like, on as many machines: a company is read by one process at a time, and each begins elsewhere.
    The run's own command waits for them, goes on where one dies, and says how each company ended.
    Exit code 0: stopped when asked to, or nothing is left. 2: wrong usage or configuration. 3: could not run.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.helping import help_runs

        helped = await help_runs(settings, once=once)
        words = f"Helped with {counted(len(helped), 'run')}." if helped else "There was no run to help with."
        output.show({"runs": [one.as_json() for one in helped]}, words, as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)
