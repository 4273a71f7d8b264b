"""What is kept between reports: as much as is said, whatever is asked for, and never what is not so any more."""

from __future__ import annotations

import gc
import weakref
from datetime import UTC, datetime

from backfill.simulator.api import Api
from backfill.simulator.call import Call
from backfill.simulator.fleet import Fleet
from backfill.simulator.reports.shelf import Shelves
from backfill.simulator.settings import SimulatorSettings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def fleet(realms: int, **held: int) -> Fleet:
    return Fleet(realms=realms, seed=3, now=lambda: NOW, rows_min=120, rows_max=120, **held)


def ask(api: Api, realm_id: str, path: str, **params: str) -> bytes:
    answer = api.handle(Call(realm_id, "GET", path, params, {"accept": "application/json"}))
    assert answer.status == 200
    return answer.body


def test_daybooks_that_nobody_asked_for_lately_are_closed() -> None:
    companies = [one.company(realm_id) for one in [fleet(6)] for realm_id in one.realm_ids]
    shelves = Shelves(transactions_held=120)
    first = shelves.of(companies[0])
    transactions, opened = len(first.daybook()), first.daybook()
    assert shelves.of(companies[0]) is first
    for company in companies[1:]:
        shelves.of(company)
        assert len(shelves) <= 120 // (transactions // 2)
    again = shelves.of(companies[0])
    assert again is not first
    assert again.daybook() is not opened
    assert again.daybook().postings() == opened.postings()


def test_one_daybook_is_open_however_large_it_is() -> None:
    one = fleet(2)
    shelves = Shelves(transactions_held=1)
    for realm_id in one.realm_ids:
        shelf = shelves.of(one.company(realm_id))
        assert shelf.daybook() is shelf.daybook()
        assert len(shelves) == 1


def test_a_company_is_forgotten_whatever_was_asked_of_it() -> None:
    one = fleet(12, companies_held=2)
    api = Api(SimulatorSettings(), one)
    touched = []
    for realm_id in one.realm_ids:
        ask(api, realm_id, "/query", query="SELECT * FROM Customer")
        touched.append(weakref.ref(one.company(realm_id)))
    gc.collect()
    assert sum(company() is not None for company in touched) == 2
