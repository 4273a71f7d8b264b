"""The contract of `jobs.ports.Store`: one suite, for the twin in memory and for Postgres.

What the one does the other does, so what is shown over the twin in virtual time holds for the database.
"""

from __future__ import annotations

import pytest
from msgspec import structs

from backfill.errors import LeaseLostError, RealmBusyError, UsageError
from backfill.model import Checkpoint, Held, Landed, Lease, Proof, RealmId, Record, Refusal, RunId, Scan, Slice
from tests.store.contract import ELSEWHERE, A, B, Subject, canonical
from tests.store.scene import EVER, NOW, OTHER_REALM, REALM, at, deleted, live


class TestLeases:
    async def test_taking_raises_the_epoch(self, subject: Subject) -> None:
        first = await subject.store.acquire(REALM)
        await subject.store.release(first)
        second = await subject.theirs.acquire(REALM)
        assert (second.epoch, second.owner) == (first.epoch + 1, str(ELSEWHERE))

    async def test_a_realm_that_is_held_is_refused_with_its_owner(self, subject: Subject) -> None:
        await subject.theirs.acquire(REALM)
        for store in (subject.store, subject.theirs):
            with pytest.raises(RealmBusyError) as caught:
                await store.acquire(REALM)
            assert (caught.value.realm_id, caught.value.owner) == (REALM, str(ELSEWHERE))
        await subject.store.acquire(OTHER_REALM)

    async def test_one_that_ran_out_is_taken_over(self, subject: Subject, lease: Lease) -> None:
        await subject.expire(REALM)
        taken = await subject.theirs.acquire(REALM)
        assert taken.epoch == lease.epoch + 1
        with pytest.raises(LeaseLostError):
            await subject.store.renew(lease)
        await subject.store.release(lease)
        with pytest.raises(RealmBusyError):
            await subject.store.acquire(REALM)

    async def test_one_that_ran_out_untaken_is_renewed(self, subject: Subject, lease: Lease) -> None:
        await subject.expire(REALM)
        await subject.store.renew(lease)
        with pytest.raises(RealmBusyError):
            await subject.theirs.acquire(REALM)

    async def test_a_dead_owners_is_taken_over_at_once(self, subject: Subject) -> None:
        held = await subject.dead.acquire(REALM)
        taken = await subject.after_a_death.acquire(REALM)
        assert taken.epoch == held.epoch + 1
        with pytest.raises(LeaseLostError):
            await subject.dead.renew(held)

    async def test_an_unknown_realm_is_the_users_mistake(self, subject: Subject) -> None:
        with pytest.raises(UsageError, match="nowhere"):
            await subject.store.acquire(RealmId("nowhere"))


class TestFence:
    """With a lease that is not valid any more nothing is written, and that is said."""

    @pytest.fixture(params=["taken over", "given back"])
    async def stale(self, request: pytest.FixtureRequest, subject: Subject, lease: Lease) -> Lease:
        await subject.begin(lease, Slice("Invoice", 0, None, None), Invoice=1)
        if request.param == "taken over":
            await subject.expire(REALM)
            await subject.theirs.acquire(REALM)
        else:
            await subject.store.release(lease)
        return lease

    async def test_landing(self, subject: Subject, stale: Lease) -> None:
        refusals = [Refusal("9", "c", "m", b"x")]
        for records in ([live("1", 1)], [live("1", 1, doc=b"{")], []):
            with pytest.raises(LeaseLostError, match=REALM):
                await subject.store.land(
                    stale,
                    subject.run_id,
                    "Invoice",
                    records,
                    refusals=refusals,
                    checkpoint=Checkpoint("Invoice", 0, NOW, 1, done=True),
                )
        assert await subject.content(REALM, "Invoice") == {}
        assert await subject.store.held(REALM, "Invoice") == Held(live=0, quarantined=0)
        with pytest.raises(LeaseLostError, match=REALM):
            await subject.store.forget_nameless(stale, "Invoice", but=[])
        (part,) = (await subject.store.scan(subject.run_id, REALM)).slices
        assert (part.cursor, part.done) == (None, False)

    async def test_beginning_and_finishing(self, subject: Subject, stale: Lease) -> None:
        with pytest.raises(LeaseLostError):
            await subject.begin(stale, Bill=2)
        with pytest.raises(LeaseLostError):
            await subject.store.finish_scan(stale, subject.run_id, [PROVEN])
        scan = await subject.store.scan(subject.run_id, REALM)
        assert (scan.census, scan.finished) == ({"Invoice": 1}, False)
        assert await subject.proofs(REALM) == {}


