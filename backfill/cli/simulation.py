"""What `backfill simulate` simulates: a profile file, and over it the options that were given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from backfill.config.toml_file import read_toml
from backfill.errors import UsageError, meant
from backfill.simulator.core import Simulator
from backfill.simulator.fleet import Fleet
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.notation import read_line, read_table
from backfill.simulator.settings import App, ReportSettings, ServerLimits, SimulatorSettings, WebhookSettings

DEFAULTS: Mapping[str, object] = {
    "latency_s": 0.15,
    "jitter_s": 0.05,
    # A full report takes 20 s then, and a wide one 80 s: Intuit warns that they may take the 120 s allowed.
    "reports": {"base_s": 0.3, "cell_s": 0.000_05},
}
"""Where the command differs from the library, which answers at once: Intuit's answers take about that long."""


_INNER: Mapping[str, type[Any]] = {
    "limits": ServerLimits,
    "apps": App,
    "reports": ReportSettings,
    "webhooks": WebhookSettings,
}
"""Settings that are tables themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Which companies there are, and where they are served."""

    port: int = 8765
    realms: int = 20
    seed: int = 1
    rows: str = "100:50000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A world and how its QuickBooks behaves."""

    world: World
    settings: SimulatorSettings
    injections: tuple[Injection, ...] = ()
    """What goes wrong from the start."""

    def simulator(self) -> Simulator:
        """The simulator, with no company seeded yet. Raises `UsageError` for an impossible world."""
        least, most = _rows(self.world.rows)
        fleet = Fleet(realms=self.world.realms, seed=self.world.seed, now=_now, rows_min=least, rows_max=most)
        simulator = Simulator(self.settings, fleet, now=_now, seed=self.world.seed)
        for injection in self.injections:
            simulator.injections.add(injection)
        return simulator


def simulation(profile: Path | None, given: Mapping[str, object], inject: Sequence[str] = ()) -> Simulation:
    """The file's keys, and over them what was `given` (None: it was not). Raises `UsageError` naming every fault.

    A key is a field of `World` or of `SimulatorSettings`: there is one name for a thing, in a file and in the code.
    Beside them a file may have `[[injections]]`; those of `inject`, a line each, come after them.
    """
    table = dict(DEFAULTS) if profile is None else _over(DEFAULTS, _switched(read_toml(profile, "profile")))
    table = _over(table, {name: value for name, value in given.items() if value is not None})
    worldly = {field.name for field in fields(World)}
    faults: list[str] = []
    injections = tuple(_injections(table.pop("injections", []), inject, faults))
    world = _checked(World, {name: table.pop(name) for name in list(table) if name in worldly}, faults)
    settings = _checked(SimulatorSettings, {**table, **_poisoned(table)}, faults)
    if faults or world is None or settings is None:
        source = "The simulation" if profile is None else f"The profile {profile}"
        raise UsageError("\n".join([f"{source} is not right:", *(f"  {line}" for line in faults)]))
    return Simulation(world=world, settings=settings, injections=injections)


def _checked(kind: type[Any], table: Mapping[str, object], faults: list[str]) -> Any:
    """The dataclass made of the table, or None with its faults added."""
    faults.extend(_unknown(kind, table, ()))
    known = {field.name for field in fields(kind)}
    try:
        return TypeAdapter(kind).validate_python({name: table[name] for name in table if name in known})
    except ValidationError as error:
        # Only where and what: a value may be an app's secret.
        faults.extend(_fault(".".join(map(str, fault["loc"])), fault) for fault in error.errors())
        return None


def _fault(name: str, fault: ErrorDetails) -> str:
    return f"{name}: " + (f"it is a table, headed [{name}]" if fault["type"] == "dataclass_type" else fault["msg"])


def _unknown(kind: type[Any], table: Mapping[str, object], path: tuple[str, ...]) -> Iterator[str]:
    """Keys that the dataclass has not, nor those within it."""
    names = [field.name for field in fields(kind)]
    for name, value in table.items():
        here = (*path, name)
        if name not in names:
            known = names if path else [*(field.name for field in fields(World)), *names]
            yield f"{'.'.join(here)}: there is no such key. {meant(name, known)}".rstrip()
            continue
        inner = _INNER.get(name)
        for part in value if isinstance(value, list) else [value]:
            if inner is not None and isinstance(part, dict):
                yield from _unknown(inner, part, here)


def _injections(tables: object, lines: Sequence[str], faults: list[str]) -> Iterator[Injection]:
    """Those of the file, then those of the command; what is wrong with one is added to the faults."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        faults.append("injections: each is a table of its own, headed [[injections]]")
        tables = []
    for read in (*(partial(read_table, table) for table in tables), *(partial(read_line, line) for line in lines)):
        try:
            yield read()
        except UsageError as error:
            faults.append("; ".join(part for part in (error.message, error.action) if part))


def _poisoned(table: Mapping[str, object]) -> dict[str, object]:
    """`[[poisoned]] realm = "...", entity = "Invoice", ids = ["1"]` as the settings have it, whose keys are pairs."""
    rows = table.get("poisoned", [])
    if not isinstance(rows, list):
        return {}
    try:
        return {"poisoned": {(row["realm"], row["entity"]): row["ids"] for row in rows}}
    except (KeyError, TypeError) as error:
        raise UsageError("poisoned: each of its tables needs realm, entity and ids.") from error


def _over(defaults: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """What is given, and the defaults for the rest, within tables too."""
    table = {**defaults, **given}
    for name, inner in defaults.items():
        own = given.get(name)
        if isinstance(inner, dict) and isinstance(own, dict):
            table[name] = {**inner, **own}
    return table


def _switched(value: Any) -> Any:
    """The same with None for "off", since TOML has no word for nothing."""
    if isinstance(value, dict):
        return {name: _switched(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_switched(part) for part in value]
    return None if value == "off" else value


def _rows(text: str) -> tuple[int, int]:
    least, colon, most = text.partition(":")
    if not (colon and least.isdecimal() and most.isdecimal() and 1 <= int(least) <= int(most)):
        raise UsageError(f"--rows {text}: give two whole numbers, the smaller first, such as 100:50000.")
    return int(least), int(most)


def _now() -> datetime:
    return datetime.now(UTC)
