"""What the call log costs: the same first load with it and without it, in turn.

    python -m benchmarks.bench_call_log [--case twenty|two-hundred|one] [--rows 2500] [--rounds 7]

Each round loads the same rows into empty tables twice, once each way and in changing order, so that what else the
machine does meets both. The figures are the medians over the rounds of the ratio on / off: of the wall time, of the
program's processor time, and of Postgres'. Beside them stands what is hardly noisy: the processor time that logging
takes by itself, for batch calls of thirty statements with an answer of 1.65 MB, over what the program takes for a
request without it.
Parity: both ways land every row, and the log holds every request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from backfill.events import RequestAnswered
from backfill.model import RealmId
from backfill.qbo.envelopes import redacted
from backfill.store.call_log import CallLog
from backfill.store.database import open_database
from benchmarks.bench_extract import CASES
from benchmarks.ground import Ground, ground, served
from benchmarks.measured import median, write_result
from benchmarks.prebaked import ENTITIES, document

OFF = "[call_log]\nenabled = false\n"

ALONE_CALLS = 5000
"""As many as take a second, so that the clock's grain does not show."""

Round = Mapping[str, Mapping[str, float]]


def main() -> None:
    """Measure one case and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(CASES), default="twenty")
    parser.add_argument("--rows", type=int, help="of each of the eight entities of each realm")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    realms, rows = CASES[given.case]
    asyncio.run(_bench(given.case, realms, given.rows or rows, given.rounds))


async def _bench(case: str, realms: int, rows: int, rounds: int) -> None:
    async with ground() as empty:
        with served(empty, rows) as place:
            await _load(place, realms, rows, logged=True)  # warm-up
            alone_s = await _alone(place)
            runs = [await _round(place, realms, rows, first_logged=number % 2 == 0) for number in range(rounds)]
    _report(case, realms, rows, alone_s, runs)


def _report(case: str, realms: int, rows: int, alone_s: float, runs: list[Round]) -> None:
    total = realms * rows * len(ENTITIES)
    measures = ("wall_s", "cpu_s", "postgres_cpu_s")
    ratios = {name: median([run["on"][name] / run["off"][name] for run in runs]) for name in measures}
    share = alone_s / median([run["off"]["cpu_s"] / run["off"]["requests"] for run in runs])
    result = {
        "realms": realms,
        "rows": total,
        "on_over_off": ratios,
        "logging_us_per_call": alone_s * 1e6,
        "logging_over_request": share,
        "runs": runs,
    }
    path = write_result(f"call-log-{case}", result)
    print(f"{realms} realms, {total:,} rows, {len(runs)} rounds: with the call log over without it")
    for name, ratio in ratios.items():
        print(f"  {name:<16} {ratio:.4f}   {(ratio - 1) * 100:+.1f} %")
    print(f"  by itself        {alone_s * 1e6:,.0f} us a call, {share * 100:.2f} % of a request's processor time")
    print(f"  calls logged     {runs[0]['on']['logged']:,.0f}, every one; result in {path.name}")


async def _alone(place: Ground) -> float:
    """Processor seconds of this process a call, to observe it and to write it in bulk."""
    page = b",".join(document(number) for number in range(1000))
    statement = "SELECT * FROM Attachable WHERE MetaData.CreateTime >= '2016-01-01T00:00:00Z' MAXRESULTS 1000"
    asked = json.dumps({"BatchItemRequest": [{"bId": str(number), "Query": statement} for number in range(30)]})
    event = RequestAnswered(
        realm_id=RealmId("1000"),
        lane="batch",
        method="POST",
        path="/batch",
        status=200,
        code="",
        intuit_tid="1-5f734f0e-58baa045003ab251111c54e6",
        request_body=asked.encode(),
        body_bytes=len(page),
        body=page,
        duration_s=0.3,
    )
    async with open_database(place.dsn) as database:
        log = CallLog(database, now=lambda: datetime.now(UTC), redact=redacted)
        started = time.process_time()
        for _ in range(ALONE_CALLS):
            log.observe(event)
        await log.settle()
        spent = time.process_time() - started
    assert log.lost == 0, log.trouble
    return spent / ALONE_CALLS


async def _round(place: Ground, realms: int, rows: int, *, first_logged: bool) -> Round:
    order = (first_logged, not first_logged)
    return {"on" if logged else "off": await _load(place, realms, rows, logged=logged) for logged in order}


async def _load(place: Ground, realms: int, rows: int, *, logged: bool) -> Mapping[str, float]:
    loaded = await place.extract(realms, settings="" if logged else OFF)
    assert loaded.said["rows"]["landed"] == realms * rows * len(ENTITIES), loaded.said
    calls = await place.count("backfill.call WHERE lane <> 'token'")
    assert calls == (loaded.said["requests"]["total"] if logged else 0), f"{calls} calls are in the log"
    return {
        "wall_s": loaded.wall_s,
        "cpu_s": loaded.process.cpu_s,
        "postgres_cpu_s": loaded.postgres_cpu_s,
        "logged": calls,
        "requests": loaded.said["requests"]["total"],
    }


if __name__ == "__main__":
    main()
