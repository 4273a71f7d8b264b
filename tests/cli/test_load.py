"""`backfill load`: what it says and does as a user gives it. That nothing is written twice has tests of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from backfill.store.owners import Owner
from tests.cli.conftest import Query
from tests.processes import Backfill, Intuit, simulated

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intuit]:
    """Two companies to write into; each test writes under keys and names of its own."""
    with simulated(tmp_path_factory.mktemp("books"), realms=2, rows="100:140") as served:
        yield served


@pytest.fixture
def writer(user: Backfill, books: Intuit) -> Backfill:
    connected = user.having(**books.variables)
    assert connected.run("realms", "import", books.realms_file).code == 0
    return connected


def written(folder: Path, records: Sequence[dict[str, Any]], name: str = "rows.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file


def customer(realm_id: str, key: str, **more: Any) -> dict[str, Any]:
    payload = {"DisplayName": f"Customer {key}", **more}
    return {"realm_id": realm_id, "entity": "Customer", "source_key": key, "payload": payload}


def held(books: Intuit, realm_id: str, entity: str) -> list[dict[str, Any]]:
    return list(json.loads(books.state(realm_id, "2999-01-01T00:00:00Z"))[entity].values())


def named(books: Intuit, realm_id: str, name: str) -> list[dict[str, Any]]:
    return [doc for doc in held(books, realm_id, "Customer") if doc["DisplayName"].startswith(f"Customer {name}")]


def test_rows_are_written_once_and_told(writer: Backfill, books: Intuit, tmp_path: Path, query: Query) -> None:
    realm_id = books.realm_ids[0]
    file = written(tmp_path, [customer(realm_id, f"once-{number}") for number in range(40)])
    first = writer.run("load", file, "--json")
    assert first.code == 0, first.stderr
    result = first.json()
    assert list(result) == [
        "run_id", "load_ids", "realms", "imported", "rows", "requests", "throttled", "metered", "wall_s", "warnings",
        "errors",
    ]  # fmt: skip
    assert result["imported"] == {"added": 40, "replaced": 0, "known": 0}
    assert result["realms"] == {"total": 1, "done": 1, "unfinished": 0, "parked": 0}
    assert (result["rows"]["applied"], result["rows"]["rejected"]) == (40, 0)
    assert result["requests"]["batch"] >= 1
    second = writer.run("load", file, "--json")
    assert (second.code, second.json()["imported"]["known"]) == (0, 40)
    assert second.json()["requests"]["total"] == 0, "nothing waits, so nobody is asked"
    told = writer.executing.run("load", file).stdout
    assert "0 rows written, 0 rejected" in told, "what an earlier run sent is not this one's"
    assert "With what was done before: 40 written, 0 rejected." in told
    assert writer.run("status").stdout.count("  1 of 1 realms done") == 3, "of each load"
    assert len(named(books, realm_id, "once-")) == 40
    assert query("SELECT count(*) FROM backfill.id_map")[0][0] == 40


def test_the_status_before_anything_was_loaded(user: Backfill) -> None:
    before = user.run("load", "status")
    assert (before.code, before.stdout) == (0, "Nothing was loaded yet. Begin: backfill load FILE\n")
    assert user.run("load", "status", "--json").json()["loads"] == []


def test_free_writes_are_not_metered(writer: Backfill, books: Intuit, tmp_path: Path) -> None:
    realm_id = books.realm_ids[0]
    file = written(tmp_path, [customer(realm_id, f"free-{number}") for number in range(12)])
    done = writer.run("load", file, "--json", "--mode", "free").json()
    assert (done["requests"]["write"], done["requests"]["batch"]) == (12, 0)
    assert done["metered"] == done["requests"]["query"] == 1, "the preferences"


def test_a_wrong_file_is_told_whole_and_nothing_is_sent(
    writer: Backfill, books: Intuit, tmp_path: Path, query: Query
) -> None:
    realm_id = books.realm_ids[0]
    good = customer(realm_id, "never")
    lines = [
        json.dumps(good),
        '{"realm_id": "1", "entity": "Invoce", "source_key": "x"}',
        "{bad json}",
        json.dumps(good | {"source_key": "b", "payload": {"DisplayName": "B", "Notez": "x", "Active": "yes"}}),
        json.dumps(good | {"source_key": "c", "operation": "void"}),
        '{"realm_id": "1", "entity": "Customer"',
    ]
    file = tmp_path / "wrong.jsonl"
    file.write_text("\n".join(lines))
    asked = books.requests()
    refused = writer.run("load", file)
    assert refused.code == 2
    assert "nothing was imported, and nothing sent" in refused.stderr
    assert "line 2, column 19: entity: There is no entity called 'Invoce'" in refused.stderr
    assert "line 3, column 2: JSON is malformed" in refused.stderr
    assert "line 4, column " in refused.stderr
    assert "payload.Notez: QuickBooks knows no such property (did you mean Notes?)" in refused.stderr
    assert "payload.Active: " in refused.stderr
    assert "line 5, column " in refused.stderr
    assert "Customer has no operation 'void'" in refused.stderr
    assert "line 6, column 38: the line ends before its JSON does" in refused.stderr
    assert books.requests() == asked
    assert query("SELECT count(*) FROM backfill.load_row")[0][0] == 0


def test_of_a_thousand_bad_lines_a_hundred_are_told(writer: Backfill, tmp_path: Path) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text("{}\n" * 1000)
    refused = writer.run("load", file)
    assert refused.code == 2
    assert "line 100, " in refused.stderr
    assert "line 101, " not in refused.stderr
    assert "there may be more" in refused.stderr


def test_lines_that_contradict_one_another_or_the_ledger(writer: Backfill, books: Intuit, tmp_path: Path) -> None:
    realm_id = books.realm_ids[0]
    twice = [customer(realm_id, "twice"), customer(realm_id, "twice", Notes="other")]
    refused = writer.run("load", written(tmp_path, twice))
    assert refused.code == 2
    assert "nothing was imported, and nothing sent" in refused.stderr
    assert "line 2: Customer twice stands in line 1 already, with another payload" in refused.stderr
    assert writer.run("load", written(tmp_path, twice[:1])).code == 0
    refused = writer.run("load", written(tmp_path, twice[1:]))
    assert refused.code == 2
    assert "Customer twice was created by load" in refused.stderr
    assert "use the operation update" in refused.stderr
    refused = writer.run("load", written(tmp_path, [customer("404", "x")]))
    assert refused.code == 2
    assert "line 1: realm 404 is not registered" in refused.stderr


def test_a_realm_that_another_process_has_is_left_out_where_that_is_wanted(
    writer: Backfill, books: Intuit, tmp_path: Path, query: Query
) -> None:
    owned, free = books.realm_ids
    query(
        "UPDATE backfill.realm SET owner = $1, epoch = epoch + 1, lease_until = now() + interval '1 hour'"
        " WHERE realm_id = $2",
        str(Owner.current()),  # this process: alive
        owned,
    )
    file = written(tmp_path, [customer(owned, "busy"), customer(free, "busy")])
    done = writer.run("load", file, "--no-wait", "--json")
    assert done.code == 1, done.stderr
    assert done.json()["realms"] == {"total": 2, "done": 1, "unfinished": 1, "parked": 0}
    assert [(error["realm_id"], error["code"]) for error in done.json()["errors"]] == [(owned, "RealmBusyError")]
    assert [len(named(books, realm_id, "busy")) for realm_id in (owned, free)] == [0, 1]


def test_a_dry_run_leaves_nothing_and_tells_the_cost(
    writer: Backfill, books: Intuit, tmp_path: Path, query: Query
) -> None:
    realm_id = books.realm_ids[0]
    sale = {
        "realm_id": realm_id,
        "entity": "Payment",
        "source_key": "p",
        "payload": {"CustomerRef": {"$ref": "Customer/nobody"}, "TotalAmt": 5},
    }
    asked = books.requests()
    told = writer.run("load", written(tmp_path, [customer(realm_id, "dry"), sale]), "--dry-run", "--json")
    assert told.code == 1, "a reference leads nowhere"
    result = told.json()
    assert result["rows"] == {"new": 2, "known": 0}
    assert result["missing_references"] == ["Customer/nobody"]
    assert result["estimate"]["mode"] == "fastest"
    assert query("SELECT count(*) FROM backfill.load_row")[0][0] == 0
    assert books.requests() == asked


def test_rejected_rows_are_exported_corrected_and_loaded_again(writer: Backfill, books: Intuit, tmp_path: Path) -> None:
    realm_id = books.realm_ids[0]
    rows = [customer(realm_id, f"exp-{number}") for number in range(3)]
    rows.append(customer(realm_id, "exp-bad", ParentRef={"value": "987654"}))
    rows.append(customer(realm_id, "exp-below", ParentRef={"$ref": "Customer/exp-bad"}, Job=True))
    done = writer.run("load", written(tmp_path, rows), "--json")
    assert (done.code, done.json()["rows"]["rejected"]) == (1, 2), done.stderr
    assert done.json()["errors"][0]["code"] == "rejected"
    status = writer.executing.run("load", "status", "--json").json()
    assert status["reasons"][0]["code"] == "2500"
    out = tmp_path / "rejected.jsonl"
    assert writer.executing.run("load", "export-rejected", out).code == 0
    record, below = map(json.loads, out.read_text().splitlines())
    assert [record, below] == [row | {"operation": "create"} for row in rows[-2:]]
    fault, _ = map(json.loads, (tmp_path / "rejected.jsonl.faults").read_text().splitlines())
    assert (fault["source_key"], fault["fault_code"], fault["line"]) == ("exp-bad", "2500", 4)
    again = writer.executing.run("load", "retry", "--json")
    assert (again.code, again.json()["rows"]["rejected"]) == (1, 2)
    del record["payload"]["ParentRef"]
    corrected = writer.run("load", written(tmp_path, [record, below], "corrected.jsonl"), "--json")
    assert corrected.code == 0, corrected.stderr
    assert corrected.json()["imported"] == {"added": 0, "replaced": 2, "known": 0}
    assert len(named(books, realm_id, "exp-")) == 5


def test_a_change_that_is_corrected_leaves_the_dead_letter(writer: Backfill, books: Intuit, tmp_path: Path) -> None:
    realm_id = books.realm_ids[0]
    change = {"realm_id": realm_id, "entity": "Customer", "operation": "update", "source_key": "fix"}
    wrong = change | {"payload": {"ParentRef": {"value": "987654"}, "Job": True}}
    source = written(tmp_path, [customer(realm_id, "fix"), wrong])
    assert writer.run("load", source, "--json").json()["rows"]["rejected"] == 1
    out = tmp_path / "rejected.jsonl"
    assert writer.executing.run("load", "export-rejected", out).code == 0
    (record,) = map(json.loads, out.read_text().splitlines())
    corrected = written(tmp_path, [record | {"payload": {"Notes": "corrected"}}], "corrected.jsonl")
    assert writer.run("load", corrected).code == 0
    assert writer.run("load", corrected).code == 0
    assert writer.executing.run("load", "export-rejected", out).code == 0
    assert out.read_text() == ""
    assert writer.run("load", source).code == 0, "what was corrected is not sent again"
    (held,) = (doc for doc in named(books, realm_id, "fix"))
    assert held["Notes"] == "corrected"


def test_too_many_rejected_stop_the_load(writer: Backfill, books: Intuit, tmp_path: Path) -> None:
    realm_id = books.realm_ids[0]
    config = tmp_path / "stop.toml"
    config.write_text("[load]\nstop_at_rejected = 0.2\nstop_of_rows = 30\nmode = 'batch'\n")
    rows = [customer(realm_id, f"stop-{number}", ParentRef={"value": "987654"}) for number in range(600)]
    done = writer.run("load", written(tmp_path, rows), "--json", "--config", config)
    assert done.code == 3
    result = done.json()
    assert result["errors"][0]["code"] == "stop_at_rejected"
    assert result["rows"]["waiting"] > 200
    assert named(books, realm_id, "stop-") == []


def test_what_was_loaded_is_undone(writer: Backfill, books: Intuit, tmp_path: Path, query: Query) -> None:
    realm_id = books.realm_ids[1]
    invoices = len(held(books, realm_id, "Invoice"))
    item = next(doc["Id"] for doc in held(books, realm_id, "Item") if doc["Type"] == "Service" and doc["Active"])
    old = next(doc for doc in held(books, realm_id, "Customer") if doc["Active"])
    line = {
        "Amount": 10.50,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": item}, "Qty": 1, "UnitPrice": 10.50},
    }
    changed = {"operation": "update", "source_key": "old", "payload": {"Id": old["Id"], "Notes": "changed by the load"}}
    rows = [
        customer(realm_id, "undo"),
        {
            "realm_id": realm_id,
            "entity": "Invoice",
            "source_key": "undo",
            "payload": {"CustomerRef": {"$ref": "Customer/undo"}, "DocNumber": "U-1", "Line": [line]},
        },
        {"realm_id": realm_id, "entity": "Customer", **changed},
        customer(realm_id, "below", Job=True, ParentRef={"$ref": "Customer/undo"}),
    ]
    done = writer.run("load", written(tmp_path, rows), "--json")
    assert done.code == 0, done.stderr
    (load_id,) = done.json()["load_ids"]
    assert len(held(books, realm_id, "Invoice")) == invoices + 1
    listed = writer.run("load", "undo", str(load_id), "--dry-run", "--json").json()["reversals"]
    assert {entry["reversal"].split()[0] for entry in listed} == {"delete", "make"}
    undone = writer.executing.run("load", "undo", str(load_id), "--json")
    assert undone.code == 0, undone.stderr
    assert len(held(books, realm_id, "Invoice")) == invoices
    assert [doc["Active"] for doc in (named(books, realm_id, "undo") + named(books, realm_id, "below"))] == [False] * 2
    ranks = query("SELECT rank FROM backfill.load_row JOIN backfill.load USING (load_id) WHERE load.undoes IS NOT NULL"
        " AND entity = 'Customer' AND operation = 'delete' ORDER BY row_id")  # fmt: skip
    assert len(ranks) == 2
    assert ranks[0] < ranks[1], "who is below another is made inactive before it"
    back = next(doc for doc in held(books, realm_id, "Customer") if doc["Id"] == old["Id"])
    volatile = {"SyncToken", "MetaData"}
    assert {k: v for k, v in back.items() if k not in volatile} == {k: v for k, v in old.items() if k not in volatile}
    again = writer.run("load", "undo", str(load_id))
    assert again.code == 2
    assert "There is nothing to undo" in again.stderr
    # Taken back in its turn, it is all there again, and the source has nothing to add.
    assert writer.run("load", "undo", str(undone.json()["load_ids"][-1])).code == 0
    assert writer.run("load", tmp_path / "rows.jsonl", "--json").json()["imported"]["known"] == 4
    assert len(held(books, realm_id, "Invoice")) == invoices + 1
    assert writer.run("load", "undo", str(load_id)).code == 0
    assert len(held(books, realm_id, "Invoice")) == invoices
    anew = writer.run("load", tmp_path / "rows.jsonl", "--json")
    assert (anew.code, anew.json()["imported"]["replaced"]) == (0, 4), anew.stderr
    assert [doc["Active"] for doc in named(books, realm_id, "undo")] == [True]


def test_an_undoing_that_was_ended_before_its_time_is_gone_on_with(
    writer: Backfill, books: Intuit, tmp_path: Path, query: Query
) -> None:
    """What was to be taken back already is, and no change of it is taken back beside it."""
    realm_id = books.realm_ids[1]
    rows = [
        customer(realm_id, "ended"),
        customer(realm_id, "ended") | {"operation": "update", "payload": {"Notes": "changed"}},
    ]
    load_id = writer.run("load", written(tmp_path, rows), "--json").json()["load_ids"][0]
    query("UPDATE backfill.realm SET owner = $1, lease_until = now() + interval '1 hour'", str(Owner.current()))
    ended = writer.run("load", "undo", str(load_id), "--no-wait", "--json")
    assert (ended.code, ended.json()["rows"]["waiting"]) == (1, 1), ended.stderr
    query("UPDATE backfill.realm SET owner = NULL, lease_until = NULL")
    undone = writer.run("load", "undo", str(load_id), "--json")
    assert (undone.code, undone.json()["rows"]["applied"]) == (0, 1), undone.stderr
    (made,) = named(books, realm_id, "ended")
    assert (made["Active"], made["Notes"]) == (False, "changed")
    query("UPDATE backfill.load_row SET state = 'rejected', fault_message = 'no' WHERE undoes IS NOT NULL")
    refused = writer.run("load", "undo", str(load_id))
    assert refused.code == 2
    assert f"What is left of load {load_id} could not be taken back" in refused.stderr
    assert "backfill load retry" in refused.stderr


def test_what_the_database_cannot_hold_is_said(writer: Backfill, books: Intuit, tmp_path: Path) -> None:
    beyond = writer.run("load", "status", str(2**63))
    assert (beyond.code, "There is no load 9223372036854775808." in beyond.stderr) == (2, True)
    for words in (["retry", "99"], ["undo", "99"], ["export-rejected", tmp_path / "no", "--load", "99"]):
        none = writer.executing.run("load", *words)
        assert (none.code, "There is no load 99." in none.stderr) == (2, True), words
    assert not (tmp_path / "no").exists()
    line = json.dumps(customer(books.realm_ids[0], "beyond", Balance=1))
    file = tmp_path / "rows.jsonl"
    for number in ("1e200000", "1e999999999999999999999"):
        file.write_text(line.replace('"Balance": 1', f'"Balance": {number}'))
        refused = writer.run("load", file)
        assert (refused.code, "line 1, column " in refused.stderr) == (2, True), refused.stderr
    for words in (["load", tmp_path / os.fsdecode(b"rows\xff.jsonl")], ["load", "--query", os.fsdecode(b"'\xff'")]):
        refused = writer.executing.run(*words)
        assert (refused.code, "\\udcff" in refused.stderr, "has to be UTF-8" in refused.stderr) == (2, True, True)


def test_rows_of_a_query(writer: Backfill, books: Intuit, query: Query) -> None:
    realm_id = books.realm_ids[0]
    query("CREATE TABLE public.people (id int, name text, payload jsonb)")
    query("INSERT INTO public.people VALUES (1, 'Customer q-1', '{\"DisplayName\": \"Customer q-1\"}')")
    statement = "SELECT 'k' || id AS source_key, payload FROM public.people"
    done = writer.run("load", "--query", statement, "--realm", realm_id, "--entity", "Customer", "--json")
    assert done.code == 0, done.stderr
    assert len(named(books, realm_id, "q-1")) == 1
    refused = writer.run("load", "--query", "DELETE FROM public.people RETURNING *", "--realm", realm_id)
    assert refused.code == 2
    assert "The query cannot be run" in refused.stderr


def test_production_is_written_into_only_once_armed(writer: Backfill, books: Intuit, tmp_path: Path) -> None:
    realm_id = books.realm_ids[0]
    production = writer.having(ENVIRONMENT="production")
    file = written(tmp_path, [customer(realm_id, "armed")])
    asked = books.requests()
    refused = production.run("load", file, "--json")
    assert refused.code == 1
    assert refused.json()["errors"][0]["code"] == "not_armed"
    assert books.requests() == asked
    assert production.run("realms", "arm", realm_id).code == 0
    assert production.run("load", file).code == 0
    assert len(named(books, realm_id, "armed")) == 1


def test_payroll_becomes_balanced_journal_entries(writer: Backfill, books: Intuit) -> None:
    """The documented example, word for word."""
    realm_id = books.realm_ids[0]
    command = ("load", CONFIGS / "payroll.csv", "--mapping", CONFIGS / "payroll.toml", "--realm", realm_id, "--json")
    accounts = {doc["Name"] for doc in held(books, realm_id, "Account")}
    missing = [name for name in ("Payroll Expenses", "Payroll Liabilities", "Checking") if name not in accounts]
    kinds = {"Payroll Expenses": "Expense", "Payroll Liabilities": "Other Current Liability", "Checking": "Bank"}
    chart = [
        {"realm_id": realm_id, "entity": "Account", "source_key": name,
         "payload": {"Name": name, "AccountType": kinds[name]}}
        for name in missing
    ]  # fmt: skip
    assert writer.run("load", written(writer.home, chart)).code == 0
    before = len(held(books, realm_id, "JournalEntry"))
    done = writer.run(*command)
    assert done.code == 0, done.stderr
    entries = {doc.get("DocNumber"): doc for doc in held(books, realm_id, "JournalEntry")}
    assert len(entries) - before <= 2
    entry = entries["PR-2026-10-15"]
    sides = {"Debit": 0.0, "Credit": 0.0}
    for line in entry["Line"]:
        sides[line["JournalEntryLineDetail"]["PostingType"]] += line["Amount"]
    assert round(sides["Debit"], 2) == round(sides["Credit"], 2) == 33081.28
    assert len(entry["Line"]) == 12
    assert writer.run(*command).code == 0
    assert len(held(books, realm_id, "JournalEntry")) == before + 2, "posted once, however often it is loaded"


def test_csv_without_a_mapping_is_refused(writer: Backfill) -> None:
    refused = writer.run("load", CONFIGS / "payroll.csv")
    assert refused.code == 2
    assert "its columns need a mapping" in refused.stderr
