"""What is ready, made into seals: full batches, and single writes one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from backfill.jobs.load.books import Books
from backfill.jobs.load.options import Mode
from backfill.jobs.load.prepare import Prepared, Preparer, rejected
from backfill.jobs.load.resolver import Resolver
from backfill.jobs.load.rows import RealmRows
from backfill.jobs.load.sealing import before_of, seal_of
from backfill.jobs.load.versions import Versions
from backfill.jobs.load.work import LoadWork
from backfill.load_model import LoadRow, Seal
from backfill.qbo.operations import Operation
from backfill.wire import Lane

_PREPARED_AT_ONCE = 10
"""Single writes that are prepared together: one look at the ledger, and one at the company, for all."""

_SENT_WITHIN_S = 1.0
"""What is prepared to be sent singly no batch takes any more: no more of it than goes out so soon."""


class Packer:
    """One realm's. One seal is packed at a time: whoever packs holds the load's lock."""

    def __init__(self, work: LoadWork, rows: RealmRows, resolver: Resolver, versions: Versions, books: Books) -> None:
        self._work = work
        self._rows = rows
        self._preparer = Preparer(work, resolver, versions, books)
        self._prepared: deque[Prepared] = deque()
        """Ready to be sent singly."""
        options = work.options
        beside_batches = max(1, int(options.single_window * _SENT_WITHIN_S / options.window_s))
        self._at_once = min(_PREPARED_AT_ONCE, beside_batches) if options.mode is Mode.FASTEST else _PREPARED_AT_ONCE

    def __len__(self) -> int:
        """Rows that are prepared, and in no seal yet."""
        return len(self._prepared)

    async def pack(self, lane: Lane, *, busy: bool) -> Seal | None:
        """A new seal, stored, of what is ready. `busy`: something is under way that may make more of it ready."""
        if lane is Lane.BATCH:
            return await self._batch(busy=busy)
        if not self._prepared:
            await self._rows.fill(self._at_once)
            self._prepared += await self._prepare(self._at_once, singly=True)
        return await self._sealed([self._prepared.popleft()], lane) if self._prepared else None

    async def _batch(self, *, busy: bool) -> Seal | None:
        """Full batches; one that is not only when nothing under way can fill it."""
        most = self._work.learnt.items_max
        await self._rows.fill(2 * most)
        if self._rows.pool.ready() < most and busy:
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
                self._rows.pool.put_back(row)
            raise
        await self._rows.commit(done.outcomes)
        return done.good

    def _take(self, limit: int, *, singly: bool) -> list[LoadRow]:
        only_singles = singly and self._work.options.mode is Mode.BATCH

        def suits(row: LoadRow) -> bool:
            allows = self._work.options.allow_duplicate_numbers and row.operation != Operation.DELETE
            goes_in_batch = row.operation != Operation.VOID and not allows
            return not (goes_in_batch if only_singles else not singly and not goes_in_batch)

        return self._rows.pool.take(limit, size_bytes_max=self._work.learnt.bytes_max, suits=suits)

    def _is_stuck(self) -> bool:
        """Rows are held, as many as there are or may be, none is under way or about to end, and none is ready."""
        pool = self._rows.pool
        return self._rows.is_full and len(pool) > 0 and not pool.out and not pool.ready()

    async def _unstuck(self, limit: int, *, singly: bool) -> list[LoadRow]:
        """Rows that need one another against the order of time go all the same; in a circle they cannot."""
        self._rows.pool.ignore_ranks(ignore=True)
        try:
            if self._rows.pool.ready():
                return self._take(limit, singly=singly)
        finally:
            self._rows.pool.ignore_ranks(ignore=False)
        words = "it needs a row that in the end needs it"
        await self._rows.commit(
            [rejected(row, "circle", words, "Make one without the reference, and add it by an update.")
             for row in self._rows.pool.stuck()]
        )  # fmt: skip
        return []

    async def _sealed(self, prepared: Sequence[Prepared], lane: Lane) -> Seal | None:
        if not prepared:
            return None
        seal = seal_of(self._work.realm_id, prepared, lane)
        stored = await self._work.ledger.seal(self._work.lease, seal, before_of(prepared))
        if stored is None:
            await self._rows.look_again([each.row.row_id for each in prepared])
        return stored
