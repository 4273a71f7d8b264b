"""The views over what was landed, in a schema of the user's choice: one plain file, put in place as often as wanted."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

import asyncpg

from backfill.errors import UnavailableError

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from asyncpg.pool import PoolConnectionProxy

    AnyConnection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

OTHERS = """
SELECT held.relname::text FROM pg_class AS held
WHERE held.relnamespace = to_regnamespace(quote_ident($1)) AND held.relname = ANY ($2::text[]) AND NOT EXISTS (
    SELECT FROM pg_rewrite AS rule
    JOIN pg_depend AS rest ON rest.classid = 'pg_rewrite'::regclass AND rest.objid = rule.oid
    JOIN pg_class AS source ON rest.refclassid = 'pg_class'::regclass AND source.oid = rest.refobjid
    WHERE rule.ev_class = held.oid AND source.relnamespace = 'qbo'::regnamespace
)
ORDER BY held.relname
"""
"""What bears a name of ours and rests on nothing of ours: a connector of another vendor has its tables in a schema
`quickbooks`, too."""

MAKE_SCHEMA = "SELECT format('CREATE SCHEMA %I', $1::text) WHERE to_regnamespace(quote_ident($1)) IS NULL"
"""The statement, where there is something to make: even `IF NOT EXISTS` takes a right that an owner of one may lack."""

SEARCHED_FIRST = "SELECT set_config('search_path', quote_ident($1), true)"

NAMED_VIEW = re.compile(r"^CREATE OR REPLACE VIEW (\w+) AS$", re.MULTILINE)

VIEWS_LOCK = 0x7669657773
"""The advisory lock that two who make views queue for: 'views' in ASCII."""

MAKING_S = 60.0
"""All are made in a fifth of a second; the rest is for somebody who reads one of them for long."""


def statements() -> str:
    """The file as shipped."""
    return (resources.files("backfill.store") / "quickbooks_views.sql").read_text(encoding="utf-8")


def shipped_views() -> list[str]:
    """The views' names, in the file's order."""
    return NAMED_VIEW.findall(statements())


async def make_views(connection: AnyConnection, schema: str) -> list[str]:
    """Make or renew the views in `schema`, all or none, and return their names.

    Raises UnavailableError where the schema has things of others under these names, or where a view of ours cannot take
    its new form under somebody's own that rests on it.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", VIEWS_LOCK, timeout=MAKING_S)
        made = shipped_views()
        others = [row["relname"] for row in await connection.fetch(OTHERS, schema, made)]
        if others:
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            raise UnavailableError(
                f"the schema {schema} has tables or views of others: {', '.join(others[:3])}{more}",
                action="give another: backfill views --schema NAME",
            )
        if make_schema := await connection.fetchval(MAKE_SCHEMA, schema):
            await connection.execute(make_schema)
        await connection.execute(SEARCHED_FIRST, schema)
        try:
            await connection.execute(statements(), timeout=MAKING_S)
        except (asyncpg.InvalidTableDefinitionError, asyncpg.InvalidFunctionDefinitionError) as error:
            raise UnavailableError(
                f"what is in the schema {schema} cannot take its new form: {error}",
                action=f"drop the schema with what rests on it (DROP SCHEMA {schema} CASCADE), or give another:"
                " backfill views --schema NAME",
            ) from error
    return made
