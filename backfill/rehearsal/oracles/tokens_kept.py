"""Tokens: one refresh at a time per realm, and what was granted to a living process is never thrown away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backfill.rehearsal.oracles.oracle import Oracle
from backfill.rehearsal.stage import Stage


class TokensKept(Oracle):
    """Looks at the token endpoint's side of all refreshes."""

    name: ClassVar[str] = "tokens kept"
    law: ClassVar[str] = "one refresh at a time, and none thrown away"

    def over(self, stage: Stage) -> Iterable[str]:
        for realm_id in stage.refreshes.raced:
            yield f"{realm_id}: two refreshes at the same time"
        for realm_id in stage.refreshes.thrown_away():
            yield f"{realm_id}: a new refresh token came to a process that lives, and was not stored"
        for realm_id in stage.refreshes.outdated:
            yield f"{realm_id}: a refresh token that had been replaced, and whose successor was heard of, was sent"
