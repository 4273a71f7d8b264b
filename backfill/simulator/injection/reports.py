"""Reports that are not what the books say, under a status of 200."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from backfill.simulator.envelopes import Answer
from backfill.simulator.injection.mishap import Mishap, Proceed, Strike
from backfill.simulator.settings import require

_Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutReport(Mishap):
    """A report ends after so many lines, and the sections that are open there have no total. No word says so."""

    after_lines: int = 10

    def __post_init__(self) -> None:
        require("the cut report", [("after_lines is at least 1", self.after_lines >= 1)])

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer, report = await _answered(strike, proceed)
        if report is None or _cut(_rows(report), self.after_lines) >= 0:
            strike.spare()
            return answer
        return replace(answer, body=msgspec.json.encode(report))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongAmount(Mishap):
    """One amount of a report is a cent more than it is, and its total is not."""

    async def befall(self, strike: Strike, proceed: Proceed) -> Answer:
        answer, report = await _answered(strike, proceed)
        amounts = [] if report is None else list(_amounts(report))
        if not amounts:
            strike.spare()
            return answer
        cell = strike.rng.choice(amounts)
        cell["value"] = str(Decimal(cell["value"]) + Decimal("0.01"))
        return replace(answer, body=msgspec.json.encode(report))


async def _answered(strike: Strike, proceed: Proceed) -> tuple[Answer, dict[str, Any] | None]:
    """The answer, and the report in it, if there is one."""
    answer = await proceed(strike)
    if answer.status != 200 or not strike.call.path.startswith("/reports/"):
        return answer, None
    try:
        body = msgspec.json.decode(answer.body)
    except msgspec.MsgspecError:  # another mishap has broken it
        return answer, None
    return answer, body if isinstance(body, dict) and "Rows" in body else None


def _rows(node: dict[str, Any]) -> _Rows:
    """The rows below, in either of the shapes that a report has."""
    rows = node.get("Rows") or []
    found: _Rows = rows.get("Row") or [] if isinstance(rows, dict) else rows
    return found


def _cells(line: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = line["ColData"] if isinstance(line, dict) else line
    return found


def _cut(rows: _Rows, left: int, *, outermost: bool = True) -> int:
    """Take away what comes after the first `left` heads, rows and totals. Below 0: something was taken.

    An outermost section that would be gone keeps its head: a cut falls between two of them only where the next is a
    total without one, as those of a profit and loss statement are. Then the total at the end is gone, too.
    """
    for number, row in enumerate(rows):
        left -= "Header" in row or "ColData" in row
        if left < 0:
            row.pop("Rows", None)
            row.pop("Summary", None)
            del rows[number + (outermost and "Header" in row) :]
            return left
        left = _cut(_rows(row), left, outermost=False) - ("Summary" in row)
        if left < 0:
            row.pop("Summary", None)
            del rows[number + ("Header" in row) :]
            return left
    return left


def _amounts(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The cells of its rows that its totals sum up: in the first column of money that does not run on."""
    columns = report["Columns"]
    types = [column["ColType"] for column in (columns["Column"] if isinstance(columns, dict) else columns)]
    money = [
        number
        for number, kind in enumerate(types)
        if number and (kind == "Money" or kind.startswith(("subt_", "debt")))
    ]
    # Of an amount in two currencies only the company's own can be summed up: an account may have others'.
    summed = [number for number in money if "home" in types[number]] or money
    return _in_column(_rows(report), summed[0]) if summed else iter(())


def _in_column(rows: _Rows, number: int) -> Iterator[dict[str, Any]]:
    for row in rows:
        cell = _cells(row)[number] if "ColData" in row and len(_cells(row)) > number else {}
        if _is_amount(cell.get("value")):
            yield cell
        yield from _in_column(_rows(row), number)


def _is_amount(text: Any) -> bool:
    try:
        return Decimal(text) != 0
    except (InvalidOperation, TypeError):
        return False
