"""The reports of one realm: planned, read, and held against one another. Restarting is the ordinary path.

What is held is its own checkpoint, so that a realm goes on from whatever was landed. Where two reports do not agree,
the books have moved between the two, or were edited long after an old period was read: both are read once more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from backfill.errors import FaultError, UnansweredError, UnprovenError
from backfill.jobs.company_facts import CompanyFacts, company_facts
from backfill.jobs.proofs import is_not_offered
from backfill.jobs.readers import share
from backfill.jobs.report_begin import first_day
from backfill.jobs.report_options import ReportOptions
from backfill.jobs.report_plan import Asked, Planned, companion, open_dates, plan, what_to_ask
from backfill.jobs.report_ports import ReportStore
from backfill.jobs.report_proofs import Evidence, Mismatch, Place, mismatches
from backfill.jobs.report_reading import PeriodReader
from backfill.jobs.report_sizes import Size, remembered
from backfill.jobs.too_much import is_from_a_sound_server, is_time_out
from backfill.jobs.work import OF_THE_REALM, RealmWork
from backfill.model import Proof, Scan
from backfill.qbo.reports import Report
from backfill.report_model import HeldReport, Period

_READ_AGAIN_MAX = 2
"""Times that a period is read again because it does not agree. Books that move each time are read at a quieter hour."""

_BARREN_MAX = 2
"""Periods in a row of which nothing can be read, after which no more are asked for: each may cost some forty calls."""

_REASONS_MAX = 5
"""Of what is said of one report; the rest is in its rows."""

_NOT_OFFERED = {"5020"}
"""Beside what entities say, reports have refused with 'permission denied' what a company's plan does not have."""


async def report_realm(work: RealmWork, reports: ReportStore, options: ReportOptions, scan: Scan) -> Sequence[Proof]:
    """Read the reports of one realm to their end and store the proofs. Raises as `read_reports` does."""
    facts = await company_facts(work)
    if scan.started_at is None:
        await work.store.begin_scan(work.lease, work.run_id, started_at=facts.server_time, census={}, slices=[])
    proofs = await read_reports(work, reports, options, facts)
    await work.store.finish_scan(work.lease, work.run_id, proofs)
    return proofs


async def read_reports(
    work: RealmWork, reports: ReportStore, options: ReportOptions, facts: CompanyFacts
) -> Sequence[Proof]:
    """Read what is missing of the realm's reports, and say of each whether it is whole and agrees.

    Raises `StoppedError` between two answers when asked to stop, `LeaseLostError`, and `RequestError` for what concerns
    the whole realm.
    """
    if options.first is None:
        facts = replace(facts, first_date=await first_day(work, facts, months=options.period_months))
    asked = what_to_ask(options, facts)
    held: dict[tuple[str, str], list[HeldReport]] = defaultdict(list)
    for one in await reports.held_reports(work.realm_id):
        held[one.part.report, one.part.parameters].append(one)
    today = facts.server_time.date()
    readings = [
        _Reading(one, plan(one, options, facts, today), remembered(parts), held=bool(parts))
        for one in asked
        for parts in [held[one.report.name, one.key]]
    ]
    job = _Job(work, reports, options, facts, readings)
    with work.turn.breakable():
        await job.read(job.missing(held))
    # What is read again for a proof is little, and a turn that ended within it would begin it anew.
    return await job.prove()


