"""Help with the runs that are under way, one after the other, until stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import anyio

from backfill.cli.compose import open_store
from backfill.cli.extraction import Reading
from backfill.cli.fleet_run import FleetRun
from backfill.cli.output import Exit, counted, duration, say
from backfill.cli.run_scopes import TASKS
from backfill.cli.stopping import Stopping, until_stopped
from backfill.cli.tally import Tally
from backfill.config import Settings
from backfill.errors import UnavailableError
from backfill.jobs.beside import beside
from backfill.model import RealmId, RunId
from backfill.pacing.metering import Capped
from backfill.store.database import Database
from backfill.store.owners import Owner, owner_in_words
from backfill.store.runs import WORKER, Runs, UnderWay

LOOK_S = 1.0
"""Between two looks at what is under way, and whether it still is: one row by its key."""

HELPED_KEPT = 100
"""Of a process that helps for months; what was done for each run is in the table of runs."""

REALMS_LOOK_S = 5.0
"""Between two looks at the realms of a run for such as came to it meanwhile: of 5,000 some milliseconds."""


@dataclass(frozen=True, slots=True)
class Helped:
    """What this process did for a run. How the run's realms ended, its own command says."""

    run_id: RunId
    finished: int
    """Realms that are proven and were read to their end here."""
    tally: Tally
    metered: int
    wall_s: float

    @property
    def exit_code(self) -> Exit:
        return Exit.DONE

    def as_json(self) -> Mapping[str, object]:
        """With the contract's names."""
        return {
            "run_id": self.run_id,
            "realms": {"proven": self.finished},
            "rows": self.tally.rows(),
            "requests": self.tally.requests_by_lane(),
            "throttled": self.tally.throttled,
            "metered": self.metered,
            "wall_s": round(self.wall_s, 3),
        }

    def in_words(self) -> str:
        """The same for a person."""
        tally = self.tally
        return (
            f"Helped with run {self.run_id} for {duration(self.wall_s)}:"
            f" {counted(self.finished, 'realm')} read to the end here,"
            f" {tally.landed:,} rows landed, {tally.unchanged:,} unchanged; {sum(tally.requests.values()):,} requests."
        )


async def help_runs(settings: Settings, *, once: bool) -> Sequence[Helped]:
    """Help until a stop is asked for; `once`: until nothing is under way that is not helped with yet.

    Returns what was done for each of the last `HELPED_KEPT` runs. Raises `BackfillError` for what no company can go on
    without, such as the database.
    """
    settings.pacing_limits()  # said before anything is begun, if they are wrong
    done: deque[Helped] = deque(maxlen=HELPED_KEPT)
    async with open_store(settings) as database:
        runs = Runs(database, owner=Owner.current(), silence_s=settings.postgres.lease_s)

        async def until(asked: Stopping) -> None:
            helped: set[tuple[RunId, str]] = set()  # the run, and the process that it was of
            idle_said = False
            while not asked():
                under_way = await runs.under_way(TASKS)
                helped &= {(run.run_id, run.owner) for run in under_way}
                run = next((run for run in under_way if (run.run_id, run.owner) not in helped), None)
                if run is not None:
                    helped.add((run.run_id, run.owner))
                    done.append(await _help(settings, database, run, asked))
                    idle_said = False
                elif once:
                    return
                else:
                    if not idle_said:
                        say("Waiting for a run to help with. Ctrl-C stops.")
                        idle_said = True
                    await anyio.sleep(LOOK_S)

        await until_stopped(until)
    return done


async def _help(settings: Settings, database: Database, under_way: UnderWay, asked: Stopping) -> Helped:
    """Work on the run's companies that nobody else is at, until it has none that is open, or is ended or stopped."""
    task = TASKS[under_way.kind](settings, under_way.scope)
    run = FleetRun(settings, database, WORKER, [], realms_at_once=settings.extract.realms_at_once, wait=True)
    await run.help(under_way.run_id)
    if under_way.metered_max is not None:
        run.hold_to(under_way.metered_max, _of_the_run(under_way))
    say(f"Helping with run {under_way.run_id} ({under_way.kind}) of {owner_in_words(under_way.owner)}.")
    look = _Look(run)
    reading = Reading(settings, run, task(run.store))
    async with beside(run.store.prepare_landing, name="connections for pages"), beside(look.watch, name="the run"):
        fleet = await run.work(
            await look.first(), reading.turn, joining=look.more(), enough=lambda: look.is_over, asked=asked
        )
    done = Helped(run.run_id, len(fleet.proven) - reading.elsewhere, run.tally, run.meters.used, run.elapsed_s())
    say(done.in_words())
    await run.end(done)
    return done


class _Look:
    """At a run that others work on: which of its realms are open, and whether it still goes on. A look may be lost."""

    def __init__(self, run: FleetRun) -> None:
        self.is_over = False
        """It was ended, or stopped by whoever began it. That his process died is no reason to stop."""
        self._run = run

    async def watch(self) -> None:
        """Until it is over."""
        while not self.is_over:
            await anyio.sleep(LOOK_S)
            with suppress(UnavailableError):
                self.is_over = not await self._run.runs.is_running(self._run.run_id)

    async def first(self) -> list[RealmId]:
        """All that are open."""
        return self._new(await self._run.runs.open_realms(self._run.run_id))

    async def more(self) -> AsyncIterator[RealmId]:
        """Those that come later."""
        while True:
            await anyio.sleep(REALMS_LOOK_S)
            seen: Mapping[RealmId, float] = {}
            with suppress(UnavailableError):
                seen = await self._run.runs.open_realms(self._run.run_id)
            for realm_id in self._new(seen):
                yield realm_id

    def _new(self, weights: Mapping[RealmId, float]) -> list[RealmId]:
        """Those that were not met before, who are counted from now on."""
        new = {realm_id: weight for realm_id, weight in weights.items() if realm_id not in self._run.weights}
        self._run.weights.update(new)
        self._run.tally.realms_total += len(new)
        return list(new)


def _of_the_run(run: UnderWay) -> Capped:
    return Capped(
        f"The plan of run {run.run_id}, with a tenth more than it says, allows no further call: its cap",
        "Everything landed is kept. Whoever began the run goes on with it.",
    )
