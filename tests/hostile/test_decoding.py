"""Hostile answers, decoded: whatever comes, only rows that a table takes, refusals, and errors of ours come out."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pytest

from backfill.errors import RequestError
from backfill.model import RealmId, Record, Refusal
from backfill.qbo import answers, calls
from backfill.qbo.answers import BatchAnswer, CdcAnswer, Page
from backfill.qbo.catalogue import CATALOGUE, Reading
from backfill.qbo.checked import check
from backfill.wire import Request, Response
from tests.hostile.company import Company
from tests.hostile.mutations import MUTATIONS

CASES = 4_000
CASES_LONG = 200_000


@dataclass(frozen=True)
class Sample:
    """A real answer and how it is read."""

    request: Request
    body: bytes
    decode: Callable[..., object]


async def samples(rows: int = 150) -> list[Sample]:
    """Answers of every kind that extract reads, from a simulated company of so many rows."""
    company = Company(rows)
    realm = company.realm_id

    async def sample(request: Request, decode: Callable[..., object]) -> Sample:
        return Sample(request, await company.answer(request), decode)

    found = []
    for entity in CATALOGUE.values():
        if entity.reading is Reading.SCAN:
            request = calls.query(realm, f"SELECT * FROM {entity.name} MAXRESULTS 7")
            found.append(await sample(request, partial(answers.decode_page, entity)))
            found.append(await sample(request, partial(answers.decode_page_to_land, entity)))
    count = calls.query(realm, "SELECT COUNT(*) FROM Customer")
    found.append(await sample(count, answers.decode_count))
    batch = calls.batch(realm, {"1": "SELECT * FROM Customer MAXRESULTS 3", "2": "SELECT COUNT(*) FROM Nothing"})
    found.append(await sample(batch, answers.decode_batch))
    found.append(await sample(batch, answers.decode_batch_to_land))
    changed = calls.cdc(realm, [CATALOGUE["Customer"], CATALOGUE["Invoice"]], datetime(2026, 11, 1, tzinfo=UTC))
    found.append(await sample(changed, answers.decode_cdc))
    return found


def harmless(decoded: object) -> None:
    """Nothing in it that a table of ours could not take, and no row that has gone missing on the way."""
    match decoded:
        case Page(records, refusals, received):
            assert len(records) + len(refusals) == received
            for record in records:
                _harmless_record(record)
            for refusal in refusals:
                _harmless_refusal(refusal)
        case BatchAnswer(items):
            for item in items.values():
                if not isinstance(item, RequestError):
                    harmless(item if isinstance(item, Page) else item.record)
        case CdcAnswer(pages):
            for page in pages.values():
                harmless(page)
        case Record():
            _harmless_record(decoded)
        case _:
            assert isinstance(decoded, int)
            assert decoded >= 0


def _harmless_record(record: Record) -> None:
    assert 0 < len(record.id) <= 300
    record.id.encode()
    assert record.sync_token is None or 0 <= record.sync_token < 2**63
    for moment in (record.created_at, record.updated_at):
        assert moment is None or moment.tzinfo is UTC
    assert bytes(record.doc).strip()[:1] == b"{"


def _harmless_refusal(refusal: Refusal) -> None:
    assert len(refusal.raw) <= 1024 * 1024
    assert refusal.message


def came_of(decode: Callable[..., object], response: Response, request: Request) -> str:
    """What became of an answer: harmless rows, or an error of ours with words that can be said."""
    try:
        check(response, request)
        decoded = decode(response, request=request)
    except RequestError as error:
        assert len(str(error).encode()) < 20_000  # noqa: PT017  # either of the two may be
        return type(error).__name__
    harmless(decoded)
    return "refused rows" if getattr(decoded, "refusals", None) else "decoded"


async def fuzzed(cases: int, seed: int) -> Counter[str]:
    """What became of so many spoiled answers, by mutation and outcome."""
    corpus = await samples()
    outcomes: Counter[str] = Counter()
    names = list(MUTATIONS)
    for number in range(cases):
        rng = random.Random(f"{seed}:{number}")
        sample, name = rng.choice(corpus), rng.choice(names)
        body = sample.body
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            body = MUTATIONS[name](body, rng) if body else body
            name = rng.choice(names)
        response = Response(status=rng.choice([200, 200, 200, 200, 400, 503]), body=body)
        try:
            outcomes[came_of(sample.decode, response, sample.request)] += 1
        except BaseException as error:
            raise AssertionError(f"case {seed}:{number}, {name}: {body[:300]!r}") from error
    return outcomes


async def test_spoiled_answers_crash_nothing_and_give_no_row_that_cannot_be_kept(tally: Counter[str]) -> None:
    outcomes = await fuzzed(CASES, seed=1)
    tally.update(outcomes)
    assert sum(outcomes.values()) == CASES
    assert {"decoded", "refused rows", "FaultError", "UnreadableError"} <= outcomes.keys(), "all ways are walked"
    assert max(outcomes.values()) < CASES * 0.8


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
async def test_many_more_of_them(seed: int, tally: Counter[str]) -> None:
    tally.update(await fuzzed(CASES_LONG // 4, seed=seed))


SIZE = 5 * 1024 * 1024
"""Above what is looked through before it is decoded, and as large as can be looked at in a test's time."""
TIME = b'"time":"2026-11-20T18:00:00Z"}'


