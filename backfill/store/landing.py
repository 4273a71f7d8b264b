"""Landing: rows and their checkpoint, in one transaction, never going back in time.

Which of two versions of an object stands is decided by the database, row by row, in `STANDS` of `landing_statements`:

* Live over live: the newer by LastUpdatedTime, then SyncToken. Of equal versions what came first stands, unless the
  caller knows that this came last, and both are from then on (`overwrite_equal_from`) that two versions may look
  the same: then it overwrites if its document differs.
  A row without LastUpdatedTime (the entity has none) overwrites if its document differs.
* Live over what is newer, or deleted: if that has settled (`settled_to`) long enough before the answer was made that
  has the row otherwise. Then the company went back, or what was held was never so.
* Deleted over live: unless the live row was updated after the deletion. The last known document is kept.
* Live over deleted: else only if updated after the deletion. Where neither side knows a time, what came last stands.
* Deleted over deleted: the later deletion.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING

import asyncpg
import numpy as np

from backfill.errors import UnavailableError
from backfill.model import Checkpoint, Expected, Landed, Lease, Record, Refusal, RunId
from backfill.rows import Rows, ids_of, taken, versions_of
from backfill.store.bulk import COLUMNS, POSTGRES_EPOCH, encoded
from backfill.store.database import Database
from backfill.store.entity_tables import table_of
from backfill.store.landing_statements import (
    EXPIRING_LINKS,
    FENCED_CHECKPOINT,
    FORGET_NAMELESS,
    SET_ASIDE,
    known_statement,
    land_statement,
)
from backfill.store.leases import fence_of, lease_lost, require_fence
from backfill.store.postgres_errors import is_data_error

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

ID_LIMIT = 200
"""Characters of an Id that quarantine files a row under. Intuit's have some 20; a longer one is none."""

MESSAGE_LIMIT = 500
"""Characters of a refusal's reason. The driver quotes the value, which may be a whole document; that is in `raw`."""

_BY_ID = attrgetter("id")


class Landing:
    """Writes pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self) -> None:
        """Open all connections for pages, and make the statement known to them that their pages begin with.

        Else the first pages wait for that, and Postgres, which is what takes time, has nothing to do. Where it fails,
        a page that needs the connection says so.
        """
        with suppress(UnavailableError):
            async with AsyncExitStack() as ready:
                for _ in range(self._database.landing_size):
                    connection = await ready.enter_async_context(self._database.landing(waits=False))
                    await connection.fetchrow(FENCED_CHECKPOINT, "", 0, "", 0, "", *_moved(None))  # fences nobody

    async def land(
        self,
        lease: Lease,
        run_id: RunId,
        entity: str,
        records: Sequence[Record],
        *,
        refusals: Sequence[Refusal] = (),
        checkpoint: Checkpoint | None = None,
        overwrite_equal_from: datetime | None = None,
        settled_to: datetime | None = None,
        expected: Expected = Expected.ANYTHING,
    ) -> Landed:
        """Land rows (and deleted stubs) with their checkpoint in one transaction; what is refused is set aside.

        A row that lands, or is outdone by the one that is there, leaves quarantine. `expected` chooses the
        way that is tried first.
        Raises LeaseLostError, and writes nothing, if the realm was taken over.
        """
        page = _Page(lease, run_id, entity, overwrite_equal_from, settled_to)
        layers = _layers(records)
        to_copy = page.to_copy(layers) if expected is Expected.NEW and not refusals else None
        if to_copy:
            try:
                async with self._database.landing() as connection, connection.transaction():
                    tally = await page.copy(connection, to_copy, checkpoint)
                return page.landed(tally, sent=len(records), refusals=0)
            except asyncpg.PostgresError as error:
                # Some row is there after all, or is refused: the ordinary way knows what to do with either.
                if not is_data_error(error) and not isinstance(error, asyncpg.UniqueViolationError):
                    raise
        if len(layers) == 1 and not refusals:
            try:
                async with self._database.landing() as connection:
                    rows = layers[0]
                    if expected is Expected.KNOWN:
                        rows = await page.not_known(connection, rows)
                    if rows:
                        tally = await page.land(connection, rows, checkpoint)
                    else:
                        tally = _Tally()
                        await page.checkpoint(connection, checkpoint)
                return page.landed(tally, sent=len(records), refusals=0)
            except asyncpg.PostgresError as error:
                if not is_data_error(error):
                    raise
        async with self._database.landing() as connection, connection.transaction():
            return await _land_in_parts(connection, page, layers, refusals, checkpoint)

    async def forget_nameless(self, lease: Lease, entity: str, *, but: Collection[Refusal]) -> None:
        """As the port has it."""
        kept = [_as_filed(entity, refusal).raw for refusal in but]
        async with self._database.landing() as connection:
            require_fence(await connection.fetchrow(FORGET_NAMELESS, *fence_of(lease), entity, kept), lease)


async def _land_in_parts(
    connection: Connection,
    page: _Page,
    layers: Sequence[Sequence[Record]],
    refusals: Sequence[Refusal],
    checkpoint: Checkpoint | None,
) -> Landed:
    """Land what can be landed, set aside the rest, within the caller's transaction."""
    tally = await page.land(connection, (), checkpoint)  # the fence comes first: it raises, or holds to the end
    refused: list[Refusal] = []
    for layer in layers:
        tally += await _bisected(connection, page, layer, refused)
    await page.set_aside(connection, [*refusals, *refused])
    sent = sum(map(len, layers)) - len(refused)
    return page.landed(tally, sent=sent, refusals=len(refusals) + len(refused))


