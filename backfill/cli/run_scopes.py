"""What a run does for each realm, from the scope that it was begun with: so that another process can help with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from backfill.cli import reports, resync
from backfill.cli.extraction import TaskOf, extract_task
from backfill.config import Settings
from backfill.config.sections import ReportsSection
from backfill.jobs.outage import Outage
from backfill.jobs.report_options import ReportOptions
from backfill.qbo.catalogue import entity as find_entity
from backfill.qbo.reports import Basis
from backfill.qbo.reports import report as find_report


class ExtractScope(msgspec.Struct, frozen=True):
    """Of `backfill extract`."""

    entities: Sequence[str]
    since: datetime | None
    reports: dict[str, Any] | None = None


class ResyncScope(msgspec.Struct, frozen=True):
    """Of `backfill resync`."""

    entities: Sequence[str]
    outage: tuple[datetime, datetime | None]


class ReportsScope(msgspec.Struct, frozen=True):
    """Of `backfill reports`."""

    reports: Sequence[str]
    bases: Sequence[Basis]
    by: Sequence[str]
    period_months: int
    first: date | None = msgspec.field(name="from")
    last: date | None = msgspec.field(name="to")


def _extract(settings: Settings, text: bytes) -> TaskOf:
    scope = msgspec.json.decode(text, type=ExtractScope)
    reports = None if scope.reports is None else reports_beside(settings, scope.reports)
    return extract_task(settings, [find_entity(name) for name in scope.entities], scope.since, reports)


def _resync(settings: Settings, text: bytes) -> TaskOf:
    scope = msgspec.json.decode(text, type=ResyncScope)
    since, until = scope.outage
    return resync.task_of(settings, Outage(since=since, until=until), [find_entity(name) for name in scope.entities])


def _reports(settings: Settings, text: bytes) -> TaskOf:
    return reports.task_of(reports_alone(settings, msgspec.json.decode(text, type=ReportsScope)))


TASKS: Mapping[str, Callable[[Settings, bytes], TaskOf]] = {
    "extract": _extract,
    "resync": _resync,
    "reports": _reports,
}
"""Kind of run to what it does, of its scope in JSON. `verify` is not among them: it writes its pages to one machine."""


def reports_beside(settings: Settings, scope: Mapping[str, Any]) -> ReportOptions | None:
    """Of an `extract`. What the scope does not say is as configured here."""
    chosen = ReportsSection.model_validate(scope)
    return settings.reports.model_copy(update={name: getattr(chosen, name) for name in scope}).options()


def reports_alone(settings: Settings, scope: ReportsScope) -> ReportOptions:
    """Of a `reports`. What the scope does not say is as configured here."""
    return ReportOptions(
        reports=tuple(find_report(name) for name in scope.reports),
        bases=tuple(scope.bases),
        by=tuple(scope.by),
        first=scope.first,
        last=scope.last,
        period_months=scope.period_months,
        trailing_periods=settings.reports.trailing_periods,
        newest_first=settings.reports.newest_first,
        readers=settings.reports.readers_per_realm,
    )
