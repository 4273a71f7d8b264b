"""Many realms at once: bounded, fair to the small, and one realm's trouble its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import anyio
import pytest

from backfill.errors import (
    BackfillError,
    Disposition,
    FaultError,
    LeaseLostError,
    StoppedError,
    TokenError,
    UnavailableError,
    UnprovenError,
)
from backfill.events import Event, LeaseAwaited, RealmFinished
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, work_realms
from backfill.jobs.turns import Turn
from backfill.model import Lease, RealmId, RunId
from backfill.store.memory_store import MemoryStore

pytestmark = pytest.mark.virtual

RUN = RunId(1)
REALMS = [RealmId(str(number)) for number in range(10)]
Job = Callable[[Lease], Awaitable[RealmOutcome]]


class Fleet:
    def __init__(self, **options: object) -> None:
        self.store = MemoryStore(REALMS, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self.options = FleetOptions(**options)  # type: ignore[arg-type]  # the options' own names
        self.events: list[Event] = []
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.stop_at_s = float("inf")

    async def work(
        self, job: Job, realms: list[RealmId] | None = None, joining: AsyncIterator[RealmId] | None = None
    ) -> FleetResult:
        async def timed(lease: Lease, _turn: Turn, /) -> RealmOutcome:
            self.began[lease.realm_id] = anyio.current_time()
            try:
                return await job(lease)
            finally:
                self.ended[lease.realm_id] = anyio.current_time()

        return await work_realms(
            REALMS if realms is None else realms,
            timed,
            store=self.store,
            run_id=RUN,
            observe=self.events.append,
            options=self.options,
            stopping=lambda: anyio.current_time() >= self.stop_at_s,
            joining=joining,
        )

    def owners(self) -> set[str | None]:
        return {realm.owner for realm in self.store._realms.values()}


def taking(seconds: dict[str, float], *, otherwise_s: float = 1.0) -> Job:
    async def job(lease: Lease) -> RealmOutcome:
        await anyio.sleep(seconds.get(lease.realm_id, otherwise_s))
        return RealmOutcome(proven=True)

    return job


def failing(errors: dict[str, BackfillError]) -> Job:
    async def job(lease: Lease) -> RealmOutcome:
        await anyio.sleep(1)
        if lease.realm_id in errors:
            raise errors[lease.realm_id]
        await anyio.sleep(1)
        return RealmOutcome(proven=True)

    return job


async def test_a_giant_does_not_block_the_others() -> None:
    fleet = Fleet(realms_at_once=2)
    result = await fleet.work(taking({"0": 1000}))
    assert sorted(result.proven) == REALMS
    assert max(ended for realm, ended in fleet.ended.items() if realm != "0") == 9
    assert anyio.current_time() == 1000


@pytest.mark.parametrize("at_once", [1, 3, 50])
async def test_no_more_realms_than_said_are_open_at_once(at_once: int) -> None:
    fleet = Fleet(realms_at_once=at_once)
    await fleet.work(taking({}))
    open_at = [sum(fleet.began[r] <= t < fleet.ended[r] for r in REALMS) for t in range(12)]
    assert max(open_at) == min(at_once, len(REALMS))
    assert fleet.owners() == {None}, "every lease is given back"


async def test_no_realms_is_no_work() -> None:
    assert await Fleet().work(taking({}), []) == FleetResult()


async def test_every_realm_ends_in_one_list() -> None:
    fault = FaultError("no", realm_id="3", code="x", disposition=Disposition.REJECT, action="look")
    errors: dict[str, BackfillError] = {
        "1": TokenError("dead", realm_id="1", code="invalid_grant", action="connect it again"),
        "3": fault,
        "5": LeaseLostError("lost", realm_id="5"),
        "7": UnprovenError("does not add up", action="again"),
        "8": StoppedError("stop"),
    }
    fleet = Fleet()
    result = await fleet.work(failing(errors))
    assert sorted(result.proven) == ["0", "2", "4", "6", "9"]
    assert sorted(result.unproven) == ["3", "5", "7"]
    assert (result.parked, result.stopped) == (["1"], ["8"])
    told = {trouble.realm_id: (trouble.code, trouble.action) for trouble in result.troubles}
    assert told == {
        "1": ("invalid_grant", "connect it again"),
        "3": ("x", "look"),
        "5": ("LeaseLostError", "nothing: the other process goes on with the realm"),
        "7": ("UnprovenError", "again"),
    }
    parked = fleet.store.parked(RealmId("1"))
    assert parked is not None
    assert parked.action == "connect it again"
    assert fleet.store.parked(RealmId("3")) is None
    finished = {event.realm_id: event.proven for event in fleet.events if isinstance(event, RealmFinished)}
    assert finished == {realm: realm in result.proven for realm in REALMS if realm not in {"1", "8"}}
    assert fleet.owners() == {None}


async def test_what_no_realm_can_go_on_without_stops_everything() -> None:
    fleet = Fleet(realms_at_once=3)
    with pytest.raises(UnavailableError, match="database"):
        await fleet.work(failing({"1": UnavailableError("the database is gone")}))
    assert anyio.current_time() == 1
    assert set(fleet.began) == {"0", "1", "2"}
    assert fleet.owners() == {None}


async def test_a_lease_that_cannot_be_given_back_does_not_hide_why() -> None:
    fleet = Fleet(realms_at_once=1)

    async def gone(_lease: Lease) -> None:
        raise UnavailableError("also gone")

    fleet.store.release = gone  # type: ignore[method-assign]  # the database is away
    with pytest.raises(UnavailableError, match="first"):
        await fleet.work(failing({"0": UnavailableError("first")}))


async def test_once_asked_to_stop_no_realm_is_begun() -> None:
    fleet = Fleet(realms_at_once=2)
    fleet.stop_at_s = 1.5
    result = await fleet.work(taking({}))
    assert sorted(result.proven) == ["0", "1", "2", "3"]
    assert sorted(result.stopped) == ["4", "5", "6", "7", "8", "9"]
    assert set(fleet.began) == {"0", "1", "2", "3"}


class TestJoining:
    async def test_who_joins_is_worked_and_the_call_ends_with_the_last(self) -> None:
        async def newcomers() -> AsyncIterator[RealmId]:
            await anyio.sleep(1.5)
            yield REALMS[1]
            await anyio.sleep(1000)
            yield REALMS[2]

        result = await (fleet := Fleet()).work(taking({"0": 2, "1": 3}), REALMS[:1], newcomers())
        assert sorted(result.proven) == ["0", "1"]
        assert fleet.began == {"0": 0, "1": 1.5}
        assert anyio.current_time() == 4.5

    async def test_a_parked_realm_that_is_connected_again_is_not_parked_any_more(self) -> None:
        broken: dict[str, BackfillError] = {"1": TokenError("dead", realm_id="1", code="x", action="connect it again")}

        async def newcomers() -> AsyncIterator[RealmId]:
            await anyio.sleep(1.5)
            broken.clear()
            yield REALMS[1]

        result = await Fleet().work(failing(broken), REALMS[:2], newcomers())
        assert sorted(result.proven) == ["0", "1"]
        assert (result.parked, result.troubles) == ([], [])

    async def test_what_keeps_newcomers_from_being_seen_stops_everything(self) -> None:
        async def newcomers() -> AsyncIterator[RealmId]:
            await anyio.sleep(0.5)
            raise UnavailableError("the database is gone")
            yield

        fleet = Fleet()
        with pytest.raises(UnavailableError, match="database"):
            await fleet.work(taking({}), joining=newcomers())
        assert anyio.current_time() == 0.5
        assert fleet.owners() == {None}


class TestLeases:
    async def test_it_is_renewed_for_as_long_as_the_work_takes(self) -> None:
        fleet = Fleet()
        other = fleet.store.seen_by("another process")
        tries = []

        async def watch() -> None:
            for _ in range(20):
                await anyio.sleep(14.9)
                try:
                    await other.acquire(REALMS[0])
                except BackfillError as error:
                    tries.append(type(error).__name__)

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await fleet.work(taking({"0": 300}), REALMS[:1])
        assert tries == ["RealmBusyError"] * 20

    async def test_a_realm_that_another_owns_is_waited_for(self) -> None:
        fleet = Fleet()
        other = fleet.store.seen_by("another process")
        theirs = await other.acquire(REALMS[4])

        async def finish() -> None:
            await anyio.sleep(12)
            await other.release(theirs)

        async with anyio.create_task_group() as group:
            group.start_soon(finish)
            result = await fleet.work(taking({}))
        assert sorted(result.proven) == REALMS
        assert 12 <= fleet.began["4"] <= 13
        waited = [event for event in fleet.events if isinstance(event, LeaseAwaited)]
        assert [(event.realm_id, event.owner) for event in waited] == [("4", "another process")], "said once"

    async def test_or_not_if_so_asked(self) -> None:
        fleet = Fleet(wait_for_lease=False)
        await fleet.store.seen_by("another process").acquire(REALMS[4])
        result = await fleet.work(taking({}))
        assert result.unproven == ["4"]
        assert [trouble.code for trouble in result.troubles] == ["RealmBusyError"]
        assert len(result.proven) == 9

    async def test_waiting_ends_when_the_run_is_asked_to_stop(self) -> None:
        fleet = Fleet()
        fleet.stop_at_s = 3.5
        other = fleet.store.seen_by("another process")
        await other.acquire(REALMS[4])
        result = await fleet.work(taking({}), [REALMS[4]])
        assert result.stopped == ["4"]
        assert anyio.current_time() <= 5

    async def test_a_connection_that_its_successor_ended_is_a_lost_lease_and_no_lost_database(self) -> None:
        fleet = Fleet(realms_at_once=1, lease_renewal_s=1000)
        other = fleet.store.seen_by("another process")

        async def paused(lease: Lease) -> RealmOutcome:
            if lease.realm_id == "0":
                await anyio.sleep(100)
                await other.acquire(REALMS[0])
                raise UnavailableError("the connection was ended")
            return RealmOutcome(proven=True)

        result = await fleet.work(paused, REALMS[:2])
        assert [trouble.code for trouble in result.troubles] == ["LeaseLostError"]
        assert (result.unproven, result.proven) == (["0"], ["1"]), "one realm's trouble is its own"

    @pytest.mark.parametrize("lease_renewal_s", [40, 1000], ids=["by its renewal", "by its work"])
    async def test_what_ran_out_of_time_while_the_machine_slept_is_asked_again(self, lease_renewal_s: float) -> None:
        """Statements that were under way find no time left when it wakes, though the database answers as ever."""
        fleet = Fleet(realms_at_once=1, lease_renewal_s=lease_renewal_s)
        store, other = fleet.store, fleet.store.seen_by("another process")
        renew, overdue = store.renew, [UnavailableError("no answer in time")]

        async def renewed(lease: Lease) -> None:
            if lease.realm_id == "0" and overdue:
                await other.acquire(REALMS[0])
                raise overdue.pop()
            await renew(lease)

        store.renew = renewed  # type: ignore[method-assign]  # as the driver does

        async def paused(lease: Lease) -> RealmOutcome:
            if lease.realm_id == "0":
                await anyio.sleep(100)
                raise UnavailableError("no answer in time")
            return RealmOutcome(proven=True)

        result = await fleet.work(paused, REALMS[:2])
        assert [trouble.code for trouble in result.troubles] == ["LeaseLostError"]
        assert (result.unproven, result.proven) == (["0"], ["1"]), "the run goes on"
        assert not overdue

    async def test_a_database_that_does_not_answer_twice_is_gone(self) -> None:
        fleet = Fleet(realms_at_once=1)
        asked: list[float] = []

        async def unanswered(_lease: Lease) -> None:
            asked.append(anyio.current_time())
            raise UnavailableError("the database is gone")

        fleet.store.renew = unanswered  # type: ignore[method-assign]  # it is away
        with pytest.raises(UnavailableError, match="is gone"):
            await fleet.work(taking({"0": 1000}))
        assert asked == [10, 10]

    async def test_it_is_given_back_also_when_the_run_is_cancelled(self) -> None:
        fleet = Fleet()
        with anyio.move_on_after(2):
            await fleet.work(taking({}, otherwise_s=100))
        assert fleet.owners() == {None}
