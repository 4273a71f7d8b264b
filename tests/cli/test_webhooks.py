"""Webhooks end to end: people change companies, the simulator tells of it badly, and each change is landed once.

Separate processes, real HTTP, real Postgres. Deliveries come late, twice, out of order and forged, in both forms; the
receiver is killed in the middle. What is landed must equal the companies in the end, and nothing forged be stored.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from backfill.store.entity_tables import table_of
from tests.cli.conftest import Query
from tests.comparison import differences, parsed
from tests.processes import OPENER, PATIENCE_S, Backfill, Intuit, ended, eventually, free_port, kill_and_wait, simulated

TOKEN = "simulated-verifier-token"
TOLD = (
    "Account", "Bill", "BillPayment", "Budget", "Class", "CompanyCurrency", "CreditMemo", "Customer", "Department",
    "Deposit", "Employee", "Estimate", "Invoice", "Item", "JournalCode", "JournalEntry", "Payment", "PaymentMethod",
    "Preferences", "Purchase", "PurchaseOrder", "RefundReceipt", "SalesReceipt", "TaxAgency", "Term", "TimeActivity",
    "Transfer", "Vendor", "VendorCredit",
)  # fmt: skip
"""What Intuit's webhooks tell of."""

PROFILE = """
[webhooks]
url = "http://127.0.0.1:{port}/webhooks"
format = "both"
duplicates = 0.3
reordered = 0.3
forged = 0.3
late_s = 120
events_per_delivery = {size}
retry_s = [10, 20, 30]
retry_then_s = 60
"""
"""As Intuit, but for the ladder's long waits, which the receiver's absence would climb."""


def health(port: int) -> Any:
    try:
        with OPENER.open(f"http://127.0.0.1:{port}/health", timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())
    except (urllib.error.URLError, ConnectionError):
        return None


def told(intuit: Intuit) -> Any:
    with OPENER.open(f"{intuit.url}/control/webhooks", timeout=PATIENCE_S) as answer:
        return json.loads(answer.read())


@contextmanager
def receiver(user: Backfill, port: int) -> Iterator[Any]:
    with user.started("webhooks", "serve", f"--port={port}", "--json", "--config=hooks.toml") as process:
        assert eventually(lambda: health(port) is not None), "the receiver does not listen"
        yield process


async def stale(dsn: str, intuit: Intuit) -> list[str]:
    """What is landed otherwise than it stands in the companies now, in words."""
    found: list[str] = []
    connection = await asyncpg.connect(dsn)
    decoder = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])
    for realm_id in intuit.realm_ids:
        stands = decoder.decode(intuit.state(realm_id, "2100-01-01T00:00:00Z"))
        for entity in TOLD:
            statement = f"SELECT id, doc::text FROM {table_of(entity)} WHERE realm_id = $1 AND deleted_at IS NULL"
            landed = {row["id"]: parsed(row["doc"]) for row in await connection.fetch(statement, realm_id)}
            there = {id_: parsed(bytes(raw)) for id_, raw in stands[entity].items()}
            found += [f"{realm_id} {entity} {said}" for said in differences(landed, there)]
    await connection.close()
    return found


