"""What is said of one entity in the end: compared, not offered, or refused."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from backfill.errors import FaultError, RequestError
from backfill.model import Held, Proof
from backfill.qbo.catalogue import Entity

_NOT_OFFERED = {"500", "2000", "5030"}
"""Unsupported operation, unknown object, feature not in the company's plan: there is nothing to read."""

UNCOUNTED = "Intuit answered a COUNT without a number."

_SINCE = ", since "
_REFUSED = "refused"


def compared(
    entity: Entity,
    method: str,
    counted: int | None,
    held: Held,
    watermark: datetime | None,
    *,
    who: str = "the server counts",
) -> Proof:
    """Proven if as much is held, quarantined rows included, as was counted. `who` counted, for the reason if not."""
    equal = held.total == counted
    said = "it is not known how many there are" if counted is None else f"{who} {counted}"
    return Proof(
        entity=entity.name,
        proven=equal,
        method=method,
        counted=counted,
        landed_live=held.live,
        quarantined=held.quarantined,
        watermark=watermark,
        reason="" if equal else f"{said}, {held.live} + {held.quarantined} are held",
    )


def of_a_part(proof: Proof, since: datetime) -> Proof:
    """The proof, saying that it is of what was updated since."""
    return structs.replace(proof, method=f"{proof.method}{_SINCE}{since:%Y-%m-%d %H:%M}")


def is_of_a_part(proof: Proof) -> bool:
    """Whether it says nothing of what is older."""
    return _SINCE in proof.method


def nothing(entity: Entity, method: str, watermark: datetime | None) -> Proof:
    """There is none of it, and none is held."""
    return compared(entity, method, 0, Held(live=0, quarantined=0), watermark)


def not_offered(entity: Entity, watermark: datetime | None) -> Proof:
    """The company's plan or country has no such entity: there is nothing to read."""
    return nothing(entity, "not offered by this company", watermark)


def refused(entity: Entity, reason: str) -> Proof:
    """Intuit would not let us read it: nothing is known, nothing is proven."""
    return Proof(
        entity=entity.name,
        proven=False,
        method=_REFUSED,
        counted=None,
        landed_live=0,
        quarantined=0,
        watermark=None,
        reason=reason,
    )


def is_refused(proof: Proof) -> bool:
    """Whether nothing was found out: as it was proven before, it is proven still."""
    return proof.method == _REFUSED


def is_not_offered(fault: RequestError) -> bool:
    """Whether the fault says that this company has no such entity at all. One alone proves nothing: see `offered`.

    4001 is also the answer to a wrong property, so the words decide: only an unknown entity is meant.
    """
    detail = fault.detail if isinstance(fault, FaultError) else ""
    return fault.code in _NOT_OFFERED or (fault.code == "4001" and "invalid context declaration" in detail)
