"""What an answer makes of a seal's rows: their outcomes, a doubt, another try, or smaller seals from now on."""

from __future__ import annotations

from collections.abc import Mapping

import anyio

from backfill.errors import RequestError
from backfill.jobs.load.books import Books
from backfill.jobs.load.doubts import STALE_TRIES_MAX, TRIES_MAX, Doubts
from backfill.jobs.load.reading import is_readable
from backfill.jobs.load.rows import RealmRows
from backfill.jobs.load.sealing import sent_of
from backfill.jobs.load.sending import Answer, Verdict, judge
from backfill.jobs.load.versions import Versions, document, token_of
from backfill.jobs.load.work import LoadWork
from backfill.jobs.too_much import is_too_much
from backfill.load_model import Outcome, RowState, Seal, SealItem
from backfill.qbo.answers import Written
from backfill.qbo.operations import SALES_FORMS, Operation
from backfill.wire import Lane


class Replies:
    """One realm's."""

    def __init__(self, work: LoadWork, rows: RealmRows, versions: Versions, doubts: Doubts, books: Books) -> None:
        self._work = work
        self._rows = rows
        self._versions = versions
        self._doubts = doubts
        self._books = books

    async def too_much(self, seal: Seal, cause: RequestError) -> None:
        """The server takes less at once than we sent: from now on half of it."""
        if len(seal.items) == 1:
            await self._rows.commit([_refused(seal.items[0], cause)])
            return
        if cause.status == 413:
            self._work.learnt.bytes_max = max(1, min(self._work.learnt.bytes_max, len(seal.body)) // 2)
        else:
            self._work.learnt.items_most = max(1, len(seal.items) // 2)
            self._work.learnt.items_max = min(self._work.learnt.items_max, self._work.learnt.items_most)
        await self._rows.commit([Outcome(item.row_id, RowState.WAITING) for item in seal.items])

    async def lost(self, seal: Seal, cause: RequestError) -> None:
        """It is in doubt. If it took the server too long, half of it may not; batches grow again, by an item each."""
        too_many = len(seal.items) > 1 and is_too_much(cause)
        if too_many:
            self._work.learnt.items_max = max(1, min(self._work.learnt.items_max, len(seal.items) // 2))
        await self._doubts.lost(seal, cause.code or cause.message, tried=not too_many)

    async def settle(self, seal: Seal, answered: Mapping[str, Answer]) -> None:
        """Each row by its own answer. What of the seal is not settled by them is in doubt."""
        if seal.lane == Lane.BATCH and self._work.learnt.items_max <= len(seal.items) < self._work.learnt.items_most:
            self._work.learnt.items_max += 1
        if not (self._books.custom_numbers or self._work.learnt.numbers_kept is False):
            self._see_numbers(seal, answered)
        verdicts = {item.row_id: judge(item, answered.get(item.b_id)) for item in seal.items}
        outcomes: list[Outcome] = []
        said: list[Outcome] = []
        for item in seal.items:
            answer, verdict = answered.get(item.b_id), verdicts[item.row_id]
            if verdict is Verdict.LOOK:
                said.append(_refused(item, answer))
            elif verdict is not Verdict.UNKNOWN:
                outcomes.append(self._outcome(item, answer, verdict))
        await self._rows.commit(outcomes)
        unknown = sum(verdict is Verdict.UNKNOWN for verdict in verdicts.values())
        if unknown or said:
            reason = f"{unknown} of its rows have no good answer" if unknown else "it may have been done before"
            await self._doubts.lost(seal, reason, said=said, now=not unknown)
        for item in seal.items:
            answer = answered.get(item.b_id)
            if verdicts[item.row_id] is Verdict.HALT and isinstance(answer, RequestError):
                raise answer
        if Verdict.THROTTLED in verdicts.values():
            await anyio.sleep(self._work.options.window_s)  # what one limit refused the next second would be, too

    def _see_numbers(self, seal: Seal, answered: Mapping[str, Answer]) -> None:
        """Whether the company keeps the numbers that sales forms are given: by them they are found again."""
        sent = sent_of(seal)
        for item in seal.items:
            answer = answered.get(item.b_id)
            number = sent[item.b_id].get("DocNumber")
            is_form = item.entity in SALES_FORMS and item.operation == Operation.CREATE
            if is_form and number and isinstance(answer, Written) and is_readable(answer.record):
                if document(answer.record).get("DocNumber") != number:
                    self._work.learnt.numbers_kept = False
                    return
                self._work.learnt.numbers_kept = True

    def _outcome(self, item: SealItem, answer: Answer, verdict: Verdict) -> Outcome:
        """What a good answer, or a fault that says that nothing was done, makes of a row."""
        match verdict:
            case Verdict.APPLIED:
                assert isinstance(answer, Written)
                return self._applied(item, answer)
            case Verdict.STALE:
                # The change is made for the new version, unless it is a full one that insists on an old version.
                self._versions.forget(item.entity, item.object_id)
                return self._another_try(item, answer, STALE_TRIES_MAX)
            case Verdict.THROTTLED:
                return self._another_try(item, answer, TRIES_MAX)
            case Verdict.HALT:
                return Outcome(item.row_id, RowState.WAITING)
            case _:
                return _refused(item, answer)

    def _applied(self, item: SealItem, answer: Written) -> Outcome:
        record = answer.record
        if record.deleted or not self._rows.pool.is_changed_again(item.row_id):
            self._versions.forget(item.entity, record.id)
        else:
            self._versions.know(item.entity, record)
        return Outcome(item.row_id, RowState.APPLIED, record.id, token_of(record))

    def _another_try(self, item: SealItem, answer: Answer, most: int) -> Outcome:
        tries = self._work.learnt.tries[item.row_id] = self._work.learnt.tries.get(item.row_id, 0) + 1
        return Outcome(item.row_id, RowState.WAITING) if tries <= most else _refused(item, answer)


def _refused(item: SealItem, answer: Answer) -> Outcome:
    """The row's rejection, in Intuit's words."""
    assert isinstance(answer, RequestError)
    return Outcome(
        item.row_id,
        RowState.REJECTED,
        code=answer.code or "none",
        message=answer.message,
        action=answer.action,
        intuit_tid=answer.intuit_tid,
    )
