"""`backfill realms`: companies are registered all or none, and known ones come back to life."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Query
from tests.processes import Backfill, Intuit

CSV = b"realm_id,refresh_token,name,weight\n123,AB11first,Ann's Books,2\n124,AB11second,,\n"


def test_import_and_list(user: Backfill) -> None:
    empty = user.run("realms", "list")
    assert (empty.code, empty.stdout.startswith("No realms are registered.")) == (0, True)
    imported = user.run("realms", "import", "-", "--json", stdin=CSV)
    assert (imported.code, imported.json()) == (0, {"realms": {"total": 2, "added": 2, "updated": 0, "kept": 0}})
    file = user.home / "realms.csv"
    file.write_bytes(b"\xef\xbb\xbf" + CSV + b"125,AB11third,,\n")
    again = user.run("realms", "import", file)
    assert (again.code, again.stdout) == (
        0,
        "1 realm added, 2 updated. Tokens that were imported before, and are kept as they are by now: 2.\n",
    )
    listed = user.run("realms", "list", "--json").json()["realms"]
    assert [(realm["realm_id"], realm["name"], realm["weight"], realm["state"]) for realm in listed] == [
        ("123", "Ann's Books", 2.0, "active"),
        ("124", "", 1.0, "active"),
        ("125", "", 1.0, "active"),
    ]
    assert "Ann's Books" in user.run("realms", "list").stdout


def test_with_one_fault_nothing_is_imported(user: Backfill, query: Query) -> None:
    refused = user.run("realms", "import", "-", stdin=CSV + b"abc,AB11third,,\n123,AB11fourth,,\n")
    assert refused.code == 2
    assert refused.stdout == ""
    assert "line 4: realm_id" in refused.stderr
    assert "line 5: realm 123 stands in line 2 already" in refused.stderr
    assert query("SELECT * FROM backfill.realm") == []
    as_json = user.run("realms", "import", "-", "--json", stdin=b"")
    assert as_json.code == 2
    assert as_json.json()["error"]["message"] == "stdin has no rows."


def test_what_the_database_cannot_hold_is_refused_in_words(user: Backfill, query: Query) -> None:
    refused = user.run("realms", "import", "-", stdin=b'{"realm_id":"1","refresh_token":"a","name":"a\\u0000b"}')
    assert (refused.code, "Traceback" in refused.stderr) == (2, False)
    assert "'1'" in refused.stderr
    assert query("SELECT * FROM backfill.realm") == []


def test_import_takes_a_parked_realm_back(user: Backfill, query: Query) -> None:
    assert user.run("realms", "import", "-", stdin=CSV).code == 0
    query("""UPDATE backfill.realm SET state = 'parked', parked_code = 'invalid_grant', parked_message = 'It is over.',
             parked_action = 'Connect it anew.', parked_at = now() WHERE realm_id = '124'""")
    listed = user.run("realms", "list").stdout
    assert "It is over.\n    What to do: Connect it anew.\n" in listed
    assert user.run("realms", "import", "-", stdin=b"realm_id,refresh_token\n124,AB11anew\n").code == 0
    (realm,) = query("SELECT state, parked_code, name FROM backfill.realm WHERE realm_id = '124'")
    assert tuple(realm) == ("active", None, "")


def test_parked_realms_are_taken_back(user: Backfill, query: Query) -> None:
    assert user.run("realms", "import", "-", stdin=CSV).code == 0
    query(
        "UPDATE backfill.realm SET state = 'parked', parked_code = '6190', parked_message = 'It has ended.',"
        " parked_action = 'Renew it.', parked_at = now()"
    )
    unnamed, strange = user.run("realms", "unpark"), user.run("realms", "unpark", "9")
    assert (unnamed.code, "--fault CODE" in unnamed.stderr, strange.code) == (2, True, 2)
    assert user.run("realms", "unpark", "124", "--json").json() == {"unparked": ["124"]}
    assert user.run("realms", "unpark", "124").stdout == "No such realm is parked: backfill realms list\n"
    assert user.run("realms", "unpark", "--fault", "3100").stdout == (
        "No such realm is parked for 3100: backfill realms list\n"
    )
    back = user.run("realms", "unpark", "--fault", "6190")
    assert (back.code, back.stdout) == (0, "1 realm is not parked any more.\n")
    assert [row["state"] for row in query("SELECT state FROM backfill.realm")] == ["active", "active"]


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "1001", "heavy"])
def test_a_weight_is_a_share(user: Backfill, weight: str) -> None:
    refused = user.run("realms", "import", "-", stdin=f"realm_id,refresh_token,weight\n1,a,{weight}\n".encode())
    assert (refused.code, "line 2: weight" in refused.stderr) == (2, True)


def test_tokens_are_encrypted_at_rest_with_the_key_made_once(user: Backfill, intuit: Intuit, query: Query) -> None:
    """Law 7."""
    first = user.run("realms", "import", intuit.realms_file)
    key_file = user.home / ".config/backfill/encryption.key"
    assert str(key_file) in first.stderr
    assert key_file.stat().st_mode & 0o777 == 0o600
    key = key_file.read_bytes()
    assert user.run("realms", "import", intuit.realms_file).stderr == ""
    assert key_file.read_bytes() == key
    stored = b"".join(value for row in query("SELECT * FROM backfill.token") for value in row if type(value) is bytes)
    assert len(stored) > 500
    assert not [secret for secret in intuit.secrets if secret.encode() in stored]


def test_the_days_on_which_tokens_end_are_shown_and_warned_of(
    connected: Backfill, intuit: Intuit, query: Query
) -> None:
    assert connected.run("extract", "--entity", "Vendor").code == 0
    listed = connected.run("realms", "list", "--json").json()["realms"]
    assert all(realm["tokens"]["unused_said"] and realm["tokens"]["consent_said"] for realm in listed), "by Intuit"
    assert {realm["tokens"]["urgency"] for realm in listed} == {"fine"}
    assert connected.run("status", "--json").json()["tokens_ending"] == []

    soon, over = intuit.realm_ids[:2]
    end = "UPDATE backfill.token SET refresh_expires_at = now() + $2::integer * interval '1 day' WHERE realm_id = $1"
    query(end, soon, 8)
    query(end, over, -1)
    for shown in (connected.run("realms", "list").stdout, connected.run("status").stdout):
        assert "the refresh token dies of disuse on" in shown
        assert f"What to do: Use it: backfill extract --realm {soon}" in shown
        assert "the refresh token died of disuse on" in shown
        assert "give the app consent again" in shown
    ending = connected.run("status", "--json").json()["tokens_ending"]
    assert [(end["realm_id"], end["urgency"]) for end in ending] == [(over, "over"), (soon, "soon")]
