"""The state of the fleet at a moment, put together from the database: what the first page shows, and the JSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import anyio
import msgspec

from backfill.model import RunId
from backfill.qbo.expiries import (
    CONSENT_YEARS,
    IDLE_DAYS,
    WARN_CONSENT,
    WARN_IDLE,
    Expiry,
    TokenDates,
    expiry,
)
from backfill.qbo.faults import FAULTS
from backfill.store.database import Database
from backfill.store.fleet_status import CompanyCounts, FleetStatus, RateSeen, RunProgress
from backfill.store.metered import MeteredCounts, MeteredRow
from backfill.store.runs import RunStatus
from backfill.store.status import RunRow, Status

RUNS_SHOWN = 10
UNDER_WAY_SHOWN = 4
"""Commands at work at a time; there may be one of each kind."""
COMPANIES_SHOWN = 5
"""Of each kind that needs a person; the table of companies has them all."""
FAULT_HOURS = 6.0
"""A night shift's half: what came before it somebody has seen."""
LOADS_SHOWN = 5
MONTHS_SHOWN = 12

MEASURED_S = 60.0
"""Rates are of the last minute, as Intuit's limits are counted."""

# A day more than the ends themselves, which count years by the calendar.
_ENDING = (
    timedelta(days=IDLE_DAYS),
    WARN_IDLE + timedelta(days=1),
    timedelta(days=365 * CONSENT_YEARS),
    WARN_CONSENT + timedelta(days=CONSENT_YEARS // 4 + 1),
)


class Allowance(msgspec.Struct, frozen=True):
    """What is allowed, by configuration."""

    window_s: float
    """60, unless the limits are scaled for a rehearsal."""
    requests: int
    """Of one company in a window, less what is left to its other apps."""
    monthly_cap: int | None
    counted_as: str
    """`call` or `items`: what the cap counts of a batch."""


class UnderWay(msgspec.Struct, frozen=True):
    """A run that some process is at. Rates and the time left are None until they are measured, or where they cannot
    be."""

    run_id: RunId
    kind: str
    started_at: datetime
    owner: str
    helpers: int
    """Other processes that are at it; that of the owner may be gone."""
    progress: RunProgress
    rows_a_second: float | None = None
    seconds_left: float | None = None


class NeedsPerson(msgspec.Struct, frozen=True):
    """Companies that somebody must look at: the first few of how many, with what is known of each."""

    realms: int
    first: Sequence[Mapping[str, Any]]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that the first page shows."""

    at: datetime
    companies: CompanyCounts
    under_way: Sequence[UnderWay]
    runs: Sequence[Mapping[str, Any]]
    rate: RateSeen
    allowance: Allowance
    parked: NeedsPerson
    parked_codes: Mapping[str, int]
    unproven: NeedsPerson
    differing: NeedsPerson
    tokens_ending: NeedsPerson
    faults: Sequence[Mapping[str, Any]]
    fault_hours: float
    metered: Sequence[MeteredRow]
    loads: Sequence[Mapping[str, Any]]
    webhooks: Mapping[str, Any]


class Snapshots:
    """Makes them. `now`: the wall clock. `silence_s`: after so long without a heartbeat a run is taken for dead."""

    def __init__(
        self, database: Database, *, now: Callable[[], datetime], allowance: Allowance, silence_s: float
    ) -> None:
        self._now = now
        self._allowance = allowance
        self._silence_s = silence_s
        self._fleet = FleetStatus(database)
        self._status = Status(database)
        self._metered = MeteredCounts(database)
        self._speeds: dict[RunId, Speed] = {}

    async def take(self) -> Snapshot:
        """Ask for all of it, one after the other, so that a page takes one connection. Raises `UnavailableError`."""
        fleet = self._fleet
        runs = await self._status.runs(limit=RUNS_SHOWN, silence_s=self._silence_s)
        under_way = [run for run in runs if run.status is RunStatus.RUNNING or run.helpers][:UNDER_WAY_SHOWN]
        self._speeds = {run.run_id: self._speeds.get(run.run_id) or Speed() for run in under_way}
        companies = await fleet.companies()
        parked, codes = await fleet.parked(limit=COMPANIES_SHOWN)
        differing = await fleet.differing(limit=COMPANIES_SHOWN)
        ends = [expiry(TokenDates(**row), self._now()) for row in await fleet.tokens_ending(*_ENDING)]
        ending = sorted((end for end in ends if end.message), key=lambda end: (end.unused_until, end.realm_id))
        return Snapshot(
            companies=companies,
            under_way=[await self._under_way(run) for run in under_way],
            runs=[_of_run(run) for run in runs],
            rate=await fleet.rate(window_s=self._allowance.window_s),
            allowance=self._allowance,
            parked=NeedsPerson(companies.parked, parked),
            parked_codes={row["code"]: row["realms"] for row in codes},
            unproven=NeedsPerson(companies.unproven, await fleet.unproven(limit=COMPANIES_SHOWN)),
            differing=NeedsPerson(
                max((row["of"] for row in differing), default=0),
                [{name: value for name, value in row.items() if name != "of"} for row in differing],
            ),
            tokens_ending=NeedsPerson(len(ending), [_of_end(end) for end in ending[:COMPANIES_SHOWN]]),
            faults=[{**row, "meaning": meaning(row["code"])} for row in await fleet.faults(hours=FAULT_HOURS)],
            fault_hours=FAULT_HOURS,
            metered=await self._newest_month(),
            loads=await fleet.loads(limit=LOADS_SHOWN),
            webhooks=await fleet.webhooks(),
            at=self._now(),
        )

    async def _under_way(self, run: RunRow) -> UnderWay:
        progress = await self._fleet.progress(run.run_id)
        speed = self._speeds[run.run_id]
        speed.add(anyio.current_time(), progress)
        return UnderWay(
            run_id=run.run_id,
            kind=run.kind,
            started_at=run.started_at,
            owner=run.owner or "",
            helpers=run.helpers,
            progress=progress,
            rows_a_second=speed.rows_a_second(),
            seconds_left=speed.seconds_left(),
        )

    async def _newest_month(self) -> Sequence[MeteredRow]:
        months = await self._metered.months(limit=MONTHS_SHOWN)
        return [row for row in months if row.month == months[0].month]


class Speed:
    """How fast a run is, by the looks at it within the last minute. They come only while somebody looks."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, RunProgress]] = deque()

    def add(self, at: float, progress: RunProgress) -> None:
        """Remember how far it was at a moment of the event loop's."""
        self._seen.append((at, progress))
        while at - self._seen[0][0] > MEASURED_S and len(self._seen) > 2:
            self._seen.popleft()

    def rows_a_second(self) -> float | None:
        """None where there was one look only, or rows were taken back since, as by a scan that was begun again."""
        return self._a_second(lambda progress: progress.rows_met)

    def seconds_left(self) -> float | None:
        """By rows where the companies' censuses tell how many there are, those of the uncounted by the mean of the
        counted; else by companies."""
        if not self._seen:
            return None
        last = self._seen[-1][1]
        if last.rows_counted:
            left = last.rows_to_come + last.realms_uncounted * last.rows_counted / last.realms_counted
            rate = self.rows_a_second()
        else:
            left = float(last.waiting + last.working)
            rate = self._a_second(lambda progress: progress.ended)
        return left / rate if rate else None

    def _a_second(self, of: Callable[[RunProgress], int]) -> float | None:
        if len(self._seen) < 2:
            return None
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        grown = of(last) - of(first)
        return grown / (last_at - first_at) if grown >= 0 and last_at > first_at else None


def meaning(code: str) -> str:
    """What a fault's code means, with or without the zeros in front that Intuit writes; empty for a word of ours."""
    rule = FAULTS.get(code) or FAULTS.get(code.lstrip("0"))
    return "" if rule is None else rule.meaning


def _of_run(run: RunRow) -> Mapping[str, Any]:
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "status": run.status,
        "started_at": run.started_at,
        "heartbeat_at": run.heartbeat_at,
        "finished_at": run.finished_at,
        "realms": run.realms,
        "realms_done": run.realms_done,
        "realms_parked": run.realms_parked,
        "said": _said(run),
    }


def _said(run: RunRow) -> str:
    """What stopped it as a whole, and what to do; empty where nothing did. Of one that runs on it is no news."""
    if run.summary is None or run.status not in {RunStatus.STOPPED, RunStatus.INCOMPLETE}:
        return ""
    errors = msgspec.json.decode(run.summary).get("errors", ())
    own = [error for error in errors if not error["realm_id"] and not error["entity"]]
    return " ".join(f"{error['message']} {error['action']}" for error in own[:1])


def _of_end(end: Expiry) -> Mapping[str, Any]:
    return {"realm_id": end.realm_id, "urgency": end.urgency, "message": end.message, "action": end.action}
