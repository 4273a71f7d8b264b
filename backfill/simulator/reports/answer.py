"""The answer to `GET /reports/{name}`: the report, as much of it as fits, and how long it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from backfill.simulator.acting import Acting
from backfill.simulator.clock import PacificZone
from backfill.simulator.company import Company
from backfill.simulator.documented import TIMED_OUT
from backfill.simulator.documents import Doc, decode
from backfill.simulator.envelopes import JSON_OK, PACIFIC, XML, Answer, xml_fault
from backfill.simulator.faults import Fault, FaultedError, no_resource
from backfill.simulator.reports.asked import Asked, asked, first_month_of
from backfill.simulator.reports.catalogue import REPORTS, Report
from backfill.simulator.reports.chart import Chart
from backfill.simulator.reports.filters import Sight, filter_of
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.layout import TooWideError
from backfill.simulator.reports.nodes import Columns, Draft, MetaData, Rows, cut_after, every_row
from backfill.simulator.reports.splits import Splits
from backfill.simulator.reports.words import Words
from backfill.simulator.settings import ReportSettings

OVERFLOW = "Unable to display more data. Please reduce the date range."
"""What a report that is too large says instead of the rest of it. Never translated, as far as anybody has seen."""

_ECHOED = ("customer", "vendor", "employee", "item", "class", "department")
"""Filters that the header repeats."""


def report(acting: Acting) -> Answer:
    """The whole answer. Raises `FaultedError` for a report that there is not, and for parameters of no sense."""
    wanted, settings = _wanted(acting), acting.settings.reports
    inquiry = _inquiry(acting, wanted)
    try:
        draft = wanted.make(inquiry)
    except TooWideError:
        return _timed_out(acting)
    cells = sum(1 for _ in every_row(draft.rows)) * draft.width
    work_s = (settings.base_s + cells * settings.cell_s * _width_factor(settings, draft.width)) / _scale(acting)
    if work_s > settings.deadline_s / _scale(acting):
        return _timed_out(acting)
    rows = draft.rows
    if cells > settings.cells:
        rows = cut_after(rows, settings.cells // draft.width, OVERFLOW, draft.width)
    body = msgspec.json.encode(
        {
            "Header": _header(acting, wanted, inquiry.asked, draft),
            "Columns": Columns(list(draft.columns)),
            "Rows": Rows(rows) if rows else Rows(),
        }
    )
    if inquiry.modern and settings.lists == "bare":
        body = msgspec.json.encode(_bare(msgspec.json.decode(body)))
    return Answer(200, body, JSON_OK, rows=len(rows), work_s=work_s)


def _timed_out(acting: Acting) -> Answer:
    """What the gateway answers in the place of a report that takes too long, and when: at the deadline."""
    # As was recorded of a report: without any detail.
    body = xml_fault(replace(TIMED_OUT, detail=""), acting.instant).replace(b"<Detail></Detail>", b"")
    return Answer(504, body, XML, code=TIMED_OUT.code, work_s=acting.settings.reports.deadline_s / _scale(acting))


def _wanted(acting: Acting) -> Report:
    match acting.call.segments:
        case [_, name]:
            wanted = REPORTS.get(name)
            if wanted is None or (wanted.countries and acting.company.country not in wanted.countries):
                raise FaultedError(_denied(name))
            return wanted
        case _:
            raise FaultedError(no_resource(f"/v3/company/{acting.call.realm_id}{acting.call.path}"))


def _denied(name: str) -> Fault:
    """5020, as was reported of reports that are not there, or not in that company. Our wording of the detail."""
    return Fault("5020", "Permission Denied Error", f"Permission Denied Error : the report {name} is not available")


def _inquiry(acting: Acting, wanted: Report) -> Inquiry:
    company, settings = acting.company, acting.settings.reports
    shelf = acting.shelves.of(company)
    today = acting.instant.astimezone(PACIFIC).date()
    info, preferences = _singleton(company, "CompanyInfo"), _singleton(company, "Preferences")
    basis = str((preferences.get("ReportPrefs") or {}).get("ReportBasis") or "Accrual")
    first_month = first_month_of(info.get("FiscalYearStartMonth"))
    params = asked(acting.call.params, today=today, first_month=first_month, macro=wanted.macro, basis=basis)
    if not wanted.by_columns:
        params = replace(params, by="Total")
    chart, daybook = Chart(company), shelf.daybook()
    modern = settings.shape == "modern" or params.preview
    splits = Splits(daybook)
    return Inquiry(
        company=company,
        asked=params,
        settings=settings,
        chart=chart,
        papers=shelf.papers,
        words=Words("fr" if company.country == "FR" else "en", modern=modern),
        daybook=daybook,
        book=shelf.cash_book(daybook, chart) if params.basis == "Cash" and wanted.has_basis else daybook,
        admits=filter_of(params, Sight(chart, shelf.papers, splits.first_account, PacificZone())),
        modern=modern,
        rng=Random(f"{acting.instant}"),
    )


def _singleton(company: Company, entity: str) -> Doc:
    for row in company.table(entity).all():
        return decode(row.doc)
    return {}


def _header(acting: Acting, wanted: Report, params: Asked, draft: Draft) -> dict[str, Any]:
    options = [*draft.options, ("NoReportData", "false" if draft.has_data else "true")]
    return {
        "Time": _time(acting.instant),
        "ReportName": wanted.name,
        **dict(_days(wanted, params)),
        **draft.header,
        "Currency": acting.company.home_currency,
        **{name.capitalize(): ",".join(sorted(params.ids[name])) for name in _ECHOED if name in params.ids},
        "Option": [MetaData(name, value) for name, value in options],
    }


def _days(wanted: Report, params: Asked) -> Iterator[tuple[str, str]]:
    """Which days it is about, and how its amounts are counted and laid out."""
    if wanted.kind == "list":
        return
    if params.macro:
        yield "DateMacro", params.macro.lower()
    if wanted.has_basis:
        yield "ReportBasis", params.basis
    if wanted.kind != "aging":
        if params.start:
            yield "StartPeriod", params.start
        yield "EndPeriod", params.end
    if wanted.by_columns:
        yield "SummarizeColumnsBy", params.by


def _time(instant: datetime) -> str:
    return instant.astimezone(PACIFIC).isoformat(timespec="seconds")


def _scale(acting: Acting) -> float:
    return acting.settings.limits_scale


def _width_factor(settings: ReportSettings, width: int) -> float:
    """Wide reports take longer than their cells alone would say."""
    return settings.wide_factor if width > settings.wide_columns else 1.0


def _bare(value: Any) -> Any:
    """`Row`, `Column` and `ColData` without the object around them."""
    if isinstance(value, Mapping):
        if value.keys() <= {"Row"} or value.keys() <= {"Column"}:
            return _bare(next(iter(value.values()), []))
        return {key: _bare(part["ColData"]) if _is_cells(part) else _bare(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_bare(part) for part in value]
    return value


def _is_cells(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"ColData"}
