"""Ten years of every report of ten companies, by the real command, held in Postgres against the companies' own books.

    python -m benchmarks.show_reports [--realms 9] [--rows 300] [--daily-rows 1500] [--daily-cells 650]

Two simulators and `backfill reports` in processes of their own, on an embedded Postgres, at sixty times Intuit's pace.
Nine companies are under Intuit's own cap of cells. The ledger of the tenth needs a call for each day or two of ten
years: a company that needs as much under a cap of 400,000 cells would have a hundred million rows, so its ledger's cap
is lowered instead. What is landed is read by SQL and compared with the simulators' own postings.
The figure is the ratio of the calls to the fewest answers that the cap allows.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import secrets
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import anyio

from backfill.store.embedded import embedded_postgres
from benchmarks.measured import write_result
from tests.processes import Backfill, Intuit, ended, simulated
from tests.report_parity import ReportParity, Wanted, compare_reports

KEY = base64.b64encode(secrets.token_bytes(32)).decode()
"""Of both users: they share the database."""

RUN_S = 3600.0
"""More than any of these runs takes."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many companies of how many objects, and what is read of them."""

    realms: int = 9
    rows: int = 300
    daily_rows: int = 1_500
    daily_cells: int = 650
    """The cap on the tenth company's ledger."""
    reports: str = ""
    """Names with commas; empty: all."""
    first: str = ""
    """A day; empty: the first transaction."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the companies of one kind cost, and how they compare."""

    exit_code: int
    calls: int
    ratio: float
    """Calls for reports to the fewest answers that the cap allows."""
    throttled: int
    wall_s: float
    rows_landed: int
    parity: ReportParity


def show(folder: Path, dsn: str, figures: Figures) -> dict[str, Shown]:
    """Read both kinds of company into the database, at the same time, and return what came of each."""
    cut = f"behaviour settings.reports.cells={figures.daily_cells} entities=GeneralLedger"
    kinds: dict[str, dict[str, Any]] = {
        "by half years": {"realms": figures.realms, "rows": f"{figures.rows}:{figures.rows}", "seed": 1},
        "by days": {"realms": 1, "rows": f"{figures.daily_rows}:{figures.daily_rows}", "seed": 8, "inject": cut},
    }

    def one(name: str) -> Shown:
        cells_max = {"GeneralLedger": figures.daily_cells} if "inject" in kinds[name] else {}
        with simulated(_made(folder / name.replace(" ", "-")), **kinds[name]) as intuit:
            return _shown(intuit.realms_file.parent, dsn, figures, intuit, cells_max)

    with ThreadPoolExecutor(len(kinds)) as beside:
        return dict(zip(kinds, beside.map(one, kinds), strict=True))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _shown(folder: Path, dsn: str, figures: Figures, intuit: Intuit, cells_max: dict[str, int]) -> Shown:
    user = Backfill(folder).having(DATABASE_URL=dsn, LIMITS_SCALE="60", ENCRYPTION_KEY=KEY, **intuit.variables)
    imported = user.run("realms", "import", intuit.realms_file)
    assert imported.code == 0, imported.stderr
    names = [name for name in figures.reports.split(",") if name]
    asked = ["reports", "--json", *(f"--realm={realm_id}" for realm_id in intuit.realm_ids)]
    asked += [f"--report={name}" for name in names] + ([f"--from={figures.first}"] if figures.first else [])
    asked += ["--basis=accrual"] if cells_max else []
    last = datetime.now(UTC).date()
    done = _run(user, asked)
    first = date.fromisoformat(figures.first) if figures.first else None
    wanted = Wanted(names=names, first=first, last=last, cells_max=cells_max)
    parity = asyncio.run(compare_reports(dsn, intuit, wanted))
    calls = done["requests"]["report"]
    return Shown(
        exit_code=done["exit_code"],
        calls=calls,
        ratio=round(calls / parity.fewest, 3),
        throttled=sum(summed["throttled"] for summed in intuit.summary().values()),
        wall_s=done["wall_s"],
        rows_landed=done["rows"]["landed"],
        parity=parity,
    )


def _run(user: Backfill, arguments: list[str]) -> dict[str, Any]:
    with user.started(*arguments, timeout_s=RUN_S, stderr=None) as process:
        done = ended(process, RUN_S)
    assert done.code in {0, 1}, done.stdout
    return {"exit_code": done.code, **done.json()}


def said(name: str, shown: Shown) -> str:
    """One kind of company for a person."""
    parity = shown.parity
    lines = [
        ("companies", f"{parity.realms} {name}, exit code {shown.exit_code}"),
        ("reports and bases", f"{parity.reports:,} in {parity.periods:,} periods, {parity.answers:,} answers"),
        ("of a single day", f"{parity.daily_answers:,} answers of general ledgers"),
        ("postings compared", f"{parity.postings:,}"),
        ("differences", f"{parity.differing:,}"),
        (
            "calls",
            f"{shown.calls:,}, {shown.ratio:.3f} times the fewest ({parity.fewest:,}); {shown.throttled} throttled",
        ),
        ("rows landed", f"{shown.rows_landed:,} in {shown.wall_s:.0f} s"),
        *(("", difference) for difference in parity.differences),
    ]
    return "\n".join(f"  {title:<20}{value}" for title, value in lines)


def main() -> int:
    """Run, print, write. 0 if all is there, proven and equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in asdict(Figures()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--result", default="reports", help="name of the result file; empty: none")
    given = vars(parser.parse_args())
    result = given.pop("result")
    begun = time.monotonic()
    figures = Figures(**given)
    shown = anyio.run(_with_postgres, figures)
    for name, one in shown.items():
        print(said(name, one), end="\n\n")
    if result:
        took_s = round(time.monotonic() - begun, 1)
        path = write_result(result, {"figures": figures, "with_everything_s": took_s, "shown": shown})
        print(f"  kept in {path}")
    return int(any(one.exit_code or one.parity.differing or one.throttled for one in shown.values()))


async def _with_postgres(figures: Figures) -> dict[str, Shown]:
    with tempfile.TemporaryDirectory(prefix="backfill-show-") as folder:
        async with embedded_postgres(Path(folder) / "postgres") as dsn:
            return await anyio.to_thread.run_sync(show, Path(folder), dsn, figures)


if __name__ == "__main__":
    sys.exit(main())
