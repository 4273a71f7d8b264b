"""Two processes and one company: no refresh race, and what a crash between Intuit's answer and our commit costs.

    python -m benchmarks.show_tokens [--rotations 1000] [--processes 2] [--crashes 20]

Real processes, a real Postgres, the simulator as a server that gives a new refresh token at every refresh:

- race: the processes reject each token as soon as they have it, until so many new ones were given. The value before
  dies at once, so a single refresh with an old one would be refused, and the company lost.
- crash: a process is killed between the answer and its commit, again and again. Where the value before still lives,
  the next process gets its token with it; where it died at once, the company is lost and says so.

The gap is the time from the endpoint's answer to our commit, in which a crash loses the new value.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backfill.errors import TokenError
from backfill.events import Event, TokenAnswered, TokenRefreshed
from backfill.model import RealmId, Secret, Tokens
from backfill.qbo.http import open_http
from backfill.qbo.oauth import Credentials
from backfill.qbo.token_keeper import KeeperOptions, TokenKeeper
from backfill.store.database import open_database
from backfill.store.encryption import Keyring
from backfill.store.realms import RealmGrant, Realms
from backfill.store.tokens import LockedTokens, TokenVault
from benchmarks.ground import ground
from benchmarks.measured import median, write_result

KEY = base64.b64decode("A" * 43 + "=")
KEEPER = KeeperOptions(refreshes_at_once=1_000_000, refreshes_per_s=1_000_000.0, backoff_s=0.01)
"""Unpaced: the race is the point."""

LOST = 4
"""Exit code of a process whose realm's tokens are refused: what parks it in a run."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a process did: rotations, refusals, and the gap of each in seconds."""

    code: int
    rotated: int
    refused: int
    gaps_s: list[float]


