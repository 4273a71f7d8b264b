"""Companies of any size, and any number of them, in bounded time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.fleet import Fleet
from backfill.simulator.query.answer import answer_query
from backfill.simulator.settings import SimulatorSettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTINGS = SimulatorSettings()
FIRST_PAGE_S = 0.5
"""Of processor time. A first page takes 0.06 s of an idle machine, and sowing a million rows more than a minute."""

QUESTIONS = (
    "SELECT * FROM Invoice ORDERBY MetaData.CreateTime MAXRESULTS 1000",
    "SELECT * FROM Invoice ORDERBY MetaData.CreateTime STARTPOSITION 200001 MAXRESULTS 1000",
    "SELECT * FROM Invoice MAXRESULTS 1000",
    "SELECT * FROM Invoice WHERE MetaData.CreateTime > '2020-01-01' ORDERBY MetaData.CreateTime MAXRESULTS 1000",
    "SELECT * FROM Customer MAXRESULTS 1000",
    "SELECT * FROM Customer WHERE Active IN (true, false) ORDERBY MetaData.LastUpdatedTime MAXRESULTS 1000",
)


@pytest.mark.parametrize("asked", QUESTIONS)
def test_a_million_row_company_that_nobody_touched_answers_at_once(asked: str) -> None:
    fleet = Fleet(realms=1, seed=3, now=lambda: NOW, rows_min=1_000_000, rows_max=1_000_000)
    began = time.process_time()
    company = fleet.company(fleet.realm_ids[0])
    answer = answer_query(asked, company, SETTINGS, company.stamp())
    assert time.process_time() - began < FIRST_PAGE_S
    assert answer.rows == 1_000
    assert fleet.held.rows < 1_000


_UNCOUNTED = ("CompanyInfo", "CustomerType", "ExchangeRate")
"""Of which a COUNT says no number."""


def test_a_million_rows_are_counted_without_being_made() -> None:
    fleet = Fleet(realms=1, seed=3, now=lambda: NOW, rows_min=1_000_000, rows_max=1_000_000)
    company = fleet.company(fleet.realm_ids[0])
    began = time.process_time()
    counts = {
        entity: int(answer.body.split(b":")[1].rstrip(b"}"))
        for entity, traits in TRAITS.items()
        if traits.queryable and entity not in _UNCOUNTED
        for where in ([" WHERE Active IN (true, false)"] if traits.is_list else [""])
        for answer in [answer_query(f"SELECT COUNT(*) FROM {entity}{where}", company, SETTINGS, company.stamp())]
    }
    assert time.process_time() - began < FIRST_PAGE_S
    others = sum(len(company.table(entity)) for entity in (*_UNCOUNTED, "TaxClassification"))
    assert sum(counts.values()) + others == company.rows == 1_000_000


def test_whatever_is_touched_memory_holds_what_was_asked_for_lately() -> None:
    held = {"rows_held": 2_000, "companies_held": 10}
    fleet = Fleet(realms=30, seed=3, now=lambda: NOW, rows_min=90, rows_max=5_000, **held)
    most = 0
    for realm_id in fleet.realm_ids:
        company = fleet.company(realm_id)
        answer_query(QUESTIONS[0], company, SETTINGS, company.stamp())
        most = max(most, fleet.held.rows)
    assert most <= 2_000
    assert fleet.held.companies == 10


_TOUCH_ALL = """
import json, resource, sys
from datetime import UTC, datetime
from backfill.simulator.fleet import Fleet
from backfill.simulator.query.answer import answer_query
from backfill.simulator.settings import SimulatorSettings
realms, rows = json.loads(sys.argv[1])
now = datetime(2026, 11, 20, 12, tzinfo=UTC)
fleet = Fleet(realms=realms, seed=3, now=lambda: now, rows_min=rows[0], rows_max=rows[1])
for realm_id in fleet.realm_ids:
    company = fleet.company(realm_id)
    statement = "SELECT * FROM Invoice ORDERBY MetaData.CreateTime MAXRESULTS 1000"
    answer_query(statement, company, SimulatorSettings(), company.stamp())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def _peak_mb(realms: int, rows: tuple[int, int]) -> int:
    command = [sys.executable, "-c", _TOUCH_ALL, json.dumps([realms, rows])]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


def test_a_million_row_company_takes_hardly_more_memory_than_a_small_one() -> None:
    assert _peak_mb(1, (1_000_000, 1_000_000)) < _peak_mb(1, (100, 100)) + 40


@pytest.mark.long
def test_ten_thousand_companies_take_as_much_memory_as_is_said() -> None:
    assert _peak_mb(10_000, (100, 50_000)) < 700
