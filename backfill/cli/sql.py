"""`backfill sql`: look at what was landed, with nothing else installed."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, unquote, urlsplit

import typer

from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings


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
            done = await anyio.to_thread.run_sync(
                lambda: subprocess.run(command, env={**os.environ, **libpq_environment(url)}, check=False)  # noqa: S603 - ours
            )
        return Exit.DONE if done.returncode == 0 else Exit.STOPPED

    run_command(work, config=config, as_json=False)


def libpq_environment(url: str) -> dict[str, str]:
    """The address as psql's environment. Not as an argument: it may hold a password, and everybody sees arguments."""
    parts = urlsplit(url)
    hosts = [urlsplit(f"//{host}") for host in parts.netloc.rpartition("@")[2].split(",")]  # the driver takes several
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    given = {
        "PGHOST": options.get("host") or ",".join(host.hostname or "" for host in hosts),
        "PGPORT": options.get("port") or ",".join(str(host.port or "") for host in hosts),
        "PGUSER": options.get("user") or (unquote(parts.username) if parts.username else None),
        "PGPASSWORD": options.get("password") or (unquote(parts.password) if parts.password else None),
        "PGDATABASE": options.get("dbname") or unquote(parts.path.lstrip("/")) or None,
        "PGSSLMODE": options.get("sslmode"),
        "PGSSLROOTCERT": options.get("sslrootcert"),
    }
    return {name: value for name, value in given.items() if value}
