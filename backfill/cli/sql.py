"""`backfill sql`: look at what was landed, with nothing else installed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, unquote, urlsplit

import typer

from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings

ROWS_AT_ONCE = 10_000
"""The rows that psql lays out together; what is shorter looks as ever. Of documents of 2 kB these are 20 MB."""
IN_PARTS_SINCE_MAJOR = 17
"""An older psql makes a cursor of what begins with SELECT: `SELECT ... INTO` and two statements are errors then."""

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
        from backfill.store.binaries import find_binaries

        binaries = find_binaries(settings.postgres.pg_bin_dir)
        given = [*_in_parts(binaries.major), "--command", statement] if statement is not None else []
        async with database_url(settings) as url:
            command = [str(binaries.psql()), "--no-psqlrc", *given]
            environment = {**os.environ, **libpq_environment(url)}
            with _interrupts_left_to_the_child():
                # Its streams are ours. It is ended with the block, where we are ended before it.
                async with await anyio.open_process(
                    command, stdin=None, stdout=None, stderr=None, env=environment
                ) as psql:
                    code = await psql.wait()
        # Who reads may have had enough (`| head`), which ends psql by its signal, and is well.
        return Exit.DONE if code in {0, -signal.SIGPIPE} else Exit.STOPPED

    run_command(work, config=config, as_json=False)


def _in_parts(psql_major: int) -> Sequence[str]:
    """Options with which psql prints an answer of millions of rows as it comes, and holds none of it in memory."""
    return ("--set", f"FETCH_COUNT={ROWS_AT_ONCE}") if psql_major >= IN_PARTS_SINCE_MAJOR else ()


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
