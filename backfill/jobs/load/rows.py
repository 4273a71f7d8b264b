"""A realm's rows between the ledger and the senders: fetched, held until they are ready, and ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import anyio
from msgspec import structs

from backfill import events
from backfill.jobs.load.pool import Pool, makes
from backfill.jobs.load.ports import BEGINNING
from backfill.jobs.load.prepare import rejected
from backfill.jobs.load.references import parsed, text_of
from backfill.jobs.load.resolver import Resolved, Resolver, said
from backfill.jobs.load.work import LoadWork
from backfill.load_model import DONE_STATES, LoadRow, Need, Outcome, RowState, Seal

_PAGE_ROWS = 300
"""Fetched at a time: ten batches' worth, so that a look for what they need serves many."""

_LEFT = "is left to another run"

_CORRECT = "Correct it, then import the source again, or load retry."


class RealmRows:
    """One realm's. `changed` is set whenever something became ready, came back, or ended."""

    def __init__(self, work: LoadWork, resolver: Resolver) -> None:
        self.pool = Pool()
        self.exhausted = False
        """No waiting row is left in the ledger that is not held."""
        self.changed = anyio.Event()
        self.rejected = 0
        self._work = work
        self._resolver = resolver
        self._after = BEGINNING
        self._just_ended: set[int] | None = None
        """Rows that ended while some were fetched, which may show them as they were; None: nothing is fetched."""
        self._waits: dict[int, set[Need]] = {}
        """Row to the needs that its object meets."""

    @property
    def is_full(self) -> bool:
        """No more rows are fetched: none is left, or as many are held as may be."""
        return self.exhausted or len(self.pool) >= self._work.options.held_rows_max

    def tell(self) -> None:
        """Wake whoever waits for a change."""
        self.changed.set()
        self.changed = anyio.Event()

    async def fill(self, ready: int) -> None:
        """Fetch until so many rows are ready, or as many are held as may be, or none is left."""
        work = self._work
        while not self.is_full and self.pool.ready() < ready:
            self._just_ended = set()
            page = await work.ledger.waiting(work.realm_id, work.options.loads, after=self._after, limit=_PAGE_ROWS)
            if len(page) < _PAGE_ROWS:
                self.exhausted = True
            if page:
                self._after = (page[-1].rank, page[-1].row_id)
                await self._admit([row for row in page if self._is_new(row)])
            self._just_ended = None

    def _is_new(self, row: LoadRow) -> bool:
        """Neither held, nor ended while it was fetched."""
        return row.row_id not in self.pool and row.row_id not in (self._just_ended or ())

    async def hold_sealed(self, seals: Sequence[Seal]) -> None:
        """Rows that an earlier process left sealed: they are under way."""
        rows = await self._work.ledger.rows(self._work.realm_id, [item.row_id for seal in seals for item in seal.items])
        for row in rows:
            if row.row_id not in self.pool:
                self.pool.add(row, ())
                self.pool.take_this(row.row_id)

    def doubt(self, seal: Seal) -> Seal:
        """The seal as it is sent again: from now on "exists already" may mean us, here as in the ledger."""
        for item in seal.items:
            self.pool.out[item.row_id] = structs.replace(self.pool.out[item.row_id], doubtful=True)
        items = (structs.replace(item, doubtful_since=item.doubtful_since or seal.sealed_at) for item in seal.items)
        return structs.replace(seal, items=tuple(items))

    async def _admit(self, rows: Sequence[LoadRow]) -> None:
        """Hold the rows, and those that make what they need, and so on."""
        refused: list[Outcome] = []
        while rows:
            found = await self._resolver.resolve(parsed(need) for row in rows for need in row.needs)
            wanted = {maker for maker in found.pending.values() if maker not in self.pool}
            fetched = await self._work.ledger.rows(self._work.realm_id, sorted(wanted))
            makers = {row.row_id: row for row in fetched}
            if any(maker not in self.pool and maker not in makers for maker in found.pending.values()):
                continue  # it has ended meanwhile, so what it made is known now
            self._refuse_other_loads(found, makers)
            for need, maker in found.pending.items():
                self._waits.setdefault(maker, set()).add(need)
            for row in rows:
                if row.row_id in self.pool:
                    continue
                missing = [need for need in map(parsed, row.needs) if need in found.pending]
                self.pool.add(self._late_enough(row, missing, found, makers), missing)
                reason = next((found.refused[need] for need in map(parsed, row.needs) if need in found.refused), "")
                if reason:
                    refused.append(rejected(row, "reference", reason, _CORRECT))
            rows = [row for row in makers.values() if row.load_id in self._work.options.loads]
        await self.commit(outcome for outcome in refused if self.pool.holds(outcome.row_id))

    def _late_enough(
        self, row: LoadRow, missing: Sequence[Need], found: Resolved, makers: Mapping[int, LoadRow]
    ) -> LoadRow:
        """The row, no earlier in the chronology than what it needs: else neither could be sent before the other."""
        needed = [found.pending[need] for need in missing]
        ranks = [(makers[maker] if maker in makers else self.pool.row(maker)).rank for maker in needed]
        return structs.replace(row, rank=max([row.rank, *ranks]))

    def _refuse_other_loads(self, found: Resolved, makers: Mapping[int, LoadRow]) -> None:
        """What a row of another load is to make is not waited for: this run does not send it."""
        for need, maker in list(found.pending.items()):
            row = makers.get(maker)
            if row is not None and row.load_id not in self._work.options.loads:
                found.refused[need] = f"it needs {said(need)} of load {row.load_id}, which this run does not send"
                del found.pending[need]

    async def commit(self, outcomes: Iterable[Outcome]) -> None:
        """Store what became of rows; then those that waited for them go on, or end with them."""
        settling = list(outcomes)
        while settling:
            # A row may be refused for several reasons at once.
            settling = list({outcome.row_id: outcome for outcome in settling}.values())
            for outcome in settling:
                self.pool.take_this(outcome.row_id)  # while its end is stored, it is neither stuck nor ended by another
            about = [
                structs.replace(outcome, generation=self.pool.row(outcome.row_id).generation) for outcome in settling
            ]
            stored = await self._work.ledger.settle(self._work.lease, about)
            self._say([outcome for outcome in about if outcome.row_id in stored])
            changed = [outcome.row_id for outcome in about if outcome.row_id not in stored]
            settling = await self._changed(changed) if changed else []
            for outcome in about:
                if outcome.row_id in stored:
                    settling += self._ended(outcome)
        self.tell()

    async def look_again(self, row_ids: Sequence[int]) -> None:
        """Some of these rows, which are out, are not in the ledger any more what they are here: somebody imported
        other content for them, or took them out by an undo. The others are put back, each in its place."""
        await self.commit(await self._changed(row_ids))

    async def _changed(self, row_ids: Sequence[int]) -> list[Outcome]:
        """Whoever has changed a row has it now. What follows for those that wait for it."""
        there = {row.row_id: row for row in await self._work.ledger.rows(self._work.realm_id, row_ids)}
        outcomes: list[Outcome] = []
        for row_id in row_ids:
            row, now = self.pool.row(row_id), there.get(row_id)
            if now is not None and now.generation == row.generation:
                self.pool.put_back(row)
            else:
                outcomes += self._refused_with(self._let_go(row), "was taken back" if now is None else _LEFT)
        return outcomes

    def _ended(self, outcome: Outcome) -> list[Outcome]:
        """Apply one outcome to what is held; the outcomes that follow from it."""
        row = self.pool.row(outcome.row_id)
        if outcome.state is RowState.WAITING and row.load_id in self._work.options.loads:
            doubtful = row.doubtful or outcome.doubtful
            self.pool.put_back(structs.replace(row, generation=row.generation + 1, doubtful=doubtful))
            return []
        needs = self._let_go(row)
        if self._just_ended is not None and outcome.state is not RowState.WAITING:
            self._just_ended.add(row.row_id)  # what waits for another run is as the ledger shows it
        if outcome.state in DONE_STATES:
            for need in needs:
                self._resolver.know(need, outcome.object_id)
                self.pool.satisfy(need)
            return []
        self.rejected += outcome.state is RowState.REJECTED
        if outcome.state is RowState.REJECTED:
            for need in needs:
                if need.attribute:  # the company may have one of that name all the same: it is asked before sending
                    self.pool.satisfy(need)
        return self._refused_with(needs, "was rejected" if outcome.state is RowState.REJECTED else _LEFT)

    def _let_go(self, row: LoadRow) -> set[Need]:
        """The row is not ours any more; what it would have met."""
        self.pool.over(row.row_id)
        self._work.learnt.tries.pop(row.row_id, None)
        return self._waits.pop(row.row_id, set()) | {need for need in [makes(row)] if need}

    def _refused_with(self, needs: Iterable[Need], reason: str) -> list[Outcome]:
        """The ends of those that wait for what will not be."""
        return [
            rejected(waiting, "reference", f"{text_of(need)}, which it needs, {reason}", _CORRECT)
            for need in needs
            for waiting in self.pool.wanting(need)
        ]

    def _say(self, outcomes: Sequence[Outcome]) -> None:
        self._work.learnt.to_look_at += sum(
            outcome.state is RowState.ADOPTED and outcome.code != "" for outcome in outcomes
        )
        states = [outcome.state for outcome in outcomes]
        self._work.observe(
            events.RowsSettled(
                realm_id=self._work.realm_id,
                applied=states.count(RowState.APPLIED),
                adopted=states.count(RowState.ADOPTED),
                rejected=states.count(RowState.REJECTED),
                again=states.count(RowState.WAITING),
            )
        )