def rehearse(
    user: Backfill, tmp_path: Path, dsn: str, query: Query, *, realms: int, changes: int, size: int
) -> dict[str, Any]:
    """The whole story. Returns its figures."""
    port = free_port()
    (tmp_path / "sim.toml").write_text(PROFILE.format(port=port, size=size))
    (tmp_path / "hooks.toml").write_text("[webhooks]\ngather_s = 0.5\n")
    with simulated(tmp_path, realms=realms, rows="100:300", profile=str(tmp_path / "sim.toml")) as intuit:
        user = user.having(**intuit.variables, WEBHOOK_VERIFIER_TOKENS=f"an-older-one, {TOKEN}")
        assert user.run("realms", "import", intuit.realms_file).code == 0
        assert user.run("extract", "--json").code == 0
        asked = intuit.requests()
        rounds = 4
        with receiver(user, port) as first:
            for realm_id in intuit.realm_ids:
                intuit.act(realm_id, changes // realms // rounds)
            waiting = "SELECT count(*) FROM backfill.webhook_event WHERE settled_at IS NULL"
            assert eventually(lambda: query(waiting)[0][0] > 0), "something is told and not read yet"
            kill_and_wait(first.pid)
        left = query(waiting)[0][0]
        for _ in range(rounds - 1):  # nobody listens, and then somebody does
            for realm_id in intuit.realm_ids:
                intuit.act(realm_id, changes // realms // rounds)
        with receiver(user, port) as second:
            # In this order: what is acknowledged is stored. The receiver's own word on it may be a second old.
            assert eventually(lambda: told(intuit)["waiting"] == 0 and query(waiting)[0][0] == 0)
            second.terminate()
            outcome = ended(second)
        assert outcome.code == 0, outcome.stderr
        assert asyncio.run(stale(dsn, intuit)) == []
        emitted = told(intuit)
        summed = intuit.summary()
        requests = intuit.requests() - asked
        assert all(each["throttled"] == 0 for each in summed.values())
    done = outcome.json()
    events = query("SELECT count(*), count(settled_at), count(DISTINCT key) FROM backfill.webhook_event")[0]
    assert events[0] == events[1] == events[2]
    assert query("SELECT count(*) FROM backfill.webhook_event WHERE object_id LIKE 'forged%'")[0][0] == 0
    assert query("SELECT count(*) FROM backfill.webhook_unread")[0][0] == 0
    outcomes = dict(query("SELECT outcome, count(*) FROM backfill.webhook_event GROUP BY outcome"))
    assert outcomes.keys() <= {"landed", "deleted"}
    assert emitted["forged_accepted"] == 0
    assert emitted["acknowledged"] == emitted["deliveries"]
    assert emitted["dropped"] == 0
    return {
        "told": emitted,
        "left by the kill": left,
        "stored": events[0],
        "outcomes": outcomes,
        "requests": requests,
        "confirmations": query("SELECT count(*) FROM backfill.call WHERE code = '610'")[0][0],
        "received after the kill": done["received"],
    }


def test_each_event_is_applied_once_and_none_that_is_forged(
    user: Backfill, tmp_path: Path, dsn: str, query: Query
) -> None:
    figures = rehearse(user, tmp_path, dsn, query, realms=2, changes=160, size=10)
    assert figures["left by the kill"] > 0
    assert figures["told"]["forged"] > 0
    assert figures["told"]["repeated"] > 0
    assert figures["received after the kill"]["duplicates"] > 0
    assert figures["received after the kill"]["forged"] > 0
    assert figures["outcomes"]["deleted"] > 0
    assert figures["requests"] < figures["stored"] / 4, "many events share a call"


@pytest.mark.long
def test_ten_thousand_events(user: Backfill, tmp_path: Path, dsn: str, query: Query) -> None:
    figures = rehearse(user, tmp_path, dsn, query, realms=10, changes=4800, size=25)
    print(json.dumps(figures, indent=2))  # noqa: T201  # the figures are what a long test is run for
    assert figures["told"]["events"] >= 10_000


def post(port: int, body: bytes, **headers: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/webhooks", body, headers)
    try:
        with OPENER.open(request, timeout=PATIENCE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def signed(body: bytes) -> dict[str, str]:
    digest = hmac.digest(TOKEN.encode(), body, "sha256")
    return {"Intuit-Signature": base64.b64encode(digest).decode(), "Content-Type": "application/cloudevents-batch+json"}


def event(realm_id: str, object_id: str, kind: str = "invoice.updated", number: int = 1) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"event-{number}", "source": "intuit.test", "type": f"qbo.{kind}.v1",
        "time": "2026-05-10T21:31:25.179453321Z", "intuitentityid": object_id, "intuitaccountid": realm_id, "data": {},
    }  # fmt: skip


def test_a_realm_that_another_process_has_is_waited_for_and_an_unknown_one_is_kept(
    connected: Backfill, intuit: Intuit, tmp_path: Path, query: Query
) -> None:
    port = free_port()
    (tmp_path / "hooks.toml").write_text("[webhooks]\ngather_s = 0\n")
    realm_id = intuit.realm_ids[0]
    customer = next(iter(json.loads(intuit.state(realm_id, "2100-01-01T00:00:00Z"))["Customer"]))
    query(
        "UPDATE backfill.realm SET owner = $2, epoch = epoch + 1, lease_until = now() + interval '1 hour'"
        " WHERE realm_id = $1 RETURNING 1",
        realm_id,
        f"elsewhere:{os.getpid()}",
    )
    with receiver(connected.having(WEBHOOK_VERIFIER_TOKENS=TOKEN), port) as process:
        told_of = [
            event(realm_id, customer, "customer.updated"),
            event("4711", "1", number=2),
            event(realm_id, "1", "spaceship.created", number=3),
        ]
        body = json.dumps(told_of).encode()
        assert post(port, body, **signed(body)) == 200
        assert post(port, body, **signed(body)) == 200
        assert post(port, body, **signed(body + b" ")) == 401
        assert post(port, b"[" + b" " * (1024 * 1024) + b"]") == 413
        assert eventually(lambda: health(port)["received"]["duplicates"] == 3)
        assert eventually(lambda: health(port)["events"] == {"waiting": 3, "unread": 0})
        lines = iter(process.stderr)
        assert "realm 4711, which is not registered" in next(line for line in lines if "4711" in line)
        said = next(line for line in lines if "worked on" in line)
        assert said.startswith(f"Realm {realm_id}: realm {realm_id} is being worked on by elsewhere")
        query("UPDATE backfill.realm SET owner = NULL, lease_until = NULL WHERE realm_id = $1 RETURNING 1", realm_id)
        assert eventually(lambda: health(port)["events"]["waiting"] == 1)
        process.terminate()
        outcome = ended(process)
    assert outcome.code == 0, outcome.stderr
    done = outcome.json()
    assert done["unknown_realms"] == ["4711"]
    received = done["received"]
    assert [received[name] for name in ("deliveries", "events", "forged", "oversized")] == [2, 6, 1, 1]
    assert query("SELECT realm_id FROM qbo.customer WHERE id = $1", customer)[0][0] == realm_id
    outcomes = dict(query("SELECT entity, outcome FROM backfill.webhook_event WHERE settled_at IS NOT NULL"))
    assert outcomes == {"Customer": "landed", "spaceship": "unsupported"}


def test_without_a_verifier_token_nothing_is_served(connected: Backfill) -> None:
    refused = connected.run("webhooks", "serve", "--json")
    assert refused.code == 2
    assert "BACKFILL_WEBHOOK_VERIFIER_TOKENS" in refused.json()["error"]["action"]
