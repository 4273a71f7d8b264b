"""One realm's questions to the API: a statement in, decoded rows out, through the realm's whole stack.

The transport retries what failed on the way. An answer that came whole and cannot be read (an HTTP 200
with an empty or broken body has been seen) is only noticed here, where it is decoded, so it is asked again here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import anyio

from backfill.errors import Disposition, RequestError, UnreadableError
from backfill.jobs.too_much import AskSize, is_answered, is_too_much
from backfill.model import RealmId
from backfill.qbo import answers, calls, query, report_calls
from backfill.qbo.answers import BatchAnswer, CdcAnswer, Page
from backfill.qbo.catalogue import CATALOGUE, Entity
from backfill.qbo.query import BATCH_ITEMS_MAX
from backfill.qbo.report_answers import decode_report
from backfill.qbo.report_calls import Parameters
from backfill.qbo.reports import Report
from backfill.report_model import Period, ReportDocument
from backfill.wire import Request, Response, Transport

T = TypeVar("T")

CALL_S = 3600.0
"""Bound on one question with all its waits: a realm whose limits others use up may keep it waiting for long."""

_READ_ATTEMPTS = 3
"""A broken body is a passing fault; three in a row are not."""

_ITEM_ATTEMPTS = 3
"""A batch item may fail by itself (a throttle per item is thinkable); it is asked again with the others that did."""

_ALONE_IN_A_ROW_MAX = 10
"""Statements that are not answered in time, one after the other and each by itself: that is no matter of size any more.
The rows of a batch fit one answer of a thousand, so ten that are too much alone would be less than a hundred each."""


@dataclass(frozen=True, slots=True)
class Items:
    """Answers to statements that went out in batches, in the order of the statements."""

    items: Sequence[Page | RequestError]
    times: Sequence[datetime]
    """The server's `time` of each batch answer."""

    @property
    def first_time(self) -> datetime:
        """The server's `time` of the first batch answer. Raises an item's `RequestError` if there was none."""
        return min(self._times())

    @property
    def last_time(self) -> datetime:
        """The server's `time` of the last one. Raises as `first_time`."""
        return max(self._times())

    def _times(self) -> Sequence[datetime]:
        for item in () if self.times else self.items:
            if isinstance(item, RequestError):
                raise item
        return self.times


