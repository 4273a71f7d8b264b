"""Calls as Intuit's support asks for them: intuit_tid, time with offset, company, endpoint, request, response."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Literal

import orjson

from backfill.cli.private_file import written
from backfill.config import Settings
from backfill.store.call_search import Call

FIELDS = (
    "intuit_tid",
    "time",
    "environment",
    "company_id",
    "method",
    "endpoint",
    "status",
    "fault_code",
    "requestid",
    "attempt",
    "duration_ms",
    "request",
    "response",
)
"""Intuit's support asks for the first six, and what was sent and received; the rest spares it a question."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute. These bodies hold names that anybody may have written."""


async def export_calls(calls: AsyncIterator[Call], file: str, form: Literal["csv", "jsonl"], settings: Settings) -> int:
    """Write `file` whole, with mode 0600 from its first moment; `-`: stdout. Returns the number of calls.

    Raises `UsageError`.
    """
    count = 0
    with written(file) as target:
        if form == "csv":
            target.write(_csv_line(FIELDS))
        async for call in calls:
            fields = support_fields(call, settings)
            target.write(_csv_line(fields.values()) if form == "csv" else _json_line(fields))
            count += 1
    return count


def support_fields(call: Call, settings: Settings) -> dict[str, object]:
    """One call, by `FIELDS`."""
    if call.lane == "token":
        endpoint = settings.token_url
    else:
        params = f"?{call.params}" if call.params else ""
        endpoint = f"{settings.api_url}/v3/company/{call.realm_id}{call.path}{params}"
    values: tuple[object, ...] = (
        call.intuit_tid,
        call.asked_at.isoformat(timespec="milliseconds"),
        settings.environment,
        call.realm_id,
        call.method,
        endpoint,
        call.status,
        call.code,
        call.request_id,
        call.attempt,
        round(call.duration_s * 1000),
        call.request_body,
        call.response_body,
    )
    return dict(zip(FIELDS, values, strict=True))


def _json_line(fields: dict[str, object]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _csv_line(values: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(_cell(value) for value in values)
    return line.getvalue().encode()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
