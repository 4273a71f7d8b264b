"""Law 5: one realm's trouble is its own. Who has none is never set aside, and who has some is told what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backfill.rehearsal.oracles.oracle import Ending, Oracle
from backfill.rehearsal.stage import Stage


class OwnTrouble(Oracle):
    """Looks at who is parked, whenever a process ends and at the very end."""

    name: ClassVar[str] = "own trouble"
    law: ClassVar[str] = "one realm's trouble is its own"

    def process_ended(self, stage: Stage, _ending: Ending) -> Iterable[str]:
        for realm_id in stage.realm_ids:
            parked = stage.store.parked(realm_id)
            if parked is None:
                continue
            if not parked.action:
                yield f"{realm_id} is parked for {parked.code}, and nobody is told what to do"
            if not stage.may_be_parked(realm_id):
                yield f"{realm_id} is parked and has no trouble: {parked.code}, {parked.message}"

    def over(self, stage: Stage) -> Iterable[str]:
        for realm_id in stage.realm_ids:
            if realm_id in stage.troubled and stage.store.parked(realm_id) is None:
                left = next(iter(stage.world.job.missing(stage, realm_id)), None)
                if left is not None:
                    yield f"{realm_id} cannot be worked on and is not parked: {left}"
