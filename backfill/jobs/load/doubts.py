"""Seals whose outcome is unknown, until it is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import anyio
from msgspec import structs

from backfill import events
from backfill.errors import RequestError
from backfill.jobs.load.looking import Seen, Sight, look
from backfill.jobs.load.rows import RealmRows
from backfill.jobs.load.versions import Versions
from backfill.jobs.load.work import LoadWork
from backfill.load_model import Outcome, RowState, Seal, SealItem
from backfill.qbo.operations import SALES_FORMS
from backfill.wire import Lane

TRIES_MAX = 5
"""Attempts of one row that may end in nothing known. Each costs two minutes and a look; after five of them something is
wrong that further ones do not cure."""

STALE_TRIES_MAX = 3
"""Attempts that may find another version of the object: whoever changes it so often will go on."""


@dataclass(slots=True)
class _Doubt:
    seal: Seal
    due_at: float
    """Loop time from which on nothing of it can happen any more."""
    said: dict[int, Outcome] = field(default_factory=dict)
    """Row to the rejection that its answer was, if it turns out that the object is not ours."""


class Doubts:
    """One realm's. `lanes` are those by which something may be sent again."""

    def __init__(self, work: LoadWork, rows: RealmRows, versions: Versions, *, lanes: Collection[Lane]) -> None:
        self._work = work
        self._rows = rows
        self._versions = versions
        self._open: dict[int, _Doubt] = {}
        self._again: list[Seal] = []
        self._lanes = lanes

    def __len__(self) -> int:
        """Seals in doubt, and seals to be sent again."""
        return len(self._open) + len(self._again)

    @property
    def sends_again(self) -> bool:
        """Something was looked for in vain, and is to be sent once more."""
        return bool(self._again)

    def next_at(self) -> float:
        """Loop time at which the next one can be looked into; infinite if there is none."""
        return min((doubt.due_at for doubt in self._open.values()), default=float("inf"))

    def to_send_again(self, lane: Lane) -> Seal | None:
        """A seal of which nothing took effect, to be sent once more as it is."""
        found = next((seal for seal in self._again if seal.lane == lane), None)
        if found is not None:
            self._again.remove(found)
        return found

    async def take_over(self) -> None:
        """Whatever an earlier process, or turn, left sealed: nobody waits for its answer any more."""
        work = self._work
        left = await work.ledger.unsettled(work.realm_id)
        if not left:
            return
        unknown = [seal.seal_id for seal in left if seal.lost_for_s is None]
        if unknown:
            await work.ledger.lose(work.lease, unknown, taken_over=True)
        seals = await work.ledger.unsettled(work.realm_id)
        await self._rows.hold_sealed(seals)
        for seal in seals:
            self._doubt(seal, "an earlier process left it unanswered")

    async def made_before(self, seal: Seal) -> bool:
        """Whether an attempt that was given up in doubt has made some of a seal that is about to be sent.

        Those rows are adopted, and the rest waits for another seal. An attempt of this run was looked for, unless
        people had to look; they have by now, so that what cannot be read is sent. Raises `RequestError`.
        """
        tries = self._work.learnt.tries
        doubtful = tuple(item for item in seal.items if item.doubtful and item.row_id not in tries)
        if not doubtful:
            return False
        seen = await self._look([structs.replace(seal, items=doubtful)])
        if seen.adopted:
            await self._rows.commit(
                seen.adopted.get(item.row_id) or Outcome(item.row_id, RowState.WAITING) for item in seal.items
            )
        return bool(seen.adopted)

    async def lost(
        self, seal: Seal, reason: str, *, said: Sequence[Outcome] = (), now: bool = False, tried: bool = True
    ) -> None:
        """A seal, or some of its rows, has no good answer. `now`: what it says of itself can be looked into at once.

        Not `tried`: it says nothing of its rows that fewer of them at once may be the cure.
        """
        (left,) = await self._work.ledger.lose(self._work.lease, [seal.seal_id], taken_over=False)
        for item in left.items:
            self._work.learnt.tries[item.row_id] = self._work.learnt.tries.get(item.row_id, 0) + tried
        self._doubt(left, reason, said=said, now=now)

    def _doubt(self, seal: Seal, reason: str, *, said: Sequence[Outcome] = (), now: bool = False) -> None:
        wait_s = 0.0 if now else max(0.0, self._work.options.settled_s - (seal.lost_for_s or 0.0))
        doubt = _Doubt(seal, anyio.current_time() + wait_s, {outcome.row_id: outcome for outcome in said})
        self._open[seal.seal_id] = doubt
        self._work.observe(
            events.OutcomeUnknown(realm_id=self._work.realm_id, rows=len(seal.items), wait_s=wait_s, reason=reason)
        )
        self._rows.tell()

    async def look_into(self) -> None:
        """Settle all that are due. Raises `RequestError` if it cannot be looked; they stay as they are."""
        due = [doubt for doubt in self._open.values() if doubt.due_at <= anyio.current_time()]
        if not due:
            return
        seen = await self._look([doubt.seal for doubt in due])
        outcomes: list[Outcome] = []
        for doubt in due:
            outcomes += self._decided(doubt, seen)
            del self._open[doubt.seal.seal_id]
        await self._rows.commit(outcomes)

    async def _look(self, seals: Sequence[Seal]) -> Seen:
        seen = await look(self._work, seals)
        for seal in seals:
            for item in seal.items:
                self._work.learnt.tries.setdefault(item.row_id, 0)
        return seen

    def _decided(self, doubt: _Doubt, seen: Seen) -> list[Outcome]:
        """What follows for one seal. None of it there: the same request again, unless it was too much. Some: those are
        adopted, and the rest becomes part of other requests."""
        seal = doubt.seal
        absent = [item for item in seal.items if item.row_id not in seen.adopted]
        outcomes = [seen.adopted[item.row_id] for item in seal.items if item.row_id in seen.adopted]
        for item in seal.items:
            self._versions.forget(item.entity, item.object_id)
        same_again = (
            seal.whole
            and self._work.learnt.numbers_kept is not False
            and len(absent) == len(seal.items)
            and (seal.lane != Lane.BATCH or len(seal.items) <= self._work.learnt.items_max)
            and not doubt.said
            and seal.lane in self._lanes
            and all(seen.sights[item.row_id] is Sight.ABSENT for item in absent)
            and all(self._work.learnt.tries.get(item.row_id, 0) < TRIES_MAX for item in absent)
        )
        if same_again:
            self._again.append(seal)
            self._rows.tell()
            return []
        return outcomes + [
            _unreadable(item, seen.faults[item.row_id])
            if seen.sights[item.row_id] is Sight.UNREADABLE
            else self._absent(item, doubt.said.get(item.row_id))
            for item in absent
        ]

    def _absent(self, item: SealItem, said: Outcome | None) -> Outcome:
        """The row did not take effect; that is certain, unless what it would be found by was not kept."""
        renumbers = self._work.learnt.numbers_kept is False
        if renumbers and item.entity in SALES_FORMS and not item.stamp and not item.object_id:
            return Outcome(
                item.row_id,
                RowState.REJECTED,
                code="unknown",
                message="no good answer came, and this company changes the numbers by which it would be found again",
                action="Look for it in the company; if it is not there, load retry: it gets a stamp then.",
            )
        if said is not None and not _is_worth_another(item, said):
            return said
        if self._work.learnt.tries.get(item.row_id, 0) >= TRIES_MAX:
            return Outcome(
                item.row_id,
                RowState.REJECTED,
                code="unknown",
                message=f"no good answer came, {TRIES_MAX} times; it was looked for each time, and is not there",
                action="See Intuit's status page, then load retry.",
            )
        return Outcome(item.row_id, RowState.WAITING, doubtful=True)


def _unreadable(item: SealItem, fault: RequestError) -> Outcome:
    """It may be there, and nobody can say so but a person."""
    return Outcome(
        item.row_id,
        RowState.REJECTED,
        code="unknown",
        message=f"no good answer came, and what may be it in the company cannot be read: {fault.message}",
        action="Look for it in the company; if it is not there, load retry.",
        intuit_tid=fault.intuit_tid,
        doubtful=True,
    )


def _is_worth_another(item: SealItem, said: Outcome) -> bool:
    """Whether what was said of it was about that request only: a used requestid, or another version of the object.

    A requestid that was used, and by no attempt that the ledger knows of, is of one that it has forgotten, as a ledger
    of a backup has: what that made was created longer ago than it is looked for.
    """
    if said.code == "600":
        return item.doubtful or item.object_id != ""
    return said.code == "5010" and item.object_id != ""
