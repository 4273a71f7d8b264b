"""The load of one realm: rows in, seals out, every row to its end.

Senders take what is ready, seal it, send it and settle it. What was sent and not answered stays sealed until the server
can neither be working on it nor begin to; then it is looked for, and adopted, or sent again (`doubts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from math import inf

import anyio

from backfill.errors import BackfillError, RequestError, StoppedError, UnavailableError
from backfill.jobs.load.books import Books
from backfill.jobs.load.doubts import Doubts
from backfill.jobs.load.options import Mode
from backfill.jobs.load.packer import Packer
from backfill.jobs.load.replies import Replies
from backfill.jobs.load.resolver import Resolver
from backfill.jobs.load.rows import RealmRows
from backfill.jobs.load.sending import LostError, TooMuchError, send
from backfill.jobs.load.versions import Versions
from backfill.jobs.load.work import LoadWork
from backfill.load_model import Outcome, RowState, Seal
from backfill.pacing.permits import PermitRing
from backfill.wire import Lane

_LOOK_S = 1.0
"""A stop, or the turn's end, nobody announces."""

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
        versions = Versions(work.ask)
        resolver = Resolver(work)
        self.rows = RealmRows(work, resolver)
        self._packer = Packer(work, self.rows, resolver, versions, books)
        self._doubts = Doubts(work, self.rows, versions, lanes=_SENDERS[work.options.mode].keys())
        self._replies = Replies(work, self.rows, versions, self._doubts, books)
        self._packing = anyio.Lock()
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
                    self._single_ring.answered(anyio.current_time())

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
                seal = await self._again(lane) or await self._packer.pack(lane, busy=self._busy > 0)
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
        idle = not (self._busy or self._packer or self._doubts.sends_again or self.rows.pool.ready())
        if idle and anyio.current_time() < next_at < inf:
            turn = self._work.turn
            turn.rest_until = max(turn.rest_until, next_at)
            turn.check()

    async def _again(self, lane: Lane) -> Seal | None:
        seal = self._doubts.to_send_again(lane)
        if seal is None:
            return None
        await self._work.ledger.send_again(self._work.lease, seal.seal_id)
        return self.rows.doubt(seal)

    def _is_over(self) -> bool:
        pool = self.rows.pool
        return self.rows.exhausted and not (len(pool) or pool.out or self._doubts or self._packer or self._busy)

    # What comes back

    async def _sent(self, seal: Seal) -> None:
        """Send a stored seal and settle it."""
        try:
            if await self._doubts.made_before(seal):
                return
            answered = await send(self._work, seal)
        except LostError as lost:
            await self._replies.lost(seal, lost.cause)
        except TooMuchError as refused:
            await self._replies.too_much(seal, refused.cause)
        except (RequestError, StoppedError, UnavailableError):
            # Certainly not sent, or not acted on: the next attempt need not look for it.
            with suppress(UnavailableError), anyio.move_on_after(_SETTLE_S, shield=True):
                await self.rows.commit([Outcome(item.row_id, RowState.WAITING) for item in seal.items])
            raise
        else:
            await self._replies.settle(seal, answered)
        finally:
            self._busy -= 1
            self._step()
            self.rows.tell()

    # What is in doubt

    async def _settler(self, scope: anyio.CancelScope) -> None:
        """Look into what is in doubt when it is due; and end everything when nothing is left to do."""
        try:
            while not await self._ended(scope):
                changed = self.rows.changed
                if self._failure is None and self._doubts.next_at() <= anyio.current_time():
                    await self._doubts.look_into()
                    if not self._doubts.sends_again:  # until that is sent, the look would have to be made anew
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
