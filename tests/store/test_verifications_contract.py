"""The contract of `jobs.verify_ports.VerificationStore`, tried on the twin in memory and on Postgres."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from msgspec import structs

from backfill.errors import LeaseLostError
from backfill.jobs.equality import compared
from backfill.jobs.verify_ports import VerificationStore
from backfill.model import Lease
from backfill.store.database import Database
from backfill.store.memory_store import MemoryStore
from backfill.store.memory_verifications import MemoryVerifications
from backfill.verdict_model import Difference, DifferenceKind, Verdict
from tests.postgres import PostgresServer
from tests.store import contract
from tests.store.contract import Subject, canonical
from tests.store.scene import OTHER_REALM, REALM, at, deleted, live

EQUAL = Verdict("Invoice", True, 2, 2, 2)
DIFFERS = Verdict("Bill", False, 2, 1, 1, [Difference("7", DifferenceKind.MISSING, "a \0 in a name", "")], "note")


@dataclass(frozen=True)
class Looked:
    """The store under the contract, and the store of the leases that fence it."""

    at: VerificationStore
    subject: Subject
    lease: Lease
    database: Database | None = None
    """Where it is in Postgres."""


@pytest.fixture(params=["memory", "postgres"])
async def looked(request: pytest.FixtureRequest) -> AsyncIterator[Looked]:
    if request.param == "memory":
        subject = contract.in_memory()
        assert isinstance(subject.store, MemoryStore)
        yield Looked(MemoryVerifications(subject.store), subject, await subject.store.acquire(REALM))
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    async with contract.fresh(server) as database:
        subject = await contract.in_postgres(database)
        assert not isinstance(subject.store, MemoryStore)
        lease = await subject.store.acquire(REALM)
        yield Looked(subject.store, subject, lease, database)  # type: ignore[arg-type]  # Postgres' store is both


async def test_documents_by_id_and_in_order(looked: Looked) -> None:
    await looked.subject.land(looked.lease, live("10", 1), live("9", 1), live("B", 1), live("a", 1), deleted("5", 1))
    found = await looked.at.documents(REALM, "Invoice", ["9", "5", "77"])
    assert {id_: canonical(doc) for id_, doc in found.items()} == {"9": canonical(b'{"v":"1/0"}')}
    assert list(await looked.at.documents_after(REALM, "Invoice", "", 3)) == ["10", "9", "B"]
    assert list(await looked.at.documents_after(REALM, "Invoice", "B", 3)) == ["a"]
    assert await looked.at.documents_after(OTHER_REALM, "Invoice", "", 3) == {}


async def test_a_sample_is_another_one_with_each_seed(looked: Looked) -> None:
    ids = {str(number) for number in range(200)}
    await looked.subject.land(looked.lease, *(live(id_, 1) for id_ in sorted(ids)), deleted("d", 1))
    samples = [await looked.at.sample_ids(REALM, "Invoice", 30, seed=seed, without=["1", "2"]) for seed in (1, 1, 2)]
    assert samples[0] == samples[1] != samples[2]
    assert all(len(set(sample)) == 30 and set(sample) < ids - {"1", "2"} for sample in samples)
    assert set(await looked.at.sample_ids(REALM, "Invoice", 999, seed=1, without=["1"])) == ids - {"1"}
    assert await looked.at.sample_ids(OTHER_REALM, "Invoice", 30, seed=1, without=[]) == []


NUMBERS = ("1.0E7", "6.39e2", "1.50E1", "1e-3", "-1.5E+2", "-0", "-0.0", "0e5", "639", "639.00", "-639.0", "1" * 25)


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_number_is_equal_to_what_is_landed_of_it(looked: Looked, number: str) -> None:
    """Postgres writes it in another way where it was sent with an exponent, or as nothing with a sign."""
    sent = b'{"Id":"1","Amount":%s,"Line":[{"Amount":%s}]}' % (number.encode(), number.encode())
    await looked.subject.land(looked.lease, structs.replace(live("1", 1), doc=sent))
    landed = (await looked.at.documents(REALM, "Invoice", ["1"]))["1"]
    assert compared(landed, sent, None).detail == ""
    assert "Amount" in compared(landed, sent.replace(number.encode(), b"7"), None).detail


async def test_a_mark_that_is_forgotten_does_not_outlive_the_object(looked: Looked) -> None:
    """What is landed live after that stands, although the mark was later than the object's last change."""
    await looked.subject.land(looked.lease, live("1", 1), live("2", 1))
    await looked.subject.land(looked.lease, deleted("1", 9))
    await looked.subject.land(looked.lease, live("1", 1))
    assert await looked.at.documents(REALM, "Invoice", ["1"]) == {}
    await looked.at.forget_versions(looked.lease, "Invoice", ["1", "2", "77"], but_updated_within=(at(0), at(9)))
    await looked.subject.land(looked.lease, live("1", 1))
    assert sorted(await looked.at.documents(REALM, "Invoice", ["1", "2"])) == ["1", "2"]


