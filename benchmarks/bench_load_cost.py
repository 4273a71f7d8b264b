"""What a load costs the machine, by how many rows one company gets and by how many companies get them.

    python -m benchmarks.bench_load_cost [--quick]

Customers, and invoices that refer to them by the rows' own names, by `backfill load` as a process of its own, with
default settings but for the limits, which are off, from a new ledger into a server that takes everything at once. The
last column: for how many companies at a time two processors would write as fast as Intuit permits for each.

Parity: every row is applied, as many objects were made as rows were given, and none twice. A row must not cost more
the more there are: exits with 1 if one of the most costs more than 1.5 times what one of the fewest does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

from backfill.jobs.load.options import Mode
from benchmarks.bench_load import PERMITTED
from benchmarks.ground import ground, realm_ids, server
from benchmarks.measured import write_result

CASES = (
    (Mode.BATCH, 1, (10_000, 100_000)),
    (Mode.BATCH, 100, (10_000, 100_000)),
    (Mode.FREE, 1, (5_000, 20_000)),
)
"""How rows are written, into how many companies, and how many of them, fewest and most."""
QUICK = ((Mode.BATCH, 1, (3_000, 30_000)),)
INVOICES_A_CUSTOMER = 9
GROWTH_MAX = 1.5
"""Of a row's cost. What is read anew for each request makes it grow as the rows do."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one load took. `us_per_row` is processor time of ours and of Postgres."""

    mode: Mode
    companies: int
    rows: int
    wall_s: float
    client_us_per_row: float
    postgres_us_per_row: float
    peak_mb: float
    requests: int

    @property
    def us_per_row(self) -> float:
        return self.client_us_per_row + self.postgres_us_per_row

    @property
    def companies_in_time(self) -> float:
        """For which two processors would write as fast as Intuit permits."""
        return 2 * 60e6 / self.us_per_row / PERMITTED[self.mode]


def main() -> int:
    """Measure it and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller, and of one company only")
    given = parser.parse_args()
    growth = []
    costs = []
    print("mode  companies     rows  rows/s  client us  Postgres us  peak MB  in time")
    for mode, companies, sizes in QUICK if given.quick else CASES:
        pair = [asyncio.run(_load(mode, companies, rows)) for rows in sizes]
        costs += pair
        growth.append(pair[-1].us_per_row / pair[0].us_per_row)
        for cost in pair:
            size = f"{mode.value:<5} {companies:9} {cost.rows:8,} {cost.rows / cost.wall_s:7,.0f}"
            of_a_row = f"{cost.client_us_per_row:10.0f} {cost.postgres_us_per_row:12.0f}"
            print(f"{size} {of_a_row} {cost.peak_mb:8.0f} {cost.companies_in_time:8.0f}")
        print(f"{'':15} a row of the most costs {growth[-1]:.2f} of what one of the fewest does")
    if not given.quick:
        print(f"result in {write_result('load-cost', {'growth': growth, 'runs': list(map(_shown, costs))}).name}")
    return int(max(growth) > GROWTH_MAX)


def _shown(cost: Cost) -> dict[str, object]:
    fields = {name: getattr(cost, name) for name in cost.__slots__}
    return fields | {"companies_in_time": cost.companies_in_time}


async def _load(mode: Mode, companies: int, rows: int) -> Cost:
    async with ground() as empty:
        with server("benchmarks.writable") as address:
            place = replace(empty, address=address)
            await place.emptied(companies)
            file = place.folder / "rows.jsonl"
            _write(file, companies, rows)
            loaded = await place.load_rows(file, mode)
            with urllib.request.urlopen(f"{address}/made") as response:
                made = json.load(response)
    assert made == {"count": rows, "twice": 0}, made
    assert loaded.said["rows"]["applied"] == rows, loaded.said["rows"]
    return Cost(
        mode=mode,
        companies=companies,
        rows=rows,
        wall_s=loaded.wall_s,
        client_us_per_row=loaded.process.cpu_s / rows * 1e6,
        postgres_us_per_row=loaded.postgres_cpu_s / rows * 1e6,
        peak_mb=loaded.process.peak_mb,
        requests=loaded.said["requests"]["total"],
    )


def _write(file: Path, companies: int, rows: int) -> None:
    """So many rows, a customer and then its invoices, from one company to the next."""
    realms = realm_ids(companies)
    with file.open("w") as lines:
        for number in range(rows):
            place, company = divmod(number, companies)
            customer = f"c{place - place % (INVOICES_A_CUSTOMER + 1)}"
            row = _customer(customer) if customer == f"c{place}" else _invoice(place, customer)
            lines.write(json.dumps({"realm_id": realms[company]} | row) + "\n")


def _customer(key: str) -> dict[str, object]:
    return {"entity": "Customer", "source_key": key, "payload": {"DisplayName": f"Bäckerei Müller {key}"}}


def _invoice(number: int, customer: str) -> dict[str, object]:
    line = {
        "Amount": 90.50,
        "Description": f"Weekly gardening service, visit {number}",
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": "7"}, "Qty": 5, "UnitPrice": 18.10},
    }
    payload = {
        "CustomerRef": {"$ref": f"Customer/{customer}"},
        "DocNumber": str(number),
        "TxnDate": "2026-01-31",
        "PrivateNote": "from the old system",
        "Line": [line] * 3,
    }
    return {"entity": "Invoice", "source_key": f"i{number}", "payload": payload}


if __name__ == "__main__":
    sys.exit(main())
