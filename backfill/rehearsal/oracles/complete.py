"""Everything ends: once the world is healed, all that can be done is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backfill.rehearsal.oracles.oracle import Oracle
from backfill.rehearsal.stage import Stage


class Complete(Oracle):
    """The job says what every realm must have that no person has to see to."""

    name: ClassVar[str] = "complete"
    law: ClassVar[str] = "everything ends, and is proven"

    def over(self, stage: Stage) -> Iterable[str]:
        for realm_id in stage.realm_ids:
            if realm_id not in stage.troubled:
                yield from (f"{realm_id}: {words}" for words in stage.world.job.missing(stage, realm_id))
