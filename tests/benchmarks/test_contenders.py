"""Peers are found by import, wherever they are installed; who is not is left out."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from benchmarks.contenders import EXTRA, PEERS, STREAMS, Peer, installed
from benchmarks.prebaked import ENTITIES

ROOT = Path(__file__).resolve().parents[2]


def peer(*needs: str, beside: str | None = None) -> Peer:
    return Peer("somebody", "script.py", needs, EXTRA, faster=1.0, keeps="nothing", beside=beside)


def python_without_packages(folder: Path) -> str:
    """Of the same Python: what runs it, told to forget where packages are."""
    program = folder / "python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def test_the_first_interpreter_that_has_all_its_modules_is_taken(tmp_path: Path) -> None:
    bare = python_without_packages(tmp_path)
    found = installed(peer("orjson", "asyncpg"), [bare, sys.executable])
    assert found is not None
    assert found.python == sys.executable
    assert found.versions.keys() == {"orjson", "asyncpg"}
    assert installed(peer("orjson"), [bare]) is None


def test_a_peer_of_two_programs_needs_both() -> None:
    found = installed(peer("orjson", beside="asyncpg"), [sys.executable])
    assert found is not None
    assert found.beside == sys.executable
    assert installed(peer("orjson", beside="no_such_module"), [sys.executable]) is None


def test_every_peer_is_a_program_that_is_there() -> None:
    assert {name for name in PEERS if not (ROOT / "benchmarks" / "peers" / PEERS[name].program).is_file()} == set()
    assert STREAMS.keys() == set(ENTITIES)


def test_the_extra_installs_what_peers_say_it_does() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {re.split(r"[\[<>=;]", line)[0] for line in project["optional-dependencies"]["peers"]}
    given_by = {
        "quickbooks": "python-quickbooks",
        "psycopg2": "psycopg2-binary",
        "dlt": "dlt",
        "pyarrow": "dlt",
        "airbyte_cdk": "airbyte-cdk",
        "uvloop": "uvloop",
    }
    own = {re.split(r"[\[<>=;]", line)[0] for line in project["dependencies"]}
    needed = {module for known in PEERS.values() if known.install == EXTRA for module in known.needs} - own
    assert {given_by[module] for module in needed} == extra
