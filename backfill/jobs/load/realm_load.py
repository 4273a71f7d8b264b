"""The load of one realm: rows in, seals out, every row to its end.

Senders take what is ready, seal it, send it and settle it. What was sent and not answered stays sealed until the server
can neither be working on it nor begin to; then it is looked for, and adopted, or sent again (`doubts`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from math import inf

import anyio

from backfill.errors import BackfillError, RequestError, StoppedError, UnavailableError
from backfill.jobs.load.books import Books
from backfill.jobs.load.doubts import STALE_TRIES_MAX, TRIES_MAX, Doubts
from backfill.jobs.load.prepare import Prepared, Preparer, rejected
from backfill.jobs.load.resolver import Resolver
from backfill.jobs.load.rows import Rows
from backfill.jobs.load.sealing import before_of, seal_of, sent_of
from backfill.jobs.load.sending import Answer, LostError, TooMuchError, Verdict, judge, send
from backfill.jobs.load.versions import Versions, document
from backfill.jobs.load.work import LoadWork, Mode
from backfill.load_model import LoadRow, Outcome, RowState, Seal, SealItem
from backfill.pacing.permits import PermitRing
from backfill.qbo.answers import Written
from backfill.qbo.operations import SALES_FORMS, Operation
from backfill.wire import Lane

_LOOK_S = 1.0
"""A stop, or the turn's end, nobody announces."""

_PREPARED_AT_ONCE = 10
"""Single writes that are prepared together: one look at the ledger, and one at the company, for all."""

_SETTLE_S = 5.0
"""For one statement, when everything ends."""

_SENDERS: Mapping[Mode, Mapping[Lane, int]] = {
    # Four batches a second fill a window's forty in ten; single writes are the rest of the ten that may be in flight.
    Mode.FASTEST: {Lane.BATCH: 4, Lane.WRITE: 6},
    Mode.FREE: {Lane.WRITE: 10},
    # The single writer takes what has no certain form in a batch.
    Mode.BATCH: {Lane.BATCH: 6, Lane.WRITE: 1},
}


