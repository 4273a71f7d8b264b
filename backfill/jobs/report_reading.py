"""One period of one report, read to its end: in one answer if it fits, else in as many as it takes.

What is too much for one answer (Intuit says so, leaves out totals, runs into its own time-out, or sends nothing of use)
is asked for in shorter parts, down to a day; then by accounts, or by their types where some may not be known; then by
columns. Rows of different answers are never joined: each answer is kept whole, as the part that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import msgspec

from backfill import events
from backfill.errors import (
    Disposition,
    FaultError,
    RequestError,
    TooLargeError,
    UnprovenError,
    UnreadableError,
)
from backfill.jobs import report_periods
from backfill.jobs.company_facts import CompanyFacts, accounts_now, families
from backfill.jobs.quoted import quoted
from backfill.jobs.report_figures import figures
from backfill.jobs.report_plan import Planned
from backfill.jobs.report_ports import ReportStore
from backfill.jobs.report_sizes import Size
from backfill.jobs.report_sums import wrong_sums
from backfill.jobs.too_much import halves, is_time_out, is_too_much
from backfill.jobs.work import RealmWork
from backfill.qbo.report_calls import Parameters, narrowed
from backfill.qbo.report_columns import TOTAL
from backfill.qbo.report_shape import Header, named
from backfill.qbo.reports import IDENTITY_COLUMNS, Dates, Kind
from backfill.report_model import Period, ReportDocument, ReportPart, RowType

_ACCOUNTS_CHARS_MAX = 1_500
"""Of a list of Ids in a URL. The cap on a URL is not documented, and edges have refused 2 to 8 kB."""

_UNANSWERED_MAX = 4
"""Time-outs in a row without a word, of ever shorter periods: then it is not their length that silences Intuit."""

_UNREADABLE_MAX = 3
"""Days of a period that cannot be read, after which no more of it is asked for: then it is not the days' fault, and
each may cost some twenty calls of two minutes."""

_LAST_TRIES = 3
"""What cannot be made smaller may have had bad luck, twice."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A share of one report's rows, or of its columns. None: all of them."""

    accounts: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    """Of accounts."""
    columns: tuple[str, ...] | None = None

    def narrow(self, parameters: Parameters) -> Parameters:
        if self.accounts is not None:
            parameters = narrowed(parameters, "account", self.accounts)
        if self.types is not None:
            parameters = narrowed(parameters, "account_type", self.types)
        return parameters if self.columns is None else narrowed(parameters, "columns", self.columns)

    def __str__(self) -> str:
        parts = (("account", self.accounts), ("account_type", self.types), ("columns", self.columns))
        return "&".join(f"{name}={','.join(values)}" for name, values in parts if values is not None)


