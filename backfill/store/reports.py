"""Reports: an answer takes the place of what was held of its dates, whole, in one fenced transaction."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from isal import igzip

from backfill.model import Lease, RealmId, RunId
from backfill.report_model import Figures, HeldReport, Period, ReportDocument, ReportPart, ReportRow
from backfill.store.database import Database
from backfill.store.leases import require

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    import asyncpg

    from backfill.store.database import Connection

_PART = (
    "report, parameters, period_start, period_end, date_start, date_end, number, cut, closes, run_id, cell_count,"
    " body_bytes"
)

HELD = f"""
SELECT {_PART} FROM qbo.report WHERE realm_id = $1
ORDER BY report, parameters, date_start, date_end, period_start, period_end, number
"""  # noqa: S608  # columns of ours

EVIDENCE = f"""
SELECT {_PART}, figures, faults FROM qbo.report
WHERE realm_id = $1 AND report = $2 AND (parameters = $3 OR run_id = $4)
ORDER BY parameters, date_start, date_end, period_start, period_end, number
"""  # noqa: S608  # as above

# All of the planned period that the answer has dates of goes; of further cuts of the same dates the earlier ones stay.
# A balance is of its dates' end alone, but its dates begin with the period: the newer one takes the older one's place.
REPLACE = """
DELETE FROM qbo.report
WHERE realm_id = $1 AND report = $2 AND parameters = $3 AND period_start = $4 AND period_end = $5
    AND date_start <= $7 AND date_end >= $6
    AND NOT ($8 > 0 AND date_start = $6 AND date_end = $7 AND number < $8)
"""

INSERT = """
INSERT INTO qbo.report (
    realm_id, report, parameters, period_start, period_end, date_start, date_end, number, cut, closes,
    basis, currency, header, columns, server_time, intuit_tid, cell_count, body, body_bytes, figures, faults, run_id,
    fetched_at
)
VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
    clock_timestamp()
)
RETURNING report_id
"""

ROW_COLUMNS = (
    "report_id", "ordinal", "path", "depth", "row_type", "row_group", "label", "account_id", "name_id",
    "transaction_id", "cells", "ids",
)  # fmt: skip

GZIP_LEVEL = 1
"""Reports repeat themselves: this halves what no compression would leave, at a gigabyte a second."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_ZERO, _NO_ZERO = "\0", "\N{REPLACEMENT CHARACTER}"
"""Postgres holds no zero character in a text; the answer's own bytes are kept beside."""
_ESCAPED_ZERO = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""In JSON, and no text that has these six characters: there the backslash itself is escaped."""


class Reports:
    """The tables of reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def held_reports(self, realm_id: RealmId) -> Sequence[HeldReport]:
        """All parts that are held of a realm, without their figures and faults."""
        async with self._database.control() as connection:
            return [_held(row) for row in await connection.fetch(HELD, realm_id)]

    async def report_evidence(
        self, realm_id: RealmId, report: str, parameters: str, *, run_id: RunId | None = None
    ) -> Sequence[HeldReport]:
        """The parts of one report with the parameters, or of the run, with figures and faults."""
        async with self._database.control() as connection:
            rows = await connection.fetch(EVIDENCE, realm_id, report, parameters, run_id)
        return [
            msgspec.structs.replace(
                _held(row), figures=msgspec.json.decode(row["figures"], type=Figures), faults=row["faults"]
            )
            for row in rows
        ]

    async def land_report(
        self,
        lease: Lease,
        run_id: RunId,
        part: ReportPart,
        document: ReportDocument,
        *,
        figures: Figures,
        faults: Sequence[str],
    ) -> None:
        """Replace what is held of the part's dates. Raises LeaseLostError, and writes nothing, if fenced off."""
        body = igzip.compress(document.body, compresslevel=GZIP_LEVEL)
        async with self._database.landing() as connection, connection.transaction():
            await require(connection, lease)
            period, dates = part.period, part.dates
            place = (lease.realm_id, part.report, part.parameters, period.start, period.end, dates.start, dates.end)
            await connection.execute(REPLACE, *place, part.number)
            report_id = await connection.fetchval(
                INSERT,
                *place,
                part.number,
                part.cut,
                part.closes,
                storable(document.basis),
                storable(document.currency),
                encoded(msgspec.json.decode(document.header)),
                encoded(document.columns),
                document.server_time,
                document.intuit_tid,
                document.cells,
                body,
                len(document.body),
                encoded(figures),
                [storable(fault) for fault in faults],
                run_id,
            )
            await _copy_rows(connection, report_id, document.rows)


async def _copy_rows(connection: Connection, report_id: int, rows: Sequence[ReportRow]) -> None:
    await connection.copy_records_to_table(
        "report_row", schema_name="qbo", columns=ROW_COLUMNS, records=_records(report_id, rows)
    )


def _records(report_id: int, rows: Sequence[ReportRow]) -> Iterator[tuple[object, ...]]:
    for ordinal, row in enumerate(rows):
        yield (
            report_id,
            ordinal,
            storable(row.path),
            row.depth,
            row.type.value,
            storable(row.group),
            storable(row.label),
            storable(row.account_id),
            storable(row.name_id),
            storable(row.transaction_id),
            encoded(row.cells),
            encoded(row.ids),
        )


def encoded(value: object) -> bytes:
    """JSON as jsonb takes it: decimals as numbers with their scale, and no zero character anywhere."""
    json = _ENCODER.encode(value)
    return _ESCAPED_ZERO.sub(rb"\1" + _NO_ZERO.encode(), json) if b"\\u0000" in json else json


def storable(text: str | None) -> str | None:
    """The text as Postgres can hold it."""
    return text if text is None or _ZERO not in text else text.replace(_ZERO, _NO_ZERO)


def _held(row: asyncpg.Record) -> HeldReport:
    return HeldReport(
        part=ReportPart(
            report=row["report"],
            parameters=row["parameters"],
            period=Period(row["period_start"], row["period_end"]),
            dates=Period(row["date_start"], row["date_end"]),
            number=row["number"],
            cut=row["cut"],
            closes=row["closes"],
        ),
        run_id=row["run_id"],
        cells=row["cell_count"],
        body_bytes=row["body_bytes"],
    )
