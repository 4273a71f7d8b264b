"""A report's request, built and not sent."""

from __future__ import annotations

from backfill.model import RealmId
from backfill.qbo.calls import get
from backfill.qbo.report_columns import home_key
from backfill.qbo.reports import Basis, Dates, Report
from backfill.report_model import Period
from backfill.wire import Lane, Request

Parameters = tuple[tuple[str, str], ...]
"""Name and value, in order of the names; what a report is asked beside its period."""


def parameters(report: Report, *, basis: Basis | None, by: str = "", multicurrency: bool = False) -> Parameters:
    """What `report` is asked beside its period. A basis or a summary that it does not know is left out.

    `multicurrency`: amounts are asked for in the company's own currency as well. Which of the two a plain amount is, is
    not documented; a column that a company does not have is answered with empty cells.
    """
    found = dict(report.told)
    if report.based and basis is not None:
        found["accounting_method"] = basis.word
    if report.by and by:
        found["summarize_column_by"] = by
    if report.columns:
        at_home = [home_key(key) for key in report.columns if home_key(key) != key] if multicurrency else []
        found["columns"] = ",".join([*report.columns, *at_home])
    return tuple(sorted(found.items()))


def said(asked: Parameters) -> str:
    """Parameters as they are kept and shown: like a query string, not encoded."""
    return "&".join(f"{name}={value}" for name, value in asked)


def call(realm_id: RealmId, report: Report, period: Period, asked: Parameters) -> Request:
    """Ask for one report of one period."""
    dates: Parameters = ()
    if report.dates is Dates.RANGE:
        dates = (("start_date", period.start.isoformat()), ("end_date", period.end.isoformat()))
    elif report.dates is Dates.REPORT_DATE:
        dates = (("report_date", period.end.isoformat()),)
    return get(realm_id, f"/reports/{report.name}", *dates, *asked, lane=Lane.REPORT)


def narrowed(asked: Parameters, name: str, values: tuple[str, ...]) -> Parameters:
    """The same with one parameter more, or another value of it."""
    return tuple(sorted({**dict(asked), name: ",".join(values)}.items()))
