"""The tokens of a world's realms, as they are after their consent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from backfill.model import RealmId, Secret, Tokens
from backfill.simulator.core import Simulator
from backfill.store.memory_tokens import MemoryTokenVault


def vault_of(simulator: Simulator, now: Callable[[], datetime]) -> MemoryTokenVault:
    """Refresh tokens alone: the first request gets an access token."""

    def granted(realm_id: str) -> Tokens:
        grant = simulator.credentials(realm_id)
        return Tokens(
            access_token=None,
            access_expires_at=None,
            refresh_token=Secret(grant.refresh_token),
            previous_refresh_token=None,
            refreshed_at=now(),
            client_id=Secret(grant.client_id),
            client_secret=Secret(grant.client_secret),
        )

    return MemoryTokenVault({RealmId(realm_id): granted(realm_id) for realm_id in simulator.fleet.realm_ids})