PROVEN = Proof("Invoice", proven=True, method="count", counted=2, landed_live=2, quarantined=0, watermark=NOW)
UNPROVEN = Proof("Bill", False, "count", 3, 2, 1, None, reason="one is missing")


class TestScans:
    SLICES = (Slice("Bill", 0, None, None), Slice("Invoice", 0, None, at(5)), Slice("Invoice", 1, at(5), None))

    async def test_one_not_begun_is_empty(self, subject: Subject) -> None:
        for run_id in (subject.run_id, RunId(999)):
            assert await subject.store.scan(run_id, REALM) == Scan(None, {}, [], finished=False)

    async def test_what_was_begun_is_read_back(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease, *reversed(self.SLICES), Invoice=7, Bill=0)
        expected = Scan(NOW, {"Invoice": 7, "Bill": 0}, list(self.SLICES), finished=False)
        assert await subject.store.scan(subject.run_id, REALM) == expected
        assert (await subject.store.scan(subject.other_run, REALM)).started_at is None
        assert (await subject.store.scan(subject.run_id, OTHER_REALM)).started_at is None

    async def test_begun_again_it_has_its_new_plan_only(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease, *self.SLICES, Invoice=7)
        await subject.store.finish_scan(lease, subject.run_id, [PROVEN])
        await subject.begin(lease, self.SLICES[0], Term=1)
        assert await subject.store.scan(subject.run_id, REALM) == Scan(NOW, {"Term": 1}, [self.SLICES[0]], False)

    async def test_a_checkpoint_moves_its_slice_and_no_other(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease, *self.SLICES)
        for cursor, rows, done in ((at(1), 3, False), (at(2), 7, False), (None, 9, True)):
            checkpoint = Checkpoint("Invoice", 0, cursor, rows, done)
            await subject.store.land(lease, subject.run_id, "Invoice", [live(str(rows), 1)], checkpoint=checkpoint)
            moved = structs.replace(self.SLICES[1], cursor=cursor, rows=rows, done=done)
            expected = [self.SLICES[0], moved, self.SLICES[2]]
            assert (await subject.store.scan(subject.run_id, REALM)).slices == expected
        assert (await subject.store.held(REALM, "Invoice")).live == 3

    async def test_a_checkpoint_of_no_slice_is_our_mistake(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease, *self.SLICES)
        with pytest.raises(AssertionError):
            await subject.store.land(
                lease, subject.run_id, "Invoice", [live("1", 1)], checkpoint=Checkpoint("Invoice", 9, None, 0, True)
            )

    async def test_a_finished_one_has_its_proofs(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease)
        await subject.store.finish_scan(lease, subject.run_id, [PROVEN, UNPROVEN])
        assert not (await subject.store.scan(subject.run_id, REALM)).finished, "something is not proven"
        await subject.store.finish_scan(lease, subject.run_id, [PROVEN])
        assert (await subject.store.scan(subject.run_id, REALM)).finished
        assert not (await subject.store.scan(subject.other_run, REALM)).finished
        assert await subject.proofs(REALM) == {"Invoice": PROVEN, "Bill": UNPROVEN}
        refused = structs.replace(UNPROVEN, entity="Invoice")
        await subject.begin(lease)
        await subject.store.finish_scan(lease, subject.run_id, [refused], kept={"Invoice"})
        assert not (await subject.store.scan(subject.run_id, REALM)).finished
        assert await subject.proofs(REALM) == {"Invoice": PROVEN, "Bill": UNPROVEN}, "what was said before stands"

    async def test_a_run_that_plans_no_scan_is_finished_too(self, subject: Subject, lease: Lease) -> None:
        """As one of webhooks or of verify; and what is found wanting later takes nothing back."""
        await subject.store.finish_scan(lease, subject.run_id, [UNPROVEN])
        assert not (await subject.store.scan(subject.run_id, REALM)).finished
        for proofs in ([], [UNPROVEN]):
            await subject.store.finish_scan(lease, subject.run_id, proofs)
            assert await subject.store.scan(subject.run_id, REALM) == Scan(None, {}, [], finished=True)
        assert not (await subject.store.scan(subject.run_id, OTHER_REALM)).finished

    async def test_what_was_proven_last_and_as_of_when(self, subject: Subject, lease: Lease) -> None:
        assert await subject.store.proven_at(REALM) == {}
        await subject.begin(lease)
        timeless = Proof("Term", True, "snapshot", 0, 0, 0, None)
        await subject.store.finish_scan(lease, subject.run_id, [PROVEN, UNPROVEN, timeless])
        assert await subject.store.proven_at(REALM) == {"Invoice": NOW}
        assert await subject.store.proven_at(OTHER_REALM) == {}

    async def test_what_a_run_of_a_part_proves_is_not_proven_of_all(self, subject: Subject, lease: Lease) -> None:
        await subject.begin(lease)
        await subject.store.finish_scan(lease, subject.run_id, [PROVEN])
        await subject.begin(lease, run_id=subject.partial_run)
        part, other = structs.replace(PROVEN, watermark=at(9)), structs.replace(PROVEN, entity="Bill", watermark=at(9))
        await subject.store.finish_scan(lease, subject.partial_run, [part, other])
        assert await subject.store.proven_at(REALM) == {"Invoice": NOW}, "nor does it take that away"
        assert await subject.proofs(REALM) == {"Invoice": PROVEN, "Bill": other}
        await subject.begin(lease, run_id=subject.other_run)
        await subject.store.finish_scan(lease, subject.other_run, [structs.replace(PROVEN, watermark=at(20))])
        assert await subject.store.proven_at(REALM) == {"Invoice": at(20)}

    async def test_a_newer_proof_takes_the_place_of_the_older(self, subject: Subject, lease: Lease) -> None:
        newer = structs.replace(PROVEN, counted=3, landed_live=3, watermark=at(9))
        for run_id, proofs in ((subject.run_id, [PROVEN, UNPROVEN]), (subject.other_run, [newer])):
            await subject.begin(lease, run_id=run_id)
            await subject.store.finish_scan(lease, run_id, proofs)
        assert await subject.proofs(REALM) == {"Invoice": newer, "Bill": UNPROVEN}
        assert await subject.proofs(OTHER_REALM) == {}


