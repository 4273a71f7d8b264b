"""An outage, and what it costs to make good: calls of a resync against those of a full re-read, and the equality.

    python -m benchmarks.show_resync [--case NAME]... [--result resync]

Under virtual time: companies are read, then changed for 3 days, or for 45, which is beyond what change data capture
reaches, or the largest of them 5,000 times an hour for 3 days, while nobody listens; edits, deletes, voids,
inactivations, attachments and merges (what the one customer had is the other's, who is made inactive). Then resync, and
a comparison with the companies, document for document. The calls are held against those of a full re-read of the same
companies after the same outage.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Iterator, Sequence
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
from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.simulator.stored import StoredObject
from benchmarks.measured import write_result
from tests.jobs.world import BEGIN, World, breaches

WALL_LIMIT_S = 3_600.0
"""Of one case: 360,000 changes of one company are some minutes of a core."""

HOUR_S = 3_600.0
DAY_HOURS = 24
BUSY_ENTITIES = ("Invoice", "Payment", "Purchase", "Bill")

NEW_ONES = 200
"""Of a busy company's hourly changes, one in so many adds an object; half of these are deleted an hour later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Which companies nobody listened to, how long, and what happened meanwhile."""

    name: str
    days: int
    changes: int
    """Made by people in each company, over all days; each may touch several objects."""
    busy_per_hour: int = 0
    """Beside these, made by a program in the largest company."""
    realms: int = 50
    rows_min: int = 100
    rows_max: int = 3_000


CASES = (
    Case(name="3 days", days=3, changes=60),
    Case(name="45 days", days=45, changes=90),
    Case(name="3 days, one busy", days=3, changes=60, busy_per_hour=5_000),
    Case(name="3 days, large", days=3, changes=600, realms=5, rows_min=12_000, rows_max=18_000),
    Case(name="45 days, large", days=45, changes=3_000, realms=5, rows_min=12_000, rows_max=18_000),
)


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


async def show(case: Case, *, seed: int = 1) -> Shown:
    """Extract, change, resync, compare; and from what was held before the resync, read all of it again."""
    world = World(seed=seed, realms=case.realms, rows_min=case.rows_min, rows_max=case.rows_max)
    await world.extract()
    before = _changes(world)
    await _outage(world, case)
    changed = _changes(world) - before
    held = copy.deepcopy(world.store)
    world.events.clear()
    options = ExtractOptions(entities=world.entities, readers=world.readers, costs=world.costs)
    begun = BEGIN + timedelta(seconds=anyio.current_time() - case.days * DAY_HOURS * HOUR_S)

    async def task(work: RealmWork, scan: Scan) -> Sequence[Proof]:
        return await resync_realm(work, Outage(since=begun), options, scan)

    world.task = task
    await world.extract(run_id=RunId(2))
    calls, deleted = _calls(world), _deleted(world)
    wrong = breaches(world)
    print(*wrong[:5], sep="\n", end="\n" if wrong else "", file=sys.stderr)
    world.events.clear()
    world.task = None
    await world.extract(run_id=RunId(3), store=held)
    whole = _calls(world)
    return Shown(
        case=case.name,
        realms=case.realms,
        rows=sum(world.company_of(realm_id).rows for realm_id in world.realm_ids),
        changed=changed,
        calls=calls,
        calls_whole=whole,
        ratio=round(calls / whole, 3),
        deleted=deleted,
        breaches=len(wrong),
    )


async def _outage(world: World, case: Case) -> None:
    hours = case.days * DAY_HOURS
    program = _Program(max(map(world.company_of, world.realm_ids), key=lambda company: company.rows))
    for hour in range(hours):
        await anyio.sleep(HOUR_S)
        program.work(case.busy_per_hour)
        for realm_id in world.realm_ids:
            done, due = (case.changes * part // hours for part in (hour, hour + 1))
            world.people(realm_id).act(due - done)
            if hour == DAY_HOURS:
                _merge(world, realm_id)


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


class _Program:
    """Touches one company's transactions over and over, all in turn; adds some, and deletes half of those it added."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._turns = self._all_in_turn()
        self._added: list[tuple[str, str]] = []

    def work(self, changes: int) -> None:
        """An hour of it."""
        for entity, id_ in self._added[::2]:
            self._company.delete(entity, id_)
        self._added.clear()
        for number, (entity, row) in zip(range(changes), self._turns, strict=False):  # turns have no end
            doc = decode(row.doc) | {"PrivateNote": f"change {self._company.changes}"}
            if number % NEW_ONES == 0:
                self._added.append((entity, self._company.create(entity, doc | {"LinkedTxn": []}).id))
            else:
                self._company.replace(entity, row.id, doc)

    def _all_in_turn(self) -> Iterator[tuple[str, StoredObject]]:
        while True:
            for entity in BUSY_ENTITIES:
                for row in list(self._company.table(entity).all()):
                    current = self._company.table(entity).get(row.id)  # it may have gone since
                    if current is not None:
                        yield entity, current


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
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="only this one")
    parser.add_argument("--result", default="resync", help="name of the result file; empty: none")
    options = parser.parse_args()
    shown: list[dict[str, Any]] = []
    for case in CASES:
        if options.case is None or case.name in options.case:
            one = run_virtual(show(case), wall_limit_s=WALL_LIMIT_S)
            shown.append(asdict(one))
            print(said(one), flush=True)
    if options.result:
        write_result(options.result, {"shown": shown})
    if any(one["breaches"] for one in shown):
        sys.exit(1)


if __name__ == "__main__":
    main()
