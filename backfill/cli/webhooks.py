"""`backfill webhooks serve`: take in what Intuit's webhooks tell, and read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.group import Group
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings

app = typer.Typer(cls=Group, no_args_is_help=True, help="Take in Intuit's webhooks.")


@app.callback()
def webhooks() -> None:
    """Take in Intuit's webhooks."""


@app.command()
def serve(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one. Else as configured (8766).")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify and store each delivery, answer it, and read what it names, until stopped (Ctrl-C, SIGTERM).

    What is stored and not read yet when it stops, however it stops, is read by the next one.
    Exit code 0: stopped when asked to. 2: wrong usage or configuration. 3: could not run.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.cli.webhook_service import serve_webhooks

        service = await serve_webhooks(settings, port=port)
        output.show(service.as_json(), service.in_words(), as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)
