"""`backfill keys`: a rotation may be killed at any time and run again; what is stored can be read all the while."""

from __future__ import annotations

import base64
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from backfill.model import Secret
from backfill.store.encryption import keyring_from_text
from tests.cli.conftest import Query
from tests.processes import Backfill, Intuit, eventually

REALMS = 400
"""So many that a rotation takes long enough to be killed in the middle."""


def key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def tokens(query: Query, keys: str) -> set[str]:
    """All refresh tokens, decrypted with the keys."""
    ring = keyring_from_text(Secret(keys))
    rows = query("SELECT realm_id, refresh_token FROM backfill.token")
    return {ring.decrypt(row[1], bound_to=(row[0], "refresh_token")).reveal() for row in rows}


def key_file(user: Backfill) -> Path:
    return user.home / ".config/backfill/encryption.key"


@pytest.fixture
def many(user: Backfill) -> Backfill:
    rows = [{"realm_id": str(1000 + number), "refresh_token": f"AB11-{number}"} for number in range(REALMS)]
    imported = user.run("realms", "import", "-", stdin="\n".join(map(json.dumps, rows)).encode())
    assert imported.code == 0, imported.stderr
    return user


def test_a_rotation_that_is_killed_goes_on_and_then_the_old_key_retires(many: Backfill, query: Query) -> None:
    everything = {f"AB11-{number}" for number in range(REALMS)}
    old = key_file(many).read_text().strip()
    old_id = many.run("keys", "list", "--json").json()["keys"][0]["key_id"]
    changed = "SELECT count(*) FROM backfill.token WHERE encode(substring(refresh_token FROM 1 FOR 1), 'hex') <> $1"
    with many.started("keys", "rotate") as rotating:
        assert eventually(lambda: query(changed, old_id)[0][0] > 0)
        os.kill(rotating.pid, signal.SIGKILL)
    both = key_file(many).read_text()
    assert len(both.split()) == 2
    assert key_file(many).stat().st_mode & 0o777 == 0o600
    assert tokens(query, both) == everything, "wherever it was killed"
    before = query(changed, old_id)[0][0]
    assert 0 < before < REALMS, "in the middle"
    refused = many.run("keys", "retire")
    assert (refused.code, "Run: backfill keys rotate" in refused.stderr) == (2, True)

    done = many.run("keys", "rotate", "--json")
    assert done.code == 0, done.stderr
    assert done.json()["changed"] == REALMS - before
    assert key_file(many).read_text() == both, "no third key"
    assert [entry["realms"] for entry in done.json()["keys"]] == [REALMS, 0]
    retired = many.run("keys", "retire", "--json")
    assert (retired.code, retired.json()["retired"]) == (0, 1)
    (new,) = key_file(many).read_text().split()
    assert new != old
    assert tokens(query, new) == everything
    assert sorted(path.name for path in key_file(many).parent.iterdir()) == ["encryption.key", "encryption.key.lock"]
    for shown in (done, retired, many.run("keys", "list")):
        assert [secret for secret in (old, new) if secret in shown.stdout + shown.stderr] == []


def test_keys_of_the_environment_are_put_in_order_by_the_user(user: Backfill, query: Query) -> None:
    old, new = key(), key()
    had = user.having(ENCRYPTION_KEY=old)
    assert had.run("realms", "import", "-", stdin=b'{"realm_id":"1","refresh_token":"AB11"}').code == 0
    rotated = user.having(ENCRYPTION_KEY=f"{new},{old}").run("keys", "rotate", "--json")
    assert (rotated.code, rotated.json()["changed"]) == (0, 1)
    assert tokens(query, new) == {"AB11"}
    assert user.having(ENCRYPTION_KEY=new).run("keys", "list").code == 0
    missing = had.run("keys", "list")
    assert (missing.code, "IS MISSING; 1 realm encrypted with it" in missing.stdout) == (1, True)
    told = user.having(ENCRYPTION_KEY=new).run("keys", "retire")
    assert (told.code, "take it out there" in told.stderr) == (2, True)