@dataclass(frozen=True, slots=True)
class Stage:
    """A database with one company registered, and the simulator that it belongs to."""

    dsn: str
    url: str
    realm_id: str
    folder: Path

    def start(self, rotations: int, *, dies: bool = False) -> subprocess.Popen[bytes]:
        """A process that wants so many new tokens; `dies`: between the first answer and its commit."""
        arguments = [self.dsn, self.url, self.realm_id, str(rotations), str(int(dies))]
        command = [sys.executable, "-m", "benchmarks.show_tokens", "--worker", *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    def race(self, rotations: int, processes: int) -> list[Worker]:
        """So many rotations by that many processes together."""
        started = [self.start(rotations // processes) for _ in range(processes)]
        return [ended(process) for process in started]

    def crash(self) -> Worker:
        """One process dies between answer and commit; how the next one fares."""
        dead = self.start(1, dies=True)
        dead.communicate()
        assert dead.returncode == -signal.SIGKILL, f"it ended with {dead.returncode}"
        return ended(self.start(1))


def ended(process: subprocess.Popen[bytes]) -> Worker:
    """What the process says that it did."""
    said, _ = process.communicate()
    return Worker(process.returncode, **json.loads(said))


@contextmanager
def staged(dsn: str, folder: Path, *, old_lives_s: float, realms: int = 1) -> Iterator[Sequence[Stage]]:
    """A simulator whose refresh tokens change at every use, and its companies imported: a stage each."""
    profile = folder / "profile.toml"
    profile.write_text(f"refresh_rotation_s = 0\nold_refresh_token_life_s = {old_lives_s}\n")
    file = folder / "realms.jsonl"
    command = [sys.executable, "-m", "backfill", "simulate", "--port=0", f"--realms={realms}", "--rows=10:10"]
    command += [f"--profile={profile}", "--until-stdin-closes", f"--write-realms={file}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as simulator:
        assert simulator.stdout is not None
        assert simulator.stdin is not None
        try:
            url = simulator.stdout.readline().strip()
            rows = [json.loads(line) for line in file.read_text().splitlines()]
            asyncio.run(_import(dsn, rows))
            yield [Stage(dsn, url, row["realm_id"], folder) for row in rows]
        finally:
            simulator.stdin.close()


async def _import(dsn: str, rows: Sequence[dict[str, str]]) -> None:
    async with open_database(dsn) as database:
        grants = [
            RealmGrant(
                RealmId(row["realm_id"]),
                Secret(row["refresh_token"]),
                client_id=Secret(row["client_id"]),
                client_secret=Secret(row["client_secret"]),
            )
            for row in rows
        ]
        await Realms(database).import_grants(grants, TokenVault(database, Keyring([KEY])), granted_at=datetime.now(UTC))


async def _die(_locked: LockedTokens, _new: Tokens) -> None:
    """In place of storing: before anything is written."""
    os.kill(os.getpid(), signal.SIGKILL)


async def _work(dsn: str, url: str, realm_id: RealmId, rotations: int, dies: bool) -> int:
    events: list[Event] = []
    code = 0
    if dies:
        LockedTokens.store = _die  # type: ignore[method-assign, assignment]  # this is the crash
    async with open_database(dsn) as database, open_http(url, f"{url}/oauth2/v1/tokens/bearer") as http:
        keeper = TokenKeeper(
            TokenVault(database, Keyring([KEY])),
            http.tokens,
            Credentials(Secret("unused"), Secret("unused")),
            now=lambda: datetime.now(UTC),
            rng=random.Random(os.getpid()),
            observe=events.append,
            options=KEEPER,
        )
        try:
            while sum(isinstance(event, TokenRefreshed) and event.rotated for event in events) < rotations:
                keeper.reject(realm_id, await keeper.access_token(realm_id))
        except TokenError:
            code = LOST
    refreshed = [event for event in events if isinstance(event, TokenRefreshed)]
    print(
        json.dumps(
            {
                "rotated": sum(event.rotated for event in refreshed),
                "refused": sum(isinstance(event, TokenAnswered) and bool(event.code) for event in events),
                "gaps_s": [event.gap_s for event in refreshed],
            }
        )
    )
    return code


def main() -> None:
    """Show both, or be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--rotations", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--crashes", type=int, default=20)
    given = parser.parse_args()
    if given.worker is not None:
        dsn, url, realm_id, rotations, dies = given.worker
        sys.exit(asyncio.run(_work(dsn, url, RealmId(realm_id), int(rotations), dies == "1")))
    asyncio.run(_show(given.rotations, given.processes, given.crashes))


async def _show(rotations: int, processes: int, crashes: int) -> None:
    async with ground() as place:
        race, lives, dies = await asyncio.to_thread(_shown, place.dsn, rotations, processes, crashes)
    gaps = sorted(gap for worker in race for gap in worker.gaps_s)
    summary = {
        "rotations": sum(worker.rotated for worker in race),
        "processes": processes,
        "by_process": [worker.rotated for worker in race],
        "refused": sum(worker.refused for worker in race),
        "gap_ms": {"median": median(gaps) * 1e3, "p99": gaps[int(len(gaps) * 0.99)] * 1e3, "longest": gaps[-1] * 1e3},
        "crashes": crashes,
        "survived_where_the_old_value_lives": sum(worker.code == 0 for worker in lives),
        "parked_where_it_dies_at_once": sum(worker.code == LOST for worker in dies),
    }
    path = write_result("tokens", summary)
    for name, value in summary.items():
        print(f"  {name:<36} {value}")
    print(f"  result in {path.name}")


def _shown(dsn: str, rotations: int, processes: int, crashes: int) -> tuple[list[Worker], list[Worker], list[Worker]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with staged(dsn, folder, old_lives_s=0) as (stage,):
            race = stage.race(rotations, processes)
        with staged(dsn, folder, old_lives_s=86_400) as (stage,):
            lives = [stage.crash() for _ in range(crashes)]
        with staged(dsn, folder, old_lives_s=0, realms=crashes) as stages:
            dies = [stage.crash() for stage in stages]
    return race, lives, dies


if __name__ == "__main__":
    main()
