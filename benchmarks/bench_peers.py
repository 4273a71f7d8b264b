"""backfill beside what users would take instead: who lands the same rows from the same server, how fast and how dear.

    python -m benchmarks.bench_peers [--rows 40000] [--rounds 3] [--only NAME ...] [--python PATH ...]

One company of eight entities, on a server of prebaked bytes without limits or latency, into the same Postgres; one
after the other, each round in another order. Each peer is a program in `peers/`, set up as its documentation
recommends, with the same page size. Every round is compared with what the server holds by count, the first also by
checksum. With all peers it takes about five minutes.

The peers are an extra: `pip install .[peers]`. Where they are installed elsewhere, `--python` names an interpreter
that has them, as often as need be: each takes the first that can import its packages. The Singer tap and its target
can be installed neither together nor with the rest: `pip install tap-quickbooks==2.5.0` into one environment,
`pip install meltanolabs-target-postgres` into another. Who is not installed is left out, and said to be.

Wall time is the work's as each program says it, imports excluded; only the tap's has the start of its two programs
in it. Processor time a row is without what the same program takes for an entity that has no rows ("start").
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import msgspec

from backfill.store.entity_tables import table_of
from benchmarks import parity
from benchmarks.contenders import OBJECTS, PEERS, Installed, Peer, installed
from benchmarks.ground import HERE, Ground, Loaded, ground, served
from benchmarks.measured import median, write_result
from benchmarks.prebaked import ENTITIES

US = "backfill"
EMPTY = ("Estimate",)
"""An entity that the server has no rows of."""
MESSAGES = "messages.jsonl"
"""Where a peer that lands nothing writes what it would."""


class _Record(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class _Message(msgspec.Struct):
    """Airbyte's; every kind but a record's is of no interest here."""

    record: _Record | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


@dataclass(frozen=True, slots=True)
class Run:
    """One load by one contender."""

    wall_s: float
    cpu_s: float
    postgres_cpu_s: float
    peak_mb: float


@dataclass(slots=True)
class Contender:
    """Somebody's runs so far. `peer` is None for backfill itself."""

    peer: Peer | None
    where: Installed | None = None
    start_cpu_s: float = 0.0
    numbers_as_sent: bool = False
    """Whether an amount of 361.50 is still that, and not 361.5."""
    checksum: int = 0
    runs: list[Run] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.peer.title if self.peer else US


def main() -> int:
    """Measure and print. 0 if all landed the same rows and every goal is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=40_000, help="of all entities together")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=list(PEERS), action="append", help="this peer, and backfill")
    parser.add_argument("--python", action="append", default=[], help="an interpreter that has peers installed")
    parser.add_argument("--result", default="peers", help="name of the result file; empty: none")
    given = parser.parse_args()
    contenders = {US: Contender(None)}
    absent = []
    for name in given.only or PEERS:
        where = installed(PEERS[name], [sys.executable, *given.python])
        if where is None:
            absent.append(name)
            print(f"not run: {PEERS[name].title} is not installed ({PEERS[name].install})")
        else:
            contenders[name] = Contender(PEERS[name], where)
    rows = given.rows // len(ENTITIES)
    asyncio.run(_bench(contenders, rows, given.rounds))
    return _report(contenders, rows * len(ENTITIES), absent, given.result)


async def _bench(contenders: Mapping[str, Contender], rows: int, rounds: int) -> None:
    async with ground() as postgres:
        with served(postgres, rows) as place:
            for name, contender in contenders.items():
                loaded = await _load(place, name, contender, EMPTY)
                contender.start_cpu_s = loaded.process.cpu_s
            for number in range(rounds):
                for name in turned(list(contenders), number):
                    contender = contenders[name]
                    loaded = await _load(place, name, contender, ENTITIES)
                    await _check(place, name, contender, rows, whole=number == 0)
                    await _clear(place, name)
                    process = loaded.process
                    contender.runs.append(Run(loaded.wall_s, process.cpu_s, loaded.postgres_cpu_s, process.peak_mb))
                    print(f"  round {number + 1}: {contender.title:<28}{loaded.wall_s:8.2f} s", flush=True)


def turned(names: Sequence[str], number: int) -> list[str]:
    """Another one begins each round: nobody always follows the same neighbour's dirty caches."""
    first = number % len(names)
    return [*names[first:], *names[:first]]


async def _load(place: Ground, name: str, contender: Contender, entities: Sequence[str]) -> Loaded:
    if contender.peer is None or contender.where is None:
        return await place.extract(1, entities)
    schema = _schema(name)
    folder = place.folder / schema
    shutil.rmtree(folder, ignore_errors=True)  # with what a peer remembers of its last run
    folder.mkdir()
    await _clear(place, name)
    await place.execute(f"CREATE SCHEMA {schema}")
    asked = ["--address", place.address, "--dsn", place.dsn, "--schema", schema, "--folder", str(folder)]
    beside = ["--beside", contender.where.beside] if contender.where.beside else []
    program = str(HERE / "peers" / contender.peer.program)
    return await place.load([contender.where.python, program, *asked, *beside, *entities])


