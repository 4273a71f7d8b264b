"""What the simulated company's own books said whenever a report was answered, whatever became of the answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from backfill.model import RealmId
from backfill.simulator.api import Api
from backfill.simulator.call import Call
from backfill.simulator.fleet import Fleet
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Lane, Request, Response

_AMOUNT = re.compile(r"-?\d*\.?\d+")

Line = tuple[str, ...]
"""The numbers and the Ids of one row: no titles, which each of the two services has in its own case."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The whole report, as the books stood when it was answered."""

    changes: int
    """How many changes the company had seen by then."""
    lines: Counter[Line]


class ServedReports:
    """Makes each report that is answered once more, uncut, if the books stood still while it was."""

    def __init__(self, settings: SimulatorSettings, fleet: Fleet) -> None:
        # The lists are as they are cheapest to make: what is held against them is the numbers.
        uncut = replace(settings.reports, cells=10**9, base_s=0.0, cell_s=0.0, lists="wrapped")
        self._api = Api(replace(settings, reports=uncut), fleet)
        self._fleet = fleet
        self._truths: dict[tuple[RealmId, bytes], Truth] = {}

    async def watched(self, request: Request, served: Callable[[], Awaitable[Response]]) -> Response:
        """The answer to a request of any kind."""
        if request.lane is not Lane.REPORT:
            return await served()
        before = self._changes(request.realm_id)
        response = await served()
        if response.status == 200 and self._changes(request.realm_id) == before:
            call = Call(
                request.realm_id, request.method, request.path, dict(request.params), {"accept": "application/json"}
            )
            whole = self._api.handle(call)
            if whole.status == 200:
                truth = Truth(before, Counter(amounts(whole.body)))
                self._truths[request.realm_id, response.body] = truth
        return response

    def truth(self, realm_id: RealmId, body: bytes) -> Truth | None:
        """Of the answer with that body; None: the books moved while it was made."""
        return self._truths.get((realm_id, body))

    def stands(self, realm_id: RealmId, body: bytes) -> bool:
        """Whether the books are now as they were when that answer was made."""
        truth = self.truth(realm_id, body)
        return truth is not None and truth.changes == self._changes(realm_id)

    def _changes(self, realm_id: RealmId) -> int:
        return self._fleet.company(realm_id).changes


def amounts(body: bytes) -> Iterator[Line]:
    """The rows of a report's JSON that say a number other than zero."""
    for cells in _lines(msgspec.json.decode(body), data_only=True):
        if numbers := _numbers(cells):
            yield (*numbers, *(str(cell["id"]) for cell in cells if cell.get("id")))


def count_lines(body: bytes) -> int:
    """How many heads, rows and totals a report's JSON has."""
    return sum(1 for _ in _lines(msgspec.json.decode(body), data_only=False))


def _lines(node: dict[str, Any], *, data_only: bool) -> Iterator[list[dict[str, Any]]]:
    rows = node.get("Rows") or []
    for row in rows.get("Row") or [] if isinstance(rows, dict) else rows:
        if "ColData" in row:
            yield _cells(row["ColData"])
        if "Header" in row:
            head = _cells(row["Header"])
            if _numbers(head[1:]):  # what a parent has of its own, beside its children's
                yield head
            if not data_only:
                yield head
        yield from _lines(row, data_only=data_only)
        if "Summary" in row and not data_only:
            yield _cells(row["Summary"])


def _numbers(cells: Iterable[dict[str, Any]]) -> list[str]:
    """The cells that say a number other than zero."""
    values = [str(cell.get("value")) for cell in cells]
    return [value for value in values if _AMOUNT.fullmatch(value) and float(value)]


def _cells(line: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = line["ColData"] if isinstance(line, dict) else line
    return found
