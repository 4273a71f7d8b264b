"""`backfill dashboard`: a web page of runs, companies, rates and faults, on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit, say

if TYPE_CHECKING:
    from backfill.config import Settings

HOST = "127.0.0.1"
PORT = 8768
"""Beside the simulator's, the webhooks' and the redirect address', which are the three before it."""


def dashboard(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of 127.0.0.1; 0 takes a free one.")] = PORT,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help="A name that a proxy in front hands on as the host; may be repeated."
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show runs, companies, the rate used against the rate allowed, and faults in a web page, until stopped.

    It reads only: it needs no key, and may be given a standby. Whoever reaches the port may look, so it listens on this
    machine alone: put what ends TLS and asks who you are in front of it.
    Exit code 0: stopped when asked to. 2: wrong usage or configuration. 3: could not run.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.compose import database_url, now
        from backfill.cli.stopping import Stopping, until_stopped
        from backfill.cli.tally import RATE_WINDOW_S
        from backfill.dashboard.site import Site
        from backfill.dashboard.snapshot import Allowance
        from backfill.store.database import PoolSizes, open_database
        from backfill.webhooks.receiver import serve_application

        allowance = Allowance(
            window_s=RATE_WINDOW_S / settings.limits_scale,
            requests=settings.pacing_limits().request_permits,
            monthly_cap=settings.metered.monthly_cap,
            counted_as=settings.metered.counted_as,
        )
        # Two look at a time: the fleet's page, and somebody's of one company.
        sizes = PoolSizes(control=2, landing=1)
        async with database_url(settings) as url, open_database(url, sizes=sizes, read_only=True) as database:
            site = Site(
                database, now=now, allowance=allowance, silence_s=settings.postgres.lease_s, hosts=allow_host or ()
            )

            async def serve(asked: Stopping) -> None:
                elsewhere = "Give another port: --port."
                async with serve_application(site.application(), host=HOST, port=port, elsewhere=elsewhere) as bound:
                    say(f"The dashboard is at http://{HOST}:{bound}/ as long as this runs. Ctrl-C stops.")
                    await asked.wait()

            await until_stopped(serve)
        output.show({"stopped": True}, "The dashboard has stopped.", as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)
