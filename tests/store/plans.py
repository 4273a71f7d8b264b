"""What a statement costs Postgres, in rows that it looks at: time says less, on a busy machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from backfill.store.database import Database


def _literal(value: object) -> str:
    if isinstance(value, list):
        return "'{" + ",".join("NULL" if one is None else f'"{one}"' for one in value) + "}'"
    return f"'{value}'"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


async def rows_read(
    database: Database, table: str, statement: str, values: Sequence[object], *, before: Sequence[str] = ()
) -> float:
    """How many rows of a table a statement reads, planned as a session plans it. What it did is taken back.

    `before`: what comes after the session has planned it, at its first use, and before it is looked at.
    """
    arguments = f"({', '.join(map(_literal, values))})" if values else ""
    async with database.control() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"PREPARE asked AS {statement}")
        if before:
            await connection.execute(f"EXECUTE asked {arguments}")
            for later in before:
                await connection.execute(later)
        explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked {arguments}")
        await connection.execute("DEALLOCATE asked")
        await transaction.rollback()
    (tree,) = explained if isinstance(explained, list) else json.loads(explained)
    rows = 0.0
    for node in _nodes(tree["Plan"]):
        if node.get("Relation Name") == table and "Scan" in node["Node Type"]:
            # Of two indexes that are read for the rows that both name, each was read whole.
            rows += sum(
                index["Actual Rows"] * index["Actual Loops"]
                for both in _nodes(node)
                if both["Node Type"] == "BitmapAnd"
                for index in both["Plans"]
            )
            removed = sum(value for key, value in node.items() if key.startswith("Rows Removed by"))
            rows += (node["Actual Rows"] + removed) * node["Actual Loops"]
    return rows
