"""Reports in Postgres: rows with typed values, the answer's own bytes, and all or nothing."""

from __future__ import annotations

import gzip
from decimal import Decimal

import msgspec
import pytest

from backfill.report_model import Figures, ReportRow, RowType
from backfill.store.database import Database
from backfill.store.reports import Reports
from tests.store.scene import REALM, Work
from tests.store.test_reports_contract import document, part


@pytest.fixture
def reports(database: Database) -> Reports:
    return Reports(database)


async def land(reports: Reports, work: Work, **more: object) -> None:
    await reports.land_report(work.lease, work.run_id, part(1, 181), document(**more), figures=Figures(), faults=())


async def test_rows_have_a_typed_value_for_each_column(database: Database, work: Work, reports: Reports) -> None:
    await land(reports, work, rows=2)
    async with database.control() as connection:
        rows = await connection.fetch(
            "SELECT report_row.*, (cells -> 'total')::numeric AS amount, jsonb_typeof(cells -> 'total') AS kind"
            " FROM qbo.report_row JOIN qbo.report USING (report_id) WHERE realm_id = $1 ORDER BY ordinal",
            REALM,
        )
    assert [(row["ordinal"], row["path"], row["depth"], row["row_type"]) for row in rows] == [
        (0, "account:35", 0, "data"),
        (1, "account:35", 0, "data"),
    ]
    assert (str(rows[0]["amount"]), rows[0]["kind"]) == ("7.50", "number")
    assert (rows[0]["account_id"], rows[0]["name_id"], rows[0]["transaction_id"]) == ("35", None, "264")
    assert bytes(rows[0]["ids"]) == b'{"account": "35"}'


async def test_the_answer_is_kept_as_it_came(database: Database, work: Work, reports: Reports) -> None:
    body = b'{"Header": {}, "Rows": {}}' * 1_000
    await land(reports, work, body=body)
    async with database.control() as connection:
        row = await connection.fetchrow("SELECT * FROM qbo.report")
    assert row is not None
    assert gzip.decompress(row["body"]) == body
    assert (row["body_bytes"], len(row["body"]) < len(body) / 10) == (len(body), True)
    assert bytes(row["header"]) == b'{"Currency": "USD"}'
    assert msgspec.json.decode(row["columns"])[1]["starts"] == "2026-01-01"


async def test_rows_go_with_their_report(database: Database, work: Work, reports: Reports) -> None:
    await land(reports, work, rows=5)
    await land(reports, work, rows=2)
    async with database.control() as connection:
        assert await connection.fetchval("SELECT count(*) FROM qbo.report") == 1
        assert await connection.fetchval("SELECT count(*) FROM qbo.report_row") == 2


async def test_a_zero_character_costs_no_report(database: Database, work: Work, reports: Reports) -> None:
    hostile = ReportRow(
        "a\0", 0, RowType.DATA, "\0", "\0", "\0", "\0", "\0", {"memo\0": "x\0", "n": Decimal(1)}, {"k": "\0"}
    )
    whole = msgspec.structs.replace(document(), rows=[hostile], currency="\0", basis="\0")
    await reports.land_report(work.lease, work.run_id, part(1, 181), whole, figures=Figures(), faults=["\0"])
    async with database.control() as connection:
        row = await connection.fetchrow("SELECT label, cells ->> 'n' AS n FROM qbo.report_row")
    assert row is not None
    assert (row["label"], row["n"]) == ("\N{REPLACEMENT CHARACTER}", "1")


@pytest.mark.parametrize(
    ("memo", "kept"),
    [
        (r"\u0000", r"\u0000"),
        (r"\\u0000", r"\\u0000"),
        ("\\\0", "\\\N{REPLACEMENT CHARACTER}"),
        ("\0\0", "\N{REPLACEMENT CHARACTER}" * 2),
    ],
)
async def test_six_characters_that_only_spell_one_are_kept(
    database: Database, work: Work, reports: Reports, memo: str, kept: str
) -> None:
    row = ReportRow("", 0, RowType.DATA, "", "", None, None, None, {"memo": memo}, {})
    whole = msgspec.structs.replace(document(), rows=[row])
    await reports.land_report(work.lease, work.run_id, part(1, 181), whole, figures=Figures(), faults=())
    async with database.control() as connection:
        assert await connection.fetchval("SELECT cells ->> 'memo' FROM qbo.report_row") == kept


async def test_what_fails_on_the_way_leaves_what_was_there(database: Database, work: Work, reports: Reports) -> None:
    await land(reports, work, rows=3)
    broken = ReportRow("", -1, RowType.DATA, "", "", None, None, None, {}, {})
    whole = msgspec.structs.replace(document(), rows=[broken])
    with pytest.raises(Exception, match="depth"):
        await reports.land_report(work.lease, work.run_id, part(1, 90), whole, figures=Figures(), faults=())
    async with database.control() as connection:
        assert await connection.fetchval("SELECT count(*) FROM qbo.report_row") == 3
