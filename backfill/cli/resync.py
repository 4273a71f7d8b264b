"""`backfill resync`: after an outage, what changed and what vanished, for as few calls as that takes, and the proof."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.extract import parse_moment
from backfill.cli.options import ConfigOption, EntityOption, JsonOption, NoWaitOption, RealmOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.cli.extraction import Extraction, Task, TaskOf
    from backfill.config import Settings
    from backfill.jobs.outage import Outage, Price
    from backfill.jobs.work import RealmWork
    from backfill.model import Proof, RealmId, Scan
    from backfill.qbo.catalogue import Entity
    from backfill.store.postgres_store import PostgresStore

_GROUPS_SHOWN = 20
"""Of realms alike; the JSON has every realm."""

_REALMS_NAMED = 5
"""Of a group."""

_COLUMNS = 120
"""Of a line: it may go to a file, where nobody can say how wide that is."""

_PLANNED_AT_ONCE = 8
"""A realm's plan is two statements; there are ten connections for such."""


def resync(
    since: Annotated[
        str, typer.Option(metavar="TIME", help="When the outage began: 2026-01-31, or with a time and zone.")
    ],
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it ended; else now. What was proven after it is not asked for."),
    ] = None,
    realm: RealmOption = None,
    entity: EntityOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only show the jobs and their calls; nothing is asked.")] = False,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find what changed and what was deleted during an outage. Run it again to go on where it stopped.

    Exit code 0: all done and proven. 1: something is parked, quarantined or unproven. 2: wrong usage. 3: stopped.
    """

    async def work(settings: Settings) -> Exit:
        outage = _outage(since, until)
        chosen = _entities(settings, entity or [])
        if plan:
            planned = await plans(settings, outage, chosen, realm or [])
            output.show(plan_as_json(planned), plan_in_words(planned), as_json=as_json)
            return Exit.DONE
        ended = await run(settings, outage, chosen, realm or [], wait=not no_wait)
        output.show(ended.as_json(), ended.in_words(), as_json=as_json)
        return ended.exit_code

    run_command(work, config=config, as_json=as_json)


def _outage(since: str, until: str | None) -> Outage:
    from backfill.cli.compose import now
    from backfill.errors import UsageError
    from backfill.jobs.outage import Outage

    begin, end = parse_moment("--since", since), parse_moment("--until", until)
    assert begin is not None, "typer requires it"
    if begin >= min(end or now(), now()):
        raise UsageError(f"--since {since}: the outage is to begin before it ends, and in the past.")
    # One that is to end yet goes on.
    return Outage(since=begin, until=end if end is not None and end <= now() else None)


def _entities(settings: Settings, names: Sequence[str]) -> Sequence[Entity]:
    from backfill.qbo.catalogue import entity as find_entity

    return [find_entity(name) for name in (names or settings.extract.entities)]


async def run(
    settings: Settings, outage: Outage, entities: Sequence[Entity], realm_ids: Sequence[str], *, wait: bool
) -> Extraction:
    """Do the jobs of the realms (none named: all). Raises `BackfillError`."""
    from backfill.cli.extraction import run_realms

    # `since` in a run's scope says that only a part was proven, which is not so here.
    scope = {
        "entities": sorted(entity.name for entity in entities),
        "outage": [outage.since.isoformat(), outage.until and outage.until.isoformat()],
    }
    task = task_of(settings, outage, entities)
    return await run_realms(settings, "resync", scope, realm_ids=realm_ids, wait=wait, task=task)


def task_of(settings: Settings, outage: Outage, entities: Sequence[Entity]) -> TaskOf:
    """Does the jobs of a realm."""
    from backfill.jobs.extract import ExtractOptions
    from backfill.jobs.resync import resync_realm

    options = ExtractOptions(entities=entities, readers=settings.extract.readers_per_realm, costs=settings.costs)

    def task(_store: PostgresStore) -> Task:
        async def resynced(work: RealmWork, scan: Scan) -> Sequence[Proof]:
            return await resync_realm(work, outage, options, scan)

        return resynced

    return task


Plans = Mapping["RealmId", Sequence["Price"]]


async def plans(settings: Settings, outage: Outage, entities: Sequence[Entity], realm_ids: Sequence[str]) -> Plans:
    """Realm to its jobs, each with the least that it costs. Raises `BackfillError`."""
    from backfill.cli.chosen_realms import select_realms
    from backfill.cli.compose import now, open_store
    from backfill.jobs.outage import prices
    from backfill.jobs.readers import share
    from backfill.jobs.resync import jobs_of
    from backfill.store.postgres_store import PostgresStore
    from backfill.store.realms import Realms

    async with open_store(settings) as database:
        store = PostgresStore(database)
        realms = select_realms(await Realms(database).list(), realm_ids)
        planned: dict[RealmId, Sequence[Price]] = {
            realm.realm_id: () for realm in realms if realm.state == "active" or realm_ids
        }

        async def plan(realm_id: RealmId) -> None:
            jobs = await jobs_of(store, realm_id, entities, outage, now=now(), costs=settings.costs)
            planned[realm_id] = prices(jobs, settings.costs)

        await share(list(planned), plan, readers=_PLANNED_AT_ONCE, name="plan")
        return planned


def plan_as_json(planned: Plans) -> Mapping[str, object]:
    """Every realm's jobs, and the sums."""
    realms = [
        {
            "realm_id": realm_id,
            "calls": sum(price.calls for price in prices),
            "metered": sum(price.metered for price in prices),
            "jobs": [
                {
                    "way": price.way.value,
                    "entities": list(price.entities),
                    "calls": price.calls,
                    "metered": price.metered,
                }
                for price in prices
            ],
        }
        for realm_id, prices in planned.items()
    ]
    calls, metered = _sums(planned)
    return {"realms": realms, "calls": calls, "metered": metered}


