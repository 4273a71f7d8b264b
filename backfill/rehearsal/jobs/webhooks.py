"""Companies that were proven once are kept up by what webhooks tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, ClassVar

import anyio

from backfill.errors import StoppedError, UnavailableError
from backfill.jobs.fleet import RealmJob, RealmOutcome
from backfill.jobs.told import apply_events
from backfill.jobs.work import RealmWork
from backfill.model import RealmId, RunId, Scan, Secret
from backfill.qbo.signatures import SIGNATURE_HEADER, Verifier
from backfill.rehearsal.held import hold
from backfill.rehearsal.jobs.at_work import realm_job
from backfill.rehearsal.jobs.extract import Extract
from backfill.simulator.settings import SimulatorSettings, WebhookSettings
from backfill.webhooks.intake import Intake

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage
    from backfill.rehearsal.world import World

URL = "http://127.0.0.1/webhooks"
"""Nobody listens there: deliveries go to whichever process lives."""

PATIENCE_S = 3.0
"""Intuit's: what is not answered by then is sent again."""

LOOK_S = 60.0
"""Between two looks at the inbox. The command's are more frequent; here hours are waited through."""

LADDER_S = (10.0, 20.0, 30.0, 300.0, 1_200.0, 10_800.0)
"""As Intuit's, whose six hours, which come again and again at the end, would outlast phase two."""


class Webhooks(Extract):
    """`backfill webhooks serve`, until nobody has anything left to tell."""

    name: ClassVar[str] = "webhooks"
    moves_on: ClassVar[bool] = True

    def settings(self, world: World) -> SimulatorSettings:
        rng = Random(f"webhooks of world {world.seed}")
        told = WebhookSettings(
            format=rng.choice(("legacy", "cloudevents", "both")),
            delay_s=rng.choice((0.0, 5.0, 300.0)),
            events_per_delivery=rng.choice((1, 5, 50)),
            duplicates=rng.choice((0.0, 0.3)),
            reordered=rng.choice((0.0, 0.3)),
            forged=rng.choice((0.0, 0.3)),
            hold_back=rng.random() < 0.2,
            own_changes=True,
            retry_s=LADDER_S,
            retry_then_s=LADDER_S[-1],
        )
        return replace(world.settings, webhooks=told)

    async def begin(self, stage: Stage, ground: Ground) -> None:
        await hold(stage, ground)
        stage.simulator.webhooks.tell(URL)

        async def post(_url: str, headers: Mapping[str, str], body: bytes) -> int | None:
            return await _delivered(stage, headers, body)

        stage.group.start_soon(stage.simulator.webhooks.run, post)

    def realm_job(self, process: Process) -> RealmJob:
        stage = process.stage
        verifier = Verifier([Secret(stage.world.settings.webhooks.verifier_token)])
        stage.receivers[process.life] = Intake(verifier, process.inbox, told=lambda _realms: None)

        async def task(work: RealmWork, _scan: Scan) -> RealmOutcome:
            while True:
                outcome = await apply_events(work, process.inbox, stage.world.costs)
                if _all_told(stage, work.realm_id):
                    return outcome
                if work.turn.over:
                    raise StoppedError("The realm's turn is over.", action="Nothing: its next turn goes on from here.")
                await anyio.sleep(LOOK_S / stage.world.scale)

        return realm_job(process, task)

    def is_done(self, stage: Stage, run_id: RunId, realm_id: RealmId) -> bool:  # noqa: ARG002  # the signature is all jobs'
        return _all_told(stage, realm_id)

    def missing(self, stage: Stage, realm_id: RealmId) -> Iterable[str]:  # noqa: ARG002  # see the oracle `told once`
        return ()


def _all_told(stage: Stage, realm_id: RealmId) -> bool:
    waits = any(one.outcome is None and one.told.realm_id == realm_id for one in stage.inbox.kept())
    return not waits and stage.simulator.webhooks.waiting == 0 and stage.people_done.is_set()


async def _delivered(stage: Stage, headers: Mapping[str, str], body: bytes) -> int | None:
    """To the process that has lived longest. Nobody, a dead or a stopped one: no answer."""
    living = next((process.life for process in stage.living if process.life in stage.receivers), None)
    if living is None:
        return None
    with suppress(UnavailableError), anyio.move_on_after(PATIENCE_S):
        status = await stage.receivers[living].take(body, headers.get(SIGNATURE_HEADER, ""))
        return None if living.over else status
    return None
