"""Whatever comes in whatever order and pages, what stands is what a plain model says: never an older version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import anyio.from_thread
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.model import Record, Secret
from backfill.store.database import Database, open_database
from backfill.store.encryption import Keyring
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import RealmGrant, Realms
from backfill.store.runs import Runs
from backfill.store.tokens import TokenVault
from tests.postgres import SMALL_POOLS, PostgresServer
from tests.store.scene import NOW, REALM, Work, deleted, live, rows_of


@dataclass(frozen=True)
class Held:
    """What the model remembers of an object: its live version, and when it was deleted."""

    version: tuple[int, int] | None
    doc: bytes
    deleted_at: int | None


# Second, SyncToken (None: a deletion) and a letter that tells documents of one version apart.
Version = tuple[int, int | None, str]
versions: st.SearchStrategy[Version] = st.tuples(
    st.integers(0, 5), st.none() | st.integers(0, 2), st.sampled_from("ab")
)
pages = st.lists(st.lists(st.tuples(st.sampled_from("12"), versions), max_size=6), max_size=5)


def record_of(id: str, version: Version) -> Record:  # noqa: A002  # Intuit's word
    second, sync_token, letter = version
    if sync_token is None:
        return deleted(id, second)
    return live(id, second, sync_token, doc=b'{"v": "%s"}' % letter.encode())


def told_by_model(history: Sequence[tuple[str, Version]]) -> dict[str, Held]:
    """The rules in Python, one version after another."""
    held: dict[str, Held] = {}
    for id_, (second, sync_token, letter) in history:
        there = held.get(id_)
        if sync_token is None:
            if there is None:
                held[id_] = Held(None, b'{"Id": "%s", "status": "Deleted"}' % id_.encode(), second)
            elif (there.deleted_at is not None and second > there.deleted_at) or (
                there.deleted_at is None and there.version is not None and there.version[0] <= second
            ):
                held[id_] = Held(there.version, there.doc, second)
            continue
        comes = Held((second, sync_token), b'{"v": "%s"}' % letter.encode(), None)
        if there is None:
            held[id_] = comes
        elif there.deleted_at is not None:
            held[id_] = comes if second > there.deleted_at else there
        elif there.version is not None and comes.version is not None and comes.version > there.version:
            held[id_] = comes
    return held


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with anyio.from_thread.start_blocking_portal() as opened:
        yield opened


@pytest.fixture(scope="module")
def database(portal: BlockingPortal, postgres_server: PostgresServer) -> Iterator[Database]:
    """One database for all examples; each empties its table."""
    dsn = portal.call(postgres_server.create)
    with portal.wrap_async_context_manager(open_database(dsn, sizes=SMALL_POOLS)) as opened:
        yield opened
    portal.call(postgres_server.drop, dsn)


@pytest.fixture(scope="module")
def work(portal: BlockingPortal, database: Database) -> Work:
    return portal.call(registered, database)


async def registered(database: Database) -> Work:
    vault = TokenVault(database, Keyring([bytes(32)]))
    await Realms(database).import_grants([RealmGrant(REALM, Secret("refresh"))], vault, granted_at=NOW)
    started = await Runs(database, owner=Owner.current()).start("extract", {}, [REALM])
    store = PostgresStore(database)
    return Work(store, await store.acquire(REALM), started.run_id)


async def landed(database: Database, work: Work, history: Sequence[Sequence[tuple[str, Version]]]) -> dict[str, Held]:
    async with database.control() as connection:
        await connection.execute("TRUNCATE qbo.invoice")
    for page in history:
        await work.store.land(work.lease, work.run_id, "Invoice", [record_of(*row) for row in page])
    held = {}
    for id_, row in (await rows_of(database)).items():
        deleted_at = None if row["deleted_at"] is None else int((row["deleted_at"] - NOW).total_seconds())
        second = int((row["updated_at"] - NOW).total_seconds())
        version = None if row["sync_token"] is None else (second, row["sync_token"])
        held[id_] = Held(version, bytes(row["doc"]), deleted_at)
    return held


@settings(max_examples=150)
@given(history=pages)
def test_what_stands_is_what_the_model_says(
    portal: BlockingPortal, database: Database, work: Work, history: list[list[tuple[str, Version]]]
) -> None:
    expected = told_by_model([row for page in history for row in page])
    assert portal.call(landed, database, work, history) == expected


@settings(max_examples=50)
@given(history=st.lists(st.tuples(st.just("1"), versions), min_size=1, max_size=5), data=st.data())
def test_the_order_of_arrival_decides_nothing(
    portal: BlockingPortal, database: Database, work: Work, history: list[tuple[str, Version]], data: st.DataObject
) -> None:
    """Whether the object lives, and in which version: the same for every order of the same versions."""
    shuffled = data.draw(st.permutations(history))
    outcomes = []
    for order in (history, shuffled):
        held = portal.call(landed, database, work, [[row] for row in order])["1"]
        outcomes.append((held.deleted_at, held.version if held.deleted_at is None else None))
    assert outcomes[0] == outcomes[1]