def filled(begin: bytes, piece: bytes, end: bytes) -> bytes:
    """So many pieces that the whole has about `SIZE` bytes."""
    return begin + piece * (SIZE // len(piece)) + end


ROWS, END = b'{"QueryResponse":{"Invoice":[', b"]}," + TIME
LARGE = {
    "brackets": filled(b"", b"[", b"]"),
    "objects": filled(b"", b'{"a":', b"}"),
    "rows of nothing": filled(ROWS, b"{},", b"{}" + END),
    "rows of numbers": filled(ROWS, b"1,", b"1" + END),
    "rows with an id": filled(ROWS, b'{"Id":"1234567","SyncToken":"0"},', b"{}" + END),
    "commas": filled(ROWS, b",", END),
    "one string": filled(ROWS + b'"', b"x", b'"' + END),
    "backslashes": filled(ROWS + b'"', b"\\", b'"' + END),
    "quotes": filled(ROWS, b'"', END),
    "quotes within a broken string": filled(ROWS + b'"\\ud800', b'\\"', b'"' + END),
    "quotes within a broken key": filled(ROWS + b'{"\\ud800', b'\\"', b'":1}' + END),
    "keys": filled(b"{", b'"k":[{"Id":1}],', b'"k":1}'),
    "one key many times": filled(b'{"QueryResponse":{', b'"Invoice":[],', b'"Invoice":[]},' + TIME),
    "digits": filled(b'{"QueryResponse":{"totalCount":', b"9", b"}," + TIME),
    "digits of an id": filled(ROWS + b'{"Id":', b"9", b"}" + END),
    "faults": filled(b'{"Fault":{"Error":[', b'{"code":"1"},', b'{"code":"1"}]}}'),
    "items": filled(b'{"BatchItemResponse":[', b'{"bId":"1","QueryResponse":{}},', b'{"bId":"1"}],' + TIME),
}
CPU_S = 20.0
"""Linear work on 5 MB takes a second or two, on a busy machine some more; what is quadratic takes days."""
OTHERS = (answers.decode_count, answers.decode_batch, answers.decode_batch_to_land, answers.decode_cdc)
TIMES_ITS_SIZE = 25
"""What decoding may hold for a moment, and only one answer is decoded at a time. Ordinary pages take about two."""


@pytest.mark.parametrize("name", LARGE)
def test_large_answers_take_memory_and_time_in_proportion(name: str) -> None:
    """They come to nothing, and that soon."""
    request = calls.query(RealmId("1"), "SELECT * FROM Invoice")
    response = Response(status=200, body=LARGE[name])
    started = time.process_time()
    tracemalloc.start()
    try:
        for decode in (partial(answers.decode_page, CATALOGUE["Invoice"]), *OTHERS):
            came_of(decode, response, request)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < CPU_S
    assert peak < TIMES_ITS_SIZE * len(response.body), f"{peak / len(response.body):.1f} times its size"
