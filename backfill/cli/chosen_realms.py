"""The realms that a command was given, among those that are registered."""

from __future__ import annotations

from collections.abc import Sequence

from backfill.errors import UsageError, meant
from backfill.model import Realm, RealmId


def select_realms(realms: Sequence[Realm], named: Sequence[str]) -> Sequence[Realm]:
    """The named realms, or all. Raises `UsageError` with near matches for one that is not registered."""
    if not realms:
        raise UsageError("No realms are registered.", action="Import some first: backfill realms import FILE")
    known = {realm.realm_id: realm for realm in realms}
    unknown = [name for name in named if name not in known]
    if unknown:
        raise UsageError(
            f"There is no realm {unknown[0]}.",
            action=meant(unknown[0], known, otherwise="See which there are: backfill realms list"),
        )
    return [known[RealmId(name)] for name in dict.fromkeys(named)] if named else realms
