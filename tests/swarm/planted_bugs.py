"""Bugs for the oracles to find: each is put into the program's own code."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import anyio
import pytest
from msgspec import structs

from backfill.errors import Disposition, UnansweredError
from backfill.jobs import changes, comparison, equality, prove, report_reading, reports, told, verified, whole_answer
from backfill.jobs.equality import Comparison
from backfill.jobs.load import looking, realm_load
from backfill.jobs.load.doubts import Doubts
from backfill.jobs.load.sending import Answer
from backfill.jobs.load.undo import Reversal
from backfill.jobs.load.work import LoadWork
from backfill.jobs.ports import Store
from backfill.jobs.targeted import Ending, Read, Reads
from backfill.jobs.work import RealmWork
from backfill.load_model import Outcome, RowState, Seal
from backfill.model import Checkpoint, Landed, Lease, RealmId, Record, RunId
from backfill.pacing.byte_budget import ByteBudget
from backfill.pacing.ledger import MemoryPermitLedger
from backfill.pacing.permits import PermitRing
from backfill.qbo import report_answers, report_rows
from backfill.qbo.catalogue import Entity
from backfill.qbo.operations import Operation
from backfill.qbo.signatures import Verifier
from backfill.qbo.token_keeper import TokenKeeper
from backfill.rehearsal.jobs import load as load_job
from backfill.rehearsal.world import World
from backfill.simulator.injection.reports import CutReport, WrongAmount
from backfill.store import memory_store
from backfill.store.memory_store import MemoryStore
from backfill.store.memory_tokens import MemoryLockedTokens, MemoryTokenVault
from tests.swarm.telling_worlds import (
    does,
    does_things_twice,
    extracts,
    extracts_and_dies,
    has_reports_with,
    has_room_for_one_page,
    is_at_work_unheard,
    is_forged_for,
    is_overtaken,
    is_overtaken_refreshing,
    loads,
    loads_and_dies,
    loads_and_undoes,
    loses_answers,
    loses_what_is_read,
    reads_reports,
    sweeps_with_flags,
)


@dataclass(frozen=True)
class Bug:
    """A defect, the oracle that must find it, and the worlds in which it can show."""

    oracle: str
    plant: Callable[[pytest.MonkeyPatch], None]
    where: Callable[[World], bool] = lambda world: world.job.name == "extract"


def permits_come_back_at_the_answer(patch: pytest.MonkeyPatch) -> None:
    """Not a window later."""
    patch.setattr(PermitRing, "answered", lambda ring, _now: ring.unused())


def permits_do_not_survive_a_crash(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: MemoryPermitLedger, _realm_id: RealmId) -> Sequence[object]:
        return []

    patch.setattr(MemoryPermitLedger, "held", nothing)


def a_round_of_change_data_capture_is_not_landed(patch: pytest.MonkeyPatch) -> None:
    class Deaf:
        def __init__(self, inner: Store) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        async def land(self, *_arguments: object, **_named: object) -> Landed:
            return Landed(landed=0, unchanged=0, deleted=0, quarantined=0)

    async def dropped(
        work: RealmWork, entities: Sequence[Entity], since: datetime, *, rounds: int = changes.ROUNDS_MAX
    ) -> changes.CaughtUp:
        deaf = copy.copy(work)
        deaf.store = cast("Store", Deaf(work.store))
        return await changes.catch_up(deaf, entities, since, rounds=rounds)

    patch.setattr(prove, "catch_up", dropped)


def a_page_is_landed_once_more_after_the_next(patch: pytest.MonkeyPatch) -> None:
    """And whatever comes last takes the place of what is there."""
    land = RealmWork.land
    before: dict[tuple[RealmId, str], Sequence[Record]] = {}

    async def again(self: RealmWork, entity: Entity, records: Sequence[Record], **more: Any) -> Landed:
        landed = await land(self, entity, records, **more)
        late = before.get((self.realm_id, entity.name), ())
        before[self.realm_id, entity.name] = records
        await self.store.land(self.lease, self.run_id, entity.name, late)
        return landed

    patch.setattr(memory_store, "stands", lambda *_arguments, **_named: True)
    patch.setattr(RealmWork, "land", again)


def the_checkpoint_is_committed_before_its_page(patch: pytest.MonkeyPatch) -> None:
    land = MemoryStore.land

    async def in_two(
        self: MemoryStore, lease: Lease, run_id: RunId, *page: Any, checkpoint: Checkpoint | None = None, **more: Any
    ) -> Landed:
        if checkpoint is not None:
            self._move(run_id, lease.realm_id, checkpoint)
            await anyio.sleep(0.3)
        return await land(self, lease, run_id, *page, **more)

    patch.setattr(MemoryStore, "land", in_two)


def nobody_looks_for_what_was_deleted(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_arguments: object) -> None:
        pass

    patch.setattr(whole_answer, "mark_vanished_together", nothing)


def a_lost_answer_parks_its_realm(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(UnansweredError, "disposition", Disposition.PARK)


def pages_are_asked_for_without_room(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ByteBudget, "_fits", lambda _self, _size: True)


def a_refresh_takes_no_lock(patch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def open_to_all(self: MemoryTokenVault, realm_id: RealmId) -> AsyncIterator[MemoryLockedTokens]:
        yield MemoryLockedTokens(self._rows, realm_id)

    patch.setattr(MemoryTokenVault, "locked", open_to_all)


def the_old_refresh_token_is_kept(patch: pytest.MonkeyPatch) -> None:
    """A new value is granted, and the one before it is stored with the new access token."""
    renewed = TokenKeeper._renewed

    def old(self: TokenKeeper, current: Any, granted: Any, candidate: Any) -> Any:
        return structs.replace(renewed(self, current, granted, candidate), refresh_token=candidate)

    patch.setattr(TokenKeeper, "_renewed", old)


def the_epoch_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryStore, "_fenced", lambda self, lease: self._realms[lease.realm_id])


def room_given_back_wakes_nobody(patch: pytest.MonkeyPatch) -> None:
    def silent(self: ByteBudget, size_bytes: int) -> None:
        self._held_bytes -= size_bytes

    patch.setattr(ByteBudget, "release", silent)


def what_is_said_to_be_deleted_is_believed(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_arguments: object) -> dict[Entity, Sequence[str]]:
        return {}

    patch.setattr(changes, "_said_to_be_deleted", nothing)


def a_resync_looks_for_nothing_deleted(patch: pytest.MonkeyPatch) -> None:
    nobody_looks_for_what_was_deleted(patch)


def verify_does_not_look_into_documents(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(comparison, "compared", lambda *_arguments: Comparison(""))


def a_repair_reads_nothing_again(patch: pytest.MonkeyPatch) -> None:
    async def idle(*_arguments: object) -> int:
        return 0

    patch.setattr(verified, "repair_realm", idle)


def verify_names_what_has_changed_since(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(equality, "_is_newer", lambda *_arguments: False)


def events_are_settled_unread(patch: pytest.MonkeyPatch) -> None:
    async def unread(work: RealmWork, wanted: Any, **_more: object) -> Reads:
        read = Read(Ending.LANDED, work.now() + timedelta(days=1))
        return {(name, id_): read for name, ids in wanted.items() for id_ in ids}

    patch.setattr(told, "read_objects", unread)


def any_signature_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Verifier, "accepts", lambda *_arguments: True)


def a_sweep_lands_no_changes(patch: pytest.MonkeyPatch) -> None:
    a_round_of_change_data_capture_is_not_landed(patch)


def a_cut_answer_is_taken_for_whole(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(report_answers, "_cut", lambda *_arguments: None)


def a_report_loses_its_last_row(patch: pytest.MonkeyPatch) -> None:
    rows = report_answers.Flattener.rows
    patch.setattr(report_answers.Flattener, "rows", lambda self, shape: rows(self, shape)[:-1])


def what_does_not_add_up_is_not_said(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(report_reading, "wrong_sums", lambda _document: [])


def a_period_is_not_planned(patch: pytest.MonkeyPatch) -> None:
    plan = reports.plan
    patch.setattr(reports, "plan", lambda *arguments: [*plan(*arguments)[:1], *plan(*arguments)[2:]])


def an_amount_loses_its_sign(patch: pytest.MonkeyPatch) -> None:
    """As where a service writes a negative number in a way that is not known."""
    value = report_rows._value

    def unsigned(text: str, *, number: bool) -> object:
        return value(text.removeprefix("-"), number=number)

    patch.setattr(report_rows, "_value", unsigned)


def a_doubt_is_looked_into_at_once(patch: pytest.MonkeyPatch) -> None:
    """Though the server may still be at work on it."""
    doubt = Doubts._doubt

    def hasty(self: Doubts, seal: Seal, reason: str, **more: Any) -> None:
        doubt(self, seal, reason, **{**more, "now": True})

    patch.setattr(Doubts, "_doubt", hasty)


def nothing_is_ever_found_again(patch: pytest.MonkeyPatch) -> None:
    """What is in doubt is sent once more, whatever is there."""
    patch.setattr(looking, "is_ours", lambda *_arguments, **_named: False)


def a_lost_answer_is_a_refusal(patch: pytest.MonkeyPatch) -> None:
    """The row is given back as though nothing had been done."""

    async def lost(self: Doubts, seal: Seal, reason: str, **_more: Any) -> None:
        await self._rows.commit([Outcome(item.row_id, RowState.WAITING) for item in seal.items])

    patch.setattr(Doubts, "lost", lost)


def answers_are_taken_by_position(patch: pytest.MonkeyPatch) -> None:
    """Not by bId: the second item's is the first's."""
    sending = realm_load.send

    async def by_position(work: LoadWork, seal: Seal) -> Mapping[str, Answer]:
        answered = await sending(work, seal)
        return dict(zip([item.b_id for item in seal.items], answered.values(), strict=False))

    patch.setattr(realm_load, "send", by_position)


def a_seal_left_behind_is_sent_anew(patch: pytest.MonkeyPatch) -> None:
    """After a crash its rows simply wait again."""

    async def forgotten(self: Doubts) -> None:
        left = await self._work.ledger.unsettled(self._work.realm_id)
        rows = [Outcome(item.row_id, RowState.WAITING) for seal in left for item in seal.items]
        await self._work.ledger.settle(self._work.lease, rows)

    patch.setattr(Doubts, "take_over", forgotten)


def undoing_forgets_what_was_changed(patch: pytest.MonkeyPatch) -> None:
    """Only what was made is taken away."""
    _undone_only(patch, lambda what: what is Operation.CREATE)


def undoing_makes_nothing_again(patch: pytest.MonkeyPatch) -> None:
    """What was deleted stays so."""
    _undone_only(patch, lambda what: what is not Operation.DELETE)


def _undone_only(patch: pytest.MonkeyPatch, which: Callable[[Operation], bool]) -> None:
    reversal = load_job.reversal_of

    def of_some(row_id: int, realm_id: RealmId, entity: str, what: Operation, *rest: Any, **more: Any) -> Reversal:
        found = reversal(row_id, realm_id, entity, what, *rest, **more)
        return found if which(what) else structs.replace(found, row=None)

    patch.setattr(load_job, "reversal_of", of_some)


BUGS = (
    Bug("within limits", permits_come_back_at_the_answer),
    Bug("within limits", permits_do_not_survive_a_crash),
    Bug("equal state", a_round_of_change_data_capture_is_not_landed, extracts),
    Bug("never back", a_page_is_landed_once_more_after_the_next, extracts),
    Bug("checkpoint behind data", the_checkpoint_is_committed_before_its_page, extracts_and_dies),
    Bug("complete", nobody_looks_for_what_was_deleted, extracts),
    Bug("own trouble", a_lost_answer_parks_its_realm, loses_what_is_read),
    Bug("memory bounded", pages_are_asked_for_without_room, has_room_for_one_page),
    Bug("tokens kept", a_refresh_takes_no_lock, is_overtaken_refreshing),
    Bug("tokens kept", the_old_refresh_token_is_kept),
    Bug("one owner", the_epoch_is_not_checked, is_overtaken),
    Bug("confirmed deletes", what_is_said_to_be_deleted_is_believed, sweeps_with_flags),
    Bug("complete", a_resync_looks_for_nothing_deleted, does("resync")),
    Bug("equal state", a_sweep_lands_no_changes, does("care")),
    Bug("complete", a_repair_reads_nothing_again, does("verify")),
    Bug("named exactly", verify_does_not_look_into_documents, does("verify")),
    Bug("named exactly", verify_names_what_has_changed_since, does("verify")),
    Bug("told once", events_are_settled_unread, does("webhooks")),
    Bug("told once", any_signature_will_do, is_forged_for),
    Bug("ends", room_given_back_wakes_nobody, has_room_for_one_page),
    Bug("whole reports", a_cut_answer_is_taken_for_whole, has_reports_with(CutReport)),
    Bug("whole reports", a_report_loses_its_last_row, reads_reports),
    Bug("whole reports", what_does_not_add_up_is_not_said, has_reports_with(WrongAmount)),
    Bug("equal books", a_period_is_not_planned, reads_reports),
    Bug("equal books", an_amount_loses_its_sign, reads_reports),
    Bug("exactly once", a_doubt_is_looked_into_at_once, is_at_work_unheard),
    Bug("exactly once", nothing_is_ever_found_again, does_things_twice),
    Bug("exactly once", a_lost_answer_is_a_refusal, loses_answers),
    Bug("exactly once", answers_are_taken_by_position, loads),
    Bug("exactly once", a_seal_left_behind_is_sent_anew, loads_and_dies),
    Bug("taken back", undoing_forgets_what_was_changed, loads_and_undoes),
    Bug("taken back", undoing_makes_nothing_again, loads_and_undoes),
)
