"""What `show_reports` shows, at a size for every day; and that its comparison sees what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import pytest

from benchmarks.show_reports import Figures, show
from tests.postgres import PostgresServer
from tests.processes import Backfill, simulated
from tests.report_parity import Wanted, compare_reports

FIRST = "2026-06-01"
NAMES = "GeneralLedger,ProfitAndLoss,BalanceSheet,JournalReport,AgedReceivables"


@pytest.mark.long
def test_reports_in_postgres_are_the_companies_own(tmp_path: Path, dsn: str) -> None:
    """Two companies by half years and one by days, with the real command.

    (Two simulators, four commands: 20 s. The test below reads one company by half years.)
    """
    figures = Figures(realms=2, rows=150, daily_rows=900, daily_cells=600, reports=NAMES, first=FIRST)
    shown = show(tmp_path, dsn, figures)
    for one in shown.values():
        assert (one.exit_code, one.throttled, one.parity.differences) == (0, 0, [])
        assert one.parity.postings > 10
    whole, daily = shown["by half years"], shown["by days"]
    assert whole.parity.answers == whole.parity.periods == 2 * (3 * 2 + 2) * 2, "two periods of each, on each basis"
    assert whole.ratio < 1.2
    assert daily.parity.daily_answers > 10
    assert daily.ratio < 2
    assert daily.parity.answers > daily.parity.fewest > daily.parity.periods


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, migrated database."""
    made = asyncio.run(postgres_server.create())
    yield made
    asyncio.run(postgres_server.drop(made))


SPOILT = {
    "a cent more": (
        """
        UPDATE qbo.report_row SET cells = cells || jsonb_build_object(
            'subt_nat_amount', (cells ->> 'subt_nat_amount')::numeric + 0.01
        )
        WHERE (report_id, ordinal) = (
            SELECT report_id, ordinal FROM qbo.report JOIN qbo.report_row USING (report_id)
            WHERE report = 'GeneralLedger' AND row_type = 'data' AND cells ? 'subt_nat_amount' LIMIT 1
        )
        """,
        ["is not landed (1 times)", "is landed, and is not in the books"],
    ),
    "a row gone": (
        """
        DELETE FROM qbo.report_row WHERE (report_id, ordinal) = (
            SELECT report_id, ordinal FROM qbo.report JOIN qbo.report_row USING (report_id)
            WHERE report = 'GeneralLedger' AND row_type = 'data' AND cells ? 'subt_nat_amount' LIMIT 1
        )
        """,
        ["is not landed (1 times)"],
    ),
    "a period gone": (
        "DELETE FROM qbo.report WHERE report = 'ProfitAndLoss' AND period_end <= '2026-06-30'",
        ["its periods do not go from"],
    ),
    "a day gone": (
        "UPDATE qbo.report SET date_end = date_end - 1 WHERE report = 'JournalReport' AND date_end = '2026-06-30'",
        ["of 2026-06-01..2026-06-30 1 days are not there, the first 2026-06-30"],
    ),
    "a report gone": ("DELETE FROM qbo.report WHERE report = 'AgedReceivables'", ["AgedReceivables: nothing is there"]),
    "a proof that fails": (
        "UPDATE backfill.proof SET proven = false, reason = 'it' WHERE entity = 'JournalReport'",
        ["JournalReport: unproven: it"],
    ),
}


def test_what_is_wrong_in_postgres_is_seen(tmp_path: Path, dsn: str, postgres_server: PostgresServer) -> None:
    """Each is spoilt in a copy of a database that was found to be right."""
    wanted = Wanted(names=NAMES.split(","), first=date.fromisoformat(FIRST), last=datetime.now(UTC).date())

    async def spoilt(statement: str) -> list[str]:
        copy = await postgres_server.copied(dsn)
        connection = await asyncpg.connect(copy)
        await connection.execute(statement)
        await connection.close()
        try:
            return (await compare_reports(copy, intuit, wanted)).differences
        finally:
            await postgres_server.drop(copy)

    with simulated(tmp_path, realms=1, rows="150:150") as intuit:
        user = Backfill(tmp_path).having(DATABASE_URL=dsn, LIMITS_SCALE="60", **intuit.variables)
        assert user.run("realms", "import", intuit.realms_file).code == 0
        asked = [f"--report={name}" for name in wanted.names]
        done = user.run("reports", f"--from={FIRST}", "--basis=accrual", *asked)
        assert done.code == 0, done.stderr
        assert asyncio.run(spoilt("SELECT")) == []
        for what, (statement, said) in SPOILT.items():
            found = asyncio.run(spoilt(statement))
            assert len(found) == len(said), f"{what}: {found}"
            assert all(words in difference for words, difference in zip(said, found, strict=True)), f"{what}: {found}"