async def _bisected(connection: Connection, page: _Page, rows: Sequence[Record], refused: list[Refusal]) -> _Tally:
    """Land `rows`, halving where the database refuses until the refused rows stand alone; they go to `refused`."""
    if not rows:
        return _Tally()
    try:
        async with connection.transaction():  # a savepoint
            return await page.land(connection, rows)
    except asyncpg.PostgresError as error:
        if not is_data_error(error):
            raise
        if len(rows) == 1:
            refused.append(_refusal(rows[0], error))
            return _Tally()
    middle = len(rows) // 2
    first = await _bisected(connection, page, rows[:middle], refused)
    return first + await _bisected(connection, page, rows[middle:], refused)


@dataclass(frozen=True, slots=True)
class _Tally:
    """Rows written by some statements."""

    live: int = 0
    deleted: int = 0

    def __add__(self, other: _Tally) -> _Tally:
        return _Tally(self.live + other.live, self.deleted + other.deleted)


@dataclass(frozen=True, slots=True)
class _Page:
    """What all statements of one landing share."""

    lease: Lease
    run_id: RunId
    entity: str
    overwrite_equal_from: datetime | None
    settled_to: datetime | None

    async def land(
        self, connection: Connection, rows: Sequence[Record], checkpoint: Checkpoint | None = None
    ) -> _Tally:
        """One statement. The Ids of `rows` are distinct. Raises LeaseLostError if the fence does not hold."""
        rows = list(rows)  # once, for columns make each record anew
        row = await connection.fetchrow(
            land_statement(self.entity),
            *self._leased(),
            [record.id for record in rows],
            [record.sync_token for record in rows],
            [record.created_at for record in rows],
            [record.updated_at for record in rows],
            [record.deleted for record in rows],
            [record.doc for record in rows],
            self.overwrite_equal_from,
            *_moved(checkpoint),
            self.settled_to,
        )
        counts = self._fenced(row, checkpoint)
        return _Tally(live=counts["landed"], deleted=counts["deleted"])

    async def not_known(self, connection: Connection, rows: Sequence[Record]) -> Sequence[Record]:
        """The rows that may stand against what is held. Versions only rise, so a skipped one stays outdone."""
        ids = ids_of(rows)
        held = await connection.fetch(known_statement(self.entity), self.lease.realm_id, ids, self.entity)
        if not held:
            return rows
        held_ids, held_times, held_tokens = zip(*held, strict=True)
        place_of = {id_: place for place, id_ in enumerate(ids)}
        places = np.array([place_of[id_] for id_ in held_ids])
        updated_at, tokens = (column[places] for column in versions_of(rows))
        held_at = POSTGRES_EPOCH + np.frombuffer(b"".join(held_times), ">i8").astype("timedelta64[us]")
        stands = np.array(held_tokens)
        # No time is older than, or the same as, one that is not known: such a row is sent.
        is_outdone = (updated_at < held_at) | ((updated_at == held_at) & (tokens < stands))
        if self.settled_to is not None:
            is_outdone &= held_at > np.datetime64(self.settled_to.replace(tzinfo=None))
        is_same = (updated_at == held_at) & (tokens == stands)
        if self.overwrite_equal_from is not None:
            is_same &= updated_at < np.datetime64(self.overwrite_equal_from.replace(tzinfo=None))
        return taken(rows, np.setdiff1d(np.arange(len(ids)), places[is_outdone | is_same], assume_unique=True))

    def to_copy(self, layers: Sequence[Sequence[Record]]) -> Rows | None:
        """The rows, if all may go in as they are: live objects without a member to leave out, each once."""
        if len(layers) > 1 or self.entity in EXPIRING_LINKS:
            return None
        rows = layers[0]
        if isinstance(rows, Rows):
            return rows
        return None if any(record.deleted or "\0" in record.id for record in rows) else Rows.of(rows)

    async def checkpoint(self, connection: Connection, checkpoint: Checkpoint | None) -> asyncpg.Record:
        """Fence and checkpoint, and no rows. Raises as `land` does."""
        row = await connection.fetchrow(FENCED_CHECKPOINT, *self._leased(), *_moved(checkpoint))
        return self._fenced(row, checkpoint)

    def _leased(self) -> tuple[object, ...]:
        """The first five parameters of both statements."""
        return *fence_of(self.lease), self.run_id, self.entity

    def _fenced(self, row: asyncpg.Record | None, checkpoint: Checkpoint | None) -> asyncpg.Record:
        """What either statement answered, if the fence held and the slice was there."""
        assert row is not None, "a SELECT of counts has a row"
        if not row["fenced"]:
            raise lease_lost(self.lease)
        assert checkpoint is None or row["checkpoints"] == 1, f"no slice {checkpoint} in run {self.run_id}"
        return row

    async def copy(self, connection: Connection, rows: Rows, checkpoint: Checkpoint | None) -> _Tally:
        """Fence and checkpoint, then the rows by COPY, within the caller's transaction. Raises as `land` does."""
        fenced = await self.checkpoint(connection, checkpoint)
        if fenced["quarantine"]:
            return await self.land(connection, rows)
        schema, table = table_of(self.entity).split(".")
        async with aclosing(encoded(self.lease.realm_id, self.run_id, rows)) as stream:
            await connection.copy_to_table(table, schema_name=schema, columns=COLUMNS, source=stream, format="binary")
        return _Tally(live=len(rows))

    async def set_aside(self, connection: Connection, refusals: Sequence[Refusal]) -> None:
        """Put refused rows into quarantine. The latest of several that are filed under one key stays."""
        filed = [_as_filed(self.entity, refusal) for refusal in refusals]
        latest = {(refusal.id or refusal.raw): refusal for refusal in filed}.values()
        await connection.execute(
            SET_ASIDE,
            self.lease.realm_id,
            self.entity,
            self.run_id,
            [refusal.id for refusal in latest],
            [refusal.code for refusal in latest],
            [refusal.message for refusal in latest],
            [refusal.raw for refusal in latest],
        )

    def landed(self, tally: _Tally, *, sent: int, refusals: int) -> Landed:
        return Landed(
            landed=tally.live,
            deleted=tally.deleted,
            unchanged=sent - tally.live - tally.deleted,
            quarantined=refusals,
        )