def test_no_key_is_changed_under_a_command_that_runs(many: Backfill, query: Query) -> None:
    """A receiver of webhooks works on no company most of the time, and could not read a token afterwards."""
    query("INSERT INTO backfill.run (kind, scope, owner) VALUES ('webhooks', '{}', 'other:1')")
    query(
        "INSERT INTO backfill.run (kind, scope, owner, heartbeat_at)"
        " VALUES ('care', '{}', 'dead:1', now() - interval '1 hour')"
    )
    before = key_file(many).read_text()
    for command in ("rotate", "retire"):
        refused = many.run("keys", command)
        assert refused.code == 3
        assert "1 command is running: webhooks, by other:1." in refused.stderr
        assert "--online" in refused.stderr
    assert key_file(many).read_text() == before
    assert many.run("keys", "rotate", "--online").code == 0


def test_a_company_is_read_after_a_rotation(user: Backfill, intuit: Intuit) -> None:
    connected = user.having(**intuit.variables)
    assert connected.run("realms", "import", intuit.realms_file).code == 0
    assert connected.run("keys", "rotate").code == 0
    assert connected.run("keys", "retire").code == 0
    assert connected.run("extract", "--entity", "Vendor").code == 0


def test_a_second_machine_makes_no_key_of_its_own(user: Backfill, query: Query, tmp_path: Path) -> None:
    """What it stored with that the first one could not read; and the first one's, not it."""
    rows = b'{"realm_id":"1","refresh_token":"AB11"}'
    assert user.run("realms", "import", "-", stdin=rows).code == 0
    before = query("SELECT refresh_token FROM backfill.token")
    (tmp_path / "second").mkdir()
    second = replace(user, home=tmp_path / "second").having(LIMITS_SCALE=None)
    for command in (["realms", "import", "-"], ["extract"], ["keys", "rotate"]):
        refused = second.run(*command, stdin=b'{"realm_id":"2","refresh_token":"AB12"}')
        assert refused.code == 3, refused.stderr
        assert "encrypted with a key that is not here" in refused.stderr
        assert "Give the key of the machine that imported them" in refused.stderr
    assert not key_file(second).exists()
    assert query("SELECT refresh_token FROM backfill.token") == before


def test_a_company_whose_key_is_elsewhere_costs_no_other(user: Backfill, intuit: Intuit, query: Query) -> None:
    """Law 5."""
    ours, theirs = key(), key()
    connected = user.having(**intuit.variables, ENCRYPTION_KEY=ours)
    assert connected.run("realms", "import", intuit.realms_file).code == 0
    other = b'{"realm_id":"77","refresh_token":"AB11"}'
    assert connected.having(ENCRYPTION_KEY=theirs).run("realms", "import", "-", stdin=other).code == 0
    kept = connected.run("realms", "import", "-", stdin=other)
    assert (kept.code, "the keys given cannot decrypt 1 (realm 77)" in kept.stdout) == (1, True)
    done = connected.run("extract", "--entity", "Vendor", "--json")
    assert done.code == 1
    assert done.json()["realms"] == {"total": 4, "proven": 3, "unproven": 1, "parked": 0}
    assert [(it["realm_id"], it["code"]) for it in done.json()["errors"]] == [("77", "undecryptable")]
    new = connected.having(ENCRYPTION_KEY=f"{key()},{ours}")
    rotated = new.run("keys", "rotate")
    assert (rotated.code, "tokens of 3 realms" in rotated.stdout) == (1, True)
    assert "refresh_token of realm 77 cannot be decrypted" in rotated.stdout
    assert [it["realm_id"] for it in new.run("keys", "rotate", "--json").json()["errors"]] == ["77"]
    query("UPDATE backfill.token SET refreshed_at = now() - interval '40 days'")
    cared = new.run("care", "--json")
    assert (cared.code, len(cared.json()["tokens"]["refreshed"])) == (1, 3)
