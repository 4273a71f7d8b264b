"""`backfill reports`: its options, its JSON and exit codes, and its rows in Postgres, against a simulated Intuit."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from backfill.cli.reports import options_of
from backfill.config import Settings
from backfill.errors import UsageError
from backfill.qbo.reports import REPORTS, Basis
from tests.cli.conftest import Query
from tests.processes import Backfill, Intuit, eventually


def test_named_reports_land_whole_and_a_second_run_reads_the_last_periods(
    connected: Backfill, intuit: Intuit, query: Query
) -> None:
    asked = ("reports", "--json", "--report", "generalledger", "--report", "ProfitAndLoss", "--basis", "accrual")
    done = connected.run(*asked)
    assert done.code == 0, done.stdout
    result = done.json()
    assert result["realms"] == {"total": 3, "proven": 3, "unproven": 0, "parked": 0}
    parts = query("SELECT realm_id, report, date_start, date_end, run_id FROM qbo.report")
    reports = Counter(row["report"] for row in parts)
    assert reports["GeneralLedger"] == reports["ProfitAndLoss"] > 50
    assert reports["BalanceSheet"] == 3, "the last of each company, to prove the others by"
    looks = result["requests"]["report"] - len(parts)
    assert 3 <= looks < 30, "where the books of each begin"
    assert result["requests"]["batch"] == 3
    assert result["rows"]["landed"] == query("SELECT count(*) FROM qbo.report_row")[0][0] > 1_000
    again = connected.run(*asked)
    assert again.code == 0, again.stderr
    assert again.json()["requests"]["report"] - looks == 3 * 5, "two periods of each, and the balance sheet"
    assert len(query("SELECT FROM qbo.report")) == len(parts)


def test_a_killed_process_is_gone_on_from_where_it_was(connected: Backfill, intuit: Intuit, query: Query) -> None:
    """Law 4: a report and its checkpoint are one transaction. What was committed is never asked for again."""
    names = ("GeneralLedger", "ProfitAndLoss", "JournalReport", "TransactionList")
    asked = ["reports", "--realm", intuit.realm_ids[0], *(word for name in names for word in ("--report", name))]
    with connected.started(*asked) as process:
        assert eventually(lambda: len(query("SELECT FROM qbo.report")) > 5)
        process.kill()
        process.wait()
    committed = {row["report_id"] for row in query("SELECT report_id FROM qbo.report")}
    done = connected.run(*asked, "--json")
    assert done.code == 0, done.stderr
    assert "Going on with run 1" in done.stderr
    held = {row["report_id"] for row in query("SELECT report_id FROM qbo.report")}
    assert committed <= held
    assert len(committed) < len(held)
    looks = 1 + len(held) - len(committed)
    assert looks <= done.json()["requests"]["report"] <= looks + 10
    whole = "SELECT FROM qbo.report WHERE NOT EXISTS (SELECT FROM qbo.report_row WHERE report_id = report.report_id)"
    assert len(query(f"{whole} AND body_bytes > 2000")) == 0, "no report without its rows"


def test_a_ledger_adds_up_in_sql_as_the_balance_sheet_says(connected: Backfill, intuit: Intuit, query: Query) -> None:
    realm = intuit.realm_ids[0]
    done = connected.run("reports", "--realm", realm, "--report", "GeneralLedger", "--basis", "accrual")
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("Run 1: 1 of 1 realms proven complete in ")
    compared = query(
        """
        WITH ledger AS (
            SELECT account_id, sum((cells ->> 'subt_nat_amount')::numeric) AS amount
            FROM qbo.report JOIN qbo.report_row USING (report_id)
            WHERE realm_id = $1 AND report = 'GeneralLedger' AND row_type = 'data' GROUP BY account_id
        ), sheet AS (
            SELECT account_id, sum((cells ->> 'total')::numeric) AS amount
            FROM qbo.report JOIN qbo.report_row USING (report_id)
            WHERE realm_id = $1 AND report = 'BalanceSheet' AND row_type = 'data' AND account_id IS NOT NULL
            GROUP BY account_id
        )
        SELECT account_id, sheet.amount = coalesce(ledger.amount, 0) AS equal
        FROM sheet LEFT JOIN ledger USING (account_id)
        """,
        realm,
    )
    assert sum(row["equal"] for row in compared) >= 5
    assert sum(not row["equal"] for row in compared) <= 1, "retained earnings take up results without a transaction"


def test_reports_come_with_extract_where_they_are_configured(connected: Backfill, tmp_path: Path, query: Query) -> None:
    (tmp_path / "with.toml").write_text('[reports]\nnames = ["trialbalance"]\nbasis = "cash"\nperiod_months = 12\n')
    done = connected.run("extract", "--json", "--config", "with.toml")
    assert done.code == 0, done.stderr
    assert done.json()["requests"]["report"] > 25
    entities = {row[0] for row in query("SELECT DISTINCT entity FROM backfill.proof WHERE proven")}
    assert {"TrialBalance cash", "Invoice"} <= entities
    assert query("SELECT count(DISTINCT realm_id) FROM qbo.report")[0][0] == 3
    plain = connected.run("extract", "--json", "--config", "with.toml", "--entity", "Term")
    assert plain.json()["requests"]["report"] == 0, "who names entities wants no reports"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--report", "ProfitLoss"], "no report called 'ProfitLoss'"),
        (["--basis", "accural"], "--basis accural: give accrual, cash or both."),
        (["--by", "moth"], "no columns by 'moth'"),
        (["--from", "2026"], "--from 2026: give a date such as 2026-01-31."),
        (["--from", "2026-02-01", "--to", "2026-01-31"], "is after"),
        (["--from", "2199-01-01"], "--from 2199-01-01: that is yet to come."),
        (["--from", "0001-01-01"], "--from 0001-01-01: no books are of that time."),
        (["--to", "9999-12-31"], "--to 9999-12-31: no books are of that time."),
        (
            ["--report", "GeneralLedger", "--report", "AccountList", "--by", "month"],
            "--by month: QuickBooks lets nobody choose the columns of GeneralLedger, AccountList.",
        ),
        (
            ["--report", "CashFlow", "--basis", "cash"],
            "--basis cash: QuickBooks lets nobody choose the basis of CashFlow.",
        ),
        (["--realm", "7"], "There is no realm 7."),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(connected: Backfill, arguments: list[str], said: str) -> None:
    done = connected.run("reports", *arguments)
    assert done.code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_options_of_the_command_line_stand_over_those_of_the_configuration() -> None:
    settings = Settings.model_validate({"reports": {"names": ["ProfitAndLoss"], "basis": "cash", "by": ["class"]}})
    options = options_of(settings, [], None, None, None, [], newest_first=False)
    assert [report.name for report in options.reports] == ["ProfitAndLoss"]
    assert (options.bases, options.by, options.newest_first) == ((Basis.CASH,), ("", "Classes"), False)
    options = options_of(
        settings, ["cashflow"], "2026-01-01", "2026-03-31", "BOTH", ["month", "Month"], newest_first=True
    )
    assert [report.name for report in options.reports] == ["CashFlow"]
    assert (options.bases, options.by, options.newest_first) == (tuple(Basis), ("", "Month"), True)
    assert (options.first, options.last) == (date(2026, 1, 1), date(2026, 3, 31))


def test_without_names_all_reports_are_read() -> None:
    options = options_of(Settings(), [], None, None, None, [], newest_first=False)
    assert [report.name for report in options.reports] == list(REPORTS)
    assert Settings().reports.options() is None, "but extract reads none"


def test_a_basis_of_no_kind_is_refused() -> None:
    with pytest.raises(UsageError):
        options_of(Settings(), [], None, None, "tax", [], newest_first=False)
