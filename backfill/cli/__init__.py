"""The command line: the composition root and the only reader of argv."""

from __future__ import annotations

import typer

from backfill.cli import keys, load, realms, webhooks
from backfill.cli.calls import calls
from backfill.cli.care import care
from backfill.cli.demo import demo
from backfill.cli.extract import extract
from backfill.cli.migrate import migrate
from backfill.cli.rehearse import rehearse
from backfill.cli.reports import reports
from backfill.cli.resync import resync
from backfill.cli.simulate import simulate
from backfill.cli.sql import sql
from backfill.cli.status import status
from backfill.cli.verify import verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they print local variables, and a token may be among them
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Moves years of books between QuickBooks Online companies and Postgres, and proves that nothing was lost.",
)
app.command()(demo)
app.command()(simulate)
app.add_typer(realms.app, name="realms")
app.command()(extract)
app.command()(care)
app.add_typer(webhooks.app, name="webhooks")
app.command()(reports)
app.command()(resync)
app.command()(verify)
app.add_typer(load.app, name="load")
app.command()(rehearse)
app.command()(status)
app.command()(calls)
app.command()(sql)
app.command()(migrate)
app.add_typer(keys.app, name="keys")


def run() -> None:
    """Entry point of the `backfill` command: ends the process with the contract's exit code."""
    app(prog_name="backfill")