async def _clear(place: Ground, name: str) -> None:
    """Leave nothing for autovacuum to look at while another is measured."""
    await place.execute(f"DROP SCHEMA IF EXISTS {'qbo, backfill' if name == US else _schema(name)} CASCADE")


def _schema(name: str) -> str:
    return f"peer_{name.replace('-', '_')}"


async def _check(place: Ground, name: str, contender: Contender, rows: int, *, whole: bool) -> None:
    """Raises SystemExit if other rows were landed than the server holds."""
    compared = contender.peer.compared if contender.peer else parity.whole
    if not whole:
        held = parity.Rows(len(ENTITIES) * rows)
        found = await _counted(place, name, contender)
    else:
        held = parity.served(ENTITIES, rows, compared)
        found = parity.Rows()
        async for entity, text in _texts(place, name, contender):
            found += parity.of_row(entity, compared(text))
            contender.numbers_as_sent = "361.50" in text
        contender.checksum = found.checksum
    if found != held:
        raise SystemExit(f"{contender.title} landed {found}, the server holds {held}")


async def _counted(place: Ground, name: str, contender: Contender) -> parity.Rows:
    if contender.peer and contender.peer.landed is None:
        with (place.folder / _schema(name) / MESSAGES).open("rb") as messages:
            return parity.Rows(sum(line.startswith(b'{"type":"RECORD"') for line in messages))
    counts = [await place.count(_table(name, contender, entity)) for entity in ENTITIES]
    return parity.Rows(sum(counts))


async def _texts(place: Ground, name: str, contender: Contender) -> AsyncIterator[tuple[str, str]]:
    """All that a contender has landed, as entities and their rows' JSON."""
    landed = contender.peer.landed if contender.peer else OBJECTS
    if landed is None:
        with (place.folder / _schema(name) / MESSAGES).open("rb") as messages:
            for line in messages:
                message = _MESSAGE.decode(line)
                if message.record is not None:
                    yield message.record.stream, bytes(message.record.data).decode()
        return
    for entity in ENTITIES:
        async for text in parity.selected(place.dsn, landed.format(table=_table(name, contender, entity))):
            yield entity, text


def _table(name: str, contender: Contender, entity: str) -> str:
    return f"{_schema(name)}.{contender.peer.table(entity)}" if contender.peer else table_of(entity)


def summary(contenders: Mapping[str, Contender], rows: int) -> dict[str, dict[str, object]]:
    """What is said of each, medians over its rounds. `ours` is how many times as fast as it backfill is."""
    us = contenders[US].runs
    table: dict[str, dict[str, object]] = {}
    for name, contender in contenders.items():
        runs = contender.runs
        ours = median([run.wall_s / our.wall_s for run, our in zip(runs, us, strict=True)])
        table[name] = {
            "title": contender.title,
            "rows_per_s": round(rows / median([run.wall_s for run in runs])),
            "ours": round(ours, 2),
            "goal": contender.peer.faster if contender.peer else None,
            "reached": contender.peer is None or ours >= contender.peer.faster,
            "client_us_per_row": round((median([run.cpu_s for run in runs]) - contender.start_cpu_s) / rows * 1e6, 1),
            "postgres_us_per_row": round(median([run.postgres_cpu_s for run in runs]) / rows * 1e6, 1),
            "start_cpu_s": round(contender.start_cpu_s, 2),
            "peak_mb": round(median([run.peak_mb for run in runs])),
            "keeps": contender.peer.keeps if contender.peer else "documents",
            "numbers_as_sent": contender.numbers_as_sent,
            "compared": contender.peer.compared.__name__ if contender.peer else "whole",
            "checksum": contender.checksum,
            "versions": dict(contender.where.versions) if contender.where else {},
        }
    return table


def _report(contenders: Mapping[str, Contender], rows: int, absent: Sequence[str], result: str) -> int:
    table = summary(contenders, rows)
    runs = {name: [asdict(run) for run in contender.runs] for name, contender in contenders.items()}
    if result:
        write_result(result, {"rows": rows, "summary": table, "not_installed": absent, "runs": runs})
    print(f"one company, {len(ENTITIES)} entities, {rows:,} rows; processor time in µs a row")
    print(
        f"{'':<28}{'rows/s':>9}{'ours':>8}{'goal':>7}{'client':>8}{'Postgres':>10}{'start s':>9}{'peak MB':>9}  keeps"
    )
    for said in table.values():
        goal = f"{said['goal']:.1f}" if said["goal"] else ""
        numbers = "" if said["numbers_as_sent"] else ", numbers as floats"
        print(
            f"{said['title']:<28}{said['rows_per_s']:>9,}{said['ours']:>7.1f}x{goal:>7}{said['client_us_per_row']:>8.1f}"
            f"{said['postgres_us_per_row']:>10.1f}{said['start_cpu_s']:>9.2f}{said['peak_mb']:>9,}  "
            f"{said['keeps']}{numbers}"
        )
    print("parity: all have the server's rows, by count and checksum")
    short = [str(said["title"]) for said in table.values() if not said["reached"]]
    if short:
        print(f"goal missed against: {', '.join(short)}")
    return int(bool(short))


if __name__ == "__main__":
    sys.exit(main())
