"""python-quickbooks, its client alone: `query` gives plain dictionaries, one page after the other, each inserted."""

from __future__ import annotations

import json

from asked import PAGE_ROWS, Asked, run
from quickbooks_client import Table, client


def main(asked: Asked) -> int:
    """One entity after the other: the client is not made for more at a time."""
    quickbooks = client(asked)
    total = 0
    for entity in asked.entities:
        table = Table(asked, entity)
        start = 1
        while True:
            statement = f"SELECT * FROM {entity} STARTPOSITION {start} MAXRESULTS {PAGE_ROWS}"
            rows = quickbooks.query(statement)["QueryResponse"].get(entity, [])
            if rows:
                table.insert((row["Id"], json.dumps(row)) for row in rows)
            total += len(rows)
            if len(rows) < PAGE_ROWS:
                break
            start += PAGE_ROWS
        table.close()
    return total


if __name__ == "__main__":
    run(main)