class Questions:
    """Asks for one realm. `call_s` bounds one question with all its waits and retries, in seconds.

    `hasty` is the way for a question that is likely to fail for what it asks: it does not try again.
    """

    def __init__(
        self, transport: Transport, realm_id: RealmId, *, call_s: float = CALL_S, hasty: Transport | None = None
    ) -> None:
        self._transport = transport
        self._hasty = hasty or transport
        self.realm_id = realm_id
        self._call_s = call_s
        self._items = AskSize.of(BATCH_ITEMS_MAX)

    async def page(self, entity: Entity, statement: str, *, hasty: bool = False) -> Page:
        """The rows that `statement` selects. Raises `RequestError`."""
        return await self._rows(entity, calls.query(self.realm_id, statement), hasty=hasty)

    async def page_to_land(self, entity: Entity, statement: str, *, hasty: bool = False) -> Page:
        """The same for rows whose documents nobody reads before they are landed. Raises `RequestError`."""
        return await self._rows(entity, calls.query(self.realm_id, statement), hasty=hasty, to_land=True)

    async def listing(self, entity: Entity) -> Page:
        """All rows of an entity that has a path instead of a query. Raises `RequestError`."""
        return await self._rows(entity, calls.listing(self.realm_id, entity.path))

    async def object(self, entity: Entity, id_: str) -> Page:
        """One object by its Id, as a page of one row. Raises `RequestError`."""
        return await self._rows(entity, calls.by_id(self.realm_id, entity, id_))

    async def count(self, statement: str) -> int:
        """The number that a COUNT statement answers. Raises `RequestError`."""
        request = calls.query(self.realm_id, statement)
        return await self._ask(request, lambda response: answers.decode_count(response, request=request))

    async def cdc(self, entities: Sequence[Entity], since: datetime, *, hasty: bool = False) -> CdcAnswer:
        """What changed since a moment, at most 1000 objects. Raises `RequestError`."""
        request = calls.cdc(self.realm_id, entities, since)
        return await self._ask(request, lambda response: answers.decode_cdc(response, request=request), hasty=hasty)

    async def many(self, statements: Sequence[str], *, to_land: bool = False) -> Items:
        """Ask statements in batch calls of 30. An item's own fault is its answer. Raises `RequestError`.

        What is too much for the server in one call is asked for in smaller ones, down to the statement: what fails by
        itself then is that one's answer. What the answers leave out each time is asked for by itself in the end, as a
        query. `to_land`: the rows are going to be landed, and may come as columns.
        """
        found: dict[int, Page | RequestError] = {}
        failed: dict[int, RequestError] = {}
        times: list[datetime] = []
        waiting = list(range(len(statements)))
        for _ in range(_ITEM_ATTEMPTS):
            async for part, answer in self._batches(statements, waiting, to_land=to_land):
                if isinstance(answer, RequestError):
                    failed[part[0]] = answer
                else:
                    times.append(answer.server_time)
                    found.update(_pages(answer, part, statements))
            waiting = [number for number in waiting if number not in failed and _is_passing(found.get(number))]
            if not waiting:
                break
        found |= failed
        for number in waiting:
            if number not in found:
                found[number] = await self._by_itself(statements[number])
        return Items([found[number] for number in range(len(statements))], times)

    async def _batches(
        self, statements: Sequence[str], numbers: Sequence[int], *, to_land: bool
    ) -> AsyncIterator[tuple[Sequence[int], BatchAnswer | RequestError]]:
        """The answers to those statements, by parts that the server can make; or why it cannot make a single one."""
        size, start, in_a_row = self._items, 0, 0
        while start < len(numbers):
            part = numbers[start : start + size.now]
            hasty = size.suspect and (len(part) > 1 or in_a_row > 0)
            try:
                answer = await self._batch(
                    {str(number): statements[number] for number in part}, to_land=to_land, hasty=hasty
                )
            except RequestError as error:
                if not is_too_much(error):
                    raise
                size.now = len(part)
                size.shrink(suspect=error.disposition is Disposition.RETRY)
                if len(part) > 1:
                    continue
                in_a_row += error.disposition is Disposition.RETRY
                if in_a_row == _ALONE_IN_A_ROW_MAX:
                    raise
                yield part, error
            else:
                in_a_row = 0
                size.grow()
                yield part, answer
            start += len(part)

    async def _by_itself(self, statement: str) -> Page | RequestError:
        """The answer to a statement that batches do not answer; or why it has none."""
        try:
            return await self.page(CATALOGUE[query.entity_of(statement)], statement)
        except RequestError as error:
            if not is_answered(error):
                raise
            return error

    async def report(
        self, report: Report, dates: Period, parameters: Parameters, *, hasty: bool = False
    ) -> ReportDocument:
        """One report of one period. Raises `RequestError`: with SHRINK for what is more than one answer holds."""
        request = report_calls.call(self.realm_id, report, dates, parameters)
        return await self._ask(request, lambda response: decode_report(report, response, request=request), hasty=hasty)

    async def _batch(self, statements: dict[str, str], *, to_land: bool, hasty: bool) -> BatchAnswer:
        request = calls.batch(self.realm_id, statements)
        decode = answers.decode_batch_to_land if to_land else answers.decode_batch
        return await self._ask(request, lambda response: decode(response, request=request), hasty=hasty)

    async def _rows(self, entity: Entity, request: Request, *, hasty: bool = False, to_land: bool = False) -> Page:
        decode = answers.decode_page_to_land if to_land else answers.decode_page
        return await self._ask(request, lambda response: decode(entity, response, request=request), hasty=hasty)

    async def _ask(self, request: Request, decode: Callable[[Response], T], *, hasty: bool = False) -> T:
        way = self._hasty if hasty else self._transport
        deadline = anyio.current_time() + self._call_s
        attempt = 1
        while True:
            response = await way.send(request, deadline=deadline)
            try:
                return decode(response)
            except UnreadableError:
                if attempt == _READ_ATTEMPTS:
                    raise
                attempt += 1


def _pages(answer: BatchAnswer, numbers: Sequence[int], statements: Sequence[str]) -> dict[int, Page | RequestError]:
    """The items of a batch of queries by number. What is neither a fault nor rows of what was asked for counts as not
    answered."""
    found: dict[int, Page | RequestError] = {}
    for number in numbers:
        match answer.items.get(str(number)):
            case RequestError() as fault:
                found[number] = fault
            case Page() as page if not page.entity or page.entity == query.entity_of(statements[number]):
                found[number] = page
    return found


def _is_passing(item: Page | RequestError | None) -> bool:
    """Whether the item is missing, or failed in a way that may be gone the next time."""
    if item is None:
        return True
    return isinstance(item, RequestError) and item.disposition in {Disposition.RETRY, Disposition.WAIT}
