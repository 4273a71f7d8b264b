"""What may become of one exchange on its way, and what it is that may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from backfill.model import RealmId


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request about to leave a process. `lane` is `token` for the token endpoint."""

    realm_id: RealmId
    lane: str


class Mishap(Enum):
    """How the way fails. Beyond these the server itself fails: see its settings."""

    REFUSED = "refused"
    """The connection is refused: no byte reaches the server."""
    LOST = "lost"
    """The server acts, and its answer never comes."""
    RESET = "reset"
    """The server acts, and instead of its answer the connection is reset."""
    UNHEARD = "unheard"
    """The request gets lost behind our own network: sent, as far as anybody knows, and never arrived."""
