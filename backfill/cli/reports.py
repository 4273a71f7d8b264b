"""`backfill reports`: read companies' reports into Postgres, and hold them against one another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, JsonOption, NoWaitOption, RealmOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.cli.extraction import Extraction, Task, TaskOf
    from backfill.config import Settings
    from backfill.errors import UsageError
    from backfill.jobs.report_options import ReportOptions
    from backfill.jobs.work import RealmWork
    from backfill.model import Proof, Scan
    from backfill.qbo.reports import Report
    from backfill.store.postgres_store import PostgresStore

YEARS = range(1900, 2200)
"""Intuit refuses days before these; a day after them is a slip, and would be read in thousands of empty periods."""


def reports(
    realm: RealmOption = None,
    report: Annotated[
        list[str] | None, typer.Option("--report", metavar="NAME", help="Only this report; may be repeated.")
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="From this day on; else from the company's first transaction."),
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="To this day; else to today.")] = None,
    basis: Annotated[
        str | None, typer.Option("--basis", metavar="BASIS", help="accrual, cash or both; both unless said otherwise.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by", metavar="COLUMNS", help="Columns beside the total: month, class, customer, ...; repeated."
        ),
    ] = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="Begin with the latest periods.")] = False,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read reports of every registered company, in six-month periods. What is held is not read again, but the latest.

    Exit code 0: all there and proven. 1: something is parked or unproven. 2: wrong usage. 3: stopped.
    """

    async def work(settings: Settings) -> Exit:
        options = options_of(settings, report or [], first, last, basis, by or [], newest_first=newest_first)
        ended = await read(settings, options, realm or [], wait=not no_wait)
        output.show(ended.as_json(), ended.in_words(), as_json=as_json)
        return ended.exit_code

    run_command(work, config=config, as_json=as_json)


async def read(settings: Settings, options: ReportOptions, realm_ids: Sequence[str], *, wait: bool) -> Extraction:
    """Read the reports of the realms (none named: all). Raises `BackfillError`."""
    from backfill.cli.extraction import run_realms

    scope = {
        "reports": sorted(report.name for report in options.reports),
        "bases": list(options.bases),
        "by": list(options.by),
        "from": options.first and options.first.isoformat(),
        "to": options.last and options.last.isoformat(),
        "period_months": options.period_months,
    }
    return await run_realms(settings, "reports", scope, realm_ids=realm_ids, wait=wait, task=task_of(options))


def task_of(options: ReportOptions) -> TaskOf:
    """Reads the reports of a realm."""
    from backfill.jobs.reports import report_realm

    def task(store: PostgresStore) -> Task:
        async def report(work: RealmWork, scan: Scan) -> Sequence[Proof]:
            return await report_realm(work, store, options, scan)

        return report

    return task


def options_of(
    settings: Settings,
    names: Sequence[str],
    first: str | None,
    last: str | None,
    basis: str | None,
    by: Sequence[str],
    *,
    newest_first: bool,
) -> ReportOptions:
    """The configuration's options with what the command line says instead. Raises `UsageError`."""
    from dataclasses import replace

    from backfill.cli.compose import now
    from backfill.errors import UsageError
    from backfill.qbo.reports import REPORTS, Basis, summary
    from backfill.qbo.reports import report as find_report

    section = settings.reports
    chosen = [find_report(name).name for name in names] or section.names or tuple(REPORTS)
    options = section.model_copy(update={"names": tuple(dict.fromkeys(chosen))}).options()
    assert options is not None, "some report is chosen"
    if basis is not None:
        words = {"both": tuple(Basis), **{one.value: (one,) for one in Basis}}
        if basis.lower() not in words:
            raise UsageError(f"--basis {basis}: give accrual, cash or both.")
        if basis.lower() == Basis.CASH and not any(report.based for report in options.reports):
            raise _of_no_use(f"--basis {basis}", "basis", options.reports)
        options = replace(options, bases=words[basis.lower()])
    if by:
        options = replace(options, by=("", *dict.fromkeys(summary(name) for name in by)))
        if not any(report.by for report in options.reports):
            raise _of_no_use(f"--by {', '.join(by)}", "columns", options.reports)
    start, end = _day("--from", first), _day("--to", last)
    if start is not None and end is not None and start > end:
        raise UsageError(f"--from {start} is after --to {end}.", action="Give the earlier day first.")
    if start is not None and end is None and start > now().date() + timedelta(days=1):  # somewhere it is tomorrow
        raise UsageError(f"--from {start}: that is yet to come.", action="Give --to as well for what is dated ahead.")
    return replace(options, first=start, last=end, newest_first=newest_first or options.newest_first)


def _of_no_use(option: str, what: str, reports: Sequence[Report]) -> UsageError:
    from backfill.errors import UsageError

    names = ", ".join(report.name for report in reports)
    return UsageError(f"{option}: QuickBooks lets nobody choose the {what} of {names}.", action="Leave it out.")


def _day(option: str, text: str | None) -> date | None:
    from backfill.errors import UsageError

    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: give a date such as 2026-01-31.") from None
    if day.year not in YEARS:
        raise UsageError(f"{option} {text}: no books are of that time.", action="Leave it out for all that there is.")
    return day