def plan_in_words(planned: Plans) -> str:
    """The same for a person: realms of which the same is asked together, the largest such groups only."""
    calls, metered = _sums(planned)
    lines = [f"{len(planned):,} realms: at least {calls:,} calls, {metered:,} of them metered; nothing was asked yet."]
    alike: dict[tuple[Price, ...], list[RealmId]] = {}
    for realm_id, prices in planned.items():
        alike.setdefault(tuple(prices), []).append(realm_id)
    groups = sorted(alike.items(), key=lambda group: -len(group[1]))
    for prices, realm_ids in groups[:_GROUPS_SHOWN]:
        lines.append(f"{_realms_in_words(realm_ids)}: {sum(price.calls for price in prices):,} calls")
        lines += map(_price_in_words, prices)
    hidden = sum(len(realm_ids) for _, realm_ids in groups[_GROUPS_SHOWN:])
    lines += [f"and {hidden:,} more realms: --json has them all."] if hidden else []
    return "\n".join(
        [*lines, "More where more changed than before, and for each entity of which objects were deleted."]
    )


def _realms_in_words(realm_ids: Sequence[RealmId]) -> str:
    if len(realm_ids) == 1:
        return f"realm {realm_ids[0]}"
    more = f" and {len(realm_ids) - _REALMS_NAMED:,} more" if len(realm_ids) > _REALMS_NAMED else ""
    return f"{len(realm_ids):,} realms ({', '.join(realm_ids[:_REALMS_NAMED])}{more}), each"


def _price_in_words(price: Price) -> str:
    begin = f"  {price.way.value:<10} {price.calls:>6,}  "
    return textwrap.fill(", ".join(price.entities), _COLUMNS, initial_indent=begin, subsequent_indent=" " * len(begin))


def _sums(planned: Plans) -> tuple[int, int]:
    prices = [price for of_realm in planned.values() for price in of_realm]
    return sum(price.calls for price in prices), sum(price.metered for price in prices)
