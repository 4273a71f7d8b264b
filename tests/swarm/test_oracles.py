"""A rehearsal that nobody has watched fail proves nothing: for each oracle, a bug that it must find.

Each bug is put into the program's own code, and seeds are rehearsed until one fails. Worlds in which it cannot show
are passed over; within those that are left it is found many times, so that a change to how worlds are drawn moves the
first of them and loses none.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice
from typing import Any, cast

import anyio
import pytest
from msgspec import structs

from backfill.errors import Disposition, UnansweredError
from backfill.jobs import changes, prove, report_reading, reports, whole_answer
from backfill.jobs.ports import Store
from backfill.jobs.work import RealmWork
from backfill.model import Checkpoint, Landed, Lease, RealmId, Record, RunId
from backfill.pacing.byte_budget import ByteBudget
from backfill.pacing.ledger import MemoryPermitLedger
from backfill.pacing.permits import PermitRing
from backfill.qbo import report_answers, report_rows
from backfill.qbo.catalogue import Entity
from backfill.qbo.token_keeper import TokenKeeper
from backfill.rehearsal.faults.bad_reports import BadReports
from backfill.rehearsal.faults.pause import Pause
from backfill.rehearsal.oracles import ORACLES
from backfill.rehearsal.rehearsal import rehearse
from backfill.rehearsal.world import ROOMY_BYTES, World, draw_world
from backfill.store import memory_store
from backfill.store.memory_store import MemoryStore
from backfill.store.memory_tokens import MemoryLockedTokens, MemoryTokenVault


@dataclass(frozen=True)
class Bug:
    """A defect, the oracle that must find it, and the worlds in which it can show."""

    oracle: str
    plant: Callable[[pytest.MonkeyPatch], None]
    where: Callable[[World], bool] = lambda _world: True


def permits_come_back_at_the_answer(patch: pytest.MonkeyPatch) -> None:
    """Not a window later."""
    patch.setattr(PermitRing, "answered", PermitRing.unused)


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


def a_cut_answer_is_taken_for_whole(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(report_answers, "_why_cut", lambda *_arguments: "")


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


def reads_reports(world: World) -> bool:
    return world.job.name == "reports"


def has_bad_reports(world: World) -> bool:
    return reads_reports(world) and any(isinstance(fault, BadReports) for fault in world.faults)


def extracts(world: World) -> bool:
    return world.job.name == "extract"


def has_little_room(world: World) -> bool:
    """For pages of whole companies, read by several at once."""
    return extracts(world) and world.memory_bytes < ROOMY_BYTES and world.page_rows < 1000 and world.readers > 1


def is_overtaken(world: World) -> bool:
    """A process is stopped, and another takes its realms meanwhile."""
    return any(isinstance(fault, Pause) and fault.rival for fault in world.faults)


WORLDS = 80
"""Of those in which a bug can show. The rarest is found in one of eight (counted), so in none of these hardly ever."""

BUGS = (
    Bug("within limits", permits_come_back_at_the_answer),
    Bug("within limits", permits_do_not_survive_a_crash),
    Bug("equal state", a_round_of_change_data_capture_is_not_landed, extracts),
    Bug("never back", a_page_is_landed_once_more_after_the_next, extracts),
    Bug("checkpoint behind data", the_checkpoint_is_committed_before_its_page, extracts),
    Bug("complete", nobody_looks_for_what_was_deleted, extracts),
    Bug("own trouble", a_lost_answer_parks_its_realm),
    Bug("memory bounded", pages_are_asked_for_without_room, has_little_room),
    Bug("tokens kept", a_refresh_takes_no_lock, is_overtaken),
    Bug("tokens kept", the_old_refresh_token_is_kept),
    Bug("one owner", the_epoch_is_not_checked, is_overtaken),
    Bug("ends", room_given_back_wakes_nobody),
    Bug("whole reports", a_cut_answer_is_taken_for_whole, has_bad_reports),
    Bug("whole reports", a_report_loses_its_last_row, reads_reports),
    Bug("whole reports", what_does_not_add_up_is_not_said, has_bad_reports),
    Bug("equal books", a_period_is_not_planned, reads_reports),
    Bug("equal books", an_amount_loses_its_sign, reads_reports),
)


def worlds_of(bug: Bug) -> Iterator[World]:
    """The first worlds of all seeds in which the bug can show."""
    return islice(filter(bug.where, map(draw_world, count())), WORLDS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.plant.__name__)
def test_a_bug_is_found(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    found = any(bug.oracle in {breach.oracle for breach in rehearse(world).breaches} for world in worlds_of(bug))
    assert found, f"the oracle '{bug.oracle}' saw nothing of it"


def test_every_oracle_was_watched_failing() -> None:
    assert {bug.oracle for bug in BUGS} == {oracle.name for oracle in ORACLES} | {"ends"}
