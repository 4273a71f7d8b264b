"""python-quickbooks as it is documented: objects by `all`, one page after the other, each inserted as JSON."""

from __future__ import annotations

from asked import PAGE_ROWS, Asked, run
from quickbooks import objects
from quickbooks_client import Table, client


def main(asked: Asked) -> int:
    """One entity after the other."""
    quickbooks = client(asked)
    total = 0
    for entity in asked.entities:
        kind = getattr(objects, entity)
        table = Table(asked, entity)
        start = 1
        while True:
            page = kind.all(start_position=start, max_results=PAGE_ROWS, qb=quickbooks)
            if page:
                table.insert((each.Id, each.to_json()) for each in page)
            total += len(page)
            if len(page) < PAGE_ROWS:
                break
            start += PAGE_ROWS
        table.close()
    return total


if __name__ == "__main__":
    run(main)
