"""What a simulation leaves behind for others: the realms' credentials, and the report of what it was asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import orjson

from backfill.cli.private_file import private_file
from backfill.simulator.core import Simulator
from backfill.simulator.injection.notation import counted


def write_credentials(simulator: Simulator, file: Path) -> None:
    """A JSON line per realm, as `realms import` reads it, that nobody else can read. Raises `UsageError`."""
    with private_file(file) as target:
        target.writelines(_credential_rows(simulator))


def write_report(simulator: Simulator, file: Path) -> None:
    """What reached the server, of each realm and in all. Raises `UsageError`."""
    with private_file(file) as target:
        target.write(orjson.dumps(report(simulator), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def report(simulator: Simulator) -> dict[str, object]:
    """The throttle log's sums: requests by lane, the most in any window, in flight, 429s; limits; what went wrong."""
    apps = simulator.throttle.apps()
    return {
        "limits": asdict(simulator.settings.limits),
        "limits_scale": simulator.settings.limits_scale,
        "all": asdict(simulator.log.total()),
        "injections": [counted(count) for count in simulator.injections.counts()],
        "realms": {
            realm_id: asdict(summed) | {"apps": _used(simulator, realm_id, apps.get(realm_id, ()))}
            for realm_id, summed in simulator.log.summary().items()
        },
    }


def _used(simulator: Simulator, realm_id: str, apps: Iterable[str]) -> dict[str, object]:
    """App to limit to the most that was used of it at once, and how often it was full, by the throttle's own count."""
    tallies = {app: simulator.throttle.tallies(realm_id, app) for app in apps}
    return {app: {limit: asdict(tally) for limit, tally in seen.items()} for app, seen in tallies.items()}


def _credential_rows(simulator: Simulator) -> Iterator[bytes]:
    for realm_id in simulator.fleet.realm_ids:
        held = simulator.credentials(realm_id)
        row = {
            "realm_id": held.realm_id,
            "refresh_token": held.refresh_token,
            "access_token": held.access_token,
            "client_id": held.client_id,
            "client_secret": held.client_secret,
        }
        yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
