"""`backfill sql`: look at what was landed, with nothing else installed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, unquote, urlsplit

import typer

from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings

TAKEN_OVER = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile", "target_session_attrs")
"""What else an address may say to the driver that psql is to know as well: `PG` and the name, for all of them."""


def sql(
    statement: Annotated[
        str | None, typer.Argument(metavar="[STATEMENT]", help="Without it: psql, to type in.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Open the database in psql, or run one STATEMENT and print its rows."""

    async def work(settings: Settings) -> Exit:
        import anyio

        from backfill.cli.compose import database_url
        from backfill.store.binaries import psql_path

        psql = psql_path(settings.postgres.pg_bin_dir)
        async with database_url(settings) as url:
            command = [str(psql), "--no-psqlrc", *(["--command", statement] if statement else [])]
            with _interrupts_left_to_the_child():
                done = await anyio.to_thread.run_sync(
                    lambda: subprocess.run(command, env={**os.environ, **libpq_environment(url)}, check=False)  # noqa: S603 - ours
                )
        return Exit.DONE if done.returncode == 0 else Exit.STOPPED

    run_command(work, config=config, as_json=False)


@contextmanager
def _interrupts_left_to_the_child() -> Iterator[None]:
    """Ctrl-C is typed to psql, where it drops a line or stops a statement: we hear it as well, and have no part in it.

    A handler that does nothing, for whoever ignores a signal passes that on to what it starts.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def libpq_environment(url: str) -> dict[str, str]:
    """The address as psql's environment. Not as an argument: it may hold a password, and everybody sees arguments."""
    parts = urlsplit(url)
    hosts = [urlsplit(f"//{host}") for host in parts.netloc.rpartition("@")[2].split(",")]  # the driver takes several
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    given = {
        "PGHOST": options.get("host") or ",".join(unquote(host.hostname or "") for host in hosts),
        "PGPORT": options.get("port") or ",".join(str(host.port or "") for host in hosts),
        "PGUSER": options.get("user") or (unquote(parts.username) if parts.username else None),
        "PGPASSWORD": options.get("password") or (unquote(parts.password) if parts.password else None),
        "PGDATABASE": options.get("dbname") or unquote(parts.path.lstrip("/")) or None,
        **{f"PG{name.replace('_', '').upper()}": options.get(name) for name in TAKEN_OVER},
    }
    return {name: value for name, value in given.items() if value}
