"""The tokens of a world's realms, as they are after their consent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from backfill.model import RealmId, Tokens
from backfill.simulator.core import Simulator
from backfill.store.memory_tokens import MemoryTokenVault, imported


def vault_of(simulator: Simulator, now: Callable[[], datetime]) -> MemoryTokenVault:
    """Refresh tokens alone: the first request gets an access token."""

    def granted(realm_id: str) -> Tokens:
        grant = simulator.credentials(realm_id)
        return imported(grant.refresh_token, grant.client_id, grant.client_secret, at=now())

    return MemoryTokenVault({RealmId(realm_id): granted(realm_id) for realm_id in simulator.fleet.realm_ids})
