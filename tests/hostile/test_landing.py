"""Spoiled pages, landed in a real Postgres: each row is in its table as it came or in quarantine, and nothing fails."""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import pytest

from backfill.errors import RequestError
from backfill.model import Record
from backfill.qbo.answers import Page
from backfill.qbo.checked import check
from backfill.store.database import Database
from backfill.store.entity_tables import table_of
from backfill.store.landing import ID_LIMIT
from backfill.store.landing_statements import EXPIRING_LINKS
from backfill.wire import Response
from tests.hostile.mutations import FORGES
from tests.hostile.test_decoding import Sample, samples
from tests.store.scene import EVER, Work

CASES = 250
CASES_LONG = 40_000
NESTED_MAX = 20_000
"""Postgres gives up at some 6,000, where its stack ends."""
COMPANY_ROWS = 900
"""As few as there are attachments among, whose links may not be stored."""
LINK = re.compile(rb'("(?:Thumbnail)?TempDownloadUri"\s*:\s*")(?:[^"\\]|\\.)*')
"""What quarantine leaves out of the bytes of a refused attachment."""


@dataclass(frozen=True)
class Case:
    """A page that was spoiled, and what is there when it lands."""

    number: str
    entity: str
    page: Page
    there: Sequence[Record]
    """The rows of the page as it was, or none. What comes may look as old as they do, and overwrites them."""


def drawn(number: str, corpus: Sequence[Sample]) -> Case | None:
    """None if the page is so spoiled that it cannot be read."""
    rng = random.Random(number)
    sample = rng.choice(corpus)
    there = page_of(sample, sample.body).records if rng.random() < 0.5 else ()
    body = sample.body
    for _ in range(rng.choice([1, 1, 2, 4])):
        body = FORGES[rng.choice(list(FORGES))](body, rng)
    try:
        page = page_of(sample, body)
    except RequestError:
        return None
    return Case(number, dict(sample.request.params)["query"].split()[3], page, there)


def page_of(sample: Sample, body: bytes) -> Page:
    response = Response(status=200, body=body)
    check(response, sample.request)
    page = sample.decode(response, request=sample.request)
    assert isinstance(page, Page)
    return page


async def landed_all(work: Work, database: Database, cases: int, seed: int) -> Counter[str]:
    """What became of the rows of so many pages, each landed alone."""
    found = await samples(COMPANY_ROWS)
    corpus = [sample for sample in found if "SELECT * FROM" in str(sample.request.params)]
    outcomes: Counter[str] = Counter()
    for number in range(cases):
        case = drawn(f"{seed}:{number}", corpus)
        if case is None:
            outcomes["unreadable pages"] += 1
            continue
        land = partial(work.store.land, work.lease, work.run_id, case.entity)
        await _emptied(database, case.entity)
        await land(case.there)
        try:
            landed = await land(case.page.records, refusals=case.page.refusals, overwrite_equal_from=EVER)
        except BaseException as error:
            raise AssertionError(f"case {case.number}: {case.page}") from error
        outcomes["landed"] += landed.landed
        outcomes["quarantined"] += landed.quarantined
        outcomes["unchanged or deleted"] += landed.unchanged + landed.deleted
        outcomes["refused by Postgres alone"] += landed.quarantined - len(case.page.refusals)
        with nested_as_deep_as_postgres_takes_it():
            lost = await _lost(database, case)
        assert lost == [], f"case {case.number}"
    return outcomes


async def _emptied(database: Database, entity: str) -> None:
    """What an earlier page left would stand for what this one lost."""
    async with database.control() as connection:
        await connection.execute(f"DELETE FROM {table_of(entity)}")
        await connection.execute("DELETE FROM backfill.quarantine")


async def _lost(database: Database, case: Case) -> list[str]:
    """The rows of the page that stand nowhere, and those of the table that never came."""
    async with database.control() as connection:
        held = await connection.fetch(f"SELECT id, doc FROM {table_of(case.entity)}")
        aside = await connection.fetch("SELECT id, raw FROM backfill.quarantine WHERE entity = $1", case.entity)
    ids = {row["id"] for row in aside}
    raws = {row["raw"] for row in aside}
    came: dict[str, list[object]] = {}
    for record in (*case.page.records, *case.there):
        came.setdefault(record.id, []).append(_read(record, case.entity))

    def stands_aside(id_: str, raw: bytes) -> bool:
        """Under its Id, if that is one that can be filed under; else with its bytes."""
        if 0 < len(id_) <= ID_LIMIT and "\0" not in id_:
            return id_ in ids
        return (LINK.sub(rb"\1", raw) if case.entity in EXPIRING_LINKS else raw) in raws

    standing = {row["id"]: _loaded(bytes(row["doc"])) for row in held}
    lost = [f"{record.id!r} is nowhere" for record in case.page.records if not _stands(record, standing, stands_aside)]
    lost += [f"{one.id!r}, refused, is nowhere" for one in case.page.refusals if not stands_aside(one.id, one.raw)]
    lost += [f"{id_!r} is not as it came" for id_, doc in standing.items() if doc not in came.get(id_, [])]
    return lost


def _stands(record: Record, standing: dict[str, object], stands_aside: Callable[[str, bytes], bool]) -> bool:
    return record.id in standing or stands_aside(record.id, bytes(record.doc))


def _read(record: Record, entity: str) -> object:
    """The document as the table is to have it; None if it cannot be read, and so cannot be there."""
    try:
        doc = _loaded(bytes(record.doc))
    except ValueError:
        return None
    assert isinstance(doc, dict)
    return {key: value for key, value in doc.items() if key not in EXPIRING_LINKS.get(entity, ())}


def _loaded(doc: bytes) -> object:
    """With numbers of any size, each by its value."""
    return json.loads(doc, parse_int=Decimal, parse_float=Decimal)


@contextmanager
def nested_as_deep_as_postgres_takes_it() -> Iterator[None]:
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(NESTED_MAX)
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)


@pytest.mark.parametrize(("cases", "seed"), [(CASES, 1), pytest.param(CASES_LONG, 2, marks=pytest.mark.long)])
async def test_spoiled_pages_are_landed_row_by_row(
    work: Work, database: Database, cases: int, seed: int, tally: Counter[str]
) -> None:
    outcomes = await landed_all(work, database, cases, seed)
    tally.update({"spoiled pages at Postgres": cases, **outcomes})
    assert min(outcomes[way] for way in ("landed", "refused by Postgres alone", "unreadable pages")) > 0
    assert outcomes["quarantined"] > outcomes["refused by Postgres alone"], "all ways are walked"