LIVE, DELETED, UNCHANGED = Landed(1, 0, 0, 0), Landed(0, 0, 1, 0), Landed(0, 1, 0, 0)


class TestLanding:
    @pytest.mark.parametrize(
        ("held", "comes", "overwrite_equal", "expected"),
        [
            (live("1", 5), live("1", 6), False, LIVE),
            (live("1", 5), live("1", 4, sync_token=9), True, UNCHANGED),
            (live("1", 5), live("1", 5, sync_token=1), False, LIVE),
            (live("1", 5, sync_token=10), live("1", 5, sync_token=9), True, UNCHANGED),
            (live("1", 5, sync_token=None), live("1", 5, sync_token=0), False, LIVE),
            (live("1", 5, doc=A), live("1", 5, doc=B), False, UNCHANGED),
            (live("1", 5, doc=A), live("1", 5, doc=B), True, LIVE),
            (live("1", 5, doc=A), live("1", 5, doc=A), True, UNCHANGED),
            (live("1", None, None, A), live("1", None, None, A), False, UNCHANGED),
            (live("1", None, None, A), live("1", None, None, A), True, UNCHANGED),
            (live("1", None, None, A), live("1", None, None, B), False, LIVE),
            (live("1", None, None, b'{"a":1,"b":2.0}'), live("1", None, None, b'{"b":2,"a":1}'), False, UNCHANGED),
            (live("1", None, None, b'{"a":1}'), live("1", None, None, b'{"a":true}'), False, LIVE),
            (live("1", None, None, A), live("1", 5), False, LIVE),
            (live("1", 5), live("1", None, None, B), False, LIVE),
            (live("1", 5), deleted("1", 6), False, DELETED),
            (live("1", 5), deleted("1", 5), False, DELETED),
            (live("1", 6), deleted("1", 5), True, UNCHANGED),
            (live("1", None), deleted("1", 5), False, DELETED),
            (deleted("1", 5), live("1", 6), False, LIVE),
            (deleted("1", 5), live("1", 5), True, UNCHANGED),
            (deleted("1", 5), live("1", None), False, UNCHANGED),
            (deleted("1", 5), deleted("1", 6), False, DELETED),
            (deleted("1", 6), deleted("1", 5), False, UNCHANGED),
        ],
    )
    async def test_never_back_in_time(
        self, subject: Subject, lease: Lease, held: Record, comes: Record, overwrite_equal: bool, expected: Landed
    ) -> None:
        await subject.land(lease, held)
        before = await subject.content(REALM, "Invoice")
        assert await subject.land(lease, comes, overwrite_equal_from=EVER if overwrite_equal else None) == expected
        after = await subject.content(REALM, "Invoice")
        if expected == UNCHANGED:
            assert after == before
        elif expected == LIVE:
            assert after == {"1": (canonical(comes.doc), None)}
        else:
            assert after == {"1": (before["1"][0], comes.updated_at)}, "the last known document is kept"

    async def test_an_undated_deletion_is_dated_by_the_store(self, subject: Subject, lease: Lease) -> None:
        assert await subject.land(lease, live("1", 5), deleted("2", None)) == Landed(1, 0, 1, 0)
        assert await subject.land(lease, deleted("1", None)) == DELETED
        assert all(mark is not None for _, mark in (await subject.content(REALM, "Invoice")).values())

    async def test_what_was_never_dated_revives_when_it_comes_again(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, live("1", None))
        await subject.land(lease, deleted("1", 5))
        assert await subject.land(lease, live("1", None)) == LIVE

    async def test_a_page_that_repeats_an_id(self, subject: Subject, lease: Lease) -> None:
        page = [live("1", 5), live("2", 1), live("1", 7), live("1", 6), deleted("2", 2), live("3", 1), live("3", 1)]
        landed = await subject.land(lease, *page)
        assert (landed.landed, landed.deleted, landed.unchanged) == (4, 1, 2)
        content = await subject.content(REALM, "Invoice")
        assert content["1"] == (canonical(live("1", 7).doc), None)
        assert content["2"][1] == at(2)

    async def test_realms_and_entities_do_not_meet(self, subject: Subject, lease: Lease) -> None:
        other = await subject.store.acquire(OTHER_REALM)
        await subject.land(lease, live("1", 9))
        assert await subject.land(other, live("1", 1)) == LIVE
        assert await subject.land(lease, live("1", 1), entity="CreditMemo") == LIVE
        assert (await subject.content(REALM, "Invoice"))["1"][0] == canonical(live("1", 9).doc)

    async def test_numbers_keep_their_scale(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, live("1", 1, doc=b'{"TotalAmt":1191.90,"Big":12345678901234567890123}'))
        (doc, _) = (await subject.content(REALM, "Invoice"))["1"]
        assert doc == '{"Big": "number 12345678901234567890123", "TotalAmt": "number 1191.90"}'

    async def test_no_entity_is_no_table(self, subject: Subject, lease: Lease) -> None:
        with pytest.raises(KeyError):
            await subject.land(lease, live("1", 1), entity="Nothing")

    async def test_links_that_expire_are_not_stored(self, subject: Subject, lease: Lease) -> None:
        doc = b'{"Id":"1","TempDownloadUri":"https://x.example/secret","FileName":"a.pdf","Size":1.50}'
        await subject.land(lease, live("1", 1, doc=doc), entity="Attachable")
        assert (await subject.content(REALM, "Attachable"))["1"][0] == canonical(
            b'{"Id":"1","FileName":"a.pdf","Size":1.50}'
        )
        # Two reads differ in their links only: the same version, and the same document.
        other = doc.replace(b"secret", b"other")
        assert await subject.land(lease, live("1", 1, doc=other), entity="Attachable", overwrite_equal_from=EVER) == (
            UNCHANGED
        )


