"""The contract of `jobs.ports.Store`: what is held, and that any history leaves the same in both stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import anyio
import anyio.from_thread
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.model import Checkpoint, Expected, Held, Landed, Lease, Record, Refusal, Slice
from backfill.store.database import Database
from tests.postgres import PostgresServer
from tests.store.contract import A, B, Subject, canonical, fresh, in_memory, in_postgres
from tests.store.scene import EVER, NOW, OTHER_REALM, REALM, at, deleted, live


class TestHeld:
    @pytest.fixture(autouse=True)
    async def _landed(self, subject: Subject, lease: Lease) -> None:
        created = [Record(str(second), 0, at(second), at(second + 10), b"{}") for second in range(5)]
        await subject.land(lease, *created, live("undated", None), deleted("gone", 3), deleted("4", 99))

    async def test_marked_rows_do_not_count(self, subject: Subject) -> None:
        assert await subject.store.held(REALM, "Invoice") == Held(live=5, quarantined=0)
        assert await subject.store.held(OTHER_REALM, "Invoice") == Held(live=0, quarantined=0)
        assert await subject.store.held(REALM, "Bill") == Held(live=0, quarantined=0)

    @pytest.mark.parametrize(
        ("bounds", "count"),
        [
            ({"created_to": at(1)}, 3),
            ({"updated_from": at(12)}, 3),
            ({"created_to": at(2), "updated_from": at(12)}, 2),
            ({"created_to": at(-1)}, 1),
        ],
    )
    async def test_bounds_are_inclusive_and_rows_without_the_time_are_inside(
        self, subject: Subject, bounds: Mapping[str, datetime], count: int
    ) -> None:
        assert (await subject.store.held(REALM, "Invoice", **bounds)).live == count

    async def test_all_and_what_was_updated_since_are_counted_of_several_at_once(self, subject: Subject) -> None:
        since = {"Invoice": at(12), "Bill": at(0), "Payment": at(99)}
        assert await subject.store.held_since(REALM, since) == {"Invoice": (5, 3), "Bill": (0, 0), "Payment": (0, 0)}
        assert await subject.store.held_since(REALM, {"Invoice": at(13)}) == {"Invoice": (5, 2)}
        assert await subject.store.held_since(OTHER_REALM, {"Invoice": at(0)}) == {"Invoice": (0, 0)}
        assert await subject.store.held_since(REALM, {}) == {}

    @pytest.mark.parametrize(("than", "more"), [(0, True), (4, True), (5, False), (6, False)])
    async def test_whether_more_are_live_than_so_many(self, subject: Subject, than: int, *, more: bool) -> None:
        assert await subject.store.holds_more(REALM, "Invoice", than=than) is more
        assert not await subject.store.holds_more(OTHER_REALM, "Invoice", than=0)
        assert not await subject.store.holds_more(REALM, "Bill", than=0)

    @pytest.mark.parametrize(
        ("bounds", "ids"),
        [
            ({}, ["0", "1", "2", "3", "undated"]),
            ({"created_from": at(1), "created_to": at(2)}, ["1", "2"]),
            ({"created_from": at(2)}, ["2", "3"]),
            ({"created_to": at(0)}, ["0"]),
            ({"updated_from": at(12)}, ["2", "3"]),
        ],
    )
    async def test_ids_of_live_rows(self, subject: Subject, bounds: Mapping[str, datetime], ids: list[str]) -> None:
        assert sorted(await subject.store.live_ids(REALM, "Invoice", **bounds)) == ids
        assert await subject.store.live_ids(OTHER_REALM, "Invoice") == []

    async def test_ids_of_rows_that_are_marked(self, subject: Subject) -> None:
        assert set(await subject.store.marked_ids(REALM, "Invoice", {"0", "gone", "never"})) == {"gone"}
        assert set(await subject.store.marked_ids(OTHER_REALM, "Invoice", {"gone"})) == set()

    @pytest.mark.parametrize(
        ("parts", "cuts"),
        [
            (1, [(at(3), 4)]),
            (2, [(at(1), 2), (at(3), 4)]),
            (100, [(at(0), 1), (at(1), 2), (at(2), 3), (at(3), 4)]),
        ],
    )
    async def test_cuts_into_equal_parts(self, subject: Subject, parts: int, cuts: list[tuple[datetime, int]]) -> None:
        """Only live rows that have a time: the one marked deleted is in no part."""
        assert list(await subject.store.created_up_to(REALM, "Invoice", parts=parts)) == cuts
        assert list(await subject.store.created_up_to(OTHER_REALM, "Invoice", parts=parts)) == []

    async def test_rows_of_one_second_are_not_cut_apart(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, *(Record(f"more {n}", 0, at(3), at(3), b"{}") for n in range(20)))
        assert list(await subject.store.created_up_to(REALM, "Invoice", parts=4))[-1] == (at(3), 24)


class TestQuarantined:
    @staticmethod
    def nameless(*places: str) -> list[Refusal]:
        return [Refusal("", "10000", "m", place.encode()) for place in places]

    async def test_a_nameless_row_that_two_runs_met_at_two_places_is_one_row(
        self, subject: Subject, lease: Lease
    ) -> None:
        """Of which no landing ever clears either: the entity could never be proven."""
        named = Refusal("7", "10000", "m", b"")
        await subject.land(lease, refusals=[*self.nameless("1 of those up to noon"), named])
        await subject.store.land(
            lease, subject.other_run, "Invoice", [], refusals=[*self.nameless("1 of those up to one o'clock"), named]
        )
        assert await subject.store.held(REALM, "Invoice") == Held(live=0, quarantined=2)

    async def test_what_has_a_name_is_known_by_it(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, refusals=[Refusal("7", "4002", "m", b""), *self.nameless("1")])
        await subject.land(lease, entity="Bill", refusals=[Refusal("8", "4002", "m", b"")])
        assert await subject.store.aside(REALM) == {"Invoice": {"7"}, "Bill": {"8"}}
        assert await subject.store.aside(OTHER_REALM) == {}

    async def test_every_nameless_row_that_one_run_met_counts(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, refusals=self.nameless("1", "2"))
        await subject.store.land(lease, subject.other_run, "Invoice", [], refusals=self.nameless("2", "3", "4"))
        await subject.land(lease, entity="Bill", refusals=self.nameless("1"))
        assert await subject.store.held(REALM, "Invoice") == Held(live=0, quarantined=3)
        assert await subject.store.held(REALM, "Bill") == Held(live=0, quarantined=1)

    async def test_a_run_of_a_part_forgets_nothing_that_has_no_name(self, subject: Subject, lease: Lease) -> None:
        """It does not meet what is older; who begins to read all of it does."""
        await subject.land(lease, refusals=self.nameless("1"))
        await subject.begin(lease, run_id=subject.partial_run, Invoice=2)
        assert (await subject.store.held(REALM, "Invoice")).quarantined == 1
        await subject.begin(lease, run_id=subject.other_run, Invoice=2)
        assert (await subject.store.held(REALM, "Invoice")).quarantined == 0

    async def test_what_one_run_met_of_it(self, subject: Subject, lease: Lease) -> None:
        """Of two that met the same the later one."""
        both, first, second = (Refusal(id_, "4002", "m", b"") for id_ in ("1", "2", "3"))
        await subject.land(lease, live("7", 0), refusals=[both, first, *self.nameless("1", "2")])
        await subject.store.land(
            lease, subject.other_run, "Invoice", [], refusals=[both, second, *self.nameless("2", "3", "4")]
        )
        held = [
            await subject.store.held(REALM, "Invoice", updated_from=NOW, aside_by=run_id)
            for run_id in (subject.run_id, subject.other_run, None)
        ]
        assert held == [Held(1, quarantined=2), Held(1, quarantined=5), Held(1, quarantined=6)]

    @pytest.mark.parametrize(
        ("bounds", "live"),
        [({}, 3), ({"created_to": at(1)}, 2), ({"updated_from": at(12)}, 1), ({"created_to": at(0)}, 1)],
    )
    async def test_a_row_whose_newest_version_was_refused_is_not_live_within_any_bounds(
        self, subject: Subject, lease: Lease, bounds: Mapping[str, datetime], live: int
    ) -> None:
        await subject.land(lease, *(Record(str(second), 0, at(second), at(second + 10), b"{}") for second in range(4)))
        await subject.land(lease, refusals=[Refusal("3", "4002", "m", b""), *self.nameless("1")])
        assert await subject.store.held(REALM, "Invoice", **bounds) == Held(live=live, quarantined=2)
        assert await subject.store.held_since(REALM, {"Invoice": at(12)}) == {"Invoice": (3, 1)}

    async def test_several_entities_are_told_by_id_at_once(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, live("1", 0), live("2", 0), deleted("3", 1))
        await subject.land(lease, refusals=[Refusal("2", "4002", "m", b""), *self.nameless("1", "2")])
        await subject.store.land(lease, subject.other_run, "Invoice", [], refusals=self.nameless("3"))
        await subject.land(lease, live("8", 0), entity="Bill")
        held = await subject.store.held_by_id(REALM, ["Invoice", "Payment"])
        assert set(held) == {"Invoice", "Payment"}
        assert (set(held["Invoice"].live), set(held["Invoice"].aside)) == ({"1", "2"}, {"2"})
        assert held["Invoice"].counted() == Held(live=1, quarantined=3) == await subject.store.held(REALM, "Invoice")
        assert held["Payment"].counted() == Held(live=0, quarantined=0)
        assert (await subject.store.held_by_id(OTHER_REALM, ["Invoice"]))["Invoice"].counted() == Held(0, 0)
        assert await subject.store.held_by_id(REALM, []) == {}


class TestKnown:
    """Of a page that is said to be known, what is outdone is not sent, and so nobody reads its document."""

    BAD = live("1", 0, 0, b'{"n":"\\u0000"}')

    async def told(self, subject: Subject, lease: Lease, *records: Record, **more: object) -> Landed:
        await subject.land(lease, live("1", 0), live("2", 0))
        return await subject.land(lease, *records, expected=Expected.KNOWN, **more)

    async def test_a_version_that_is_held_is_not_looked_at(self, subject: Subject, lease: Lease) -> None:
        told = await self.told(subject, lease, self.BAD, live("2", 1))
        assert told == Landed(landed=1, unchanged=1, deleted=0, quarantined=0)

    async def test_unless_another_of_its_page_is_refused(self, subject: Subject, lease: Lease) -> None:
        told = await self.told(subject, lease, self.BAD, live("2", 1, doc=b"{"))
        assert told == Landed(landed=0, unchanged=0, deleted=0, quarantined=2)

    async def test_unless_an_id_comes_twice(self, subject: Subject, lease: Lease) -> None:
        told = await self.told(subject, lease, self.BAD, live("2", 1), live("2", 2))
        assert told == Landed(landed=2, unchanged=0, deleted=0, quarantined=1)

    async def test_unless_equal_versions_are_to_be_overwritten(self, subject: Subject, lease: Lease) -> None:
        told = await self.told(subject, lease, self.BAD, overwrite_equal_from=EVER)
        assert told == Landed(landed=0, unchanged=0, deleted=0, quarantined=1)

    async def test_unless_something_of_the_entity_is_set_aside(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, refusals=[Refusal("3", "c", "m", b"")])
        told = await self.told(subject, lease, self.BAD)
        assert told == Landed(landed=0, unchanged=0, deleted=0, quarantined=1)


class TestSettled:
    """What an answer has otherwise that was made long after what is held: see `Store.land`."""

    @pytest.mark.parametrize("expected", Expected)
    @pytest.mark.parametrize(
        ("held", "comes", "gives_way"),
        [
            (live("1", 5), live("1", 4, doc=B), True),
            (live("1", 5, sync_token=2), live("1", 5, sync_token=1, doc=B), True),
            (live("1", 6), live("1", 4, doc=B), False),
            (live("1", 5, doc=A), live("1", 5, doc=B), False),
            (deleted("1", 5), live("1", 4, doc=B), True),
            (deleted("1", 6), live("1", 4, doc=B), False),
            (deleted("1", 5), deleted("1", 4), False),
        ],
    )
    async def test_it_stands(
        self, subject: Subject, lease: Lease, held: Record, comes: Record, expected: Expected, *, gives_way: bool
    ) -> None:
        await subject.land(lease, held)
        before = await subject.content(REALM, "Invoice")
        told = await subject.land(lease, comes, settled_to=at(5), expected=expected)
        after = await subject.content(REALM, "Invoice")
        assert (told.landed, after) == ((1, {"1": (canonical(B), None)}) if gives_way else (0, before))

    @pytest.mark.parametrize("expected", Expected)
    async def test_the_same_version_of_a_row_that_was_marked_deleted(
        self, subject: Subject, lease: Lease, expected: Expected
    ) -> None:
        for record in (live("1", 2), deleted("1", 5)):
            await subject.land(lease, record)
        assert (await subject.land(lease, live("1", 2), settled_to=at(4), expected=expected)).landed == 0
        assert (await subject.land(lease, live("1", 2), settled_to=at(5), expected=expected)).landed == 1
        assert list(await subject.store.live_ids(REALM, "Invoice")) == ["1"]


class TestToldAgain:
    @pytest.mark.parametrize("expected", Expected)
    @pytest.mark.parametrize(("updated", "overwrites"), [(4, False), (5, True), (6, True)])
    async def test_two_versions_that_look_the_same(
        self, subject: Subject, lease: Lease, expected: Expected, updated: int, *, overwrites: bool
    ) -> None:
        """What came last stands from the moment on from which it is known to be the latest, and not before."""
        await subject.land(lease, live("1", updated, doc=A))
        told = await subject.land(lease, live("1", updated, doc=B), overwrite_equal_from=at(5), expected=expected)
        assert told == Landed(landed=overwrites, unchanged=not overwrites, deleted=0, quarantined=0)
        assert await subject.content(REALM, "Invoice") == {"1": (canonical(B if overwrites else A), None)}

    async def test_a_deletion(self, subject: Subject, lease: Lease) -> None:
        """Is no news: who looks for changes until nothing new comes would look once more."""
        assert await subject.land(lease, deleted("1", 5)) == Landed(landed=0, unchanged=0, deleted=1, quarantined=0)
        assert await subject.land(lease, deleted("1", 5)) == Landed(landed=0, unchanged=1, deleted=0, quarantined=0)


@pytest.mark.parametrize("records", [[live("1", 5)], []], ids=["rows", "none"])
@pytest.mark.parametrize("expected", Expected)
async def test_a_page_is_nobody_elses(
    subject: Subject, lease: Lease, expected: Expected, records: Sequence[Record]
) -> None:
    """Of several realms and entities with the same plan, and the same Ids in quarantine."""
    other = await subject.store.acquire(OTHER_REALM)
    refusal = Refusal(id="1", code="x", message="x", raw=b"{}")
    slices = [Slice(entity=entity, number=0, lower=None, upper=None) for entity in ("Bill", "Invoice")]
    for owner in (lease, other):
        await subject.begin(owner, *slices)
        for entity in ("Bill", "Invoice"):
            await subject.land(owner, refusals=[refusal], entity=entity)
    checkpoint = Checkpoint(entity="Invoice", number=0, cursor=at(5), rows=1, done=True)
    await subject.land(lease, *records, checkpoint=checkpoint, expected=expected)
    scans = [await subject.store.scan(subject.run_id, realm_id) for realm_id in (REALM, OTHER_REALM)]
    assert [part.done for scan in scans for part in scan.slices] == [False, True, False, False]
    left = {"Bill": {"1"}} if records else {"Bill": {"1"}, "Invoice": {"1"}}
    assert {entity: set(ids) for entity, ids in (await subject.store.aside(REALM)).items()} == left
    assert set(await subject.store.aside(OTHER_REALM)) == {"Bill", "Invoice"}


# Whatever comes in whatever order, both hold the same.

times = st.none() | st.integers(0, 4)
docs = st.sampled_from([A, B, b'{"v": "a"}', b'{"n":1.0}', b'{"n":1.00}', b'{"n":true}', b'{"n":"\\u0000"}', b"{"])
lives = st.builds(
    live,
    st.sampled_from(["1", "2", "3"]),
    times,
    st.none() | st.integers(0, 2),
    docs,
)
deletions = st.builds(deleted, st.sampled_from(["1", "2", "3"]), st.integers(0, 4))
refused = st.builds(Refusal, st.sampled_from(["", "1", "2"]), st.just("c"), st.just("m"), st.sampled_from([b"x", b"y"]))
Landings = Sequence[tuple[list[Record], list[Refusal], dict[str, Any]]]
landings: st.SearchStrategy[Landings] = st.lists(
    st.tuples(
        st.lists(lives | deletions, max_size=5),
        st.lists(refused, max_size=2),
        # What is said of a page may choose another way to land it; `expected` may even be wrong.
        st.fixed_dictionaries(
            {
                "overwrite_equal_from": st.sampled_from([None, EVER, at(2)]),
                "settled_to": st.sampled_from([None, at(1), at(3)]),
                "expected": st.sampled_from(Expected),
            }
        ),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with anyio.from_thread.start_blocking_portal() as opened:
        yield opened


@dataclass(frozen=True)
class Pair:
    """A database for all examples, each of which empties it, and what it is compared with."""

    database: Database
    postgres: Subject
    lease: Lease


@pytest.fixture(scope="module")
def pair(portal: BlockingPortal, postgres_server: PostgresServer) -> Iterator[Pair]:
    with portal.wrap_async_context_manager(fresh(postgres_server)) as database:
        postgres = portal.call(in_postgres, database)
        yield Pair(database, postgres, portal.call(postgres.store.acquire, REALM))


async def outcome(subject: Subject, lease: Lease, history: Landings) -> object:
    told = [await subject.land(lease, *records, refusals=refusals, **said) for records, refusals, said in history]
    held = [await subject.store.held(REALM, "Invoice", updated_from=bound) for bound in (None, at(2))]
    ids = sorted(await subject.store.live_ids(REALM, "Invoice", created_from=NOW, updated_from=at(2)))
    by_id = (await subject.store.held_by_id(REALM, ["Invoice"]))["Invoice"]
    assert by_id.counted() == held[0]
    assert set(by_id.live) == set(await subject.store.live_ids(REALM, "Invoice"))
    assert set(by_id.aside) == set((await subject.store.aside(REALM)).get("Invoice", ()))
    return told, held, ids, await subject.content(REALM, "Invoice")


async def outcomes(pair: Pair, history: Landings) -> tuple[object, object]:
    async with pair.database.control() as connection:
        await connection.execute("TRUNCATE qbo.invoice, backfill.quarantine")
    memory = in_memory()
    lease = await memory.store.acquire(REALM)
    return await outcome(pair.postgres, pair.lease, history), await outcome(memory, lease, history)


@settings(max_examples=250)
@given(history=landings)
def test_any_sequence_of_landings_leaves_the_same_in_both(
    portal: BlockingPortal, pair: Pair, history: Landings
) -> None:
    in_the_database, in_the_twin = portal.call(outcomes, pair, history)
    assert in_the_database == in_the_twin
