"""Spoiled pages, landed in a real Postgres: each row is in its table, or in quarantine, and nothing fails."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from backfill.errors import RequestError
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.checked import check
from backfill.store.database import Database
from backfill.wire import Response
from tests.hostile.mutations import FORGES
from tests.hostile.test_decoding import Sample, samples
from tests.store.scene import Work

CASES = 250
CASES_LONG = 5_000


def spoiled_page(sample: Sample, rng: random.Random) -> Page | None:
    """A page that was spoiled and can be read all the same; None if it cannot."""
    body = sample.body
    for _ in range(rng.choice([1, 1, 2, 4])):
        body = FORGES[rng.choice(list(FORGES))](body, rng)
    response = Response(status=200, body=body)
    try:
        check(response, sample.request)
        page = sample.decode(response, request=sample.request)
    except RequestError:
        return None
    assert isinstance(page, Page)
    return page


async def landed_all(work: Work, database: Database, cases: int, seed: int) -> Counter[str]:
    corpus = [sample for sample in await samples() if "SELECT * FROM" in str(sample.request.params)]
    outcomes: Counter[str] = Counter()
    for number in range(cases):
        rng = random.Random(f"{seed}:{number}")
        sample = rng.choice(corpus)
        entity = dict(sample.request.params)["query"].split()[3]
        page = spoiled_page(sample, rng)
        if page is None:
            outcomes["unreadable"] += 1
            continue
        try:
            landed = await work.store.land(work.lease, work.run_id, entity, page.records, refusals=page.refusals)
        except BaseException as error:
            raise AssertionError(f"case {seed}:{number}: {page}") from error
        outcomes["landed"] += landed.landed
        outcomes["quarantined"] += landed.quarantined
        outcomes["unchanged or deleted"] += landed.unchanged + landed.deleted
        await _as_it_came(database, entity, page, f"case {seed}:{number}")
    return outcomes


async def _as_it_came(database: Database, entity: str, page: Page, case: str) -> None:
    """Each row of the page stands in its table, or in quarantine."""
    async with database.control() as connection:
        held = await connection.fetch(f"SELECT id, doc FROM qbo.{CATALOGUE[entity].table}")
        aside = await connection.fetch("SELECT id FROM backfill.quarantine WHERE entity = $1", entity)
    ids = {row["id"] for row in held} | {row["id"] for row in aside}
    missing = [record.id for record in page.records if _storable(record.id) not in ids]
    assert missing == [], case
    for row in held:
        assert isinstance(json.loads(bytes(row["doc"]), parse_int=str), dict), case


def _storable(id_: str) -> str:
    return id_.replace("\0", "")


async def test_spoiled_pages_are_landed_row_by_row(
    work: Work, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = await landed_all(work, database, CASES, seed=1)
    with capsys.disabled():
        print(f"\n{CASES} spoiled pages at Postgres: {dict(outcomes.most_common())}")  # noqa: T201  # the count is the point
    assert {"landed", "quarantined", "unreadable"} <= outcomes.keys(), "all ways are walked"


@pytest.mark.long
async def test_many_more_of_them(work: Work, database: Database) -> None:
    await landed_all(work, database, CASES_LONG, seed=2)
