"""Law 7, end to end: no token, client secret, key or password in what any command says, nor in the process list."""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backfill.cli import app
from backfill.store.encryption import Keyring
from tests.cli.conftest import Query, name_of
from tests.cli.test_extract_resumed import said_until
from tests.postgres import PostgresServer
from tests.processes import OPENER, PATIENCE_S, Backfill, Outcome, ended, eventually, simulated

PASSWORD = "pass-" + secrets.token_hex(8)
CLIENT_SECRET = "client-" + secrets.token_hex(8)
LOOK_S = 0.02
"""The shortest command of these lives for some tenths of a second; what is shorter is made to wait until it is seen."""

SLEEP = "SELECT pg_sleep(600)"
WAKE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1"


@pytest.fixture
def password_dsn(postgres_server: PostgresServer, dsn: str, query: Query) -> Iterator[str]:
    """The address of the database, with a password in it."""
    name = name_of(dsn)
    query(f"CREATE ROLE owner_{name} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    yield dsn.replace("postgres@", f"owner_{name}:{PASSWORD}@", 1)
    query(f"REASSIGN OWNED BY owner_{name} TO postgres")  # the day's table of calls
    query(f"DROP ROLE owner_{name}")


LOUD = """
import logging
logging.basicConfig(level=1)
logging.Logger.setLevel = lambda self, level: None  # nobody turns it down again
"""
"""Run by the interpreter before anything else: every library logs all that it has to say."""


def loud(user: Backfill, folder: Path) -> Backfill:
    """The same user with every log at its highest level, on stderr, and the event loop's own debugging."""
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(LOUD)
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    return replace(user, variables={**user.variables, "PYTHONPATH": path, "PYTHONASYNCIODEBUG": "1"})


def everything_stored(query: Query) -> tuple[set[str], str]:
    """The tables that hold anything, and all of it as text."""
    names = query(
        "SELECT schemaname || '.' || relname AS name FROM pg_stat_user_tables WHERE schemaname IN ('qbo', 'backfill')"
    )
    rows = {row["name"]: query(f"SELECT t::text FROM {row['name']} AS t") for row in names}
    rows["backfill.call"] = query("SELECT t::text FROM backfill.call AS t")
    text = "\n".join(row[0] for found in rows.values() for row in found)
    return {name for name, found in rows.items() if found}, text


@contextmanager
def watched_processes() -> Iterator[set[str]]:
    """The arguments of every process that lives for a moment during the block, as any user of the machine sees them."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    seen.add((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it has ended

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_nothing_secret_leaves(user: Backfill, tmp_path: Path, password_dsn: str, query: Query) -> None:
    key, newer = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    with simulated(tmp_path, realms=3, rows="100:120") as intuit:
        connected = loud(user, tmp_path).having(
            **intuit.variables,
            DATABASE_URL=password_dsn,
            ENCRYPTION_KEY=key,
            CLIENT_ID="the-app",
            CLIENT_SECRET=CLIENT_SECRET,
        )
        planted = {*intuit.secrets, PASSWORD, CLIENT_SECRET, key, newer}
        rows = [json.loads(line) for line in intuit.realms_file.read_text().splitlines()]
        # The first realm is the configured app's, whose secret this Intuit does not know; the second is revoked.
        del rows[0]["client_id"], rows[0]["client_secret"]
        (tmp_path / "mixed.jsonl").write_text("\n".join(map(json.dumps, rows)))
        intuit.revoke(intuit.realm_ids[1])
        faulty = (
            json.dumps({**rows[0], "weight": -1, "color": "red"}).encode() + b"\n{" + rows[1]["refresh_token"].encode()
        )
        csv = f"{rows[0]['realm_id']},{rows[0]['refresh_token']}\n".encode()
        with watched_processes() as arguments:
            said = [
                connected.run("realms", "import", "-", stdin=faulty),
                connected.run("realms", "import", "-", stdin=csv),
                connected.run("realms", "import", "mixed.jsonl"),
                connected.run("realms", "list", "--json"),
                connected.run("extract", "--json"),
                connected.run("extract"),
                connected.run("status", "--json"),
                connected.run("status"),
                connected.run("sql", "SELECT * FROM backfill.token"),
                connected.run("calls", "--limit", "1000", "--json"),
                connected.run("calls", "--limit", "1000"),
                connected.run("calls", "--export", "calls.csv"),
                connected.run("calls", "--export", "calls.jsonl", "--format", "jsonl"),
                connected.run("keys", "list"),
                connected.having(ENCRYPTION_KEY=f"{newer},{key}").run("keys", "rotate", "--json"),
                connected.having(ENCRYPTION_KEY=f"{key},{newer}").run("keys", "rotate"),
                connected.run("keys", "retire"),
                connected.run("migrate", "--json"),
                connected.run("views", "--json"),
                connected.having(OAUTH_TOKEN_URL="http://127.0.0.1:1").run("extract", "--realm", rows[0]["realm_id"]),
                connected.having(ENCRYPTION_KEY=key[:-4]).run("extract"),
                connected.having(DATABASE_URL=password_dsn.replace("postgresql:", "hotel:")).run("status"),
                connected.having(DATABASE_URL=password_dsn.replace("/test", "/none")).run("status"),
            ]
            with connected.started("sql", SLEEP) as sleeping:
                assert eventually(lambda: any("psql" in line for line in arguments)), "the processes are seen"
                assert eventually(lambda: bool(query(WAKE, SLEEP)))
                said.append(ended(sleeping))
            said.append(looked_at(connected, "/", "/snapshot.json", *(f"/companies/{row['realm_id']}" for row in rows)))
        assert [outcome.code for outcome in said] == [
            2,
            2,
            0,
            0,
            1,
            1,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            2,
            0,
            0,
            1,
            2,
            2,
            3,
            3,
            0,
        ]
        errors = {error["realm_id"]: error["code"] for error in said[4].json()["errors"]}
        assert errors == {intuit.realm_ids[0]: "invalid_client", intuit.realm_ids[1]: "invalid_grant"}
        keyring = Keyring([base64.b64decode(key)])
        for realm_id, granted in query(
            "SELECT realm_id, access_token FROM backfill.token WHERE access_token IS NOT NULL"
        ):
            planted.add(keyring.decrypt(granted, bound_to=(realm_id, "access_token")).reveal())
        assert len(planted) == len(intuit.secrets) + 5, "one realm's token was refreshed"
        nothing_told(planted, said, arguments, query, tmp_path)
        assert {"calls.csv", "calls.jsonl"} <= {path.name for path in tmp_path.iterdir()}
        assert {"backfill.call", "backfill.token", "backfill.run", "qbo.customer"} <= everything_stored(query)[0]


def nothing_told(
    planted: Collection[str], said: Sequence[Outcome], arguments: Collection[str], query: Query, folder: Path
) -> None:
    """Search what the commands said and left, their arguments, and all that is stored."""
    everything = "\n".join(f"{outcome.stdout}\n{outcome.stderr}" for outcome in said)
    assert [secret for secret in planted if secret in everything] == []
    assert [line for line in arguments if any(secret in line for secret in planted)] == []
    assert "DEBUG" in everything, "the libraries were at their loudest"
    _tables, kept = everything_stored(query)
    assert [secret for secret in planted if secret in kept] == []
    assert [secret for secret in planted if secret.encode().hex() in kept] == [], "nor as bytes"
    # The simulated Intuit shows its credentials to whoever starts it.
    own = {"realms.jsonl", "mixed.jsonl", "simulator.log"}
    left = [path for path in folder.rglob("*") if path.is_file() and path.name not in own]
    assert [path for path in left if any(secret.encode() in path.read_bytes() for secret in planted)] == []


def looked_at(user: Backfill, *paths: str) -> Outcome:
    """How a dashboard ends, with what browsers were shown on its stdout."""
    with user.started("dashboard", "--port=0") as serving:
        heard = said_until("The dashboard is at", serving)
        address = re.findall(r"http://[\d.]+:\d+", heard)[-1]
        shown: list[str] = []
        for path in paths:
            with OPENER.open(address + path, timeout=PATIENCE_S) as answer:
                shown.append(f"{answer.headers}{answer.read().decode()}")
        serving.terminate()
        stopped = ended(serving)
    return replace(stopped, stdout="".join([*shown, stopped.stdout]), stderr=heard + stopped.stderr)


WORK: Mapping[str, Sequence[tuple[int, str]]] = {
    "realms arm": [(0, "{realm}")],
    "doctor": [(1, "--json"), (1, "")],
    "auth login": [(2, "--paste --json")],
    "realms unpark": [(0, "--fault 3100 --json")],
    "load": [(1, "file rows.jsonl --json"), (2, "status.jsonl"), (0, "file rows.jsonl --dry-run")],
    "load status": [(0, "--json"), (0, "")],
    "load export-rejected": [(0, "rejected.jsonl")],
    "load retry": [(1, "--json")],
    "load undo": [(0, "1 --json")],
    "reports": [(0, "--report ProfitAndLoss --report TrialBalance --from 2026-01-01 --json")],
    "resync": [(0, "--since 2026-11-27T00:00:00Z --plan --json"), (0, "--since 2026-11-27T00:00:00Z")],
    "verify": [(0, "--deep --pages pages --json")],
    "care": [(0, "--json"), (0, "")],
    "rehearse": [(0, "--seeds 1")],
    "plan": [(0, "scenario.toml --json"), (2, "rows.jsonl")],
    "worker": [(0, "--once --json")],
    "bench": [(0, "scenario.toml --rows 10800 --json"), (2, "rows.jsonl")],
    "auth revoke": [(0, "{other} --json")],
    "realms remove": [(0, "{realm} --dry-run"), (2, "{realm}"), (0, "{other} --yes --json")],
}
"""Command to its exit codes and arguments. `webhooks serve` is served beside."""

SEEN_BEFORE = {
    *("realms import", "realms list", "extract", "status", "sql", "calls"),
    *("keys list", "keys rotate", "keys retire", "migrate", "views", "dashboard"),
}
NOBODYS = {"demo", "simulate", "version"}
"""What they know of secrets they make themselves, for whoever starts them; or they know none."""


def test_no_command_is_left_out() -> None:
    groups = {name: getattr(command, "commands", {"": command}) for name, command in app.commands.items()}
    # `load FILE` is written out as `load file FILE`.
    names = {f"{group} {name}".strip().removesuffix(" file") for group, names in groups.items() for name in names}
    assert names == {*WORK, *SEEN_BEFORE, *NOBODYS, "webhooks serve"}


@pytest.mark.long
def test_nothing_secret_leaves_whoever_works(user: Backfill, tmp_path: Path, password_dsn: str, query: Query) -> None:
    """What writes, reads again, compares, serves and rehearses, with a verifier token to be told as well."""
    key, verifier = base64.b64encode(os.urandom(32)).decode(), "verifier-" + secrets.token_hex(8)
    with simulated(tmp_path, realms=2, rows="100:120") as intuit:
        connected = loud(user, tmp_path).having(
            **intuit.variables,
            DATABASE_URL=password_dsn,
            ENCRYPTION_KEY=key,
            CLIENT_SECRET=CLIENT_SECRET,
            WEBHOOK_VERIFIER_TOKENS=verifier,
        )
        planted = {*intuit.secrets, PASSWORD, CLIENT_SECRET, key, verifier}
        realm_id = intuit.realm_ids[0]
        rows = [{"realm_id": realm_id, "entity": "Customer", "source_key": str(number)} for number in range(3)]
        payloads = [{"DisplayName": "One"}, {"DisplayName": "Two"}, {"DisplayName": "T", "ParentRef": {"value": "98"}}]
        lines = [json.dumps(row | {"payload": payload}) for row, payload in zip(rows, payloads, strict=True)]
        (tmp_path / "rows.jsonl").write_text("\n".join(lines))
        (tmp_path / "scenario.toml").write_text('[[companies]]\nname = "a few"\ncount = 2\nobjects = 100\n')
        with watched_processes() as arguments:
            said = [connected.run("realms", "import", intuit.realms_file), connected.run("extract", "--json")]
            assert [outcome.code for outcome in said] == [0, 0], said[-1].stderr
            for command, runs in WORK.items():
                for code, words in runs:
                    said.append(
                        connected.run(
                            *command.split(), *words.format(realm=realm_id, other=intuit.realm_ids[1]).split()
                        )
                    )
                    assert said[-1].code == code, (command, said[-1].stderr[-2000:])
            with connected.started("webhooks", "serve", "--port=0", "--json") as serving:
                heard = said_until("Taking in webhooks at", serving)
                address = re.findall("http://[^;]*/webhooks", heard)[-1]
                for signed_with in (verifier, "another"):
                    assert delivered(address, realm_id, signed_with) == (200 if signed_with == verifier else 401)
                serving.terminate()
                served = ended(serving)
            said.append(replace(served, stderr=heard + served.stderr))
        assert served.code == 0, served.stderr
        nothing_told(planted, said, arguments, query, tmp_path)
        assert {"backfill.load_row", "backfill.webhook_event", "qbo.report", "backfill.verification"} <= (
            everything_stored(query)[0]
        )


def delivered(address: str, realm_id: str, signed_with: str) -> int:
    """The status that a delivery is answered with."""
    entity = {"name": "Customer", "id": "1", "operation": "Update", "lastUpdated": "2026-11-27T00:00:00Z"}
    notified = {"eventNotifications": [{"realmId": realm_id, "dataChangeEvent": {"entities": [entity]}}]}
    body = json.dumps(notified).encode()
    signature = base64.b64encode(hmac.digest(signed_with.encode(), body, "sha256")).decode()
    request = urllib.request.Request(address, data=body, headers={"intuit-signature": signature})
    try:
        with OPENER.open(request, timeout=PATIENCE_S) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
