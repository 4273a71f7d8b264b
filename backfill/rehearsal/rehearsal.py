"""One world from its beginning to its end: with faults, then healed and to be completed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from backfill.model import RunId
from backfill.pacing.virtual_clock import VirtualClockError, run_virtual
from backfill.rehearsal.ground import Ground, MemoryGround
from backfill.rehearsal.life import Kill
from backfill.rehearsal.oracles import judge
from backfill.rehearsal.process import Process
from backfill.rehearsal.runs import AGAIN_RUN, FIRST_RUN, RIVALS_RUN
from backfill.rehearsal.stage import Breach, Stage
from backfill.rehearsal.world import World

PHASE_ONE_S = 1_800.0
"""Half an hour, in which faults strike. What is not done by then is killed: the rest is phase two's."""

PHASE_TWO_S = 6 * 3_600.0
"""In which a healed world is to be completed: a realm that was refused comes back within minutes, and a small company
at a tenth of Intuit's limits takes an hour at most. What takes six will not end."""

RUNS_MOST = 3
"""Commands that a healed world is completed by: what people change to the very last may leave something unproven, and
the same command says so and goes on. The last of them is given when they have gone."""

WALL_LIMIT_S = 60.0
"""Of real time for one world: a thousandfold of what it takes; one that goes round without end is a breach."""

RESTARTS_MOST = 20
"""Of the command in phase one, by a user who is told that it could not go on."""

RESTART_S = 30.0
"""Until that user tries again."""

START_S = 1.0
"""Until the next of two commands has started and asks. The limits of a second are each process's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of one world. Plain values, since it comes from another process."""

    seed: int
    world: str
    """In words, if a law was broken."""
    breaches: Sequence[Breach]
    struck: Mapping[str, int]
    """Fault to how often it was injected."""
    told: frozenset[str]
    """Intuit's fault codes that came in answers."""
    requests: int
    deaths: int
    tokens_lost: int
    virtual_s: float
    digest: str
    """Of all that happened: the same for the same seed."""
    trace: Sequence[str]
    """The last things that happened, if a law was broken."""


def rehearse(world: World) -> Verdict:
    """Run `world` on a virtual clock of its own."""
    stages: list[Stage] = []
    try:
        virtual_s = run_virtual(_lived(world, stages), wall_limit_s=WALL_LIMIT_S)
    except (VirtualClockError, BaseExceptionGroup, Exception) as error:  # noqa: BLE001  # whatever ends a world is its verdict
        virtual_s = float("nan")
        stages[0].broken("ends", [_in_words(error)])
    (stage,) = stages
    return Verdict(
        seed=world.seed,
        world=world.described() if stage.breaches else "",
        breaches=tuple(stage.breaches),
        struck=dict(stage.struck),
        told=frozenset(stage.told),
        requests=stage.simulator.log.total().requests,
        deaths=stage.deaths,
        tokens_lost=stage.refreshes.lost,
        virtual_s=virtual_s,
        digest=stage.trace.digest,
        trace=stage.trace.last if stage.breaches else (),
    )


async def _lived(world: World, stages: list[Stage]) -> float:
    async with anyio.create_task_group() as group:
        rehearsal = Rehearsal(world, group, MemoryGround)
        stages.append(rehearsal.stage)
        await rehearsal.run()
        group.cancel_scope.cancel()
    return anyio.current_time()


class Rehearsal:
    """The course of a world, on whatever ground and clock. `group` is the world's own: cancel it when all is over."""

    def __init__(self, world: World, group: TaskGroup, ground: Callable[[Stage], Ground]) -> None:
        self.world = world
        self.stage = Stage(world, group, self.launch)
        self._ground = ground(self.stage)
        self._begun = 0

    async def run(self) -> None:
        """Phase one, phase two, the judgement; and once more after a while, if the world has it so."""
        await self.world.job.begin(self.stage, self._ground)
        self.stage.group.start_soon(self._people)
        with anyio.move_on_after(PHASE_ONE_S):
            async with anyio.create_task_group() as strikes:
                for fault in self.world.faults:
                    strikes.start_soon(fault.strike, self.stage)
                await self._insisted()
                strikes.cancel_scope.cancel()
        await self._all_killed()
        self.stage.heal()
        await self.world.job.healed(self.stage, self._ground)
        await self._completed(FIRST_RUN)
        if self.stage.rivals:  # what it has landed by then is newer than what the first run has proven
            await self._completed(RIVALS_RUN)
        self._judged()
        if self.world.again_after_s:
            await self.world.job.again(self.stage, self._ground)
            await anyio.sleep(self.world.again_after_s)
            await self._completed(AGAIN_RUN)
            self._judged()

    async def launch(self, run_id: RunId, kill: Kill | None = None) -> bool:
        """As `stage.Launch`. The process is the world's, and does not end with whoever waits for it."""
        self._begun += 1
        process = Process(self.stage, self._ground, self._begun, run_id, kill)
        ended = anyio.Event()

        async def live() -> None:
            try:
                await process.run()
            finally:
                del self.stage.living[process]
                ended.set()

        self.stage.living[process] = None
        self.stage.group.start_soon(live)
        await ended.wait()
        await self._ground.mirror()
        if process.failure is not None and self.stage.healed:
            self.stage.broken("ends", [f"in a healed world a command could not go on: {process.failure.message}"])
        return process.result is not None

    async def _insisted(self) -> None:
        """The command, and the same command again whenever it was killed or could not go on."""
        kills = iter(self.stage.kills)
        for _ in range(RESTARTS_MOST):
            kill = next(kills, None)
            if await self.launch(FIRST_RUN, kill):
                return
            await anyio.sleep(RESTART_S / self.world.scale if kill is None else kill.restart_s)

    async def _all_killed(self) -> None:
        for process in list(self.stage.living):
            process.life.end()
        while self.stage.living:  # they only unwind: no time passes
            await anyio.lowlevel.checkpoint()

    async def _completed(self, run_id: RunId) -> None:
        """Demand that the run comes to its end, of itself."""
        with anyio.move_on_after(PHASE_TWO_S) as phase:
            runs_most = RUNS_MOST + sum(fault.runs_more for fault in self.world.faults)
            for number in range(runs_most):
                if number == runs_most - 1:
                    # Where reading takes longer than people wait between two changes, no two reports are of one moment.
                    await self.stage.people_done.wait()
                await anyio.sleep(START_S)
                await self.launch(run_id)
                self.stage.reconnect_parked()  # a token that got lost may be missed only now
                workable = [realm_id for realm_id in self.stage.realm_ids if realm_id not in self.stage.troubled]
                if all(self.world.job.is_done(self.stage, run_id, realm_id) for realm_id in workable):
                    return
        if phase.cancelled_caught:
            self.stage.broken("ends", [f"a healed world was not completed in {PHASE_TWO_S / 3600:g} hours"])
            await self._all_killed()

    def _judged(self) -> None:
        judge(self.stage, lambda oracle: oracle.over(self.stage))

    async def _people(self) -> None:
        """Others work in the books, until they have made all their changes."""
        rng = Random(f"people of world {self.world.seed}")
        mean_wait_s = 60 / (self.world.changes_per_minute * self.world.realms)
        for _ in range(self.world.changes_most):
            await anyio.sleep(rng.expovariate(1 / mean_wait_s))
            with self.stage.books.people():
                self.stage.simulator.people(rng.choice(self.stage.realm_ids)).act(1)
        self.stage.people_done.set()


def _in_words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