class TestQuarantine:
    @pytest.mark.parametrize(
        "doc",
        [
            b'{"a":"\\u0000"}',
            b'{"a\\u0000":1}',
            b'{"a":"\\\\\\u0000"}',
            b'{"a":"\\ud800"}',
            b'{"a":',
            b"",
            b'{"a":"\xff"}',
            b'{"a":NaN}',
            b'{"a":1e200000}',
        ],
    )
    async def test_what_postgres_cannot_hold_is_set_aside_and_its_page_lands(
        self, subject: Subject, lease: Lease, doc: bytes
    ) -> None:
        page = [live(str(number), 1, doc=doc if number == 4 else None) for number in range(9)]
        assert await subject.land(lease, *page) == Landed(8, 0, 0, 1)
        assert set(await subject.content(REALM, "Invoice")) == set("01235678")
        assert await subject.store.held(REALM, "Invoice") == Held(live=8, quarantined=1)

    @pytest.mark.parametrize("doc", [b'{"a":"\\\\u0000"}', b'{"a":"\\ud83d\\ude00"}', b'{"a":"\xc3\xa9","b":1e300}'])
    async def test_what_only_looks_like_it_lands(self, subject: Subject, lease: Lease, doc: bytes) -> None:
        assert await subject.land(lease, live("1", 1, doc=doc)) == LIVE

    @pytest.mark.parametrize(
        "record", [live("a\0b", 1), live("a\ud800b", 1), live("1", 1, sync_token=2**70)], ids=["zero", "half", "token"]
    )
    async def test_key_columns_that_cannot_be_held(self, subject: Subject, lease: Lease, record: Record) -> None:
        assert await subject.land(lease, live("x", 1), record) == Landed(1, 0, 0, 1)
        assert await subject.store.held(REALM, "Invoice") == Held(live=1, quarantined=1)

    async def test_a_refused_newer_version_is_held_in_quarantine_only(self, subject: Subject, lease: Lease) -> None:
        await subject.land(lease, live("1", 1), live("2", 1))
        await subject.land(lease, live("1", 2, doc=b"{"))
        assert await subject.store.held(REALM, "Invoice") == Held(live=1, quarantined=1)
        assert sorted(await subject.store.live_ids(REALM, "Invoice")) == ["1", "2"]

    @pytest.mark.parametrize("comes", [live("1", 2), live("1", 1), deleted("1", 2)])
    async def test_a_row_that_comes_whole_leaves_it(self, subject: Subject, lease: Lease, comes: Record) -> None:
        await subject.land(lease, live("1", 1))
        await subject.land(lease, live("1", 2, doc=b"{"), live("2", 1, doc=b"{"))
        await subject.land(lease, live("1", 1, doc=b"{"), entity="Bill")
        await subject.land(lease, comes)
        assert (await subject.store.held(REALM, "Invoice")).quarantined == 1
        assert (await subject.store.held(REALM, "Bill")).quarantined == 1

    async def test_refusals_of_the_reader_count_once_each(self, subject: Subject, lease: Lease) -> None:
        refusals = [
            Refusal("5", "c", "no", b"five"),
            Refusal("5", "c", "again", b"five, newer"),
            Refusal("", "c", "no Id", b"nameless"),
            Refusal("", "c", "no Id", b"another"),
            Refusal("x" * 201, "c", "too long", b"long"),
        ]
        for unchanged in (0, 1):  # the same page read again adds nothing
            landed = await subject.land(lease, live("1", 1), refusals=refusals)
            assert landed == Landed(1 - unchanged, unchanged, 0, 5)
            assert await subject.store.held(REALM, "Invoice") == Held(live=1, quarantined=4)
        assert await subject.store.held(OTHER_REALM, "Invoice") == Held(live=0, quarantined=0)

    @pytest.mark.parametrize(
        ("entity", "refusals"),
        [
            ("Invoice", [Refusal("5\0", "c", "m", b"a"), Refusal("5\N{REPLACEMENT CHARACTER}", "c", "m", b"b")]),
            ("Attachable", [Refusal("", "c", "m", b'{"TempDownloadUri":"%d"}' % number) for number in range(2)]),
        ],
        ids=["by its id", "by its bytes"],
    )
    async def test_refusals_that_differ_in_what_is_left_out_are_one(
        self, subject: Subject, lease: Lease, entity: str, refusals: list[Refusal]
    ) -> None:
        """A statement touches no row twice: the page failed, and with it its realm's entity."""
        landed = await subject.land(lease, live("1", 1), entity=entity, refusals=refusals)
        assert landed == Landed(landed=1, unchanged=0, deleted=0, quarantined=2)
        assert await subject.store.held(REALM, entity) == Held(live=1, quarantined=1)

    async def test_the_nameless_of_an_earlier_run_are_forgotten_by_the_next(
        self, subject: Subject, lease: Lease
    ) -> None:
        refusals = [Refusal("", "c", "m", b"x"), Refusal("5", "c", "m", b"five")]
        await subject.land(lease, refusals=refusals)
        await subject.land(lease, refusals=refusals, entity="Bill")
        await subject.begin(lease, Invoice=2)
        assert (await subject.store.held(REALM, "Invoice")).quarantined == 2, "a resumed run keeps its own"
        await subject.begin(lease, run_id=subject.other_run, Invoice=2)
        assert (await subject.store.held(REALM, "Invoice")).quarantined == 1, "what has a name stays until it comes"
        assert (await subject.store.held(REALM, "Bill")).quarantined == 2, "another entity is not meant"

    @pytest.mark.parametrize("entity", ["Invoice", "Attachable"])
    async def test_the_nameless_that_a_reading_of_all_did_not_meet_are_forgotten(
        self, subject: Subject, lease: Lease, entity: str
    ) -> None:
        met, *others = (
            Refusal(id_, "c", "m", b'{"TempDownloadUri":"x"}' + id_.encode()) for id_ in ("", "y" * 201, "5")
        )
        for of in (entity, "Bill"):
            await subject.land(lease, refusals=[met, *others], entity=of)
        await subject.store.forget_nameless(lease, entity, but=[met])
        assert (await subject.store.held(REALM, entity)).quarantined == 2
        assert (await subject.store.held(REALM, "Bill")).quarantined == 3, "another entity is not meant"
        await subject.store.forget_nameless(lease, entity, but=[])
        assert await subject.store.aside(REALM) == {entity: {"5"}, "Bill": {"5"}}
        assert (await subject.store.held(REALM, entity)).quarantined == 1
