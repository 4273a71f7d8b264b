"""What was landed beside the companies it came from, each entity as it stood at its own watermark.

Document for document, as JSON, with the numbers' scale: `639.00` and `639.0` differ. Nothing of the client's
code decides what is right here; only the table's name comes from the store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import asyncpg
import msgspec

from backfill.entities import ENTITIES
from backfill.store.entity_tables import table_of

EXPIRING_LINKS = ("TempDownloadUri", "ThumbnailTempDownloadUri")
"""Not stored, by design: they grant access for some minutes."""

DIFFERENCES_SHOWN = 20

PROOFS = "SELECT entity, proven, watermark, reason FROM backfill.proof WHERE realm_id = $1"
LANDED = "SELECT id, doc::text FROM {table} WHERE realm_id = $1 AND deleted_at IS NULL"

_STATE = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])

Documents = Mapping[str, Any]
"""Id to document; see `parsed`."""


class Companies(Protocol):
    """Who knows what each company held when."""

    @property
    def realm_ids(self) -> Sequence[str]: ...

    def state(self, realm_id: str, at: str) -> bytes: ...


@dataclass(slots=True)
class Comparison:
    """How many documents were compared, what they add up to, and what differs (the first few, in words)."""

    realms: int = 0
    documents: int = 0
    differing: int = 0
    differences: list[str] = field(default_factory=list)
    checksum: str = ""
    """Of everything landed: two runs that landed the same have the same."""

    def differs(self, difference: str) -> None:
        self.differing += 1
        if len(self.differences) < DIFFERENCES_SHOWN:
            self.differences.append(difference)


def parsed(text: str | bytes) -> Any:
    """JSON with every number as `("number", its text)`: equal only if written alike, and equal to no string."""
    return json.loads(text, parse_float=_number, parse_int=_number)


def _number(text: str) -> tuple[str, str]:
    return ("number", text)


async def compare(dsn: str, companies: Companies) -> Comparison:
    """Compare every entity of every company with what the database holds of it."""
    found = Comparison()
    digest = hashlib.sha256()
    connection = await asyncpg.connect(dsn)
    try:
        for realm_id in companies.realm_ids:
            found.realms += 1
            await _compare_realm(connection, companies, realm_id, found, digest)
    finally:
        await connection.close()
    found.checksum = digest.hexdigest()
    return found


async def _compare_realm(
    connection: asyncpg.Connection[asyncpg.Record],
    companies: Companies,
    realm_id: str,
    found: Comparison,
    digest: hashlib._Hash,
) -> None:
    proofs = {row["entity"]: row for row in await connection.fetch(PROOFS, realm_id)}
    for entity in sorted(set(ENTITIES) ^ proofs.keys()):
        found.differs(f"{realm_id} {entity}: {'is no entity' if entity in proofs else 'has no proof'}")
    watermarks: dict[datetime, list[str]] = {}
    for entity, proof in proofs.items():
        if not proof["proven"]:
            found.differs(f"{realm_id} {entity}: unproven: {proof['reason']}")
        elif proof["watermark"] is None:
            found.differs(f"{realm_id} {entity}: has no watermark")
        else:
            watermarks.setdefault(proof["watermark"], []).append(entity)
    for watermark, entities in sorted(watermarks.items()):
        stood = _STATE.decode(companies.state(realm_id, watermark.isoformat()))
        for entity in sorted(entities):
            rows = await connection.fetch(LANDED.format(table=table_of(entity)), realm_id)
            landed = {row["id"]: row["doc"] for row in sorted(rows)}
            for id_, text in landed.items():
                digest.update(f"{realm_id} {entity} {id_} {text}\n".encode())
            found.documents += len(landed)
            expected = expected_documents(entity, stood[entity], watermark, landed.keys())
            for difference in differences({id_: parsed(text) for id_, text in landed.items()}, expected):
                found.differs(f"{realm_id} {entity} {difference}")


def expected_documents(
    entity: str, stood: Mapping[str, msgspec.Raw], watermark: datetime, landed: Collection[str]
) -> Documents:
    """The documents of an entity as they should be landed, by the Id they should be landed under."""
    documents = {id_: parsed(bytes(raw)) for id_, raw in stood.items()}
    if entity == "RecurringTransaction":  # its Ids are unique within a type only
        return {f"{kind}:{inner['Id']}": whole for whole in documents.values() for kind, inner in whole.items()}
    if entity == "Attachable":
        return {id_: _without(doc, EXPIRING_LINKS) for id_, doc in documents.items()}
    if entity == "ExchangeRate":
        newest = _newest_rates(documents, watermark.astimezone(UTC).date().isoformat())
        return {id_: doc for id_, doc in documents.items() if id_ in newest or id_ in landed}
    return documents


def _newest_rates(rates: Documents, day: str) -> Collection[str]:
    """The Ids of each currency's rate on a day. Only these are read; those of an earlier run's day stay landed."""
    until = sorted((rate["AsOfDate"], id_) for id_, rate in rates.items() if rate["AsOfDate"] <= day)
    return {rates[id_]["SourceCurrencyCode"]: id_ for _, id_ in until}.values()


def differences(landed: Documents, expected: Documents) -> list[str]:
    """In words, an entry for each document that is missing, too many, or not the same."""
    missing = [f"{id_}: is not landed" for id_ in expected.keys() - landed.keys()]
    extra = [f"{id_}: is landed, and the company has none" for id_ in landed.keys() - expected.keys()]
    differing = [
        f"{id_}: {landed[id_]} is not {expected[id_]}"
        for id_ in expected.keys() & landed.keys()
        if landed[id_] != expected[id_]
    ]
    return sorted(missing + extra + differing)


def _without(doc: Documents, names: Sequence[str]) -> Documents:
    return {name: value for name, value in doc.items() if name not in names}
