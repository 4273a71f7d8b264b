"""The reports in Postgres beside the companies they came from: every period there, the ledgers equal to the cent.

Nothing of the client's code decides what is right here: what is landed is read by SQL, what there should be comes from
the simulator's own books, and which reports a company has from the simulator's own table.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Protocol

import asyncpg

from backfill.simulator.reports.catalogue import REPORTS

DIFFERENCES_SHOWN = 20
DAY = timedelta(days=1)

UNDOCUMENTED = frozenset({"TransactionDetailByAccount"})
"""Reports that Intuit's reference does not have are not read. All that is in this one is in the general ledger."""

LEDGER = """
SELECT cells ->> 'tx_date', transaction_id, account_id, (cells ->> 'subt_nat_amount')::numeric
FROM qbo.report JOIN qbo.report_row USING (report_id)
WHERE realm_id = $1 AND report = 'GeneralLedger' AND parameters LIKE '%accounting_method=Accrual%'
    AND row_type = 'data' AND cells ? 'subt_nat_amount'
"""

ANSWERS = """
SELECT report, parameters, period_start, period_end, date_start, date_end, cut, closes, cell_count,
    jsonb_array_length(columns) AS width, report_id
FROM qbo.report WHERE realm_id = $1 AND period_end <> 'infinity'
ORDER BY report, parameters, period_start, date_start, date_end, number
"""

ROWS_A_DAY = "SELECT cells ->> 'tx_date' AS day, count(*) AS rows FROM qbo.report_row WHERE report_id = $1 GROUP BY 1"

PROOFS = "SELECT entity, proven, reason FROM backfill.proof WHERE realm_id = $1"
HELD = "SELECT DISTINCT report FROM qbo.report WHERE realm_id = $1"

Line = tuple[str, str, str, Decimal]
"""Day, transaction (none: an item's stock), account, amount in the account's own sign."""


class Companies(Protocol):
    """Who knows the companies' own books."""

    @property
    def realm_ids(self) -> Sequence[str]: ...

    def state(self, realm_id: str, at: str) -> bytes: ...

    def ledger(self, realm_id: str) -> list[dict[str, Any]]: ...