class RealmLoad:
    """One turn's work."""

    def __init__(self, work: LoadWork, books: Books) -> None:
        self._work = work
        self._books = books
        self._versions = Versions(work.ask)
        resolver = Resolver(work)
        self.rows = Rows(work, resolver)
        self._preparer = Preparer(work, resolver, self._versions, books)
        self._doubts = Doubts(work, self.rows, self._versions)
        self._doubts.lanes = _SENDERS[work.options.mode].keys()
        self._packing = anyio.Lock()
        self._prepared: deque[Prepared] = deque()
        """Ready to be sent singly."""
        self._busy = 0
        """Seals that are being sent."""
        self._failure: BackfillError | None = None
        self._first_step = ExitStack()
        """Open until one seal was sent, or one look was made: so long the turn is not broken off."""
        self._has_stepped = False
        options = work.options
        permits = options.single_window if options.mode is Mode.FASTEST else options.request_permits
        self._single_ring = PermitRing(permits, options.window_s)

    async def run(self) -> None:
        """Bring every row of the loads to its end. Raises the first `BackfillError` that ended it before; what is
        under way then is brought to its answer first."""
        with self._work.turn.breakable(), self._first_step:
            # A turn that is over before it began, as after a long wait for the first answer, still comes one step on.
            self._first_step.enter_context(self._work.turn.whole())
            await self._doubts.take_over()
            async with anyio.create_task_group() as group:
                for lane, senders in _SENDERS[self._work.options.mode].items():
                    for number in range(senders):
                        name = f"{lane.value} sender {number} of realm {self._work.realm_id}"
                        group.start_soon(self._sender, lane, group.cancel_scope, name=name)
                group.start_soon(self._settler, group.cancel_scope, name=f"settler of realm {self._work.realm_id}")
        if self._failure is not None:
            raise self._failure

    # What is sent

    async def _sender(self, lane: Lane, scope: anyio.CancelScope) -> None:
        """Send seal after seal, until none will come any more."""
        try:
            if lane is Lane.WRITE:
                await self._send_singly()
            else:
                while (seal := await self._next(lane)) is not None:
                    await self._sent(seal)
        except (RequestError, StoppedError) as error:
            self._fail(error)  # the others end with what they have in hand
        except BackfillError as error:
            self._fail(error)
            scope.cancel()

    async def _send_singly(self) -> None:
        """A place beside the batches first, so that nothing is sealed long before it is sent."""
        while True:
            await self._single_ring.take()
            seal = None
            try:
                seal = await self._next(Lane.WRITE)
                if seal is None:
                    return
                await self._sent(seal)
            finally:
                if seal is None:
                    self._single_ring.unused()
                else:
                    self._single_ring.answered()

    def _fail(self, error: BackfillError) -> None:
        self._failure = self._failure or error
        self.rows.tell()

    async def _next(self, lane: Lane) -> Seal | None:
        """The next seal for the lane, stored; None: there will be none any more."""
        while True:
            async with self._packing:
                if self._is_over():
                    self.rows.tell()
                    return None
                self._check_stop()
                if self._failure is not None:
                    return None
                changed = self.rows.changed
                seal = await self._again(lane) or await self._packed(lane)
                if seal is not None:
                    self._busy += 1
                    return seal
                if self.rows.changed is not changed or self._is_over():
                    continue
                self._rest()
            with anyio.move_on_after(_LOOK_S):
                await changed.wait()

    def _check_stop(self) -> None:
        if self._work.stopping():
            raise StoppedError("The run was asked to stop.", action="Run the same command again to go on from here.")
        if self._has_stepped:
            self._work.turn.check()

    def _step(self) -> None:
        """Something was done that need not be done again: from now on the turn may end."""
        self._has_stepped = True
        self._first_step.close()

    def _rest(self) -> None:
        """Where only the time is waited for after which nothing in doubt can happen any more, another may have the
        place meanwhile. Raises `StoppedError` if one wants it."""
        next_at = self._doubts.next_at()
        idle = not (self._busy or self._prepared or self.rows.pool.ready())
        if idle and anyio.current_time() < next_at < inf:
            turn = self._work.turn
            turn.rest_until = max(turn.rest_until, next_at)
            self._step()
            turn.check()

    async def _again(self, lane: Lane) -> Seal | None:
        seal = self._doubts.to_send_again(lane)
        if seal is not None:
            await self._work.ledger.send_again(self._work.lease, seal.seal_id)
        return seal

    async def _packed(self, lane: Lane) -> Seal | None:
        """A new seal of what is ready."""
        if lane is Lane.BATCH:
            return await self._batch()
        if not self._prepared:
            await self.rows.fill(_PREPARED_AT_ONCE)
            self._prepared += await self._prepare(_PREPARED_AT_ONCE, singly=True)
        return await self._sealed([self._prepared.popleft()], lane) if self._prepared else None

    async def _batch(self) -> Seal | None:
        """Full batches; one that is not only when nothing under way can fill it."""
        most = self._work.items_max
        await self.rows.fill(2 * most)
        if self.rows.pool.ready() < most and self._busy:
            return None
        return await self._sealed(await self._prepare(most, singly=False), Lane.BATCH)

    async def _prepare(self, limit: int, *, singly: bool) -> list[Prepared]:
        """Up to `limit` rows of those that are ready, without those that ended on the way."""
        taken = self._take(limit, singly=singly)
        if not taken:
            if not self._is_stuck():
                return []
            taken = await self._unstuck(limit, singly=singly)
        try:
            done = await self._preparer.prepare(taken)
        except BaseException:
            for row in taken:
                self.rows.pool.put_back(row)
            raise
        await self.rows.commit(done.outcomes)
        return done.good

    def _take(self, limit: int, *, singly: bool) -> list[LoadRow]:
        only_singles = singly and self._work.options.mode is Mode.BATCH

        def suits(row: LoadRow) -> bool:
            allows = self._work.options.allow_duplicate_numbers and row.operation != Operation.DELETE
            goes_in_batch = row.operation != Operation.VOID and not allows
            return not (goes_in_batch if only_singles else not singly and not goes_in_batch)

        return self.rows.pool.take(limit, size_bytes_max=self._work.bytes_max, suits=suits)

    def _is_stuck(self) -> bool:
        """Rows are held, none is under way or about to end, and none is ready."""
        pool = self.rows.pool
        return self.rows.exhausted and len(pool) > 0 and not pool.out and not pool.ready()

    async def _unstuck(self, limit: int, *, singly: bool) -> list[LoadRow]:
        """Rows that need one another against the order of time go all the same; in a circle they cannot."""
        self.rows.pool.ignore_ranks(ignore=True)
        try:
            if self.rows.pool.ready():
                return self._take(limit, singly=singly)
        finally:
            self.rows.pool.ignore_ranks(ignore=False)
        words = "it needs a row that in the end needs it"
        await self.rows.commit(
            [rejected(row, "circle", words, "Make one without the reference, and add it by an update.")
             for row in self.rows.pool.stuck()]
        )  # fmt: skip
        return []

    async def _sealed(self, prepared: Sequence[Prepared], lane: Lane) -> Seal | None:
        if not prepared:
            return None
        seal = seal_of(self._work.realm_id, prepared, lane)
        stored = await self._work.ledger.seal(self._work.lease, seal, before_of(prepared))
        if stored is None:  # somebody imported other content for one of the rows: all are read again
            for each in prepared:
                self.rows.pool.over(each.row.row_id)
            await self.rows.read_again()
            self.rows.tell()
        return stored

    def _is_over(self) -> bool:
        pool = self.rows.pool
        return self.rows.exhausted and not (len(pool) or pool.out or self._doubts or self._prepared or self._busy)

    # What comes back

    async def _sent(self, seal: Seal) -> None:
        """Send a stored seal and settle it."""
        try:
            answered = await send(self._work, seal)
        except LostError as lost:
            await self._doubts.lost(seal, lost.cause.code or lost.cause.message)
        except TooMuchError as refused:
            await self._smaller(seal, refused.cause)
        except (RequestError, StoppedError, UnavailableError):
            # Certainly not sent, or not acted on: the next attempt need not look for it.
            with suppress(UnavailableError), anyio.move_on_after(_SETTLE_S, shield=True):
                await self.rows.commit([Outcome(item.row_id, RowState.WAITING) for item in seal.items])
            raise
        else:
            await self._settled(seal, answered)
        finally:
            self._busy -= 1
            self._step()
            self.rows.tell()

    async def _smaller(self, seal: Seal, cause: RequestError) -> None:
        """The server takes less at once than we sent: from now on half of it."""
        if len(seal.items) == 1:
            await self.rows.commit([_refused(seal.items[0], cause)])
            return
        if cause.status == 413:
            self._work.bytes_max = max(1, min(self._work.bytes_max, len(seal.body)) // 2)
        else:
            self._work.items_max = max(1, len(seal.items) // 2)
        await self.rows.commit([Outcome(item.row_id, RowState.WAITING) for item in seal.items])

    async def _settled(self, seal: Seal, answered: Mapping[str, Answer]) -> None:
        """Each row by its own answer. What of the seal is not settled by them is in doubt."""
        if self._work.numbers_kept and not self._books.custom_numbers:
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
        await self.rows.commit(outcomes)
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
            if item.entity in SALES_FORMS and item.operation == Operation.CREATE and isinstance(answer, Written):
                kept = document(answer.record).get("DocNumber")
                self._work.numbers_kept = self._work.numbers_kept and (not number or number == kept)

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
        if record.deleted:
            self._versions.forget(item.entity, record.id)
        else:
            self._versions.know(item.entity, record)
        token = "" if record.sync_token is None else str(record.sync_token)
        return Outcome(item.row_id, RowState.APPLIED, record.id, token)

    def _another_try(self, item: SealItem, answer: Answer, most: int) -> Outcome:
        tries = self._work.tries[item.row_id] = self._work.tries.get(item.row_id, 0) + 1
        return Outcome(item.row_id, RowState.WAITING) if tries <= most else _refused(item, answer)

    # What is in doubt

    async def _settler(self, scope: anyio.CancelScope) -> None:
        """Look into what is in doubt when it is due; and end everything when nothing is left to do."""
        try:
            while not await self._ended(scope):
                changed = self.rows.changed
                if self._failure is None and self._doubts.next_at() <= anyio.current_time():
                    await self._doubts.look_into()
                    self._step()
                else:
                    with anyio.CancelScope(deadline=self._look_again_at()):
                        await changed.wait()
        except (RequestError, StoppedError) as error:
            self._fail(error)
        except BackfillError as error:
            self._fail(error)
            scope.cancel()

    def _look_again_at(self) -> float:
        soon = anyio.current_time() + _LOOK_S
        return soon if self._failure is not None else min(soon, self._doubts.next_at())

    async def _ended(self, scope: anyio.CancelScope) -> bool:
        """Whether nothing more is to be done; then senders that wait for their turn need not any more."""
        async with self._packing:  # nobody is about to send anything
            ended = self._is_over() or (self._failure is not None and not self._busy)
            if ended:
                scope.cancel()
            return ended


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
