"""Intuit's own rows, recorded in its sandbox: decoded, landed in Postgres and queried back, with the numbers' scale."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from backfill.model import Lease, RealmId, RunId, Secret
from backfill.qbo import answers, calls
from backfill.qbo.catalogue import CATALOGUE
from backfill.store.database import Database, open_database
from backfill.store.encryption import Keyring
from backfill.store.entity_tables import table_of
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import RealmGrant, Realms
from backfill.store.runs import Runs
from backfill.store.tokens import TokenVault
from backfill.wire import Response
from tests.comparison import differences, parsed
from tests.postgres import SMALL_POOLS, PostgresServer, postgres_server
from tests.recordings import recording, skip_without_recordings

__all__ = ["postgres_server"]

skip_without_recordings()

REALM = RealmId("4620816365000000000")


class RecordedResponse(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: msgspec.Raw
    """Its bytes as they stand in the recording: a number that is parsed and written again may lose its scale."""


class Exchange(msgspec.Struct):
    response: RecordedResponse


def recorded(name: str) -> Response:
    """The last answer of a recording."""
    exchange = msgspec.json.decode(recording(name), type=list[Exchange])[-1]
    headers = {key.lower(): value for key, value in exchange.response.headers.items()}
    return Response(status=exchange.response.status, headers=headers, body=bytes(exchange.response.body))


@pytest.mark.parametrize(
    ("name", "entity", "rows"),
    [
        ("all-customers", "Customer", 41),
        ("get-inactive_vendors", "Vendor", 27),
        ("all-sales_receipts", "SalesReceipt", 4),
    ],
)
async def test_recorded_rows_come_back_as_they_went_in(
    postgres_server: PostgresServer, name: str, entity: str, rows: int
) -> None:
    response = recorded(name)
    request = calls.query(REALM, f"SELECT * FROM {entity}")
    page = answers.decode_page(CATALOGUE[entity], response, request=request)
    sent = {row["Id"]: row for row in parsed(response.body)["QueryResponse"][entity]}
    assert len(sent) == rows
    scaled = {text for text in _numbers(list(sent.values())) if "." in text}
    assert any(float(text).is_integer() for text in scaled), "such as 85.0, which is no 85"

    dsn = await postgres_server.create()
    async with open_database(dsn, sizes=SMALL_POOLS) as database:
        store, run_id, lease = await _at_work(database)
        landed = await store.land(lease, run_id, entity, page.records, refusals=page.refusals)
        async with database.control() as connection:
            found = await connection.fetch(
                f"SELECT id, doc::text, sync_token, created_at, updated_at FROM {table_of(entity)}"
            )
    await postgres_server.drop(dsn)
    assert (landed.landed, landed.quarantined) == (len(sent), 0)
    assert differences({row["id"]: parsed(row["doc"]) for row in found}, sent) == []
    for row in found:
        document = sent[row["id"]]
        times = document["MetaData"]
        assert row["sync_token"] == int(document["SyncToken"])
        assert row["created_at"] == datetime.fromisoformat(times["CreateTime"])
        assert row["updated_at"] == datetime.fromisoformat(times["LastUpdatedTime"])


async def _at_work(database: Database) -> tuple[PostgresStore, RunId, Lease]:
    vault = TokenVault(database, Keyring([bytes(32)]))
    await Realms(database).import_grants([RealmGrant(REALM, Secret("refresh"))], vault, granted_at=datetime.now(UTC))
    started = await Runs(database, owner=Owner.current()).start("extract", {}, [REALM])
    store = PostgresStore(database)
    return store, started.run_id, await store.acquire(REALM)


def _numbers(value: Any) -> Iterator[str]:
    """The text of every number in it."""
    if isinstance(value, tuple):
        yield value[1]
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _numbers(part)