async def test_an_older_version_stands_once_the_newer_one_is_forgotten(looked: Looked) -> None:
    """But of what is new, whatever comes."""
    await looked.subject.land(looked.lease, live("before", 4), live("from", 5), live("to", 8), live("after", 9))
    ids = ["before", "from", "to", "after", "77"]
    await looked.at.forget_versions(looked.lease, "Invoice", ids, but_updated_within=(at(5), at(8)))
    await looked.subject.land(looked.lease, *(live(id_, 1) for id_ in ids[:4]))
    found = await looked.at.documents(REALM, "Invoice", ids)
    assert {id_: json.loads(doc)["v"] for id_, doc in found.items()} == {
        "before": "1/0",
        "from": "5/0",
        "to": "8/0",
        "after": "1/0",
    }


async def test_what_differs_is_known_to_the_next_look(looked: Looked) -> None:
    assert await looked.at.differed(REALM) == {}
    differs = structs.replace(DIFFERS, unnamed=6)
    await looked.at.keep_verdicts(looked.lease, looked.subject.run_id, [EQUAL, differs])
    found = await looked.at.differed(REALM)
    said = [structs.replace(found["Bill"].differences[0], about=DIFFERS.differences[0].about)]
    assert structs.replace(found.pop("Bill"), differences=said) == differs
    assert found == {}
    assert await looked.at.differed(OTHER_REALM) == {}
    await looked.at.keep_verdicts(looked.lease, looked.subject.run_id, [structs.replace(EQUAL, entity="Bill")])
    assert await looked.at.differed(REALM) == {}


async def kept(looked: Looked, entity: str) -> tuple[bool | None, int, str]:
    """Whether it is said to be equal, how many differ, and the note."""
    if isinstance(looked.at, MemoryVerifications):
        verdict = looked.at.verdicts(REALM)[entity]
        return verdict.equal, verdict.differing, verdict.note
    assert looked.database is not None
    async with looked.database.control() as connection:
        row = await connection.fetchrow(
            "SELECT equal, difference_count, note FROM backfill.verification WHERE realm_id = $1 AND entity = $2",
            REALM,
            entity,
        )
    assert row is not None
    return tuple(row)  # type: ignore[return-value]  # its three columns


async def test_what_differed_is_kept_where_a_later_look_cannot_be_had(looked: Looked) -> None:
    unread = Verdict("Bill", None, None, 1, 0, note="it could not be read")
    await looked.at.keep_verdicts(looked.lease, looked.subject.run_id, [EQUAL, structs.replace(DIFFERS, unnamed=6)])
    later = [unread, structs.replace(unread, entity="Invoice")]
    await looked.at.keep_verdicts(looked.lease, looked.subject.other_run, later)
    equal, differing, note = await kept(looked, "Bill")
    assert (equal, differing) == (False, 7)
    assert "it could not be read" in note
    assert await kept(looked, "Invoice") == (None, 0, "it could not be read")
    for said in (structs.replace(unread, comparable=False), structs.replace(EQUAL, entity="Bill")):
        await looked.at.keep_verdicts(looked.lease, looked.subject.run_id, [DIFFERS])
        await looked.at.keep_verdicts(looked.lease, looked.subject.other_run, [said])
        assert await kept(looked, "Bill") == (said.equal, 0, said.note)


async def test_verdicts_are_kept_by_who_holds_the_lease(looked: Looked) -> None:
    await looked.at.keep_verdicts(looked.lease, looked.subject.run_id, [EQUAL, DIFFERS])
    await looked.at.keep_verdicts(looked.lease, looked.subject.other_run, [DIFFERS])
    await looked.subject.expire(REALM)
    await looked.subject.theirs.acquire(REALM)
    with pytest.raises(LeaseLostError):
        await looked.at.keep_verdicts(looked.lease, looked.subject.run_id, [EQUAL])
    with pytest.raises(LeaseLostError):
        await looked.at.forget_versions(looked.lease, "Invoice", ["1"], but_updated_within=(at(0), at(0)))


async def test_the_proofs_are_the_realms_own(looked: Looked) -> None:
    await looked.subject.begin(looked.lease)
    assert await looked.at.proofs(REALM) == []
