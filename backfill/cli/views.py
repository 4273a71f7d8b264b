"""`backfill views`: the books as typed tables, for SQL and for dbt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings

SCHEMA = "quickbooks"
"""Where the public dbt package looks, unless it is told of another."""

PLAIN_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
"""What people can write without quotes; Postgres keeps `pg_` for itself."""
OURS = {"backfill", "qbo"}


def views(
    schema: Annotated[str, typer.Option(metavar="NAME", help="The schema they are made in.")] = SCHEMA,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make or renew typed views of what was landed: each kind of transaction and name, and each one's lines."""

    async def work(settings: Settings) -> Exit:
        from backfill.cli.compose import database_url
        from backfill.errors import UsageError
        from backfill.store.database import open_database
        from backfill.store.views import make_views

        if not PLAIN_NAME.fullmatch(schema) or schema in OURS:
            raise UsageError(
                f"--schema {schema}: that cannot be the views' schema.",
                action="Give a name of small letters, digits and underscores, other than backfill and qbo.",
            )
        async with (
            database_url(settings) as url,
            open_database(url) as database,
            database.control() as connection,
        ):
            made = await make_views(connection, schema)
        words = (
            f"{len(made)} views are in the schema {schema}, of all companies; nothing was copied.\n"
            f'Look at one: backfill sql "TABLE {schema}.invoice LIMIT 5"'
        )
        output.show({"schema": schema, "views": made}, words, as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)
