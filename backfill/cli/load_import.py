"""Rows of a source into the ledger, all or nothing; and what a dry run says instead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import IO

from backfill.cli.input import named, opened
from backfill.cli.load_mapping import CsvMapping
from backfill.cli.load_source import SourceRecord, csv_records, json_lines, query_records
from backfill.config import Settings
from backfill.errors import UsageError
from backfill.jobs.load.intake import Defaults, row_of
from backfill.jobs.load.options import Mode
from backfill.load_model import Imported, NewRow
from backfill.qbo.payloads import PayloadFault
from backfill.qbo.query import BATCH_ITEMS_MAX
from backfill.store.database import Database
from backfill.store.ledger_import import FAULTS_SHOWN_MAX, Import, Imports
from backfill.store.reading import rows_of

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from: a file (`-`: stdin), or a query; and what a row that does not say it gets."""

    file: str = ""
    query: str = ""
    mapping: CsvMapping | None = None
    defaults: Defaults = field(default_factory=Defaults)

    @property
    def name(self) -> str:
        """As the ledger keeps it."""
        return named(self.file) or "a query"


@dataclass(slots=True)
class DryRun:
    """What a load would do."""

    rows: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """(realm, entity, operation) to rows."""
    known: int = 0
    missing: list[str] = field(default_factory=list)
    """References to rows that are nowhere."""

    def as_json(self, settings: Settings, mode: Mode) -> Mapping[str, object]:
        realms: dict[str, int] = {}
        for (realm_id, _, _), rows in self.rows.items():
            realms[realm_id] = realms.get(realm_id, 0) + rows
        limits = settings.pacing_limits()
        batched = BATCH_ITEMS_MAX * limits.batch_permits
        rates = {
            Mode.FASTEST: batched + limits.request_permits - limits.batch_permits,
            Mode.FREE: limits.request_permits,
            Mode.BATCH: batched,
        }
        most = max(realms.values(), default=0)
        share = {Mode.FASTEST: batched / rates[Mode.FASTEST], Mode.FREE: 0.0, Mode.BATCH: 1.0}[mode]
        return {
            "dry_run": True,
            "rows": {"new": sum(self.rows.values()) - self.known, "known": self.known},
            "realms": len(realms),
            "by_entity": [
                {"realm_id": realm_id, "entity": entity, "operation": operation, "rows": rows}
                for (realm_id, entity, operation), rows in sorted(self.rows.items())
            ],
            "missing_references": self.missing,
            "estimate": {
                "mode": mode.value,
                "wall_s": round(most / rates[mode] * limits.window_s),
                "metered": sum(ceil(rows * share / BATCH_ITEMS_MAX) for rows in realms.values()),
            },
        }


class _EnoughError(Exception):
    """The dry run has seen all: what is staged is dropped."""


async def import_rows(database: Database, source: Source) -> Imported:
    """Import the source. Raises `UsageError` that names what is wrong with its first 100 bad lines; then nothing is."""
    async with Imports(database).begin(source.name) as importing:
        await _stage(database, importing, source)
        try:
            return await importing.finish()
        except UsageError as error:
            raise _refused(source, error.message.splitlines()) from error


async def rehearse_import(database: Database, source: Source) -> DryRun:
    """The same, without a trace. Raises as `import_rows`."""
    found = DryRun()
    try:
        async with Imports(database).begin(source.name) as importing:
            await _stage(database, importing, source)
            faults = await importing.faults()
            if faults:
                raise _refused(source, [f"line {fault.line}: {fault.message}" for fault in faults])
            found.rows = {(row[0], row[1], row[2]): row[3] for row in await importing.summary()}
            found.missing = list(await importing.missing())
            found.known = (await importing.finish()).known
            raise _EnoughError  # noqa: TRY301  # what rolls a block back is an error within it
    except _EnoughError:
        return found


async def _stage(database: Database, importing: Import, source: Source) -> None:
    faults: list[str] = []
    bad_lines = 0
    rows: list[NewRow] = []
    with _records(database, source) as records:
        async for record in records:
            read = _read(record, source.defaults)
            if isinstance(read, NewRow):
                rows.append(read)
            else:
                bad_lines += 1
                faults += read
                if bad_lines >= FAULTS_SHOWN_MAX:
                    faults.append("there may be more: reading stopped here")
                    break
            if len(rows) >= _ROWS_AT_ONCE and not bad_lines:
                await importing.add(rows)
                rows = []
    if faults:
        raise _refused(source, faults)
    await importing.add(rows)


def _refused(source: Source, faults: list[str]) -> UsageError:
    lines = [f"  {fault}" for fault in faults]
    return UsageError(
        "\n".join([f"{source.name} cannot be loaded; nothing was imported, and nothing sent:", *lines]),
        action="Correct these lines and give the command again.",
    )


def _read(record: SourceRecord, defaults: Defaults) -> NewRow | list[str]:
    """The row, or its faults, each with line and column."""
    if record.record is None:
        return [f"{_place(record.line, record.column)}: {record.fault}"]
    read = row_of(record.line, defaults.over(record.record))
    if isinstance(read, NewRow):
        return read
    return [f"{_place(record.line, _column(record.text, fault))}: {_said(fault)}" for fault in read]


def _place(line: int, column: int) -> str:
    return f"line {line}, column {column}" if column else f"line {line}"


def _said(fault: PayloadFault) -> str:
    return f"{fault.path}: {fault.message}" if fault.path else fault.message


def _column(text: bytes, fault: PayloadFault) -> int:
    """Where the property stands that is wrong, as far as that can be told by its name; 0: it cannot."""
    names = [part for part in fault.path.split(".") if not part.isdigit()]
    at = 0
    for name in names:
        found = text.find(f'"{name}"'.encode(), at)
        if found < 0:
            break
        at = found
    return len(text[:at].decode(errors="replace")) + 1 if at else (1 if text else 0)


@contextmanager
def _records(database: Database, source: Source) -> Iterator[AsyncIterator[SourceRecord]]:
    if source.query:
        yield query_records(rows_of(database, source.query), source.mapping)
        return
    with opened(source.file) as file:
        yield _async(_file_records(file, source))


def _file_records(file: IO[bytes], source: Source) -> Iterator[SourceRecord]:
    if source.mapping is not None:
        return csv_records(file, source.mapping)
    if Path(source.file).suffix.lower() == ".csv":
        raise UsageError(f"{source.file} is CSV: its columns need a mapping.", action="Give one: --mapping FILE")
    return json_lines(file)


async def _async(records: Iterator[SourceRecord]) -> AsyncIterator[SourceRecord]:
    for record in records:
        yield record
