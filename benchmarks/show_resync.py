"""An outage, and what it costs to make good: calls of a resync against those of a full re-read, and the equality.

    python -m benchmarks.show_resync [--realms 50] [--rows 100:3000] [--result resync]

Under virtual time: the companies are read, then changed for 3 days, or for 45, which is beyond what change data capture
reaches, or one of them 5,000 times an hour, while nobody listens; edits, deletes, voids, inactivations, attachments and
merges (what the one customer had is the other's, who is made inactive). Then resync, document for document beside the
companies; and the same companies after the same outage are read again whole, which is what the calls are held against.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import anyio

from backfill import events
from backfill.jobs.extract import ExtractOptions
from backfill.jobs.outage import Outage
from backfill.jobs.resync import resync_realm
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RealmId, RunId, Scan
from backfill.pacing.virtual_clock import run_virtual
from backfill.simulator.changes import deactivated
from backfill.simulator.documents import decode
from benchmarks.measured import write_result
from tests.jobs.world import BEGIN, World, breaches

WALL_LIMIT_S = 900.0
HOUR_S, DAY_S = 3_600.0, 86_400.0
BUSY_CHANGES_PER_HOUR = 5_000


@dataclass(frozen=True, slots=True)
class Case:
    """How long nobody listened, and what happened meanwhile."""

    name: str
    days: int
    changes: int
    """In each company, over all days."""
    busy_hours: int = 0
    """Hours in which one company is changed BUSY_CHANGES_PER_HOUR times."""

    @property
    def seconds(self) -> float:
        return self.days * DAY_S + self.busy_hours * HOUR_S


CASES = (Case("3 days", 3, 60), Case("45 days", 45, 90), Case("3 days, one busy", 3, 60, busy_hours=2))


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of one case."""

    case: str
    realms: int
    rows: int
    changed: int
    """Versions made while nobody listened."""
    calls: int
    calls_whole: int
    """Of a full re-read of the same companies."""
    ratio: float
    deleted: int
    breaches: int
    """Documents that differ from the company at the watermark, and whatever else is wrong."""


async def show(case: Case, *, realms: int, rows_min: int, rows_max: int, seed: int = 1) -> Shown:
    """Extract, change, resync, compare; and the same once more, with a full re-read in the place of the resync."""
    world, changed = await _after_outage(case, realms, rows_min, rows_max, seed)
    options = ExtractOptions(entities=world.entities, readers=world.readers, costs=world.costs)
    begun = BEGIN + timedelta(seconds=anyio.current_time() - case.seconds)

    async def task(work: RealmWork, scan: Scan) -> Sequence[Proof]:
        return await resync_realm(work, Outage(since=begun), options, scan)

    world.task = task
    await world.extract(run_id=RunId(2))
    wrong = breaches(world)
    print(*wrong[:5], sep="\n", end="\n" if wrong else "", file=sys.stderr)
    calls, deleted = _calls(world), _deleted(world)
    reread, _ = await _after_outage(case, realms, rows_min, rows_max, seed)
    await reread.extract(run_id=RunId(2))
    whole = _calls(reread)
    return Shown(
        case=case.name,
        realms=realms,
        rows=sum(world.company_of(realm_id).rows for realm_id in world.realm_ids),
        changed=changed,
        calls=calls,
        calls_whole=whole,
        ratio=round(calls / whole, 3),
        deleted=deleted,
        breaches=len(wrong),
    )


async def _after_outage(case: Case, realms: int, rows_min: int, rows_max: int, seed: int) -> tuple[World, int]:
    """The companies, read and then changed, and how many versions that made."""
    world = World(seed=seed, realms=realms, rows_min=rows_min, rows_max=rows_max)
    await world.extract()
    before = _changes(world)
    await _outage(world, case)
    world.events.clear()
    return world, _changes(world) - before


async def _outage(world: World, case: Case) -> None:
    for day in range(case.days):
        await anyio.sleep(DAY_S)
        for realm_id in world.realm_ids:
            done, due = (case.changes * part // case.days for part in (day, day + 1))
            world.people(realm_id).act(due - done)
            if day == 0:
                _merge(world, realm_id)
    for _ in range(case.busy_hours):
        await anyio.sleep(HOUR_S)
        _work_hard(world)


def _merge(world: World, realm_id: RealmId) -> None:
    """What the second customer had is the first one's, and the second is made inactive: as QuickBooks merges two."""
    company = world.company_of(realm_id)
    kept, lost = company.table("Customer").all(active=True)[:2]
    for entity in ("Invoice", "Payment", "SalesReceipt"):
        for row in company.table(entity).all():
            doc = decode(row.doc)
            if doc.get("CustomerRef", {}).get("value") == lost.id:
                company.replace(entity, row.id, doc | {"CustomerRef": doc["CustomerRef"] | {"value": kept.id}})
    company.replace("Customer", lost.id, deactivated("Customer", decode(lost.doc)))


def _work_hard(world: World) -> None:
    """An hour of a busy company: a program that touches invoices and bills over and over, and deletes some."""
    company = world.company_of(world.realm_ids[-1])
    made = 0
    while made < BUSY_CHANGES_PER_HOUR:
        for entity in ("Invoice", "Payment", "Purchase", "Bill"):
            for row in company.table(entity).all()[: BUSY_CHANGES_PER_HOUR - made]:
                company.replace(entity, row.id, decode(row.doc) | {"PrivateNote": f"change {company.changes}"})
                made += 1
    for row in company.table("Purchase").all()[:5]:
        company.delete("Purchase", row.id)


def _changes(world: World) -> int:
    return sum(world.company_of(realm_id).changes for realm_id in world.realm_ids)


def _calls(world: World) -> int:
    return sum(isinstance(event, events.RequestAnswered) for event in world.events)


def _deleted(world: World) -> int:
    return sum(event.deleted for event in world.events if isinstance(event, events.PageLanded))


def said(one: Shown) -> str:
    """One case for a person."""
    return (
        f"{one.case}: {one.realms} companies, {one.rows:,} rows, {one.changed:,} versions made meanwhile;"
        f" {one.calls:,} calls against {one.calls_whole:,} for a full re-read ({one.ratio:.2f}),"
        f" {one.deleted:,} marked deleted, {one.breaches} breaches"
    )


def main() -> None:
    """Show the cases and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--realms", type=int, default=50)
    parser.add_argument("--rows", default="100:3000", help="of the smallest and of the largest company")
    parser.add_argument("--result", default="resync", help="name of the result file; empty: none")
    options = parser.parse_args()
    least, most = map(int, options.rows.split(":"))
    shown: list[dict[str, Any]] = []
    for case in CASES:
        one = run_virtual(show(case, realms=options.realms, rows_min=least, rows_max=most), wall_limit_s=WALL_LIMIT_S)
        shown.append(asdict(one))
        print(said(one), flush=True)
    if options.result:
        write_result(options.result, {"shown": shown})
    if any(one["breaches"] for one in shown):
        sys.exit(1)


if __name__ == "__main__":
    main()
