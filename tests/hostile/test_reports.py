"""Spoiled reports, landed in a real Postgres: all that was read of each stands there, or it is an error of ours."""

from __future__ import annotations

import gzip
import random
import time
import tracemalloc
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import msgspec
import pytest

from backfill.errors import RequestError
from backfill.jobs.report_figures import figures
from backfill.jobs.report_sums import wrong_sums
from backfill.model import RealmId
from backfill.qbo import report_calls
from backfill.qbo.checked import check
from backfill.qbo.report_answers import decode_report
from backfill.qbo.reports import REPORTS, Basis, Report
from backfill.report_model import Period, ReportDocument, ReportPart
from backfill.simulator.settings import ReportSettings, SimulatorSettings
from backfill.store.database import Database
from backfill.wire import Request, Response
from tests.hostile.company import Company
from tests.hostile.mutations import FORGES
from tests.hostile.test_decoding import CPU_S, TIMES_ITS_SIZE
from tests.store.scene import Work

YEAR = Period(date(2026, 1, 1), date(2026, 11, 20))
ASKED = (
    "GeneralLedger",
    "ProfitAndLoss",
    "BalanceSheet",
    "TrialBalance",
    "JournalReport",
    "AgedReceivables",
    "ItemSales",
)
CASES = 300
CASES_LONG = 10_000


@dataclass(frozen=True)
class Sample:
    """A real answer and what was asked."""

    report: Report
    request: Request
    body: bytes


async def samples() -> list[Sample]:
    """Reports of every kind, as either of Intuit's services shapes them."""
    found = []
    for shape in (ReportSettings(), ReportSettings(shape="modern", lists="bare")):
        company = Company(150, SimulatorSettings(reports=shape))
        for report in (REPORTS[name] for name in ASKED):
            asked = report_calls.parameters(report, basis=Basis.ACCRUAL)
            request = report_calls.call(company.realm_id, report, YEAR, asked)
            found.append(Sample(report, request, await company.answer(request)))
    return found


def spoiled(sample: Sample, rng: random.Random) -> ReportDocument:
    """Raises `RequestError` if it cannot be read."""
    body = sample.body
    for _ in range(rng.choice([1, 1, 2, 4])):
        body = FORGES[rng.choice(list(FORGES))](body, rng)
    response = Response(status=200, body=body)
    check(response, sample.request)
    return decode_report(sample.report, response, request=sample.request)


async def landed_all(work: Work, database: Database, cases: int, seed: int) -> Counter[str]:
    """What became of so many spoiled reports."""
    corpus = await samples()
    outcomes: Counter[str] = Counter()
    for number in range(cases):
        case = f"case {seed}:{number}"
        rng = random.Random(case)
        sample = rng.choice(corpus)
        try:
            document = spoiled(sample, rng)
        except RequestError as error:
            outcomes[type(error).__name__] += 1
            continue
        part = ReportPart(sample.report.name, "", YEAR, YEAR)
        try:
            faults = wrong_sums(document)
            sums = figures(sample.report, document)
            await work.store.land_report(work.lease, work.run_id, part, document, figures=sums, faults=faults)
        except BaseException as error:
            raise AssertionError(f"{case}: {document.body[:300]!r}") from error
        outcomes["landed"] += 1
        outcomes["landed, and does not add up"] += bool(faults)
        assert await _held(database) == (document.body, len(document.rows)), case
    return outcomes


async def _held(database: Database) -> tuple[bytes, int]:
    """The one report that stands there: its bytes and how many rows it has."""
    async with database.control() as connection:
        held = await connection.fetchrow(
            "SELECT body, (SELECT count(*) FROM qbo.report_row WHERE report_id = report.report_id) AS rows"
            " FROM qbo.report ORDER BY report_id DESC LIMIT 1"
        )
    assert held is not None
    return gzip.decompress(held["body"]), held["rows"]


@pytest.mark.parametrize(("cases", "seed"), [(CASES, 1), pytest.param(CASES_LONG, 2, marks=pytest.mark.long)])
async def test_spoiled_reports_are_landed_whole_or_refused(
    work: Work, database: Database, cases: int, seed: int, tally: Counter[str]
) -> None:
    outcomes = await landed_all(work, database, cases, seed)
    tally.update({"spoiled reports at Postgres": cases, **outcomes})
    ways = {"landed", "landed, and does not add up", "UnreadableError", "TooLargeError"}
    assert ways <= {way for way, times in outcomes.items() if times}, "all ways are walked"


SIZE = 128 * 1024
HEAD = b'{"Header":{},"Columns":[{"ColType":"Account"},{"ColType":"Money"}],"Rows":['
ROW = b'{"ColData":[{"value":"a","id":"1"},{"value":"1"}]}'


def filled(piece: bytes) -> bytes:
    """So many pieces, with commas between, that the whole has about `SIZE` bytes."""
    return b",".join([piece] * (SIZE // len(piece)))


def section(group: bytes, rows: bytes, title: bytes = b"{}") -> bytes:
    return b'{"group":"%s","Header":{"ColData":[%s]},"Rows":[%s],"Summary":{}}' % (group, title, rows)


def nested(depth: int, innermost: bytes) -> bytes:
    for _ in range(depth):
        innermost = section(b"g" * 100, innermost)
    return innermost


LONG_ID = b'{"id":"%s"}' % (b"9" * SIZE)
LARGE = {
    "rows": HEAD + filled(ROW) + b"]}",
    "rows in a section of a long name": HEAD + section(b"x" * SIZE, filled(ROW)) + b"]}",
    "rows in a section of a long id": HEAD + section(b"", filled(ROW), title=LONG_ID) + b"]}",
    "rows about somebody of a long id": HEAD + section(b"g", filled(b'{"ColData":[]}'), title=LONG_ID) + b"]}",
    "rows in many sections": HEAD + nested(90, filled(ROW)) + b"]}",
    "sections within sections": HEAD + nested(300, ROW) + b"]}",
    "sections side by side": HEAD + filled(section(b"g", ROW)) + b"]}",
    "columns": b'{"Header":{},"Columns":[%s],"Rows":[%s]}' % (filled(b'{"ColType":"Money"}'), filled(ROW)),
    "columns of a long name": b'{"Header":{},"Columns":[%s,%s],"Rows":[%s]}'
    % (b'{"ColType":"Account"}', b'{"ColType":"%s"}' % (b"x" * SIZE), filled(ROW)),
    "columns below a long heading": b'{"Header":{},"Columns":[{"MetaData":{"Name":"ColKey","Value":"%s"},'
    % (b"x" * SIZE)
    + b'"Columns":[%s]}],"Rows":[]}' % filled(b'{"ColType":"Money"}'),
    "digits": HEAD + b'{"ColData":[{"value":"a"},{"value":"%s"}]}]}' % (b"9" * 2_000_000),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_reports_take_memory_and_time_in_proportion(name: str) -> None:
    """Also as rows of a table, where what one section is about stands in each of its rows."""
    profit = REPORTS["ProfitAndLoss"]
    request = report_calls.call(RealmId("1"), profit, YEAR, ())
    response = Response(status=200, body=LARGE[name])
    started = time.process_time()
    tracemalloc.start()
    try:
        with suppress(RequestError):
            document = decode_report(profit, response, request=request)
            wrong_sums(document)
            figures(profit, document)
            msgspec.json.encode(document.rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < CPU_S
    assert peak < TIMES_ITS_SIZE * len(response.body), f"{peak / len(response.body):.1f} times its size"