def _layers(records: Sequence[Record]) -> Sequence[Sequence[Record]]:
    """The records in as few lists as have no Id twice, each by Id; one list as a rule, and never none.

    A statement cannot touch a row twice, so a page that repeats an Id takes several. Two pages that share
    rows take them in the same order, so that they wait for one another and never deadlock.
    """
    if isinstance(records, Rows):
        rows = records.by_id()
        if rows is not None:
            return [rows]
    layers = [{record.id: record for record in records}]
    if len(layers[0]) == len(records):
        return [sorted(records, key=_BY_ID)]
    layers = [{}]
    for record in records:
        for layer in layers:
            if record.id not in layer:
                layer[record.id] = record
                break
        else:
            layers.append({record.id: record})
    return [sorted(layer.values(), key=_BY_ID) for layer in layers]


def _moved(checkpoint: Checkpoint | None) -> tuple[object, ...]:
    """The last four parameters of both statements."""
    if checkpoint is None:
        return None, None, None, None
    return checkpoint.number, checkpoint.cursor, checkpoint.rows, checkpoint.done


def _refusal(record: Record, error: asyncpg.PostgresError) -> Refusal:
    return Refusal(id=record.id, code=error.sqlstate or "", message=error.message or str(error), raw=bytes(record.doc))


def _as_filed(entity: str, refusal: Refusal) -> Refusal:
    """As quarantine has it: no Id that is none, and nothing that Postgres cannot hold or nobody may keep.

    Two that differ only in that are filed under one key.
    """
    return Refusal(
        id=_storable(refusal.id) if len(refusal.id) <= ID_LIMIT else "",
        code=refusal.code,
        message=_storable(refusal.message)[:MESSAGE_LIMIT],
        raw=_without_links(entity, refusal.raw),
    )


def _storable(text: str) -> str:
    """The text without what Postgres cannot hold (zero characters, lone surrogates): it names a row that had them."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _without_links(entity: str, raw: bytes) -> bytes:
    """The refused bytes with every expiring link emptied. They may not be JSON, so they are not parsed."""
    for member in EXPIRING_LINKS.get(entity, ()):
        raw = re.sub(rb'("%s"\s*:\s*")(?:[^"\\]|\\.)*' % member.encode(), rb"\1", raw)
    return raw
