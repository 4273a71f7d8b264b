"""A fleet whose tokens have all expired: how many companies a second get new ones, and who waits meanwhile.

    python -m benchmarks.bench_tokens [--seconds 20] [--realms 5000] [--latency 0.5 3]

As many companies at a time as a run works on, by the program's own keeper with its own bounds, over a real Postgres.
The token endpoint answers after its latency, give or take a half, and costs nothing. Beside it a lease is renewed again
and again, as a run does for every company that it holds; how long that takes with nobody beside it is measured first.

Parity: each company that was refreshed has its own new value stored, and no value was sent twice.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio
import msgspec

from backfill.events import Event, TokenRefreshed
from backfill.jobs.fleet import FleetOptions
from backfill.model import RealmId, Secret
from backfill.qbo.oauth import Credentials
from backfill.qbo.token_keeper import TokenKeeper
from backfill.store.database import Database, open_database
from backfill.store.encryption import Keyring
from backfill.store.leases import Leases
from backfill.store.owners import Owner
from backfill.store.realms import RealmGrant, Realms
from backfill.store.tokens import TokenVault
from backfill.wire import Response
from benchmarks.ground import ground
from benchmarks.measured import median, write_result

LOOK_S = 0.02
"""Fifty leases a second: as many as five hundred companies renew."""
QUIET_S = 3.0
"""How long the lease is renewed with nobody beside it."""


@dataclass(slots=True)
class Endpoint:
    """Intuit's, with a new value at every refresh."""

    latency_s: float
    sent: Counter[str] = field(default_factory=Counter)
    rng: random.Random = field(default_factory=lambda: random.Random(7))

    async def post(self, form: Mapping[str, str], headers: Mapping[str, str], *, deadline: float) -> Response:  # noqa: ARG002  # the seam's own signature
        """The answer, after its latency. Answers that all come at one moment are none of Intuit's."""
        value = form["refresh_token"]
        self.sent[value] += 1
        await anyio.sleep(self.latency_s * self.rng.uniform(0.5, 1.5))
        granted = {"access_token": f"access of {value}", "refresh_token": f"{value}+", "expires_in": 3600}
        return Response(status=200, body=msgspec.json.encode(granted))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one latency: companies that got a token, in how long, the gaps to their commits, and the renewals beside."""

    latency_s: float
    refreshed: int
    wall_s: float
    gaps_s: Sequence[float]
    renewals_s: Sequence[float]

    def told(self) -> dict[str, object]:
        """For the result file."""
        return {
            "latency_s": self.latency_s,
            "refreshed": self.refreshed,
            "wall_s": self.wall_s,
            "realms_a_second": self.refreshed / self.wall_s,
            "gap_ms": spread_ms(self.gaps_s),
            "renewal_beside_ms": spread_ms(self.renewals_s),
        }


def spread_ms(values_s: Sequence[float]) -> dict[str, float]:
    """The middle one, the one that a hundredth is above, and the longest, in milliseconds."""
    ordered = sorted(values_s)
    return {
        "median": median(ordered) * 1e3,
        "p99": ordered[int(len(ordered) * 0.99)] * 1e3,
        "longest": ordered[-1] * 1e3,
    }


async def refreshed(dsn: str, latency_s: float, realms: int, seconds: float) -> Outcome:
    """Give as many companies as can be in that time, of so many, their first token."""
    endpoint, events = Endpoint(latency_s), list[Event]()
    renewals_s: list[float] = []
    keyring = Keyring([os.urandom(32)])
    async with open_database(dsn) as database:
        vault = TokenVault(database, keyring)
        names = [RealmId(f"{latency_s}-{number}") for number in range(realms)]
        grants = [RealmGrant(name, Secret(f"refresh of {name}")) for name in names]
        await Realms(database).import_grants(grants, vault, granted_at=datetime.now(UTC))
        keeper = TokenKeeper(
            vault,
            endpoint,
            Credentials(Secret("app"), Secret("app-secret")),
            now=lambda: datetime.now(UTC),
            rng=random.Random(7),
            observe=events.append,
        )
        left = iter(names)
        began = anyio.current_time()
        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as group:
                group.start_soon(renewing, database, names[0], renewals_s)
                async with anyio.create_task_group() as places:
                    for _ in range(FleetOptions().realms_at_once):
                        places.start_soon(work, keeper, left)
                group.cancel_scope.cancel()
        wall_s = anyio.current_time() - began
        gaps_s = [event.gap_s for event in events if isinstance(event, TokenRefreshed)]
        await parity(vault, endpoint, names, len(gaps_s))
    return Outcome(latency_s, len(gaps_s), wall_s, gaps_s, renewals_s)


async def work(keeper: TokenKeeper, left: Iterator[RealmId]) -> None:
    """One place: a company after another."""
    for realm_id in left:
        await keeper.access_token(realm_id)


async def renewing(database: Database, realm_id: RealmId, took_s: list[float]) -> None:
    """Renew a lease again and again, and note how long each took."""
    leases = Leases(database, owner=Owner.current())
    lease = await leases.acquire(realm_id)
    while True:
        began = anyio.current_time()
        await leases.renew(lease)
        took_s.append(anyio.current_time() - began)
        await anyio.sleep(LOOK_S)


async def parity(vault: TokenVault, endpoint: Endpoint, names: Sequence[RealmId], refreshed: int) -> None:
    """What was granted is stored, each to its own company, and was granted once."""
    assert set(endpoint.sent.values()) <= {1}, "a value was sent twice"
    stored = 0
    for name in names:
        value = (await vault.read(name)).refresh_token.reveal()
        assert value in {f"refresh of {name}", f"refresh of {name}+"}
        stored += value.endswith("+")
    assert stored == len(endpoint.sent) >= refreshed, (stored, len(endpoint.sent), refreshed)


async def quiet(dsn: str) -> Sequence[float]:
    """How long a renewal takes with nobody beside it."""
    took_s: list[float] = []
    async with open_database(dsn) as database:
        name = RealmId("quiet")
        vault = TokenVault(database, Keyring([os.urandom(32)]))
        await Realms(database).import_grants([RealmGrant(name, Secret("r"))], vault, granted_at=datetime.now(UTC))
        with anyio.move_on_after(QUIET_S):
            await renewing(database, name, took_s)
    return took_s


async def measure(realms: int, seconds: float, latencies_s: Sequence[float]) -> None:
    """Measure, print, and keep the result."""
    async with ground() as place:
        alone = spread_ms(await quiet(place.dsn))
        outcomes = [(await refreshed(place.dsn, latency_s, realms, seconds)).told() for latency_s in latencies_s]
    for outcome in outcomes:
        for name, value in outcome.items():
            print(f"  {name:<20} {value}")
    print(f"  a renewal alone, ms  {alone}")
    path = write_result("fleet-tokens", {"renewal_alone_ms": alone, "outcomes": outcomes})
    print(f"  result in {path.name}")


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each latency, at most")
    parser.add_argument("--realms", type=int, default=5000)
    parser.add_argument(
        "--latency", type=float, nargs="+", default=[0.5, 3.0], help="of the token endpoint, in seconds"
    )
    given = parser.parse_args()
    asyncio.run(measure(given.realms, given.seconds, given.latency))


if __name__ == "__main__":
    main()