@dataclass(slots=True)
class ReportParity:
    """What was compared, and what differs (the first few, in words)."""

    realms: int = 0
    reports: int = 0
    """Each basis and company for itself."""
    periods: int = 0
    answers: int = 0
    postings: int = 0
    daily_answers: int = 0
    """Of general ledgers, for a single day, or for some accounts of one."""
    fewest: int = 0
    """Answers that the cap on cells allows them all to come in."""
    differing: int = 0
    differences: list[str] = field(default_factory=list)

    def differs(self, difference: str) -> None:
        self.differing += 1
        if len(self.differences) < DIFFERENCES_SHOWN:
            self.differences.append(difference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for: reports by name (none: all), from a day on (None: the first posting), to a day."""

    names: Sequence[str] = ()
    first: date | None = None
    last: date
    cells_max: Mapping[str, int] = field(default_factory=dict)
    """Report to its cap on cells, where that is not Intuit's."""


async def compare_reports(dsn: str, companies: Companies, wanted: Wanted) -> ReportParity:
    """Look at all reports of all companies."""
    found = ReportParity()
    connection = await asyncpg.connect(dsn)
    try:
        for realm_id in companies.realm_ids:
            found.realms += 1
            state = json.loads(companies.state(realm_id, f"{wanted.last}T23:59:59+00:00"))
            book = list(_own(companies.ledger(realm_id), state))
            await _compare_proofs(connection, realm_id, state, wanted, found)
            await _compare_ledger(connection, realm_id, book, wanted, found)
            await _compare_periods(connection, realm_id, min(book)[0], wanted, found)
    finally:
        await connection.close()
    return found


async def _compare_proofs(
    connection: asyncpg.Connection[asyncpg.Record],
    realm_id: str,
    state: Mapping[str, Any],
    wanted: Wanted,
    found: ReportParity,
) -> None:
    for entity, proven, reason in await connection.fetch(PROOFS, realm_id):
        if not proven:
            found.differs(f"{realm_id} {entity}: unproven: {reason}")
    (info,) = state["CompanyInfo"].values()
    offered = {name for name, one in REPORTS.items() if not one.countries or info["Country"] in one.countries}
    held = {row["report"] for row in await connection.fetch(HELD, realm_id)}
    for name in sorted(offered & set(wanted.names or offered) - held - UNDOCUMENTED):
        found.differs(f"{realm_id} {name}: nothing is there")


async def _compare_ledger(
    connection: asyncpg.Connection[asyncpg.Record],
    realm_id: str,
    book: Sequence[Line],
    wanted: Wanted,
    found: ReportParity,
) -> None:
    own = Counter(line for line in book if wanted.first is None or line[0] >= wanted.first.isoformat())
    known = {line[1] for line in book}
    landed = Counter(
        (day, transaction if transaction in known else "", account or "", amount)
        for day, transaction, account, amount in await connection.fetch(LEDGER, realm_id)
    )
    found.postings += landed.total()
    for line, times in sorted((own - landed).items()):
        found.differs(f"{realm_id}: the posting {line} is not landed ({times} times)")
    for line, times in sorted((landed - own).items()):
        found.differs(f"{realm_id}: the posting {line} is landed, and is not in the books ({times} times)")


def _own(postings: Sequence[Mapping[str, Any]], state: Mapping[str, Any]) -> Iterator[Line]:
    more_by_debit = {
        account["Id"]: account["Classification"] in {"Asset", "Expense"} for account in state["Account"].values()
    }
    for one in postings:
        if one["cents"]:
            cents = one["cents"] if more_by_debit[one["account"]] else -one["cents"]
            yield one["day"], one["transaction"] or "", one["account"], Decimal(cents) / 100


async def _compare_periods(
    connection: asyncpg.Connection[asyncpg.Record], realm_id: str, begun: str, wanted: Wanted, found: ReportParity
) -> None:
    first = wanted.first or date.fromisoformat(begun)
    asked: dict[tuple[str, str], dict[tuple[date, date], list[asyncpg.Record]]] = defaultdict(lambda: defaultdict(list))
    for row in await connection.fetch(ANSWERS, realm_id):
        asked[row["report"], row["parameters"]][row["period_start"], row["period_end"]].append(row)
        found.daily_answers += row["report"] == "GeneralLedger" and row["date_start"] == row["date_end"]
    for (report, parameters), periods in asked.items():
        if wanted.names and report not in wanted.names:
            continue  # read for its last period, to prove another by
        found.reports += 1
        where = f"{realm_id} {report} {parameters}"
        days = sorted(periods)
        if (
            days[0][0] > first
            or days[-1][1] < wanted.last
            or any(one[1] + DAY != two[0] for one, two in pairwise(days))
        ):
            found.differs(f"{where}: its periods do not go from {first} to {wanted.last} without a gap")
        for (start, end), answers in periods.items():
            found.periods += 1
            found.answers += len(answers)
            covered = {day for one in answers if one["closes"] for day in _days(one["date_start"], one["date_end"])}
            missing = [day for day in _days(start, min(end, wanted.last)) if day not in covered]
            if missing:
                found.differs(f"{where}: of {start}..{end} {len(missing)} days are not there, the first {missing[0]}")
            found.fewest += await _fewest(connection, answers, wanted.cells_max.get(report, 400_000))


async def _fewest(
    connection: asyncpg.Connection[asyncpg.Record], answers: Sequence[asyncpg.Record], cells_max: int
) -> int:
    """How few answers the period can come in: as many days in each as fit under the cap, one after the other.

    What an answer has beside the rows of its days (heads, openings, totals) is taken for no more than the least that
    any of its days had: so the figure is never too high.
    """
    if len(answers) == 1:
        return 1
    rows: Counter[date] = Counter()
    beside: dict[date, int] = {}
    for one in answers:
        rows_in_all = 0
        for day, count in await connection.fetch(ROWS_A_DAY, one["report_id"]):
            if day is not None:
                rows[date.fromisoformat(day)] += count
                rows_in_all += count
        fixed = one["cell_count"] // one["width"] - rows_in_all
        for day in _days(one["date_start"], one["date_end"]):
            beside[day] = beside[day] + fixed if one["cut"] and day in beside else fixed
    width, count, moved, least = answers[0]["width"], 1, 0, min(beside.values())
    for number, day in enumerate(sorted(beside)):
        together = moved + rows[day], min(least, beside[day]) if number else beside[day]
        if number and width * sum(together) > cells_max:
            count, together = count + 1, (rows[day], beside[day])
        moved, least = together
        alone = -(-width * (rows[day] + beside[day]) // cells_max)
        count += alone - 1
    return count


def _days(start: date, end: date) -> Iterator[date]:
    return (start + number * DAY for number in range((end - start).days + 1))
