"""`backfill plan`: what a run will take, before anybody starts it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit, say

if TYPE_CHECKING:
    from backfill.config import Settings
    from backfill.planner.forecast import Forecast
    from backfill.planner.scenario import Scenario


def plan(
    scenario: Annotated[
        Path, typer.Argument(metavar="SCENARIO", help="The fleet, in TOML: see configs/scenario.toml.")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how long `extract` will take for a fleet, how many calls, and what these cost. Nothing outside is touched.

    Simulated companies of the scenario are read by the real jobs, with this configuration, under virtual time; each
    stands for those that are like it. Give the result of --json to `extract --plan`, and the run is held to it.
    Exit code 0: planned. 2: wrong usage. 3: a company of the scenario cannot be read.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.plan_words import as_json as result_of
        from backfill.cli.plan_words import in_words
        from backfill.planner.scenario import read_scenario

        read = read_scenario(scenario)
        settings.pacing_limits()  # said before anything is simulated, if they are wrong
        made = await planned(read, settings, tell=say)
        output.show(result_of(made), "\n".join(in_words(made, settings)), as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)


async def planned(scenario: Scenario, settings: Settings, *, tell: Callable[[str], None] = lambda _: None) -> Forecast:
    """The forecast, made in a thread, which ends if it is cancelled. Raises as `forecast` does."""
    import anyio.to_thread

    from backfill.planner.forecast import forecast

    stopped = threading.Event()
    try:
        return await anyio.to_thread.run_sync(
            lambda: forecast(scenario, settings, tell=tell, stopping=stopped.is_set), abandon_on_cancel=True
        )
    finally:
        stopped.set()  # or the interpreter would wait for the thread to its end
