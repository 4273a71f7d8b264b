"""The command line: the composition root and the only reader of argv."""

from __future__ import annotations

import sys

from typer import TyperException

from backfill.cli import auth, keys, load, realms, webhooks
from backfill.cli.bench import bench
from backfill.cli.calls import calls
from backfill.cli.care import care
from backfill.cli.dashboard import dashboard
from backfill.cli.demo import demo
from backfill.cli.doctor import doctor
from backfill.cli.extract import extract
from backfill.cli.group import CommandLine
from backfill.cli.migrate import migrate
from backfill.cli.output import Exit, as_text, failed
from backfill.cli.plan import plan
from backfill.cli.rehearse import rehearse
from backfill.cli.reports import reports
from backfill.cli.resync import resync
from backfill.cli.simulate import simulate
from backfill.cli.sql import sql
from backfill.cli.status import status
from backfill.cli.verify import verify
from backfill.cli.version import version
from backfill.cli.views import views
from backfill.cli.worker import worker
from backfill.errors import BackfillError, UsageError

# Called itself, not by way of `typer.Typer`, whose tracebacks print local variables: a token may be among them.
app = CommandLine(
    {
        "demo": demo,
        "simulate": simulate,
        "extract": extract,
        "care": care,
        "reports": reports,
        "resync": resync,
        "verify": verify,
        "worker": worker,
        "plan": plan,
        "bench": bench,
        "rehearse": rehearse,
        "doctor": doctor,
        "status": status,
        "dashboard": dashboard,
        "calls": calls,
        "sql": sql,
        "views": views,
        "migrate": migrate,
        "version": version,
        "realms": realms.app,
        "auth": auth.app,
        "webhooks": webhooks.app,
        "load": load.app,
        "keys": keys.app,
    },
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Moves years of books between QuickBooks Online companies and Postgres, and proves that nothing was lost.",
)


def run() -> None:
    """Entry point of the `backfill` command: ends the process with the contract's exit code."""
    as_json = "--json" in sys.argv[1:]
    try:
        raise SystemExit(_ran(as_json=as_json))
    except BackfillError as error:  # stdout took nothing of what was to be said
        raise SystemExit(failed(error, as_json=False)) from None


def _ran(*, as_json: bool) -> int:
    """Raises `BackfillError` where stdout takes nothing."""
    for word in sys.argv[1:]:
        try:
            word.encode()
        except UnicodeEncodeError:  # neither JSON nor the database has a way to write it
            return failed(UsageError(f"{as_text(word)}: an argument has to be UTF-8."), as_json=as_json)
    try:
        return app(prog_name="backfill", standalone_mode=False) or Exit.DONE
    except TyperException as error:
        context = getattr(error, "ctx", None)
        action = "" if context is None else f"See {context.command_path} --help"
        return failed(UsageError(error.format_message(), action=action), as_json=as_json)
