"""`backfill migrate`: bring the database to this program's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.config import Settings


def migrate(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Bring the database's schema up to date. Every other command but `sql` does this too; here it is on its own."""

    async def work(settings: Settings) -> Exit:
        from backfill.cli.compose import database_url
        from backfill.store.database import open_database
        from backfill.store.migrate import migrate as apply

        async with (
            database_url(settings) as url,
            open_database(url, migrated=False) as database,
            database.control() as connection,
        ):
            applied = await apply(connection)
        words = f"Applied {', '.join(applied)}." if applied else "The schema is up to date."
        output.show({"applied": list(applied)}, words, as_json=as_json)
        return Exit.DONE

    run_command(work, config=config, as_json=as_json)