@dataclass(slots=True)
class _Reading:
    """One report with its periods, and how far it is."""

    asked: Asked
    planned: Sequence[Planned]
    size: Size
    held: bool = False
    """Whether some of it is: then the company has it."""
    refused: FaultError | None = None
    """Intuit does not give it: no further period is asked for."""
    faults: list[str] = field(default_factory=list)
    """Of periods that cannot be read."""
    barren: int = 0
    """Periods of which nothing could be read, since the last one of which something could."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """Dates that are still to be read."""

    reading: _Reading
    planned: Planned
    dates: Period


class _Job:
    def __init__(
        self,
        work: RealmWork,
        reports: ReportStore,
        options: ReportOptions,
        facts: CompanyFacts,
        readings: Sequence[_Reading],
    ) -> None:
        self._work = work
        self._reports = reports
        self._options = options
        self._facts = facts
        self._readings = readings
        self._landed = False
        self._silent = False
        """One report was met with silence, and nothing has come since. So it is with all, if another one is."""

    def missing(self, held: dict[tuple[str, str], list[HeldReport]]) -> list[_Gap]:
        """What is not held yet; and the last periods, or all of dates that were asked for by name, once in a run."""
        found = []
        for reading in self._readings:
            parts = held[reading.asked.report.name, reading.asked.key]
            kept = 0 if self._options.first is not None else len(reading.planned) - self._options.trailing_periods
            again = {planned.period for planned in reading.planned[max(0, kept) :]}
            for planned in reading.planned:
                read_again = planned.period in again
                dates = open_dates(planned, parts, read_again=read_again, run_id=self._work.run_id)
                found += [_Gap(reading, planned, part) for part in dates]
        return found

    async def read(self, gaps: Sequence[_Gap]) -> None:
        """Read all gaps. The first of each report goes ahead: from what it takes, the others know how much to ask."""
        ordered = sorted(gaps, key=lambda gap: gap.dates, reverse=self._options.newest_first)
        first, rest, met = list[_Gap](), list[_Gap](), set[int]()
        for gap in ordered:
            (rest if id(gap.reading) in met else first).append(gap)
            met.add(id(gap.reading))
        await self._read_beside(first)
        await self._read_beside(rest)

    async def _read_beside(self, gaps: Sequence[_Gap]) -> None:
        """Several gaps at a time. Raises the first error of any."""
        name = f"realm {self._work.realm_id}, reports"
        await share(gaps, self._read_gap, readers=self._options.readers, name=name)

    async def _read_gap(self, gap: _Gap) -> None:
        """One gap, or the reason why it cannot be read: then the others go on.

        That there is no such report one answer does not prove, so it is asked for again.
        """
        error = await self._read_once(gap)
        if error is not None and _is_not_there(error):
            error = await self._read_once(gap)
        gap.reading.refused = gap.reading.refused or error

    async def _read_once(self, gap: _Gap) -> FaultError | None:
        """What the report is refused with, if it is. Raises what concerns the realm."""
        reading = gap.reading
        if reading.refused is not None or reading.barren == _BARREN_MAX:
            return None
        reader = PeriodReader(
            work=self._work,
            reports=self._reports,
            planned=gap.planned,
            size=reading.size,
            facts=self._facts,
            step=self._step,
        )
        try:
            await reader.read(gap.dates)
        except UnprovenError as error:
            reading.faults.append(error.message)
        except UnansweredError as error:
            if self._silent or not is_time_out(error):
                raise
            self._silent = True
            reading.faults.append(error.message)
            reading.barren = _BARREN_MAX
            return None
        except FaultError as error:
            if error.disposition in OF_THE_REALM:
                raise
            return error  # what stays after all retries may be this one report's: the others are asked for
        self._silent = False
        reading.held = True
        reading.barren = 0 if reader.answers else min(reading.barren + 1, _BARREN_MAX)
        return None

    @contextmanager
    def _step(self) -> Iterator[None]:
        """One answer and its landing. The first is done to its end, or turns that are over by then came to none."""
        if self._landed:
            self._work.turn.check()
            yield
        else:
            with self._work.turn.whole():
                yield
            self._landed = True

    async def prove(self) -> list[Proof]:
        """What is to be said of each report, once what does not agree was read again."""
        again: Counter[Place] = Counter()
        while True:
            found = [(reading, await self._mismatches(reading)) for reading in self._readings]
            gaps = list(self._suspects((one for _, some in found for one in some), again))
            if not gaps:
                break
            await self.read(gaps)
        proofs = [self._proof(reading, some) for reading, some in found]
        country = self._facts.country
        proofs += [_not_there(report, country) for report in self._options.reports if not report.offered_in(country)]
        return proofs

    async def _mismatches(self, reading: _Reading) -> list[Mismatch]:
        if reading.refused is not None:
            return []
        asked = reading.asked
        realm_id, ties_to, evidence = self._work.realm_id, asked.report.ties_to, self._reports.report_evidence
        found = Evidence(
            asked=asked,
            planned=reading.planned,
            held=await evidence(realm_id, asked.report.name, asked.key, run_id=self._work.run_id),
            beside=await evidence(realm_id, ties_to, companion(asked).key) if ties_to else (),
            facts=self._facts,
            run_id=self._work.run_id,
            from_the_beginning=self._options.first is None,
        )
        return mismatches(found)

    def _suspects(self, found: Iterable[Mismatch], again: Counter[Place]) -> Iterator[_Gap]:
        """The periods that do not agree and may still be read again, counted in `again`."""
        places = {place for mismatch in found for place in mismatch.periods}
        for reading in self._readings:
            for planned in reading.planned:
                key = (reading.asked.report.name, reading.asked.key, planned.period)
                if key in places and again[key] < _READ_AGAIN_MAX and reading.refused is None:
                    again[key] += 1
                    yield _Gap(reading, planned, planned.dates)

    def _proof(self, reading: _Reading, found: Sequence[Mismatch]) -> Proof:
        """Proven if nothing speaks against it. `counted` and `landed_live` are periods."""
        asked = reading.asked
        if reading.refused is not None:
            return _unread(reading, reading.refused)
        reasons = [*reading.faults, *(mismatch.reason for mismatch in found)]
        lacking = {mismatch.lacks for mismatch in found if mismatch.lacks is not None}
        more = f"; and {len(reasons) - _REASONS_MAX} more" if len(reasons) > _REASONS_MAX else ""
        return Proof(
            entity=asked.title,
            proven=not reasons,
            method="whole periods that add up" + (f" to {asked.report.ties_to}" if asked.report.ties_to else ""),
            counted=len(reading.planned),
            landed_live=len(reading.planned) - len(lacking),
            quarantined=0,
            watermark=self._facts.server_time,
            reason="; ".join(reasons[:_REASONS_MAX]) + more,
        )


def _not_there(report: Report, country: str) -> Proof:
    """The proof of a report that companies of the country do not have: it is not asked for."""
    return Proof(report.name, True, f"not offered in {country}", 0, 0, 0, None)


def _is_not_there(refusal: FaultError) -> bool:
    """Whether a server that was well says that the company has no such report."""
    return (is_not_offered(refusal) or refusal.code in _NOT_OFFERED) and is_from_a_sound_server(refusal)


def _unread(reading: _Reading, refusal: FaultError) -> Proof:
    """The proof of a report that Intuit does not give."""
    not_offered = _is_not_there(refusal) and not reading.held
    return Proof(
        entity=reading.asked.title,
        proven=not_offered,
        method="not offered by this company" if not_offered else "refused",
        counted=0 if not_offered else None,
        landed_live=0,
        quarantined=0,
        watermark=None,
        reason="" if not_offered else refusal.message,
    )
