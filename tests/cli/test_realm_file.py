"""The file of realms: what is a row, and every faulty line named without a value of it."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backfill.cli import realm_file
from backfill.cli.realm_file import RealmRow, grants, read_realm_file
from backfill.errors import UsageError
from backfill.model import Secret

TOKEN = "AB11-a-refresh-token"


def read(tmp_path: Path, content: str | bytes) -> list[RealmRow]:
    file = tmp_path / "realms"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_realm_file(str(file))


def faults(tmp_path: Path, content: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content)
    assert TOKEN not in f"{caught.value} {caught.value.action} {caught.value.__cause__}"
    return caught.value.message


CSV = f"realm_id,refresh_token,name,weight\n123,{TOKEN},Ann's Books,2.5\n9130357000002584,{TOKEN},,\n"
JSONL = f"""{{"realm_id":"123","refresh_token":"{TOKEN}","name":"Ann's Books","weight":2.5}}

{{"realm_id":9130357000002584,"refresh_token":"{TOKEN}"}}"""


@pytest.mark.parametrize("content", [CSV, JSONL, "\ufeff" + CSV, "\ufeff" + JSONL, CSV.replace("\n", "\r\n")])
def test_csv_and_json_lines_say_the_same(tmp_path: Path, content: str) -> None:
    first, second = grants(read(tmp_path, content))
    assert (first.realm_id, first.refresh_token, first.name, first.weight) == ("123", Secret(TOKEN), "Ann's Books", 2.5)
    assert (second.realm_id, second.name, second.weight, second.access_token) == ("9130357000002584", None, None, None)


def test_a_cell_may_hold_commas_and_lines_end_in_quotes(tmp_path: Path) -> None:
    rows = read(tmp_path, f'refresh_token,name,realm_id\n{TOKEN},"Smith, Jones\nand Sons",1\n{TOKEN},B,2\n')
    assert [(row.realm_id, row.name) for row in rows] == [("1", "Smith, Jones\nand Sons"), ("2", "B")]


def test_a_line_separator_of_unicode_ends_no_json_line(tmp_path: Path) -> None:
    (row,) = read(tmp_path, f'{{"realm_id":"1","refresh_token":"{TOKEN}","name":"a\u2028b"}}\n')
    assert row.name == "a\u2028b"


def test_an_access_token_counts_only_with_its_end_and_an_end_with_its_token(tmp_path: Path) -> None:
    header = "realm_id,refresh_token,access_token,access_token_expires_at\n"
    end = "2026-11-22T10:00:00Z"
    rows = read(tmp_path, f"{header}1,{TOKEN},eyJ1,{end}\n2,{TOKEN},eyJ2,\n3,{TOKEN},,{end}\n")
    known, *others = grants(rows)
    assert known.access_token == Secret("eyJ1")
    assert known.access_expires_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert [(one.access_token, one.access_expires_at) for one in others] == [(None, None)] * 2


@pytest.mark.parametrize("lacking", ["client_id", "client_secret"])
def test_an_apps_credentials_come_together_or_not_at_all(tmp_path: Path, lacking: str) -> None:
    """One without the other would be paired with what belongs to another app."""
    row = {"realm_id": "1", "refresh_token": TOKEN, "client_id": "Q0abc", "client_secret": "xyz"}
    assert grants(read(tmp_path, json.dumps(row)))[0].client_secret == Secret("xyz")
    del row[lacking]
    said = faults(tmp_path, json.dumps(row))
    assert said.endswith("line 1: client_id and client_secret are one app's: give both, or neither")


def test_every_faulty_line_is_named_at_once(tmp_path: Path) -> None:
    lines = [
        f'{{"realm_id":"1","refresh_token":"{TOKEN}"}}',
        "{not json",
        '["a list"]',
        f'{{"realm_id":"abc","refresh_token":"{TOKEN}"}}',
        '{"realm_id":"2"}',
        f'{{"realm_id":"3","refresh_token":"{TOKEN}","weight":0,"color":"red"}}',
        f'{{"realm_id":"1","refresh_token":"{TOKEN}"}}',
        f'{{"realm_id":"4","refresh_token":"{TOKEN}","access_token_expires_at":"yesterday"}}',
    ]
    said = faults(tmp_path, "\n".join(lines)).splitlines()
    assert said[0].endswith("has 8 faults; nothing was imported:")
    named = [line.strip().split(": ")[0:2] for line in said[1:]]
    assert [(line, about) for line, about in named if line != "line 6"] == [
        ("line 2", "column 2"),
        ("line 3", "a row is a JSON object"),
        ("line 4", "realm_id"),
        ("line 5", "refresh_token"),
        ("line 7", "realm 1 stands in line 1 already"),
        ("line 8", "access_token_expires_at"),
    ]
    assert {about for line, about in named if line == "line 6"} == {"weight", "color"}


def test_faulty_lines_of_csv_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    said = faults(
        tmp_path, f'realm_id,refresh_token,name\n1,{TOKEN},"two\nlines"\nx,{TOKEN}\n2,{TOKEN},n,extra,{TOKEN}\n'
    )
    assert "line 4: realm_id" in said
    assert "line 5: (beyond the header)" in said


def test_a_file_with_very_many_faults_is_not_told_whole(tmp_path: Path) -> None:
    said = faults(tmp_path, "realm_id,refresh_token\n" + f"x,{TOKEN}\n" * 150)
    assert len(said.splitlines()) == 102
    assert said.splitlines()[-1] == "  and 50 more"


def test_a_first_line_that_names_no_columns_is_not_repeated(tmp_path: Path) -> None:
    """It may hold a token."""
    said = faults(tmp_path, f"123,{TOKEN}\n124,{TOKEN}\n")
    assert "line 1: the first line names the columns, and lacks realm_id and refresh_token" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "has no rows"),
        ("\n\n", "has no rows"),
        ("realm_id,refresh_token\n", "has no rows"),
        (b"realm_id,refresh_token\n1,a\xffb\n", "is not UTF-8 (byte 26)"),
        (f"realm_id,refresh_token\n1,{'x' * 200_000}\n", "line 2: not CSV: field larger than field limit"),
        (f'realm_id,refresh_token\n1,"{TOKEN}"x\n', "line 2: not CSV"),
        (f'realm_id,refresh_token\n1,"{TOKEN}', "line 2: not CSV"),
        (f'{{"realm_id":"1","refresh_token":"{TOKEN}\\u0000","name":"{"x" * 501}"}}', "line 1: name"),
        ("\0\0\0", "lacks realm_id"),
        (
            f"realm_id,refresh_token,realm_id\n1,{TOKEN},2\n",
            "line 1: the first line names the columns, and has realm_id",
        ),
        (f"\n\n123,{TOKEN}\n", "line 3: the first line names the columns, and lacks realm_id"),
        (f"\nrealm_id,refresh_token\nx,{TOKEN}\n", "line 3: realm_id"),
        (f'realm_id,refresh_token\n1,"{TOKEN}\n{TOKEN}"\n', "refresh_token: it is no token"),
        (f'{{"realm_id":"1","refresh_token":"{TOKEN}","access_token":"two words"}}', "access_token: it is no token"),
        (f"realm_id,refresh_token,access_token_expires_at\n1,{TOKEN},9999-12-31T23:59:59-12:00\n", "expires_at: Input"),
        (f"realm_id,refresh_token,access_token_expires_at\n1,{TOKEN},0001-01-01T00:00:00Z\n", "expires_at: Input"),
    ],
)
def test_what_is_no_file_of_realms(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert said in faults(tmp_path, content)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_realm_file(str(tmp_path))
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_realm_file(str(tmp_path / "nothing"))


def test_a_file_without_end_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realm_file, "FILE_BYTES_MAX", 1024 * 1024)
    with pytest.raises(UsageError, match="larger than 1 MB"):
        read_realm_file("/dev/zero")


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf" + CSV.encode()), encoding="ascii"))
    assert [row.realm_id for row in read_realm_file("-")] == ["123", "9130357000002584"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"realm_id\n1\n")))
    with pytest.raises(UsageError, match=r"^stdin has 1 fault") as wrong:
        read_realm_file("-")
    assert wrong.value.action.endswith("name, weight, client_id, client_secret.")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="stdin is closed"):
        read_realm_file("-")
