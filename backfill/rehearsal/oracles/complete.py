"""Everything ends: once the world is healed, all that can be read is read and proven."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backfill.rehearsal.oracles.oracle import Oracle
from backfill.rehearsal.stage import Stage


class Complete(Oracle):
    """A proof that holds for all that the job is about, of every realm that no person has to see to."""

    name: ClassVar[str] = "complete"
    law: ClassVar[str] = "everything ends, and is proven"

    def over(self, stage: Stage) -> Iterable[str]:
        for realm_id in stage.realm_ids:
            if realm_id in stage.troubled:
                continue
            proofs = stage.store.proofs(realm_id)
            missing = [name for name in stage.world.job.expected(stage, realm_id) if name not in proofs]
            if missing:
                yield f"{realm_id}: no word on {', '.join(missing)}"
            for entity, proof in proofs.items():
                if not proof.proven:
                    yield f"{realm_id} {entity} is unproven in a healed world: {proof.reason}"