@dataclass(slots=True, kw_only=True)
class PeriodReader:
    """Reads one planned period. `size` is shared with the other periods of the same report."""

    work: RealmWork
    reports: ReportStore
    planned: Planned
    size: Size
    facts: CompanyFacts
    step: Callable[[], AbstractContextManager[None]]
    """Around each answer and its landing: raises `StoppedError` instead if the realm is to give way before it."""
    answers: int = 0
    """Those that were landed."""
    suspect: bool = False
    """Something of the period failed after all retries of what may have been a passing trouble. What holds it may fail
    like it, so that is asked once and then for less."""

    async def read(self, dates: Period) -> None:
        """Read and land `dates`, oldest first.

        Raises `UnprovenError`, which names what cannot be read at all: at the end, or at once if it is more than a few
        days.
        """
        unreadable: list[UnprovenError] = []
        rest: Period | None = dates
        most: int | None = None  # as this period's own failures bound it
        unanswered = 0
        while rest is not None:
            part = self._next(rest, most)
            error = await self._tried(part)
            unanswered = unanswered + 1 if error is not None and is_time_out(error) else 0
            if error is None:
                rest, most = report_periods.after(rest, part), None
            elif unanswered == _UNANSWERED_MAX:
                raise error
            elif self.planned.asked.divisible and part.days > 1:
                most = part.days // 2
            else:
                try:
                    with self.work.turn.whole():  # what is read in cuts counts only with all of them
                        await self._read_in_cuts(part, error)
                except UnprovenError as unread:
                    unreadable.append(unread)
                    if len(unreadable) == _UNREADABLE_MAX:
                        break
                rest, most = report_periods.after(rest, part), None
        if unreadable:
            raise UnprovenError("; ".join(one.message for one in unreadable), action=unreadable[0].action)

    def _next(self, rest: Period, most: int | None) -> Period:
        """As much of `rest` as one answer holds, by what is known."""
        if not self.planned.asked.divisible:
            return rest
        # What is dated long ago is next to nothing, however long it is: nothing known bounds it.
        known = self.size.days() if rest.end >= report_periods.LONG_AGO else None
        bounds = [days for days in (most, known, self.planned.asked.days_max) if days is not None]
        return report_periods.cut(rest, min([rest.days, *bounds]))[0]

    async def _tried(self, dates: Period) -> RequestError | None:
        """Read and land the dates in one answer; or the error that says that it is too much for one."""
        try:
            await self._land(dates, Cut(), number=0, closes=True)
        except RequestError as error:
            if not _may_fit_in_parts(error):
                raise
            if isinstance(error, TooLargeError) and error.cells_max is not None:
                self.size.was_cut(dates.days, cells=error.cells_max)
            else:
                self.size.failed(dates.days)
            return error
        return None

    async def _read_in_cuts(self, dates: Period, error: RequestError) -> None:
        """What cannot be asked for in a shorter period, by accounts or their types and then by columns."""
        waiting = list(reversed(self._finer(Cut())))
        if not waiting:
            await self._read_once_more(dates, error)
            return
        by_accounts = any(cut.accounts is not None for cut in waiting)
        number = moved = 0
        while waiting:
            if by_accounts and len(waiting) == 1 and await self._accounts_have_moved():
                moved += 1
                if moved == _LAST_TRIES:
                    raise self._restless(dates)
                waiting, number = list(reversed(self._finer(Cut()))), 0
            cut = waiting.pop()
            try:
                await self._land(dates, cut, number=number, closes=not waiting)
            except RequestError as again:
                finer = self._finer(cut)
                if not _may_fit_in_parts(again):
                    raise
                if not finer:
                    raise self._unreadable(dates, cut, again) from again
                waiting += reversed(finer)
            else:
                number += 1

    async def _accounts_have_moved(self) -> bool:
        """Whether there are others by now, or below others: those that were made meanwhile are in no part."""
        accounts, whole = await accounts_now(self.work)
        before, self.facts = self.facts, replace(self.facts, accounts=accounts, accounts_whole=whole)
        return (accounts, whole) != (before.accounts, before.accounts_whole)

    async def _read_once_more(self, dates: Period, error: RequestError) -> None:
        for _ in range(_LAST_TRIES - 1):
            again = await self._tried(dates)
            if again is None:
                return
            error = again
        raise self._unreadable(dates, Cut(), error) from error

    def _finer(self, cut: Cut) -> Sequence[Cut]:
        """Two parts of `cut` or more, or nothing if it is as small as can be."""
        asked, accounts = self.planned.asked, cut.accounts
        if cut == Cut() and asked.report.by_account and self.facts.accounts_whole:
            accounts = tuple(sorted(self.facts.accounts))
            if types := self.facts.types_not_whole(asked.basis):  # parts by accounts might not be all of these
                accounts = tuple(id_ for id_ in accounts if self.facts.accounts[id_].type not in types)
                if accounts:
                    of_types = [replace(cut, types=(type_,)) for type_ in types]
                    return [*self._short(replace(cut, accounts=accounts)), *of_types]
        # Who asks for an account is given those below it as well: a family that is torn apart would come twice.
        together = families(self.facts.accounts, accounts or ())
        if len(together) > 1:
            parts = [tuple(id_ for family in half for id_ in family) for half in halves(together)]
            return [short for part in parts for short in self._short(replace(cut, accounts=part))]
        named = dict(cut.narrow(asked.parameters)).get("columns", "")
        columns = tuple(named.split(",")) if named else ()
        identity = tuple(key for key in columns if key in IDENTITY_COLUMNS)
        others = tuple(key for key in columns if key not in identity)
        if len(others) > 1:
            return [replace(cut, columns=(*identity, *half)) for half in halves(others)]
        return []

    def _short(self, cut: Cut) -> Sequence[Cut]:
        """`cut`, or as many as have their accounts in a URL. A family stays together, however long it is."""
        accounts = cut.accounts or ()
        if len(",".join(accounts)) <= _ACCOUNTS_CHARS_MAX or len(families(self.facts.accounts, accounts)) == 1:
            return [cut]
        return self._finer(cut)

    async def _land(self, dates: Period, cut: Cut, *, number: int, closes: bool) -> None:
        """Ask once, and land what comes with its checkpoint, which it is itself."""
        work, asked = self.work, self.planned.asked
        work.check_stop()
        with self.step() if cut == Cut() else nullcontext():  # what is cut is read to its end
            async with work.room.take(self.size.room_bytes(dates.days)):
                document = await self._answer(dates, cut.narrow(asked.parameters))
                faults = [*self._contradictions(document, dates), *wrong_sums(document)]
                part = ReportPart(asked.report.name, asked.key, self.planned.period, dates, number, str(cut), closes)
                await self.reports.land_report(
                    work.lease,
                    work.run_id,
                    part,
                    document,
                    figures=figures(asked.report, document),
                    faults=faults,
                )
        self.answers += 1
        if cut == Cut():
            fixed = sum(row.type is not RowType.DATA for row in document.rows) * len(document.columns)
            self.size.came(dates.days, cells=document.cells, fixed_cells=fixed, body_bytes=len(document.body))
        work.observe(
            events.PageLanded(
                realm_id=work.realm_id,
                entity=asked.report.name,
                landed=len(document.rows),
                unchanged=0,
                deleted=0,
                quarantined=0,
            )
        )

    async def _answer(self, dates: Period, parameters: Parameters) -> ReportDocument:
        """The report of the dates. What fails for what it asks is not asked six times over, two minutes each."""
        ask, report = self.work.ask, self.planned.asked.report
        try:
            return await ask.report(report, self._range(dates), parameters, hasty=True)
        except RequestError as error:
            if error.disposition is not Disposition.RETRY or is_time_out(error):
                raise
            if self.suspect and _may_fit_in_parts(error):
                raise
        try:
            return await ask.report(report, self._range(dates), parameters)
        except RequestError:
            self.suspect = True
            raise

    def _range(self, dates: Period) -> Period:
        """The dates to ask for. A balance counts a year's income from the year's beginning, wherever a range begins."""
        if self.planned.asked.report.kind is not Kind.AS_OF:
            return dates
        return Period(report_periods.fiscal_year_start(dates.end, self.facts.fiscal_month), dates.end)

    def _contradictions(self, document: ReportDocument, dates: Period) -> Iterator[str]:
        """Where what the report says of itself is not what was asked for, or not what it shows. What it does not say is
        not held against it.
        """
        header, asked = msgspec.json.decode(document.header, type=Header), self.planned.asked
        told = [("basis", document.basis, asked.basis.value if asked.basis else "")]
        last, today = (header.EndPeriod or "")[:10], (header.Time or "")[:10]
        ends_today = today and today <= last < str(dates.end)  # what is asked for may be tomorrow where the company is
        if asked.report.dates is Dates.RANGE and not ends_today:
            told.append(("last day", last, str(dates.end)))
        if asked.divisible:
            told.append(("first day", (header.StartPeriod or "")[:10], str(dates.start)))
        for what, said, wanted in told:
            if said and wanted and said != wanted:
                yield f"its {what} is {quoted(said)}, and {wanted} was asked for"
        if not document.rows and named(header.Option, "NoReportData").lower() == "false":
            yield "it says that it has data, and shows none"
        shown = document.columns[1:] if asked.by == "Days" else ()
        for column in shown if any(column.starts for column in shown) else ():
            if column.key != TOTAL and (column.starts is None or column.starts != column.ends):
                yield f"its column {quoted(column.key)} is of more than a day"

    def _restless(self, dates: Period) -> UnprovenError:
        return UnprovenError(
            f"{self.planned.asked.title} of realm {self.work.realm_id} for {dates} is read by accounts, and each time "
            "there were new ones before it was all there.",
            action="Run the same command again at a quieter hour.",
        )

    def _unreadable(self, dates: Period, cut: Cut, error: RequestError) -> UnprovenError:
        asked = self.planned.asked
        of = f" ({cut})" if str(cut) else ""
        return UnprovenError(
            f"{asked.title} of realm {self.work.realm_id} for {dates}{of} cannot be read in one answer, and cannot be "
            f"asked for in a smaller part: {error.message}",
            action=f"Leave it out, or ask Intuit's support with the intuit_tid {error.intuit_tid or '(none)'}.",
        )


def _may_fit_in_parts(error: RequestError) -> bool:
    """Whether the answer to a smaller question may be better: it was cut, took too long, is of no use, or the server
    fails on something that is in it.
    """
    if isinstance(error, UnreadableError) or is_time_out(error):
        return True
    return isinstance(error, TooLargeError | FaultError) and is_too_much(error)
